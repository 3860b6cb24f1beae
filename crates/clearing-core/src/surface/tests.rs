//! Properties of posted surfaces, against the formulas in floating point.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

extern crate std;

use std::vec::Vec;

use risk_core::svi::{Svi, SviSlice};

use super::butterfly::{check_butterfly, MOST_SLOPE};
use super::median::{in_force, quorum};
use super::neighbours::{self, check_calendar, STEP_WINDOW};
use super::{Moved, Surface, SurfaceFault};

mod posters;

const YEAR: f64 = 31_536_000.0;
const DAY: i64 = 86_400;

/// A generator of Marsaglia's xorshift kind.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// Evenly in the logarithm.
    fn scale(&mut self, least: f64, most: f64) -> f64 {
        (self.between(least.ln(), most.ln())).exp()
    }
}

/// Total variance `w`, `w'`, `w''` at `k`.
fn variance(svi: &Svi, factor: f64, k: f64) -> [f64; 3] {
    let (a, b) = (svi.a as f64 / 1e12, svi.b as f64 / 1e12);
    let [rho, m, s] = [f64::from(svi.rho), f64::from(svi.m), f64::from(svi.s)].map(|v| v / 1e6);
    let x = k - m;
    let radius = x.hypot(s);
    [
        a + b * (rho * x + radius),
        b * (rho + x / radius),
        b * s * s / radius.powi(3),
    ]
    .map(|value| value * factor)
}

/// Durrleman's condition.
fn density(svi: &Svi, factor: f64, k: f64) -> f64 {
    let [w, first, second] = variance(svi, factor, k);
    (1.0 - k * first / (2.0 * w)).powi(2) - first * first / 4.0 * (1.0 / w + 0.25) + second / 2.0
}

fn most_k(svi: &Svi) -> f64 {
    4.0 * (svi.a as f64 / 1e12 + svi.b as f64 / 1e12 * f64::from(svi.s) / 1e6).sqrt()
}

/// Least density over a fine grid of what is trusted.
fn least_density(svi: &Svi, factor: f64) -> f64 {
    let most = most_k(svi);
    let turn = |j: i32| f64::from(svi.m) / 1e6 + f64::from(svi.s) / 1e6 * f64::from(j) / 40.0;
    let fine = (-400..=400).map(|j| most * f64::from(j) / 400.0);
    fine.chain((-400..=400).map(turn))
        .filter(|k| k.abs() <= most)
        .map(|k| density(svi, factor, k))
        .fold(f64::INFINITY, f64::min)
}

/// Raw SVI of BTC on 2026-01-21, fitted to Deribit's options: seconds to expiry, a, b, rho, m, s; rounded to six digits.
const MARKET: [(i64, f64, f64, f64, f64, f64); 11] = [
    (70_153, 0.0, 0.0143915, 0.038784, 0.026268, 0.033521),
    (156_553, 0.0, 0.0177947, -0.088633, 0.025938, 0.053944),
    (242_953, 0.0, 0.0194585, -0.376901, 0.016644, 0.073608),
    (
        329_353,
        0.000725862,
        0.016857,
        -0.695987,
        -0.00183,
        0.061724,
    ),
    (761_353, 0.0, 0.0347214, -0.275938, 0.031717, 0.113825),
    (1_366_153, 0.0, 0.0420344, -0.223182, 0.044776, 0.157825),
    (3_180_553, 0.0, 0.0661384, -0.184699, 0.055258, 0.225863),
    (5_599_753, 0.0, 0.0870789, -0.213535, 0.048844, 0.320529),
    (13_462_153, 0.0, 0.136915, -0.207012, 0.08308, 0.586393),
    (21_324_553, 0.0, 0.176726, -0.209334, 0.119482, 0.784587),
    (29_186_953, 0.0, 0.211073, -0.292748, 0.058417, 0.975827),
];

fn svi(tenor: i64, [a, b, rho, m, s]: [f64; 5]) -> Svi {
    Svi {
        a: (a * 1e12).round() as i64,
        b: (b * 1e12).round() as u64,
        rho: (rho * 1e6).round() as i32,
        m: (m * 1e6).round() as i32,
        s: (s * 1e6).round() as u32,
        reference_tenor: tenor as u32,
    }
}

