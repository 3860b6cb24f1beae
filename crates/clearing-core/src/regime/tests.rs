//! Properties of the regime: bounds, exactness over gaps and calls, and what one bad print can do, in numbers.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use super::*;

const BTC: u64 = 10_000_000_000_000;

/// Samples every five minutes, half-lives of six hours and a week, 60 % as the reference.
const RULES: Rules = Rules {
    interval: 300,
    move_cap: 9_000,
    fast_half_life: 21_600,
    slow_half_life: 604_800,
    reference_volatility: 600_000,
    factor_most: 3_000_000,
    factor_rise: 250_000,
    factor_fall: 50_000,
    correlation_least: 0,
    has_reference: false,
};

const PAIRED: Rules = Rules {
    correlation_least: 600_000,
    has_reference: true,
    ..RULES
};

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// About normal, mean 0, deviation 1e6.
fn normal(state: &mut u64) -> i64 {
    let sum: i64 = (0..12).map(|_| (random(state) % 1_000_001) as i64).sum();
    sum - 6_000_000
}

/// A price after a move of `deviation` 1e-6 times a normal number.
fn moved(price: u64, deviation: i64, noise: i64) -> u64 {
    let share = deviation * noise / 1_000_000;
    (price as i128 + price as i128 * share as i128 / 1_000_000) as u64
}

fn started(rules: &Rules) -> Regime {
    let mut regime = Regime::new(rules);
    assert!(regime.sample(rules, BTC, rules.has_reference.then_some(BTC), 1_000));
    regime.advance(rules, 1_000);
    regime
}

#[test]
fn rules_are_accepted_at_their_bounds_and_refused_beyond() {
    assert_eq!(RULES.check(), Ok(()));
    assert_eq!(PAIRED.check(), Ok(()));
    let wide = Rules {
        move_cap: 1_000,
        reference_volatility: 5_000_000,
        slow_half_life: 604_800,
        fast_half_life: 604_800,
        ..RULES
    };
    type Set = fn(&mut Rules, u32);
    let fields: [(Set, u32, u32); 8] = [
        (|r, v| r.interval = v, 10, 3_600),
        (|r, v| r.move_cap = v, 1_000, 500_000),
        (|r, v| r.fast_half_life = v, 600, 604_800),
        (|r, v| r.slow_half_life = v, 604_800, 31_536_000),
        (|r, v| r.reference_volatility = v, 50_000, 5_000_000),
        (|r, v| r.factor_most = v, 1_000_000, 4_000_000),
        (|r, v| r.factor_rise = v, 50_000, 4_000_000),
        (|r, v| r.factor_fall = v, 1_000, 250_000),
    ];
    for (place, (set, least, most)) in fields.into_iter().enumerate() {
        for (value, is_good) in [
            (least, true),
            (most, true),
            (least - 1, false),
            (most + 1, false),
        ] {
            let mut rules = wide;
            set(&mut rules, value);
            // 50 % per sample is a bound of its own: the rise of one sample refuses less
            let is_good = is_good && !(place == 1 && value == most);
            assert_eq!(rules.check().is_ok(), is_good, "field {place}: {value}");
        }
    }
    for (least, has_reference, is_good) in [
        (0, false, true),
        (1, false, false),
        (0, true, false),
        (1, true, true),
        (1_000_000, true, true),
        (1_000_001, true, false),
    ] {
        let rules = Rules {
            correlation_least: least,
            has_reference,
            ..RULES
        };
        assert_eq!(rules.check().is_ok(), is_good, "{least} {has_reference}");
    }
}

#[test]
fn one_sample_may_raise_the_variance_by_a_quarter_and_not_by_more() {
    // cap^2 ln 2 year / half-life = 0.36 / 4 at a cap of 0.943 %
    let at = |move_cap| Rules { move_cap, ..RULES }.check();
    assert_eq!(at(9_400), Ok(()));
    let refused = at(9_500).unwrap_err();
    assert_eq!((refused.least, refused.most), (0, 90_000_000_000));
    assert!(refused.value > refused.most);
}

