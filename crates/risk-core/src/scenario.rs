//! The set of shocks that a market is repriced under: validated once, then read in place.
//!
//! A set is stored as parallel arrays, sorted by volatility shock (up, none, down) and then by spot, so that the
//! grid's inner loop runs over one contiguous range per volatility level. The no-move node must be in it: marks
//! are that node's values, bit for bit.

// Counts and indexes are at most MAX_SCENARIOS = 40.
#![allow(clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::fixed::log::ln;

/// Most scenarios a market may have.
pub const MAX_SCENARIOS: usize = 40;
/// 1.0 in the Q30 of [`ScenarioTable::spot`] and [`ScenarioTable::damping`].
pub const ONE_Q30: i64 = 1 << 30;
/// 1.0 in the millionths of [`Scenario`].
const ONE_E6: u32 = 1_000_000;
/// Spot multipliers reach from 1 % to 8 times.
const SPOT_LEAST: u32 = 10_000;
const SPOT_MOST: u32 = 8_000_000;
/// Largest reach of a set.
const MOST_REACH: i64 = 8;

/// What happens to implied volatility in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum VolShock {
    /// Volatility rises.
    Up = 0,
    /// Volatility stays.
    None = 1,
    /// Volatility falls.
    Down = 2,
}

/// One shock, in the units that governance writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Direction of the volatility shock.
    pub vol: VolShock,
    /// Spot multiplier, 1e-6: 820,000 is a fall of 18 %. From 10,000 to 8,000,000.
    pub spot: u32,
    /// Share of the PnL that counts, 1e-6: below 1,000,000 for far tails.
    pub damping: u32,
}

impl Scenario {
    /// An undamped scenario.
    pub const fn new(vol: VolShock, spot: u32) -> Self {
        Self {
            vol,
            spot,
            damping: ONE_E6,
        }
    }

    /// A tail: volatility up, the PnL scaled by `damping`.
    pub const fn tail(spot: u32, damping: u32) -> Self {
        Self {
            vol: VolShock::Up,
            spot,
            damping,
        }
    }
}

/// The grid for BTC and ETH without the two skew nodes: +-18 % up; +-13.5, 9, 4.5, 0 % under all three volatility
/// shocks; eight damped tails from a third of spot to six times.
pub const MAJOR_SCENARIOS: [Scenario; 31] = {
    use VolShock::{Down, None, Up};
    [
        Scenario::tail(340_000, 210_000),
        Scenario::tail(670_000, 420_000),
        Scenario::new(Up, 820_000),
        Scenario::new(Up, 865_000),
        Scenario::new(Up, 910_000),
        Scenario::new(Up, 955_000),
        Scenario::new(Up, 1_000_000),
        Scenario::new(Up, 1_045_000),
        Scenario::new(Up, 1_090_000),
        Scenario::new(Up, 1_135_000),
        Scenario::new(Up, 1_180_000),
        Scenario::tail(1_500_000, 277_200),
        Scenario::tail(2_000_000, 138_600),
        Scenario::tail(3_000_000, 69_300),
        Scenario::tail(4_000_000, 46_200),
        Scenario::tail(5_000_000, 34_650),
        Scenario::tail(6_000_000, 27_720),
        Scenario::new(None, 865_000),
        Scenario::new(None, 910_000),
        Scenario::new(None, 955_000),
        Scenario::new(None, 1_000_000),
        Scenario::new(None, 1_045_000),
        Scenario::new(None, 1_090_000),
        Scenario::new(None, 1_135_000),
        Scenario::new(Down, 865_000),
        Scenario::new(Down, 910_000),
        Scenario::new(Down, 955_000),
        Scenario::new(Down, 1_000_000),
        Scenario::new(Down, 1_045_000),
        Scenario::new(Down, 1_090_000),
        Scenario::new(Down, 1_135_000),
    ]
};

/// The same shape for thinner assets: spot range 27 % in place of 18 %.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated at compile time
pub const WIDE_SCENARIOS: [Scenario; 31] = {
    let mut set = MAJOR_SCENARIOS;
    let mut index = 0;
    while index < set.len() {
        if set[index].damping == ONE_E6 {
            // 1.5 x the distance from 1.0
            set[index].spot = (set[index].spot * 3 - ONE_E6) / 2;
        }
        index += 1;
    }
    set
};

