//! Delists a venue: it fills nothing from then on, whoever approved it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, Venue};

use crate::error::{overflow, MarginError};
use crate::event::VenueDelisted;

/// Accounts of `delist_venue` and `relist_venue`.
#[derive(Accounts)]
pub struct ChangeVenue<'info> {
    pub governor: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub venue: AccountLoader<'info, Venue>,
}

impl ChangeVenue<'_> {
    /// Checks the accounts, and that the venue is listed or not.
    pub(super) fn validate(&self, is_listed: bool) -> Result<()> {
        // governor: signs, and is the clearing house's
        require_keys_eq!(
            self.clearinghouse.load()?.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse, venue: owner and discriminator checked by their loaders; the venue is the clearing house's
        let venue = self.venue.load()?;
        require_keys_eq!(
            venue.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        match (is_listed, venue.is_listed != 0) {
            (true, false) => err!(MarginError::VenueNotListed),
            (false, true) => err!(MarginError::VenueListed),
            _ => Ok(()),
        }
    }
}

pub fn handler(ctx: Context<ChangeVenue>) -> Result<()> {
    ctx.accounts.validate(true)?;
    let mut venue = ctx.accounts.venue.load_mut()?;
    venue.is_listed = 0;
    venue.sequence = venue.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(VenueDelisted {
        clearinghouse: venue.clearinghouse,
        program: venue.program,
        sequence: venue.sequence,
    });
    Ok(())
}
