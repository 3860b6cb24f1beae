//! What an expiry settles at, and what its positions are worth there.
//!
//! The price is the mean of thirty samples, one for each minute of the last half hour. A sample is any verified oracle update that
//! was published in its minute, and **the earliest that anybody shows is the one that counts**: a minute has one first update, so
//! whoever recorded a later one that suits them better can be corrected by anybody, and the order of recording does not matter.
//!
//! # When it is final
//!
//! | samples | final at | price |
//! |---|---|---|
//! | enough | the later of expiry and the moment when there were enough, plus the delay | their mean |
//! | some | [`LATE_SECONDS`] after expiry, and the delay after the last new one | their mean |
//! | none | the same for the late price | the earliest update after expiry |
//!
//! So nobody can show samples and settle at them in one breath: there is always a whole delay in which anybody can put the others
//! beside them. With pull oracles any past update can still be shown, so a minute is only missing where the oracle was silent or
//! nobody cared. An oracle that is silent for the whole window and beyond leaves the expiry unsettled until its first update, which
//! nobody chooses.

use risk_core::fixed::mul::{mul_div_ceil, mul_div_floor};
use risk_core::market::SETTLEMENT_WINDOW_SECONDS;
use risk_core::position::Instrument;
use risk_core::{Price, Quantity, Quote};

/// Samples of an average.
pub const SAMPLES: u32 = 30;
/// What each is for, seconds: a minute.
pub const BUCKET_SECONDS: u32 = 60;
const _: () = assert!((SAMPLES * BUCKET_SECONDS) as u64 == WINDOW);
/// Seconds after an expiry until which too few samples can still become enough.
pub const LATE_SECONDS: i64 = 6 * 3_600;
/// Longest delay that a clearing house may set, seconds: a day.
pub const DELAY_MOST: u32 = 86_400;
/// Largest price that a sample may have, 1e-8 USD: thirty of them fit their sum. 6.1e9 USD per base unit.
pub const SAMPLE_MOST: u64 = u64::MAX / SAMPLES as u64;

const WINDOW: u64 = SETTLEMENT_WINDOW_SECONDS.unsigned_abs();
/// 1e-6 base units x 1e-8 USD over 1e-6 USD.
const NOTIONAL_ONE: i64 = 100_000_000;

/// What a clearing house sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementTerms {
    /// Seconds in which what is there can be corrected before it counts.
    pub delay: u32,
    /// Samples that are enough, 1 to [`SAMPLES`].
    pub samples: u32,
}

impl SettlementTerms {
    /// Whether they are in bounds.
    pub const fn is_valid(&self) -> bool {
        self.delay <= DELAY_MOST && self.samples >= 1 && self.samples <= SAMPLES
    }
}

/// What is known of an expiry's price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Sum of the samples, 1e-8 USD.
    pub sum: u64,
    /// How many there are.
    pub count: u32,
    /// When the last new one came that finality waits for, Unix time; zero before the first.
    pub changed_at: i64,
    /// The earliest price after the expiry that was shown, 1e-8 USD; zero: none.
    pub late_price: u64,
    /// Seconds after the expiry at which it was published.
    pub late_seconds: u32,
}

/// Where a price belongs by its publish time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the window: its minute, and the second in it.
    Bucket {
        /// 0 to 29.
        index: usize,
        /// 0 to 59.
        second: u8,
    },
    /// After the expiry, by so many seconds.
    Late(u32),
}

/// Where a price that was published at this time belongs: the window is `(expiry - 1800, expiry]`. `None` before it.
pub fn place(publish_time: i64, expiry: i64) -> Option<Place> {
    if publish_time > expiry {
        let seconds = publish_time.saturating_sub(expiry);
        return u32::try_from(seconds).ok().map(Place::Late);
    }
    let into = SETTLEMENT_WINDOW_SECONDS.saturating_sub(expiry.saturating_sub(publish_time));
    // unsigned, since sBPF divides nothing else
    let into = u64::try_from(into.checked_sub(1)?).ok()?;
    Some(Place::Bucket {
        index: usize::try_from(into.div_euclid(BUCKET_SECONDS.into())).ok()?,
        second: u8::try_from(into.rem_euclid(BUCKET_SECONDS.into())).ok()?,
    })
}

