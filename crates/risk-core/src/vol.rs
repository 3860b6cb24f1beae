//! Volatility shocks of one expiry: what turns an unshocked standard deviation into the five that scenarios take.

// Hot path: wrapping products on ranges that the comments state.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::expiry::ExpiryContext;
use crate::fixed::exp::{exp, exp_neg};
use crate::fixed::log::ln;
use crate::fixed::mul::mul_shift;
use crate::fixed::sqrt::sqrt_tenor;
use crate::grid::mul_q30;
use crate::params::{MarketParams, SkewParams, VolShockParams, VOL_PIVOT_SECONDS};
use crate::scenario::{ScenarioSet, VolShock, ONE_Q30, VOL_KINDS};
use crate::units::Ratio;

/// 1.0 in the millionths of ratios, unsigned: on sBPF unsigned division is one instruction.
pub(crate) const RATIO_UNIT: u64 = 1_000_000;
/// Largest total standard deviation, Q36: a volatility shock saturates here (16.0).
pub(crate) const MOST_STD_DEV: u64 = 16 << 36;
/// Largest factor of a volatility shock, Q30: eight times.
const MOST_FACTOR: u64 = 1 << 33;
/// 1.0 of a skew factor.
const ONE_Q34: i64 = 1 << 34;
/// Largest `k*`, Q36.
const MOST_K: u64 = 16 << 36;

/// Volatility multipliers of an expiry.
pub(crate) struct VolLevels {
    /// 1 + range_up m, Q30.
    up: i64,
    /// max(0, 1 - range_down m), Q30.
    down: i64,
    /// min_vol_up sqrt(tau), Q36.
    least_up: u64,
    /// The tilt and the lift, where the set has such nodes.
    skew: Option<[SkewLevel; 2]>,
    /// Whether tilt and lift are alike, so that strikes above the forward need one of them.
    alike: bool,
}

/// `(30 d / max(seconds, floor))^p`, Q30; |log| <= ln(720) and powers up to 1 keep it below 2^40.
fn multiplier(vol: &VolShockParams, seconds: i64) -> u64 {
    const PIVOT: i64 = ln(VOL_PIVOT_SECONDS as u64);
    let seconds = seconds.max(vol.floor_seconds).max(1);
    let log = ln(seconds as u64).wrapping_sub(PIVOT); // Q40, |log| < 2^43
    let multiplier = if log < 0 {
        exp(power_of(log, vol.short_power) as i64).unwrap_or(i64::MAX) as u64
    } else {
        exp_neg(power_of(log, vol.long_power))
    };
    (multiplier >> 8).min(1 << 40)
}

/// `1 + range_up m`, Q30; ranges are at most 5.0.
fn rise(range_up: Ratio, multiplier: u64) -> u64 {
    (ONE_Q30 as u64).wrapping_add(multiplier.wrapping_mul(range_up.raw() as u64) / RATIO_UNIT)
}

impl VolShockParams {
    /// Refuses a rise, for parameters inside their own bounds, that grows beyond what is applied: eight times the volatility.
    pub(crate) fn check_rise(&self) -> Result<(), RiskError> {
        let most = rise(self.range_up, multiplier(self, 0));
        let millionths = (most.min(1 << 42).wrapping_mul(RATIO_UNIT) >> 30) as i64;
        let limit = (MOST_FACTOR >> 30).wrapping_mul(RATIO_UNIT) as i64;
        check_range(Field::VolShock, millionths, 0, limit)
    }
}

impl VolLevels {
    pub fn new(
        params: &MarketParams,
        set: &ScenarioSet<'_>,
        context: &ExpiryContext,
    ) -> Result<Self, RiskError> {
        let vol = &params.vol;
        let multiplier = multiplier(vol, context.seconds);
        let shock = |range: Ratio| multiplier.wrapping_mul(range.raw() as u64) / RATIO_UNIT;
        let one = ONE_Q30 as u64;
        let root = sqrt_tenor(context.seconds); // Q38, at most 2.0
        let skew = match set.has_skew() {
            true => Some(SkewLevel::both(&params.skew, set, root >> 2)?),
            false => None,
        };
        Ok(Self {
            up: rise(vol.range_up, multiplier).min(MOST_FACTOR) as i64,
            down: one.saturating_sub(shock(vol.range_down)) as i64,
            least_up: (root.wrapping_mul(vol.min_vol_up.raw() as u64) / RATIO_UNIT) >> 2,
            alike: skew.is_some_and(|[linear, abs]| linear == abs),
            skew,
        })
    }

