//! One market of one account: mark, PnL under each scenario, the worst of them, contingencies.
//!
//! Positions are walked in their stored order, one expiry at a time, with one accumulator per scenario: nothing
//! the size of a portfolio is copied, which is what lets 128 positions fit a 4 KiB stack frame and a 32 KiB heap.

// Hot path: wrapping products on ranges that the comments state; indexes are below MAX_SCENARIOS.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::fixed::exp::{exp, exp_neg};
use crate::fixed::log::ln;
use crate::fixed::sqrt::{sqrt_tenor, tenor};
use crate::grid::{mul_q30, ExpiryGrid, GridOption, MAX_GROSS_NOTIONAL};
use crate::market::{
    Expiry, ExpirySource, Market, VolShockParams, MAX_TENOR_SECONDS, VOL_PIVOT_SECONDS,
};
use crate::position::{Instrument, Position, PositionSource};
use crate::scenario::{MAX_SCENARIOS, ONE_Q30};
use crate::svi::SviSlice;
use crate::units::{Price, Quantity, Quote, Ratio};

/// 1.0 in the millionths of ratios, unsigned: on sBPF unsigned division is one instruction.
const RATIO_UNIT: u64 = 1_000_000;
/// Largest total standard deviation, Q36: a volatility shock saturates here (16.0).
const MOST_STD_DEV: u64 = 16 << 36;
/// Largest factor of a volatility shock, Q30: eight times.
const MOST_FACTOR: u64 = 1 << 33;
/// Largest |PnL| of a scenario, quote units: 1.1e12 USD.
const MOST_PNL: u64 = 1 << 60;
/// A numerical error is below 2^-30 of gross notional times the set's reach; the requirement carries it as a cushion.
const CUSHION_BITS: u32 = 30;

/// PnL of a market under each of its scenarios, quote units; entries past the set's count are zero.
pub type ScenarioPnl = [i64; MAX_SCENARIOS];

/// What one market contributes to an account's margin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketRisk {
    /// Value of the positions at the no-move node, floored.
    pub mark: Quote,
    /// The largest loss over the scenarios, at most zero.
    pub scan: Quote,
    /// Index of the scenario that sets `scan`.
    pub worst_scenario: u8,
    /// Charge in both requirements: perpetuals, naked shorts, numerical cushion; rounded up.
    pub contingency_maintenance: Quote,
    /// Further charge in the initial requirement; rounded up.
    pub contingency_initial: Quote,
    /// Bound on the sum of |quantity| times the larger of price and strike, and of |cost|.
    pub gross_notional: Quote,
}

