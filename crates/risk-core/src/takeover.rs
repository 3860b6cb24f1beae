//! Which legs of an account a liquidator may take for which fee, and how many of them it should.
//!
//! A slice takes hedges along with what they hedge. Whoever takes chosen legs could keep the hedges and leave the rest, so it pays their
//! marks, and its fee `F` may be no more than what slices would have given it for the same repair. With equity `E`, maintenance health
//! `M`, cash `R` that is not for sale and `D = discount (E - R)`, what a bidder for the whole book gains, a slice of `x` improves
//! maintenance health by `x (E - D - M)` for a reward of `x D` ([`crate::liquidation`], where `B + R = E - D`). With `E'` and `M'`
//! afterwards, in all scenarios and with the fee paid, and the reward `W = max(F, E - E')`, legs are accepted if
//!
//! ```text
//! M' > M        W <= D        W (E - D - M) <= D (M' - M)
//! F <= legs_fee x notional    E' >= 0 where F > 0    M' - buffer (E' - M') <= 0
//! ```
//! `M` may be that of a witness, which is no less than the true one. A lenient witness never helps: the right side of the third less the
//! left one changes with `M` by `W - D`, which the second keeps at or below zero. Products are exact; `D` is rounded down, so every
//! rounding favours the account.

use crate::error::{check_range, Field, RiskError};
use crate::liquidation::{buffer_health, LiquidationTerms, FRACTION_ONE};
use crate::margin::MarginReport;
use crate::position::Position;
use crate::units::{Price, Quantity, Quote, Ratio};

/// What a taker pays for a leg beyond its price, 1e-6 USD: a unit for the rounding of the sum toward zero, and one each for what the
/// account's own value is rounded by before and after.
pub const TAKER_ROUNDING: i64 = 3;

/// What a liquidator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// What it receives beyond the marks of the legs, 1e-6 USD; at least zero.
    pub fee: Quote,
    /// Sum of `|quantity| x spot` over the legs, 1e-6 USD.
    pub notional: Quote,
    /// Cash from earlier bids, which is not for sale; clamped as for a slice.
    pub reserved: Quote,
}

/// Why legs are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegsError {
    /// The buffer is whole: there is nothing to repair (INV-12).
    Healthy {
        /// Maintenance health less the buffer.
        buffer_health: Quote,
    },
    /// The fee is above its share of the notional, or above the equity that is left.
    FeeTooHigh {
        /// What was asked for.
        fee: Quote,
        /// The most there is.
        most: Quote,
    },
    /// Maintenance health does not rise (INV-13).
    NotImproved {
        /// In the witness's scenarios, before.
        before: Quote,
        /// In all scenarios, afterwards.
        after: Quote,
    },
    /// A slice would repair more for this reward.
    TooDear {
        /// What the account gives up.
        reward: Quote,
        /// By how much its maintenance health rises.
        improvement: Quote,
    },
    /// The account ends past its buffer (INV-13).
    PastBuffer {
        /// Maintenance health less the buffer, afterwards.
        buffer_health: Quote,
    },
    /// An amount left its range.
    Risk(RiskError),
}

impl From<RiskError> for LegsError {
    fn from(error: RiskError) -> Self {
        LegsError::Risk(error)
    }
}

/// Whether an account whose margin goes from `before` (by any witness) to `after` (in all scenarios, fee paid) may part with legs
/// on these terms; the formulas are above.
///
/// An account without equity has `D = 0`: its legs go at their marks, without a fee.
///
/// Errors: [`LegsError`]; [`RiskError::OutOfRange`] for a fee below zero, [`RiskError::Overflow`].
pub fn accept_legs(
    before: &MarginReport,
    after: &MarginReport,
    takeover: &Takeover,
    terms: &LiquidationTerms,
) -> Result<(), LegsError> {
    let fee = takeover.fee;
    check_range(Field::Quote, fee.raw(), 0, i64::MAX)?;
    let missing = buffer_health(before, terms.buffer)?;
    if missing.raw() >= 0 {
        return Err(LegsError::Healthy {
            buffer_health: missing,
        });
    }
    let most = fee_limit_floor(takeover, terms)?;
    if fee > most {
        return Err(LegsError::FeeTooHigh { fee, most });
    }
    if fee > Quote::ZERO && after.equity < Quote::ZERO {
        let most = after.equity.checked_add(fee)?.max(Quote::ZERO);
        return Err(LegsError::FeeTooHigh { fee, most });
    }
    if after.maintenance_health <= before.maintenance_health {
        return Err(LegsError::NotImproved {
            before: before.maintenance_health,
            after: after.maintenance_health,
        });
    }
    let reward = before.equity.checked_sub(after.equity)?.max(fee);
    let improvement = after
        .maintenance_health
        .checked_sub(before.maintenance_health)?;
    let pot = pot_floor(before, takeover, terms)?;
    if !is_no_dearer(before, reward, improvement, pot)? {
        return Err(LegsError::TooDear {
            reward,
            improvement,
        });
    }
    let left = buffer_health(after, terms.buffer)?;
    match left > Quote::ZERO {
        true => Err(LegsError::PastBuffer {
            buffer_health: left,
        }),
        false => Ok(()),
    }
}

