//! Scenario sets: bounds, order, precision of the table; and the witness, one node that proves a breach.

use crate::fixture::{random_book, random_scenarios, PortfolioBuilder, Shape};
use crate::support::{from_q, Random, Worst};
use risk_core::error::Field;
use risk_core::scenario::{
    Scenario, ScenarioSet, ScenarioTable, VolShock, Witness, MAJOR_GRID, MAX_SCENARIOS, ONE_Q30,
    WIDE_GRID,
};
use risk_core::RiskError;

const BASE: Scenario = Scenario::new(VolShock::None, 1_000_000);

fn out_of_range(field: Field, value: i64, least: i64, most: i64) -> RiskError {
    RiskError::OutOfRange {
        field,
        value,
        least,
        most,
    }
}

/// A sorted set with the base node and `extra`.
fn with_base(extra: Scenario) -> Vec<Scenario> {
    let mut set = vec![BASE, extra];
    set.sort_by_key(|s| (s.vol, s.spot));
    set
}

#[test]
fn shipped_sets_validate_and_keep_their_shape() {
    for (set, range) in [(MAJOR_GRID, 180_000), (WIDE_GRID, 270_000)] {
        // WHEN the set is validated
        let table = ScenarioTable::new(&set).unwrap();
        let read = table.set().unwrap();
        // THEN 17 nodes have volatility up, 7 unchanged, 7 down, and the base is the no-move node
        assert_eq!(
            (read.count(), table.none_start, table.down_start),
            (31, 17, 24)
        );
        assert_eq!(set[read.base()], BASE);
        assert_eq!(read.spot(read.base()), Some(ONE_Q30));
        assert_eq!(table.ln_spot[read.base()], 0);
        for (index, scenario) in set.iter().enumerate() {
            assert_eq!(read.vol_shock(index), scenario.vol);
        }
        let undamped = set.iter().filter(|s| s.damping == 1_000_000);
        let spots: Vec<i64> = undamped.map(|s| i64::from(s.spot) - 1_000_000).collect();
        assert_eq!(
            (spots.iter().min(), spots.iter().max()),
            (Some(&-range), Some(&range))
        );
    }
}

#[test]
fn wide_set_is_one_and_a_half_times_the_range_of_the_major_one() {
    for (wide, major) in WIDE_GRID.iter().zip(&MAJOR_GRID) {
        assert_eq!((wide.vol, wide.damping), (major.vol, major.damping));
        if major.damping == 1_000_000 {
            let [wide, major] = [wide.spot, major.spot].map(|s| i64::from(s) - 1_000_000);
            assert_eq!(2 * wide, 3 * major);
        } else {
            assert_eq!(wide.spot, major.spot);
        }
    }
}

#[test]
fn both_sides_of_each_bound() {
    let spot = |value| with_base(Scenario::new(VolShock::Up, value));
    let damping = |value| with_base(Scenario::tail(500_000, value));
    for accepted in [
        spot(10_000),
        spot(8_000_000),
        damping(1),
        damping(1_000_000),
    ] {
        assert!(ScenarioTable::new(&accepted).is_ok(), "{accepted:?}");
    }
    for (set, field, value, least, most) in [
        (spot(9_999), Field::ScenarioSpot, 9_999, 10_000, 8_000_000),
        (
            spot(8_000_001),
            Field::ScenarioSpot,
            8_000_001,
            10_000,
            8_000_000,
        ),
        (spot(0), Field::ScenarioSpot, 0, 10_000, 8_000_000),
        (
            spot(u32::MAX),
            Field::ScenarioSpot,
            u32::MAX.into(),
            10_000,
            8_000_000,
        ),
        (damping(0), Field::ScenarioDamping, 0, 1, 1_000_000),
        (
            damping(1_000_001),
            Field::ScenarioDamping,
            1_000_001,
            1,
            1_000_000,
        ),
    ] {
        let refusal = ScenarioTable::new(&set).unwrap_err();
        assert_eq!(refusal, out_of_range(field, value, least, most));
    }
}

#[test]
fn between_one_and_forty_scenarios() {
    let many = |count: u32| -> Vec<Scenario> {
        let down = (1..count).map(|i| Scenario::new(VolShock::Down, 10_000 * i));
        std::iter::once(BASE).chain(down).collect()
    };
    assert_eq!(ScenarioTable::new(&many(1)).unwrap().count, 1);
    assert_eq!(ScenarioTable::new(&many(40)).unwrap().count, 40);
    for (set, value) in [(Vec::new(), 0), (many(41), 41)] {
        let refusal = ScenarioTable::new(&set).unwrap_err();
        assert_eq!(refusal, out_of_range(Field::ScenarioCount, value, 1, 40));
    }
}

