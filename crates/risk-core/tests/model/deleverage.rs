//! Opposite risk: bounds, symmetry and scale of the measure, the part that relieves most, and the order of candidates.

use risk_core::deleverage::{
    is_relieved, market_requirement_ceil, opposition, rank, with_cash, Candidate, Comparison,
    LEAST_OPPOSITION,
};
use risk_core::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use risk_core::margin::{MarginReport, MOST_OPEN_NOTIONAL};
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::{Quote, Ratio};

use crate::support::Random;

const ONE: i64 = 1_000_000;

/// Entries of up to `bits` bits in some of the scenarios of some markets.
fn vector(random: &mut Random, markets: usize, bits: u32) -> Vec<ScenarioPnl> {
    let mut book = vec![[0; MAX_SCENARIOS]; markets];
    for value in book.iter_mut().flatten() {
        if !random.bits().is_multiple_of(4) {
            let size = (random.bits() >> (64 - bits)) as i64;
            *value = if random.bits().is_multiple_of(2) {
                size
            } else {
                -size
            };
        }
    }
    book
}

fn mapped(book: &[ScenarioPnl], change: impl Fn(i64) -> i64) -> Vec<ScenarioPnl> {
    book.iter().map(|pnl| pnl.map(&change)).collect()
}

/// The measure in floats.
fn reference(a: &[ScenarioPnl], b: &[ScenarioPnl]) -> (f64, f64) {
    let dot = |x: &[ScenarioPnl], y: &[ScenarioPnl]| -> f64 {
        let (x, y) = (x.iter().flatten(), y.iter().flatten());
        x.zip(y).map(|(x, y)| *x as f64 * *y as f64).sum()
    };
    let (ab, aa, bb) = (dot(a, b), dot(a, a), dot(b, b));
    (-ab / (aa * bb).sqrt(), -ab / aa)
}

#[test]
fn it_is_the_cosine_within_a_millionth_and_the_part_within_a_billionth() {
    let mut random = Random(1);
    for turn in 0..4_000 {
        let (bits, wide) = (1 + turn % 60, 1 + (turn / 60) % 60);
        let a = vector(&mut random, 1 + (turn % 8) as usize, bits as u32);
        let b = match turn % 3 {
            0 => vector(&mut random, a.len(), wide as u32),
            // nearly opposite, so that the part is not zero
            _ => mapped(&a, |value| -(value / 3) - (value >> 7)),
        };
        let found = Comparison::of(&a, &b);
        let measured = found.opposition().raw();
        assert!((-ONE..=ONE).contains(&measured));
        let (cosine, part) = reference(&a, &b);
        if cosine.is_nan() {
            assert_eq!((measured, found.relieving_fraction()), (0, 0));
            continue;
        }
        assert!(
            (measured as f64 / 1e6 - cosine).abs() < 2e-6,
            "{measured} {cosine}"
        );
        // toward zero
        assert!(measured.abs() as f64 <= cosine.abs() * 1e6 + 1e-3);
        let given = found.relieving_fraction() as f64 / 1e9;
        let part = part.clamp(0.0, 1.0);
        if part <= 0.999 {
            assert!(
                given <= part + 2e-9 && given >= part * (1.0 - 1e-6) - 2e-9,
                "{given} {part}"
            );
        }
    }
}

#[test]
fn it_is_symmetric_turns_with_the_sign_and_knows_no_scale() {
    let mut random = Random(2);
    for turn in 0..2_000 {
        let a = vector(&mut random, 3, 10 + turn % 40);
        let b = vector(&mut random, 3, 10 + (turn * 7) % 40);
        let measured = opposition(&a, &b).raw();
        assert_eq!(opposition(&b, &a).raw(), measured);
        assert_eq!(opposition(&mapped(&a, |v| -v), &b).raw(), -measured);
        // by a power of two to the bit, by anything else to rounding
        assert_eq!(opposition(&mapped(&a, |v| v << 9), &b).raw(), measured);
        let scaled = opposition(&mapped(&a, |v| v * 1_000), &b).raw();
        assert!((scaled - measured).abs() <= 1, "{measured} {scaled}");
    }
}

#[test]
fn itself_is_the_least_and_its_mirror_the_most_opposite() {
    let mut random = Random(3);
    for bits in 1..=62 {
        let a = vector(&mut random, 2, bits);
        if a.iter().flatten().all(|value| *value == 0) {
            continue;
        }
        let mirror = mapped(&a, |value| -value);
        let [same, other] = [&a, &mirror].map(|b| opposition(&a, b).raw());
        assert!(same <= -ONE + 1 && other >= ONE - 1, "{same} {other}");
        assert_eq!(
            Comparison::of(&a, &mirror).relieving_fraction(),
            FRACTION_ONE
        );
        assert_eq!(Comparison::of(&a, &a).relieving_fraction(), 0);
        // half as large takes half, a thousandth of it a thousandth
        let half = mapped(&a, |value| -value / 2);
        let part = Comparison::of(&a, &half).relieving_fraction();
        if bits > 40 {
            assert!(part.abs_diff(FRACTION_ONE / 2) <= 2, "{part}");
        }
    }
}

