//! The two ways to margin an account: Standard, leg by leg for any size, and Portfolio, the whole book by scenarios.
//!
//! Standard, per expiry, for options:
//!
//! ```text
//! required = min( sum over shorts of (isolated margin + mark), largest loss at any strike
//!                                                                 + unpaired short calls as naked )
//! ```
//! and a share of notional for perpetuals and futures. Calls that are short beyond what is long are naked: each takes the margin
//! and mark of the lowest short call, which are the largest per unit. Long options are paid in full and worth nothing as collateral, so what
//! is required over equity is that plus the options' net mark, at least zero.
//!
//! What perpetuals and futures gained since the stable price counts for nothing in the initial requirement: their net notional times
//! its relative distance to the spot is charged, as in the Portfolio tier. Else a price pumped for a moment would be lent against.
//! What the settlement average has fixed of a future is no part of that notional: it does not move with the spot any more.

use crate::contingency::stable_charge;
use crate::error::{check_range, Field, RiskError};
use crate::expiry::at_offset;
use crate::expiry::ExpiryContext;
use crate::greeks::{greeks_in, option_mark};
use crate::isolated::{IsolatedParams, ShortBase};
use crate::margin::MarginReport;
use crate::market::{ExpirySource, Market, MAX_TENOR_SECONDS};
use crate::position::{Instrument, Position, PositionSource};
use crate::units::{Price, Quantity, Quote, RATIO_ONE};

/// How an account is margined; the codes that accounts store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Tier {
    /// Leg by leg and expiry by expiry; for any size.
    #[default]
    Standard = 0,
    /// The whole book by scenarios; from a minimum equity.
    Portfolio = 1,
}

impl Tier {
    /// From the code that accounts store.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Standard),
            1 => Some(Self::Portfolio),
            _ => None,
        }
    }
}

/// What the Portfolio tier asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioTerms {
    /// Least equity, 1e-6 USD; 0 to 1e9 USD.
    pub minimum_equity: Quote,
}

impl PortfolioTerms {
    /// Bounds of the field.
    pub fn validate(&self) -> Result<(), RiskError> {
        let most = 1_000_000_000_000_000;
        check_range(Field::MinimumEquity, self.minimum_equity.raw(), 0, most)
    }

    /// Whether an account may open positions: below the minimum it may only reduce until it qualifies again.
    pub fn admits(&self, report: &MarginReport) -> bool {
        report.equity >= self.minimum_equity
    }
}

/// Shares of the Standard tier for both requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardParams {
    /// Initial margin.
    pub initial: IsolatedParams,
    /// Maintenance margin: no share above the initial one, which orders the healths (INV-07).
    pub maintenance: IsolatedParams,
}

impl StandardParams {
    /// The default for every market.
    pub const MAJOR: Self = Self {
        initial: IsolatedParams::INITIAL,
        maintenance: IsolatedParams::MAINTENANCE,
    };

    /// Initial shares from 0 to 1.0, maintenance shares up to the initial ones.
    pub fn validate(&self) -> Result<(), RiskError> {
        let field = Field::StandardShare;
        for (maintenance, initial) in self
            .maintenance
            .shares()
            .into_iter()
            .zip(self.initial.shares())
        {
            check_range(field, initial.raw(), 0, RATIO_ONE)?;
            check_range(field, maintenance.raw(), 0, initial.raw())?;
        }
        Ok(())
    }
}

/// What one market contributes under the Standard tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandardRisk {
    /// Value of the positions, floored.
    pub mark: Quote,
    /// Required over equity to trade; at least `maintenance`.
    pub initial: Quote,
    /// Required over equity not to be liquidated; at least zero.
    pub maintenance: Quote,
    /// Sum of |quantity| times the larger of spot and strike.
    pub gross_notional: Quote,
}

/// Evaluates the positions of one market, sorted by expiry, strike and instrument without repeats, under the Standard tier.
pub fn standard_market<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
    params: &StandardParams,
) -> Result<StandardRisk, RiskError> {
    let mut risk = StandardRisk::default();
    let mut linear = Linear::default();
    let mut rest = positions;
    let mut previous_expiry = None;
    while let Some(first) = rest.first().map(PositionSource::position) {
        let index = positions.len().saturating_sub(rest.len());
        if previous_expiry.is_some_and(|expiry| expiry >= first.expiry) {
            return Err(RiskError::Unsorted { index });
        }
        previous_expiry = Some(first.expiry);
        let same = |p: &P| p.position().expiry == first.expiry;
        let held = rest.iter().position(|p| !same(p)).unwrap_or(rest.len());
        let (legs, others) = rest.split_at(held);
        risk.add_expiry(market, legs, params, &mut linear)
            .map_err(|error| at_offset(error, index))?;
        rest = others;
    }
    risk.initial = risk.initial.checked_add(linear.charge(market)?)?;
    Ok(risk)
}

