//! One account on both sides: the signed errors of what the engine requires, and how large it may make them.
//!
//! "Never below" means: both sides get the same integers, the oracle computes in real numbers, and what it finds is never above
//! the engine's requirement, nor its health below the engine's. Nothing is forgiven to the engine; a difference counts as none
//! within the oracle's own accuracy, 1e-13 of what it adds up.

use crate::convert::{self, share};
use crate::draw::{Drawn, DrawnBook};
use risk_core::margin::MarginReport;
use risk_core::scan::MarketRisk;
use risk_oracle::account::Health;
use risk_oracle::black76::ln_ratio;
use risk_oracle::expiry::Expiry;
use risk_oracle::input;
use risk_oracle::input::Shock;
use risk_oracle::market::Market;

/// What both sides say.
pub struct Compared {
    pub report: MarginReport,
    /// Requirement of the engine less the exact one, maintenance and initial, 1e-6 USD.
    pub over: [f64; 2],
    /// Exact health less the engine's.
    pub health_under: [f64; 2],
    /// What `over` may be at the most.
    pub most: [f64; 2],
}

/// `None` where the engine refuses the account.
pub fn compare(drawn: &Drawn) -> Option<Compared> {
    let mut risks = vec![MarketRisk::default(); drawn.books.len()];
    let engine = drawn.with(|account| account.portfolio(&mut risks, &mut []));
    let report = engine.ok()?;
    let account = convert::account(drawn);
    let exact = Health::new(&account);
    let positions = drawn.books.iter().flat_map(|book| &book.positions);
    let costs: f64 = positions
        .map(|leg| leg.position.cost.raw().abs() as f64)
        .sum();
    let values = drawn
        .collateral
        .iter()
        .map(|held| held.collateral.value.raw() as f64);
    let accuracy = 1e-13 * (values.sum::<f64>() + exact.gross);
    // cash and costs are in equity, not in a requirement
    let of_equity = accuracy + 1e-13 * (costs + (drawn.cash.raw() as f64).abs());
    let requirements = [exact.maintenance_requirement, exact.initial_requirement];
    let healths = [report.maintenance_health, report.initial_health].map(|health| health.raw());
    let clear = |error: f64, accuracy: f64| if error.abs() <= accuracy { 0.0 } else { error };
    let over = |index: usize| (report.equity.raw() - healths[index]) as f64 - requirements[index];
    let under = |index: usize| exact.equity - requirements[index] - healths[index] as f64;
    Some(Compared {
        over: [0, 1].map(|index| clear(over(index), accuracy)),
        health_under: [0, 1].map(|index| clear(under(index), of_equity)),
        most: allowances(drawn, &account, &exact, &risks),
        report,
    })
}

/// The stated bound on over-margining, maintenance and initial: twice the cushion times the scan factor for what scenarios set,
/// what the floors and charges make of the errors allowed to the net Greeks, and the rounding of every charge to a unit.
fn allowances(
    drawn: &Drawn,
    account: &input::Account,
    exact: &Health,
    risks: &[MarketRisk],
) -> [f64; 2] {
    let of_books = drawn.books.iter().map(|book| book.params.scan_initial);
    let largest = share(of_books.max().unwrap_or_default());
    let [mut maintenance, mut initial] = [drawn.collateral.len() as f64 * 4.0 + 4.0; 2];
    for ((book, risk), (described, market)) in drawn
        .books
        .iter()
        .zip(risks)
        .zip(account.books.iter().zip(&exact.markets))
    {
        let allowed = Allowed::new(described, risk);
        let factor = largest.max(1.0);
        let scan = allowed.scan(book, market);
        maintenance += factor * (scan + allowed.cushion) + allowed.units;
        initial += (factor + exact.peg_add) * (scan + allowed.cushion) + allowed.units;
        initial += allowed.charges(described, market);
        // the price of the quote asset is floored to 1e-6 before its distance to the peg is taken
        initial += market.scan.abs() * 1e-6 * (account.peg_factor + 1.0);
    }
    [maintenance, initial]
}

