//! `benches/RESULTS.md`: the figures for people, beside what they must and should be.

use std::fmt::Write;

use crate::accuracy::{Accuracy, TARGETS};
use crate::results::Results;

/// A target: what it is, the figure's path, the most it may be, the most it should be.
type Target = (&'static str, &'static str, f64, f64);

/// Compute units under 33 scenarios, Anchor, oracle and volatility lookups included.
const COMPUTE: [Target; 10] = [
    (
        "margin check, 1 option",
        "margin_check_cu.1",
        9_000.0,
        6_000.0,
    ),
    (
        "margin check, 16 options, 2 expiries",
        "margin_check_cu.16",
        62_000.0,
        52_000.0,
    ),
    (
        "margin check, 64 options, 4 expiries",
        "margin_check_cu.64",
        215_000.0,
        190_000.0,
    ),
    (
        "margin check, 128 options, 4 expiries",
        "margin_check_cu.128",
        420_000.0,
        375_000.0,
    ),
    (
        "two-party trade, 64 options each, both checked",
        "trade_64x64_cu",
        500_000.0,
        420_000.0,
    ),
    (
        "start of liquidation of 128 options",
        "start_liquidation_128_cu",
        80_000.0,
        50_000.0,
    ),
    (
        "start of liquidation of the largest account",
        "start_at_caps_cu",
        400_000.0,
        120_000.0,
    ),
    (
        "bid on the largest account",
        "bid_at_caps_cu",
        400_000.0,
        385_000.0,
    ),
    ("unit: option x scenario", "option_scenario_cu", 90.0, 80.0),
    (
        "unit: price and all Greeks",
        "price_greeks_cu",
        650.0,
        560.0,
    ),
];
/// Option-scenarios per second of one core, least.
const THROUGHPUT: f64 = 50e6;
/// Seconds to revalue a million accounts of 16 options on two cores, most.
const REVALUATION: f64 = 15.0;

/// Which instructions and books exceed what they must not; empty where all are met.
#[must_use]
pub fn exceeded(results: &Results) -> Vec<String> {
    let judge = |(name, path, must, _): &Target| {
        let value = results.get(path)?;
        (value > *must).then(|| format!("{name}: {value:.0} CU of {must:.0}"))
    };
    COMPUTE.iter().filter_map(judge).collect()
}

/// The whole file.
#[must_use]
pub fn markdown(results: &Results, accuracy: &[Accuracy]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `scripts/bench`. Compute units (CU) are counted on the SBF build in an embedded VM, \
         with fixed keys; `scripts/bench --check` fails where one grew by more than 2 %.\n",
    );
    targets(&mut text, results);
    throughput(&mut text, results);
    peer(&mut text, results);
    errors(&mut text, accuracy);
    detail(&mut text, results);
    text
}

fn targets(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Compute units\n\n33 scenarios; whole instructions with Anchor, oracle and volatility lookups.\n\n\
         | figure | CU | must | aim | |\n|---|--:|--:|--:|---|\n",
    );
    for (name, path, must, aim) in COMPUTE {
        let Some(value) = results.get(path) else {
            continue;
        };
        let verdict = if value > must {
            format!("**over by {:.1} %**", (value / must - 1.0) * 100.0)
        } else if value > aim {
            format!("met; aim {:+.1} %", (value / aim - 1.0) * 100.0)
        } else {
            "met, aim met".to_owned()
        };
        let [value, must, aim] = [value, must, aim].map(grouped);
        let _ = writeln!(text, "| {name} | {value} | {must} | {aim} | {verdict} |");
    }
}

fn throughput(text: &mut String, results: &Results) {
    let rows = [
        (
            "the grid, no node saturated",
            "native_option_scenarios_per_second",
        ),
        (
            "whole markets: smiles, shocks, contingencies",
            "detail.native_scan_option_scenarios_per_second",
        ),
    ];
    text.push_str(
        "\n## Native throughput\n\nThe same code on one core of the machine that wrote this file, release profile; not checked, \
         since it depends on the machine. `cargo bench -p native-bench` measures it with criterion.\n\n\
         | workload | option-scenarios/s | must |\n|---|--:|--:|\n",
    );
    for (name, path) in rows {
        if let Some(value) = results.get(path) {
            let millions = value / 1e6;
            let must = THROUGHPUT / 1e6;
            let _ = writeln!(text, "| {name} | {millions:.1} M | {must:.0} M |");
        }
    }
    revaluation(text, results);
}

