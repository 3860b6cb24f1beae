//! Layout of a listed venue: a program that may fill trades for accounts that approved it.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// A venue; PDA `[venue, clearinghouse, program]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct Venue {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// 1 while it may fill.
    pub is_listed: u8,
    /// Zero.
    pub padding: [u8; 5],
    /// The clearing house that listed it.
    pub clearinghouse: Pubkey,
    /// The venue's program.
    pub program: Pubkey,
    /// The address that signs its fills: PDA `[venue, clearinghouse]` of its program.
    pub authority: Pubkey,
    /// Raised by every change.
    pub sequence: u64,
    /// Zero.
    pub reserved: [u64; 7],
}

impl crate::state::MarginAccount {
    /// Whether the owner approved the venue of that program. The zero key marks a free place and is no venue.
    pub fn has_approved(&self, program: &Pubkey) -> bool {
        *program != Pubkey::default() && self.venues.contains(program)
    }
}

impl crate::AccountLayout for Venue {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [8, 155, 85, 226, 234, 173, 42, 242];
}

const _: () = assert!(core::mem::size_of::<Venue>() == 168);
