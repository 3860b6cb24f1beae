//! Review: what an owner, a griefer or a dying oracle does to stop a repair, and the way out of each state.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::InsolventBid;
use portfolio_margin_interface::args::{BankRulesArgs, HouseRulesArgs, LiquidationArgs, TradeLeg};
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::tier::Tier;
use sandbox::{
    call, dollars, lifecycle, perpetual, put, settlement, Trader, World, WorldBuilder, BASE,
    BTC_START, USDC,
};
use solana_instruction::Instruction;
use support::insolvent::{
    assert_proofs, bid_of, broke_long, insolvent_long, insure, pass, whole_bid,
};
use support::{assert_refused, failing_long, health, Bend};
use support::{debts, liquidating_long, start, Defaults, OWED};

/// A start by the worst scenarios of now.
fn start_ix(world: &World, keeper: &Trader, account: &Trader) -> Instruction {
    let witness = world.report(&account.account).witness();
    world.start_liquidation_ix(&keeper.user, &account.account, &witness)
}

#[test]
fn case_73_who_is_below_maintenance_opens_no_market_in_front_of_a_start() {
    let (mut world, alice, bob, keeper) = failing_long();
    let (btc, sol) = (world.btc, world.sol);
    let pending = start_ix(&world, &keeper, &alice);
    // less BTC by more than the new market asks for: less risk, but other accounts than the pending start names
    let spot = world.settings().sol_price;
    let legs = [
        perpetual(&btc, -1_000, dollars(102_000)),
        perpetual(&sol, 1_000, spot),
    ];
    let trade = world.trade_ix(&alice, &bob, &legs);
    let refused = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &trade, &[alice.user, bob.user], refused);
    world.send(&[pending], &[keeper.user]).ok();
}

#[test]
fn who_is_above_maintenance_may_still_hedge_in_another_market() {
    let (mut world, alice, bob, _) = failing_long();
    let (btc, sol, bank) = (world.btc, world.sol, world.usdc);
    let missing = health(&world, &alice).unsigned_abs();
    world.fund(&alice.user, &bank, missing);
    let legs = [
        perpetual(&btc, -1_000, dollars(102_000)),
        perpetual(&sol, 1_000, world.settings().sol_price),
    ];
    world.deposit(&alice, &bank, missing - 1).ok();
    let trade = world.trade_ix(&alice, &bob, &legs);
    let refused = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &trade, &[alice.user, bob.user], refused);
    world.deposit(&alice, &bank, 1).ok();
    assert_eq!(health(&world, &alice), 0);
    assert!(world.report(&alice.account).margin.initial_health.raw() < 0);
    world.trade(&alice, &bob, &legs).ok();
}

#[test]
fn a_bank_whose_feed_is_dead_is_a_shelter_only_until_somebody_has_reported_it() {
    let (mut world, alice, _, keeper) = failing_long();
    let bank = world.list_wrapped_eth(BankRulesArgs::PLAIN);
    world.set_wrapped_eth(dollars(4_000));
    world.advance(61);
    let btc = world.btc;
    world.set_price(&btc, dollars(102_000));
    let wallet = world.wallet(&alice.user, &bank);
    world.create_token_account(wallet, bank.mint, alice.user.key);
    world.fund(&alice.user, &bank, 2);
    world.deposit(&alice, &bank, 1).ok();
    let stale = MarginError::OracleStale;
    for _ in 0..3 {
        let ix = start_ix(&world, &keeper, &alice);
        assert_refused(&mut world, &ix, &[keeper.user], stale);
        world.advance(7 * 86_400);
        world.set_price(&btc, dollars(102_000));
    }
    // the hour runs for the bank, whatever its holders do meanwhile
    world.report_bank_outage(&bank).ok();
    world.advance(3_600);
    world.set_price(&btc, dollars(102_000));
    world.deposit(&alice, &bank, 1).ok();
    let ix = start_ix(&world, &keeper, &alice);
    assert_refused(&mut world, &ix, &[keeper.user], stale);
    let ix = ix.replace(bank.price, bank.key);
    world.send(&[ix], &[keeper.user]).ok();
}

