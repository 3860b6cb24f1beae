//! Layout of the rules of trading in a market: fees, bands, limits.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

/// Rules of trading in a market; set once, before it opens.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RulesRecord {
    /// Taker's fee over notional, 1e-6.
    pub fee_taker: u32,
    /// Maker's fee over notional, 1e-6.
    pub fee_maker: u32,
    /// Largest fee of an option over its premium, 1e-6.
    pub fee_premium_cap: u32,
    /// How far a perpetual or a future may trade from its mark, share of mark, 1e-6; zero: any price.
    pub band_linear: u32,
    /// How far an option may trade from its mark, share of spot, 1e-6; zero: any price.
    pub band_option: u32,
    /// Largest distance between spot and stable price for an opening, share of the stable price, 1e-6; zero: any.
    pub stable_band: u32,
    /// Largest magnitude of one position, 1e-6 base units; zero: any.
    pub position_limit: u64,
    /// Largest open interest of the perpetual, 1e-6 base units of long positions; zero: any.
    pub perp_limit: u64,
    /// Largest open interest of one expiry, over all series; zero: any.
    pub expiry_limit: u64,
}

const _: () = assert!(core::mem::size_of::<RulesRecord>() == 48);
