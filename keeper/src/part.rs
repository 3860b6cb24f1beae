//! How large a part of a book a bid may take, and what it has to bring: within the capital also where the market moves before it lands,
//! and paid for by the position where it fills the keeper's account.

use std::collections::BTreeSet;

use client_core::plan::{plan_bid, Bidder, Limits, SlicePlan};
use client_core::{AccountData, Inputs};
use portfolio_margin_interface::state::PositionRecord;

/// What a bidder pays at most beyond what was planned, and by how much larger a part it takes, percent. A market that falls makes a larger
/// part at the same discount necessary.
pub const PRICE_SLACK: u8 = 50;
/// Share of a bid's capital that is kept free beside it, percent: for what the same part requires more at the prices of its block.
pub const ROOM: i64 = 10;

/// What a bid may bind with its room, 1e-6 USD, rounded up.
pub fn with_room(capital: i64) -> i64 {
    let room = capital.max(0).saturating_add(99) / 100;
    capital.saturating_add(room.saturating_mul(ROOM))
}

/// The most that a bid may bind by its plan, so that it keeps within a limit with its room; 1e-6 USD, rounded down.
pub fn without_room(limit: i64) -> i64 {
    limit.max(0) / (100 + ROOM) * 100
}

/// The largest part that a bid may ask for, of 1e9, and what that binds at the prices of the plan, 1e-6 USD.
///
/// The program sells no more than what restores the buffer, which is more by the time of the block where prices fall. What is asked for
/// bounds that: half more than was planned, and no more than the limits carry. It is rehearsed as if the buffer had no end, which takes
/// the program's own bound away and leaves the price of the book as it is.
pub fn widest(
    bidder: &Bidder<'_>,
    liquidatee: &AccountData,
    inputs: &Inputs,
    plan: &SlicePlan,
    limits: Limits,
) -> (u64, i64) {
    let slack = plan.fraction / 100 * u64::from(PRICE_SLACK);
    let share = plan.fraction.saturating_add(slack).min(limits.share);
    let mut endless = inputs.clone();
    endless.house.liquidation.buffer = u32::MAX;
    let wide = plan_bid(bidder, liquidatee, &endless, Limits { share, ..limits });
    match wide {
        // in between no part binds more than the larger of both: what is required grows ever faster with the part
        Ok(wide) if wide.fraction > plan.fraction => {
            (wide.fraction, wide.capital.max(plan.capital))
        }
        _ => (plan.fraction, plan.capital),
    }
}

/// How many series an account holds that another does not: so many places a part of it takes there.
pub fn new_places(of: &[PositionRecord], own: &[PositionRecord]) -> usize {
    let series = |held: &PositionRecord| (held.market, held.expiry, held.strike, held.instrument);
    let known: BTreeSet<_> = own.iter().map(series).collect();
    let new = of.iter().map(series).filter(|held| !known.contains(held));
    new.collect::<BTreeSet<_>>().len()
}

/// Least profit of a bid that takes new places, 1e-6 USD.
pub fn least_profit(least: i64, per_position: i64, places: usize) -> i64 {
    let places = i64::try_from(places).unwrap_or(i64::MAX);
    least.saturating_add(per_position.saturating_mul(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_with_its_room_is_within_the_limit_to_the_unit() {
        for (limit, most) in [(109, 0), (110, 100), (219, 100), (220, 200), (-1, 0)] {
            assert_eq!(without_room(limit), most, "{limit}");
            assert!(with_room(most) <= i64::max(limit, 0));
        }
        for (capital, with) in [(0, 0), (1, 11), (100, 110), (101, 121), (-7, -7)] {
            assert_eq!(with_room(capital), with, "{capital}");
        }
        assert_eq!(with_room(i64::MAX), i64::MAX);
        assert_eq!(with_room(without_room(i64::MAX)), i64::MAX / 110 * 110);
    }

    #[test]
    fn only_series_that_are_new_to_the_keeper_take_places() {
        let held = |market, strike| PositionRecord {
            market,
            instrument: 0,
            padding: [0; 5],
            expiry: 0,
            strike,
            ln_strike: 0,
            quantity: 1,
            cost: 0,
            reserved: [0; 2],
        };
        let own = [held(0, 10), held(1, 10)];
        assert_eq!(new_places(&own, &own), 0);
        assert_eq!(new_places(&[held(0, 10), held(0, 11)], &own), 1);
        assert_eq!(new_places(&own, &[]), 2);
        assert_eq!(new_places(&[held(2, 1), held(2, 1)], &own), 1);
    }

    #[test]
    fn each_new_place_is_paid_for() {
        assert_eq!(least_profit(1_000_000, 250_000, 0), 1_000_000);
        assert_eq!(least_profit(1_000_000, 250_000, 128), 33_000_000);
        assert_eq!(least_profit(0, i64::MAX, 2), i64::MAX);
    }
}
