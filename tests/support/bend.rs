//! Bending a valid instruction into one that must be refused.

use anchor_lang::prelude::Pubkey;
use solana_instruction::{AccountMeta, Instruction};

/// Changes to an instruction's accounts.
pub trait Bend: Sized {
    /// Another account wherever `old` stood.
    fn replace(self, old: Pubkey, new: Pubkey) -> Self;
    /// Another account at one place only.
    fn replace_at(self, index: usize, new: Pubkey) -> Self;
    /// The account does not sign.
    fn unsigned(self, key: Pubkey) -> Self;
    /// The account is not to be written.
    fn readonly(self, key: Pubkey) -> Self;
    /// One more account at the end.
    fn append(self, key: Pubkey) -> Self;
    /// Without the accounts at these places.
    fn without(self, range: std::ops::Range<usize>) -> Self;
    /// Two accounts change places.
    fn swapped(self, a: usize, b: usize) -> Self;
}

impl Bend for Instruction {
    fn replace(mut self, old: Pubkey, new: Pubkey) -> Self {
        let mut found = false;
        for meta in self.accounts.iter_mut().filter(|meta| meta.pubkey == old) {
            meta.pubkey = new;
            found = true;
        }
        assert!(found, "the instruction does not name {old}");
        self
    }

    fn replace_at(mut self, index: usize, new: Pubkey) -> Self {
        self.accounts[index].pubkey = new;
        self
    }

    fn unsigned(mut self, key: Pubkey) -> Self {
        let mut found = false;
        for meta in self.accounts.iter_mut().filter(|meta| meta.pubkey == key) {
            found |= meta.is_signer;
            meta.is_signer = false;
        }
        assert!(found, "{key} does not sign the instruction");
        self
    }

    fn readonly(mut self, key: Pubkey) -> Self {
        let mut found = false;
        for meta in self.accounts.iter_mut().filter(|meta| meta.pubkey == key) {
            found |= meta.is_writable;
            meta.is_writable = false;
        }
        assert!(found, "{key} is not written by the instruction");
        self
    }

    fn append(mut self, key: Pubkey) -> Self {
        self.accounts.push(AccountMeta::new_readonly(key, false));
        self
    }

    fn without(mut self, range: std::ops::Range<usize>) -> Self {
        self.accounts.drain(range);
        self
    }

    fn swapped(mut self, a: usize, b: usize) -> Self {
        self.accounts.swap(a, b);
        self
    }
}
