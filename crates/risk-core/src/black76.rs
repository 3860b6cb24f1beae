//! Black-76: price and Greeks of one European option on a forward, in units of the forward.
//!
//! With `k = K/F`, `v = sigma sqrt(tau)`, `d1 = ln(F/K)/v + v/2`, `d2 = d1 - v` and discount `D`:
//!
//! ```text
//! call/F = D (N(d1) - k N(d2))         put/F = call/F - D (1 - k)
//! ```
//!
//! (F. Black, The pricing of commodity contracts, J. Financial Economics 3, 1976.) For strikes above the forward
//! the product `k N(d2)` of a large and a tiny number is taken as `n(d1) R(-d2)`, with the Mills ratio
//! `R(x) = N(-x)/n(x)`: both factors are of order one, so the error does not grow with the strike.
//!
//! Everything is normalised by the forward: the caller multiplies by `F` (price, vega, theta, rho), by 1 (delta)
//! or divides by `F` (gamma), rounding in the direction that its use demands.

// Kernel: entry points clamp every input into the ranges that the comments state; see `fixed` for why wrapping.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::fixed::bits::leading_zeros;
use crate::fixed::log::ln_ratio;
use crate::fixed::mul::{div_fraction, mul_high, mul_shift_q38, mul_shift_q40, mul_shift_wide};
use crate::fixed::normal::{cdf, mills_ratio, pdf_q60};
use crate::fixed::{ONE_Q38, ONE_Q40};

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptionType {
    /// The right to buy.
    Call,
    /// The right to sell.
    Put,
}

/// What all options of one expiry share. Values outside the stated range count as its nearest end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryTerms {
    /// `sqrt(tau)`, Q38, below 4.
    pub sqrt_tenor: u64,
    /// `tau` in years of 365 days, Q36, below 16. Zero means expired: exact intrinsic value.
    pub tenor: u64,
    /// Rate at which the price is discounted, Q36, within +-4. Only theta reads it.
    pub rate: i64,
    /// `D = exp(-rate tau)`, Q38, at most 2.
    pub discount: u64,
}

/// One option, normalised by its forward. Total: values outside the stated range count as its nearest end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Black76Inputs {
    /// Call or put.
    pub option_type: OptionType,
    /// `ln(F/K)`, Q40, within +-64.
    pub moneyness: i64,
    /// `K/F`, Q40, at most 2^23; must agree with `moneyness`.
    pub strike_ratio: u64,
    /// `sigma sqrt(tau)`, Q40, at most 64. Zero means exact intrinsic value.
    pub std_dev: u64,
    /// `sqrt(tau)`, Q38; as [`ExpiryTerms::sqrt_tenor`].
    pub sqrt_tenor: u64,
    /// `tau` in years, Q36; as [`ExpiryTerms::tenor`].
    pub tenor: u64,
    /// Rate, Q36; as [`ExpiryTerms::rate`].
    pub rate: i64,
    /// Discount, Q38; as [`ExpiryTerms::discount`].
    pub discount: u64,
}

/// Price and Greeks in units of the forward `F`, all Q38, all discounted. Saturated at +-2^62 (2^24); theta, the sum
/// of two such terms, at -2^63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitGreeks {
    /// Present value over `F`, `>= 0`.
    pub price: i64,
    /// Discounted forward delta `dV/dF = +-D N(+-d1)`. Spot delta is this times `F/S`.
    pub delta: i64,
    /// `F d2V/dF2 = D n(d1) / v`. Divide by `F` for gamma per unit of the forward.
    pub gamma: i64,
    /// `dV/dsigma / F = D n(d1) sqrt(tau)`, per 1.00 of volatility.
    pub vega: i64,
    /// `dV/dt / F` with the forward fixed, per year: `-D n(d1) sigma / (2 sqrt(tau)) + rate price`.
    pub theta: i64,
    /// `dV/drate / F` with the forward fixed, per 1.00: `-tau price`.
    pub rho: i64,
}

