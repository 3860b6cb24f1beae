//! Fees and price bands of a trade.
//!
//! Fees are rounded up leg by leg, in favour of the house, first the notional and then the share: a leg pays at most two units
//! (2e-6 USD) more than its exact fee, never less.

use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

/// Largest fee over notional that a market may set, 1e-6: 1 %.
pub const MOST_FEE: u32 = 10_000;
/// Largest fee of an option over its premium that a market may set, 1e-6: a half.
pub const MOST_FEE_OF_PREMIUM: u32 = 500_000;
/// Widest band of a perpetual or a future, share of mark, 1e-6: the whole mark.
pub const MOST_BAND_LINEAR: u32 = 1_000_000;
/// Widest band of an option, share of spot, 1e-6: the whole spot.
pub const MOST_BAND_OPTION: u32 = 1_000_000;

/// Fee of a perpetual or a future: a share (1e-6) of size times price, rounded up. At least zero.
///
/// Errors: overflow where size times price leaves [`Quote`].
pub fn linear_fee_ceil(size: Quantity, price: Price, rate: u32) -> Result<Quote, RiskError> {
    if rate == 0 {
        return Ok(Quote::ZERO);
    }
    let notional = size.notional_ceil(price)?;
    notional.mul_ratio_ceil(Ratio::from_raw(rate.into()))
}

/// Fee of an option: a share (1e-6) of size times spot, but no more than a share of its premium, each rounded up. At least zero.
///
/// Errors: overflow where size times spot or premium leaves [`Quote`].
pub fn option_fee_ceil(
    size: Quantity,
    spot: Price,
    price: Price,
    rate: u32,
    premium_cap: u32,
) -> Result<Quote, RiskError> {
    let fee = linear_fee_ceil(size, spot, rate)?;
    if fee == Quote::ZERO {
        return Ok(fee);
    }
    let most = size.notional_ceil(price)?;
    let most = most.mul_ratio_ceil(Ratio::from_raw(premium_cap.into()))?;
    Ok(fee.min(most))
}

/// The prices at which a leg may trade, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Lowest price.
    pub least: Price,
    /// Highest price.
    pub most: Price,
}

impl Band {
    /// `mark +- base x share`, the width rounded down; `share` in 1e-6.
    pub fn around(mark: Price, base: Price, share: u32) -> Self {
        // 2^63 x 2^32 fits 128 bits
        let width = u128::from(base.raw())
            .wrapping_mul(share.into())
            .div_euclid(1_000_000);
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        Self {
            least: Price::from_raw(mark.raw().saturating_sub(width)),
            most: Price::from_raw(mark.raw().saturating_add(width)),
        }
    }

    /// The edge that a price is beyond; `None` inside.
    pub fn passed(&self, price: Price) -> Option<Price> {
        if price < self.least {
            return Some(self.least);
        }
        (price > self.most).then_some(self.most)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn random() -> impl FnMut() -> u64 {
        let mut state = 1u64;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 11
        }
    }

    /// `size x price x rate / 1e14`, as numerator and denominator.
    fn exact(size: i64, price: u64, rate: u32) -> (u128, u128) {
        let notional = u128::from(size.unsigned_abs()) * u128::from(price);
        (notional * u128::from(rate), 100_000_000 * 1_000_000)
    }

    #[test]
    fn a_fee_is_never_below_its_exact_amount_and_at_most_two_units_above() {
        let mut bits = random();
        for _ in 0..100_000 {
            let size = (bits() % 1_000_000_000_000) as i64 - 500_000_000_000;
            let price = bits() % 10_000_000_000_000 + 1;
            let rate = u32::try_from(bits() % u64::from(MOST_FEE + 1)).unwrap();
            let fee = linear_fee_ceil(Quantity::from_raw(size), Price::from_raw(price), rate);
            let fee = u128::from(fee.unwrap().raw().unsigned_abs());
            let (numerator, denominator) = exact(size, price, rate);
            assert!(fee * denominator >= numerator, "{size} {price} {rate}");
            assert!(fee * denominator < numerator + 2 * denominator);
        }
    }

    #[test]
    fn a_fee_takes_no_rate_for_nothing_and_a_unit_for_dust() {
        let fee = |size, price, rate| {
            let size = Quantity::from_raw(size);
            linear_fee_ceil(size, Price::from_raw(price), rate)
                .unwrap()
                .raw()
        };
        assert_eq!(fee(1_000_000, 100_000_000, 0), 0);
        assert_eq!(fee(1, 1, 1), 1);
        assert_eq!(fee(-1, 1, 1), 1);
        // 5 bp of 100,000 USD, both signs
        assert_eq!(fee(1_000_000, 10_000_000_000_000, 500), 50_000_000);
        assert_eq!(fee(-1_000_000, 10_000_000_000_000, 500), 50_000_000);
    }

    #[test]
    fn an_option_pays_the_smaller_of_both_shares() {
        let fee = |price, cap| {
            let spot = Price::from_raw(10_000_000_000_000);
            let size = Quantity::from_raw(-1_000_000);
            option_fee_ceil(size, spot, Price::from_raw(price), 300, cap)
                .unwrap()
                .raw()
        };
        // 3 bp of 100,000 USD are 30 USD; an eighth of the premium is as much at 240 USD
        assert_eq!(fee(24_000_000_000, 125_000), 30_000_000);
        assert_eq!(fee(24_000_100_000, 125_000), 30_000_000);
        assert_eq!(fee(23_999_900_000, 125_000), 29_999_875);
        assert_eq!(fee(24_000_000_000, 0), 0);
    }

    #[test]
    fn a_band_includes_its_edges() {
        let band = Band::around(Price::from_raw(1_000), Price::from_raw(1_000), 100_999);
        assert_eq!(
            (band.least, band.most),
            (Price::from_raw(900), Price::from_raw(1_100))
        );
        let passed = |raw| band.passed(Price::from_raw(raw)).map(Price::raw);
        assert_eq!(
            (passed(900), passed(1_100), passed(1_000)),
            (None, None, None)
        );
        assert_eq!((passed(899), passed(1_101)), (Some(900), Some(1_100)));
    }

    #[test]
    fn a_band_of_any_size_has_edges() {
        let most = Price::from_raw(Price::MOST);
        let wide = Band::around(most, most, u32::MAX);
        assert_eq!(wide.passed(Price::from_raw(1)), None);
        assert_eq!(wide.passed(most), None);
        let worthless = Band::around(Price::ZERO, Price::from_raw(1_000), 10_000);
        assert_eq!(worthless.passed(Price::from_raw(10)), None);
        assert!(worthless.passed(Price::from_raw(11)).is_some());
    }
}
