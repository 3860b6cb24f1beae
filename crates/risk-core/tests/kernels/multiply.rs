//! Split products and checked quotients against 128-bit arithmetic.

use crate::support::Random;
use risk_core::fixed::mul::{
    mul_div_ceil, mul_div_floor, mul_high, mul_shift_q30, mul_shift_q36, mul_shift_q38,
    mul_shift_q40, mul_shift_wide,
};

fn exact_shift(a: i64, b: i64, shift: u32) -> i64 {
    ((i128::from(a) * i128::from(b)) >> shift) as i64
}

#[test]
fn shifted_products_are_exact_floors_in_range() {
    let mut random = Random(41);
    for _ in 0..200_000 {
        let b = (random.bits() >> 21) as i64 - (1 << 42); // |b| <= 2^42
        let a = ((random.bits() >> 26) as i64 - (1 << 37)) >> (random.bits() % 38);
        let (a, b) = if random.bits() & 1 == 0 {
            (a, b)
        } else {
            (a, b >> (random.bits() % 43))
        };
        assert_eq!(mul_shift_q30(a >> 4, b), exact_shift(a >> 4, b, 30));
        assert_eq!(mul_shift_q36(a, b), exact_shift(a, b, 36));
        assert_eq!(mul_shift_q38(a, b), exact_shift(a, b, 38));
        assert_eq!(mul_shift_q40(a, b), exact_shift(a, b, 40));
    }
}

#[test]
fn wide_product_is_the_floor_or_saturates() {
    let mut random = Random(42);
    let mut saturated = 0;
    for _ in 0..200_000 {
        let (a, b) = (random.any() >> 1, random.any() & ((1 << 40) - 1));
        for (shift, value) in [
            (36, mul_shift_wide::<36>(a, b)),
            (38, mul_shift_wide::<38>(a, b)),
            (48, mul_shift_wide::<48>(a, b)),
        ] {
            let exact = (u128::from(a) * u128::from(b)) >> shift;
            if value == i64::MAX {
                saturated += 1;
                assert!(exact >= 1 << 61, "{a} * {b} >> {shift}");
            } else {
                assert_eq!(value as u128, exact, "{a} * {b} >> {shift}");
            }
        }
    }
    assert!(saturated > 100);
}

#[test]
fn high_product_is_low_by_at_most_two() {
    let mut random = Random(43);
    for _ in 0..300_000 {
        let (a, b) = (random.any(), random.any());
        let exact = ((u128::from(a) * u128::from(b)) >> 64) as u64;
        assert!(exact - mul_high(a, b) <= 2, "{a} * {b}");
    }
}

#[test]
fn quotients_round_as_their_names_say() {
    assert_eq!(
        (mul_div_floor(7, 1, 2), mul_div_ceil(7, 1, 2)),
        (Some(3), Some(4))
    );
    assert_eq!(
        (mul_div_floor(-7, 1, 2), mul_div_ceil(-7, 1, 2)),
        (Some(-4), Some(-3))
    );
    assert_eq!(
        (mul_div_floor(-6, 1, 2), mul_div_ceil(-6, 1, 2)),
        (Some(-3), Some(-3))
    );
    assert_eq!(
        (mul_div_floor(1, 1, 0), mul_div_ceil(1, 1, -1)),
        (None, None)
    );
    assert_eq!(mul_div_floor(i64::MIN, i64::MIN, 1), None);
    assert_eq!(mul_div_ceil(i64::MIN, i64::MIN, i64::MAX), None);
    assert_eq!(mul_div_floor(i64::MIN, i64::MAX, i64::MAX), Some(i64::MIN));
    let mut random = Random(44);
    for _ in 0..200_000 {
        let (a, b, d) = (
            random.any_signed(),
            random.any_signed(),
            random.any_signed(),
        );
        let (floor, ceil) = (mul_div_floor(a, b, d), mul_div_ceil(a, b, d));
        if d <= 0 {
            assert_eq!((floor, ceil), (None, None));
            continue;
        }
        let (product, divisor) = (i128::from(a) * i128::from(b), i128::from(d));
        for (result, rest) in [(floor, 0..divisor), (ceil, 1 - divisor..1)] {
            if let Some(quotient) = result {
                assert!(
                    rest.contains(&(product - i128::from(quotient) * divisor)),
                    "{a} * {b} / {d} = {quotient}"
                );
            } else {
                assert!(
                    product.abs() / divisor >= i128::from(i64::MAX),
                    "{a} * {b} / {d} fits"
                );
            }
        }
    }
}
