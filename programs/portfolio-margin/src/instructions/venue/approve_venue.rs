//! Lets a listed venue fill trades of an account, until the owner revokes it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::MAX_VENUES;
use portfolio_margin_interface::state::{MarginAccount, Venue};

use crate::error::{overflow, MarginError};
use crate::event::VenueApproved;
use crate::state::require_owner;

#[derive(Accounts)]
pub struct ApproveVenue<'info> {
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub venue: AccountLoader<'info, Venue>,
}

impl ApproveVenue<'_> {
    fn validate(&self) -> Result<()> {
        // owner: signs, and owns the margin account; a delegate names no venue
        let account = self.margin_account.load()?;
        require_owner(&account, &self.owner.key())?;
        // margin_account, venue: owner and discriminator checked by their loaders; both of one clearing house, which lists
        // the venue
        let venue = self.venue.load()?;
        require_keys_eq!(
            venue.clearinghouse,
            account.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        require!(venue.is_listed != 0, MarginError::VenueNotListed);
        Ok(())
    }
}

pub fn handler(ctx: Context<ApproveVenue>) -> Result<()> {
    ctx.accounts.validate()?;
    let program = ctx.accounts.venue.load()?.program;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    // approved twice is approved
    if account.has_approved(&program) {
        return Ok(());
    }
    let mut places = account.venues.iter_mut();
    let Some(place) = places.find(|place| **place == Pubkey::default()) else {
        return Err(error!(MarginError::VenuesFull).with_values((MAX_VENUES, MAX_VENUES)));
    };
    *place = program;
    account.sequence = account.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(VenueApproved {
        margin_account: ctx.accounts.margin_account.key(),
        program,
        sequence: account.sequence,
    });
    Ok(())
}
