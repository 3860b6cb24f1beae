//! Legs margined one by one, as venues without portfolio margin do: what the Standard tier is made of.
//!
//! Per leg, with no offset between legs:
//! - a long option is paid in full and counts for nothing: its mark is required;
//! - a short option needs `max(short_share S - out_of_the_money, short_floor S)` per unit, the shape of Deribit's
//!   published standard margin (15 % and 10 %), without adding its mark, which equity already carries;
//! - a perpetual or future needs a share of its notional.

use crate::error::RiskError;
use crate::greeks::source_greeks;
use crate::market::{ExpirySource, Market};
use crate::position::{Instrument, Position, PositionSource};
use crate::units::{Price, Quote, Ratio};

/// Shares of notional, 1e-6; 0 to 1.0 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsolatedParams {
    /// Share of spot per short option, before what it is out of the money.
    pub short_share: Ratio,
    /// Least share of spot per short option.
    pub short_floor: Ratio,
    /// Share of notional per perpetual or future.
    pub perp_share: Ratio,
}

impl IsolatedParams {
    /// Initial margin: 15 % and 10 % of spot for short options, 4 % for perpetuals (what this engine charges them too).
    pub const INITIAL: Self = Self {
        short_share: Ratio::from_raw(150_000),
        short_floor: Ratio::from_raw(100_000),
        perp_share: Ratio::from_raw(40_000),
    };

    /// Maintenance margin: 7.5 % of spot for short options whatever they are out of the money, 3 % for perpetuals.
    pub const MAINTENANCE: Self = Self {
        short_share: Ratio::from_raw(75_000),
        short_floor: Ratio::from_raw(75_000),
        perp_share: Ratio::from_raw(30_000),
    };

    /// The shares in the order of the fields.
    pub(crate) fn shares(&self) -> [Ratio; 3] {
        [self.short_share, self.short_floor, self.perp_share]
    }
}

/// Sum of the legs' isolated margins; rounded up.
pub fn isolated_margin<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    params: &IsolatedParams,
) -> Result<Quote, RiskError> {
    positions.iter().try_fold(Quote::ZERO, |sum, position| {
        sum.checked_add(leg_margin(market, position, params)?)
    })
}

fn leg_margin<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    source: &P,
    params: &IsolatedParams,
) -> Result<Quote, RiskError> {
    let position = source.position();
    if !position.instrument.is_option() {
        let notional = position.quantity.notional_ceil(market.spot)?;
        return notional.mul_ratio_ceil(params.perp_share);
    }
    if position.quantity.raw() >= 0 {
        return Ok(source_greeks(market, source)?.mark);
    }
    ShortBase::of(market, &position)?.share(params)
}

/// What the share that a short option needs is taken of.
pub(crate) struct ShortBase {
    /// Size at spot, rounded up.
    spot: Quote,
    /// Size at what it is out of the money, rounded toward zero.
    away: Quote,
}

impl ShortBase {
    /// Of a short option.
    pub fn of<E>(market: &Market<'_, E>, position: &Position) -> Result<Self, RiskError> {
        let away = match position.instrument {
            Instrument::Call => position.strike.raw().saturating_sub(market.spot.raw()),
            _ => market.spot.raw().saturating_sub(position.strike.raw()),
        };
        let away = position.quantity.notional(Price::from_raw(away))?;
        Ok(Self {
            spot: position.quantity.notional_ceil(market.spot)?,
            away: away.saturating_abs(),
        })
    }

    /// The share, without the option's mark; rounded up.
    pub fn share(&self, params: &IsolatedParams) -> Result<Quote, RiskError> {
        let share = self.spot.mul_ratio_ceil(params.short_share)?;
        let least = self.spot.mul_ratio_ceil(params.short_floor)?;
        Ok(share.checked_sub(self.away)?.max(least))
    }
}
