//! What a market makes of its inputs: how certain they are, and the delayed price that follows the spot.

use risk_core::fixed::mul::{mul_div_ceil, mul_div_floor};
use risk_core::units::RATIO_ONE;
use risk_core::{Price, Ratio};

/// 1.0 in 1e-6.
const ONE: u64 = 1_000_000;
/// Bits that prices are cut to, so that their products with 1e6 fit 64.
const PRICE_BITS: u32 = 44;
/// Seconds of an hour times 1.0 in 1e-6: the unit of a share per hour times seconds.
const HOUR_SHARE: i64 = 3_600 * RATIO_ONE;

/// How much wider than for an opening the confidence interval of an uncertain price may be.
const UNCERTAIN_FACTOR: u32 = 10;
/// Widest confidence interval over price of any grade but Invalid, 1e-6: 10 %.
const UNCERTAIN_MOST: u32 = 100_000;

/// The widest confidence interval over price of grade Uncertain, where an opening accepts `opening`; both 1e-6.
pub const fn uncertain_limit(opening: u32) -> u32 {
    let wider = opening.saturating_mul(UNCERTAIN_FACTOR);
    let wider = if wider > UNCERTAIN_MOST {
        UNCERTAIN_MOST
    } else {
        wider
    };
    if wider > opening {
        wider
    } else {
        opening
    }
}

/// Confidence in a price, 1e-6, rounded down: `1 - (confidence / price) / limit`, and 0 from the limit on.
///
/// `confidence` and `price` are of one unit; `limit` is the widest confidence over price that any use accepts
/// ([`uncertain_limit`]), 1e-6: measured on what an opening accepts, a crash's usual widths would ask a keeper for the whole
/// notional of what it repairs. Exact to 1e-6 and `1e6 / (price x limit)`.
pub fn price_confidence(confidence: u64, price: u64, limit: u32) -> Ratio {
    let (mut price, mut width) = (price, confidence);
    if price >> PRICE_BITS != 0 {
        let bits = u64::BITS.saturating_sub(price.leading_zeros());
        let shift = bits.saturating_sub(PRICE_BITS);
        price = price.checked_shr(shift).unwrap_or(0);
        width = width.div_ceil(1u64.checked_shl(shift).unwrap_or(1));
    }
    // below 2^44 x 1e6 / 1e6; where the width is below it, its product with 1e6 fits as well
    let allowed = price
        .wrapping_mul(u64::from(limit).min(ONE))
        .div_euclid(ONE);
    if width >= allowed {
        return Ratio::from_raw(RATIO_ONE.saturating_mul(i64::from(width == 0 && limit > 0)));
    }
    let used = width.wrapping_mul(ONE).div_ceil(allowed); // at most 1e6
    Ratio::from_raw(ONE.wrapping_sub(used) as i64)
}

/// What is left of a posted confidence (1e-6, at most 1.0) at an age: all of it up to half the largest age, nothing from that
/// age on, linear between; rounded down.
pub fn faded_confidence(posted: u32, age: i64, max_age: u32) -> Ratio {
    let (most, half) = (u64::from(max_age), u64::from(max_age / 2));
    let posted = u64::from(posted).min(ONE);
    let age = age.max(0).unsigned_abs();
    let left = match age <= half {
        true => posted,
        // at most 1e6 x 2^32; unsigned, since sBPF divides nothing else
        false => posted
            .saturating_mul(most.saturating_sub(age))
            .checked_div(most.saturating_sub(half))
            .unwrap_or(0),
    };
    Ratio::from_raw(left as i64) // at most 1e6
}

