//! The volatility smile of one expiry: raw SVI total variance, scaled from the tenor it was posted for.
//!
//! `w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + s^2))` with `k = ln(K/F)` clamped to `+-4 sqrt(a + b s)`: beyond its
//! last quote a smile is an extrapolation, and unclamped wings can be wrong by a factor of two. `w <= 144` (a standard
//! deviation of 12). The parameters hold at `reference_tenor`; with `tau` left, `std_dev = sqrt(w tau / reference_tenor)`:
//! the volatility, not the variance, is what stays between two posts.
//!
//! Source of the form: J. Gatheral, The Volatility Surface, Wiley 2006, chapter 3.

// Kernel: `SviSlice::std_dev` runs once per option; every range is stated where it is used.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::fixed::bits::leading_zeros;
use crate::fixed::mul::{mul_div_floor, mul_high};
use crate::fixed::sqrt::{isqrt, sqrt_normalised, sqrt_scaled};

/// 1.0 in the unit of `rho`, `m` and `s`.
const MILLION: i64 = 1_000_000;
/// 1.0 in the unit of `a` and `b`.
const TRILLION: i64 = 1_000_000_000_000;

/// Units of the parameters, unsigned.
const E6: u64 = 1_000_000;
const E12: u64 = 1_000_000_000_000;

/// Largest total variance, in 1e-12: 144.
pub const MOST_VARIANCE: i64 = 144 * TRILLION;
/// Smallest total variance anywhere on a valid smile, in 1e-12: 1e-8 (8 % volatility with one minute left).
pub const LEAST_VARIANCE: i64 = 10_000;
/// Smallest `a`, in 1e-12: -16, the largest `b s`.
pub const LEAST_A: i64 = -16 * TRILLION;
/// Largest `a`, in 1e-12: 64.
pub const MOST_A: i64 = 64 * TRILLION;
/// Largest `b`, in 1e-12: 4. (No arbitrage needs `b (1 + |rho|) <= 2` at large strikes: Lee's moment formula.)
pub const MOST_B: i64 = 4 * TRILLION;
/// Largest `|rho|`, in 1e-6: 0.999.
pub const MOST_RHO: i64 = 999_000;
/// Largest `|m|`, in 1e-6: 4.
pub const MOST_M: i64 = 4 * MILLION;
/// Smallest `s`, in 1e-6: 0.0001.
pub const LEAST_S: i64 = 100;
/// Largest `s`, in 1e-6: 4.
pub const MOST_S: i64 = 4 * MILLION;
/// Largest reference tenor in seconds: 10 years of 365 days.
pub const MOST_REFERENCE_TENOR: i64 = 10 * 365 * 86_400;

/// One smile as posted: decimal integers, as accounts store them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Svi {
    /// Level of total variance, 1e-12.
    pub a: i64,
    /// Slope of the wings, 1e-12.
    pub b: u64,
    /// Skew, 1e-6.
    pub rho: i32,
    /// Log-moneyness of the turning point, 1e-6.
    pub m: i32,
    /// Width of the turn, 1e-6.
    pub s: u32,
    /// Seconds to expiry at which the parameters hold.
    pub reference_tenor: u32,
}

/// Names a bound of a smile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SviField {
    /// [`Svi::a`], 1e-12.
    A,
    /// [`Svi::b`], 1e-12.
    B,
    /// [`Svi::rho`], 1e-6.
    Rho,
    /// [`Svi::m`], 1e-6.
    M,
    /// [`Svi::s`], 1e-6.
    S,
    /// [`Svi::reference_tenor`], seconds.
    ReferenceTenor,
    /// The lowest total variance of the smile, `a + b s sqrt(1 - rho^2)`, 1e-12.
    MinimumVariance,
    /// The scale of the smile, `a + b s`, 1e-12: it sets how far the wings are trusted.
    TurnVariance,
}

/// A smile parameter, or what follows from it, is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SviError {
    /// `value` is outside `least..=most`, all in the unit of `field`.
    OutOfBounds {
        /// Which quantity.
        field: SviField,
        /// What was given; saturated to `i64`.
        value: i64,
        /// Smallest accepted value.
        least: i64,
        /// Largest accepted value.
        most: i64,
    },
}

