//! Open interest: what the markets count is what the accounts hold, limits stop what grows and nothing else.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::Market as MarketState;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{call, dollars, future, perpetual, put, Trader, World, BASE, BTC_START, USDC};
use support::{
    assert_logged, assert_open_interest, assert_refused, counted, failing_long, pair, pair_with,
    rewrite, start, Bend, Open, Random,
};

/// What the BTC market has counted of an expiry; zero: the perpetual.
fn open(world: &World, expiry: i64) -> Open {
    let of = (world.btc.index, expiry);
    counted(world).get(&of).copied().unwrap_or_default()
}

#[test]
fn inv_02_counts_longs_and_records_of_both_sides() {
    let (mut world, alice, bob) = pair(500_000);
    let carol = world.trader("carol", 500_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let perp = |quantity| [perpetual(&btc, quantity, BTC_START)];
    let of = |long, records| Open { long, records };
    world.trade(&alice, &bob, &perp(3)).ok();
    assert_eq!(open(&world, 0), of(3, 0));
    // a long that changes hands
    world.trade(&carol, &alice, &perp(2)).ok();
    assert_eq!(open(&world, 0), of(3, 0));
    // long meets short
    world.trade(&bob, &carol, &perp(2)).ok();
    assert_eq!(open(&world, 0), of(1, 0));
    // from long to short in one trade
    world.trade(&bob, &alice, &perp(5)).ok();
    assert_eq!(open(&world, 0), of(4, 0));

    // all series of an expiry are counted together, a future like an option
    let legs = [
        call(&btc, week, dollars(120_000), 10, dollars(900)),
        put(&btc, week, dollars(120_000), -7, dollars(4_000)),
        future(&btc, week, 5, BTC_START),
        call(&btc, week, dollars(120_000), -4, dollars(900)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    assert_eq!(open(&world, week), of(6 + 7 + 5, 6));
    let close = [call(&btc, week, dollars(120_000), -6, dollars(900))];
    world.trade(&alice, &bob, &close).ok();
    assert_eq!(open(&world, week), of(7 + 5, 4));
    assert_open_interest(&world);
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_refused_trade_counts_nothing_and_a_trade_judged_twice_once() {
    let (mut world, alice, bob) = pair(30_000);
    let btc = world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    // below initial health a trade is undone, judged and applied again
    world.set_price(&btc, BTC_START - dollars(8_000));
    assert!(world.report(&alice.account).margin.initial_health.raw() < 0);
    let part = [perpetual(&btc, -BASE / 4, BTC_START - dollars(8_000))];
    world.trade(&alice, &bob, &part).ok();
    let more = [perpetual(&btc, BASE, BTC_START - dollars(8_000))];
    world
        .trade(&alice, &bob, &more)
        .refused(MarginError::InitialMarginBreached);
    assert_eq!(open(&world, 0).long, 750_000);
    assert_open_interest(&world);
}

#[test]
fn case_63_open_interest_ends_at_its_limit() {
    let (mut world, alice, bob) = pair_with(1_000_000, |rules| {
        (rules.perp_limit, rules.expiry_limit) = (2_000_000, 500_000);
    });
    let carol = world.trader("carol", 1_000_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let perp = |quantity| [perpetual(&btc, quantity, BTC_START)];
    let option = |quantity| [put(&btc, week, dollars(110_000), quantity, dollars(900))];
    let signers = [alice.user, bob.user];
    for (over, at, limit) in [
        (perp(2_000_001), perp(2_000_000), 2_000_000),
        (option(500_001), option(-500_000), 500_000),
    ] {
        let ix = world.trade_ix(&alice, &bob, &over);
        let error = MarginError::OpenInterestLimit;
        let outcome = assert_refused(&mut world, &ix, &signers, error);
        let values = [format!("Left: {}", limit + 1), format!("Right: {limit}")];
        assert_logged(&outcome, &[&values[0], &values[1]]);
        world.trade(&alice, &bob, &at).ok();
    }
    // other series of the expiry count as well
    let other = [call(&btc, week, dollars(130_000), 1, dollars(500))];
    world
        .trade(&alice, &bob, &other)
        .refused(MarginError::OpenInterestLimit);
    // positions change hands at the limit, and above it where governance has lowered it; nothing grows
    rewrite::<MarketState>(&mut world, &btc.key, |market| {
        (market.rules.perp_limit, market.rules.expiry_limit) = (1, 1);
    });
    world.trade(&carol, &alice, &perp(1_000_000)).ok();
    world
        .trade(&carol, &bob, &perp(1))
        .refused(MarginError::OpenInterestLimit);
    world.trade(&bob, &carol, &perp(500_000)).ok();
    world.trade(&alice, &bob, &option(499_999)).ok();
    assert_eq!(open(&world, week).long, 1);
    assert_open_interest(&world);
}

#[test]
fn case_63_a_position_ends_at_its_limit_on_either_side() {
    let (mut world, alice, bob) = pair_with(1_000_000, |rules| rules.position_limit = 1_000_000);
    let carol = world.trader("carol", 1_000_000 * USDC);
    let btc = world.btc;
    let perp = |quantity| [perpetual(&btc, quantity, BTC_START)];
    let signers = [alice.user, bob.user];
    for sign in [1, -1] {
        let ix = world.trade_ix(&alice, &bob, &perp(sign * 1_000_001));
        let error = MarginError::PositionLimit;
        let outcome = assert_refused(&mut world, &ix, &signers, error);
        assert_logged(&outcome, &["Left: 1000001", "Right: 1000000"]);
        world.trade(&alice, &bob, &perp(sign * BASE)).ok();
        // the maker's limit alone
        world
            .trade(&carol, &bob, &perp(sign))
            .refused(MarginError::PositionLimit);
        // from one side of the limit to the other
        world.trade(&bob, &alice, &perp(sign * 2 * BASE)).ok();
        world.trade(&alice, &bob, &perp(sign * BASE)).ok();
    }
    // a limit that fell below what is held lets it shrink, and turn no further than it was
    world.trade(&alice, &bob, &perp(BASE)).ok();
    rewrite::<MarketState>(&mut world, &btc.key, |market| {
        market.rules.position_limit = 10
    });
    world.trade(&alice, &bob, &perp(-1)).ok();
    world.trade(&alice, &bob, &perp(-2 * (BASE - 1))).ok();
    world
        .trade(&alice, &bob, &perp(-1))
        .refused(MarginError::PositionLimit);
    // each leg counts by itself, as they are written
    let legs = [
        perpetual(&btc, -1, BTC_START),
        perpetual(&btc, 500_000, BTC_START),
    ];
    world
        .trade(&alice, &bob, &legs)
        .refused(MarginError::PositionLimit);
    assert_open_interest(&world);
}

#[test]
fn a_view_foretells_the_limit_of_a_position() {
    let (mut world, alice, _) = pair_with(1_000_000, |rules| rules.position_limit = 1_000_000);
    let legs = [perpetual(&world.btc, -BASE - 1, BTC_START)];
    let ix = world.view_margin_after_ix(&alice.account, &legs);
    assert_refused(&mut world, &ix, &[], MarginError::PositionLimit);
}

/// A keeper who is short what a failing account is long, so that its bid closes both; limits are far below what is open.
fn keeper_who_nets() -> (World, Trader, Trader) {
    let (mut world, alice, bob, keeper) = failing_long();
    let (btc, now) = (world.btc, dollars(102_000));
    let short = [perpetual(&btc, -BASE / 4, now)];
    world.trade(&keeper, &bob, &short).ok();
    start(&mut world, &keeper, &alice);
    rewrite::<MarketState>(&mut world, &btc.key, |market| {
        let rules = &mut market.rules;
        (rules.perp_limit, rules.position_limit) = (1, 1);
    });
    (world, alice, keeper)
}

#[test]
fn case_63_limits_stop_no_liquidation_and_a_slice_that_nets_is_counted() {
    let (mut world, alice, keeper) = keeper_who_nets();
    let before = open(&world, 0).long;
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 5)
        .ok();
    let after = open(&world, 0).long;
    assert!(after < before, "{before} {after}");
    assert_open_interest(&world);
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_bid_that_changes_open_interest_writes_the_market() {
    let (mut world, alice, keeper) = keeper_who_nets();
    let witness = world.report(&alice.account).witness();
    let args = portfolio_margin_interface::args::BidArgs {
        witness,
        fraction: FRACTION_ONE / 5,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = world.bid_ix(&keeper, &alice.account, args);
    let read = ix.clone().readonly(world.btc.key);
    let error = MarginError::MarketReadOnly;
    assert_refused(&mut world, &read, &[keeper.user], error);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn inv_02_random_trades_and_bids_keep_the_count() {
    let mut random = Random::new(63);
    let (mut world, alice, bob) = pair(5_000_000);
    let carol = world.trader("carol", 5_000_000 * USDC);
    let traders = [alice, bob, carol];
    let (mut traded, mut sold) = (0, 0);
    for _ in 0..250 {
        world.refresh();
        let (taker, maker) = (random.range(0, 3) as usize, random.range(1, 3) as usize);
        let maker = (taker + maker) % 3;
        let legs: Vec<_> = (0..random.range(1, 5))
            .map(|_| any_leg(&mut random, &world))
            .collect();
        let outcome = world.trade(&traders[taker], &traders[maker], &legs);
        traded += u32::from(outcome.error.is_none());
        if random.one_in(10) {
            sold += u32::from(sell(&mut world, &traders[taker], &traders[maker]));
        }
        assert_open_interest(&world);
        world.advance(60);
    }
    println!("{traded} trades, {sold} bids");
    assert!(traded >= 100 && sold >= 10, "{traded} {sold}");
    assert!(world.reconcile().is_exact());
}

fn any_leg(random: &mut Random, world: &World) -> portfolio_margin_interface::args::TradeLeg {
    let market = random.pick(&[world.btc, world.sol]);
    let spot = world.spot(&market.price).raw();
    let quantity = random.range(-3, 4) * BASE / 4 + random.range(1, 9);
    let (expiry, strike) = (random.pick(&[world.week, world.month]), spot / 1_000_000);
    let strike = strike * 1_000_000;
    match random.range(0, 4) {
        0 => perpetual(&market, quantity, spot),
        1 => future(&market, expiry, quantity, spot),
        2 => call(&market, expiry, strike, quantity, spot / 20),
        _ => put(&market, expiry, strike, quantity, spot / 20),
    }
}

/// Takes what one account holds into another, as if it were in liquidation; returns whether the bid passed.
fn sell(world: &mut World, from: &Trader, to: &Trader) -> bool {
    use portfolio_margin_interface::state::MarginAccount;
    let maintenance = world.report(&from.account).margin.maintenance_health.raw();
    let cash = world.account(&from.account).0.cash;
    rewrite::<MarginAccount>(world, &from.account, |header| {
        header.cash -= maintenance + 1_000_000;
        header.status = 1;
    });
    let witness = world.report(&from.account).witness();
    let passed = world
        .bid(to, &from.account, &witness, FRACTION_ONE / 7)
        .error
        .is_none();
    rewrite::<MarginAccount>(world, &from.account, |header| {
        header.cash += maintenance + 1_000_000;
        (header.status, header.reserved_cash) = (0, 0);
    });
    assert!(passed || world.account(&from.account).0.cash == cash);
    passed
}
