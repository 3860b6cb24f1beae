//! Moves a pro-rata slice of an account: the same part of everything, so that hedges travel with what they hedge.
//!
//! What leaves one account is exactly what the other receives. Long legs and assets are rounded toward zero, short legs away from
//! zero: rounding, which a bidder can repeat, leaves the account a unit more of what has a price, or owes a unit less of it. Since no
//! unit requires more than its price, the legs' rounding never lowers maintenance health; that of a cost or a debt may, by 1e-6 USD.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::margin::MarginReport;
use risk_core::Quote;

use crate::bridge::{Check, Cursor, Scope};
use crate::error::{overflow, risk_error, MarginError};
use crate::state::insolvency::{self, ProofChange};
use crate::state::{AccountBook, Limits, Market, OpenInterest};

/// The part of a book that changes hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    /// Of [`FRACTION_ONE`]; 0 to 1.
    pub fraction: u64,
    /// Cash that stays out of the slice, 1e-6 USD.
    pub reserved: Quote,
}

impl Slice {
    /// Moves the slice of every position, of collateral, of unreserved cash (a debt is negative cash) and of the interest due.
    /// Both accounts are open (`HouseDelta::open`); what the slice costs is the caller's to [`pay`].
    ///
    /// Errors: `PositionsFull`, `CollateralsFull`, `AmountOverflow`.
    pub fn transfer(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
    ) -> Result<OpenInterest> {
        let mut open = OpenInterest::default();
        self.transfer_positions(from, to, &mut open)?;
        self.transfer_collateral(from, to)?;
        self.transfer_cash(from, to)?;
        self.transfer_interest(from, to)?;
        Ok(open)
    }

    fn transfer_positions(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        open: &mut OpenInterest,
    ) -> Result<()> {
        // both books are sorted alike: one walk over each
        let (mut at, mut place) = (0usize, 0usize);
        while let Some(record) = from.position(at) {
            // A short leg is a liability: no slice leaves more of it behind than its share.
            let quantity = match record.quantity < 0 {
                true => part_away_from_zero(record.quantity, self.fraction),
                false => part_toward_zero(record.quantity, self.fraction),
            };
            let cost = part_toward_zero(record.cost, self.fraction);
            // |quantity| and |cost| do not exceed the record's, which can be negated: see the part's rounding.
            let given =
                from.change_position(at, quantity.saturating_neg(), cost.saturating_neg())?;
            let taken = to.add_position_from(&mut place, &record, quantity, cost)?;
            open.add_transfer(&record, given, taken)?;
            // A record that was sold whole is gone, and the next one stands in its place.
            at = at.saturating_add(usize::from(given.has_record));
        }
        Ok(())
    }

    fn transfer_collateral(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
    ) -> Result<()> {
        for balance in from.header.collateral {
            let part = part_floor(balance.amount, self.fraction);
            from.take_collateral(balance.bank, part)?;
            to.add_collateral(balance.bank, balance.offset_market, part)?;
        }
        Ok(())
    }

    fn transfer_cash(&self, from: &mut AccountBook<'_>, to: &mut AccountBook<'_>) -> Result<()> {
        let for_sale = from.header.cash.checked_sub(self.reserved.raw());
        let part = part_toward_zero(for_sale.ok_or_else(overflow)?, self.fraction);
        pay(to, from, part)
    }

    /// Moves the part of the interest due, which the price counts like cash.
    fn transfer_interest(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
    ) -> Result<()> {
        let part = part_floor(from.header.interest_due, self.fraction);
        let due = [
            from.header.interest_due.checked_sub(part),
            to.header.interest_due.checked_add(part),
        ];
        let [left, received] = due;
        from.header.interest_due = left.ok_or_else(overflow)?;
        to.header.interest_due = received.ok_or_else(overflow)?;
        Ok(())
    }
}

/// Moves cash to one account from another; a negative amount goes the other way.
pub(super) fn pay(to: &mut AccountBook<'_>, from: &mut AccountBook<'_>, amount: i64) -> Result<()> {
    to.add_cash(amount)?;
    from.add_cash(amount.checked_neg().ok_or_else(overflow)?)
}

/// A part of an amount, 1e-9, rounded down; exact.
fn part_floor(amount: u64, fraction: u64) -> u64 {
    split_part(amount, fraction, 0)
}

/// `amount x fraction / 1e9`, with `rounding` added before the division. Whole units of 1e9 and the rest apart: no 128 bits.
fn split_part(amount: u64, fraction: u64, rounding: u64) -> u64 {
    let fraction = fraction.min(FRACTION_ONE);
    let whole = amount.div_euclid(FRACTION_ONE).wrapping_mul(fraction); // at most the amount
    let rest = amount.rem_euclid(FRACTION_ONE).wrapping_mul(fraction); // below 1e18
    let part = rest.wrapping_add(rounding).div_euclid(FRACTION_ONE);
    whole.wrapping_add(part) // at most the amount, also rounded up: a rest that is not zero is below 1e9
}

/// A part of a signed amount, 1e-9, rounded toward zero.
fn part_toward_zero(amount: i64, fraction: u64) -> i64 {
    with_sign_of(amount, part_floor(amount.unsigned_abs(), fraction))
}

/// A part of a signed amount, 1e-9, rounded away from zero.
fn part_away_from_zero(amount: i64, fraction: u64) -> i64 {
    let most = FRACTION_ONE.saturating_sub(1);
    with_sign_of(amount, split_part(amount.unsigned_abs(), fraction, most))
}

