//! Greeks of positions, netted and gross, in the units a trader reads.
//!
//! One pass yields mark and Greeks of each leg, each expiry and the market; books add up, so the Greeks of hedges cancel.
//! `gross` adds magnitudes instead: how much netting took away. Off the hot path: this uses 128-bit products.

use crate::black76::{self, Black76Inputs, ExpiryTerms, OptionType, UnitGreeks};
use crate::error::{Field, RiskError};
use crate::expiry::ExpiryContext;
use crate::fixed::sqrt::sqrt_tenor;
use crate::market::{Expiry, ExpirySource, Market};
use crate::position::{Instrument, Position, PositionSource};
use crate::scenario::ONE_Q30;
use crate::units::{Price, Quantity, Quote, PRICE_ONE, RATIO_ONE};

/// Days in a year of the theta convention.
const YEAR_DAYS: u64 = 365;

/// Sensitivities of a position or a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeks {
    /// Value, floored.
    pub mark: Quote,
    /// Spot delta: base units by which the value moves like the underlying.
    pub delta: Quantity,
    /// Cash gamma: by how much `delta x spot` changes when spot rises 1 %.
    pub gamma: Quote,
    /// Change of value when volatility rises one point (0.01).
    pub vega: Quote,
    /// Change of value over one day.
    pub theta: Quote,
    /// Change of value when the rate rises one point (0.01), the forward fixed.
    pub rho: Quote,
}

impl Greeks {
    /// Adds another book.
    pub fn checked_add(self, other: &Self) -> Result<Self, RiskError> {
        Ok(Self {
            mark: self.mark.checked_add(other.mark)?,
            delta: self.delta.checked_add(other.delta)?,
            gamma: self.gamma.checked_add(other.gamma)?,
            vega: self.vega.checked_add(other.vega)?,
            theta: self.theta.checked_add(other.theta)?,
            rho: self.rho.checked_add(other.rho)?,
        })
    }

    /// Each sensitivity by magnitude.
    pub fn magnitudes(&self) -> Self {
        Self {
            mark: self.mark.saturating_abs(),
            delta: Quantity::from_raw(self.delta.raw().saturating_abs()),
            gamma: self.gamma.saturating_abs(),
            vega: self.vega.saturating_abs(),
            theta: self.theta.saturating_abs(),
            rho: self.rho.saturating_abs(),
        }
    }
}

/// Net and gross Greeks of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetGreeks {
    /// Sums with sign: long and short legs cancel.
    pub net: Greeks,
    /// Sums of magnitudes: what each leg would show alone.
    pub gross: Greeks,
}

impl NetGreeks {
    /// Adds another book: expiries to a market, markets to an account.
    pub fn checked_add(self, other: &Self) -> Result<Self, RiskError> {
        Ok(Self {
            net: self.net.checked_add(&other.net)?,
            gross: self.gross.checked_add(&other.gross)?,
        })
    }

    fn add_leg(&mut self, leg: &Greeks) -> Result<(), RiskError> {
        let leg = Self {
            net: *leg,
            gross: leg.magnitudes(),
        };
        *self = self.checked_add(&leg)?;
        Ok(())
    }
}

/// The Greeks of one expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiryGreeks {
    /// Unix time; zero for the perpetual.
    pub expiry: i64,
    /// Its legs, netted.
    pub greeks: NetGreeks,
}

/// Mark and Greeks of a market in one pass: per leg into `legs`, per expiry in order into `expiries`, and the sum of all.
///
/// What does not fit into a slice is left out of it; both may be empty. Returns the sum and the number of expiries.
pub fn market_greeks<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    legs: &mut [Greeks],
    expiries: &mut [ExpiryGreeks],
) -> Result<(NetGreeks, usize), RiskError> {
    let mut sum = NetGreeks::default();
    let mut count = 0;
    let mut rest = positions;
    let mut legs = legs.iter_mut();
    let mut expiries = expiries.iter_mut();
    while let Some(first) = rest.first() {
        let expiry = first.position().expiry;
        let same = |p: &P| p.position().expiry == expiry;
        let held = rest.iter().position(|p| !same(p)).unwrap_or(rest.len());
        let (here, others) = rest.split_at(held);
        let mut group = NetGreeks::default();
        let mut context = None;
        for source in here {
            let leg = source.position();
            if context.is_none() && leg.instrument != Instrument::Perpetual {
                let listed = market.expiry(expiry)?;
                context = Some((listed, ExpiryContext::new(market, &listed)?));
            }
            let greeks = greeks_in(market, context.as_ref(), &leg, source.volatility())?;
            group.add_leg(&greeks)?;
            if let Some(slot) = legs.next() {
                *slot = greeks;
            }
        }
        if let Some(slot) = expiries.next() {
            *slot = ExpiryGreeks {
                expiry,
                greeks: group,
            };
        }
        sum = sum.checked_add(&group)?;
        count = usize::saturating_add(count, 1);
        rest = others;
    }
    Ok((sum, count))
}

