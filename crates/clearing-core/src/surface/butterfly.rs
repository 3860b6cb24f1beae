//! Whether a smile's implied density is positive.
//!
//! Durrleman's condition on total variance `w(k)`: a smile has no butterfly arbitrage where
//!
//! ```text
//! g(k) = (1 - k w' / (2 w))^2 - (w')^2 / 4 (1 / w + 1 / 4) + w'' / 2  >=  0
//! ```
//!
//! (J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14, 2014, lemma 2.2), and call prices
//! vanish at large strikes only where `w` rises by less than 2 per unit of `k` (R. Lee, The moment formula for implied
//! volatility at extreme strikes, Mathematical Finance 14, 2004).
//!
//! **Checked once, good until expiry.** The engine scales variance with the tenor left: `c w` with `c` falling. At a strike,
//! `g` of `c w` is `(1 - k w' / (2 w))^2 + c (w'' / 2 - (w')^2 / (4 w)) - c^2 (w')^2 / 16`: concave in `c` and not negative
//! at 0. Where it is not negative at one `c`, it is not at any smaller one.
//!
//! **Where.** At 36 nodes within what the engine trusts, `|k| <= 4 sqrt(a + b s)`: the turn of the hyperbola in steps of its
//! width, the rest in eighths. Between nodes, smiles of markets have no room for a dip; what a hostile poster can hide
//! there is bounded by the test that searches for it. At the end of what is trusted the engine holds variance flat: the kink
//! there is an extrapolation, not a quote, and no smile is without it.
//!
//! **Rounding.** Ratios in Q28. What each may be off is added up and taken from `g`: a smile passes only where the exact `g` is
//! positive, and a `g` above 0.001 of a usual smile is never refused.

// Ranges are stated at each product; a checked one costs ten times as much.
#![allow(clippy::arithmetic_side_effects)]

use risk_core::fixed::mul::{mul_shift, mul_shift_q30};
use risk_core::fixed::sqrt::isqrt;
use risk_core::svi::{Svi, SviSlice};

use super::{parts_of, quotient, SurfaceFault, ONE_Q40};

/// Largest slope of a wing's total variance, 1e-12: 2.
pub const MOST_SLOPE: u64 = 2_000_000_000_000;

/// Nodes around the turning point, on one side.
const TURNS: [Turn; 10] = [
    Turn::new(0),
    Turn::new(1),
    Turn::new(2),
    Turn::new(4),
    Turn::new(6),
    Turn::new(8),
    Turn::new(12),
    Turn::new(16),
    Turn::new(24),
    Turn::new(32),
];
/// Parts of what is trusted on each side of the forward, a power of two.
const PARTS_BITS: u32 = 3;

/// Least standard deviation that is looked at, Q40: 1e-6. A valid smile has at least 1e-4 at its reference tenor.
const LEAST_DEVIATION: i64 = 1 << 20;

/// 1.0 of a ratio.
const ONE_Q28: i64 = 1 << 28;
/// 1.0 of a cosine.
const ONE_Q30: i64 = 1 << 30;
/// Steepest smile that is looked at, in standard deviations per standard deviation, Q28: 256. Steeper is no market's.
const MOST_STEEPNESS: i64 = 256 * ONE_Q28;
/// Cap of terms that raise `g`, Q28: 512.
const MOST_TERM: i64 = 512 * ONE_Q28;
/// Cap of the curvature, Q28: 2^14.
const MOST_CURVATURE: i64 = ONE_Q28 << 14;

/// Refuses a smile with butterfly arbitrage at any tenor from the longer of `tenor` and the reference tenor down to zero.
///
/// `svi` has passed [`Svi::validate`]; `tenor` in seconds, at most [`risk_core::market::MAX_TENOR_SECONDS`].
///
/// # Errors
///
/// [`SurfaceFault::Wing`], [`SurfaceFault::Butterfly`] with the first node that fails.
pub fn check_butterfly(svi: &Svi, tenor: i64) -> Result<(), SurfaceFault> {
    let reference = i64::from(svi.reference_tenor.max(1));
    let tenor = tenor.max(reference);
    let slope = scaled_slope_ceil(svi, tenor);
    let steeper = mul_ceil(slope, 1_000_000 + u128::from(svi.rho.unsigned_abs()));
    let steeper = u64::try_from(steeper).unwrap_or(u64::MAX);
    if steeper > MOST_SLOPE {
        return Err(SurfaceFault::Wing {
            slope: steeper,
            most: MOST_SLOPE,
        });
    }
    Shape::new(svi, tenor, slope).check()
}