/// Evaluates the positions of one market, sorted by expiry, strike and instrument without repeats.
///
/// `pnl` receives the PnL per scenario. Errors: [`RiskError`] for positions out of order, unlisted expiries,
/// missing surfaces, and amounts out of range.
pub fn scan_market<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    pnl: &mut ScenarioPnl,
) -> Result<MarketRisk, RiskError> {
    *pnl = [0; MAX_SCENARIOS];
    let mut risk = MarketRisk::default();
    let mut rest = positions;
    let mut previous_expiry = None;
    let mut grid = ExpiryGrid::EMPTY;
    grid.load(&market.scenarios);
    while let Some(first) = rest.first().map(PositionSource::position) {
        let index = positions.len().wrapping_sub(rest.len());
        if previous_expiry.is_some_and(|expiry| expiry >= first.expiry) {
            return Err(RiskError::Unsorted { index });
        }
        previous_expiry = Some(first.expiry);
        if first.instrument == Instrument::Perpetual {
            add_perpetual(market, &first, pnl, &mut risk)?;
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let held = rest
            .iter()
            .position(|p| p.position().expiry != first.expiry)
            .unwrap_or(rest.len());
        let (options, others) = rest.split_at(held);
        let listed = market.expiry(first.expiry)?;
        scan_expiry(market, &listed, options, &mut grid, pnl, &mut risk)
            .map_err(|error| at_offset(error, index))?;
        rest = others;
    }
    finish(market, pnl, &mut risk)?;
    Ok(risk)
}

/// Turns an index within an expiry into one within the market.
fn at_offset(error: RiskError, offset: usize) -> RiskError {
    match error {
        RiskError::Unsorted { index } => RiskError::Unsorted {
            index: index.saturating_add(offset),
        },
        other => other,
    }
}

/// Damps the tails and finds the worst scenario; the first wins a tie. A PnL above 2^60 may wrap as it is damped; it is
/// refused before anything is made of it.
fn finish<E>(
    market: &Market<'_, E>,
    pnl: &mut ScenarioPnl,
    risk: &mut MarketRisk,
) -> Result<(), RiskError> {
    let mut worst = 0;
    let damping = market.scenarios.damping;
    let pnl = pnl.get_mut(..damping.len()).unwrap_or_default();
    let mut largest = 0;
    let mut index = 0u8;
    for (value, damping) in pnl.iter_mut().zip(damping) {
        largest |= value.unsigned_abs(); // reaches the power of two below if any value does
        if *damping != ONE_Q30 {
            *value = mul_q30(*value, *damping);
        }
        if *value < worst {
            worst = *value;
            risk.worst_scenario = index;
        }
        index = index.wrapping_add(1); // below MAX_SCENARIOS = 40
    }
    if largest >= MOST_PNL {
        return Err(RiskError::Overflow(Field::Quote));
    }
    risk.scan = Quote::from_raw(worst);
    Ok(())
}

/// `quantity (P - cost per unit)`, its PnL under each spot shock, and its contingency.
fn add_perpetual<E>(
    market: &Market<'_, E>,
    position: &Position,
    pnl: &mut ScenarioPnl,
    risk: &mut MarketRisk,
) -> Result<(), RiskError> {
    let notional = position.quantity.notional(market.perp_price)?;
    let gross = notional.raw().unsigned_abs();
    if gross > MAX_GROSS_NOTIONAL {
        return Err(RiskError::OutOfRange {
            field: Field::GrossNotional,
            value: notional.raw(),
            least: 0,
            most: MAX_GROSS_NOTIONAL as i64,
        });
    }
    risk.mark = risk
        .mark
        .checked_add(notional.checked_sub(position.cost)?)?;
    for (value, spot) in pnl.iter_mut().zip(market.scenarios.spot) {
        *value = value
            .checked_add(mul_q30(notional.raw(), spot.wrapping_sub(ONE_Q30)))
            .ok_or(RiskError::Overflow(Field::Quote))?;
    }
    add_gross(market, risk, gross, 2)?;
    // A cost without size weighs nothing in the scenarios, but it must not outgrow what sums can hold either.
    let cost = position.cost.saturating_abs();
    risk.gross_notional = risk.gross_notional.checked_add(cost)?;
    let exposure = position.quantity.notional(market.spot)?.saturating_abs();
    add_contingency(
        risk,
        exposure,
        market.params.perp_maintenance,
        market.params.perp_initial,
    )
}

/// Adds to the gross notional and charges what the arithmetic can be wrong by: `gross` has at most 2^57 units, `rounding`
/// 130 << 19.
fn add_gross<E>(
    market: &Market<'_, E>,
    risk: &mut MarketRisk,
    gross: u64,
    rounding: u64,
) -> Result<(), RiskError> {
    // at most 2^57: in range
    let notional = Quote::from_raw(gross as i64);
    risk.gross_notional = risk.gross_notional.checked_add(notional)?;
    let error = (gross >> CUSHION_BITS).wrapping_add(rounding);
    let cushion = Quote::from_raw(error.wrapping_mul(market.scenarios.reach) as i64);
    risk.contingency_maintenance = risk.contingency_maintenance.checked_add(cushion)?;
    Ok(())
}

/// Charges shares of `base` in both requirements, rounded up.
fn add_contingency(
    risk: &mut MarketRisk,
    base: Quote,
    maintenance: Ratio,
    initial: Ratio,
) -> Result<(), RiskError> {
    risk.contingency_maintenance = risk
        .contingency_maintenance
        .checked_add(base.mul_ratio_ceil(maintenance)?)?;
    risk.contingency_initial = risk
        .contingency_initial
        .checked_add(base.mul_ratio_ceil(initial)?)?;
    Ok(())
}

/// What all options of an expiry share.
pub(crate) struct ExpiryContext {
    /// Forward price.
    pub forward: Price,
    /// ln of the raw forward, Q40.
    pub ln_forward: i64,
    /// Seconds to expiry, at least zero.
    pub seconds: i64,
    /// Years to expiry, Q36.
    pub tenor: u64,
    /// exp(-max(r, 0) tau), Q38.
    pub discount: i64,
    /// The smile at this tenor.
    pub smile: SviSlice,
}

impl ExpiryContext {
    pub(crate) fn new<E>(market: &Market<'_, E>, listed: &Expiry) -> Result<Self, RiskError> {
        let seconds = listed.time.saturating_sub(market.now).max(0);
        check_range(Field::Tenor, seconds, 0, MAX_TENOR_SECONDS)?;
        let svi = listed.svi.as_ref().ok_or(RiskError::SurfaceMissing {
            expiry: listed.time,
        })?;
        // What has expired is worth its intrinsic value at spot: there is nothing left to carry.
        let forward = match seconds {
            0 => market.spot,
            _ => listed.forward(market.spot)?,
        };
        let tenor = tenor(seconds);
        // tenor < 2^39 and rate <= 2^20: the product stays below 2^59
        let rate = u64::from(listed.rate.max(0).unsigned_abs());
        let exponent = (tenor.wrapping_mul(rate) / RATIO_UNIT) << 2;
        Ok(Self {
            forward,
            ln_forward: ln(forward.raw()),
            seconds,
            tenor,
            discount: exp_neg(exponent) as i64,
            smile: SviSlice::new(svi, seconds),
        })
    }
}

/// Volatility multipliers of an expiry: what turns an unshocked standard deviation into a shocked one.
struct VolLevels {
    /// 1 + range_up m, Q30.
    up: i64,
    /// max(0, 1 - range_down m), Q30.
    down: i64,
    /// min_vol_up sqrt(tau), Q36.
    least_up: u64,
}

impl VolLevels {
    fn new(params: &VolShockParams, context: &ExpiryContext) -> Self {
        let seconds = context.seconds.max(params.floor_seconds).max(1);
        let pivot = ln(VOL_PIVOT_SECONDS as u64);
        let log = ln(seconds as u64).wrapping_sub(pivot); // Q40, |log| < 2^43
        let multiplier = if log < 0 {
            exp(power_of(log, params.short_power) as i64).unwrap_or(i64::MAX) as u64
        } else {
            exp_neg(power_of(log, params.long_power))
        };
        // Q30; |log| <= ln(720) and powers up to 1 keep it below 2^40, and ranges are at most 5.0
        let multiplier = (multiplier >> 8).min(1 << 40);
        let shock = |range: Ratio| multiplier.wrapping_mul(range.raw() as u64) / RATIO_UNIT;
        let one = ONE_Q30 as u64;
        let root = sqrt_tenor(context.seconds); // Q38, at most 2.0
        Self {
            up: one.wrapping_add(shock(params.range_up)).min(MOST_FACTOR) as i64,
            down: one.saturating_sub(shock(params.range_down)) as i64,
            least_up: (root.wrapping_mul(params.min_vol_up.raw() as u64) / RATIO_UNIT) >> 2,
        }
    }

    /// Standard deviations up, unchanged, down in Q36, from the unshocked one in Q36.
    #[inline]
    fn apply(&self, std_dev: u64) -> [i64; 3] {
        let base = std_dev.clamp(1, MOST_STD_DEV);
        let scaled = |factor: i64| mul_q30(base as i64, factor) as u64;
        [
            scaled(self.up).max(self.least_up).clamp(1, MOST_STD_DEV) as i64,
            base as i64,
            scaled(self.down).max(1) as i64,
        ]
    }
}

/// `|log| x power` from Q40 to Q38; |log| < 2^43 and powers up to 1.0 keep the product below 2^61.
fn power_of(log: i64, power: Ratio) -> u64 {
    (log.unsigned_abs() >> 2).wrapping_mul(power.raw() as u64) / RATIO_UNIT
}

/// Adds the options of one expiry to the PnL, the mark and the contingencies.
#[inline(never)]
fn scan_expiry<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    listed: &Expiry,
    options: &[P],
    grid: &mut ExpiryGrid,
    pnl: &mut ScenarioPnl,
    risk: &mut MarketRisk,
) -> Result<(), RiskError> {
    let context = ExpiryContext::new(market, listed)?;
    let gross = gross_notional(options, context.forward)?;
    grid.open(gross)?;
    let naked = fill_grid(market, &context, options, grid)?;
    let mark = grid.close(context.discount, pnl)?;
    risk.mark = risk.mark.checked_add(Quote::from_raw(mark))?;

    // One unit per option for the rounding of its weights, in units of the shift.
    let rounding = (options.len() as u64).saturating_add(2) << grid.shift();
    add_gross(market, risk, gross, rounding)?;
    add_contingency(
        risk,
        naked.notional(market.spot)?,
        market.params.option_maintenance,
        market.params.option_initial,
    )
}

