//! Layout of the clearing house: authorities, quote mint, liquidation terms.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use risk_core::liquidation::LiquidationTerms;
use risk_core::Ratio;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// One clearing house; PDA `[clearinghouse, id]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct Clearinghouse {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Number that tells clearing houses apart.
    pub id: u16,
    /// Markets listed so far; the next market gets this index.
    pub market_count: u16,
    /// Banks listed so far; the next bank gets this index.
    pub bank_count: u16,
    /// Lists banks and markets.
    pub governor: Pubkey,
    /// Mint of the quote asset, six decimals.
    pub quote_mint: Pubkey,
    /// Share off equity that a liquidator gets, 1e-6.
    pub liquidation_discount: u32,
    /// Share of the maintenance requirement that liquidation restores as a buffer, 1e-6.
    pub liquidation_buffer: u32,
    /// Zero; room for further authorities, pause flags, insurance and fees.
    pub reserved: [u64; 48],
}

impl Clearinghouse {
    /// The liquidation terms as the engine takes them; validated when the clearing house was created.
    pub fn liquidation_terms(&self) -> LiquidationTerms {
        LiquidationTerms {
            discount: Ratio::from_raw(self.liquidation_discount.into()),
            buffer: Ratio::from_raw(self.liquidation_buffer.into()),
        }
    }
}

impl crate::AccountLayout for Clearinghouse {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [132, 239, 37, 188, 215, 221, 100, 94];
}

const _: () = assert!(core::mem::size_of::<Clearinghouse>() == 464);
