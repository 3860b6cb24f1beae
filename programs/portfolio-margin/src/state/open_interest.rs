//! What changes of positions do to open interest: collected while accounts change, then written to the markets.
//!
//! Open interest is the sum of all long quantities: of a market's perpetual, and of all series of an expiry. An expiry also counts
//! the records that name it, so that it is known when the last one is gone. Every change of a record is told here, whichever
//! instruction makes it; a change that is undone is told with the opposite sign, or not at all.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Market, PositionRecord};

use super::book::Change;
use crate::error::{overflow, MarginError};

/// What happens to the open interest of one expiry, or of one perpetual.
#[derive(Clone, Copy, Debug, Default)]
struct Delta {
    market: u16,
    /// Zero for the perpetual.
    expiry: i64,
    /// Long quantity, 1e-6 base units.
    long: i64,
    /// Records; those of perpetuals are not counted.
    records: i32,
}

/// Whether more open interest than a market's limit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// A rise beyond the limit is refused; a fall never is.
    Kept,
    /// Positions only change hands or go: nothing is refused.
    Ignored,
}

/// Changes of open interest that are not written yet.
#[derive(Debug, Default)]
pub struct OpenInterest {
    deltas: Vec<Delta>,
}

impl OpenInterest {
    /// Counts the change of a record of this series.
    ///
    /// Errors: `AmountOverflow`.
    pub fn add(&mut self, series: &PositionRecord, change: Change) -> Result<()> {
        self.add_sums(series, change.long()?, change.records())
    }

    /// Counts what one account gives of a series and another takes.
    ///
    /// Errors: `AmountOverflow`.
    pub fn add_transfer(
        &mut self,
        series: &PositionRecord,
        given: Change,
        taken: Change,
    ) -> Result<()> {
        let long = given.long()?.checked_add(taken.long()?);
        let records = given.records().saturating_add(taken.records());
        self.add_sums(series, long.ok_or_else(overflow)?, records)
    }

    fn add_sums(&mut self, series: &PositionRecord, long: i64, records: i32) -> Result<()> {
        let key = (series.market, series.expiry);
        // Records are sorted by market and expiry, so that the last one is usually meant.
        let place = self
            .deltas
            .iter()
            .rposition(|delta| (delta.market, delta.expiry) == key);
        let delta = match place.and_then(|place| self.deltas.get_mut(place)) {
            Some(delta) => delta,
            None => {
                self.deltas.push(Delta {
                    market: series.market,
                    expiry: series.expiry,
                    ..Delta::default()
                });
                self.deltas.last_mut().ok_or_else(overflow)?
            }
        };
        delta.long = delta.long.checked_add(long).ok_or_else(overflow)?;
        // at most 128 records an account
        delta.records = delta.records.saturating_add(records);
        Ok(())
    }

    /// Whether anything of a market changes.
    pub fn touches(&self, market: u16) -> bool {
        self.of(market)
            .any(|delta| delta.long != 0 || delta.records != 0)
    }

    /// Writes what changes in a market.
    ///
    /// Errors: `OpenInterestLimit` with what would be open and the limit, `ExpiryNotListed`, `AmountOverflow`.
    pub fn write(&self, market: &mut Market, limits: Limits) -> Result<()> {
        let rules = market.rules;
        for delta in self.of(market.index) {
            let long = delta.long;
            if delta.expiry == 0 {
                market.perp_open = moved(market.perp_open, long, rules.perp_limit, limits)?;
                continue;
            }
            let mut slots = market.expiries.iter_mut();
            let Some(slot) = slots.find(|slot| slot.time == delta.expiry) else {
                msg!("expiry {}", delta.expiry);
                return err!(MarginError::ExpiryNotListed);
            };
            let settlement = &mut slot.settlement;
            settlement.open = moved(settlement.open, long, rules.expiry_limit, limits)?;
            settlement.records = settlement.records.saturating_add_signed(delta.records);
        }
        Ok(())
    }

    fn of(&self, market: u16) -> impl Iterator<Item = &Delta> {
        self.deltas
            .iter()
            .filter(move |delta| delta.market == market)
    }
}

/// Open interest after a change; a limit of zero is none.
///
/// A fall saturates: it is exact as long as every change is counted, and were one not, the count may not keep anybody in a position.
fn moved(open: u64, by: i64, limit: u64, limits: Limits) -> Result<u64> {
    let size = by.unsigned_abs();
    if by <= 0 {
        return Ok(open.saturating_sub(size));
    }
    let after = open.checked_add(size).ok_or_else(overflow)?;
    if limits == Limits::Kept && limit != 0 && after > limit {
        return Err(error!(MarginError::OpenInterestLimit).with_values((after, limit)));
    }
    Ok(after)
}
