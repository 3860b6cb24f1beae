//! Units as types: an amount, a price and a size cannot be confused, and only legal products exist.
//!
//! | type | unit | range |
//! |---|---|---|
//! | [`Quote`] | 1e-6 USD | i64 |
//! | [`Price`] | 1e-8 USD per base unit | u64, at most [`Price::MOST`] |
//! | [`Quantity`] | 1e-6 base units, signed | i64 |
//! | [`Ratio`] | 1e-6, 1.0 = 1,000,000 | i64 |
//! | [`Seconds`] | seconds | i64 |

use crate::error::{Field, RiskError};
use crate::fixed::mul::{mul_div_ceil, mul_div_floor};

/// One quote unit, 1 USD, in raw [`Quote`].
pub const QUOTE_ONE: i64 = 1_000_000;
/// 1 USD in raw [`Price`].
pub const PRICE_ONE: u64 = 100_000_000;
/// One base unit in raw [`Quantity`].
pub const QUANTITY_ONE: i64 = 1_000_000;
/// 1.0 in raw [`Ratio`].
pub const RATIO_ONE: i64 = 1_000_000;

macro_rules! unit {
    ($(#[$meta:meta])* $name:ident($raw:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name($raw);
        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// From the raw integer in this type's unit.
            pub const fn from_raw(raw: $raw) -> Self {
                Self(raw)
            }
            /// The raw integer in this type's unit.
            pub const fn raw(self) -> $raw {
                self.0
            }
        }
    };
}

unit!(
    /// Signed amount of the quote asset, 1e-6 USD.
    Quote(i64)
);
unit!(
    /// Price, strike or forward, 1e-8 USD per base unit.
    Price(u64)
);
unit!(
    /// Signed position size, 1e-6 base units.
    Quantity(i64)
);
unit!(
    /// Dimensionless ratio, 1e-6.
    Ratio(i64)
);
unit!(
    /// A span of time in seconds.
    Seconds(i64)
);

impl Price {
    /// Largest accepted price: 9.2e10 USD. Keeps sums of notionals in range.
    pub const MOST: u64 = (1 << 63) - 1;

    /// Checks `1..=MOST`.
    pub fn checked(raw: u64) -> Result<Self, RiskError> {
        if raw == 0 || raw > Self::MOST {
            return Err(RiskError::OutOfRange {
                field: Field::Price,
                value: i64::try_from(raw).unwrap_or(i64::MAX),
                least: 1,
                most: i64::MAX,
            });
        }
        Ok(Self(raw))
    }
}

/// A price in whole dollars and the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriceParts {
    whole: u64,
    part: u64,
}

impl Price {
    #[inline(always)]
    pub(crate) fn parts(self) -> PriceParts {
        PriceParts {
            whole: self.0 / PRICE_ONE,
            part: self.0 % PRICE_ONE,
        }
    }
}

impl PriceParts {
    /// Whether sizes that sum to `size` at prices up to this are what [`Quantity::small_notional`] takes.
    pub(crate) fn is_small(&self, size: u64) -> bool {
        size < SMALL_QUANTITY && self.whole < SMALL_WHOLE
    }
}

/// Sizes and whole dollars whose notional takes two 64-bit products.
const SMALL_QUANTITY: u64 = 1 << 36;
const SMALL_WHOLE: u64 = 1 << 26;

impl Quantity {
    /// `quantity x price`, rounded toward zero, so that both sides of a trade see the same magnitude.
    ///
    /// Errors: [`RiskError::Overflow`] where the result leaves [`Quote`].
    #[inline]
    pub fn notional(self, price: Price) -> Result<Quote, RiskError> {
        let magnitude = notional_magnitude(self.0.unsigned_abs(), price.0)?;
        // magnitude < 2^63 (checked by the callee), so neither the cast nor the negation can overflow.
        let signed = magnitude as i64;
        Ok(Quote(if self.0 < 0 {
            signed.wrapping_neg()
        } else {
            signed
        }))
    }