/// What alice and her friends may do without anybody else's consent, in front of a keeper.
fn nuisances(world: &mut World, alice: &Trader, bob: &Trader) {
    let (btc, bank) = (world.btc, world.usdc);
    world.fund(&alice.user, &bank, 1);
    world.deposit(alice, &bank, 1).ok();
    let delegate = lifecycle::set_delegate(alice, bob.user.key, 1, world.now() + 5);
    world.send(&[delegate], &[alice.user]).ok();
    let held = world.account(&alice.account).1;
    if held.first().is_some_and(|held| held.quantity > 1_000) {
        let price = world.price(&btc.price).price.unsigned_abs();
        let leg = perpetual(&btc, -1, price);
        // the delegate's signature will do
        let mut trade = world.trade_ix(alice, bob, &[leg]);
        trade.accounts[0].pubkey = bob.user.key;
        world.send(&[trade], &[bob.user]).ok();
    }
    // whoever it is, and whether it does anything
    let settle = settlement::settle_perp_pnl(&alice.account, &btc);
    world.send(&[settle], &[]);
    let restart = world.restart_auction_ix(&bob.user, &alice.account);
    world.send(&[restart], &[bob.user]);
    let stop = world.stop_liquidation_ix(&bob.user, &alice.account);
    world.send(&[stop], &[bob.user]);
}

#[test]
fn case_73_nothing_in_front_of_a_keeper_stops_it_at_any_stage() {
    let (mut world, alice, bob, keeper) = insolvent_long(1_000 * USDC);
    let witness = world.report(&alice.account).witness();
    let prove = world.prove_insolvency_ix(&alice.account, &witness);
    nuisances(&mut world, &alice, &bob);
    world.send(&[prove], &[]).ok();
    for fraction in [FRACTION_ONE / 1_000, FRACTION_ONE / 2] {
        let args = bid_of(&world, &alice, fraction);
        let bid = world.bid_insolvent_ix(&keeper, &alice.account, args);
        nuisances(&mut world, &alice, &bob);
        world.send(&[bid], &[keeper.user]).ok();
        assert_proofs(&world);
    }
    pass(&mut world, 3_600);
    let bid = whole_bid(&world, &keeper, &alice);
    nuisances(&mut world, &alice, &bob);
    world.send(&[bid], &[keeper.user]).ok();
    assert_proofs(&world);
    let resolve = world.resolve_bankruptcy_ix(&alice.account);
    let (header, held) = world.account(&alice.account);
    assert!(header.cash < 0 && held.is_empty());
    nuisances(&mut world, &alice, &bob);
    world.send(&[resolve], &[]).ok();
    let (header, _) = world.account(&alice.account);
    assert_eq!((header.cash, header.status), (0, STATUS_ACTIVE));
    assert_proofs(&world);
}

#[test]
fn limit_dust_of_collateral_delays_a_resolution_by_one_insolvent_phase_and_once() {
    let mut scene = Defaults::default().build();
    let (debtor, keeper) = (scene.debtors[0], scene.carol);
    let world = &mut scene.world;
    let sol = world.sol_bank;
    world.fund(&debtor.user, &sol, 3);
    world.deposit(&debtor, &sol, 1).ok();
    let resolve = world.resolve_bankruptcy_ix(&debtor.account);
    assert_refused(world, &resolve, &[], MarginError::NotBankrupt);
    world.refresh();
    start(world, &keeper, &debtor);
    world.prove_insolvency(&debtor.account).ok();
    // more of it changes nothing
    pass(world, 3_599);
    world.deposit(&debtor, &sol, 1).ok();
    pass(world, 1);
    let bid = whole_bid(world, &keeper, &debtor);
    world.deposit(&debtor, &sol, 1).ok();
    let before = world.cash_value(&keeper.account);
    world.send(&[bid, resolve], &[keeper.user]).ok();
    let after = world.cash_value(&keeper.account);
    let (header, _) = world.account(&debtor.account);
    assert_eq!((header.cash, header.status), (0, STATUS_ACTIVE));
    // the loss is no smaller for a keeper, nor the keeper poorer, but for its part of it
    assert!(after <= before && before - after < i128::from(OWED));
    assert_proofs(world);
}

