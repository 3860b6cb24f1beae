//! Funding of a perpetual: an index that moves so that who pushes its price away from the spot pays those on the other side.
//!
//! Every fill has a *premium*: its price over spot less one, within the market's cap. The mean over an hour, weighted by
//! size, is the rate at which the index moves in the next hour; per day, on the spot of that hour's last fill. The mean is taken
//! over at least a depth, so that thin trading counts in proportion to its size, and an hour after one without fills has rate zero.
//!
//! A position of `q` has paid `q x index` since the index was zero: longs pay while the index rises, which it does while fills are
//! above spot. Entering at price `p` while the index is `i` costs `q (p - i)`; so what each side owes is the difference of two
//! indices, and both sides owe the same with opposite signs.
//!
//! The index is a function of what was stored and the time alone: it is linear within an hour, from an anchor at the hour's
//! beginning, and what the hour after it pays follows from the fills that are stored. Nobody has to call anything for it to be right,
//! and any number of steps gives the bits of a single one.

use risk_core::fixed::mul::{mul_div_ceil, mul_div_floor};
use risk_core::{Price, Quantity, Quote};

/// Length of a period, seconds; periods begin at multiples of it.
pub const PERIOD_SECONDS: i64 = 3_600;
/// Seconds in which one rate is paid.
const DAY_SECONDS: u64 = 86_400;
/// 1.0 of a premium and of a rate.
const RATE_ONE: u64 = 1_000_000_000;
/// Largest cap, 1e-9: a quarter of the price a day, 1 % an hour.
pub const FUNDING_CAP_MOST: u32 = 250_000_000;
/// Largest magnitude of an index, 1e-8 USD per base unit: a quarter of the largest price. Beyond, it stays where it is, and the
/// side that would receive gets nothing more. A unit at 100,000 USD takes over 200,000 years at the largest cap to get there.
pub const INDEX_MOST: i64 = 1 << 61;
/// Base units of a size of one.
const BASE_ONE: u64 = 1_000_000;
/// Price units of a notional: 1e-6 base units x 1e-8 USD over 1e-6 USD.
const NOTIONAL_ONE: i64 = 100_000_000;

/// What a market sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingTerms {
    /// Largest magnitude of a premium and of a rate, 1e-9; zero: no funding.
    pub cap: u32,
    /// Size at which the mean premium counts in full, 1e-6 base units.
    pub depth: u64,
}

impl FundingTerms {
    /// Whether they are in bounds: no cap and no depth, or a cap up to [`FUNDING_CAP_MOST`] with a depth.
    pub const fn is_valid(&self) -> bool {
        match self.cap {
            0 => self.depth == 0,
            cap => cap <= FUNDING_CAP_MOST && self.depth > 0,
        }
    }
}

/// The state of a market's funding. All zero before the first fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funding {
    /// The index at `period_start`, 1e-8 USD per base unit; at most [`INDEX_MOST`] by magnitude.
    pub index: i64,
    /// Beginning of the running period, Unix time, a multiple of [`PERIOD_SECONDS`].
    pub period_start: i64,
    /// What a base unit pays per day in the running period, 1e-8 USD; signed.
    pub daily: i64,
    /// Rate of the running period per day, 1e-9; `daily` is this share of the price that it was measured on.
    pub rate: i32,
    /// Spot at the running period's last fill, 1e-8 USD: what the next rate is measured on.
    pub reference: u64,
    /// Sum of premium (1e-9) times size (base units) over the running period's fills, each rounded toward zero; saturates.
    pub premium_sum: i64,
    /// Sum of their sizes, 1e-6 base units; saturates.
    pub premium_size: u64,
}

