//! ln, exp, square roots and tenors against 28-digit values.

use crate::support::{from_q, vectors, Random, Row, Worst};
use risk_core::fixed::exp::{exp, exp_neg};
use risk_core::fixed::log::{ln, ln_ratio};
use risk_core::fixed::sqrt::{isqrt, sqrt_q56, sqrt_tenor, sqrt_tenor_q36, tenor};

fn rows(function: &str) -> impl Iterator<Item = Row> + '_ {
    vectors("log_exp_sqrt.csv")
        .into_iter()
        .filter(move |row| row.text("function") == function)
}

/// Worst absolute error of `kernel` in units of `2^-bits`.
fn check_units(
    name: &'static str,
    function: &str,
    bits: i32,
    most: f64,
    kernel: impl Fn(&Row) -> i64,
) {
    let mut worst = Worst::new(name);
    for row in rows(function) {
        // Compared as integer parts and fractions: an f64 holds neither 2^40 + 2^-12 nor Q40 of 44 exactly enough alone.
        let exact = row.decimal("value", 24);
        let scaled = (exact >> 64) as f64 * 2f64.powi(64 + bits) / 1e24
            + (exact & i128::from(u64::MAX)) as f64 * 2f64.powi(bits) / 1e24;
        worst.see(kernel(&row) as f64 - scaled, || {
            row.text("input").to_owned()
        });
    }
    worst.at_most(most);
}

#[test]
fn logarithm_matches_the_reference() {
    check_units("ln, units of 2^-40", "ln", 40, 0.52, |row| {
        ln(row.int("input"))
    });
}

#[test]
fn logarithm_of_a_ratio_is_rounded_once() {
    let mut worst = Worst::new("ln ratio, units of 2^-40");
    let mut random = Random(21);
    for _ in 0..200_000 {
        // Near-equal pairs: ln(a/b) = ln_1p((a - b)/b) is exact in f64.
        let b = (1 << 62) + (random.bits() >> 3);
        let a = b - (b >> 8) + random.bits() % (b >> 7);
        let exact = ((a as i128 - b as i128) as f64 / b as f64).ln_1p();
        worst.see(ln_ratio(a, b) as f64 - exact * 2f64.powi(40), || {
            format!("{a}/{b}")
        });
    }
    worst.at_most(0.53);
    assert_eq!(ln_ratio(0, 0), 0);
    assert_eq!(ln_ratio(u64::MAX, 0), ln(u64::MAX));
    assert_eq!(ln(0), ln(1));
}

#[test]
fn exponential_matches_the_reference() {
    check_units("exp_neg, units of 2^-38", "exp_neg", 38, 0.7, |row| {
        exp_neg(row.int("input")) as i64
    });
    let mut relative = Worst::new("exp, relative beyond 2^-39");
    for row in rows("exp") {
        let exact = row.f64("value");
        let error = (from_q(exp(row.int("input")).unwrap(), 38) - exact).abs();
        relative.see((error - 2f64.powi(-39)).max(0.0) / exact, || {
            row.text("input").to_owned()
        });
    }
    relative.at_most(2e-12);
}

#[test]
fn exponential_says_where_it_ends() {
    assert_eq!(exp(0), Some(1 << 38));
    assert_eq!(exp_neg(0), 1 << 38);
    assert_eq!(exp((17 << 38) + 1), None);
    assert_eq!(exp(i64::MAX), None);
    assert_eq!(exp(i64::MIN), Some(0));
    assert_eq!(exp_neg(u64::MAX), 0);
}

#[test]
fn square_roots_match_the_reference() {
    check_units("sqrt_q56, units of 2^-40", "sqrt_q56", 40, 1.0, |row| {
        sqrt_q56(row.int("input")) as i64
    });
    let mut relative = Worst::new("sqrt_tenor_q36, relative beyond 2^-38");
    for row in rows("sqrt_tenor_q36") {
        let exact = row.f64("value");
        let error = (from_q(sqrt_tenor_q36(row.int("input")) as i64, 38) - exact).abs();
        relative.see((error - 2f64.powi(-38)).max(0.0) / (exact + 1e-9), || {
            row.text("input").to_owned()
        });
    }
    relative.at_most(2f64.powi(-46));
    check_units("sqrt_tenor, units of 2^-38", "sqrt_tenor", 38, 1.1, |row| {
        sqrt_tenor(row.int("input")) as i64
    });
    check_units("tenor, units of 2^-36", "tenor", 36, 0.5 + 1e-6, |row| {
        tenor(row.int("input")) as i64
    });
    assert_eq!((sqrt_tenor(i64::MIN), tenor(i64::MIN)), (0, 0));
    assert_eq!(
        (sqrt_tenor(i64::MAX), tenor(i64::MAX)),
        (sqrt_tenor(u32::MAX.into()), tenor(u32::MAX.into()))
    );
}

#[test]
fn integer_square_root_is_exact() {
    let holds = |x: u64| {
        let root = u128::from(isqrt(x));
        assert!(
            root * root <= u128::from(x) && (root + 1) * (root + 1) > u128::from(x),
            "isqrt({x}) = {root}"
        );
    };
    (0..100_000).for_each(holds);
    (0..100_000).for_each(|step| holds(u64::MAX - step));
    let mut random = Random(31);
    for _ in 0..300_000 {
        holds(random.any());
        let root = random.bits() >> 32;
        holds(root * root);
        holds((root * root).wrapping_sub(1));
    }
}
