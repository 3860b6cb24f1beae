//! Boxes, conversions and calendars under the whole model: worst cases that can be written down.

use crate::accounts::whole;
use crate::exact::{black76, shocked};
use crate::fixture::{Portfolio, PortfolioBuilder};
use risk_core::market::MarketParams;
use risk_core::params::MinDeltaParams;
use risk_core::position::Instrument;
use risk_core::scan::Worst;
use risk_core::scenario::{Scenario, MAJOR_SCENARIOS};

const SPOT: f64 = 50_000.0;
const RATE: f64 = 0.05;

/// BTC without the floor on hedged delta, which sees the legs and not what they add up to.
const PARAMS: MarketParams = MarketParams {
    min_delta: MinDeltaParams::NONE,
    ..MarketParams::BTC
};

/// Discount, and static discounts of a positive and a negative value, `days` before expiry.
fn discounts(days: i64) -> [f64; 3] {
    let tau = days as f64 / 365.0;
    let decay = (-tau * (RATE + 0.16)).exp();
    let discount = (-RATE * tau).exp();
    [discount, 0.95 * decay, (1.05 / decay).min(1.0 / discount)]
}

/// `value` as a scenario counts it.
fn counted(value: f64, [_, long, short]: [f64; 3]) -> f64 {
    value * if value >= 0.0 { long } else { short }
}

/// Scan in USD, and what it may be off by.
fn scan(book: &Portfolio) -> (f64, f64) {
    let risk = book.evaluate().risk;
    let usd = |amount: risk_core::Quote| amount.raw() as f64 / 1e6;
    (usd(risk.scan), 4.0 * usd(risk.contingencies.cushion))
}

fn spot_of(node: &Scenario) -> f64 {
    f64::from(node.spot) / 1e6
}

fn damping_of(node: &Scenario) -> f64 {
    f64::from(node.damping) / 1e6
}

#[test]
fn case_50_a_box_counts_its_width_by_the_static_discount_of_its_sign() {
    for days in [0, 1, 30, 365] {
        for units in [7.0, -7.0] {
            // GIVEN a box 40,000 / 60,000, bought or sold: 20,000 D a unit, whatever happens
            let book = PortfolioBuilder::new(SPOT)
                .expiry(days, 0.8)
                .rate(RATE)
                .basis(0.02)
                .long_call(days, 40_000.0, units)
                .short_call(days, 60_000.0, units)
                .long_put(days, 60_000.0, units)
                .short_put(days, 40_000.0, units);
            let book = whole(book, PARAMS);
            // THEN every scenario loses the same: what is earned counts less, what is owed counts more
            let terms = discounts(days);
            let value = units * 20_000.0 * terms[0];
            let exact = counted(value, terms) - value;
            let (scan, slack) = scan(&book);
            assert!(
                (scan - exact).abs() <= slack,
                "{days} {units}: {scan} {exact}"
            );
            assert!(exact <= 0.0);
        }
    }
}

#[test]
fn case_50_a_conversion_loses_its_basis() {
    for (days, basis) in [(30, 0.0), (90, 0.03), (365, -0.05)] {
        // GIVEN a perpetual, a long put and a short call of one strike: the forward is sold at 52,000
        let (units, strike) = (3.0, 52_000.0);
        let book = PortfolioBuilder::new(SPOT)
            .expiry(days, 0.7)
            .rate(RATE)
            .basis(basis)
            .long_perp(units, SPOT)
            .long_put(days, strike, units)
            .short_call(days, strike, units);
        let book = whole(book, PARAMS);
        // THEN a scenario is the perpetual's move and the counted value of D (K - F s)
        let terms = discounts(days);
        let forward = SPOT * (1.0 + basis);
        let sold = |s: f64| units * terms[0] * (strike - forward * s);
        let change = |node: &Scenario| {
            let change = counted(sold(spot_of(node)), terms) - sold(1.0);
            let options = if node.vol.is_skew() {
                -change.abs()
            } else {
                change
            };
            damping_of(node) * (units * SPOT * (spot_of(node) - 1.0) + options)
        };
        let worst = MAJOR_SCENARIOS.iter().map(change).fold(0.0, f64::min);
        // AND the floor is what the forward loses by itself, 4.5 % up
        let floor = -0.045 * units * terms[0] * forward * (0.5 + 2.0 * days as f64 / 365.0);
        let (scan, slack) = scan(&book);
        // the factor of the floor is rounded up to 1e-6
        let slack = 5.0 * slack + 1e-6 * units * SPOT;
        let exact = worst.min(floor);
        assert!((scan - exact).abs() <= slack, "{days}: {scan} {exact}");
    }
}

#[test]
fn case_50_a_calendar_is_its_far_leg_less_an_intrinsic_value_and_loses_its_price_at_most() {
    for strike in [45_000.0, SPOT, 58_000.0] {
        // GIVEN a call sold that has expired, against one bought for 60 days
        let (units, vol, days) = (2.0, 0.6, 60);
        let book = PortfolioBuilder::new(SPOT)
            .expiry(0, vol)
            .expiry(days, vol)
            .rate(RATE)
            .short_call(0, strike, units)
            .long_call(days, strike, units);
        let mut book = whole(book, PARAMS);
        book.scenarios.retain(|node| !node.vol.is_skew());
        // THEN a scenario is the far price, counted, less what the near one pays
        let terms = discounts(days);
        let seconds = days * 86_400;
        let std_dev = vol * (days as f64 / 365.0).sqrt();
        let far = |s: f64, v: f64| units * black76(Instrument::Call, SPOT * s, strike, v, terms[0]);
        let near = |s: f64| -units * (SPOT * s - strike).max(0.0);
        let mark = far(1.0, std_dev) + near(1.0);
        let pnl = |node: &Scenario| {
            let v = shocked(&PARAMS.vol, node.vol, std_dev, seconds);
            let s = spot_of(node);
            // of an expiry without time, what is owed counts as it is
            damping_of(node) * (counted(far(s, v), terms) + near(s) - mark)
        };
        let exact = book.scenarios.iter().map(pnl).fold(0.0, f64::min);
        let (scan, slack) = scan(&book);
        let worst = book.evaluate().risk.worst();
        if matches!(worst, Worst::Scenario(_)) {
            assert!((scan - exact).abs() <= slack, "{strike}: {scan} {exact}");
        } else {
            assert!(scan <= exact + slack, "{strike}: {scan} {exact} {worst:?}");
        }
        // AND undiscounted, no more than was paid for it
        let mut plain = book.clone();
        plain.params = MarketParams::MAJOR;
        plain.expiries.iter_mut().for_each(|listed| listed.rate = 0);
        let engine = plain.evaluate();
        assert!(engine.risk.mark.raw() > 0);
        let loss = -engine.risk.scan.raw();
        let cushion = engine.risk.contingencies.cushion.raw();
        assert!(loss <= engine.risk.mark.raw() + 2 * cushion, "{engine:?}");
    }
}
