//! Transactions of several instructions that must be refused as a whole.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use sandbox::{Outcome, User, World};
use solana_account::Account;
use solana_instruction::Instruction;

use super::Refusal;

/// Sends instructions in one transaction that must fail with this error and change nothing but the payer's lamports.
#[track_caller]
pub fn assert_batch_refused(
    world: &mut World,
    instructions: &[Instruction],
    signers: &[User],
    error: impl Into<Refusal>,
) -> Outcome {
    let error = error.into();
    let outcome = assert_batch_fails(world, instructions, signers);
    if outcome.error_code() != Some(error.code()) || !outcome.log_contains(&error.logged()) {
        panic!(
            "expected {error:?}, got {:?}\n{}",
            outcome.error,
            outcome.logs.join("\n")
        );
    }
    outcome
}

/// The same where the runtime itself refuses.
#[track_caller]
pub fn assert_batch_fails(
    world: &mut World,
    instructions: &[Instruction],
    signers: &[User],
) -> Outcome {
    let before = snapshot(world, instructions);
    let outcome = world.send_wide(instructions, signers);
    assert!(
        outcome.error.is_some(),
        "it succeeded:\n{}",
        outcome.logs.join("\n")
    );
    let after = snapshot(world, instructions);
    assert_eq!(before, after, "the refused transaction changed an account");
    outcome
}

fn snapshot(world: &World, instructions: &[Instruction]) -> BTreeMap<Pubkey, Option<Account>> {
    instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts)
        .map(|meta| meta.pubkey)
        .filter(|key| *key != world.payer.key)
        .map(|key| (key, world.svm.get_account(&key)))
        .collect()
}
