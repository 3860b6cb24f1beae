//! The margin model once more, in `f64` and in the words of RISK.md: what the engine is compared with.
//!
//! Nothing here is shared with the engine but the integers that describe a market. Rounding of `f64` is below 1e-15 of
//! gross notional.

use crate::fixture::{Portfolio, NOW};
use risk_core::market::{Expiry, VolShockParams};
use risk_core::position::{Instrument, Position};
use risk_core::scenario::VolShock;
use risk_core::svi::Svi;
use risk_core::YEAR_SECONDS;

/// N(x), absolute error below 1e-15: Marsaglia's series (Evaluating the normal distribution, J. Stat. Software 11, 2004),
/// saturated where N differs from 0 or 1 by less than 1e-15.
pub fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut n) = (x, x, 1.0);
    while sum + term != sum {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// `B76(F, K, v, D)`; `std_dev` is `sigma sqrt(tau)`, zero means intrinsic value.
pub fn black76(instrument: Instrument, f: f64, k: f64, std_dev: f64, discount: f64) -> f64 {
    let sign = if instrument == Instrument::Call {
        1.0
    } else {
        -1.0
    };
    if std_dev <= 0.0 {
        return discount * (sign * (f - k)).max(0.0);
    }
    let d1 = (f / k).ln() / std_dev + std_dev / 2.0;
    let d2 = d1 - std_dev;
    discount * sign * (f * normal_cdf(sign * d1) - k * normal_cdf(sign * d2))
}

/// `sqrt(w(k) tau / reference)` of RISK.md, with the clamp of the wings.
pub fn smile_std_dev(svi: &Svi, k: f64, seconds: i64) -> f64 {
    let (a, b) = (svi.a as f64 / 1e12, svi.b as f64 / 1e12);
    let [rho, m, s] = [svi.rho.into(), svi.m.into(), f64::from(svi.s)].map(|raw: f64| raw / 1e6);
    let most = 4.0 * (a + b * s).sqrt();
    let x = k.clamp(-most, most) - m;
    let variance = a + b * (rho * x + x.hypot(s));
    (variance.min(144.0) * seconds as f64 / f64::from(svi.reference_tenor)).sqrt()
}

/// Shocked standard deviation of RISK.md; a rise saturates at 8 times and at 16.0.
pub fn shocked(params: &VolShockParams, shock: VolShock, std_dev: f64, seconds: i64) -> f64 {
    let share = |ratio: risk_core::Ratio| ratio.raw() as f64 / 1e6;
    let month = (30 * 86_400) as f64;
    let power = if (seconds as f64) < month {
        share(params.short_power)
    } else {
        share(params.long_power)
    };
    let mult = (month / seconds.max(params.floor_seconds) as f64).powf(power);
    let root = (seconds as f64 / YEAR_SECONDS as f64).sqrt();
    match shock {
        VolShock::None | VolShock::SkewLinear | VolShock::SkewAbs => std_dev,
        VolShock::Down => std_dev * (1.0 - share(params.range_down) * mult).max(0.0),
        VolShock::Up => (std_dev * (1.0 + share(params.range_up) * mult).min(8.0))
            .max(share(params.min_vol_up) * root)
            .min(16.0),
    }
}

/// What an option is priced with before any shock, per base unit in USD.
pub struct Terms {
    pub forward: f64,
    pub strike: f64,
    pub std_dev: f64,
    pub discount: f64,
    pub seconds: i64,
}

impl Terms {
    pub fn new(book: &Portfolio, listed: &Expiry, leg: &Position) -> Self {
        let strike = leg.strike.raw() as f64 / 1e8;
        let seconds = (listed.time - NOW).max(0);
        let carried = listed.forward(book.spot).unwrap();
        let forward = if seconds == 0 { book.spot } else { carried };
        let forward = forward.raw() as f64 / 1e8;
        let tenor = seconds as f64 / YEAR_SECONDS as f64;
        let rate = f64::from(listed.rate.max(0)) / 1e6;
        Self {
            forward,
            strike,
            std_dev: smile_std_dev(&listed.svi.unwrap(), (strike / forward).ln(), seconds),
            discount: (-rate * tenor).exp(),
            seconds,
        }
    }
}

/// The account's market by the book, native quote units.
pub struct Exact {
    pub mark: f64,
    pub pnl: Vec<f64>,
}

impl Exact {
    pub fn new(book: &Portfolio) -> Self {
        let mut exact = Self {
            mark: 0.0,
            pnl: vec![0.0; book.scenarios.len()],
        };
        for leg in &book.positions {
            if leg.instrument == Instrument::Perpetual {
                exact.add_perpetual(book, leg);
            } else {
                exact.add_option(book, leg);
            }
        }
        for (pnl, scenario) in exact.pnl.iter_mut().zip(&book.scenarios) {
            *pnl *= f64::from(scenario.damping) / 1e6;
        }
        exact
    }

    fn add_perpetual(&mut self, book: &Portfolio, leg: &Position) {
        let notional = leg.quantity.raw() as f64 * (book.perp_price.raw() as f64 / 1e8);
        self.mark += notional - leg.cost.raw() as f64;
        for (pnl, scenario) in self.pnl.iter_mut().zip(&book.scenarios) {
            *pnl += notional * (f64::from(scenario.spot) / 1e6 - 1.0);
        }
    }

    fn add_option(&mut self, book: &Portfolio, leg: &Position) {
        let terms = Terms::new(book, book.expiry_of(leg), leg);
        let quantity = leg.quantity.raw() as f64;
        let value = |spot: f64, std_dev: f64| {
            let forward = terms.forward * spot;
            quantity
                * black76(
                    leg.instrument,
                    forward,
                    terms.strike,
                    std_dev,
                    terms.discount,
                )
        };
        let base = value(1.0, terms.std_dev);
        let levels = [VolShock::Up, VolShock::None, VolShock::Down]
            .map(|shock| shocked(&book.params.vol, shock, terms.std_dev, terms.seconds));
        self.mark += base;
        for (pnl, scenario) in self.pnl.iter_mut().zip(&book.scenarios) {
            let spot = f64::from(scenario.spot) / 1e6;
            *pnl += value(spot, levels[scenario.vol as usize]) - base;
        }
    }

    /// The largest loss, at most zero.
    pub fn scan(&self) -> f64 {
        self.pnl.iter().copied().fold(0.0, f64::min)
    }
}
