//! N(x), n(x) and the Mills ratio against 28-digit values.

use crate::support::{from_q, vectors, Random, Worst};
use risk_core::fixed::normal::{cdf, cdf_in_range, mills_ratio, pdf, pdf_q60};
use risk_core::fixed::{ONE_Q36, ONE_Q38};

#[test]
fn normal_distribution_matches_the_reference() {
    let mut cdf_error = Worst::new("N(x)");
    let mut pdf_error = Worst::new("n(x)");
    let mut relative_errors = [
        (4, 1.2e-11, Worst::new("n(x), relative, |x| <= 4")),
        (6, 3e-10, Worst::new("n(x), relative, |x| <= 6")),
        (7, 1e-7, Worst::new("n(x), relative, |x| <= 7")),
    ];
    let mut mills_error = Worst::new("R(x)");
    for row in vectors("normal.csv") {
        let x: i64 = row.int("x_q36");
        let place = || format!("x = {}", from_q(x, 36));
        let exact = row.f64("pdf");
        cdf_error.see(from_q(cdf(x), 38) - row.f64("cdf"), place);
        pdf_error.see(from_q(pdf(x), 38) - exact, place);
        for (reach, _, worst) in &mut relative_errors {
            if x.abs() <= *reach * ONE_Q36 {
                worst.see(from_q(pdf_q60(x), 60) / exact - 1.0, place);
            }
        }
        if x >= 0 {
            mills_error.see(from_q(mills_ratio(x), 38) - row.f64("mills"), place);
        }
    }
    cdf_error.at_most(2e-11);
    pdf_error.at_most(4.8e-12);
    for (_, most, worst) in &relative_errors {
        worst.at_most(*most);
    }
    mills_error.at_most(2.2e-11);
}

#[test]
fn hot_kernel_is_the_total_function_inside_its_range() {
    let mut random = Random(11);
    for _ in 0..100_000 {
        let u = random.bits() & ((16 << 36) - 1);
        assert_eq!(cdf_in_range(u), cdf(u as i64 - 8 * ONE_Q36));
    }
}

#[test]
fn cdf_is_a_probability_symmetric_and_monotone_to_a_few_units() {
    // 5 units of 2^-38 are 1.8e-11: neighbouring segments may disagree by the sum of their errors.
    let step = ONE_Q36 / 512 + 7;
    let mut previous = 0;
    let mut worst_symmetry = 0;
    let mut x = -9 * ONE_Q36;
    while x < 9 * ONE_Q36 {
        let value = cdf(x);
        assert!(
            (0..=ONE_Q38).contains(&value),
            "N({}) = {value}",
            from_q(x, 36)
        );
        assert!(value >= previous - 5, "N falls at {}", from_q(x, 36));
        worst_symmetry = worst_symmetry.max((value + cdf(-x) - ONE_Q38).abs());
        previous = value;
        x += step;
    }
    assert!(
        worst_symmetry <= 8,
        "N(x) + N(-x) misses 1 by {worst_symmetry} units"
    );
}

#[test]
fn distribution_saturates_outside_the_table() {
    for x in [8 * ONE_Q36, 9 * ONE_Q36, i64::MAX] {
        assert_eq!((cdf(x), cdf(-x - 1)), (ONE_Q38, 0));
    }
    for x in [10 * ONE_Q36, i64::MAX, i64::MIN] {
        assert_eq!((pdf(x), pdf_q60(x)), (0, 0));
    }
    assert_eq!(mills_ratio(i64::MIN), mills_ratio(0));
    assert_eq!(mills_ratio(i64::MAX), mills_ratio(128 * ONE_Q36));
}