impl Funding {
    /// The index at a time, 1e-8 USD per base unit. A time before the running period counts as its beginning.
    pub fn index_at(&self, terms: &FundingTerms, now: i64) -> i64 {
        let elapsed = now.saturating_sub(self.period_start).max(0);
        let index = moved(self.index, self.daily, elapsed);
        match elapsed > PERIOD_SECONDS && self.premium_sum != 0 {
            // The period after the stored one has its rate from the stored fills; later ones had none.
            true => moved(
                index,
                self.next(terms).1,
                elapsed.saturating_sub(PERIOD_SECONDS),
            ),
            false => index,
        }
    }

    /// Moves the anchor into the period of `now`. Changes [`Funding::index_at`] at no time from then on.
    pub fn roll(&mut self, terms: &FundingTerms, now: i64) {
        let elapsed = now.saturating_sub(self.period_start);
        if elapsed < PERIOD_SECONDS {
            return;
        }
        let next = match elapsed < PERIOD_SECONDS.saturating_mul(2) {
            true => self.next(terms),
            false => (0, 0),
        };
        // unsigned, as the VM divides; there is no time before zero
        let into = now.max(0).unsigned_abs().rem_euclid(PERIOD_SECONDS as u64) as i64;
        let period_start = now.saturating_sub(into);
        *self = Self {
            index: self.index_at(terms, period_start),
            period_start,
            rate: next.0,
            daily: next.1,
            // kept for readers: the next fill replaces it before it counts
            reference: self.reference,
            premium_sum: 0,
            premium_size: 0,
        };
    }

    /// Counts a fill of `size` (1e-6 base units) at `price` while the spot is `spot`.
    pub fn record_fill(
        &mut self,
        terms: &FundingTerms,
        spot: Price,
        price: Price,
        size: u64,
        now: i64,
    ) {
        if terms.cap == 0 {
            return;
        }
        self.roll(terms, now);
        let premium = premium(price, spot, terms.cap);
        let weighted = weighted(premium.unsigned_abs(), size);
        self.premium_sum = match premium < 0 {
            true => self.premium_sum.saturating_sub(weighted),
            false => self.premium_sum.saturating_add(weighted),
        };
        self.premium_size = self.premium_size.saturating_add(size);
        self.reference = spot.raw();
    }

    /// Rate per day (1e-9) and what a base unit pays per day (1e-8 USD) in the period after the stored one, rounded toward zero.
    fn next(&self, terms: &FundingTerms) -> (i32, i64) {
        let size = self.premium_size.max(terms.depth);
        let sum = self.premium_sum.unsigned_abs();
        let mean = match sum.checked_mul(BASE_ONE) {
            Some(scaled) => scaled.checked_div(size).unwrap_or(0),
            None => wide_mean(sum, size),
        };
        // at most the cap, which is below 2^28: so is the cast, and `whole x rate` is below 2^34 x 2^28
        let rate = mean.min(terms.cap.min(FUNDING_CAP_MOST).into());
        let reference = self.reference.min(Price::MOST);
        let whole = reference.div_euclid(RATE_ONE).saturating_mul(rate);
        let part = reference.rem_euclid(RATE_ONE).saturating_mul(rate);
        let daily = whole.saturating_add(part.div_euclid(RATE_ONE));
        let (rate, daily) = (
            i32::try_from(rate).unwrap_or(0),
            i64::try_from(daily).unwrap_or(0),
        );
        match self.premium_sum < 0 {
            true => (rate.saturating_neg(), daily.saturating_neg()),
            false => (rate, daily),
        }
    }
}

/// An index after at most a period of a pay per day, rounded toward where it was.
fn moved(index: i64, daily: i64, seconds: i64) -> i64 {
    if daily == 0 {
        return index;
    }
    let seconds = seconds.clamp(0, PERIOD_SECONDS).unsigned_abs();
    let daily_size = daily.unsigned_abs();
    // below 2^63 / 86,400 x 3,600 and 86,400 x 3,600
    let whole = daily_size.div_euclid(DAY_SECONDS).saturating_mul(seconds);
    let part = daily_size.rem_euclid(DAY_SECONDS).saturating_mul(seconds);
    let step = whole.saturating_add(part.div_euclid(DAY_SECONDS));
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let index = match daily < 0 {
        true => index.saturating_sub(step),
        false => index.saturating_add(step),
    };
    index.clamp(-INDEX_MOST, INDEX_MOST)
}

