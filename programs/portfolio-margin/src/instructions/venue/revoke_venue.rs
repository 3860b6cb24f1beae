//! Takes a venue's approval back: it fills nothing for the account from then on. Works whatever became of the venue.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::MarginAccount;

use crate::error::{overflow, MarginError};
use crate::event::VenueRevoked;
use crate::state::require_owner;

#[derive(Accounts)]
pub struct RevokeVenue<'info> {
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl RevokeVenue<'_> {
    fn validate(&self) -> Result<()> {
        // owner: signs, and owns the margin account
        // margin_account: owner and discriminator checked by its loader
        require_owner(&*self.margin_account.load()?, &self.owner.key())
    }
}

pub fn handler(ctx: Context<RevokeVenue>, program: Pubkey) -> Result<()> {
    ctx.accounts.validate()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    // the zero key marks a free place and is no venue
    require!(
        account.has_approved(&program),
        MarginError::VenueNotApproved
    );
    for place in account.venues.iter_mut().filter(|place| **place == program) {
        *place = Pubkey::default();
    }
    account.sequence = account.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(VenueRevoked {
        margin_account: ctx.accounts.margin_account.key(),
        program,
        sequence: account.sequence,
    });
    Ok(())
}
