//! The hot loop: options of one expiry, repriced under every scenario.
//!
//! With spot multiplier `s`, a call is worth `D (s F N(d1) - K N(d2))`. Neither `F` nor `s` depends on the option,
//! so the grid keeps two sums per scenario, `A = sum q F N(d1)` and `B = sum q K N(d2)`, and puts the price
//! together once per scenario instead of once per option: `V = D (s A - B)`. Puts are calls less the forward,
//! `P = C - D (s F - K)`; their part is one number for all scenarios. Cancellation between A and B costs no
//! accuracy that matters: each N is good to 3e-11 of notional.
//!
//! # Ranges
//!
//! Weights are quote amounts shifted right until the expiry's gross notional is below 2^39, so `|sum w| <= 2^39`, but for
//! one unit per short option, which the shift rounds away from zero.
//! With N in Q38 and w split at 19 bits, a product is at most `2^39 * 2^19 = 2^58` and so is a whole sum. Put together,
//! `|s A - B| <= 8 * 2^39 + 2^39 < 2^43`, the range of the discount's product; it is this step, at the far tails, that sets
//! the number of weight bits. Shifted back by at most 19 bits the value stays below 2^62.
//! Moneyness `|m| < 2^42` (Q36), `v >= 1`, and a node is evaluated only where `|m + ln s| <= 7 v`, hence
//! `|(m + ln s) * (2^59 / v)| <= 7 * 2^59 < 2^62`. The loop computes that product as `m (2^59 / v) + ln s (2^59 / v)`: either
//! term may wrap, their sum modulo 2^64 is exact.
//!
//! # Compute units
//!
//! The shape of this file is what `scripts/bench` rewards: one array of nodes, so that the loop has one pointer; saturated
//! nodes cut off at the ends of a level, which are sorted, so that the loop does not compare; the loop alone in a
//! function that is not inlined, so that the ten registers of the VM are not spent on its surroundings.

use crate::error::{Field, RiskError};
use crate::fixed::mul::mul_shift_q38;
use crate::fixed::normal::{cdf, cdf_in_range};
use crate::scenario::{ScenarioSet, MAX_SCENARIOS};

/// 8.0 in Q36: shifts d into the table's range.
const EIGHT_Q36: i64 = 8 << 36;
/// Above 2.0 in Q36, half of v can carry d out of the table and the saturating N is used.
const WIDE_V: i64 = 2 << 36;
/// Where N saturates, in standard deviations: N(-7) = 1.3e-12.
const SATURATION: i64 = 7;
/// Bits that a sum of weights may have.
const WEIGHT_BITS: u32 = 39;
/// Where weights are split, and the format of the sums.
const SPLIT: u32 = 19;
/// Largest gross notional of an expiry, quote units: 1.4e11 USD.
pub const MAX_GROSS_NOTIONAL: u64 = 1 << 57;

/// One option as the grid takes it.
#[derive(Clone, Copy, Debug)]
pub struct GridOption {
    /// ln(F / K), Q36.
    pub moneyness: i64,
    /// sigma sqrt(tau) with volatility up, unchanged and down, Q36, each from 1 to 2^40 (16.0).
    pub std_dev: [i64; 3],
    /// quantity x F in quote units, shifted right by the grid's shift.
    pub forward_weight: i64,
    /// quantity x K in quote units, shifted right by the grid's shift.
    pub strike_weight: i64,
}

/// One scenario and its two sums over the options of the expiry in hand.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Natural logarithm of the spot multiplier, Q36.
    ln_spot: i64,
    /// Spot multiplier, Q30.
    spot: i64,
    /// A, in quote units of the grid's shift, Q19.
    forward: i64,
    /// B, likewise.
    strike: i64,
}

impl Node {
    const EMPTY: Self = Self {
        ln_spot: 0,
        spot: 0,
        forward: 0,
        strike: 0,
    };
}

