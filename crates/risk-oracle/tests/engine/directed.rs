//! Accounts built to lose the most to rounding: what random draws do not find.

use crate::compare::compare;
use crate::draw::{Drawn, DrawnBook, NOW};
use crate::params::ratio;
use risk_core::group::GroupParams;
use risk_core::market::{Expiry, MarketParams};
use risk_core::params::{AccountTerms, ConcentrationParams};
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scenario::{Scenario, ScenarioTable, VolShock, MAJOR_SCENARIOS, MAX_SCENARIOS};
use risk_core::{Price, Quantity, Quote, Ratio};

/// A market at 100 USD with a perpetual bought or sold there, and nothing but the scan in its requirement.
pub fn perpetual(quantity: i64, set: &[Scenario]) -> DrawnBook {
    let spot = 10_000_000_000;
    let cost = Quote::from_raw(quantity * 100);
    let position = Position::perpetual(Quantity::from_raw(quantity), cost);
    DrawnBook {
        spot,
        perp_price: spot,
        stable_price: None,
        spot_confidence: ratio(1.0),
        perp_confidence: ratio(1.0),
        offset: 0,
        params: MarketParams {
            perp_maintenance: Ratio::ZERO,
            perp_initial: Ratio::ZERO,
            scan_maintenance: ratio(1.0),
            ..MarketParams::MAJOR
        },
        scenarios: set.to_vec(),
        table: ScenarioTable::new(set).unwrap(),
        expiries: Vec::new(),
        positions: vec![QuotedPosition {
            position,
            volatility: None,
        }],
        group: None,
    }
}

pub fn account(books: Vec<DrawnBook>, groups: Vec<GroupParams>) -> Drawn {
    Drawn {
        cash: Quote::ZERO,
        terms: AccountTerms::PLAIN,
        collateral: Vec::new(),
        books,
        groups,
    }
}

/// A rise to eight times, damped, and the no-move node.
fn tail(damping: u32) -> [Scenario; 2] {
    let base = Scenario::new(VolShock::None, 1_000_000);
    [Scenario::tail(8_000_000, damping), base]
}

#[test]
fn a_gain_under_a_rounded_damping_does_not_offset_more_than_there_is() {
    // GIVEN a loss whose damping is exact, against a gain whose damping rounds up by almost a unit of 2^-30
    let beyond_a_unit = |damping: &u64| ((damping << 30) - 1) % 1_000_000;
    let damping = (100_000..125_000u64).min_by_key(beyond_a_unit).unwrap();
    let mut worst = f64::INFINITY;
    for size in [1_000, 1_000_000, 1_000_000_000, 1_000_000_000_000] {
        let mut books = vec![
            perpetual(-size, &tail(125_000)),
            perpetual(size, &tail(damping as u32)),
        ];
        books.iter_mut().for_each(|book| book.group = Some(0));
        // WHEN the gain counts whole
        let whole = GroupParams {
            kappa: ratio(1.0),
            offset_cap: ratio(1.0),
        };
        let compared = compare(&account(books, vec![whole])).unwrap();
        // THEN the requirement still covers what the loss exceeds it by
        for (over, under) in compared.over.into_iter().zip(compared.health_under) {
            assert!(over >= 0.0 && under >= 0.0, "{size}: {over} {under}");
            worst = worst.min(over);
        }
    }
    println!("damping {damping}: least over-margining {worst} of 1e-6 USD");
}

/// A perpetual whose notional is almost a unit more than what it rounds to.
fn rounded_perpetual() -> DrawnBook {
    DrawnBook {
        spot: 199_999_999,
        perp_price: 199_999_999,
        ..perpetual(1, &tail(125_000))
    }
}

#[test]
fn what_rounding_cuts_off_a_delta_is_charged_however_far_the_stable_price_is() {
    for times in [1, 1_000, 1_000_000] {
        // GIVEN one native unit, and a stable price up to a million times the spot
        let mut book = rounded_perpetual();
        book.stable_price = Some(book.spot * times + 1);
        // WHEN evaluated THEN the charge covers the whole of the delta
        let compared = compare(&account(vec![book], Vec::new())).unwrap();
        let [_, initial] = compared.over;
        assert!(initial >= 0.0, "{times}: {initial}");
    }
}

#[test]
fn a_delta_just_beyond_the_threshold_of_concentration_is_charged() {
    // GIVEN a perpetual worth half a unit more than it rounds to, and a charge without a ramp from that amount on
    let mut book = perpetual(1_000_000_001, &tail(125_000));
    (book.spot, book.perp_price) = (150_000_000, 150_000_000);
    let (rounded, exact) = (Quote::from_raw(1_500_000_001), 1_500_000_001.5);
    book.params.concentration_delta = ConcentrationParams {
        threshold: rounded,
        full: rounded,
        cap: ratio(1.0),
    };
    // WHEN evaluated THEN it is charged
    let compared = compare(&account(vec![book], Vec::new())).unwrap();
    assert!(compared.over[1] >= 0.0, "{}", compared.over[1]);
    let charged = compared.report.contingencies.concentration_delta;
    assert!(charged.raw() as f64 >= exact, "{charged:?}");
}

/// Long calls far out of the money, which the lift of the wings multiplies.
fn wings() -> DrawnBook {
    let mut book = perpetual(1, &MAJOR_SCENARIOS);
    book.params = MarketParams::BTC;
    book.expiries = vec![Expiry {
        time: NOW + 7 * 86_400,
        ..Expiry::PLAIN
    }];
    let strike = Price::from_raw(13_000_000_000); // 130 % of spot, 60 % volatility
    let quantity = Quantity::from_raw(1_000_000_000);
    book.positions = vec![QuotedPosition {
        position: Position::option(Instrument::Call, NOW + 7 * 86_400, strike, quantity),
        volatility: Some(600_000_000),
    }];
    book
}

#[test]
fn a_group_of_long_options_loses_their_mark_at_most() {
    // GIVEN a book that a skew node says loses more than its mark
    let book = wings();
    let alone = compare(&account(vec![book.clone()], Vec::new())).unwrap();
    let mut pnl = [[0; MAX_SCENARIOS]; 1];
    let drawn = account(vec![book.clone()], Vec::new());
    drawn
        .with(|account| account.portfolio(&mut [], &mut pnl))
        .unwrap();
    let worst = pnl[0].iter().min().unwrap();
    assert!(*worst < -2 * alone.report.mark.raw(), "{worst}");
    // WHEN it stands in a group THEN its requirement is that of the book alone
    for kappa in [0.0, 1.0] {
        let mut grouped = book.clone();
        grouped.group = Some(0);
        let terms = GroupParams {
            kappa: ratio(kappa),
            offset_cap: Ratio::ZERO,
        };
        let compared = compare(&account(vec![grouped], vec![terms])).unwrap();
        assert_eq!(compared.report.initial_health, alone.report.initial_health);
        assert!(compared.over.iter().all(|over| *over >= 0.0));
    }
}
