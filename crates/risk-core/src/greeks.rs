//! Greeks of positions, netted and gross, in the units a trader reads.
//!
//! One pass yields mark and Greeks of each leg; books add up, so the Greeks of hedges cancel. `gross` adds magnitudes
//! instead: how much netting took away. Off the hot path: this uses 128-bit products.

use crate::black76::{self, Black76Inputs, ExpiryTerms, OptionType, UnitGreeks};
use crate::error::{Field, RiskError};
use crate::fixed::sqrt::sqrt_tenor;
use crate::market::{ExpirySource, Market};
use crate::position::{Instrument, Position, PositionSource};
use crate::scan::ExpiryContext;
use crate::units::{Price, Quantity, Quote, RATIO_ONE};

/// Days in a year of the theta convention.
const YEAR_DAYS: i128 = 365;

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

/// Nets the Greeks of one market's positions.
pub fn net_greeks<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
) -> Result<NetGreeks, RiskError> {
    positions
        .iter()
        .try_fold(NetGreeks::default(), |sum, position| {
            let leg = leg_greeks(market, &position.position())?;
            Ok(NetGreeks {
                net: sum.net.checked_add(&leg)?,
                gross: sum.gross.checked_add(&leg.magnitudes())?,
            })
        })
}

/// Mark and Greeks of one leg.
pub fn leg_greeks<E: ExpirySource>(
    market: &Market<'_, E>,
    position: &Position,
) -> Result<Greeks, RiskError> {
    let option_type = match position.instrument {
        Instrument::Perpetual => {
            let value = position.quantity.notional(market.perp_price)?;
            return Ok(Greeks {
                mark: value.checked_sub(position.cost)?,
                delta: position.quantity,
                ..Greeks::default()
            });
        }
        Instrument::Call => OptionType::Call,
        Instrument::Put => OptionType::Put,
    };
    let listed = market.expiry(position.expiry)?;
    let context = ExpiryContext::new(market, &listed)?;
    let moneyness = context.ln_forward.wrapping_sub(position.ln_strike);
    let terms = ExpiryTerms {
        sqrt_tenor: sqrt_tenor(context.seconds),
        tenor: context.tenor,
        rate: rate_q36(listed.rate),
        discount: context.discount as u64,
    };
    let std_dev = context.smile.std_dev(moneyness.wrapping_neg());
    let unit = black76::price_and_greeks(&Black76Inputs::from_forward(
        option_type,
        context.forward.raw(),
        position.strike.raw(),
        std_dev,
        &terms,
    ));
    scale(&unit, position.quantity, context.forward, market.spot)
}

/// max(rate, 0) from 1e-6 to Q36; negative rates discount as zero.
fn rate_q36(rate: i32) -> i64 {
    (i64::from(rate.max(0)) << 36) / RATIO_ONE
}

/// From units of the forward to amounts. With `F = S (1 + basis)`, spot delta is forward delta times `F / S`, and cash
/// gamma `S^2 d2V/dS2 / 100` is `F (F d2V/dF2) / 100`.
fn scale(
    unit: &UnitGreeks,
    quantity: Quantity,
    forward: Price,
    spot: Price,
) -> Result<Greeks, RiskError> {
    let notional = i128::from(quantity.notional(forward)?.raw());
    let amount = |value: i64, divisor: i128| -> Result<Quote, RiskError> {
        // both factors are i64, so the product fits i128
        let product = notional.wrapping_mul(i128::from(value));
        narrow(product.div_euclid(divisor << 38)).map(Quote::from_raw)
    };
    let per_spot = i128::from(spot.raw().max(1)) << 38;
    let size = i128::from(quantity.raw()).wrapping_mul(i128::from(unit.delta));
    let delta = size
        .checked_mul(forward.raw().into())
        .ok_or(RiskError::Overflow(Field::Quantity))?;
    Ok(Greeks {
        mark: amount(unit.price, 1)?,
        delta: Quantity::from_raw(narrow(delta.div_euclid(per_spot))?),
        gamma: amount(unit.gamma, 100)?,
        vega: amount(unit.vega, 100)?,
        theta: amount(unit.theta, YEAR_DAYS)?,
        rho: amount(unit.rho, 100)?,
    })
}

fn narrow(value: i128) -> Result<i64, RiskError> {
    i64::try_from(value).map_err(|_| RiskError::Overflow(Field::Quote))
}
