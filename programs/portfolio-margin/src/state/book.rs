//! A margin account opened for change: header and position records, kept sorted and packed.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::size::MOST_SIZE;
use portfolio_margin_interface::state::{CollateralBalance, MarginAccount, PositionRecord};
use portfolio_margin_interface::AccountLayout;

use super::priced_leg::PricedLeg;
use crate::bridge::Scope;
use crate::error::{overflow, MarginError};

/// Which side of a trade an account is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The legs as written.
    Taker,
    /// The legs with the sign of quantity turned.
    Maker,
}

impl Side {
    /// The other side.
    const fn opposite(self) -> Self {
        match self {
            Side::Taker => Side::Maker,
            Side::Maker => Side::Taker,
        }
    }

    /// A taker's amount as this side sees it.
    pub fn sign(self, value: i64) -> Result<i64> {
        match self {
            Side::Taker => Ok(value),
            Side::Maker => value.checked_neg().ok_or_else(overflow),
        }
    }
}

/// How the record of a series changed: what open interest and limits are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Quantity before, 1e-6 base units; zero without a record.
    pub before: i64,
    /// Quantity after.
    pub after: i64,
    /// Whether there was a record.
    pub had_record: bool,
    /// Whether there is one.
    pub has_record: bool,
}

impl Change {
    /// By how much the long quantity grew.
    ///
    /// Errors: none for quantities of records, of which neither is below zero here.
    pub fn long(&self) -> Result<i64> {
        let grown = self.after.max(0).checked_sub(self.before.max(0));
        grown.ok_or_else(overflow)
    }

    /// By how many records there are more: -1, 0 or 1.
    pub fn records(&self) -> i32 {
        i32::from(self.has_record).saturating_sub(i32::from(self.had_record))
    }

    /// Whether the position is larger by magnitude than it was.
    pub fn grows(&self) -> bool {
        self.after.unsigned_abs() > self.before.unsigned_abs()
    }
}

/// Header and records of one account, both borrowed from its data.
pub struct AccountBook<'a> {
    /// The fixed part.
    pub header: &'a mut MarginAccount,
    /// All records the account has room for; the first `position_count` are in use.
    records: &'a mut [PositionRecord],
}

impl<'a> AccountBook<'a> {
    /// Opens account data whose owner and discriminator were checked by its `AccountLoader`.
    pub fn open(data: &'a mut [u8]) -> Result<Self> {
        let malformed = || error!(ErrorCode::AccountDidNotDeserialize);
        let (fixed, records) = data
            .split_at_mut_checked(MarginAccount::ACCOUNT_LEN)
            .ok_or_else(malformed)?;
        let header = fixed
            .get_mut(portfolio_margin_interface::DISCRIMINATOR_LEN..)
            .ok_or_else(malformed)?;
        Ok(Self {
            header: bytemuck::try_from_bytes_mut(header).map_err(|_| malformed())?,
            records: bytemuck::try_cast_slice_mut(records).map_err(|_| malformed())?,
        })
    }

    /// Records in use.
    pub fn positions(&self) -> &[PositionRecord] {
        self.records
            .get(..usize::from(self.header.position_count))
            .unwrap_or_default()
    }

    /// Records of one market.
    pub fn in_market(&self, index: u16) -> &[PositionRecord] {
        let held = self.positions();
        let end = held.partition_point(|record| record.market <= index);
        let held = held.get(..end).unwrap_or_default();
        let start = held.partition_point(|record| record.market < index);
        held.get(start..).unwrap_or_default()
    }

    /// Everything that a margin check of this account covers.
    pub fn scope(&self) -> Result<Scope> {
        Scope::of(self.header, self.positions())
    }

    /// Marks a change: every one raises the sequence number (INV-19).
    pub fn bump_sequence(&mut self) -> Result<u64> {
        let next = self.header.sequence.checked_add(1);
        self.header.sequence = next.ok_or_else(overflow)?;
        Ok(self.header.sequence)
    }

