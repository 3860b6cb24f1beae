//! `restart_auction`: the clock begins anew for an account above maintenance, so that it is not sold at a late discount when it dips.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{AuctionRestarted, LiquidationBid};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, BTC_START};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, auctioned_long,
    failing_long, foreign_house, health, mixed_book, other_program_copy, rewrite, set_cash, Bend,
};

#[test]
fn case_70_restarts_at_exactly_zero_and_not_one_unit_below() {
    for (target, maintained) in [(-1, false), (0, true), (1, true)] {
        let (mut world, alice, _, keeper) = auctioned_long();
        let started = world.now();
        world.advance(30);
        set_cash(&mut world, &alice, target);
        let ix = world.restart_auction_ix(&keeper.user, &alice.account);
        if !maintained {
            let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::HealthBelow);
            assert_logged(&outcome, &[&format!("Left: {target}"), "Right: 0"]);
            continue;
        }
        let before = world.account(&alice.account).0;
        let outcome = world.send(&[ix], &[keeper.user]).ok();
        let after = world.account(&alice.account).0;
        assert_eq!(before.liquidation_started_at, started);
        assert_eq!(after.liquidation_started_at, started + 30);
        let event = &outcome.events::<AuctionRestarted>()[0];
        assert_eq!(
            (
                event.margin_account,
                event.maintenance_health,
                event.sequence
            ),
            (alice.account, target, before.sequence + 1)
        );
        // nothing else changes: it is in liquidation, and what bids paid stays reserved
        let expected = MarginAccount {
            liquidation_started_at: after.liquidation_started_at,
            sequence: before.sequence + 1,
            ..before
        };
        assert_eq!(bytemuck::bytes_of(&after), bytemuck::bytes_of(&expected));
    }
}

#[test]
fn inv_12_an_account_that_dips_again_is_sold_from_the_first_discount_on() {
    // GIVEN an account that recovered above maintenance, an hour into its auction, and not to its buffer
    let (mut world, alice, _, keeper) = auctioned_long();
    let (btc, stranger) = (world.btc, world.user("stranger"));
    let recovered = dollars(105_500);
    world.advance(4_500);
    world.refresh();
    world.set_price(&btc, recovered);
    assert!(health(&world, &alice) >= 0);
    let stop = world.stop_liquidation_ix(&stranger, &alice.account);
    assert_refused(&mut world, &stop, &[stranger], MarginError::BufferMissing);
    // WHEN it dips again, THEN a bidder has a quarter of the slow phase behind it; after a restart only the first discount
    for (restart, discount) in [(false, 475_000), (true, 50_000)] {
        world.set_price(&btc, recovered);
        if restart {
            world.restart_auction(&stranger, &alice.account).ok();
        }
        world.set_price(&btc, dollars(102_000));
        let witness = world.report(&alice.account).witness();
        let outcome = world
            .bid(&keeper, &alice.account, &witness, FRACTION_ONE / 100)
            .ok();
        assert_eq!(outcome.events::<LiquidationBid>()[0].discount, discount);
    }
}

#[test]
fn takes_back_a_proof_of_insolvency() {
    // GIVEN an account that was proved to lack something and has recovered
    let (mut world, alice, _, keeper) = auctioned_long();
    let (btc, house) = (world.btc, world.house);
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
        (header.insolvent_at, header.proven_deficit) = (1, 7);
    });
    rewrite::<Clearinghouse>(&mut world, &house, |house| house.proven_insolvency = 10);
    world.set_price(&btc, BTC_START);
    let ix = world.restart_auction_ix(&keeper.user, &alice.account);
    let read_only = ix.clone().readonly(house);
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &read_only, &[keeper.user], error);
    world.send(&[ix], &[keeper.user]).ok();
    let (header, _) = world.account(&alice.account);
    assert_eq!((header.insolvent_at, header.proven_deficit), (0, 0));
    let house = world.read::<Clearinghouse>(&house);
    assert_eq!(house.proven_insolvency, 3);
}

#[test]
fn anybody_may_restart_it() {
    let (mut world, alice, _, _) = auctioned_long();
    let (btc, stranger) = (world.btc, world.user("stranger"));
    world.set_price(&btc, BTC_START);
    let unsigned = world
        .restart_auction_ix(&stranger, &alice.account)
        .unsigned(stranger.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    world.restart_auction(&stranger, &alice.account).ok();
}

#[test]
fn refuses_an_account_that_is_not_in_liquidation() {
    let (mut world, alice, bob, keeper) = failing_long();
    for account in [&alice, &bob] {
        let ix = world.restart_auction_ix(&keeper.user, &account.account);
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::NotLiquidating);
        assert_logged(&outcome, &["Left: 0", "Right: 1"]);
    }
}

#[test]
fn case_06_refuses_another_clearing_house() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let (house, _, _) = foreign_house(&mut world);
    let ix = world
        .restart_auction_ix(&keeper.user, &alice.account)
        .replace(world.house, house);
    let error = MarginError::ClearinghouseMismatch;
    assert_refused(&mut world, &ix, &[keeper.user], error);
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
    let ix = world.restart_auction_ix(&bob.user, &alice.account);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[bob.user]);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _, keeper) = auctioned_long();
    let ix = world.restart_auction_ix(&keeper.user, &alice.account);
    let copy = other_program_copy(&mut world, &alice.account);
    let copied = ix.clone().replace(alice.account, copy);
    let owner = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[keeper.user], owner);
    let cosplay = ix.replace(alice.account, world.btc.key);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
}
