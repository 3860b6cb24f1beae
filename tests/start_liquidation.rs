//! `start_liquidation`: one scenario per market proves a breach; nothing proves one that is not there.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::scenario::{BASIS_WITNESS, FLOOR_WITNESS};
use sandbox::{
    call, dollars, future, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, USDC,
};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long, health,
    mixed_book, other_program_copy, pair, rewrite, set_cash, Bend,
};

/// The scenario without any move in [`risk_core::scenario::MAJOR_GRID`].
const NO_MOVE: u8 = 20;

#[test]
fn marks_the_account_and_says_since_when() {
    let (mut world, alice, _, keeper) = failing_long();
    let witness = world.report(&alice.account).witness();
    let before = world.account(&alice.account);
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    let (header, positions) = world.account(&alice.account);
    assert_eq!(
        (header.status, header.liquidation_started_at),
        (1, world.now())
    );
    assert_eq!(
        (header.reserved_cash, header.sequence),
        (0, before.0.sequence + 1)
    );
    assert_eq!((header.cash, positions), (before.0.cash, before.1));
}

#[test]
fn anybody_may_start_it() {
    let (mut world, alice, _, _) = failing_long();
    let stranger = world.user("stranger");
    let witness = world.report(&alice.account).witness();
    let unsigned = world
        .start_liquidation_ix(&stranger, &alice.account, &witness)
        .unsigned(stranger.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    world
        .start_liquidation(&stranger, &alice.account, &witness)
        .ok();
}

#[test]
fn case_70_refuses_at_exactly_zero_and_starts_one_unit_below() {
    for (target, healthy) in [(0, true), (1, true), (-1, false)] {
        let (mut world, alice, _, keeper) = failing_long();
        set_cash(&mut world, &alice, target);
        let witness = world.report(&alice.account).witness();
        let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
        if healthy {
            let error = MarginError::AccountHealthy;
            let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
            assert_logged(&outcome, &["Left: 0", &format!("Right: {target}")]);
        } else {
            world.send(&[ix], &[keeper.user]).ok();
        }
    }
}

#[test]
fn inv_12_no_scenario_whatever_starts_a_healthy_account() {
    let (mut world, alice, bob) = pair(60_000);
    let (btc, week) = (world.btc, world.week);
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        call(&btc, week, dollars(125_000), -BASE, dollars(900)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let keeper = world.user("keeper");
    for scenario in 0..31 {
        let ix = world.start_liquidation_ix(&keeper, &alice.account, &[scenario]);
        assert_refused(&mut world, &ix, &[keeper], MarginError::AccountHealthy);
    }
}

#[test]
fn case_71_inv_09_every_scenario_gives_the_verdict_of_its_own_loss() {
    let (mut world, alice, _, keeper) = failing_long();
    let report = world.report(&alice.account);
    let market = &report.markets[0];
    let (mut breaching, mut covered) = (0, 0);
    for (scenario, pnl) in market.pnl.iter().enumerate() {
        let margin = report.margin;
        // the same equity and contingencies with this scenario's loss at 80 %
        let scan = (*pnl.min(&0) * 8).div_euclid(10);
        let health = margin.equity.raw() + scan - margin.contingency_maintenance.raw();
        let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[scenario as u8]);
        if health < 0 {
            breaching += 1;
            let outcome = world.simulate(&[ix], &[keeper.user]);
            assert!(
                outcome.error.is_none(),
                "scenario {scenario}: {:?}",
                outcome.logs
            );
        } else {
            covered += 1;
            let error = MarginError::AccountHealthy;
            let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
            assert_logged(&outcome, &[&format!("Right: {health}")]);
        }
    }
    assert!(breaching >= 1 && covered >= 20, "{breaching} {covered}");
}

/// The name under which each floor is a witness, and a book whose worst it is: a future hedged by the perpetual, and a narrow
/// spread far in the money.
fn floored(witness: u8) -> (World, Trader, Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 500_000 * USDC));
    let (btc, week, month) = (world.btc, world.week, world.month);
    let legs = match witness {
        BASIS_WITNESS => vec![
            perpetual(&btc, BASE, BTC_START),
            future(&btc, month, -BASE, BTC_START),
        ],
        _ => vec![
            call(&btc, week, dollars(60_000), BASE, dollars(56_700)),
            call(&btc, week, dollars(61_000), -BASE, dollars(55_700)),
        ],
    };
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

