//! Stores a price of a bank's asset, which stands in once the feed is dead; it ends an outage that somebody reported.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::CollateralBank;

use crate::error::{overflow, MarginError};
use crate::event::BankUpdated;
use crate::oracle::{checked_price, Action, OraclePolicy};

#[derive(Accounts)]
pub struct UpdateBank<'info> {
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    /// CHECK: a price account of the bank's kind and feed; every field is checked.
    pub price: UncheckedAccount<'info>,
}

impl UpdateBank<'_> {
    fn validate(&self) -> Result<()> {
        // bank: owner and discriminator checked by its loader; has a feed of its own
        require_feed_of_its_own(&*self.bank.load()?)
        // price: owner, layout, feed, verification, sign, age and confidence are checked as it is read
    }
}

/// Refuses the quote bank, which no feed prices, and a bank whose asset offsets the risk of a market: every check that covers it covers
/// that market, at one price account, so that the market stands in for both.
pub fn require_feed_of_its_own(bank: &CollateralBank) -> Result<()> {
    let has_own = bank.is_quote == 0 && bank.offset_market == 0;
    require!(has_own, MarginError::BankMismatch);
    Ok(())
}

pub fn handler(ctx: Context<UpdateBank>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let mut bank = ctx.accounts.bank.load_mut()?;
    let checked = checked_price(&ctx.accounts.price, &OraclePolicy::of_bank(&bank), now)?;
    require_gte!(
        checked.publish_time,
        bank.spot_publish_time,
        MarginError::OracleOutdated
    );
    // what ends an outage need not be good enough to store: the feed lives
    let ends_outage = bank.outage_at != 0 && Action::Repair.accepts(checked.doubt);
    if Action::Store.accepts(checked.doubt) || !ends_outage {
        let (spot, publish_time) = checked.accepted_by(Action::Store)?;
        bank.spot = spot.raw();
        bank.spot_publish_time = publish_time;
    }
    bank.outage_at = 0;
    bank.sequence = bank.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(BankUpdated {
        bank: ctx.accounts.bank.key(),
        spot: bank.spot,
        publish_time: bank.spot_publish_time,
        sequence: bank.sequence,
    });
    Ok(())
}
