//! Amounts as people type them and as `pm` shows them: exact decimals, never floating point.

use risk_document::Decimal;

use super::failure::Failure;

/// Decimals of an amount of the quote asset.
pub const QUOTE: u32 = 6;
/// Decimals of a price or a strike.
pub const PRICE: u32 = 8;
/// Decimals of a position's size.
pub const SIZE: u32 = 6;

/// The count of units of `10^-decimals` that `text` says, exactly.
///
/// Errors: usage, where the text is no decimal number, has more decimals than the unit, or is beyond an `i64`.
pub fn signed(what: &str, text: &str, decimals: u32) -> Result<i64, Failure> {
    let number =
        Decimal::parse(text).map_err(|error| Failure::usage(format!("{what}: {error}")))?;
    let too_large = || Failure::usage(format!("{what}: {text} is too large"));
    let (units, exact) = number.in_units(decimals).ok_or_else(too_large)?;
    if !exact {
        let least = shown(1, decimals);
        let text = format!("{what}: {text} has more than {decimals} decimals; the unit is {least}");
        return Err(Failure::usage(text));
    }
    i64::try_from(units).map_err(|_| too_large())
}

/// The same above zero.
pub fn positive(what: &str, text: &str, decimals: u32) -> Result<i64, Failure> {
    match signed(what, text, decimals)? {
        units @ 1.. => Ok(units),
        _ => Err(Failure::usage(format!("{what}: {text} is not above zero"))),
    }
}

/// The same above zero, up to all that a token account can hold.
pub fn native(what: &str, text: &str, decimals: u32) -> Result<u64, Failure> {
    let number =
        Decimal::parse(text).map_err(|error| Failure::usage(format!("{what}: {error}")))?;
    let wrong = |why: String| Failure::usage(format!("{what}: {text} {why}"));
    match number.in_units(decimals) {
        Some((units, true)) if units <= 0 => Err(wrong("is not above zero".to_owned())),
        Some((units, true)) => {
            u64::try_from(units).map_err(|_| wrong("is more than a token account holds".to_owned()))
        }
        Some((_, false)) => Err(wrong(format!(
            "has more decimals than the mint, which has {decimals}"
        ))),
        None => Err(wrong("is too large".to_owned())),
    }
}

/// Units as a plain decimal: what `signed` reads back to the same units. For JSON.
pub fn shown(units: impl Into<i128>, decimals: u32) -> String {
    Decimal::new(units.into(), decimals).to_string()
}

/// Units for a table: digits in groups of three, at least `least` decimals, none that are zero behind those.
pub fn grouped(units: impl Into<i128>, decimals: u32, least: usize) -> String {
    group(&shown(units, decimals), least)
}

/// A plain decimal for a table, with at least two decimals.
pub fn regrouped(plain: &str) -> String {
    group(plain, 2)
}

fn group(plain: &str, least: usize) -> String {
    let (sign, rest) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    let (whole, part) = rest.split_once('.').unwrap_or((rest, ""));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !part.is_empty() || least > 0 {
        text.push('.');
        text.push_str(&format!("{part:0<least$}"));
    }
    text
}

/// An amount of the quote asset for a table, exact.
pub fn money(units: i64) -> String {
    grouped(units, QUOTE, 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_or_not_at_all() {
        assert_eq!(signed("a", "0.1", 6).unwrap(), 100_000);
        assert_eq!(signed("a", "-0.000001", 6).unwrap(), -1);
        assert_eq!(signed("a", "9223372036854.775807", 6).unwrap(), i64::MAX);
        assert_eq!(signed("a", "-9223372036854.775808", 6).unwrap(), i64::MIN);
        assert_eq!(signed("a", "1e2", 6).unwrap(), 100_000_000);
        for text in [
            "9223372036854.775808",
            "1e30",
            "0.0000001",
            "",
            "1,000",
            "0x1",
            "NaN",
            "1 ",
        ] {
            let failure = signed("a", text, 6).unwrap_err();
            assert_eq!(failure.code(), 2, "{text}");
            assert!(failure.to_string().starts_with("a: "), "{failure}");
        }
        let failure = signed("amount", "0.0000001", 6).unwrap_err().to_string();
        assert_eq!(
            failure,
            "amount: 0.0000001 has more than 6 decimals; the unit is 0.000001"
        );
    }

    #[test]
    fn what_must_be_positive_is() {
        assert_eq!(positive("a", "0.000001", 6).unwrap(), 1);
        for text in ["0", "-1", "-0.0"] {
            assert!(positive("a", text, 6).is_err(), "{text}");
            assert!(native("a", text, 6).is_err(), "{text}");
        }
    }

    #[test]
    fn native_units_fill_a_token_account_and_no_more() {
        assert_eq!(native("a", "18446744073709551615", 0).unwrap(), u64::MAX);
        assert!(native("a", "18446744073709551616", 0).is_err());
        assert_eq!(native("a", "1.5", 9).unwrap(), 1_500_000_000);
        assert!(native("a", "0.0000000001", 9).is_err());
    }

    #[test]
    fn what_is_shown_reads_back() {
        for units in [0, 1, -1, 123_456_789, i64::MAX, i64::MIN] {
            for decimals in [0, 6, 8] {
                let text = shown(units, decimals);
                assert_eq!(signed("a", &text, decimals).unwrap(), units, "{text}");
            }
        }
    }

    #[test]
    fn tables_group_and_keep_every_digit() {
        assert_eq!(money(1_234_567_500_000), "1,234,567.50");
        assert_eq!(money(-1), "-0.000001");
        assert_eq!(money(0), "0.00");
        assert_eq!(money(-999_000_000), "-999.00");
        assert_eq!(grouped(1_000, 0, 0), "1,000");
        assert_eq!(grouped(u64::MAX, 0, 0), "18,446,744,073,709,551,615");
    }
}
