//! Whole repairs at any time of an auction: no bid passes the buffer, every one improves, and few are needed (INV-13, INV-15).

use crate::fixture::ratio;
use crate::liquidation::{random_liquidatee, Liquidatee};
use crate::support::{Random, Worst};
use risk_core::auction::AuctionTerms;
use risk_core::liquidation::{
    buffer_health, LiquidationTerms, DUST_REQUIREMENT, FRACTION_ONE, LEAST_FRACTION,
};
use risk_core::Ratio;

/// Most bids that an account takes whose bidders take all that restores it: one, and one for what rounding leaves.
const MOST_FULL_BIDS: usize = 2;

/// An auction whose terms are valid beside its buffer.
struct Auction {
    clock: AuctionTerms,
    buffer: Ratio,
}

impl Auction {
    fn random(random: &mut Random) -> Self {
        loop {
            let fast = random.between(0.0, 0.9);
            let clock = AuctionTerms {
                discount_start: ratio(random.between(0.0, fast.min(0.5))),
                discount_fast: ratio(fast),
                fast_seconds: 60 + (random.bits() % 3_600) as i64,
                slow_seconds: 600 + (random.bits() % 20_000) as i64,
                insolvent_seconds: 3_600,
            };
            let buffer = ratio(random.between(0.01, 1.0));
            if clock.validate().is_ok() && clock.validate_beside(buffer).is_ok() {
                return Self { clock, buffer };
            }
        }
    }

    /// The terms of a slice of an account `elapsed` seconds after the start.
    fn terms(&self, account: &Liquidatee, elapsed: i64) -> LiquidationTerms {
        let is_maintained = account.report().maintenance_health.raw() >= 0;
        LiquidationTerms {
            discount: self.clock.discount_floor(elapsed, is_maintained),
            buffer: self.buffer,
            ..LiquidationTerms::PLAIN
        }
    }

    /// A moment up to some time past the end.
    fn moment(&self, random: &mut Random) -> i64 {
        let end = self.clock.fast_seconds + self.clock.slow_seconds;
        (random.bits() % (end as u64 * 11 / 10)) as i64
    }
}

#[test]
fn inv_13_no_bid_at_any_time_passes_the_buffer_and_every_one_improves() {
    let mut random = Random(73);
    let mut past = Worst::new("past the buffer / rounding");
    let mut off = Worst::new("improvement off / rounding");
    let (mut bids, mut maintained, mut late) = (0, 0, 0);
    for _ in 0..1_500 {
        // GIVEN a random account and auction, and bids of any fraction at times that go on
        let depth = random.between(0.0, 0.99);
        let mut account = random_liquidatee(&mut random, depth);
        let auction = Auction::random(&mut random);
        let mut times: Vec<_> = (0..6).map(|_| auction.moment(&mut random)).collect();
        times.sort_unstable();
        for elapsed in times {
            let before = account.report();
            let terms = auction.terms(&account, elapsed);
            if terms.is_restored(&before).unwrap() || !account.is_sliced() {
                break;
            }
            let wanted = LEAST_FRACTION + random.bits() % FRACTION_ONE;
            let slice = account.plan(&terms, wanted).unwrap();
            let rounding = account.rounding();
            // THEN by the closed form M' - M = x (B + R - M), which is never below zero
            let [equity, reserved, health] =
                [before.equity, slice.reserved, before.maintenance_health].map(|q| q.raw() as f64);
            let book_price = (equity - reserved) * (1.0 - terms.discount.raw() as f64 / 1e6);
            let x = slice.fraction as f64 / FRACTION_ONE as f64;
            let expected = x * (book_price + reserved - health);
            assert!(expected >= 0.0, "{before:?} {slice:?}");
            account.apply(&slice);
            let after = account.report();
            let gained = after.maintenance_health.raw() as f64 - health;
            off.see((gained - expected) / rounding, || {
                format!("{before:?} {slice:?}")
            });
            assert!(gained > 0.0 || expected < rounding, "{before:?} {slice:?}");
            // and the buffer is not passed but by the rounding of the legs
            let over = buffer_health(&after, terms.buffer).unwrap().raw().max(0) as f64;
            past.see(over / rounding, || format!("{before:?} {slice:?}"));
            bids += 1;
            maintained += usize::from(health >= 0.0);
            late += usize::from(terms.discount > auction.clock.discount_fast);
        }
    }
    past.at_most(1.0);
    off.at_most(1.0);
    println!("{bids} bids, {maintained} above maintenance, {late} in the slow phase");
    assert!(bids > 2_000 && maintained > 100 && late > 500);
}

#[test]
fn inv_15_bids_for_all_end_a_liquidation_within_two_at_any_discount() {
    let mut random = Random(74);
    let mut counts = [0; MOST_FULL_BIDS + 1];
    for _ in 0..3_000 {
        let depth = random.between(0.0, 0.99);
        let mut account = random_liquidatee(&mut random, depth);
        if !account.is_sliced() {
            continue;
        }
        let auction = Auction::random(&mut random);
        let elapsed = auction.moment(&mut random);
        let mut bids = 0;
        loop {
            let terms = auction.terms(&account, elapsed);
            if terms.is_restored(&account.report()).unwrap() {
                break;
            }
            let slice = account.plan(&terms, FRACTION_ONE).unwrap();
            account.apply(&slice);
            bids += 1;
            assert!(bids <= MOST_FULL_BIDS, "{:?}", account.report());
        }
        counts[bids] += 1;
    }
    println!("accounts by bids: {counts:?}");
    assert!(counts[1] > 1_000);
}

#[test]
fn inv_15_least_bids_end_a_liquidation_within_the_stated_number() {
    let mut random = Random(75);
    let (mut nearest, mut whole) = (0.0f64, 0);
    for round in 0..60 {
        // GIVEN an account that nobody buys more of than a thousandth at a time, at a discount of any size, often the whole
        let mut account = random_liquidatee(&mut random, 0.5);
        let requirement = account.report().maintenance_margin().raw();
        let discount = [1.0, random.between(0.0, 1.0), 0.999][round % 3];
        let terms = LiquidationTerms {
            discount: ratio(discount),
            buffer: ratio(0.1),
            ..LiquidationTerms::PLAIN
        };
        // THEN there are no more than ln(Q / dust) / f bids of a part, rounded up, and one of the rest; a hundredth more for legs that
        // round by up to a hundredth of their part, and none is asked for less
        let most = (requirement as f64 / DUST_REQUIREMENT as f64).max(1.0);
        let most = (libm::log(most) * 1e3 * 1.01).ceil() + 1.0;
        let mut bids = 0;
        let counts = |account: &Liquidatee| {
            let requirement = account.report().maintenance_margin().raw();
            account.rounding() < requirement as f64 / 1e5 || requirement <= DUST_REQUIREMENT
        };
        while counts(&account) && !terms.is_restored(&account.report()).unwrap() {
            let slice = match account.plan(&terms, LEAST_FRACTION) {
                Ok(slice) => slice,
                Err(_) => break, // the buffer is whole, above the nine tenths that end it
            };
            account.apply(&slice);
            bids += 1;
            assert!(
                f64::from(bids) <= most,
                "{bids} {most} {:?}",
                account.report()
            );
        }
        whole += usize::from(discount == 1.0);
        nearest = nearest.max(f64::from(bids) / most);
    }
    println!("{whole} at the whole discount; at most {nearest:.3} of the bound");
    assert!(nearest > 0.5);
}
