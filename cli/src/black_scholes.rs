//! Price and Greeks of one option in terms of spot, rate and yield: Black-76 of `risk-core` on `F = S exp((r - q) T)`.
//!
//! ```text
//! X = exp(-q T)   D = exp(-r T)   v = vol sqrt(T)   d1 = ln(F/K)/v + v/2
//! delta = +-X N(+-d1)     gamma = X n(d1) / (S v)     vega = S X n(d1) sqrt(T)
//! theta = q S delta - r (S delta - price) - S X n(d1) vol / (2 sqrt(T))     rho = T (S delta - price)
//! ```
//! (J. Hull, Options, Futures, and Other Derivatives, chapters on Black-Scholes-Merton and the Greek letters.) The price is the
//! function that margins accounts on chain; N, ln and exp are its kernels.

use risk_core::black76::{self, Black76Inputs, OptionType};
use risk_core::fixed::normal::cdf;

use crate::real::Real;
use risk_document::Decimal;

/// Seconds in a year of 365 days.
const YEAR_SECONDS: i128 = 31_536_000;
/// Largest `|d1|` that is told apart: N is 0 or 1 far before.
const MOST_D: i128 = 32;

/// `sqrt(2 pi)`, 1e-18.
const ROOT_TWO_PI: i128 = 2_506_628_274_631_000_502;

/// One option as a row states it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub option_type: OptionType,
    /// Quote units per unit of the underlying.
    pub spot: Decimal,
    pub strike: Decimal,
    /// Seconds to expiry.
    pub seconds: Decimal,
    /// Continuously compounded, per year.
    pub rate: Decimal,
    pub dividend_yield: Decimal,
    pub volatility: Decimal,
}

/// Value and sensitivities of one unit; see the module for conventions.
#[derive(Clone, Copy, Debug)]
pub struct Valuation {
    pub price: Real,
    pub delta: Real,
    pub gamma: Real,
    /// Per 1.00 of volatility.
    pub vega: Real,
    /// Per year of calendar time.
    pub theta: Real,
    /// Per 1.00 of the rate, spot and yield fixed.
    pub rho: Real,
}

/// A value that has left its range, all three numbers in its own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    pub name: &'static str,
    pub value: String,
    pub least: &'static str,
    pub most: &'static str,
}

/// Bounds of what is given: name, least, most.
const BOUNDS: [(&str, &str, &str); 6] = [
    ("S", "0.000000000001", "1000000000000"),
    ("K", "0.000000000001", "1000000000000"),
    ("T_sec", "0", "3153600000"),
    ("r", "-10", "10"),
    ("q", "-10", "10"),
    ("vol", "0", "100"),
];

/// What follows from the terms once they are in range.
struct State {
    spot: Real,
    strike: Real,
    years: Real,
    root: Real,
    rate: Real,
    dividend_yield: Real,
    volatility: Real,
    /// `exp(-q T)` and `exp(-r T)`.
    growth: Real,
    discount: Real,
    /// `F / K`'s logarithm and `vol sqrt(T)`.
    moneyness: Real,
    std_dev: Real,
}

/// Values an option.
///
/// Errors, measured against 50 and 60 digits: price 4e-11 of spot, delta 4e-10 (one second at 1 % volatility; 2e-11 from an hour on),
/// vega 1e-12 of spot, gamma 5e-9 of itself (one second at 1 % volatility). Exact intrinsic value for no time or no volatility.
pub fn value(terms: &Terms) -> Result<Valuation, OutOfRange> {
    let state = State::new(terms)?;
    if state.std_dev.is_zero() {
        return Ok(state.intrinsic(terms));
    }
    let price = state.price(terms.option_type);
    let d1 = state.moneyness / state.std_dev + state.std_dev.half();
    let d1 = within(d1, MOST_D);
    let delta = match terms.option_type {
        OptionType::Call => Real::from_fixed(cdf(d1.to_fixed(36)).into(), 38),
        OptionType::Put => -Real::from_fixed(cdf((-d1).to_fixed(36)).into(), 38),
    } * state.growth;
    let density = density(d1) * state.growth;
    let decay = state.spot * density * state.volatility / state.root;
    let carry = state.carry(price, delta);
    Ok(Valuation {
        price,
        delta,
        gamma: density / (state.spot * state.std_dev),
        vega: state.spot * density * state.root,
        theta: carry - decay.half(),
        rho: state.rho(price, delta),
    })
}

