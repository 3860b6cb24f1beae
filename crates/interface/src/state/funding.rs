//! Layout of a perpetual's funding: the index that its price is measured against, and the premium that sets the rate.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

/// Funding of a market's perpetual.
///
/// A perpetual at price `p` and index `I` enters a record's `cost` at `p - I` per unit, so that its PnL is
/// `quantity (price - I) - cost`: funding needs no entry of its own, and sums to zero over the two sides of every fill.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FundingRecord {
    /// Funding that one base unit has paid until `period_start`, 1e-8 USD; signed.
    pub index: i64,
    /// Beginning of the running period, Unix time; zero before the first fill.
    pub period_start: i64,
    /// Price that the rate of the running period is measured on, 1e-8 USD.
    pub reference: u64,
    /// Sum of clamped premium (1e-9 of spot) times size (1e-6 base units) of the running period's fills, over 1e6.
    pub premium_sum: i64,
    /// Sum of their sizes, 1e-6 base units.
    pub premium_size: u64,
    /// Size at which the mean premium counts in full, 1e-6 base units: thinner trading counts in proportion.
    pub depth: u64,
    /// Rate of the running period per day, 1e-9 of the reference price; signed.
    pub rate: i32,
    /// Largest magnitude of a premium and of the rate per day, 1e-9; zero: no funding.
    pub cap: u32,
}

const _: () = assert!(core::mem::size_of::<FundingRecord>() == 56);
