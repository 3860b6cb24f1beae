//! The whole model of RISK.md in `f64`: skew, static discounts, settlement, floors, charges. Shares with the engine only the
//! integers that describe a market; amounts are native quote units.

use crate::exact::{black76, normal_cdf, shocked, smile_std_dev};
use crate::fixture::{Portfolio, NOW};
use risk_core::market::Expiry;
use risk_core::params::ConcentrationParams;
use risk_core::position::{Instrument, Position};
use risk_core::scenario::{Scenario, VolShock};
use risk_core::{Ratio, YEAR_SECONDS};

fn share(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / 1e6
}

/// One expiry before any shock.
pub struct ExactExpiry<'a> {
    book: &'a Portfolio,
    listed: &'a Expiry,
    pub seconds: i64,
    pub tau: f64,
    pub forward: f64,
    /// What of the forward follows the spot.
    pub follows: f64,
    pub discount: f64,
}

impl<'a> ExactExpiry<'a> {
    pub fn new(book: &'a Portfolio, listed: &'a Expiry) -> Self {
        let seconds = (listed.time - NOW).max(0);
        let tau = seconds as f64 / YEAR_SECONDS as f64;
        let live = listed.forward(book.spot).unwrap().raw() as f64 / 1e8;
        let fixed = listed.fixed_forward.raw() as f64 / 1e8;
        let variable = match (listed.forward_price, fixed > 0.0) {
            (Some(_), _) => live - fixed,
            // prices are whole units of 1e-8 USD
            (None, true) => (live * 1e8 * seconds as f64 / 1_800.0).floor() / 1e8,
            (None, false) if seconds == 0 => book.spot.raw() as f64 / 1e8,
            (None, false) => live,
        };
        let forward = variable + fixed;
        Self {
            book,
            listed,
            seconds,
            tau,
            forward,
            follows: variable / forward,
            discount: (-f64::from(listed.rate.max(0)) / 1e6 * tau).exp(),
        }
    }

    pub fn std_dev(&self, leg: &Position) -> f64 {
        let k = leg.strike.raw() as f64 / 1e8 / self.forward;
        smile_std_dev(&self.listed.svi.unwrap(), k.ln(), self.seconds)
    }

    /// Shocked standard deviation of an option.
    fn shocked(&self, leg: &Position, kind: VolShock) -> f64 {
        let std_dev = self.std_dev(leg);
        if !kind.is_skew() {
            return shocked(&self.book.params.vol, kind, std_dev, self.seconds);
        }
        let skew = &self.book.params.skew;
        let root = self.tau.sqrt();
        let k = (leg.strike.raw() as f64 / 1e8 / self.forward).ln();
        let (x, base, slope) = match kind {
            VolShock::SkewLinear => (k, skew.linear_base, skew.linear_slope),
            _ => (k.abs(), skew.abs_base, skew.abs_slope),
        };
        let cap = share(base) + share(slope) * root;
        let width = root * share(skew.width) * (share(skew.fixed) + root * share(skew.scale));
        let most = width.max(share(skew.min_k)).min(16.0);
        std_dev * (1.0 + (x * cap / most).clamp(-cap, cap)).max(0.0)
    }

    /// Discounted value of the options with the spot at `spot` times itself.
    pub fn value(&self, legs: &[Position], spot: f64, kind: VolShock) -> f64 {
        let forward = self.forward * (1.0 + self.follows * (spot - 1.0));
        let options = legs.iter().filter(|leg| leg.instrument.is_option());
        let price = |leg: &Position| {
            let strike = leg.strike.raw() as f64 / 1e8;
            let std_dev = self.shocked(leg, kind);
            leg.quantity.raw() as f64
                * black76(leg.instrument, forward, strike, std_dev, self.discount)
        };
        options.map(price).sum()
    }

    /// Static discounts of a positive and of a negative value.
    pub fn static_discounts(&self) -> [f64; 2] {
        let params = &self.book.params.discount;
        let rate = f64::from(self.listed.rate.max(0)) / 1e6;
        let part = |multiplier, add| (-self.tau * (rate * share(multiplier) + share(add))).exp();
        let long = share(params.long_base) * part(params.long_multiplier, params.long_add);
        let short = share(params.short_base) / part(params.short_multiplier, params.short_add);
        [long, short.min(1.0 / self.discount)]
    }

