//! `bid_liquidation`: who may not have a slice, and of whom there is none.

use crate::bid_liquidation::{bid_ix, plan};
use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BidArgs, MarginAccountArgs};
use portfolio_margin_interface::seeds;
use risk_core::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use risk_core::margin::MOST_OPEN_NOTIONAL;
use sandbox::{
    call, dollars, instructions, perpetual, World, WorldBuilder, BASE, BTC_START, SOL, USDC,
};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long,
    foreign_house, liquidating_long, mixed_book, other_program_copy, set_cash, start, Bend,
};

#[test]
fn case_72_refuses_zero_and_slices_too_thin_to_be_fair() {
    let (mut world, alice, _, keeper) = liquidating_long();
    for fraction in [0, 1, LEAST_FRACTION - 1] {
        let ix = bid_ix(&world, &keeper, &alice, fraction, i64::MAX);
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::SliceTooSmall);
        let numbers = [
            format!("Left: {fraction}"),
            format!("Right: {LEAST_FRACTION}"),
        ];
        assert_logged(&outcome, &[&numbers[0], &numbers[1]]);
    }
    let ix = bid_ix(&world, &keeper, &alice, LEAST_FRACTION, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn inv_12_refuses_accounts_that_nobody_may_touch() {
    let (mut world, alice, _, keeper) = failing_long();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::NotLiquidating);
    assert_logged(&outcome, &["Left: 0", "Right: 1"]);
    start(&mut world, &keeper, &alice);
    // a tenth of the requirement, which cash does not change, is the buffer
    let margin = world
        .report(&alice.account)
        .margin
        .maintenance_margin()
        .raw();
    let whole = (margin + 9).div_euclid(10);
    for beyond in [0, 1] {
        set_cash(&mut world, &alice, whole + beyond);
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::AccountHealthy);
        assert_logged(&outcome, &[&format!("Left: {beyond}"), "Right: 0"]);
    }
}

#[test]
fn case_71_refuses_a_scenario_that_the_account_covers() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let args = BidArgs {
        witness: vec![20],
        fraction: FRACTION_ONE,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = world.bid_ix(&keeper, &alice.account, args.clone());
    assert_refused(&mut world, &ix, &[keeper.user], MarginError::AccountHealthy);
    for witness in [vec![], vec![2, 2]] {
        let ix = world.bid_ix(
            &keeper,
            &alice.account,
            BidArgs {
                witness,
                ..args.clone()
            },
        );
        assert_refused(&mut world, &ix, &[keeper.user], MarginError::WitnessLength);
    }
    let ix = world.bid_ix(
        &keeper,
        &alice.account,
        BidArgs {
            witness: vec![31],
            ..args
        },
    );
    assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::ScenarioSetInvalid,
    );
}

#[test]
fn case_75_refuses_an_account_without_equity() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let btc = world.btc;
    // 30,000 of cash against a loss of exactly 30,000, then of one unit less
    let broke = BTC_START - dollars(30_000);
    world.set_price(&btc, broke);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::AccountInsolvent,
    );
    assert_logged(&outcome, &["Left: 0", "Right: 0"]);
    world.set_price(&btc, dollars(50_000));
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::AccountInsolvent,
    );
    assert_logged(&outcome, &["Left: -"]);
    world.set_price(&btc, broke + 100);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn case_09_10_inv_14_refuses_the_owner_as_liquidator() {
    let (mut world, alice, _, _) = liquidating_long();
    let ix = bid_ix(&world, &alice, &alice, FRACTION_ONE, i64::MAX);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::SelfLiquidation);
    let second = world.open_sub_account(&alice.user, 1, 16);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 200_000 * USDC);
    world.deposit(&second, &bank, 200_000 * USDC).ok();
    let ix = bid_ix(&world, &second, &alice, FRACTION_ONE, i64::MAX);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::SelfLiquidation);
}

#[test]
fn case_01_refuses_other_signers() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let unsigned = ix.clone().unsigned(keeper.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(keeper.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn case_76_inv_14_refuses_a_bidder_who_cannot_carry_the_slice() {
    let (mut world, alice, _, _) = liquidating_long();
    // the whole slice costs 3,200, and 5,200 are no margin for it and the long that is there
    let poor = world.trader("poor", 5_200 * USDC);
    let btc = world.btc;
    let other = world.trader("other", 100_000 * USDC);
    world
        .trade(
            &poor,
            &other,
            &[perpetual(&btc, BASE / 5, dollars(102_000))],
        )
        .ok();
    let ix = bid_ix(&world, &poor, &alice, FRACTION_ONE, i64::MAX);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[poor.user],
        MarginError::InitialMarginBreached,
    );
    assert_logged(&outcome, &["Left: -", "Right: 0"]);
    // a small slice of it is within reach: bidding needs margin, not permission
    let ix = bid_ix(&world, &poor, &alice, LEAST_FRACTION * 2, i64::MAX);
    world.send(&[ix], &[poor.user]).ok();
}

#[test]
fn refuses_to_lend_the_price_to_the_bidder() {
    let mut world = World::new();
    let (btc, bank) = (world.btc, world.sol_bank);
    let alice = world.trader("alice", 0);
    let keeper = world.trader("keeper", 0);
    let bob = world.trader("bob", 200_000 * USDC);
    for (trader, amount) in [(&alice, 200 * SOL), (&keeper, 10_000 * SOL)] {
        world.fund(&trader.user, &bank, amount);
        world.deposit(trader, &bank, amount).ok();
    }
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(98_000));
    start(&mut world, &keeper, &alice);
    // rich in SOL, without a dollar to pay for a slice of SOL and a losing long
    let price = plan(&world, &alice, LEAST_FRACTION).price.raw();
    let ix = bid_ix(&world, &keeper, &alice, LEAST_FRACTION, i64::MAX);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::CashNegative);
    assert_logged(&outcome, &[&format!("Left: -{price}"), "Right: 0"]);
    let usdc = world.usdc;
    world.fund(&keeper.user, &usdc, price as u64);
    world.deposit(&keeper, &usdc, price as u64).ok();
    world.send(&[ix], &[keeper.user]).ok();
    assert_eq!(world.balance(&keeper, &usdc), 0);
}

