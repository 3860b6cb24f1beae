//! The auction of a solvent account: what a slice costs by the clock, who gets what, and several who bid.

use crate::bid_liquidation::bid_ix;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::LiquidationBid;
use portfolio_margin_interface::args::{BidArgs, LiquidationArgs};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{
    buffer_health, plan_slice, SlicePlan, Wanted, DUST_REQUIREMENT, FRACTION_ONE, LEAST_FRACTION,
};
use risk_core::{Quote, Ratio};
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BTC_START, USDC};
use support::{
    assert_batch_refused, assert_conserved, assert_logged, assert_refused, auctioned_long, health,
    rewrite, set_cash, start, Bend,
};

/// What the engine plans for a bid of this size at this time, and the discount.
fn plan(world: &World, account: &Trader, fraction: u64) -> (SlicePlan, i64) {
    let report = world.report(&account.account).margin;
    let (header, _) = world.account(&account.account);
    let record = world.read::<Clearinghouse>(&world.house).liquidation;
    let elapsed = world.now() - header.liquidation_started_at;
    let is_maintained = report.maintenance_health.raw() >= 0;
    let discount = record.auction().discount_floor(elapsed, is_maintained);
    let reserved = Quote::from_raw(header.reserved_cash);
    let wanted = Wanted::at_most(fraction);
    let plan = plan_slice(&report, &record.terms(discount), reserved, wanted);
    (plan.expect("a slice"), discount.raw())
}

fn insurance(world: &World) -> u64 {
    world.read::<Clearinghouse>(&world.house).insurance
}

fn equity(world: &World, trader: &Trader) -> i64 {
    world.report(&trader.account).margin.equity.raw()
}

/// Lets time pass while prices and surfaces stay as they are and young.
fn wait(world: &mut World, seconds: i64) {
    let (btc, price) = (world.btc, world.price(&world.btc.price).price);
    world.advance(seconds);
    world.refresh();
    world.set_price(&btc, u64::try_from(price).expect("a price"));
}

/// A bid by the account's worst witness for this part of it, with a least part and a most price.
fn limited(
    world: &World,
    keeper: &Trader,
    account: &Trader,
    fraction: u64,
    minimum: u64,
    price_limit: i64,
) -> solana_instruction::Instruction {
    let args = BidArgs {
        witness: world.report(&account.account).witness(),
        fraction,
        minimum,
        price_limit,
    };
    world.bid_ix(keeper, &account.account, args)
}

#[test]
fn the_discount_follows_the_clock_at_both_sides_of_every_edge() {
    for (elapsed, expected) in [
        (0, 50_000),
        (1, 50_277),
        (899, 299_722),
        (900, 300_000),
        (901, 300_048),
        (8_100, 650_000),
        (15_299, 999_951),
        (15_300, 1_000_000),
        (15_301, 1_000_000),
    ] {
        // GIVEN an account in an auction by the standard terms for so long
        let (mut world, alice, _, keeper) = auctioned_long();
        wait(&mut world, elapsed);
        let (slice, discount) = plan(&world, &alice, FRACTION_ONE / 10);
        assert_eq!(discount, expected);
        let (funds, worth) = (insurance(&world), equity(&world, &alice));
        let cash = [&alice, &keeper].map(|trader| world.account(&trader.account).0.cash);
        // WHEN a tenth is bought
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
        let outcome = world.send(&[ix], &[keeper.user]).ok();
        // THEN price, fee and event are the plan's, and all that moved is accounted for
        let event = &outcome.events::<LiquidationBid>()[0];
        assert_eq!(i64::from(event.discount), expected);
        let planned = (slice.price.raw(), slice.fund_fee.raw());
        assert_eq!((event.price, event.fund_fee), planned, "after {elapsed} s");
        let part = cash[0] / 10;
        let after = [&alice, &keeper].map(|trader| world.account(&trader.account).0.cash);
        assert_eq!(after[0], cash[0] - part + event.price);
        assert_eq!(after[1], cash[1] + part - event.price - event.fund_fee);
        assert_eq!(insurance(&world), funds + event.fund_fee as u64);
        // the fee is a tenth of the discount off a tenth of the equity
        let reward = i128::from(worth) * i128::from(expected) / 10_000_000;
        assert!((reward / 10 - i128::from(event.fund_fee)).abs() <= 1);
        assert_conserved(&world);
    }
}