/// The largest fee that [`accept_legs`] takes from an account that the legs alone, without a fee, bring from `before` to `unpaid`;
/// rounded down; zero where none is. The takeover's own fee is not read.
///
/// With `M''` and `E''` without the fee the third inequality becomes `F (E - M) <= D (M'' - M) - (E - D - M) max(E - E'', 0)`.
/// Errors: [`RiskError::Overflow`].
pub fn most_fee_floor(
    before: &MarginReport,
    unpaid: &MarginReport,
    takeover: &Takeover,
    terms: &LiquidationTerms,
) -> Result<Quote, RiskError> {
    let pot = pot_floor(before, takeover, terms)?;
    let requirement = before.equity.checked_sub(before.maintenance_health)?;
    let improvement = unpaid
        .maintenance_health
        .checked_sub(before.maintenance_health)?;
    if pot <= Quote::ZERO || requirement <= Quote::ZERO || improvement <= Quote::ZERO {
        return Ok(Quote::ZERO);
    }
    let lost = before.equity.checked_sub(unpaid.equity)?.max(Quote::ZERO);
    let repair = requirement.checked_sub(pot)?;
    let earned = product(pot, improvement)
        .checked_sub(product(lost, repair))
        .and_then(|earned| earned.checked_div_euclid(requirement.raw().into()))
        .and_then(|fee| i64::try_from(fee).ok())
        .map(Quote::from_raw)
        .ok_or(RiskError::Overflow(Field::Quote))?;
    // strictly less than the improvement, so that some of it stays
    let improving = improvement.checked_sub(Quote::from_raw(1))?;
    Ok(earned
        .min(pot.checked_sub(lost)?)
        .min(improving)
        .min(fee_limit_floor(takeover, terms)?)
        .min(unpaid.equity)
        .max(Quote::ZERO))
}

/// What one base unit of a leg changes hands for: its mark, moved against the taker by what it can be wrong by. An option's mark is good to
/// 6e-11 of the forward ([`crate::unit_mark`]), and a forward is less than three times the spot; other marks are exact.
pub fn price_against_taker(mark: Price, spot: Price, position: &Position) -> Price {
    let slack = match position.instrument.is_option() {
        true => (spot.raw() >> 32).saturating_add(1),
        false => 0,
    };
    Price::from_raw(match position.quantity > Quantity::ZERO {
        true => mark.raw().saturating_add(slack).min(Price::MOST),
        false => mark.raw().saturating_sub(slack),
    })
}

/// What of a fee goes to the insurance fund, rounded down.
///
/// Errors: [`RiskError::Overflow`] for terms out of range.
pub fn fund_fee_floor(fee: Quote, terms: &LiquidationTerms) -> Result<Quote, RiskError> {
    fee.mul_ratio_floor(terms.fund_share)
}

/// The largest fee by notional, rounded down.
fn fee_limit_floor(takeover: &Takeover, terms: &LiquidationTerms) -> Result<Quote, RiskError> {
    takeover.notional.mul_ratio_floor(terms.legs_fee)
}

/// `D`: what a bidder for the whole book gains, rounded down; zero without equity.
fn pot_floor(
    before: &MarginReport,
    takeover: &Takeover,
    terms: &LiquidationTerms,
) -> Result<Quote, RiskError> {
    let equity = before.equity.max(Quote::ZERO);
    let half = Quote::from_raw(equity.raw() / 2);
    let reserved = takeover.reserved.min(half).min(before.cash);
    let for_sale = equity.checked_sub(reserved.max(Quote::ZERO))?;
    for_sale.mul_ratio_floor(terms.discount)
}

/// `W <= D` and `W (E - D - M) <= D (M' - M)`.
fn is_no_dearer(
    before: &MarginReport,
    reward: Quote,
    improvement: Quote,
    pot: Quote,
) -> Result<bool, RiskError> {
    let requirement = before.equity.checked_sub(before.maintenance_health)?;
    let repair = requirement.checked_sub(pot)?;
    Ok(reward <= pot && product(reward, repair) <= product(pot, improvement))
}

/// Exact: 63 bits and a sign each.
fn product(a: Quote, b: Quote) -> i128 {
    i128::from(a.raw()).wrapping_mul(b.raw().into())
}

/// Parts in which [`size_legs`] looks for the best one.
const PARTS: u64 = 1 << 10;

/// The share of chosen legs, of [`FRACTION_ONE`], that leaves buffer health at most zero for a buffer of `aim` (share of the requirement,
/// 1e-6), or, where no share reaches that, the one after which maintenance health is best, to 1 in 1,024.
///
/// `after` gives the margin after a share of the legs at their marks, without a fee. Health is taken to rise to one peak: the worst of
/// many losses that are linear in the share. Where it is not so (offsets within a group), what is found still ends at or below the aim,
/// and is no more than smaller than it could be. 52 calls at the most; what `after` refuses ends the search.
pub fn size_legs(
    aim: Ratio,
    mut after: impl FnMut(u64) -> Result<MarginReport, RiskError>,
) -> Result<u64, RiskError> {
    let (mut low, mut high) = (0, PARTS);
    while low < high {
        let middle = low.saturating_add(high) / 2;
        let here = after(share_of(middle))?.maintenance_health;
        let next = after(share_of(middle.saturating_add(1)))?.maintenance_health;
        match next > here {
            true => low = middle.saturating_add(1),
            false => high = middle,
        }
    }
    let best = share_of(low);
    if !is_past(&after(best)?, aim)? {
        return Ok(best);
    }
    let (mut within, mut past) = (0, best);
    while past.saturating_sub(within) > 1 {
        let middle = within.saturating_add(past) / 2;
        match is_past(&after(middle)?, aim)? {
            true => past = middle,
            false => within = middle,
        }
    }
    Ok(within)
}

fn is_past(report: &MarginReport, aim: Ratio) -> Result<bool, RiskError> {
    Ok(buffer_health(report, aim)? > Quote::ZERO)
}

/// `part` of [`PARTS`], rounded down.
fn share_of(part: u64) -> u64 {
    part.min(PARTS).saturating_mul(FRACTION_ONE) / PARTS
}
