//! One market: mark, PnL per scenario, floors, scan and charges.
//!
//! ```text
//! market_pnl(i) = damping (q_perp P (s-1) + sum q_fut F (s-1) + offset S (s-1)) + sum_e damping expiry_pnl_e(i)
//! basis         = sum_e min(up, down, 0) (add + mult tau)
//! min_delta     = -(a |net delta| + b hedged delta) S
//! scan          = min(0, basis, min_delta, min_i market_pnl(i));  at least -mark for long options alone
//! ```

use crate::charges::{is_long_options_only, Charges};
use crate::expiry::Expiry;
use crate::input::{Book, Kind, Shock};

/// Unmoved spot, 1e-6.
const UNMOVED: i64 = 1_000_000;

/// What one market contributes, 1e-6 USD.
#[derive(Clone, Debug)]
pub struct Market {
    /// Value of the positions.
    pub mark: f64,
    /// PnL per scenario.
    pub pnl: Vec<f64>,
    /// The worst scenario's PnL, at most zero.
    pub worst: f64,
    /// The basis floor.
    pub basis: f64,
    /// The minimum-delta floor.
    pub min_delta: f64,
    /// The scan.
    pub scan: f64,
    /// Net delta times spot.
    pub net_delta: f64,
    /// Net vega per volatility point.
    pub net_vega: f64,
    /// The contingencies.
    pub charges: Charges,
    /// Sum of |quantity| times the larger of forward (or mark) and strike, collateral that offsets included.
    pub gross: f64,
}

impl Market {
    /// Evaluates a market.
    pub fn new(book: &Book) -> Self {
        let indexed = book.expiries.iter().enumerate();
        let expiries: Vec<Expiry<'_>> = indexed
            .map(|(index, listed)| Expiry::new(book, index, listed))
            .filter(|expiry| !expiry.is_empty())
            .collect();
        let spot = book.spot as f64;
        let mut linear = book.offset * 1e-8 * spot;
        let mut deltas = vec![linear];
        let mut gross = linear.abs();
        let mut mark = 0.0;
        for leg in book.legs.iter().filter(|leg| leg.kind == Kind::Perpetual) {
            let notional = leg.quantity * 1e-8 * book.perp_price as f64;
            mark += notional - leg.cost;
            linear += notional;
            gross += notional.abs().max(leg.quantity.abs() * 1e-8 * spot);
            deltas.push(leg.quantity * 1e-8 * spot);
        }
        let mut vega = 0.0;
        for expiry in &expiries {
            linear += expiry.future_notional();
            gross += expiry.gross();
            deltas.extend(expiry.cash_deltas());
            vega += expiry.vega();
        }
        let net_delta = deltas.iter().sum();
        let mut market = Self {
            mark,
            pnl: pnl_of_linear(book, linear),
            worst: 0.0,
            basis: 0.0,
            min_delta: 0.0,
            scan: 0.0,
            net_delta,
            net_vega: vega,
            charges: Charges::of_notional(book, &expiries).with_greeks(book, net_delta, vega),
            gross,
        };
        for expiry in &expiries {
            market.add(book, expiry);
        }
        market.finish(book, &deltas);
        market
    }

    /// Mark, scenarios and basis of an expiry.
    fn add(&mut self, book: &Book, expiry: &Expiry<'_>) {
        let mark = expiry.value(UNMOVED, Shock::None);
        self.mark += mark + expiry.future_mark();
        let discounts = expiry.static_discounts();
        for (pnl, scenario) in self.pnl.iter_mut().zip(&book.scenarios) {
            *pnl += expiry.pnl(scenario.spot, scenario.vol, mark, discounts);
        }
        let params = &book.params;
        let factor = params.basis_add + params.basis_mult * expiry.tau;
        if factor > 0.0 {
            let [up, down] = params.basis_spot.map(|spot| {
                let futures = expiry.future_notional() * ((spot - UNMOVED) as f64 / 1e6);
                expiry.value(spot, Shock::None) - mark + futures
            });
            self.basis += up.min(down).min(0.0) * factor;
        }
    }

    /// Damping, floors and the scan.
    fn finish(&mut self, book: &Book, deltas: &[f64]) {
        for (pnl, scenario) in self.pnl.iter_mut().zip(&book.scenarios) {
            *pnl *= scenario.damping;
        }
        let long: f64 = deltas.iter().map(|delta| delta.max(0.0)).sum();
        let short: f64 = deltas.iter().map(|delta| (-delta).max(0.0)).sum();
        let params = &book.params;
        self.min_delta = -(params.min_delta_net * self.net_delta.abs()
            + params.min_delta_hedged * long.min(short));
        self.worst = self.pnl.iter().copied().fold(0.0, f64::min);
        self.scan = self.worst.min(self.basis).min(self.min_delta);
        if is_long_options_only(book) {
            self.scan = self.scan.max(-self.mark);
        }
    }
}

/// What perpetual, futures and offsetting collateral gain with the spot.
fn pnl_of_linear(book: &Book, linear: f64) -> Vec<f64> {
    let gain = |spot: i64| linear * ((spot - UNMOVED) as f64 / 1e6);
    let scenarios = book.scenarios.iter();
    scenarios.map(|scenario| gain(scenario.spot)).collect()
}
