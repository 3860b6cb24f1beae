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
use crate::fixed::bits::leading_zeros;
use crate::fixed::log::ln;
use crate::fixed::mul::mul_shift_q38;
use crate::level::{add_level, Level, Node, SPLIT};
use crate::scenario::{
    ln_multiplier, to_q30, ScenarioSet, MAX_SCENARIOS, NEAREST, ONE_Q30, VOL_KINDS,
};

/// Above 2.0 in Q36, half of v can carry d out of the table and the saturating N is used.
const WIDE_V: i64 = 2 << 36;
/// Bits that a sum of weights may have.
const WEIGHT_BITS: u32 = 39;
/// Largest gross notional of an expiry, quote units: 1.4e11 USD.
pub const MAX_GROSS_NOTIONAL: u64 = 1 << 57;

/// PnL of a market under each of its scenarios, quote units; entries past the set's count are zero.
pub type ScenarioPnl = [i64; MAX_SCENARIOS];

/// The scenarios and the two nodes of the basis floor.
const MAX_NODES: usize = MAX_SCENARIOS + 2;

/// Names no kind of volatility shock.
const NO_KIND: usize = VOL_KINDS;

/// One option as the grid takes it.
#[derive(Clone, Copy, Debug)]
pub struct GridOption {
    /// ln(F / K), Q36.
    pub moneyness: i64,
    /// sigma sqrt(tau) with volatility up, unchanged, down, tilted and lifted, Q36, each from 1 to 2^40 (16.0); the last two
    /// are not read where the set has no skew nodes.
    pub std_dev: [i64; VOL_KINDS],
    /// quantity x F in quote units, shifted right by the grid's shift.
    pub forward_weight: i64,
    /// quantity x K in quote units, shifted right by the grid's shift.
    pub strike_weight: i64,
}

/// What an expiry is worth: the results of [`ExpiryGrid::close`], quote units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiryValue {
    /// Value at the no-move node, floored.
    pub mark: i64,
    /// Change of value at the two nodes of the basis floor, down and up; zero where there is none.
    pub basis: [i64; 2],
    /// Forward delta at the no-move node times the forward, floored.
    pub delta: i64,
}

/// Factors of an expiry's value, Q38, at most 1.0 each: the discount, and the discount times the static one of each sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discounts {
    /// Of marks.
    pub mark: i64,
    /// Of a positive value in a scenario.
    pub long: i64,
    /// Of a negative value in a scenario.
    pub short: i64,
}

impl Discounts {
    /// No static discount.
    pub const fn plain(discount: i64) -> Self {
        Self {
            mark: discount,
            long: discount,
            short: discount,
        }
    }
}

/// The scenarios of a market, which one expiry after the other fills with sums and empties again.
#[derive(Clone, Debug)]
pub struct ExpiryGrid {
    nodes: [Node; MAX_NODES],
    /// How many nodes each kind of volatility shock has; last, nodes of the basis floor that no scenario stands for.
    levels: [usize; VOL_KINDS + 1],
    /// For a witness, which has one or two nodes, their kinds of volatility shock; [`NO_KIND`] past its end.
    single_kinds: [usize; 2],
    base: usize,
    /// Nodes with the forward down and up, volatility unchanged.
    basis: [usize; 2],
    put_forward: i64,
    put_strike: i64,
    shift: u32,
}

impl ExpiryGrid {
    /// An empty grid without scenarios.
    pub const EMPTY: Self = Self {
        nodes: [Node::EMPTY; MAX_NODES],
        levels: [0; VOL_KINDS + 1],
        single_kinds: [NO_KIND; 2],
        base: 0,
        basis: [0; 2],
        put_forward: 0,
        put_strike: 0,
        shift: 0,
    };

    /// Takes a market's scenarios.
    #[inline]
    pub fn load(&mut self, set: &ScenarioSet<'_>) {
        let count = set.count();
        self.levels = [
            set.none_start,
            set.down_start.saturating_sub(set.none_start),
            set.linear_start.saturating_sub(set.down_start),
            set.abs_start.saturating_sub(set.linear_start),
            count.saturating_sub(set.abs_start),
            0,
        ];
        self.single_kinds = match count {
            1 => [set.vol_shock(0) as usize, NO_KIND],
            2 => [set.vol_shock(0) as usize, set.vol_shock(1) as usize],
            _ => [NO_KIND; 2],
        };
        self.base = set.base;
        self.basis = [set.base; 2];
        let nodes = self.nodes.get_mut(..count).unwrap_or_default();
        for ((node, ln_spot), spot) in nodes.iter_mut().zip(set.ln_spot).zip(set.spot) {
            (node.ln_spot, node.spot) = (*ln_spot, *spot);
        }
    }

