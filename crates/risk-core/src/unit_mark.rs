//! What one base unit of an instrument is worth: the mark that an agreed price is compared with.

use crate::black76;
use crate::error::{Field, RiskError};
use crate::expiry::ExpiryContext;
use crate::greeks::option_inputs;
use crate::market::{Expiry, ExpirySource, Market};
use crate::position::{Instrument, Position};
use crate::units::Price;

/// Marks of instruments of one market, asked for one after another: what an expiry shares is computed once for all that
/// follow each other.
pub struct UnitMarks<'m, 'a, E> {
    market: &'m Market<'a, E>,
    /// The expiry asked for last.
    listed: Option<Expiry>,
    /// What its options share.
    context: Option<ExpiryContext>,
}

impl<'m, 'a, E: ExpirySource> UnitMarks<'m, 'a, E> {
    /// Of a market at one moment.
    pub const fn new(market: &'m Market<'a, E>) -> Self {
        Self {
            market,
            listed: None,
            context: None,
        }
    }

    /// The mark of one base unit of a position's instrument, whatever its size; floored, so that an option may be worth
    /// zero. A perpetual's is its price without funding, a future's its forward, an option's the discounted Black-76 price
    /// at the surface in force, good to 6e-11 of the forward.
    ///
    /// Errors: [`RiskError`] for unlisted expiries, missing surfaces and prices out of range.
    pub fn of(&mut self, position: &Position) -> Result<Price, RiskError> {
        if position.instrument == Instrument::Perpetual {
            return Ok(self.market.perp_price);
        }
        let known = self.listed.map(|listed| listed.time);
        if known != Some(position.expiry) {
            let listed = self.market.expiry(position.expiry)?;
            self.context = Some(ExpiryContext::new(self.market, &listed)?);
            self.listed = Some(listed);
        }
        let (Some(listed), Some(context)) = (&self.listed, &self.context) else {
            return Err(RiskError::UnknownExpiry {
                expiry: position.expiry,
            });
        };
        if position.instrument == Instrument::Future {
            return Ok(context.forward);
        }
        let inputs = option_inputs(listed, context, position, None)?;
        unit_price(black76::price(&inputs), context.forward)
    }
}

/// `F price`, floored, for a price over the forward in Q38, at least zero.
fn unit_price(price: i64, forward: Price) -> Result<Price, RiskError> {
    // 2^63 x 2^62 fits 128 bits
    let product = u128::from(forward.raw()).wrapping_mul(price.max(0).unsigned_abs().into());
    u64::try_from(product >> 38)
        .ok()
        .filter(|raw| *raw <= Price::MOST)
        .map(Price::from_raw)
        .ok_or(RiskError::Overflow(Field::Price))
}
