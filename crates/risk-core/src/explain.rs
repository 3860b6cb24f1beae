//! Why a margin is what it is: what each leg adds to the worst scenario, and how far the account is from liquidation.
//!
//! Plain data into slices that the caller provides; nothing here runs on chain.

use crate::black76::{self, Black76Inputs, ExpiryTerms, OptionType};
use crate::error::{Field, RiskError};
use crate::expiry::ExpiryContext;
use crate::greeks::{greeks_in, Greeks};
use crate::grid::mul_q30;
use crate::market::{Expiry, ExpirySource, Market, Move};
use crate::params::MinDeltaParams;
use crate::position::{Instrument, Position, PositionSource};
use crate::scan::{MarketRisk, Worst};
use crate::scenario::{to_q30, VolShock, NEAREST, ONE_Q30};
use crate::units::{Quantity, Quote, Ratio, PRICE_ONE, RATIO_ONE};
use crate::vol::VolLevels;

/// What each leg adds to the loss that sets a market's scan: `out` gets one amount per position, negative where the leg loses.
///
/// The amounts add up to the scan, less what offsetting collateral adds, to 1e-9 of gross notional and one unit per leg; where a
/// book of long options only is bounded by its mark they add up to the loss before that bound. `risk` is what the scan of these very
/// positions gave; of others, notionals above 2^60 may wrap.
/// Errors: [`Field::Length`] where `out` is shorter than `positions`.
pub fn leg_contributions<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    risk: &MarketRisk,
    out: &mut [Quote],
) -> Result<(), RiskError> {
    let out = checked_len(out, positions.len())?;
    match risk.worst() {
        Worst::Nothing => out.fill(Quote::ZERO),
        Worst::Scenario(index) => {
            let node = Node::of_scenario(market, index.into())?;
            each_expiry(positions, out, |legs, out| {
                node.contributions(market, legs, out)
            })?;
        }
        Worst::Basis => {
            each_expiry(positions, out, |legs, out| {
                basis_contributions(market, legs, out)
            })?;
        }
        Worst::MinDelta => delta_contributions(market, positions, out)?,
    }
    Ok(())
}

/// The front of `out`, or how long it should have been.
pub(crate) fn checked_len<T>(out: &mut [T], least: usize) -> Result<&mut [T], RiskError> {
    let value = i64::try_from(out.len()).unwrap_or(i64::MAX);
    out.get_mut(..least).ok_or(RiskError::OutOfRange {
        field: Field::Length,
        value,
        least: i64::try_from(least).unwrap_or(i64::MAX),
        most: i64::MAX,
    })
}

/// Calls `evaluate` for the legs of each expiry with their part of `out`.
fn each_expiry<P: PositionSource>(
    positions: &[P],
    out: &mut [Quote],
    evaluate: impl Fn(&[P], &mut [Quote]) -> Result<(), RiskError>,
) -> Result<(), RiskError> {
    let (mut rest, mut out) = (positions, out);
    while let Some(first) = rest.first() {
        let expiry = first.position().expiry;
        let held = rest
            .iter()
            .position(|leg| leg.position().expiry != expiry)
            .unwrap_or(rest.len());
        let (here, others) = rest.split_at(held);
        let (mine, theirs) = out.split_at_mut(held.min(out.len()));
        evaluate(here, mine)?;
        (rest, out) = (others, theirs);
    }
    Ok(())
}

/// One shock.
#[derive(Clone, Copy)]
struct Node {
    vol: VolShock,
    /// Q30.
    spot: i64,
    /// Q30.
    damping: i64,
}

impl Node {
    fn of_scenario<E>(market: &Market<'_, E>, index: usize) -> Result<Self, RiskError> {
        let set = &market.scenarios;
        let unknown = RiskError::UnknownScenario {
            index,
            count: set.count(),
        };
        Ok(Self {
            vol: set.vol_shock(index),
            spot: set.spot(index).ok_or(unknown)?,
            damping: set.damping(index).ok_or(unknown)?,
        })
    }

