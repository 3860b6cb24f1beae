//! The set of shocks that a market is repriced under: validated once, then read in place.
//!
//! A set is stored as parallel arrays, sorted by volatility shock (up, none, down, skew linear, skew abs) and then by spot, so
//! that the grid's inner loop runs over one contiguous range per volatility level. The no-move node must be in it: marks
//! are that node's values, bit for bit. A skew node moves no spot, so there is at most one of each kind.

// Counts and indexes are at most MAX_SCENARIOS = 40.
#![allow(clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::fixed::log::ln;
use crate::units::{Ratio, RATIO_ONE};

pub use crate::presets::{MAJOR_GRID, MAJOR_SCENARIOS, WIDE_GRID, WIDE_SCENARIOS};
pub use crate::witness::{Witness, BASIS_WITNESS, FLOOR_WITNESS};

/// Most scenarios a market may have.
pub const MAX_SCENARIOS: usize = 40;
/// 1.0 in the Q30 of [`ScenarioTable::spot`] and [`ScenarioTable::damping`].
pub const ONE_Q30: i64 = 1 << 30;
/// 1.0 in the millionths of [`Scenario`].
const ONE_E6: u32 = 1_000_000;
/// Spot multipliers reach from 1 % to 8 times.
const SPOT_LEAST: u32 = 10_000;
const SPOT_MOST: u32 = 8_000_000;
/// Largest multiplier of the spot range.
pub const MOST_REGIME: i64 = 4 * RATIO_ONE;
/// Largest reach of a set.
pub(crate) const MOST_REACH: i64 = 8;

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
    /// The smile tilts: volatility changes with the logarithm of strike over forward. Either sign of the loss counts.
    SkewLinear = 3,
    /// The wings lift: volatility changes with the magnitude of that logarithm. Either sign of the loss counts.
    SkewAbs = 4,
}

/// How many kinds there are.
pub const VOL_KINDS: usize = 5;

impl VolShock {
    /// Whether it turns the smile instead of scaling it.
    pub const fn is_skew(self) -> bool {
        matches!(self, Self::SkewLinear | Self::SkewAbs)
    }
}

