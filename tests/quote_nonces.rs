//! `open_quotes` and `cancel_quotes`: what makes a signed quote good once, and void.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{QuotesCancelled, QuotesOpened};
use portfolio_margin_interface::quote::QuoteCancel::{All, Below, Nonce};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::QuoteNonces;
use portfolio_margin_interface::AccountLayout;
use sandbox::lifecycle::{close_margin_account, set_delegate};
use sandbox::quotes::ed25519;
use sandbox::{perpetual, Trader, User, World, BASE, BTC_START, USDC};
use support::{assert_batch_refused, assert_refused, other_program_copy, pair, Bend, Refusal};

/// Alice and bob with 50,000 USDC each; bob has quote nonces.
fn maker() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = pair(50_000);
    world.open_quotes(&bob).ok();
    (world, alice, bob)
}

/// Alice takes a lot of a tenth of a BTC of bob's quote of that nonce, signed now.
#[track_caller]
fn fills(world: &mut World, alice: &Trader, bob: &Trader, nonce: u64) {
    let quote = world.quote(bob, nonce, &[perpetual(&world.btc, BASE / 100, BTC_START)]);
    world.fill_quote(alice, bob, &quote, 1).ok();
}

/// The same is refused.
#[track_caller]
fn is_void(world: &mut World, alice: &Trader, bob: &Trader, nonce: u64) {
    let quote = world.quote(bob, nonce, &[perpetual(&world.btc, BASE / 100, BTC_START)]);
    let signed = ed25519(&bob.user, &quote.encode());
    let fill = world.fill_quote_ix(alice, bob, &quote, 1);
    let signers = [alice.user];
    assert_batch_refused(world, &[signed, fill], &signers, MarginError::QuoteUsed);
}

#[test]
fn the_owner_opens_and_pays() {
    let (mut world, _, bob) = pair(50_000);
    let key = seeds::quotes(&bob.account);
    let lamports = |world: &World| world.svm.get_account(&bob.user.key).unwrap().lamports;
    let before = lamports(&world);
    let outcome = world.open_quotes(&bob).ok();
    let nonces = world.quotes(&bob);
    assert_eq!(nonces.margin_account, bob.account);
    assert_eq!((nonces.session, nonces.sequence), (world.slot(), 1));
    assert_eq!(world.data(&key).len(), QuoteNonces::ACCOUNT_LEN);
    let rent = world.svm.get_account(&key).unwrap().lamports;
    assert_eq!(before - lamports(&world), rent);
    let event = &outcome.events::<QuotesOpened>()[0];
    assert_eq!(
        (
            event.margin_account,
            event.quotes,
            event.session,
            event.sequence
        ),
        (bob.account, key, nonces.session, 1)
    );
}