/// `price / spot - 1` within the cap, 1e-9, rounded toward zero. Zero for a spot of zero.
fn premium(price: Price, spot: Price, cap: u32) -> i64 {
    let (price, spot) = (price.raw(), spot.raw());
    if spot == 0 {
        return 0;
    }
    let share = share(price.abs_diff(spot), spot).min(cap.into());
    let share = i64::try_from(share).unwrap_or(0); // at most the cap
    match price < spot {
        true => share.saturating_neg(),
        false => share,
    }
}

/// `part / whole`, 1e-9, floored; 1.0 for a part that is not below the whole.
fn share(part: u64, whole: u64) -> u64 {
    if part >= whole {
        return RATE_ONE;
    }
    if whole >> 54 != 0 {
        let scaled = u128::from(part).saturating_mul(RATE_ONE.into());
        let share = scaled.checked_div(whole.into()).unwrap_or(0);
        return u64::try_from(share).unwrap_or(RATE_ONE);
    }
    // Long division by three digits of a thousand: rests stay below the whole, so products stay below 2^64.
    let (mut quotient, mut rest) = (0u64, part);
    for _ in 0..3 {
        let scaled = rest.saturating_mul(1_000);
        let digit = scaled.checked_div(whole).unwrap_or(0);
        quotient = quotient.saturating_mul(1_000).saturating_add(digit);
        rest = scaled.checked_rem(whole).unwrap_or(0);
    }
    quotient
}

/// `premium x size / 1e6`, floored; saturates at `i64::MAX`.
fn weighted(premium: u64, size: u64) -> i64 {
    let part = size.rem_euclid(BASE_ONE).saturating_mul(premium); // below 2^20 x 2^28
    let whole = size.div_euclid(BASE_ONE).saturating_mul(premium);
    let sum = whole.saturating_add(part.div_euclid(BASE_ONE));
    i64::try_from(sum).unwrap_or(i64::MAX)
}

#[cold]
fn wide_mean(sum: u64, size: u64) -> u64 {
    let scaled = u128::from(sum).saturating_mul(BASE_ONE.into());
    let mean = scaled.checked_div(size.into()).unwrap_or(0);
    u64::try_from(mean).unwrap_or(u64::MAX)
}

/// What entering a position costs at a price while the index is `index`: `q (price - index)`, 1e-6 USD, rounded toward zero, so
/// that both sides of a fill have the same magnitude. `None` where it leaves its range.
pub fn entry_cost(quantity: Quantity, price: Price, index: i64) -> Option<Quote> {
    let price = i64::try_from(price.raw()).ok()?;
    let net = price.checked_sub(index)?;
    let cost = match (quantity.raw() < 0) == (net < 0) {
        true => mul_div_floor(quantity.raw(), net, NOTIONAL_ONE),
        false => mul_div_ceil(quantity.raw(), net, NOTIONAL_ONE),
    };
    cost.map(Quote::from_raw)
}