    /// `quantity x funding` for a signed funding in 1e-8 USD per base unit, toward plus infinity: what a perpetual owes is never
    /// understated, what it receives never overstated.
    ///
    /// Errors: [`RiskError::Overflow`] where the result leaves [`Quote`].
    pub fn funding_ceil(self, funding: i64) -> Result<Quote, RiskError> {
        let per_unit = Price::from_raw(funding.unsigned_abs());
        let toward_zero = self.notional(per_unit)?.0; // within +-(2^63 - 1)
        if funding < 0 {
            let up = self.0 < 0 && self.is_rounded_at(per_unit);
            return Quote(toward_zero.wrapping_neg()).checked_add(Quote(i64::from(up)));
        }
        let up = self.0 > 0 && self.is_rounded_at(per_unit);
        Quote(toward_zero).checked_add(Quote(i64::from(up)))
    }

    /// `|quantity| x price`, rounded up: what a share is charged on.
    pub fn notional_ceil(self, price: Price) -> Result<Quote, RiskError> {
        let whole = self.notional(price)?.saturating_abs();
        whole.checked_add(Quote(i64::from(self.is_rounded_at(price))))
    }

    /// Whether [`Quantity::notional`] cuts anything off.
    #[inline]
    pub(crate) fn is_rounded_at(self, price: Price) -> bool {
        self.rounded_part(price) != 0
    }

    /// What [`Quantity::notional`] cuts off, by magnitude, 1e-8 of its unit.
    #[inline]
    pub(crate) fn rounded_part(self, price: Price) -> u64 {
        // residues below 1e8: their product stays below 2^54
        let (size, price) = (self.0.unsigned_abs() % PRICE_ONE, price.0 % PRICE_ONE);
        size.wrapping_mul(price) % PRICE_ONE
    }

    /// [`Quantity::notional`] for a price in two parts, below 2^36 in size and 2^26 in whole dollars: nothing can overflow. Beyond, as
    /// for positions out of order that are refused right after, it wraps.
    #[inline(always)]
    pub(crate) fn small_notional(self, price: &PriceParts) -> i64 {
        // quantity * whole < 2^62 and quantity * part < 2^36 * 1e8 < 2^63: the sum cannot overflow
        let magnitude = self.0.unsigned_abs();
        let whole = magnitude.wrapping_mul(price.whole);
        let notional = whole.wrapping_add(magnitude.wrapping_mul(price.part) / PRICE_ONE) as i64;
        let sign = self.0 >> 63;
        (notional ^ sign).wrapping_sub(sign)
    }

    /// Sum, or [`RiskError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, RiskError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(RiskError::Overflow(Field::Quantity))
    }

    /// `self x numerator / denominator` rounded toward zero: the part of a position that a slice moves.
    pub fn scale_toward_zero(self, numerator: u64, denominator: u64) -> Result<Self, RiskError> {
        scale_magnitude(self.0.unsigned_abs(), numerator, denominator)
            .map(|part| {
                Self(if self.0 < 0 {
                    part.wrapping_neg()
                } else {
                    part
                })
            })
            .ok_or(RiskError::Overflow(Field::Quantity))
    }

    /// The same rounded away from zero: the part of a liability that a slice moves.
    pub fn scale_away_from_zero(self, numerator: u64, denominator: u64) -> Result<Self, RiskError> {
        let overflow = RiskError::Overflow(Field::Quantity);
        let magnitude = i64::try_from(self.0.unsigned_abs()).map_err(|_| overflow)?;
        let numerator = i64::try_from(numerator).map_err(|_| overflow)?;
        let denominator = i64::try_from(denominator).map_err(|_| overflow)?;
        let part = mul_div_ceil(magnitude, numerator, denominator).ok_or(overflow)?;
        Ok(Self(if self.0 < 0 {
            part.wrapping_neg()
        } else {
            part
        }))
    }
}

