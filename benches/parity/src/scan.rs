//! A whole market as one case: every input of a scan as integers, every output.
//!
//! Inputs, in the units of the engine's types:
//!
//! ```text
//! now spot perp_price stable_price spot_confidence perp_confidence offset moved_spot moved_vol regime
//! the 40 parameters of the module `params`
//! scenarios, each: vol spot damping                                            preceded by their number
//! expiries, each: time forward_basis rate a b rho m s reference_tenor
//!                 forward_price fixed_forward confidence                       preceded by their number
//! positions, each: instrument expiry strike quantity cost volatility           preceded by their number
//! ```
//!
//! `vol` and `instrument` are the engine's codes. A stable price, a forward price or a volatility of 0 is none, an
//! `offset` is collateral in the underlying, `moved_*` are the multipliers of a hypothetical move, and `regime` that of the
//! spot range, each 1,000,000 for none.
//!
//! Outputs: 0 alone where the engine refuses the scan; else 1, mark, scan, worst scenario, maintenance and initial
//! contingency, gross notional, basis floor, minimum-delta floor, net delta, and the PnL of each scenario. Then 0 where it
//! refuses the Greeks; else 1 and mark, delta, gamma, vega, theta, rho: netted, and by magnitude.

use bytemuck::{try_cast_slice, Pod, Zeroable};
use risk_core::greeks::{net_greeks, Greeks};
use risk_core::market::{Expiry, ExpirySource, Market, Move};
use risk_core::position::{Instrument, Position, PositionSource};
use risk_core::scan::scan_market;
use risk_core::scenario::{Scenario, ScenarioTable, VolShock, MAX_SCENARIOS};
use risk_core::{Price, Quantity, Quote, Ratio};

use crate::kernels::svi;
use crate::params::params;
use crate::Outputs;

/// An expiry, read in place.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ExpiryWords {
    time: i64,
    forward_basis: i64,
    rate: i64,
    svi: [i64; 6],
    forward_price: i64,
    fixed_forward: i64,
    confidence: i64,
}

impl ExpirySource for ExpiryWords {
    fn time(&self) -> i64 {
        self.time
    }

    fn expiry(&self) -> Expiry {
        // What does not fit is a smile that is missing, and a basis or rate of zero.
        Expiry {
            time: self.time,
            forward_basis: self.forward_basis.try_into().unwrap_or(0),
            rate: self.rate.try_into().unwrap_or(0),
            svi: svi(&self.svi),
            forward_price: price(self.forward_price),
            fixed_forward: Price::from_raw(self.fixed_forward as u64),
            open_seconds: None,
            confidence: Ratio::from_raw(self.confidence),
        }
    }
}

/// A position, read in place.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PositionWords {
    instrument: i64,
    expiry: i64,
    strike: i64,
    quantity: i64,
    cost: i64,
    volatility: i64,
}

impl PositionSource for PositionWords {
    fn position(&self) -> Position {
        let quantity = Quantity::from_raw(self.quantity);
        let cost = Quote::from_raw(self.cost);
        let code = u8::try_from(self.instrument).unwrap_or(u8::MAX);
        match Instrument::from_code(code).unwrap_or(Instrument::Perpetual) {
            Instrument::Perpetual => Position::perpetual(quantity, cost),
            Instrument::Future => Position::future(self.expiry, quantity, cost),
            option => {
                let strike = Price::from_raw(self.strike as u64);
                Position::option(option, self.expiry, strike, quantity)
            }
        }
    }

    fn volatility(&self) -> Option<u64> {
        (self.volatility != 0).then_some(self.volatility as u64)
    }
}

/// A price, of which 0 is none.
fn price(raw: i64) -> Option<Price> {
    (raw != 0).then_some(Price::from_raw(raw as u64))
}

/// Takes the number of records that the first word states, and what is left.
fn records<T: Pod>(words: &[i64]) -> Option<(&[T], &[i64])> {
    let (count, rest) = words.split_first()?;
    let width = size_of::<T>().checked_div(size_of::<i64>())?;
    let length = usize::try_from(*count).ok()?.checked_mul(width)?;
    let (records, rest) = rest.split_at_checked(length)?;
    Some((try_cast_slice(records).ok()?, rest))
}

