//! One market of one account: mark, PnL under each scenario, the worst of them or the floor that binds, contingencies.
//!
//! Positions are walked in their stored order, one expiry at a time, with one accumulator per scenario: nothing
//! the size of a portfolio is copied, which is what lets 128 positions fit a 4 KiB stack frame and a 32 KiB heap.
//!
//! ```text
//! market_pnl(i) = damping_i (L (s_i - 1) + sum_e expiry_pnl_e(i))      L: perpetual, futures, offsetting collateral
//! scan          = min(basis, min_delta, min_i market_pnl(i))           at most zero
//! ```
//! A book of long options only cannot lose more than it is worth: with skew nodes or floors, whose losses are not those of
//! one state of the world, its scan is at least minus its mark (INV-10).

// Hot path: wrapping products on ranges that the comments state; indexes are below MAX_SCENARIOS.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::contingency::{may_concentrate_vega, Contingencies};
use crate::error::{check_range, Field, RiskError};
use crate::expiry::{at_offset, scan_expiry, ExpiryContext};
use crate::floors::DeltaSums;
use crate::grid::{mul_q30, ExpiryGrid, MAX_GROSS_NOTIONAL};
use crate::market::{ExpirySource, Market};
use crate::params::MinDeltaParams;
use crate::position::{Instrument, Position, PositionSource};
use crate::scenario::{BASIS_WITNESS, FLOOR_WITNESS, MAX_SCENARIOS, ONE_Q30};
use crate::units::{Quantity, Quote};

pub use crate::grid::ScenarioPnl;

/// Largest |PnL| of a scenario, quote units: 1.1e12 USD.
const MOST_PNL: u64 = 1 << 60;
/// Largest gross notional of a market's options, quote units: 5.8e11 USD. Twelve times it, which no PnL reaches, is an i64.
const MOST_GROSS_OPTIONS: u64 = 1 << 59;

/// What sets a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worst {
    /// Nothing loses.
    Nothing,
    /// The scenario of this index.
    Scenario(u8),
    /// The basis floor.
    Basis,
    /// The minimum-delta floor.
    MinDelta,
}

/// What one market contributes to an account's margin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketRisk {
    /// Value of the positions at the no-move node, floored.
    pub mark: Quote,
    /// The largest loss over scenarios and floors, at most zero.
    pub scan: Quote,
    /// Index of the scenario that sets `scan`, or [`BASIS_WITNESS`] or [`FLOOR_WITNESS`] where a floor does: the witness of
    /// this loss.
    pub worst_scenario: u8,
    /// Charge in both requirements; rounded up.
    pub contingency_maintenance: Quote,
    /// Further charge in the initial requirement; rounded up.
    pub contingency_initial: Quote,
    /// Bound on the sum of |quantity| times the larger of price and strike.
    pub gross_notional: Quote,
    /// The basis floor, at most zero.
    pub basis_floor: Quote,
    /// The minimum-delta floor, at most zero.
    pub min_delta_floor: Quote,
    /// Net delta times spot.
    pub net_delta: Quote,
    /// The charges, each apart.
    pub contingencies: Contingencies,
}

impl MarketRisk {
    /// What sets the scan.
    pub fn worst(&self) -> Worst {
        match self.worst_scenario {
            _ if self.scan.raw() == 0 => Worst::Nothing,
            BASIS_WITNESS => Worst::Basis,
            FLOOR_WITNESS => Worst::MinDelta,
            index => Worst::Scenario(index),
        }
    }
}

/// A market in the course of its evaluation.
pub(crate) struct Scan<'a> {
    pub grid: &'a mut ExpiryGrid,
    pub pnl: &'a mut ScenarioPnl,
    pub risk: MarketRisk,
    /// Notional that moves with the spot: perpetual, futures, offsetting collateral.
    linear: i64,
    /// All option sizes, or-ed, and -1 for anything else: negative unless there are long options only.
    pub sides: i64,
    pub holds_perp: bool,
    pub delta: DeltaSums,
    /// Whether the vega is summed.
    pub with_vega: bool,
    /// Gross notional of all options.
    gross_options: u64,
    pub vega: i64,
    pub vega_error: i64,
}

