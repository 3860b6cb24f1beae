//! A clearing house on the program's bytecode, told to a book as a server would tell it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use client_core::clock::CLOCK;
use portfolio_margin_interface::{seeds, Pubkey};
use sandbox::{call, perpetual, put, Trader, World, BASE, BTC_START, SOL, SOL_START, USDC};

use crate::book::Book;
use crate::model::{Applied, KnownAccount, Origin, Update};

/// Slot of everything that [`town`] tells.
pub const SLOT: u64 = 1_000;

/// A house with traders who hold something of everything.
pub struct Town {
    pub world: World,
    pub traders: Vec<Trader>,
}

impl Town {
    pub fn new() -> Self {
        let mut world = World::new();
        let (btc, sol, bank) = (world.btc, world.sol, world.sol_bank);
        let [alice, bob, carol] =
            ["alice", "bob", "carol"].map(|name| world.trader(name, 400_000 * USDC));
        world.fund(&alice.user, &bank, 10 * SOL);
        world.deposit(&alice, &bank, 10 * SOL).ok();
        let strike = BTC_START / 100_000_000_000 * 100_000_000_000;
        let premium = BTC_START / 20;
        let legs = [
            perpetual(&btc, BASE, BTC_START),
            call(&btc, world.month, strike, -BASE, premium),
        ];
        world.trade(&alice, &bob, &legs).ok();
        let legs = [
            perpetual(&sol, 100 * BASE, SOL_START),
            put(&btc, world.month, strike, BASE, premium),
        ];
        world.trade(&carol, &bob, &legs).ok();
        Self {
            world,
            traders: vec![alice, bob, carol],
        }
    }

    /// An account as it is now, as an update at a slot.
    pub fn update(&self, key: Pubkey, slot: u64, origin: Origin) -> Update {
        let account = self.world.svm.get_account(&key).unwrap_or_default();
        Update {
            key,
            owner: account.owner,
            lamports: account.lamports,
            data: account.data,
            slot,
            origin,
        }
    }

    /// Everything of the house and beside it, in the order of a snapshot.
    pub fn keys(&self) -> Vec<Pubkey> {
        let world = &self.world;
        let mut keys = vec![world.house, world.usdc.key, world.sol_bank.key];
        keys.extend([world.btc.key, world.sol.key]);
        keys.extend(self.traders.iter().map(|trader| trader.account));
        keys.extend([world.btc.price, world.sol.price, CLOCK]);
        keys
    }

    /// A book that was told everything.
    pub fn book(&self) -> Book {
        let mut book = Book::new(self.world.house);
        for key in self.keys() {
            let applied = book.apply(&self.update(key, SLOT, Origin::Snapshot));
            let is_change = !matches!(applied, Applied::Stale | Applied::Same | Applied::Foreign);
            assert!(is_change, "{key}: {applied:?}");
        }
        book
    }

    /// Accounts as a book knows them.
    pub fn known(&self, book: &Book) -> Vec<Arc<KnownAccount>> {
        let traders = self.traders.iter();
        traders
            .map(|trader| book.account(&trader.account).unwrap())
            .collect()
    }
}

/// An address that nothing is at.
pub fn nowhere() -> Pubkey {
    seeds::clearinghouse(u16::MAX)
}
