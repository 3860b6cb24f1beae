//! The markets of a trade's legs: what each leg costs at this moment, and what a trade writes there.
//!
//! They come before the accounts of the margin checks: the distinct markets of the legs by index, each followed by its price. A
//! trade writes them (open interest, fees, premium samples), a view only reads them.
//!
//! *Bands.* A leg's price is compared with the mark of its instrument, so that nobody moves equity between accounts by trading far from
//! what a position is worth, and no market's funding follows a price that was made up. A mark on a doubtful price (too wide a confidence
//! interval, too old a surface) is no measure, and then no band holds: only a trade that reduces the risk of both sides passes
//! with such prices, and it must, or a dying oracle would keep people in their positions. So the doubts of the *legs* count in the margin
//! test, also where nothing of them is left: an option bought and sold in one trade is a payment.
//!
//! *Marks.* Legs that a liquidator takes have no agreed price: each is priced at its mark, rounded in favour of the account that
//! gives it. Here the mark is the measure, so that its price and surface must be good enough to open on.

use anchor_lang::prelude::*;
use clearing_core::funding::entry_cost;
use clearing_core::trading::{linear_fee_ceil, option_fee_ceil, Band};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{ExpirySlot, Market, RulesRecord};
use risk_core::position::{Instrument, Position, PositionSource};
use risk_core::takeover::{price_against_taker, TAKER_ROUNDING};
use risk_core::unit_mark::UnitMarks;
use risk_core::{Price, Quantity, Quote};

use crate::bridge::{Check, Cursor};
use crate::error::{overflow, risk_error, MarginError};
use crate::oracle::policy::{doubt_surface_age, Action, Doubt};
use crate::oracle::CheckedPrice;
use crate::state::{IndexSet, Limits, OpenInterest, PricedLeg};

/// What the accounts are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A trade: markets must be writable.
    Write,
    /// A view.
    Read,
}

/// The legs with what they cost, and their markets.
pub struct LegMarkets<'info> {
    /// In the order of the legs.
    pub legs: Vec<PricedLeg>,
    /// The worst doubt about the spots and surfaces of the legs, also of those that leave no position behind.
    pub doubt: Option<Doubt>,
    markets: Vec<LegMarket<'info>>,
}

struct LegMarket<'info> {
    loader: AccountLoader<'info, Market>,
    index: u16,
    spot: Price,
    /// Whether an opening may use the spot.
    is_certain: bool,
}

impl<'info> LegMarkets<'info> {
    /// Takes the markets of valid legs from the front of the remaining accounts and prices the legs.
    ///
    /// Errors: `ScopeTooWide`, `RemainingAccountMissing`, `MarketMismatch`, `ClearinghouseMismatch`, `MarketClosed`,
    /// `MarketReadOnly`, those of a price, `ExpiryNotListed`, `PriceBand`, `AmountOverflow`.
    pub fn load(
        legs: &[TradeLeg],
        check: &Check<'_>,
        cursor: &mut Cursor<'info>,
        access: Access,
    ) -> Result<Self> {
        let mut indexes = IndexSet::default();
        for leg in legs {
            indexes.insert(leg.market)?;
        }
        let indexes = indexes.as_slice();
        let mut loaded = Self {
            legs: legs.iter().map(PricedLeg::unpriced).collect(),
            doubt: None,
            markets: Vec::with_capacity(indexes.len()),
        };
        for index in indexes {
            loaded.load_market(*index, legs, check, cursor, access)?;
        }
        Ok(loaded)
    }

    #[inline(never)]
    fn load_market(
        &mut self,
        index: u16,
        legs: &[TradeLeg],
        check: &Check<'_>,
        cursor: &mut Cursor<'info>,
        access: Access,
    ) -> Result<()> {
        let loader = next_market(index, check, cursor, access)?;
        let market = loader.load()?;
        let spot = check.spot(&market, cursor)?;
        let pricing = Pricing::new(&market, &spot, check.now);
        let of_market = legs.iter().zip(&mut self.legs);
        let of_market = of_market.filter(|(leg, _)| leg.market == index);
        let doubt = pricing.price_legs(of_market)?;
        self.doubt = Doubt::worse(self.doubt, doubt);
        drop(market);
        self.markets.push(LegMarket {
            loader,
            index,
            spot: spot.price,
            is_certain: Action::Open.accepts(spot.doubt),
        });
        Ok(())
    }

    /// Takes the markets of valid legs from the front of the remaining accounts and prices the legs at their marks, rounded against
    /// the taker; the marks are written into the legs. No bands hold and no fees are due.
    ///
    /// Errors: as [`LegMarkets::load`], but for `PriceBand`; those of prices and surfaces that no opening may use.
    pub fn load_at_marks(
        legs: &mut [TradeLeg],
        check: &Check<'_>,
        cursor: &mut Cursor<'info>,
    ) -> Result<Self> {
        let mut indexes = IndexSet::default();
        for leg in &*legs {
            indexes.insert(leg.market)?;
        }
        let indexes = indexes.as_slice();
        let mut loaded = Self {
            legs: legs.iter().map(PricedLeg::unpriced).collect(),
            doubt: None,
            markets: Vec::with_capacity(indexes.len()),
        };
        for index in indexes {
            loaded.load_marks(*index, legs, check, cursor)?;
        }
        Ok(loaded)
    }