#[test]
fn case_70_a_maintained_account_stays_in_the_fast_phase() {
    for (target, expected) in [(0, 300_000), (1, 300_000), (-1, 650_000)] {
        let (mut world, alice, _, keeper) = auctioned_long();
        wait(&mut world, 8_100);
        set_cash(&mut world, &alice, target);
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
        let outcome = world.send(&[ix], &[keeper.user]).ok();
        let event = &outcome.events::<LiquidationBid>()[0];
        assert_eq!(
            (event.discount, event.maintenance_health),
            (expected, target)
        );
    }
}

#[test]
fn case_72_what_nobody_bought_at_any_price_goes_for_nothing() {
    let (mut world, alice, _, keeper) = auctioned_long();
    wait(&mut world, 15_300);
    let (worth, gained) = (equity(&world, &alice), equity(&world, &keeper));
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, 0);
    // even for nothing, the fund has its share of what the bidder gains
    assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::PriceAboveLimit,
    );
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE, worth / 10);
    world.send(&[ix], &[keeper.user]).ok();
    let (header, positions) = world.account(&alice.account);
    assert_eq!((header.cash, positions.len()), (0, 0));
    assert_eq!(insurance(&world), worth as u64 / 10);
    assert_eq!(equity(&world, &keeper), gained + worth - worth / 10);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert_conserved(&world);
}

#[test]
fn what_a_bidder_pays_in_all_is_limited() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let (slice, _) = plan(&world, &alice, FRACTION_ONE / 10);
    let paid = slice.price.raw() + slice.fund_fee.raw();
    assert!(slice.fund_fee.raw() > 0);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, paid - 1);
    let error = MarginError::PriceAboveLimit;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    let numbers = [format!("Left: {}", paid - 1), format!("Right: {paid}")];
    assert_logged(&outcome, &[&numbers[0], &numbers[1]]);
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, paid);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn case_72_refuses_less_than_the_bidders_minimum() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let most = plan(&world, &alice, FRACTION_ONE).0.fraction;
    let error = MarginError::SliceBelowMinimum;
    for (fraction, minimum) in [(FRACTION_ONE, most + 1), (FRACTION_ONE, u64::MAX)] {
        let ix = limited(&world, &keeper, &alice, fraction, minimum, i64::MAX);
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
        let numbers = [format!("Left: {most}"), format!("Right: {minimum}")];
        assert_logged(&outcome, &[&numbers[0], &numbers[1]]);
    }
    // less than that was asked for
    let ix = limited(&world, &keeper, &alice, 5_000_000, 5_000_001, i64::MAX);
    assert_refused(&mut world, &ix, &[keeper.user], error);
    let ix = limited(&world, &keeper, &alice, FRACTION_ONE, most, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn the_funds_share_takes_the_house_writable() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
    let read_only = ix.clone().readonly(world.house);
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &read_only, &[keeper.user], error);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn several_liquidators_in_one_slot_each_get_what_is_left() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let second = world.trader("second", 200_000 * USDC);
    let third = world.trader("third", 200_000 * USDC);
    // GIVEN bids for all of it by three in one transaction, made from the same state: THEN the first has it
    let most = plan(&world, &alice, FRACTION_ONE).0.fraction;
    let bid = |world: &World, keeper: &Trader, fraction| {
        bid_ix(world, keeper, &alice, fraction, i64::MAX)
    };
    let all = [&keeper, &second].map(|trader| bid(&world, trader, FRACTION_ONE));
    let signers = [keeper.user, second.user];
    let outcome = assert_batch_refused(&mut world, &all, &signers, MarginError::AccountHealthy);
    let first = &outcome.events::<LiquidationBid>()[0];
    assert_eq!((first.liquidator, first.fraction), (keeper.account, most));
    // WHEN two ask for half of what restores it and the third for all, THEN each gets its part, and the third what is left
    let bids = [
        bid(&world, &keeper, most / 2),
        bid(&world, &second, most / 2),
        bid(&world, &third, FRACTION_ONE),
    ];
    let signers = [keeper.user, second.user, third.user];
    let outcome = world.send_wide(&bids, &signers).ok();
    let sold: Vec<_> = outcome
        .events::<LiquidationBid>()
        .iter()
        .map(|event| event.fraction)
        .collect();
    assert_eq!(sold[..2], [most / 2, most / 2]);
    assert!(sold[2] > 0 && sold[2] < most / 2, "{sold:?} of {most}");
    let report = world.report(&alice.account).margin;
    let left = buffer_health(&report, Ratio::from_raw(100_000)).unwrap();
    assert!(left.raw().abs() <= 102_000, "{left:?}");
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert_conserved(&world);
}

