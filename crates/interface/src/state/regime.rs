//! Layout of a market's regime: measured volatility and what it makes of the scenarios.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::regime::{OutOfBounds, Regime, Rules, ONE};

use crate::args::RegimeArgs;

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
    /// Factor that the market's scenarios stand widened by, 1e-6: the maintenance factor, to 1 %.
    pub factor_applied: u32,
    /// Market that the covariance is measured with: its index plus 1; zero: none.
    pub reference_market: u16,
    /// Zero.
    pub padding: [u8; 2],
}

impl RegimeRecord {
    /// A regime before its first sample; all zero where the arguments name none.
    ///
    /// Errors: [`OutOfBounds`] where a rule is outside the bounds stated on [`Rules`].
    pub fn from_args(args: &RegimeArgs) -> core::result::Result<Self, OutOfBounds> {
        if *args == RegimeArgs::NONE {
            return Ok(Self::default());
        }
        let mut record = Self {
            interval: args.interval,
            move_cap: args.move_cap,
            fast_half_life: args.fast_half_life,
            slow_half_life: args.slow_half_life,
            reference_volatility: args.reference_volatility,
            factor_most: args.factor_most,
            factor_rise: args.factor_rise,
            factor_fall: args.factor_fall,
            correlation_least: args.correlation_least,
            reference_market: args.reference_market,
            factor_applied: ONE,
            ..Self::default()
        };
        let rules = record.rules();
        rules.check()?;
        record.store(&Regime::new(&rules));
        Ok(record)
    }

    /// Whether the market has a regime.
    pub fn is_on(&self) -> bool {
        self.interval != 0
    }

    /// The rules as `clearing-core` takes them.
    pub fn rules(&self) -> Rules {
        Rules {
            interval: self.interval,
            move_cap: self.move_cap,
            fast_half_life: self.fast_half_life,
            slow_half_life: self.slow_half_life,
            reference_volatility: self.reference_volatility,
            factor_most: self.factor_most,
            factor_rise: self.factor_rise,
            factor_fall: self.factor_fall,
            correlation_least: self.correlation_least,
            has_reference: self.reference_market != 0,
        }
    }

    /// What was measured, as `clearing-core` takes it.
    pub fn regime(&self) -> Regime {
        Regime {
            sample: self.sample,
            reference_sample: self.reference_sample,
            sampled_at: self.sampled_at,
            variance_fast: self.variance_fast,
            variance_slow: self.variance_slow,
            kurtosis: self.kurtosis,
            reference_variance: self.reference_variance,
            covariance: self.covariance,
            factor_initial: self.factor_initial,
            factor_maintenance: self.factor_maintenance,
            factor_at: self.factor_at,
            offset_share: self.offset_share,
        }
    }

    fn store(&mut self, regime: &Regime) {
        self.sample = regime.sample;
        self.reference_sample = regime.reference_sample;
        self.sampled_at = regime.sampled_at;
        self.variance_fast = regime.variance_fast;
        self.variance_slow = regime.variance_slow;
        self.kurtosis = regime.kurtosis;
        self.reference_variance = regime.reference_variance;
        self.covariance = regime.covariance;
        self.factor_initial = regime.factor_initial;
        self.factor_maintenance = regime.factor_maintenance;
        self.factor_at = regime.factor_at;
        self.offset_share = regime.offset_share;
    }

    /// Takes a sample where one is due, and moves the factors; whether it took one. Prices in 1e-8 USD.
    pub fn update(&mut self, price: u64, reference: Option<u64>, published: i64, now: i64) -> bool {
        let rules = self.rules();
        let mut regime = self.regime();
        let is_sampled = regime.sample(&rules, price, reference, published);
        regime.advance(&rules, now);
        self.store(&regime);
        is_sampled
    }

    /// The share of its group's offset that is left to the market, 1e-6: all of it where there is no regime.
    pub fn share(&self) -> u32 {
        match self.is_on() {
            true => self.offset_share,
            false => ONE,
        }
    }

    /// What the initial scan factor is multiplied by, `(factor, divisor)`: the initial factor over the one that the scenarios are
    /// widened by.
    #[inline(always)]
    pub fn initial_ratio(&self) -> Option<(u32, u32)> {
        let (initial, applied) = (self.factor_initial, self.factor_applied);
        (self.is_on() && initial > applied).then_some((initial, applied))
    }
}

const _: () = assert!(core::mem::size_of::<RegimeRecord>() == 128);