    /// Standard deviations by kind of shock in Q36, from the unshocked one in Q36 and ln(F/K) in Q36.
    #[inline(always)]
    pub fn apply(&self, std_dev: u64, moneyness: i64) -> [i64; VOL_KINDS] {
        let base = std_dev.clamp(1, MOST_STD_DEV);
        let scaled = |factor: i64| mul_q30(base as i64, factor) as u64;
        let up = scaled(self.up).max(self.least_up).clamp(1, MOST_STD_DEV) as i64;
        let down = scaled(self.down).max(1) as i64;
        let base = base as i64;
        let (linear, abs) = match &self.skew {
            None => (base, base),
            Some([linear, abs]) => {
                let k = moneyness.wrapping_neg();
                let tilted = linear.apply(base, k);
                match self.alike && k >= 0 {
                    true => (tilted, tilted),
                    false => (tilted, abs.apply(base, k.wrapping_abs())),
                }
            }
        };
        [up, base, down, linear, abs]
    }
}

/// `|log| x power` from Q40 to Q38; |log| < 2^43 and powers up to 1.0 keep the product below 2^61.
fn power_of(log: i64, power: Ratio) -> u64 {
    (log.unsigned_abs() >> 2).wrapping_mul(power.raw() as u64) / RATIO_UNIT
}

/// One skew node: `1 + clamp(x cap / k*, -cap, cap)`, which is `1 + x cap / k*` for x clamped to `+-k*`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SkewLevel {
    /// k*, Q36, 0.002 to 16.0.
    most: i64,
    /// cap / k*, Q34, at most 3 / 0.002.
    slope: i64,
}

impl SkewLevel {
    /// Changes nothing.
    const FLAT: Self = Self { most: 0, slope: 0 };

    /// The tilt and the lift; one that the set has no node for changes nothing. `root` is sqrt(tau), Q36.
    fn both(params: &SkewParams, set: &ScenarioSet<'_>, root: u64) -> Result<[Self; 2], RiskError> {
        let most = reach_of_skew(params, root);
        let level = |kind: VolShock, used: bool| -> Result<Self, RiskError> {
            if !used {
                return Ok(Self::FLAT);
            }
            let cap = params.cap(kind, root)?; // Q36, below 2^38
                                               // two digits of the quotient: 2^62 and, with a rest below k* <= 2^40, 2^50
            let high = (cap << 24) / most;
            let rest = (cap << 24).wrapping_sub(high.wrapping_mul(most));
            Ok(Self {
                most: most as i64,
                slope: ((high << 10) | ((rest << 10) / most)) as i64,
            })
        };
        Ok([
            level(VolShock::SkewLinear, set.linear_start < set.abs_start)?,
            level(VolShock::SkewAbs, set.abs_start < set.count())?,
        ])
    }

    /// The shocked standard deviation, Q36, at least 1; `x` in Q36, below 2^43.
    #[inline]
    fn apply(&self, std_dev: i64, x: i64) -> i64 {
        let x = x.min(self.most).max(self.most.wrapping_neg());
        // |x| <= 2^40 and slope < 2^45 with a product of at most 3.0 in Q70
        let factor = ONE_Q34.wrapping_add(mul_shift::<36>(x, self.slope)).max(0);
        // std_dev <= 2^40 and factor <= 2^36
        mul_shift::<34>(std_dev, factor).clamp(1, MOST_STD_DEV as i64)
    }
}

/// `k* = max(min_k, sqrt(tau) width (fixed + sqrt(tau) scale))`, Q36, at most 16; `root` is sqrt(tau) in Q36, at most 2.0.
fn reach_of_skew(params: &SkewParams, root: u64) -> u64 {
    let part = |ratio: Ratio, most: u64| (ratio.raw().max(0) as u64).min(most);
    // below 2^22 << 36, and below 2^37 * 2^22
    let fixed = (part(params.fixed, 4 * RATIO_UNIT) << 36) / RATIO_UNIT;
    let grown = root
        .min(2 << 36)
        .wrapping_mul(part(params.scale, 4 * RATIO_UNIT))
        / RATIO_UNIT;
    // at most 12 << 36, times 2^24: below 2^64
    let width = fixed
        .wrapping_add(grown)
        .wrapping_mul(part(params.width, 16 * RATIO_UNIT))
        / RATIO_UNIT;
    // at most 32 << 36 = 2^41, times 2^37 in Q72: below 2^80
    let reach = mul_shift::<36>(width.min(32 << 36) as i64, root.min(2 << 36) as i64) as u64;
    let least = (part(params.min_k, 4 * RATIO_UNIT).max(2_000) << 36) / RATIO_UNIT;
    reach.max(least).min(MOST_K)
}
