//! The oracle against 28-digit vectors: what makes it one. Prices within 1e-13 of spot, Greeks where they are defined.

// Test code: a bad index must fail the test.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use risk_oracle::black76::{normal_cdf, normal_pdf, Black76, OptionType};
use risk_oracle::input::Smile;
use risk_oracle::YEAR_SECONDS;
use std::collections::HashMap;

type Row = HashMap<String, String>;

fn rows(name: &str) -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../risk-core/tests/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = header.iter().zip(line.split(','));
        cells
            .map(|(name, cell)| ((*name).into(), cell.into()))
            .collect()
    };
    lines.map(row).collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap()
}

fn integer(row: &Row, column: &str) -> i64 {
    row[column].parse().unwrap()
}

/// Largest error seen, printed, and held to a bound.
#[derive(Default)]
struct Largest(f64, usize);

impl Largest {
    fn see(&mut self, error: f64) {
        assert!(error.is_finite());
        self.0 = self.0.max(error.abs());
        self.1 += 1;
    }

    fn at_most(&self, name: &str, most: f64) {
        println!(
            "oracle {name}: {:.2e} of {most:.0e} in {} rows",
            self.0, self.1
        );
        assert!(self.1 > 0 && self.0 <= most, "{name}: {:e}", self.0);
    }
}

fn option_type(row: &Row) -> OptionType {
    if row["type"] == "C" {
        OptionType::Call
    } else {
        OptionType::Put
    }
}

#[test]
fn golden_rows() {
    let [mut price, mut delta, mut gamma, mut vega, mut theta]: [Largest; 5] = Default::default();
    for row in &rows("bs_golden.csv") {
        let [spot, forward, rate, carry] = ["S", "F", "r", "q"].map(|name| number(row, name));
        let tau = number(row, "T_sec") / YEAR_SECONDS;
        let option = Black76 {
            option_type: option_type(row),
            forward,
            strike: number(row, "K"),
            std_dev: number(row, "vol") * tau.sqrt(),
            discount: number(row, "DF"),
        };
        price.see((option.price() - number(row, "price")) / spot);
        // at the money without variance delta is a convention: the vectors have none, the limit of Black-76 is a half
        if option.std_dev > 0.0 || option.forward != option.strike {
            delta.see(option.delta() * forward / spot - number(row, "delta"));
        }
        if row["gamma"] == "NA" {
            continue;
        }
        let ratio = forward / spot;
        gamma.see((option.gamma() * ratio * ratio - number(row, "gamma")) * spot);
        vega.see((option.vega(tau.sqrt()) - number(row, "vega")) / spot);
        let of_spot = option.theta(tau.sqrt(), rate) - (rate - carry) * forward * option.delta();
        theta.see((of_spot - number(row, "theta")) / number(row, "theta").abs().max(spot));
    }
    assert_eq!(price.1, 2016);
    price.at_most("price / spot", 1e-13);
    delta.at_most("delta", 1e-12); // the input F has 53 bits: n(d1) 1e-16 / v
    gamma.at_most("gamma x spot", 1e-8); // likewise over v
    vega.at_most("vega / spot", 1e-13);
    theta.at_most("theta / max(spot, theta)", 1e-11); // n(d1) sigma / (2 sqrt(tau)) with a second left
}

#[test]
fn grid_rows() {
    let mut price = Largest::default();
    for row in &rows("bs_grid.csv") {
        let [spot, rate, carry] = ["S", "r", "q"].map(|name| number(row, name));
        let tau = number(row, "T_sec") / YEAR_SECONDS;
        let moved = spot * number(row, "spot_mult");
        let option = Black76 {
            option_type: option_type(row),
            forward: moved * ((rate - carry) * tau).exp(),
            strike: number(row, "K"),
            std_dev: number(row, "vol") * number(row, "vol_mult") * tau.sqrt(),
            discount: (-rate * tau).exp(),
        };
        price.see((option.price() - number(row, "price_shocked")) / spot);
    }
    assert_eq!(price.1, 1408);
    price.at_most("grid price / spot", 1e-13);
}

#[test]
fn normal_distribution_and_density() {
    let [mut cdf, mut pdf]: [Largest; 2] = Default::default();
    for row in &rows("normal.csv") {
        let x = integer(row, "x_q36") as f64 / 2f64.powi(36);
        let relative = |got: f64, expected: f64| (got - expected) / expected.max(1e-300);
        cdf.see(relative(normal_cdf(x), number(row, "cdf")));
        pdf.see(relative(normal_pdf(x), number(row, "pdf")));
    }
    cdf.at_most("N(x), relative in both tails", 1e-13);
    pdf.at_most("n(x), relative", 1e-13);
}

#[test]
fn smiles() {
    let mut error = Largest::default();
    for row in &rows("svi.csv") {
        let smile = Smile {
            a: integer(row, "a"),
            b: integer(row, "b"),
            rho: integer(row, "rho"),
            m: integer(row, "m"),
            s: integer(row, "s"),
            reference_seconds: integer(row, "reference_tenor"),
        };
        let k = integer(row, "k_q40") as f64 / 2f64.powi(40);
        let tau = integer(row, "tenor") as f64 / YEAR_SECONDS;
        let expected = number(row, "std_dev");
        error.see((smile.volatility(k) * tau.sqrt() - expected) / expected.max(1e-9));
    }
    error.at_most("sigma sqrt(tau), relative", 1e-13);
}
