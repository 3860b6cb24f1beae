//! Hands a part of an account's positions to another at their marks: what an auto-deleverage moves.
//!
//! All records of a market move by one part, so that hedges travel together; collateral and cash stay. Per record, with the part
//! `q` of its size and `c` of its cost:
//!
//! | | the account gives | the counterparty takes | the account pays |
//! |---|---|---|---|
//! | option | `q` | `q` | its mark, to the counterparty |
//! | perpetual at a loss | `q`, `c` | `q` at the mark | `c - q P`, into the market's pool |
//! | future at a loss | `q`, `c` | `q`, `c` | `c - q F`, to the counterparty |
//! | perpetual or future in profit | `q` at the mark | `q` at the mark | nothing: its profit stays with it, until losers pay |
//!
//! So nobody is paid a perpetual's profit by a deleverage: it stays a claim on what losers paid, the first to be shared by a loss that
//! is socialised. What is paid to the counterparty is not summed up here: it is what its equity would else have fallen by.
//!
//! What has expired is left: it carries no risk that anybody could take, and is settled by everybody's price.

use anchor_lang::prelude::*;
use clearing_core::funding::entry_cost;
use portfolio_margin_interface::state::{ExpirySlot, Market, PositionRecord};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::position::{Instrument, PositionSource};
use risk_core::unit_mark::UnitMarks;
use risk_core::{Price, Quantity, Quote};

use crate::bridge::{Check, Cursor, Scope};
use crate::error::{overflow, risk_error, MarginError};
use crate::oracle::policy::Doubt;
use crate::state::{AccountBook, Limits, OpenInterest};

/// Which part of which positions.
pub(super) struct Handover<'a> {
    /// At whose time and prices.
    pub check: &'a Check<'a>,
    /// Part of every position, 1e-9; at most 1.0.
    pub fraction: u64,
    /// The market whose positions move; none: every one.
    pub market: Option<u16>,
}

/// What a handover did beyond positions.
#[derive(Debug, Default)]
pub(super) struct Handed {
    /// Losses of perpetuals that the account paid into pools, 1e-6 USD.
    pub realized: u64,
    /// The worst doubt about the prices and surfaces of the markets that moved.
    pub doubt: Option<Doubt>,
}

/// How the part of one record moves.
struct Move {
    quantity: i64,
    /// Cost that leaves the account.
    given: i64,
    /// Cost that the counterparty takes.
    taken: i64,
}

/// The prices of one market.
struct Marks<'m, 'a> {
    spot: Price,
    /// Funding index, 1e-8 USD per base unit.
    funding: i64,
    units: UnitMarks<'m, 'a, ExpirySlot>,
}

