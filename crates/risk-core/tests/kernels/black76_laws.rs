//! Laws of the price: parity, bounds, monotony, convexity, and Greeks that are the price's derivatives.

use crate::support::{from_q, Random, Worst};
use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::exp::exp_neg;
use risk_core::fixed::sqrt::{sqrt_tenor, tenor};
use risk_core::fixed::{ONE_Q38, ONE_Q40};

const SCALE: f64 = 1e15;

fn terms(seconds: i64, rate: f64) -> ExpiryTerms {
    let years = seconds as f64 / 31_536_000.0;
    ExpiryTerms {
        sqrt_tenor: sqrt_tenor(seconds),
        tenor: tenor(seconds),
        rate: (rate * 2f64.powi(36)) as i64,
        discount: exp_neg((rate * years * 2f64.powi(38)) as u64),
    }
}

struct Case {
    inputs: Black76Inputs,
    moneyness: f64,
    std_dev: f64,
}

/// A random option within `reach` standard deviations of the forward, its strike above or below.
fn random_case(random: &mut Random, option_type: OptionType, reach: f64) -> Case {
    let seconds = 10f64.powf(random.between(1.5, 8.0)) as i64;
    let vol = 10f64.powf(random.between(-1.3, 0.7));
    let std_dev = vol * (seconds as f64 / 31_536_000.0).sqrt();
    let moneyness = (random.between(-reach, reach) * std_dev).clamp(-8.0, 8.0);
    case(
        option_type,
        moneyness,
        std_dev,
        &terms(seconds, random.between(0.0, 0.2)),
    )
}

fn case(option_type: OptionType, moneyness: f64, std_dev: f64, terms: &ExpiryTerms) -> Case {
    let strike = (SCALE * (-moneyness).exp()) as u64;
    let std_dev_q40 = (std_dev * 2f64.powi(40)) as u64;
    let inputs = Black76Inputs::from_forward(option_type, SCALE as u64, strike, std_dev_q40, terms);
    Case {
        inputs,
        moneyness,
        std_dev,
    }
}

/// Error bound of a price in units of 2^-38: 1e-10 of the forward, and a unit per unit of strike for the discounting.
fn units(inputs: &Black76Inputs) -> i64 {
    28 + (inputs.strike_ratio >> 40) as i64
}

#[test]
fn case_44_put_call_parity_holds_to_two_units() {
    let mut random = Random(71);
    for _ in 0..200_000 {
        let call = random_case(&mut random, OptionType::Call, 9.0).inputs;
        let put = Black76Inputs {
            option_type: OptionType::Put,
            ..call
        };
        let difference = i128::from(price(&call)) - i128::from(price(&put));
        let forward = ((i128::from(ONE_Q38) - i128::from(call.strike_ratio >> 2))
            * i128::from(call.discount))
            >> 38;
        assert!(
            (difference - forward).abs() <= 2,
            "{call:?}: {difference} {forward}"
        );
        let (c, p) = (price_and_greeks(&call), price_and_greeks(&put));
        assert!((c.delta - p.delta - call.discount as i64).abs() <= 1);
        assert_eq!((c.gamma, c.vega), (p.gamma, p.vega));
    }
}

#[test]
fn case_43_price_stays_between_intrinsic_value_and_forward() {
    let mut random = Random(72);
    for _ in 0..200_000 {
        for option_type in [OptionType::Call, OptionType::Put] {
            let inputs = random_case(&mut random, option_type, 12.0).inputs;
            let intrinsic = price(&Black76Inputs {
                std_dev: 0,
                ..inputs
            });
            let most = match option_type {
                OptionType::Call => inputs.discount as i128,
                OptionType::Put => {
                    ((u128::from(inputs.strike_ratio >> 2) * u128::from(inputs.discount)) >> 38)
                        as i128
                }
            };
            let value = price(&inputs);
            assert!(
                intrinsic <= value && i128::from(value) <= most,
                "{inputs:?}: {intrinsic} {value} {most}"
            );
        }
    }
}

#[test]
fn price_is_monotone_in_volatility_and_strike() {
    let mut random = Random(73);
    for _ in 0..100_000 {
        let Case {
            inputs,
            moneyness,
            std_dev,
        } = random_case(&mut random, OptionType::Call, 6.0);
        let more_vol = Black76Inputs {
            std_dev: inputs.std_dev + inputs.std_dev / 500 + 1,
            ..inputs
        };
        assert!(
            price(&more_vol) >= price(&inputs) - units(&inputs),
            "{inputs:?}"
        );
        let terms = ExpiryTerms {
            sqrt_tenor: inputs.sqrt_tenor,
            tenor: inputs.tenor,
            rate: inputs.rate,
            discount: inputs.discount,
        };
        for (option_type, sign) in [(OptionType::Call, 1), (OptionType::Put, -1)] {
            let at = |shift: f64| {
                let shifted =
                    case(option_type, moneyness - shift * std_dev, std_dev, &terms).inputs;
                (
                    price(&shifted),
                    units(&shifted),
                    shifted.strike_ratio as f64,
                )
            };
            let ((low, _, k_low), (middle, _, k_middle), (high, slack, k_high)) =
                (at(0.0), at(0.01), at(0.02));
            assert!(
                sign * (low - middle) >= -slack,
                "{inputs:?}: strike, {option_type:?}"
            );
            // Convex: the middle lies below the chord.
            let weight = (k_high - k_middle) / (k_high - k_low);
            let chord = weight * low as f64 + (1.0 - weight) * high as f64;
            assert!(
                middle as f64 <= chord + 2.0 * slack as f64,
                "{inputs:?}: convexity, {option_type:?}"
            );
        }
    }
}

