//! `REPORT.md`: what the replays found, written and compared.

use std::fmt::Write;

use super::run::Ending;
use super::variants::{Row, Variant};

/// Set to write the file instead of comparing with it.
pub const WRITE_ENV: &str = "WRITE_REPORT";

/// Above the tables.
const HEAD: &str = include_str!("REPORT.head.md");

/// The whole file.
pub fn render(rows: &[Row]) -> String {
    let mut out = HEAD.to_string();
    for variant in Variant::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.variant == variant).collect();
        writeln!(out, "\n## {}\n", variant.title()).expect("writing to a string");
        table(&mut out, &rows, &ENDING);
        writeln!(out).expect("writing to a string");
        table(&mut out, &rows, &COMPARED);
    }
    out
}

/// A column: its name, and what a row shows in it.
type Column = (&'static str, fn(&Ending) -> String);

const ENDING: [Column; 12] = [
    ("liquidated", |end| end.liquidated.to_string()),
    ("bids", |end| end.tally.bids.to_string()),
    ("legs", |end| end.tally.legs.to_string()),
    ("insolvent", |end| end.tally.insolvent.len().to_string()),
    ("bankrupt", |end| end.tally.bankruptcies.to_string()),
    ("deficit", |end| dollars(end.tally.deficit)),
    ("fund paid", |end| dollars(end.insurance_used)),
    ("profits forgiven", |end| dollars(end.tally.profits)),
    ("balances charged", |end| dollars(end.tally.balances)),
    ("fund received", |end| dollars(end.tally.to_fund)),
    ("keepers' gain", |end| dollars(end.keepers_gain)),
    ("slowest", |end| format!("{} s", end.tally.slowest)),
];

const COMPARED: [Column; 9] = [
    ("here: accounts", |end| end.liquidated.to_string()),
    ("deficit", |end| dollars(end.tally.deficit)),
    ("isolated: accounts", |end| accounts(end, 0)),
    ("positions", |end| end.isolated[0].positions.to_string()),
    ("deficit", |end| dollars(end.isolated[0].deficit)),
    ("could not be opened", |end| {
        end.isolated[0].unaffordable.to_string()
    }),
    ("equity missing", |end| dollars(end.isolated[0].missing)),
    ("with it: accounts", |end| accounts(end, 1)),
    ("deficit", |end| dollars(end.isolated[1].deficit)),
];

fn accounts(end: &Ending, equity: usize) -> String {
    end.isolated[equity].accounts.len().to_string()
}

fn table(out: &mut String, rows: &[&Row], columns: &[Column]) {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let lines = columns.iter().map(|_| "---:").collect::<Vec<_>>();
    writeln!(out, "| path | moves | {} |", names.join(" | ")).expect("writing to a string");
    writeln!(out, "|---|---:|{}|", lines.join("|")).expect("writing to a string");
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|(_, cell)| cell(&row.ending)).collect();
        let line = format!(
            "| {} | {} % | {} |",
            row.path,
            row.percent,
            cells.join(" | ")
        );
        writeln!(out, "{line}").expect("writing to a string");
    }
}

/// Whole dollars with separators, rounded toward zero.
fn dollars(amount: i128) -> String {
    let whole = amount / 1_000_000;
    let digits = whole.unsigned_abs().to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    match whole < 0 {
        true => format!("-{shown}"),
        false => shown,
    }
}
