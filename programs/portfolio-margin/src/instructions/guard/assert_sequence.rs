//! Fails unless an account's sequence number lies between two others.
//!
//! The number rises with every change of the account and over all of its lives, so an equal one means an unchanged account.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::MarginAccount;

use crate::error::MarginError;

#[derive(Accounts)]
pub struct AssertSequence<'info> {
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl AssertSequence<'_> {
    fn validate(&self) -> Result<()> {
        // margin_account: owner and discriminator checked by its loader; anybody may look
        Ok(())
    }
}

pub fn handler(ctx: Context<AssertSequence>, least: u64, most: u64) -> Result<()> {
    ctx.accounts.validate()?;
    let sequence = ctx.accounts.margin_account.load()?.sequence;
    require_gte!(sequence, least, MarginError::SequenceMismatch);
    require_gte!(most, sequence, MarginError::SequenceMismatch);
    Ok(())
}