/// `quantity x price / 1e8`, floored, on magnitudes. Small sizes, and large ones at low prices, take two 64-bit products,
/// others one of 128 bits; the results are equal.
#[inline]
fn notional_magnitude(quantity: u64, price: u64) -> Result<u64, RiskError> {
    // The product is symmetric: the smaller factor need only be below 2^36, the other below 2^26 x 1e8.
    let (small, large) = if quantity < SMALL_QUANTITY {
        (quantity, price)
    } else {
        (price, quantity)
    };
    let (whole, part) = (large / PRICE_ONE, large % PRICE_ONE);
    if small < SMALL_QUANTITY && whole < SMALL_WHOLE {
        // small * whole < 2^62 and small * part < 2^36 * 1e8 < 2^63: the sum cannot overflow
        return Ok(small
            .wrapping_mul(whole)
            .wrapping_add(small.wrapping_mul(part) / PRICE_ONE));
    }
    // two factors below 2^64 fit 128 bits
    let product = u128::from(quantity).wrapping_mul(u128::from(price));
    u64::try_from(product.div_euclid(u128::from(PRICE_ONE)))
        .ok()
        .filter(|value| *value <= i64::MAX as u64)
        .ok_or(RiskError::Overflow(Field::Quote))
}

fn scale_magnitude(magnitude: u64, numerator: u64, denominator: u64) -> Option<i64> {
    let product = u128::from(magnitude).wrapping_mul(u128::from(numerator));
    i64::try_from(product.checked_div(denominator.into())?).ok()
}

