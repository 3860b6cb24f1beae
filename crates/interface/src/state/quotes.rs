//! Layout of an account's quote nonces: what makes a signed quote single use.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// Nonces that can be open at once.
pub const QUOTE_SLOTS: usize = 128;

/// One slot: a nonce `n` lives in slot `n mod 128` with generation `n div 128`. A higher generation replaces a lower one for
/// good.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct QuoteSlot {
    /// The generation in use.
    pub generation: u64,
    /// Lots filled of it; all ones: cancelled.
    pub filled: u64,
}

/// The nonces of one margin account; PDA `[quotes, margin account]`. It is never closed, so that no signed quote is good
/// twice.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct QuoteNonces {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Zero.
    pub padding: [u8; 6],
    /// The margin account.
    pub margin_account: Pubkey,
    /// The slots.
    pub slots: [QuoteSlot; QUOTE_SLOTS],
    /// Nonces below this are void: cancels everything older at once.
    pub least_nonce: u64,
    /// Zero.
    pub reserved: [u64; 4],
}

impl crate::AccountLayout for QuoteNonces {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [198, 68, 96, 88, 83, 23, 87, 235];
}

const _: () = assert!(core::mem::size_of::<QuoteNonces>() == 2_128);