#[test]
fn inv_04_many_small_bids_gain_no_more_than_one() {
    // GIVEN one keeper who takes all at once and one who takes it in twenty bids of the same moment
    let gain = |part: Option<u64>| {
        let (mut world, alice, _, keeper) = auctioned_long();
        wait(&mut world, 600);
        let before = equity(&world, &keeper);
        let mut bids = 0;
        loop {
            let report = world.report(&alice.account).margin;
            let terms = world
                .read::<Clearinghouse>(&world.house)
                .liquidation_terms();
            if terms.is_restored(&report).expect("a small account") {
                break;
            }
            let fraction = part.unwrap_or(FRACTION_ONE);
            let ix = bid_ix(&world, &keeper, &alice, fraction, i64::MAX);
            world.send(&[ix], &[keeper.user]).ok();
            bids += 1;
        }
        (equity(&world, &keeper) - before, bids)
    };
    let ((once, one), (many, bids)) = (gain(None), gain(Some(FRACTION_ONE / 100)));
    assert!(one == 1 && bids > 10, "{one} {bids}");
    assert!(once > 0 && many > 0 && many <= once, "{many} {once}");
}

#[test]
fn case_10_an_owner_with_two_wallets_loses_what_the_fund_gets() {
    for elapsed in [0, 900, 8_100, 15_300] {
        // GIVEN a second wallet of the same person, which no program can tell from a stranger's
        let (mut world, alice, _, _) = auctioned_long();
        let sybil = world.trader("the same person", 200_000 * USDC);
        wait(&mut world, elapsed);
        let both = |world: &World| equity(world, &alice) + equity(world, &sybil);
        let (before, funds) = (both(&world), insurance(&world));
        // WHEN it buys what restores the account, THEN both together have lost the fee, and gained nothing
        let ix = bid_ix(&world, &sybil, &alice, FRACTION_ONE, i64::MAX);
        world.send(&[ix], &[sybil.user]).ok();
        let fee = (insurance(&world) - funds) as i64;
        let lost = before - both(&world);
        assert!(
            fee > 0 && (lost - fee).abs() <= 2,
            "{elapsed}: {lost} {fee}"
        );
    }
}

#[test]
fn case_74_a_reward_is_never_more_than_what_is_left() {
    for elapsed in [0, 900, 15_300] {
        for left in [1, 2, 100, 1_000_000] {
            // GIVEN an account of which next to nothing is left
            let (mut world, alice, _, keeper) = auctioned_long();
            let price = BTC_START - dollars(30_000) + left * 100;
            let btc = world.btc;
            world.set_price(&btc, price);
            wait(&mut world, elapsed);
            let worth = equity(&world, &alice);
            assert_eq!(worth, left as i64);
            let (funds, rich) = (insurance(&world), equity(&world, &keeper));
            // WHEN a tenth is bought, which needs more margin than there is equity
            let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
            world.send(&[ix], &[keeper.user]).ok();
            // THEN reward and fee are less than that, and the account is not driven below zero
            let after = equity(&world, &alice);
            let fee = (insurance(&world) - funds) as i64;
            let reward = equity(&world, &keeper) - rich;
            assert!((0..=worth).contains(&after), "{elapsed} {left}: {after}");
            assert!(reward + fee <= worth - after + 1, "{reward} {fee} {after}");
            assert!(fee <= worth / 10);
        }
    }
}

#[test]
fn case_73_anything_in_front_shrinks_a_bid_and_does_not_block_it() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let friend = world.trader("friend", 200_000 * USDC);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 100);
    // GIVEN bids for the whole that were signed before, WHEN a unit is deposited or the least slice bought in front of each
    let signed = bid_ix(&world, &keeper, &alice, FRACTION_ONE, i64::MAX);
    let planned = plan(&world, &alice, FRACTION_ONE).0.fraction;
    for _ in 0..5 {
        world.deposit(&alice, &bank, 1).ok();
        let least = bid_ix(&world, &friend, &alice, FRACTION_ONE / 1_000, i64::MAX);
        world.send(&[least], &[friend.user]).ok();
    }
    // THEN the bid that was signed first takes what is left
    let outcome = world.send(&[signed], &[keeper.user]).ok();
    let sold = outcome.events::<LiquidationBid>()[0].fraction;
    assert!(
        sold < planned && sold > planned * 9 / 10,
        "{sold} {planned}"
    );
    world.stop_liquidation(&keeper.user, &alice.account).ok();
}

