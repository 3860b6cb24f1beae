//! The example venue (`programs/example-venue`) on its real bytecode: orders that rest, takes through CPI, and what it or the
//! clearing house refuses.

use anchor_lang::error::ErrorCode;
use example_venue::{Order, OrderArgs, VenueError};
use portfolio_margin::error::MarginError;
use portfolio_margin::event::Traded;
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::{seeds, Pubkey};
use sandbox::instructions::writable;
use sandbox::lifecycle::set_delegate;
use sandbox::venue::{cancel_order_ix, order_key, place_order_ix};
use sandbox::{dollars, Trader, World, WorldBuilder, BASE, BTC_START, SOL, USDC};
use support::{
    assert_batch_refused, assert_refused, debts, other_program_copy, pair, Bend, Refusal,
};

/// A hundredth of a BTC.
const LOT: u64 = BASE as u64 / 100;

/// Alice takes, bob makes; both hold 50,000 USDC and approved the venue.
fn venue() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = pair(50_000);
    world.add_example_venue(&[&alice, &bob]);
    (world, alice, bob)
}

/// Bob sells twenty lots of the perpetual at the price of the start, for a minute.
fn offer(world: &World) -> OrderArgs {
    OrderArgs {
        id: 1,
        market: world.btc.index,
        instrument: 0,
        expiry: 0,
        strike: 0,
        quantity: -20 * LOT as i64,
        price: BTC_START,
        expires: world.now() + 60,
    }
}

/// The same, placed.
fn resting() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = venue();
    let args = offer(&world);
    world.place_order(&bob, args).ok();
    (world, alice, bob)
}

fn order(world: &World, maker: &Trader, id: u64) -> Option<Order> {
    let account = world.svm.get_account(&order_key(maker, id))?;
    let mut data = &account.data[..];
    anchor_lang::AccountDeserialize::try_deserialize(&mut data).ok()
}

fn quantity(world: &World, trader: &Trader) -> i64 {
    let (_, positions) = world.account(&trader.account);
    positions.iter().map(|record| record.quantity).sum()
}

fn refusal(error: VenueError) -> Refusal {
    Refusal::Code(error.into())
}

#[test]
fn an_order_is_taken_in_parts_until_nothing_is_left() {
    let (mut world, alice, bob) = venue();
    let carol = world.trader("carol", 50_000 * USDC);
    world.approve_venue(&carol, &example_venue::ID).ok();
    let args = offer(&world);
    let before = world.svm.get_account(&bob.user.key).unwrap().lamports;
    let placed = world.place_order(&bob, args.clone()).ok();
    let rest = order(&world, &bob, 1).expect("a resting order");
    assert_eq!((rest.maker, rest.owner), (bob.account, bob.user.key));
    assert_eq!((rest.quantity, rest.price), (args.quantity, args.price));

    let taken = world.take_order(&alice, &bob, 1, 5 * LOT).ok();
    assert_eq!(order(&world, &bob, 1).unwrap().quantity, -15 * LOT as i64);
    assert_eq!(quantity(&world, &alice), 5 * LOT as i64);
    let event = &taken.events::<Traded>()[0];
    assert_eq!((event.taker, event.maker), (alice.account, bob.account));
    assert_eq!(event.legs[0].quantity, 5 * LOT as i64);
    println!(
        "example venue: place {} compute units, take {} ({} bytes)",
        placed.compute_units, taken.compute_units, taken.bytes
    );
    world.take_order(&carol, &bob, 1, LOT).ok();
    // more than is left takes what is left, and the maker has its rent back
    world.take_order(&alice, &bob, 1, i64::MAX as u64).ok();
    assert_eq!(order(&world, &bob, 1), None);
    let after = world.svm.get_account(&bob.user.key).unwrap().lamports;
    assert_eq!(after, before, "the world's payer pays the fees");
    let sides = [&alice, &carol, &bob].map(|trader| quantity(&world, trader));
    assert_eq!(sides, [19, 1, -20].map(|lots| lots * LOT as i64));
    assert!(world.reconcile().is_exact());
}

