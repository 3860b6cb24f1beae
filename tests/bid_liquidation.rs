//! `bid_liquidation`: a slice of everything, at the formula's price. Who may not have it is in
//! `bid_liquidation_refusals.rs`.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::BidArgs;
use risk_core::liquidation::{
    buffer_health, plan_slice, LiquidationTerms, SlicePlan, Wanted, FRACTION_ONE, LEAST_FRACTION,
};
use risk_core::{Quote, Ratio};
use sandbox::{
    call, crypto_smile, dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, SOL, USDC,
};
use solana_instruction::Instruction;
use support::{
    assert_logged, assert_refused, failing_long, liquidating_long, mixed_book, set_cash, start,
};

/// The terms of the world's clearing house.
const TERMS: LiquidationTerms = LiquidationTerms {
    discount: Ratio::from_raw(50_000),
    buffer: Ratio::from_raw(100_000),
    ..LiquidationTerms::PLAIN
};

/// What the engine plans for a bid of this size.
pub(crate) fn plan(world: &World, account: &Trader, fraction: u64) -> SlicePlan {
    let report = world.report(&account.account).margin;
    let reserved = Quote::from_raw(world.account(&account.account).0.reserved_cash);
    plan_slice(&report, &TERMS, reserved, Wanted::at_most(fraction)).expect("a slice")
}

/// A bid with the account's worst scenarios as its witness.
pub(crate) fn bid_ix(
    world: &World,
    keeper: &Trader,
    account: &Trader,
    fraction: u64,
    limit: i64,
) -> Instruction {
    let witness = world.report(&account.account).witness();
    world.bid_ix(
        keeper,
        &account.account,
        BidArgs {
            witness,
            fraction,
            minimum: 0,
            price_limit: limit,
        },
    )
}

/// Every margin account's sum of equity, which no bid changes by more than rounding.
fn total_equity(world: &World) -> i64 {
    let accounts = world.margin_accounts(&world.house);
    accounts
        .iter()
        .map(|key| world.report(key).margin.equity.raw())
        .sum()
}

#[test]
fn moves_the_planned_part_of_everything_for_the_planned_price() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let fraction = FRACTION_ONE / 10;
    let slice = plan(&world, &alice, fraction);
    assert_eq!(slice.fraction, fraction);
    let equity = world.report(&alice.account).margin.equity.raw();
    assert_eq!(slice.price.raw(), (equity * 95 + 999).div_euclid(1_000));
    let before = world.account(&alice.account);
    let witness = world.report(&alice.account).witness();
    world.bid(&keeper, &alice.account, &witness, fraction).ok();

    let (header, positions) = world.account(&alice.account);
    let (bought, taken) = world.account(&keeper.account);
    let cash_part = before.0.cash / 10;
    assert_eq!(header.cash, before.0.cash - cash_part + slice.price.raw());
    assert_eq!(header.reserved_cash, slice.price.raw());
    assert_eq!(bought.cash, 200_000_000_000 + cash_part - slice.price.raw());
    assert_eq!(
        (positions[0].quantity, taken[0].quantity),
        (BASE - BASE / 10, BASE / 10)
    );
    assert_eq!(taken[0].cost, before.1[0].cost / 10);
    assert_eq!(positions[0].cost + taken[0].cost, before.1[0].cost);
    assert_eq!((header.status, header.sequence), (1, before.0.sequence + 1));
    assert!(world.reconcile().is_exact());
}

