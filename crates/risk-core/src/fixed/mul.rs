//! Multiplication with a shift or a division: split 64-bit products for kernels, checked 128-bit ones elsewhere.

// Kernel: operands are in the documented ranges; checked products would cost 58 compute units each.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap
)]

/// `floor(a * b / 2^SHIFT)` with two 64-bit products, exact in range.
///
/// With `h = SHIFT / 2`: `|a / 2^h * b| < 2^62` and `|b| < 2^(63 - h)`. Outside that range the result
/// wraps; it never panics. Put the operand with more significant bits first.
#[inline(always)]
#[must_use]
pub const fn mul_shift<const SHIFT: u32>(a: i64, b: i64) -> i64 {
    let half = SHIFT / 2;
    let low_mask = (1i64 << half) - 1;
    let low = (a & low_mask).wrapping_mul(b) >> half;
    (a >> half).wrapping_mul(b).wrapping_add(low) >> (SHIFT - half)
}

/// `floor(a * b / 2^30)`; ranges as [`mul_shift`]: `|a b| < 2^77`, `|b| < 2^48`.
#[inline(always)]
#[must_use]
pub const fn mul_shift_q30(a: i64, b: i64) -> i64 {
    mul_shift::<30>(a, b)
}

/// `floor(a * b / 2^36)`; ranges as [`mul_shift`]: `|a b| < 2^80`, `|b| < 2^45`.
#[inline(always)]
#[must_use]
pub const fn mul_shift_q36(a: i64, b: i64) -> i64 {
    mul_shift::<36>(a, b)
}

/// `floor(a * b / 2^38)`; ranges as [`mul_shift`]: `|a b| < 2^81`, `|b| < 2^44`.
#[inline(always)]
#[must_use]
pub const fn mul_shift_q38(a: i64, b: i64) -> i64 {
    mul_shift::<38>(a, b)
}

/// `floor(a * b / 2^40)`; ranges as [`mul_shift`]: `|a b| < 2^82`, `|b| < 2^43`.
#[inline(always)]
#[must_use]
pub const fn mul_shift_q40(a: i64, b: i64) -> i64 {
    mul_shift::<40>(a, b)
}

/// `a * b / 2^SHIFT` for any `a < 2^63` and `b < 2^40`, `25 <= SHIFT <= 48`; saturates at `i64::MAX`.
///
/// Exact floor when it does not saturate, and it saturates only if the result is at least `2^61`. Two products where
/// `a < 2^40`, else three of 24-bit limbs.
#[inline(always)]
#[must_use]
pub const fn mul_shift_wide<const SHIFT: u32>(a: u64, b: u64) -> i64 {
    const LIMB: u64 = (1 << 24) - 1;
    if a >> 40 == 0 {
        // a / 2^20 * b < 2^60, and the low product the same
        let low = (a & 0xf_ffff).wrapping_mul(b) >> 20;
        return ((a >> 20).wrapping_mul(b).wrapping_add(low) >> (SHIFT - 20)) as i64;
    }
    let top = (a >> 48).wrapping_mul(b);
    if top >> (SHIFT + 61 - 48) != 0 {
        return i64::MAX;
    }
    let low = (a & LIMB).wrapping_mul(b) >> 24;
    let middle = ((a >> 24) & LIMB).wrapping_mul(b);
    // middle < 2^64 and low < 2^40: add the halves, not the wholes, so that no carry is lost.
    let carry = (middle & LIMB).wrapping_add(low);
    let middle_high = (middle >> 24).wrapping_add(carry >> 24);
    let whole = top.wrapping_add(middle_high) << (48 - SHIFT);
    whole.wrapping_add((carry & LIMB) >> (SHIFT - 24)) as i64
}

/// `floor(a * b / 2^64)`, low by at most 2: three 32-bit products, total over all `u64`.
#[inline(always)]
#[must_use]
pub const fn mul_high(a: u64, b: u64) -> u64 {
    let (a_high, a_low) = (a >> 32, a & 0xffff_ffff);
    let (b_high, b_low) = (b >> 32, b & 0xffff_ffff);
    a_high
        .wrapping_mul(b_high)
        .wrapping_add(a_high.wrapping_mul(b_low) >> 32)
        .wrapping_add(a_low.wrapping_mul(b_high) >> 32)
}

/// `floor(numerator * 2^64 / divisor)` for `numerator < divisor` and `divisor >= 2^63`.
///
/// Long division by two 32-bit digits (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D);
/// a digit estimate is high by at most 2, hence the corrections.
#[inline]
pub(crate) const fn div_fraction(numerator: u64, divisor: u64) -> u64 {
    const HALF: u64 = 0xffff_ffff;
    let (high, low) = (divisor >> 32, divisor & HALF);
    let mut quotient = 0;
    let mut rest = numerator;
    let mut digit_index = 0u32;
    while digit_index < 2 {
        let mut digit = rest / high;
        let mut digit_rest = rest.wrapping_sub(digit.wrapping_mul(high));
        while digit > HALF || digit.wrapping_mul(low) > digit_rest << 32 {
            digit = digit.wrapping_sub(1);
            digit_rest = digit_rest.wrapping_add(high);
            if digit_rest > HALF {
                break;
            }
        }
        rest = (rest << 32).wrapping_sub(digit.wrapping_mul(divisor));
        quotient = (quotient << 32) | (digit & HALF);
        digit_index = digit_index.wrapping_add(1);
    }
    quotient
}

/// `a * b / d` rounded towards minus infinity. `None` if `d <= 0` or the result exceeds `i64`.
///
/// 128-bit inside: not for loops.
#[must_use]
pub fn mul_div_floor(a: i64, b: i64, d: i64) -> Option<i64> {
    if d <= 0 {
        return None;
    }
    // Two i64 factors always fit i128, and a positive divisor makes Euclidean division the floor.
    i64::try_from((i128::from(a) * i128::from(b)).div_euclid(i128::from(d))).ok()
}

/// `a * b / d` rounded towards plus infinity. `None` if `d <= 0` or the result exceeds `i64`.
///
/// 128-bit inside: not for loops.
#[must_use]
pub fn mul_div_ceil(a: i64, b: i64, d: i64) -> Option<i64> {
    if d <= 0 {
        return None;
    }
    let negated = -(i128::from(a) * i128::from(b));
    i64::try_from(-negated.div_euclid(i128::from(d))).ok()
}
