//! Interest on debts in the quote asset: two indices that follow from their last values, the time and the sums, so that no
//! crank is needed and many small steps come to what one long step comes to.
//!
//! A *debt* is what a quote balance is below zero. Its interest compounds: over a time `t` at an annual rate `r` the debt
//! index grows by `exp(r t)`, rounded up. What balances receive is linear in time: a positive balance `c` gets
//! `c (index now - index then)`, rounded down, and earns on it only once it is booked.
//!
//! The law that the tests hold this to: **what balances and the house are credited never exceeds what debtors are charged.** For every
//! step, with debts `N`, balances `P` and a base `B >= P`, `B >= N`,
//!
//! ```text
//! credited  <=  P * slope  <=  P * N r t (1 - share) / B  <=  N r t (1 - share)
//! house     <=  N r t share
//! charged   >=  N (exp(r t) - 1)  >=  N r t
//! ```
//!
//! where each account's part is rounded against it. A balance that begins between two units of the index begins at the upper one.

/// 1.0 of an index.
pub const INDEX_ONE: u64 = 1_000_000_000_000;
/// Highest annual rate, 1e-6: at it an index reaches the end of its type in 16 years without a pause, at 20 % in 83.
pub const MAX_RATE: u32 = 1_000_000;
/// Largest limit of debts, quote units: a billion dollars.
pub const MAX_DEBTS: u64 = 1_000_000_000_000_000;

/// 1.0 of a ratio.
const ONE: u64 = 1_000_000;
/// Seconds of a year of 365 days.
const YEAR: u64 = 31_536_000;
/// 1.0 of a growth within one step.
const GROWTH_ONE: u128 = 1_000_000_000_000_000_000;
/// Longest step, seconds: the series of the exponential then ends within a dozen terms.
const LONGEST_STEP: u64 = 30 * 86_400;
/// Most steps of one call: four years. A clearing house that nobody touched for longer is charged no more than that.
const MOST_STEPS: u32 = 49;
/// Bits of the fraction of the balance index.
const FRACTION_BITS: u32 = 32;

/// Annual rate by utilisation: straight lines from `base` over `kink_rate` to `full`; 1e-6 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// At no utilisation.
    pub base: u32,
    /// At the kink.
    pub kink_rate: u32,
    /// At full utilisation.
    pub full: u32,
    /// Utilisation of the kink: above 0 and below 1.0, or 0 where all rates are zero.
    pub kink: u32,
}

impl Curve {
    /// Whether the curve rises, within [`MAX_RATE`], and its kink lies inside.
    pub fn is_valid(&self) -> bool {
        let is_none = *self
            == Self {
                base: 0,
                kink_rate: 0,
                full: 0,
                kink: 0,
            };
        let inside = self.kink > 0 && u64::from(self.kink) < ONE;
        let rises = self.base <= self.kink_rate && self.kink_rate <= self.full;
        is_none || (inside && rises && self.full <= MAX_RATE)
    }

    /// Annual rate at a utilisation, 1e-6 both; rounded up. Utilisation counts up to 1.0.
    pub fn rate_ceil(&self, utilisation: u32) -> u32 {
        let used = u64::from(utilisation).min(ONE);
        let kink = u64::from(self.kink).min(ONE);
        let (low, high, part, whole) = match used <= kink {
            true => (self.base, self.kink_rate, used, kink),
            false => (
                self.kink_rate,
                self.full,
                used.saturating_sub(kink),
                ONE.saturating_sub(kink),
            ),
        };
        let rise = u64::from(high.saturating_sub(low)); // at most 2^32, part at most 2^20
        let risen = rise.saturating_mul(part).div_ceil(whole.max(1));
        u32::try_from(risen).unwrap_or(u32::MAX).saturating_add(low)
    }
}

/// Indices and sums; amounts in quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// What a debt of 1.0 has grown to, 1e-12.
    pub debt_index: u64,
    /// 1.0 and what a balance of 1.0 has received, 1e-12.
    pub balance_index: u64,
    /// Its further fraction, 2^-32 of 1e-12.
    pub balance_fraction: u32,
    /// When both last moved, Unix time.
    pub updated_at: i64,
    /// Sum of debts as last charged.
    pub debts: u64,
    /// No less than the sum of positive balances.
    pub balances: u64,
    /// Interest credited to the house and not taken by it yet.
    pub house_due: u64,
}