#[test]
fn refuses_a_bidder_in_liquidation() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let btc = world.btc;
    let other = world.trader("other", 30_000 * USDC);
    world.set_price(&btc, BTC_START);
    world
        .trade(&other, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(102_000));
    start(&mut world, &keeper, &other);
    let ix = bid_ix(&world, &other, &alice, FRACTION_ONE, i64::MAX);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut world, &ix, &[other.user], error);
}

#[test]
fn case_63_refuses_a_bidder_without_room() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let (sol, week) = (world.sol, world.week);
    let series = |n: u64| call(&sol, week, dollars(200 + 10 * n), BASE / 1_000, dollars(1));
    let legs: Vec<_> = (0..16).map(series).collect();
    world.trade(&keeper, &bob, &legs[..15]).ok();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
    let other = world.trader("other", 200_000 * USDC);
    let dave = world.trader("dave", 200_000 * USDC);
    world.trade(&other, &dave, &legs).ok();
    let ix = bid_ix(&world, &other, &alice, FRACTION_ONE / 10, i64::MAX);
    let outcome = assert_refused(&mut world, &ix, &[other.user], MarginError::PositionsFull);
    assert_logged(&outcome, &["Left: 17", "Right: 16"]);
}

#[test]
fn case_06_refuses_accounts_of_another_house() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let (house, _, _) = foreign_house(&mut world);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let error = MarginError::ClearinghouseMismatch;
    let other_house = ix.clone().replace(world.house, house);
    assert_refused(&mut world, &other_house, &[keeper.user], error);
    let args = MarginAccountArgs {
        sub_account: 0,
        capacity: 16,
        tier: 1,
    };
    let open = instructions::open_margin_account(&keeper.user.key, &house, args);
    world.send(&[open], &[keeper.user]).ok();
    let stranger = seeds::margin_account(&house, &keeper.user.key, 0);
    let by_stranger = ix.replace(keeper.account, stranger);
    assert_refused(&mut world, &by_stranger, &[keeper.user], error);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let house = world.house;
    for key in [alice.account, keeper.account, house] {
        let copy = other_program_copy(&mut world, &key);
        let copied = ix.clone().replace(key, copy);
        let owner = ErrorCode::AccountOwnedByWrongProgram;
        assert_refused(&mut world, &copied, &[keeper.user], owner);
        let cosplay = ix.clone().replace(key, world.usdc.key);
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
    }
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let keeper = world.trader("keeper", 500_000 * USDC);
    let btc = world.btc;
    world.set_price(&btc, dollars(2_000));
    start(&mut world, &bob, &alice);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
    // the liquidator's come last, and cover everything of the liquidatee
    assert_remaining_accounts_are_checked(&mut world, &ix, &[keeper.user]);
    // the liquidatee's: where they end, the liquidator's begin
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    let hidden = ix.clone().without(8..10);
    assert_refused(&mut world, &hidden, &[keeper.user], mismatch);
    let hidden = ix.clone().without(6..8);
    assert_refused(
        &mut world,
        &hidden,
        &[keeper.user],
        MarginError::MarketMismatch,
    );
    let other_price = ix.replace_at(7, world.sol.price);
    assert_refused(
        &mut world,
        &other_price,
        &[keeper.user],
        MarginError::OracleFeedMismatch,
    );
}

#[test]
fn refuses_a_bidder_whose_sizes_would_leave_the_measurable_range() {
    let builder = WorldBuilder {
        usdc_cap: u64::MAX,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let btc = world.btc;
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 1_000_000_000 * USDC);
    let keeper = world.trader("keeper", 1_000_000_000 * USDC);
    let other = world.trader("other", 1_000_000_000 * USDC);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(102_000));
    start(&mut world, &keeper, &alice);
    // a perpetual counts with its notional and with its cost
    let most = MOST_OPEN_NOTIONAL.raw() / (2 * 102_000);
    world
        .trade(&keeper, &other, &[perpetual(&btc, most, dollars(102_000))])
        .ok();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let error = MarginError::GrossNotionalExceeded;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    assert_logged(&outcome, &[&format!("Right: {}", MOST_OPEN_NOTIONAL.raw())]);
}
