//! A refusal is a named error, and afterwards every account is byte for byte what it was.

use std::collections::BTreeMap;

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use sandbox::{Outcome, User, World};
use solana_account::Account;
use solana_instruction::Instruction;

/// Who refuses, and with what.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// The program.
    Margin(MarginError),
    /// Anchor's account checks.
    Anchor(ErrorCode),
    /// Another program in the transaction, with this code.
    Code(u32),
}

impl From<MarginError> for Refusal {
    fn from(error: MarginError) -> Self {
        Self::Margin(error)
    }
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self::Anchor(error)
    }
}

impl Refusal {
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Margin(error) => error.into(),
            Self::Anchor(error) => error.into(),
            Self::Code(code) => code,
        }
    }

    /// How the error shows in the log.
    pub(crate) fn logged(self) -> String {
        match self {
            Self::Margin(error) => format!("Error Code: {}.", error.name()),
            Self::Anchor(error) => format!("Error Code: {}.", error.name()),
            Self::Code(code) => format!("custom program error: {code:#x}"),
        }
    }
}

/// Sends an instruction that must fail with this error and change nothing but the payer's lamports.
#[track_caller]
pub fn assert_refused(
    world: &mut World,
    instruction: &Instruction,
    signers: &[User],
    error: impl Into<Refusal>,
) -> Outcome {
    let error = error.into();
    let before = snapshot(world, instruction);
    let outcome = world.send(std::slice::from_ref(instruction), signers);
    if outcome.error_code() != Some(error.code()) || !outcome.log_contains(&error.logged()) {
        panic!(
            "expected {error:?}, got {:?}\n{}",
            outcome.error,
            outcome.logs.join("\n")
        );
    }
    let after = snapshot(world, instruction);
    assert_eq!(before, after, "the refused instruction changed an account");
    outcome
}

/// Insists that the log carries these texts.
#[track_caller]
pub fn assert_logged(outcome: &Outcome, texts: &[&str]) {
    for text in texts {
        assert!(
            outcome.log_contains(text),
            "the log lacks {text:?}:\n{}",
            outcome.logs.join("\n")
        );
    }
}

fn snapshot(world: &World, instruction: &Instruction) -> BTreeMap<Pubkey, Option<Account>> {
    instruction
        .accounts
        .iter()
        .map(|meta| meta.pubkey)
        .filter(|key| *key != world.payer.key)
        .map(|key| (key, world.svm.get_account(&key)))
        .collect()
}
