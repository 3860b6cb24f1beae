//! `trade`: what legs do, and when margin lets them. What is refused before that is in `trade_refusals.rs`.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::TradeLeg;
use risk_core::margin::MOST_OPEN_NOTIONAL;
use sandbox::{call, dollars, perpetual, put, Trader, World, WorldBuilder, BASE, BTC_START, USDC};
use support::{assert_logged, assert_refused, pair, Bend, Refusal};

/// A trade that is refused by name, with these texts in the log.
#[track_caller]
pub(crate) fn refused(
    world: &mut World,
    sides: [&Trader; 2],
    legs: &[TradeLeg],
    error: impl Into<Refusal>,
    logged: &[&str],
) {
    let ix = world.trade_ix(sides[0], sides[1], legs);
    let outcome = assert_refused(world, &ix, &[sides[0].user, sides[1].user], error);
    assert_logged(&outcome, logged);
}

#[test]
fn exchanges_premium_for_options_and_price_for_perpetuals() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, week) = (world.btc, world.week);
    let strike = dollars(120_000);
    let legs = [
        perpetual(&btc, -BASE / 2, BTC_START),
        call(&btc, week, strike, BASE / 10, dollars(1_234)),
        put(&btc, week, strike, -BASE / 10, dollars(4_321)),
    ];
    let before = [alice, bob].map(|trader| world.account(&trader.account).0.sequence);
    world.trade(&alice, &bob, &legs).ok();
    for ((trader, sign), before) in [(&alice, 1), (&bob, -1)].into_iter().zip(before) {
        let (header, positions) = world.account(&trader.account);
        assert_eq!(
            header.cash,
            50_000_000_000 + sign * (432_100_000 - 123_400_000)
        );
        assert_eq!(header.sequence, before + 1);
        let held: Vec<_> = positions
            .iter()
            .map(|p| (p.instrument, p.expiry, p.quantity, p.cost))
            .collect();
        let cost = -sign * (BTC_START / 200) as i64;
        let expected = [
            (0, 0, -sign * BASE / 2, cost),
            (2, week, sign * BASE / 10, 0),
            (3, week, -sign * BASE / 10, 0),
        ];
        assert_eq!(held, expected);
    }
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_49_merges_series_and_keeps_them_sorted() {
    let (mut world, alice, bob) = pair(500_000);
    let (btc, sol, week, month) = (world.btc, world.sol, world.week, world.month);
    let k = |n: u64| dollars(110_000 + 1_000 * n);
    let lot = BASE / 100;
    let legs = [
        perpetual(&sol, lot, dollars(205)),
        put(&btc, month, k(1), lot, dollars(9)),
        call(&btc, month, k(1), lot, dollars(9)),
        call(&btc, week, k(2), lot, dollars(9)),
        call(&btc, week, k(1), lot, dollars(9)),
        perpetual(&btc, lot, BTC_START),
        call(&btc, week, k(2), 2 * lot, dollars(9)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let keys = |world: &World| -> Vec<_> {
        world
            .account(&alice.account)
            .1
            .iter()
            .map(|p| (p.key(), p.quantity))
            .collect()
    };
    let held = keys(&world);
    assert_eq!(held.len(), 6);
    assert!(held.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(held.contains(&((btc.index, week, k(2), 2), 3 * lot)));
    // a series that is closed leaves no record, and the bytes behind the last one are zero
    let back: Vec<_> = legs
        .iter()
        .map(|leg| TradeLeg {
            quantity: -leg.quantity,
            ..leg.clone()
        })
        .collect();
    world.trade(&alice, &bob, &back[..6]).ok();
    assert_eq!(keys(&world), [((btc.index, week, k(2), 2), 2 * lot)]);
    let data = world.data(&alice.account);
    let end = portfolio_margin_interface::state::MarginAccount::space(1);
    assert!(data[end..].iter().all(|byte| *byte == 0));
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_closed_perpetual_stays_while_its_profit_is_unpaid() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    let up = BTC_START + dollars(500);
    world.set_price(&btc, up);
    world.trade(&bob, &alice, &[perpetual(&btc, BASE, up)]).ok();
    let (_, positions) = world.account(&alice.account);
    assert_eq!(
        (positions[0].quantity, positions[0].cost),
        (0, -500_000_000)
    );
    let margin = world.report(&alice.account).margin;
    assert_eq!(margin.equity.raw(), 50_500_000_000);
    // profit that nobody has paid does not leave, 2022-05
    let ix = world.withdraw_ix(&alice, &world.usdc, 50_000 * USDC + 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::BalanceInsufficient,
    );
}

#[test]
fn case_63_refuses_the_seventeenth_series_and_still_trades_the_sixteen() {
    let (mut world, alice, bob) = pair(500_000);
    let (btc, week) = (world.btc, world.week);
    let series = |n: u64| {
        call(
            &btc,
            week,
            dollars(100_000 + 1_000 * n),
            BASE / 1_000,
            dollars(1_000),
        )
    };
    let legs: Vec<_> = (0..16).map(series).collect();
    world.trade(&alice, &bob, &legs).ok();
    let error = MarginError::PositionsFull;
    refused(
        &mut world,
        [&alice, &bob],
        &[series(16)],
        error,
        &["Left: 17", "Right: 16"],
    );
    world.trade(&alice, &bob, &legs).ok();
    // a leg that closes one series makes room for a later leg
    let close = TradeLeg {
        quantity: -BASE / 500,
        ..series(3)
    };
    world.trade(&alice, &bob, &[close, series(16)]).ok();
}

#[test]
fn refuses_to_borrow_for_a_premium() {
    let (mut world, alice, bob) = pair(1_000);
    let (btc, week) = (world.btc, world.week);
    let option = |price| {
        [call(
            &btc,
            week,
            dollars(90_000),
            BASE / 100,
            dollars(100_000) + price,
        )]
    };
    // 0.01 x 100,000.0001 is one native unit more than alice has
    let logged = ["Left: -1", "Right: 0"];
    refused(
        &mut world,
        [&alice, &bob],
        &option(10_000),
        MarginError::CashNegative,
        &logged,
    );
    world.trade(&alice, &bob, &option(0)).ok();
    assert_eq!(world.account(&alice.account).0.cash, 0);
}

#[test]
fn refuses_either_side_without_initial_margin() {
    let mut world = World::new();
    let rich = world.trader("rich", 1_000_000 * USDC);
    let poor = world.trader("poor", 10_000 * USDC);
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    let error = MarginError::InitialMarginBreached;
    let logged = [
        "initial health 10000000000 -> -",
        "maintenance health 10000000000 -> -",
        "Right: 0",
    ];
    refused(&mut world, [&poor, &rich], &legs, error, &logged);
    refused(&mut world, [&rich, &poor], &legs, error, &logged);
}

#[test]
fn trades_to_the_last_unit_of_initial_margin() {
    let (mut world, alice, bob) = pair(1_000_000);
    let btc = world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    let need = 1_000_000_000_000 - world.report(&alice.account).margin.initial_health.raw();
    world.trade(&bob, &alice, &legs).ok();
    let free = world.balance(&alice, &world.usdc) - need;
    let bank = world.usdc;
    world.withdraw(&alice, &bank, free as u64 + 1).ok();
    let error = MarginError::InitialMarginBreached;
    refused(
        &mut world,
        [&alice, &bob],
        &legs,
        error,
        &["Left: -1", "Right: 0"],
    );
    world.deposit(&alice, &bank, 1).ok();
    world.trade(&alice, &bob, &legs).ok();
    assert_eq!(world.report(&alice.account).margin.initial_health.raw(), 0);
}

/// Alice is long one BTC and short of initial health, not of maintenance health; bob is rich.
fn strained() -> (World, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(107_000));
    let margin = world.report(&alice.account).margin;
    assert!(margin.initial_health.raw() < 0 && margin.maintenance_health.raw() > 0);
    (world, alice, bob)
}

#[test]
fn case_62_without_initial_health_only_what_reduces_risk() {
    let (mut world, alice, bob) = strained();
    let btc = world.btc;
    let sell = |quantity: i64| [perpetual(&btc, -quantity, dollars(107_000))];
    let error = MarginError::InitialMarginBreached;
    let both = ["initial health -", "maintenance health "];
    // one lot more of risk
    refused(&mut world, [&alice, &bob], &sell(-1), error, &both);
    // through zero to the mirror image: no risk reduced; one lot less: reduced
    refused(&mut world, [&alice, &bob], &sell(2 * BASE), error, &both);
    world.trade(&alice, &bob, &sell(2 * BASE - 1)).ok();
    let after = world.report(&alice.account).margin;
    assert!(
        after.initial_health.raw() < 0,
        "still short of initial health"
    );
}

#[test]
fn inv_06_reducing_at_a_price_that_costs_health_is_refused() {
    let (mut world, alice, bob) = strained();
    let btc = world.btc;
    // sells a tenth far below the market: less risk, but worse off
    let legs = [perpetual(&btc, -BASE / 10, dollars(60_000))];
    let error = MarginError::InitialMarginBreached;
    refused(
        &mut world,
        [&alice, &bob],
        &legs,
        error,
        &["initial health -"],
    );
}

#[test]
fn an_account_in_liquidation_may_only_reduce_on_either_side() {
    let (mut world, alice, bob) = strained();
    let (btc, week) = (world.btc, world.week);
    let keeper = world.trader("keeper", 0);
    let low = dollars(103_000);
    world.set_price(&btc, low);
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    let error = MarginError::RiskNotReduced;
    let health = ["initial health -", "maintenance health -"];
    refused(
        &mut world,
        [&alice, &bob],
        &[perpetual(&btc, 1, low)],
        error,
        &health,
    );
    refused(
        &mut world,
        [&bob, &alice],
        &[perpetual(&btc, -1, low)],
        error,
        &health,
    );
    world
        .trade(&alice, &bob, &[perpetual(&btc, -BASE / 10, low)])
        .ok();
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE / 10, low)])
        .ok();
    // healthy again, but nobody has ended the liquidation
    world.set_price(&btc, dollars(130_000));
    let option = [call(&btc, week, dollars(200_000), -BASE / 100, dollars(1))];
    refused(
        &mut world,
        [&alice, &bob],
        &option,
        error,
        &["initial health "],
    );
}