#[test]
fn one_bad_print_cannot_set_the_regime() {
    for rules in [RULES, PAIRED] {
        for bad in [1, BTC / 1_000, BTC / 2, BTC * 2, u64::MAX >> 1] {
            let mut regime = started(&rules);
            let reference = rules.has_reference.then_some(BTC);
            assert!(regime.sample(&rules, bad, reference, 1_300));
            regime.advance(&rules, 1_300);
            // 0.36 x (1 + 1/4) at the most: 67 % of volatility where 60 % was
            assert!(regime.factor_initial <= 1_130_000, "{regime:?}");
            assert!(regime.factor_maintenance <= 1_020_833, "{regime:?}");
            // and back
            assert!(regime.sample(&rules, BTC, reference, 1_600));
            regime.advance(&rules, 1_600);
            assert!(regime.factor_initial <= 1_240_000, "{regime:?}");
            // ten minutes of the ramp
            assert!(regime.factor_maintenance <= 1_041_667, "{regime:?}");
            assert!(regime.offset_share >= 950_000, "{regime:?}");
        }
    }
}

#[test]
fn a_long_gap_is_one_bounded_sample() {
    for (gap, price) in [(86_400 * 30, BTC / 10), (86_400, BTC * 3), (700, 1)] {
        let mut regime = started(&RULES);
        regime.sample(&RULES, price, None, 1_000 + gap);
        regime.advance(&RULES, 1_000 + gap);
        assert!(regime.factor_initial <= 1_120_000, "{regime:?}");
        // nor does silence talk the variance down: at most two intervals' worth
        let calm = mix(360_000_000_000, 0, kept(600, RULES.fast_half_life));
        assert!(regime.variance_fast >= calm, "{regime:?}");
    }
}

#[test]
fn measures_the_volatility_of_a_random_walk() {
    // 0.6 sqrt(300 s / year) = 0.185 % per sample, and half and twice of it
    for (deviation, low, high) in [(925, 230_000, 370_000), (1_850, 480_000, 730_000)] {
        let mut state = 7;
        let mut regime = started(&RULES);
        let (mut price, mut time, mut sum) = (BTC, 1_000, 0);
        for n in 0..4_000 {
            price = moved(price, deviation, normal(&mut state));
            time += 300;
            regime.sample(&RULES, price, None, time);
            if n >= 2_000 {
                sum += regime.variance_fast.isqrt() / 2_000;
            }
        }
        assert!((low..high).contains(&sum), "{sum}");
        // about normal moves have about normal kurtosis
        let kurtosis = regime.kurtosis;
        assert!(
            deviation != 1_850 || (2_500_000..3_400_000).contains(&kurtosis),
            "{kurtosis}"
        );
    }
}

#[test]
fn irregular_samples_measure_the_same_volatility() {
    let mut state = 11;
    let mut regime = started(&RULES);
    let (mut price, mut time, mut sum) = (BTC, 1_000, 0);
    for n in 0..4_000 {
        // a minute's move each: 0.083 %
        for _ in 0..5 + random(&mut state) % 5 {
            price = moved(price, 827, normal(&mut state));
            time += 60;
        }
        assert!(regime.sample(&RULES, price, None, time));
        if n >= 2_000 {
            sum += regime.variance_fast.isqrt() / 2_000;
        }
    }
    assert!((520_000..680_000).contains(&sum), "{sum}");
}

