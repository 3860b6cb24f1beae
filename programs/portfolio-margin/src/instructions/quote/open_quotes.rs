//! Opens an account's quote nonces: without them no quote of the account can be filled.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{MarginAccount, QuoteNonces, LAYOUT_VERSION};
use portfolio_margin_interface::{seeds, AccountLayout};

use crate::error::overflow;
use crate::event::QuotesOpened;
use crate::state::require_owner;

#[derive(Accounts)]
pub struct OpenQuotes<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(
        init,
        payer = owner,
        space = QuoteNonces::ACCOUNT_LEN,
        seeds = [seeds::QUOTES, margin_account.key().as_ref()],
        bump
    )]
    pub quotes: AccountLoader<'info, QuoteNonces>,
    pub system_program: Program<'info, System>,
}

impl OpenQuotes<'_> {
    fn validate(&self) -> Result<()> {
        // owner: signs, pays, and owns the margin account
        // margin_account: owner and discriminator checked by its loader
        // quotes: created here at its derived address
        // system_program: checked by its type
        require_owner(&*self.margin_account.load()?, &self.owner.key())
    }
}

pub fn handler(ctx: Context<OpenQuotes>) -> Result<()> {
    ctx.accounts.validate()?;
    let mut quotes = ctx.accounts.quotes.load_init()?;
    quotes.version = LAYOUT_VERSION;
    quotes.bump = ctx.bumps.quotes;
    quotes.margin_account = ctx.accounts.margin_account.key();
    let has_begun = quotes.begin_session(Clock::get()?.slot);
    require!(has_begun, crate::error::MarginError::AmountOverflow);
    quotes.sequence = quotes.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(QuotesOpened {
        margin_account: quotes.margin_account,
        quotes: ctx.accounts.quotes.key(),
        session: quotes.session,
        sequence: quotes.sequence,
    });
    Ok(())
}
