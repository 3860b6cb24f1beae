//! What a client of the portfolio-margin program needs without Anchor: ids, seeds, account layouts, arguments.
//!
//! Layouts are `repr(C)`, 8-byte aligned, without padding, and carry a version and reserved space. With feature
//! `anchor` the same structs get Anchor's account traits; that is how the program itself uses them, so there is one
//! definition of each account. Reading a layout as [`risk_core`] input is defined here too: the program, the keeper
//! and the clients cannot disagree about what an account means.
//!
//! With feature `client`, what a caller of the program needs besides: its [`instructions`], [`errors`] and [`events`], which
//! `scripts/idl` writes from the program's own description, and [`logs`], which finds the events of a transaction.

pub mod args;
#[cfg(feature = "client")]
mod call;
#[cfg(feature = "client")]
mod generated;
#[cfg(feature = "client")]
pub mod logs;
pub mod quote;
pub mod seeds;
pub mod state;
pub mod view;

#[cfg(feature = "client")]
pub use generated::{errors, events, instructions};
pub use solana_address::{declare_id, Address as Pubkey};

declare_id!("2idNtBkzQcdMkc4r6X6HduAJFHaCddTFU1Qohm9A3E2a");

/// Bytes before each account's layout.
pub const DISCRIMINATOR_LEN: usize = 8;

/// An account of the program: how to recognise it and how long its fixed part is.
pub trait AccountLayout: bytemuck::Pod {
    /// First eight bytes of the account's data.
    const ACCOUNT_DISCRIMINATOR: [u8; 8];
    /// Length with the discriminator, before any trailing records.
    const ACCOUNT_LEN: usize = DISCRIMINATOR_LEN + core::mem::size_of::<Self>();

    /// Reads the fixed part of an account; `None` for another account or one cut short.
    fn read(data: &[u8]) -> Option<&Self> {
        let (discriminator, rest) = data.split_at_checked(DISCRIMINATOR_LEN)?;
        if discriminator != Self::ACCOUNT_DISCRIMINATOR {
            return None;
        }
        bytemuck::try_from_bytes(rest.get(..core::mem::size_of::<Self>())?).ok()
    }
}
