//! The one path by which quote balances change: interest and losses first, then the change, then the sums of the clearing house.
//!
//! An account's balance is `cash`, changed only between [`HouseDelta::open`] and [`HouseDelta::close`]:
//!
//! ```text
//! let mut delta = HouseDelta::new(&house.interest, now);
//! let opened = delta.open(&mut book)?;          // charges or credits interest up to now, charges losses
//! ...                                           // any number of changes of cash, checks of margin, undone legs
//! delta.require_limit(&opened, &book)?;         // where the change may not run into debt beyond the limits
//! delta.close(opened, &mut book)?;              // once per account, after its last change of cash
//! delta.apply(&accounts.clearinghouse)?;        // once, when no borrow of the clearing house lives any more
//! ```
//!
//! # The accounts, exact to the unit after every instruction
//!
//! - `interest.debts` is the sum of what quote balances are below zero. `open` takes the account's part out, `close` puts the new
//!   part in.
//! - Charging a debtor `x`: `cash -= x`, `interest.pool += x`. Adding interest due `y` to a balance: `cash += y`,
//!   `interest.pool -= y`. So the sum of cash and pool does not change, and the ledger identity
//!   `quote deposits == sum of cash + insurance + fees + pools of markets + interest.pool` is kept by each.
//! - What a positive balance earns is first collected in `interest_due`, which is no cash yet and moves no sum: a trade between two
//!   balances needs the clearing house read-only. It becomes cash in [`HouseDelta::book_due`], where the house is written anyway.
//! - `interest.pool` plus what debtors owe but were not charged is never less than all that is due: see
//!   [`clearing_core::interest`]. The pool alone may be negative meanwhile; then tokens of other balances have paid, and debtors
//!   owe them.
//!
//! - A loss that quote balances bear ([`clearing_core::loss`]) is taken out of `interest.pool` at once, and each balance pays its part
//!   `x` into it when it is next opened: `cash -= x`, `interest.pool += x`, `interest.loss_due -= max(x - 1, 0)`. So the first
//!   touch after a loss needs the house writable, as a debt does.
//!
//! While an account is open its index is zero, which means: no interest beyond what `cash` and `interest_due` say. So a check of
//! margin in between is right on either side of zero, whatever legs are applied and undone.
//!
//! A debt changes only where the clearing house is writable; else `ClearinghouseReadOnly`.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, InterestRecord};

use crate::error::{overflow, MarginError};
use crate::state::AccountBook;

/// Changes of the house's sums of interest, collected over one instruction.
pub struct HouseDelta {
    /// The record as it is now, before the changes.
    interest: InterestRecord,
    now: i64,
    debts: i64,
    pool: i64,
    funds: i64,
    /// Losses that balances were charged and that are due no more.
    loss: u64,
    /// Whether a debt grew that the limit of the sum is for.
    is_limited: bool,
}

/// An account whose cash may change; [`HouseDelta::close`] takes it back.
#[must_use = "an account that is opened must be closed"]
pub struct Opened {
    /// Its debt with interest when it was opened, 1e-6 USD.
    debt: u64,
}

impl HouseDelta {
    /// No change of a house with this record, at a time.
    pub fn new(interest: &InterestRecord, now: i64) -> Self {
        Self {
            interest: interest.at(now),
            now,
            debts: 0,
            pool: 0,
            funds: 0,
            loss: 0,
            is_limited: false,
        }
    }

    /// Charges or credits the account's interest up to now, charges its part of losses, and lets its cash change.
    ///
    /// Errors: `AmountOverflow` below -9.2e12 USD.
    pub fn open(&mut self, book: &mut AccountBook<'_>) -> Result<Opened> {
        let pending = self.interest.pending_floor(book.header);
        if book.header.loss_index != self.interest.loss_index {
            self.charge_loss(book)?;
        }
        self.add_debt(debt_of(book), i64::checked_sub)?;
        if pending < 0 {
            book.add_cash(pending)?;
            self.pool = self.pool.checked_sub(pending).ok_or_else(overflow)?;
        } else {
            let due = book.header.interest_due;
            book.header.interest_due = due.saturating_add(pending.unsigned_abs());
        }
        book.header.interest_index = 0;
        Ok(Opened {
            debt: debt_of(book),
        })
    }