impl StandardRisk {
    /// A perpetual alone, or a future and options of one expiry.
    fn add_expiry<P: PositionSource, E: ExpirySource>(
        &mut self,
        market: &Market<'_, E>,
        legs: &[P],
        params: &StandardParams,
        sum: &mut Linear,
    ) -> Result<(), RiskError> {
        let linear = legs
            .first()
            .map(PositionSource::position)
            .filter(|leg| !leg.instrument.is_option());
        let mut options = legs;
        if let Some(leg) = linear {
            let greeks = greeks_in(market, None, &leg, None)?;
            let notional = leg.quantity.notional_ceil(market.spot)?;
            let cost = match leg.instrument {
                Instrument::Perpetual => market.perp_cost(&leg)?,
                _ => leg.cost,
            };
            sum.add(following(market, &leg, greeks.mark.checked_add(cost)?)?)?;
            self.mark = self.mark.checked_add(greeks.mark)?;
            self.gross_notional = self.gross_notional.checked_add(notional)?;
            // the mark of a short rounds toward zero
            let rounding = Quote::from_raw(i64::from(leg.quantity.raw() < 0));
            let share = |share| notional.mul_ratio_ceil(share)?.checked_add(rounding);
            self.require(
                share(params.maintenance.perp_share)?,
                share(params.initial.perp_share)?,
            )?;
            options = legs.get(1..).unwrap_or_default();
        }
        if options.is_empty() {
            return Ok(());
        }
        let sums = OptionSums::new(market, options, params)
            .map_err(|error| at_offset(error, legs.len().saturating_sub(options.len())))?;
        self.mark = self.mark.checked_add(sums.mark)?;
        self.gross_notional = self.gross_notional.checked_add(sums.gross)?;
        let loss = sums.largest_loss(options)?;
        let mut required = [Quote::ZERO; 2];
        for ((slot, isolated), naked) in required.iter_mut().zip(sums.shorts).zip(sums.naked) {
            let least = isolated.min(loss.checked_add(naked)?);
            *slot = least.checked_add(sums.mark)?.max(sums.error);
        }
        let [maintenance, initial] = required;
        self.require(maintenance, initial)
    }

    fn require(&mut self, maintenance: Quote, initial: Quote) -> Result<(), RiskError> {
        self.maintenance = self.maintenance.checked_add(maintenance)?;
        self.initial = self.initial.checked_add(initial)?;
        Ok(())
    }
}

/// Perpetuals and futures of a market, netted.
#[derive(Default)]
struct Linear {
    /// Size times price, each rounded toward zero.
    net: Quote,
    /// What the rounding can have cut off.
    rounding: Quote,
}

impl Linear {
    fn add(&mut self, notional: Quote) -> Result<(), RiskError> {
        self.net = self.net.checked_add(notional)?;
        self.rounding = self.rounding.checked_add(Quote::from_raw(1))?;
        Ok(())
    }

    /// The distance of the spot to the stable price on what is net, rounded up.
    fn charge<E>(&self, market: &Market<'_, E>) -> Result<Quote, RiskError> {
        let Some(stable) = market.stable_price else {
            return Ok(Quote::ZERO);
        };
        let exposure = self.net.saturating_abs().checked_add(self.rounding)?;
        stable_charge(exposure, market.spot, stable)
    }
}

/// What of a perpetual's or a future's notional follows the spot. What the settlement average has fixed of a future does not: it
/// neither adds to a perpetual's exposure nor hedges it.
fn following<E: ExpirySource>(
    market: &Market<'_, E>,
    leg: &Position,
    notional: Quote,
) -> Result<Quote, RiskError> {
    if leg.instrument != Instrument::Future {
        return Ok(notional);
    }
    let listed = market.expiry(leg.expiry)?;
    if listed.fixed_forward == Price::ZERO {
        return Ok(notional);
    }
    let seconds = listed.time.saturating_sub(market.now);
    let seconds = seconds.clamp(0, MAX_TENOR_SECONDS);
    let parts = listed.parts(market.spot, &market.shift, seconds)?;
    leg.quantity.notional(Price::from_raw(parts.variable))
}

/// Sums over the options of an expiry.
struct OptionSums {
    mark: Quote,
    /// What the marks of the shorts can be wrong by.
    error: Quote,
    gross: Quote,
    /// Isolated margin plus mark of the shorts, maintenance and initial.
    shorts: [Quote; 2],
    /// The same of the calls that are short beyond what is long, all at the lowest strike of a short call.
    naked: [Quote; 2],
    /// Long less short puts.
    puts: Quantity,
    /// What all puts pay with the underlying at zero, floored.
    at_zero: Quote,
}

