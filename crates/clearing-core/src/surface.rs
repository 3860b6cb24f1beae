//! Posted volatility surfaces: which are free of arbitrage, how far one may move, and which of them is in force.
//!
//! | module | holds |
//! |---|---|
//! | [`butterfly`] | what a post must show by itself: no butterfly, no wing steeper than Lee's bound |
//! | [`neighbours`] | what a surface must show to come into force: no calendar arbitrage, a bounded step |
//! | [`median`] | which of the fresh posts is in force, and since when |
//!
//! A post is judged by itself when it is posted, so that nobody's neighbour can make it bad. What would come into force is
//! judged against what is in force around it; where it fails, the old surface stays, grows old, and so raises margin and then
//! blocks openings. Everything is judged by what the engine prices with: [`risk_core::svi::SviSlice`] at the tenor of the moment,
//! where total variance is `w(k) tau / reference_tenor` and the wings are flat beyond `+-4 sqrt(a + b s)`.

// The one product outside the modules is of two 64-bit numbers in 128 bits.
#![allow(clippy::arithmetic_side_effects)]

use risk_core::svi::Svi;

pub mod butterfly;
pub mod median;
pub mod neighbours;

#[cfg(test)]
mod tests;

/// 1.0 of a log-moneyness and of a standard deviation, Q40.
pub(crate) const ONE_Q40: i64 = 1 << 40;

/// What one poster says of an expiry, or what is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// The smile, within the bounds of [`Svi::validate`].
    pub svi: Svi,
    /// Forward over spot less one, 1e-9.
    pub forward_basis: i32,
    /// Annual rate, 1e-6.
    pub rate: i32,
    /// Confidence in all of it, 1e-6.
    pub confidence: u32,
    /// Unix time of the post.
    pub posted_at: i64,
}

/// What moved too far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Annual volatility at a strike within two standard deviations, 1e-6.
    Volatility,
    /// Forward over spot, 1e-9.
    ForwardBasis,
    /// Annual rate, 1e-6.
    Rate,
}

/// Why a surface cannot come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurfaceFault {
    /// A wing's total variance rises by more than 2 per unit of log-moneyness.
    Wing {
        /// Slope of the steeper wing, 1e-12, rounded up.
        slope: u64,
        /// Largest slope.
        most: u64,
    },
    /// The density that the smile implies is negative, or too near to zero to tell.
    Butterfly {
        /// Log-moneyness of the node, 1e-6.
        k: i64,
        /// Durrleman's `g` there less what rounding may have added, 1e-6.
        density: i64,
    },
    /// Total variance falls with tenor.
    Calendar {
        /// Log-moneyness of the node, 1e-6.
        k: i64,
        /// Standard deviation of the shorter expiry there, 1e-9.
        shorter: i64,
        /// Of the longer one, 1e-9.
        longer: i64,
    },
    /// Too far from where it was, for the time since.
    Step {
        /// What moved.
        what: Moved,
        /// By how much, rounded up.
        found: i64,
        /// Most that it may, rounded down.
        most: i64,
    },
}

/// Q40 in parts of `unit`, floor. For faults only: 128 bits.
pub(crate) fn parts_of(unit: i64, value: i64) -> i64 {
    let parts = (i128::from(value) * i128::from(unit)).div_euclid(i128::from(ONE_Q40));
    i64::try_from(parts).unwrap_or(i64::MAX)
}

/// `value / divisor` toward zero, for a positive divisor: sBPF divides nothing signed.
pub(crate) fn quotient(value: i64, divisor: u64) -> i64 {
    let magnitude = value.unsigned_abs() / divisor.max(1);
    let magnitude = i64::try_from(magnitude).unwrap_or(i64::MAX);
    match value < 0 {
        true => -magnitude,
        false => magnitude,
    }
}
