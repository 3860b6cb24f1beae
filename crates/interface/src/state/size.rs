//! The size of an account: what one bid on it can cost, so that a limit on it keeps every account liquidatable in one transaction.
//!
//! A start of a liquidation evaluates an account once, with one scenario for each market; a bid evaluates it so before and after the
//! slice, evaluates the bidder with the whole set of scenarios, and moves every record. So the cost of a bid is a sum over options,
//! other records, expiries, markets and banks. The weights bound what each adds in the worst state measured, in compute units:
//! markets with the most scenarios, volatilities beyond the table of N, notionals that need products of 128 bits, expiries inside their
//! settlement window, the dearest witness, prices that only a repair accepts. The test of the caps holds every kind of account at the
//! limit against [`MOST_BID_UNITS`] on the program's build.
//!
//! One sum in place of a cap on each: a book of one market may hold many options, one of many markets fewer.

use crate::state::{MarginAccount, PositionRecord};

/// Compute units that a start and a bid may take at the most, each in a transaction of its own.
pub const MOST_BID_UNITS: u32 = 400_000;
/// What a bid takes whatever the account holds: instruction, interest, the account's own fields, the event.
pub const BASE_UNITS: u32 = 13_000;
/// What stays free of [`MOST_BID_UNITS`] at the limit, beyond what the weights have over the measurement.
pub const SPARE_UNITS: u32 = 7_000;

/// An option.
pub const OPTION_UNITS: u32 = 6_650;
/// A perpetual or a future.
pub const LINEAR_UNITS: u32 = 2_000;
/// An expiry with at least one record.
pub const EXPIRY_UNITS: u32 = 16_400;
/// A market with positions, or whose risk collateral offsets.
pub const MARKET_UNITS: u32 = 21_000;
/// Collateral other than the quote asset.
pub const BANK_UNITS: u32 = 7_200;

/// Largest size to which an account may grow.
pub const MOST_SIZE: u32 = MOST_BID_UNITS - BASE_UNITS - SPARE_UNITS;

impl MarginAccount {
    /// The size of an account with these positions, which are sorted; compute units of one bid, rounded up by its weights.
    ///
    /// An account grows to [`MOST_SIZE`] at the most; one that is larger may always shrink.
    pub fn size(&self, positions: &[PositionRecord]) -> u32 {
        let mut size = 0u32;
        let (mut market, mut expiry) = (None, 0);
        for record in positions {
            size = size.saturating_add(match record.strike {
                0 => LINEAR_UNITS,
                _ => OPTION_UNITS,
            });
            if market != Some(record.market) {
                (market, expiry) = (Some(record.market), 0);
                size = size.saturating_add(MARKET_UNITS);
            }
            if expiry != record.expiry {
                expiry = record.expiry;
                size = size.saturating_add(EXPIRY_UNITS);
            }
        }
        for (place, balance) in self.used_collateral().enumerate() {
            size = size.saturating_add(BANK_UNITS);
            let Some(offset) = balance.offset_market() else {
                continue;
            };
            let is_held = positions
                .binary_search_by(|record| record.market.cmp(&offset))
                .is_ok();
            let mut before = self.used_collateral().take(place);
            if !is_held && !before.any(|other| other.offset_market() == Some(offset)) {
                size = size.saturating_add(MARKET_UNITS);
            }
        }
        size
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn record(market: u16, expiry: i64, strike: u64) -> PositionRecord {
        PositionRecord {
            market,
            expiry,
            strike,
            quantity: 1,
            ..bytemuck::Zeroable::zeroed()
        }
    }

    /// An account with collateral by the markets that it offsets, counted from 1; zero: none.
    fn account(offsets: &[u16]) -> MarginAccount {
        let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
        for (bank, (slot, offset)) in (0..).zip(account.collateral.iter_mut().zip(offsets)) {
            (slot.bank, slot.amount, slot.offset_market) = (bank, 1, *offset);
        }
        account
    }

    #[test]
    fn every_part_counts_once() {
        let size = |offsets: &[u16], records: &[PositionRecord]| account(offsets).size(records);
        assert_eq!(size(&[], &[]), 0);
        assert_eq!(size(&[0], &[]), BANK_UNITS);
        assert_eq!(size(&[1], &[]), BANK_UNITS + MARKET_UNITS);
        // two that offset one market
        assert_eq!(size(&[1, 1], &[]), 2 * BANK_UNITS + MARKET_UNITS);
        let perpetual = record(0, 0, 0);
        assert_eq!(size(&[], &[perpetual]), MARKET_UNITS + LINEAR_UNITS);
        // a market held and offset
        let both = size(&[1], &[perpetual]);
        assert_eq!(both, BANK_UNITS + MARKET_UNITS + LINEAR_UNITS);
        let book = [
            perpetual,
            record(0, 7, 0),
            record(0, 7, 1),
            record(0, 7, 2),
            record(0, 9, 1),
            // the same time in another market is another expiry
            record(2, 9, 1),
        ];
        let linear = 2 * LINEAR_UNITS + 4 * OPTION_UNITS;
        assert_eq!(
            size(&[], &book),
            2 * MARKET_UNITS + linear + 3 * EXPIRY_UNITS
        );
        // collateral between the two markets held
        let wider = size(&[2], &book) - size(&[], &book);
        assert_eq!(wider, BANK_UNITS + MARKET_UNITS);
    }

    #[test]
    fn what_fits() {
        let options = |expiries: u32, options: u32, markets: u32| {
            expiries * EXPIRY_UNITS
                + options * OPTION_UNITS
                + markets * (MARKET_UNITS + LINEAR_UNITS)
        };
        // one market: a perpetual, four expiries, 43 options
        assert!(options(4, 43, 1) <= MOST_SIZE && options(4, 44, 1) > MOST_SIZE);
        // a perpetual in each of eight markets, eight banks, and six expiries with an option each or one with 18
        let banks = 8 * BANK_UNITS;
        assert!(options(6, 6, 8) + banks <= MOST_SIZE && options(7, 7, 8) + banks > MOST_SIZE);
        assert!(options(1, 18, 8) + banks <= MOST_SIZE && options(1, 19, 8) + banks > MOST_SIZE);
    }
}
