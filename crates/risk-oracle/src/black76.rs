//! Black-76 in `f64`: price and Greeks of one European option on a forward.
//!
//! `call = D (F N(d1) - K N(d2))` with `d1 = ln(F/K)/v + v/2`, `d2 = d1 - v`, `v = sigma sqrt(tau)`; at `v = 0` exact
//! discounted intrinsic value.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionType {
    /// The right to buy.
    Call,
    /// The right to sell.
    Put,
}

impl OptionType {
    /// 1 for a call, -1 for a put.
    pub fn sign(self) -> f64 {
        match self {
            Self::Call => 1.0,
            Self::Put => -1.0,
        }
    }
}

/// The normal distribution, relative error below 1e-15 in both tails.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The normal density.
pub fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// `ln(a / b)`; for near prices from their difference, which is exact for integers below 2^53.
pub fn ln_ratio(a: f64, b: f64) -> f64 {
    let change = (a - b) / b;
    if change.abs() < 0.5 {
        change.ln_1p()
    } else {
        (a / b).ln()
    }
}

/// One option before a size.
#[derive(Clone, Copy, Debug)]
pub struct Black76 {
    /// Call or put.
    pub option_type: OptionType,
    /// Forward.
    pub forward: f64,
    /// Strike, in the forward's unit.
    pub strike: f64,
    /// `sigma sqrt(tau)`.
    pub std_dev: f64,
    /// Discount factor.
    pub discount: f64,
}

impl Black76 {
    fn d1(&self) -> f64 {
        ln_ratio(self.forward, self.strike) / self.std_dev + self.std_dev / 2.0
    }

    /// Present value, in the forward's unit.
    pub fn price(&self) -> f64 {
        let sign = self.option_type.sign();
        let (f, k) = (self.forward, self.strike);
        if self.std_dev <= 0.0 || f <= 0.0 {
            return self.discount * (sign * (f - k)).max(0.0);
        }
        let d1 = self.d1();
        let d2 = d1 - self.std_dev;
        self.discount * sign * (f * normal_cdf(sign * d1) - k * normal_cdf(sign * d2))
    }

    /// `dV/dF`; without variance its limit as variance falls to zero: all, half (at the money) or none.
    pub fn delta(&self) -> f64 {
        let sign = self.option_type.sign();
        if self.std_dev <= 0.0 {
            let inside = sign * (self.forward - self.strike);
            let share = if inside == 0.0 {
                0.5
            } else {
                f64::from(u8::from(inside > 0.0))
            };
            return self.discount * sign * share;
        }
        self.discount * sign * normal_cdf(sign * self.d1())
    }

    /// `d2V/dF2`, per unit of the forward.
    pub fn gamma(&self) -> f64 {
        if self.std_dev <= 0.0 {
            return 0.0;
        }
        self.discount * normal_pdf(self.d1()) / (self.forward * self.std_dev)
    }

    /// `dV/dsigma` per 1.00 of volatility, with the square root of the tenor in years; without variance its limit.
    pub fn vega(&self, root: f64) -> f64 {
        let d1 = match (self.std_dev > 0.0, self.forward == self.strike) {
            (true, _) => self.d1(),
            (false, true) => 0.0,
            (false, false) => return 0.0,
        };
        self.discount * self.forward * normal_pdf(d1) * root
    }

    /// `dV/dt` per year with the forward fixed: `rate price - D F n(d1) sigma / (2 sqrt(tau))`.
    pub fn theta(&self, root: f64, rate: f64) -> f64 {
        if self.std_dev <= 0.0 {
            return rate * self.price();
        }
        rate * self.price() - self.vega(root) * self.std_dev / (2.0 * root * root * root)
    }
}