/// Nets the Greeks of one market's positions, in any order.
pub fn net_greeks<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
) -> Result<NetGreeks, RiskError> {
    Ok(market_greeks(market, positions, &mut [], &mut [])?.0)
}

/// Mark and Greeks of one leg at the smile's volatility.
pub fn leg_greeks<E: ExpirySource>(
    market: &Market<'_, E>,
    position: &Position,
) -> Result<Greeks, RiskError> {
    greeks_in(market, None, position, None)
}

/// Mark and Greeks of one leg at its own volatility, where it has one.
pub fn source_greeks<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    source: &P,
) -> Result<Greeks, RiskError> {
    greeks_in(market, None, &source.position(), source.volatility())
}

/// The same with what its expiry shares, where that is known already.
pub(crate) fn greeks_in<E: ExpirySource>(
    market: &Market<'_, E>,
    context: Option<&(Expiry, ExpiryContext)>,
    position: &Position,
    volatility: Option<u64>,
) -> Result<Greeks, RiskError> {
    if position.instrument == Instrument::Perpetual {
        let value = position.quantity.notional(market.perp_price)?;
        return Ok(Greeks {
            mark: value.checked_sub(market.perp_cost(position)?)?,
            delta: position.quantity,
            ..Greeks::default()
        });
    }
    match context {
        Some((listed, context)) => option_in(market, listed, context, position, volatility),
        None => {
            let listed = market.expiry(position.expiry)?;
            let context = ExpiryContext::new(market, &listed)?;
            option_in(market, &listed, &context, position, volatility)
        }
    }
}

/// A future or an option of an expiry.
fn option_in<E>(
    market: &Market<'_, E>,
    listed: &Expiry,
    context: &ExpiryContext,
    position: &Position,
    volatility: Option<u64>,
) -> Result<Greeks, RiskError> {
    if !position.instrument.is_option() {
        return future_greeks(market, context, position);
    }
    let inputs = option_inputs(listed, context, position, volatility)?;
    let unit = black76::price_and_greeks(&inputs);
    let greeks = scale(&unit, position.quantity, context.forward, market.spot)?;
    shared(greeks, context.share)
}

/// The mark of an option alone, with the bits that it has among its Greeks: what a check without scenarios needs of it.
pub(crate) fn option_mark(
    listed: &Expiry,
    context: &ExpiryContext,
    position: &Position,
    volatility: Option<u64>,
) -> Result<Quote, RiskError> {
    let inputs = option_inputs(listed, context, position, volatility)?;
    let notional = position.quantity.notional(context.forward)?;
    let (price, size) = (black76::price(&inputs), position.quantity);
    mark(price, notional, size, context.forward)
}

pub(crate) fn option_inputs(
    listed: &Expiry,
    context: &ExpiryContext,
    position: &Position,
    volatility: Option<u64>,
) -> Result<Black76Inputs, RiskError> {
    if listed.svi.is_none() && volatility.is_none() {
        return Err(RiskError::SurfaceMissing {
            expiry: listed.time,
        });
    }
    let option_type = match position.instrument {
        Instrument::Put => OptionType::Put,
        _ => OptionType::Call,
    };
    let moneyness = context.ln_forward.wrapping_sub(position.ln_strike);
    let terms = ExpiryTerms {
        sqrt_tenor: sqrt_tenor(context.seconds),
        tenor: context.tenor,
        rate: rate_q36(listed.rate),
        discount: context.discount as u64,
    };
    let std_dev = context.std_dev(volatility, moneyness)?;
    Ok(Black76Inputs::from_forward(
        option_type,
        context.forward.raw(),
        position.strike.raw(),
        std_dev,
        &terms,
    ))
}

/// `q (F - entry)`; its delta is that of the forward.
fn future_greeks<E>(
    market: &Market<'_, E>,
    context: &ExpiryContext,
    position: &Position,
) -> Result<Greeks, RiskError> {
    let value = position.quantity.notional(context.forward)?;
    let size = i128::from(position.quantity.raw()).wrapping_mul(context.forward.raw().into());
    let delta = narrow(size.div_euclid(market.spot.raw().max(1).into()))?;
    let greeks = Greeks {
        mark: value.checked_sub(position.cost)?,
        delta: Quantity::from_raw(delta),
        ..Greeks::default()
    };
    shared(greeks, context.share)
}

/// Inside the settlement window the forward follows the spot by a share only: once for delta, twice for gamma.
fn shared(greeks: Greeks, share: i64) -> Result<Greeks, RiskError> {
    if share == ONE_Q30 {
        return Ok(greeks);
    }
    let part = |value: i64| {
        let product = i128::from(value).wrapping_mul(share.into());
        narrow(product.div_euclid(ONE_Q30.into()))
    };
    Ok(Greeks {
        delta: Quantity::from_raw(part(greeks.delta.raw())?),
        gamma: Quote::from_raw(part(part(greeks.gamma.raw())?)?),
        ..greeks
    })
}

