//! Sets the rules of trading in a market, once: posters, fees, bands, limits, funding, regime.

use anchor_lang::prelude::*;
use clearing_core::funding::{FundingTerms, FUNDING_CAP_MOST};
use clearing_core::trading::{MOST_BAND_LINEAR, MOST_BAND_OPTION, MOST_FEE, MOST_FEE_OF_PREMIUM};
use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state::board::MAX_POSTERS;
use portfolio_margin_interface::state::{
    Clearinghouse, Market, RulesRecord, VolBoard, LAYOUT_VERSION,
};
use portfolio_margin_interface::{seeds, AccountLayout};

use super::regime;
use crate::error::{overflow, MarginError};
use crate::event::MarketOpened;

#[derive(Accounts)]
pub struct OpenMarket<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    #[account(
        init,
        payer = governor,
        space = VolBoard::ACCOUNT_LEN,
        seeds = [seeds::BOARD, market.key().as_ref()],
        bump
    )]
    pub board: AccountLoader<'info, VolBoard>,
    pub system_program: Program<'info, System>,
}

impl OpenMarket<'_> {
    fn validate(&self, args: &MarketRulesArgs) -> Result<()> {
        // governor: signs, pays, and is the clearing house's
        require_keys_eq!(
            self.clearinghouse.load()?.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's and
        // not open yet
        let market = self.market.load()?;
        require_keys_eq!(
            market.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(market.is_open, 0, MarginError::MarketOpen);
        // board: created here at its derived address
        // system_program: checked by its type
        check_posters(&args.posters)?;
        check_trading(args)?;
        regime::check(args, &market, self.clearinghouse.load()?.market_count)?;
        check_funding(&funding_terms(args))
    }
}

/// 1 to 5 posters, each once.
fn check_posters(posters: &[Pubkey]) -> Result<()> {
    let count = posters.len();
    if count == 0 || count > MAX_POSTERS {
        return Err(error!(MarginError::PosterCount).with_values((count, MAX_POSTERS)));
    }
    for (place, poster) in posters.iter().enumerate() {
        let again = posters.iter().take(place).any(|other| other == poster);
        if again || *poster == Pubkey::default() {
            msg!("poster {}", poster);
            return err!(MarginError::PosterCount);
        }
    }
    Ok(())
}

/// Refuses fees and bands above their hard bounds.
fn check_trading(args: &MarketRulesArgs) -> Result<()> {
    for (found, most) in [
        (args.fee_taker, MOST_FEE),
        (args.fee_maker, MOST_FEE),
        (args.fee_premium_cap, MOST_FEE_OF_PREMIUM),
        (args.band_linear, MOST_BAND_LINEAR),
        (args.band_option, MOST_BAND_OPTION),
    ] {
        if found > most {
            return Err(error!(MarginError::ParameterOutOfRange).with_values((found, most)));
        }
    }
    Ok(())
}

/// Refuses a cap above the hard bound, and a cap without a depth.
fn check_funding(terms: &FundingTerms) -> Result<()> {
    match terms.is_valid() {
        true => Ok(()),
        false => {
            msg!("funding cap {} with depth {}", terms.cap, terms.depth);
            let found = (terms.cap, FUNDING_CAP_MOST);
            Err(error!(MarginError::ParameterOutOfRange).with_values(found))
        }
    }
}

fn funding_terms(args: &MarketRulesArgs) -> FundingTerms {
    FundingTerms {
        cap: args.funding_cap,
        depth: args.funding_depth,
    }
}

/// Fees, bands and limits.
fn rules(args: &MarketRulesArgs) -> RulesRecord {
    RulesRecord {
        fee_taker: args.fee_taker,
        fee_maker: args.fee_maker,
        fee_premium_cap: args.fee_premium_cap,
        band_linear: args.band_linear,
        band_option: args.band_option,
        stable_band: args.stable_band,
        position_limit: args.position_limit,
        perp_limit: args.perp_limit,
        expiry_limit: args.expiry_limit,
    }
}

pub fn handler(ctx: Context<OpenMarket>, args: MarketRulesArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let mut board = ctx.accounts.board.load_init()?;
    board.version = LAYOUT_VERSION;
    board.bump = ctx.bumps.board;
    board.market = ctx.accounts.market.key();
    board.count = u8::try_from(args.posters.len()).map_err(|_| overflow())?;
    for (slot, poster) in board.posters.iter_mut().zip(&args.posters) {
        *slot = *poster;
    }

    let mut market = ctx.accounts.market.load_mut()?;
    market.rules = rules(&args);
    market.regime = regime::record(&args.regime)?;
    let funding = funding_terms(&args);
    (market.funding.cap, market.funding.depth) = (funding.cap, funding.depth);
    market.insurance_cap = args.insurance_cap;
    market.is_open = 1;
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(MarketOpened {
        market: ctx.accounts.market.key(),
        posters: args.posters,
        sequence: market.sequence,
    });
    Ok(())
}
