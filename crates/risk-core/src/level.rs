//! The loop inside the grid: one option at one volatility level over all of its nodes.
//!
//! Ranges are those of [`crate::grid`]. The shape of this file is what `scripts/bench` rewards: see there.

// Hot path: wrapping products on ranges that the grid states.
#![allow(clippy::arithmetic_side_effects)]

use crate::fixed::normal::{cdf, cdf_in_range};
use crate::grid::mul_q30;

/// 8.0 in Q36: shifts d into the table's range.
const EIGHT_Q36: i64 = 8 << 36;
/// Where N saturates, in standard deviations: N(-7) = 1.3e-12.
const SATURATION: i64 = 7;
/// Where weights are split, and the format of the sums.
pub(crate) const SPLIT: u32 = 19;

/// One scenario and its two sums over the options of the expiry in hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Natural logarithm of the spot multiplier, Q36.
    pub ln_spot: i64,
    /// Spot multiplier, Q30.
    pub spot: i64,
    /// A, in quote units of the grid's shift, Q19.
    pub forward: i64,
    /// B, likewise.
    pub strike: i64,
}

impl Node {
    pub const EMPTY: Self = Self {
        ln_spot: 0,
        spot: 0,
        forward: 0,
        strike: 0,
    };
}

impl Node {
    /// Adds an option's two terms.
    #[inline(always)]
    pub fn add(&mut self, (forward, strike): (i64, i64)) {
        self.forward = self.forward.wrapping_add(forward);
        self.strike = self.strike.wrapping_add(strike);
    }

    /// Undiscounted value of the expiry, in quote units of the grid's shift, floored; below 2^43.
    #[inline(always)]
    pub fn value(&self, put: (i64, i64)) -> i64 {
        // |a|, |b| <= 2^40 with the puts and s <= 2^33: within mul_q30, and the result within mul_shift_q38
        let a = (self.forward >> SPLIT).wrapping_sub(put.0);
        let b = (self.strike >> SPLIT).wrapping_sub(put.1);
        mul_q30(a, self.spot).wrapping_sub(b)
    }
}

/// What one option has in common over the nodes of one volatility level, and its weights over those of all.
pub(crate) struct Level {
    /// 1/v, Q23.
    inverse: u64,
    /// What d1 is at spot unchanged, Q59 modulo 2^64, raised by 8 in the table's range.
    offset: u64,
    /// v = d1 - d2, Q36.
    std_dev: u64,
    forward: Weight,
    strike: Weight,
}

impl Level {
    /// An option's level, to be set: weights in quote units of the grid's shift.
    #[inline(always)]
    pub fn new(forward_weight: i64, strike_weight: i64) -> Self {
        Self {
            inverse: 0,
            offset: 0,
            std_dev: 0,
            forward: Weight::new(forward_weight),
            strike: Weight::new(strike_weight),
        }
    }

    /// The level of standard deviation `v` at moneyness `m`.
    #[inline(always)]
    fn set<const IN_TABLE: bool>(&mut self, m: i64, v: i64) {
        let centre = if IN_TABLE { EIGHT_Q36 << 23 } else { 0 };
        self.inverse = (1u64 << 59).checked_div(v as u64).unwrap_or(0);
        self.offset = (m as u64)
            .wrapping_mul(self.inverse)
            .wrapping_add((v as u64) << 22) // v/2
            .wrapping_add(centre as u64);
        self.std_dev = v as u64;
    }

    /// `w N(d1)` and `w N(d2)` at ln s, where |d| <= 7.
    #[inline(always)]
    fn terms<const IN_TABLE: bool>(&self, ln_spot: i64) -> (i64, i64) {
        let d1 = (ln_spot as u64)
            .wrapping_mul(self.inverse)
            .wrapping_add(self.offset);
        let (n1, n2) = if IN_TABLE {
            let u = d1 >> 23;
            (cdf_in_range(u), cdf_in_range(u.wrapping_sub(self.std_dev)))
        } else {
            let d1 = d1 as i64 >> 23;
            (cdf(d1), cdf(d1.wrapping_sub(self.std_dev as i64)))
        };
        (self.forward.times(n1), self.strike.times(n2))
    }

    /// The same where both N are 1.
    #[inline(always)]
    fn whole(&self) -> (i64, i64) {
        (self.forward.whole(), self.strike.whole())
    }

    /// The same for any d at one ln s.
    #[inline(always)]
    pub fn single<const IN_TABLE: bool>(&mut self, m: i64, v: i64, ln_spot: i64) -> (i64, i64) {
        let limit = v.wrapping_mul(SATURATION);
        let moved = m.wrapping_add(ln_spot);
        if moved > limit {
            return self.whole();
        }
        if moved < limit.wrapping_neg() {
            return (0, 0);
        }
        self.set::<IN_TABLE>(m, v);
        self.terms::<IN_TABLE>(ln_spot)
    }
}

/// One volatility level of one option; see [`crate::grid::ExpiryGrid::add`] for `IN_TABLE`.
#[inline(always)]
pub(crate) fn add_level<const IN_TABLE: bool>(
    m: i64,
    v: i64,
    nodes: &mut [Node],
    level: &mut Level,
) {
    // Not a slice pattern with two ends: that leaves out the single node of a witness.
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        return;
    };
    level.set::<IN_TABLE>(m, v);
    let limit = v.wrapping_mul(SATURATION);
    let lowest = limit.wrapping_neg().wrapping_sub(m);
    let highest = limit.wrapping_sub(m);
    if first.ln_spot >= lowest && last.ln_spot <= highest {
        add_nodes::<IN_TABLE>(nodes, level);
    } else {
        add_saturated::<IN_TABLE>(nodes, lowest, highest, level);
    }
}

/// A level where nodes at the ends may saturate: below `lowest` both N are 0, above `highest` they are 1.
#[inline(never)]
fn add_saturated<const IN_TABLE: bool>(
    nodes: &mut [Node],
    lowest: i64,
    highest: i64,
    level: &Level,
) {
    let mut nodes = nodes.iter_mut();
    while nodes
        .as_slice()
        .first()
        .is_some_and(|node| node.ln_spot < lowest)
    {
        nodes.next();
    }
    while nodes
        .as_slice()
        .last()
        .is_some_and(|node| node.ln_spot > highest)
    {
        if let Some(node) = nodes.next_back() {
            node.add(level.whole());
        }
    }
    add_nodes::<IN_TABLE>(nodes.into_slice(), level);
}

/// The loop: every node here has |d| <= 7.
#[inline(never)]
fn add_nodes<const IN_TABLE: bool>(nodes: &mut [Node], level: &Level) {
    for node in nodes {
        node.add(level.terms::<IN_TABLE>(node.ln_spot));
    }
}

/// A weight w, |w| <= 2^39, split once so that the loop does not split each N.
#[derive(Clone, Copy)]
struct Weight {
    high: i64,
    low: i64,
}

impl Weight {
    #[inline(always)]
    fn new(weight: i64) -> Self {
        Self {
            high: weight >> SPLIT,
            low: weight & ((1 << SPLIT) - 1),
        }
    }

    /// `floor(w n / 2^19)` for n in Q38, 0 <= n <= 2^38: both products stay below 2^58.
    #[inline(always)]
    fn times(&self, n: i64) -> i64 {
        let low = self.low.wrapping_mul(n) >> SPLIT;
        self.high.wrapping_mul(n).wrapping_add(low)
    }

    /// `w 2^19`, which is `w n / 2^19` for n = 1.
    #[inline(always)]
    fn whole(&self) -> i64 {
        (self.high << SPLIT | self.low) << SPLIT
    }
}
