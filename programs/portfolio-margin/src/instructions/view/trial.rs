//! A copy of a margin account in memory, on which hypothetical legs take the path of a trade.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::market::Market;

use crate::bridge::{Check, Cursor, Evaluation, Observer, Scope};
use crate::error::MarginError;
use crate::instructions::trade::deal::{Deal, Effects, Judgement};
use crate::instructions::trade::leg_markets::{Access, LegMarkets};
use crate::instructions::trade::legs::validate_legs;
use crate::oracle::policy::Doubt;
use crate::state::{AccountBook, ExpirySlot, PricedLeg, Side};

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

    /// Applies the legs as a taker's and opens the account as it is then. `remaining` are those of a trade without the other side:
    /// the markets of the legs, then the accounts of the check.
    ///
    /// Errors: those of a trade up to its margin test.
    pub fn apply<'a, 'info>(
        &'a mut self,
        legs: &[TradeLeg],
        check: &'a Check<'a>,
        remaining: &'info [AccountInfo<'info>],
    ) -> Result<Applied<'a, 'info>> {
        let mut cursor = Cursor::new(remaining);
        let mut book = AccountBook::open(bytemuck::cast_slice_mut(&mut self.0))?;
        // No legs are no trade: the account is shown as it is, whatever it is.
        let (legs, doubt, scope) = match legs {
            [] => (Vec::new(), None, book.scope()?),
            _ => {
                validate_legs(legs, check.now)?;
                let markets = LegMarkets::load(legs, check, &mut cursor, Access::Read)?;
                let (legs, doubt) = (markets.legs, markets.doubt);
                let mut effects = Effects::none(check);
                // the copy stays open: nothing is written, and an open account is valued the same
                let (scope, _) = deal(&legs, check, doubt).apply(&mut book, &mut effects)?;
                effects.house.require_total()?;
                (legs, doubt, scope)
            }
        };
        Ok(Applied {
            book,
            check,
            legs,
            doubt,
            scope,
            cursor,
        })
    }
}

/// The legs as a taker's.
fn deal<'a>(legs: &'a [PricedLeg], check: &'a Check<'a>, doubt: Option<Doubt>) -> Deal<'a> {
    Deal {
        legs,
        side: Side::Taker,
        check,
        doubt,
    }
}

/// The copy after the legs.
pub struct Applied<'a, 'info> {
    /// The account.
    pub book: AccountBook<'a>,
    /// The whole check.
    pub check: &'a Check<'a>,
    legs: Vec<PricedLeg>,
    /// The worst doubt about what they were priced with.
    doubt: Option<Doubt>,
    /// What a check has to cover.
    scope: Scope,
    /// The accounts of the check.
    cursor: Cursor<'info>,
}

impl Applied<'_, '_> {
    /// Tests the margin as a trade does; the observer sees the account after the legs.
    pub fn judge(mut self, observer: &mut dyn Observer) -> Result<Judgement> {
        let mut cursor = self.cursor.clone();
        let deal = deal(&self.legs, self.check, self.doubt);
        let judgement = deal.judge(&mut self.book, &self.scope, &mut cursor, observer)?;
        cursor.finish()?;
        Ok(judgement)
    }

    /// Lets the observer see the account after the legs, without a margin test. Returns the code of the first doubt.
    ///
    /// A market that the observer answers itself is not margined.
    pub fn observe(&self, observer: &mut dyn Observer) -> Result<u32> {
        Ok(self.evaluate(observer)?.doubt_code())
    }

    /// The account's margin after the legs, without a margin test.
    pub fn evaluate(&self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let mut cursor = self.cursor.clone();
        let (book, scope) = (&self.book, &self.scope);
        let mut evaluation = self
            .check
            .evaluate_for(book, scope, &mut cursor, observer)?;
        evaluation.doubt = Doubt::worse(evaluation.doubt, self.doubt);
        cursor.finish()?;
        Ok(evaluation)
    }

    /// Whether legs are tried.
    pub fn is_hypothetical(&self) -> bool {
        !self.legs.is_empty()
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