impl OptionSums {
    fn new<P: PositionSource, E: ExpirySource>(
        market: &Market<'_, E>,
        options: &[P],
        params: &StandardParams,
    ) -> Result<Self, RiskError> {
        let mut sums = Self {
            mark: Quote::ZERO,
            error: Quote::ZERO,
            gross: Quote::ZERO,
            shorts: [Quote::ZERO; 2],
            naked: [Quote::ZERO; 2],
            puts: Quantity::ZERO,
            at_zero: Quote::ZERO,
        };
        let mut calls = Quantity::ZERO;
        let mut lowest = None;
        let expiry = options.first().map_or(0, |leg| leg.position().expiry);
        let listed = market.expiry(expiry)?;
        let context = ExpiryContext::new(market, &listed)?;
        let mut previous: Option<(Price, Instrument)> = None;
        for (index, source) in options.iter().enumerate() {
            let leg = source.position();
            let series = (leg.strike, leg.instrument);
            if !leg.instrument.is_option() || previous.is_some_and(|p| p >= series) {
                return Err(RiskError::Unsorted { index });
            }
            previous = Some(series);
            let mark = option_mark(&listed, &context, &leg, source.volatility())?;
            sums.mark = sums.mark.checked_add(mark)?;
            let notional = leg.quantity.notional(market.spot.max(leg.strike))?;
            sums.gross = sums.gross.checked_add(notional.saturating_abs())?;
            if leg.instrument == Instrument::Call {
                calls = calls.checked_add(leg.quantity)?;
            } else {
                sums.puts = sums.puts.checked_add(leg.quantity)?;
                let paid = floored_notional(leg.quantity, leg.strike)?;
                sums.at_zero = sums.at_zero.checked_add(paid)?;
            }
            if leg.quantity.raw() < 0 {
                let error = mark_error(&leg, context.forward)?;
                sums.error = sums.error.checked_add(error)?;
                sums.add_short(short_margins(
                    market,
                    &leg,
                    mark.checked_sub(error)?,
                    params,
                )?)?;
                if leg.instrument == Instrument::Call && lowest.is_none() {
                    lowest = Some((leg, source.volatility()));
                }
            }
        }
        if let Some((leg, volatility)) = lowest.filter(|_| calls.raw() < 0) {
            // of their own size: a margin that was rounded for another size must not be scaled
            let naked = Position {
                quantity: calls,
                ..leg
            };
            let mark = option_mark(&listed, &context, &naked, volatility)?;
            let mark = mark.checked_sub(mark_error(&naked, context.forward)?)?;
            sums.naked = short_margins(market, &naked, mark, params)?;
        }
        Ok(sums)
    }

    fn add_short(&mut self, margins: [Quote; 2]) -> Result<(), RiskError> {
        for (sum, margin) in self.shorts.iter_mut().zip(margins) {
            *sum = sum.checked_add(margin)?;
        }
        Ok(())
    }

    /// The largest loss at expiry with the underlying at zero or at any strike, rounded up and at least zero: between them the
    /// payoff is linear, and beyond the last strike only unpaired calls lose more.
    fn largest_loss<P: PositionSource>(&self, options: &[P]) -> Result<Quote, RiskError> {
        let mut value = self.at_zero;
        let mut least = value.min(Quote::ZERO);
        let mut slope = Quantity::from_raw(self.puts.raw().saturating_neg());
        let mut at = Price::ZERO;
        for leg in options.iter().map(PositionSource::position) {
            let step = Price::from_raw(leg.strike.raw().saturating_sub(at.raw()));
            value = value.checked_add(floored_notional(slope, step)?)?;
            least = least.min(value);
            // a call begins to pay here, a put ends
            slope = slope.checked_add(leg.quantity)?;
            at = leg.strike;
        }
        Quote::ZERO.checked_sub(least)
    }
}

/// What the mark of an option can be wrong by: 2^-33 of its size at the larger of forward and strike, and a unit.
fn mark_error(leg: &Position, forward: Price) -> Result<Quote, RiskError> {
    let notional = leg.quantity.notional_ceil(forward.max(leg.strike))?;
    Ok(Quote::from_raw((notional.raw() >> 33).saturating_add(1)))
}

/// Isolated margin plus mark of a short option, maintenance and initial; `mark` is the lowest that it can be.
fn short_margins<E>(
    market: &Market<'_, E>,
    leg: &Position,
    mark: Quote,
    params: &StandardParams,
) -> Result<[Quote; 2], RiskError> {
    let base = ShortBase::of(market, leg)?;
    let margin = |params| base.share(params)?.checked_sub(mark);
    Ok([margin(&params.maintenance)?, margin(&params.initial)?])
}

/// `quantity x price`, floored.
fn floored_notional(quantity: Quantity, price: Price) -> Result<Quote, RiskError> {
    let toward_zero = quantity.notional(price)?;
    match quantity.raw() < 0 {
        true => toward_zero.checked_sub(Quote::from_raw(1)),
        false => Ok(toward_zero),
    }
}
