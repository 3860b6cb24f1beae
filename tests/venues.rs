//! `list_venue`, `delist_venue`, `relist_venue`, `approve_venue`, `revoke_venue`: who lets a program trade for whom.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{VenueApproved, VenueDelisted, VenueListed, VenueRevoked};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::Venue;
use portfolio_margin_interface::Pubkey;
use sandbox::lifecycle::set_delegate;
use sandbox::{Trader, World};
use support::{assert_refused, foreign_house, other_program_copy, pair, Bend, Refusal};

/// Alice and bob, and a program that is listed.
fn listed() -> (World, Trader, Trader, Pubkey) {
    let (mut world, alice, bob) = pair(50_000);
    let program = world.add_hostile_venue("venue");
    world.list_venue(&program).ok();
    (world, alice, bob, program)
}

fn venues(world: &World, trader: &Trader) -> [Pubkey; 4] {
    world.account(&trader.account).0.venues
}

#[test]
fn the_governor_lists_delists_and_lists_again() {
    let (mut world, ..) = pair(1);
    let program = world.add_hostile_venue("venue");
    let (governor, house) = (world.governor, world.house);
    let key = seeds::venue(&house, &program);
    let authority = seeds::venue_authority(&house, &program);
    let outcome = world.list_venue(&program).ok();
    let event = &outcome.events::<VenueListed>()[0];
    assert_eq!((event.clearinghouse, event.program), (house, program));
    assert_eq!((event.authority, event.sequence), (authority, 1));
    let venue: Venue = world.read(&key);
    assert_eq!((venue.clearinghouse, venue.program), (house, program));
    assert_eq!((venue.authority, venue.is_listed), (authority, 1));

    let delist = world.delist_venue_ix(&program);
    let relist = world.relist_venue_ix(&program);
    let is_listed = MarginError::VenueListed;
    assert_refused(&mut world, &relist, &[governor], is_listed);
    let outcome = world.send(std::slice::from_ref(&delist), &[governor]).ok();
    let event = &outcome.events::<VenueDelisted>()[0];
    assert_eq!((event.clearinghouse, event.program), (house, program));
    assert_eq!(
        (event.sequence, world.read::<Venue>(&key).is_listed),
        (2, 0)
    );
    let is_not = MarginError::VenueNotListed;
    assert_refused(&mut world, &delist, &[governor], is_not);
    let outcome = world.send(&[relist], &[governor]).ok();
    let event = &outcome.events::<VenueListed>()[0];
    assert_eq!((event.authority, event.sequence), (authority, 3));
    assert_eq!(world.read::<Venue>(&key).is_listed, 1);
}

#[test]
fn case_01_nobody_else_lists_or_delists() {
    let (mut world, alice, _, program) = listed();
    let governor = world.governor;
    let second = world.add_hostile_venue("second");
    for ix in [
        world.list_venue_ix(&second),
        world.delist_venue_ix(&program),
        world.relist_venue_ix(&program),
    ] {
        let unsigned = ix.clone().unsigned(governor.key);
        let missing = ErrorCode::AccountNotSigner;
        assert_refused(&mut world, &unsigned, &[], missing);
        let other = ix.replace(governor.key, alice.user.key);
        assert_refused(&mut world, &other, &[alice.user], MarginError::NotGovernor);
    }
}

#[test]
fn case_06_07_08_one_record_per_house_and_program_at_its_address() {
    let (mut world, _, _, program) = listed();
    let governor = world.governor;
    let again = world.list_venue_ix(&program);
    assert_refused(&mut world, &again, &[governor], Refusal::Code(0));
    let second = world.add_hostile_venue("second");
    let elsewhere = world.list_venue_ix(&second);
    let key = seeds::venue(&world.house, &second);
    let (foreign, ..) = foreign_house(&mut world);
    let wrong = elsewhere.replace(key, seeds::venue(&foreign, &second));
    assert_refused(&mut world, &wrong, &[governor], ErrorCode::ConstraintSeeds);
    // the governor of one house does not speak for another's venue
    let delist = world.delist_venue_ix(&program);
    let wrong = delist.replace(world.house, foreign);
    let mismatch = MarginError::ClearinghouseMismatch;
    assert_refused(&mut world, &wrong, &[governor], mismatch);
}

#[test]
fn what_is_listed_is_a_program() {
    let (mut world, alice, ..) = listed();
    let governor = world.governor;
    for other in [
        alice.user.key,
        alice.account,
        sandbox::User::named("nothing").key,
    ] {
        let ix = world.list_venue_ix(&other);
        assert_refused(&mut world, &ix, &[governor], MarginError::VenueProgram);
    }
}