    /// The legs of one expiry: the static discount and the sign of a skew node are those of the expiry as a whole.
    fn contributions<P: PositionSource, E: ExpirySource>(
        &self,
        market: &Market<'_, E>,
        legs: &[P],
        out: &mut [Quote],
    ) -> Result<(), RiskError> {
        let Some(first) = legs.first().map(PositionSource::position) else {
            return Ok(());
        };
        if first.instrument == Instrument::Perpetual {
            let notional = first.quantity.notional(market.perp_price)?;
            return put(out, 0, self.damped(self.linear(notional)?)?);
        }
        let expiry = PricedExpiry::new(market, first.expiry)?;
        let mut value = 0i128;
        let mut mark = 0i128;
        for leg in legs {
            let [here, base] = expiry.values(market, leg, self)?;
            value = value.wrapping_add(here.into());
            mark = mark.wrapping_add(base.into());
        }
        let discounts = expiry.context.discounts(&market.params.discount);
        let factor = if value < 0 {
            discounts.short
        } else {
            discounts.long
        };
        let whole = discounted(value, factor, discounts.mark).wrapping_sub(mark);
        let flip = self.vol.is_skew() && whole > 0;
        for (index, leg) in legs.iter().enumerate() {
            let position = leg.position();
            let pnl = if position.instrument == Instrument::Future {
                self.linear(expiry.variable_notional(&position)?)?
            } else {
                let [here, base] = expiry.values(market, leg, self)?;
                let change =
                    discounted(here.into(), factor, discounts.mark).wrapping_sub(base.into());
                narrow(if flip { change.wrapping_neg() } else { change })?
            };
            put(out, index, self.damped(pnl)?)?;
        }
        Ok(())
    }

    /// What a notional that moves with the spot gains.
    fn linear(&self, notional: Quote) -> Result<Quote, RiskError> {
        let product =
            i128::from(notional.raw()).wrapping_mul(self.spot.wrapping_sub(ONE_Q30).into());
        narrow(product.div_euclid(ONE_Q30.into()))
    }

    fn damped(&self, pnl: Quote) -> Result<Quote, RiskError> {
        let product = i128::from(pnl.raw()).wrapping_mul(self.damping.into());
        narrow(product.div_euclid(ONE_Q30.into()))
    }
}

/// `value factor / mark` for discounts in Q38: from the discounted value to the statically discounted one.
fn discounted(value: i128, factor: i64, mark: i64) -> i128 {
    let product = value.wrapping_mul(factor.into());
    product.checked_div_euclid(mark.into()).unwrap_or(0)
}

fn narrow(value: i128) -> Result<Quote, RiskError> {
    i64::try_from(value)
        .map(Quote::from_raw)
        .map_err(|_| RiskError::Overflow(Field::Quote))
}

fn put(out: &mut [Quote], index: usize, value: Quote) -> Result<(), RiskError> {
    if let Some(slot) = out.get_mut(index) {
        *slot = value;
    }
    Ok(())
}

/// Shocked forwards carry 20 bits below a unit of price: what is left of an underlying of a thousandth of a cent matters.
const SCALE: u32 = 20;

/// An expiry whose options can be repriced one by one.
struct PricedExpiry {
    listed: Expiry,
    context: ExpiryContext,
}

impl PricedExpiry {
    fn new<E: ExpirySource>(market: &Market<'_, E>, time: i64) -> Result<Self, RiskError> {
        let listed = market.expiry(time)?;
        let context = ExpiryContext::new(market, &listed)?;
        Ok(Self { listed, context })
    }

    /// The notional of a future that follows the spot.
    fn variable_notional(&self, future: &Position) -> Result<Quote, RiskError> {
        let notional = future.quantity.notional(self.context.forward)?;
        Ok(Quote::from_raw(match self.context.share {
            ONE_Q30 => notional.raw(),
            share => mul_q30(notional.raw(), share),
        }))
    }

