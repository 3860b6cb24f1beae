//! `bid_insolvent`: the fund pays by the clock, then the account by its bad debt, and nothing else by anything. Who may not have it is in
//! `bid_insolvent_refusals.rs`, what a thief gets in `insolvency_economics.rs`.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::InsolventBid;
use portfolio_margin_interface::args::{BidArgs, LiquidationArgs};
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use risk_core::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, SOL, USDC};
use support::insolvent::{
    assert_proofs, bid_of, broke_long, equity, house, insolvent_long, insure, pass, used,
    whole_bid, BROKE,
};
use support::{assert_logged, assert_refused, health, mixed_book, start};

/// What [`insolvent_long`] lacks, 1e-6 USD.
const LACKING: u64 = 6_661_500_000;
/// A fund that lasts.
const PLENTY: u64 = 1_000_000 * USDC;

/// The account's price again after time has passed.
fn pass_at(world: &mut World, seconds: i64, price: u64) {
    pass(world, seconds);
    let btc = world.btc;
    world.set_price(&btc, price);
}

/// Bids, and checks what every bid must keep: the account no worse, the bidder paid what is told and the fund less by its part.
#[track_caller]
fn bid(world: &mut World, keeper: &Trader, alice: &Trader, fraction: u64) -> InsolventBid {
    let before = [equity(world, alice), equity(world, keeper)];
    let was = (health(world, alice), house(world), used(world));
    let positions = world.account(&alice.account).1.len();
    let outcome = world.bid_insolvent(keeper, &alice.account, fraction).ok();
    let event: InsolventBid = outcome.events().remove(0);
    let (header, left) = world.account(&alice.account);
    let after = [equity(world, alice), equity(world, keeper)];
    let lots = 2 * BTC_START as i64 / 100_000_000;
    // INV-16: nothing comes from elsewhere: the fund pays into the two accounts together what it paid
    let sums = [before, after].map(|pair| pair[0] + pair[1]);
    assert!((sums[1] - sums[0] - event.insurance as i64).abs() <= lots);
    assert_eq!(house(world).insurance, was.1.insurance - event.insurance);
    assert_eq!(used(world), was.2 + event.insurance);
    // INV-13: it improves, or nothing is left of it
    assert_eq!(event.maintenance_health, was.0);
    assert!(health(world, alice) > was.0 || left.is_empty() && positions > 0);
    // the account never pays an incentive: its equity falls below what it was by nothing
    assert!(after[0] >= before[0].min(0) - lots, "{before:?} {after:?}");
    assert_eq!(header.reserved_cash, 0);
    let ends = [alice, keeper].map(|trader| world.account(&trader.account).0.sequence);
    assert_eq!([event.liquidatee_sequence, event.liquidator_sequence], ends);
    assert_proofs(world);
    event
}

#[test]
fn the_payout_grows_with_the_clock_from_nothing_to_the_whole_deficit() {
    let length = 3_600;
    let (world, alice, ..) = insolvent_long(PLENTY);
    let deficit = -health(&world, &alice);
    assert!(deficit > LACKING as i64);
    let mut last = 0;
    for elapsed in [0, 1, 2, 1_799, 1_800, 3_599, 3_600, 3_601, 100_000] {
        let (mut world, alice, _, keeper) = insolvent_long(PLENTY);
        pass_at(&mut world, elapsed, dollars(80_000));
        let event = bid(&mut world, &keeper, &alice, FRACTION_ONE);
        let expected = deficit as i128 * i128::from(elapsed.min(length)) / i128::from(length);
        assert_eq!(i128::from(event.insurance), expected, "after {elapsed} s");
        assert!(event.insurance >= last);
        last = event.insurance;
        // the bidder's gain over what it took: the requirement of the book, at the end
        let gain = equity(&world, &keeper) - 200_000 * USDC as i64;
        assert_eq!(gain, expected as i64 - LACKING as i64);
        // in the beginning nothing pays a bidder for what the account lacks, and nothing forces one
        assert_eq!(event.debt, 0);
    }
    assert_eq!(last as i64, deficit);
}