/// One shock, in the units that governance writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Direction of the volatility shock.
    pub vol: VolShock,
    /// Spot multiplier, 1e-6: 820,000 is a fall of 18 %. From 10,000 to 8,000,000; 1,000,000 for a skew node.
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
    /// Index of the linear skew node, or of what follows.
    pub linear_start: u8,
    /// Index of the abs skew node, or the count.
    pub abs_start: u8,
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
            linear_start: 0,
            abs_start: 0,
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
        let (least, most) = match scenario.vol.is_skew() {
            true => (ONE_E6, ONE_E6),
            false => (SPOT_LEAST, SPOT_MOST),
        };
        check_range(Field::ScenarioSpot, spot, least.into(), most.into())?;
        check_range(Field::ScenarioDamping, damping, 1, ONE_E6.into())?;
        if scenario.vol == VolShock::None && scenario.spot == ONE_E6 && scenario.damping == ONE_E6 {
            self.base = index as u8;
        }
        let after = (index as u8).saturating_add(1);
        for (kind, start) in [
            (VolShock::None, &mut self.none_start),
            (VolShock::Down, &mut self.down_start),
            (VolShock::SkewLinear, &mut self.linear_start),
            (VolShock::SkewAbs, &mut self.abs_start),
        ] {
            if scenario.vol < kind {
                *start = after;
            }
        }
        // at most 8e6 * 1e6
        let counted = u64::from(scenario.spot).wrapping_mul(scenario.damping.into());
        let reach = counted
            .wrapping_add(999_999_999_999)
            .div_euclid(1_000_000_000_000);
        self.reach = self.reach.max(reach as u8);
        let ln_spot = ln_multiplier(scenario.spot);
        let slot = |array: &mut [i64; MAX_SCENARIOS], value| {
            if let Some(entry) = array.get_mut(index) {
                *entry = value;
            }
        };
        slot(&mut self.ln_spot, ln_spot);
        slot(&mut self.spot, to_q30(spot, NEAREST)); // nearest: errors of either sign hurt someone
        slot(&mut self.damping, to_q30(damping, 999_999)); // ceil: a loss is never shrunk
        Ok(())
    }

    /// The set as the grid reads it.
    pub fn set(&self) -> Result<ScenarioSet<'_>, RiskError> {
        let count = usize::from(self.count);
        ScenarioSet::from_parts(
            self.ln_spot.get(..count),
            self.spot.get(..count),
            self.damping.get(..count),
            self.bounds(),
        )
    }

    /// The bounds of the levels, as [`ScenarioSet::from_parts`] takes them.
    pub fn bounds(&self) -> [u8; 6] {
        let (linear, abs) = (self.linear_start, self.abs_start);
        let [none, down, base] = [self.none_start, self.down_start, self.base];
        [none, down, base, self.reach, linear, abs]
    }

    /// Scenario `index` in the units that governance writes; `None` past the end.
    pub fn scenario(&self, index: usize) -> Option<Scenario> {
        let set = self.set().ok()?;
        // 1e-6 is a thousand units of Q30: what was written is the nearest, and the floor of what was rounded up
        let spot = set
            .spot(index)?
            .wrapping_mul(1_000_000)
            .wrapping_add(1 << 29)
            >> 30;
        let damping = set.damping(index)?.wrapping_mul(1_000_000) >> 30;
        Some(Scenario {
            vol: set.vol_shock(index),
            spot: u32::try_from(spot).ok()?,
            damping: u32::try_from(damping).ok()?,
        })
    }

    /// The set with the spot distance of its undamped nodes multiplied by `regime`, 1.0 to 4.0; within the bounds of a
    /// spot multiplier. Tails stay where they are; nodes that meet become one, with the larger damping.
    ///
    /// The order is restored, so an index may name another node than before. Errors: [`Field::Regime`].
    pub fn scaled(&self, regime: Ratio) -> Result<Self, RiskError> {
        check_range(Field::Regime, regime.raw(), RATIO_ONE, MOST_REGIME)?;
        let mut nodes = [Scenario::new(VolShock::None, ONE_E6); MAX_SCENARIOS];
        let mut count = 0;
        for index in 0..usize::from(self.count) {
            if let Some(node) = self.scenario(index) {
                insert(&mut nodes, &mut count, widened(node, regime));
            }
        }
        Self::new(nodes.get(..count).unwrap_or_default())
    }
}

/// An undamped node at `regime` times its distance from 1.0, rounded away from it and clamped; any other as it is.
fn widened(node: Scenario, regime: Ratio) -> Scenario {
    if node.damping != ONE_E6 {
        return node;
    }
    // distance below 2^23, regime at most 2^22
    let distance = i64::from(node.spot).wrapping_sub(ONE_E6.into());
    let scaled = distance
        .unsigned_abs()
        .wrapping_mul(regime.raw().unsigned_abs())
        .wrapping_add(999_999);
    let away = scaled.div_euclid(1_000_000) as i64;
    let moved = i64::from(ONE_E6).wrapping_add(distance.signum().wrapping_mul(away));
    Scenario {
        spot: moved.clamp(SPOT_LEAST.into(), SPOT_MOST.into()) as u32,
        ..node
    }
}

/// Inserts into the sorted front of `nodes`; a node that is there already keeps the larger damping.
fn insert(nodes: &mut [Scenario; MAX_SCENARIOS], count: &mut usize, node: Scenario) {
    let sorted = nodes.get(..*count).unwrap_or_default();
    let at = sorted.partition_point(|other| (other.vol, other.spot) < (node.vol, node.spot));
    let after = count.saturating_add(1);
    match nodes.get_mut(at..after) {
        Some([same, ..]) if at < *count && (same.vol, same.spot) == (node.vol, node.spot) => {
            same.damping = same.damping.max(node.damping);
        }
        Some(tail) => {
            tail.rotate_right(1);
            if let Some(first) = tail.first_mut() {
                *first = node;
            }
            *count = after;
        }
        None => {}
    }
}

