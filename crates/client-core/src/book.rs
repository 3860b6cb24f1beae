//! A margin account in memory, changed as the program changes it: what a plan does to both sides.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::size::MOST_SIZE;
use portfolio_margin_interface::state::{
    CollateralBalance, InterestRecord, MarginAccount, PositionRecord,
};
use risk_core::liquidation::FRACTION_ONE;

use crate::scope::Scope;

const OVERFLOW: ErrorCode = ErrorCode::AmountOverflow;

/// Header and records of one account.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub header: MarginAccount,
    /// Sorted by series.
    pub positions: Vec<PositionRecord>,
    /// Positions that there is room for.
    pub capacity: usize,
}

impl Book {
    pub fn scope(&self) -> Scope {
        Scope::of(&self.header, &self.positions)
    }

    pub fn size(&self) -> u32 {
        self.header.size(&self.positions)
    }

    /// Whether it holds anything but its quote balance.
    pub fn is_filled(&self) -> bool {
        !self.positions.is_empty() || self.header.used_collateral().next().is_some()
    }

    /// What its quote balance is below zero.
    pub fn debt(&self) -> u64 {
        self.header.cash.min(0).unsigned_abs()
    }

    pub fn add_cash(&mut self, amount: i64) -> Result<(), ErrorCode> {
        self.header.cash = self.header.cash.checked_add(amount).ok_or(OVERFLOW)?;
        Ok(())
    }

    /// Refuses an account that grew beyond what leaves a bid on it within one transaction; `before` is its size before.
    pub fn require_size(&self, before: u32) -> Result<(), ErrorCode> {
        match self.size() <= before.max(MOST_SIZE) {
            true => Ok(()),
            false => Err(ErrorCode::ScopeTooWide),
        }
    }

    /// Adds to a series; one of which nothing is left goes. Returns the quantity before and after.
    pub fn add_position(
        &mut self,
        series: &PositionRecord,
        quantity: i64,
        cost: i64,
    ) -> Result<(i64, i64), ErrorCode> {
        let key = series.key();
        match self.positions.binary_search_by(|held| held.key().cmp(&key)) {
            Err(_) if quantity == 0 && cost == 0 => Ok((0, 0)),
            Err(_) if self.positions.len() >= self.capacity => Err(ErrorCode::PositionsFull),
            Err(at) => {
                let record = PositionRecord {
                    quantity,
                    cost,
                    ..*series
                };
                self.positions.insert(at, record);
                Ok((0, quantity))
            }
            Ok(at) => {
                let Some(record) = self.positions.get_mut(at) else {
                    return Ok((0, 0));
                };
                let before = record.quantity;
                record.quantity = before.checked_add(quantity).ok_or(OVERFLOW)?;
                record.cost = record.cost.checked_add(cost).ok_or(OVERFLOW)?;
                let (after, left) = (record.quantity, record.cost);
                if after == 0 && left == 0 {
                    self.positions.remove(at);
                }
                Ok((before, after))
            }
        }
    }

    /// What is held of a series.
    pub fn held(&self, key: (u16, i64, u64, u8)) -> Option<&PositionRecord> {
        let at = self.positions.binary_search_by(|held| held.key().cmp(&key));
        at.ok().and_then(|at| self.positions.get(at))
    }

    fn add_collateral(&mut self, balance: &CollateralBalance, part: u64) -> Result<(), ErrorCode> {
        if part == 0 {
            return Ok(());
        }
        let slots = &mut self.header.collateral;
        let mut used = slots.iter_mut().filter(|held| held.amount > 0);
        if let Some(held) = used.find(|held| held.bank == balance.bank) {
            held.amount = held.amount.checked_add(part).ok_or(OVERFLOW)?;
            return Ok(());
        }
        let slot = slots.iter_mut().find(|held| held.amount == 0);
        *slot.ok_or(ErrorCode::CollateralsFull)? = CollateralBalance {
            amount: part,
            ..*balance
        };
        self.sort_collateral();
        Ok(())
    }

    fn take_collateral(&mut self, bank: u16, part: u64) {
        let mut used = self.header.collateral.iter_mut();
        if let Some(held) = used.find(|held| held.amount > 0 && held.bank == bank) {
            held.amount = held.amount.saturating_sub(part); // a part of it
            if held.amount == 0 {
                *held = CollateralBalance::default();
            }
        }
        self.sort_collateral();
    }

    /// By bank, packed to the front.
    fn sort_collateral(&mut self) {
        let key = |held: &CollateralBalance| (held.amount == 0, held.bank);
        self.header.collateral.sort_by_key(key);
    }
}

/// Moves a pro-rata part of everything but `reserved` cash, rounded as the program rounds it; both are open ([`House::open`]).
pub(crate) fn transfer_slice(
    from: &mut Book,
    to: &mut Book,
    fraction: u64,
    reserved: i64,
) -> Result<(), ErrorCode> {
    for record in from.positions.clone() {
        // of a short leg no slice leaves more behind than its share
        let quantity = match record.quantity < 0 {
            true => part_away_from_zero(record.quantity, fraction),
            false => part_toward_zero(record.quantity, fraction),
        };
        let cost = part_toward_zero(record.cost, fraction);
        from.add_position(&record, quantity.saturating_neg(), cost.saturating_neg())?;
        to.add_position(&record, quantity, cost)?;
    }
    for balance in from.header.collateral {
        let part = part_floor(balance.amount, fraction);
        from.take_collateral(balance.bank, part);
        to.add_collateral(&balance, part)?;
    }
    let for_sale = from.header.cash.checked_sub(reserved).ok_or(OVERFLOW)?;
    let part = part_toward_zero(for_sale, fraction);
    pay(to, from, part)?;
    let part = part_floor(from.header.interest_due, fraction);
    from.header.interest_due = from.header.interest_due.saturating_sub(part);
    to.header.interest_due = to.header.interest_due.checked_add(part).ok_or(OVERFLOW)?;
    Ok(())
}

