//! Places an order. Whether it makes sense is the clearing house's business when it is taken: an order of a series that does not exist
//! can be placed and never filled.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::MarginAccount;

use crate::order::{Order, OrderArgs, ORDER};
use crate::VenueError;

#[derive(Accounts)]
#[instruction(args: OrderArgs)]
pub struct PlaceOrder<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(
        init,
        payer = owner,
        space = Order::ACCOUNT_LEN,
        seeds = [ORDER, margin_account.key().as_ref(), &args.id.to_le_bytes()],
        bump
    )]
    pub order: Account<'info, Order>,
    pub system_program: Program<'info, System>,
}

impl PlaceOrder<'_> {
    fn validate(&self, args: &OrderArgs) -> Result<()> {
        // owner: signs, pays, and owns the margin account. The only consent to the order that there will be.
        let account = self.margin_account.load()?;
        require_keys_eq!(account.owner, self.owner.key(), VenueError::NotOwner);
        // margin_account: of the clearing house's program, by its loader; approved this venue, else no fill could succeed
        require!(account.has_approved(&crate::ID), VenueError::NotApproved);
        // order: created here at its derived address
        // system_program: checked by its type
        require_neq!(args.quantity, 0, VenueError::ZeroQuantity);
        let now = Clock::get()?.unix_timestamp;
        require_gt!(args.expires, now, VenueError::OrderExpired);
        Ok(())
    }
}

pub fn handler(ctx: Context<PlaceOrder>, args: OrderArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let (maker, owner) = (ctx.accounts.margin_account.key(), ctx.accounts.owner.key());
    ctx.accounts.order.set_inner(Order {
        maker,
        owner,
        id: args.id,
        market: args.market,
        instrument: args.instrument,
        expiry: args.expiry,
        strike: args.strike,
        quantity: args.quantity,
        price: args.price,
        expires: args.expires,
    });
    Ok(())
}