impl Quote {
    /// Sum, or [`RiskError::Overflow`].
    #[inline(always)]
    pub fn checked_add(self, other: Self) -> Result<Self, RiskError> {
        let (sum, overflow) = self.adding(other);
        if overflow < 0 {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(sum)
    }

    /// The sum modulo 2^64, and a number that is negative where it left i64: there the sum has a sign that neither operand
    /// has. Half as long on sBPF as what the compiler makes of a checked addition, and several can share one test.
    #[inline(always)]
    pub(crate) fn adding(self, other: Self) -> (Self, i64) {
        let sum = self.0.wrapping_add(other.0);
        (Self(sum), (sum ^ self.0) & (sum ^ other.0))
    }

    /// Difference, or [`RiskError::Overflow`].
    #[inline(always)]
    pub fn checked_sub(self, other: Self) -> Result<Self, RiskError> {
        let difference = self.0.wrapping_sub(other.0);
        // it left i64 where the operands' signs differ and it has the subtrahend's
        if (self.0 ^ other.0) & (self.0 ^ difference) < 0 {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(Self(difference))
    }

    /// The sum of several amounts, or [`RiskError::Overflow`] where a partial sum leaves its range.
    pub(crate) fn checked_sum<const N: usize>(amounts: [Self; N]) -> Result<Self, RiskError> {
        let mut total = Self::ZERO;
        let mut overflow = 0;
        for amount in amounts {
            let (sum, flag) = total.adding(amount);
            total = sum;
            overflow |= flag;
        }
        if overflow < 0 {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(total)
    }

    /// `self x ratio` toward minus infinity: equity and scenario PnL are never overstated.
    #[inline]
    pub fn mul_ratio_floor(self, ratio: Ratio) -> Result<Self, RiskError> {
        if let Some((whole, inexact)) = self.mul_ratio_magnitude(ratio) {
            let negative = self.0 < 0;
            let away = i64::from(negative && inexact);
            return Ok(Self(if negative {
                whole.wrapping_neg().wrapping_sub(away)
            } else {
                whole
            }));
        }
        mul_div_floor(self.0, ratio.0, RATIO_ONE)
            .map(Self)
            .ok_or(RiskError::Overflow(Field::Quote))
    }

    /// `self x ratio` toward plus infinity: a requirement is never understated.
    #[inline]
    pub fn mul_ratio_ceil(self, ratio: Ratio) -> Result<Self, RiskError> {
        if let Some((whole, inexact)) = self.mul_ratio_magnitude(ratio) {
            let negative = self.0 < 0;
            let away = i64::from(!negative && inexact);
            return Ok(Self(if negative {
                whole.wrapping_neg()
            } else {
                whole.wrapping_add(away)
            }));
        }
        mul_div_ceil(self.0, ratio.0, RATIO_ONE)
            .map(Self)
            .ok_or(RiskError::Overflow(Field::Quote))
    }

    /// `|self| x ratio` truncated, and whether anything was cut off, in 64-bit arithmetic; `None` where the operands
    /// are too large for it (ratio of 8.0 or more or negative, |self| of 2^57 or more).
    #[inline]
    fn mul_ratio_magnitude(self, ratio: Ratio) -> Option<(i64, bool)> {
        let (magnitude, factor) = (self.0.unsigned_abs(), ratio.0 as u64);
        if magnitude >= 1 << 57 || factor >= 1 << 23 {
            return None;
        }
        const ONE: u64 = RATIO_ONE as u64;
        // whole < 2^38 and part < 2^20: the products stay below 2^61 and 2^43
        let (whole, part) = (magnitude / ONE, magnitude % ONE);
        let fraction = part.wrapping_mul(factor);
        let product = whole.wrapping_mul(factor).wrapping_add(fraction / ONE);
        Some((product as i64, fraction % ONE != 0))
    }

    /// `self x numerator / denominator` rounded toward zero: the part of a balance that a slice moves.
    pub fn scale_toward_zero(self, numerator: u64, denominator: u64) -> Result<Self, RiskError> {
        scale_magnitude(self.0.unsigned_abs(), numerator, denominator)
            .map(|part| {
                Self(if self.0 < 0 {
                    part.wrapping_neg()
                } else {
                    part
                })
            })
            .ok_or(RiskError::Overflow(Field::Quote))
    }

    /// Magnitude; `i64::MIN` becomes `i64::MAX`.
    pub fn saturating_abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::{Price, Quantity, PRICE_ONE, SMALL_QUANTITY, SMALL_WHOLE};

    #[test]
    fn funding_is_the_ceiling_of_its_exact_amount_at_every_sign() {
        let factors = [
            0,
            1,
            7,
            99_999_999,
            100_000_000,
            100_000_001,
            1 << 36,
            123_456_789_012,
        ];
        let signed = || factors.into_iter().flat_map(|value: i64| [value, -value]);
        for quantity in signed() {
            for funding in signed() {
                let exact = i128::from(quantity) * i128::from(funding);
                let ceiling = -(-exact).div_euclid(i128::from(PRICE_ONE));
                let due = Quantity::from_raw(quantity).funding_ceil(funding);
                let due = due.map(|due| i128::from(due.raw()));
                assert_eq!(due.ok(), Some(ceiling), "{quantity} x {funding}");
            }
        }
        for funding in [i64::MIN, i64::MAX] {
            let due = |quantity| Quantity::from_raw(quantity).funding_ceil(funding);
            assert!(due(i64::MIN).is_err() && due(i64::MAX).is_err());
            assert!(due(1).is_ok() && due(0).is_ok());
        }
    }

    #[test]
    fn every_path_of_a_notional_is_the_floor() {
        let edge = (1u64 << 36, PRICE_ONE << 26);
        let factors = [0, 1, 99_999_999, PRICE_ONE, edge.0 - 1, edge.0, edge.0 + 7]
            .into_iter()
            .chain([edge.1 - 1, edge.1, (1 << 62) - 5]);
        for quantity in factors.clone() {
            for price in factors.clone() {
                let exact = u128::from(quantity) * u128::from(price) / u128::from(PRICE_ONE);
                let floor = i64::try_from(exact).ok();
                let size = Quantity::from_raw(-(quantity as i64));
                let notional = size.notional(Price::from_raw(price)).ok();
                assert_eq!(notional.map(|n| -n.raw()), floor, "{quantity} x {price}");
            }
        }
    }

    #[test]
    fn a_small_notional_is_the_notional() {
        let most = SMALL_QUANTITY as i64 - 1;
        let highest = SMALL_WHOLE * PRICE_ONE - 1;
        for quantity in [0, 1, -1, 7, -999_999, 1_234_567, most, -most] {
            for price in [1, 99_999_999, PRICE_ONE, 6_543_210_123_456, highest] {
                let (quantity, price) = (Quantity::from_raw(quantity), Price::from_raw(price));
                let small = quantity.small_notional(&price.parts());
                assert_eq!(quantity.notional(price).map(|n| n.raw()), Ok(small));
                assert!(price.parts().is_small(quantity.raw().unsigned_abs()));
            }
        }
        assert!(!Price::from_raw(highest + 1).parts().is_small(1));
        assert!(!Price::from_raw(highest).parts().is_small(SMALL_QUANTITY));
    }
}
