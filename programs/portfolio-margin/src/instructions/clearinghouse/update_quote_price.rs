//! Stores a checked price of the quote asset, so that margin checks need no price account for it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Clearinghouse;
use risk_core::params::AccountTerms;

use crate::error::{risk_error, MarginError};
use crate::event::QuotePriceUpdated;
use crate::oracle::{checked_price, OraclePolicy};

#[derive(Accounts)]
pub struct UpdateQuotePrice<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    /// CHECK: a price update of the quote asset's feed; every field is checked.
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
    let policy = OraclePolicy {
        feed_id: clearinghouse.quote_feed_id,
        max_age: clearinghouse.quote_max_age,
        max_confidence: clearinghouse.quote_max_confidence,
    };
    let (price, publish_time) = checked_price(&ctx.accounts.price, &policy, now)?.certain()?;
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
    emit!(QuotePriceUpdated {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        price: price.raw(),
        publish_time,
    });
    Ok(())
}
