//! `stop_liquidation`: ends with the buffer above maintenance in every scenario, and not before.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::dollars;
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long,
    foreign_house, liquidating_long, mixed_book, other_program_copy, set_cash, Bend,
};

#[test]
fn case_70_stops_with_nine_tenths_of_the_buffer_and_not_one_unit_below() {
    let (mut world, alice, _, keeper) = liquidating_long();
    // 9 % of the requirement, which cash does not change
    let margin = world
        .report(&alice.account)
        .margin
        .maintenance_margin()
        .raw();
    let least = (margin * 9 + 99).div_euclid(100);
    for health in [-1, 0, least - 1] {
        set_cash(&mut world, &alice, health);
        let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::BufferMissing);
        assert_logged(
            &outcome,
            &[&format!("Left: {health}"), &format!("Right: {margin}")],
        );
    }
    set_cash(&mut world, &alice, least);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    let (header, _) = world.account(&alice.account);
    assert_eq!(
        (
            header.status,
            header.liquidation_started_at,
            header.reserved_cash
        ),
        (0, 0, 0)
    );
}

#[test]
fn case_06_refuses_another_clearing_house() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let (house, _, _) = foreign_house(&mut world);
    let ix = world
        .stop_liquidation_ix(&keeper.user, &alice.account)
        .replace(world.house, house);
    assert_refused(
        &mut world,
        &ix,
        &[keeper.user],
        MarginError::ClearinghouseMismatch,
    );
}

#[test]
fn clears_the_reserve_that_bids_built_up() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, FRACTION_ONE)
        .ok();
    let (header, _) = world.account(&alice.account);
    assert!(header.reserved_cash > 0);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    let (stopped, _) = world.account(&alice.account);
    assert_eq!((stopped.status, stopped.reserved_cash), (0, 0));
    assert_eq!(
        (stopped.cash, stopped.sequence),
        (header.cash, header.sequence + 1)
    );
}

#[test]
fn anybody_may_stop_it() {
    let (mut world, alice, _, _) = liquidating_long();
    let (btc, stranger) = (world.btc, world.user("stranger"));
    world.set_price(&btc, dollars(110_000));
    let unsigned = world
        .stop_liquidation_ix(&stranger, &alice.account)
        .unsigned(stranger.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    world.stop_liquidation(&stranger, &alice.account).ok();
}

#[test]
fn refuses_an_account_that_is_not_in_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::NotLiquidating);
    assert_logged(&outcome, &["Left: 0", "Right: 1"]);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let btc = world.btc;
    world.set_price(&btc, dollars(2_000));
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&bob.user, &alice.account, &witness)
        .ok();
    world.set_price(&btc, dollars(110_000));
    let ix = world.stop_liquidation_ix(&bob.user, &alice.account);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[bob.user]);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
    let copy = other_program_copy(&mut world, &alice.account);
    let copied = ix.clone().replace(alice.account, copy);
    let owner = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[keeper.user], owner);
    let cosplay = ix.replace(alice.account, world.btc.key);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
}
