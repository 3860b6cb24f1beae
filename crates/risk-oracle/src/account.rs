//! A whole account under the Portfolio tier: groups, collateral, peg, healths.
//!
//! ```text
//! group(i)    = sum min(pnl_m(i), 0) + kappa sum max(pnl_m(i), 0)
//! group scan  = min( min_i group(i), (1 - offset_cap) sum scan_m )
//! maintenance = scan f_mm             - C_mm        + mark + cash + collateral
//! initial     = scan (f_im + peg_add) - C_mm - C_im + mark + cash + collateral
//! ```

use crate::charges::doubt;
use crate::input::{Account, Book};
use crate::market::Market;

/// Both healths and what they are made of, 1e-6 USD.
#[derive(Clone, Debug)]
pub struct Health {
    /// Marks, cash and collateral.
    pub equity: f64,
    /// `equity - maintenance_health`.
    pub maintenance_requirement: f64,
    /// `equity - initial_health`.
    pub initial_requirement: f64,
    /// Sum of scans.
    pub scan: f64,
    /// `max(0, peg_threshold - quote_price) peg_factor`.
    pub peg_add: f64,
    /// Gross notional of all markets.
    pub gross: f64,
    /// The markets.
    pub markets: Vec<Market>,
}

impl Health {
    /// Evaluates an account.
    pub fn new(account: &Account) -> Self {
        let markets: Vec<Market> = account.books.iter().map(Market::new).collect();
        let peg = (account.peg_threshold - account.quote_price).max(0.0) * account.peg_factor;
        let mut health = Self {
            equity: account.cash,
            maintenance_requirement: 0.0,
            initial_requirement: 0.0,
            scan: 0.0,
            peg_add: peg,
            gross: markets.iter().map(|market| market.gross).sum(),
            markets: Vec::new(),
        };
        for collateral in &account.collateral {
            let value = collateral.value;
            let [maintenance, further] =
                [collateral.mm_haircut, collateral.im_haircut].map(|share| value * share);
            // an asset is never worse than none
            let left = (value - maintenance - further).max(0.0);
            let doubt = doubt(account.confidence, collateral.confidence, value).min(left);
            health.equity += value;
            health.charge(maintenance, further + doubt);
        }
        for (book, market) in account.books.iter().zip(&markets) {
            health.equity += market.mark;
            let charges = &market.charges;
            health.charge(charges.maintenance(), charges.initial());
            if book.group.is_none() {
                health.add_scan(market.scan, [book.params.f_mm, book.params.f_im]);
            }
        }
        for (index, terms) in account.groups.iter().enumerate() {
            let held: Vec<(&Book, &Market)> = account.books.iter().zip(&markets).collect();
            let members = held
                .into_iter()
                .filter(|(book, _)| book.group == Some(index));
            let members: Vec<(&Book, &Market)> = members.collect();
            let largest = |factor: fn(&Book) -> f64| {
                let factors = members.iter().map(|(book, _)| factor(book));
                factors.fold(0.0, f64::max)
            };
            let factors = [largest(|b| b.params.f_mm), largest(|b| b.params.f_im)];
            health.add_scan(group_scan(&members, *terms), factors);
        }
        health.markets = markets;
        health
    }

    fn charge(&mut self, both: f64, initial: f64) {
        self.maintenance_requirement += both;
        self.initial_requirement += both + initial;
    }

    fn add_scan(&mut self, scan: f64, [f_mm, f_im]: [f64; 2]) {
        self.scan += scan;
        self.maintenance_requirement -= scan * f_mm;
        self.initial_requirement -= scan * (f_im + self.peg_add);
    }
}

/// The scan of a group, at most zero.
fn group_scan(members: &[(&Book, &Market)], [kappa, offset_cap]: [f64; 2]) -> f64 {
    let plain: f64 = members.iter().map(|(_, market)| market.scan).sum();
    let count = members.first().map_or(0, |(_, market)| market.pnl.len());
    let scenario = |index: usize| {
        // no scenario takes more than the market's scan: long options lose their mark at most
        let bounded = |m: &Market| m.pnl.get(index).map(|pnl| pnl.max(m.scan));
        let of_index = || members.iter().filter_map(|(_, market)| bounded(market));
        let losses: f64 = of_index().map(|pnl| pnl.min(0.0)).sum();
        let gains: f64 = of_index().map(|pnl| pnl.max(0.0)).sum();
        losses + kappa * gains
    };
    let worst = (0..count).map(scenario).fold(0.0, f64::min);
    worst.min((1.0 - offset_cap) * plain)
}
