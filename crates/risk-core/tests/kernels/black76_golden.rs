//! Black-76 against the reference vectors: 2,016 golden rows, 1,408 grid rows, 59 printed textbook values.
//!
//! The vectors are Black-Scholes in spot terms. With `F = S exp((r - q) T)` and `X = F/S`: price, vega and theta scale
//! by `F`; spot delta is `X delta`, spot gamma `X^2 gamma / F`; with the spot instead of the forward fixed, theta loses
//! `(r - q) F delta` and rho gains `T F delta`.

use crate::support::{from_q, vectors, Row, Worst};
use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::exp::exp;
use risk_core::fixed::sqrt::{sqrt_tenor, tenor};

const YEAR: f64 = 31_536_000.0;

fn option_type(row: &Row) -> OptionType {
    match row.text("type") {
        "C" => OptionType::Call,
        "P" => OptionType::Put,
        other => panic!("type {other}"),
    }
}

fn to_q(value: f64, bits: i32) -> i64 {
    (value * 2f64.powi(bits)).round() as i64
}

/// Forward and strike of a row in one decimal scale that fills the `u64` of the larger.
fn forward_and_strike(row: &Row) -> (u64, u64) {
    let digits = row.decimal("F", 0).max(row.decimal("K", 0)).max(1).ilog10() as i32;
    let decimals = 18 - digits;
    (
        row.decimal("F", decimals) as u64,
        row.decimal("K", decimals) as u64,
    )
}

/// Spot value and Greeks of a row, named as the columns of the file.
struct Spot {
    price: f64,
    delta: f64,
    gamma: f64,
    vega: f64,
    theta: f64,
    rho: f64,
    divrho: f64,
}

/// From the normalised, forward Greeks of `inputs` to the spot ones of a row.
fn spot_greeks(inputs: &Black76Inputs, forward: f64, row: &Row, years: f64) -> Spot {
    let greeks = price_and_greeks(inputs);
    assert_eq!(greeks.price, price(inputs));
    let ratio = forward / row.f64("S");
    let forward_delta = from_q(greeks.delta, 38);
    let carry = row.f64("r") - row.f64("q");
    Spot {
        price: from_q(greeks.price, 38) * forward,
        delta: forward_delta * ratio,
        gamma: from_q(greeks.gamma, 38) / forward * ratio * ratio,
        vega: from_q(greeks.vega, 38) * forward,
        theta: (from_q(greeks.theta, 38) - carry * forward_delta) * forward,
        rho: (from_q(greeks.rho, 38) + years * forward_delta) * forward,
        divrho: -years * forward_delta * forward,
    }
}

fn golden_inputs(row: &Row) -> Black76Inputs {
    let seconds: i64 = row.int("T_sec");
    let years = seconds as f64 / YEAR;
    let terms = ExpiryTerms {
        sqrt_tenor: sqrt_tenor(seconds),
        tenor: tenor(seconds),
        rate: to_q(row.f64("r"), 36),
        discount: exp(to_q(-row.f64("r") * years, 38)).unwrap() as u64,
    };
    let (forward, strike) = forward_and_strike(row);
    let std_dev = to_q(row.f64("vol") * years.sqrt(), 40) as u64;
    Black76Inputs::from_forward(option_type(row), forward, strike, std_dev, &terms)
}

/// Gamma and theta are met to 1e-6 of themselves unless they are negligible: gamma below 1e-5 of one over the spot, where a move of
/// 1 % of the spot changes delta by less than 1e-7; theta below 1e-3 of the spot a year, 2.7e-6 a day. There the absolute error
/// is held to a millionth of the threshold.
#[test]
fn case_45_every_golden_row_is_met() {
    let mut price_error = Worst::new("golden price, of spot");
    let mut price_share = Worst::new("golden price, of stated bound");
    let mut delta_error = Worst::new("golden delta");
    let mut vega_error = Worst::new("golden vega, of spot");
    let mut gamma_error = Worst::new("golden gamma, relative");
    let mut gamma_small = Worst::new("golden gamma x S below 1e-5");
    let mut theta_error = Worst::new("golden theta, relative");
    let mut theta_small = Worst::new("golden theta / S below 1e-3");
    let mut rho_error = Worst::new("golden rho and divrho, of spot");
    let rows = vectors("bs_golden.csv");
    assert_eq!(rows.len(), 2016);
    for row in &rows {
        let place = || format!("row {} ({})", row.text("id"), row.text("class"));
        let (spot, years) = (row.f64("S"), row.f64("T_sec") / YEAR);
        let value = spot_greeks(&golden_inputs(row), row.f64("F"), row, years);
        price_error.see((value.price - row.f64("price")) / spot, place);
        // The bound that `price` states: 6e-11 of the forward and 2^-38 of the strike.
        let bound = 6e-11 * row.f64("F") + 2f64.powi(-38) * row.f64("K");
        price_share.see((value.price - row.f64("price")) / bound, place);
        delta_error.see(value.delta - row.f64("delta"), place);
        if row.text("gamma") == "NA" {
            continue; // no variance: nothing but price and delta is defined
        }
        vega_error.see((value.vega - row.f64("vega")) / spot, place);
        let gamma = row.f64("gamma");
        if gamma * spot >= 1e-5 {
            gamma_error.see(value.gamma / gamma - 1.0, place);
        } else {
            gamma_small.see((value.gamma - gamma) * spot, place);
        }
        let theta = row.f64("theta");
        if theta.abs() >= 1e-3 * spot {
            theta_error.see(value.theta / theta - 1.0, place);
        } else {
            theta_small.see((value.theta - theta) / spot, place);
        }
        rho_error.see((value.rho - row.f64("rho")) / spot, place);
        rho_error.see((value.divrho - row.f64("divrho")) / spot, place);
    }
    price_error.at_most(1e-9);
    price_share.at_most(1.0);
    delta_error.at_most(1e-8);
    vega_error.at_most(1e-8);
    gamma_error.at_most(1e-6);
    gamma_small.at_most(1e-11);
    theta_error.at_most(1e-6);
    theta_small.at_most(1e-9);
    rho_error.at_most(2e-9);
}

