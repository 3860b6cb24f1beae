//! Layout of an expiry's settlement: the samples of its average and what it came to.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

/// Samples of one settlement average: one a minute over the last 30 minutes.
pub const SETTLEMENT_SAMPLES: usize = 30;

/// The settlement of one expiry.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SettlementRecord {
    /// Final price, 1e-8 USD; zero before it is final.
    pub price: u64,
    /// Sum of the samples taken, 1e-8 USD.
    pub sum: u64,
    /// What the losers of this expiry have paid and its winners have not received yet, 1e-6 USD.
    pub pool: u64,
    /// Sum of the long quantities of all series, 1e-6 base units; before settlement the short ones sum to the same.
    pub open: u64,
    /// Position records that name this expiry, over all accounts.
    pub records: u32,
    /// Samples taken.
    pub count: u32,
    /// The samples, 1e-8 USD; zero: none.
    pub samples: [u64; SETTLEMENT_SAMPLES],
    /// Seconds into its minute at which each sample was published.
    pub seconds: [u8; 32],
}

const _: () = assert!(core::mem::size_of::<SettlementRecord>() == 312);
