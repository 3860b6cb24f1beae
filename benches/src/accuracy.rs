//! Errors of the engine and of the peer against the golden rows: prices and Greeks of 60-digit arithmetic.
//!
//! The peer knows no dividend yield and no negative rate. It is given `S exp(-qT)` as its spot, which is the same option,
//! and where the rate is negative the undiscounted option on the forward, whose price is then discounted here.

use std::path::Path;

use peer_bench::{black_scholes_price, black_scholes_price_hp, bs_full, bs_full_hp, BsFull};
use risk_core::black76::{price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::exp::exp;
use risk_core::fixed::sqrt::{sqrt_tenor, tenor};

/// Seconds in a year.
const YEAR: f64 = 31_536_000.0;
/// 1.0 of the peer.
const PEER_ONE: f64 = 1e12;
/// The worst errors that NUMERICS allows or the issue asks: price and vega of spot, delta, gamma and theta relative.
pub const TARGETS: [(&str, f64); 5] = [
    ("price / spot", 1e-9),
    ("delta", 1e-8),
    ("vega / spot", 1e-8),
    ("gamma, relative", 1e-6),
    ("theta, relative", 1e-6),
];

/// One row of `bs_golden.csv`.
struct Row {
    put: bool,
    spot: f64,
    strike: f64,
    seconds: f64,
    rate: f64,
    yield_rate: f64,
    volatility: f64,
    forward: f64,
    discount: f64,
    /// Price, delta, vega, gamma, theta; Greeks are `None` where there is no variance.
    exact: [Option<f64>; 5],
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |index: usize| cells.get(index)?.parse::<f64>().ok();
        Some(Self {
            put: *cells.get(2)? == "P",
            spot: number(3)?,
            strike: number(4)?,
            seconds: number(5)?,
            rate: number(6)?,
            yield_rate: number(7)?,
            volatility: number(8)?,
            forward: number(9)?,
            discount: number(10)?,
            exact: [number(11), number(12), number(14), number(13), number(15)],
        })
    }

    fn years(&self) -> f64 {
        self.seconds / YEAR
    }

    /// The error of each value in the terms of [`TARGETS`]; `None` where the row does not define or not weigh it.
    fn errors(&self, values: &[f64; 5]) -> [Option<f64>; 5] {
        std::array::from_fn(|index| {
            let exact = self.exact[index]?;
            let error = (values[index] - exact).abs();
            match index {
                1 => self.exact[2].map(|_| error), // delta at the kink is a convention
                3 => (exact * self.spot >= 1e-5).then_some(error / exact),
                4 => (exact.abs() >= 1e-3 * self.spot).then_some(error / exact.abs()),
                _ => Some(error / self.spot),
            }
        })
    }
}

/// Price, delta, vega, gamma and theta in spot terms, or `None` where they are refused.
type Model = fn(&Row) -> Option<[f64; 5]>;

/// Worst errors over the golden rows.
pub struct Accuracy {
    /// Who computed.
    pub name: &'static str,
    /// The worst error for each of [`TARGETS`].
    pub worst: [f64; 5],
    /// Rows beyond the target, for each of [`TARGETS`].
    pub beyond: [usize; 5],
    /// Rows that were refused.
    pub refused: usize,
    /// All rows.
    pub rows: usize,
}

/// Compares the engine and both arithmetics of the peer.
pub fn measure(vectors: &Path) -> Result<Vec<Accuracy>, String> {
    let path = vectors.join("bs_golden.csv");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let rows: Option<Vec<Row>> = text.lines().skip(1).map(Row::parse).collect();
    let rows = rows.ok_or(format!("{}: a row cannot be read", path.display()))?;
    let models: [(&str, Model); 3] = [
        ("risk-core", engine),
        ("solmath", |row| peer(row, bs_full, black_scholes_price)),
        ("solmath hp", |row| {
            peer(row, bs_full_hp, black_scholes_price_hp)
        }),
    ];
    Ok(models
        .into_iter()
        .map(|(name, model)| compare(name, model, &rows))
        .collect())
}