impl Svi {
    /// Checks every parameter, and that the smile is positive with a margin that keeps it computable.
    ///
    /// The least variance `a + b s sqrt(1 - rho^2)` must be at least [`LEAST_VARIANCE`] and at least 1/256 of the second
    /// term: a smile that lives on the difference of two large numbers is refused.
    ///
    /// # Errors
    ///
    /// [`SviError::OutOfBounds`] with the first bound that is broken.
    pub fn validate(&self) -> Result<(), SviError> {
        let b = i64::try_from(self.b).unwrap_or(i64::MAX);
        let (s, tenor) = (i64::from(self.s), i64::from(self.reference_tenor));
        check(SviField::B, b, 0, MOST_B)?;
        check(SviField::Rho, i64::from(self.rho), -MOST_RHO, MOST_RHO)?;
        check(SviField::M, i64::from(self.m), -MOST_M, MOST_M)?;
        check(SviField::S, s, LEAST_S, MOST_S)?;
        check(SviField::ReferenceTenor, tenor, 1, MOST_REFERENCE_TENOR)?;
        check(SviField::A, self.a, LEAST_A, MOST_A)?;
        let turn = self.turn_term();
        let lift = mul_div_floor(turn, self.root_one_minus_rho_squared(), MILLION).unwrap_or(0);
        let least = (lift >> 8).max(LEAST_VARIANCE);
        let lowest = self.a.saturating_add(lift);
        check(SviField::MinimumVariance, lowest, least, MOST_VARIANCE)?;
        let scale = self.a.saturating_add(turn);
        check(SviField::TurnVariance, scale, least, MOST_VARIANCE)
    }

    /// `b s`, 1e-12, floor. At most 16e12 for valid parameters.
    fn turn_term(&self) -> i64 {
        let b = i64::try_from(self.b).unwrap_or(MOST_B);
        mul_div_floor(b, i64::from(self.s), MILLION).unwrap_or(MOST_VARIANCE)
    }

    /// `1 - rho^2`, 1e-12; 0 for invalid `rho`.
    fn one_minus_rho_squared(&self) -> u64 {
        let rho = u64::from(self.rho.unsigned_abs());
        (TRILLION as u64).saturating_sub(rho.wrapping_mul(rho))
    }

    /// `sqrt(1 - rho^2)`, 1e-6, floor.
    fn root_one_minus_rho_squared(&self) -> i64 {
        isqrt(self.one_minus_rho_squared()) as i64
    }
}

fn check(field: SviField, value: i64, least: i64, most: i64) -> Result<(), SviError> {
    if value < least || value > most {
        return Err(SviError::OutOfBounds {
            field,
            value,
            least,
            most,
        });
    }
    Ok(())
}

/// A smile in binary, at the tenor of one margin check: computed once per expiry, asked once per option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SviSlice {
    /// `a`, Q56, in [-16, 64].
    a: i64,
    /// `b = mantissa / 2^exponent`; mantissa 0 or in `(2^61, 2^62.2)`, exponent in `[60, 101]`.
    b_mantissa: u64,
    b_exponent: u32,
    /// Whether `rho` is negative.
    rho_is_negative: bool,
    /// `|rho|`, Q62.
    rho: u64,
    /// `1 - rho^2`, Q62.
    one_minus_rho_squared: u64,
    /// `m`, Q56.
    m: i64,
    /// `s`, Q56, in `(2^42, 2^58]`.
    s: u64,
    /// What strikes within `s` of the turning point share.
    turn: Scale,
    /// `4 sqrt(a + b s)`, Q56, at most 48.
    most_k: i64,
    /// `sqrt(tau / reference_tenor) = mantissa / 2^exponent`; exponent in `[47, 78]`.
    scale_mantissa: u64,
    scale_exponent: u32,
}

/// The larger of `|x|` and `s` as a unit, so that no square needs more than 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scale {
    /// How far both are shifted, 0 to 18.
    shift: u32,
    /// The larger one, Q(56 + shift), in `[2^60, 2^63)`.
    large: u64,
    /// `b` times it, Q(b_exponent + shift - 8).
    product: u64,
}