#[test]
fn a_leg_needs_its_market_also_where_it_closes_the_position() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE / 10, BTC_START)])
        .ok();
    let ix = world.trade_ix(&bob, &alice, &[perpetual(&btc, BASE / 10, BTC_START)]);
    let signers = [alice.user, bob.user];
    // the market comes first and in both checks
    let without = ix.clone().without(7..11);
    assert_refused(
        &mut world,
        &without,
        &signers,
        MarginError::RemainingAccountMissing,
    );
    world.send(&[ix], &signers).ok();
    assert!(world.account(&alice.account).1.is_empty());
}

#[test]
fn refuses_sizes_that_a_rise_could_make_unmeasurable() {
    let builder = WorldBuilder {
        usdc_cap: u64::MAX,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let alice = world.trader("alice", 1_000_000_000 * USDC);
    let bob = world.trader("bob", 1_000_000_000 * USDC);
    let (btc, price) = (world.btc, dollars(100_000));
    world.set_price(&btc, price);
    let most = MOST_OPEN_NOTIONAL.raw();
    // 100,000 USD a coin: ten raw units make one dollar, counted as notional and as cost
    let largest = most / (2 * 100_000);
    let over = [perpetual(&btc, largest + 1, price)];
    let logged = [
        format!("Left: {}", (largest + 1) * 2 * 100_000),
        format!("Right: {most}"),
    ];
    let logged: Vec<&str> = logged.iter().map(String::as_str).collect();
    let error = MarginError::GrossNotionalExceeded;
    refused(&mut world, [&alice, &bob], &over, error, &logged);
    world
        .trade(&alice, &bob, &[perpetual(&btc, largest, price)])
        .ok();
    // grown beyond the limit by the market: no more of it, less of it
    let higher = dollars(101_000);
    world.set_price(&btc, higher);
    refused(
        &mut world,
        [&alice, &bob],
        &[perpetual(&btc, 1, higher)],
        error,
        &[],
    );
    world
        .trade(&alice, &bob, &[perpetual(&btc, -1_000, higher)])
        .ok();
}

#[test]
fn a_deficit_is_not_deepened_to_reduce_risk() {
    let (mut world, alice, bob) = strained();
    let btc = world.btc;
    // equity below zero; closing a tenth ten dollars below the market costs one dollar more than there is
    world.set_price(&btc, dollars(80_000));
    assert!(world.report(&alice.account).margin.equity.raw() < 0);
    let sell = |price| [perpetual(&btc, -BASE / 10, price)];
    let error = MarginError::InitialMarginBreached;
    let logged = ["equity -", "initial health -"];
    let below = sell(dollars(79_990));
    refused(&mut world, [&alice, &bob], &below, error, &logged);
    world.trade(&alice, &bob, &sell(dollars(80_000))).ok();
}

#[test]
fn a_cost_without_size_counts_toward_the_limit() {
    // GIVEN a round trip in two markets that leaves equity as it was and costs of opposite signs
    let (mut world, alice, bob) = strained();
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, BTC_START);
    let dear = dollars(90_000_000_000);
    let legs = [
        perpetual(&btc, 100_000, dear),
        perpetual(&btc, -100_000, 1),
        perpetual(&sol, -100_000, dear),
        perpetual(&sol, 100_000, 1),
    ];
    // THEN nobody can open what sums could not hold when prices move
    let error = MarginError::GrossNotionalExceeded;
    refused(&mut world, [&alice, &bob], &legs, error, &[]);
}

