//! Tiers: `set_tier`, what a Portfolio account below its minimum may still do, and how a Standard account is margined and
//! liquidated.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{MarginAccountOpened, TierSet};
use portfolio_margin_interface::args::{AccountTermsArgs, MarginAccountArgs};
use portfolio_margin_interface::state::MarginAccount;
use risk_core::tier::Tier;
use sandbox::{call, dollars, instructions, perpetual, put};
use sandbox::{PriceFields, Trader, World, WorldBuilder};
use sandbox::{BASE, BTC_START, SOL, USDC};
use support::{assert_logged, assert_refused, foreign_house, liquidating_long, rewrite, Bend};

/// Equity of the Portfolio tier that this file's houses ask for, dollars.
const MINIMUM: i64 = 25_000;

/// A house with a minimum equity.
fn world() -> World {
    let builder = WorldBuilder {
        terms: AccountTermsArgs {
            portfolio_minimum_equity: MINIMUM * 1_000_000,
            ..AccountTermsArgs::PLAIN
        },
        ..WorldBuilder::default()
    };
    builder.build()
}

/// A trader in the Standard tier.
fn standard(world: &mut World, name: &str, usdc: u64) -> Trader {
    let user = world.user(name);
    let trader = world.open_in_tier(&user, 0, 16, Tier::Standard);
    let bank = world.usdc;
    world.fund(&user, &bank, usdc);
    world.deposit(&trader, &bank, usdc).ok();
    trader
}

fn tier(world: &World, trader: &Trader) -> Tier {
    world.account(&trader.account).0.tier()
}

#[test]
fn an_account_opens_in_either_tier() {
    let mut world = world();
    let user = world.user("alice");
    for (sub_account, tier) in [(0, Tier::Standard), (1, Tier::Portfolio)] {
        let args = MarginAccountArgs {
            sub_account,
            capacity: 16,
            tier: tier as u8,
        };
        let ix = instructions::open_margin_account(&user.key, &world.house, args);
        let outcome = world.send(&[ix], &[user]).ok();
        assert_eq!(outcome.events::<MarginAccountOpened>()[0].tier, tier as u8);
    }
    let args = MarginAccountArgs {
        sub_account: 2,
        capacity: 16,
        tier: 2,
    };
    let ix = instructions::open_margin_account(&user.key, &world.house, args);
    let outcome = assert_refused(&mut world, &ix, &[user], MarginError::TierUnknown);
    assert_logged(&outcome, &["Left: 2", "Right: 1"]);
}

#[test]
fn portfolio_needs_its_minimum_and_standard_does_not() {
    let mut world = world();
    let minimum = MINIMUM as u64 * USDC;
    let alice = standard(&mut world, "alice", minimum - 1);
    let ix = world.set_tier_ix(&alice, Tier::Portfolio);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::PortfolioMinimum,
    );
    let numbers = [
        format!("Left: {}", minimum - 1),
        format!("Right: {minimum}"),
    ];
    assert_logged(&outcome, &numbers.each_ref().map(String::as_str));
    let usdc = world.usdc;
    world.fund(&alice.user, &usdc, 1);
    world.deposit(&alice, &usdc, 1).ok();
    let sequence = world.account(&alice.account).0.sequence;
    let outcome = world.set_tier(&alice, Tier::Portfolio).ok();
    assert_eq!(tier(&world, &alice), Tier::Portfolio);
    let event = &outcome.events::<TierSet>()[0];
    assert_eq!(
        (event.margin_account, event.tier, event.sequence),
        (alice.account, 1, sequence + 1)
    );
    world.set_tier(&alice, Tier::Standard).ok();
    assert_eq!(tier(&world, &alice), Tier::Standard);
}

