//! `pm price` as a user runs it: reference rows through the binary, and what it refuses.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::HashMap;

use support::{pm, Outcome};

const HEADER: &str = "type,S,K,T_sec,r,q,vol";

type Row = HashMap<String, String>;

fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = line.split(',').map(str::to_owned);
        header
            .iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect()
    };
    lines.map(row).collect()
}

fn vectors(name: &str) -> Vec<Row> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let path = format!("{folder}/../crates/risk-core/tests/vectors/{name}");
    rows(&std::fs::read_to_string(path).unwrap())
}

fn number(row: &Row, column: &str) -> f64 {
    let text = &row[column];
    text.parse().unwrap_or_else(|_| panic!("{column}: {text}"))
}

/// Runs a table of these rows' inputs; what comes back, row by row.
fn priced(inputs: impl Iterator<Item = [String; 7]>) -> Vec<Row> {
    let lines: Vec<String> = inputs.map(|cells| cells.join(",")).collect();
    let outcome = pm(&["price"], &format!("{HEADER}\n{}\n", lines.join("\n")));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    // The same rows, untouched, with the results behind them.
    for (written, read) in lines.iter().zip(outcome.stdout.lines().skip(1)) {
        assert!(read.starts_with(&format!("{written},")), "{read}");
    }
    let rows = rows(&outcome.stdout);
    assert_eq!(rows.len(), lines.len());
    rows
}

fn columns(row: &Row) -> [String; 7] {
    ["type", "S", "K", "T_sec", "r", "q", "vol"].map(|name| row[name].clone())
}

/// The worst error of one quantity, where it was.
#[derive(Default)]
struct Worst(f64, String, usize);

impl Worst {
    fn see(&mut self, error: f64, row: &Row) {
        assert!(error.is_finite(), "{row:?}");
        self.2 += 1;
        if error.abs() > self.0 {
            *self = Self(error.abs(), format!("{row:?}"), self.2);
        }
    }

    fn at_most(&self, name: &str, most: f64) {
        let Self(error, place, count) = self;
        println!("{name}: {error:.2e} of {most:.0e} in {count} rows");
        assert!(*count > 0, "{name}: nothing was compared");
        assert!(
            *error <= most,
            "{name}: {error:.3e} > {most:.0e} at {place}"
        );
    }
}

#[test]
fn golden_rows_are_met_through_the_binary() {
    let golden = vectors("bs_golden.csv");
    assert_eq!(golden.len(), 2016);
    let results = priced(golden.iter().map(columns));
    let [mut price, mut delta, mut vega, mut gamma, mut theta, mut rho]: [Worst; 6] =
        Default::default();
    for (row, result) in golden.iter().zip(&results) {
        let spot = number(row, "S");
        let error = |column: &str| number(result, column) - number(row, column);
        price.see(error("price") / spot, row);
        delta.see(error("delta"), row);
        if row["gamma"] == "NA" {
            continue; // no variance: only price and delta are defined
        }
        vega.see(error("vega") / spot, row);
        rho.see(error("rho") / spot, row);
        if number(row, "gamma") * spot > 1e-10 {
            gamma.see(error("gamma") / number(row, "gamma"), row);
        }
        if number(row, "theta").abs() > 1e-6 * spot {
            theta.see(error("theta") / number(row, "theta"), row);
        }
    }
    price.at_most("price, of spot", 1e-10);
    delta.at_most("delta", 1e-10);
    vega.at_most("vega, of spot", 1e-11);
    rho.at_most("rho, of spot", 1e-9);
    gamma.at_most("gamma, relative", 1e-9);
    theta.at_most("theta, relative", 1e-6);
}

#[test]
fn shocked_grid_rows_are_met_through_the_binary() {
    let grid = vectors("bs_grid.csv");
    assert_eq!(grid.len(), 1408);
    // The exact product of two decimals, as a table would state it.
    let product = |row: &Row, value: &str, factor: &str| {
        let digits = |text: &str| -> (i128, usize) {
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            (format!("{whole}{part}").parse().unwrap(), part.len())
        };
        let ((a, a_digits), (b, b_digits)) = (digits(&row[value]), digits(&row[factor]));
        format!("{}e-{}", a * b, a_digits + b_digits)
    };
    let results = priced(grid.iter().map(|row| {
        let mut cells = columns(row);
        cells[1] = product(row, "S", "spot_mult");
        cells[6] = product(row, "vol", "vol_mult");
        cells
    }));
    let mut worst = Worst::default();
    for (row, result) in grid.iter().zip(&results) {
        let error = number(result, "price") - number(row, "price_shocked");
        worst.see(error / number(row, "S"), row);
    }
    worst.at_most("grid price, of spot", 1e-9);
}

