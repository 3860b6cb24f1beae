//! A witness: the no-move node and one other, enough to prove that an account breaches in a named scenario.

// Indexes are at most MAX_SCENARIOS = 40.
#![allow(clippy::cast_possible_truncation)]

use crate::error::RiskError;
use crate::params::{MarketParams, MinDeltaParams};
use crate::scenario::{ScenarioSet, VolShock, ONE_Q30};

/// Names the basis floor in place of a scenario.
pub const BASIS_WITNESS: u8 = 254;
/// Names the minimum-delta floor in place of a scenario: any witness evaluates it, and this one nothing else.
pub const FLOOR_WITNESS: u8 = 255;

/// The no-move node and one other: enough to prove that an account breaches in a named scenario.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    ln_spot: [i64; 2],
    spot: [i64; 2],
    damping: [i64; 2],
    count: u8,
    bounds: [u8; 6],
    with_basis: bool,
    with_skew: bool,
    name: u8,
}

impl Witness {
    /// Picks scenario `index` of `set`.
    ///
    /// Each node's value does not depend on which others are evaluated, so a witness's PnL has the same bits as
    /// that scenario's in the full scan, and its scan loss is never larger. The cushion is the full set's. A witness is about
    /// maintenance: the charge on concentrated vega, which only the initial requirement carries, is left out.
    pub fn new(set: &ScenarioSet<'_>, index: usize) -> Result<Self, RiskError> {
        let read = |array: &[i64], at: usize| {
            array.get(at).copied().ok_or(RiskError::UnknownScenario {
                index,
                count: set.count(),
            })
        };
        let reach = set.reach as u8; // at most 8
        let mut witness = Self {
            ln_spot: [0; 2],
            spot: [ONE_Q30; 2],
            damping: [ONE_Q30; 2],
            count: 1,
            bounds: [0, 1, 0, reach, 1, 1],
            with_basis: false,
            with_skew: set.with_skew,
            name: u8::try_from(index).unwrap_or(FLOOR_WITNESS),
        };
        let named = [
            read(set.ln_spot, index)?,
            read(set.spot, index)?,
            read(set.damping, index)?,
        ];
        if index == set.base {
            return Ok(witness);
        }
        // Keeps the order by volatility shock and spot.
        let (at, bounds) = match set.vol_shock(index) {
            VolShock::Up => (0, [1, 2, 1, reach, 2, 2]),
            VolShock::None if index < set.base => (0, [0, 2, 1, reach, 2, 2]),
            VolShock::None => (1, [0, 2, 0, reach, 2, 2]),
            VolShock::Down => (1, [0, 1, 0, reach, 2, 2]),
            VolShock::SkewLinear => (1, [0, 1, 0, reach, 1, 2]),
            VolShock::SkewAbs => (1, [0, 1, 0, reach, 1, 1]),
        };
        for (array, value) in [
            (&mut witness.ln_spot, named[0]),
            (&mut witness.spot, named[1]),
            (&mut witness.damping, named[2]),
        ] {
            if let Some(entry) = array.get_mut(at) {
                *entry = value;
            }
        }
        witness.count = 2;
        witness.bounds = bounds;
        Ok(witness)
    }

    /// Picks what a [`crate::scan::MarketRisk::worst_scenario`] names: a scenario, or a floor that the parameters have.
    ///
    /// Errors: [`RiskError::UnknownScenario`], also for a floor that cannot bind.
    pub fn named(
        set: &ScenarioSet<'_>,
        params: &MarketParams,
        index: u8,
    ) -> Result<Self, RiskError> {
        let is_basis = index == BASIS_WITNESS && params.basis.is_active();
        let is_floor = index == FLOOR_WITNESS && params.min_delta != MinDeltaParams::NONE;
        if !is_basis && !is_floor {
            return Self::new(set, index.into());
        }
        Ok(Self {
            with_basis: is_basis,
            name: index,
            ..Self::new(set, set.base)?
        })
    }

    /// The set as the grid reads it.
    pub fn set(&self) -> Result<ScenarioSet<'_>, RiskError> {
        let count = usize::from(self.count);
        let set = ScenarioSet::from_parts(
            self.ln_spot.get(..count),
            self.spot.get(..count),
            self.damping.get(..count),
            self.bounds,
        )?;
        Ok(ScenarioSet {
            with_basis: self.with_basis,
            with_skew: self.with_skew,
            witness: Some(self.name),
            ..set
        })
    }
}
