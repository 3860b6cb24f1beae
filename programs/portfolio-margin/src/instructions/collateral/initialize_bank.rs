//! Lists a collateral mint and creates its vault.

use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};
use portfolio_margin_interface::args::BankArgs;
use portfolio_margin_interface::state::bank::MAX_DECIMALS;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market, LAYOUT_VERSION};
use portfolio_margin_interface::{seeds, AccountLayout};

use crate::error::{overflow, MarginError};
use crate::event::BankInitialized;

/// 1.0 in 1e-6.
const ONE: u32 = 1_000_000;
/// Longest age of a price that a bank or market may accept, seconds.
pub const MAX_ORACLE_AGE: u32 = 60;
/// Widest confidence that a bank or market may accept for trades, 1e-6.
pub const MAX_ORACLE_CONFIDENCE: u32 = 50_000;

#[derive(Accounts)]
pub struct InitializeBank<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    pub mint: Account<'info, Mint>,
    #[account(
        init,
        payer = governor,
        space = CollateralBank::ACCOUNT_LEN,
        seeds = [seeds::BANK, clearinghouse.key().as_ref(), mint.key().as_ref()],
        bump
    )]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(
        init,
        payer = governor,
        token::mint = mint,
        token::authority = bank,
        seeds = [seeds::VAULT, bank.key().as_ref()],
        bump
    )]
    pub vault: Account<'info, TokenAccount>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
    /// The market whose risk the asset offsets, where there is one.
    pub offset_market: Option<AccountLoader<'info, Market>>,
}

impl InitializeBank<'_> {
    fn validate(&self, args: &BankArgs) -> Result<()> {
        // governor: signs, pays, and is the clearing house's
        let clearinghouse = self.clearinghouse.load()?;
        require_keys_eq!(
            clearinghouse.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse: owner and discriminator checked by its loader
        // mint: owned by the token program
        require_gte!(
            MAX_DECIMALS,
            self.mint.decimals,
            MarginError::DecimalsTooMany
        );
        // bank, vault: created here at their derived addresses; the bank is the vault's authority
        // token_program, system_program: checked by their types
        let haircut = args
            .haircut_maintenance
            .saturating_add(args.haircut_initial);
        require_gte!(ONE, haircut, MarginError::ParameterOutOfRange);
        if clearinghouse.quote_mint == self.mint.key() {
            require_eq!(haircut, 0, MarginError::ParameterOutOfRange);
        } else {
            check_oracle(
                &args.feed_id,
                args.oracle_max_age,
                args.oracle_max_confidence,
            )?;
        }
        // offset_market: optional; owner and discriminator checked by its loader; of this clearing house, with the asset's feed
        match &self.offset_market {
            None => Ok(()),
            Some(market) => self.validate_offset(&*market.load()?, args),
        }
    }

    /// The asset must be the market's underlying: the feed that every check values both at, and confidence in it that is the
    /// market's or less.
    fn validate_offset(&self, market: &Market, args: &BankArgs) -> Result<()> {
        require_keys_eq!(
            market.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_keys_eq!(
            Pubkey::new_from_array(args.feed_id),
            Pubkey::new_from_array(market.feed_id),
            MarginError::OffsetFeedMismatch
        );
        require_gte!(
            market.oracle_max_confidence,
            args.oracle_max_confidence,
            MarginError::ParameterOutOfRange
        );
        Ok(())
    }
}

/// Bounds on what a bank or market may accept from its oracle; a feed must be named.
pub fn check_oracle(feed_id: &[u8; 32], max_age: u32, max_confidence: u32) -> Result<()> {
    require!(*feed_id != [0; 32], MarginError::ParameterOutOfRange);
    for (value, most) in [
        (max_age, MAX_ORACLE_AGE),
        (max_confidence, MAX_ORACLE_CONFIDENCE),
    ] {
        require_gt!(value, 0, MarginError::ParameterOutOfRange);
        require_gte!(most, value, MarginError::ParameterOutOfRange);
    }
    Ok(())
}

pub fn handler(ctx: Context<InitializeBank>, args: BankArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let mut clearinghouse = ctx.accounts.clearinghouse.load_mut()?;
    let index = clearinghouse.bank_count;
    clearinghouse.bank_count = index.checked_add(1).ok_or_else(overflow)?;

    let mut bank = ctx.accounts.bank.load_init()?;
    bank.version = LAYOUT_VERSION;
    bank.bump = ctx.bumps.bank;
    bank.vault_bump = ctx.bumps.vault;
    bank.is_quote = u8::from(clearinghouse.quote_mint == ctx.accounts.mint.key());
    bank.decimals = ctx.accounts.mint.decimals;
    bank.index = index;
    bank.clearinghouse = ctx.accounts.clearinghouse.key();
    bank.mint = ctx.accounts.mint.key();
    bank.vault = ctx.accounts.vault.key();
    bank.feed_id = args.feed_id;
    bank.oracle_max_age = args.oracle_max_age;
    bank.oracle_max_confidence = args.oracle_max_confidence;
    bank.haircut_maintenance = args.haircut_maintenance;
    bank.haircut_initial = args.haircut_initial;
    bank.deposit_cap = args.deposit_cap;
    if let Some(market) = &ctx.accounts.offset_market {
        let place = market.load()?.index.checked_add(1);
        bank.offset_market = place.ok_or_else(overflow)?;
    }

    emit!(BankInitialized {
        clearinghouse: bank.clearinghouse,
        bank: ctx.accounts.bank.key(),
        mint: bank.mint,
        index,
    });
    Ok(())
}
