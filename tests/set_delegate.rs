//! `set_delegate`: who may name one, what one may do, until when.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::DelegateSet;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::tier::Tier;
use sandbox::lifecycle::{close_margin_account, grow_margin_account, set_delegate};
use sandbox::{perpetual, Trader, User, World, BASE, BTC_START, DAY, USDC};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, liquidating_long, pair, Bend};

/// Alice with dan as her delegate for a day.
fn delegated() -> (World, Trader, Trader, User) {
    let (mut world, alice, bob) = pair(50_000);
    let dan = world.user("dan");
    let until = world.now() + DAY;
    let ix = set_delegate(&alice, dan.key, SCOPE_TRADE, until);
    world.send(&[ix], &[alice.user]).ok();
    (world, alice, bob, dan)
}

/// A trade of alice with bob that dan signs in her place.
fn trade_by(world: &World, alice: &Trader, bob: &Trader, signer: &User) -> Instruction {
    let legs = [perpetual(&world.btc, BASE / 10, BTC_START)];
    let mut ix = world.trade_ix(alice, bob, &legs);
    ix.accounts[0].pubkey = signer.key;
    ix
}

#[test]
fn stores_what_the_owner_allows_and_tells_it() {
    let (mut world, alice, _) = pair(1);
    let dan = world.user("dan");
    let (until, before) = (world.now() + DAY, world.account(&alice.account).0.sequence);
    let ix = set_delegate(&alice, dan.key, SCOPE_TRADE, until);
    let outcome = world.send(&[ix], &[alice.user]).ok();
    let header: MarginAccount = world.read(&alice.account);
    let stored = (
        header.delegate,
        header.delegate_scope,
        header.delegate_expires,
    );
    assert_eq!(stored, (dan.key, 1, until));
    assert_eq!(header.sequence, before + 1);
    let events = outcome.events::<DelegateSet>();
    let [event] = &events[..] else {
        panic!("{} events", events.len());
    };
    assert_eq!(
        (event.margin_account, event.delegate, event.scope),
        (alice.account, dan.key, 1)
    );
    assert_eq!((event.expires, event.sequence), (until, before + 1));
}

#[test]
fn a_delegate_trades_until_the_second_before_its_end() {
    let (mut world, alice, bob, dan) = delegated();
    let ix = trade_by(&world, &alice, &bob, &dan);
    world.send(&[ix], &[dan, bob.user]).ok();

    world.advance(DAY - 1);
    world.refresh();
    let ix = trade_by(&world, &alice, &bob, &dan);
    world.send(&[ix], &[dan, bob.user]).ok();

    world.advance(1);
    world.refresh();
    let ix = trade_by(&world, &alice, &bob, &dan);
    let outcome = assert_refused(&mut world, &ix, &[dan, bob.user], MarginError::Unauthorized);
    assert_logged(
        &outcome,
        &[&alice.user.key.to_string(), &dan.key.to_string()],
    );
}

#[test]
fn case_02_a_delegate_does_nothing_that_is_the_owners() {
    let (mut world, alice, _, dan) = delegated();
    let (bank, until) = (world.usdc, world.now() + 2 * DAY);
    let alice_but_dan = Trader { user: dan, ..alice };
    let theft = world.withdraw_ix(&alice_but_dan, &bank, USDC);
    let deposit = world.deposit_ix(&alice_but_dan, &bank, USDC);
    world.fund(&dan, &bank, USDC);
    let owners = [
        theft,
        deposit,
        set_delegate(&alice_but_dan, dan.key, SCOPE_TRADE, until),
        set_delegate(&alice_but_dan, Pubkey::default(), 0, 0),
        world.set_tier_ix(&alice_but_dan, Tier::Standard),
        grow_margin_account(&alice_but_dan, 32),
        close_margin_account(&alice_but_dan),
    ];
    for ix in owners {
        assert_refused(&mut world, &ix, &[dan], MarginError::NotOwner);
    }
}

#[test]
fn case_03_a_revoked_or_replaced_delegate_signs_no_more() {
    let (mut world, alice, bob, dan) = delegated();
    let eve = world.user("eve");
    let until = world.now() + DAY;
    let ix = set_delegate(&alice, eve.key, SCOPE_TRADE, until);
    world.send(&[ix], &[alice.user]).ok();
    let ix = trade_by(&world, &alice, &bob, &dan);
    assert_refused(&mut world, &ix, &[dan, bob.user], MarginError::Unauthorized);
    let ix = trade_by(&world, &alice, &bob, &eve);
    world.send(&[ix], &[eve, bob.user]).ok();

    let ix = set_delegate(&alice, Pubkey::default(), 0, 0);
    world.send(&[ix], &[alice.user]).ok();
    let header: MarginAccount = world.read(&alice.account);
    assert_eq!((header.delegate_scope, header.delegate_expires), (0, 0));
    let ix = trade_by(&world, &alice, &bob, &eve);
    assert_refused(&mut world, &ix, &[eve, bob.user], MarginError::Unauthorized);
}

#[test]
fn case_01_only_the_owner_names_a_delegate() {
    let (mut world, alice, bob) = pair(1);
    let until = world.now() + DAY;
    let ix = set_delegate(&alice, bob.user.key, SCOPE_TRADE, until);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(alice.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn refuses_scopes_and_times_that_mean_nothing() {
    let (mut world, alice, bob) = pair(1);
    let (now, key, nobody) = (world.now(), bob.user.key, Pubkey::default());
    let bad = [
        (key, 0, now + 1),
        (key, SCOPE_TRADE | 2, now + 1),
        (key, 1 << 63, now + 1),
        (key, SCOPE_TRADE, now),
        (key, SCOPE_TRADE, 0),
        (key, SCOPE_TRADE, i64::MIN),
        (nobody, SCOPE_TRADE, now + 1),
        (nobody, SCOPE_TRADE, 0),
        (nobody, 0, now + 1),
    ];
    for (delegate, scope, expires) in bad {
        let ix = set_delegate(&alice, delegate, scope, expires);
        let error = MarginError::ParameterOutOfRange;
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
    for expires in [now + 1, i64::MAX] {
        let ix = set_delegate(&alice, key, SCOPE_TRADE, expires);
        world.send(&[ix], &[alice.user]).ok();
    }
}

#[test]
fn a_delegate_can_be_taken_back_during_liquidation() {
    let (mut world, alice, bob, _) = liquidating_long();
    let until = world.now() + DAY;
    for (key, scope, time) in [
        (bob.user.key, SCOPE_TRADE, until),
        (Pubkey::default(), 0, 0),
    ] {
        let ix = set_delegate(&alice, key, scope, time);
        world.send(&[ix], &[alice.user]).ok();
        assert_eq!(world.read::<MarginAccount>(&alice.account).delegate, key);
    }
}
