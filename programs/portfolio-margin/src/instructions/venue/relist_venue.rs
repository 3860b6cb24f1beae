//! Lists a venue again that was delisted. Approvals of accounts stood all the while and count again.

use anchor_lang::prelude::*;

use super::delist_venue::ChangeVenue;
use crate::error::overflow;
use crate::event::VenueListed;

pub fn handler(ctx: Context<ChangeVenue>) -> Result<()> {
    ctx.accounts.validate(false)?;
    let mut venue = ctx.accounts.venue.load_mut()?;
    venue.is_listed = 1;
    venue.sequence = venue.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(VenueListed {
        clearinghouse: venue.clearinghouse,
        program: venue.program,
        authority: venue.authority,
        sequence: venue.sequence,
    });
    Ok(())
}
