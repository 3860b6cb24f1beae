//! The smile against 28-digit values, its bounds, and its laws.

use crate::support::{from_q, vectors, Random, Row, Worst};
use risk_core::svi::{
    Svi, SviError, SviField, SviSlice, LEAST_S, LEAST_VARIANCE, MOST_B, MOST_M, MOST_RHO,
};

fn smile(row: &Row) -> Svi {
    Svi {
        a: row.int("a"),
        b: row.int("b"),
        rho: row.int("rho"),
        m: row.int("m"),
        s: row.int("s"),
        reference_tenor: row.int("reference_tenor"),
    }
}

const ORDINARY: Svi = Svi {
    a: 10_000_000_000,
    b: 40_000_000_000,
    rho: -250_000,
    m: 20_000,
    s: 150_000,
    reference_tenor: 30 * 86_400,
};

#[test]
fn standard_deviation_matches_the_reference() {
    let mut worst = Worst::new("SVI, relative beyond 2^-41");
    for row in vectors("svi.csv") {
        let svi = smile(&row);
        assert_eq!(svi.validate(), Ok(()), "{svi:?}");
        let slice = SviSlice::new(&svi, row.int("tenor"));
        let exact = row.f64("std_dev");
        let error = (from_q(slice.std_dev(row.int("k_q40")) as i64, 40) - exact).abs();
        worst.see((error - 2f64.powi(-41)).max(0.0) / exact, || {
            format!("{svi:?} k {}", row.text("k_q40"))
        });
    }
    worst.at_most(1e-9);
}

/// The ordinary smile with a change.
fn changed(change: impl Fn(&mut Svi)) -> Svi {
    let mut svi = ORDINARY;
    change(&mut svi);
    svi
}

/// The field that a changed smile is refused for; panics where it is accepted.
#[track_caller]
fn refused(change: impl Fn(&mut Svi)) -> SviField {
    let svi = changed(change);
    match svi.validate() {
        Err(SviError::OutOfBounds {
            field,
            value,
            least,
            most,
        }) => {
            assert!(value < least || value > most);
            field
        }
        Ok(()) => panic!("{svi:?} was accepted"),
    }
}

#[track_caller]
fn accepted(change: impl Fn(&mut Svi)) {
    assert_eq!(changed(change).validate(), Ok(()));
}

#[test]
fn each_bound_is_inclusive_and_named() {
    let steep = |b| move |svi: &mut Svi| (svi.a, svi.b) = (0, b);
    accepted(steep(MOST_B as u64));
    assert_eq!(refused(steep(MOST_B as u64 + 1)), SviField::B);
    assert_eq!(refused(steep(u64::MAX)), SviField::B);
    for sign in [-1, 1] {
        let (rho, m) = (sign * MOST_RHO as i32, sign * MOST_M as i32);
        accepted(|svi| svi.rho = rho);
        assert_eq!(refused(|svi| svi.rho = rho + sign), SviField::Rho);
        accepted(|svi| svi.m = m);
        assert_eq!(refused(|svi| svi.m = m + sign), SviField::M);
    }
    assert_eq!(refused(|svi| svi.rho = i32::MIN), SviField::Rho);
    accepted(|svi| svi.s = LEAST_S as u32);
    assert_eq!(refused(|svi| svi.s = LEAST_S as u32 - 1), SviField::S);
    assert_eq!(refused(|svi| svi.s = u32::MAX), SviField::S);
    let tenor = refused(|svi| svi.reference_tenor = 0);
    assert_eq!(tenor, SviField::ReferenceTenor);
}

#[test]
fn variance_is_positive_with_a_margin() {
    let flat = |a| move |svi: &mut Svi| (svi.a, svi.b) = (a, 0);
    accepted(flat(LEAST_VARIANCE));
    assert_eq!(refused(flat(LEAST_VARIANCE - 1)), SviField::MinimumVariance);
    assert_eq!(refused(flat(i64::MAX)), SviField::A);
    assert_eq!(refused(flat(i64::MIN)), SviField::A);
    // b s sqrt(1 - rho^2) = 0.005809...: cancelling all but 1/256 of it is refused, 1/200 is not.
    let lift = 5_809_475_019;
    accepted(|svi| svi.a = -lift + lift / 200);
    let cancelled = refused(|svi| svi.a = -lift + lift / 300);
    assert_eq!(cancelled, SviField::MinimumVariance);
}

#[test]
fn wings_stop_growing_at_the_clamp_and_variance_at_its_cap() {
    let slice = SviSlice::new(&ORDINARY, 30 * 86_400);
    // 4 sqrt(0.01 + 0.04 * 0.15) = 0.50596
    let clamp = (0.505_97 * 2f64.powi(40)) as i64;
    for sign in [-1, 1] {
        assert_eq!(
            slice.std_dev(sign * clamp),
            slice.std_dev((sign * 40) << 40)
        );
        assert_ne!(
            slice.std_dev(sign * clamp),
            slice.std_dev(sign * clamp / 101 * 100)
        );
    }
    let capped = Svi {
        a: 60_000_000_000_000,
        b: MOST_B as u64,
        rho: MOST_RHO as i32,
        m: -4_000_000,
        s: 4_000_000,
        ..ORDINARY
    };
    assert_eq!(capped.validate(), Ok(()));
    assert_eq!(
        SviSlice::new(&capped, 30 * 86_400).std_dev(40 << 40),
        12 << 40
    );
}

#[test]
fn time_scales_the_standard_deviation_by_its_square_root() {
    let at = |tenor| SviSlice::new(&ORDINARY, tenor).std_dev(1 << 36) as i64;
    assert_eq!((at(0), at(-5), at(i64::MIN)), (0, 0, 0));
    let (full, quarter) = (at(30 * 86_400), at(30 * 86_400 / 4));
    assert!((full - 2 * quarter).abs() <= 2, "{full} {quarter}");
    let mut random = Random(51);
    for _ in 0..20_000 {
        let tenor = 1 + (random.bits() % (30 * 86_400)) as i64;
        assert!(at(tenor) <= at(tenor + 1), "{tenor}");
        let exact = full as f64 * (tenor as f64 / (30.0 * 86_400.0)).sqrt();
        assert!(
            (at(tenor) as f64 - exact).abs() <= 1.0 + exact * 1e-11,
            "{tenor}"
        );
    }
}

#[test]
fn mirrored_smile_is_mirrored() {
    let mirrored = Svi {
        rho: -ORDINARY.rho,
        m: -ORDINARY.m,
        ..ORDINARY
    };
    let (one, other) = (
        SviSlice::new(&ORDINARY, 86_400),
        SviSlice::new(&mirrored, 86_400),
    );
    let mut random = Random(52);
    for _ in 0..20_000 {
        let k = random.any_signed().max(-i64::MAX);
        assert_eq!(one.std_dev(k), other.std_dev(-k), "{k}");
    }
}
