//! Scenarios and amounts as people read them.

use risk_core::params::{VolShockParams, VOL_PIVOT_SECONDS};
use risk_core::scan::Worst;
use risk_core::scenario::VolShock;
use risk_core::Ratio;

use crate::decimal::Decimal;
use crate::picture::{Node, Subject, ONE};

/// Below this amount, 1e-6 USD, cents are shown.
const SMALL: u64 = 1_000_000_000;

/// A number without trailing zeros.
pub(crate) fn shown(raw: i64, decimals: u32) -> String {
    Decimal::new(raw.into(), decimals).to_string()
}

/// `-13.5%` for a multiplier of 0.865.
pub fn move_label(spot: i64) -> String {
    let change = spot - ONE;
    let sign = if change > 0 { "+" } else { "" };
    format!("{sign}{}%", shown(change, 4))
}

/// A scenario as a sentence.
pub(crate) fn in_words(node: &Node) -> String {
    let spot = match node.spot - ONE {
        0 => "spot stays".to_owned(),
        change if change < 0 => format!("spot falls {} %", shown(-change, 4)),
        change => format!("spot rises {} %", shown(change, 4)),
    };
    let vol = match node.shock {
        VolShock::Up => "volatility rises",
        VolShock::None => "volatility stays",
        VolShock::Down => "volatility falls",
        VolShock::SkewLinear => "the smile tilts",
        VolShock::SkewAbs => "the wings of the smile lift",
    };
    if node.is_damped() {
        return format!(
            "{spot}, {vol}; a tail of which {} % counts",
            shown(node.damping, 4)
        );
    }
    format!("{spot}, {vol}")
}

/// What sets a market's scan, as `BTC down 18 % with volatility up 50 %: loss 12,345 USD`.
pub(crate) fn headline(
    subject: &Subject<'_>,
    worst: Worst,
    node: Option<&Node>,
    scan: i64,
) -> String {
    let name = subject.name;
    let case = match (worst, node) {
        (Worst::Scenario(_), Some(node)) => scenario(subject, node),
        (Worst::Basis, _) => format!("forwards away from the spot of {name} (basis floor)"),
        (Worst::MinDelta, _) => format!("least margin for the delta held in {name}"),
        _ => return format!("No scenario of {name} loses anything"),
    };
    let cents = scan.unsigned_abs() < SMALL;
    let effect = if scan > 0 { "gain" } else { "loss" };
    let magnitude = scan.checked_abs().unwrap_or(i64::MAX);
    format!("{case}: {effect} {} USD", dollars(magnitude, cents))
}

fn scenario(subject: &Subject<'_>, node: &Node) -> String {
    let name = subject.name;
    let spot = match node.spot - ONE {
        0 => format!("{name} unchanged"),
        change if change < 0 => format!("{name} down {} %", shown(-change, 4)),
        change => format!("{name} up {} %", shown(change, 4)),
    };
    let vol = match node.shock {
        VolShock::Up => format!(" with volatility up{}", sizes(subject, node.shock)),
        VolShock::None => " with volatility unchanged".to_owned(),
        VolShock::Down => format!(" with volatility down{}", sizes(subject, node.shock)),
        VolShock::SkewLinear => " with the smile tilted".to_owned(),
        VolShock::SkewAbs => " with the wings of the smile lifted".to_owned(),
    };
    let options = subject.positions.iter();
    let has_options = options
        .filter(|held| held.position.instrument.is_option())
        .count()
        > 0;
    let vol = if has_options { vol } else { String::new() };
    if node.damping == ONE {
        return format!("{spot}{vol}");
    }
    format!(
        "{spot}{vol}, a tail of which {} % counts",
        shown(node.damping, 4)
    )
}

/// By how much volatility moves at the expiries that are held, in whole percents: ` 50 %`, or ` 31 to 50 %`.
fn sizes(subject: &Subject<'_>, shock: VolShock) -> String {
    let now = subject.market.now;
    let held = subject.positions.iter().map(|held| held.position);
    let expiries = held.filter(|held| held.instrument.is_option() && held.expiry > now);
    let vol = &subject.market.params.vol;
    let sizes = expiries.map(|held| percent(vol, shock, held.expiry - now));
    let (least, most) = sizes.fold((i64::MAX, 0), |(least, most), size| {
        (least.min(size), most.max(size))
    });
    match (least, most) {
        (i64::MAX, _) => String::new(),
        (least, most) if least == most => format!(" {most} %"),
        _ => format!(" {least} to {most} %"),
    }
}

/// A volatility shock in whole percents, for display only: `range (30 d / tau)^power` (RISK.md).
fn percent(vol: &VolShockParams, shock: VolShock, seconds: i64) -> i64 {
    let tenor = VOL_PIVOT_SECONDS as f64 / seconds.max(vol.floor_seconds).max(1) as f64;
    let power = if tenor > 1.0 {
        vol.short_power
    } else {
        vol.long_power
    };
    // The engine's limits: eight times, and nothing left.
    let (range, most) = match shock {
        VolShock::Up => (vol.range_up, 7.0),
        _ => (vol.range_down, 1.0),
    };
    let share = |ratio: Ratio| ratio.raw() as f64 / 1e6;
    let size = share(range) * tenor.powf(share(power));
    (size.min(most) * 100.0).round() as i64
}

/// An amount in 1e-6 USD as people read it: whole dollars in groups of three, with cents where `cents` says so.
pub fn dollars(raw: i64, cents: bool) -> String {
    let unit: u64 = if cents { 10_000 } else { 1_000_000 };
    let units = (raw.unsigned_abs() + unit / 2) / unit;
    let (whole, part) = if cents {
        (units / 100, format!(".{:02}", units % 100))
    } else {
        (units, String::new())
    };
    let digits = whole.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let sign = if raw < 0 && units > 0 { "-" } else { "" };
    format!("{sign}{text}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(dollars(-1_234_567_500_000, false), "-1,234,568");
        assert_eq!(dollars(-400_000, false), "0");
        assert_eq!(dollars(999_995_000, true), "1,000.00");
        assert_eq!(dollars(-4_999, true), "0.00");
        assert_eq!(move_label(865_000), "-13.5%");
        assert_eq!(move_label(1_000_000), "0%");
        assert_eq!(move_label(1_180_000), "+18%");
    }

    #[test]
    fn shocks_are_those_of_the_model() {
        // GIVEN the shipped set: its ranges hold at 30 days, and below a floor they grow no more
        let vol = &risk_core::market::MarketParams::BTC.vol;
        let up = |days: i64| percent(vol, VolShock::Up, days * 86_400);
        assert_eq!(up(30), vol.range_up.raw() / 10_000);
        assert_eq!(
            percent(vol, VolShock::Down, 30 * 86_400),
            vol.range_down.raw() / 10_000
        );
        // WHEN nearer or farther THEN larger or smaller
        assert!(up(1) > up(30) && up(30) > up(360));
        assert_eq!(
            percent(vol, VolShock::Up, 0),
            percent(vol, VolShock::Up, vol.floor_seconds)
        );
    }
}
