//! Moves a pro-rata slice of an account: the same part of everything, so that hedges travel with what they hedge.
//!
//! What leaves one account is exactly what the other receives. Assets are rounded toward zero and short options away from
//! zero: rounding, which a bidder can repeat, favours the account.

use anchor_lang::prelude::*;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::margin::MarginReport;
use risk_core::{Quantity, Quote};

use crate::bridge::{Check, Cursor, Scope};
use crate::error::{overflow, risk_error, MarginError};
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
        let mut index = 0usize;
        while let Some(record) = from.position(index) {
            let held = Quantity::from_raw(record.quantity);
            // A short option is a liability: no slice leaves more of it behind than its share.
            let is_short_option = record.quantity < 0 && record.strike > 0;
            let part = if is_short_option {
                held.scale_away_from_zero(self.fraction, FRACTION_ONE)
            } else {
                held.scale_toward_zero(self.fraction, FRACTION_ONE)
            };
            let quantity = part.map_err(risk_error)?.raw();
            let cost = Quote::from_raw(record.cost)
                .scale_toward_zero(self.fraction, FRACTION_ONE)
                .map_err(risk_error)?
                .raw();
            // |quantity| and |cost| do not exceed the record's, which can be negated: see the part's rounding.
            let given =
                from.add_position(&record, quantity.saturating_neg(), cost.saturating_neg())?;
            let taken = to.add_position(&record, quantity, cost)?;
            open.add(&record, given)?;
            open.add(&record, taken)?;
            // A record that was sold whole is gone, and the next one stands in its place.
            let emptied = quantity == record.quantity && cost == record.cost;
            index = index.saturating_add(usize::from(!emptied));
        }
        Ok(())
    }

    fn transfer_collateral(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
    ) -> Result<()> {
        for balance in from.header.collateral {
            let part = part_floor(balance.amount, self.fraction)?;
            from.take_collateral(balance.bank, part)?;
            to.add_collateral(balance.bank, balance.offset_market, part)?;
        }
        Ok(())
    }

    fn transfer_cash(&self, from: &mut AccountBook<'_>, to: &mut AccountBook<'_>) -> Result<()> {
        let for_sale = from.header.cash.checked_sub(self.reserved.raw());
        let part = Quote::from_raw(for_sale.ok_or_else(overflow)?)
            .scale_toward_zero(self.fraction, FRACTION_ONE)
            .map_err(risk_error)?;
        pay(to, from, part.raw())
    }

    /// Moves the part of the interest due, which the price counts like cash.
    fn transfer_interest(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
    ) -> Result<()> {
        let part = part_floor(from.header.interest_due, self.fraction)?;
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

/// A part of an amount, 1e-9, rounded down.
fn part_floor(amount: u64, fraction: u64) -> Result<u64> {
    u128::from(amount)
        .checked_mul(fraction.into())
        .and_then(|product| product.checked_div(FRACTION_ONE.into()))
        .and_then(|part| u64::try_from(part).ok())
        .ok_or_else(overflow)
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
