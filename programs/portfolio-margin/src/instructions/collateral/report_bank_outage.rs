//! Claims that the feed of a bank is dead; whoever knows better answers with `update_bank`.
//!
//! An hour without an answer later, what the bank stored stands in for the feed in repairs and reductions, or nothing where it never
//! stored a price: see [`crate::oracle::outage`].

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::CollateralBank;

use super::update_bank::require_feed_of_its_own;
use crate::error::{overflow, MarginError};
use crate::event::BankOutageReported;
use crate::oracle::outage::OUTAGE_LEAST_AGE;

#[derive(Accounts)]
pub struct ReportBankOutage<'info> {
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
}

impl ReportBankOutage<'_> {
    fn validate(&self, now: i64) -> Result<()> {
        // bank: owner and discriminator checked by its loader; has a feed of its own, has stored no price of late, and no outage is
        // reported
        let bank = self.bank.load()?;
        require_feed_of_its_own(&bank)?;
        let age = now.saturating_sub(bank.spot_publish_time);
        if bank.outage_at != 0 || age < OUTAGE_LEAST_AGE {
            msg!("spot {}, outage at {}", bank.spot, bank.outage_at);
            return Err(error!(MarginError::OutageRefused).with_values((age, OUTAGE_LEAST_AGE)));
        }
        Ok(())
    }
}

pub fn handler(ctx: Context<ReportBankOutage>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    ctx.accounts.validate(now)?;
    let mut bank = ctx.accounts.bank.load_mut()?;
    bank.outage_at = now;
    bank.sequence = bank.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(BankOutageReported {
        bank: ctx.accounts.bank.key(),
        spot: bank.spot,
        publish_time: bank.spot_publish_time,
        outage_at: now,
        sequence: bank.sequence,
    });
    Ok(())
}
