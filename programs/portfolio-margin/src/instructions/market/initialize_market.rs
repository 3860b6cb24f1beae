//! Lists an underlying.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::{MarketArgs, MarketParamsArgs, ScenarioArg};
use portfolio_margin_interface::state::{
    Clearinghouse, GroupRecord, Market, MarketParamsRecord, MarketTermsRecord,
    StandardParamsRecord, LAYOUT_VERSION, MAX_MARKETS,
};
use portfolio_margin_interface::{seeds, AccountLayout};
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, ScenarioTable, VolShock, MAX_SCENARIOS};

use crate::error::{overflow, risk_error, MarginError};
use crate::event::MarketInitialized;
use crate::instructions::check_oracle;

/// Longest age of a volatility surface that a market may accept, seconds.
const MAX_SURFACE_AGE: u32 = 86_400;
/// Largest share by which a stable price may move per hour, 1e-6: all of it.
const MAX_STABLE_RATE: u32 = 1_000_000;

#[derive(Accounts)]
pub struct InitializeMarket<'info> {
    #[account(mut)]
    pub governor: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(
        init,
        payer = governor,
        space = Market::ACCOUNT_LEN,
        seeds = [
            seeds::MARKET,
            clearinghouse.key().as_ref(),
            &clearinghouse.load()?.market_count.to_le_bytes()
        ],
        bump
    )]
    pub market: AccountLoader<'info, Market>,
    pub system_program: Program<'info, System>,
}

impl InitializeMarket<'_> {
    fn validate(&self, args: &MarketArgs) -> Result<()> {
        // governor: signs, pays, and is the clearing house's
        let clearinghouse = self.clearinghouse.load()?;
        require_keys_eq!(
            clearinghouse.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse: owner and discriminator checked by its loader; with room for a market
        if clearinghouse.market_count >= MAX_MARKETS {
            let count = clearinghouse.market_count;
            return Err(error!(MarginError::MarketsFull).with_values((count, MAX_MARKETS)));
        }
        // market: created here at its derived address
        // system_program: checked by its type
        check_oracle(
            args.oracle_kind,
            &args.feed_id,
            args.oracle_max_age,
            args.oracle_max_confidence,
        )?;
        require_gt!(args.surface_max_age, 0, MarginError::ParameterOutOfRange);
        require_gte!(
            MAX_SURFACE_AGE,
            args.surface_max_age,
            MarginError::ParameterOutOfRange
        );
        let terms = MarketTermsRecord::from_args(&args.terms);
        let params = record(&args.params).params(&terms);
        params.validate().map_err(risk_error)?;
        check_skew(&params, &args.scenarios)?;
        let standard = StandardParamsRecord::from_args(&args.standard).params();
        standard.validate().map_err(risk_error)?;
        require_gte!(
            MAX_STABLE_RATE,
            args.stable_rate,
            MarginError::ParameterOutOfRange
        );
        let groups = clearinghouse.groups.len();
        if usize::from(args.group) > groups {
            return Err(error!(MarginError::GroupUnknown).with_values((args.group, groups)));
        }
        Ok(())
    }
}

fn record(args: &MarketParamsArgs) -> MarketParamsRecord {
    MarketParamsRecord {
        vol_range_up: args.vol_range_up,
        vol_range_down: args.vol_range_down,
        vol_short_power: args.vol_short_power,
        vol_long_power: args.vol_long_power,
        vol_floor_seconds: args.vol_floor_seconds,
        vol_min_up: args.vol_min_up,
        perp_maintenance: args.perp_maintenance,
        perp_initial: args.perp_initial,
        option_maintenance: args.option_maintenance,
        option_initial: args.option_initial,
        scan_maintenance: args.scan_maintenance,
        scan_initial: args.scan_initial,
    }
}

/// A skew node whose cap is not positive at the shortest tenor is refused; at a longer one, where it is listed.
fn check_skew(params: &MarketParams, scenarios: &[ScenarioArg]) -> Result<()> {
    for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
        if scenarios.iter().any(|scenario| scenario.vol == kind as u8) {
            params.check_skew(kind, 0).map_err(risk_error)?;
        }
    }
    Ok(())
}

/// Validates the scenarios and computes their logarithms.
fn scenario_table(args: &[ScenarioArg]) -> Result<Box<ScenarioTable>> {
    require_gte!(MAX_SCENARIOS, args.len(), MarginError::ParameterOutOfRange);
    let mut scenarios = Vec::with_capacity(args.len());
    for arg in args {
        let vol = match arg.vol {
            0 => VolShock::Up,
            1 => VolShock::None,
            2 => VolShock::Down,
            3 => VolShock::SkewLinear,
            4 => VolShock::SkewAbs,
            other => {
                return Err(error!(MarginError::ScenarioSetInvalid).with_values((other, 4)));
            }
        };
        scenarios.push(Scenario {
            vol,
            spot: arg.spot,
            damping: arg.damping,
        });
    }
    ScenarioTable::new(&scenarios)
        .map(Box::new)
        .map_err(risk_error)
}

/// The first market of a group sets the shape of its scenario sets.
fn join(group: &mut GroupRecord, shape: [u8; 8]) -> Result<()> {
    if group.shape == [0; 8] {
        group.shape = shape;
    }
    if group.shape != shape {
        msg!(
            "count, none, down, linear, abs and base at, falls with volatility up and down: {:?}, not {:?}",
            shape,
            group.shape
        );
        return err!(MarginError::GroupMismatch);
    }
    Ok(())
}

pub fn handler(ctx: Context<InitializeMarket>, args: MarketArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let table = scenario_table(&args.scenarios)?;
    let mut clearinghouse = ctx.accounts.clearinghouse.load_mut()?;
    let index = clearinghouse.market_count;
    clearinghouse.market_count = index.checked_add(1).ok_or_else(overflow)?;

    let mut market = ctx.accounts.market.load_init()?;
    market.version = LAYOUT_VERSION;
    market.bump = ctx.bumps.market;
    market.index = index;
    market.oracle_max_age = args.oracle_max_age;
    market.oracle_max_confidence = args.oracle_max_confidence;
    market.surface_max_age = args.surface_max_age;
    market.clearinghouse = ctx.accounts.clearinghouse.key();
    market.feed_id = args.feed_id;
    market.symbol = args.symbol;
    market.params = record(&args.params);
    market.terms = MarketTermsRecord::from_args(&args.terms);
    market.scenarios.write(&table);
    market.listed_scenarios = market.scenarios;
    market.oracle_kind = args.oracle_kind;
    market.standard = StandardParamsRecord::from_args(&args.standard);
    market.stable_rate = args.stable_rate;
    market.group = args.group;
    let place = usize::from(args.group).checked_sub(1);
    if let Some(group) = place.and_then(|place| clearinghouse.groups.get_mut(place)) {
        join(group, market.scenarios.shape())?;
    }

    emit!(MarketInitialized {
        clearinghouse: market.clearinghouse,
        market: ctx.accounts.market.key(),
        index,
        scenarios: table.count,
        sequence: market.sequence,
    });
    Ok(())
}