/// Largest moneyness and standard deviation, just below 64.0 in Q40: at a standard deviation of 64 every price is
/// saturated to the last bit.
const MOST_Q40: u64 = (64 << 40) - 1;
/// Largest strike ratio, 2^23 in Q40: keeps every price below 2^62.
const MOST_STRIKE_RATIO: u64 = 1 << 63;
/// Largest square root of tenor (4.0 in Q38, exclusive), tenor (16 in Q36) and rate (4 in Q36): 40 bits.
const MOST_40_BITS: u64 = (1 << 40) - 1;
/// Largest magnitude of a Greek.
const MOST_GREEK: i64 = 1 << 62;

impl Black76Inputs {
    /// Inputs from a forward and a strike in one common scale of any size; a zero counts as 1.
    ///
    /// `strike_ratio` is floored and `moneyness` rounded, each to 2^-40; `std_dev` is Q40.
    #[inline(always)]
    #[must_use]
    pub fn from_forward(
        option_type: OptionType,
        forward: u64,
        strike: u64,
        std_dev: u64,
        terms: &ExpiryTerms,
    ) -> Self {
        Self {
            option_type,
            moneyness: ln_ratio(forward, strike),
            strike_ratio: ratio_q40_floor(strike.max(1), forward.max(1)),
            std_dev,
            sqrt_tenor: terms.sqrt_tenor,
            tenor: terms.tenor,
            rate: terms.rate,
            discount: terms.discount,
        }
    }

    /// The same inputs with each value inside its range; what the formulas below may rely on.
    #[inline(always)]
    fn clamped(&self) -> Self {
        let most = MOST_Q40 as i64;
        let most_rate = MOST_40_BITS as i64 >> 2;
        Self {
            option_type: self.option_type,
            moneyness: self.moneyness.clamp(-most, most),
            strike_ratio: self.strike_ratio.min(MOST_STRIKE_RATIO),
            std_dev: self.std_dev.min(MOST_Q40),
            sqrt_tenor: self.sqrt_tenor.min(MOST_40_BITS),
            tenor: self.tenor.min(MOST_40_BITS),
            rate: self.rate.clamp(-most_rate, most_rate),
            discount: self.discount.min(2 << 38),
        }
    }

    /// Whether the option is worth its intrinsic value: no variance is left, or no time.
    #[inline(always)]
    fn is_intrinsic(&self) -> bool {
        self.std_dev == 0 || self.tenor == 0
    }

    /// `k - 1`, Q38: put over call, undiscounted. Below 2^61.
    #[inline(always)]
    fn parity(&self) -> i64 {
        ((self.strike_ratio >> 2) as i64).wrapping_sub(ONE_Q38)
    }

    /// Undiscounted price over `F` from the call's. In `[0, 2^61]`.
    #[inline(always)]
    fn undiscounted(&self, call: i64) -> i64 {
        // The call's bounds are model-free: intrinsic below, the forward above. They absorb kernel error.
        let floor = self.parity().wrapping_neg().max(0);
        let call = call.max(floor).min(ONE_Q38);
        match self.option_type {
            OptionType::Call => call,
            OptionType::Put => call.wrapping_add(self.parity()),
        }
    }

    /// `D x` for `0 <= x < 2^62`, floor, at most 2^62.
    #[inline(always)]
    fn discounted(&self, value: i64) -> i64 {
        mul_shift_wide::<38>(value.unsigned_abs(), self.discount).min(MOST_GREEK)
    }

    /// `(d1, d2)` in Q36; `|d1 - d2 - v| <= 2^-36`, and both within +-96. Needs `std_dev > 0`.
    ///
    /// The quotient `ln(F/K)/v` is exact to 2^-36, and its error is common to both, where it does not move the price.
    #[inline(always)]
    fn d1_d2(&self) -> (i64, i64) {
        let magnitude = self.moneyness.unsigned_abs(); // < 2^46
        let std_dev = self.std_dev.max(1); // < 2^46
        let high = (magnitude << 18) / std_dev;
        let quotient = if high >= 64 << 18 {
            64 << 36
        } else {
            let rest = (magnitude << 18).wrapping_sub(high.wrapping_mul(std_dev)); // < 2^46
            (high << 18) | ((rest << 18) / std_dev)
        } as i64;
        let x = if self.moneyness < 0 {
            quotient.wrapping_neg()
        } else {
            quotient
        };
        let half = (std_dev >> 5) as i64;
        (x.wrapping_add(half), x.wrapping_sub(half))
    }

