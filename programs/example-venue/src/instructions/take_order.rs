//! Takes part or all of an order: the one call to the clearing house.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::program::invoke_signed;
use anchor_lang::InstructionData;
use portfolio_margin::program::PortfolioMargin;
use portfolio_margin::state::may_trade;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Venue};

use crate::order::Order;
use crate::VenueError;

#[derive(Accounts)]
pub struct TakeOrder<'info> {
    pub signer: Signer<'info>,
    #[account(mut, has_one = maker, has_one = owner)]
    pub order: Account<'info, Order>,
    /// CHECK: gets the rent of an order that is taken whole; the order's owner.
    #[account(mut)]
    pub owner: UncheckedAccount<'info>,
    /// CHECK: the address that signs for this venue; checked by its seeds.
    #[account(seeds = [seeds::VENUE, clearinghouse.key().as_ref()], bump)]
    pub venue_authority: UncheckedAccount<'info>,
    pub venue: AccountLoader<'info, Venue>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub taker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub maker: AccountLoader<'info, MarginAccount>,
    pub clearing_program: Program<'info, PortfolioMargin>,
}

impl<'info> TakeOrder<'info> {
    fn validate(&self) -> Result<()> {
        let now = Clock::get()?.unix_timestamp;
        // signer: signs, and may trade for the taker. The clearing house does not ask: this check is the venue's duty.
        let may = may_trade(&*self.taker.load()?, &self.signer.key(), now);
        require!(may.is_ok(), VenueError::NotTaker);
        // order: owner and discriminator checked by its type; not over. Its owner signed it.
        require_gt!(self.order.expires, now, VenueError::OrderExpired);
        // owner, maker: the order's, checked by its constraints
        // venue_authority: checked by its seeds
        // venue, clearinghouse, taker, maker: of the clearing house's program, by their loaders; how they belong together is
        // checked there
        // clearing_program: checked by its type
        Ok(())
    }

    /// Calls `venue_fill` with this venue's signature. Every account keeps the privileges with which it came.
    fn fill(&self, leg: TradeLeg, bump: u8, remaining: &[AccountInfo<'info>]) -> Result<()> {
        let own = portfolio_margin::cpi::accounts::VenueFill {
            venue_authority: self.venue_authority.to_account_info(),
            venue: self.venue.to_account_info(),
            clearinghouse: self.clearinghouse.to_account_info(),
            taker: self.taker.to_account_info(),
            maker: self.maker.to_account_info(),
        };
        let mut infos = own.to_account_infos();
        infos.extend_from_slice(remaining);
        let authority = self.venue_authority.key();
        let metas = infos.iter().map(|info| AccountMeta {
            pubkey: *info.key,
            is_signer: *info.key == authority,
            is_writable: info.is_writable,
        });
        let instruction = Instruction {
            program_id: self.clearing_program.key(),
            accounts: metas.collect(),
            data: portfolio_margin::instruction::VenueFill { legs: vec![leg] }.data(),
        };
        let house = self.clearinghouse.key();
        let signer: &[&[u8]] = &[seeds::VENUE, house.as_ref(), &[bump]];
        invoke_signed(&instruction, &infos, &[signer])?;
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, TakeOrder<'info>>, wanted: TradeLeg) -> Result<()> {
    let accounts = &mut *ctx.accounts;
    accounts.validate()?;
    let Some((leg, left)) = accounts.order.take(&wanted) else {
        return err!(VenueError::OrderChanged);
    };
    // The order shrinks before the call: whatever the call may lead to finds it as it is then.
    accounts.order.quantity = left;
    accounts.fill(leg, ctx.bumps.venue_authority, ctx.remaining_accounts)?;
    if left == 0 {
        accounts.order.close(accounts.owner.to_account_info())?;
    }
    Ok(())
}
