//! A margin account opened for change: header and position records, kept sorted and packed.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::MAX_EXPIRIES_HELD;
use portfolio_margin_interface::state::{CollateralBalance, MarginAccount, PositionRecord};
use portfolio_margin_interface::AccountLayout;
use risk_core::position::{ln_strike, Instrument};
use risk_core::{Price, Quantity};

use crate::bridge::Scope;
use crate::error::{overflow, risk_error, MarginError};

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

    fn sign(self, value: i64) -> Result<i64> {
        match self {
            Side::Taker => Ok(value),
            Side::Maker => value.checked_neg().ok_or_else(overflow),
        }
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

    /// Adds to the quote balance, which may pass below zero until [`AccountBook::require_cash`] is asked.
    pub fn add_cash(&mut self, amount: i64) -> Result<()> {
        let cash = self.header.cash.checked_add(amount);
        self.header.cash = cash.ok_or_else(overflow)?;
        Ok(())
    }

    /// Refuses a negative quote balance: there is no borrowing.
    pub fn require_cash(&self) -> Result<()> {
        require_gte!(self.header.cash, 0, MarginError::CashNegative);
        Ok(())
    }

    /// Exchanges legs: an option's premium against cash, the price of a perpetual or a future against its cost.
    ///
    /// Both sides compute the same magnitude, so cash and costs over the two accounts do not change.
    pub fn apply_legs(&mut self, legs: &[TradeLeg], side: Side) -> Result<()> {
        legs.iter().try_for_each(|leg| self.apply_leg(leg, side))
    }

    /// Undoes [`AccountBook::apply_legs`]: the last leg first, so that records come and go as they did.
    pub fn undo_legs(&mut self, legs: &[TradeLeg], side: Side) -> Result<()> {
        let side = side.opposite();
        legs.iter()
            .rev()
            .try_for_each(|leg| self.apply_leg(leg, side))
    }

    fn apply_leg(&mut self, leg: &TradeLeg, side: Side) -> Result<()> {
        let quantity = side.sign(leg.quantity)?;
        let paid = Quantity::from_raw(quantity)
            .notional(Price::from_raw(leg.price))
            .map_err(risk_error)?
            .raw();
        let is_option = is_option(leg);
        let cost = if is_option { 0 } else { paid };
        self.add_position(&series_of(leg), quantity, cost)?;
        if is_option {
            self.add_cash(paid.checked_neg().ok_or_else(overflow)?)?;
        }
        Ok(())
    }

    /// Adds to a series, keeping records sorted, merged and packed.
    ///
    /// A perpetual or a future without size stays while its cost is not zero: that is PnL which nobody has paid yet.
    pub fn add_position(
        &mut self,
        series: &PositionRecord,
        quantity: i64,
        cost: i64,
    ) -> Result<()> {
        let found = self
            .positions()
            .binary_search_by(|record| record.key().cmp(&series.key()));
        match found {
            Ok(at) => self.change_position(at, quantity, cost),
            Err(_) if quantity == 0 && cost == 0 => Ok(()),
            Err(at) => {
                let record = PositionRecord {
                    quantity,
                    cost,
                    ..*series
                };
                self.insert_position(at, record)
            }
        }
    }

    fn change_position(&mut self, at: usize, quantity: i64, cost: i64) -> Result<()> {
        let count = usize::from(self.header.position_count);
        let Some(tail) = self.records.get_mut(at..count) else {
            return err!(ErrorCode::AccountDidNotDeserialize);
        };
        let Some(record) = tail.first_mut() else {
            return err!(ErrorCode::AccountDidNotDeserialize);
        };
        let sums = record
            .quantity
            .checked_add(quantity)
            .zip(record.cost.checked_add(cost));
        (record.quantity, record.cost) = sums.ok_or_else(overflow)?;
        if record.quantity == 0 && record.cost == 0 {
            *record = bytemuck::Zeroable::zeroed();
            tail.rotate_left(1);
            self.header.position_count = self.header.position_count.saturating_sub(1);
        }
        Ok(())
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

    /// Refuses more expiries than leave a bid on the account within one transaction.
    pub fn require_expiries(&self) -> Result<()> {
        let dated = self.positions().iter().filter(|record| record.expiry != 0);
        let (mut count, mut previous) = (0usize, (0, 0));
        for record in dated {
            let expiry = (record.market, record.expiry);
            count = count.saturating_add(usize::from(expiry != previous));
            previous = expiry;
        }
        match count <= MAX_EXPIRIES_HELD {
            true => Ok(()),
            false => Err(error!(MarginError::ScopeTooWide).with_values((count, MAX_EXPIRIES_HELD))),
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

/// Whether a leg, whose instrument is known, is paid at once.
fn is_option(leg: &TradeLeg) -> bool {
    Instrument::from_code(leg.instrument).is_some_and(Instrument::is_option)
}

/// An empty record of a leg's series.
fn series_of(leg: &TradeLeg) -> PositionRecord {
    PositionRecord {
        market: leg.market,
        instrument: leg.instrument,
        padding: [0; 5],
        expiry: leg.expiry,
        strike: leg.strike,
        ln_strike: if is_option(leg) {
            ln_strike(Price::from_raw(leg.strike))
        } else {
            0
        },
        quantity: 0,
        cost: 0,
        reserved: [0; 2],
    }
}