#[test]
fn takes_options_and_collateral_along() {
    let (mut world, alice, bob) = mixed_book();
    let keeper = world.trader("keeper", 500_000 * USDC);
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let options = [call(&btc, week, dollars(130_000), -BASE / 2, dollars(500))];
    world.trade(&alice, &bob, &options).ok();
    world.set_price(&btc, dollars(4_000));
    start(&mut world, &keeper, &alice);
    let before = world.account(&alice.account);
    let equity = total_equity(&world);
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 8)
        .ok();
    let (bought, taken) = world.account(&keeper.account);
    let eighth: Vec<_> = before.1.iter().map(|p| (p.key(), p.quantity / 8)).collect();
    let held: Vec<_> = taken.iter().map(|p| (p.key(), p.quantity)).collect();
    assert_eq!(held, eighth);
    assert_eq!(held.iter().filter(|(key, _)| key.0 == sol.index).count(), 1);
    assert_eq!(bought.collateral[0].amount, 100 * SOL / 8);
    assert_eq!(world.balance(&alice, &world.sol_bank), 700 * SOL as i64 / 8);
    assert!((total_equity(&world) - equity).abs() <= 10);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_72_inv_13_clamps_to_what_restores_the_buffer() {
    let fractions = [FRACTION_ONE, u64::MAX];
    let after = fractions.map(|fraction| {
        let (mut world, alice, _, keeper) = liquidating_long();
        let slice = plan(&world, &alice, fraction);
        assert!(slice.fraction < FRACTION_ONE);
        let witness = world.report(&alice.account).witness();
        world.bid(&keeper, &alice.account, &witness, fraction).ok();
        let report = world.report(&alice.account).margin;
        let buffer = buffer_health(&report, TERMS.buffer)
            .expect("a small account")
            .raw();
        // to the buffer, and past it by no more than the lot of 1e-6 BTC that stays where a part is rounded
        assert!((-102_000..=102_000).contains(&buffer), "{buffer}");
        assert!(report.maintenance_health.raw() > 0);
        world.account(&alice.account)
    });
    assert_eq!(
        (after[0].0.cash, &after[0].1),
        (after[1].0.cash, &after[1].1)
    );
}

#[test]
fn inv_13_15_every_slice_improves_and_few_end_it() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let mut margin = world.report(&alice.account).margin;
    let (mut slices, mut above_maintenance) = (0, 0);
    while !TERMS.is_restored(&margin).expect("a small account") {
        let witness = world.report(&alice.account).witness();
        world
            .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 50)
            .ok();
        let next = world.report(&alice.account).margin;
        let (before, after) = (margin.maintenance_health, next.maintenance_health);
        assert!(after > before, "{before:?} -> {after:?}");
        // small slices too go on until the buffer is there, not just to the edge
        above_maintenance += i32::from(before.raw() >= 0);
        (margin, slices) = (next, slices + 1);
        assert!(slices < 50, "the account is not repaired");
    }
    assert!(above_maintenance > 0);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn what_bids_paid_is_not_sold_again() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 10)
        .ok();
    let (first, _) = world.account(&alice.account);
    let slice = plan(&world, &alice, FRACTION_ONE / 10);
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 10)
        .ok();
    let (second, _) = world.account(&alice.account);
    let part = (first.cash - first.reserved_cash) / 10;
    assert_eq!(second.cash, first.cash - part + slice.price.raw());
    assert_eq!(
        second.reserved_cash,
        first.reserved_cash + slice.price.raw()
    );
}

#[test]
fn pays_up_to_the_bidders_limit() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let price = plan(&world, &alice, FRACTION_ONE / 10).price.raw();
    for limit in [price - 1, 0, -1, i64::MIN] {
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, limit);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[keeper.user],
            MarginError::PriceAboveLimit,
        );
        assert_logged(
            &outcome,
            &[&format!("Left: {limit}"), &format!("Right: {price}")],
        );
    }
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, price);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn case_73_a_deposit_in_front_shrinks_the_slice_and_does_not_block_it() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let planned = plan(&world, &alice, FRACTION_ONE).fraction;
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 100 * USDC);
    world.deposit(&alice, &bank, 1).ok();
    world.deposit(&alice, &bank, 100 * USDC - 1).ok();
    world.send(&[ix], &[keeper.user]).ok();
    let (_, taken) = world.account(&keeper.account);
    let most = planned as i64 * BASE / FRACTION_ONE as i64;
    assert!(taken[0].quantity < most && taken[0].quantity > most * 9 / 10);
}