    /// Adds to the quote balance, which may pass below zero: only between [`crate::state::HouseDelta`]'s `open` and `close`.
    pub fn add_cash(&mut self, amount: i64) -> Result<()> {
        let cash = self.header.cash.checked_add(amount);
        self.header.cash = cash.ok_or_else(overflow)?;
        Ok(())
    }

    /// Exchanges legs and pays their fees: an option's premium against cash, the price of a perpetual or a future against its
    /// cost. Tells `changed` of each record.
    ///
    /// Both sides move the same magnitude, so that premiums and costs over the two accounts do not change; fees leave both.
    pub fn apply_legs(
        &mut self,
        legs: &[PricedLeg],
        side: Side,
        mut changed: impl FnMut(&PricedLeg, Change) -> Result<()>,
    ) -> Result<()> {
        for leg in legs {
            let change = self.apply_leg(leg, side)?;
            changed(leg, change)?;
            self.add_cash(leg.fee(side).checked_neg().ok_or_else(overflow)?)?;
        }
        Ok(())
    }

    /// Undoes [`AccountBook::apply_legs`]: the last leg first, so that records come and go as they did.
    pub fn undo_legs(&mut self, legs: &[PricedLeg], side: Side) -> Result<()> {
        for leg in legs.iter().rev() {
            self.add_cash(leg.fee(side))?;
            self.apply_leg(leg, side.opposite())?;
        }
        Ok(())
    }

    fn apply_leg(&mut self, leg: &PricedLeg, side: Side) -> Result<Change> {
        let quantity = side.sign(leg.quantity)?;
        let paid = side.sign(leg.paid)?;
        if !leg.is_option() {
            return self.add_position(&leg.series, quantity, paid);
        }
        self.add_cash(paid.checked_neg().ok_or_else(overflow)?)?;
        self.add_position(&leg.series, quantity, 0)
    }

    /// Adds to a series, keeping records sorted, merged and packed; returns what open interest has to know.
    ///
    /// A perpetual or a future without size stays while its cost is not zero: that is PnL which nobody has paid yet.
    pub fn add_position(
        &mut self,
        series: &PositionRecord,
        quantity: i64,
        cost: i64,
    ) -> Result<Change> {
        let found = self
            .positions()
            .binary_search_by(|record| record.key().cmp(&series.key()));
        self.put_position(found, series, quantity, cost)
    }

    /// The same for a walk over sorted series: `place` is that of the series before, at first zero, and becomes this one's.
    pub fn add_position_from(
        &mut self,
        place: &mut usize,
        series: &PositionRecord,
        quantity: i64,
        cost: i64,
    ) -> Result<Change> {
        let key = series.key();
        let mut next = None;
        while let Some(record) = self.positions().get(*place) {
            next = Some(record.key());
            if next >= Some(key) {
                break;
            }
            *place = place.saturating_add(1);
            next = None;
        }
        let found = match next == Some(key) {
            true => Ok(*place),
            false => Err(*place),
        };
        self.put_position(found, series, quantity, cost)
    }

    /// Adds to the series at the place where it is, or is to be.
    fn put_position(
        &mut self,
        found: core::result::Result<usize, usize>,
        series: &PositionRecord,
        quantity: i64,
        cost: i64,
    ) -> Result<Change> {
        match found {
            Ok(at) => self.change_position(at, quantity, cost),
            Err(_) if quantity == 0 && cost == 0 => Ok(Change::default()),
            Err(at) => {
                let record = PositionRecord {
                    quantity,
                    cost,
                    ..*series
                };
                self.insert_position(at, record)?;
                Ok(Change {
                    after: quantity,
                    has_record: true,
                    ..Change::default()
                })
            }
        }
    }