    /// `k N(d2)`, Q38; `density` is n(d1) in Q60 and read only for strikes above the forward.
    #[inline(always)]
    fn strike_leg(&self, d2: i64, density: i64) -> i64 {
        if self.moneyness < 0 {
            // n(d1) in Q40 (< 2^39) times R in Q38 (< 2^38.4)
            mul_shift_q40(mills_ratio(d2.wrapping_neg()), density >> 20)
        } else {
            // k <= 1 here; the cap only keeps inputs that contradict each other in range.
            let ratio = self.strike_ratio.min(2 << 40) as i64;
            mul_shift_q40(ratio, cdf(d2))
        }
    }
}

/// Present value over the forward, Q38, `>= 0`. Total.
///
/// Error at most 6e-11 of the forward plus 2^-38 of the strike (the discount's own rounding); monotone to that error.
/// Never outside the model-free bounds: intrinsic value below, forward (call) or strike (put) above. Exact discounted
/// intrinsic value, floored, when `std_dev` or `tenor` is 0.
#[must_use]
pub fn price(inputs: &Black76Inputs) -> i64 {
    let inputs = inputs.clamped();
    if inputs.is_intrinsic() {
        return inputs.discounted(inputs.undiscounted(0));
    }
    let (d1, d2) = inputs.d1_d2();
    let density = if inputs.moneyness < 0 { pdf_q60(d1) } else { 0 };
    let call = cdf(d1).wrapping_sub(inputs.strike_leg(d2, density));
    inputs.discounted(inputs.undiscounted(call))
}

/// Price and all Greeks over the forward. Total.
///
/// Errors for consistent inputs: price as [`price`]; delta 2e-11 and vega 3e-11 sqrt(tau); gamma and theta that of n(d1) (see
/// [`pdf_q60`]) and two units of 2^-38. To these comes what the rounding of the inputs to 2^-40 moves: `n(d1) 2^-40 / v` in delta.
/// At zero `std_dev` or `tenor` delta is `+-D` in the money, else 0, gamma and vega are 0.
#[inline(always)]
#[must_use]
pub fn price_and_greeks(inputs: &Black76Inputs) -> UnitGreeks {
    let inputs = inputs.clamped();
    if inputs.is_intrinsic() {
        return intrinsic(&inputs);
    }
    let (d1, d2) = inputs.d1_d2();
    let density = pdf_q60(d1); // Q60, < 2^58.7
    let probability = cdf(d1);
    let call = probability.wrapping_sub(inputs.strike_leg(d2, density));
    let price = inputs.discounted(inputs.undiscounted(call));
    let forward_delta = match inputs.option_type {
        OptionType::Call => probability,
        OptionType::Put => probability.wrapping_sub(ONE_Q38),
    };
    // n(d1) in Q40 (< 2^39) times sqrt(tau) (< 2^40)
    let vega = mul_shift_q40(density >> 20, inputs.sqrt_tenor as i64);
    let decay = inputs.discounted(time_decay(density, &inputs));
    UnitGreeks {
        price,
        delta: mul_shift_q38(forward_delta, inputs.discount as i64),
        gamma: inputs.discounted(curvature(density, inputs.std_dev)),
        vega: mul_shift_q38(vega, inputs.discount as i64),
        // within 2^62, less at most 2^62
        theta: carry(price, inputs.rate).wrapping_sub(decay),
        rho: tenor_times_price(price, inputs.tenor).wrapping_neg(),
    }
}