    #[inline(never)]
    fn load_marks(
        &mut self,
        index: u16,
        legs: &mut [TradeLeg],
        check: &Check<'_>,
        cursor: &mut Cursor<'info>,
    ) -> Result<()> {
        let loader = next_market(index, check, cursor, Access::Write)?;
        let market = loader.load()?;
        let spot = check.spot(&market, cursor)?;
        Action::Open.accept(spot.doubt)?;
        let of_market = legs.iter_mut().zip(&mut self.legs);
        let of_market = of_market.filter(|(leg, _)| leg.market == index);
        Pricing::new(&market, &spot, check.now).mark_legs(of_market)?;
        drop(market);
        self.markets.push(LegMarket {
            loader,
            index,
            spot: spot.price,
            is_certain: true,
        });
        Ok(())
    }

    /// Sum of `|quantity| x spot` over the legs, 1e-6 USD, each rounded toward zero.
    ///
    /// Errors: `AmountOverflow`.
    pub fn notional(&self) -> Result<Quote> {
        let mut sum = Quote::ZERO;
        for leg in &self.legs {
            let mut markets = self.markets.iter();
            let Some(market) = markets.find(|market| market.index == leg.series.market) else {
                return err!(MarginError::MarketMismatch);
            };
            let size = Quantity::from_raw(leg.quantity).notional(market.spot);
            let size = size.map_err(risk_error)?.saturating_abs();
            sum = sum.checked_add(size).map_err(risk_error)?;
        }
        Ok(sum)
    }

    /// Writes what positions that changed hands do to open interest. No limit applies: it grows no larger, and a limit may stop no
    /// repair.
    ///
    /// Errors: `AmountOverflow`.
    pub fn write_open_interest(&self, open: &OpenInterest) -> Result<()> {
        for place in &self.markets {
            open.write(&mut *place.loader.load_mut()?, Limits::Ignored)?;
        }
        Ok(())
    }

    /// Writes what a trade between two accounts changes: open interest, fees, samples of the premium.
    ///
    /// Errors: `OpenInterestLimit`, `AmountOverflow`.
    pub fn write(&self, legs: &[TradeLeg], open: &OpenInterest, now: i64) -> Result<()> {
        for place in &self.markets {
            let mut market = place.loader.load_mut()?;
            open.write(&mut market, Limits::Kept)?;
            for (leg, priced) in legs.iter().zip(&self.legs) {
                if leg.market != place.index {
                    continue;
                }
                let fees = priced.fee_taker.checked_add(priced.fee_maker);
                let fees = fees.and_then(|fees| market.fees.checked_add_signed(fees));
                market.fees = fees.ok_or_else(overflow)?;
                // A premium over a doubtful spot is none: such a trade only reduces.
                if leg.instrument == Instrument::Perpetual as u8 && place.is_certain {
                    let price = Price::from_raw(leg.price);
                    let size = leg.quantity.unsigned_abs();
                    market.funding.record_fill(place.spot, price, size, now);
                }
            }
        }
        Ok(())
    }
}

/// The next of the legs' markets.
fn next_market<'info>(
    index: u16,
    check: &Check<'_>,
    cursor: &mut Cursor<'info>,
    access: Access,
) -> Result<AccountLoader<'info, Market>> {
    let account = cursor.next_account()?;
    let loader = AccountLoader::<Market>::try_from(account)?;
    let market = loader.load()?;
    check.require_own(&market.clearinghouse)?;
    require_eq!(market.index, index, MarginError::MarketMismatch);
    require_eq!(market.is_open, 1, MarginError::MarketClosed);
    if access == Access::Write && !account.is_writable {
        msg!("market {}", index);
        return err!(MarginError::MarketReadOnly);
    }
    drop(market);
    Ok(loader)
}

/// What prices the legs of one market.
struct Pricing<'a> {
    market: &'a Market,
    rules: RulesRecord,
    spot: &'a CheckedPrice,
    /// Funding index, 1e-8 USD per base unit.
    funding: i64,
    now: i64,
}

impl<'a> Pricing<'a> {
    fn new(market: &'a Market, spot: &'a CheckedPrice, now: i64) -> Self {
        Self {
            market,
            rules: market.rules,
            spot,
            funding: market.funding.index_at(now),
            now,
        }
    }

