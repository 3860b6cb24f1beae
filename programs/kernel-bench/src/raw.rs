//! One option from the five numbers that Black-Scholes names: what a caller pays who shares nothing between options.

use risk_core::black76::{price, price_and_greeks, Black76Inputs, ExpiryTerms, OptionType};
use risk_core::fixed::exp::exp;
use risk_core::fixed::mul::mul_shift_wide;
use risk_core::fixed::sqrt::{sqrt_tenor, tenor};

/// 1.0 in the millionths of rate and volatility.
const MILLION: u64 = 1_000_000;

/// A call: spot and strike in 1e-8 USD, rate and volatility in 1e-6, seconds to expiry.
#[derive(Clone, Copy, Debug)]
pub struct RawOption {
    /// Spot, 1e-8 USD, below 2^57.
    pub spot: u64,
    /// Strike, 1e-8 USD.
    pub strike: u64,
    /// Annual rate, 1e-6, below 2.0.
    pub rate: u64,
    /// Annual volatility, 1e-6, below 8.0.
    pub volatility: u64,
    /// Seconds to expiry, at most four years.
    pub seconds: i64,
}

impl RawOption {
    /// The engine's inputs, and the forward in 1e-8 USD: tenor, its root, growth, discount and logarithm all computed here.
    #[inline(always)]
    fn inputs(&self) -> (Black76Inputs, u64) {
        let (tenor, sqrt_tenor) = (tenor(self.seconds), sqrt_tenor(self.seconds));
        // tenor < 2^39 and rate < 2^21: below 2^60; Q36 to Q38
        let exponent = ((tenor.wrapping_mul(self.rate) / MILLION) << 2) as i64;
        let discount = exp(exponent.wrapping_neg()).unwrap_or(0) as u64;
        let growth = exp(exponent).unwrap_or(i64::MAX) as u64;
        let forward = mul_shift_wide::<38>(self.spot, growth) as u64;
        let terms = ExpiryTerms {
            sqrt_tenor,
            tenor,
            rate: ((self.rate << 36) / MILLION) as i64,
            discount,
        };
        // sqrt_tenor < 2^39 and volatility < 2^23: below 2^62; Q38 to Q40
        let std_dev = (sqrt_tenor.wrapping_mul(self.volatility) / MILLION) << 2;
        let option_type = OptionType::Call;
        let inputs =
            Black76Inputs::from_forward(option_type, forward, self.strike, std_dev, &terms);
        (inputs, forward)
    }

    /// Present value, 1e-8 USD.
    #[inline(always)]
    pub fn price(&self) -> u64 {
        let (inputs, forward) = self.inputs();
        amount(price(&inputs), forward)
    }

    /// Present value and Greeks: price, vega, theta and rho in 1e-8 USD, delta in Q38, gamma in Q58 per 1e-8 USD, mixed.
    #[inline(always)]
    pub fn price_and_greeks(&self) -> u64 {
        let (inputs, forward) = self.inputs();
        let unit = price_and_greeks(&inputs);
        let gamma = (unit.gamma.unsigned_abs() << 20)
            .checked_div(forward)
            .unwrap_or(0);
        [unit.price, unit.vega, unit.theta, unit.rho]
            .iter()
            .fold(gamma ^ unit.delta as u64, |sum, value| {
                sum.rotate_left(1) ^ amount(*value, forward)
            })
    }
}

/// A value per unit of the forward, Q38, times the forward.
#[inline(always)]
fn amount(value: i64, forward: u64) -> u64 {
    mul_shift_wide::<38>(forward, value.unsigned_abs()) as u64
}
