//! Layout of a perpetual's funding: the index that its price is measured against, and the premium that sets the rate.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::funding::{Funding, FundingTerms};
use risk_core::Price;

/// Funding of a market's perpetual.
///
/// A perpetual at price `p` and index `I` enters a record's `cost` at `p - I` per unit, so that its PnL is
/// `quantity (price - I) - cost`: funding needs no entry of its own, and sums to zero over the two sides of every fill.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FundingRecord {
    /// The index at `period_start`: funding that one base unit has paid until then, 1e-8 USD; signed.
    pub index: i64,
    /// Beginning of the running period, Unix time, a multiple of an hour; zero before the first fill.
    pub period_start: i64,
    /// What a base unit pays per day in the running period, 1e-8 USD; signed.
    pub daily: i64,
    /// Spot at the running period's last fill, 1e-8 USD: what the next period's rate is measured on.
    pub reference: u64,
    /// Sum of clamped premium (1e-9 of spot) times size (base units) of the running period's fills.
    pub premium_sum: i64,
    /// Sum of their sizes, 1e-6 base units.
    pub premium_size: u64,
    /// Size at which the mean premium counts in full, 1e-6 base units: thinner trading counts in proportion.
    pub depth: u64,
    /// Rate of the running period per day, 1e-9; signed.
    pub rate: i32,
    /// Largest magnitude of a premium and of the rate per day, 1e-9; zero: no funding.
    pub cap: u32,
}

impl FundingRecord {
    /// The terms that the market set.
    pub fn terms(&self) -> FundingTerms {
        FundingTerms {
            cap: self.cap,
            depth: self.depth,
        }
    }

    /// The index at a time, 1e-8 USD per base unit, whenever the record was last written: right for every time from the last
    /// fill on.
    #[inline(always)]
    pub fn index_at(&self, now: i64) -> i64 {
        // most markets have no funding, or stand at zero: nothing to compute there
        match self.cap {
            0 => 0,
            _ => self.state().index_at(&self.terms(), now),
        }
    }

    /// Counts a fill of `size` (1e-6 base units, unsigned) at `price` while the checked spot is `spot`.
    pub fn record_fill(&mut self, spot: Price, price: Price, size: u64, now: i64) {
        let (mut state, terms) = (self.state(), self.terms());
        state.record_fill(&terms, spot, price, size, now);
        self.store(&state);
    }

    /// Moves the anchor into the period of `now`; the index is at no time another one for it.
    pub fn roll(&mut self, now: i64) {
        if self.cap == 0 {
            return;
        }
        let (mut state, terms) = (self.state(), self.terms());
        state.roll(&terms, now);
        self.store(&state);
    }

    fn state(&self) -> Funding {
        Funding {
            index: self.index,
            period_start: self.period_start,
            daily: self.daily,
            rate: self.rate,
            reference: self.reference,
            premium_sum: self.premium_sum,
            premium_size: self.premium_size,
        }
    }

    fn store(&mut self, state: &Funding) {
        self.index = state.index;
        self.period_start = state.period_start;
        self.daily = state.daily;
        self.rate = state.rate;
        self.reference = state.reference;
        self.premium_sum = state.premium_sum;
        self.premium_size = state.premium_size;
    }
}

const _: () = assert!(core::mem::size_of::<FundingRecord>() == 64);
