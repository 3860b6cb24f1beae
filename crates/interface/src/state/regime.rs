//! Layout of a market's regime: measured volatility and what it makes of the scenarios.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

/// Measured volatility of a market, from validated prices only.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RegimeRecord {
    /// Price of the last sample, 1e-8 USD; zero before the first.
    pub sample: u64,
    /// Price of the group's reference market at that time, 1e-8 USD; zero: none.
    pub reference_sample: u64,
    /// When it was taken, Unix time.
    pub sampled_at: i64,
    /// Fast variance per year, 1e-12.
    pub variance_fast: u64,
    /// Slow variance per year, 1e-12.
    pub variance_slow: u64,
    /// Slow fourth moment over the squared variance (kurtosis), 1e-6.
    pub kurtosis: u64,
    /// Fast variance of the reference market over the same samples, 1e-12.
    pub reference_variance: u64,
    /// Fast covariance with the reference market, 1e-12.
    pub covariance: i64,
    /// Factor on the spot range in the initial requirement, 1e-6; at least 1.0 where there is a regime.
    pub factor_initial: u32,
    /// The same in the maintenance requirement, which follows over hours.
    pub factor_maintenance: u32,
    /// When the maintenance factor last moved, Unix time.
    pub factor_at: i64,
    /// Share of the group's offset that is left to this market, 1e-6.
    pub offset_share: u32,
    /// Least seconds between samples; zero: no regime.
    pub interval: u32,
    /// Largest move of one sample that counts, 1e-6.
    pub move_cap: u32,
    /// Half-life of the fast variance, seconds.
    pub fast_half_life: u32,
    /// Half-life of the slow variance, seconds.
    pub slow_half_life: u32,
    /// Annual volatility that the listed scenarios were made for, 1e-6.
    pub reference_volatility: u32,
    /// Largest factor, 1e-6.
    pub factor_most: u32,
    /// Rise of the maintenance factor per hour, 1e-6.
    pub factor_rise: u32,
    /// Fall of both factors per hour, 1e-6.
    pub factor_fall: u32,
    /// Correlation with the reference market below which the offset shrinks, 1e-6.
    pub correlation_least: u32,
    /// Market that the covariance is measured with: its index plus 1; zero: none.
    pub reference_market: u16,
    /// Zero.
    pub padding: [u8; 6],
}

const _: () = assert!(core::mem::size_of::<RegimeRecord>() == 128);
