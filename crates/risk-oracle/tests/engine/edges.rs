//! The edges by name: no time, no variance, expired legs, deep strikes, one native unit, a full account. Exact to the units that
//! weights round to, or an error that says what is wrong.

use crate::compare::compare;
use crate::convert;
use crate::directed::{account, perpetual};
use crate::draw::{DrawnBook, NOW};
use risk_core::error::Field;
use risk_core::market::{Expiry, MarketParams, MAX_TENOR_SECONDS};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scan::scan_market;
use risk_core::scenario::{MAJOR_SCENARIOS, MAX_SCENARIOS};
use risk_core::{Price, Quantity, RiskError};
use risk_oracle::market::Market;

const DAY: i64 = 86_400;
/// The spot of every market here: 100 USD.
const SPOT: f64 = 1e10;

/// BTC's parameters, expiries at these seconds with a forward 2 % over spot and a rate of 5 %, and no position.
fn market(seconds: &[i64]) -> DrawnBook {
    let mut book = perpetual(1, &MAJOR_SCENARIOS);
    book.params = MarketParams::BTC;
    book.positions.clear();
    book.expiries = seconds
        .iter()
        .map(|seconds| Expiry {
            time: NOW + seconds,
            forward_basis: 20_000_000,
            rate: 50_000,
            ..Expiry::PLAIN
        })
        .collect();
    book
}

/// An option of an expiry, its strike as a share of the spot, 60 % of volatility.
fn option(kind: Instrument, seconds: i64, strike: f64, quantity: i64) -> QuotedPosition {
    let strike = Price::from_raw((strike * SPOT) as u64);
    QuotedPosition {
        position: Position::option(kind, NOW + seconds, strike, Quantity::from_raw(quantity)),
        volatility: Some(600_000_000),
    }
}

/// Calls and puts, long and short, at these strikes.
fn both(seconds: i64, strikes: &[f64], quantity: i64) -> Vec<QuotedPosition> {
    let at = |strike: &f64| {
        [
            option(Instrument::Call, seconds, *strike, quantity),
            option(Instrument::Put, seconds, *strike, -2 * quantity),
        ]
    };
    strikes.iter().flat_map(at).collect()
}

/// Mark and PnL of every scenario against the oracle, in units of 1e-6 USD; and the requirement, never below.
fn assert_exact(book: &DrawnBook, units: f64) {
    let of_engine = book.book();
    let mut pnl = [0; MAX_SCENARIOS];
    let risk = scan_market(&of_engine.market, of_engine.positions, &mut pnl).unwrap();
    let exact = Market::new(&convert::book(book));
    let off = (risk.mark.raw() as f64 - exact.mark).abs();
    assert!(off <= units, "mark {:?} is not {}", risk.mark, exact.mark);
    for (index, (got, exact)) in pnl.iter().zip(&exact.pnl).enumerate() {
        let reach = book.scenarios[index].spot as f64 / 1e6;
        let off = (*got as f64 - exact).abs();
        assert!(
            off <= units * (1.0 + reach),
            "{index}: {got} is not {exact}"
        );
    }
    let compared = compare(&account(vec![book.clone()], Vec::new())).unwrap();
    for (over, most) in compared.over.into_iter().zip(compared.most) {
        assert!((0.0..=most).contains(&over), "{over} of {most}");
    }
}

/// What the weights of a small book's options round to: a unit each, twice.
fn rounding(book: &DrawnBook) -> f64 {
    2.0 * book.positions.len() as f64 + 2.0
}

#[test]
fn case_41_tau_is_zero() {
    let mut book = market(&[0]);
    book.positions = both(0, &[0.5, 0.9, 1.0, 1.02, 1.5], 1_500_000);
    // worth intrinsic value at spot, whatever the forward was
    assert_exact(&book, rounding(&book));
    let intrinsic = 1.5 * (0.5 + 0.1) - 3.0 * (0.02 + 0.5);
    let mark = Market::new(&convert::book(&book)).mark;
    assert!((mark - intrinsic * 1e8).abs() < 1.0, "{mark}");
}

#[test]
fn case_41_sigma_is_zero() {
    let mut book = market(&[30 * DAY]);
    book.positions = both(30 * DAY, &[0.5, 0.9, 1.0, 1.02, 1.5], 1_500_000);
    for leg in &mut book.positions {
        leg.volatility = Some(0);
    }
    // volatility up is at least 40 %: only scenarios without it are intrinsic
    assert_exact(&book, rounding(&book) + 1e-9 * 3e8 * 10.0);
}