    /// Prices the legs at their marks, against the taker.
    fn mark_legs<'l>(
        &self,
        legs: impl Iterator<Item = (&'l mut TradeLeg, &'l mut PricedLeg)>,
    ) -> Result<()> {
        let params = self.market.params();
        let scenarios = self.market.scenarios.set().map_err(risk_error)?;
        let spot = self.spot.price;
        let engine = self.market.input(self.now, spot, scenarios, &params);
        let mut marks = UnitMarks::new(&engine);
        for (leg, priced) in legs {
            let slot = self.require_listed(leg)?;
            Action::Open.accept(self.doubt_surface(slot))?;
            let position = Position {
                quantity: Quantity::from_raw(leg.quantity),
                ..priced.series.position()
            };
            let mark = marks.of(&position).map_err(risk_error)?;
            let price = price_against_taker(mark, spot, &position);
            let paid = self.paid(priced, price)?.raw();
            priced.paid = paid.checked_add(TAKER_ROUNDING).ok_or_else(overflow)?;
            leg.price = price.raw();
            priced.position_limit = self.rules.position_limit;
        }
        Ok(())
    }

    /// What a leg costs at a price, toward zero: a perpetual's with the funding that it has not to pay.
    fn paid(&self, leg: &PricedLeg, price: Price) -> Result<Quote> {
        let size = Quantity::from_raw(leg.quantity);
        match leg.is_perpetual() && self.funding != 0 {
            true => entry_cost(size, price, self.funding).ok_or_else(overflow),
            false => size.notional(price).map_err(risk_error),
        }
    }

    /// Prices the legs and checks their bands; returns the worst doubt about what they were measured with.
    fn price_legs<'l>(
        &self,
        legs: impl Iterator<Item = (&'l TradeLeg, &'l mut PricedLeg)>,
    ) -> Result<Option<Doubt>> {
        let mut doubt = self.spot.doubt;
        let has_bands = self.rules.band_linear != 0 || self.rules.band_option != 0;
        if !has_bands || !Action::Open.accepts(doubt) {
            for (leg, priced) in legs {
                let slot = self.require_listed(leg)?;
                doubt = Doubt::worse(doubt, self.doubt_surface(slot));
                self.price_leg(leg, priced)?;
            }
            return Ok(doubt);
        }
        let params = self.market.params();
        let scenarios = self.market.scenarios.set().map_err(risk_error)?;
        let spot = self.spot.price;
        let engine = self.market.input(self.now, spot, scenarios, &params);
        let mut marks = UnitMarks::new(&engine);
        for (leg, priced) in legs {
            let slot = self.require_listed(leg)?;
            self.price_leg(leg, priced)?;
            match self.doubt_surface(slot) {
                None => self.check_band(leg, priced, &mut marks)?,
                some => doubt = Doubt::worse(doubt, some),
            }
        }
        Ok(doubt)
    }

    /// The doubt about the surface of a dated leg's expiry.
    fn doubt_surface(&self, slot: Option<&ExpirySlot>) -> Option<Doubt> {
        let max_age = self.market.surface_max_age;
        slot.and_then(|slot| doubt_surface_age(slot.posted_at, max_age, self.now))
    }

    /// The slot of a dated leg's expiry.
    fn require_listed(&self, leg: &TradeLeg) -> Result<Option<&ExpirySlot>> {
        if leg.expiry == 0 {
            return Ok(None);
        }
        let mut slots = self.market.expiries.iter();
        match slots.find(|slot| slot.time == leg.expiry) {
            Some(slot) => Ok(Some(slot)),
            None => {
                msg!("expiry {}", leg.expiry);
                err!(MarginError::ExpiryNotListed)
            }
        }
    }

    fn price_leg(&self, leg: &TradeLeg, priced: &mut PricedLeg) -> Result<()> {
        let (size, price) = (Quantity::from_raw(leg.quantity), Price::from_raw(leg.price));
        priced.paid = self.paid(priced, price)?.raw();
        priced.position_limit = self.rules.position_limit;
        priced.fee_taker = self.fee(priced, size, price, self.rules.fee_taker)?;
        priced.fee_maker = self.fee(priced, size, price, self.rules.fee_maker)?;
        Ok(())
    }

    fn fee(&self, leg: &PricedLeg, size: Quantity, price: Price, rate: u32) -> Result<i64> {
        let cap = self.rules.fee_premium_cap;
        let fee = match leg.is_option() {
            true => option_fee_ceil(size, self.spot.price, price, rate, cap),
            false => linear_fee_ceil(size, price, rate),
        };
        Ok(fee.map_err(risk_error)?.raw())
    }

    fn check_band(
        &self,
        leg: &TradeLeg,
        priced: &PricedLeg,
        marks: &mut UnitMarks<'_, '_, ExpirySlot>,
    ) -> Result<()> {
        let share = match priced.is_option() {
            true => self.rules.band_option,
            false => self.rules.band_linear,
        };
        if share == 0 {
            return Ok(());
        }
        let mark = marks.of(&priced.series.position()).map_err(risk_error)?;
        let base = match priced.is_option() {
            true => self.spot.price,
            false => mark,
        };
        let price = Price::from_raw(leg.price);
        match Band::around(mark, base, share).passed(price) {
            None => Ok(()),
            Some(edge) => {
                let values = (price.raw(), edge.raw());
                Err(error!(MarginError::PriceBand).with_values(values))
            }
        }
    }
}