#[test]
fn collateral_counts_towards_the_minimum_at_certain_prices() {
    let mut world = world();
    let alice = standard(&mut world, "alice", 20_000 * USDC);
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 24 * SOL).ok();
    // 24 SOL are 4,927 USD
    let ix = world.set_tier_ix(&alice, Tier::Portfolio);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::PortfolioMinimum,
    );
    world.deposit(&alice, &bank, SOL).ok();
    world.advance(61);
    let ix = world.set_tier_ix(&alice, Tier::Portfolio);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::OracleStale);
    world.refresh_prices();
    let without = ix.clone().without(3..5);
    let missing = MarginError::RemainingAccountMissing;
    assert_refused(&mut world, &without, &[alice.user], missing);
    let extra = ix.clone().append(world.btc.key);
    assert_refused(
        &mut world,
        &extra,
        &[alice.user],
        MarginError::UnexpectedAccount,
    );
    // what only a repair accepts is not good enough
    let fields = world.price(&bank.price);
    let wide = PriceFields {
        confidence: fields.price as u64 / 50,
        ..fields
    };
    world.set_price_update(bank.price, wide);
    let error = MarginError::OracleConfidenceTooWide;
    assert_refused(&mut world, &ix, &[alice.user], error);
    world.set_price_update(bank.price, fields);
    world.set_tier(&alice, Tier::Portfolio).ok();
}

#[test]
fn a_book_that_only_portfolio_margin_carries_cannot_go_to_standard() {
    let mut world = world();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let (btc, month) = (world.btc, world.month);
    // a collar: cheap together, dear apart
    let legs = [
        perpetual(&btc, 2 * BASE, BTC_START),
        call(&btc, month, dollars(120_000), -2 * BASE, dollars(4_000)),
        put(&btc, month, dollars(112_000), 2 * BASE, dollars(3_500)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let ix = world.set_tier_ix(&alice, Tier::Standard);
    let short = world.report(&alice.account);
    assert!(short.margin.initial_health.raw() > 0);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::InitialMarginBreached,
    );
    // the very health that the Standard tier would show, on both sides of zero
    rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
        header.tier = 0
    });
    let health = world.report(&alice.account).margin.initial_health.raw();
    assert_logged(&outcome, &[&format!("Left: {health}")]);
    rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
        header.tier = 1
    });
    let usdc = world.usdc;
    let lacks = health.unsigned_abs();
    world.fund(&alice.user, &usdc, lacks);
    world.deposit(&alice, &usdc, lacks - 1).ok();
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::InitialMarginBreached,
    );
    world.deposit(&alice, &usdc, 1).ok();
    world.set_tier(&alice, Tier::Standard).ok();
    assert_eq!(world.report(&alice.account).margin.initial_health.raw(), 0);
}

#[test]
fn below_the_minimum_a_portfolio_account_only_reduces() {
    let mut world = world();
    let alice = world.trader("alice", 26_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let (btc, usdc) = (world.btc, world.usdc);
    let tenth = BASE / 10;
    world
        .trade(&alice, &bob, &[perpetual(&btc, 2 * tenth, BTC_START)])
        .ok();
    // WHEN the position loses 1,000.000002 USD
    world.set_price(&btc, BTC_START - 500_000_001_000);
    assert_eq!(
        world.report(&alice.account).margin.equity.raw(),
        24_999_999_998
    );
    // THEN neither more of it nor a withdrawal
    let price = BTC_START - 500_000_001_000;
    let more = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1, price)]);
    let error = MarginError::PortfolioMinimum;
    let outcome = assert_refused(&mut world, &more, &[alice.user, bob.user], error);
    assert_logged(&outcome, &["Right: 25000000000"]);
    let (view, _) = world.view_margin_after(&alice.account, &[perpetual(&btc, 1, price)]);
    assert_eq!((view.would_open, view.refusal), (0, error.into()));
    let ix = world.withdraw_ix(&alice, &usdc, 1);
    assert_refused(&mut world, &ix, &[alice.user], error);
    // but less of it, and out of the tier
    world
        .trade(&alice, &bob, &[perpetual(&btc, -tenth, price)])
        .ok();
    let [mut again, ix] = [(); 2].map(|()| world.set_tier_ix(&alice, Tier::Standard));
    world.send(&[ix], &[alice.user]).ok();
    world.trade(&alice, &bob, &[perpetual(&btc, 1, price)]).ok();
    // back at the minimum it opens again
    world.fund(&alice.user, &usdc, USDC);
    world.deposit(&alice, &usdc, USDC).ok();
    again = again.clone();
    again.data = world.set_tier_ix(&alice, Tier::Portfolio).data;
    world.send(&[again], &[alice.user]).ok();
    world.trade(&alice, &bob, &[perpetual(&btc, 1, price)]).ok();
}