#[test]
fn the_owner_approves_and_revokes() {
    let (mut world, alice, bob, program) = listed();
    let before = world.account(&alice.account).0.sequence;
    let outcome = world.approve_venue(&alice, &program).ok();
    let event = &outcome.events::<VenueApproved>()[0];
    assert_eq!(
        (event.margin_account, event.program),
        (alice.account, program)
    );
    assert_eq!(event.sequence, before + 1);
    assert_eq!(venues(&world, &alice)[0], program);
    assert_eq!(venues(&world, &bob), [Pubkey::default(); 4]);
    // approved twice is approved
    let data = world.data(&alice.account);
    let outcome = world.approve_venue(&alice, &program).ok();
    assert_eq!(outcome.events::<VenueApproved>().len(), 0);
    assert_eq!(world.data(&alice.account), data);

    let revoke = world.revoke_venue_ix(&alice, &program);
    let outcome = world
        .send(std::slice::from_ref(&revoke), &[alice.user])
        .ok();
    let event = &outcome.events::<VenueRevoked>()[0];
    assert_eq!(
        (event.margin_account, event.program),
        (alice.account, program)
    );
    assert_eq!(event.sequence, before + 2);
    assert_eq!(venues(&world, &alice), [Pubkey::default(); 4]);
    let not_approved = MarginError::VenueNotApproved;
    assert_refused(&mut world, &revoke, &[alice.user], not_approved);
}

#[test]
fn case_01_02_neither_a_delegate_nor_a_stranger_approves_or_revokes() {
    let (mut world, alice, bob, program) = listed();
    world.approve_venue(&alice, &program).ok();
    let second = world.add_hostile_venue("second");
    world.list_venue(&second).ok();
    let bot = world.user("bot");
    let ix = set_delegate(&alice, bot.key, SCOPE_TRADE, world.now() + 60);
    world.send(&[ix], &[alice.user]).ok();
    for ix in [
        world.approve_venue_ix(&alice, &second),
        world.revoke_venue_ix(&alice, &program),
    ] {
        let unsigned = ix.clone().unsigned(alice.user.key);
        let missing = ErrorCode::AccountNotSigner;
        assert_refused(&mut world, &unsigned, &[], missing);
        for other in [bot, bob.user] {
            let ix = ix.clone().replace(alice.user.key, other.key);
            assert_refused(&mut world, &ix, &[other], MarginError::NotOwner);
        }
    }
}

#[test]
fn case_63_four_venues_and_no_fifth_until_one_is_revoked() {
    let (mut world, alice, _, first) = listed();
    world.approve_venue(&alice, &first).ok();
    let mut others = Vec::new();
    for name in ["two", "three", "four", "five"] {
        let program = world.add_hostile_venue(name);
        world.list_venue(&program).ok();
        others.push(program);
    }
    for program in &others[..3] {
        world.approve_venue(&alice, program).ok();
    }
    let fifth = world.approve_venue_ix(&alice, &others[3]);
    assert_refused(&mut world, &fifth, &[alice.user], MarginError::VenuesFull);
    // an approved one is no fifth
    world.approve_venue(&alice, &others[2]).ok();
    let revoke = world.revoke_venue_ix(&alice, &others[0]);
    world.send(&[revoke], &[alice.user]).ok();
    world.send(&[fifth], &[alice.user]).ok();
    assert_eq!(
        venues(&world, &alice),
        [first, others[3], others[1], others[2]]
    );
}

#[test]
fn a_delisted_venue_is_not_approved_but_revoked() {
    let (mut world, alice, bob, program) = listed();
    world.approve_venue(&alice, &program).ok();
    let (governor, delist) = (world.governor, world.delist_venue_ix(&program));
    world.send(&[delist], &[governor]).ok();
    let approve = world.approve_venue_ix(&bob, &program);
    let not_listed = MarginError::VenueNotListed;
    assert_refused(&mut world, &approve, &[bob.user], not_listed);
    let revoke = world.revoke_venue_ix(&alice, &program);
    world.send(&[revoke], &[alice.user]).ok();
}

#[test]
fn a_free_place_is_no_venue_that_could_be_revoked() {
    let (mut world, alice, ..) = listed();
    let revoke = world.revoke_venue_ix(&alice, &Pubkey::default());
    let not_approved = MarginError::VenueNotApproved;
    assert_refused(&mut world, &revoke, &[alice.user], not_approved);
}

#[test]
fn case_04_05_06_the_record_is_the_houses_own() {
    let (mut world, alice, _, program) = listed();
    let key = seeds::venue(&world.house, &program);
    let ix = world.approve_venue_ix(&alice, &program);
    let copy = other_program_copy(&mut world, &key);
    let (foreign, ..) = foreign_house(&mut world);
    let governor = world.governor;
    let mut list = world.list_venue_ix(&program);
    list = list
        .replace(world.house, foreign)
        .replace(key, seeds::venue(&foreign, &program));
    world.send(&[list], &[governor]).ok();
    let cases: [(Pubkey, Refusal); 3] = [
        (copy, ErrorCode::AccountOwnedByWrongProgram.into()),
        (
            world.btc.key,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
        (
            seeds::venue(&foreign, &program),
            MarginError::ClearinghouseMismatch.into(),
        ),
    ];
    for (other, error) in cases {
        let ix = ix.clone().replace(key, other);
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
}