#[test]
fn case_71_anybody_may_name_a_worse_scenario_later() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let btc = world.btc;
    world.set_price(&btc, dollars(96_000));
    let worst = world.report(&alice.account).witness();
    let bid = |world: &mut World, witness: &[u8]| {
        let outcome = world
            .bid(&keeper, &alice.account, witness, FRACTION_ONE)
            .ok();
        outcome.events::<LiquidationBid>()[0].fraction
    };
    // spot 0.865 with volatility unchanged: what restores the buffer there is taken first
    let mild = bid(&mut world, &[17]);
    assert!(health(&world, &alice) < 0);
    let ix = {
        let args = BidArgs {
            witness: vec![17],
            fraction: FRACTION_ONE,
            minimum: 0,
            price_limit: i64::MAX,
        };
        world.bid_ix(&keeper, &alice.account, args)
    };
    let error = MarginError::AccountHealthy;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    // WHEN the worst is named, THEN more is for sale, and it ends there
    assert!(mild > FRACTION_ONE / 10 && bid(&mut world, &worst) > FRACTION_ONE / 100);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
}

#[test]
fn a_clock_that_runs_backwards_or_never_ran_is_no_discount() {
    // a start in the future, as a wrong clock would leave it, is the first discount; a start at zero is the end
    for (started, expected) in [(i64::MAX, 50_000), (0, 1_000_000), (i64::MIN, 1_000_000)] {
        let (mut world, alice, _, keeper) = auctioned_long();
        rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
            header.liquidation_started_at = started;
        });
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
        let outcome = world.send(&[ix], &[keeper.user]).ok();
        assert_eq!(outcome.events::<LiquidationBid>()[0].discount, expected);
    }
}

#[test]
fn inv_16_equity_that_came_back_takes_a_proof_of_insolvency_back() {
    // before the auction is over the clock of the insolvent phase is cleared; after it, it goes on, or slices would reset it
    for (elapsed, clock) in [(15_299, 0), (15_300, 5)] {
        let (mut world, alice, _, keeper) = auctioned_long();
        wait(&mut world, elapsed);
        let house = world.house;
        rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
            (header.insolvent_at, header.proven_deficit) = (5, 7);
        });
        rewrite::<Clearinghouse>(&mut world, &house, |house| house.proven_insolvency = 10);
        let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 10, i64::MAX);
        world.send(&[ix], &[keeper.user]).ok();
        let (header, _) = world.account(&alice.account);
        assert_eq!((header.insolvent_at, header.proven_deficit), (clock, 0));
        let house = world.read::<Clearinghouse>(&house);
        assert_eq!(house.proven_insolvency, 3);
    }
}

#[test]
fn case_72_inv_15_what_a_bid_leaves_as_dust_goes_whole_with_the_next() {
    // GIVEN a long of a few hundredths of a coin that fails, late in its auction: it requires more than 100 dollars
    let builder = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let (btc, bank) = (world.btc, world.usdc);
    let [alice, bob, keeper] = [("alice", 1_000), ("bob", 100_000), ("keeper", 100_000)]
        .map(|(name, usdc)| world.trader(name, usdc * USDC));
    world
        .trade(&alice, &bob, &[perpetual(&btc, 8_000, BTC_START)])
        .ok();
    let free = world.report(&alice.account).margin.initial_health.raw();
    world.withdraw(&alice, &bank, free as u64).ok();
    world.set_price(&btc, BTC_START / 100 * 94);
    start(&mut world, &keeper, &alice);
    wait(&mut world, 14_000);
    let requirement = |world: &World| {
        world
            .report(&alice.account)
            .margin
            .maintenance_margin()
            .raw()
    };
    assert!(requirement(&world) > DUST_REQUIREMENT);
    // WHEN half is bought, which leaves less than that, THEN the least bid takes all of the rest
    let ix = bid_ix(&world, &keeper, &alice, FRACTION_ONE / 2, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
    let left = requirement(&world);
    assert!(left > 0 && left <= DUST_REQUIREMENT, "{left}");
    assert_eq!(world.account(&alice.account).1[0].quantity, 4_000);
    let ix = bid_ix(&world, &keeper, &alice, LEAST_FRACTION, i64::MAX);
    world.send(&[ix], &[keeper.user]).ok();
    assert!(world.account(&alice.account).1.is_empty());
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert_conserved(&world);
}
