//! Real numbers on integers alone: a 64-bit mantissa and a binary exponent, rounded to nearest.
//!
//! The kernels of `risk-core` work in fixed point, whose last bit is a fixed share of spot. Between a decimal that was read and
//! one that is printed, small values (a gamma of 1e-9, a price of 1e-5) need all their digits: each operation here is right to
//! 2^-63 of its result, the same bits on every machine.

use std::cmp::Ordering;

use risk_core::fixed::exp::exp;
use risk_core::fixed::log::ln_q56;

use risk_document::Decimal;

/// Significant decimal digits that are printed: what 64 bits hold with one to spare.
const DIGITS: u32 = 18;

/// `+-mantissa 2^exponent`; the mantissa is 0 or has its top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Real {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

impl Real {
    pub const ZERO: Self = Self {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };

    /// `+-magnitude 2^exponent`, rounded to 64 bits.
    fn rounded(negative: bool, magnitude: u128, exponent: i32) -> Self {
        if magnitude == 0 {
            return Self::ZERO;
        }
        let top = magnitude << magnitude.leading_zeros();
        let exponent = exponent + 64 - magnitude.leading_zeros().cast_signed();
        let (high, low) = ((top >> 64) as u64, top as u64);
        match high.checked_add(low >> 63) {
            Some(mantissa) => Self {
                negative,
                mantissa,
                exponent,
            },
            None => Self {
                negative,
                mantissa: 1 << 63,
                exponent: exponent + 1,
            },
        }
    }

    /// `value 2^-bits`.
    pub fn from_fixed(value: i128, bits: u32) -> Self {
        Self::rounded(value < 0, value.unsigned_abs(), -bits.cast_signed())
    }

    pub fn from_decimal(value: Decimal) -> Self {
        let (mantissa, scale) = value.parts();
        Self::from_fixed(mantissa, 0) / power_of_ten(scale)
    }

    /// The nearest `value 2^bits`, saturated.
    pub fn to_fixed(self, bits: u32) -> i64 {
        let shift = self.exponent.saturating_add(bits.cast_signed());
        let magnitude = match shift {
            _ if self.mantissa == 0 => 0,
            0.. => u64::MAX, // the mantissa fills 64 bits
            -64..0 => {
                let down = shift.unsigned_abs();
                let half = 1u128 << (down - 1);
                let value = (u128::from(self.mantissa) + half) >> down;
                u64::try_from(value).unwrap_or(u64::MAX)
            }
            _ => 0,
        };
        let magnitude = i64::try_from(magnitude).unwrap_or(i64::MAX);
        if self.negative {
            -magnitude
        } else {
            magnitude
        }
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub fn is_positive(self) -> bool {
        self.mantissa > 0 && !self.negative
    }

    pub fn max(self, other: Self) -> Self {
        if self < other {
            other
        } else {
            self
        }
    }

    /// Half of it.
    pub fn half(self) -> Self {
        Self {
            exponent: self.exponent - 1,
            ..self
        }
    }

    /// Square root of the magnitude.
    pub fn sqrt(self) -> Self {
        // The shift makes the exponent even and leaves a root of 64 bits.
        let shift = 64 - (self.exponent & 1);
        let root = (u128::from(self.mantissa) << shift).isqrt();
        Self::rounded(false, root, (self.exponent - shift) / 2)
    }

    /// Natural logarithm of the magnitude, by the kernel: error at most 4e-14. Zero for 0.
    pub fn ln(self) -> Self {
        if self.mantissa == 0 {
            return Self::ZERO;
        }
        let exponent = i128::from(self.exponent) * i128::from(ln_q56(2));
        Self::from_fixed(i128::from(ln_q56(self.mantissa)) + exponent, 56)
    }

    /// `e^self`, by the kernel (2e-12) and one Newton step against the logarithm: relative error at most 1e-13, exactly 1 for 0.
    /// `None` where the magnitude is above 17.
    pub fn exp(self) -> Option<Self> {
        let magnitude = Self {
            negative: false,
            ..self
        };
        let one = Self::from_fixed(1, 0);
        let power = Self::from_fixed(exp(magnitude.to_fixed(38))?.into(), 38);
        let power = power * (one + (magnitude - power.ln()));
        Some(if self.negative { one / power } else { power })
    }
}

/// `10^power` for `power <= 38`.
fn power_of_ten(power: u32) -> Real {
    Real::rounded(false, 10u128.pow(power.min(38)), 0)
}

impl std::ops::Neg for Real {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            negative: !self.negative && self.mantissa > 0,
            ..self
        }
    }
}

impl std::ops::Mul for Real {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::rounded(
            self.negative != other.negative,
            u128::from(self.mantissa) * u128::from(other.mantissa),
            self.exponent + other.exponent,
        )
    }
}

impl std::ops::Div for Real {
    type Output = Self;
    /// Zero where the divisor is.
    fn div(self, other: Self) -> Self {
        let quotient = (u128::from(self.mantissa) << 64).checked_div(other.mantissa.into());
        Self::rounded(
            self.negative != other.negative,
            quotient.unwrap_or(0),
            self.exponent - other.exponent - 64,
        )
    }
}