impl Scale {
    /// From the larger one, in `(2^42, 2^62)`.
    #[inline(always)]
    fn new(large: u64, b_mantissa: u64) -> Self {
        let shift = head_room(large);
        let large = large.wrapping_shl(shift);
        Self {
            shift,
            large,
            product: mul_high(b_mantissa, large),
        }
    }
}

impl SviSlice {
    /// The smile with `tenor_seconds` left: negative counts as 0, more than `u32::MAX` as that.
    ///
    /// `svi` should have passed [`Svi::validate`]. Parameters beyond their bounds count as the nearest bound, so that
    /// this too is total; the smile is then not the one that was meant.
    #[must_use]
    pub fn new(svi: &Svi, tenor_seconds: i64) -> Self {
        let svi = svi.clamped();
        // b < 2^42, so at least 22 bits of head room; the quotient by 1e12 takes 39.9 away and gets 38 back.
        let b_shift = leading_zeros(svi.b);
        let b_mantissa = quotient::<E12, 0, 38>(svi.b.wrapping_shl(b_shift));
        let b_exponent = b_shift.wrapping_add(38);
        let a = signed_q56::<E12, 17>(svi.a);
        let s = quotient::<E6, 41, 56>(u64::from(svi.s));
        // b s: Q(b_exponent + 56 + 5 - 64), b_exponent >= 60
        let turn = mul_high(b_mantissa, s << 5).wrapping_shr(b_exponent.wrapping_sub(59));
        let turn = turn.saturating_add_signed(a).min(MOST_VARIANCE_Q56);
        let (root, shift) = sqrt_scaled(turn);
        let (scale_mantissa, scale_exponent) = root_of_ratio(tenor_seconds, svi.reference_tenor);
        Self {
            a,
            b_mantissa,
            b_exponent,
            rho_is_negative: svi.rho < 0,
            rho: quotient::<E6, 44, 62>(u64::from(svi.rho.unsigned_abs())),
            one_minus_rho_squared: quotient::<E12, 24, 62>(svi.one_minus_rho_squared()),
            m: signed_q56::<E6, 41>(i64::from(svi.m)),
            s,
            turn: Scale::new(s, b_mantissa),
            // sqrt(turn / 2^56) = root / 2^(59 + shift); times 4, in Q56
            most_k: root.wrapping_shr(shift.wrapping_add(1)) as i64,
            scale_mantissa,
            scale_exponent,
        }
    }

    /// `sqrt(w(k) tau / reference_tenor)` in Q40 for `k = ln(K/F)` in Q40. Total.
    ///
    /// Error for a valid smile: at most 1e-9 relative plus half a unit of 2^-40.
    #[must_use]
    pub fn std_dev(&self, k_q40: i64) -> u64 {
        self.std_dev_at(self.trusted(k_q40))
    }

    /// `k` in Q56 at which the smile is read for `k` in Q40: beyond what it is trusted for, its last.
    #[inline(always)]
    pub(crate) fn trusted(&self, k_q40: i64) -> i64 {
        const MOST_K_Q40: i64 = 63 << 40;
        let k = k_q40.clamp(-MOST_K_Q40, MOST_K_Q40) << 16;
        // min and max, not clamp: clamp asserts an order that the compiler cannot see.
        k.min(self.most_k).max(self.most_k.wrapping_neg())
    }

    /// [`SviSlice::std_dev`] for a `k` from [`SviSlice::trusted`].
    #[inline(never)]
    pub(crate) fn std_dev_at(&self, k: i64) -> u64 {
        let (root, shift) = sqrt_scaled(self.total_variance(k));
        // root / 2^(59 + shift) times the scale, in Q40; the shift is within [2, 50] for any valid smile.
        let product = mul_high(root, self.scale_mantissa);
        let down = self
            .scale_exponent
            .wrapping_add(shift)
            .wrapping_sub(45)
            .min(63);
        let half = 1u64.wrapping_shl(down.wrapping_sub(1));
        product.wrapping_add(half).wrapping_shr(down)
    }

