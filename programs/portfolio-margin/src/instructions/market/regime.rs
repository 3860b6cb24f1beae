//! The regime of a market on chain: its rules when it opens, and the scenarios that stand widened by its factor.

use anchor_lang::prelude::*;
use clearing_core::regime::ONE;
use portfolio_margin_interface::args::{MarketRulesArgs, RegimeArgs};
use portfolio_margin_interface::state::{Market, RegimeRecord};
use risk_core::scenario::ScenarioTable;
use risk_core::Ratio;

use crate::error::{risk_error, MarginError};

/// Largest factor on the scan loss that the engine takes, 1e-6: the listed one times the largest of the regime stays within it.
const SCAN_MOST: u64 = 3_000_000;
/// How far the maintenance factor has to move before the scenarios are written again: one part of so many.
const LEAST_MOVE: u32 = 100;
/// How many slightly larger factors are tried where nodes of a group's set meet, and how far they lie apart, 1e-6.
const NUDGES: u32 = 3;
const NUDGE: u32 = 1_000;

/// The regime of a market that opens, before its first sample.
pub fn record(args: &RegimeArgs) -> Result<RegimeRecord> {
    RegimeRecord::from_args(args).map_err(|error| {
        msg!("least {}, most {}", error.least, error.most);
        let limit = match error.value < error.least {
            true => error.least,
            false => error.most,
        };
        error!(MarginError::ParameterOutOfRange).with_values((error.value, limit))
    })
}

/// Refuses a band without a stable price to measure it from, and a regime whose bounds its market cannot carry: scenarios or
/// the initial scan factor at the largest factor, or a reference that is no other market of a correlation group.
///
/// Errors: `ParameterOutOfRange`, `GroupMismatch`, `MarketMismatch`.
pub fn check(args: &MarketRulesArgs, market: &Market, market_count: u16) -> Result<()> {
    let band = args.stable_band;
    require_gte!(ONE, band, MarginError::ParameterOutOfRange);
    if band > 0 && market.stable_rate == 0 {
        return Err(error!(MarginError::ParameterOutOfRange).with_values((band, 0)));
    }
    let args = &args.regime;
    if !record(args)?.is_on() {
        return Ok(());
    }
    // at most 3e6 x 4e6
    let most = u64::from(market.params.scan_initial).saturating_mul(args.factor_most.into());
    let limit = SCAN_MOST.saturating_mul(ONE.into());
    require_gte!(limit, most, MarginError::ParameterOutOfRange);
    if args.reference_market != 0 {
        let own = market.index.saturating_add(1);
        let is_other = args.reference_market != own && args.reference_market <= market_count;
        require!(is_other, MarginError::MarketMismatch);
        require_neq!(market.group, 0, MarginError::GroupMismatch);
    }
    if market.group != 0 {
        let widest = market.listed_scenarios.table();
        let widest = scaled(&widest, args.factor_most)?;
        require_eq!(
            widest.count,
            market.listed_scenarios.count,
            MarginError::GroupMismatch
        );
    }
    Ok(())
}

/// The listed set widened by a factor, 1e-6; on the heap, where its kilobyte has room.
#[inline(never)]
fn scaled(table: &ScenarioTable, factor: u32) -> Result<Box<ScenarioTable>> {
    table
        .scaled(Ratio::from_raw(factor.into()))
        .map(Box::new)
        .map_err(risk_error)
}

/// Writes the scenarios anew where the maintenance factor has moved far enough from what they stand at; whether it did.
///
/// The sets of a correlation group keep their shape: where two nodes would meet and become one, the next larger factor at which they
/// do not is taken, and where there is none near, the set waits for the factor to move on.
pub fn widen(market: &mut Market) -> Result<bool> {
    let (wanted, stands) = (
        market.regime.factor_maintenance,
        market.regime.factor_applied,
    );
    let moved = wanted.abs_diff(stands).saturating_mul(LEAST_MOVE);
    if wanted == stands || (moved < stands && wanted != ONE) {
        return Ok(false);
    }
    if wanted == ONE {
        market.scenarios = market.listed_scenarios;
        market.regime.factor_applied = ONE;
        return Ok(true);
    }
    let listed = market.listed_scenarios.table();
    let most = market.regime.factor_most;
    for nudge in 0..=NUDGES {
        let factor = wanted.saturating_add(nudge.saturating_mul(NUDGE)).min(most);
        let table = scaled(&listed, factor)?;
        if market.group == 0 || table.count == market.listed_scenarios.count {
            market.scenarios.write(&table);
            market.regime.factor_applied = factor;
            return Ok(true);
        }
    }
    Ok(false)
}
