//! Portfolios for the model tests: one market with positions, collateral and cash, built leg by leg or at random.

use crate::support::Random;
use risk_core::fixed::sqrt::isqrt;
use risk_core::margin::{Collateral, MarginCheck, MarginReport};
use risk_core::market::{Expiry, Market, MarketParams};
use risk_core::position::{Instrument, Position};
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::{
    Scenario, ScenarioSet, ScenarioTable, VolShock, MAJOR_GRID, MAX_SCENARIOS, WIDE_GRID,
};
use risk_core::svi::Svi;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError, YEAR_SECONDS};

/// The moment of every evaluation.
pub const NOW: i64 = 1_760_000_000;
/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// USD as a price.
pub fn price(usd: f64) -> Price {
    Price::from_raw((usd * 1e8).round() as u64)
}

/// Base units as a size.
pub fn size(units: f64) -> Quantity {
    Quantity::from_raw((units * 1e6).round() as i64)
}

/// USD as an amount.
pub fn quote(usd: f64) -> Quote {
    Quote::from_raw((usd * 1e6).round() as i64)
}

/// A share as a ratio.
pub fn ratio(share: f64) -> Ratio {
    Ratio::from_raw((share * 1e6).round() as i64)
}

/// A smile that is flat at `vol`; for an expired option the reference is 30 days.
pub fn flat_smile(vol: f64, seconds: i64) -> Svi {
    let reference = if seconds > 0 { seconds } else { 30 * DAY };
    Svi {
        a: (vol * vol * reference as f64 / YEAR_SECONDS as f64 * 1e12).round() as i64,
        b: 0,
        rho: 0,
        m: 0,
        s: 100_000,
        reference_tenor: reference as u32,
    }
}

/// The shipped defaults without any charge on notional: what is left in the contingency is the numerical cushion.
pub const NO_CHARGES: MarketParams = MarketParams {
    perp_maintenance: Ratio::ZERO,
    perp_initial: Ratio::ZERO,
    option_maintenance: Ratio::ZERO,
    option_initial: Ratio::ZERO,
    ..MarketParams::MAJOR
};

/// One account in one market.
#[derive(Clone, Debug)]
pub struct Portfolio {
    pub spot: Price,
    pub perp_price: Price,
    pub scenarios: Vec<Scenario>,
    pub params: MarketParams,
    pub expiries: Vec<Expiry>,
    pub positions: Vec<Position>,
    pub collateral: Vec<Collateral>,
    pub cash: Quote,
    pub stable_price: Option<Price>,
    pub spot_confidence: Ratio,
    pub perp_confidence: Ratio,
    pub offset: Quantity,
}

/// What the engine says about a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub risk: MarketRisk,
    pub pnl: ScenarioPnl,
    pub report: MarginReport,
}

impl Portfolio {
    pub fn table(&self) -> ScenarioTable {
        ScenarioTable::new(&self.scenarios).unwrap()
    }

    pub fn market<'a>(&'a self, scenarios: ScenarioSet<'a>) -> Market<'a, Expiry> {
        Market {
            perp_price: self.perp_price,
            stable_price: self.stable_price,
            spot_confidence: self.spot_confidence,
            perp_confidence: self.perp_confidence,
            offset: self.offset,
            ..Market::new(NOW, self.spot, scenarios, &self.params, &self.expiries)
        }
    }

    /// Under the portfolio's whole scenario set.
    pub fn try_evaluate(&self) -> Result<Evaluation, RiskError> {
        self.try_evaluate_under(self.table().set()?)
    }

    pub fn try_evaluate_under(&self, set: ScenarioSet<'_>) -> Result<Evaluation, RiskError> {
        let mut check = MarginCheck::new(self.cash);
        for collateral in &self.collateral {
            check.add_collateral(collateral)?;
        }
        let mut pnl = [0; MAX_SCENARIOS];
        let risk = check.add_market(&self.market(set), &self.positions, &mut pnl)?;
        Ok(Evaluation {
            risk,
            pnl,
            report: check.finish(),
        })
    }

    pub fn evaluate(&self) -> Evaluation {
        self.try_evaluate().unwrap()
    }

    pub fn report(&self) -> MarginReport {
        self.evaluate().report
    }

    /// The listed expiry of a position.
    pub fn expiry_of(&self, position: &Position) -> &Expiry {
        let time = position.expiry;
        self.expiries.iter().find(|e| e.time == time).unwrap()
    }

