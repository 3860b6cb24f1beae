//! A copy of a margin account in memory, on which hypothetical legs take the path of a trade.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::market::Market;

use crate::bridge::{Check, Cursor, Observer, Scope};
use crate::error::MarginError;
use crate::instructions::trade::deal::{Deal, Judgement};
use crate::instructions::trade::legs::validate_legs;
use crate::state::{AccountBook, ExpirySlot, Side};

/// An account's bytes on the heap, at most 9 KiB of its 32, aligned as its layout needs.
pub struct Trial(Vec<u64>);

impl Trial {
    /// Copies an account whose owner and discriminator were checked by its loader.
    pub fn of(account: &AccountLoader<'_, MarginAccount>) -> Result<Self> {
        let info = account.to_account_info();
        let data = info.try_borrow_data()?;
        let mut words = vec![0u64; data.len().div_ceil(8)];
        let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut words);
        if let Some(copy) = bytes.get_mut(..data.len()) {
            copy.copy_from_slice(&data);
        }
        Ok(Self(words))
    }

    /// Applies the legs as a taker's and opens the account as it is then.
    ///
    /// Errors: those of a trade up to its margin test.
    pub fn apply<'a>(
        &'a mut self,
        legs: &'a [TradeLeg],
        check: &'a Check<'a>,
    ) -> Result<Applied<'a>> {
        let mut book = AccountBook::open(bytemuck::cast_slice_mut(&mut self.0))?;
        let deal = Deal {
            legs,
            side: Side::Taker,
            check,
        };
        // No legs are no trade: the account is shown as it is, whatever it is.
        let scope = match legs {
            [] => book.scope()?,
            _ => {
                validate_legs(legs, check.now)?;
                deal.apply(&mut book)?
            }
        };
        Ok(Applied { book, deal, scope })
    }
}

/// The copy after the legs.
pub struct Applied<'a> {
    /// The account.
    pub book: AccountBook<'a>,
    /// The legs.
    pub deal: Deal<'a>,
    /// What a check has to cover.
    pub scope: Scope,
}

impl Applied<'_> {
    /// Tests the margin as a trade does; the observer sees the account after the legs.
    pub fn judge<'info>(
        &mut self,
        remaining: &'info [AccountInfo<'info>],
        observer: &mut dyn Observer,
    ) -> Result<Judgement> {
        let mut cursor = Cursor::new(remaining);
        let judgement = self
            .deal
            .judge(&mut self.book, &self.scope, &mut cursor, observer)?;
        cursor.finish()?;
        Ok(judgement)
    }

    /// Lets the observer see the account after the legs, without a margin test. Returns the code of the first doubt.
    ///
    /// A market that the observer answers itself is not margined.
    pub fn observe<'info>(
        &self,
        remaining: &'info [AccountInfo<'info>],
        observer: &mut dyn Observer,
    ) -> Result<u32> {
        let mut cursor = Cursor::new(remaining);
        let check = self.deal.check;
        let evaluation = check.evaluate_for(&self.book, &self.scope, &mut cursor, observer)?;
        cursor.finish()?;
        Ok(evaluation.doubt_code())
    }

    /// Whether legs are tried.
    pub fn is_hypothetical(&self) -> bool {
        !self.deal.legs.is_empty()
    }

    /// Refuses a market that the account neither holds nor would have traded.
    pub fn require_market(&self, market: u16) -> Result<()> {
        let markets = self.scope.markets.as_slice();
        if !markets.contains(&market) {
            msg!("market {} is not among {:?}", market, markets);
            return err!(MarginError::ViewOutOfRange);
        }
        Ok(())
    }
}

/// A market as the engine reads it.
pub type EngineMarket<'a> = Market<'a, ExpirySlot>;
