//! Numbers as people read them. Amounts come in 1e-6 USD, prices in 1e-8 USD, sizes in 1e-6 base units.

/// Thousands, separated by commas.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount in whole dollars, rounded half away from zero: `-1,234`.
pub fn usd(raw: i64) -> String {
    let whole = raw.unsigned_abs().saturating_add(500_000) / 1_000_000;
    let sign = if raw < 0 && whole > 0 { "-" } else { "" };
    format!("{sign}{}", grouped(whole))
}

/// An integer count of units of `10^-decimals`, every digit: `-1,234.567890`.
pub fn exact(raw: i128, decimals: u32) -> String {
    let one = 10u128.pow(decimals);
    let (whole, part) = (raw.unsigned_abs() / one, raw.unsigned_abs() % one);
    let sign = if raw < 0 { "-" } else { "" };
    let whole = grouped(u64::try_from(whole).unwrap_or(u64::MAX));
    format!("{sign}{whole}.{part:0width$}", width = decimals as usize)
}

/// An amount in thousands of dollars, three digits or so: `-98.5k`, `-114k`, `1.25M`.
pub fn kilo(raw: i64) -> String {
    let thousands = raw as f64 / 1e9;
    match thousands.abs() {
        size if size < 0.05 => "0".to_owned(),
        size if size < 99.95 => format!("{thousands:.1}k"),
        size if size < 999.5 => format!("{thousands:.0}k"),
        _ => format!("{:.2}M", thousands / 1e3),
    }
}

/// A price in dollars and cents: `116,661.50`.
pub fn price(raw: u64) -> String {
    let cents = (raw + 500_000) / 1_000_000;
    format!("{}.{:02}", grouped(cents / 100), cents % 100)
}

/// A size with up to three decimals and always a sign: `-8`, `+9.4`.
pub fn size(raw: i64) -> String {
    let text = format!("{:+.3}", raw as f64 / 1e6);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share as a percentage: `23.7 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(usd(1_234_567_500_000), "1,234,568");
        assert_eq!(usd(-999_499_999), "-999");
        assert_eq!(usd(-400_000), "0");
        assert_eq!(usd(i64::MIN), "-9,223,372,036,855");
        assert_eq!(exact(-1_234_567_890, 6), "-1,234.567890");
        assert_eq!(exact(5, 9), "0.000000005");
    }

    #[test]
    fn thousands_keep_three_digits() {
        assert_eq!(kilo(-98_511_000_000), "-98.5k");
        assert_eq!(kilo(-113_660_000_000), "-114k");
        assert_eq!(kilo(1_250_000_000_000), "1.25M");
        assert_eq!(kilo(-49_000_000), "0");
    }

    #[test]
    fn prices_and_sizes() {
        assert_eq!(price(11_666_150_000_000), "116,661.50");
        assert_eq!(price(99_999_999_999), "1,000.00");
        assert_eq!(size(-8_000_000), "-8");
        assert_eq!(size(9_400_000), "+9.4");
        assert_eq!(size(100_000_000), "+100");
        assert_eq!(percent(0.2368), "23.7 %");
    }
}
