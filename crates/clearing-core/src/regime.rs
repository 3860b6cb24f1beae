//! The adaptive regime of a market: realised volatility and correlation from its own validated prices, and what they make of
//! the scenarios.
//!
//! ```text
//! r          = clamp(price / sample - 1, -move_cap, move_cap)            at most one sample per interval
//! v          = r^2 year / seconds                                        annual variance that the sample shows
//! variance  += w (v - variance),  w = 1 - 2^(-seconds / half_life)       fast and slow
//! kurtosis  += w ((v / slow)^2 - kurtosis)
//! covariance += w (r r_reference year / seconds - covariance)
//! target     = clamp(sqrt(fast) (1 + excess kurtosis / 24) / reference_volatility, 1, factor_most)
//! share      = clamp(correlation / correlation_least, 0, 1)
//! ```
//! The initial factor rises to its target at once and falls by a share per hour; the maintenance factor follows it upwards by a
//! share per hour, so that nobody is liquidated by the switch itself. The share of the group's offset moves at the same two speeds.
//!
//! *One bad print cannot set the regime.* Moves are clamped, a gap counts as no more than [`MOST_GAP`] intervals, and [`Rules::check`]
//! refuses a clamp with which one sample could raise the fast variance by more than a quarter of the reference variance: a print
//! and the way back raise the factor by 23 % at most. The widening by kurtosis is the first-order Cornish-Fisher term at two standard
//! deviations, `(z^2 - 3) / 24`, and stops at half.

use risk_core::fixed::exp::exp_neg;

/// 1.0 in 1e-6.
pub const ONE: u32 = 1_000_000;
/// Seconds of a year of 365 days.
const YEAR: u64 = 31_536_000;
/// ln 2, Q38.
const LN2_Q38: u64 = 190_530_846_196;
/// 1.0 in the Q38 of weights.
const ONE_Q38: u64 = 1 << 38;
/// Intervals that a gap between samples counts at most.
pub const MOST_GAP: u32 = 2;
/// Kurtosis of a normal distribution, 1e-6.
const NORMAL_KURTOSIS: u64 = 3_000_000;
/// Largest variance of one sample over the slow one that counts towards kurtosis, 1e-6.
const MOST_RATIO: u64 = 10_000_000;
/// Largest excess kurtosis that counts, 1e-6: half again as wide.
const MOST_EXCESS: u64 = 12_000_000;
/// Divisor of the excess kurtosis.
const EXCESS_DIVISOR: u64 = 24;
/// Seconds of the unit in which factors move.
const STEP: i64 = 60;
/// Longest time that one call may count towards factors, in those units: what nobody called for is not saved up.
const MOST_STEPS: i64 = 60;

/// What governance sets; 1e-6 each but for seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Least seconds between samples; 10 to 3,600.
    pub interval: u32,
    /// Largest move of one sample that counts; 0.1 % to 50 %, and see [`Rules::check`].
    pub move_cap: u32,
    /// Half-life of the fast variance and of the covariance, seconds; ten minutes to a week.
    pub fast_half_life: u32,
    /// Half-life of the slow variance and the kurtosis, seconds; from the fast one to a year.
    pub slow_half_life: u32,
    /// Annual volatility that the listed scenarios were made for; 5 % to 500 %.
    pub reference_volatility: u32,
    /// Largest factor; 1.0 to 4.0.
    pub factor_most: u32,
    /// Rise of the maintenance factor, fall of the offset share, per hour; 1 % to 4.0.
    pub factor_rise: u32,
    /// Fall of both factors, rise of the offset share, per hour; 0.1 % to the rise.
    pub factor_fall: u32,
    /// Correlation below which the offset shrinks; above 0 where there is a reference market, else 0.
    pub correlation_least: u32,
    /// Whether a covariance is measured.
    pub has_reference: bool,
}