#[test]
fn case_74_inv_16_the_fund_pays_first_and_the_account_no_more_than_its_bad_debt() {
    let deficit = {
        let (world, alice, ..) = insolvent_long(0);
        -health(&world, &alice) as u64
    };
    // by what the fund has: what it pays, what the account owes
    let cases = [
        (0, 0, LACKING),
        (1, 1, LACKING - 1),
        (LACKING - 1, LACKING - 1, 1),
        (LACKING, LACKING, 0),
        (LACKING + 1, LACKING + 1, 0),
        (deficit - 1, deficit - 1, 0),
        (deficit, deficit, 0),
        (deficit + 1, deficit, 0),
    ];
    for (fund, insurance, debt) in cases {
        let (mut world, alice, _, keeper) = insolvent_long(fund);
        pass_at(&mut world, 3_600, dollars(80_000));
        let event = bid(&mut world, &keeper, &alice, FRACTION_ONE);
        assert_eq!(
            (event.insurance, event.debt),
            (insurance, debt),
            "of {fund}"
        );
        assert_eq!(event.fraction, FRACTION_ONE);
        let (header, positions) = world.account(&alice.account);
        assert!(positions.is_empty());
        assert_eq!(header.cash, -(debt as i64));
        assert_eq!(house(&world).interest.debts, debt);
        assert_eq!(house(&world).proven_insolvency, debt);
        let status = match debt {
            0 => STATUS_ACTIVE,
            _ => STATUS_LIQUIDATING,
        };
        assert_eq!(header.status, status);
        // the bidder comes out with no less than it had: what it took is worth nothing to it, or an incentive better
        assert!(equity(&world, &keeper) >= 200_000 * USDC as i64);
    }
}

#[test]
fn half_way_the_bidder_shares_the_loss() {
    // a fund of nothing after half an hour: the payout is below the deficit, and all of it bad debt
    let (mut world, alice, _, keeper) = insolvent_long(0);
    pass_at(&mut world, 1_000, dollars(80_000));
    let deficit = -health(&world, &alice) as u64;
    let event = bid(&mut world, &keeper, &alice, FRACTION_ONE);
    assert_eq!(event.insurance, 0);
    assert_eq!(event.debt, deficit * 1_000 / 3_600);
    assert!(event.debt < LACKING);
    let lost = 200_000 * USDC as i64 - equity(&world, &keeper);
    assert_eq!(lost as u64, LACKING - event.debt);
}

#[test]
fn case_21_an_account_that_is_taken_whole_is_active_and_clean_and_may_be_closed() {
    let (mut world, alice, _, keeper) = insolvent_long(PLENTY);
    pass_at(&mut world, 3_600, dollars(80_000));
    bid(&mut world, &keeper, &alice, FRACTION_ONE);
    let (header, _) = world.account(&alice.account);
    assert_eq!((header.status, header.cash), (STATUS_ACTIVE, 0));
    assert_eq!((header.liquidation_started_at, header.insolvent_at), (0, 0));
    assert_eq!((header.proven_deficit, header.loss_market), (0, 0));
    let close = sandbox::lifecycle::close_margin_account(&alice);
    world.send(&[close], &[alice.user]).ok();
    assert_proofs(&world);
    // nobody bids on it twice, and the keeper's book is an account like any other
    let (_, positions) = world.account(&keeper.account);
    assert_eq!(positions[0].quantity, BASE);
}

#[test]
fn what_is_left_of_an_account_that_owes_is_for_resolution_and_not_for_bidders() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    pass_at(&mut world, 3_600, dollars(80_000));
    bid(&mut world, &keeper, &alice, FRACTION_ONE);
    let again = whole_bid(&world, &keeper, &alice);
    let error = MarginError::HealthNotImproved;
    let outcome = assert_refused(&mut world, &again, &[keeper.user], error);
    let debt = format!("-{LACKING}");
    assert_logged(
        &outcome,
        &[&format!("Left: {debt}"), &format!("Right: {debt}")],
    );
    // it can be proved, and is by the same amount
    world.prove_insolvency(&alice.account).ok();
    assert_eq!(house(&world).proven_insolvency, LACKING);
    assert_proofs(&world);
    // the first dollars of a fund that is filled later are the resolution's
    insure(&mut world, PLENTY);
    let close = sandbox::lifecycle::close_margin_account(&alice);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut world, &close, &[alice.user], error);
}

#[test]
fn several_bidders_in_one_slot_split_the_book_and_the_fund() {
    for fund in [0, 3_000 * USDC, LACKING, PLENTY] {
        let (mut world, alice, _, keeper) = insolvent_long(fund);
        let others = ["second", "third", "fourth"].map(|n| world.trader(n, 200_000 * USDC));
        pass_at(&mut world, 3_600, dollars(80_000));
        let deficit = -health(&world, &alice) as u64;
        let mut paid = 0;
        let parts = [(keeper, 4), (others[0], 3), (others[1], 2), (others[2], 1)];
        for (keeper, of) in parts {
            let event = bid(&mut world, &keeper, &alice, FRACTION_ONE / of);
            paid += event.insurance;
        }
        let (_, positions) = world.account(&alice.account);
        assert!(positions.is_empty());
        let owed = -world.account(&alice.account).0.cash;
        // as much as one bidder for the whole: the fund to its end or the deficit's, and what it lacks of what lacked
        let near = |a: u64, b: u64| a.abs_diff(b) <= 400_000; // a lot of 1e-6 coins for each bid
        assert!(near(paid, deficit.min(fund)), "{paid} of {fund}");
        assert!(near(owed as u64, LACKING.saturating_sub(fund)), "{owed}");
        assert_eq!(house(&world).proven_insolvency, owed as u64);
        let (header, _) = world.account(&alice.account);
        assert_eq!(header.status == STATUS_ACTIVE, owed == 0);
    }
}