#[test]
fn case_01_02_only_the_owner_opens() {
    let (mut world, alice, bob) = pair(50_000);
    let ix = world.open_quotes_ix(&bob);
    let unsigned = ix.clone().unsigned(bob.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let (now, delegate) = (world.now(), alice.user);
    let named = set_delegate(&bob, delegate.key, SCOPE_TRADE, now + 60);
    world.send(&[named], &[bob.user]).ok();
    let by_delegate = ix.replace(bob.user.key, delegate.key);
    assert_refused(&mut world, &by_delegate, &[delegate], MarginError::NotOwner);
}

#[test]
fn case_07_does_not_open_twice() {
    let (mut world, _, bob) = maker();
    let ix = world.open_quotes_ix(&bob);
    // the system program: the address is in use
    assert_refused(&mut world, &ix, &[bob.user], Refusal::Code(0));
}

#[test]
fn case_20_opens_at_an_address_that_somebody_paid_into() {
    let (mut world, alice, bob) = pair(50_000);
    let key = seeds::quotes(&bob.account);
    world.svm.airdrop(&key, 1_000_000).expect("an airdrop");
    world.open_quotes(&bob).ok();
    fills(&mut world, &alice, &bob, 1);
}

#[test]
fn case_08_refuses_nonces_that_are_not_derived_from_the_account() {
    let (mut world, alice, bob) = pair(50_000);
    let ix = world.open_quotes_ix(&bob);
    let other = ix.replace(seeds::quotes(&bob.account), seeds::quotes(&alice.account));
    assert_refused(&mut world, &other, &[bob.user], ErrorCode::ConstraintSeeds);
}

#[test]
fn cancels_one_nonce_and_leaves_the_others() {
    let (mut world, alice, bob) = maker();
    let outcome = world.cancel_quotes(&bob, Nonce(5)).ok();
    let event = &outcome.events::<QuotesCancelled>()[0];
    let nonces = world.quotes(&bob);
    assert_eq!((event.margin_account, event.what), (bob.account, Nonce(5)));
    assert_eq!((event.session, event.sequence), (nonces.session, 2));
    is_void(&mut world, &alice, &bob, 5);
    fills(&mut world, &alice, &bob, 4);
    fills(&mut world, &alice, &bob, 5 + 128);
}

#[test]
fn a_partly_filled_nonce_is_cancelled_too() {
    let (mut world, alice, bob) = maker();
    fills(&mut world, &alice, &bob, 5);
    fills(&mut world, &alice, &bob, 5);
    world.cancel_quotes(&bob, Nonce(5)).ok();
    is_void(&mut world, &alice, &bob, 5);
}

#[test]
fn cancels_all_below_a_nonce_for_good() {
    let (mut world, alice, bob) = maker();
    world.cancel_quotes(&bob, Below(1_000)).ok();
    is_void(&mut world, &alice, &bob, 999);
    fills(&mut world, &alice, &bob, 1_000);
    // lower again changes nothing
    assert_changes_nothing(&mut world, &bob, Below(1_000));
    assert_changes_nothing(&mut world, &bob, Below(7));
    is_void(&mut world, &alice, &bob, 999);
}

#[track_caller]
fn assert_changes_nothing(
    world: &mut World,
    bob: &Trader,
    what: portfolio_margin_interface::quote::QuoteCancel,
) {
    let key = seeds::quotes(&bob.account);
    let before = world.data(&key);
    let outcome = world.cancel_quotes(bob, what).ok();
    assert_eq!(outcome.events::<QuotesCancelled>().len(), 0);
    assert_eq!(world.data(&key), before);
}

#[test]
fn cancelling_what_is_void_is_no_error_and_changes_nothing() {
    let (mut world, alice, bob) = maker();
    world.cancel_quotes(&bob, Nonce(5)).ok();
    assert_changes_nothing(&mut world, &bob, Nonce(5));
    world.cancel_quotes(&bob, Nonce(6 + 128)).ok();
    assert_changes_nothing(&mut world, &bob, Nonce(6)); // replaced
    is_void(&mut world, &alice, &bob, 6 + 128); // and the higher one stays void
}

#[test]
fn a_higher_nonce_of_a_slot_replaces_the_lower_for_good() {
    let (mut world, alice, bob) = maker();
    fills(&mut world, &alice, &bob, 3);
    fills(&mut world, &alice, &bob, 3 + 128);
    is_void(&mut world, &alice, &bob, 3);
    fills(&mut world, &alice, &bob, 3 + 128);
    fills(&mut world, &alice, &bob, 4);
    fills(&mut world, &alice, &bob, u64::MAX);
    is_void(&mut world, &alice, &bob, 127);
}

#[test]
fn case_02_a_delegate_cancels_quotes_but_not_all_of_them() {
    let (mut world, alice, bob) = maker();
    let delegate = world.user("bot");
    let end = world.now() + 60;
    let named = set_delegate(&bob, delegate.key, SCOPE_TRADE, end);
    world.send(&[named], &[bob.user]).ok();
    for what in [Nonce(5), Below(3)] {
        let ix = world.cancel_quotes_ix(&delegate, &bob, what);
        world.send(&[ix], &[delegate]).ok();
    }
    is_void(&mut world, &alice, &bob, 5);
    let all = world.cancel_quotes_ix(&delegate, &bob, All);
    assert_refused(&mut world, &all, &[delegate], MarginError::NotOwner);
    world.set_time(end);
    let late = world.cancel_quotes_ix(&delegate, &bob, Nonce(7));
    assert_refused(&mut world, &late, &[delegate], MarginError::Unauthorized);
}

#[test]
fn case_01_02_nobody_else_cancels() {
    let (mut world, alice, bob) = maker();
    for (what, error) in [
        (Nonce(5), MarginError::Unauthorized),
        (Below(5), MarginError::Unauthorized),
        (All, MarginError::NotOwner),
    ] {
        let ix = world.cancel_quotes_ix(&alice.user, &bob, what);
        assert_refused(&mut world, &ix, &[alice.user], error);
        let unsigned = world.cancel_quotes_ix(&bob.user, &bob, what);
        let unsigned = unsigned.unsigned(bob.user.key);
        assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    }
    // with an account of her own, bob's nonces are not hers
    let ix = world.cancel_quotes_ix(&alice.user, &alice, Nonce(5));
    let ix = ix.replace(seeds::quotes(&alice.account), seeds::quotes(&bob.account));
    assert_refused(&mut world, &ix, &[alice.user], MarginError::QuotesMismatch);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, _, bob) = maker();
    let key = seeds::quotes(&bob.account);
    let ix = world.cancel_quotes_ix(&bob.user, &bob, Nonce(5));
    let copy = other_program_copy(&mut world, &key);
    let copied = ix.clone().replace(key, copy);
    let wrong = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[bob.user], wrong);
    let cosplay = ix.replace(key, world.btc.key);
    let other = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[bob.user], other);
}