/// max(rate, 0) from 1e-6 to Q36; negative rates discount as zero.
fn rate_q36(rate: i32) -> i64 {
    let scaled = u64::from(rate.max(0).unsigned_abs()) << 36;
    scaled.div_euclid(RATIO_ONE.unsigned_abs()) as i64 // unsigned, as the VM divides
}

/// From units of the forward to amounts. With `F = S (1 + basis)`, spot delta is forward delta times `F / S`, and cash
/// gamma `S^2 d2V/dS2 / 100` is `F (F d2V/dF2) / 100`.
fn scale(
    unit: &UnitGreeks,
    quantity: Quantity,
    forward: Price,
    spot: Price,
) -> Result<Greeks, RiskError> {
    let whole = quantity.notional(forward)?;
    let notional = i128::from(whole.raw());
    let amount = |value: i64, divisor: u64| -> Result<Quote, RiskError> {
        // both factors are i64, so the product fits i128
        let product = notional.wrapping_mul(i128::from(value));
        per_q38(product, divisor).map(Quote::from_raw)
    };
    let size = i128::from(quantity.raw()).wrapping_mul(i128::from(unit.delta));
    // below 2^79 times at most 2^47, or checked at seven times the cost
    let delta = match size >> 79 {
        0 | -1 if forward.raw() >> 47 == 0 => Some(size.wrapping_mul(forward.raw().into())),
        _ => size.checked_mul(forward.raw().into()),
    };
    let delta = delta.ok_or(RiskError::Overflow(Field::Quantity))?;
    Ok(Greeks {
        mark: mark(unit.price, whole, quantity, forward)?,
        delta: Quantity::from_raw(per_q38(delta, spot.raw().max(1))?),
        gamma: amount(unit.gamma, 100)?,
        vega: amount(unit.vega, 100)?,
        theta: amount(unit.theta, YEAR_DAYS)?,
        rho: amount(unit.rho, 100)?,
    })
}

/// `q F price`, floored, for a price over the forward in Q38 and the notional `q F` rounded toward zero.
fn mark(
    price: i64,
    notional: Quote,
    quantity: Quantity,
    forward: Price,
) -> Result<Quote, RiskError> {
    // what the notional cuts off, for a deep put is worth many times its forward; 2^27 times 2^35, Q11 of 1e-8 units
    let part = quantity
        .rounded_part(forward)
        .wrapping_mul(price.unsigned_abs() >> 27);
    let rest = i128::from(part.div_euclid(PRICE_ONE)) << 27;
    let rest = match (quantity.raw() < 0, part) {
        (false, _) | (true, 0) => rest,
        (true, _) => rest.wrapping_add(1 << 27).wrapping_neg(),
    };
    let whole = i128::from(notional.raw()).wrapping_mul(price.into());
    narrow(whole.wrapping_add(rest) >> 38).map(Quote::from_raw)
}

/// `floor(product / (divisor 2^38))`: the floor of a floor is the floor of the whole, so that the shift comes first and
/// most divisions are of 64 bits, unsigned, as the VM divides. The divisor is positive.
fn per_q38(product: i128, divisor: u64) -> Result<i64, RiskError> {
    let whole = product >> 38;
    // floor(x / d) = -1 - floor((-1 - x) / d) for negative x
    let sign = whole >> 127;
    let magnitude = (whole ^ sign).unsigned_abs();
    let quotient = match u64::try_from(magnitude) {
        Ok(magnitude) => u128::from(magnitude.checked_div(divisor).unwrap_or(u64::MAX)),
        Err(_) => magnitude.checked_div(divisor.into()).unwrap_or(u128::MAX),
    };
    let quotient = i64::try_from(quotient).map_err(|_| RiskError::Overflow(Field::Quote))?;
    Ok(if sign == 0 { quotient } else { !quotient })
}

fn narrow(value: i128) -> Result<i64, RiskError> {
    i64::try_from(value).map_err(|_| RiskError::Overflow(Field::Quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by one division of 128 bits.
    fn by_definition(product: i128, divisor: u64) -> Result<i64, RiskError> {
        narrow(product.div_euclid(i128::from(divisor) << 38))
    }

    #[test]
    fn per_q38_is_the_floor_of_the_whole_quotient() {
        let mut state = 1u64;
        let mut bits = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u128::from(state)
        };
        let edges = [
            0,
            1,
            2,
            1 << 38,
            (1 << 38) - 1,
            1 << 101,
            1 << 102,
            i128::MAX,
        ];
        let edges = edges.into_iter().flat_map(|edge| [edge, !edge, -edge]);
        let random = (0..100_000).map(|index| {
            let wide = (bits() << 64 | bits()) as i128;
            wide >> (index % 128)
        });
        for product in edges.chain(random) {
            for divisor in [1, 100, 365, 11_666_150_000_000, 1 << 63, u64::MAX] {
                assert_eq!(
                    per_q38(product, divisor),
                    by_definition(product, divisor),
                    "{product} / {divisor}"
                );
            }
        }
    }
}