#[test]
fn unsorted_and_repeated_scenarios_name_the_first_that_is_not_in_order() {
    let up = Scenario::new(VolShock::Up, 900_000);
    let down = Scenario::new(VolShock::Down, 900_000);
    let repeated_spot = Scenario::tail(900_000, 500_000);
    for (set, index) in [
        (vec![BASE, up], 1),
        (vec![up, down, BASE], 2),
        (vec![up, up, BASE], 1),
        (vec![up, repeated_spot, BASE], 1),
        (vec![up, BASE, BASE], 2),
        (vec![Scenario::new(VolShock::Up, 900_001), up, BASE], 1),
    ] {
        let refusal = ScenarioTable::new(&set).unwrap_err();
        assert_eq!(refusal, RiskError::ScenarioOrder { index }, "{set:?}");
    }
}

#[test]
fn a_set_without_the_no_move_node_is_refused() {
    let damped_base = Scenario {
        damping: 999_999,
        ..BASE
    };
    for set in [
        vec![Scenario::new(VolShock::Up, 1_000_000)],
        vec![Scenario::new(VolShock::Down, 1_000_000)],
        vec![Scenario::new(VolShock::None, 1_000_001)],
        vec![damped_base],
    ] {
        assert_eq!(
            ScenarioTable::new(&set).unwrap_err(),
            RiskError::NoBaseScenario
        );
    }
}

#[test]
fn the_table_holds_spot_its_logarithm_and_damping_to_their_last_bit() {
    let mut random = Random(21);
    let mut ln = Worst::new("ln spot, Q36 units");
    let mut spot = Worst::new("spot, Q30 units");
    let mut damping = Worst::new("damping up, Q30 units");
    for _ in 0..2_000 {
        let set = random_scenarios(&mut random);
        let table = ScenarioTable::new(&set).unwrap();
        for (index, scenario) in set.iter().enumerate() {
            let place = || format!("{scenario:?}");
            let [s, d] = [scenario.spot, scenario.damping].map(|raw| f64::from(raw) / 1e6);
            ln.see(
                (from_q(table.ln_spot[index], 36) - s.ln()) * 2f64.powi(36),
                place,
            );
            spot.see((from_q(table.spot[index], 30) - s) * 2f64.powi(30), place);
            // THEN damping is rounded up: a table never shrinks a loss
            let up = (from_q(table.damping[index], 30) - d) * 2f64.powi(30);
            assert!(up >= -1e-6, "{scenario:?}");
            damping.see(up, place);
        }
    }
    ln.at_most(1.1);
    spot.at_most(0.501);
    damping.at_most(1.0);
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let [a, b] = [[0i64; 41], [ONE_Q30; 41]];
    let parts = |count: usize, other: usize, bounds| {
        let [none, down, base, reach] = bounds;
        let end = count.min(40) as u8;
        let bounds = [none, down, base, reach, end, end];
        ScenarioSet::from_parts(a.get(..count), b.get(..other), b.get(..count), bounds).map(|_| ())
    };
    assert_eq!(parts(3, 3, [1, 2, 1, 1]), Ok(()));
    assert_eq!(parts(40, 40, [0, 40, 39, 8]), Ok(()));
    for (count, other) in [(41, 41), (3, 2)] {
        let refusal = Err(RiskError::ScenarioOrder { index: count });
        assert_eq!(parts(count, other, [0, 1, 0, 1]), refusal);
    }
    // the base must have unshocked volatility, and the levels must lie within the set
    let no_base = Err(RiskError::NoBaseScenario);
    for levels in [
        [1, 2, 0],
        [0, 1, 1],
        [0, 4, 0],
        [2, 1, 1],
        [0, 0, 0],
        [255; 3],
    ] {
        let [none, down, base] = levels;
        assert_eq!(parts(3, 3, [none, down, base, 1]), no_base, "{levels:?}");
    }
    assert_eq!(parts(42, 3, [0, 1, 0, 1]), no_base); // no such slice
    assert_eq!(parts(0, 0, [0, 0, 0, 1]), no_base);
    for reach in [0, 9, 255] {
        let refusal = out_of_range(Field::ScenarioSpot, reach.into(), 1, 8);
        assert_eq!(parts(3, 3, [1, 2, 1, reach]), Err(refusal));
    }
}

