//! Prices as price accounts state them.

use portfolio_margin_interface::state::price::{price_confidence, uncertain_limit};
use risk_core::{Price, Ratio};

/// Decimal exponent of [`Price`].
const PRICE_EXPONENT: i32 = -8;

/// A price as a price account states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPrice {
    /// In 1e-8 USD, floored.
    pub price: Price,
    /// Confidence interval and price, in units of their own.
    pub width: (u64, u64),
}

impl ShownPrice {
    /// Price, confidence and exponent as they were published, unchecked but for the range: `None` where the price leaves it.
    pub fn published(published: i64, confidence: u64, exponent: i32) -> Option<Self> {
        let width = (confidence, published.unsigned_abs());
        let price = rescale(width.1, exponent)?;
        Some(Self { price, width })
    }

    /// Confidence in the price, 1e-6, where an opening accepts `limit` (confidence over price, 1e-6).
    pub fn confidence(&self, limit: u32) -> Ratio {
        price_confidence(self.width.0, self.width.1, uncertain_limit(limit))
    }
}

/// `price x 10^exponent` USD in 1e-8 USD, floored.
pub(crate) fn rescale(price: u64, exponent: i32) -> Option<Price> {
    let shift = exponent.checked_sub(PRICE_EXPONENT)?;
    let power = 10u64.checked_pow(shift.unsigned_abs())?;
    let scaled = match shift < 0 {
        true => price.checked_div(power),
        false => price.checked_mul(power),
    };
    Price::checked(scaled?).ok()
}
