//! What somebody with several accounts, or a whole transaction to compose, cannot gain.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state::Market;
use sandbox::{
    dollars, perpetual, PriceFields, Trader, World, WorldBuilder, BASE, BTC_START, USDC,
};
use support::{assert_refused, health, liquidating_long, mixed_book};

/// Mallory's two accounts, each with 100,000 USDC, in a market with fees and no bands: the least that could stop her.
fn two_accounts() -> (World, [Trader; 2]) {
    let settings = WorldBuilder::default();
    let rules = MarketRulesArgs {
        fee_taker: 300,
        fee_maker: 100,
        ..settings.market_rules.clone()
    };
    let mut world = WorldBuilder {
        market_rules: rules,
        ..settings
    }
    .build();
    let mallory = world.user("mallory");
    let bank = world.usdc;
    let accounts = [0, 1].map(|sub_account| world.open_sub_account(&mallory, sub_account, 16));
    for account in &accounts {
        world.fund(&mallory, &bank, 100_000 * USDC);
        world.deposit(account, &bank, 100_000 * USDC).ok();
    }
    (world, accounts)
}

/// Equity of several accounts and what the market took in fees, 1e-6 USD.
fn equity_and_fees(world: &World, accounts: &[Trader]) -> (i64, i64) {
    let equity = |trader: &Trader| world.report(&trader.account).margin.equity.raw();
    let fees = world.read::<Market>(&world.btc.key).fees;
    let fees = i64::try_from(fees).expect("fees that a ledger can hold");
    (accounts.iter().map(equity).sum(), fees)
}

#[test]
fn case_33_opening_and_closing_around_an_update_of_the_price_gains_nothing() {
    for (moved, closing) in [
        (BTC_START / 100 * 102, BTC_START),
        (BTC_START / 100 * 98, BTC_START / 100 * 102),
        (BTC_START, BTC_START / 100 * 98),
    ] {
        let (mut world, [one, two]) = two_accounts();
        let btc = world.btc;
        let (before, _) = equity_and_fees(&world, &[one, two]);
        world
            .trade(&one, &two, &[perpetual(&btc, BASE, BTC_START)])
            .ok();
        // what an update in the same transaction does: the next instruction reads another price
        world.set_price(&btc, moved);
        world
            .trade(&one, &two, &[perpetual(&btc, -BASE, closing)])
            .ok();
        let (after, fees) = equity_and_fees(&world, &[one, two]);
        assert!(fees > 0);
        assert_eq!(
            after + fees,
            before,
            "what one account won the other lost, less the fees"
        );
        // and of that only what was paid can be taken out
        let out: u64 = [one, two]
            .iter()
            .map(|trader| {
                let cash = world.account(&trader.account).0.cash;
                u64::try_from(cash).expect("cash, since every fee was covered")
            })
            .sum();
        assert_eq!(i64::try_from(out).expect("cash") + fees, before);
        assert!(world.reconcile().is_exact());
    }
}

#[test]
fn case_69_an_account_in_liquidation_hands_nothing_over_but_risk() {
    let (mut world, alice, _, _) = liquidating_long();
    let (btc, bank) = (world.btc, world.usdc);
    let other = world.open_sub_account(&alice.user, 1, 16);
    world.fund(&alice.user, &bank, 200_000 * USDC);
    world.deposit(&other, &bank, 200_000 * USDC).ok();
    // far below the mark the position would take more equity along than the requirement falls by
    for price in [dollars(75_000), dollars(1)] {
        let ix = world.trade_ix(&alice, &other, &[perpetual(&btc, -BASE / 2, price)]);
        assert_refused(&mut world, &ix, &[alice.user], MarginError::RiskNotReduced);
    }
    // at the mark it is a reduction like any other
    let before = health(&world, &alice);
    let legs = [perpetual(&btc, -BASE / 2, dollars(102_000))];
    world.trade(&alice, &other, &legs).ok();
    assert!(health(&world, &alice) > before);
}

#[test]
fn case_61_one_bad_price_of_two_assets_stops_what_opens_and_not_what_reduces() {
    let (mut world, alice, bob) = mixed_book();
    let (btc, sol, bank) = (world.btc, world.sol, world.usdc);
    let wide = PriceFields {
        confidence: dollars(5),
        ..world.price(&sol.price)
    };
    world.set_price_update(sol.price, wide);
    let doubt = MarginError::OracleConfidenceTooWide;
    let ix = world.withdraw_ix(&alice, &bank, 1);
    assert_refused(&mut world, &ix, &[alice.user], doubt);
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, BASE / 10, BTC_START)]);
    assert_refused(&mut world, &ix, &[alice.user, bob.user], doubt);
    let legs = [perpetual(&btc, -BASE / 10, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    // a price that is worse than a repair accepts values nothing; deposits need none
    world.advance(61);
    world.set_price(&btc, BTC_START);
    let stale = MarginError::OracleStale;
    for ix in [
        world.withdraw_ix(&alice, &bank, 1),
        world.view_margin_ix(&alice.account),
    ] {
        assert_refused(&mut world, &ix, &[alice.user], stale);
    }
    world.fund(&alice.user, &bank, 1);
    world.deposit(&alice, &bank, 1).ok();
}