/// A rule outside its bounds: what it is, the least and the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// What it is.
    pub value: u64,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Rules {
    /// Refuses rules outside the bounds stated on the fields, and a move that lets one sample raise the fast variance by more
    /// than a quarter of the reference variance.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        let one = u64::from(ONE);
        let (least_correlation, most_correlation) = match self.has_reference {
            true => (1, one),
            false => (0, 0),
        };
        let (fast, slow) = (self.fast_half_life.into(), self.slow_half_life.into());
        let fall = (self.factor_fall.into(), self.factor_rise.into());
        for (value, least, most) in [
            (u64::from(self.interval), 10, 3_600),
            (self.move_cap.into(), 1_000, 500_000),
            (fast, 600, 604_800),
            (slow, fast, YEAR),
            (self.reference_volatility.into(), 50_000, 5_000_000),
            (self.factor_most.into(), one, 4_000_000),
            (self.factor_rise.into(), 10_000, 4_000_000),
            (fall.0, 1_000, fall.1),
            (
                self.correlation_least.into(),
                least_correlation,
                most_correlation,
            ),
        ] {
            if value < least || value > most {
                return Err(OutOfBounds { value, least, most });
            }
        }
        let most = self.reference_variance().div_euclid(4);
        let value = self.most_rise_of_one_sample();
        match value <= most {
            true => Ok(()),
            false => Err(OutOfBounds {
                value,
                least: 0,
                most,
            }),
        }
    }

    /// The reference volatility squared, 1e-12; at most 2.5e13 within bounds.
    fn reference_variance(&self) -> u64 {
        u64::from(self.reference_volatility).saturating_mul(self.reference_volatility.into())
    }

    /// What one sample can add to the fast variance, 1e-12: the share per second falls with the time that it covers, so the shortest
    /// has the most.
    fn most_rise_of_one_sample(&self) -> u64 {
        let cap = i64::from(self.move_cap);
        let shown = annual(cap, cap, self.interval.into()).unsigned_abs();
        mix(0, shown, kept(self.interval.into(), self.fast_half_life))
    }
}

/// What was measured, and what follows from it. Prices in 1e-8 USD, times in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regime {
    /// Price of the last sample; zero before the first.
    pub sample: u64,
    /// Price of the reference market at that time; zero: none.
    pub reference_sample: u64,
    /// When it was published.
    pub sampled_at: i64,
    /// Fast variance per year, 1e-12.
    pub variance_fast: u64,
    /// Slow variance per year, 1e-12.
    pub variance_slow: u64,
    /// Slow mean of the squared ratio of a sample's variance to the slow one, 1e-6; 3.0 for normal moves.
    pub kurtosis: u64,
    /// Fast variance of the reference market over the samples of both, 1e-12.
    pub reference_variance: u64,
    /// Fast covariance, 1e-12.
    pub covariance: i64,
    /// Factor in the initial requirement, 1e-6; 1.0 to the most.
    pub factor_initial: u32,
    /// Factor in the maintenance requirement, 1e-6; 1.0 to the initial one.
    pub factor_maintenance: u32,
    /// Until when factors have moved.
    pub factor_at: i64,
    /// Share of the group's offset that is left, 1e-6.
    pub offset_share: u32,
}

/// `2^(-seconds / half_life)`, Q38, to 2^-38.
fn kept(seconds: u64, half_life: u32) -> u64 {
    // at most 7,200 x 2^38 within the bounds of the rules
    let y = seconds
        .saturating_mul(LN2_Q38)
        .checked_div(half_life.into());
    exp_neg(y.unwrap_or(u64::MAX))
}

/// `old kept + new (1 - kept)`, rounded up: a variance is never understated.
fn mix(old: u64, new: u64, kept: u64) -> u64 {
    let weight = ONE_Q38.saturating_sub(kept);
    let sum = u128::from(old)
        .saturating_mul(kept.into())
        .saturating_add(u128::from(new).saturating_mul(weight.into()))
        .saturating_add(u128::from(ONE_Q38.saturating_sub(1)));
    u64::try_from(sum >> 38).unwrap_or(u64::MAX)
}

/// The same with a sign, rounded down: a correlation is never overstated.
fn mix_signed(old: i64, new: i64, kept: u64) -> i64 {
    let weight = ONE_Q38.saturating_sub(kept);
    let sum = i128::from(old)
        .saturating_mul(kept.into())
        .saturating_add(i128::from(new).saturating_mul(weight.into()));
    i64::try_from(sum >> 38).unwrap_or(i64::MIN)
}