#[test]
fn equity_does_not_fall_faster_than_the_requirement() {
    // GIVEN an account below maintenance with equity: closing half at any price above its end raises both healths
    let (mut world, alice, bob) = strained();
    let btc = world.btc;
    world.set_price(&btc, dollars(102_000));
    let before = world.report(&alice.account).margin;
    assert!(before.maintenance_health.raw() < 0 && before.equity.raw() > 0);
    let half = world.account(&alice.account).1[0].quantity / 2;
    let spot = world.spot(&btc.price).raw();
    let sell_at_loss = |loss: i64| {
        let discount = u64::try_from(loss * 100 * BASE / half).unwrap();
        [perpetual(&btc, -half, spot - discount)]
    };
    // WHEN it costs a dollar more, or less, than half of the equity
    let (share, dollar) = (before.equity.raw() / 2, 1_000_000);
    let error = MarginError::InitialMarginBreached;
    let more = sell_at_loss(share + dollar);
    refused(&mut world, [&alice, &bob], &more, error, &["equity "]);
    world
        .trade(&alice, &bob, &sell_at_loss(share - dollar))
        .ok();
    // THEN the part that was left has its share of equity behind it
    let after = world.report(&alice.account).margin;
    assert!(after.equity.raw() >= share && after.initial_health > before.initial_health);
}