#[test]
fn bids_and_options_rest_as_well() {
    let (mut world, alice, bob) = venue();
    let args = OrderArgs {
        instrument: 2,
        expiry: world.week,
        strike: dollars(120_000),
        quantity: 10 * LOT as i64,
        price: dollars(900),
        ..offer(&world)
    };
    world.place_order(&bob, args).ok();
    let before = world.account(&bob.account).0.cash;
    world.take_order(&alice, &bob, 1, 4 * LOT).ok();
    assert_eq!(quantity(&world, &bob), 4 * LOT as i64);
    let paid = before - world.account(&bob.account).0.cash;
    assert_eq!(paid, 36 * USDC as i64); // 0.04 x 900
    assert!(world.reconcile().is_exact());
}

#[test]
fn an_account_has_many_orders_each_at_its_address() {
    let (mut world, alice, bob) = resting();
    let args = offer(&world);
    let again = place_order_ix(&bob, args.clone());
    assert_refused(&mut world, &again, &[bob.user], Refusal::Code(0));
    let second = OrderArgs { id: 2, ..args };
    let wrong = place_order_ix(&bob, second.clone());
    let wrong = wrong.replace(order_key(&bob, 2), order_key(&bob, 3));
    let seeds = ErrorCode::ConstraintSeeds;
    assert_refused(&mut world, &wrong, &[bob.user], seeds);
    world.place_order(&bob, second).ok();
    world.take_order(&alice, &bob, 2, LOT).ok();
    assert_eq!(order(&world, &bob, 1).unwrap().quantity, -20 * LOT as i64);
    assert_eq!(order(&world, &bob, 2).unwrap().quantity, -19 * LOT as i64);
}

#[test]
fn only_the_owner_places_and_only_where_it_approved_the_venue() {
    let (mut world, alice, bob) = venue();
    let carol = world.trader("carol", 50_000 * USDC);
    let ix = place_order_ix(&bob, offer(&world));
    let unsigned = ix.clone().unsigned(bob.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    // the maker's consent is its owner's signature: not a stranger's, not a delegate's
    let named = set_delegate(&bob, carol.user.key, SCOPE_TRADE, world.now() + 60);
    world.send(&[named], &[bob.user]).ok();
    for other in [alice.user, carol.user] {
        let by_other = ix.clone().replace(bob.user.key, other.key);
        let not_owner = refusal(VenueError::NotOwner);
        assert_refused(&mut world, &by_other, &[other], not_owner);
    }
    let strange = place_order_ix(&carol, offer(&world));
    let not_approved = refusal(VenueError::NotApproved);
    assert_refused(&mut world, &strange, &[carol.user], not_approved);
    // a margin account of another program
    let copy = other_program_copy(&mut world, &bob.account);
    let copied = ix.replace(bob.account, copy);
    let wrong = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[bob.user], wrong);
}

#[test]
fn an_order_says_something() {
    let (mut world, _, bob) = venue();
    let now = world.now();
    let cases = [
        (0, now + 60, VenueError::ZeroQuantity),
        (1, now, VenueError::OrderExpired),
        (1, now - 1, VenueError::OrderExpired),
    ];
    for (quantity, expires, error) in cases {
        let args = OrderArgs {
            quantity,
            expires,
            ..offer(&world)
        };
        let ix = place_order_ix(&bob, args);
        assert_refused(&mut world, &ix, &[bob.user], refusal(error));
    }
}

#[test]
fn case_01_03_the_taker_signs_by_its_owner_or_delegate() {
    let (mut world, alice, bob) = resting();
    let bot = world.user("bot");
    let end = world.now() + 30;
    let named = set_delegate(&alice, bot.key, SCOPE_TRADE, end);
    world.send(&[named], &[alice.user]).ok();
    let ix = world.take_order_ix(&alice, &bob, 1, LOT);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by = |user: &sandbox::User| ix.clone().replace(alice.user.key, user.key);
    let not_taker = refusal(VenueError::NotTaker);
    // the maker is nobody here
    assert_refused(&mut world, &by(&bob.user), &[bob.user], not_taker);
    world.set_time(end - 1);
    world.send(&[by(&bot)], &[bot]).ok();
    world.set_time(end);
    assert_refused(&mut world, &by(&bot), &[bot], not_taker);
    world.send(std::slice::from_ref(&ix), &[alice.user]).ok();
}