#[test]
fn the_reach_of_a_set_is_its_largest_damped_multiplier_rounded_up() {
    let reach = |scenario| ScenarioTable::new(&with_base(scenario)).unwrap().reach;
    for (spot, damping, expected) in [
        (500_000, 1_000_000, 1),
        (1_000_001, 1_000_000, 2),
        (2_000_000, 1_000_000, 2),
        (2_000_001, 1_000_000, 3),
        (8_000_000, 1_000_000, 8),
        (8_000_000, 125_000, 1),
        (8_000_000, 125_001, 2),
    ] {
        assert_eq!(reach(Scenario::tail(spot, damping)), expected);
    }
    let [major, wide] = [MAJOR_GRID, WIDE_GRID].map(|set| ScenarioTable::new(&set));
    assert_eq!((major.unwrap().reach, wide.unwrap().reach), (2, 2));
}

/// INV-09: a witness has the bits of its node, so the scan over it is never worse than the full one.
#[test]
fn inv_09_witness_of_every_node_is_bit_equal_to_the_full_scan() {
    let mut random = Random(22);
    for round in 0..400 {
        // GIVEN a random book under a shipped or a random set
        let mut book = random_book(&mut random, &Shape::ANY);
        if round % 2 == 0 {
            book.scenarios = random_scenarios(&mut random);
        }
        let table = book.table();
        let set = table.set().unwrap();
        let Ok(full) = book.try_evaluate() else {
            continue;
        };
        for index in 0..set.count() {
            // WHEN one node is evaluated as a witness
            let witness = Witness::new(&set, index).unwrap();
            let named = witness.set().unwrap();
            let alone = book.try_evaluate_under(named).unwrap();
            // THEN its PnL and the mark have the same bits, and health is at least that of the full scan
            let at = (0..named.count())
                .find(|at| *at != named.base())
                .unwrap_or(named.base());
            assert_eq!(alone.pnl[at], full.pnl[index], "node {index} of {book:?}");
            assert_eq!(named.vol_shock(at), set.vol_shock(index));
            assert_eq!(alone.risk.mark, full.risk.mark);
            assert_eq!(alone.risk.scan.raw(), full.pnl[index].min(0));
            assert!(alone.risk.scan >= full.risk.scan);
            assert!(alone.report.maintenance_health >= full.report.maintenance_health);
        }
        // THEN the worst node's witness proves exactly the full scan's health
        let worst = Witness::new(&set, full.risk.worst_scenario.into()).unwrap();
        let proof = book.try_evaluate_under(worst.set().unwrap()).unwrap();
        assert_eq!(proof.report, full.report);
    }
}

#[test]
fn witness_of_the_base_node_shows_no_loss() {
    let book = PortfolioBuilder::new(60_000.0)
        .expiry(30, 0.6)
        .short_call(30, 60_000.0, 5.0)
        .build();
    let table = book.table();
    let set = table.set().unwrap();
    let witness = Witness::new(&set, set.base()).unwrap();
    let alone = book.try_evaluate_under(witness.set().unwrap()).unwrap();
    assert_eq!(witness.set().unwrap().count(), 1);
    assert_eq!(alone.risk.scan.raw(), 0);
    assert_eq!(alone.risk.mark, book.evaluate().risk.mark);
}

#[test]
fn a_witness_past_the_end_is_refused() {
    let table = ScenarioTable::new(&MAJOR_GRID).unwrap();
    let set = table.set().unwrap();
    assert!(Witness::new(&set, 30).is_ok());
    for index in [31, MAX_SCENARIOS, usize::MAX] {
        let refusal = Witness::new(&set, index).unwrap_err();
        assert_eq!(refusal, RiskError::UnknownScenario { index, count: 31 });
    }
}

#[test]
fn the_worst_scenario_is_the_first_of_the_smallest() {
    let mut random = Random(23);
    for _ in 0..500 {
        let book = random_book(&mut random, &Shape::USUAL);
        let engine = book.evaluate();
        let losses = &engine.pnl[..book.scenarios.len()];
        let least = *losses.iter().min().unwrap();
        assert_eq!(engine.risk.scan.raw(), least.min(0));
        if least < 0 {
            let first = losses.iter().position(|pnl| *pnl == least).unwrap();
            assert_eq!(usize::from(engine.risk.worst_scenario), first);
        }
        assert!(engine.pnl[book.scenarios.len()..]
            .iter()
            .all(|pnl| *pnl == 0));
    }
}
