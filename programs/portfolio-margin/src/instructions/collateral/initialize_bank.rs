//! Lists a collateral mint of either token program and creates its vault.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenInterface};
use portfolio_margin_interface::args::{BankArgs, BankRulesArgs};
use portfolio_margin_interface::state::bank::MAX_DECIMALS;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market, LAYOUT_VERSION};
use portfolio_margin_interface::{seeds, AccountLayout};

use crate::error::{overflow, MarginError};
use crate::event::BankInitialized;
use crate::oracle::price::require_known_kind;
use crate::token::{create_vault, require_plain_mint, require_program_of, NewVault};

/// 1.0 in 1e-6.
const ONE: u32 = 1_000_000;
/// Longest age of a price that a bank or market may accept, seconds.
pub const MAX_ORACLE_AGE: u32 = 60;
/// Widest confidence that a bank or market may accept for trades, 1e-6.
pub const MAX_ORACLE_CONFIDENCE: u32 = 50_000;
/// Longest ramp of a new bank, seconds: a year.
const MAX_RAMP: u32 = 31_536_000;
/// Shortest and longest window of a withdrawal limiter, seconds: a minute and a week.
const WINDOWS: (u32, u32) = (60, 604_800);

#[derive(Accounts)]
pub struct InitializeBank<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    pub mint: InterfaceAccount<'info, Mint>,
    #[account(
        init,
        payer = governor,
        space = CollateralBank::ACCOUNT_LEN,
        seeds = [seeds::BANK, clearinghouse.key().as_ref(), mint.key().as_ref()],
        bump
    )]
    pub bank: AccountLoader<'info, CollateralBank>,
    /// CHECK: the bank's vault, made by the handler at its derived address; the bank is its authority.
    #[account(mut, seeds = [seeds::VAULT, bank.key().as_ref()], bump)]
    pub vault: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
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
        // mint: owned by a token program, without extensions that touch what a vault holds
        require_plain_mint(&self.mint)?;
        require_gte!(
            MAX_DECIMALS,
            self.mint.decimals,
            MarginError::DecimalsTooMany
        );
        // bank, vault: created here at their derived addresses; the bank is the vault's authority
        // token_program: the mint's; system_program: checked by its type
        require_program_of(&self.mint, &self.token_program)?;
        let haircut = args
            .haircut_maintenance
            .saturating_add(args.haircut_initial);
        require_gte!(ONE, haircut, MarginError::ParameterOutOfRange);
        let is_quote = clearinghouse.quote_mint == self.mint.key();
        check_rules(&args.rules, is_quote)?;
        if is_quote {
            require_eq!(haircut, 0, MarginError::ParameterOutOfRange);
        } else {
            check_oracle(
                args.rules.oracle_kind,
                &args.feed_id,
                args.oracle_max_age,
                args.oracle_max_confidence,
            )?;
        }
        // offset_market: optional; owner and discriminator checked by its loader; of this clearing house, with the asset's feed and kind
        match &self.offset_market {
            None => Ok(()),
            Some(market) => self.validate_offset(&*market.load()?, args),
        }
    }

    /// The asset must be the market's underlying: the feed that every check values both at, read by the same limits. A tighter one
    /// would leave an account unreadable by its collateral while its market still trades.
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
        let kind = args.rules.oracle_kind;
        require_eq!(kind, market.oracle_kind, MarginError::OracleKind);
        for (of_bank, of_market) in [
            (args.oracle_max_confidence, market.oracle_max_confidence),
            (args.oracle_max_age, market.oracle_max_age),
        ] {
            require_eq!(of_bank, of_market, MarginError::ParameterOutOfRange);
        }
        Ok(())
    }
}

/// Bounds on what a bank or market may accept from its oracle; a feed must be named.
pub fn check_oracle(kind: u8, feed_id: &[u8; 32], max_age: u32, max_confidence: u32) -> Result<()> {
    require_known_kind(kind)?;
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

/// Bounds of ramp and limits. Cash has no weight that could grow, and no price account.
fn check_rules(rules: &BankRulesArgs, is_quote: bool) -> Result<()> {
    let kind = u32::from(rules.oracle_kind); // of others the known ones: `check_oracle`
    let (most_ramp, most_kind) = if is_quote { (0, 0) } else { (MAX_RAMP, kind) };
    let (shortest, longest) = match rules.withdrawal_limit {
        0 => (0, 0),
        _ => WINDOWS,
    };
    for (value, least, most) in [
        (rules.ramp_seconds, 0, most_ramp),
        (kind, 0, most_kind),
        (rules.withdrawal_window, shortest, longest),
    ] {
        require_gte!(value, least, MarginError::ParameterOutOfRange);
        require_gte!(most, value, MarginError::ParameterOutOfRange);
    }
    // what left is counted in signed units
    let limit = rules.withdrawal_limit;
    let most = u64::MAX >> 1;
    require_gte!(most, limit, MarginError::ParameterOutOfRange);
    Ok(())
}

/// Makes the vault.
fn make_vault(accounts: &InitializeBank<'_>, bump: u8) -> Result<()> {
    let bank = accounts.bank.key();
    create_vault(
        NewVault {
            payer: accounts.governor.to_account_info(),
            vault: accounts.vault.to_account_info(),
            mint: &accounts.mint,
            authority: accounts.bank.to_account_info(),
            program: &accounts.token_program,
        },
        &[seeds::VAULT, bank.as_ref(), &[bump]],
    )
}

pub fn handler(ctx: Context<InitializeBank>, args: BankArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    make_vault(ctx.accounts, ctx.bumps.vault)?;
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
    bank.oracle_kind = args.rules.oracle_kind;
    bank.oracle_max_age = args.oracle_max_age;
    bank.oracle_max_confidence = args.oracle_max_confidence;
    bank.haircut_maintenance = args.haircut_maintenance;
    bank.haircut_initial = args.haircut_initial;
    bank.deposit_cap = args.deposit_cap;
    bank.account_cap = args.rules.account_cap;
    bank.ramp_seconds = args.rules.ramp_seconds;
    bank.withdrawal_limit = args.rules.withdrawal_limit;
    bank.withdrawal_window = args.rules.withdrawal_window;
    bank.listed_at = Clock::get()?.unix_timestamp;
    bank.outflow_at = bank.listed_at;
    bank.sequence = 1;
    if let Some(market) = &ctx.accounts.offset_market {
        let place = market.load()?.index.checked_add(1);
        bank.offset_market = place.ok_or_else(overflow)?;
    }

    emit!(BankInitialized {
        clearinghouse: bank.clearinghouse,
        bank: ctx.accounts.bank.key(),
        mint: bank.mint,
        index,
        sequence: bank.sequence,
    });
    Ok(())
}