#[test]
fn a_crash_raises_the_initial_factor_at_once_and_maintenance_over_hours() {
    let mut regime = started(&RULES);
    let (mut price, mut time) = (BTC, 1_000);
    let mut seen = [(0, 0); 24];
    for n in 1..=24usize {
        // two hours of 1.5 % each, which count as 0.9 %
        price = price * if n % 2 == 0 { 1_015 } else { 985 } / 1_000;
        time += 300;
        assert!(regime.sample(&RULES, price, None, time));
        let before = regime.factor_maintenance;
        regime.advance(&RULES, time);
        assert_eq!(regime.factor_initial, regime.target(&RULES));
        assert!(regime.factor_maintenance - before <= 250_000 / 12 + 1);
        seen[n - 1] = (regime.factor_initial, regime.factor_maintenance);
    }
    assert!(seen[11].0 > 1_700_000, "{seen:?}");
    assert_eq!(seen[11].1, 1_250_000 - 4); // an hour of the ramp in twelve parts, each rounded down
    assert!(
        seen[23].0 > seen[11].0 && seen[23].1 < 1_500_001,
        "{seen:?}"
    );
    // calm: both fall by no more than 5 % an hour
    let top = regime.factor_initial;
    for _ in 0..12 {
        time += 300;
        regime.sample(&RULES, price, None, time);
        regime.advance(&RULES, time);
    }
    assert!(regime.factor_initial >= top - 50_000 && regime.factor_initial < top);
    for _ in 0..12 * 200 {
        time += 300;
        regime.sample(&RULES, price, None, time);
        regime.advance(&RULES, time);
    }
    assert_eq!(
        (regime.factor_initial, regime.factor_maintenance),
        (ONE, ONE)
    );
}

#[test]
fn fat_tails_widen_by_their_excess_and_by_half_at_most() {
    let with = |kurtosis| {
        let regime = Regime {
            kurtosis,
            ..Regime::new(&RULES)
        };
        regime.target(&RULES)
    };
    assert_eq!((with(0), with(3_000_000)), (ONE, ONE));
    assert_eq!(with(5_400_000), 1_100_000);
    assert_eq!((with(15_000_000), with(u64::MAX)), (1_500_000, 1_500_000));
}

#[test]
fn the_offset_follows_the_correlation_down_to_nothing() {
    // together, apart, and against each other
    for (common, low, high) in [(1, 950_000, 1_000_000), (0, 0, 250_000), (-1, 0, 0)] {
        let mut state = 3;
        let mut regime = started(&PAIRED);
        let (mut price, mut other, mut time) = (BTC, BTC, 1_000);
        let mut sum = 0u64;
        for n in 0..2_000 {
            let (noise, alone) = (normal(&mut state), normal(&mut state));
            price = moved(price, 1_850, noise);
            other = moved(
                other,
                1_850,
                if common == 0 { alone } else { common * noise },
            );
            time += 300;
            assert!(regime.sample(&PAIRED, price, Some(other), time));
            regime.advance(&PAIRED, time);
            if n >= 1_000 {
                sum += u64::from(regime.offset_share) / 1_000;
            }
        }
        assert!((low..=high).contains(&sum), "{common}: {sum}");
    }
    // linear below the least, rounded down; from it on whole
    let with = |covariance| {
        let regime = Regime {
            covariance,
            ..Regime::new(&PAIRED)
        };
        regime.offset_target(&PAIRED)
    };
    assert_eq!(with(216_000_000_000), ONE); // 0.6
    assert_eq!(with(215_999_999_999), 999_998);
    assert_eq!(with(108_000_000_000), 500_000);
    assert_eq!((with(0), with(-1), with(i64::MIN)), (0, 0, 0));
}

#[test]
fn leaving_the_reference_out_neither_freezes_nor_overtakes() {
    let mut regime = started(&PAIRED);
    // alone it waits for two intervals, a pair for one
    assert!(!regime.sample(&PAIRED, BTC, None, 1_599));
    assert!(!regime.sample(&PAIRED, BTC, Some(BTC), 1_299));
    let mut paired = regime;
    assert!(paired.sample(&PAIRED, BTC, Some(BTC), 1_300));
    assert_eq!(paired.reference_sample, BTC);
    let before = regime.covariance;
    assert!(regime.sample(&PAIRED, BTC, None, 1_600));
    assert!(regime.covariance < before);
    assert_eq!(regime.reference_sample, 0);
    // the next pair begins anew and measures nothing
    let (kept, variance) = (regime.covariance, regime.reference_variance);
    assert!(regime.sample(&PAIRED, BTC * 2, Some(BTC / 2), 1_900));
    assert_eq!(
        (regime.covariance, regime.reference_variance),
        (kept, variance)
    );
    // a reference price of nothing is none
    assert!(!regime.sample(&PAIRED, BTC, Some(0), 2_200));
}