    /// Value of an option in a node and unshocked, discounted but not statically; zero for a future.
    fn values<P: PositionSource, E>(
        &self,
        market: &Market<'_, E>,
        leg: &P,
        node: &Node,
    ) -> Result<[i64; 2], RiskError> {
        let position = leg.position();
        if !position.instrument.is_option() {
            return Ok([0; 2]);
        }
        if self.listed.svi.is_none() && leg.volatility().is_none() {
            return Err(RiskError::SurfaceMissing {
                expiry: self.listed.time,
            });
        }
        let moneyness = self.context.ln_forward.wrapping_sub(position.ln_strike);
        let std_dev = self.context.std_dev(leg.volatility(), moneyness)? >> 4;
        let levels = VolLevels::new(market.params, &market.scenarios, &self.context)?;
        let [up, none, down, linear, abs] = levels.apply(std_dev, moneyness >> 4);
        let shocked = match node.vol {
            VolShock::Up => up,
            VolShock::None => none,
            VolShock::Down => down,
            VolShock::SkewLinear => linear,
            VolShock::SkewAbs => abs,
        };
        let moved = mul_q30(node.spot.wrapping_sub(ONE_Q30), self.context.share);
        let forward = u128::from(self.context.forward.raw()) << SCALE;
        let shift = i128::try_from(forward)
            .unwrap_or(i128::MAX)
            .wrapping_mul(moved.into());
        let shifted = forward.saturating_add_signed(shift.div_euclid(ONE_Q30.into()));
        Ok([
            self.price(&position, shifted, shocked)?,
            self.price(&position, forward, none)?,
        ])
    }

    /// Value at a forward in units of 2^-20 of a price.
    fn price(&self, leg: &Position, forward: u128, std_dev: i64) -> Result<i64, RiskError> {
        let terms = ExpiryTerms {
            sqrt_tenor: 1,
            tenor: 1, // the standard deviation says whether there is time left
            rate: 0,
            discount: self.context.discount.unsigned_abs(),
        };
        let option_type = match leg.instrument {
            Instrument::Call => OptionType::Call,
            _ => OptionType::Put,
        };
        // forward and strike in one scale in which both fit 64 bits
        let strike = u128::from(leg.strike.raw()) << SCALE;
        let excess = u128::BITS
            .saturating_sub(forward.max(strike).leading_zeros())
            .saturating_sub(63);
        let narrow_price = |price: u128| u64::try_from(price >> excess).unwrap_or(u64::MAX);
        let unit = black76::price(&Black76Inputs::from_forward(
            option_type,
            narrow_price(forward),
            narrow_price(strike),
            std_dev.unsigned_abs() << 4,
            &terms,
        ));
        // quantity x price / 1e8 x unit, by two divisions so that no product leaves 128 bits
        let overflow = RiskError::Overflow(Field::Quote);
        let forward = i128::try_from(forward).map_err(|_| overflow)?;
        let notional = i128::from(leg.quantity.raw())
            .checked_mul(forward)
            .ok_or(overflow)?;
        let notional = notional.div_euclid(i128::from(PRICE_ONE));
        let value = notional.checked_mul(unit.into()).ok_or(overflow)?;
        narrow(value.div_euclid(1 << (38 + SCALE))).map(Quote::raw)
    }
}

/// The legs of one expiry when its forward alone moves, times the floor's factor.
fn basis_contributions<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    legs: &[P],
    out: &mut [Quote],
) -> Result<(), RiskError> {
    out.fill(Quote::ZERO);
    let Some(first) = legs.first().map(PositionSource::position) else {
        return Ok(());
    };
    if first.instrument == Instrument::Perpetual {
        return Ok(());
    }
    let expiry = PricedExpiry::new(market, first.expiry)?;
    let change = |leg: &P, node: &Node| -> Result<Quote, RiskError> {
        let position = leg.position();
        if position.instrument == Instrument::Future {
            return node.linear(expiry.variable_notional(&position)?);
        }
        let [here, base] = expiry.values(market, leg, node)?;
        Quote::from_raw(here).checked_sub(Quote::from_raw(base))
    };
    let mut worst = Quote::ZERO;
    let mut chosen = None;
    for multiplier in market.params.basis.multipliers() {
        let node = Node {
            vol: VolShock::None,
            spot: to_q30(multiplier.into(), NEAREST),
            damping: ONE_Q30,
        };
        let sum = legs
            .iter()
            .try_fold(Quote::ZERO, |sum, leg| sum.checked_add(change(leg, &node)?))?;
        if sum < worst {
            (worst, chosen) = (sum, Some(node));
        }
    }
    let Some(node) = chosen else { return Ok(()) };
    let factor = market.params.basis.factor(expiry.context.tenor);
    for (slot, leg) in out.iter_mut().zip(legs) {
        *slot = change(leg, &node)?.mul_ratio_floor(factor)?;
    }
    Ok(())
}