/// What a position has paid in funding since the index was zero: `q x index`, 1e-6 USD, rounded up, against the account. `None`
/// where it leaves its range.
pub fn paid_ceil(quantity: Quantity, index: i64) -> Option<Quote> {
    mul_div_ceil(quantity.raw(), index, NOTIONAL_ONE).map(Quote::from_raw)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
mod tests {
    use super::*;

    const TERMS: FundingTerms = FundingTerms {
        cap: 10_000_000, // 1 % a day
        depth: 10_000_000,
    };
    const HOUR: i64 = PERIOD_SECONDS;
    const T: i64 = 1_760_126_400; // a whole hour
    const SPOT: Price = Price::from_raw(10_000_000_000_000); // 100,000 USD

    /// splitmix64 (S. Vigna, public domain).
    struct Random(u64);

    impl Random {
        fn bits(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        fn below(&mut self, n: u64) -> u64 {
            self.bits() % n
        }

        /// Of any magnitude: every number of bits is as likely.
        fn wide(&mut self) -> u64 {
            let bits = self.bits();
            self.bits() >> (bits % 64)
        }
    }

    fn price(raw: u64) -> Price {
        Price::from_raw(raw)
    }

    fn filled(terms: &FundingTerms, fills: &[(u64, u64, i64)]) -> Funding {
        let mut funding = Funding::default();
        for (raw, size, at) in fills {
            funding.record_fill(terms, SPOT, price(*raw), *size, *at);
        }
        funding
    }

    #[test]
    fn the_mean_premium_of_an_hour_is_the_rate_of_the_next() {
        // 0.5 % above on three quarters of the size, 0.1 % below on the rest: 0.35 %
        let up = SPOT.raw() / 1_000 * 1_005;
        let down = SPOT.raw() / 1_000 * 999;
        let funding = filled(
            &TERMS,
            &[(up, 30_000_000, T + 5), (down, 10_000_000, T + HOUR - 1)],
        );
        // nothing is paid in the hour of the fills
        assert_eq!(funding.index_at(&TERMS, T + HOUR), 0);
        // 350 USD a day on a unit: 1/24 in an hour, half of it after half
        let daily = 350 * 100_000_000;
        assert_eq!(funding.index_at(&TERMS, T + HOUR + 1_800), daily / 48);
        assert_eq!(funding.index_at(&TERMS, T + 2 * HOUR), daily / 24);
        // an hour without fills pays nothing in the hour after it
        assert_eq!(funding.index_at(&TERMS, T + 2 * HOUR + 1), daily / 24);
        assert_eq!(funding.index_at(&TERMS, i64::MAX), daily / 24);
        let mut rolled = funding;
        rolled.roll(&TERMS, T + HOUR);
        assert_eq!((rolled.rate, rolled.daily), (3_500_000, daily));
    }

    #[test]
    fn premiums_are_clamped_and_thin_trading_counts_in_proportion() {
        let rate = |raw: u64, size: u64| {
            let mut funding = filled(&TERMS, &[(raw, size, T)]);
            funding.roll(&TERMS, T + HOUR);
            funding.rate
        };
        let at = |millionths: u64| SPOT.raw() / 1_000_000 * millionths;
        // at the cap, one unit of price past it, ten times, almost nothing
        assert_eq!(rate(at(1_010_000), 10_000_000), 10_000_000);
        assert_eq!(rate(at(1_010_000) - 100_000, 10_000_000), 9_999_990);
        assert_eq!(rate(at(1_010_001), 10_000_000), 10_000_000);
        assert_eq!(rate(at(9_000_000), 10_000_000), 10_000_000);
        assert_eq!(rate(1, 10_000_000), -10_000_000);
        // the depth: at it, half of it, twice
        assert_eq!(rate(at(1_010_000), 9_999_999), 9_999_999);
        assert_eq!(rate(at(1_010_000), 5_000_000), 5_000_000);
        assert_eq!(rate(at(1_010_000), 20_000_000), 10_000_000);
        assert_eq!(rate(at(1_010_000), 0), 0);
        assert_eq!(rate(SPOT.raw(), u64::MAX), 0);
    }

    #[test]
    fn without_a_cap_there_is_no_funding() {
        let none = FundingTerms { cap: 0, depth: 0 };
        let funding = filled(&none, &[(SPOT.raw() * 2, 1 << 40, T)]);
        assert_eq!(funding, Funding::default());
        assert_eq!(funding.index_at(&none, i64::MAX), 0);
        assert!(none.is_valid() && TERMS.is_valid());
        let of = |cap, depth| FundingTerms { cap, depth }.is_valid();
        assert!(of(FUNDING_CAP_MOST, 1) && !of(FUNDING_CAP_MOST + 1, 1));
        assert!(!of(1, 0) && !of(0, 1));
    }

    #[test]
    fn case_65_any_number_of_steps_gives_the_bits_of_one() {
        let mut random = Random(65);
        for round in 0..20_000 {
            let terms = FundingTerms {
                cap: 1 + random.below(FUNDING_CAP_MOST.into()) as u32,
                depth: 1 + random.wide(),
            };
            let mut now = random.below(1 << 40) as i64;
            let mut lazy = Funding::default();
            let mut stepped = lazy;
            for _ in 0..6 {
                let spot = price((random.wide() >> 1).max(1));
                let other = match random.below(3) {
                    0 => price((random.wide() >> 1).max(1)),
                    _ => price(spot.raw() / 1_000 * (995 + random.below(11))),
                };
                let size = random.wide();
                lazy.record_fill(&terms, spot, other, size, now);
                stepped.record_fill(&terms, spot, other, size, now);
                assert_eq!(lazy, stepped, "{round}");
                let until = now + random.below(4 * HOUR as u64) as i64;
                while now < until {
                    now = until.min(now + 1 + random.below(2_000) as i64);
                    stepped.roll(&terms, now);
                    let index = lazy.index_at(&terms, now);
                    assert_eq!(stepped.index_at(&terms, now), index, "{round}");
                    assert!(index.abs() <= INDEX_MOST);
                    assert!(stepped.rate.unsigned_abs() <= terms.cap);
                }
            }
            // and one roll at the end is all of them
            lazy.roll(&terms, now);
            let (ours, theirs) = (lazy, stepped);
            assert_eq!(
                (ours.index, ours.period_start),
                (theirs.index, theirs.period_start)
            );
            assert_eq!(
                (ours.daily, ours.premium_sum),
                (theirs.daily, theirs.premium_sum)
            );
        }
    }

    #[test]
    fn the_index_never_leaves_its_range_and_nothing_panics() {
        let edge = [0, 1, -1, i64::MAX, i64::MIN, INDEX_MOST, -INDEX_MOST];
        let sizes = [0, 1, u64::MAX, 1 << 63];
        for cap in [0, 1, FUNDING_CAP_MOST, u32::MAX] {
            for depth in sizes {
                let terms = FundingTerms { cap, depth };
                for (daily, sum) in edge.iter().flat_map(|d| edge.map(|s| (*d, s))) {
                    let mut funding = Funding {
                        index: INDEX_MOST,
                        period_start: 0,
                        daily,
                        rate: i32::MIN,
                        reference: u64::MAX,
                        premium_sum: sum,
                        premium_size: depth,
                    };
                    for now in [i64::MIN, -1, 0, 1, HOUR, 2 * HOUR, i64::MAX] {
                        assert!(funding.index_at(&terms, now).abs() <= INDEX_MOST);
                        for raw in sizes {
                            let mut other = funding;
                            other.record_fill(&terms, price(raw), price(depth), raw, now);
                        }
                        funding.roll(&terms, now);
                        assert!(funding.index.abs() <= INDEX_MOST);
                    }
                }
            }
        }
        // a hundred thousand hours at the largest of everything
        let terms = FundingTerms {
            cap: FUNDING_CAP_MOST,
            depth: 1,
        };
        let mut funding = Funding::default();
        for hour in 0..100_000 {
            let spot = price(Price::MOST / 2);
            funding.record_fill(&terms, spot, price(Price::MOST), u64::MAX, T + hour * HOUR);
        }
        assert_eq!(funding.index, INDEX_MOST);
    }

    #[test]
    fn a_premium_is_the_exact_quotient_rounded_toward_zero() {
        let mut random = Random(7);
        for _ in 0..200_000 {
            let spot = (random.wide() >> 1).max(1);
            let other = match random.below(2) {
                0 => random.wide() >> 1,
                _ => {
                    (u128::from(spot) * (900_000_000 + u128::from(random.below(200_000_000)))
                        / 1_000_000_000) as u64
                }
            };
            let cap = 1 + random.below(FUNDING_CAP_MOST.into());
            let exact = u128::from(spot.abs_diff(other)) * 1_000_000_000 / u128::from(spot);
            let exact = exact.min(cap.into()) as i64;
            let exact = if other < spot { -exact } else { exact };
            assert_eq!(premium(price(other), price(spot), cap as u32), exact);
        }
        assert_eq!(premium(price(5), price(0), 7), 0);
    }

    #[test]
    fn inv_05_longs_pay_above_spot_and_funding_sums_to_no_more_than_zero() {
        let mut random = Random(5);
        for _ in 0..50_000 {
            let (first, last) = (random.wide() as i64 >> 20, random.wide() as i64 >> 20);
            let spot = price(1 + random.below(1 << 45));
            // one long against several shorts of the same sum, in at one index, out at another
            let parts: [i64; 4] = core::array::from_fn(|_| random.below(1 << 30) as i64);
            let whole: i64 = parts.iter().sum();
            let books = parts.map(|part| -part).into_iter().chain([whole]);
            let (mut costs, mut owed) = (0i128, 0i128);
            for quantity in books {
                let quantity = Quantity::from_raw(quantity);
                costs += i128::from(entry_cost(quantity, spot, first).unwrap().raw());
                owed += i128::from(paid_ceil(quantity, last).unwrap().raw());
            }
            assert!(owed >= 0, "the engine takes at least what it gives: {owed}");
            // entered as one fill each: what is left of the costs is the rounding of four fills
            assert!(costs.abs() <= 4, "{costs}");
        }
        let of = |q, p, i| entry_cost(Quantity::from_raw(q), price(p), i).map(Quote::raw);
        assert_eq!(of(1_000_000, 150, 0), Some(1));
        assert_eq!(of(-1_000_000, 150, 0), Some(-1));
        assert_eq!(of(1_000_000, 150, 300), Some(-1));
        assert_eq!(of(-1_000_000, 150, 300), Some(1));
        assert_eq!(of(0, 150, 300), Some(0));
        assert_eq!(of(i64::MAX, Price::MOST, 0), None);
        assert_eq!(of(1, Price::MOST, -1), None);
        let paid = |q, i| paid_ceil(Quantity::from_raw(q), i).map(Quote::raw);
        assert_eq!(
            (paid(1_000_000, 101), paid(-1_000_000, 101)),
            (Some(2), Some(-1))
        );
        assert_eq!(
            (paid(1_000_000, -101), paid(-1_000_000, -101)),
            (Some(-1), Some(2))
        );
        // above spot the index rises, and a long pays
        let funding = filled(&TERMS, &[(SPOT.raw() + 1_000_000_000, 10_000_000, T)]);
        assert!(funding.index_at(&TERMS, T + 2 * HOUR) > 0);
        let funding = filled(&TERMS, &[(SPOT.raw() - 1_000_000_000, 10_000_000, T)]);
        assert!(funding.index_at(&TERMS, T + 2 * HOUR) < 0);
    }

    #[test]
    fn a_full_sum_still_gives_a_rate_within_the_cap() {
        let terms = FundingTerms {
            cap: FUNDING_CAP_MOST,
            depth: 1,
        };
        let mut funding = Funding::default();
        for _ in 0..3 {
            funding.record_fill(&terms, SPOT, price(SPOT.raw() * 2), u64::MAX / 2, T);
        }
        assert_eq!(
            (funding.premium_sum, funding.premium_size),
            (i64::MAX, u64::MAX)
        );
        funding.roll(&terms, T + HOUR);
        // the sum is full at half of what the sizes ask for: the rate errs toward zero
        assert!(funding.rate > 0 && funding.rate.unsigned_abs() <= FUNDING_CAP_MOST);
    }
}