#[test]
fn a_withdrawal_stops_at_the_minimum_where_anything_is_owed() {
    let mut world = world();
    let alice = world.trader("alice", 26_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let (btc, usdc) = (world.btc, world.usdc);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE / 100, BTC_START)])
        .ok();
    let ix = world.withdraw_ix(&alice, &usdc, 1_000 * USDC + 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::PortfolioMinimum,
    );
    world.withdraw(&alice, &usdc, 1_000 * USDC).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, -BASE / 100, BTC_START)])
        .ok();
    world.withdraw(&alice, &usdc, 25_000 * USDC).ok();
}

#[test]
fn a_bidder_needs_the_minimum_too() {
    let mut world = world();
    let alice = standard(&mut world, "alice", 10_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let keeper = world.trader("keeper", 24_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(108_000));
    world
        .start_liquidation(&keeper.user, &alice.account, &[])
        .ok();
    let args = portfolio_margin_interface::args::BidArgs {
        witness: vec![],
        fraction: 1_000_000_000,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = world.bid_ix(&keeper, &alice.account, args);
    assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::PortfolioMinimum,
    );
}

/// Alice in the Standard tier, short a call and long a put spread; bob has the other side.
fn standard_book() -> (World, Trader, Trader) {
    let mut world = world();
    let alice = standard(&mut world, "alice", 40_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let legs = [
        call(&btc, week, dollars(120_000), -BASE, dollars(1_500)),
        put(&btc, week, dollars(110_000), BASE, dollars(1_000)),
        put(&btc, week, dollars(105_000), -BASE, dollars(400)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

#[test]
fn a_standard_account_is_margined_as_the_engine_does() {
    let (mut world, alice, _) = standard_book();
    for price in [BTC_START, dollars(90_000), dollars(150_000)] {
        let btc = world.btc;
        world.set_price(&btc, price);
        let native = world.report(&alice.account);
        assert_eq!(native.tier, Tier::Standard);
        let (view, _) = world.view_margin(&alice.account);
        assert_eq!(view.report(), native.margin);
        assert_eq!((view.tier, view.market_count, view.scan), (0, 1, 0));
        let risk = &native.markets[0].risk;
        assert_eq!(view.markets[0].mark, risk.mark.raw());
        assert_eq!(
            view.markets[0].contingency_maintenance,
            risk.contingency_maintenance.raw()
        );
        assert!(risk.contingency_maintenance.raw() > 0);
    }
}

#[test]
fn a_standard_account_trades_within_its_own_margin() {
    let (mut world, alice, bob) = standard_book();
    let (btc, week) = (world.btc, world.week);
    let calls = |size| [call(&btc, week, dollars(120_000), size, dollars(1_500))];
    let ix = world.trade_ix(&alice, &bob, &calls(-3 * BASE));
    let signers = [alice.user, bob.user];
    assert_refused(
        &mut world,
        &ix,
        &signers,
        MarginError::InitialMarginBreached,
    );
    world.trade(&alice, &bob, &calls(BASE / 2)).ok();
}

#[test]
fn a_standard_account_is_liquidated_like_any_other() {
    let (mut world, alice, _) = standard_book();
    let keeper = world.trader("keeper", 500_000 * USDC);
    let btc = world.btc;
    // healthy first, with the witness that every Standard account has
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[]);
    assert_refused(&mut world, &ix, &[keeper.user], MarginError::AccountHealthy);
    world.set_price(&btc, dollars(150_500));
    let native = world.report(&alice.account);
    assert!(native.margin.maintenance_health.raw() < 0 && native.margin.equity.raw() > 0);
    assert_eq!(native.witness(), Vec::<u8>::new());
    let wrong = world.start_liquidation_ix(&keeper.user, &alice.account, &[2]);
    let outcome = assert_refused(
        &mut world,
        &wrong,
        &[keeper.user],
        MarginError::WitnessLength,
    );
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
    world.send(&[ix], &[keeper.user]).ok();
    // it may not change its tier now
    let ix = world.set_tier_ix(&alice, Tier::Portfolio);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::AccountLiquidating,
    );
    // a part, then what restores the buffer
    let before = world.report(&alice.account).margin.maintenance_health;
    world.bid(&keeper, &alice.account, &[], 50_000_000).ok();
    assert!(world.report(&alice.account).margin.maintenance_health > before);
    let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
    assert_refused(&mut world, &ix, &[keeper.user], MarginError::BufferMissing);
    world.bid(&keeper, &alice.account, &[], 1_000_000_000).ok();
    let caller = keeper.user;
    world.stop_liquidation(&caller, &alice.account).ok();
    let (header, positions) = world.account(&alice.account);
    assert_eq!((header.status, header.tier, positions.len()), (0, 0, 3));
    assert!(world.report(&alice.account).margin.maintenance_health.raw() > 0);
    assert!(world.reconcile().is_exact());
}

#[test]
fn refuses_strangers_other_houses_and_unknown_tiers() {
    let mut world = world();
    let alice = standard(&mut world, "alice", 30_000 * USDC);
    let mallory = world.user("mallory");
    let ix = world.set_tier_ix(&alice, Tier::Portfolio);
    let by_mallory = ix.clone().replace(alice.user.key, mallory.key);
    assert_refused(&mut world, &by_mallory, &[mallory], MarginError::NotOwner);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let (foreign, _, _) = foreign_house(&mut world);
    let house = world.house;
    let foreign = ix.clone().replace(house, foreign);
    assert_refused(
        &mut world,
        &foreign,
        &[alice.user],
        MarginError::ClearinghouseMismatch,
    );
    let mut unknown = ix;
    *unknown.data.last_mut().expect("the tier") = 2;
    assert_refused(
        &mut world,
        &unknown,
        &[alice.user],
        MarginError::TierUnknown,
    );
}

#[test]
fn an_account_without_positions_that_owes_cash_is_checked() {
    let mut world = World::new();
    let alice = world.trader("alice", 0);
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, SOL);
    world.deposit(&alice, &bank, SOL).ok();
    for (cash, opens) in [(-1_000_000, true), (-1_000_000_000, false)] {
        rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
            header.cash = cash;
        });
        let ix = world.set_tier_ix(&alice, Tier::Standard);
        let bare = ix.clone().without(3..ix.accounts.len());
        let missing = MarginError::RemainingAccountMissing;
        assert_refused(&mut world, &bare, &[alice.user], missing);
        match opens {
            true => drop(world.send(&[ix], &[alice.user]).ok()),
            false => {
                let error = MarginError::InitialMarginBreached;
                assert_refused(&mut world, &ix, &[alice.user], error);
            }
        }
    }
}