impl std::ops::Add for Real {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        if self.mantissa == 0 {
            return other;
        }
        if other.mantissa == 0 {
            return self;
        }
        let (large, small) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        // 62 guard bits; what lies below them is less than the rounding of the result.
        let up = u128::from(large.mantissa) << 62;
        let shift = large.exponent.abs_diff(small.exponent).min(127);
        let down = (u128::from(small.mantissa) << 62) >> shift;
        let exponent = large.exponent - 62;
        if large.negative == small.negative {
            return Self::rounded(large.negative, up + down, exponent);
        }
        let negative = large.negative != (down > up);
        Self::rounded(negative, up.abs_diff(down), exponent)
    }
}

impl std::ops::Sub for Real {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let difference = *self - *other;
        Some(match (difference.is_zero(), difference.negative) {
            (true, _) => Ordering::Equal,
            (_, true) => Ordering::Less,
            _ => Ordering::Greater,
        })
    }
}

impl std::fmt::Display for Real {
    /// 18 significant digits, rounded to nearest, without an exponent or trailing zeros.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.mantissa == 0 {
            return formatter.write_str("0");
        }
        // log10 of the value to within one: 1233 / 4096 is log10 2.
        let mut decade = ((i64::from(self.exponent) + 63) * 1233).div_euclid(4096);
        let digits = loop {
            let units = scaled(*self, i64::from(DIGITS) - 1 - decade);
            match units {
                units if units >= 10u128.pow(DIGITS) => decade += 1,
                units if units < 10u128.pow(DIGITS - 1) => decade -= 1,
                units => break units,
            }
        };
        if self.negative {
            formatter.write_str("-")?;
        }
        let text = digits.to_string();
        let text = text.trim_end_matches('0');
        let places = usize::try_from(decade.unsigned_abs()).unwrap_or(usize::MAX);
        if decade < 0 {
            return write!(formatter, "0.{:0<1$}{text}", "", places - 1);
        }
        match text.split_at_checked(places + 1) {
            Some((whole, "")) => formatter.write_str(whole),
            Some((whole, part)) => write!(formatter, "{whole}.{part}"),
            None => write!(formatter, "{text:0<width$}", width = places + 1),
        }
    }
}

/// `|value| 10^power` to the nearest integer.
fn scaled(value: Real, power: i64) -> u128 {
    let (mut value, mut left) = (value, power);
    while left != 0 {
        let step = left.clamp(-27, 27); // 10^27 is exact in 64 bits
        let factor = power_of_ten(u32::try_from(step.abs()).unwrap_or(0));
        value = if step > 0 {
            value * factor
        } else {
            value / factor
        };
        left -= step;
    }
    match value.exponent {
        exponent @ 0..=63 => u128::from(value.mantissa) << exponent,
        exponent @ -64..0 => {
            let down = exponent.unsigned_abs();
            (u128::from(value.mantissa) + (1u128 << (down - 1))) >> down
        }
        64.. => u128::MAX,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Real {
        Real::from_decimal(Decimal::parse(text).unwrap())
    }

    #[test]
    fn decimals_survive() {
        for text in [
            "0",
            "1",
            "-1",
            "0.1",
            "100",
            "65000.12345678",
            "-0.000000000352065326",
            "999999999999999999",
            "123456789012345678000",
            "0.999999999999999999",
            "5e-36",
        ] {
            let plain = Decimal::parse(text).unwrap().to_string();
            assert_eq!(of(text).to_string(), plain, "{text}");
        }
        assert_eq!(of("0.9999999999999999999999").to_string(), "1");
    }

    #[test]
    fn arithmetic_keeps_18_digits() {
        assert_eq!((of("1") / of("3")).to_string(), "0.333333333333333333");
        assert_eq!((of("2").sqrt() * of("8").sqrt()).to_string(), "4");
        assert_eq!(
            (of("1.00000001") - of("1")).to_string().get(..15),
            Some("0.0000000100000")
        );
        assert_eq!((of("-2.5") + of("2.5")), Real::ZERO);
        assert_eq!(
            (of("1e30") + of("1e-30")).to_string(),
            "1000000000000000000000000000000"
        );
        assert_eq!((of("3") / of("0")), Real::ZERO);
    }

    #[test]
    fn order_is_that_of_numbers() {
        let sorted = [
            "-1e20",
            "-1",
            "-0.5",
            "0",
            "1e-20",
            "0.5",
            "1",
            "1.0000000001",
            "7e9",
        ];
        for (index, low) in sorted.iter().enumerate() {
            for high in &sorted[index + 1..] {
                assert!(of(low) < of(high), "{low} {high}");
                assert_eq!(of(low).max(of(high)), of(high));
            }
        }
    }

    #[test]
    fn fixed_point_rounds_to_nearest_and_saturates() {
        assert_eq!(of("0").to_fixed(40), 0);
        assert_eq!(of("-0.75").to_fixed(1), -2);
        assert_eq!(of("0.74").to_fixed(1), 1);
        assert_eq!(of("1e-30").to_fixed(40), 0);
        assert_eq!(of("1e30").to_fixed(40), i64::MAX);
        assert_eq!(of("-8388608").to_fixed(40), -i64::MAX);
    }

    #[test]
    fn functions_meet_known_values() {
        let close = |value: Real, text: &str, error: &str| {
            let difference = value - of(text);
            assert!(
                difference < of(error) && -difference < of(error),
                "{value} {text}"
            );
        };
        close(of("0.75").ln(), "-0.287682072451780927", "4e-14");
        close(of("123456.789").ln(), "11.7236464871858816", "1e-13");
        close(of("-0.5").exp().unwrap(), "0.606530659712633423", "1e-13");
        assert_eq!(of("0").exp().unwrap().to_string(), "1");
        assert_eq!(of("17.5").exp(), None);
    }
}
