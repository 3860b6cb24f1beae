//! Creates a clearing house.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::Mint;
use clearing_core::interest::{Curve, INDEX_ONE, MAX_DEBTS};
use portfolio_margin_interface::args::{AccountTermsArgs, ClearinghouseArgs, HouseRulesArgs};
use portfolio_margin_interface::state::settlement::SETTLEMENT_SAMPLES;
use portfolio_margin_interface::state::{
    Clearinghouse, InterestRecord, LiquidationRecord, LAYOUT_VERSION,
};
use portfolio_margin_interface::{seeds, AccountLayout};
use risk_core::group::GroupParams;
use risk_core::params::{AccountTerms, ConfidenceParams};
use risk_core::tier::PortfolioTerms;
use risk_core::{Quote, Ratio};

use crate::error::{risk_error, MarginError};
use crate::event::ClearinghouseInitialized;
use crate::instructions::MAX_ORACLE_CONFIDENCE;
use crate::oracle::price::require_known_kind;

/// Decimals of the quote mint: its native unit is then the ledger's unit.
const QUOTE_DECIMALS: u8 = 6;
/// Longest age of the quote asset's stored price that a clearing house may accept, seconds.
const MAX_QUOTE_AGE: u32 = 3_600;
/// 1.0 of a ratio.
const ONE: u32 = 1_000_000;
/// Shortest and longest time in which samples of a settlement may be corrected, seconds.
const SETTLEMENT_DELAYS: (u32, u32) = (60, 86_400);

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
    pub quote_mint: InterfaceAccount<'info, Mint>,
    pub system_program: Program<'info, System>,
}

impl InitializeClearinghouse<'_> {
    fn validate(&self, args: &ClearinghouseArgs) -> Result<()> {
        // governor: signs and pays
        // clearinghouse: created here at its derived address
        // quote_mint: owned by a token program (its extensions are checked when its bank is listed), six decimals
        require_eq!(
            self.quote_mint.decimals,
            QUOTE_DECIMALS,
            MarginError::QuoteDecimals
        );
        // system_program: checked by its type
        let liquidation = LiquidationRecord::new(&args.liquidation);
        liquidation.validate().map_err(risk_error)?;
        require_known_kind(args.rules.quote_oracle_kind)?;
        check_terms(&args.terms)?;
        check_rules(&args.rules)
    }
}

/// Bounds of the terms of accounts. The quote asset's limits count where it has a feed; without one they are zero.
fn check_terms(args: &AccountTermsArgs) -> Result<()> {
    let ratio = |raw: u32| Ratio::from_raw(raw.into());
    let has_feed = args.quote_feed_id != [0; 32];
    for (value, most) in [
        (args.quote_max_age, MAX_QUOTE_AGE),
        (args.quote_max_confidence, MAX_ORACLE_CONFIDENCE),
    ] {
        let (least, most) = if has_feed { (1, most) } else { (0, 0) };
        require_gte!(value, least, MarginError::ParameterOutOfRange);
        require_gte!(most, value, MarginError::ParameterOutOfRange);
    }
    AccountTerms {
        peg_threshold: ratio(args.peg_threshold),
        peg_factor: ratio(args.peg_factor),
        confidence: ConfidenceParams {
            threshold: ratio(args.collateral_confidence_threshold),
            factor: ratio(args.collateral_confidence_factor),
        },
        ..AccountTerms::PLAIN
    }
    .validate()
    .map_err(risk_error)?;
    for group in &args.groups {
        GroupParams {
            kappa: ratio(group.kappa),
            offset_cap: ratio(group.offset_cap),
        }
        .validate()
        .map_err(risk_error)?;
    }
    PortfolioTerms {
        minimum_equity: Quote::from_raw(args.portfolio_minimum_equity),
    }
    .validate()
    .map_err(risk_error)
}

/// Bounds of interest, settlement and insurance. Without debts there is no curve.
fn check_rules(rules: &HouseRulesArgs) -> Result<()> {
    let (shortest, longest) = SETTLEMENT_DELAYS;
    let samples = u32::try_from(SETTLEMENT_SAMPLES).unwrap_or(u32::MAX);
    for (value, least, most) in [
        (rules.insurance_share, 0, ONE),
        (rules.house_share, 0, ONE),
        (rules.settlement_delay, shortest, longest),
        (rules.settlement_samples, 1, samples),
    ] {
        require_gte!(value, least, MarginError::ParameterOutOfRange);
        require_gte!(most, value, MarginError::ParameterOutOfRange);
    }
    let limit = rules.debt_limit;
    require_gte!(MAX_DEBTS, limit, MarginError::ParameterOutOfRange);
    require_gte!(
        limit,
        rules.debt_account_limit,
        MarginError::ParameterOutOfRange
    );
    let curve = Curve {
        base: rules.rate_base,
        kink_rate: rules.rate_kink,
        full: rules.rate_full,
        kink: rules.kink,
    };
    let has_curve = rules.kink != 0;
    let has_debts = rules.debt_account_limit != 0;
    // a debt without interest would be a gift of everybody else's tokens
    require!(
        curve.is_valid() && (has_curve || !has_debts),
        MarginError::ParameterOutOfRange
    );
    Ok(())
}

/// Interest as it begins.
fn interest(rules: &HouseRulesArgs, now: i64) -> InterestRecord {
    InterestRecord {
        debt_index: INDEX_ONE,
        balance_index: INDEX_ONE,
        loss_index: INDEX_ONE,
        updated_at: now,
        account_limit: rules.debt_account_limit,
        limit: rules.debt_limit,
        rate_base: rules.rate_base,
        rate_kink: rules.rate_kink,
        rate_full: rules.rate_full,
        kink: rules.kink,
        house_share: rules.house_share,
        ..InterestRecord::default()
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
    clearinghouse.liquidation = LiquidationRecord::new(&args.liquidation);
    clearinghouse.set_account_terms(&args.terms);
    clearinghouse.quote_oracle_kind = args.rules.quote_oracle_kind;
    clearinghouse.insurance_share = args.rules.insurance_share;
    clearinghouse.settlement_delay = args.rules.settlement_delay;
    clearinghouse.settlement_samples = args.rules.settlement_samples;
    clearinghouse.interest = interest(&args.rules, Clock::get()?.unix_timestamp);
    emit!(ClearinghouseInitialized {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        governor: clearinghouse.governor,
        quote_mint: clearinghouse.quote_mint,
        id: args.id,
        sequence: clearinghouse.sequence,
    });
    Ok(())
}