impl Samples {
    /// Adds a sample to a minute that has none. `None` for a price above [`SAMPLE_MOST`] or when there are thirty.
    pub fn add(&mut self, terms: &SettlementTerms, price: Price, now: i64) -> Option<()> {
        if price.raw() > SAMPLE_MOST || self.count >= SAMPLES {
            return None;
        }
        self.sum = self.sum.checked_add(price.raw())?;
        // Finality waits for what makes the samples enough, not for what comes on top: else anybody could put it off.
        if self.count < terms.samples {
            self.changed_at = now;
        }
        self.count = self.count.saturating_add(1);
        Some(())
    }

    /// Puts an earlier sample in the place of another of its minute. `None` for a price above [`SAMPLE_MOST`].
    pub fn replace(&mut self, old: u64, price: Price) -> Option<()> {
        if price.raw() > SAMPLE_MOST {
            return None;
        }
        self.sum = self.sum.checked_sub(old)?.checked_add(price.raw())?;
        Some(())
    }

    /// Takes a price from after the expiry: the earliest stays. `None` where it is not earlier, or above [`SAMPLE_MOST`].
    pub fn add_late(&mut self, price: Price, seconds: u32, now: i64) -> Option<()> {
        let is_first = self.late_price == 0;
        if price.raw() > SAMPLE_MOST || (!is_first && seconds >= self.late_seconds) {
            return None;
        }
        if is_first && self.count == 0 {
            self.changed_at = now;
        }
        (self.late_price, self.late_seconds) = (price.raw(), seconds);
        Some(())
    }

    /// The mean of the samples, floored; `None` without any.
    pub fn mean_floor(&self) -> Option<Price> {
        let mean = self.sum.checked_div(self.count.into())?;
        Some(Price::from_raw(mean))
    }

    /// When the price becomes final if nothing is added, Unix time; `None` while nothing is there.
    pub fn final_at(&self, terms: &SettlementTerms, expiry: i64) -> Option<i64> {
        let delay = i64::from(terms.delay);
        if self.count >= terms.samples {
            return Some(expiry.max(self.changed_at).saturating_add(delay));
        }
        if self.count == 0 && self.late_price == 0 {
            return None;
        }
        let late = expiry.saturating_add(LATE_SECONDS);
        Some(late.max(self.changed_at.saturating_add(delay)))
    }

    /// The final price; `None` while there is none.
    pub fn final_price(&self, terms: &SettlementTerms, expiry: i64, now: i64) -> Option<Price> {
        match self.final_at(terms, expiry) {
            Some(time) if now >= time => self.expected(),
            _ => None,
        }
    }

    /// The price that would be final if nothing were added after the expiry.
    fn expected(&self) -> Option<Price> {
        let late = (self.late_price != 0).then_some(Price::from_raw(self.late_price));
        self.mean_floor().or(late)
    }

    /// The part of the forward that the samples have fixed: each of them a thirtieth, floored.
    ///
    /// What nobody has shown yet is not fixed, however late it is, also after the expiry: whoever shows one sample alone would else
    /// set the price of every minute, with no margin on what the others make of it. A late price may still give way to a sample,
    /// so that it fixes nothing before it is final.
    pub fn fixed_forward(&self) -> Price {
        Price::from_raw(self.sum.div_euclid(SAMPLES.into()))
    }

    /// Seconds of the window that the samples have not fixed.
    pub fn open_seconds(&self) -> u32 {
        SAMPLES
            .saturating_sub(self.count)
            .saturating_mul(BUCKET_SECONDS)
    }
}

/// What a position is worth at its final price, 1e-6 USD, rounded down: an option's intrinsic value, a future's price less its cost.
/// Zero for a perpetual. `None` where it leaves its range.
pub fn value_floor(
    instrument: Instrument,
    strike: Price,
    quantity: Quantity,
    cost: Quote,
    price: Price,
) -> Option<Quote> {
    let intrinsic = match instrument {
        Instrument::Perpetual => 0,
        Instrument::Future => price.raw(),
        Instrument::Call => price.raw().saturating_sub(strike.raw()),
        Instrument::Put => strike.raw().saturating_sub(price.raw()),
    };
    let value = notional_floor(quantity, intrinsic)?;
    value.checked_sub(cost.raw()).map(Quote::from_raw)
}

/// What a perpetual's PnL is at a price and a funding index, 1e-6 USD, rounded down. `None` where it leaves its range.
pub fn perp_pnl_floor(
    quantity: Quantity,
    cost: Quote,
    price: Price,
    funding_index: i64,
) -> Option<Quote> {
    let paid = mul_div_ceil(quantity.raw(), funding_index, NOTIONAL_ONE)?;
    let value = notional_floor(quantity, price.raw())?;
    let value = value.checked_sub(cost.raw())?.checked_sub(paid)?;
    Some(Quote::from_raw(value))
}

