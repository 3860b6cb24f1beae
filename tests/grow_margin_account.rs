//! `grow_margin_account`: room for more positions, with whatever the account holds.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::MarginAccountGrown;
use portfolio_margin_interface::state::MarginAccount;
use sandbox::lifecycle::grow_margin_account;
use sandbox::{call, dollars, perpetual, Trader, World, BASE, BTC_START, USDC};
use solana_account::ReadableAccount;
use support::{assert_logged, assert_refused, liquidating_long, pair, Bend};

#[track_caller]
fn grow(world: &mut World, trader: &Trader, capacity: u16) {
    let ix = grow_margin_account(trader, capacity);
    world.send(&[ix], &[trader.user]).ok();
}

/// Alice's account full of calls against bob, who has room for more.
fn full() -> (World, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 500_000 * USDC);
    let bob = world.user("bob");
    let bob = world.open(&bob, 128);
    let bank = world.usdc;
    world.fund(&bob.user, &bank, 500_000 * USDC);
    world.deposit(&bob, &bank, 500_000 * USDC).ok();
    let (btc, week) = (world.btc, world.week);
    let legs: Vec<_> = (0..16)
        .map(|i| {
            call(
                &btc,
                week,
                dollars(100_000 + 1_000 * i),
                BASE / 100,
                dollars(900),
            )
        })
        .collect();
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

#[test]
fn a_full_account_grows_and_takes_the_position_that_did_not_fit() {
    let (mut world, alice, bob) = full();
    let legs = [perpetual(&world.btc, BASE / 10, BTC_START)];
    world
        .trade(&alice, &bob, &legs)
        .refused(MarginError::PositionsFull);
    let before = world.data(&alice.account);

    let ix = grow_margin_account(&alice, 17);
    let outcome = world.send(&[ix], &[alice.user]).ok();
    let after = world.data(&alice.account);
    assert_eq!(after.len(), MarginAccount::space(17));
    // every byte as it was, but for the sequence; the new record is zero
    let (header, positions) = world.account(&alice.account);
    let old =
        bytemuck::pod_read_unaligned::<MarginAccount>(&before[8..8 + size_of::<MarginAccount>()]);
    assert_eq!(header.sequence, old.sequence + 1);
    let restored = MarginAccount {
        sequence: old.sequence,
        ..header
    };
    assert_eq!(bytemuck::bytes_of(&restored), bytemuck::bytes_of(&old));
    let fixed = MarginAccount::space(0);
    assert_eq!(after[fixed..before.len()], before[fixed..]);
    assert!(after[before.len()..].iter().all(|byte| *byte == 0));
    assert_eq!(positions.len(), 16);
    let events = outcome.events::<MarginAccountGrown>();
    let [event] = &events[..] else {
        panic!("{} events", events.len());
    };
    assert_eq!(
        (event.margin_account, event.capacity, event.sequence),
        (alice.account, 17, header.sequence)
    );

    world.trade(&alice, &bob, &legs).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn the_owner_pays_exactly_the_rent_that_is_missing() {
    let (mut world, alice, _) = pair(1);
    let rent = |world: &World, capacity| {
        let length = MarginAccount::space(capacity);
        world.svm.minimum_balance_for_rent_exemption(length)
    };
    let lamports = |world: &World, key| world.svm.get_account(key).expect("an account").lamports();
    let before = lamports(&world, &alice.user.key);
    grow(&mut world, &alice, 64);
    let paid = before - lamports(&world, &alice.user.key);
    assert_eq!(paid, rent(&world, 64) - rent(&world, 16));
    assert_eq!(lamports(&world, &alice.account), rent(&world, 64));

    // what somebody sent to the account pays as well, and nothing comes back
    let gift = rent(&world, 128);
    world.svm.airdrop(&alice.account, gift).expect("an airdrop");
    let before = lamports(&world, &alice.user.key);
    grow(&mut world, &alice, 128);
    assert_eq!(lamports(&world, &alice.user.key), before);
    assert_eq!(lamports(&world, &alice.account), rent(&world, 64) + gift);
}

#[test]
fn grows_to_128_at_once_and_never_shrinks() {
    let (mut world, alice, _) = pair(1);
    for capacity in [0, 15, 16, 129, u16::MAX] {
        let ix = grow_margin_account(&alice, capacity);
        let error = MarginError::CapacityOutOfRange;
        let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
        assert_logged(&outcome, &[&capacity.to_string()]);
    }
    grow(&mut world, &alice, 128);
    for capacity in [16, 127, 128, 129] {
        let ix = grow_margin_account(&alice, capacity);
        let error = MarginError::CapacityOutOfRange;
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
}

#[test]
fn grows_twice_in_one_transaction() {
    let (mut world, alice, _) = pair(1);
    let steps = [17, 128].map(|capacity| grow_margin_account(&alice, capacity));
    world.send(&steps, &[alice.user]).ok();
    assert_eq!(world.data(&alice.account).len(), MarginAccount::space(128));
}

#[test]
fn inv_18_liquidation_stays_possible_after_growth_during_liquidation() {
    let (mut world, alice, _, keeper) = liquidating_long();
    grow(&mut world, &alice, 128);
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, 10_000_000)
        .ok();
}

#[test]
fn case_01_only_the_owner_grows_an_account() {
    let (mut world, alice, bob) = pair(1);
    let ix = grow_margin_account(&alice, 32);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(alice.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn case_15_refuses_another_program_as_the_system_program() {
    let (mut world, alice, _) = pair(1);
    let token = anchor_spl::token::ID;
    let system = anchor_lang::system_program::ID;
    let ix = grow_margin_account(&alice, 32).replace(system, token);
    assert_refused(&mut world, &ix, &[alice.user], ErrorCode::InvalidProgramId);
}

#[test]
fn refuses_an_owner_who_cannot_pay() {
    let (mut world, alice, _) = pair(1);
    let ix = grow_margin_account(&alice, 128);
    let poor = solana_account::Account {
        lamports: 1_000_000,
        ..Default::default()
    };
    world
        .svm
        .set_account(alice.user.key, poor)
        .expect("writing an account");
    // the system program's refusal: insufficient lamports
    assert_refused(&mut world, &ix, &[alice.user], support::Refusal::Code(1));
}