/// `b tenor / reference_tenor`, 1e-12, rounded up: below 2^42 x 2^27, times 1e6 below 2^128.
fn scaled_slope_ceil(svi: &Svi, tenor: i64) -> u128 {
    let product = u128::from(svi.b).saturating_mul(u128::from(tenor.unsigned_abs()));
    product.div_ceil(u128::from(svi.reference_tenor.max(1)))
}

/// `a b / 1e6`, rounded up.
fn mul_ceil(a: u128, b: u128) -> u128 {
    a.saturating_mul(b).div_ceil(1_000_000)
}

/// A node at a fixed number of widths from the turning point: its angle does not depend on the smile.
struct Turn {
    /// Distance, quarters of the width.
    quarters: i64,
    /// `x / R`, Q30.
    cosine: i64,
    /// `s / R`, Q30.
    sine: i64,
    /// `R / s`, Q28.
    radius: i64,
}

impl Turn {
    /// At most 32 quarters; every figure is good to 2^-28 of itself.
    #[allow(clippy::cast_possible_wrap)] // below 2^32
    const fn new(quarters: i64) -> Self {
        let squared = 16 + quarters * quarters; // at most 1040 = 16 R^2 / s^2
        let radius = isqrt((squared << 52).unsigned_abs());
        Self {
            quarters,
            cosine: ((quarters << 56).unsigned_abs() / radius) as i64,
            sine: ((1 << 58) / radius) as i64,
            radius: radius as i64,
        }
    }
}

/// Where a node lies on the hyperbola.
struct Place {
    /// `x / R`, Q30, good to 2^-27.
    cosine: i64,
    /// `s / R`, Q30, good to 2^-27.
    sine: i64,
    /// `R = sqrt(x^2 + s^2)`, Q40, good to 2^-27 of itself.
    radius: i64,
}

/// A smile at one tenor, ready for its nodes. Lengths in Q40.
struct Shape {
    smile: SviSlice,
    /// Slope of both wings without skew, at most 2.
    b: i64,
    /// Skew, Q30.
    rho: i64,
    m: i64,
    s: i64,
    /// What is trusted on each side.
    most_k: i64,
}

impl Shape {
    /// `slope` in 1e-12, at most [`MOST_SLOPE`].
    fn new(svi: &Svi, tenor: i64, slope: u128) -> Self {
        let b = (slope << 40).div_euclid(1_000_000_000_000); // at most 2^41
        let turn = i128::from(svi.b) * i128::from(svi.s) / 1_000_000 + i128::from(svi.a); // below 2^48
        let root = isqrt(u64::try_from(turn.max(0)).unwrap_or(0)); // 1e-6, at most 12e6
        Self {
            smile: SviSlice::new(svi, tenor),
            b: i64::try_from(b).unwrap_or(2 * ONE_Q40),
            rho: quotient(i64::from(svi.rho) * ONE_Q30, 1_000_000),
            m: q40(i64::from(svi.m)),
            s: q40(i64::from(svi.s)).max(1),
            most_k: 4 * q40(i64::try_from(root).unwrap_or(0)),
        }
    }

    fn check(&self) -> Result<(), SurfaceFault> {
        for turn in &TURNS {
            let x = (self.s >> 2) * turn.quarters; // at most 2^45
            let radius = mul_shift::<28>(self.s, turn.radius);
            for (k, cosine) in [(self.m - x, -turn.cosine), (self.m + x, turn.cosine)] {
                if k.abs() <= self.most_k {
                    let sine = turn.sine;
                    let place = Place {
                        cosine,
                        sine,
                        radius,
                    };
                    self.check_at(k, &place)?;
                }
                if turn.quarters == 0 {
                    break;
                }
            }
        }
        for part in -(1 << PARTS_BITS)..=1 << PARTS_BITS {
            let k = (self.most_k >> PARTS_BITS) * part;
            self.check_at(k, &self.place(k - self.m))?;
        }
        Ok(())
    }

    fn check_at(&self, k: i64, place: &Place) -> Result<(), SurfaceFault> {
        match self.density_floor(k, place) {
            density if density > 0 => Ok(()),
            density => Err(SurfaceFault::Butterfly {
                k: parts_of(1_000_000, k),
                density: density.saturating_mul(1_000_000) >> 28,
            }),
        }
    }