#[test]
fn refuses_an_account_in_liquidation() {
    let (mut world, alice, _, _) = liquidating_long();
    for tier in [Tier::Standard, Tier::Portfolio] {
        let ix = world.set_tier_ix(&alice, tier);
        assert_refused(
            &mut world,
            &ix,
            &[alice.user],
            MarginError::AccountLiquidating,
        );
    }
}

#[test]
fn every_margin_check_names_the_accounts_own_house() {
    let (mut world, alice, bob) = standard_book();
    let (foreign, _, _) = foreign_house(&mut world);
    let (house, btc, usdc) = (world.house, world.btc, world.usdc);
    let error = MarginError::ClearinghouseMismatch;
    let trade = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1, BTC_START)]);
    let cases = [
        (trade, vec![alice.user, bob.user]),
        (world.withdraw_ix(&alice, &usdc, 1), vec![alice.user]),
        (world.view_margin_ix(&alice.account), vec![]),
        (
            world.start_liquidation_ix(&bob.user, &alice.account, &[]),
            vec![bob.user],
        ),
    ];
    for (ix, signers) in cases {
        let bent = ix.clone().replace(house, foreign);
        assert_refused(&mut world, &bent, &signers, error);
        let cosplay = ix.replace(house, btc.key);
        let kind = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &signers, kind);
    }
}