/// The sweep of a keeper, on two cores.
fn revaluation(text: &mut String, results: &Results) {
    let figures = [
        "revaluation_seconds",
        "detail.revaluation_accounts_per_second",
    ];
    if let [Some(seconds), Some(accounts)] = figures.map(|path| results.get(path)) {
        let _ = writeln!(
            text,
            "\nA keeper's sweep: 1,000,000 accounts of 16 options each, all different, from their bytes in memory to margins under 33 \
             scenarios, by the client's own evaluator, on two cores.\n\n| figure | value | must |\n|---|--:|--:|\n\
             | seconds | {seconds:.1} | {REVALUATION:.0} |\n| accounts per second | {} | |",
            grouped(accounts)
        );
    }
}

fn peer(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Beside solmath 0.2.0\n\nThe published crate in a program of its own, in the same VM, built by the same toolchain, on the same 64 \
         calls: spots from half to double the strike, 90 days, volatility 60 %, rate 4 %, each option from its five raw numbers, nothing \
         shared between options. One call of solmath returns call and put. `hp` is its arithmetic at 1e15.\n\n\
         | CU | risk-core | solmath | | solmath hp | |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for (name, ours, standard, precise) in [
        (
            "price",
            "detail.raw_price_cu",
            "peer.solmath_price_cu",
            "detail.solmath_hp_price_cu",
        ),
        (
            "price and Greeks",
            "detail.raw_price_greeks_cu",
            "peer.solmath_price_greeks_cu",
            "detail.solmath_hp_price_greeks_cu",
        ),
    ] {
        let all = [ours, standard, precise].map(|path| results.get(path));
        if let [Some(ours), Some(standard), Some(precise)] = all {
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {:.1} x | {} | {:.1} x |",
                grouped(ours),
                grouped(standard),
                standard / ours,
                grouped(precise),
                precise / ours
            );
        }
    }
}

fn errors(text: &mut String, accuracy: &[Accuracy]) {
    let Some(first) = accuracy.first() else {
        return;
    };
    let _ = writeln!(
        text,
        "\nWorst error over the {} golden rows (60-digit references), and in how many rows it is beyond the target. Where a rate is \
         negative, which solmath does not take, it prices the undiscounted option on the forward. Its delta and theta beyond the target are \
         all of options with less than a day left, where its tenor in steps of 1e-12 years is coarse.\n",
        first.rows
    );
    let names: Vec<&str> = accuracy.iter().map(|model| model.name).collect();
    let _ = writeln!(text, "| error | target | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|--:|{}", "--:|".repeat(names.len()));
    for (index, (name, target)) in TARGETS.iter().enumerate() {
        let _ = write!(text, "| {name} | {target:.0e} |");
        for model in accuracy {
            let _ = write!(text, " {:.1e}", model.worst[index]);
            if model.beyond[index] > 0 {
                let _ = write!(text, ", {} rows", model.beyond[index]);
            }
            text.push_str(" |");
        }
        text.push('\n');
    }
    text.push_str("| rows refused | 0 |");
    for model in accuracy {
        let _ = write!(text, " {} |", model.refused);
    }
    text.push('\n');
}

fn detail(text: &mut String, results: &Results) {
    text.push_str("\n## Detail\n\n| figure | CU |\n|---|--:|\n");
    for (name, value) in results.under("detail.") {
        if name.ends_with("_cu") {
            let _ = writeln!(text, "| {name} | {} |", grouped(value));
        }
    }
}

/// A number with its thousands apart, and its tenth where it is small.
fn grouped(value: f64) -> String {
    if value < 1_000.0 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").unwrap_or(&text).to_owned();
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(76.2), "76.2");
        assert_eq!(grouped(633.0), "633");
        assert_eq!(grouped(1_000.0), "1,000");
        assert_eq!(grouped(412_078.4), "412,078");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }

    #[test]
    fn what_must_not_be_is_named() {
        let mut results = Results::default();
        results.set("margin_check_cu.1", 9_001.0);
        results.set("option_scenario_cu", 90.0);
        assert_eq!(
            exceeded(&results),
            ["margin check, 1 option: 9001 CU of 9000"]
        );
        assert!(markdown(&results, &[]).contains("**over by 0.0 %**"));
    }
}