/// Each leg's delta times the shares of the minimum-delta floor: the net share by the side of the book, the hedged share on the
/// smaller side.
fn delta_contributions<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    out: &mut [Quote],
) -> Result<(), RiskError> {
    let MinDeltaParams { net, hedged } = market.params.min_delta;
    let (mut long, mut short) = (market.offset.notional(market.spot)?, Quote::ZERO);
    for (slot, leg) in out.iter_mut().zip(positions) {
        let Greeks { delta, .. } = greeks_in(market, None, &leg.position(), leg.volatility())?;
        let cash = delta.notional(market.spot)?;
        *slot = cash;
        long = long.checked_add(cash.max(Quote::ZERO))?;
        short = short.checked_sub(cash.min(Quote::ZERO))?;
    }
    let is_long = long >= short;
    for slot in out.iter_mut() {
        let cash = *slot;
        let with_book = if is_long {
            cash
        } else {
            Quote::ZERO.checked_sub(cash)?
        };
        let mut charge = with_book.mul_ratio_ceil(net)?;
        if (cash.raw() > 0) != is_long {
            charge = charge.checked_add(cash.saturating_abs().mul_ratio_ceil(hedged)?)?;
        }
        *slot = Quote::ZERO.checked_sub(charge)?;
    }
    Ok(())
}

/// Which way a hypothetical move goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Spot falls, to a hundredth.
    SpotDown,
    /// Spot rises, to four times.
    SpotUp,
    /// Volatility falls, to nothing.
    VolDown,
    /// Volatility rises, to four times.
    VolUp,
}

impl Axis {
    /// The move to a multiplier, 1e-6.
    pub fn at(self, multiplier: Ratio) -> Move {
        match self {
            Self::SpotDown | Self::SpotUp => Move {
                spot: multiplier,
                ..Move::NONE
            },
            Self::VolDown | Self::VolUp => Move {
                vol: multiplier,
                ..Move::NONE
            },
        }
    }

    /// The end of the search, 1e-6.
    fn end(self) -> i64 {
        match self {
            Self::SpotDown => RATIO_ONE / 100,
            Self::VolDown => 0,
            Self::SpotUp | Self::VolUp => 4 * RATIO_ONE,
        }
    }
}

/// Steps of the search.
const STEPS: i64 = 96;

/// The multiplier nearest to 1.0 along an axis at which maintenance health is negative, 1e-6; `None` where it never is.
///
/// The axis is walked in 96 equal steps, and the first step that breaches is halved until the multiplier is exact to 1e-6: a
/// dip narrower than a step (3.2 % of spot upwards, 1.1 % downwards) is not seen. What the caller's function refuses ends the
/// search with its error.
pub fn distance(
    axis: Axis,
    mut maintenance_health: impl FnMut(Move) -> Result<Quote, RiskError>,
) -> Result<Option<Ratio>, RiskError> {
    let mut breaches = |multiplier: i64| -> Result<bool, RiskError> {
        Ok(maintenance_health(axis.at(Ratio::from_raw(multiplier)))?.raw() < 0)
    };
    let mut safe = RATIO_ONE;
    if breaches(safe)? {
        return Ok(Some(Ratio::from_raw(safe)));
    }
    let span = axis.end().saturating_sub(RATIO_ONE);
    for step in 1..=STEPS {
        let mut failing = RATIO_ONE.saturating_add(span.saturating_mul(step).div_euclid(STEPS));
        if !breaches(failing)? {
            safe = failing;
            continue;
        }
        while failing.abs_diff(safe) > 1 {
            let middle = safe.saturating_add(failing).div_euclid(2);
            match breaches(middle)? {
                true => failing = middle,
                false => safe = middle,
            }
        }
        return Ok(Some(Ratio::from_raw(failing)));
    }
    Ok(None)
}

/// What closing a leg at its mark changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Change of initial health; negative where the leg is a hedge.
    pub initial_health: Quote,
    /// Change of maintenance health.
    pub maintenance_health: Quote,
}

/// A leg that is gone: nothing is left of it but the cash of its mark.
pub(crate) const CLOSED: Quantity = Quantity::ZERO;