    /// Change of value in a scenario before damping.
    pub fn pnl(&self, legs: &[Position], scenario: &Scenario) -> f64 {
        let value = self.value(legs, f64::from(scenario.spot) / 1e6, scenario.vol);
        let [long, short] = self.static_discounts();
        let factor = if value >= 0.0 { long } else { short };
        let change = value * factor - self.value(legs, 1.0, VolShock::None);
        if scenario.vol.is_skew() {
            -change.abs()
        } else {
            change
        }
    }

    /// Delta of a leg times the spot.
    pub fn cash_delta(&self, leg: &Position) -> f64 {
        let notional = leg.quantity.raw() as f64 * self.forward * self.follows;
        if leg.instrument == Instrument::Future {
            return notional;
        }
        let (strike, v) = (leg.strike.raw() as f64 / 1e8, self.std_dev(leg));
        let call = if v > 0.0 {
            normal_cdf((self.forward / strike).ln() / v + v / 2.0)
        } else {
            f64::from(u8::from(self.forward > strike))
        };
        let put = f64::from(u8::from(leg.instrument == Instrument::Put));
        notional * self.discount * (call - put)
    }

    /// Vega of an option per volatility point.
    fn vega(&self, leg: &Position) -> f64 {
        let (strike, v) = (leg.strike.raw() as f64 / 1e8, self.std_dev(leg));
        if !leg.instrument.is_option() || v <= 0.0 {
            return 0.0;
        }
        let d1 = (self.forward / strike).ln() / v + v / 2.0;
        let density = (-0.5 * d1 * d1).exp() / (2.0 * std::f64::consts::PI).sqrt();
        leg.quantity.raw() as f64 * self.forward * self.discount * density * self.tau.sqrt() / 100.0
    }
}

/// The account's market by the book.
pub struct Whole {
    pub mark: f64,
    pub pnl: Vec<f64>,
    pub basis: f64,
    pub min_delta: f64,
    pub scan: f64,
    pub net_delta: f64,
    /// Both requirements, and the initial one only; without a cushion.
    pub charges: [f64; 2],
}

impl Whole {
    pub fn new(book: &Portfolio) -> Self {
        let spot = book.spot.raw() as f64 / 1e8;
        let params = &book.params;
        let mut whole = Self {
            mark: 0.0,
            pnl: vec![0.0; book.scenarios.len()],
            basis: 0.0,
            min_delta: 0.0,
            scan: 0.0,
            net_delta: 0.0,
            charges: [0.0; 2],
        };
        let offset = book.offset.raw() as f64 * spot;
        let mut linear = offset;
        let mut deltas = vec![offset];
        let mut vega = 0.0;
        let perp = book
            .positions
            .iter()
            .find(|leg| leg.instrument == Instrument::Perpetual);
        let doubt = |confidence: f64, notional: f64| {
            let charged = confidence < share(params.confidence.threshold);
            f64::from(u8::from(charged))
                * (1.0 - confidence)
                * share(params.confidence.factor)
                * notional
        };
        let spot_confidence = share(book.spot_confidence);
        let perp_confidence = share(book.perp_confidence);
        if let Some(leg) = perp {
            let notional = leg.quantity.raw() as f64 * (book.perp_price.raw() as f64 / 1e8);
            whole.mark += notional - leg.cost.raw() as f64;
            linear += notional;
            deltas.push(leg.quantity.raw() as f64 * spot);
            whole.charge_perp(book, leg);
            let exposure = leg.quantity.raw().unsigned_abs() as f64 * spot;
            whole.charges[1] += doubt(spot_confidence.min(perp_confidence), exposure);
        }
        let holds_perp = perp.is_some_and(|leg| leg.quantity.raw() != 0);
        for listed in &book.expiries {
            let of_expiry = |leg: &&Position| {
                leg.expiry == listed.time && leg.instrument != Instrument::Perpetual
            };
            let legs: Vec<Position> = book.positions.iter().filter(of_expiry).copied().collect();
            if legs.is_empty() {
                continue;
            }
            let expiry = ExactExpiry::new(book, listed);
            whole.mark += expiry.value(&legs, 1.0, VolShock::None);
            let mut future = 0.0;
            for leg in legs
                .iter()
                .filter(|leg| leg.instrument == Instrument::Future)
            {
                let notional = leg.quantity.raw() as f64 * expiry.forward;
                whole.mark += notional - leg.cost.raw() as f64;
                future += notional * expiry.follows;
            }
            linear += future;
            for (pnl, scenario) in whole.pnl.iter_mut().zip(&book.scenarios) {
                *pnl += expiry.pnl(&legs, scenario);
            }
            let changes = [params.basis.up, params.basis.down].map(|basis| {
                let options = expiry.value(&legs, share(basis), VolShock::None);
                options - expiry.value(&legs, 1.0, VolShock::None) + future * (share(basis) - 1.0)
            });
            let factor = share(params.basis.add) + share(params.basis.multiplier) * expiry.tau;
            whole.basis += changes[0].min(changes[1]).min(0.0) * factor;
            deltas.extend(legs.iter().map(|leg| expiry.cash_delta(leg)));
            vega += legs.iter().map(|leg| expiry.vega(leg)).sum::<f64>();
            let size: f64 = legs
                .iter()
                .map(|leg| leg.quantity.raw().unsigned_abs() as f64)
                .sum();
            let mut confidence = spot_confidence.min(share(listed.confidence));
            if holds_perp {
                confidence = confidence.min(perp_confidence);
            }
            whole.charges[1] += doubt(confidence, size * spot);
            whole.charge_naked(book, &legs);
        }
        for (pnl, scenario) in whole.pnl.iter_mut().zip(&book.scenarios) {
            *pnl += linear * (f64::from(scenario.spot) / 1e6 - 1.0);
            *pnl *= f64::from(scenario.damping) / 1e6;
        }
        whole.finish(book, &deltas, vega);
        whole
    }