#[test]
fn is_good_until_the_second_before_it_expires_and_then_anybodys_to_remove() {
    let (mut world, alice, bob) = resting();
    let expires = order(&world, &bob, 1).unwrap().expires;
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let remove = cancel_order_ix(&alice.user, &bob, 1);
    world.set_time(expires - 1);
    world.send(std::slice::from_ref(&take), &[alice.user]).ok();
    let not_owner = refusal(VenueError::NotOwner);
    assert_refused(&mut world, &remove, &[alice.user], not_owner);
    let over = refusal(VenueError::OrderExpired);
    for time in [expires, expires + 1] {
        world.set_time(time);
        assert_refused(&mut world, &take, &[alice.user], over);
    }
    // the rent is the maker's, whoever removes it
    let thief = remove.clone().replace_at(1, alice.user.key);
    assert_refused(&mut world, &thief, &[alice.user], not_owner);
    world.send(&[remove], &[alice.user]).ok();
    assert_eq!(order(&world, &bob, 1), None);
}

#[test]
fn the_maker_cancels_at_any_time() {
    let (mut world, alice, bob) = resting();
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let cancel = cancel_order_ix(&bob.user, &bob, 1);
    let unsigned = cancel.clone().unsigned(bob.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    world
        .send(&[take.clone(), cancel.clone()], &[alice.user, bob.user])
        .ok();
    assert_eq!(order(&world, &bob, 1), None);
    let gone = ErrorCode::AccountNotInitialized;
    assert_refused(&mut world, &take, &[alice.user], gone);
}

#[test]
fn case_24_revoked_by_either_side_or_delisted() {
    let (mut world, alice, bob) = resting();
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let not_approved = MarginError::VenueNotApproved;
    for trader in [&alice, &bob] {
        let revoke = world.revoke_venue_ix(trader, &example_venue::ID);
        world.send(&[revoke], &[trader.user]).ok();
        assert_refused(&mut world, &take, &[alice.user], not_approved);
        world.approve_venue(trader, &example_venue::ID).ok();
    }
    world.send(std::slice::from_ref(&take), &[alice.user]).ok();
    let (governor, delist) = (world.governor, world.delist_venue_ix(&example_venue::ID));
    let batch = [delist, take];
    let signers = [governor, alice.user];
    let not_listed = MarginError::VenueNotListed;
    assert_batch_refused(&mut world, &batch, &signers, not_listed);
}

#[test]
fn what_the_clearing_house_refuses_leaves_the_order_as_it_was() {
    let (mut world, alice, bob) = venue();
    let poor = world.trader("poor", 100 * USDC);
    world.approve_venue(&poor, &example_venue::ID).ok();
    let args = offer(&world);
    world.place_order(&bob, args.clone()).ok();
    let take = world.take_order_ix(&poor, &bob, 1, 20 * LOT);
    let breached = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &take, &[poor.user], breached);
    let own = world.take_order_ix(&bob, &bob, 1, LOT);
    assert_refused(&mut world, &own, &[bob.user], MarginError::SelfTrade);
    // a series that nobody listed can be placed and never filled
    let senseless = OrderArgs {
        id: 2,
        instrument: 9,
        ..args
    };
    world.place_order(&bob, senseless).ok();
    let take = world.take_order_ix(&alice, &bob, 2, LOT);
    let unknown = MarginError::InstrumentUnknown;
    assert_refused(&mut world, &take, &[alice.user], unknown);
    // accounts that the check does not take
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let extra = take.append(world.sol.key);
    let unexpected = MarginError::UnexpectedAccount;
    assert_refused(&mut world, &extra, &[alice.user], unexpected);
}