/// Bound on the sum of |quantity| x max(forward, strike): all sizes at the larger of the forward and the last strike.
fn gross_notional<P: PositionSource>(options: &[P], forward: Price) -> Result<u64, RiskError> {
    let mut size: u64 = 0;
    let mut highest = forward;
    for option in options {
        let option = option.position();
        size = size.saturating_add(option.quantity.raw().unsigned_abs());
        highest = highest.max(option.strike);
    }
    let size = i64::try_from(size).map_err(|_| RiskError::Overflow(Field::Quantity))?;
    Ok(Quantity::from_raw(size)
        .notional(highest)?
        .raw()
        .unsigned_abs())
}

/// Runs the grid over the options and returns the naked shorts: per strike, shorts less longs, calls and puts pooled.
fn fill_grid<P: PositionSource, E>(
    market: &Market<'_, E>,
    context: &ExpiryContext,
    options: &[P],
    grid: &mut ExpiryGrid,
) -> Result<Quantity, RiskError> {
    let levels = VolLevels::new(&market.params.vol, context);
    // gross_notional has made sure that all sizes sum to an i64, so neither sum can overflow.
    let mut naked: i64 = 0;
    let mut at_strike: i64 = 0;
    let mut previous: Option<(Price, Instrument)> = None;
    for (index, option) in options.iter().enumerate() {
        let option = option.position();
        let series = (option.strike, option.instrument);
        if !option.instrument.is_option() || previous.is_some_and(|p| p >= series) {
            return Err(RiskError::Unsorted { index });
        }
        if previous.is_some_and(|(strike, _)| strike != option.strike) {
            naked = naked.wrapping_sub(at_strike.min(0));
            at_strike = 0;
        }
        previous = Some(series);
        at_strike = at_strike.wrapping_add(option.quantity.raw());
        if option.quantity.raw() != 0 {
            let entry = grid_option(context, &levels, &option, grid.shift())?;
            grid.add(&entry, option.instrument == Instrument::Put);
        }
    }
    naked = naked.wrapping_sub(at_strike.min(0));
    Ok(Quantity::from_raw(naked))
}

/// Moneyness, the three standard deviations and the two weights of an option.
#[inline]
fn grid_option(
    context: &ExpiryContext,
    levels: &VolLevels,
    option: &Position,
    shift: u32,
) -> Result<GridOption, RiskError> {
    let moneyness = context.ln_forward.wrapping_sub(option.ln_strike); // Q40, |ln| <= 44 so < 2^46
    let std_dev = context.smile.std_dev(moneyness.wrapping_neg());
    Ok(GridOption {
        moneyness: moneyness >> 4,
        std_dev: levels.apply(std_dev >> 4),
        forward_weight: option.quantity.notional(context.forward)?.raw() >> shift,
        strike_weight: option.quantity.notional(option.strike)?.raw() >> shift,
    })
}