#[test]
fn inv_15_slices_end_in_finitely_many_steps_whatever_their_size() {
    for (fund, part, most) in [
        (PLENTY, FRACTION_ONE / 3, 20),
        (0, FRACTION_ONE / 10, 60),
        (0, FRACTION_ONE / 50, 320),
    ] {
        let (mut world, alice, _, keeper) = insolvent_long(fund);
        pass_at(&mut world, 3_600, dollars(80_000));
        let mut steps = 0;
        while !world.account(&alice.account).1.is_empty() {
            bid(&mut world, &keeper, &alice, part);
            steps += 1;
            assert!(steps < most, "the account is not resolved");
        }
        let (header, _) = world.account(&alice.account);
        assert!(header.cash <= 0);
        assert_eq!(header.status == STATUS_ACTIVE, header.cash == 0);
    }
}

#[test]
fn the_fund_pays_no_more_than_the_cap_of_the_market_in_all() {
    for cap in [0, 1, 4_000 * USDC] {
        let builder = || {
            let mut builder = WorldBuilder::default();
            builder.market_rules.insurance_cap = cap;
            builder
        };
        let (mut world, alice, bob, keeper) = broke_long(builder(), dollars(80_000));
        let btc = world.btc;
        let second = world.trader("second", 30_000 * USDC);
        world.set_price(&btc, BTC_START);
        let leg = [perpetual(&btc, BASE, BTC_START)];
        world.trade(&second, &bob, &leg).ok();
        world.set_price(&btc, dollars(80_000));
        start(&mut world, &keeper, &second);
        insure(&mut world, PLENTY);
        for account in [&alice, &second] {
            world.prove_insolvency(&account.account).ok();
        }
        pass_at(&mut world, 3_600, dollars(80_000));
        let first = bid(&mut world, &keeper, &alice, FRACTION_ONE / 2);
        assert_eq!(first.insurance, cap.min(LACKING / 2));
        // a second bankruptcy in the same slot finds what is left of the cap
        let rest = bid(&mut world, &keeper, &second, FRACTION_ONE);
        assert_eq!(first.insurance + rest.insurance, cap);
        assert_eq!(rest.debt + rest.insurance, LACKING.max(rest.insurance));
        assert_eq!(used(&world), cap);
        assert_eq!(house(&world).insurance, PLENTY - cap);
        bid(&mut world, &keeper, &alice, FRACTION_ONE);
        assert_eq!(used(&world), cap);
    }
}

#[test]
fn equity_that_nobody_wanted_in_the_whole_auction_is_taken_with_a_payout_of_the_fund_alone() {
    let terms = LiquidationArgs {
        slow_seconds: 600,
        ..LiquidationArgs::STANDARD
    };
    for fund in [0, 100 * USDC, PLENTY] {
        let builder = WorldBuilder {
            liquidation: terms.clone(),
            ..WorldBuilder::default()
        };
        let (mut world, alice, _, keeper) = broke_long(builder, dollars(95_000));
        insure(&mut world, fund);
        pass_at(&mut world, 1_500, dollars(95_000));
        world.prove_insolvency(&alice.account).ok();
        pass_at(&mut world, 1_800, dollars(95_000));
        let margin = world.report(&alice.account).margin;
        let (deficit, worth) = (-margin.maintenance_health.raw(), margin.equity.raw());
        assert!(worth > 0 && deficit > 0);
        let event = bid(&mut world, &keeper, &alice, FRACTION_ONE);
        assert_eq!(event.insurance, fund.min(deficit as u64 / 2));
        assert_eq!(event.debt, 0);
        let (header, _) = world.account(&alice.account);
        assert_eq!((header.status, header.cash), (STATUS_ACTIVE, 0));
        let gain = equity(&world, &keeper) - 200_000 * USDC as i64;
        assert_eq!(gain, worth + event.insurance as i64);
    }
}