/// ln of a spot multiplier of 1e-6, Q36: both logarithms are of integers, so their difference carries no scale.
pub(crate) fn ln_multiplier(millionths: u32) -> i64 {
    ln(millionths.into()).wrapping_sub(ln(ONE_E6.into())) >> 4 // Q40 to Q36
}

/// Rounds [`to_q30`] to the nearest.
pub(crate) const NEAREST: u64 = 500_000;

/// Millionths (0 to 2^23) in Q30; `rounding` of 0 floors, of 999,999 rounds up. Unsigned: the VM divides no other way.
pub(crate) fn to_q30(millionths: i64, rounding: u64) -> i64 {
    ((millionths.max(0) as u64) << 30)
        .wrapping_add(rounding)
        .div_euclid(1_000_000) as i64
}

/// A borrowed scenario set; the arrays have one length, at most [`MAX_SCENARIOS`].
#[derive(Clone, Copy, Debug)]
pub struct ScenarioSet<'a> {
    pub(crate) ln_spot: &'a [i64],
    pub(crate) spot: &'a [i64],
    pub(crate) damping: &'a [i64],
    pub(crate) none_start: usize,
    pub(crate) down_start: usize,
    pub(crate) linear_start: usize,
    pub(crate) abs_start: usize,
    pub(crate) base: usize,
    pub(crate) reach: u64,
    /// Whether the basis floor is to be evaluated.
    pub(crate) with_basis: bool,
    /// Whether a skew node is in the set, or in the one that a witness is of.
    pub(crate) with_skew: bool,
    /// What a witness names; `None` for a whole set.
    pub(crate) witness: Option<u8>,
}

impl<'a> ScenarioSet<'a> {
    /// Borrows arrays that [`ScenarioTable::new`] produced; `bounds` are `none_start`, `down_start`, `base`,
    /// `reach`, `linear_start`, `abs_start`.
    ///
    /// Errors: [`RiskError::NoBaseScenario`] or [`RiskError::ScenarioOrder`] where the parts do not fit together.
    pub fn from_parts(
        ln_spot: Option<&'a [i64]>,
        spot: Option<&'a [i64]>,
        damping: Option<&'a [i64]>,
        bounds: [u8; 6],
    ) -> Result<Self, RiskError> {
        let (Some(ln_spot), Some(spot), Some(damping)) = (ln_spot, spot, damping) else {
            return Err(RiskError::NoBaseScenario);
        };
        let [none_start, down_start, base, reach, linear_start, abs_start] =
            bounds.map(usize::from);
        let count = ln_spot.len();
        if count > MAX_SCENARIOS || spot.len() != count || damping.len() != count {
            return Err(RiskError::ScenarioOrder { index: count });
        }
        if none_start > base || base >= down_start || down_start > linear_start {
            return Err(RiskError::NoBaseScenario);
        }
        // at most one node of each skew
        let one_each =
            abs_start.wrapping_sub(linear_start) <= 1 && count.wrapping_sub(abs_start) <= 1;
        if linear_start > abs_start || abs_start > count || !one_each {
            return Err(RiskError::ScenarioOrder { index: count });
        }
        check_range(Field::ScenarioSpot, reach as i64, 1, MOST_REACH)?;
        Ok(Self {
            ln_spot,
            spot,
            damping,
            none_start,
            down_start,
            linear_start,
            abs_start,
            base,
            reach: reach as u64,
            with_basis: true,
            with_skew: linear_start < count,
            witness: None,
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

    /// How many scenarios come before the skew nodes: those whose PnL has the sign of the position.
    pub fn directional(&self) -> usize {
        self.linear_start
    }

    /// Volatility shock of scenario `index`.
    pub fn vol_shock(&self, index: usize) -> VolShock {
        if index < self.none_start {
            VolShock::Up
        } else if index < self.down_start {
            VolShock::None
        } else if index < self.linear_start {
            VolShock::Down
        } else if index < self.abs_start {
            VolShock::SkewLinear
        } else {
            VolShock::SkewAbs
        }
    }

    /// Whether a skew node is in the set.
    pub fn has_skew(&self) -> bool {
        self.linear_start < self.count()
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