/// The move from `old` to `new` in 1e-6 of `old`, away from zero, clamped to `cap` either way; zero where there is no old price.
fn clamped_move(old: u64, new: u64, cap: u32) -> i64 {
    let distance = u128::from(new.abs_diff(old)).saturating_mul(ONE.into());
    let Some(whole) = distance.checked_div(old.into()) else {
        return 0;
    };
    let is_exact = whole.saturating_mul(old.into()) == distance;
    let moved = whole.saturating_add(u128::from(!is_exact));
    let moved = i64::try_from(moved.min(cap.into())).unwrap_or(cap.into());
    match new >= old {
        true => moved,
        false => moved.saturating_neg(),
    }
}

/// The product of two moves per year, 1e-12, away from zero. Moves are at most 0.5, so it fits: 2.5e11 x 3.2e7.
fn annual(first: i64, second: i64, seconds: u64) -> i64 {
    let product = first.saturating_mul(second);
    let size = product.unsigned_abs().saturating_mul(YEAR);
    let size = size.div_ceil(seconds.max(1));
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    match product < 0 {
        true => size.saturating_neg(),
        false => size,
    }
}

impl Regime {
    /// Before anything is measured: the reference volatility, normal moves, full correlation, factors of one.
    pub fn new(rules: &Rules) -> Self {
        let variance = rules.reference_variance();
        let with_reference = match rules.has_reference {
            true => variance,
            false => 0,
        };
        Self {
            sample: 0,
            reference_sample: 0,
            sampled_at: 0,
            variance_fast: variance,
            variance_slow: variance,
            kurtosis: NORMAL_KURTOSIS,
            reference_variance: with_reference,
            covariance: i64::try_from(with_reference).unwrap_or(i64::MAX),
            factor_initial: ONE,
            factor_maintenance: ONE,
            factor_at: 0,
            offset_share: ONE,
        }
    }

    /// Takes a sample where one is due; whether it did. `price` and `reference` (the reference market's) were published at `time`.
    ///
    /// Where there is a reference market, a sample without its price is taken only [`MOST_GAP`] intervals after the last, and counts
    /// as a move of none in common: whoever leaves it out can neither freeze the correlation nor, while others keep up, lower it.
    pub fn sample(&mut self, rules: &Rules, price: u64, reference: Option<u64>, time: i64) -> bool {
        let reference = reference.filter(|price| rules.has_reference && *price != 0);
        if self.sample != 0 {
            let Ok(seconds) = u64::try_from(time.saturating_sub(self.sampled_at)) else {
                return false;
            };
            let is_alone = rules.has_reference && reference.is_none();
            let wait = match is_alone {
                true => rules.interval.saturating_mul(MOST_GAP),
                false => rules.interval,
            };
            if seconds < u64::from(wait) {
                return false;
            }
            self.measure(rules, price, reference, seconds);
        }
        self.sample = price;
        self.reference_sample = reference.unwrap_or(0);
        self.sampled_at = time;
        true
    }

    fn measure(&mut self, rules: &Rules, price: u64, reference: Option<u64>, seconds: u64) {
        let counted = seconds.min(rules.interval.saturating_mul(MOST_GAP).into());
        let [fast, slow] =
            [rules.fast_half_life, rules.slow_half_life].map(|half_life| kept(counted, half_life));
        let moved = clamped_move(self.sample, price, rules.move_cap);
        let shown = annual(moved, moved, seconds).unsigned_abs();

        let ratio = u128::from(shown)
            .saturating_mul(ONE.into())
            .checked_div(self.variance_slow.into());
        let ratio = ratio.and_then(|ratio| u64::try_from(ratio).ok());
        let ratio = ratio.unwrap_or(MOST_RATIO).min(MOST_RATIO);
        let squared = ratio.saturating_mul(ratio).div_euclid(ONE.into()); // at most 1e8
        self.kurtosis = mix(self.kurtosis, squared, slow);
        self.variance_fast = mix(self.variance_fast, shown, fast);
        self.variance_slow = mix(self.variance_slow, shown, slow).max(1);
        match reference {
            _ if !rules.has_reference => {}
            None => self.covariance = mix_signed(self.covariance, 0, fast),
            Some(_) if self.reference_sample == 0 => {} // the first of a pair
            Some(price) => {
                let other = clamped_move(self.reference_sample, price, rules.move_cap);
                let variance = annual(other, other, seconds).unsigned_abs();
                self.reference_variance = mix(self.reference_variance, variance, fast);
                let product = annual(moved, other, seconds);
                self.covariance = mix_signed(self.covariance, product, fast);
            }
        }
    }