/// The scenarios of a market, which one expiry after the other fills with sums and empties again.
#[derive(Clone, Debug)]
pub struct ExpiryGrid {
    nodes: [Node; MAX_SCENARIOS],
    /// How many scenarios have volatility up, unchanged and down.
    levels: [usize; 3],
    base: usize,
    put_forward: i64,
    put_strike: i64,
    shift: u32,
}

impl ExpiryGrid {
    /// An empty grid without scenarios.
    pub const EMPTY: Self = Self {
        nodes: [Node::EMPTY; MAX_SCENARIOS],
        levels: [0; 3],
        base: 0,
        put_forward: 0,
        put_strike: 0,
        shift: 0,
    };

    /// Takes a market's scenarios.
    #[inline]
    pub fn load(&mut self, set: &ScenarioSet<'_>) {
        self.levels = [
            set.none_start,
            set.down_start.saturating_sub(set.none_start),
            set.count().saturating_sub(set.down_start),
        ];
        self.base = set.base;
        let nodes = self.nodes.get_mut(..set.count()).unwrap_or_default();
        for ((node, ln_spot), spot) in nodes.iter_mut().zip(set.ln_spot).zip(set.spot) {
            (node.ln_spot, node.spot) = (*ln_spot, *spot);
        }
    }

    /// Begins an expiry whose options' notionals at the larger of forward and strike sum to at most
    /// `gross_notional` quote units. The grid must be empty: new, or emptied by [`ExpiryGrid::close`].
    ///
    /// Errors: [`RiskError::OutOfRange`] above [`MAX_GROSS_NOTIONAL`].
    #[inline]
    pub fn open(&mut self, gross_notional: u64) -> Result<(), RiskError> {
        if gross_notional > MAX_GROSS_NOTIONAL {
            return Err(RiskError::OutOfRange {
                field: Field::GrossNotional,
                value: i64::try_from(gross_notional).unwrap_or(i64::MAX),
                least: 0,
                most: MAX_GROSS_NOTIONAL as i64,
            });
        }
        let bits = u64::BITS.saturating_sub(gross_notional.leading_zeros());
        self.shift = bits.saturating_sub(WEIGHT_BITS);
        Ok(())
    }

    /// How far weights are shifted right: zero up to 550 thousand USD of gross notional.
    #[inline]
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// Adds an option under every scenario; `put` selects parity.
    #[inline]
    pub fn add(&mut self, option: &GridOption, put: bool) {
        if put {
            self.put_forward = self.put_forward.wrapping_add(option.forward_weight);
            self.put_strike = self.put_strike.wrapping_add(option.strike_weight);
        }
        let [up, none, down] = option.std_dev;
        if up.max(none).max(down) < WIDE_V {
            self.add_levels::<true>(option);
        } else {
            self.add_levels::<false>(option);
        }
    }

    /// `IN_TABLE`: each v is below 2, so that |d| <= 7 + v/2 < 8.
    #[inline(always)]
    fn add_levels<const IN_TABLE: bool>(&mut self, option: &GridOption) {
        let mut level = Level {
            inverse: 0,
            offset: 0,
            std_dev: 0,
            forward: Weight::new(option.forward_weight),
            strike: Weight::new(option.strike_weight),
        };
        let mut rest = self.nodes.as_mut_slice();
        for (v, count) in option.std_dev.iter().zip(self.levels) {
            let Some((nodes, others)) = rest.split_at_mut_checked(count) else {
                return;
            };
            add_level::<IN_TABLE>(option.moneyness, *v, nodes, &mut level);
            rest = others;
        }
    }