    /// Sum over legs of |quantity| x the larger of forward and strike (of the mark for perpetuals), native quote units.
    pub fn gross_notional(&self) -> f64 {
        let legs = self.positions.iter();
        legs.map(|p| p.quantity.raw().unsigned_abs() as f64 * self.unit_notional(p))
            .sum()
    }

    /// What rounding to native units may move, native quote units: in the node and in the base one unit of both weights of
    /// each leg, a unit being 2^-38 of the expiry's bound on gross notional (all sizes at the highest strike) or one.
    pub fn rounding_units(&self) -> f64 {
        let of_expiry = |listed: &Expiry| {
            let legs = || {
                self.positions
                    .iter()
                    .filter(|leg| leg.expiry == listed.time)
            };
            let sizes: f64 = legs()
                .map(|leg| leg.quantity.raw().unsigned_abs() as f64)
                .sum();
            let highest = legs()
                .map(|leg| self.unit_notional(leg))
                .fold(0.0, f64::max);
            (2.0 * legs().count() as f64 + 4.0) * (sizes * highest * 2f64.powi(-38)).max(1.0)
        };
        4.0 + self.expiries.iter().map(of_expiry).sum::<f64>()
    }

    /// What one raw unit of a leg's size is worth at the larger of forward and strike, native quote units.
    pub fn unit_notional(&self, leg: &Position) -> f64 {
        let raw = if leg.instrument.is_option() {
            let forward = self.expiry_of(leg).forward(self.spot).unwrap();
            forward.max(leg.strike)
        } else {
            self.perp_price.max(self.spot)
        };
        raw.raw() as f64 / 1e8
    }

    /// Sorts the positions and merges equal series, as an account stores them.
    pub fn normalise(&mut self) {
        self.positions
            .sort_by_key(|p| (p.expiry, p.strike, p.instrument));
        let mut merged: Vec<Position> = Vec::new();
        for next in self.positions.drain(..) {
            match merged.last_mut() {
                Some(last) if series(last) == series(&next) => {
                    last.quantity = last.quantity.checked_add(next.quantity).unwrap();
                    last.cost = last.cost.checked_add(next.cost).unwrap();
                }
                _ => merged.push(next),
            }
        }
        self.positions = merged;
    }
}

fn series(position: &Position) -> (i64, Price, Instrument) {
    (position.expiry, position.strike, position.instrument)
}

/// Builds a [`Portfolio`] in the words of the specification. Sizes are in base units, prices in USD, tenors in days.
pub struct PortfolioBuilder(Portfolio);

impl PortfolioBuilder {
    /// BTC-like: the shipped grid and defaults; the perpetual's mark is the spot.
    pub fn new(spot: f64) -> Self {
        Self(Portfolio {
            spot: price(spot),
            perp_price: price(spot),
            scenarios: MAJOR_GRID.to_vec(),
            params: MarketParams::MAJOR,
            expiries: Vec::new(),
            positions: Vec::new(),
            collateral: Vec::new(),
            cash: Quote::ZERO,
            stable_price: None,
            spot_confidence: ratio(1.0),
            perp_confidence: ratio(1.0),
            offset: Quantity::ZERO,
        })
    }

    /// Lists an expiry with a flat smile; zero days: just expired.
    pub fn expiry(self, days: i64, vol: f64) -> Self {
        self.smile(days, flat_smile(vol, days * DAY))
    }

    pub fn smile(mut self, days: i64, svi: Svi) -> Self {
        self.0.expiries.push(Expiry {
            time: NOW + days * DAY,
            svi: Some(svi),
            ..Expiry::PLAIN
        });
        self
    }

    /// Forward over spot less one, of the expiry listed last.
    pub fn basis(mut self, basis: f64) -> Self {
        self.0.expiries.last_mut().unwrap().forward_basis = (basis * 1e9).round() as i32;
        self
    }

    /// Annual rate of the expiry listed last.
    pub fn rate(mut self, rate: f64) -> Self {
        self.0.expiries.last_mut().unwrap().rate = (rate * 1e6).round() as i32;
        self
    }

    pub fn perp_price(mut self, usd: f64) -> Self {
        self.0.perp_price = price(usd);
        self
    }