fn market(place: usize) -> Svi {
    let (tenor, a, b, rho, m, s) = MARKET[place];
    svi(tenor, [a, b, rho, m, s])
}

fn surface(svi: Svi) -> Surface {
    Surface {
        svi,
        forward_basis: 1_000_000,
        rate: 40_000,
        confidence: 1_000_000,
        posted_at: 0,
    }
}

#[test]
fn the_smiles_of_a_market_pass_with_room_to_spare() {
    let slice = |place: usize| SviSlice::new(&market(place), MARKET[place].0);
    for (place, (tenor, ..)) in MARKET.into_iter().enumerate() {
        let svi = market(place);
        svi.validate().expect("a market's smile");
        assert_eq!(check_butterfly(&svi, tenor), Ok(()), "{place}");
        assert!(least_density(&svi, 1.0) > 0.17);
        if place > 0 {
            assert_eq!(
                check_calendar(&slice(place - 1), &slice(place)),
                Ok(()),
                "{place}"
            );
            // the longer smile in place of the shorter one
            assert!(check_calendar(&slice(place), &slice(place - 1)).is_err());
        }
    }
}

/// Any valid smile, from flat to absurd.
fn any_smile(random: &mut Random) -> Svi {
    loop {
        let tenor = random.scale(60.0, 4.0 * YEAR).round();
        let level = random.scale(0.1, 6.0).powi(2) * tenor / YEAR;
        let s = random.scale(1e-4, 4.0);
        let b = random.scale(0.01, 10.0) * level.sqrt();
        let rho = random.between(-0.999, 0.999);
        let lowest = b * s * (1.0 - rho * rho).sqrt();
        let a = level * random.unit() - lowest * random.unit() * f64::from(random.unit() < 0.5);
        let m = random.between(-2.0, 2.0) * level.sqrt();
        let svi = svi(tenor as i64, [a, b, rho, m, s]);
        if svi.validate().is_ok() {
            return svi;
        }
    }
}

/// The nodes, as the check places them.
fn nodes(svi: &Svi) -> Vec<f64> {
    let (m, s, most) = (f64::from(svi.m) / 1e6, f64::from(svi.s) / 1e6, most_k(svi));
    let turns = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0];
    let turns = turns.into_iter().flat_map(move |x| [m - x * s, m + x * s]);
    let parts = (-8..=8).map(move |part| most * f64::from(part) / 8.0);
    turns
        .filter(move |k| k.abs() < most - 1e-6)
        .chain(parts)
        .collect()
}

#[test]
fn a_butterfly_at_a_node_is_found_and_nothing_else_is_refused() {
    let mut random = Random(7);
    let (mut passed, mut refused, mut near) = (0, 0, 0);
    for _ in 0..60_000 {
        let svi = any_smile(&mut random);
        let b = svi.b as f64 / 1e12;
        let slope = b * (1.0 + f64::from(svi.rho).abs() / 1e6);
        let least = nodes(&svi)
            .into_iter()
            .map(|k| density(&svi, 1.0, k))
            .fold(f64::INFINITY, f64::min);
        match check_butterfly(&svi, 1) {
            Ok(()) => {
                passed += 1;
                assert!(least > 0.0 && slope <= 2.0 + 1e-9, "{svi:?}: {least}");
            }
            Err(SurfaceFault::Wing { slope: found, most }) => {
                assert!(slope > 2.0 - 1e-9 && found > most, "{svi:?}");
            }
            Err(fault) => {
                refused += 1;
                near += u32::from(least > 0.0);
                // a thousandth is what rounding may cost a smile that is not absurd
                let usual = b > 1e-6 && svi.s > 2_000 && svi.rho.abs() < 950_000;
                assert!(least < 0.001 || !usual, "{svi:?}: {fault:?} {least}");
            }
        }
    }
    std::println!("butterfly: {passed} pass, {refused} refused, {near} of them by rounding");
    assert!(passed > 10_000 && refused > 5_000 && near < refused / 50);
}

