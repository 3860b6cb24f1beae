//! The options of one expiry on their way into the grid: sizes, weights, standard deviations, and what other terms need.

// Hot path: wrapping products on ranges that the comments state.
#![allow(clippy::arithmetic_side_effects)]

use crate::contingency::leg_vega;
use crate::error::{Field, RiskError};
use crate::expiry::ExpiryContext;
use crate::grid::GridOption;
use crate::market::Market;
use crate::position::{Instrument, Position, PositionSource};
use crate::scan::Scan;
use crate::units::{Price, PriceParts, Quantity};
use crate::vol::VolLevels;

/// Sums over the legs of an expiry.
#[derive(Default)]
pub(crate) struct Legs {
    /// Per strike, shorts less longs, calls and puts pooled.
    pub naked: i64,
    /// Deltas of legs times the forward by sign, in units of the grid's shift; only where the hedged delta is charged.
    pub positive: i64,
    pub negative: i64,
    /// Sum of weights times n(d1), in units of the grid's shift, Q19; only where vega is charged.
    pub vega: i64,
    /// All unshocked standard deviations, or-ed: bounds the largest.
    pub widest: i64,
    /// What deltas of options below [`NARROW_V`] can be wrong by, in units of the grid's shift.
    pub narrow: u64,
}

/// 2^-12 in Q36: below, the rounding of moneyness and deviation moves N by more than 2^-24. Two seconds to expiry at 100 %.
const NARROW_V: i64 = 1 << 24;

/// What the delta of an option with so little variance can be wrong by: moneyness and deviation are each off by up to one
/// unit, over the deviation; at most half of it.
#[cold]
fn narrow_error(option: &GridOption) -> u64 {
    let v = option.std_dev[1].max(1).unsigned_abs();
    match option.moneyness.unsigned_abs() <= v.wrapping_mul(8) {
        true => (option.forward_weight.unsigned_abs() / v.max(2)).wrapping_add(1),
        false => 0,
    }
}

/// The sizes of an expiry's options.
pub(crate) struct Sizes {
    /// Their sum.
    pub size: u64,
    /// A bound on the sum of |quantity| x max(forward, strike): all sizes at the larger of the forward and the last strike.
    pub gross: u64,
    /// Whether each is so small that its notional takes no 128-bit product.
    pub is_small: bool,
}

/// For options that are sorted by strike, which [`fill_grid`] makes sure of.
pub(crate) fn sizes<P: PositionSource>(options: &[P], forward: Price) -> Result<Sizes, RiskError> {
    let mut size: u64 = 0;
    let mut any: u64 = 0;
    for option in options {
        let magnitude = option.position().quantity.raw().unsigned_abs();
        size = size.wrapping_add(magnitude);
        any |= magnitude;
    }
    // 2^16 sizes below 2^47 cannot have wrapped; others are added up again
    if any >> 47 != 0 || options.len() >> 16 != 0 {
        size = options.iter().fold(0, |size: u64, option| {
            size.saturating_add(option.position().quantity.raw().unsigned_abs())
        });
    }
    let last = options.last().map_or(Price::ZERO, |o| o.position().strike);
    let highest = forward.max(last);
    let all = i64::try_from(size).map_err(|_| RiskError::Overflow(Field::Quantity))?;
    let gross = Quantity::from_raw(all).notional(highest)?;
    Ok(Sizes {
        size,
        gross: gross.raw().unsigned_abs(),
        is_small: highest.parts().is_small(size),
    })
}