#[test]
fn published_values_are_met_through_the_binary() {
    let published = vectors("bs_published.csv");
    assert_eq!(published.len(), 59);
    let results = priced(published.iter().map(|row| {
        let seconds = number(row, "T") * 31_536_000.0;
        let [kind, spot, strike, rate, dividend, volatility] =
            ["type", "S", "K", "r", "q", "vol"].map(|name| row[name].clone());
        [
            kind,
            spot,
            strike,
            format!("{seconds:.6}"),
            rate,
            dividend,
            volatility,
        ]
    }));
    let mut worst = Worst::default();
    for (row, result) in published.iter().zip(&results) {
        let value = match row["quantity"].as_str() {
            // dV/dq = -T S delta
            "divrho" => -number(row, "T") * number(row, "S") * number(result, "delta"),
            name => number(result, name),
        };
        worst.see((value - number(row, "expected")) / number(row, "tol"), row);
    }
    worst.at_most("published, of the printed tolerance", 1.0);
}

#[test]
fn intrinsic_value_is_exact_without_time() {
    let table = format!(
        "{HEADER}\nC,100.5,99.123456789,0,.05,0,.5\nP,100,100,0,0.05,0,0\nP,1e-8,3e-8,0,0,0,9\n"
    );
    let outcome = pm(&["price"], &table);
    let results: Vec<&str> = outcome.stdout.lines().skip(1).collect();
    assert_eq!(
        results,
        [
            "C,100.5,99.123456789,0,.05,0,.5,1.376543211,1,0,0,-4.95617283945,0",
            "P,100,100,0,0.05,0,0,0,0,0,0,0,0",
            "P,1e-8,3e-8,0,0,0,9,0.00000002,-1,0,0,0,0",
        ]
    );
}

#[test]
fn columns_are_found_by_name_and_others_are_kept() {
    let table = "\u{feff}note,vol,q,r,T_sec,K,S,type\r\n\"first, of two\",0.6,0,0.05,2592000,110,100,call\r\n\r\n";
    let outcome = pm(&["price"], table);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(outcome.code, 0);
    assert_eq!(
        lines[0],
        "note,vol,q,r,T_sec,K,S,type,price,delta,gamma,vega,theta,rho"
    );
    assert!(lines[1].starts_with("\"first, of two\",0.6,0,0.05,2592000,110,100,call,3.38978987"));
    assert_eq!(lines.len(), 2);
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    for (table, wanted) in [
        ("", "a table starts with the header type,S,K,T_sec,r,q,vol"),
        (
            "type,S,K,r,q,vol\n",
            "line 1: the header has no column `T_sec`",
        ),
        (
            "type,S,K,T_sec,r,q,vol,S\n",
            "line 1: the header has column `S` twice",
        ),
        (
            "type,S,K,T_sec,r,q,vol\nX,1,1,1,0,0,1\n",
            "line 2: type: \"X\" is neither C (call) nor P (put)",
        ),
        (
            "type,S,K,T_sec,r,q,vol\nC,1,1,1,0,0\n",
            "line 2: no value for `vol`",
        ),
        (
            "type,S,K,T_sec,r,q,vol\nC,1,1,1,0,0,abc\n",
            "line 2: vol: \"abc\" is not a decimal number",
        ),
        (
            "type,S,K,T_sec,r,q,vol\nC,1,1,1,0,0,\"1\n",
            "line 2: a double quote is opened",
        ),
    ] {
        let outcome = pm(&["price"], table);
        assert_eq!(outcome.code, 2, "{table}");
        assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
    }
}

#[test]
fn what_is_out_of_range_is_refused_with_numbers() {
    for (row, wanted) in [
        (
            "C,0,1,1,0,0,1",
            "line 3: S is 0; it must be 0.000000000001 to 1000000000000",
        ),
        ("C,1,-1,1,0,0,1", "K is -1; it must be 0.000000000001"),
        ("C,1,1,-1,0,0,1", "T_sec is -1; it must be 0 to 3153600000"),
        ("C,1,1,1,0,0,-0.1", "vol is -0.1; it must be 0 to 100"),
        (
            "C,1,1,3153600000,1,0,1",
            "r T_sec is -100; it must be -16 to 16",
        ),
        (
            "C,1,1,3153600000,0,0,50",
            "vol sqrt(T) is 500; it must be 0 to 63",
        ),
        ("C,1,1e9,1,0,0,1", "ln(F/K) is -20.7232658369"),
    ] {
        let first = "C,100,110,2592000,0.05,0,0.6";
        let Outcome {
            code,
            stdout,
            stderr,
        } = pm(&["price"], &format!("{HEADER}\n{first}\n{row}\n"));
        assert_eq!(code, 1, "{row}");
        assert!(stderr.contains(wanted), "{stderr}");
        // what came before is written
        assert_eq!(stdout.lines().count(), 2);
    }
}
