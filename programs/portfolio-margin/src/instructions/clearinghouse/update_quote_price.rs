//! Stores a checked price of the quote asset, so that margin checks need no price account for it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Clearinghouse;
use risk_core::params::AccountTerms;

use crate::error::{overflow, risk_error, MarginError};
use crate::event::QuotePriceUpdated;
use crate::oracle::{checked_price, Action, OraclePolicy};

#[derive(Accounts)]
pub struct UpdateQuotePrice<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    /// CHECK: a price account of the quote asset's kind and feed; every field is checked.
    pub price: UncheckedAccount<'info>,
}

impl UpdateQuotePrice<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; prices its quote asset
        let has_feed = self.clearinghouse.load()?.has_quote_feed();
        require!(has_feed, MarginError::QuoteFeedMissing);
        // price: owner, layout, feed, verification, sign, age and confidence are checked as it is read
        Ok(())
    }
}

pub fn handler(ctx: Context<UpdateQuotePrice>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let mut clearinghouse = ctx.accounts.clearinghouse.load_mut()?;
    let policy = OraclePolicy::of_quote(&clearinghouse);
    let checked = checked_price(&ctx.accounts.price, &policy, now)?;
    let (price, publish_time) = checked.accepted_by(Action::Store)?;
    require_gte!(
        publish_time,
        clearinghouse.quote_publish_time,
        MarginError::OracleOutdated
    );
    AccountTerms {
        quote_price: price,
        ..AccountTerms::PLAIN
    }
    .validate()
    .map_err(risk_error)?;
    clearinghouse.quote_price = price.raw();
    clearinghouse.quote_publish_time = publish_time;
    clearinghouse.sequence = clearinghouse.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(QuotePriceUpdated {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        price: price.raw(),
        publish_time,
        sequence: clearinghouse.sequence,
    });
    Ok(())
}
