//! Square roots by Newton's method: a 64-bit division costs one compute unit in the Solana VM.

// Kernel: ranges are stated at each step.
#![allow(clippy::arithmetic_side_effects)]

use super::bits::leading_zeros;

/// Seconds in the 365-day year of all tenors.
const SECONDS_PER_YEAR: u64 = 365 * 86_400;

/// `floor(sqrt(x))`, exact for every `u64`.
#[inline]
#[must_use]
pub const fn isqrt(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let (normalised, half_shift) = normalise_even(x);
    isqrt_normalised(normalised).wrapping_shr(half_shift)
}

/// `sqrt(x)` in Q40 for `x` in Q56. Floor, to 0.2 units; error below 1 unit of 2^-40. Total.
#[inline]
#[must_use]
pub const fn sqrt_q56(x_q56: u64) -> u64 {
    let (root, shift) = sqrt_scaled(x_q56);
    root.wrapping_shr(shift.wrapping_add(19))
}

/// `sqrt(tenor)` in Q38 for a tenor in Q36 years. Floor; error below 1 unit of 2^-38 plus 2^-46 relative. Total.
///
/// Below an hour the rounding of a Q36 tenor dominates (1.6e-8 relative at an hour, 1e-4 at a second): prefer
/// [`sqrt_tenor`], which starts from seconds.
#[inline]
#[must_use]
pub const fn sqrt_tenor_q36(tenor_q36: u64) -> u64 {
    let (root, shift) = sqrt_scaled(tenor_q36);
    root.wrapping_shr(shift.wrapping_add(11))
}

/// `sqrt(seconds / year)` in Q38, floor, error below 1.1 units of 2^-38. Total: negative counts as 0, and more
/// than `u32::MAX` seconds (136 years) as that.
#[inline]
#[must_use]
pub const fn sqrt_tenor(seconds: i64) -> u64 {
    let (high, rest) = years_q31(seconds);
    let tenor_q56 = (high << 25).wrapping_add((rest << 25) / SECONDS_PER_YEAR); // < 2^64
    let (root, shift) = sqrt_scaled(tenor_q56);
    root.wrapping_shr(shift.wrapping_add(21))
}

/// `seconds / year` in Q36, rounded to nearest. Total, with the clamps of [`sqrt_tenor`].
#[inline]
#[must_use]
pub const fn tenor(seconds: i64) -> u64 {
    let (high, rest) = years_q31(seconds);
    let low = (rest << 5).wrapping_add(SECONDS_PER_YEAR / 2) / SECONDS_PER_YEAR;
    (high << 5).wrapping_add(low)
}

/// First digit of `seconds / year` in Q31 (< 2^39) and its remainder (< 2^25).
#[inline(always)]
const fn years_q31(seconds: i64) -> (u64, u64) {
    let seconds = if seconds < 0 {
        0
    } else if seconds > u32::MAX as i64 {
        u32::MAX as u64
    } else {
        seconds.unsigned_abs()
    };
    let dividend = seconds << 31;
    let high = dividend / SECONDS_PER_YEAR;
    (
        high,
        dividend.wrapping_sub(high.wrapping_mul(SECONDS_PER_YEAR)),
    )
}

/// `(root, shift)` with `sqrt(x) = root / 2^(31 + shift)`, `root <= 2^63`, `shift <= 31`. Relative error below 2^-46.
///
/// For `x > 0`, `root >= 2^62`; for `x = 0` both are 0.
#[inline]
pub(crate) const fn sqrt_scaled(x: u64) -> (u64, u32) {
    if x == 0 {
        return (0, 0);
    }
    let (normalised, half_shift) = normalise_even(x);
    (sqrt_normalised(normalised), half_shift)
}

/// `2^31 sqrt(x)` for `x >= 2^62`, relative error in `[0, 2^-46)`. Below 2^62 accuracy is lost, nothing else.
///
/// Two integer Newton steps reach 2^-23; the third divides to 62 bits.
#[inline]
pub(crate) const fn sqrt_normalised(x: u64) -> u64 {
    let root = newton_step(x, newton_step(x, newton_start(x))); // odd, < 2^33
    let high = x / root;
    let rest = x.wrapping_sub(high.wrapping_mul(root)); // < 2^33
    let low = (rest << 31) / root;
    // (root + x/root)/2 in Q31: each half is below 2^63 because both are near 2^32
    ((root << 30).wrapping_add(high << 30)).wrapping_add(low >> 1)
}

/// `x 4^n` in `[2^62, 2^64)` and `n`, for `x > 0`.
#[inline(always)]
const fn normalise_even(x: u64) -> (u64, u32) {
    let half_shift = leading_zeros(x) >> 1;
    (x.wrapping_shl(half_shift << 1), half_shift)
}

/// A root of `x >= 2^62` within 3.2 %: `(x / 2^32 + 2^31) 11/16`. Odd, below 2^33.
#[inline(always)]
const fn newton_start(x: u64) -> u64 {
    (x >> 32).wrapping_add(1 << 31).wrapping_mul(11) >> 4 | 1
}

/// Squares the relative error and halves it. Odd, so that the compiler sees a divisor that is not zero; that moves
/// it by 2^-31, which the next step squares.
#[inline(always)]
const fn newton_step(x: u64, root: u64) -> u64 {
    root.wrapping_add(x / root) >> 1 | 1
}

/// `floor(sqrt(x))` for `x >= 2^62`.
///
/// After two steps to 2^-23 the third, an integer step, is within 2^-46 and never below the floor: at most one
/// correction downwards.
#[inline]
const fn isqrt_normalised(x: u64) -> u64 {
    let root = newton_step(x, newton_step(x, newton_start(x)));
    let root = root.wrapping_add(x / root) >> 1;
    let root = if root > u32::MAX as u64 {
        u32::MAX as u64
    } else {
        root
    };
    if root.wrapping_mul(root) > x {
        root.wrapping_sub(1)
    } else {
        root
    }
}