#[test]
fn case_42_expired_legs() {
    for seconds in [-1, -DAY, -400 * DAY] {
        let mut book = market(&[seconds, 30 * DAY]);
        book.positions = both(seconds, &[0.9, 1.1], 1_500_000);
        book.positions.extend(both(30 * DAY, &[1.0], 1_000_000));
        assert_exact(&book, rounding(&book) + 1e-9 * 2e9);
        // AND by a settlement price that is fixed, at that price
        book.expiries[0].fixed_forward = Price::from_raw(9_500_000_000);
        assert_exact(&book, rounding(&book) + 1e-9 * 2e9);
    }
}

#[test]
fn case_43_deep_strikes() {
    for strike in [1e-10, 1e-6, 1e-3, 30.0, 900.0] {
        for seconds in [1, DAY, 365 * DAY] {
            let mut book = market(&[seconds]);
            book.positions = both(seconds, &[strike], 1_000_000);
            // 2^-30 of the notional at the larger of forward and strike
            let notional = 3.0 * strike.max(1.1) * 1e8;
            assert_exact(&book, rounding(&book) + 1e-9 * notional);
        }
    }
}

#[test]
fn one_native_unit() {
    for quantity in [1, -1] {
        let mut book = market(&[0, DAY, 30 * DAY]);
        for seconds in [0, DAY, 30 * DAY] {
            book.positions
                .extend(both(seconds, &[0.5, 1.0, 2.0], quantity));
        }
        let unit = Position::perpetual(Quantity::from_raw(quantity), risk_core::Quote::ZERO);
        book.positions.insert(
            0,
            QuotedPosition {
                position: unit,
                volatility: None,
            },
        );
        assert_exact(&book, rounding(&book));
    }
}

#[test]
fn a_full_account_of_128_options() {
    let tenors = [DAY, 7 * DAY, 30 * DAY, 180 * DAY];
    let mut book = market(&tenors);
    for seconds in tenors {
        let strikes: Vec<f64> = (0..16).map(|step| 0.6 + 0.05 * f64::from(step)).collect();
        book.positions.extend(both(seconds, &strikes, 10_000_000));
    }
    assert_eq!(book.positions.len(), 128);
    let gross = 128.0 * 15.0 * 1.5 * 1e8;
    assert_exact(&book, rounding(&book) + 1e-9 * gross);
}

#[test]
fn what_cannot_be_priced_is_named() {
    let scan = |book: &DrawnBook| {
        let of_engine = book.book();
        let mut pnl = [0; MAX_SCENARIOS];
        scan_market(&of_engine.market, of_engine.positions, &mut pnl)
    };
    // a tenor beyond four years
    let mut book = market(&[MAX_TENOR_SECONDS + 1]);
    book.positions = both(MAX_TENOR_SECONDS + 1, &[1.0], 1);
    let beyond = RiskError::OutOfRange {
        field: Field::Tenor,
        value: MAX_TENOR_SECONDS + 1,
        least: 0,
        most: MAX_TENOR_SECONDS,
    };
    assert_eq!(scan(&book), Err(beyond));
    // an expiry that is not listed
    book.positions = both(DAY, &[1.0], 1);
    assert_eq!(
        scan(&book),
        Err(RiskError::UnknownExpiry { expiry: NOW + DAY })
    );
    // no smile and no volatility
    let mut book = market(&[DAY]);
    book.positions = both(DAY, &[1.0], 1);
    book.positions[1].volatility = None;
    assert_eq!(
        scan(&book),
        Err(RiskError::SurfaceMissing { expiry: NOW + DAY })
    );
    // volatility beyond 1,000 %
    book.positions[1].volatility = Some(10_000_000_001);
    let wild = RiskError::OutOfRange {
        field: Field::Volatility,
        value: 10_000_000_001,
        least: 0,
        most: 10_000_000_000,
    };
    assert_eq!(scan(&book), Err(wild));
    // more of one expiry than can be weighed
    book.positions = both(DAY, &[1.0], i64::MAX / 4);
    let weight = matches!(
        scan(&book),
        Err(RiskError::OutOfRange {
            field: Field::GrossNotional,
            ..
        } | RiskError::Overflow(_))
    );
    assert!(weight, "{:?}", scan(&book));
}
