//! Natural logarithm of an integer.

// Kernel: ranges are stated at each step; the table index is masked to the table's length.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::bits::leading_zeros;
use super::tables::{LN, LN2_Q56};

/// `ln x` in Q40 for `x >= 1`; `x = 0` is treated as 1. Result in `[0, 44.4]`.
///
/// Rounded to nearest; error at most 0.52 units of 2^-40 (4.8e-13).
#[inline]
#[must_use]
pub const fn ln(x: u64) -> i64 {
    ln_q56(x).wrapping_add(1 << 15) >> 16
}

/// `ln(numerator / denominator)` in Q40, 0 treated as 1. Result in `[-44.4, 44.4]`.
///
/// The difference is taken before rounding: error at most 0.53 units of 2^-40 (4.9e-13).
#[inline]
#[must_use]
pub const fn ln_ratio(numerator: u64, denominator: u64) -> i64 {
    let difference = ln_q56(numerator).wrapping_sub(ln_q56(denominator));
    difference.wrapping_add(1 << 15) >> 16
}

/// `ln x` in Q56 for `x >= 1`; `x = 0` is treated as 1. Error at most 2e-14.
///
/// `x = 2^n c (1 + ...)` with `c = 1 + i/256` the largest such number not above the mantissa; then
/// `ln(x/c) = 2 artanh(u) = 2 (u + u^3/3 + ...)` with `u = (x - c)/(x + c) < 2^-9`. The omitted `2 u^5/5` is below
/// 1.2e-14.
#[inline]
#[must_use]
pub const fn ln_q56(x: u64) -> i64 {
    let zeros = leading_zeros(x);
    let mantissa = (x | (x == 0) as u64).wrapping_shl(zeros); // Q63, in [1, 2)
    let index = ((mantissa >> 55) & 255) as usize;
    let excess = mantissa & ((1 << 55) - 1); // x - c in Q63, < 2^-8
                                             // (x + c)/2 = mantissa - excess/2, kept to 40 bits: relative error 2^-39.
    let mean = mantissa.wrapping_sub(excess >> 1) >> 24;
    let high = (excess << 8) / mean; // < 2^24
    let rest = (excess << 8).wrapping_sub(high.wrapping_mul(mean)); // < 2^40
    let u = (high << 23).wrapping_add((rest << 23) / mean); // Q56, < 2^47
    let u_q30 = u >> 26; // < 2^21
    let square = u_q30.wrapping_mul(u_q30) >> 20; // Q40, < 2^22
    let cube = square.wrapping_mul(u_q30) >> 14; // Q56, < 2^29
    let two_thirds_cube = cube.wrapping_mul(2_796_203) >> 22; // 2_796_203 is 2/3 in Q22
    let logarithm = (u << 1).wrapping_add(two_thirds_cube) as i64;
    let exponent = 63u32.wrapping_sub(zeros) as i64;
    exponent
        .wrapping_mul(LN2_Q56)
        .wrapping_add(LN[index])
        .wrapping_add(logarithm)
}
