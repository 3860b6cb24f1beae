//! Everything that the program and the token programs store, read once per step.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::spl_token;
use anchor_spl::token_2022;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::{AccountLayout, ID};
use sandbox::{NativeReport, World};
use solana_account::Account;

/// One margin account, read.
#[derive(Clone)]
pub struct Book {
    pub header: MarginAccount,
    pub positions: Vec<PositionRecord>,
}

/// One token account, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub mint: Pubkey,
    pub owner: Pubkey,
    pub amount: u64,
}

/// The state between two steps.
pub struct Snapshot {
    /// All accounts of the program and all token accounts, with lamports and bytes.
    pub accounts: BTreeMap<Pubkey, Account>,
    /// The margin accounts among them.
    pub books: BTreeMap<Pubkey, Book>,
    /// The token accounts among them.
    pub tokens: BTreeMap<Pubkey, Tokens>,
    /// What the engine says of each margin account, by the prices of the moment.
    pub reports: BTreeMap<Pubkey, NativeReport>,
}

impl Snapshot {
    /// Reads everything and evaluates every account.
    pub fn take(world: &World) -> Self {
        let accounts = stored(world);
        let books: BTreeMap<Pubkey, Book> = accounts
            .iter()
            .filter(|(_, account)| account.owner == ID)
            .filter_map(|(key, account)| {
                let (header, positions) = MarginAccount::read_with_positions(&account.data)?;
                let (header, positions) = (*header, positions.to_vec());
                Some((*key, Book { header, positions }))
            })
            .collect();
        let tokens = accounts
            .iter()
            .filter(|(_, account)| account.owner != ID)
            .filter_map(|(key, account)| Some((*key, tokens(account)?)))
            .collect();
        let reports = books.keys().map(|key| (*key, world.report(key))).collect();
        Self {
            accounts,
            books,
            tokens,
            reports,
        }
    }

    /// The fixed part of an account of the program.
    pub fn state<T: AccountLayout>(&self, key: &Pubkey) -> &T {
        T::read(&self.accounts[key].data).expect("an account of that type")
    }

    /// Margin accounts that differ between two states, also those that came or went.
    pub fn changed_books(&self, after: &Self) -> Vec<Pubkey> {
        let keys = self.books.keys().chain(after.books.keys());
        let mut keys: Vec<Pubkey> = keys
            .filter(|key| self.accounts.get(key) != after.accounts.get(key))
            .copied()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// All accounts of the program and of the token programs.
pub fn stored(world: &World) -> BTreeMap<Pubkey, Account> {
    [ID, spl_token::ID, token_2022::ID]
        .iter()
        .flat_map(|program| world.svm.get_program_accounts(program))
        .collect()
}

fn tokens(account: &Account) -> Option<Tokens> {
    let length = spl_token::state::Account::LEN;
    if account.data.len() < length {
        return None; // a mint
    }
    let state = spl_token::state::Account::unpack(&account.data[..length]).ok()?;
    Some(Tokens {
        mint: state.mint,
        owner: state.owner,
        amount: state.amount,
    })
}
