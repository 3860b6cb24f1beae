//! Layout of the interest on negative quote balances and of the losses that positive ones bear: indices, curve, limits; and what a
//! quote balance is worth by them.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::interest::{Curve, Interest};
use clearing_core::loss::Losses;

use crate::state::MarginAccount;

pub use clearing_core::interest::INDEX_ONE;

/// Interest of a clearing house: debts pay by a curve of their utilisation, balances receive it.
///
/// The indices are functions of this record and the time: read them through [`InterestRecord::at`].
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InterestRecord {
    /// What a debt of 1.0 has grown to, 1e-12.
    pub debt_index: u64,
    /// 1.0 and what a balance of 1.0 has received, 1e-12.
    pub balance_index: u64,
    /// When both last moved, Unix time.
    pub updated_at: i64,
    /// Sum of all debts as last charged, 1e-6 USD: what quote balances are below zero, exactly.
    pub debts: u64,
    /// Interest that debtors were charged less what was added to balances, 1e-6 USD; negative while debtors' interest is
    /// not charged yet.
    pub pool: i64,
    /// Tokens behind balances, 1e-6 USD: the quote bank's deposits less insurance and fees; negative where debts took more.
    pub funds: i64,
    /// The house's share of interest that it has not taken yet, 1e-6 USD.
    pub house_due: u64,
    /// Largest debt of one account, 1e-6 USD; zero: no debts.
    pub account_limit: u64,
    /// Largest sum of all debts, 1e-6 USD.
    pub limit: u64,
    /// Annual rate at no utilisation, 1e-6.
    pub rate_base: u32,
    /// Annual rate at the kink, 1e-6.
    pub rate_kink: u32,
    /// Annual rate at full utilisation, 1e-6.
    pub rate_full: u32,
    /// Utilisation of the kink, 1e-6.
    pub kink: u32,
    /// Share of interest that stays with the house, 1e-6.
    pub house_share: u32,
    /// Further fraction of `balance_index`, 2^-32 of 1e-12.
    pub balance_fraction: u32,
    /// What socialised losses have left of a balance of 1.0, 1e-12.
    pub loss_index: u64,
    /// Socialised losses that balances were not charged yet, 1e-6 USD: no less than what they will be.
    pub loss_due: u64,
}

impl InterestRecord {
    /// The curve; validated when the clearing house was created.
    pub fn curve(&self) -> Curve {
        Curve {
            base: self.rate_base,
            kink_rate: self.rate_kink,
            full: self.rate_full,
            kink: self.kink,
        }
    }

    /// Indices and sums as the arithmetic takes them.
    pub fn state(&self) -> Interest {
        // Tokens and debts are what balances, unspent interest, and pools of markets hold together; so less the interest this
        // is no less than the balances.
        let debts = i128::from(self.debts);
        let balances = i128::from(self.funds)
            .saturating_add(debts)
            .saturating_sub(self.pool.into());
        Interest {
            debt_index: self.debt_index,
            balance_index: self.balance_index,
            balance_fraction: self.balance_fraction,
            updated_at: self.updated_at,
            debts: self.debts,
            balances: u64::try_from(balances.max(0)).unwrap_or(u64::MAX),
            house_due: self.house_due,
        }
    }

    /// The record as it is at a time; see [`Interest::at`].
    #[must_use]
    pub fn at(&self, now: i64) -> Self {
        if self.debts == 0 {
            // nothing moves but the time, which starts the next debt
            return Self {
                updated_at: self.updated_at.max(now),
                ..*self
            };
        }
        let moved = self.state().at(&self.curve(), self.house_share, now);
        Self {
            debt_index: moved.debt_index,
            balance_index: moved.balance_index,
            balance_fraction: moved.balance_fraction,
            updated_at: moved.updated_at,
            house_due: moved.house_due,
            ..*self
        }
    }

    /// Interest that an account's quote balance has earned (positive) or owes (negative) since it was last changed, 1e-6 USD.
    ///
    /// `self` is the record at the time in question. Rounded down: a debt's up, a balance's down. An index of zero is that of
    /// an account that was not touched yet, or is being changed: no interest.
    pub fn pending_floor(&self, account: &MarginAccount) -> i64 {
        let (cash, from) = (account.cash, account.interest_index);
        if cash == 0 || from == 0 {
            return 0;
        }
        let amount = cash.unsigned_abs();
        match cash < 0 {
            // a charge is not negative, so it can be negated
            true if from >= self.debt_index => 0,
            true => self.state().charge_ceil(amount, from).saturating_neg(),
            false if from >= self.balance_index => 0,
            false => self.state().credit_floor(amount, from),
        }
    }

    /// The index of losses, and what of them balances were not charged yet.
    pub fn losses(&self) -> Losses {
        Losses {
            index: self.loss_index,
            due: self.loss_due,
        }
    }

    /// What an account's quote balance has lost since it was last changed, 1e-6 USD, rounded up: at most the balance. A debt bears no
    /// loss, nor does what was touched at this index.
    #[inline]
    pub fn loss_ceil(&self, account: &MarginAccount) -> u64 {
        match account.loss_index == self.loss_index || account.cash <= 0 {
            true => 0,
            false => {
                let balance = account.cash.unsigned_abs();
                self.losses().charge_ceil(balance, account.loss_index)
            }
        }
    }

    /// What an account's quote balance is worth with its interest and less what it lost, 1e-6 USD; saturates.
    ///
    /// `self` is the record at the time in question.
    pub fn value_floor(&self, account: &MarginAccount) -> i64 {
        let due = i64::try_from(account.interest_due).unwrap_or(i64::MAX);
        account
            .cash
            .saturating_sub_unsigned(self.loss_ceil(account))
            .saturating_add(due)
            .saturating_add(self.pending_floor(account))
    }

    /// The sum of positive quote balances as they are recorded, losses not charged yet included, 1e-6 USD: exactly.
    ///
    /// `of_markets` is what all markets of the house hold of the quote asset: [`crate::state::Market::quote_held`]. By the ledger,
    /// deposits are the sum of cash, insurance, fees, what markets hold, and the pool of interest; deposits less insurance and fees
    /// are `funds`, and the sum of cash is that of balances less that of debts. `None` where no house can be: the sum is no amount.
    pub fn balances_with(&self, of_markets: u64) -> Option<u64> {
        let sum = i128::from(self.funds)
            .checked_add(self.debts.into())?
            .checked_sub(self.pool.into())?
            .checked_sub(of_markets.into())?;
        u64::try_from(sum).ok()
    }

    /// Spreads a loss over balances that sum to `balances`, 1e-6 USD: the index falls, and whoever gets the money has it from the pool
    /// until balances are charged.
    ///
    /// `None` above [`Losses::most_floor`], with the record as it was.
    pub fn spread_loss(&mut self, balances: u64, loss: u64) -> Option<()> {
        let losses = self.losses().spread(balances, loss)?;
        self.pool = self.pool.checked_sub_unsigned(loss)?;
        (self.loss_index, self.loss_due) = (losses.index, losses.due);
        Some(())
    }

    /// The same at a time, of the record as it is stored. An account without pending interest, as each that an instruction changes,
    /// needs no index of interest: 90 CU for every time that it is valued.
    pub fn value_floor_at(&self, account: &MarginAccount, now: i64) -> i64 {
        match account.cash == 0 || account.interest_index == 0 {
            true => self.value_floor(account),
            false => self.at(now).value_floor(account),
        }
    }
}

const _: () = assert!(core::mem::size_of::<InterestRecord>() == 112);