    fn option(mut self, instrument: Instrument, days: i64, strike: f64, units: f64) -> Self {
        let expiry = NOW + days * DAY;
        let leg = Position::option(instrument, expiry, price(strike), size(units));
        self.0.positions.push(leg);
        self
    }

    pub fn long_call(self, days: i64, strike: f64, units: f64) -> Self {
        self.option(Instrument::Call, days, strike, units)
    }

    pub fn short_call(self, days: i64, strike: f64, units: f64) -> Self {
        self.option(Instrument::Call, days, strike, -units)
    }

    pub fn long_put(self, days: i64, strike: f64, units: f64) -> Self {
        self.option(Instrument::Put, days, strike, units)
    }

    pub fn short_put(self, days: i64, strike: f64, units: f64) -> Self {
        self.option(Instrument::Put, days, strike, -units)
    }

    /// A perpetual bought at `entry`.
    pub fn long_perp(mut self, units: f64, entry: f64) -> Self {
        let leg = Position::perpetual(size(units), quote(units * entry));
        self.0.positions.push(leg);
        self
    }

    /// A future of the expiry in `days`, bought at `entry`.
    pub fn long_future(mut self, days: i64, units: f64, entry: f64) -> Self {
        let cost = quote(units * entry);
        let leg = Position::future(NOW + days * DAY, size(units), cost);
        self.0.positions.push(leg);
        self
    }

    /// A perpetual sold at `entry`.
    pub fn short_perp(self, units: f64, entry: f64) -> Self {
        self.long_perp(-units, entry)
    }

    /// Collateral worth `usd` with its two haircuts.
    pub fn collateral(mut self, usd: f64, maintenance: f64, initial: f64) -> Self {
        self.0.collateral.push(Collateral {
            value: quote(usd),
            haircut_maintenance: ratio(maintenance),
            haircut_initial: ratio(initial),
            ..Collateral::PLAIN
        });
        self
    }

    pub fn cash(mut self, usd: f64) -> Self {
        self.0.cash = quote(usd);
        self
    }

    pub fn params(mut self, params: MarketParams) -> Self {
        self.0.params = params;
        self
    }

    pub fn scenarios(mut self, scenarios: &[Scenario]) -> Self {
        self.0.scenarios = scenarios.to_vec();
        self
    }

    pub fn build(mut self) -> Portfolio {
        self.0.normalise();
        self.0
    }
}

/// Log-uniform in `[low, high)`, the same bits on every platform.
pub fn log_between(random: &mut Random, low: f64, high: f64) -> f64 {
    libm::exp(random.between(libm::log(low), libm::log(high)))
}

/// True once in `n` draws.
pub fn one_in(random: &mut Random, n: u64) -> bool {
    random.bits().is_multiple_of(n)
}

/// A valid smile whose volatility at the money is `vol`: flat, or curved and skewed.
fn random_smile(random: &mut Random, vol: f64, seconds: i64) -> Svi {
    let reference = seconds.max(DAY);
    let mut svi = flat_smile(vol, reference);
    if one_in(random, 3) {
        return svi;
    }
    let variance = svi.a as f64 / 1e12;
    let s = random.between(0.05, 0.5);
    let turn = random.between(0.1, 0.8) * variance;
    svi.b = (turn / s * 1e12).min(2e12) as u64;
    svi.s = (s * 1e6) as u32;
    svi.rho = random.between(-700_000.0, 500_000.0) as i32;
    svi.m = random.between(-100_000.0, 100_000.0) as i32;
    svi.a -= (svi.b as f64 * s) as i64;
    if svi.validate().is_ok() {
        svi
    } else {
        flat_smile(vol, reference)
    }
}

/// A listed expiry with 1 minute to 2 years left, volatility 5 % to 400 %, forward basis within +-8 %, rate -5 % to 20 %.
fn random_expiry(random: &mut Random) -> Expiry {
    let seconds = log_between(random, 60.0, 2.0 * YEAR_SECONDS as f64) as i64;
    let vol = log_between(random, 0.05, 4.0);
    Expiry {
        time: NOW + seconds,
        forward_basis: random.between(-8e7, 8e7) as i32,
        rate: random.between(-50_000.0, 200_000.0) as i32,
        svi: Some(random_smile(random, vol, seconds)),
        ..Expiry::PLAIN
    }
}