    /// Adds the nodes of the basis floor, forward multipliers down and up in 1e-6: those with unchanged volatility that the
    /// set has already cost nothing, others are nodes of their own, with the same bits.
    pub fn load_basis(&mut self, set: &ScenarioSet<'_>, multipliers: [u32; 2]) {
        let count = set.count();
        let unshocked = set.spot.get(..set.down_start).unwrap_or_default();
        for (basis, multiplier) in self.basis.iter_mut().zip(multipliers) {
            let spot = to_q30(multiplier.into(), NEAREST);
            let mut known = unshocked.iter().skip(set.none_start);
            if let Some(place) = known.position(|s| *s == spot) {
                *basis = set.none_start.wrapping_add(place);
                continue;
            }
            let own = &mut self.levels[VOL_KINDS];
            *basis = count.wrapping_add(*own);
            if let Some(node) = self.nodes.get_mut(*basis) {
                (node.ln_spot, node.spot) = (ln_multiplier(multiplier), spot);
                *own = own.wrapping_add(1);
                self.single_kinds = [NO_KIND; 2];
            }
        }
    }

    /// Inside the settlement window only `share` of the forward (Q30, 0 to 1.0) follows the spot: every node's multiplier `s`
    /// becomes `1 + share (s - 1)`, to 2^-29. Another [`ExpiryGrid::load`] undoes it.
    pub fn split(&mut self, share: i64) {
        let count = self.count();
        let nodes = self.nodes.get_mut(..count).unwrap_or_default();
        for node in nodes {
            node.spot = ONE_Q30.wrapping_add(mul_q30(node.spot.wrapping_sub(ONE_Q30), share));
            node.ln_spot = ln_q36(node.spot);
        }
    }

    /// How many nodes are in use.
    fn count(&self) -> usize {
        self.levels
            .iter()
            .fold(0, |sum, level| sum.wrapping_add(*level))
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
        self.shift = match gross_notional >> WEIGHT_BITS {
            0 => 0,
            excess => 64u32.wrapping_sub(leading_zeros(excess)), // its bits
        };
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
        // none is negative: below 2.0 together is below 2.0 each
        let widest = option.std_dev.iter().fold(0, |bits, v| bits | v);
        if widest >= WIDE_V {
            self.add_levels::<false>(option);
        } else if self.single_kinds[0] != NO_KIND {
            self.add_singles(option);
        } else {
            self.add_levels::<true>(option);
        }
    }

    /// Each node for itself: what is cheapest where there are two.
    #[inline(always)]
    fn add_singles(&mut self, option: &GridOption) {
        let mut level = Level::new(option.forward_weight, option.strike_weight);
        for (node, kind) in self.nodes.iter_mut().zip(self.single_kinds) {
            if let Some(v) = option.std_dev.get(kind) {
                node.add(level.single::<true>(option.moneyness, *v, node.ln_spot));
            }
        }
    }

    /// `IN_TABLE`: each v is below 2, so that |d| <= 7 + v/2 < 8.
    #[inline(always)]
    fn add_levels<const IN_TABLE: bool>(&mut self, option: &GridOption) {
        let mut level = Level::new(option.forward_weight, option.strike_weight);
        let [up, none, down, linear, abs] = option.std_dev;
        let [ups, nones, downs, linears, abses, own] = self.levels;
        let mut rest = self.nodes.as_mut_slice();
        for (v, count) in [(up, ups), (none, nones), (down, downs)] {
            let Some((nodes, others)) = rest.split_at_mut_checked(count) else {
                return;
            };
            rest = others;
            add_level::<IN_TABLE>(option.moneyness, v, nodes, &mut level);
        }
        if linears.wrapping_add(abses).wrapping_add(own) == 0 {
            return;
        }
        let mut added = (0, 0);
        let mut shared = 0; // no standard deviation
        for (v, count) in [(linear, linears), (abs, abses)] {
            if count == 0 {
                continue;
            }
            let Some((node, others)) = rest.split_first_mut() else {
                return;
            };
            // above the forward both turn alike, if their parameters are alike
            if v != shared {
                added = level.single::<IN_TABLE>(option.moneyness, v, 0);
                shared = v;
            }
            node.add(added);
            rest = others;
        }
        if own > 0 {
            let nodes = rest.get_mut(..own).unwrap_or_default();
            add_level::<IN_TABLE>(option.moneyness, none, nodes, &mut level);
        }
    }