#[test]
fn every_grid_row_is_met_with_fixed_point_inputs_alone() {
    let mut error = Worst::new("grid price, of spot");
    let rows = vectors("bs_grid.csv");
    assert_eq!(rows.len(), 1408);
    for row in &rows {
        let seconds: i64 = row.int("T_sec");
        let micros = |column| row.decimal(column, 6);
        // rate and carry in 1e-6, so Q38 exponents are value * 2^38 * seconds / (1e6 * year)
        let exponent =
            |rate: i128| ((rate << 38) * i128::from(seconds) / (1_000_000 * 31_536_000)) as i64;
        let growth = i128::from(exp(exponent(micros("r") - micros("q"))).unwrap());
        let spot = row.decimal("S", 12) * row.decimal("spot_mult", 2) / 100;
        let terms = ExpiryTerms {
            sqrt_tenor: sqrt_tenor(seconds),
            tenor: tenor(seconds),
            rate: ((micros("r") << 36) / 1_000_000) as i64,
            discount: exp(exponent(-micros("r"))).unwrap() as u64,
        };
        let vol = micros("vol") * row.decimal("vol_mult", 6) / 1_000_000;
        let std_dev = (i128::from(terms.sqrt_tenor) * 4 * vol / 1_000_000) as u64;
        let (forward, strike) = ((spot * growth) >> 38, row.decimal("K", 12));
        let inputs = Black76Inputs::from_forward(
            option_type(row),
            forward as u64,
            strike as u64,
            std_dev,
            &terms,
        );
        let value = from_q(price(&inputs), 38) * forward as f64 / 1e12;
        error.see((value - row.f64("price_shocked")) / row.f64("S"), || {
            format!(
                "option {} scenario {}",
                row.text("opt_id"),
                row.text("scn_id")
            )
        });
    }
    error.at_most(1e-9);
}

#[test]
fn case_45_every_published_value_is_met() {
    let mut error = Worst::new("published, of printed tolerance");
    let rows = vectors("bs_published.csv");
    assert_eq!(rows.len(), 59);
    for row in &rows {
        let (spot, rate, years) = (row.f64("S"), row.f64("r"), row.f64("T"));
        let forward = spot * ((rate - row.f64("q")) * years).exp();
        let terms = ExpiryTerms {
            sqrt_tenor: to_q(years.sqrt(), 38) as u64,
            tenor: to_q(years, 36) as u64,
            rate: to_q(rate, 36),
            discount: exp(to_q(-rate * years, 38)).unwrap() as u64,
        };
        let std_dev = to_q(row.f64("vol") * years.sqrt(), 40) as u64;
        let scaled = |value: f64| (value * 1e12) as u64;
        let inputs = Black76Inputs::from_forward(
            option_type(row),
            scaled(forward),
            scaled(row.f64("K")),
            std_dev,
            &terms,
        );
        let value = spot_greeks(&inputs, forward, row, years);
        let value = match row.text("quantity") {
            "price" => value.price,
            "delta" => value.delta,
            "gamma" => value.gamma,
            "vega" => value.vega,
            "theta" => value.theta,
            "rho" => value.rho,
            "divrho" => value.divrho,
            other => panic!("quantity {other}"),
        };
        let place = || {
            format!(
                "{} {} {}",
                row.text("source"),
                row.text("quantity"),
                row.text("expected")
            )
        };
        error.see((value - row.f64("expected")) / row.f64("tol"), place);
    }
    error.at_most(1.0);
}
