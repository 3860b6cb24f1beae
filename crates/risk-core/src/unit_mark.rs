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
    last: Option<(Expiry, ExpiryContext)>,
}

impl<'m, 'a, E: ExpirySource> UnitMarks<'m, 'a, E> {
    /// Of a market at one moment.
    pub const fn new(market: &'m Market<'a, E>) -> Self {
        Self { market, last: None }
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
        let is_last = |(listed, _): &&(Expiry, ExpiryContext)| listed.time == position.expiry;
        if self.last.as_ref().filter(is_last).is_none() {
            let listed = self.market.expiry(position.expiry)?;
            let context = ExpiryContext::new(self.market, &listed)?;
            self.last = Some((listed, context));
        }
        let Some((listed, context)) = &self.last else {
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