fn notional_floor(quantity: Quantity, price: u64) -> Option<i64> {
    mul_div_floor(quantity.raw(), i64::try_from(price).ok()?, NOTIONAL_ONE)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
mod tests {
    use super::*;

    const T: i64 = 1_760_731_200;
    const TERMS: SettlementTerms = SettlementTerms {
        delay: 600,
        samples: 10,
    };

    fn price(raw: u64) -> Price {
        Price::from_raw(raw)
    }

    fn sampled(count: u32, now: i64) -> Samples {
        let mut samples = Samples::default();
        for _ in 0..count {
            samples.add(&TERMS, price(100), now).unwrap();
        }
        samples
    }

    #[test]
    fn every_second_of_the_window_has_one_place() {
        let at = |time| place(time, T);
        let bucket = |index, second| Some(Place::Bucket { index, second });
        assert_eq!(at(T - 1_800), None);
        assert_eq!(at(T - 1_799), bucket(0, 0));
        assert_eq!(at(T - 1_740), bucket(0, 59));
        assert_eq!(at(T - 1_739), bucket(1, 0));
        assert_eq!(at(T - 60), bucket(28, 59));
        assert_eq!((at(T - 59), at(T)), (bucket(29, 0), bucket(29, 59)));
        assert_eq!(at(T + 1), Some(Place::Late(1)));
        assert_eq!(at(i64::MAX), None);
        assert_eq!(at(i64::MIN), None);
        assert_eq!(place(i64::MIN, i64::MAX), None);
        assert_eq!(place(i64::MAX, i64::MIN), None);
        for into in 0..1_800 {
            let (index, second) = (into / 60, into % 60);
            assert_eq!(at(T - 1_799 + into), bucket(index as usize, second as u8));
        }
    }

    #[test]
    fn it_is_final_a_delay_after_there_are_enough() {
        assert_eq!(Samples::default().final_at(&TERMS, T), None);
        // all in the window: a delay after the expiry; one fewer: six hours after it
        assert_eq!(sampled(10, T - 100).final_at(&TERMS, T), Some(T + 600));
        assert_eq!(sampled(9, T - 100).final_at(&TERMS, T), Some(T + 21_600));
        // enough only later: a delay after that, and what comes on top puts nothing off
        let mut samples = sampled(9, T);
        samples.add(&TERMS, price(100), T + 5_000).unwrap();
        assert_eq!(samples.final_at(&TERMS, T), Some(T + 5_600));
        samples.add(&TERMS, price(100), T + 5_599).unwrap();
        assert_eq!(samples.final_at(&TERMS, T), Some(T + 5_600));
        assert_eq!(samples.final_price(&TERMS, T, T + 5_599), None);
        assert_eq!(samples.final_price(&TERMS, T, T + 5_600), Some(price(100)));
        // a first sample long after: a delay from there
        let samples = sampled(1, T + 90_000);
        assert_eq!(samples.final_at(&TERMS, T), Some(T + 90_600));
    }

    #[test]
    fn the_first_price_after_a_silent_window_counts() {
        let mut samples = Samples::default();
        samples.add_late(price(70), 500, T + 7_000).unwrap();
        assert_eq!(samples.final_at(&TERMS, T), Some(T + 21_600));
        // the earliest stays, whenever it is shown, and puts nothing off
        assert_eq!(samples.add_late(price(60), 500, T + 7_100), None);
        assert_eq!(samples.add_late(price(60), 501, T + 7_100), None);
        samples.add_late(price(80), 499, T + 21_599).unwrap();
        assert_eq!(samples.final_price(&TERMS, T, T + 21_599), None);
        assert_eq!(samples.final_price(&TERMS, T, T + 21_600), Some(price(80)));
        // one sample of the window is worth more than it
        samples.add(&TERMS, price(90), T + 21_599).unwrap();
        assert_eq!(samples.final_price(&TERMS, T, T + 22_198), None);
        assert_eq!(samples.final_price(&TERMS, T, T + 22_199), Some(price(90)));
        // shown six hours late: still a delay in which an earlier one can be shown
        let mut samples = Samples::default();
        samples.add_late(price(70), 500, T + 50_000).unwrap();
        assert_eq!(samples.final_at(&TERMS, T), Some(T + 50_600));
    }

    #[test]
    fn the_sum_holds_thirty_of_the_largest() {
        let mut samples = Samples::default();
        assert_eq!(samples.add(&TERMS, price(SAMPLE_MOST + 1), T), None);
        for _ in 0..SAMPLES {
            samples.add(&TERMS, price(SAMPLE_MOST), T).unwrap();
        }
        assert_eq!(samples.add(&TERMS, price(1), T), None);
        assert_eq!(samples.mean_floor(), Some(price(SAMPLE_MOST)));
        assert_eq!(samples.replace(SAMPLE_MOST, price(SAMPLE_MOST + 1)), None);
        samples.replace(SAMPLE_MOST, price(1)).unwrap();
        let mean = (29 * u128::from(SAMPLE_MOST) + 1) / 30;
        assert_eq!(samples.mean_floor(), Some(price(mean as u64)));
        assert_eq!(samples.add_late(price(SAMPLE_MOST + 1), 1, T), None);
        let of = |delay, samples| SettlementTerms { delay, samples }.is_valid();
        assert!(of(0, 1) && of(DELAY_MOST, 30));
        assert!(!of(0, 0) && !of(0, 31) && !of(DELAY_MOST + 1, 1));
    }

    #[test]
    fn each_sample_fixes_a_thirtieth_and_a_late_price_nothing() {
        let mut samples = Samples::default();
        assert_eq!(
            (samples.fixed_forward(), samples.open_seconds()),
            (Price::ZERO, 1_800)
        );
        for count in 1..=SAMPLES {
            samples.add(&TERMS, price(301), T).unwrap();
            let fixed = u64::from(count) * 301 / 30;
            assert_eq!(samples.fixed_forward(), price(fixed));
            assert_eq!(samples.open_seconds(), 1_800 - 60 * count);
        }
        assert_eq!(Some(samples.fixed_forward()), samples.mean_floor());
        let late = Samples {
            late_price: 7,
            ..Samples::default()
        };
        assert_eq!(
            (late.fixed_forward(), late.open_seconds()),
            (Price::ZERO, 1_800)
        );
    }

    #[test]
    fn inv_03_values_of_a_series_sum_to_no_more_than_zero() {
        let value = |instrument, strike, quantity, cost, at| {
            let (quantity, cost) = (Quantity::from_raw(quantity), Quote::from_raw(cost));
            value_floor(instrument, price(strike), quantity, cost, price(at)).map(Quote::raw)
        };
        use Instrument::{Call, Future, Perpetual, Put};
        assert_eq!(value(Call, 100, 1_000_000, 0, 250), Some(1));
        assert_eq!(value(Call, 100, -1_000_000, 0, 250), Some(-2));
        assert_eq!(value(Call, 100, i64::MAX, 0, 100), Some(0));
        assert_eq!(value(Put, 100, 5, 0, 100), Some(0));
        assert_eq!(value(Put, 300, -1_000_000, 0, 250), Some(-1));
        assert_eq!(value(Future, 0, -1_000_000, -3, 250), Some(0));
        assert_eq!(value(Perpetual, 0, 9, 5, 250), Some(-5));
        assert_eq!(value(Call, 1, i64::MAX, 0, Price::MOST), None);
        assert_eq!(value(Call, 0, 1, 0, Price::MOST + 1), None);
        assert_eq!(value(Future, 0, 0, i64::MIN, 1), None);
        // any split of a long side against any split of the short one
        let mut bits = 3u64;
        let mut next = |n: u64| {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (bits >> 33) % n
        };
        for _ in 0..50_000 {
            let at = 1 + next(1 << 31);
            let strike = 1 + next(1 << 31);
            let longs: [i64; 3] = core::array::from_fn(|_| next(1 << 30) as i64);
            let whole: i64 = longs.iter().sum();
            let cut = next(whole as u64 + 1) as i64;
            let sides = longs.into_iter().chain([-cut, cut - whole]);
            for instrument in [Call, Put, Future] {
                let sum: i64 = sides
                    .clone()
                    .map(|quantity| value(instrument, strike, quantity, 0, at).unwrap())
                    .sum();
                assert!((-5..=0).contains(&sum), "{instrument:?} {sum}");
            }
            let index = next(1 << 31) as i64 - (1 << 30);
            let pnl = |quantity: i64| {
                perp_pnl_floor(Quantity::from_raw(quantity), Quote::ZERO, price(at), index)
            };
            let sum: i64 = sides.map(|quantity| pnl(quantity).unwrap().raw()).sum();
            assert!((-10..=0).contains(&sum), "{sum}");
        }
    }
}