/// Evaluates the positions of one market, sorted by expiry, strike and instrument without repeats.
///
/// `pnl` receives the PnL per scenario. Errors: [`RiskError`] for positions out of order, unlisted expiries,
/// missing surfaces, and amounts out of range.
#[inline(never)] // a stack frame of its own: grid and sums fill half of one
pub fn scan_market<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    pnl: &mut ScenarioPnl,
) -> Result<MarketRisk, RiskError> {
    *pnl = [0; MAX_SCENARIOS];
    let mut grid = ExpiryGrid::EMPTY;
    let mut scan = Scan {
        grid: &mut grid,
        pnl,
        risk: MarketRisk::default(),
        linear: 0,
        sides: 0,
        holds_perp: false,
        delta: DeltaSums::default(),
        // a witness proves a breach of maintenance, which does not carry the charge
        with_vega: market.scenarios.witness.is_none() && may_concentrate_vega(market, positions),
        gross_options: 0,
        vega: 0,
        vega_error: 0,
    };
    scan.load_grid(market);
    let mut rest = positions;
    let mut previous_expiry = None;
    while let Some(first) = rest.first().map(PositionSource::position) {
        let index = positions.len().wrapping_sub(rest.len());
        if previous_expiry.is_some_and(|expiry| expiry >= first.expiry) {
            return Err(RiskError::Unsorted { index });
        }
        previous_expiry = Some(first.expiry);
        if first.instrument == Instrument::Perpetual {
            scan.add_perpetual(market, &first)?;
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let mut others = rest.iter();
        let next = others.find(|leg| leg.position().expiry != first.expiry);
        let left = others
            .as_slice()
            .len()
            .wrapping_add(usize::from(next.is_some()));
        let (legs, others) = rest
            .split_at_checked(rest.len().wrapping_sub(left))
            .unwrap_or((rest, &[]));
        let listed = market.expiry(first.expiry)?;
        scan_expiry(market, &listed, legs, &mut scan).map_err(|error| at_offset(error, index))?;
        rest = others;
    }
    scan.add_offset(market)?;
    scan.finish(market)?;
    Ok(scan.risk)
}

impl Scan<'_> {
    /// Loads the market's scenarios and, where its floor is evaluated, the nodes of the basis.
    pub fn load_grid<E>(&mut self, market: &Market<'_, E>) {
        self.grid.load(&market.scenarios);
        let basis = &market.params.basis;
        if basis.is_active() && market.scenarios.with_basis {
            self.grid.load_basis(&market.scenarios, basis.multipliers());
        }
    }

    /// `quantity (P - cost per unit)` less funding, what moves with the spot, and its charges.
    fn add_perpetual<E>(
        &mut self,
        market: &Market<'_, E>,
        position: &Position,
    ) -> Result<(), RiskError> {
        let notional = position.quantity.notional(market.perp_price)?;
        self.add_linear(market, notional, market.perp_cost(position)?)?;
        self.move_with_spot(notional.raw())?;
        let exposure = self.charge_perp(market, position.quantity)?;
        let rounding = i64::from(position.quantity.is_rounded_at(market.spot));
        self.delta.add_leg(exposure, rounding)?;
        self.holds_perp = position.quantity.raw() != 0;
        self.charge_perp_confidence(market, exposure)
    }

    /// `quantity (F - cost per unit)` and what moves with the spot, without a charge of its own: the basis floor is what a
    /// future may lose to the perpetual that hedges it. Returns the notional that follows the spot.
    pub fn add_future<E>(
        &mut self,
        market: &Market<'_, E>,
        context: &ExpiryContext,
        position: &Position,
    ) -> Result<i64, RiskError> {
        if position.strike.raw() != 0 {
            return Err(RiskError::Unsorted { index: 0 });
        }
        let notional = position.quantity.notional(context.forward)?;
        self.add_linear(market, notional, position.cost)?;
        let rounding = i64::from(position.quantity.is_rounded_at(context.forward));
        let (variable, rounding) = match context.share {
            ONE_Q30 => (notional.raw(), rounding),
            // the share is to 2^-31, the product to two units
            share => {
                let error = (notional.raw().unsigned_abs() >> 30) as i64;
                (mul_q30(notional.raw(), share), error.wrapping_add(4))
            }
        };
        self.move_with_spot(variable)?;
        self.delta.add_leg(Quote::from_raw(variable), rounding)?;
        Ok(variable)
    }

    /// Mark, gross notional and cushion of a perpetual or a future.
    fn add_linear<E>(
        &mut self,
        market: &Market<'_, E>,
        notional: Quote,
        cost: Quote,
    ) -> Result<(), RiskError> {
        let gross = notional.raw().unsigned_abs();
        if gross > MAX_GROSS_NOTIONAL {
            return Err(RiskError::OutOfRange {
                field: Field::GrossNotional,
                value: notional.raw(),
                least: 0,
                most: MAX_GROSS_NOTIONAL as i64,
            });
        }
        let value = notional.checked_sub(cost)?;
        self.risk.mark = self.risk.mark.checked_add(value)?;
        self.sides = -1;
        // A cost without size weighs nothing in the scenarios, but it must not outgrow what sums can hold either.
        self.risk.gross_notional = self
            .risk
            .gross_notional
            .checked_add(cost.saturating_abs())?;
        self.add_gross(market, gross, 2).map(|_| ())
    }

    /// Adds to the notional that moves with the spot: at most 2^57, the range of its product with a spot multiplier.
    fn move_with_spot(&mut self, notional: i64) -> Result<(), RiskError> {
        self.linear = self.linear.wrapping_add(notional); // both at most 2^57
        let most = MAX_GROSS_NOTIONAL as i64;
        check_range(Field::GrossNotional, self.linear, -most, most)
    }

    /// Collateral that offsets risk: it gains and loses with the spot, beyond its haircut.
    fn add_offset<E>(&mut self, market: &Market<'_, E>) -> Result<(), RiskError> {
        if market.offset == Quantity::ZERO {
            return Ok(());
        }
        check_range(Field::OffsetAmount, market.offset.raw(), 0, i64::MAX)?;
        let notional = market.offset.notional(market.spot)?;
        let most = MAX_GROSS_NOTIONAL as i64;
        check_range(Field::GrossNotional, notional.raw(), 0, most)?;
        self.move_with_spot(notional.raw())?;
        self.sides = -1;
        self.add_cushion(market, notional.raw().unsigned_abs(), 2)?;
        let rounding = i64::from(market.offset.is_rounded_at(market.spot));
        self.delta.add_leg(notional, rounding)
    }

    /// Refuses a market whose options could lose or gain more than sums of PnL can hold; `gross`, at most 2^57, is that of
    /// one more expiry.
    pub fn bound_pnl(&mut self, gross: u64) -> Result<(), RiskError> {
        self.gross_options = self.gross_options.saturating_add(gross);
        if self.gross_options > MOST_GROSS_OPTIONS {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(())
    }

    /// Adds what moves with the spot, damps the tails and finds the worst scenario or floor; the first wins a tie. A PnL
    /// above 2^60 may wrap as it is damped; it is refused before anything is made of it.
    fn finish<E>(&mut self, market: &Market<'_, E>) -> Result<(), RiskError> {
        let set = &market.scenarios;
        if self.linear != 0 {
            for (value, spot) in self.pnl.iter_mut().zip(set.spot) {
                let moved = mul_q30(self.linear, spot.wrapping_sub(ONE_Q30));
                *value = value
                    .checked_add(moved)
                    .ok_or(RiskError::Overflow(Field::Quote))?;
            }
        }
        let (mut worst, mut best) = (0, 0);
        let mut damped = 0;
        let mut index = u8::MAX; // of the node before the first
        let mut dampings = set.damping.iter(); // not zip: it checks its counter for overflow at every step
        for value in self.pnl.iter_mut() {
            let Some(damping) = dampings.next() else {
                break;
            };
            index = index.wrapping_add(1); // below MAX_SCENARIOS = 40
            if *damping != ONE_Q30 {
                damped |= value.unsigned_abs(); // reaches the power of two below if any does
                *value = mul_q30(*value, *damping);
            } else if *value > best {
                best = *value;
            }
            if *value >= worst {
                continue;
            }
            worst = *value;
            self.risk.worst_scenario = index;
        }
        let largest = damped | best.unsigned_abs() | worst.unsigned_abs();
        if largest >= MOST_PNL {
            return Err(RiskError::Overflow(Field::Quote));
        }
        self.set_min_delta(market)?;
        self.charge_greeks(market)?;
        // what the whole set and the parameters have, so that a witness is bounded where the whole is
        let params = market.params;
        let is_bounded =
            set.with_skew || params.basis.is_active() || params.min_delta != MinDeltaParams::NONE;
        self.bind_floors(worst, is_bounded);
        self.risk.contingency_maintenance = self.risk.contingencies.maintenance()?;
        self.risk.contingency_initial = self.risk.contingencies.initial()?;
        Ok(())
    }

    /// Sets the scan from the worst scenario's loss and the floors.
    fn bind_floors(&mut self, worst: i64, is_bounded: bool) {
        let risk = &mut self.risk;
        let mut scan = Quote::from_raw(worst);
        for (floor, witness) in [
            (risk.basis_floor, BASIS_WITNESS),
            (risk.min_delta_floor, FLOOR_WITNESS),
        ] {
            if floor < scan {
                scan = floor;
                risk.worst_scenario = witness;
            }
        }
        if is_bounded && self.sides >= 0 {
            let whole = risk.mark.raw().max(0).wrapping_neg();
            scan = scan.max(Quote::from_raw(whole));
        }
        risk.scan = scan;
    }
}