impl State {
    fn new(terms: &Terms) -> Result<Self, OutOfRange> {
        let given = [
            terms.spot,
            terms.strike,
            terms.seconds,
            terms.rate,
            terms.dividend_yield,
            terms.volatility,
        ];
        let mut reals = [Real::ZERO; 6];
        for ((real, value), (name, least, most)) in reals.iter_mut().zip(given).zip(BOUNDS) {
            *real = Real::from_decimal(value);
            check(name, *real, least, most)?;
        }
        let [spot, strike, seconds, rate, dividend_yield, volatility] = reals;
        let years = seconds / Real::from_fixed(YEAR_SECONDS, 0);
        let root = years.sqrt();
        let carry = (rate - dividend_yield) * years;
        let state = Self {
            spot,
            strike,
            years,
            root,
            rate,
            dividend_yield,
            volatility,
            growth: power("q T_sec", -(dividend_yield * years))?,
            discount: power("r T_sec", -(rate * years))?,
            moneyness: (spot / strike).ln() + carry,
            std_dev: volatility * root,
        };
        check("ln(F/K)", state.moneyness, "-15.9", "60")?;
        check("vol sqrt(T)", state.std_dev, "0", "63")?;
        Ok(state)
    }

    /// `F` times Black-76's call over the forward, discounted here (the kernel's own discount ends at 2); a put by parity here,
    /// where a strike of many forwards keeps its digits.
    fn price(&self, option_type: OptionType) -> Real {
        let stock = self.spot * self.growth;
        let forward = stock / self.discount;
        let call = black76::price(&Black76Inputs {
            option_type: OptionType::Call,
            moneyness: self.moneyness.to_fixed(40),
            strike_ratio: (self.strike / forward).to_fixed(40).unsigned_abs(),
            std_dev: self.std_dev.to_fixed(40).unsigned_abs(),
            // Some tenor and a discount of 1; neither enters the undiscounted price.
            sqrt_tenor: 1 << 38,
            tenor: 1 << 36,
            rate: 0,
            discount: 1 << 38,
        });
        let call = Real::from_fixed(call.into(), 38) * stock;
        let gain = stock - self.strike * self.discount;
        // No option is worth less than its intrinsic value: the difference of two large prices is not asked below it.
        match option_type {
            OptionType::Call => call.max(gain),
            OptionType::Put => (call - gain).max(-gain),
        }
        .max(Real::ZERO)
    }

    /// Nothing is left to chance: `S X - K D` where that is in the option's favour.
    fn intrinsic(&self, terms: &Terms) -> Valuation {
        let mut gain = self.spot * self.growth - self.strike * self.discount;
        if terms.seconds.is_zero() {
            // Without time both factors are 1, and the difference of two decimals is one.
            gain = terms
                .spot
                .checked_sub(terms.strike)
                .map_or(gain, Real::from_decimal);
        }
        let (gain, unit) = match terms.option_type {
            OptionType::Call => (gain, self.growth),
            OptionType::Put => (-gain, -self.growth),
        };
        let (price, delta) = if gain.is_positive() {
            (gain, unit)
        } else {
            (Real::ZERO, Real::ZERO)
        };
        Valuation {
            price,
            delta,
            gamma: Real::ZERO,
            vega: Real::ZERO,
            theta: self.carry(price, delta),
            rho: self.rho(price, delta),
        }
    }

    /// What time does without volatility: the yield of the stock held, the interest of the money owed.
    fn carry(&self, price: Real, delta: Real) -> Real {
        let stock = self.spot * delta;
        self.dividend_yield * stock - self.rate * (stock - price)
    }

    fn rho(&self, price: Real, delta: Real) -> Real {
        self.years * (self.spot * delta - price)
    }
}

/// `exp(exponent)`, where it is neither vast nor tiny.
fn power(name: &'static str, exponent: Real) -> Result<Real, OutOfRange> {
    check(name, exponent, "-16", "16")?;
    exponent.exp().ok_or_else(|| OutOfRange {
        name,
        value: exponent.to_string(),
        least: "-16",
        most: "16",
    })
}

fn check(
    name: &'static str,
    value: Real,
    least: &'static str,
    most: &'static str,
) -> Result<(), OutOfRange> {
    let bound = |text| Decimal::parse(text).map_or(Real::ZERO, Real::from_decimal);
    if value < bound(least) || value > bound(most) {
        return Err(OutOfRange {
            name,
            value: value.to_string(),
            least,
            most,
        });
    }
    Ok(())
}

/// `n(x)` for `|x| <= 32`, relative error 1e-12 (n's own kernel is made for spot shares, not for the digits of tails).
///
/// `exp(-x^2/2)` is the 64th power of an exponential within the kernel's range: 32^2/2/64 = 8.
fn density(x: Real) -> Real {
    const SQUARINGS: u32 = 6;
    let mut exponent = -(x * x);
    for _ in 0..=SQUARINGS {
        exponent = exponent.half();
    }
    let mut power = exponent.exp().unwrap_or(Real::ZERO);
    for _ in 0..SQUARINGS {
        power = power * power;
    }
    power / Real::from_decimal(Decimal::new(ROOT_TWO_PI, 18))
}

/// `value`, or the nearer end of `+-most`.
fn within(value: Real, most: i128) -> Real {
    let most = Real::from_fixed(most, 0);
    if value > most {
        return most;
    }
    if value < -most {
        return -most;
    }
    value
}