#[test]
fn a_new_session_voids_every_quote_and_frees_every_nonce() {
    let (mut world, alice, bob) = maker();
    let old = world.quote(&bob, 9, &[perpetual(&world.btc, BASE / 100, BTC_START)]);
    fills(&mut world, &alice, &bob, 9);
    // what a stolen delegate's key could spoil
    world.cancel_quotes(&bob, Below(u64::MAX)).ok();
    world.cancel_quotes(&bob, Nonce(u64::MAX)).ok();
    is_void(&mut world, &alice, &bob, u64::MAX);

    let before = world.quotes(&bob);
    let outcome = world.cancel_quotes(&bob, All).ok();
    let after = world.quotes(&bob);
    // in the slot in which the first one began, and still another
    assert_eq!(before.session, world.slot());
    assert_eq!(after.session, before.session + 1);
    assert_eq!(after.sequence, before.sequence + 1);
    let event = &outcome.events::<QuotesCancelled>()[0];
    assert_eq!((event.what, event.session), (All, after.session));

    let signed = ed25519(&bob.user, &old.encode());
    let fill = world.fill_quote_ix(&alice, &bob, &old, 1);
    let stale = MarginError::QuoteSession;
    assert_batch_refused(&mut world, &[signed, fill], &[alice.user], stale);
    fills(&mut world, &alice, &bob, 9);
    fills(&mut world, &alice, &bob, 0);

    world.set_slot(world.slot() + 100);
    world.cancel_quotes(&bob, All).ok();
    assert_eq!(world.quotes(&bob).session, world.slot());
}

#[test]
fn a_cancellation_counts_from_the_instruction_that_follows_it() {
    let (mut world, alice, bob) = maker();
    let quote = world.quote(&bob, 5, &[perpetual(&world.btc, BASE / 100, BTC_START)]);
    let signed = ed25519(&bob.user, &quote.encode());
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let cancel = world.cancel_quotes_ix(&bob.user, &bob, Nonce(5));
    let signers = [alice.user, bob.user];
    // one slot, one transaction: first the cancellation
    let batch = [signed.clone(), cancel.clone(), fill.clone()];
    assert_batch_refused(&mut world, &batch, &signers, MarginError::QuoteUsed);
    // first the fill
    world.send_wide(&[signed, fill, cancel], &signers).ok();
    is_void(&mut world, &alice, &bob, 5);
}

#[test]
fn case_22_what_was_filled_or_cancelled_stays_so_when_the_account_is_closed_and_opened_again() {
    let mut world = World::new();
    let alice = world.trader("alice", 50_000 * USDC);
    let bob = world.trader("bob", 0);
    world.open_quotes(&bob).ok();
    world.cancel_quotes(&bob, Nonce(5)).ok();
    let session = world.quotes(&bob).session;
    world.advance(60);
    world.refresh();
    let close = close_margin_account(&bob);
    world.send(&[close], &[bob.user]).ok();
    let again = world.trader("bob", 50_000 * USDC);
    assert_eq!(again, bob);
    // the nonces cannot be opened afresh, and are those of before
    let open = world.open_quotes_ix(&bob);
    assert_refused(&mut world, &open, &[bob.user], Refusal::Code(0));
    assert_eq!(world.quotes(&bob).session, session);
    is_void(&mut world, &alice, &bob, 5);
    fills(&mut world, &alice, &bob, 6);
}

#[test]
fn inv_19_every_change_of_nonces_raises_their_sequence() {
    let (mut world, alice, bob) = maker();
    let mut last = world.quotes(&bob).sequence;
    let mut is_higher = |world: &World| {
        let now = world.quotes(&bob).sequence;
        assert_eq!(now, last + 1);
        last = now;
    };
    fills(&mut world, &alice, &bob, 1);
    is_higher(&world);
    for what in [Nonce(2), Below(2), All] {
        world.cancel_quotes(&bob, what).ok();
        is_higher(&world);
    }
}

#[test]
fn accounts_of_one_owner_have_nonces_of_their_own() {
    let (mut world, alice, bob) = maker();
    let second = world.open_sub_account(&bob.user, 1, 16);
    let ix = world.open_quotes_ix(&second);
    world.send(&[ix], &[bob.user]).ok();
    let usdc = world.usdc;
    world.fund(&bob.user, &usdc, 50_000 * USDC);
    world.deposit(&second, &usdc, 50_000 * USDC).ok();
    world.cancel_quotes(&bob, Nonce(5)).ok();
    is_void(&mut world, &alice, &bob, 5);
    fills(&mut world, &alice, &second, 5);
    let stranger = User::named("stranger").key;
    assert!(world.svm.get_account(&seeds::quotes(&stranger)).is_none());
}