#[test]
fn no_vector_and_extreme_vectors_are_no_exception() {
    let zero = [[0; MAX_SCENARIOS]];
    let mut random = Random(4);
    let some = vector(&mut random, 1, 30);
    for (a, b) in [
        (&zero[..], &some[..]),
        (&some, &zero),
        (&zero, &zero),
        (&[], &some),
    ] {
        let found = Comparison::of(a, b);
        assert_eq!(
            (found.opposition().raw(), found.relieving_fraction()),
            (0, 0)
        );
    }
    let least = vec![[i64::MIN; MAX_SCENARIOS]; 48];
    let most = vec![[i64::MAX; MAX_SCENARIOS]; 48];
    assert!(opposition(&least, &most).raw() >= ONE - 1);
    assert_eq!(
        Comparison::of(&least, &most).relieving_fraction(),
        FRACTION_ONE
    );
    let tiny = vec![[1; MAX_SCENARIOS]; 48];
    assert!(opposition(&least, &tiny).raw() >= ONE - 1);
    // the book is 2^63 times as large as the counterparty, and the other way round
    assert_eq!(Comparison::of(&least, &tiny).relieving_fraction(), 0);
    assert_eq!(
        Comparison::of(&tiny, &least).relieving_fraction(),
        FRACTION_ONE
    );
    // markets beyond the shorter list weigh in the length alone
    let longer = [mapped(&some, |v| -v), some.clone()].concat();
    let root = (f64::sqrt(0.5) * 1e6) as i64;
    assert!((opposition(&some, &longer).raw() - root).abs() <= 1);
}

#[test]
fn the_part_leaves_the_counterparty_on_its_side() {
    // taking x* leaves b + x a at a right angle to a: one unit of it more would turn the sign
    let mut random = Random(5);
    let mut partial = 0;
    for _ in 0..2_000 {
        let a = vector(&mut random, 2, 36);
        let noise = vector(&mut random, 2, 33);
        let share = (random.bits() % 1_500) as i64;
        let mut b = mapped(&a, |value| -value / 1_000 * share);
        for (value, noise) in b.iter_mut().flatten().zip(noise.iter().flatten()) {
            *value += noise;
        }
        let part = Comparison::of(&a, &b).relieving_fraction();
        if part == 0 || part == FRACTION_ONE {
            continue;
        }
        partial += 1;
        let left = |part: u64| -> i128 {
            let pairs = a.iter().flatten().zip(b.iter().flatten());
            let sums = pairs.map(|(a, b)| {
                let (a, b) = (i128::from(*a), i128::from(*b));
                a * (b * i128::from(FRACTION_ONE) + a * i128::from(part))
            });
            sums.sum()
        };
        assert!(left(part) <= 0 && left(part + 3) > 0, "{part}");
    }
    assert!(partial > 500, "{partial}");
}

#[test]
fn candidates_are_ranked_by_opposition_then_by_size_and_the_barred_end_last() {
    let make = |id, opposition, fraction| Candidate {
        id,
        opposition: Ratio::from_raw(opposition),
        fraction,
    };
    let least = LEAST_OPPOSITION.raw();
    let mut candidates = [
        make(1, ONE, LEAST_FRACTION - 1),
        make(2, least - 1, FRACTION_ONE),
        make(3, least, LEAST_FRACTION),
        make(4, 900_000, FRACTION_ONE / 2),
        make(5, 900_000, FRACTION_ONE),
        make(6, ONE, LEAST_FRACTION),
        make(7, 900_000, FRACTION_ONE),
    ];
    rank(&mut candidates);
    let order = candidates.map(|candidate| candidate.id);
    assert_eq!(order, [6, 5, 7, 4, 3, 1, 2]);
    let eligible = candidates.map(|candidate| candidate.is_eligible());
    assert_eq!(eligible, [true, true, true, true, true, false, false]);
    // the same in any order
    candidates.reverse();
    rank(&mut candidates);
    assert_eq!(candidates.map(|candidate| candidate.id), order);
    let mut random = Random(6);
    let a = vector(&mut random, 1, 30);
    let found = Candidate::new(9, &a, &mapped(&a, |value| -value / 4));
    assert!(found.is_eligible() && found.fraction.abs_diff(FRACTION_ONE / 4) < 1_000);
}

#[test]
fn relief_is_a_lower_requirement_and_nothing_else_lower() {
    let quote = Quote::from_raw;
    let report = |equity, initial, maintenance, gross| MarginReport {
        equity: quote(equity),
        initial_health: quote(initial),
        maintenance_health: quote(maintenance),
        gross_notional: quote(gross),
        ..MarginReport::default()
    };
    let before = report(100, 10, 40, 7);
    assert!(is_relieved(&before, &report(100, 10, 41, 9)));
    assert!(is_relieved(&before, &report(101, 11, 42, 7)));
    for worse in [
        report(100, 10, 40, 7), // the same
        report(101, 11, 41, 7), // richer, but it requires the same
        report(99, 10, 41, 7),
        report(100, 9, 41, 7),
        report(100, 10, 41, MOST_OPEN_NOTIONAL.raw() + 1),
    ] {
        assert!(!is_relieved(&before, &worse), "{worse:?}");
    }
    // beyond the limit already, it may not go further
    let above = MOST_OPEN_NOTIONAL.raw() + 5;
    assert!(is_relieved(
        &report(100, 10, 40, above),
        &report(100, 10, 41, above)
    ));
    let richer = with_cash(&before, quote(-3)).unwrap();
    assert_eq!(
        richer,
        MarginReport {
            cash: quote(-3),
            ..report(97, 7, 37, 7)
        }
    );
    assert!(with_cash(&before, quote(i64::MAX)).is_err());
}

#[test]
fn a_markets_requirement_is_its_scan_by_the_factor_and_its_contingencies_rounded_up() {
    let risk = MarketRisk {
        scan: Quote::from_raw(-1_000_001),
        contingency_maintenance: Quote::from_raw(7),
        ..MarketRisk::default()
    };
    let required = |factor| {
        market_requirement_ceil(Ratio::from_raw(factor), &risk)
            .unwrap()
            .raw()
    };
    assert_eq!(required(800_000), 800_001 + 7);
    assert_eq!(required(ONE), 1_000_001 + 7);
    assert_eq!(required(0), 7);
}
