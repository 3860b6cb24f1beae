//! Exponential function.

// Kernel: ranges are stated at each step; the table index is masked to the table's length.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::tables::{EXP2_NEG, INV_LN2_X256_Q10, LN2_OVER_256_Q56};

/// From 64 on, `exp(-y)` is 0 in every format used here. Q38.
const LIMIT_Q38: u64 = 64 << 38;

/// The largest argument of [`exp`]: `exp(17.3)` would still fit a Q38 `i64`, `exp(17.4)` would not.
const MAX_ARGUMENT_Q38: i64 = 17 << 38;

/// `exp(-y)` in Q38 for `y >= 0` in Q38. Result in `[0, 1]`; 0 from `y = 27.1` on. Total.
///
/// Rounded to nearest; error at most 0.7 units of 2^-38 (2.5e-12).
#[inline]
#[must_use]
pub const fn exp_neg(y_q38: u64) -> u64 {
    if y_q38 >= LIMIT_Q38 {
        return 0;
    }
    let (mantissa, exponent) = exp_neg_scaled(y_q38 as i64);
    let shift = (exponent as u32).wrapping_add(24); // 24..=117
    if shift > 62 {
        return 0;
    }
    // mantissa < 2^62.1: the rounding bit cannot carry out.
    mantissa
        .wrapping_add(1u64.wrapping_shl(shift.wrapping_sub(1)))
        .wrapping_shr(shift)
}

/// `exp(y)` in Q38 for `y` in Q38. `None` above `y = 17`: the result would soon leave `i64`.
///
/// Relative error at most 2e-12, and half a unit of 2^-38 for the rounding.
#[inline]
#[must_use]
pub const fn exp(y_q38: i64) -> Option<i64> {
    if y_q38 > MAX_ARGUMENT_Q38 {
        return None;
    }
    if y_q38 <= 0 {
        return Some(exp_neg(y_q38.unsigned_abs()) as i64);
    }
    let (mantissa, exponent) = exp_neg_scaled(y_q38.wrapping_neg());
    // 0 < y <= 17 gives -25 <= exponent <= 0, and -25 only with a mantissa of at most 2^61.6.
    let shift = exponent.wrapping_add(24);
    Some(if shift <= 0 {
        mantissa.wrapping_shl(shift.unsigned_abs()) as i64
    } else {
        let half = 1u64.wrapping_shl(shift.wrapping_sub(1) as u32);
        mantissa.wrapping_add(half).wrapping_shr(shift as u32) as i64
    })
}

/// `exp(-y) = mantissa / 2^(62 + exponent)` for `|y| < 64`, Q38. Relative error at most 2e-12.
///
/// `mantissa` lies in `(2^60.9, 2^62.1)`. Reduction: `k = round(256 y / ln 2)`, `r = y - k ln 2 / 256`,
/// `|r| <= 0.0014`; then `2^(-k/256)` from a table times the cubic Taylor polynomial of `exp(-r)`,
/// whose omitted term is below 1.6e-13.
#[inline]
pub(crate) const fn exp_neg_scaled(y_q38: i64) -> (u64, i32) {
    // |y * 378194| < 2^44 * 2^18.6 < 2^63
    let k = y_q38.wrapping_mul(INV_LN2_X256_Q10).wrapping_add(1 << 47) >> 48;
    // |y << 18| < 2^62, and k times the constant differs from it by less than 2^48.
    let r = (y_q38 << 18).wrapping_sub(k.wrapping_mul(LN2_OVER_256_Q56)); // Q56, |r| < 2^46.7
    let r_q40 = r >> 16; // |r| < 2^31
    let half_square = r_q40.wrapping_mul(r_q40) >> 25; // r^2/2 in Q56, < 2^37
    let third = r_q40.wrapping_mul(21_845) >> 16; // r/3 in Q40
    let sixth_cube = (half_square >> 10).wrapping_mul(third) >> 30; // r^3/6 in Q56
                                                                    // 1 - exp(-r) in Q56, < 2^46.7
    let decrement = r.wrapping_sub(half_square).wrapping_add(sixth_cube);
    let base = EXP2_NEG[(k & 255) as usize]; // Q62
                                             // base in Q31 (<= 2^31) times decrement in Q41 (< 2^31.7) is Q72; Q62 wanted
    let correction = (base >> 31).wrapping_mul(decrement >> 15) >> 10;
    (base.wrapping_sub(correction) as u64, (k >> 8) as i32)
}