fn compare(name: &'static str, model: Model, rows: &[Row]) -> Accuracy {
    let mut accuracy = Accuracy {
        name,
        worst: [0.0; 5],
        beyond: [0; 5],
        refused: 0,
        rows: rows.len(),
    };
    for row in rows {
        let Some(values) = model(row) else {
            accuracy.refused += 1;
            continue;
        };
        for (index, error) in row.errors(&values).into_iter().enumerate() {
            let Some(error) = error else { continue };
            accuracy.worst[index] = accuracy.worst[index].max(error);
            accuracy.beyond[index] += usize::from(error > TARGETS[index].1);
        }
    }
    accuracy
}

fn engine(row: &Row) -> Option<[f64; 5]> {
    let to_q = |value: f64, bits: i32| (value * 2f64.powi(bits)).round() as i64;
    let from_q38 = |value: i64| value as f64 * 2f64.powi(-38);
    let seconds = row.seconds as i64;
    let terms = ExpiryTerms {
        sqrt_tenor: sqrt_tenor(seconds),
        tenor: tenor(seconds),
        rate: to_q(row.rate, 36),
        discount: exp(to_q(-row.rate * row.years(), 38))? as u64,
    };
    let option_type = if row.put {
        OptionType::Put
    } else {
        OptionType::Call
    };
    // forward and strike in one scale that fills 60 bits
    let scale = 2f64.powi(60) / row.forward.max(row.strike);
    let scaled = |value: f64| (value * scale) as u64;
    let std_dev = to_q(row.volatility * row.years().sqrt(), 40) as u64;
    let (forward, strike) = (scaled(row.forward), scaled(row.strike));
    let inputs = Black76Inputs::from_forward(option_type, forward, strike, std_dev, &terms);
    let unit = price_and_greeks(&inputs);
    let ratio = row.forward / row.spot;
    let delta = from_q38(unit.delta);
    let carry = row.rate - row.yield_rate;
    Some([
        from_q38(unit.price) * row.forward,
        delta * ratio,
        from_q38(unit.vega) * row.forward,
        from_q38(unit.gamma) / row.forward * ratio * ratio,
        (from_q38(unit.theta) - carry * delta) * row.forward,
    ])
}

/// The peer's two calls: spot, strike, rate, volatility, years.
type Full<E> = fn(u128, u128, u128, u128, u128) -> Result<BsFull, E>;
type Prices<E> = fn(u128, u128, u128, u128, u128) -> Result<(u128, u128), E>;

fn peer<E>(row: &Row, full: Full<E>, prices: Prices<E>) -> Option<[f64; 5]> {
    let to_peer = |value: f64| (value * PEER_ONE).round() as u128;
    let from_peer = |value: i128| value as f64 / PEER_ONE;
    // spot and rate as it is asked, and what its result is multiplied by
    let (spot, rate, factor) = if row.rate < 0.0 {
        (row.forward, 0.0, row.discount)
    } else {
        (row.forward * row.discount, row.rate, 1.0)
    };
    let [s, k, r, v] = [spot, row.strike, rate, row.volatility].map(to_peer);
    let years = to_peer(row.years());
    let (call, put) = prices(s, k, r, v, years).ok()?;
    let price = from_peer(if row.put { put } else { call }.cast_signed()) * factor;
    if row.exact[2].is_none() {
        return Some([price, 0.0, 0.0, 0.0, 0.0]);
    }
    let all = full(s, k, r, v, years).ok()?;
    let (delta, theta) = if row.put {
        (from_peer(all.put_delta), from_peer(all.put_theta))
    } else {
        (from_peer(all.call_delta), from_peer(all.call_theta))
    };
    // dX/dS of the spot that was given, and -dX/dt of it
    let slope = spot / row.spot;
    let drift = if row.rate < 0.0 {
        row.yield_rate - row.rate
    } else {
        row.yield_rate
    };
    let discounting = if row.rate < 0.0 {
        row.rate * price
    } else {
        0.0
    };
    Some([
        price,
        delta * slope * factor,
        from_peer(all.vega) * factor,
        from_peer(all.gamma) * slope * slope * factor,
        (theta + drift * spot * delta) * factor + discounting,
    ])
}