    /// A at the no-move node so far, in quote units of the grid's shift, Q19: what an option adds to it is its delta.
    #[inline]
    pub fn base_forward(&self) -> i64 {
        self.nodes.get(self.base).map_or(0, |node| node.forward)
    }

    /// Ends the expiry: adds its PnL under each scenario to `pnl`, a skew node's as a loss whatever its sign, and returns what
    /// it is worth. The grid is empty after it.
    ///
    /// A PnL changes by at most 12 times the gross notional that the expiry was opened with, and 17 units; a sum that leaves i64 wraps.
    #[inline]
    pub fn close(&mut self, discounts: &Discounts, pnl: &mut ScenarioPnl) -> ExpiryValue {
        let put = (self.put_forward, self.put_strike);
        let shift = self.shift;
        let mark_of = |node: &Node| mul_shift_q38(node.value(put), discounts.mark) << shift;
        let base = self.nodes.get(self.base).copied().unwrap_or(Node::EMPTY);
        let mark = mark_of(&base);
        let basis = self
            .basis
            .map(|index| self.nodes.get(index).map_or(0, mark_of).wrapping_sub(mark));
        let delta = mul_shift_q38((base.forward >> SPLIT).wrapping_sub(put.0), discounts.mark);

        let closing = Closing {
            put,
            factors: [discounts.long, discounts.short],
            shift,
            mark,
        };
        let [up, none, down, linear, abs, own] = self.levels;
        let plain = up.wrapping_add(none).wrapping_add(down);
        let skewed = linear.wrapping_add(abs);
        let (plain_nodes, others) = self
            .nodes
            .split_at_mut_checked(plain)
            .unwrap_or((&mut [], &mut []));
        let (plain_pnl, other_pnl) = pnl
            .split_at_mut_checked(plain)
            .unwrap_or((&mut [], &mut []));
        closing.add_plain(plain_nodes, plain_pnl);
        let mut others = others.iter_mut();
        for (node, pnl) in others.by_ref().take(skewed).zip(other_pnl) {
            let change = closing.change(node);
            *pnl = pnl.wrapping_sub(change.wrapping_abs());
        }
        for node in others.take(own) {
            (node.forward, node.strike) = (0, 0);
        }
        (self.put_forward, self.put_strike) = (0, 0);
        ExpiryValue {
            mark,
            basis,
            delta: delta << shift,
        }
    }
}

/// What the nodes of an expiry share when it ends.
struct Closing {
    put: (i64, i64),
    /// Of a positive and of a negative value, Q38.
    factors: [i64; 2],
    shift: u32,
    mark: i64,
}

impl Closing {
    /// What a node gains over the mark; empties it.
    #[inline(always)]
    fn change(&self, node: &mut Node) -> i64 {
        let value = node.value(self.put);
        let [long, short] = self.factors;
        let factor = if value < 0 { short } else { long };
        (node.forward, node.strike) = (0, 0);
        (mul_shift_q38(value, factor) << self.shift).wrapping_sub(self.mark)
    }

    /// The loop over scenarios whose sign counts.
    #[inline(never)]
    fn add_plain(&self, nodes: &mut [Node], pnl: &mut [i64]) {
        let mut pnl = pnl.iter_mut();
        for node in nodes {
            let Some(pnl) = pnl.next() else {
                break;
            };
            *pnl = pnl.wrapping_add(self.change(node));
        }
    }
}

/// `ln(multiplier)` in Q36 for a multiplier in Q30.
fn ln_q36(multiplier: i64) -> i64 {
    ln(multiplier.unsigned_abs()).wrapping_sub(ln(ONE_Q30 as u64)) >> 4
}

/// `value x factor` for a factor in Q30 from -2^30 to 2^33, floored within two units; |value| <= 2^57.
///
/// For a factor up to 2^30, |value| may reach 2^60.
#[inline]
pub(crate) fn mul_q30(value: i64, factor: i64) -> i64 {
    const LOW: i64 = (1 << 28) - 1;
    ((value >> 28).wrapping_mul(factor) >> 2).wrapping_add((value & LOW).wrapping_mul(factor) >> 30)
}