    /// The correlation with the reference market, 1e-6; -1.0 to 1.0, zero where nothing moves.
    pub fn correlation(&self) -> i64 {
        let variances =
            u128::from(self.variance_fast).saturating_mul(self.reference_variance.into());
        let deviation = i128::try_from(variances.isqrt()).unwrap_or(i128::MAX);
        let ratio = i128::from(self.covariance).saturating_mul(ONE.into());
        let ratio = ratio.checked_div(deviation).unwrap_or(0);
        let one = i64::from(ONE);
        i64::try_from(ratio)
            .unwrap_or(0)
            .clamp(one.saturating_neg(), one)
    }

    /// Where the initial factor belongs by what was measured, 1e-6, rounded up.
    pub fn target(&self, rules: &Rules) -> u32 {
        let excess = self
            .kurtosis
            .saturating_sub(NORMAL_KURTOSIS)
            .min(MOST_EXCESS);
        let widening = u64::from(ONE).saturating_add(excess.div_euclid(EXCESS_DIVISOR));
        let volatility = self.variance_fast.isqrt(); // at most 2^32
        let product = volatility.saturating_mul(widening);
        let target = product.div_ceil(u64::from(rules.reference_volatility).max(1));
        let most = rules.factor_most.max(ONE);
        u32::try_from(target).unwrap_or(most).clamp(ONE, most)
    }

    /// Where the share of the offset belongs, 1e-6, rounded down.
    pub fn offset_target(&self, rules: &Rules) -> u32 {
        if !rules.has_reference {
            return ONE;
        }
        let correlation = self.correlation().max(0).unsigned_abs();
        let share = correlation
            .saturating_mul(ONE.into())
            .checked_div(rules.correlation_least.into());
        let share = share.unwrap_or(0).min(ONE.into());
        u32::try_from(share).unwrap_or(0)
    }

    /// Moves factors and share towards their targets by the whole minutes that have passed, at most an hour; the initial factor rises
    /// at once. Many calls move them no further than one, and no less.
    pub fn advance(&mut self, rules: &Rules, now: i64) {
        if self.factor_at == 0 {
            self.factor_at = now;
        }
        let passed = now.saturating_sub(self.factor_at).max(0).unsigned_abs();
        let passed = i64::try_from(passed.div_euclid(STEP.unsigned_abs())).unwrap_or(i64::MAX);
        let minutes = passed.min(MOST_STEPS).unsigned_abs();
        let moved = |per_hour: u32| {
            let share = u64::from(per_hour).saturating_mul(minutes).div_euclid(60);
            u32::try_from(share).unwrap_or(u32::MAX)
        };
        let (rise, fall) = (moved(rules.factor_rise), moved(rules.factor_fall));
        self.factor_initial = self
            .factor_initial
            .saturating_sub(fall)
            .max(self.target(rules));
        self.factor_maintenance = self
            .factor_maintenance
            .saturating_add(rise)
            .min(self.factor_initial);
        let share = self.offset_target(rules);
        self.offset_share = match share < self.offset_share {
            true => self.offset_share.saturating_sub(rise).max(share),
            false => self.offset_share.saturating_add(fall).min(share),
        };
        // what is beyond an hour is lost, the seconds of a begun minute are not
        self.factor_at = match passed > MOST_STEPS {
            true => now,
            false => self.factor_at.saturating_add(passed.saturating_mul(STEP)),
        };
    }
}

#[cfg(test)]
mod tests;