/// What one market's numbers may be off by, 1e-6 USD.
struct Allowed {
    /// The engine's cushion.
    cushion: f64,
    /// Net delta as cash.
    delta: f64,
    /// Net vega per volatility point.
    vega: f64,
    /// Rounding of charges.
    units: f64,
    /// Longest tenor in years.
    tau: f64,
}

impl Allowed {
    fn new(described: &input::Book, risk: &MarketRisk) -> Self {
        let mut allowed = Self {
            cushion: risk.contingencies.cushion.raw() as f64,
            delta: 4.0,
            vega: 2.0,
            units: 16.0,
            tau: 0.0,
        };
        // the rounding of each perpetual, future and offset
        allowed.delta += 6.0 * (described.legs.len() as f64 + 1.0);
        for (index, listed) in described.expiries.iter().enumerate() {
            let expiry = Expiry::new(described, index, listed);
            if !expiry.is_empty() {
                allowed.add(&expiry);
            }
        }
        allowed
    }

    /// Twice what the engine allows its deltas: 2^-24 of gross notional for `sigma sqrt(tau)` below 1, four times that per
    /// doubling, and `2^-36 / v` where v is tiny; weights of 39 bits.
    fn add(&mut self, expiry: &Expiry<'_>) {
        let size: f64 = expiry.options.iter().map(|leg| leg.quantity.abs()).sum();
        let strikes = expiry.options.iter().map(|leg| leg.strike);
        let gross = size * 1e-8 * strikes.fold(expiry.forward(), f64::max);
        let mut widest = 0.0f64;
        let mut narrow = 0.0;
        for leg in &expiry.options {
            let v = expiry.option(leg, 1_000_000, Shock::None).std_dev;
            let least = 2f64.powi(-36);
            widest = widest.max(v);
            let m = ln_ratio(expiry.forward(), leg.strike).abs();
            if v < 2.1 * 2f64.powi(-13) && m > 0.0 && m <= 9.0 * (v + least) {
                let notional = leg.quantity.abs() * 1e-8 * expiry.forward();
                narrow += notional * (least / v.max(least)).min(0.5);
            }
        }
        let doublings = (widest.min(16.0).log2().floor() + 1.0).max(0.0);
        let rounding = (expiry.options.len() as f64 + 3.0) * (gross * 2f64.powi(-38)).max(1.0);
        let delta = gross * 2f64.powi(-24) * 4f64.powf(doublings) + rounding + 2.0 * narrow;
        self.delta += 2.0 * delta + 4.0;
        let vega = gross * 2f64.powi(-36) + rounding + 2.0 * narrow * expiry.tau.sqrt();
        self.vega += (4.0 * vega + 64.0) / 100.0;
        self.units += 8.0;
        self.tau = self.tau.max(expiry.tau);
    }

    /// The scan, by scenarios or by a floor.
    fn scan(&self, book: &DrawnBook, market: &Market) -> f64 {
        let params = &book.params;
        let min_delta = (share(params.min_delta.net) + share(params.min_delta.hedged)) * self.delta;
        let factor = share(params.basis.add) + share(params.basis.multiplier) * self.tau + 1e-6;
        // the factor of the basis is rounded up to 1e-6
        let basis = factor * 2.0 * self.cushion + 1e-6 * market.gross;
        self.cushion.max(min_delta + 2.0).max(basis + 2.0)
    }

    /// Charges on net Greeks.
    fn charges(&self, described: &input::Book, market: &Market) -> f64 {
        let (delta, vega) = (market.net_delta.abs(), market.net_vega.abs());
        let params = &described.params;
        let stable = described.stable_price.map_or(0.0, |stable| {
            self.delta * (described.spot - stable).abs() as f64 / described.spot as f64
        });
        let of_delta = &params.concentration_delta;
        let of_vega = &params.concentration_vega;
        let rise = of_delta.charge(delta + self.delta) - of_delta.charge(delta);
        // a share is rounded up to a unit before its cap of up to 100 points
        let rounding = of_vega.cap + of_delta.cap;
        stable + rise + of_vega.charge(vega + self.vega) - of_vega.charge(vega) + rounding
    }
}
