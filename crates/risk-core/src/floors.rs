//! Floors of the scan: losses that a book can take without its worst scenario seeing them.
//!
//! ```text
//! basis     = sum_e min(V_e(basis_up) - mark_e, V_e(basis_down) - mark_e, 0) (add + multiplier tau)
//! min_delta = -(net |net delta| + hedged min(sum of positive, sum of negative leg deltas)) S
//! scan      = min(basis, min_delta, worst scenario)
//! ```
//! They are floors, not additions: a book whose scenarios lose more pays nothing for them.

// Hot path: wrapping products on ranges that the comments state.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::error::{Field, RiskError};
use crate::grid::mul_q30;
use crate::market::Market;
use crate::params::{BasisParams, MinDeltaParams};
use crate::scan::Scan;
use crate::scenario::{to_q30, NEAREST, ONE_Q30};
use crate::units::{Quote, Ratio};

impl BasisParams {
    /// The forward multipliers down and up, 1e-6.
    pub(crate) fn multipliers(&self) -> [u32; 2] {
        [self.down, self.up].map(|ratio| ratio.raw().clamp(1, 8_000_000) as u32)
    }

    /// `add + multiplier tau`, rounded up, for a tenor in Q36 years, below 2^39.
    pub(crate) fn factor(&self, tenor: u64) -> Ratio {
        let multiplier = (self.multiplier.raw().max(0) as u64).min(1 << 22);
        let grown = tenor.wrapping_mul(multiplier).wrapping_add((1 << 36) - 1) >> 36;
        Ratio::from_raw((grown as i64).saturating_add(self.add.raw()))
    }
}

/// Deltas of a market's legs, each times the price of the underlying, quote units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeltaSums {
    net: Quote,
    positive: Quote,
    negative: Quote,
    /// What the deltas of the grid can be wrong by.
    error: Quote,
}

impl DeltaSums {
    /// A leg whose delta is exact but for `rounding` units.
    pub fn add_leg(&mut self, cash: Quote, rounding: i64) -> Result<(), RiskError> {
        self.net = self.net.checked_add(cash)?;
        self.error = self.error.checked_add(Quote::from_raw(rounding))?;
        self.add_legs(
            cash.raw().max(0),
            Quote::ZERO.checked_sub(cash)?.raw().max(0),
        )
    }

    /// The net delta of an expiry's options, with its error.
    pub fn add_expiry(&mut self, cash: i64, error: u64) -> Result<(), RiskError> {
        self.net = self.net.checked_add(Quote::from_raw(cash))?;
        let error = i64::try_from(error).map_err(|_| RiskError::Overflow(Field::Quote))?;
        self.error = self.error.checked_add(Quote::from_raw(error))?;
        Ok(())
    }

    /// Deltas of legs by sign, both as magnitudes.
    pub fn add_legs(&mut self, positive: i64, negative: i64) -> Result<(), RiskError> {
        self.positive = self.positive.checked_add(Quote::from_raw(positive))?;
        self.negative = self.negative.checked_add(Quote::from_raw(negative))?;
        Ok(())
    }

    /// The net delta.
    pub fn net(&self) -> Quote {
        self.net
    }

    /// |net delta| and its error.
    pub fn exposure(&self) -> Result<Quote, RiskError> {
        self.net.saturating_abs().checked_add(self.error)
    }

    /// The floor, at most zero.
    fn floor(&self, params: &MinDeltaParams) -> Result<Quote, RiskError> {
        if *params == MinDeltaParams::NONE {
            return Ok(Quote::ZERO);
        }
        let net = self.exposure()?.mul_ratio_ceil(params.net)?;
        let hedged = self.positive.min(self.negative).checked_add(self.error)?;
        let charge = net.checked_add(hedged.mul_ratio_ceil(params.hedged)?)?;
        Quote::ZERO.checked_sub(charge)
    }
}

impl Scan<'_> {
    /// Adds what an expiry loses to the basis: `changes` of its options with the forward down and up, and a future of
    /// `notional` whose forward moves with them; `tenor` in Q36 years.
    pub fn add_basis<E>(
        &mut self,
        market: &Market<'_, E>,
        tenor: u64,
        changes: [i64; 2],
        notional: i64,
    ) -> Result<(), RiskError> {
        let params = &market.params.basis;
        if !params.is_active() || !market.scenarios.with_basis {
            return Ok(());
        }
        let mut loss = 0;
        for (change, multiplier) in changes.into_iter().zip(params.multipliers()) {
            let mut change = change;
            if notional != 0 {
                let spot = to_q30(multiplier.into(), NEAREST);
                let future = mul_q30(notional, spot.wrapping_sub(ONE_Q30));
                change = change.wrapping_add(future); // below 2^62 and 2^57
            }
            loss = loss.min(change);
        }
        let loss = Quote::from_raw(loss).mul_ratio_floor(params.factor(tenor))?;
        self.risk.basis_floor = self.risk.basis_floor.checked_add(loss)?;
        Ok(())
    }

    /// The minimum-delta floor, once every leg is in.
    pub fn set_min_delta<E>(&mut self, market: &Market<'_, E>) -> Result<(), RiskError> {
        self.risk.net_delta = self.delta.net();
        self.risk.min_delta_floor = self.delta.floor(&market.params.min_delta)?;
        Ok(())
    }
}
