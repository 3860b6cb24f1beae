//! Instructions with their accounts packed: pure functions of what is known of the chain; nothing here sends or reads.
//!
//! A [`Builder`] holds the directory of the clearing house and the inputs of the moment. It packs remaining accounts in canonical
//! order and passes the clearing house to be written where the program needs that (a debt, the insurance fund or a proof of
//! insolvency changes) and only there, as far as it can be told beforehand: where in doubt, it is written, which costs parallelism
//! and nothing else.

mod account;
mod crank;
mod liquidate;
mod trade;

use client_core::{AccountData, Directory, Inputs, Unlisted};
use portfolio_margin_interface::state::{MarginAccount, Market};
use portfolio_margin_interface::Pubkey;
use solana_instruction::Instruction;

use crate::error::{ClientError, Listed, Result};

pub use account::associated_token_account;
pub(crate) use account::TOKEN_PROGRAMS;

/// A margin account as it stands: its address and its bytes, read.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The margin account.
    pub key: Pubkey,
    /// What it holds.
    pub account: &'a AccountData,
}

impl Side<'_> {
    /// Its owner.
    pub fn owner(&self) -> Pubkey {
        self.account.header.owner
    }
}

/// Builds instructions of one clearing house.
#[derive(Clone, Copy, Debug)]
pub struct Builder<'a> {
    /// What the house lists.
    pub directory: &'a Directory,
    /// The house, and the banks and markets that are concerned, at the moment.
    pub inputs: &'a Inputs,
}

impl Builder<'_> {
    fn house(&self) -> Pubkey {
        self.directory.house
    }

    /// A market's record, where the inputs have it.
    fn record(&self, index: u16) -> Option<&Market> {
        let mut markets = self.inputs.markets.iter();
        let found = markets.find(|(market, _)| market.index == index);
        found.map(|(market, _)| market)
    }

    /// Whether a change of this account's cash that takes up to `spent` (1e-6 USD) needs the house to be written: a debt before or
    /// after, or a loss that balances have not paid yet.
    fn moves_debt(&self, header: &MarginAccount, spent: i64) -> bool {
        header.cash < 0
            || header.cash.saturating_sub(spent) < 0
            || self.inputs.house.interest.loss_due > 0
    }

    /// The instruction with the house to be written where `is_needed`.
    fn with_house(&self, ix: Instruction, is_needed: bool) -> Instruction {
        match is_needed {
            true => writable(ix, &self.house()),
            false => ix,
        }
    }

    fn unlisted(&self, what: Unlisted) -> ClientError {
        let (kind, index, count) = match what {
            Unlisted::Bank(index) => (Listed::Bank, index, self.directory.banks.len()),
            Unlisted::Market(index) => (Listed::Market, index, self.directory.markets.len()),
        };
        ClientError::Unlisted {
            kind,
            index,
            count: u16::try_from(count).unwrap_or(u16::MAX),
        }
    }

    fn listed<T>(&self, found: Result<T, Unlisted>) -> Result<T> {
        found.map_err(|what| self.unlisted(what))
    }
}

/// The instruction with an account to be written.
fn writable(mut ix: Instruction, key: &Pubkey) -> Instruction {
    let metas = ix.accounts.iter_mut().filter(|meta| meta.pubkey == *key);
    metas.for_each(|meta| meta.is_writable = true);
    ix
}
