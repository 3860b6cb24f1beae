//! Volatility: the smile, its shocks with their term structure, the skew nodes.

use crate::input::{Params, Shock, Smile};
use crate::YEAR_SECONDS;

/// Seconds of 30 days, where the powers of the term structure meet.
const MONTH: f64 = 30.0 * 86_400.0;

impl Smile {
    /// `w(k) = a + b (rho (k-m) + sqrt((k-m)^2 + s^2))`, `k` clamped to `+-4 sqrt(a + b s)`, at most 144.
    pub fn total_variance(&self, k: f64) -> f64 {
        let [rho, m, s] = [self.rho, self.m, self.s].map(|raw| raw as f64 / 1e6);
        // a + b s and (1 - rho)(1 + rho) from integers: their cancellation is exact
        let turn = i128::from(self.a) * 1_000_000 + i128::from(self.b) * i128::from(self.s);
        let one_less_square = ((1_000_000 - self.rho) * (1_000_000 + self.rho)) as f64 / 1e12;
        let most = 4.0 * (turn as f64 / 1e18).sqrt();
        let x = k.clamp(-most, most) - m;
        let (root, skew) = (x.hypot(s), rho * x);
        let bracket = if skew < 0.0 {
            // the same by its conjugate: nothing cancels
            (one_less_square * x * x + s * s) / (root - skew)
        } else {
            root + skew
        };
        ((self.a as f64 + self.b as f64 * bracket) / 1e12).min(144.0)
    }

    /// `sigma` with the parameters as they hold at the reference tenor.
    pub fn volatility(&self, k: f64) -> f64 {
        (self.total_variance(k) * YEAR_SECONDS / self.reference_seconds as f64).sqrt()
    }
}

/// What volatility shocks of an expiry need.
#[derive(Clone, Copy, Debug)]
pub struct Shocks<'a> {
    /// The market's parameters.
    pub params: &'a Params,
    /// Seconds to expiry, at least zero.
    pub seconds: f64,
}

impl Shocks<'_> {
    /// `(30 d / max(seconds, floor))^p`.
    pub fn multiplier(&self) -> f64 {
        let power = if self.seconds < MONTH {
            self.params.vol_short_power
        } else {
            self.params.vol_long_power
        };
        (MONTH / self.seconds.max(self.params.vol_floor_seconds)).powf(power)
    }

    /// Shocked volatility of an option with `k = ln(K/F)`.
    pub fn shocked(&self, volatility: f64, k: f64, shock: Shock) -> f64 {
        let params = self.params;
        match shock {
            Shock::None => volatility,
            Shock::Up => (volatility * (1.0 + params.vol_range_up * self.multiplier()))
                .max(params.min_vol_up),
            Shock::Down => volatility * (1.0 - params.vol_range_down * self.multiplier()).max(0.0),
            Shock::SkewLinear => volatility * self.skew(k, params.skew_linear),
            Shock::SkewAbs => volatility * self.skew(k.abs(), params.skew_abs),
        }
    }

    /// `max(0, 1 + clamp(x cap / k*, -cap, cap))`.
    fn skew(&self, x: f64, [base, slope]: [f64; 2]) -> f64 {
        let root = (self.seconds / YEAR_SECONDS).sqrt();
        let params = self.params;
        let width = root * params.skew_width * (params.skew_static + root * params.skew_scale);
        let k_star = width.max(params.skew_min_k);
        let cap = base + slope * root;
        (1.0 + (x * cap / k_star).clamp(-cap, cap)).max(0.0)
    }
}
