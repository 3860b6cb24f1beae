//! Accounts built to lose the most to rounding: what random draws do not find.

use crate::compare::compare;
use crate::draw::{Drawn, DrawnBook};
use crate::params::ratio;
use risk_core::group::GroupParams;
use risk_core::market::MarketParams;
use risk_core::params::AccountTerms;
use risk_core::position::{Position, QuotedPosition};
use risk_core::scenario::{Scenario, ScenarioTable, VolShock};
use risk_core::{Quantity, Quote, Ratio};

/// A market at 100 USD with a perpetual bought or sold there, and nothing but the scan in its requirement.
fn perpetual(quantity: i64, set: &[Scenario]) -> DrawnBook {
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

fn account(books: Vec<DrawnBook>, groups: Vec<GroupParams>) -> Drawn {
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