impl Handover<'_> {
    /// Moves the parts, and writes open interest and pools. `scope` is the account's, `cursor` stands at the first account of its check,
    /// which has read them all. Limits of positions and open interest do not hold: nothing grows in sum.
    ///
    /// Errors: `PositionsFull`, `MarketReadOnly`, `AmountOverflow`.
    pub fn apply<'info>(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        scope: &Scope,
        mut cursor: Cursor<'info>,
    ) -> Result<Handed> {
        let mut handed = Handed::default();
        for _ in scope.banks.as_slice() {
            cursor.next_pair()?;
        }
        for index in scope.markets.as_slice() {
            if self.market.is_some_and(|only| only != *index) {
                cursor.next_pair()?;
                continue;
            }
            self.hand_market(*index, from, to, &mut cursor, &mut handed)?;
        }
        Ok(handed)
    }

    #[inline(never)]
    fn hand_market<'info>(
        &self,
        index: u16,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        cursor: &mut Cursor<'info>,
        handed: &mut Handed,
    ) -> Result<()> {
        let account = cursor.next_account()?;
        let loader = AccountLoader::<Market>::try_from(account)?;
        let mut open = OpenInterest::default();
        let realized = {
            let market = loader.load()?;
            let spot = self.check.spot(&market, cursor)?;
            let of_giver = self.check.doubt_surfaces(&market, from.in_market(index));
            let params = market.params();
            let scenarios = market.scenarios.set().map_err(risk_error)?;
            let engine = market.input(self.check.now, spot.price, scenarios, &params);
            let marks = Marks {
                spot: spot.price,
                funding: market.funding.index_at(self.check.now),
                units: UnitMarks::new(&engine),
            };
            let realized = self.hand_records(index, from, to, marks, &mut open)?;
            let of_taker = self.check.doubt_surfaces(&market, to.in_market(index));
            for doubt in [spot.doubt, of_giver, of_taker] {
                handed.doubt = Doubt::worse(handed.doubt, doubt);
            }
            realized
        };
        if realized == 0 && !open.touches(index) {
            return Ok(());
        }
        if !account.is_writable {
            msg!("market {}", index);
            return err!(MarginError::MarketReadOnly);
        }
        let mut market = loader.load_mut()?;
        open.write(&mut market, Limits::Ignored)?;
        market.perp_pool = market
            .perp_pool
            .checked_add(realized)
            .ok_or_else(overflow)?;
        handed.realized = handed.realized.checked_add(realized).ok_or_else(overflow)?;
        Ok(())
    }

    /// Moves the records of one market; returns what the account paid into its pool.
    fn hand_records(
        &self,
        index: u16,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        mut marks: Marks<'_, '_>,
        open: &mut OpenInterest,
    ) -> Result<u64> {
        // both books are sorted alike: one walk over each
        let (mut realized, mut place) = (0u64, 0usize);
        let mut at = from.positions().partition_point(|held| held.market < index);
        while let Some(record) = from.position(at).filter(|held| held.market == index) {
            let has_expired = record.expiry != 0 && record.expiry <= self.check.now;
            let moved = match has_expired {
                true => None,
                false => self.part_of(&record, &mut marks)?,
            };
            let Some(moved) = moved else {
                at = at.saturating_add(1);
                continue;
            };
            // at most what the record holds, which can be negated
            let (quantity, given) = (
                moved.quantity.saturating_neg(),
                moved.given.saturating_neg(),
            );
            let left = from.change_position(at, quantity, given)?;
            let came = to.add_position_from(&mut place, &record, moved.quantity, moved.taken)?;
            open.add_transfer(&record, left, came)?;
            // positive for a perpetual at a loss, zero for all else
            let loss = moved.given.checked_sub(moved.taken).ok_or_else(overflow)?;
            from.add_cash(loss.saturating_neg())?;
            realized = realized.checked_add_signed(loss).ok_or_else(overflow)?;
            // A record that went whole is gone, and the next one stands in its place.
            at = at.saturating_add(usize::from(left.has_record));
        }
        Ok(realized)
    }

    /// The part of a record, rounded toward zero; none where nothing of it moves.
    fn part_of(&self, record: &PositionRecord, marks: &mut Marks<'_, '_>) -> Result<Option<Move>> {
        let position = record.position();
        let part = position
            .quantity
            .scale_toward_zero(self.fraction, FRACTION_ONE);
        let part = part.map_err(risk_error)?;
        let cost = position.cost.scale_toward_zero(self.fraction, FRACTION_ONE);
        let cost = cost.map_err(risk_error)?;
        let (given, taken) = match position.instrument {
            Instrument::Call | Instrument::Put => (Quote::ZERO, Quote::ZERO),
            // also of one without size: then its cost is a loss that nobody has paid
            Instrument::Perpetual => {
                let entry = entry_cost(part, marks.spot, marks.funding).ok_or_else(overflow)?;
                (cost.max(entry), entry)
            }
            Instrument::Future if part == Quantity::ZERO => (Quote::ZERO, Quote::ZERO),
            Instrument::Future => {
                let forward = marks.units.of(&position).map_err(risk_error)?;
                let entry = part.notional(forward).map_err(risk_error)?;
                (cost.max(entry), cost.max(entry))
            }
        };
        let moved = Move {
            quantity: part.raw(),
            given: given.raw(),
            taken: taken.raw(),
        };
        let is_nothing = moved.quantity == 0 && moved.given == 0 && moved.taken == 0;
        Ok((!is_nothing).then_some(moved))
    }
}
