//! Standard normal distribution: cumulative N(x), density n(x) and Mills ratio.

// Kernel: ranges are stated at each step; table indices are masked to the table's power-of-two length,
// so neither a bounds check nor a panic is compiled.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::exp::exp_neg_scaled;
use super::mul::mul_shift;
use super::normal_table::CDF;
use super::tables::{LN_SQRT_TWO_PI_Q38, MILLS};
use super::{ONE_Q36, ONE_Q38};

/// The table covers `[-8, 8)`; outside, N is 0 or 1 to 6.3e-16.
const HALF_RANGE_Q36: i64 = 8 * ONE_Q36;

/// From 10 on, n(x) is 0 even in Q60.
const DENSITY_LIMIT_Q36: u64 = 10 << 36;

/// N(x) in Q38 for any `x` in Q36: 0 below -8, 1 from 8 on. Result in `[0, 1]`.
///
/// Error at most 2e-11. A loop that saturates by itself uses [`cdf_in_range`].
#[inline]
#[must_use]
pub fn cdf(x_q36: i64) -> i64 {
    if x_q36 < -HALF_RANGE_Q36 {
        0
    } else if x_q36 >= HALF_RANGE_Q36 {
        ONE_Q38
    } else {
        cdf_in_range(x_q36.wrapping_add(HALF_RANGE_Q36) as u64)
    }
}

/// N(u - 8) in Q38 for `u` in `[0, 16)`, Q36: the hot kernel. Error at most 2e-11.
///
/// One parabola per 1/512: 256 KB of table save a multiplication and four more instructions per lookup against a cubic
/// per 1/64. An argument outside the range wraps around the table: a wrong value, never a panic.
#[inline(always)]
#[must_use]
pub fn cdf_in_range(u_q36: u64) -> i64 {
    let t = (u_q36 & 0x7ff_ffff) as i64; // position within the segment, Q27
    let c = &CDF[((u_q36 >> 27) & 8191) as usize];
    // c2 Q54 < 2^33 -> Q42; c1 Q42 < 2^32 -> Q38
    let p = (c[2].wrapping_mul(t) >> 39).wrapping_add(c[1]);
    (p.wrapping_mul(t) >> 31).wrapping_add(c[0])
}

/// n(x) = exp(-x^2/2)/sqrt(2 pi) in Q38 for any `x` in Q36. Error at most 1.3 units of 2^-38 (4.8e-12).
#[inline]
#[must_use]
pub const fn pdf(x_q36: i64) -> i64 {
    pdf_q60(x_q36).wrapping_add(1 << 21) >> 22
}

/// n(x) in Q60 for any `x` in Q36, 0 from `|x| = 10` on: for quotients, where tails need relative accuracy.
///
/// Relative error at most 1.2e-11 up to `|x| = 4`, 3e-10 up to 6, 1e-7 up to 7.
#[inline]
#[must_use]
pub const fn pdf_q60(x_q36: i64) -> i64 {
    let magnitude = x_q36.unsigned_abs();
    if magnitude >= DENSITY_LIMIT_Q36 {
        return 0;
    }
    // magnitude < 2^39.4, so the square in Q36 is below 2^43.
    let magnitude = magnitude as i64;
    let square_q37 = mul_shift::<35>(magnitude, magnitude); // x^2 in Q37 is x^2/2 in Q38
    let (mantissa, exponent) = exp_neg_scaled(square_q37.wrapping_add(LN_SQRT_TWO_PI_Q38));
    // y >= 0.918, so exponent >= 1; y < 51 gives exponent <= 74.
    let shift = (exponent as u32).wrapping_add(2);
    if shift > 62 {
        return 0;
    }
    mantissa.wrapping_shr(shift) as i64
}

/// Mills ratio R(x) = N(-x)/n(x) in Q38 for `x >= 0` in Q36. Result in `(0, 1.2533141]`.
///
/// Tabulated in `s = 2/(x + 2)`, 128 cubics on `[0, 1]`. Arguments below 0 or above 128 are clamped.
/// Error at most 2.2e-11.
#[inline]
#[must_use]
pub fn mills_ratio(x_q36: i64) -> i64 {
    let x = x_q36.clamp(0, 128 * ONE_Q36);
    // s in Q37 = 2^74 / (x + 2), rounded, by two digits: 63 bits, then 11.
    let divisor = x.wrapping_add(2 * ONE_Q36) as u64; // in [2^37, 2^43.1)
    let high = (1u64 << 63) / divisor; // <= 2^26
    let rest = (1u64 << 63).wrapping_sub(high.wrapping_mul(divisor));
    let low = (rest << 11).wrapping_add(divisor >> 1) / divisor;
    let s = (high << 11).wrapping_add(low); // <= 2^37
                                            // s = 1 exactly is the end of the last segment, not the start of the next.
    let s = if s >= 1 << 37 { (1 << 37) - 1 } else { s };
    let t = (s & 0x3fff_ffff) as i64; // Q30
    let c = &MILLS[((s >> 30) & 127) as usize];
    // c3 Q52 < 2^33 -> Q46; c2 Q46 < 2^33 -> Q38; c1 Q38 < 2^32
    let p = (c[3].wrapping_mul(t) >> 36).wrapping_add(c[2]);
    let p = (p.wrapping_mul(t) >> 38).wrapping_add(c[1]);
    (p.wrapping_mul(t) >> 30).wrapping_add(c[0])
}
