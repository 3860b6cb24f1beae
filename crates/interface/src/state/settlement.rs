//! Layout of an expiry's settlement: the samples of its average and what it came to.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::settlement::{self, Place, Samples, SettlementTerms};
use risk_core::Price;

/// Samples of one settlement average: one a minute over the last 30 minutes.
pub const SETTLEMENT_SAMPLES: usize = 30;
const _: () = assert!(SETTLEMENT_SAMPLES == settlement::SAMPLES as usize);

/// The settlement of one expiry.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SettlementRecord {
    /// Final price, 1e-8 USD; zero before it is written.
    pub price: u64,
    /// Sum of the samples taken, 1e-8 USD.
    pub sum: u64,
    /// What the losers of this expiry have paid and its winners have not received yet, 1e-6 USD.
    pub pool: u64,
    /// Sum of the long quantities of all series, 1e-6 base units; before settlement the short ones sum to the same.
    pub open: u64,
    /// Position records that name this expiry, over all accounts.
    pub records: u32,
    /// Samples taken.
    pub count: u32,
    /// When the last new sample came that finality waits for, Unix time; zero before the first.
    pub changed_at: i64,
    /// The earliest price after the expiry that was shown, 1e-8 USD; zero: none. Counts where there are no samples.
    pub late_price: u64,
    /// Seconds after the expiry at which it was published.
    pub late_seconds: u32,
    /// Zero.
    pub padding: u32,
    /// The samples, 1e-8 USD; zero: none.
    pub samples: [u64; SETTLEMENT_SAMPLES],
    /// Seconds into its minute at which each sample was published.
    pub seconds: [u8; 32],
}

/// What became of a price that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It counts now.
    Taken,
    /// It was published before the window, is not earlier than what is there, or is too high.
    Refused,
}

impl SettlementRecord {
    /// Offers a price that was published at a time; it is taken where it is the earliest of its minute, or the earliest after
    /// the expiry while there is no sample.
    pub fn offer(
        &mut self,
        terms: &SettlementTerms,
        expiry: i64,
        (price, publish_time): (Price, i64),
        now: i64,
    ) -> Offered {
        let mut known = self.known();
        let taken = match settlement::place(publish_time, expiry) {
            None => None,
            Some(Place::Late(_)) if self.count > 0 => None,
            Some(Place::Late(seconds)) => known.add_late(price, seconds, now),
            Some(Place::Bucket { index, second }) => {
                self.offer_sample(&mut known, (index, second), price, |known| {
                    known.add(terms, price, now)
                })
            }
        };
        match taken {
            None => Offered::Refused,
            Some(()) => {
                self.store(&known);
                Offered::Taken
            }
        }
    }

    /// Puts a sample into its minute, if that is free or has a later one.
    fn offer_sample(
        &mut self,
        known: &mut Samples,
        (index, second): (usize, u8),
        price: Price,
        add: impl FnOnce(&mut Samples) -> Option<()>,
    ) -> Option<()> {
        let sample = self.samples.get_mut(index)?;
        let published = self.seconds.get_mut(index)?;
        match *sample {
            0 => add(known)?,
            _ if second >= *published => return None,
            old => known.replace(old, price)?,
        }
        (*sample, *published) = (price.raw(), second);
        Some(())
    }

    /// The final price, written or due; `None` while there is none.
    pub fn final_price(&self, terms: &SettlementTerms, expiry: i64, now: i64) -> Option<Price> {
        match self.price {
            0 => self.known().final_price(terms, expiry, now),
            price => Some(Price::from_raw(price)),
        }
    }

    /// When the price becomes final if nothing is added, Unix time; `None` while nothing is there.
    pub fn final_at(&self, terms: &SettlementTerms, expiry: i64) -> Option<i64> {
        self.known().final_at(terms, expiry)
    }

    /// The part of the forward that is fixed, 1e-8 USD, and the seconds of the window that are not; all of it, and `None`, once the
    /// price is written.
    #[inline(always)]
    pub fn fixed_forward(&self) -> (Price, Option<u32>) {
        match (self.price, self.count) {
            // nothing sampled: what every margin check meets until half an hour before an expiry
            (0, 0) => (Price::ZERO, None),
            (0, _) => {
                let known = self.known();
                (known.fixed_forward(), Some(known.open_seconds()))
            }
            (price, _) => (Price::from_raw(price), None),
        }
    }

    /// Whether anything is known of the price.
    #[inline(always)]
    pub fn has_prices(&self) -> bool {
        self.count != 0 || self.late_price != 0
    }

    fn known(&self) -> Samples {
        Samples {
            sum: self.sum,
            count: self.count,
            changed_at: self.changed_at,
            late_price: self.late_price,
            late_seconds: self.late_seconds,
        }
    }

    fn store(&mut self, known: &Samples) {
        self.sum = known.sum;
        self.count = known.count;
        self.changed_at = known.changed_at;
        self.late_price = known.late_price;
        self.late_seconds = known.late_seconds;
    }
}

const _: () = assert!(core::mem::size_of::<SettlementRecord>() == 336);

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_760_731_200;
    const TERMS: SettlementTerms = SettlementTerms {
        delay: 600,
        samples: 10,
    };

    fn offer(record: &mut SettlementRecord, price: u64, publish_time: i64) -> Offered {
        record.offer(
            &TERMS,
            T,
            (Price::from_raw(price), publish_time),
            publish_time,
        )
    }

    #[test]
    fn the_earliest_sample_of_a_minute_wins_in_any_order() {
        let offers = [(100, T - 1_700), (90, T - 1_701), (80, T - 1_699), (70, T)];
        let orders = [[0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0], [2, 3, 0, 1]];
        for order in orders {
            let mut record = SettlementRecord::default();
            for place in order {
                let (price, time) = offers.get(place).copied().unwrap_or_default();
                offer(&mut record, price, time);
            }
            assert_eq!((record.sum, record.count), (160, 2), "{order:?}");
            assert_eq!(record.samples.iter().sum::<u64>(), 160);
            assert_eq!(record.seconds.get(1), Some(&38));
        }
    }

    #[test]
    fn what_changes_nothing_is_refused() {
        let mut record = SettlementRecord::default();
        assert_eq!(offer(&mut record, 5, T - 1_800), Offered::Refused);
        assert_eq!(record, SettlementRecord::default());
        assert_eq!(offer(&mut record, 5, T + 9), Offered::Taken);
        assert_eq!(offer(&mut record, 5, T - 1), Offered::Taken);
        let before = record;
        assert_eq!(offer(&mut record, 6, T - 1), Offered::Refused);
        assert_eq!(offer(&mut record, 6, T), Offered::Refused);
        assert_eq!(offer(&mut record, 6, T + 1), Offered::Refused);
        assert_eq!(offer(&mut record, u64::MAX, T - 2), Offered::Refused);
        assert_eq!(offer(&mut record, u64::MAX, T - 200), Offered::Refused);
        assert_eq!(record, before);
    }
}
