//! Funding: steps, caps, ranges, and who pays.

#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

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
