//! Trades for two accounts that approved the venue which calls: the venue's signature stands for both of theirs.
//!
//! Margin, bands, limits and fees are those of a trade. Whom the venue asked before it called is between it and the owners:
//! an approved venue can trade for an account at any price that the bands allow, and nothing else.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Venue};

use crate::error::MarginError;
use crate::instructions::trade::exchange::Exchange;

#[derive(Accounts)]
pub struct VenueFill<'info> {
    pub venue_authority: Signer<'info>,
    pub venue: AccountLoader<'info, Venue>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub taker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub maker: AccountLoader<'info, MarginAccount>,
}

impl VenueFill<'_> {
    fn validate(&self) -> Result<()> {
        // venue: owner and discriminator checked by its loader; of this clearing house, and listed
        let venue = self.venue.load()?;
        require_keys_eq!(
            venue.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require!(venue.is_listed != 0, MarginError::VenueNotListed);
        // venue_authority: signs; only the venue's program can sign for this address
        require_keys_eq!(
            venue.authority,
            self.venue_authority.key(),
            MarginError::Unauthorized
        );
        // clearinghouse: owner and discriminator checked by its loader
        // taker, maker: owner and discriminator checked by their loaders; each approved the venue; what they have to do with
        // each other and with the clearing house is checked by the exchange
        for account in [&self.taker, &self.maker] {
            if !account.load()?.has_approved(&venue.program) {
                return Err(error!(MarginError::VenueNotApproved)
                    .with_pubkeys((account.key(), venue.program)));
            }
        }
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, VenueFill<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let exchange = Exchange {
        clearinghouse: &accounts.clearinghouse,
        taker: &accounts.taker,
        maker: &accounts.maker,
        legs: &legs,
        now: Clock::get()?.unix_timestamp,
    };
    exchange.validate()?;
    exchange.execute(ctx.remaining_accounts)?;
    Ok(())
}