#[test]
fn case_73_one_unit_deposits_around_zero_move_the_bid_from_one_instruction_to_the_other() {
    let (mut world, alice, _, keeper) = broke_long(WorldBuilder::default(), BROKE - 100);
    let bank = world.usdc;
    insure(&mut world, PLENTY);
    world.fund(&alice.user, &bank, 10);
    world.prove_insolvency(&alice.account).ok();
    pass_at(&mut world, 60, BROKE - 100);
    // built before the deposits, as a keeper's transaction would be; equity -1, then 0: it goes through, and is no other bid
    let tenth = bid_of(&world, &alice, FRACTION_ONE / 10);
    let ix = world.bid_insolvent_ix(&keeper, &alice.account, tenth);
    for _ in 0..2 {
        world.send(std::slice::from_ref(&ix), &[keeper.user]).ok();
        assert_proofs(&world);
        world.deposit(&alice, &bank, 1).ok();
    }
    // equity of a unit: it is for sale, at no more than a unit
    while equity(&world, &alice) <= 0 {
        world.deposit(&alice, &bank, 1).ok();
    }
    let error = MarginError::AccountSolvent;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    let witness = world.report(&alice.account).witness();
    let args = BidArgs {
        witness,
        fraction: FRACTION_ONE,
        minimum: 0,
        price_limit: 2,
    };
    let solvent =
        sandbox::instructions::writable(world.bid_ix(&keeper, &alice.account, args), &world.house);
    world.send(&[solvent], &[keeper.user]).ok();
    assert_proofs(&world);
}

#[test]
fn inv_15_dust_is_taken_whole_by_the_least_bid() {
    let mut world = World::new();
    let (btc, bank) = (world.btc, world.usdc);
    let alice = world.trader("alice", 100 * USDC);
    let bob = world.trader("bob", 100_000 * USDC);
    let keeper = world.trader("keeper", 100_000 * USDC);
    world
        .trade(&alice, &bob, &[perpetual(&btc, -7, BTC_START)])
        .ok();
    let free = world.report(&alice.account).margin.initial_health.raw() as u64;
    world.withdraw(&alice, &bank, free).ok();
    world.set_price(&btc, 2 * BTC_START);
    start(&mut world, &keeper, &alice);
    world.prove_insolvency(&alice.account).ok();
    insure(&mut world, PLENTY);
    pass_at(&mut world, 3_600, 2 * BTC_START);
    let event = bid(&mut world, &keeper, &alice, LEAST_FRACTION);
    assert_eq!(event.fraction, FRACTION_ONE);
    let (header, positions) = world.account(&alice.account);
    assert!(positions.is_empty());
    assert_eq!(header.status, STATUS_ACTIVE);
}

#[test]
fn takes_options_and_collateral_along_and_leaves_no_leg() {
    let (mut world, alice, bob) = mixed_book();
    let keeper = world.trader("keeper", 500_000 * USDC);
    let (btc, usdc, week) = (world.btc, world.usdc, world.week);
    let calls = [sandbox::call(
        &btc,
        week,
        dollars(130_000),
        -BASE / 2,
        dollars(500),
    )];
    world.trade(&alice, &bob, &calls).ok();
    world.withdraw(&alice, &usdc, 50_000 * USDC).ok();
    world.set_price(&btc, dollars(10_000));
    start(&mut world, &keeper, &alice);
    insure(&mut world, 20_000 * USDC);
    world.prove_insolvency(&alice.account).ok();
    pass_at(&mut world, 3_600, dollars(10_000));
    let before = world.account(&alice.account);
    bid(&mut world, &keeper, &alice, FRACTION_ONE / 8);
    let (bought, taken) = world.account(&keeper.account);
    let eighth: Vec<_> = before.1.iter().map(|p| (p.key(), p.quantity / 8)).collect();
    let held: Vec<_> = taken.iter().map(|p| (p.key(), p.quantity)).collect();
    assert_eq!(held, eighth);
    assert_eq!(bought.collateral[0].amount, 100 * SOL / 8);
    bid(&mut world, &keeper, &alice, FRACTION_ONE);
    let (header, positions) = world.account(&alice.account);
    assert!(positions.is_empty() && header.used_collateral().next().is_none());
    let (_, taken) = world.account(&keeper.account);
    let held: Vec<_> = taken.iter().map(|p| (p.key(), p.quantity)).collect();
    let all: Vec<_> = before.1.iter().map(|p| (p.key(), p.quantity)).collect();
    assert_eq!(held, all);
}

#[test]
fn a_proof_that_is_old_and_low_is_told_anew_by_the_next_bid() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    assert_eq!(house(&world).proven_insolvency, LACKING);
    pass_at(&mut world, 3_600, dollars(70_000));
    let deeper = LACKING + 10_000 * USDC;
    bid(&mut world, &keeper, &alice, FRACTION_ONE / 2);
    // half was taken, and paid for by debt: what lacks lacks still
    let sum = house(&world).proven_insolvency;
    assert!(sum.abs_diff(deeper) <= 1, "{sum}");
}

#[test]
fn a_bid_limit_on_debts_stops_no_bid() {
    // no account of this house may owe anything; the bad debt is no loan
    let (mut world, alice, _, keeper) = insolvent_long(0);
    assert_eq!(house(&world).interest.account_limit, 0);
    pass_at(&mut world, 3_600, dollars(80_000));
    let event = bid(&mut world, &keeper, &alice, FRACTION_ONE);
    assert_eq!(event.debt, LACKING);
}