/// A validated set with its logarithms, as a market stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScenarioTable {
    /// Natural logarithm of the spot multiplier, Q36.
    pub ln_spot: [i64; MAX_SCENARIOS],
    /// Spot multiplier, Q30.
    pub spot: [i64; MAX_SCENARIOS],
    /// Damping, Q30.
    pub damping: [i64; MAX_SCENARIOS],
    /// How many scenarios there are.
    pub count: u8,
    /// Index of the first scenario without a volatility shock.
    pub none_start: u8,
    /// Index of the first scenario with volatility down.
    pub down_start: u8,
    /// Index of the no-move scenario.
    pub base: u8,
    /// Largest spot multiplier times damping, rounded up to a whole number, 1 to 8: what a numerical error of the
    /// grid can be multiplied by on its way into the requirement.
    pub reach: u8,
}

impl ScenarioTable {
    /// Validates a set: 1 to 40 scenarios, sorted and unique, each in range, the no-move node among them.
    pub fn new(scenarios: &[Scenario]) -> Result<Self, RiskError> {
        check_range(
            Field::ScenarioCount,
            scenarios.len() as i64,
            1,
            MAX_SCENARIOS as i64,
        )?;
        let mut table = Self {
            ln_spot: [0; MAX_SCENARIOS],
            spot: [0; MAX_SCENARIOS],
            damping: [0; MAX_SCENARIOS],
            count: scenarios.len() as u8,
            none_start: 0,
            down_start: 0,
            base: u8::MAX,
            reach: 1,
        };
        let mut previous: Option<&Scenario> = None;
        for (index, scenario) in scenarios.iter().enumerate() {
            if previous.is_some_and(|p| (p.vol, p.spot) >= (scenario.vol, scenario.spot)) {
                return Err(RiskError::ScenarioOrder { index });
            }
            previous = Some(scenario);
            table.write(index, scenario)?;
        }
        if table.base == u8::MAX {
            return Err(RiskError::NoBaseScenario);
        }
        Ok(table)
    }

    fn write(&mut self, index: usize, scenario: &Scenario) -> Result<(), RiskError> {
        let (spot, damping) = (i64::from(scenario.spot), i64::from(scenario.damping));
        check_range(
            Field::ScenarioSpot,
            spot,
            SPOT_LEAST.into(),
            SPOT_MOST.into(),
        )?;
        check_range(Field::ScenarioDamping, damping, 1, ONE_E6.into())?;
        if scenario.vol == VolShock::None && scenario.spot == ONE_E6 && scenario.damping == ONE_E6 {
            self.base = index as u8;
        }
        if scenario.vol < VolShock::None {
            self.none_start = (index as u8).saturating_add(1);
        }
        if scenario.vol < VolShock::Down {
            self.down_start = (index as u8).saturating_add(1);
        }
        // at most 8e6 * 1e6
        let reach = spot.wrapping_mul(damping).div_euclid(1_000_000_000_000);
        self.reach = self.reach.max((reach as u8).saturating_add(u8::from(
            spot.wrapping_mul(damping) % 1_000_000_000_000 != 0,
        )));
        // Q40 to Q36; both logarithms are of integers, so their difference carries no scale
        let ln_spot = ln(scenario.spot.into()).wrapping_sub(ln(ONE_E6.into())) >> 4;
        let slot = |array: &mut [i64; MAX_SCENARIOS], value| {
            if let Some(entry) = array.get_mut(index) {
                *entry = value;
            }
        };
        slot(&mut self.ln_spot, ln_spot);
        slot(&mut self.spot, to_q30(spot, 500_000)); // nearest: errors of either sign hurt someone
        slot(&mut self.damping, to_q30(damping, 999_999)); // ceil: a loss is never shrunk
        Ok(())
    }

    /// The set as the grid reads it.
    pub fn set(&self) -> Result<ScenarioSet<'_>, RiskError> {
        let count = usize::from(self.count);
        let bounds = [self.none_start, self.down_start, self.base, self.reach];
        ScenarioSet::from_parts(
            self.ln_spot.get(..count),
            self.spot.get(..count),
            self.damping.get(..count),
            bounds,
        )
    }
}

