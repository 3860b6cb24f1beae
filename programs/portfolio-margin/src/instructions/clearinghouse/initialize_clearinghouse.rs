//! Creates a clearing house.

use anchor_lang::prelude::*;
use anchor_spl::token::Mint;
use portfolio_margin_interface::args::ClearinghouseArgs;
use portfolio_margin_interface::state::{Clearinghouse, LAYOUT_VERSION};
use portfolio_margin_interface::{seeds, AccountLayout};
use risk_core::liquidation::LiquidationTerms;
use risk_core::Ratio;

use crate::error::{risk_error, MarginError};
use crate::event::ClearinghouseInitialized;

/// Decimals of the quote mint: its native unit is then the ledger's unit.
const QUOTE_DECIMALS: u8 = 6;

#[derive(Accounts)]
#[instruction(args: ClearinghouseArgs)]
pub struct InitializeClearinghouse<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    #[account(
        init,
        payer = governor,
        space = Clearinghouse::ACCOUNT_LEN,
        seeds = [seeds::CLEARINGHOUSE, &args.id.to_le_bytes()],
        bump
    )]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    pub quote_mint: Account<'info, Mint>,
    pub system_program: Program<'info, System>,
}

impl InitializeClearinghouse<'_> {
    fn validate(&self, args: &ClearinghouseArgs) -> Result<()> {
        // governor: signs and pays
        // clearinghouse: created here at its derived address
        // quote_mint: owned by the token program, six decimals
        require_eq!(
            self.quote_mint.decimals,
            QUOTE_DECIMALS,
            MarginError::QuoteDecimals
        );
        // system_program: checked by its type
        LiquidationTerms {
            discount: Ratio::from_raw(args.liquidation_discount.into()),
            buffer: Ratio::from_raw(args.liquidation_buffer.into()),
        }
        .validate()
        .map_err(risk_error)
    }
}

pub fn handler(ctx: Context<InitializeClearinghouse>, args: ClearinghouseArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let mut clearinghouse = ctx.accounts.clearinghouse.load_init()?;
    clearinghouse.version = LAYOUT_VERSION;
    clearinghouse.bump = ctx.bumps.clearinghouse;
    clearinghouse.id = args.id;
    clearinghouse.governor = ctx.accounts.governor.key();
    clearinghouse.quote_mint = ctx.accounts.quote_mint.key();
    clearinghouse.liquidation_discount = args.liquidation_discount;
    clearinghouse.liquidation_buffer = args.liquidation_buffer;
    emit!(ClearinghouseInitialized {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        governor: clearinghouse.governor,
        quote_mint: clearinghouse.quote_mint,
        id: args.id,
    });
    Ok(())
}
