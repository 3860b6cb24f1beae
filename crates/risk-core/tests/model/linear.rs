//! What moves with the spot beside the perpetual: collateral that offsets, dated futures, forwards that settle.

use crate::fixture::{price, quote, ratio, PortfolioBuilder};
use crate::terms::assert_near;
use risk_core::market::MarketParams;
use risk_core::params::{MinDeltaParams, SkewParams};
use risk_core::scenario::MAJOR_SCENARIOS;
use risk_core::{Quantity, Quote};

#[test]
fn collateral_in_the_underlying_covers_a_call() {
    // GIVEN a coin and a call sold on it
    let book = |offset: i64| {
        let mut book = PortfolioBuilder::new(5e4)
            .expiry(30, 0.6)
            .short_call(30, 52e3, 1.0)
            .build();
        book.scenarios = MAJOR_SCENARIOS.to_vec();
        book.params = MarketParams::BTC;
        book.offset = Quantity::from_raw(offset);
        book.evaluate()
    };
    let (naked, covered) = (book(0), book(1_000_000));
    // WHEN spot rises 18 % the coin gains 9,000, and loses as much when it falls
    for (index, gained) in [(2, -9_000.0), (6, 0.0), (10, 9_000.0)] {
        let difference = covered.pnl[index] - naked.pnl[index];
        assert_near(Quote::from_raw(difference), gained, 1e-3);
    }
    // THEN rises no longer hurt; neither the mark nor the haircut is touched
    assert!(naked.pnl[16] < -6e9 as i64 && covered.pnl[16] > -1e9 as i64);
    assert_eq!(covered.risk.mark, naked.risk.mark);
    assert_eq!(
        covered.risk.contingencies.option_maintenance,
        naked.risk.contingencies.option_maintenance
    );
}

#[test]
fn a_future_is_a_perpetual_with_an_expiry() {
    let linear = |builder: PortfolioBuilder| {
        let mut book = builder.build();
        book.scenarios = MAJOR_SCENARIOS.to_vec();
        book.params.skew = SkewParams::MAJOR;
        book.evaluate()
    };
    let empty = || PortfolioBuilder::new(5e4).expiry(30, 0.6);
    let (future, perp) = (
        linear(empty().long_future(30, 1.5, 48e3)),
        linear(empty().long_perp(1.5, 48e3)),
    );
    assert_eq!(
        (future.pnl, future.risk.mark, future.risk.scan),
        (perp.pnl, perp.risk.mark, perp.risk.scan)
    );
    // the share of notional is the perpetual's alone
    assert_eq!(future.risk.contingencies.perp_maintenance, Quote::ZERO);
    // its price is the forward's, and no smile is needed
    let mut dear = empty().basis(0.1).long_future(30, 1.0, 5e4).build();
    dear.expiries[0].svi = None;
    let risk = dear.evaluate().risk;
    assert_eq!(risk.mark, quote(5_000.0));
    assert_near(risk.scan, -0.18 * 55_000.0, 1e-3);
    assert_eq!(risk.net_delta, quote(55_000.0));
}

#[test]
fn in_the_settlement_window_only_what_is_left_of_the_average_moves() {
    // GIVEN ten minutes to go: a third of the forward follows the spot, 34,000 of it is fixed
    let settling = |fixed: f64, builder: PortfolioBuilder| {
        let mut book = builder.build();
        let time = crate::fixture::NOW + 600;
        book.expiries[0].time = time;
        for leg in &mut book.positions {
            leg.expiry = time;
        }
        book.expiries[0].fixed_forward = price(fixed);
        book.evaluate()
    };
    let book = || PortfolioBuilder::new(48e3).expiry(30, 0.6);
    let engine = settling(34e3, book().long_future(30, 1.0, 50e3));
    // THEN F = 16,000 + 34,000, and 18 % of 16,000 is at risk
    assert_eq!(engine.risk.mark, Quote::ZERO);
    assert_near(engine.risk.scan, -0.18 * 16_000.0, 1e-3);
    assert_near(engine.risk.net_delta, 16_000.0, 1e-3);
    // a call deep in the money is that future
    let call = settling(34e3, book().long_call(30, 1e4, 1.0));
    assert_near(call.risk.mark, 40_000.0, 1e-3);
    assert_near(call.risk.scan, -0.18 * 16_000.0, 1e-3);
    // without an average in hand all of it moves
    assert_near(
        settling(0.0, book().long_future(30, 1.0, 48e3)).risk.scan,
        -0.18 * 48_000.0,
        1e-3,
    );
}

#[test]
fn other_expiries_move_as_before_next_to_one_that_settles() {
    let build = |settles: bool| {
        let mut book = PortfolioBuilder::new(5e4)
            .expiry(30, 0.6)
            .expiry(60, 0.6)
            .short_call(60, 5e4, 1.0)
            .build();
        book.params = MarketParams::BTC;
        book.scenarios = MAJOR_SCENARIOS.to_vec();
        if settles {
            book.expiries[0].time = crate::fixture::NOW + 600;
            book.expiries[0].fixed_forward = price(30e3);
            let worthless = risk_core::position::Position::option(
                risk_core::position::Instrument::Call,
                book.expiries[0].time,
                price(1e8),
                Quantity::from_raw(1),
            );
            book.positions.insert(0, worthless);
        }
        book.evaluate()
    };
    let (alone, beside) = (build(false), build(true));
    assert_eq!(alone.pnl, beside.pnl);
    assert_eq!(alone.risk.scan, beside.risk.scan);
}

#[test]
fn a_floor_is_no_addition() {
    // GIVEN a perpetual under the shipped grid: 18 % is more than any floor
    let mut book = PortfolioBuilder::new(5e4).long_perp(1.0, 5e4).build();
    let free = book.evaluate();
    book.params = MarketParams {
        min_delta: MinDeltaParams {
            net: ratio(0.17),
            hedged: ratio(1.0),
        },
        ..book.params
    };
    let floored = book.evaluate();
    assert_eq!(floored.risk.scan, free.risk.scan);
    assert_eq!(floored.report.initial_health, free.report.initial_health);
    book.params.min_delta.net = ratio(0.19);
    assert_near(book.evaluate().risk.scan, -9_500.0, 1e-6);
}
