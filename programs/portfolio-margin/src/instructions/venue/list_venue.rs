//! Lists a program as a venue of a clearing house.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, Venue, LAYOUT_VERSION};
use portfolio_margin_interface::{seeds, AccountLayout};

use crate::error::{overflow, MarginError};
use crate::event::VenueListed;

#[derive(Accounts)]
pub struct ListVenue<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    /// CHECK: a program; what it does is its own affair.
    pub program: UncheckedAccount<'info>,
    #[account(
        init,
        payer = governor,
        space = Venue::ACCOUNT_LEN,
        seeds = [seeds::VENUE, clearinghouse.key().as_ref(), program.key().as_ref()],
        bump
    )]
    pub venue: AccountLoader<'info, Venue>,
    pub system_program: Program<'info, System>,
}

impl ListVenue<'_> {
    fn validate(&self) -> Result<()> {
        // governor: signs, pays, and is the clearing house's
        require_keys_eq!(
            self.clearinghouse.load()?.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse: owner and discriminator checked by its loader
        // program: exists as one; a wallet's key listed by mistake could never be told from a venue
        require!(self.program.executable, MarginError::VenueProgram);
        // venue: created here at its derived address
        // system_program: checked by its type
        Ok(())
    }
}

pub fn handler(ctx: Context<ListVenue>) -> Result<()> {
    ctx.accounts.validate()?;
    let (house, program) = (ctx.accounts.clearinghouse.key(), ctx.accounts.program.key());
    let mut venue = ctx.accounts.venue.load_init()?;
    venue.version = LAYOUT_VERSION;
    venue.bump = ctx.bumps.venue;
    venue.is_listed = 1;
    venue.clearinghouse = house;
    venue.program = program;
    venue.authority = seeds::venue_authority(&house, &program);
    venue.sequence = venue.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(VenueListed {
        clearinghouse: house,
        program,
        authority: venue.authority,
        sequence: venue.sequence,
    });
    Ok(())
}