    /// `g(k)` less what rounding may have added, Q28; `k` in Q40, at most 48.
    fn density_floor(&self, k: i64, place: &Place) -> i64 {
        let deviation = i64::try_from(self.smile.std_dev(k)).unwrap_or(0); // below 2^44
        if deviation < LEAST_DEVIATION {
            return -MOST_TERM;
        }
        // w' = b (rho + x / R), Q40: at most 4; the cosine is good to 2^-27
        let slope = mul_shift_q30(self.b, self.rho + place.cosine);
        let slope_error = (self.b >> 27) + 4;
        // per standard deviation, Q28
        let steep = ratio_q28(slope, deviation);
        if steep.abs() >= MOST_STEEPNESS {
            return -MOST_TERM;
        }
        let steep_error = ratio_q28(slope_error, deviation) + (steep.abs() >> 22) + 2;
        let distance = ratio_q28(k, deviation);
        if distance.abs() >= MOST_TERM {
            return -MOST_TERM;
        }
        // k w' / (2 w), at most 2^17 x 2^28
        let pull = mul_q28(distance, steep) >> 1;
        let pull_error = (mul_q28(distance.abs(), steep_error) >> 1) + (pull.abs() >> 21) + 2;
        let rest = (ONE_Q28 - pull).abs() - pull_error;
        let first = rest.clamp(0, MOST_TERM);
        let first = mul_q28(first, first); // at most 2^18 x 2^28
                                           // (w')^2 / (4 w) and (w')^2 / 16
        let steep = steep.abs() + steep_error;
        let second = (mul_q28(steep, steep) >> 2) + 1;
        let slope = ((slope.abs() + slope_error) >> 12) + 1;
        let third = (mul_q28(slope, slope) >> 4) + 1;
        // w'' / 2 = b (s / R)^2 / (2 R); the ratio is good to 2^-23, the sine to 2^-27
        let curvature = ratio_q28(self.b, place.radius).min(MOST_CURVATURE);
        let square = mul_shift_q30(place.sine, place.sine);
        let fourth = mul_shift_q30(curvature, square) >> 1;
        let fourth = fourth - (fourth >> 21) - (mul_shift_q30(curvature, place.sine) >> 26) - 4;
        first + fourth.max(0) - second - third
    }

    /// Where `x` lies, `|x| <= 52`.
    fn place(&self, x: i64) -> Place {
        let is_wing = x.abs() > self.s;
        let (large, small) = match is_wing {
            true => (x.abs(), self.s),
            false => (self.s, x.abs()),
        };
        let ratio = (ratio_q28(small, large) << 2).min(ONE_Q30); // Q30
        let root = isqrt((1 << 60) + (ratio * ratio).unsigned_abs()); // Q30, from 1 to 1.4143
        let near = quotient(1 << 60, root);
        let far = quotient(ratio << 30, root);
        let (cosine, sine) = match is_wing {
            true => (near, far),
            false => (far, near),
        };
        Place {
            cosine: if x < 0 { -cosine } else { cosine },
            sine,
            radius: mul_shift_q30(large, i64::try_from(root).unwrap_or(ONE_Q30)),
        }
    }
}

/// 1e-6 in Q40, toward zero; `|value| < 2^23`.
fn q40(value: i64) -> i64 {
    quotient(value * ONE_Q40, 1_000_000)
}

/// Product of two ratios in Q28: `|a| <= 2^37`, `|b| <= 2^37`.
fn mul_q28(a: i64, b: i64) -> i64 {
    mul_shift::<28>(a, b)
}

/// `numerator / divisor` in Q28, toward zero, saturating at 2^20; relative error 2^-23 where it is below 512, and one unit.
/// `|numerator| < 2^46`, `divisor` from 1 to 2^47.
fn ratio_q28(numerator: i64, divisor: i64) -> i64 {
    let (magnitude, divisor) = (numerator.unsigned_abs(), divisor.unsigned_abs());
    // to below 2^35, with the divisor along: in few steps, since sBPF does not count zeros
    let over = match magnitude >> 35 {
        0 => 0,
        1..=7 => 3,
        8..=63 => 6,
        _ => 11,
    };
    let ratio = ((magnitude >> over) << 28) / (divisor >> over).max(1);
    let ratio = i64::try_from(ratio).map_or(ONE_Q28 << 20, |ratio| ratio.min(ONE_Q28 << 20));
    match numerator < 0 {
        true => -ratio,
        false => ratio,
    }
}
