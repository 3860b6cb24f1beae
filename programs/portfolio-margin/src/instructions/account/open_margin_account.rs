//! Opens a margin account.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::{
    MarginAccount, MAX_CAPACITY, MIN_CAPACITY,
};
use portfolio_margin_interface::state::{Clearinghouse, LAYOUT_VERSION};

use crate::error::{overflow, MarginError};
use crate::event::MarginAccountOpened;
use crate::instructions::tier_of;

#[derive(Accounts)]
#[instruction(args: MarginAccountArgs)]
pub struct OpenMarginAccount<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(
        init,
        payer = owner,
        space = MarginAccount::space(usize::from(args.capacity).min(MAX_CAPACITY)),
        seeds = [
            seeds::MARGIN,
            clearinghouse.key().as_ref(),
            owner.key().as_ref(),
            &args.sub_account.to_le_bytes()
        ],
        bump
    )]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub system_program: Program<'info, System>,
}

impl OpenMarginAccount<'_> {
    fn validate(&self, args: &MarginAccountArgs) -> Result<()> {
        // owner: signs and pays
        // clearinghouse: owner and discriminator checked by its loader
        // margin_account: created here at its derived address
        // system_program: checked by its type
        let capacity = usize::from(args.capacity);
        require_gte!(capacity, MIN_CAPACITY, MarginError::CapacityOutOfRange);
        require_gte!(MAX_CAPACITY, capacity, MarginError::CapacityOutOfRange);
        // below the Portfolio tier's minimum an account may only reduce, and this one has nothing yet
        tier_of(args.tier).map(|_| ())
    }
}

/// Changes of one account that a slot has room for in the numbering of sequences. An instruction raises the sequence of an
/// account once and costs over 1 k compute units, so that a block, even one of 100 M units, holds fewer than 100 thousand.
const CHANGES_PER_SLOT: u64 = 1 << 20;

/// The sequence that an account opened in this slot begins with: above that of every earlier account at its address.
///
/// Error: `AmountOverflow` in some 200 thousand years.
pub fn first_sequence(slot: u64) -> Result<u64> {
    slot.checked_mul(CHANGES_PER_SLOT).ok_or_else(overflow)
}

pub fn handler(ctx: Context<OpenMarginAccount>, args: MarginAccountArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let sequence = first_sequence(Clock::get()?.slot)?;
    let mut account = ctx.accounts.margin_account.load_init()?;
    account.version = LAYOUT_VERSION;
    account.bump = ctx.bumps.margin_account;
    account.tier = args.tier;
    account.sub_account = args.sub_account;
    account.clearinghouse = ctx.accounts.clearinghouse.key();
    account.owner = ctx.accounts.owner.key();
    account.sequence = sequence;
    emit!(MarginAccountOpened {
        margin_account: ctx.accounts.margin_account.key(),
        owner: account.owner,
        sub_account: args.sub_account,
        capacity: args.capacity,
        tier: args.tier,
        sequence,
    });
    Ok(())
}