#[test]
fn many_calls_move_factors_as_far_as_one() {
    let base = Regime {
        variance_fast: 4 * 360_000_000_000,
        ..started(&RULES)
    };
    for step in [1, 7, 59, 60, 61, 600] {
        let (mut often, mut once) = (base, base);
        let mut time = 1_000;
        while time + step <= 1_000 + 3_600 {
            time += step;
            often.advance(&RULES, time);
        }
        once.advance(&RULES, time);
        let apart = once.factor_maintenance.abs_diff(often.factor_maintenance);
        assert!(often.factor_maintenance <= once.factor_maintenance);
        assert!(apart <= 60, "{step}: {apart}");
        assert_eq!(often.factor_at, once.factor_at);
    }
    // silence of a day is an hour
    let mut late = base;
    late.advance(&RULES, 1_000 + 86_400);
    assert_eq!(late.factor_maintenance, 1_250_000);
    assert_eq!(late.factor_at, 1_000 + 86_400);
    // and time does not run backwards
    late.advance(&RULES, 0);
    assert_eq!(late.factor_at, 1_000 + 86_400);
}

#[test]
fn nothing_leaves_its_bounds_whatever_is_shown() {
    let mut state = 1;
    for rules in [RULES, PAIRED] {
        let mut regime = Regime::new(&rules);
        let mut time = 1i64;
        for _ in 0..50_000 {
            let bits = random(&mut state);
            let price = (random(&mut state) >> (bits % 64)).max(1);
            let other = (!bits.is_multiple_of(3)).then(|| random(&mut state) >> (bits % 63));
            time += i64::from((bits >> 40) as u32 % 2_000) - 20;
            if bits.is_multiple_of(977) {
                time += 10_000_000;
            }
            regime.sample(&rules, price, other, time);
            regime.advance(&rules, time);
            assert!(regime.factor_maintenance >= ONE);
            assert!(regime.factor_maintenance <= regime.factor_initial);
            assert!(regime.factor_initial <= rules.factor_most);
            assert!(regime.offset_share <= ONE);
            assert!(regime.variance_slow > 0);
            assert!(regime.correlation().abs() <= i64::from(ONE));
        }
    }
    // records that no sequence of samples reaches
    for bits in [0, 1, u64::MAX >> 1, u64::MAX] {
        let mut regime = Regime {
            sample: bits,
            reference_sample: bits,
            sampled_at: bits as i64,
            variance_fast: bits,
            variance_slow: bits,
            kurtosis: bits,
            reference_variance: bits,
            covariance: bits as i64,
            factor_initial: bits as u32,
            factor_maintenance: bits as u32,
            factor_at: bits as i64,
            offset_share: bits as u32,
        };
        for time in [i64::MIN, 0, i64::MAX] {
            regime.sample(&PAIRED, bits, Some(bits), time);
            regime.advance(&PAIRED, time);
        }
    }
}

#[test]
fn weights_halve_at_the_half_life() {
    assert!(kept(3_600, 3_600).abs_diff(ONE_Q38 / 2) <= 2);
    assert!(kept(7_200, 3_600).abs_diff(ONE_Q38 / 4) <= 2);
    assert_eq!(kept(0, 3_600), ONE_Q38);
    assert_eq!((clamped_move(0, 5, 9), clamped_move(5, 5, 9)), (0, 0));
    assert_eq!(
        (clamped_move(3, 4, 900_000), clamped_move(4, 3, 900_000)),
        (333_334, -250_000)
    );
    assert_eq!(
        (clamped_move(1, u64::MAX, 9), clamped_move(u64::MAX, 0, 9)),
        (9, -9)
    );
    assert_eq!(
        (annual(500_000, -500_000, 1), annual(1, 1, YEAR)),
        (-7_884_000_000_000_000_000, 1)
    );
}