/// A strike near the money (in standard deviations), in a deep wing, or at the money.
fn random_strike(random: &mut Random, expiry: &Expiry, spot: Price) -> Price {
    let forward = expiry.forward(spot).unwrap().raw() as f64;
    let svi = expiry.svi.unwrap();
    let tenor = (expiry.time - NOW) as f64 / f64::from(svi.reference_tenor);
    let variance = svi.a.unsigned_abs() + svi.b * u64::from(svi.s) / 1_000_000;
    let std_dev = isqrt(variance) as f64 / 1e6 * tenor.sqrt();
    let k = match random.bits() % 8 {
        0 => random.between(-4.0, 4.0),
        1 => 0.0,
        _ => random.between(-3.0, 3.0) * std_dev,
    };
    Price::from_raw((forward * libm::exp(k.clamp(-5.0, 5.0))).round().max(1.0) as u64)
}

/// What a random book may hold.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub options: u64,
    pub perp: bool,
    /// Gross notional in USD, least and most, log-uniform.
    pub gross: (f64, f64),
}

impl Shape {
    /// 1 to 40 options and sometimes a perpetual; a cent to 1e11 USD of gross notional.
    pub const ANY: Self = Self {
        options: 40,
        perp: true,
        gross: (0.01, 2e10),
    };
    /// One option of any size.
    pub const ONE_OPTION: Self = Self {
        options: 1,
        perp: false,
        gross: (0.01, 1e11),
    };
    /// Sizes that real accounts have.
    pub const USUAL: Self = Self {
        options: 12,
        perp: true,
        gross: (1e4, 1e8),
    };
}

/// A random book in 1 to 4 expiries; half of the strikes are shared by several legs.
pub fn random_book(random: &mut Random, shape: &Shape) -> Portfolio {
    let mut book = PortfolioBuilder::new(1.0).build();
    book.spot = price(log_between(random, 1e-3, 2e5));
    book.perp_price = price(book.spot.raw() as f64 / 1e8 * random.between(0.97, 1.03));
    if one_in(random, 2) {
        book.scenarios = WIDE_GRID.to_vec();
    }
    for _ in 0..=random.bits() % 4 {
        book.expiries.push(random_expiry(random));
    }
    let count = 1 + random.bits() % shape.options;
    let gross = log_between(random, shape.gross.0, shape.gross.1) / count as f64;
    for _ in 0..count {
        let expiry = book.expiries[random.bits() as usize % book.expiries.len()];
        let shared = book.positions.last().filter(|p| p.expiry == expiry.time);
        let strike = match shared {
            Some(position) if one_in(random, 2) => position.strike,
            _ => random_strike(random, &expiry, book.spot),
        };
        let instrument = [Instrument::Call, Instrument::Put][random.bits() as usize % 2];
        let per_unit = strike.max(book.spot).raw() as f64 / 1e8;
        let units = (gross * log_between(random, 0.05, 1.0) / per_unit * 1e6).max(1.0);
        let sign = random.between(-1.0, 1.0).signum();
        let quantity = Quantity::from_raw((units * sign) as i64);
        let leg = Position::option(instrument, expiry.time, strike, quantity);
        book.positions.push(leg);
    }
    if shape.perp && one_in(random, 2) {
        let units = random.between(-1.0, 1.0) * gross / (book.spot.raw() as f64 / 1e8);
        let quantity = size(units);
        let entry = price(book.spot.raw() as f64 / 1e8 * random.between(0.8, 1.2));
        let cost = quantity.notional(entry).unwrap();
        book.positions.push(Position::perpetual(quantity, cost));
    }
    book.normalise();
    book
}

/// A valid set of up to 40 scenarios anywhere in the bounds, most of them undamped.
pub fn random_scenarios(random: &mut Random) -> Vec<Scenario> {
    let mut set = vec![Scenario::new(VolShock::None, 1_000_000)];
    for _ in 0..random.bits() % MAX_SCENARIOS as u64 {
        let vol = [VolShock::Up, VolShock::None, VolShock::Down][random.bits() as usize % 3];
        let damping = match random.bits() % 4 {
            0 => log_between(random, 1e-6, 1.0),
            _ => 1.0,
        };
        set.push(Scenario {
            vol,
            spot: (log_between(random, 0.01, 8.0) * 1e6) as u32,
            damping: (damping * 1e6).max(1.0) as u32,
        });
    }
    set.sort_by_key(|s| (s.vol, s.spot));
    set.dedup_by_key(|s| (s.vol, s.spot));
    set
}