    fn charge_perp(&mut self, book: &Portfolio, leg: &Position) {
        let exposure = leg.quantity.raw().unsigned_abs() as f64 * (book.spot.raw() as f64 / 1e8);
        self.charges[0] += exposure * share(book.params.perp_maintenance);
        self.charges[1] += exposure * share(book.params.perp_initial);
    }

    fn charge_naked(&mut self, book: &Portfolio, legs: &[Position]) {
        let mut at_strike = std::collections::BTreeMap::new();
        for leg in legs.iter().filter(|leg| leg.instrument.is_option()) {
            *at_strike.entry(leg.strike).or_insert(0) += leg.quantity.raw();
        }
        let naked: i64 = at_strike.values().map(|net| (-net).max(0)).sum();
        let exposure = naked as f64 * (book.spot.raw() as f64 / 1e8);
        self.charges[0] += exposure * share(book.params.option_maintenance);
        self.charges[1] += exposure * share(book.params.option_initial);
    }

    fn finish(&mut self, book: &Portfolio, deltas: &[f64], vega: f64) {
        let params = &book.params;
        let positive: f64 = deltas.iter().map(|delta| delta.max(0.0)).sum();
        let negative: f64 = deltas.iter().map(|delta| (-delta).max(0.0)).sum();
        self.net_delta = positive - negative;
        let exposure = self.net_delta.abs();
        self.min_delta = -share(params.min_delta.net) * exposure
            - share(params.min_delta.hedged) * positive.min(negative);
        let worst = self.pnl.iter().copied().fold(0.0, f64::min);
        self.scan = worst.min(self.basis).min(self.min_delta);
        let long_only = book.offset.raw() == 0
            && book
                .positions
                .iter()
                .all(|leg| leg.instrument.is_option() && leg.quantity.raw() >= 0);
        if long_only {
            self.scan = self.scan.max(-self.mark);
        }
        if let Some(stable) = book.stable_price {
            self.charges[1] +=
                exposure * (1.0 - stable.raw() as f64 / book.spot.raw() as f64).abs();
        }
        self.charges[1] += concentration(&params.concentration_delta, exposure);
        self.charges[1] += concentration(&params.concentration_vega, vega.abs());
    }

    /// Maintenance and initial health.
    pub fn healths(&self, book: &Portfolio) -> [f64; 2] {
        let equity = self.mark + book.cash.raw() as f64;
        let params = &book.params;
        [
            equity + self.scan * share(params.scan_maintenance) - self.charges[0],
            equity + self.scan * share(params.scan_initial) - self.charges[0] - self.charges[1],
        ]
    }
}

/// `shock(x) x`.
pub fn concentration(params: &ConcentrationParams, exposure: f64) -> f64 {
    let (threshold, full) = (params.threshold.raw() as f64, params.full.raw() as f64);
    if exposure <= threshold {
        return 0.0;
    }
    let shock = ((exposure - threshold) / (full - threshold)).min(1.0) * share(params.cap);
    shock * exposure
}