    /// Adds to the record at a place; one of which nothing is left goes.
    pub fn change_position(&mut self, at: usize, quantity: i64, cost: i64) -> Result<Change> {
        let count = usize::from(self.header.position_count);
        let Some(tail) = self.records.get_mut(at..count) else {
            return err!(ErrorCode::AccountDidNotDeserialize);
        };
        let Some(record) = tail.first_mut() else {
            return err!(ErrorCode::AccountDidNotDeserialize);
        };
        let before = record.quantity;
        let sums = record
            .quantity
            .checked_add(quantity)
            .zip(record.cost.checked_add(cost));
        (record.quantity, record.cost) = sums.ok_or_else(overflow)?;
        let after = record.quantity;
        let has_record = after != 0 || record.cost != 0;
        if !has_record {
            *record = bytemuck::Zeroable::zeroed();
            tail.rotate_left(1);
            self.header.position_count = self.header.position_count.saturating_sub(1);
        }
        Ok(Change {
            before,
            after,
            had_record: true,
            has_record,
        })
    }

    fn insert_position(&mut self, at: usize, record: PositionRecord) -> Result<()> {
        let grown = usize::from(self.header.position_count).saturating_add(1);
        let capacity = self.records.len();
        let Some(tail) = self.records.get_mut(at..grown) else {
            return Err(error!(MarginError::PositionsFull).with_values((grown, capacity)));
        };
        tail.rotate_right(1);
        if let Some(slot) = tail.first_mut() {
            *slot = record;
        }
        self.header.position_count = self.header.position_count.saturating_add(1);
        Ok(())
    }

    /// What one bid on the account can cost, compute units.
    pub fn size(&self) -> u32 {
        self.header.size(self.positions())
    }

    /// Refuses an account that grew beyond what leaves a bid on it within one transaction; `before` is its size before the change.
    /// One that was larger may always shrink.
    ///
    /// Errors: `ScopeTooWide` with the size and the largest.
    pub fn require_size(&self, before: u32) -> Result<()> {
        let size = self.size();
        match size <= before.max(MOST_SIZE) {
            true => Ok(()),
            false => Err(error!(MarginError::ScopeTooWide).with_values((size, MOST_SIZE))),
        }
    }

    /// The record at `index`, for walking the book while it changes.
    pub fn position(&self, index: usize) -> Option<PositionRecord> {
        self.positions().get(index).copied()
    }

    /// Adds native units of a bank, keeping collateral sorted by bank and packed. `offset_market` is the bank's.
    ///
    /// Errors: `CollateralsFull`, `AmountOverflow`.
    pub fn add_collateral(&mut self, bank: u16, offset_market: u16, amount: u64) -> Result<()> {
        if amount == 0 {
            return Ok(());
        }
        let full = || error!(MarginError::CollateralsFull).with_values((bank, amount));
        let balances = &mut self.header.collateral;
        if let Some(held) = balances.iter_mut().find(|b| b.amount > 0 && b.bank == bank) {
            held.amount = held.amount.checked_add(amount).ok_or_else(overflow)?;
            return Ok(());
        }
        let at = balances
            .iter()
            .position(|b| b.amount == 0 || b.bank > bank)
            .ok_or_else(full)?;
        if balances.last().is_some_and(|b| b.amount > 0) {
            return Err(full());
        }
        if let Some(tail) = balances.get_mut(at..) {
            tail.rotate_right(1);
            if let Some(slot) = tail.first_mut() {
                *slot = CollateralBalance {
                    bank,
                    offset_market,
                    padding: [0; 2],
                    amount,
                };
            }
        }
        Ok(())
    }

    /// Takes native units of a bank.
    ///
    /// Errors: `BalanceInsufficient` with what is held and what was asked for.
    pub fn take_collateral(&mut self, bank: u16, amount: u64) -> Result<()> {
        let balances = &mut self.header.collateral;
        let at = balances.iter().position(|b| b.amount > 0 && b.bank == bank);
        let tail = at.and_then(|at| balances.get_mut(at..)).unwrap_or_default();
        let held = tail.first().map_or(0, |balance| balance.amount);
        let Some(rest) = held.checked_sub(amount) else {
            return Err(error!(MarginError::BalanceInsufficient).with_values((held, amount)));
        };
        if let Some(balance) = tail.first_mut() {
            balance.amount = rest;
            if rest == 0 {
                *balance = CollateralBalance::default();
                tail.rotate_left(1);
            }
        }
        Ok(())
    }
}