/// Price and Greeks when nothing is left to chance.
fn intrinsic(inputs: &Black76Inputs) -> UnitGreeks {
    let price = inputs.discounted(inputs.undiscounted(0));
    let discount = inputs.discount as i64;
    let delta = match inputs.option_type {
        OptionType::Call if inputs.strike_ratio < ONE_Q40 as u64 => discount,
        OptionType::Put if inputs.strike_ratio > ONE_Q40 as u64 => discount.wrapping_neg(),
        _ => 0,
    };
    UnitGreeks {
        price,
        delta,
        gamma: 0,
        vega: 0,
        theta: carry(price, inputs.rate),
        rho: tenor_times_price(price, inputs.tenor).wrapping_neg(),
    }
}

/// `rate price`, Q38, towards zero.
#[inline(always)]
fn carry(price: i64, rate: i64) -> i64 {
    let magnitude = mul_shift_wide::<36>(price.unsigned_abs(), rate.unsigned_abs()).min(MOST_GREEK);
    if rate < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

/// `tau price`, Q38, floor.
#[inline(always)]
fn tenor_times_price(price: i64, tenor: u64) -> i64 {
    mul_shift_wide::<36>(price.unsigned_abs(), tenor).min(MOST_GREEK)
}

/// `n(d1) / v`, Q38, floor; `density` Q60 below 2^59, `std_dev` Q40 at most 2^46. At most 2^61.
#[inline(always)]
fn curvature(density: i64, std_dev: u64) -> i64 {
    // Below 6e-8 the quotient would leave i64; no option has so little variance left and still time.
    let std_dev = std_dev.max(1 << 16);
    let density = density.unsigned_abs();
    let high = density / std_dev; // Q20, < 2^43
    let rest = density.wrapping_sub(high.wrapping_mul(std_dev)); // < 2^46
    ((high << 18) | ((rest << 18) / std_dev)) as i64
}

/// `n(d1) sigma / (2 sqrt(tau))`, Q38, floor, saturated at 2^62; `density` Q60 below 2^59.
#[inline(always)]
fn time_decay(density: i64, inputs: &Black76Inputs) -> i64 {
    let root = inputs.sqrt_tenor.max(1); // Q38, < 2^40
                                         // sigma = v / sqrt(tau), Q36, by two digits, at most 256.
    let high = (inputs.std_dev << 17) / root;
    let sigma = if high >= 256 << 19 {
        256 << 36
    } else {
        let rest = (inputs.std_dev << 17).wrapping_sub(high.wrapping_mul(root)); // < 2^40
        (high << 17) | ((rest << 17) / root)
    };
    // density Q64 (< 2^63) times sigma Q54 (<= 2^62) is Q118; Q54, < 2^61
    let product = mul_high((density.unsigned_abs()) << 4, sigma << 18);
    // Q54 / Q38 is Q16; 21 more bits make Q37, which is half of it in Q38.
    let high = product / root;
    if high >= 1 << 41 {
        return MOST_GREEK;
    }
    let rest = product.wrapping_sub(high.wrapping_mul(root)); // < 2^40
    ((high << 21) | ((rest << 21) / root)) as i64
}

/// `floor(numerator / denominator)` in Q40, saturated at `u64::MAX`; `denominator > 0`.
fn ratio_q40_floor(numerator: u64, denominator: u64) -> u64 {
    let denominator = denominator.max(1);
    let whole = numerator / denominator;
    if whole >= 1 << 24 {
        return u64::MAX;
    }
    let rest = numerator.wrapping_sub(whole.wrapping_mul(denominator));
    if denominator >> 44 == 0 {
        // Prices below 175,921 in units of 1e-8: two digits of 20 bits are exact.
        let high = (rest << 20) / denominator;
        let rest = (rest << 20).wrapping_sub(high.wrapping_mul(denominator));
        return (whole << 40) | (high << 20) | ((rest << 20) / denominator);
    }
    let shift = leading_zeros(denominator);
    let fraction = div_fraction(rest.wrapping_shl(shift), denominator.wrapping_shl(shift));
    (whole << 40) | (fraction >> 24)
}