    /// Charges the account's part of the losses since it was last touched. Of what liquidators paid the same part is lost: else it
    /// would come to more than the cash that it is in, and stop what sells the rest.
    #[inline(never)]
    fn charge_loss(&mut self, book: &mut AccountBook<'_>) -> Result<()> {
        let losses = self.interest.losses();
        let from = core::mem::replace(&mut book.header.loss_index, losses.index);
        let Ok(balance) = u64::try_from(book.header.cash) else {
            return Ok(()); // a debt
        };
        let charge = losses.charge_ceil(balance, from);
        let reserved = u64::try_from(book.header.reserved_cash).unwrap_or(0);
        let reserved = losses.charge_ceil(reserved, from);
        let left = book.header.reserved_cash.checked_sub_unsigned(reserved);
        book.header.reserved_cash = left.ok_or_else(overflow)?;
        let cash = book.header.cash.checked_sub_unsigned(charge);
        book.header.cash = cash.ok_or_else(overflow)?;
        self.pool = self
            .pool
            .checked_add_unsigned(charge)
            .ok_or_else(overflow)?;
        // rounded up by less than a unit, which was not due
        self.loss = self.loss.saturating_add(charge.saturating_sub(1));
        Ok(())
    }

    /// Adds the interest that is due to an open account to its cash. Only where the clearing house is written in any case.
    pub fn book_due(&mut self, book: &mut AccountBook<'_>) -> Result<()> {
        let due = i64::try_from(book.header.interest_due).map_err(|_| overflow())?;
        book.add_cash(due)?;
        book.header.interest_due = 0;
        self.pool = self.pool.checked_sub(due).ok_or_else(overflow)?;
        Ok(())
    }

    /// Refuses a debt that grew and passes the limit of one account. That of the sum is checked by [`HouseDelta::apply`].
    ///
    /// Errors: `CashNegative` where there are no debts, `DebtLimit`.
    pub fn require_limit(&mut self, opened: &Opened, book: &AccountBook<'_>) -> Result<()> {
        let debt = debt_of(book);
        if debt <= opened.debt {
            return Ok(());
        }
        let limit = self.interest.account_limit;
        if limit == 0 {
            let cash = book.header.cash;
            return Err(error!(MarginError::CashNegative).with_values((cash, 0)));
        }
        require_gte!(limit, debt, MarginError::DebtLimit);
        self.is_limited = true;
        Ok(())
    }

    /// Ends the changes of an account: it earns or owes interest from now on.
    pub fn close(&mut self, opened: Opened, book: &mut AccountBook<'_>) -> Result<()> {
        let Opened { debt: _ } = opened;
        book.header.interest_index = match book.header.cash < 0 {
            true => self.interest.debt_index,
            false => self.interest.state().balance_start(),
        };
        self.add_debt(debt_of(book), i64::checked_add)
    }

    /// Counts quote tokens that came into the bank (or left, where negative) for balances: not for insurance or fees.
    pub fn add_funds(&mut self, amount: i64) -> Result<()> {
        self.funds = self.funds.checked_add(amount).ok_or_else(overflow)?;
        Ok(())
    }

    /// Refuses a sum of debts above its limit, where a debt grew that is subject to it.
    ///
    /// Errors: `DebtLimit`.
    pub fn require_total(&self) -> Result<()> {
        if self.is_limited && self.debts > 0 {
            let limit = self.interest.limit;
            require_gte!(limit, self.total_debts()?, MarginError::DebtLimit);
        }
        Ok(())
    }

    /// The sum of debts after the changes.
    fn total_debts(&self) -> Result<u64> {
        let sum = self.interest.debts.checked_add_signed(self.debts);
        sum.ok_or_else(overflow)
    }

    /// Whether the clearing house must be writable.
    pub fn is_needed(&self) -> bool {
        self.debts != 0 || self.pool != 0 || self.funds != 0 || self.loss != 0
    }

    /// Writes the changes, and the indices up to now; nothing where there are none.
    ///
    /// Errors: `ClearinghouseReadOnly`, `DebtLimit`.
    pub fn apply(self, clearinghouse: &AccountLoader<'_, Clearinghouse>) -> Result<()> {
        if !self.is_needed() {
            return Ok(());
        }
        require!(
            clearinghouse.to_account_info().is_writable,
            MarginError::ClearinghouseReadOnly
        );
        self.apply_to(&mut *clearinghouse.load_mut()?)
    }

    /// The same for a house that is open already.
    pub fn apply_to(self, house: &mut Clearinghouse) -> Result<()> {
        self.require_total()?;
        let mut interest = house.interest.at(self.now);
        interest.debts = self.total_debts()?;
        let sums = interest
            .pool
            .checked_add(self.pool)
            .zip(interest.funds.checked_add(self.funds));
        (interest.pool, interest.funds) = sums.ok_or_else(overflow)?;
        interest.loss_due = interest.loss_due.saturating_sub(self.loss); // never less: what is due is not understated
        house.interest = interest;
        Ok(())
    }

    fn add_debt(&mut self, debt: u64, change: fn(i64, i64) -> Option<i64>) -> Result<()> {
        let debt = i64::try_from(debt).map_err(|_| overflow())?;
        self.debts = change(self.debts, debt).ok_or_else(overflow)?;
        Ok(())
    }
}

/// What an account's quote balance is below zero.
fn debt_of(book: &AccountBook<'_>) -> u64 {
    book.header.cash.min(0).unsigned_abs()
}