/// Runs the grid over the options and returns what the other terms need of them.
pub(crate) fn fill_grid<P: PositionSource, E>(
    market: &Market<'_, E>,
    context: &ExpiryContext,
    options: &[P],
    is_small: bool,
    scan: &mut Scan<'_>,
) -> Result<Legs, RiskError> {
    let mut pricing = Pricing {
        context,
        levels: VolLevels::new(market.params, &market.scenarios, context)?,
        forward: context.forward.parts(),
        is_small,
        last: SmilePoint::NONE,
        shift: scan.grid.shift(),
    };
    let with_legs = market.params.min_delta.hedged.raw() > 0;
    let with_vega = scan.with_vega;
    let grid = &mut *scan.grid;
    // sizes() has made sure that all sizes sum to an i64, so no sum can overflow.
    let mut sums = Legs::default();
    let mut at_strike: i64 = 0;
    let mut sides: i64 = 0;
    let mut base = 0; // of an empty grid
    let mut previous = (Price::ZERO, Instrument::Perpetual); // before any option
    let mut rest = options.iter();
    while let Some(source) = rest.next() {
        let option = source.position();
        let (strike, instrument) = (option.strike, option.instrument);
        let is_next = strike > previous.0 || (strike == previous.0 && instrument > previous.1);
        if !instrument.is_option() || !is_next {
            let after = rest.as_slice().len().wrapping_add(1);
            let index = options.len().wrapping_sub(after);
            return Err(RiskError::Unsorted { index });
        }
        if previous.0 != strike {
            sums.naked = sums.naked.wrapping_sub(at_strike.min(0));
            at_strike = 0;
        }
        previous = (strike, instrument);
        at_strike = at_strike.wrapping_add(option.quantity.raw());
        sides |= option.quantity.raw();
        if option.quantity.raw() != 0 {
            let entry = pricing.option(&option, source.volatility())?;
            let is_put = instrument == Instrument::Put;
            sums.widest |= entry.std_dev[1];
            // at the money to the unit, moneyness is exactly zero
            if entry.std_dev[1] < NARROW_V && strike != context.forward {
                sums.narrow = sums.narrow.wrapping_add(narrow_error(&entry));
            }
            grid.add(&entry, is_put);
            if with_legs {
                let after = grid.base_forward();
                let put = if is_put { entry.forward_weight } else { 0 };
                let delta = (after.wrapping_sub(base) >> 19).wrapping_sub(put);
                base = after;
                sums.positive = sums.positive.wrapping_add(delta.max(0));
                sums.negative = sums.negative.wrapping_sub(delta.min(0));
            }
            if with_vega {
                sums.vega = sums.vega.wrapping_add(leg_vega(&entry));
            }
        }
    }
    sums.naked = sums.naked.wrapping_sub(at_strike.min(0));
    scan.sides |= sides;
    Ok(sums)
}

/// What the options of an expiry are turned into entries of the grid with.
struct Pricing<'a> {
    context: &'a ExpiryContext,
    levels: VolLevels,
    forward: PriceParts,
    is_small: bool,
    last: SmilePoint,
    /// The grid's.
    shift: u32,
}

impl Pricing<'_> {
    /// Moneyness, the standard deviations and the two weights of an option.
    #[inline(always)]
    fn option(
        &mut self,
        option: &Position,
        volatility: Option<u64>,
    ) -> Result<GridOption, RiskError> {
        let context = self.context;
        let moneyness = context.ln_forward.wrapping_sub(option.ln_strike); // Q40, |ln| <= 44 so < 2^46
        let std_dev = context.std_dev_after(volatility, moneyness, &mut self.last)?;
        let moneyness_q36 = moneyness >> 4;
        let (forward_weight, strike_weight) = match self.is_small {
            true => (
                option.quantity.small_notional(&self.forward),
                option.quantity.small_notional(&option.strike.parts()),
            ),
            false => (
                option.quantity.notional(context.forward)?.raw(),
                option.quantity.notional(option.strike)?.raw(),
            ),
        };
        Ok(GridOption {
            moneyness: moneyness_q36,
            std_dev: self.levels.apply(std_dev >> 4, moneyness_q36),
            forward_weight: forward_weight >> self.shift,
            strike_weight: strike_weight >> self.shift,
        })
    }
}

/// Where the smile was read last.
pub(crate) struct SmilePoint {
    /// Q56, from [`SviSlice::trusted`].
    pub k: i64,
    pub std_dev: u64,
}

impl SmilePoint {
    /// Nowhere: no smile is trusted that far.
    pub const NONE: Self = Self {
        k: i64::MAX,
        std_dev: 0,
    };
}