#[test]
fn greeks_are_the_derivatives_of_the_price() {
    let mut random = Random(74);
    let mut vega = Worst::new("vega - dP/dv, of forward");
    let mut delta = Worst::new("delta - dP/dF");
    for _ in 0..20_000 {
        let option_type = [OptionType::Call, OptionType::Put][(random.bits() & 1) as usize];
        let Case {
            inputs,
            moneyness,
            std_dev,
        } = random_case(&mut random, option_type, 2.5);
        if std_dev < 0.02 {
            continue; // a difference quotient of prices good to 1e-10 says nothing there
        }
        let greeks = price_and_greeks(&inputs);
        let step = inputs.std_dev >> 10;
        let shifted = |std_dev| from_q(price(&Black76Inputs { std_dev, ..inputs }), 38);
        let slope = (shifted(inputs.std_dev + step) - shifted(inputs.std_dev - step))
            / (2.0 * from_q(step as i64, 40));
        // dP/dv sqrt(tau) is vega
        vega.see(
            from_q(greeks.vega, 38) - slope * from_q(inputs.sqrt_tenor as i64, 38),
            || format!("{inputs:?}"),
        );
        // With the strike fixed, F P(K/F): shift the forward by e.
        let e = std_dev / 256.0;
        let strike = (SCALE * (-moneyness).exp()) as u64;
        let value = |shift: f64| {
            let terms = ExpiryTerms {
                sqrt_tenor: inputs.sqrt_tenor,
                tenor: inputs.tenor,
                rate: inputs.rate,
                discount: inputs.discount,
            };
            let forward = (SCALE * (1.0 + shift)) as u64;
            let moved =
                Black76Inputs::from_forward(option_type, forward, strike, inputs.std_dev, &terms);
            from_q(price(&moved), 38) * (1.0 + shift)
        };
        delta.see(
            from_q(greeks.delta, 38) - (value(e) - value(-e)) / (2.0 * e),
            || format!("{inputs:?}"),
        );
    }
    // Truncation of a central difference dominates: third derivatives times the square of the step.
    vega.at_most(1e-5);
    delta.at_most(1e-4);
}

#[test]
fn case_41_42_without_variance_or_time_the_price_is_discounted_intrinsic() {
    let year = terms(31_536_000, 0.05);
    let discount = year.discount as i64;
    for (forward, strike) in [
        (100, 90),
        (100, 100),
        (100, 110),
        (65_000, 60_000),
        (1, 1 << 20),
    ] {
        for option_type in [OptionType::Call, OptionType::Put] {
            let alive = Black76Inputs::from_forward(option_type, forward, strike, 1 << 38, &year);
            let expired = ExpiryTerms {
                tenor: 0,
                sqrt_tenor: 0,
                ..year
            };
            let calm = Black76Inputs {
                std_dev: 0,
                ..alive
            };
            let expired =
                Black76Inputs::from_forward(option_type, forward, strike, 1 << 38, &expired);
            let payoff = match option_type {
                OptionType::Call => forward.saturating_sub(strike),
                OptionType::Put => strike.saturating_sub(forward),
            };
            let exact = payoff as f64 / forward as f64 * from_q(discount, 38);
            for inputs in [calm, expired] {
                let greeks = price_and_greeks(&inputs);
                // The strike ratio is floored to 2^-40, then the discounted value to 2^-38.
                assert!(
                    (from_q(greeks.price, 38) - exact).abs() <= 2f64.powi(-37),
                    "{inputs:?} {greeks:?}"
                );
                let delta = match (option_type, payoff) {
                    (_, 0) => 0,
                    (OptionType::Call, _) => discount,
                    (OptionType::Put, _) => -discount,
                };
                assert_eq!((greeks.delta, greeks.gamma, greeks.vega), (delta, 0, 0));
            }
            assert_eq!(price_and_greeks(&expired).rho, 0);
        }
    }
}

#[test]
fn extremes_saturate_at_the_limits_of_the_model() {
    let year = terms(31_536_000, 0.0);
    let at = |option_type, moneyness: i64, strike_ratio, std_dev| {
        price(&Black76Inputs {
            option_type,
            moneyness,
            strike_ratio,
            std_dev,
            sqrt_tenor: year.sqrt_tenor,
            tenor: year.tenor,
            rate: 0,
            discount: year.discount,
        })
    };
    let one = ONE_Q40 as u64;
    // Far out of the money with little variance: nothing. Deep in the money: forward less strike.
    assert_eq!(at(OptionType::Call, -40 << 40, u64::MAX, one), 0);
    assert_eq!(at(OptionType::Call, 40 << 40, 0, one), ONE_Q38);
    assert_eq!(at(OptionType::Put, 40 << 40, 0, one), 0);
    // Infinite variance: the call is worth the forward, the put the strike.
    assert_eq!(at(OptionType::Call, 0, one, u64::MAX), ONE_Q38);
    assert_eq!(at(OptionType::Put, 0, one, u64::MAX), ONE_Q38);
    assert_eq!(at(OptionType::Call, -20 << 40, u64::MAX, u64::MAX), ONE_Q38);
    // v = 12 at the money: N(6) - N(-6)
    assert!((at(OptionType::Call, 0, one, 12 * one) - ONE_Q38).abs() <= 1_000);
}