/// The delayed price after `seconds`: it follows the spot, by at most the share `per_hour` (1e-6) times the hours, measured on
/// the higher of the two delayed prices.
///
/// With `x = per_hour x hours` it may rise to `stable / (1 - x)` and fall to `stable (1 - x)`. Since
/// `(1 - x)(1 - y) >= 1 - (x + y)`, and both are rounded toward `stable`, many small steps never move it further than one of
/// their whole length. From `x = 1` on nothing limits it.
pub fn stable_price_after(stable: Price, spot: Price, per_hour: u32, seconds: i64) -> Price {
    let share = i64::from(per_hour).saturating_mul(seconds.max(0));
    let kept = HOUR_SHARE.saturating_sub(share);
    let (Ok(from), true) = (i64::try_from(stable.raw()), kept > 0) else {
        return spot;
    };
    let limit = if spot > stable {
        mul_div_floor(from, HOUR_SHARE, kept)
    } else {
        mul_div_ceil(from, kept, HOUR_SHARE)
    };
    let Some(limit) = limit.map(|limit| Price::from_raw(limit.unsigned_abs())) else {
        return spot; // beyond every price
    };
    if spot > stable {
        spot.min(limit)
    } else {
        spot.max(limit)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn confidence_falls_to_zero_at_the_limit_and_is_never_overstated() {
        let of = |confidence, price, limit| price_confidence(confidence, price, limit).raw();
        assert_eq!(of(0, 100_000, 10_000), RATIO_ONE);
        assert_eq!(of(500, 100_000, 10_000), 500_000);
        assert_eq!(of(1_000, 100_000, 10_000), 0);
        assert_eq!((of(u64::MAX, 1, u32::MAX), of(0, 0, 1)), (0, RATIO_ONE));
        assert_eq!((of(1, 0, 1), of(0, 5, 0)), (0, 0));
        let mut bits = 1u64;
        for _ in 0..100_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let price = (bits >> (bits % 40)).max(1_000_000_000);
            let limit = u32::try_from(bits % 50_000 + 1).unwrap();
            let width = u128::from(price) * u128::from(limit) / 1_000_000
                * u128::from(bits % 1_500)
                / 1_000;
            let width = u64::try_from(width).unwrap();
            let exact = 1.0 - width as f64 / (price as f64) * 1e6 / f64::from(limit);
            let got = of(width, price, limit) as f64 / 1e6;
            let error = 3e-6
                + 2e6 / (price as f64 * f64::from(limit)).min(2f64.powi(39) * f64::from(limit));
            let exact = exact.max(0.0);
            assert!(
                got <= exact + 1e-9 && got >= exact - error,
                "{width} {price} {limit}: {got} {exact}"
            );
        }
    }

    #[test]
    fn posted_confidence_fades_from_half_the_age_on() {
        let of = |age| faded_confidence(800_000, age, 3_600).raw();
        assert_eq!((of(0), of(1_800), of(-5)), (800_000, 800_000, 800_000));
        assert_eq!((of(1_801), of(2_700)), (799_555, 400_000));
        assert_eq!((of(3_599), of(3_600), of(i64::MAX)), (444, 0, 0));
        assert_eq!(faded_confidence(u32::MAX, 0, 1).raw(), RATIO_ONE);
        assert_eq!(faded_confidence(1_000_000, 1, 0).raw(), 0);
    }

    #[test]
    fn the_stable_price_moves_by_its_share_and_no_further_in_many_steps() {
        let after = |stable, spot, seconds| {
            stable_price_after(
                Price::from_raw(stable),
                Price::from_raw(spot),
                50_000,
                seconds,
            )
            .raw()
        };
        // 5 % of the higher price in an hour, both ways
        assert_eq!(after(95_000_000, 200_000_000, 3_600), 100_000_000);
        assert_eq!(after(100_000_000, 1_000_000, 3_600), 95_000_000);
        // reached, at rest, without time, and without a limit after 20 hours
        assert_eq!(after(100_000_000, 100_000_001, 3_600), 100_000_001);
        assert_eq!(after(7, 7, 3_600), 7);
        assert_eq!((after(100, 200, 0), after(100, 200, -1)), (100, 100));
        assert_eq!(
            (
                after(100, 9_000, 71_999) < 9_000_000,
                after(100, 9_000, 72_000)
            ),
            (true, 9_000)
        );
        for (start, spot) in [
            (11_666_150_000_000, u64::MAX / 4),
            (11_666_150_000_000, 1),
            (997, 5_000),
        ] {
            for step in [1, 7, 36, 900] {
                let mut small = start;
                for _ in 0..3_600 / step {
                    small = after(small, spot, step);
                }
                let large = after(start, spot, 3_600 / step * step);
                assert!(
                    small.abs_diff(start) <= large.abs_diff(start),
                    "{start} {spot} {step}"
                );
                assert!(start < 1_000 || small != start);
            }
        }
    }
}
