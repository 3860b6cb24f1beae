//! Writes an expiry's final price once it is due. Nobody needs it: the first `settle_expiry` does the same.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, Market};

use super::{bump_market, finalize, slot_of, terms_of};
use crate::error::MarginError;
use crate::event::SettlementFinalized;

#[derive(Accounts)]
pub struct FinalizeSettlement<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

impl FinalizeSettlement<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's
        require_keys_eq!(
            self.market.load()?.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        Ok(())
    }
}

pub fn handler(ctx: Context<FinalizeSettlement>, expiry: i64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let terms = terms_of(&*accounts.clearinghouse.load()?);
    let mut market = accounts.market.load_mut()?;
    let (price, is_new) = finalize(slot_of(&mut market, expiry)?, &terms, now)?;
    if is_new {
        let sequence = bump_market(&mut market)?;
        emit!(SettlementFinalized {
            market: accounts.market.key(),
            expiry,
            price,
            sequence,
        });
    }
    Ok(())
}
