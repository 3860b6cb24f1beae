//! The remaining accounts of a margin check: which ones it expects, and how they are taken.
//!
//! The order is canonical: the account's banks by index, each followed by its price; then its markets by index, each
//! followed by its price. Since indexes only rise, one comparison per account finds what is missing, extra, repeated,
//! reordered or foreign. A missing market is never "zero risk".

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};

use crate::error::MarginError;
use crate::state::index_set::MAX_INDEXES;
use crate::state::IndexSet;

/// Remaining accounts, taken from the front, and which price account was shown for each feed.
#[derive(Clone)]
pub struct Cursor<'info> {
    accounts: &'info [AccountInfo<'info>],
    prices: Vec<([u8; 32], &'info Pubkey)>,
}

impl<'info> Cursor<'info> {
    /// All remaining accounts of an instruction.
    pub fn new(accounts: &'info [AccountInfo<'info>]) -> Self {
        Self {
            accounts,
            prices: Vec::with_capacity(MAX_INDEXES),
        }
    }

    /// The next account.
    ///
    /// Errors: `RemainingAccountMissing`.
    pub fn next_account(&mut self) -> Result<&'info AccountInfo<'info>> {
        let (first, rest) = self.accounts.split_first().ok_or_else(|| {
            msg!(
                "every account passed was taken, {} of them prices",
                self.prices.len()
            );
            error!(MarginError::RemainingAccountMissing)
        })?;
        self.accounts = rest;
        Ok(first)
    }

    /// The next account as the price of a feed.
    ///
    /// Two verified updates of one feed can both be young enough. Whoever may mix them values what it gives at one price
    /// and what it takes at another, so an instruction uses one account per feed.
    pub fn next_price(&mut self, feed_id: &[u8; 32]) -> Result<&'info AccountInfo<'info>> {
        let account = self.next_account()?;
        match self.prices.iter().find(|(feed, _)| feed == feed_id) {
            None => self.prices.push((*feed_id, account.key)),
            Some((_, key)) => {
                require_keys_eq!(*account.key, **key, MarginError::OracleInconsistent);
            }
        }
        Ok(account)
    }

    /// The next account, and past the price that follows it.
    pub fn next_pair(&mut self) -> Result<&'info AccountInfo<'info>> {
        let account = self.next_account()?;
        self.next_account()?;
        Ok(account)
    }

    /// Refuses accounts that no check has taken.
    pub fn finish(self) -> Result<()> {
        match self.accounts.first() {
            None => Ok(()),
            Some(extra) => {
                msg!(
                    "{} accounts too many, the first: {}",
                    self.accounts.len(),
                    extra.key
                );
                err!(MarginError::UnexpectedAccount)
            }
        }
    }
}

/// What a check covers: every bank and market in these sets must be passed, also where the account holds none of it
/// any more.
#[derive(Clone, Copy)]
pub struct Scope {
    /// Banks by index.
    pub banks: IndexSet,
    /// Markets by index.
    pub markets: IndexSet,
}

impl Scope {
    /// Everything the account holds.
    pub fn of(header: &MarginAccount, positions: &[PositionRecord]) -> Result<Self> {
        let mut scope = Self {
            banks: IndexSet::default(),
            markets: IndexSet::default(),
        };
        for balance in header.used_collateral() {
            scope.banks.insert(balance.bank)?;
            // Also without positions there, so that what a trade opens is compared with the same collateral before it.
            if let Some(market) = balance.offset_market() {
                scope.markets.insert(market)?;
            }
        }
        let mut previous = None;
        for record in positions {
            if previous != Some(record.market) {
                scope.markets.insert(record.market)?;
                previous = Some(record.market);
            }
        }
        Ok(scope)
    }

    /// Everything that either scope covers.
    pub fn union(mut self, other: &Self) -> Result<Self> {
        for index in other.banks.as_slice() {
            self.banks.insert(*index)?;
        }
        for index in other.markets.as_slice() {
            self.markets.insert(*index)?;
        }
        Ok(self)
    }
}
