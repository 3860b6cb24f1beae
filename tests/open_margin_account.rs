//! `open_margin_account`: for whom, where, how large.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::MarginAccount;
use sandbox::{instructions, User, World};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, Bend, Refusal};

fn open(world: &World, owner: &User, sub_account: u16, capacity: u16) -> Instruction {
    let args = MarginAccountArgs {
        sub_account,
        capacity,
        tier: 1,
    };
    instructions::open_margin_account(&owner.key, &world.house, args)
}

#[test]
fn opens_empty_accounts_of_16_to_128_positions() {
    let mut world = World::new();
    let alice = world.user("alice");
    for (sub_account, capacity) in [(0, 16), (1, 17), (u16::MAX, 128)] {
        let trader = world.open_sub_account(&alice, sub_account, capacity);
        let (header, positions) = world.account(&trader.account);
        let first = world.slot() << 20; // so that a later life at the address starts above this one
        assert_eq!(
            (header.version, header.status, header.sequence),
            (1, 0, first)
        );
        assert_eq!(
            (header.sub_account, header.cash, header.reserved_cash),
            (sub_account, 0, 0)
        );
        assert_eq!(
            (header.clearinghouse, header.owner),
            (world.house, alice.key)
        );
        assert!(positions.is_empty() && header.used_collateral().next().is_none());
        let length = MarginAccount::space(capacity.into());
        assert_eq!(world.data(&trader.account).len(), length);
    }
}

#[test]
fn refuses_other_capacities() {
    let mut world = World::new();
    let alice = world.user("alice");
    for capacity in [0, 15, 129, u16::MAX] {
        let ix = open(&world, &alice, 0, capacity);
        let outcome = assert_refused(&mut world, &ix, &[alice], MarginError::CapacityOutOfRange);
        assert_logged(&outcome, &[&capacity.to_string()]);
    }
}

#[test]
fn refuses_without_the_owners_signature() {
    let mut world = World::new();
    let alice = world.user("alice");
    let ix = open(&world, &alice, 0, 16).unsigned(alice.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn case_07_refuses_to_open_twice() {
    let mut world = World::new();
    let alice = world.user("alice");
    world.open(&alice, 16);
    let ix = open(&world, &alice, 0, 128);
    assert_refused(&mut world, &ix, &[alice], Refusal::Code(0));
}

#[test]
fn case_08_refuses_the_address_of_another_owner_or_number() {
    let mut world = World::new();
    let (alice, mallory) = (world.user("alice"), world.user("mallory"));
    let house = world.house;
    let own = seeds::margin_account(&house, &mallory.key, 0);
    for other in [
        seeds::margin_account(&house, &alice.key, 0),
        seeds::margin_account(&house, &mallory.key, 1),
    ] {
        let ix = open(&world, &mallory, 0, 16).replace(own, other);
        assert_refused(&mut world, &ix, &[mallory], ErrorCode::ConstraintSeeds);
    }
}

#[test]
fn case_05_refuses_a_market_in_place_of_the_clearing_house() {
    let mut world = World::new();
    let alice = world.user("alice");
    let ix = open(&world, &alice, 0, 16).replace(world.house, world.btc.key);
    assert_refused(
        &mut world,
        &ix,
        &[alice],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}

#[test]
fn case_20_lamports_at_the_address_do_not_block_it() {
    let mut world = World::new();
    let alice = world.user("alice");
    let key = seeds::margin_account(&world.house, &alice.key, 0);
    world.svm.airdrop(&key, 1_000_000).expect("an airdrop");
    assert_eq!(world.open(&alice, 16).account, key);
}