/// Moves cash to one account from another.
pub(crate) fn pay(to: &mut Book, from: &mut Book, amount: i64) -> Result<(), ErrorCode> {
    to.add_cash(amount)?;
    from.add_cash(amount.checked_neg().ok_or(OVERFLOW)?)
}

/// `amount x fraction / 1e9`, rounded down.
fn part_floor(amount: u64, fraction: u64) -> u64 {
    split_part(amount, fraction, 0)
}

/// The same with `rounding` added before the division.
fn split_part(amount: u64, fraction: u64, rounding: u64) -> u64 {
    let product = u128::from(amount).saturating_mul(fraction.min(FRACTION_ONE).into());
    let part = product.saturating_add(rounding.into()) / u128::from(FRACTION_ONE);
    u64::try_from(part).unwrap_or(amount) // at most the amount
}

fn part_toward_zero(amount: i64, fraction: u64) -> i64 {
    with_sign_of(amount, part_floor(amount.unsigned_abs(), fraction))
}

fn part_away_from_zero(amount: i64, fraction: u64) -> i64 {
    let rounding = FRACTION_ONE.saturating_sub(1);
    with_sign_of(
        amount,
        split_part(amount.unsigned_abs(), fraction, rounding),
    )
}

/// A magnitude, at most the amount's, with its sign.
fn with_sign_of(amount: i64, magnitude: u64) -> i64 {
    let value = magnitude.cast_signed();
    match amount < 0 {
        true => value.wrapping_neg(),
        false => value,
    }
}

/// The clearing house's sums while accounts are open: interest and losses first, then the change, then the limits on debts.
#[derive(Clone, Debug)]
pub(crate) struct House {
    interest: InterestRecord,
    /// Change of the sum of debts.
    debts: i64,
    is_limited: bool,
}

impl House {
    /// At a time, with the record as it is then.
    pub fn new(interest: InterestRecord) -> Self {
        Self {
            interest,
            debts: 0,
            is_limited: false,
        }
    }

    /// Charges or credits interest up to now and charges losses; returns the debt.
    pub fn open(&mut self, book: &mut Book) -> Result<u64, ErrorCode> {
        let pending = self.interest.pending_floor(&book.header);
        if book.header.loss_index != self.interest.loss_index {
            self.charge_loss(book)?;
        }
        self.count(book.debt(), i64::checked_sub)?;
        if pending < 0 {
            book.add_cash(pending)?;
        } else {
            let due = book.header.interest_due;
            book.header.interest_due = due.saturating_add(pending.unsigned_abs());
        }
        book.header.interest_index = 0;
        Ok(book.debt())
    }

    fn charge_loss(&self, book: &mut Book) -> Result<(), ErrorCode> {
        let losses = self.interest.losses();
        let from = core::mem::replace(&mut book.header.loss_index, losses.index);
        let Ok(balance) = u64::try_from(book.header.cash) else {
            return Ok(()); // a debt
        };
        let charge = losses.charge_ceil(balance, from);
        let reserved = u64::try_from(book.header.reserved_cash).unwrap_or(0);
        let reserved = losses.charge_ceil(reserved, from);
        let left = book.header.reserved_cash.checked_sub_unsigned(reserved);
        book.header.reserved_cash = left.ok_or(OVERFLOW)?;
        let cash = book.header.cash.checked_sub_unsigned(charge);
        book.header.cash = cash.ok_or(OVERFLOW)?;
        Ok(())
    }

    /// Adds the interest that is due to an open account to its cash.
    pub fn book_due(&mut self, book: &mut Book) -> Result<(), ErrorCode> {
        let due = i64::try_from(book.header.interest_due).map_err(|_| OVERFLOW)?;
        book.header.interest_due = 0;
        book.add_cash(due)
    }

    /// Refuses a debt that grew from `opened` and passes the limit of one account.
    pub fn require_limit(&mut self, opened: u64, book: &Book) -> Result<(), ErrorCode> {
        let debt = book.debt();
        if debt <= opened {
            return Ok(());
        }
        self.is_limited = true;
        match self.interest.account_limit {
            0 => Err(ErrorCode::CashNegative),
            limit if debt > limit => Err(ErrorCode::DebtLimit),
            _ => Ok(()),
        }
    }

    /// Ends the changes of both accounts: refuses a sum of debts above its limit, where a debt grew that is subject to it.
    pub fn close(mut self, books: [&Book; 2]) -> Result<(), ErrorCode> {
        for book in books {
            self.count(book.debt(), i64::checked_add)?;
        }
        let total = self.interest.debts.checked_add_signed(self.debts);
        let is_over = total.ok_or(OVERFLOW)? > self.interest.limit;
        match self.is_limited && self.debts > 0 && is_over {
            true => Err(ErrorCode::DebtLimit),
            false => Ok(()),
        }
    }

    fn count(&mut self, debt: u64, change: fn(i64, i64) -> Option<i64>) -> Result<(), ErrorCode> {
        let debt = i64::try_from(debt).map_err(|_| OVERFLOW)?;
        self.debts = change(self.debts, debt).ok_or(OVERFLOW)?;
        Ok(())
    }
}