#[test]
fn between_the_nodes_there_is_no_room_for_a_dip() {
    let mut random = Random(11);
    let (mut least, mut dips, mut count) = (f64::INFINITY, 0, 0);
    while count < 20_000 {
        let svi = any_smile(&mut random);
        if check_butterfly(&svi, 1).is_ok() {
            count += 1;
            let density = least_density(&svi, 1.0);
            dips += u32::from(density < 0.0);
            least = least.min(density);
        }
    }
    std::println!("between nodes: {dips} of {count} smiles dip, to {least:.4} at the worst");
    assert!(least > -0.1 && dips < 60);
}

#[test]
fn what_passes_once_passes_until_it_expires() {
    let mut random = Random(13);
    let mut count = 0;
    while count < 2_000 {
        let svi = any_smile(&mut random);
        let tenor = i64::from(svi.reference_tenor);
        if check_butterfly(&svi, tenor).is_ok() && least_density(&svi, 1.0) > 0.0 {
            count += 1;
            for factor in [0.9, 0.5, 0.1, 0.001] {
                assert!(least_density(&svi, factor) > 0.0, "{svi:?} {factor}");
            }
        }
    }
    // a smile posted for a shorter tenor than is left is judged at what is left: 1.99 grows to 2.01
    let steep = svi(YEAR as i64, [30.0, 1.99, 0.0, 0.0, 1.0]);
    assert_eq!(check_butterfly(&steep, YEAR as i64), Ok(()));
    let fault = check_butterfly(&steep, YEAR as i64 * 101 / 100);
    let slope = 2_009_900_000_000;
    let most = MOST_SLOPE;
    assert_eq!(fault, Err(SurfaceFault::Wing { slope, most }));
}

#[test]
fn a_wing_may_rise_by_two_and_no_more() {
    // 1.6 (1 + 0.25) = 2
    let at = |b: f64| check_butterfly(&svi(DAY, [30.0, b, -0.25, 0.0, 1.0]), DAY);
    assert_eq!(at(1.6), Ok(()));
    let fault = SurfaceFault::Wing {
        slope: 2_000_000_000_002,
        most: MOST_SLOPE,
    };
    assert_eq!(at(1.600_000_000_001), Err(fault));
}

#[test]
fn a_turn_too_sharp_is_a_butterfly() {
    // two lines that meet at the money: the density beside the kink falls below zero as they steepen
    let at = |b: f64| check_butterfly(&svi(30 * DAY, [0.005, b, 0.0, 0.0, 0.01]), 30 * DAY);
    assert_eq!(at(0.12), Ok(()));
    let Err(SurfaceFault::Butterfly { k, density: found }) = at(0.2) else {
        panic!("{:?}", at(0.2));
    };
    let exact = density(
        &svi(30 * DAY, [0.005, 0.2, 0.0, 0.0, 0.01]),
        1.0,
        k as f64 / 1e6,
    );
    assert!(
        (found as f64 / 1e6 - exact).abs() < 2e-5 && exact < 0.0,
        "{found} {exact}"
    );
}

#[test]
fn calendars_compare_what_the_engine_prices_with_now() {
    let shorter = svi(7 * DAY, [0.0, 0.04, -0.2, 0.0, 0.1]);
    let equal = Svi {
        reference_tenor: 14 * DAY as u32,
        ..shorter
    };
    let at = |svi: &Svi, tenor| SviSlice::new(svi, tenor);
    assert_eq!(
        check_calendar(&at(&shorter, 7 * DAY), &at(&equal, 14 * DAY)),
        Ok(())
    );
    // a billionth less is found at the first node
    let less = Svi {
        b: 39_999_999_900,
        ..equal
    };
    let fault = check_calendar(&at(&shorter, 7 * DAY), &at(&less, 14 * DAY)).expect_err("a fault");
    assert!(
        matches!(
            fault,
            SurfaceFault::Calendar {
                k: -126_500..=-126_400,
                ..
            }
        ),
        "{fault:?}"
    );
    // three days later the shorter one has lost three sevenths, the longer one three fourteenths
    let lower = Svi {
        b: 32_000_000_000,
        ..equal
    };
    assert!(check_calendar(&at(&shorter, 7 * DAY), &at(&lower, 14 * DAY)).is_err());
    assert_eq!(
        check_calendar(&at(&shorter, 4 * DAY), &at(&lower, 11 * DAY)),
        Ok(())
    );
}