    /// Ends the expiry: adds its PnL under each scenario to `pnl` and returns its value at the no-move node, floored;
    /// `discount` in Q38. The grid is empty after it.
    ///
    /// Errors: [`RiskError::Overflow`] where a sum leaves i64.
    #[inline]
    pub fn close(&mut self, discount: i64, pnl: &mut [i64]) -> Result<i64, RiskError> {
        let put = (self.put_forward, self.put_strike);
        let shift = self.shift;
        let value = |node: &Node| node.value(put, discount) << shift;
        let base = self.nodes.get(self.base).map_or(0, value);
        let [up, none, down] = self.levels;
        let count = up.wrapping_add(none).wrapping_add(down);
        let nodes = self.nodes.get_mut(..count).unwrap_or_default();
        let mut overflow = 0;
        for (node, pnl) in nodes.iter_mut().zip(pnl) {
            let change = value(node).wrapping_sub(base);
            let sum = pnl.wrapping_add(change);
            overflow |= (sum ^ *pnl) & (sum ^ change); // negative where both have the sign that the sum has not
            *pnl = sum;
            (node.forward, node.strike) = (0, 0);
        }
        (self.put_forward, self.put_strike) = (0, 0);
        if overflow < 0 {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(base)
    }
}

impl Node {
    /// Value of the expiry, in quote units of the grid's shift, floored; `discount` in Q38.
    #[inline(always)]
    fn value(&self, put: (i64, i64), discount: i64) -> i64 {
        // |a|, |b| <= 2^40 with the puts and s <= 2^33: within mul_q30, and the result within mul_shift_q38
        let a = (self.forward >> SPLIT).wrapping_sub(put.0);
        let b = (self.strike >> SPLIT).wrapping_sub(put.1);
        let value = mul_q30(a, self.spot).wrapping_sub(b);
        mul_shift_q38(value, discount)
    }
}

/// What one option has in common over the nodes of one volatility level.
struct Level {
    /// 1/v, Q23.
    inverse: u64,
    /// What d1 is at spot unchanged, Q59 modulo 2^64, raised by 8 in the table's range.
    offset: u64,
    /// v = d1 - d2, Q36.
    std_dev: u64,
    forward: Weight,
    strike: Weight,
}

/// One volatility level of one option; see [`ExpiryGrid::add_levels`] for `IN_TABLE`.
#[inline(always)]
fn add_level<const IN_TABLE: bool>(m: i64, v: i64, nodes: &mut [Node], level: &mut Level) {
    // Not a slice pattern with two ends: that leaves out the single node of a witness.
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        return;
    };
    let centre = if IN_TABLE { EIGHT_Q36 << 23 } else { 0 };
    level.inverse = (1u64 << 59).checked_div(v as u64).unwrap_or(0);
    level.offset = (m as u64)
        .wrapping_mul(level.inverse)
        .wrapping_add((v as u64) << 22) // v/2
        .wrapping_add(centre as u64);
    level.std_dev = v as u64;
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
            node.forward = node.forward.wrapping_add(level.forward.whole());
            node.strike = node.strike.wrapping_add(level.strike.whole());
        }
    }
    add_nodes::<IN_TABLE>(nodes.into_slice(), level);
}

/// The loop: every node here has |d| <= 7.
#[inline(never)]
fn add_nodes<const IN_TABLE: bool>(nodes: &mut [Node], level: &Level) {
    for node in nodes {
        let d1 = (node.ln_spot as u64)
            .wrapping_mul(level.inverse)
            .wrapping_add(level.offset);
        let (n1, n2) = if IN_TABLE {
            let u = d1 >> 23;
            (cdf_in_range(u), cdf_in_range(u.wrapping_sub(level.std_dev)))
        } else {
            let d1 = d1 as i64 >> 23;
            (cdf(d1), cdf(d1.wrapping_sub(level.std_dev as i64)))
        };
        node.forward = node.forward.wrapping_add(level.forward.times(n1));
        node.strike = node.strike.wrapping_add(level.strike.times(n2));
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

/// `value x factor` for a factor in Q30 from -2^30 to 2^33, floored within two units; |value| <= 2^57.
///
/// For a factor up to 2^30, |value| may reach 2^60.
#[inline]
pub(crate) fn mul_q30(value: i64, factor: i64) -> i64 {
    const LOW: i64 = (1 << 28) - 1;
    ((value >> 28).wrapping_mul(factor) >> 2).wrapping_add((value & LOW).wrapping_mul(factor) >> 30)
}
