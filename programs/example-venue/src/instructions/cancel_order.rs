//! Removes an order, for its owner at any time and for anybody once it is over.

use anchor_lang::prelude::*;

use crate::order::Order;
use crate::VenueError;

#[derive(Accounts)]
pub struct CancelOrder<'info> {
    pub signer: Signer<'info>,
    /// CHECK: gets the rent; the order's owner.
    #[account(mut, address = order.owner @ VenueError::NotOwner)]
    pub owner: UncheckedAccount<'info>,
    #[account(mut, close = owner)]
    pub order: Account<'info, Order>,
}

impl CancelOrder<'_> {
    fn validate(&self) -> Result<()> {
        // signer: the owner, after the order's time anybody
        // owner: the order's, checked by its constraint
        // order: owner and discriminator checked by its type
        let is_over = Clock::get()?.unix_timestamp >= self.order.expires;
        if !is_over {
            require_keys_eq!(self.signer.key(), self.order.owner, VenueError::NotOwner);
        }
        Ok(())
    }
}

pub fn handler(ctx: Context<CancelOrder>) -> Result<()> {
    ctx.accounts.validate()
}