#[test]
fn case_71_a_floor_that_no_scenario_shows_is_named_by_its_own_number() {
    for floor in [BASIS_WITNESS, FLOOR_WITNESS] {
        // GIVEN an account whose requirement a floor sets, one unit short of it
        let (mut world, alice, bob) = floored(floor);
        let above = health(&world, &alice);
        rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
            header.cash -= above + 1;
        });
        assert_eq!(world.report(&alice.account).witness(), [floor]);
        // WHEN any scenario or the other floor is named, THEN nothing of the basis is proved; the minimum delta is, as every witness
        // evaluates it
        for other in (0..33).chain([BASIS_WITNESS, FLOOR_WITNESS]) {
            let ix = world.start_liquidation_ix(&bob.user, &alice.account, &[other]);
            if floor == FLOOR_WITNESS {
                let outcome = world.simulate(&[ix], &[bob.user]);
                assert!(outcome.error.is_none(), "{other}: {:?}", outcome.logs);
            } else if other != floor {
                assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
            }
        }
        world
            .start_liquidation(&bob.user, &alice.account, &[floor])
            .ok();
    }
}

#[test]
fn a_witness_of_a_length_that_somebody_made_up_is_refused_by_name() {
    let (mut world, alice, _, keeper) = failing_long();
    let valid = world.start_liquidation_ix(&keeper.user, &alice.account, &[2]);
    // a length that no heap holds, one beyond the bytes that follow, one byte less than there are
    let head = valid.data.len() - 5;
    for length in [u32::MAX, 1 << 20, 40_000, 2] {
        let mut ix = valid.clone();
        ix.data[head..head + 4].copy_from_slice(&length.to_le_bytes());
        let error = ErrorCode::InstructionDidNotDeserialize;
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
    // bytes are there, more than any account has markets: what is kept of them is too long
    let many = world.start_liquidation_ix(&keeper.user, &alice.account, &[2; 700]);
    let outcome = assert_refused(
        &mut world,
        &many,
        &[keeper.user],
        MarginError::WitnessLength,
    );
    assert_logged(&outcome, &["Left: 256", "Right: 1"]);
}

#[test]
fn a_breaching_scenario_need_not_be_the_worst() {
    let (mut world, alice, _, keeper) = failing_long();
    let btc = world.btc;
    world.set_price(&btc, dollars(95_000));
    let worst = world.report(&alice.account).witness()[0];
    // spot 0.865 with volatility unchanged, where the worst is 0.82 with volatility up
    let other = 17;
    assert_ne!(worst, other);
    world
        .start_liquidation(&keeper.user, &alice.account, &[other])
        .ok();
}

#[test]
fn refuses_a_witness_that_does_not_fit() {
    let (mut world, alice, _, keeper) = failing_long();
    for (witness, left) in [(vec![], 0), (vec![2, 2], 2), (vec![2; 200], 200)] {
        let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
        let error = MarginError::WitnessLength;
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
        assert_logged(&outcome, &[&format!("Left: {left}"), "Right: 1"]);
    }
    for scenario in [31, 40, 255] {
        let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[scenario]);
        let error = MarginError::ScenarioSetInvalid;
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
        let logged = format!("UnknownScenario {{ index: {scenario}, count: 31 }}");
        assert_logged(&outcome, &[&logged]);
    }
}

#[test]
fn refuses_an_account_without_positions() {
    let (mut world, alice, bob) = pair(1_000);
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &[]);
    let outcome = assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
    assert_logged(&outcome, &["Right: 1000000000"]);
    let empty = world.trader("nobody's", 0);
    let ix = world.start_liquidation_ix(&bob.user, &empty.account, &[]);
    assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
}

#[test]
fn refuses_an_account_in_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::AccountLiquidating,
    );
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
}

#[test]
fn case_35_a_tenfold_jump_still_liquidates() {
    let mut world = World::new();
    let short = world.trader("short", 40_000 * USDC);
    let long = world.trader("long", 40_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let legs = [
        perpetual(&btc, -BASE, BTC_START),
        call(&btc, week, dollars(140_000), -BASE / 10, dollars(100)),
    ];
    world.trade(&short, &long, &legs).ok();
    world.set_price(&btc, BTC_START * 10);
    let witness = world.report(&short.account).witness();
    world
        .start_liquidation(&long.user, &short.account, &witness)
        .ok();
    assert!(world.report(&short.account).margin.equity.raw() < 0);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let btc = world.btc;
    world.set_price(&btc, dollars(2_000));
    let witness = world.report(&alice.account).witness();
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &witness);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[bob.user]);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _, keeper) = failing_long();
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &[NO_MOVE]);
    let copy = other_program_copy(&mut world, &alice.account);
    let copied = ix.clone().replace(alice.account, copy);
    let owner = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[keeper.user], owner);
    let cosplay = ix.replace(alice.account, world.usdc.key);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
}
