//! What a client sees of a world: the bytes of accounts, as a server gives them, and nothing else.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use client_core::account::read;
use client_core::{AccountData, Directory, Inputs, RawAccount, Scope};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::Clearinghouse;
use sandbox::{Bank, World};
use solana_account::Account;

/// Accounts of one moment, by address.
pub struct Fetched(BTreeMap<Pubkey, Account>);

impl Fetched {
    /// Takes these accounts from a world; those that do not exist are left out.
    pub fn of(world: &World, keys: &[Pubkey]) -> Self {
        let accounts = keys.iter().map(|key| (*key, world.svm.get_account(key)));
        Self(
            accounts
                .filter_map(|(key, account)| Some((key, account?)))
                .collect(),
        )
    }

    /// Their bytes, to be bent: what a lying server answers.
    pub fn bytes(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.0.values_mut().map(|account| &mut account.data)
    }

    /// One of them.
    pub fn find(&self, key: &Pubkey) -> Option<RawAccount<'_>> {
        self.0.get(key).map(|account| RawAccount {
            owner: account.owner,
            data: &account.data,
        })
    }
}

/// What a client finds listed, with the price accounts that it takes by default.
pub fn directory(world: &World, house: &Pubkey, banks: &[Bank]) -> Directory {
    let state: Clearinghouse = layout(world, house);
    let mut directory = Directory::new(*house, &state);
    for bank in banks {
        let token_program = world.token_program(&bank.mint);
        directory.list_bank(&layout(world, &bank.key), token_program);
    }
    for index in 0..state.market_count {
        directory.list_market(&layout(world, &seeds::market(house, index)));
    }
    directory
}

fn layout<T: portfolio_margin_interface::AccountLayout>(world: &World, key: &Pubkey) -> T {
    let account = world.svm.get_account(key).expect("an account");
    read(&account.data).expect("an account of that type")
}

/// A margin account.
#[track_caller]
pub fn account_data(world: &World, key: &Pubkey) -> AccountData {
    let account = world.svm.get_account(key).expect("an account");
    AccountData::read(&account.data).expect("a margin account")
}

/// What a client gathers for a scope, at the time of the clock.
#[track_caller]
pub fn gather(world: &World, directory: &Directory, scope: &Scope) -> Inputs {
    let mut keys = directory.keys(scope).expect("a scope that is listed");
    keys.push(directory.house);
    let fetched = Fetched::of(world, &keys);
    let inputs = Inputs::gather(directory, scope, world.now(), |key| fetched.find(key));
    inputs.expect("accounts of the house")
}