/// An account short or long options and a perpetual, of a tier, whose market is at `price`: through the waterfall to its end.
fn through_the_waterfall(legs_of: fn(&World) -> Vec<TradeLeg>, tier: Tier, price: u64) {
    let mut world = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        usdc_cap: u64::MAX,
        ..WorldBuilder::default()
    }
    .build();
    let user = world.user("alice");
    let alice = world.open_in_tier(&user, 0, 16, tier);
    let bank = world.usdc;
    world.fund(&user, &bank, 300_000 * USDC);
    world.deposit(&alice, &bank, 300_000 * USDC).ok();
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 500_000_000 * USDC));
    let legs = legs_of(&world);
    world.trade(&alice, &bob, &legs).ok();
    insure(&mut world, 10_000 * USDC);
    let btc = world.btc;
    world.set_price(&btc, price);
    let report = world.report(&alice.account).margin;
    assert!(report.equity.raw() < 0, "{tier:?} {price}: {report:?}");
    start(&mut world, &keeper, &alice);
    world.prove_insolvency(&alice.account).ok();
    for fraction in [FRACTION_ONE / 1_000, FRACTION_ONE / 3] {
        let args = bid_of(&world, &alice, fraction);
        let bid = world.bid_insolvent_ix(&keeper, &alice.account, args);
        let outcome = world.send(&[bid], &[keeper.user]).ok();
        // nobody gets more of a loss than it asked for, however little the book requires
        let taken: Vec<InsolventBid> = outcome.events();
        assert_eq!(taken[0].fraction, fraction);
        assert_proofs(&world);
    }
    pass(&mut world, 3_600);
    world.set_price(&btc, price);
    let bid = whole_bid(&world, &keeper, &alice);
    world.send(&[bid], &[keeper.user]).ok();
    world.resolve_bankruptcy(&alice.account).ok();
    let (header, held) = world.account(&alice.account);
    assert_eq!(
        (header.cash, header.status, held.len()),
        (0, STATUS_ACTIVE, 0)
    );
    assert_proofs(&world);
}

#[test]
fn case_35_jumps_to_a_thousandth_and_to_fifty_times_end_resolved() {
    fn short_calls(world: &World) -> Vec<TradeLeg> {
        let (btc, month) = (world.btc, world.month);
        vec![
            perpetual(&btc, -BASE, BTC_START),
            call(&btc, month, dollars(140_000), -BASE, dollars(900)),
            put(&btc, month, dollars(100_000), BASE, dollars(1_000)),
        ]
    }
    fn short_puts(world: &World) -> Vec<TradeLeg> {
        let (btc, month) = (world.btc, world.month);
        vec![
            perpetual(&btc, 3 * BASE, BTC_START),
            put(&btc, month, dollars(100_000), -BASE, dollars(1_000)),
            call(&btc, month, dollars(140_000), BASE, dollars(900)),
        ]
    }
    for tier in [Tier::Portfolio, Tier::Standard] {
        for part in [1_000, 10] {
            through_the_waterfall(short_puts, tier, BTC_START / part);
        }
        for times in [10, 50] {
            through_the_waterfall(short_calls, tier, BTC_START * times);
        }
    }
}

#[test]
fn an_expiry_that_passes_during_the_auction_stops_no_bid() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let (btc, week) = (world.btc, world.week);
    // planted by a trade that reduces: a put that covers
    let cover = put(&btc, week, dollars(100_000), BASE / 2, dollars(500));
    world.trade(&alice, &bob, &[cover]).ok();
    let price = dollars(97_000);
    // after the expiry without a sample, with samples, and with a final price that nobody settled at
    let stages: [fn(&mut World); 3] = [
        |world| world.set_time(world.week),
        |world| {
            let (btc, week) = (world.btc, world.week);
            world.sample(&btc, week, dollars(97_000), week + 1).ok();
        },
        |world| {
            let (btc, week) = (world.btc, world.week);
            world.expire(&btc, week, dollars(97_000));
        },
    ];
    for stage in stages {
        stage(&mut world);
        world.set_price(&btc, price);
        let now = health(&world, &alice);
        if now >= 0 {
            continue;
        }
        let args = bid_of(&world, &alice, FRACTION_ONE / 100);
        let bid = world.bid_ix(&keeper, &alice.account, args);
        world.send(&[bid], &[keeper.user]).ok();
    }
    let (header, held) = world.account(&alice.account);
    assert_eq!((header.status, held.len()), (STATUS_LIQUIDATING, 2));
    // and the crank runs while it is open
    for who in [&bob, &keeper, &alice] {
        world.settle_expiry(who, &btc, week);
    }
    assert_eq!(world.account(&alice.account).1.len(), 1);
    assert_proofs(&world);
}

#[test]
fn case_63_limits_of_debts_stop_no_bidder_with_cash() {
    let builder = WorldBuilder {
        rules: HouseRulesArgs {
            debt_account_limit: USDC,
            debt_limit: USDC,
            ..debts()
        },
        ..WorldBuilder::default()
    };
    let (mut world, alice, _, keeper) = broke_long(builder, dollars(80_000));
    world.prove_insolvency(&alice.account).ok();
    pass(&mut world, 3_600);
    let bid = whole_bid(&world, &keeper, &alice);
    world.send(&[bid], &[keeper.user]).ok();
    // thousands in debt, in a house whose debts may be a dollar; and it is resolved
    assert!(world.account(&alice.account).0.cash < -6_000 * USDC as i64);
    assert_proofs(&world);
    world.resolve_bankruptcy(&alice.account).ok();
    assert_eq!(world.account(&alice.account).0.cash, 0);
    assert_proofs(&world);
}