    /// `w(k)` at the reference tenor, Q56, in `[0, 144]`, for `k` in Q56. Error 2e-11 relative (256 times that where `a < 0`)
    /// plus 2^-56.
    #[inline(always)]
    fn total_variance(&self, k: i64) -> u64 {
        let x = k.wrapping_sub(self.m); // |x| <= 52

        let magnitude = x.unsigned_abs();
        let opposed = (x < 0) != self.rho_is_negative;
        let (scale, bracket) = if magnitude > self.s {
            let scale = Scale::new(magnitude, self.b_mantissa);
            let ratio = ratio_q41(self.s.wrapping_shl(scale.shift), scale.large);
            (scale, self.bracket::<true>(ratio, opposed))
        } else {
            let ratio = ratio_q41(magnitude.wrapping_shl(self.turn.shift), self.turn.large);
            (self.turn, self.bracket::<false>(ratio, opposed))
        };
        let product = mul_high(scale.product, bracket); // Q(b_exponent + shift - 10), < 2^62
        let integer_bits = self.b_exponent.wrapping_add(scale.shift).wrapping_sub(2); // from 2^8 up, >= 58
        let wings = if integer_bits >= 64 {
            product.wrapping_shr(integer_bits.wrapping_sub(64))
        } else if product.wrapping_shr(integer_bits) != 0 {
            return MOST_VARIANCE_Q56;
        } else {
            product.wrapping_shl(64u32.wrapping_sub(integer_bits))
        };
        // a >= -16, so wings beyond 160 are capped whatever a is; below, the sum fits because a <= 64. Only an invalid
        // smile can be negative: it wraps to the cap.
        wings
            .min(160 << 56)
            .wrapping_add(self.a as u64)
            .min(MOST_VARIANCE_Q56)
    }

    /// `(rho x + sqrt(x^2 + s^2)) / max(|x|, s)`, Q62, in `(0.04, 2.42)`.
    ///
    /// Where `rho x < 0` the difference is taken as `((1 - rho^2) x^2 + s^2) / (sqrt(x^2 + s^2) + |rho x|)`: no cancellation.
    #[inline(always)]
    fn bracket<const IN_WING: bool>(&self, ratio: u64, opposed: bool) -> u64 {
        let (high, low) = (ratio >> 10, ratio & 1023);
        let square = high
            .wrapping_mul(high)
            .wrapping_add(high.wrapping_mul(low) >> 9); // Q62, <= 1
        let root = sqrt_normalised((1u64 << 62).wrapping_add(square)); // Q62, <= 1.4143
        let skew = if IN_WING {
            self.rho
        } else {
            mul_high(self.rho << 1, ratio << 22) // Q63 x Q63
        };
        let sum = root.wrapping_add(skew); // Q62, < 2.42
        if !opposed {
            return sum;
        }
        let numerator = if IN_WING {
            self.one_minus_rho_squared.wrapping_add(square)
        } else {
            mul_high(self.one_minus_rho_squared << 1, square << 1).wrapping_add(1 << 62)
        }; // Q62, <= 2
        let divisor = sum >> 22; // Q40
        let whole = numerator / divisor; // Q22
        let rest = numerator.wrapping_sub(whole.wrapping_mul(divisor)); // < 2^42
        ((whole << 22) | ((rest << 22) / divisor)) << 18
    }
}

/// `MOST_VARIANCE` in Q56.
const MOST_VARIANCE_Q56: u64 = 144 << 56;

impl Svi {
    /// Each parameter at its nearest bound.
    fn clamped(&self) -> Self {
        Self {
            a: self.a.clamp(LEAST_A, MOST_A),
            b: self.b.min(MOST_B as u64),
            rho: i64::from(self.rho).clamp(-MOST_RHO, MOST_RHO) as i32,
            m: i64::from(self.m).clamp(-MOST_M, MOST_M) as i32,
            s: i64::from(self.s).clamp(LEAST_S, MOST_S) as u32,
            reference_tenor: self.reference_tenor.max(1),
        }
    }
}