/// A magnitude, at most the amount's, with its sign.
fn with_sign_of(amount: i64, magnitude: u64) -> i64 {
    let value = magnitude.cast_signed();
    match amount < 0 {
        true => value.wrapping_neg(),
        false => value,
    }
}

/// Writes what the slice changes of open interest to the liquidatee's markets, of which `cursor` stands at the first account
/// of the check. No limit applies: a slice makes open interest no larger, and a limit may stop no repair.
///
/// Errors: `MarketReadOnly` for a market that changes.
pub(super) fn write_open_interest(
    open: &OpenInterest,
    sold: &Scope,
    mut cursor: Cursor<'_>,
) -> Result<()> {
    for _ in sold.banks.as_slice() {
        cursor.next_pair()?;
    }
    for index in sold.markets.as_slice() {
        let account = cursor.next_pair()?;
        if !open.touches(*index) {
            continue;
        }
        if !account.is_writable {
            msg!("market {}", index);
            return err!(MarginError::MarketReadOnly);
        }
        let loader = AccountLoader::<Market>::try_from(account)?;
        let mut market = loader.load_mut()?;
        open.write(&mut market, Limits::Ignored)?;
    }
    Ok(())
}

/// INV-13: parts are rounded leg by leg, so that a bid improves the account is checked, not assumed. `cursor` stands at the
/// first account of the check.
///
/// Errors: `HealthNotImproved`.
pub(super) fn require_improved(
    check: &Check<'_>,
    book: &AccountBook<'_>,
    scope: &Scope,
    mut cursor: Cursor<'_>,
    before: &MarginReport,
) -> Result<()> {
    let after = check.evaluate(book, scope, &mut cursor)?.report;
    require_gt!(
        after.maintenance_health.raw(),
        before.maintenance_health.raw(),
        MarginError::HealthNotImproved
    );
    Ok(())
}

/// INV-14: the bidder ends with initial health. Prices that only a repair accepts are good enough for it where they were
/// needed to value the liquidatee (`accept_doubt`): they may not stop the repair. Nor may the charge for them: when the poster of
/// surfaces falls silent it grows to the whole notional of every option, which no keeper has.
///
/// `check` is whole; `scope` is the bidder's own and the liquidatee's.
pub(super) fn require_solvent_bidder(
    check: &Check<'_>,
    to: &AccountBook<'_>,
    scope: &Scope,
    accept_doubt: bool,
    cursor: &mut Cursor<'_>,
) -> Result<()> {
    let evaluation = check.evaluate(to, scope, cursor)?;
    let report = if accept_doubt {
        let mut report = evaluation.report;
        let charge = report.contingencies.confidence;
        report.initial_health = report
            .initial_health
            .checked_add(charge)
            .map_err(risk_error)?;
        report
    } else {
        evaluation.certain()?
    };
    check.require_openable(to.header.tier(), &report)
}

/// Books the share of a reward that the insurance fund gets, at least zero. It has left a bidder's cash and the funds behind balances
/// ([`crate::state::HouseDelta::add_funds`]), which took the clearing house writable.
///
/// Errors: `AmountOverflow`.
pub(super) fn pay_fund(clearinghouse: &AccountLoader<'_, Clearinghouse>, fee: Quote) -> Result<()> {
    if fee == Quote::ZERO {
        return Ok(());
    }
    let mut house = clearinghouse.load_mut()?;
    let fee = u64::try_from(fee.raw()).map_err(|_| overflow())?;
    let insurance = house.insurance.checked_add(fee);
    house.insurance = insurance.ok_or_else(overflow)?;
    Ok(())
}

/// The proof of a seller that has equity, so that it lacks nothing. Where its auction is over the clock of the insolvent phase
/// goes on all the same: it is the only other way to a bidder.
pub(super) fn correct_proof(check: &Check<'_>, seller: &mut MarginAccount) -> ProofChange {
    let elapsed = check.now.saturating_sub(seller.liquidation_started_at);
    let is_exhausted = check.house.liquidation.auction().is_exhausted(elapsed);
    match is_exhausted && seller.insolvent_at != 0 {
        true => insolvency::prove(seller, 0, check.now),
        false => insolvency::take_back(seller),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    /// Any number of any size, as many small as large ones.
    fn any(bits: &mut u64) -> u64 {
        *bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bits.rotate_left(29) >> (*bits >> 58)
    }

    #[test]
    fn parts_are_exact_for_amounts_of_any_size() {
        let one = u128::from(FRACTION_ONE);
        let mut bits = 7;
        let edges = [0, 1, FRACTION_ONE - 1, FRACTION_ONE, u64::MAX, 1 << 63];
        let amounts: Vec<u64> = (0..20_000).map(|_| any(&mut bits)).chain(edges).collect();
        for amount in amounts {
            for fraction in [0, 1, any(&mut bits) % FRACTION_ONE, FRACTION_ONE] {
                let product = u128::from(amount) * u128::from(fraction);
                assert_eq!(u128::from(part_floor(amount, fraction)), product / one);
                let signed = amount.cast_signed();
                let product = i128::from(signed) * i128::from(fraction);
                let toward = i64::try_from(product / one_signed()).expect("a part");
                assert_eq!(part_toward_zero(signed, fraction), toward);
                let away = product.signum() * i128::from(product % one_signed() != 0);
                let away = i64::try_from(product / one_signed() + away).expect("a part");
                assert_eq!(part_away_from_zero(signed, fraction), away);
            }
        }
    }

    fn one_signed() -> i128 {
        i128::from(FRACTION_ONE)
    }
}
