//! Every kernel is total: the full range of every argument type, with overflow checks on, and nothing panics.

use crate::support::Random;
use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::{exp, log, mul, normal, sqrt};
use risk_core::svi::{Svi, SviSlice};
use std::hint::black_box;

const ROUNDS: usize = 1_000_000;

#[test]
fn scalar_kernels_accept_every_integer() {
    let mut random = Random(61);
    for _ in 0..ROUNDS {
        let (a, b, d) = (
            random.any_signed(),
            random.any_signed(),
            random.any_signed(),
        );
        let x = random.any();
        assert!((0..=1 << 38).contains(&normal::cdf(a)));
        black_box(normal::cdf_in_range(x));
        assert!((0..1 << 37).contains(&normal::pdf(a)));
        assert!((0..1 << 59).contains(&normal::pdf_q60(a)));
        assert!((0..1 << 39).contains(&normal::mills_ratio(a)));
        assert!((0..45 << 40).contains(&log::ln(x)));
        let there_and_back =
            log::ln_ratio(x, a.unsigned_abs()) + log::ln_ratio(a.unsigned_abs(), x);
        assert!((0..=1).contains(&there_and_back)); // a half rounds up on both ways
        assert!(exp::exp_neg(x) <= 1 << 38);
        assert!(exp::exp(a).is_none_or(|value| value >= 0));
        black_box((sqrt::isqrt(x), sqrt::sqrt_q56(x), sqrt::sqrt_tenor_q36(x)));
        black_box((sqrt::sqrt_tenor(a), sqrt::tenor(a)));
        black_box((
            mul::mul_shift_q30(a, b),
            mul::mul_shift_q36(a, b),
            mul::mul_shift_q38(a, b),
        ));
        black_box((
            mul::mul_shift_q40(a, b),
            mul::mul_high(x, a as u64),
            mul::mul_shift_wide::<38>(x, b as u64),
        ));
        black_box((mul::mul_div_floor(a, b, d), mul::mul_div_ceil(a, b, d)));
    }
}

#[test]
fn black76_accepts_every_integer_and_stays_in_its_bounds() {
    const MOST: i64 = 1 << 62;
    let mut random = Random(62);
    for round in 0..ROUNDS {
        let terms = ExpiryTerms {
            sqrt_tenor: random.any(),
            tenor: random.any(),
            rate: random.any_signed(),
            discount: random.any(),
        };
        let option_type = [OptionType::Call, OptionType::Put][round % 2];
        let (forward, strike, std_dev) = (random.any(), random.any(), random.any());
        let consistent = Black76Inputs::from_forward(option_type, forward, strike, std_dev, &terms);
        let contradictory = Black76Inputs {
            moneyness: random.any_signed(),
            strike_ratio: random.any(),
            ..consistent
        };
        for inputs in [consistent, contradictory] {
            let greeks = price_and_greeks(&inputs);
            assert_eq!(greeks.price, price(&inputs), "{inputs:?}");
            assert!((0..=MOST).contains(&greeks.price), "{inputs:?} {greeks:?}");
            assert!(greeks.delta.abs() <= 2 << 38, "{inputs:?} {greeks:?}");
            assert!((0..=MOST).contains(&greeks.gamma), "{inputs:?} {greeks:?}");
            assert!((0..2 << 40).contains(&greeks.vega), "{inputs:?} {greeks:?}");
            assert!(
                greeks.theta.unsigned_abs() <= 2 << 62,
                "{inputs:?} {greeks:?}"
            );
            assert!((-MOST..=0).contains(&greeks.rho), "{inputs:?} {greeks:?}");
        }
    }
}

#[test]
fn smile_accepts_every_integer() {
    let mut random = Random(63);
    for _ in 0..ROUNDS {
        let svi = Svi {
            a: random.any_signed(),
            b: random.any(),
            rho: random.any_signed() as i32,
            m: random.any_signed() as i32,
            s: random.any() as u32,
            reference_tenor: random.any() as u32,
        };
        let _ = black_box(svi.validate());
        let slice = SviSlice::new(&svi, random.any_signed());
        // 12 standard deviations, and a time that is at most 2^32 seconds against at least one
        assert!(slice.std_dev(random.any_signed()) <= 12 << 56);
    }
}