impl Interest {
    /// Share of the base that is lent, 1e-6, rounded up; the base is what balances hold, or the debts where they are more.
    pub fn utilisation_ceil(&self) -> u32 {
        let lent = u128::from(self.debts).saturating_mul(ONE.into());
        let used = lent.div_ceil(self.base().into()); // at most 1e6, since the base is no less than the debts
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// What the interest is spread over: no less than balances, so that no more is credited than charged; no less than debts,
    /// so that no balance earns more than debts pay. At least 1.
    fn base(&self) -> u64 {
        self.balances.max(self.debts).max(1)
    }

    /// The same at a time, which counts from `updated_at` on; `house_share` 1e-6 of the interest stays with the house.
    ///
    /// Without debts nothing moves but the time. Indices saturate at the end of their type; see [`MAX_RATE`]. More than four
    /// years in one call count as four years.
    #[must_use]
    pub fn at(&self, curve: &Curve, house_share: u32, now: i64) -> Self {
        let mut moved = *self;
        if now <= self.updated_at {
            return moved;
        }
        moved.updated_at = now;
        let rate = match self.debts {
            0 => 0,
            _ => curve.rate_ceil(self.utilisation_ceil()),
        };
        let mut left = now.abs_diff(self.updated_at);
        for _ in 0..MOST_STEPS {
            if left == 0 || rate == 0 {
                break;
            }
            let step = left.min(LONGEST_STEP);
            moved.advance(rate, step, house_share);
            left = left.saturating_sub(step);
        }
        moved
    }

    /// Moves by at most [`LONGEST_STEP`] at a rate of at most [`MAX_RATE`].
    #[allow(clippy::arithmetic_side_effects)] // ranges beside each operation
    fn advance(&mut self, rate: u32, seconds: u64, house_share: u32) {
        // rate below 2^32, seconds below 2^22, 1e12 below 2^40: 94 bits
        let product = u128::from(rate) * u128::from(seconds) * u128::from(INDEX_ONE);
        let simple = product / u128::from(YEAR); // 1e-18; at MAX_RATE below 2^57

        // 64 + 57 bits
        let grown = (u128::from(self.debt_index) * compound_ceil(simple)).div_ceil(GROWTH_ONE);
        let index = u128::from(self.debt_index).saturating_add(grown);
        self.debt_index = u64::try_from(index).unwrap_or(u64::MAX);

        let share = u64::from(house_share).min(ONE);
        let lent = (u128::from(self.debts) << FRACTION_BITS) / u128::from(self.base()); // at most 2^32
                                                                                        // 33 + 57 + 20 bits; from 1e-18 to 1e-12 is one more 1e6
        let slope = lent * simple * u128::from(ONE - share) / u128::from(ONE * ONE);
        let index =
            (u128::from(self.balance_index) << FRACTION_BITS) | u128::from(self.balance_fraction);
        let index = index.saturating_add(slope);
        let mask = u128::from(u32::MAX);
        self.balance_fraction = u32::try_from(index & mask).unwrap_or(u32::MAX);
        self.balance_index = u64::try_from(index >> FRACTION_BITS).unwrap_or(u64::MAX);

        // 64 + 57 bits, then 64 + 20
        let charged = u128::from(self.debts) * simple / GROWTH_ONE;
        let kept = charged * u128::from(share) / u128::from(ONE);
        let kept = u64::try_from(kept).unwrap_or(u64::MAX);
        self.house_due = self.house_due.saturating_add(kept);
    }

    /// Index at which a balance begins: the upper one, where it begins between two.
    pub fn balance_start(&self) -> u64 {
        self.balance_index
            .saturating_add(u64::from(self.balance_fraction > 0))
    }

    /// Interest of a debt that was last charged at the index `from`, rounded up: debtors never pay less than is credited.
    /// Saturates at `i64::MAX`.
    pub fn charge_ceil(&self, debt: u64, from: u64) -> i64 {
        let grown = u128::from(self.debt_index.saturating_sub(from));
        let product = grown.saturating_mul(debt.into()); // 128 bits hold two of 64
        i64::try_from(product.div_ceil(from.max(1).into())).unwrap_or(i64::MAX)
    }

    /// Interest of a balance since the index `from`, rounded down. Saturates at `i64::MAX`.
    pub fn credit_floor(&self, balance: u64, from: u64) -> i64 {
        let grown = u128::from(self.balance_index.saturating_sub(from));
        let product = grown.saturating_mul(balance.into());
        let due = product.checked_div(INDEX_ONE.into()).unwrap_or(0);
        i64::try_from(due).unwrap_or(i64::MAX)
    }
}

/// `exp(x) - 1` of an `x` below 0.09, 1e-18 both, rounded up.
#[allow(clippy::arithmetic_side_effects)] // x below 2^57: products below 2^114, and the sum below 2^58
fn compound_ceil(x: u128) -> u128 {
    let (mut term, mut sum, mut count) = (x, x, 1u128);
    while term > 0 && count < 24 {
        count += 1;
        term = term * x / (GROWTH_ONE * count);
        sum += term;
    }
    // Each term is short by less than two units, and so are `x` and all that were left out.
    sum + 2 * count + 2
}

#[cfg(test)]
mod tests;
