//! Accounts with contents that no sequence of instructions needs to reach first.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};
use risk_core::position::ln_strike;
use risk_core::Price;
use solana_account::Account;

use crate::accounts::Trader;
use crate::listing::Market;
use crate::world::World;

/// Replaces a margin account's positions, and what `change` does to its header.
pub fn write_book(
    world: &mut World,
    trader: &Trader,
    change: impl FnOnce(&mut MarginAccount),
    records: &[PositionRecord],
) {
    let mut account = account_of(world, &trader.account);
    let mut header: MarginAccount = world.read(&trader.account);
    header.position_count = u16::try_from(records.len()).expect("at most 128 positions");
    change(&mut header);
    let (fixed, rest) = account.data.split_at_mut(MarginAccount::ACCOUNT_LEN);
    fixed[DISCRIMINATOR_LEN..].copy_from_slice(bytemuck::bytes_of(&header));
    rest.fill(0);
    let bytes: &[u8] = bytemuck::cast_slice(records);
    rest[..bytes.len()].copy_from_slice(bytes);
    let written = world.svm.set_account(trader.account, account);
    written.expect("writing the account");
}

/// Changes the fixed part of any account of the program.
pub fn rewrite<T: AccountLayout>(world: &mut World, key: &Pubkey, change: impl FnOnce(&mut T)) {
    let mut account = account_of(world, key);
    let mut state: T = world.read(key);
    change(&mut state);
    account.data[DISCRIMINATOR_LEN..T::ACCOUNT_LEN].copy_from_slice(bytemuck::bytes_of(&state));
    let written = world.svm.set_account(*key, account);
    written.expect("writing the account");
}

fn account_of(world: &World, key: &Pubkey) -> Account {
    world.svm.get_account(key).expect("an account")
}

/// A record of a series: a perpetual with expiry 0 and strike 0, a future with strike 0, else an option.
pub fn record(
    market: &Market,
    (instrument, expiry, strike): (u8, i64, u64),
    quantity: i64,
    cost: i64,
) -> PositionRecord {
    PositionRecord {
        market: market.index,
        instrument,
        padding: [0; 5],
        expiry,
        strike,
        ln_strike: match strike {
            0 => 0,
            strike => ln_strike(Price::from_raw(strike)),
        },
        quantity,
        cost,
        reserved: [0; 2],
    }
}