/// The set of the case, validated as governance's is; `None` for words that name no scenario.
#[inline(never)]
fn table(words: &[[i64; 3]], regime: i64) -> Option<ScenarioTable> {
    let mut set = [Scenario::new(VolShock::None, 1_000_000); MAX_SCENARIOS];
    let set = set.get_mut(..words.len())?;
    for (scenario, [vol, spot, damping]) in set.iter_mut().zip(words) {
        *scenario = Scenario {
            vol: *VOL_SHOCKS.get(usize::try_from(*vol).ok()?)?,
            spot: u32::try_from(*spot).ok()?,
            damping: u32::try_from(*damping).ok()?,
        };
    }
    let table = ScenarioTable::new(set).ok()?;
    match regime {
        1_000_000 => Some(table),
        regime => table.scaled(Ratio::from_raw(regime)).ok(),
    }
}

/// By code.
const VOL_SHOCKS: [VolShock; 5] = [
    VolShock::Up,
    VolShock::None,
    VolShock::Down,
    VolShock::SkewLinear,
    VolShock::SkewAbs,
];

/// See the head of this file.
pub(crate) fn evaluate(inputs: &[i64], out: &mut Outputs<'_>) -> Option<()> {
    let (&[now, spot, head @ ..], rest) = inputs.split_first_chunk::<10>()?;
    let [perp_price, stable_price, spot_confidence, perp_confidence, head @ ..] = head;
    let [offset, moved_spot, moved_vol, regime] = head;
    let (words, rest) = rest.split_first_chunk()?;
    let params = params(words);
    let (scenarios, rest) = records(rest)?;
    let (expiries, rest): (&[ExpiryWords], _) = records(rest)?;
    let (positions, rest): (&[PositionWords], _) = records(rest)?;
    if !rest.is_empty() {
        return None;
    }
    let table = table(scenarios, regime)?;
    let spot = Price::from_raw(spot as u64);
    let market = Market {
        perp_price: Price::from_raw(perp_price as u64),
        stable_price: price(stable_price),
        spot_confidence: Ratio::from_raw(spot_confidence),
        perp_confidence: Ratio::from_raw(perp_confidence),
        offset: Quantity::from_raw(offset),
        ..Market::new(now, spot, table.set().ok()?, &params, expiries)
    };
    let shift = Move {
        spot: Ratio::from_raw(moved_spot),
        vol: Ratio::from_raw(moved_vol),
    };
    let market = if shift == Move::NONE {
        market
    } else {
        market.moved(shift).ok()?
    };
    risk(&market, positions, out)?;
    greeks(&market, positions, out)
}

#[inline(never)]
fn risk(
    market: &Market<'_, ExpiryWords>,
    positions: &[PositionWords],
    out: &mut Outputs<'_>,
) -> Option<()> {
    let mut pnl = [0; MAX_SCENARIOS];
    let Ok(risk) = scan_market(market, positions, &mut pnl) else {
        return out.push(0);
    };
    out.push_all(&[
        1,
        risk.mark.raw(),
        risk.scan.raw(),
        risk.worst_scenario.into(),
        risk.contingency_maintenance.raw(),
        risk.contingency_initial.raw(),
        risk.gross_notional.raw(),
        risk.basis_floor.raw(),
        risk.min_delta_floor.raw(),
        risk.net_delta.raw(),
    ])?;
    out.push_all(pnl.get(..market.scenarios.count())?)
}

#[inline(never)]
fn greeks(
    market: &Market<'_, ExpiryWords>,
    positions: &[PositionWords],
    out: &mut Outputs<'_>,
) -> Option<()> {
    let Ok(book) = net_greeks(market, positions) else {
        return out.push(0);
    };
    out.push(1)?;
    out.push_all(&words(&book.net))?;
    out.push_all(&words(&book.gross))
}

fn words(greeks: &Greeks) -> [i64; 6] {
    [
        greeks.mark.raw(),
        greeks.delta.raw(),
        greeks.gamma.raw(),
        greeks.vega.raw(),
        greeks.theta.raw(),
        greeks.rho.raw(),
    ]
}
