//! Decimals exactly as written: an integer and how many of its digits are behind the point.

use std::fmt;

/// Most significant digits that are read: 10^36 leaves room for a sign and one more digit in an `i128`.
const MOST_DIGITS: usize = 36;
/// Most digits behind the point, and the largest exponent that is read.
const MOST_SCALE: i32 = 36;

/// `mantissa / 10^scale`, without trailing zeros behind the point; `|mantissa| < 10^36`, `scale <= 36`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self {
        mantissa: 0,
        scale: 0,
    };

    /// A count of units of `10^-scale`, `scale <= 36`.
    pub fn new(mantissa: i128, scale: u32) -> Self {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// Reads `-12.5`, `.5`, `3`, `1e-6`. The error says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a decimal number");
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| wrong())?),
            None => (text, 0),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{part}");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        let digits = digits.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Ok(Self::ZERO);
        }
        let too_long = || format!("{text:?} has more than {MOST_DIGITS} digits");
        let dropped = i32::try_from(digits.len() - kept.len()).map_err(|_| too_long())?;
        let behind = i32::try_from(part.len()).map_err(|_| too_long())?;
        // The value is kept / 10^scale.
        let scale = behind.saturating_sub(dropped).saturating_sub(exponent);
        let zeros = usize::try_from(scale.saturating_neg()).unwrap_or(0);
        if scale > MOST_SCALE || kept.len().saturating_add(zeros) > MOST_DIGITS {
            return Err(too_long());
        }
        let magnitude: i128 = format!("{kept}{:0<zeros$}", "")
            .parse()
            .map_err(|_| too_long())?;
        Ok(Self {
            mantissa: if negative { -magnitude } else { magnitude },
            scale: u32::try_from(scale).unwrap_or(0),
        })
    }

    /// Numerator and decimals behind the point.
    pub fn parts(self) -> (i128, u32) {
        (self.mantissa, self.scale)
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The nearest count of units of `10^-decimals`, half away from zero, and whether it is the exact value; `None` beyond
    /// `i128`.
    pub fn in_units(self, decimals: u32) -> Option<(i128, bool)> {
        if self.scale <= decimals {
            let factor = 10i128.checked_pow(decimals - self.scale)?;
            return Some((self.mantissa.checked_mul(factor)?, true));
        }
        let divisor = 10i128.checked_pow(self.scale - decimals)?;
        let (whole, rest) = (self.mantissa / divisor, self.mantissa % divisor);
        let away = i128::from(rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2));
        Some((whole + away * self.mantissa.signum(), rest == 0))
    }

    /// `self - other`, exact; `None` beyond `i128`.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = |value: Self| value.in_units(scale).map(|(units, _)| units);
        Some(Self::new(units(self)?.checked_sub(units(other)?)?, scale))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(formatter, "{sign}{magnitude}");
        }
        let one = 10u128.pow(self.scale);
        let (whole, part) = (magnitude / one, magnitude % one);
        let width = self.scale as usize;
        write!(formatter, "{sign}{whole}.{part:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("65000.00000000", "65000"),
            ("-0.0250", "-0.025"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("12.5E-7", "0.00000125"),
            ("1200e-1", "120"),
            (
                "0.000000000000000000000000000000000001",
                "0.000000000000000000000000000000000001",
            ),
            (
                "123456789012345678901234567890123456",
                "123456789012345678901234567890123456",
            ),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1.2.3",
            "1,000",
            "nan",
            "inf",
            "0x10",
            "1 ",
            "--1",
            "1234567890123456789012345678901234567",
            "1e36",
            "1e-37",
            "1e99999999999",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn units_round_to_nearest_and_say_so() {
        let units = |text: &str, decimals| Decimal::parse(text).unwrap().in_units(decimals);
        assert_eq!(units("1.5", 6), Some((1_500_000, true)));
        assert_eq!(units("0.0000005", 6), Some((1, false)));
        assert_eq!(units("-0.0000005", 6), Some((-1, false)));
        assert_eq!(units("0.00000049", 6), Some((0, false)));
        assert_eq!(units("123456789012345678901234567890123456", 6), None);
    }

    #[test]
    fn differences_are_exact() {
        let of = |text| Decimal::parse(text).unwrap();
        let difference = of("100").checked_sub(of("90.000000000000000001")).unwrap();
        assert_eq!(difference.to_string(), "9.999999999999999999");
    }
}