#[test]
fn case_72_a_last_unit_of_deficit_sells_next_to_nothing() {
    let (mut world, alice, _, keeper) = failing_long();
    start(&mut world, &keeper, &alice);
    let margin = world
        .report(&alice.account)
        .margin
        .maintenance_margin()
        .raw();
    set_cash(&mut world, &alice, (margin + 9).div_euclid(10) - 1);
    let before = world.account(&alice.account).1;
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
    let after = world.account(&alice.account).1;
    assert_eq!(after[0].quantity, before[0].quantity);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_72_inv_15_dust_is_sold_whole() {
    let mut world = World::new();
    let (btc, bank) = (world.btc, world.usdc);
    let alice = world.trader("alice", 100 * USDC);
    let bob = world.trader("bob", 100_000 * USDC);
    let keeper = world.trader("keeper", 100_000 * USDC);
    // a short of a few lots: any part of it would round to nothing
    world
        .trade(&alice, &bob, &[perpetual(&btc, -7, BTC_START)])
        .ok();
    let free = world.report(&alice.account).margin.initial_health.raw() as u64;
    world.withdraw(&alice, &bank, free).ok();
    world.set_price(&btc, BTC_START * 11 / 10);
    start(&mut world, &keeper, &alice);
    let ix = bid_ix(&world, &keeper, &alice, LEAST_FRACTION, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
    let (header, positions) = world.account(&alice.account);
    assert!(positions.is_empty());
    assert!(header.cash > 0, "paid for it: {}", header.cash);
    assert_eq!(world.account(&keeper.account).1[0].quantity, -7);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    world.withdraw(&alice, &bank, header.cash as u64).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_reserve_above_equity_does_not_stall_the_sale() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let btc = world.btc;
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 5)
        .ok();
    let (header, positions) = world.account(&alice.account);
    // BTC falls until the account's equity is half of what bids paid
    let drop = header.cash - positions[0].cost - header.reserved_cash / 2;
    let price = -(drop as i128) * 100_000_000 / i128::from(positions[0].quantity);
    world.set_price(&btc, u64::try_from(price).expect("a price above zero"));
    let margin = world.report(&alice.account).margin;
    assert!(margin.equity.raw() > 0 && margin.equity.raw() < header.reserved_cash);
    let health = margin.maintenance_health;
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 5)
        .ok();
    assert!(world.report(&alice.account).margin.maintenance_health > health);
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_poster_who_falls_silent_does_not_price_the_keepers_out() {
    // GIVEN an account short a call that fails, and a keeper whose spreads are cheap while surfaces are trusted
    let mut world = WorldBuilder::whole(0).build();
    let [alice, keeper, bob] = [("alice", 35_000), ("keeper", 150_000), ("bob", 1_000_000)]
        .map(|(name, usdc)| world.trader(name, usdc * USDC));
    let (btc, week) = (world.btc, world.week);
    let calls = |strike, size, price| call(&btc, week, dollars(strike), size, dollars(price));
    let short = [calls(118_000, -BASE, 2_000)];
    world.trade(&alice, &bob, &short).ok();
    let spread = [
        calls(118_000, 10 * BASE, 2_000),
        calls(119_000, -10 * BASE, 1_700),
    ];
    world.trade(&keeper, &bob, &spread).ok();
    let fail = |world: &mut World| {
        world.set_price(&btc, dollars(138_000));
        start(world, &keeper, &alice);
        bid_ix(world, &keeper, &alice, FRACTION_ONE, i64::MAX)
    };
    // WHEN the surfaces are young and posted without confidence, THEN the whole notional is asked of the keeper
    let mut smile = crypto_smile(week, world.now(), world.settings().btc_volatility);
    smile.confidence = 0;
    world.post_surface(&btc, smile);
    let ix = fail(&mut world);
    let error = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    // WHEN nobody has posted for longer than an opening accepts, THEN the repair goes on
    world.advance(i64::from(world.settings().surface_max_age) + 1);
    world.refresh_prices();
    let margin = world.report(&keeper.account).margin;
    assert!(margin.initial_health.raw() < 0 && margin.contingencies.confidence.raw() > 0);
    let health = world.report(&alice.account).margin.maintenance_health;
    world.send(&[ix], &[keeper.user]).ok();
    assert!(world.report(&alice.account).margin.maintenance_health > health);
    assert!(world.reconcile().is_exact());
}
