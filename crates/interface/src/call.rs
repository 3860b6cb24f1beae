//! What the generated instructions are built with.

use borsh::BorshSerialize;
use solana_instruction::{AccountMeta, Instruction};

use crate::{Pubkey, ID};

/// The program that creates accounts.
pub(crate) const SYSTEM_PROGRAM: Pubkey = Pubkey::new_from_array([0; 32]);

/// One argument, as it is written.
pub(crate) trait Argument {
    /// Appends its bytes.
    fn append(&self, data: &mut Vec<u8>);
}

impl<T: BorshSerialize> Argument for T {
    fn append(&self, data: &mut Vec<u8>) {
        // of a list borsh refuses 2^32 items, which no memory of a client holds
        self.serialize(data).expect("memory takes every byte");
    }
}

/// An instruction of the program.
pub(crate) fn build(
    discriminator: [u8; 8],
    arguments: &[&dyn Argument],
    named: Vec<AccountMeta>,
    remaining: &[AccountMeta],
) -> Instruction {
    let mut data = discriminator.to_vec();
    for argument in arguments {
        argument.append(&mut data);
    }
    let mut accounts = named;
    accounts.extend_from_slice(remaining);
    Instruction {
        program_id: ID,
        accounts,
        data,
    }
}

/// An account that may be left out: Anchor's programs take their own address, neither written nor signing, for none.
pub(crate) fn optional(
    key: Option<Pubkey>,
    meta: impl FnOnce(Pubkey) -> AccountMeta,
) -> AccountMeta {
    key.map_or_else(|| AccountMeta::new_readonly(ID, false), meta)
}