/// Millionths (at most 2^23) in Q30; `rounding` of 0 floors, of 999,999 rounds up.
fn to_q30(millionths: i64, rounding: i64) -> i64 {
    (millionths << 30)
        .wrapping_add(rounding)
        .div_euclid(1_000_000)
}

/// A borrowed scenario set; the arrays have one length, at most [`MAX_SCENARIOS`].
#[derive(Clone, Copy, Debug)]
pub struct ScenarioSet<'a> {
    pub(crate) ln_spot: &'a [i64],
    pub(crate) spot: &'a [i64],
    pub(crate) damping: &'a [i64],
    pub(crate) none_start: usize,
    pub(crate) down_start: usize,
    pub(crate) base: usize,
    pub(crate) reach: u64,
}

impl<'a> ScenarioSet<'a> {
    /// Borrows arrays that [`ScenarioTable::new`] produced; `bounds` are `none_start`, `down_start`, `base`, `reach`.
    ///
    /// Errors: [`RiskError::NoBaseScenario`] or [`RiskError::ScenarioOrder`] where the parts do not fit together.
    pub fn from_parts(
        ln_spot: Option<&'a [i64]>,
        spot: Option<&'a [i64]>,
        damping: Option<&'a [i64]>,
        bounds: [u8; 4],
    ) -> Result<Self, RiskError> {
        let (Some(ln_spot), Some(spot), Some(damping)) = (ln_spot, spot, damping) else {
            return Err(RiskError::NoBaseScenario);
        };
        let [none_start, down_start, base, reach] = bounds.map(usize::from);
        let count = ln_spot.len();
        if count > MAX_SCENARIOS || spot.len() != count || damping.len() != count {
            return Err(RiskError::ScenarioOrder { index: count });
        }
        if none_start > base || base >= down_start || down_start > count {
            return Err(RiskError::NoBaseScenario);
        }
        check_range(Field::ScenarioSpot, reach as i64, 1, MOST_REACH)?;
        Ok(Self {
            ln_spot,
            spot,
            damping,
            none_start,
            down_start,
            base,
            reach: reach as u64,
        })
    }

    /// How many scenarios there are.
    pub fn count(&self) -> usize {
        self.ln_spot.len()
    }

    /// Index of the no-move scenario.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Volatility shock of scenario `index`.
    pub fn vol_shock(&self, index: usize) -> VolShock {
        if index < self.none_start {
            VolShock::Up
        } else if index < self.down_start {
            VolShock::None
        } else {
            VolShock::Down
        }
    }

    /// Spot multiplier of scenario `index`, Q30; `None` past the end.
    pub fn spot(&self, index: usize) -> Option<i64> {
        self.spot.get(index).copied()
    }

    /// Damping of scenario `index`, Q30; `None` past the end.
    pub fn damping(&self, index: usize) -> Option<i64> {
        self.damping.get(index).copied()
    }
}

/// The no-move node and one other: enough to prove that an account breaches in a named scenario.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    ln_spot: [i64; 2],
    spot: [i64; 2],
    damping: [i64; 2],
    count: u8,
    bounds: [u8; 4],
}

impl Witness {
    /// Picks scenario `index` of `set`.
    ///
    /// Each node's value does not depend on which others are evaluated, so a witness's PnL has the same bits as
    /// that scenario's in the full scan, and its scan loss is never larger. The cushion is the full set's.
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
            bounds: [0, 1, 0, reach],
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
            VolShock::Up => (0, [1, 2, 1, reach]),
            VolShock::None if index < set.base => (0, [0, 2, 1, reach]),
            VolShock::None => (1, [0, 2, 0, reach]),
            VolShock::Down => (1, [0, 1, 0, reach]),
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

    /// The set as the grid reads it.
    pub fn set(&self) -> Result<ScenarioSet<'_>, RiskError> {
        let count = usize::from(self.count);
        ScenarioSet::from_parts(
            self.ln_spot.get(..count),
            self.spot.get(..count),
            self.damping.get(..count),
            self.bounds,
        )
    }
}