fn check_step(
    anchor: &Surface,
    next: &Surface,
    tenor: i64,
    elapsed: i64,
) -> Result<(), SurfaceFault> {
    let smile = SviSlice::new(&next.svi, tenor);
    neighbours::check_step(anchor, (next, &smile), tenor, elapsed)
}

/// A flat smile.
fn flat(volatility: f64, tenor: i64) -> Svi {
    let variance = volatility * volatility * tenor as f64 / YEAR;
    svi(tenor, [variance, 0.0, 0.0, 0.0, 0.1])
}

#[test]
fn a_step_has_room_that_grows_with_time() {
    let (tenor, anchor) = (7 * DAY, surface(flat(0.45, 7 * DAY)));
    let step = |volatility: f64, elapsed| {
        check_step(&anchor, &surface(flat(volatility, tenor)), tenor, elapsed)
    };
    // half of 45 % and ten points; down, half of what it comes to
    for (inside, outside, elapsed) in [
        (0.7749, 0.7751, 0),
        (0.7749, 0.7751, STEP_WINDOW),
        (1.0999, 1.1001, 2 * STEP_WINDOW),
        (0.2334, 0.2332, 0),
        (0.1251, 0.1249, 2 * STEP_WINDOW),
    ] {
        assert_eq!(step(inside, elapsed), Ok(()), "{inside}");
        let fault = step(outside, elapsed).expect_err("a fault");
        assert!(matches!(
            fault,
            SurfaceFault::Step {
                what: Moved::Volatility,
                ..
            }
        ));
    }
    // after a day anything goes, before the anchor nothing more than a step
    assert_eq!((step(9.9, DAY), step(0.001, DAY)), (Ok(()), Ok(())));
    assert!(step(0.78, -5).is_err() && step(0.77, i64::MIN).is_ok());
    let moved = |change: fn(&mut Surface), elapsed| {
        let mut next = anchor;
        change(&mut next);
        check_step(&anchor, &next, tenor, elapsed)
    };
    assert_eq!(moved(|s| s.forward_basis += 20_000_000, 0), Ok(()));
    let (what, found, most) = (Moved::ForwardBasis, 20_000_001, 20_000_000);
    let fault = SurfaceFault::Step { what, found, most };
    assert_eq!(moved(|s| s.forward_basis -= 20_000_001, 0), Err(fault));
    assert_eq!(
        moved(|s| s.forward_basis -= 20_000_001, STEP_WINDOW + 1),
        Ok(())
    );
    assert_eq!(moved(|s| s.rate = -60_000, 0), Ok(()));
    let (what, found, most) = (Moved::Rate, 100_001, 100_000);
    let fault = SurfaceFault::Step { what, found, most };
    assert_eq!(moved(|s| s.rate = -60_001, 0), Err(fault));
}

#[test]
fn a_skew_is_a_step_of_the_strikes_beside_the_forward() {
    let tenor = 30 * DAY;
    let level = surface(svi(tenor, [0.005, 0.05, 0.0, 0.0, 0.1]));
    // the same at the money, and 2.2 times the volatility two deviations below
    let bent = surface(svi(tenor, [0.005, 0.05, -0.95, 0.0, 0.1]));
    assert_eq!(check_step(&level, &bent, tenor, 0), Ok(()));
    let bent = surface(svi(tenor, [0.003, 0.3, -0.9, 0.1, 0.05]));
    let fault = check_step(&level, &bent, tenor, 0).expect_err("a fault");
    assert!(matches!(
        fault,
        SurfaceFault::Step {
            what: Moved::Volatility,
            ..
        }
    ));
}