/// How far `x` in `(2^42, 2^62)` can be shifted to land in `[2^60, 2^63)`: three tests instead of counting zeros.
fn head_room(x: u64) -> u32 {
    let coarse = if x >> 52 == 0 { 10 } else { 0 };
    let middle = if x.wrapping_shl(coarse) >> 57 == 0 {
        5
    } else {
        0
    };
    let coarse = coarse.wrapping_add(middle);
    let fine = if x.wrapping_shl(coarse) >> 60 == 0 {
        3
    } else {
        0
    };
    coarse.wrapping_add(fine)
}

/// `small / large` in Q41 for `small <= large` and `large` in `[2^60, 2^63)`; relative error 2^-39, at most `1 + 2^-39`.
fn ratio_q41(small: u64, large: u64) -> u64 {
    let divisor = (large >> 20) | 1; // [2^40, 2^43); the bit shows the compiler that it is not 0
    let high = small / divisor; // Q20
    let rest = small.wrapping_sub(high.wrapping_mul(divisor)); // < 2^43
    (high << 21).wrapping_add((rest << 21) / divisor)
}

/// `value 2^BITS / UNIT`, rounded to nearest, for a value that can be shifted by `ROOM` bits and a unit below 2^40: by digits
/// as long as there is room for. Result below 2^64.
#[inline(always)]
fn quotient<const UNIT: u64, const ROOM: u32, const BITS: u32>(value: u64) -> u64 {
    let value = value.wrapping_shl(ROOM);
    let mut result = value / UNIT;
    let mut rest = value.wrapping_sub(result.wrapping_mul(UNIT));
    let mut left = BITS.wrapping_sub(ROOM);
    while left > 0 {
        let step = left.min(UNIT.leading_zeros()); // rest < UNIT: below 2^64 when shifted
        let digit = rest.wrapping_shl(step) / UNIT;
        rest = rest
            .wrapping_shl(step)
            .wrapping_sub(digit.wrapping_mul(UNIT));
        result = result.wrapping_shl(step) | digit;
        left = left.wrapping_sub(step);
    }
    result.wrapping_add(u64::from(rest >= UNIT.wrapping_sub(rest)))
}

/// `value / UNIT` in Q56, rounded to nearest, half away from zero; `|value / UNIT| <= 64`, `|value| < 2^(64 - ROOM)`.
#[inline(always)]
fn signed_q56<const UNIT: u64, const ROOM: u32>(value: i64) -> i64 {
    let magnitude = quotient::<UNIT, ROOM, 56>(value.unsigned_abs()) as i64;
    if value < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

/// `sqrt(tenor / reference) = mantissa / 2^exponent`; relative error 2^-59, exponent in `[47, 78]`.
fn root_of_ratio(tenor_seconds: i64, reference: u32) -> (u64, u32) {
    let tenor = tenor_seconds.clamp(0, i64::from(u32::MAX)).unsigned_abs();
    if tenor == 0 {
        return (0, 47);
    }
    let reference = u64::from(reference.max(1));
    let tenor_shift = leading_zeros(tenor); // [32, 63]
    let dividend = tenor.wrapping_shl(tenor_shift); // >= 2^63
    let whole = dividend / reference; // >= 2^31
    let rest = dividend.wrapping_sub(whole.wrapping_mul(reference)); // < 2^32
                                                                     // Fill up to 64 bits, one less if the exponent would be odd.
    let zeros = leading_zeros(whole); // [0, 32]
    let zeros = zeros.wrapping_sub(tenor_shift.wrapping_add(zeros) & 1 & u32::from(zeros > 0));
    let filled = whole.wrapping_shl(zeros) | (rest.wrapping_shl(zeros) / reference);
    let exponent = tenor_shift.wrapping_add(zeros);
    // zeros = 0 with an odd exponent: halve instead.
    let (filled, exponent) = if exponent & 1 == 1 {
        (filled >> 1, exponent.wrapping_sub(1))
    } else {
        (filled, exponent)
    };
    (sqrt_normalised(filled), (exponent >> 1).wrapping_add(31))
}