#[test]
fn every_account_of_a_take_is_the_orders() {
    let (mut world, alice, bob) = resting();
    let carol = world.trader("carol", 50_000 * USDC);
    world.approve_venue(&carol, &example_venue::ID).ok();
    let house = world.house;
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let has_one = ErrorCode::ConstraintHasOne;
    let other_program = world.add_hostile_venue("not the clearing house");
    let copy = other_program_copy(&mut world, &order_key(&bob, 1));
    let cases: [(Pubkey, Pubkey, Refusal); 6] = [
        (bob.account, carol.account, has_one.into()),
        (bob.user.key, carol.user.key, has_one.into()),
        (
            seeds::venue_authority(&house, &example_venue::ID),
            carol.user.key,
            ErrorCode::ConstraintSeeds.into(),
        ),
        (
            portfolio_margin_interface::ID,
            other_program,
            ErrorCode::InvalidProgramId.into(),
        ),
        (
            order_key(&bob, 1),
            copy,
            ErrorCode::AccountOwnedByWrongProgram.into(),
        ),
        (
            seeds::venue(&house, &example_venue::ID),
            world.btc.key,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (old, new, error) in cases {
        let bent = take.clone().replace(old, new);
        assert_refused(&mut world, &bent, &[alice.user], error);
    }
}

#[test]
fn the_clearing_house_stays_writable_through_the_venue_where_a_debt_changes() {
    let rules: HouseRulesArgs = debts();
    let mut world = WorldBuilder {
        rules,
        ..WorldBuilder::default()
    }
    .build();
    // alice holds SOL alone, so that a premium is a debt
    let alice = world.trader("alice", 0);
    let bob = world.trader("bob", 100_000 * USDC);
    let sol = world.sol_bank;
    world.fund(&alice.user, &sol, 100 * SOL);
    world.deposit(&alice, &sol, 100 * SOL).ok();
    world.add_example_venue(&[&alice, &bob]);
    let args = OrderArgs {
        instrument: 2,
        expiry: world.week,
        strike: dollars(120_000),
        price: dollars(900),
        ..offer(&world)
    };
    world.place_order(&bob, args).ok();
    let take = world.take_order_ix(&alice, &bob, 1, 10 * LOT);
    let read_only = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &take, &[alice.user], read_only);
    let take = writable(take, &world.house.clone());
    world.send(&[take], &[alice.user]).ok();
    assert_eq!(world.account(&alice.account).0.cash, -90 * USDC as i64);
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_take_is_of_the_order_that_its_taker_saw() {
    let (mut world, alice, bob) = resting();
    let take = world.take_order_ix(&alice, &bob, 1, LOT);
    let seen = offer(&world);
    let changed = refusal(VenueError::OrderChanged);
    // the maker puts another order in its place before the take
    for other in [
        OrderArgs {
            price: 2 * BTC_START,
            ..seen.clone()
        },
        OrderArgs {
            price: BTC_START - 1,
            ..seen.clone()
        },
        OrderArgs {
            quantity: -seen.quantity,
            ..seen.clone()
        },
        OrderArgs {
            market: world.sol.index,
            ..seen.clone()
        },
        OrderArgs {
            instrument: 1,
            expiry: world.week,
            ..seen.clone()
        },
    ] {
        let batch = [
            cancel_order_ix(&bob.user, &bob, 1),
            place_order_ix(&bob, other),
            take.clone(),
        ];
        let signers = [alice.user, bob.user];
        assert_batch_refused(&mut world, &batch, &signers, changed);
    }
    // the same again is the same
    let batch = [
        cancel_order_ix(&bob.user, &bob, 1),
        place_order_ix(&bob, seen),
        take,
    ];
    world.send_wide(&batch, &[alice.user, bob.user]).ok();
    let nothing = world.take_order_ix(&alice, &bob, 1, 0);
    assert_refused(&mut world, &nothing, &[alice.user], changed);
}
