//! Plans of chosen legs: taken at their marks for the largest fee, so many that the account ends just below its buffer.

use clearing_core::funding::entry_cost;
use portfolio_margin_interface::args::{LegTake, MAX_LEGS};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::{Market, PositionRecord};
use risk_core::liquidation::{LiquidationTerms, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::position::{Instrument, Position, PositionSource};
use risk_core::takeover::{
    accept_legs, fund_fee_floor, most_fee_floor, price_against_taker, size_legs, Takeover,
    TAKER_ROUNDING,
};
use risk_core::unit_mark::UnitMarks;
use risk_core::units::RATIO_ONE;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

use super::{checked, largest, Bidder, Change, Desk, Limits, PlanError};
use crate::account::AccountData;
use crate::book::{pay, Book};
use crate::inputs::Inputs;
use crate::oracle::policy::{doubt_spot, doubt_surfaces};
use crate::oracle::{Doubt, ShownPrice};
use crate::report::ReportError;
use crate::scope::Scope;

/// Share of the buffer to aim at, 1e-6: above the nine tenths at which the liquidation ends, below the whole so that what comes in between
/// (a price, a deposit) does not carry the account past it.
const AIM: i64 = 950_000;

/// Legs that change hands at their marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegsPlan {
    /// What to name as the witness: each market's worst scenario.
    pub witness: Vec<u8>,
    /// The legs in the sizes to take.
    pub legs: Vec<LegTake>,
    /// What a base unit of each costs, 1e-8 USD.
    pub prices: Vec<u64>,
    /// What the bidder gets beyond the marks, 1e-6 USD.
    pub fee: u64,
    /// What of it goes to the insurance fund.
    pub fund_fee: i64,
    /// What the bidder pays less what it keeps of the fee, 1e-6 USD; what a price limit is compared with.
    pub price: i64,
    /// What the bidder gains at the marks, 1e-6 USD: its equity after less that before.
    pub reward: i64,
    /// By how much the bidder's initial health falls, 1e-6 USD.
    pub capital: i64,
    /// The account that gives the legs.
    pub liquidatee: Change,
    /// The bidder's.
    pub liquidator: Change,
}

/// Both accounts after legs, before or after a fee.
struct Taken {
    from: Book,
    to: Book,
    legs: Vec<LegTake>,
    prices: Vec<u64>,
    /// What the legs cost in sum, without a fee, 1e-6 USD.
    paid: Quote,
    takeover: Takeover,
}

/// The same with the fee, judged.
struct Accepted {
    taken: Taken,
    fund_fee: Quote,
    capital: i64,
}

/// The largest share of these legs that repairs an account below its buffer without carrying it past, for the largest fee that the program
/// accepts, within limits. Each leg names a series that the account holds, with the sign of the position; more than is held is all of it.
///
/// Inputs cover everything that both accounts hold. Errors: [`PlanError`]; `LegNotHeld`, `LegCount`, `Expired`, and the doubts of prices:
/// marks come only from prices that an opening accepts.
pub fn plan_legs(
    bidder: &Bidder<'_>,
    liquidatee: &AccountData,
    takes: &[LegTake],
    inputs: &Inputs,
    limits: Limits,
) -> Result<LegsPlan, PlanError> {
    if takes.is_empty() || takes.len() > MAX_LEGS {
        return Err(ErrorCode::LegCount.into());
    }
    let desk = Desk::open(bidder, liquidatee, inputs, limits, false)?;
    let terms = desk.terms();
    let takes = desk.clamped(takes)?;
    let aim = terms.buffer.raw().saturating_mul(AIM) / RATIO_ONE;
    let mut refused = None;
    let share = size_legs(Ratio::from_raw(aim), |share| {
        desk.after_fee(&takes, share, &terms).map_err(|error| {
            refused = Some(error);
            RiskError::Overflow(risk_core::error::Field::Quote)
        })
    });
    let share = share.map_err(|error| refused.unwrap_or(error.into()))?;
    let most = share.min(limits.share);
    let least = (FRACTION_ONE / 1_000).min(most);
    let accepted = largest(least, most, |share| desk.accept(&takes, share, &terms))?;
    desk.planned_legs(accepted)
}

/// A share of each leg, of 1e9, toward zero; those of which nothing is left are dropped.
fn share_of(takes: &[LegTake], share: u64) -> Result<Vec<LegTake>, RiskError> {
    let mut legs = Vec::with_capacity(takes.len());
    for take in takes {
        let quantity = Quantity::from_raw(take.quantity).scale_toward_zero(share, FRACTION_ONE)?;
        if quantity != Quantity::ZERO {
            legs.push(LegTake {
                quantity: quantity.raw(),
                ..take.clone()
            });
        }
    }
    Ok(legs)
}

fn series(take: &LegTake) -> (u16, i64, u64, u8) {
    (take.market, take.expiry, take.strike, take.instrument)
}

impl Desk<'_> {
    /// The legs, none larger than what is held.
    fn clamped(&self, takes: &[LegTake]) -> Result<Vec<LegTake>, PlanError> {
        let mut legs: Vec<LegTake> = Vec::with_capacity(takes.len());
        for take in takes {
            if take.expiry != 0 && take.expiry <= self.inputs().now {
                return Err(ErrorCode::Expired.into());
            }
            let is_named = legs.iter().any(|other| series(other) == series(take));
            let held = self.from.held(series(take)).map_or(0, |held| held.quantity);
            if is_named || held == 0 || held.signum() != take.quantity.signum() {
                return Err(ErrorCode::LegNotHeld.into());
            }
            let least = held.unsigned_abs().min(take.quantity.unsigned_abs());
            let quantity = match least == held.unsigned_abs() {
                true => held,
                false => take.quantity,
            };
            legs.push(LegTake {
                quantity,
                ..take.clone()
            });
        }
        Ok(legs)
    }

    /// Takes a share of the legs at their marks, without a fee.
    fn take(&self, takes: &[LegTake], share: u64) -> Result<Taken, PlanError> {
        let legs = share_of(takes, share)?;
        let mut taken = Taken {
            from: self.from.clone(),
            to: self.to.clone(),
            prices: Vec::with_capacity(legs.len()),
            legs: vec![],
            paid: Quote::ZERO,
            takeover: Takeover {
                fee: Quote::ZERO,
                notional: Quote::ZERO,
                reserved: Quote::from_raw(self.from.header.reserved_cash),
            },
        };
        for leg in &legs {
            self.take_leg(leg, &mut taken)?;
        }
        taken.legs = legs;
        Ok(taken)
    }

    fn take_leg(&self, leg: &LegTake, taken: &mut Taken) -> Result<(), PlanError> {
        let Some(held) = self.from.held(series(leg)).copied() else {
            return Err(ErrorCode::LegNotHeld.into());
        };
        let (market, shown) = self.market(leg.market)?;
        require_certain(market, shown, &held, self.inputs().now)?;
        let size = Quantity::from_raw(leg.quantity);
        let position = Position {
            quantity: size,
            ..held.position()
        };
        let (params, spot) = (market.params(), shown.price);
        let input = market.input(self.inputs().now, spot, market.scenarios.set()?, &params);
        let mark = UnitMarks::new(&input).of(&position)?;
        let price = price_against_taker(mark, spot, &position);
        let is_perpetual = position.instrument == Instrument::Perpetual;
        let paid = match is_perpetual && input.funding != 0 {
            true => entry_cost(size, price, input.funding).ok_or(ErrorCode::AmountOverflow)?,
            false => size.notional(price)?,
        };
        let paid = paid.checked_add(Quote::from_raw(TAKER_ROUNDING))?.raw();
        let given = leg.quantity.saturating_neg();
        let change = match position.instrument.is_option() {
            true => {
                pay(&mut taken.from, &mut taken.to, paid)?;
                taken.from.add_position(&held, given, 0)?;
                taken.to.add_position(&held, leg.quantity, 0)?
            }
            false => {
                let cost = paid.saturating_neg();
                taken.from.add_position(&held, given, cost)?;
                taken.to.add_position(&held, leg.quantity, paid)?
            }
        };
        require_position_limit(market, change)?;
        let notional = size.notional(spot)?.saturating_abs();
        taken.takeover.notional = taken.takeover.notional.checked_add(notional)?;
        taken.paid = taken.paid.checked_add(size.notional(price)?)?;
        taken.prices.push(price.raw());
        Ok(())
    }

    fn market(&self, index: u16) -> Result<&(Market, ShownPrice), PlanError> {
        let mut markets = self.inputs().markets.iter();
        let found = markets.find(|(market, _)| market.index == index);
        found.ok_or(PlanError::Report {
            side: "liquidatee",
            error: ReportError::MarketMissing(index),
        })
    }

    /// The seller's margin after legs.
    fn unpaid(&self, taken: &Taken) -> Result<MarginReport, PlanError> {
        let report = checked(&self.evaluator, &taken.from, &self.sold, "liquidatee")?;
        Ok(report.report.margin)
    }

    /// The same with the largest fee.
    fn after_fee(
        &self,
        takes: &[LegTake],
        share: u64,
        terms: &LiquidationTerms,
    ) -> Result<MarginReport, PlanError> {
        let taken = self.take(takes, share)?;
        let mut report = self.unpaid(&taken)?;
        let before = &self.seller.report.margin;
        let fee = most_fee_floor(before, &report, &taken.takeover, terms)?;
        report.equity = report.equity.checked_sub(fee)?;
        report.maintenance_health = report.maintenance_health.checked_sub(fee)?;
        Ok(report)
    }

    /// Takes a share of the legs for the largest fee, and judges both accounts.
    fn accept(
        &self,
        takes: &[LegTake],
        share: u64,
        terms: &LiquidationTerms,
    ) -> Result<Accepted, PlanError> {
        let mut taken = self.take(takes, share)?;
        if taken.legs.is_empty() {
            return Err(ErrorCode::ZeroAmount.into());
        }
        let before = &self.seller.report.margin;
        let unpaid = self.unpaid(&taken)?;
        let fee = most_fee_floor(before, &unpaid, &taken.takeover, terms)?;
        taken.takeover.fee = fee;
        let fund_fee = fund_fee_floor(fee, terms)?;
        pay(&mut taken.to, &mut taken.from, fee.raw())?;
        taken.to.add_cash(fund_fee.raw().saturating_neg())?;
        let gained = taken.from.header.cash.saturating_sub(self.from.header.cash);
        let reserved = self.from.header.reserved_cash.checked_add(gained.max(0));
        taken.from.header.reserved_cash = reserved.ok_or(ErrorCode::AmountOverflow)?;
        taken.to.require_size(self.to.size())?;
        let mut house = self.house.clone();
        house.require_limit(self.debts[0], &taken.from)?;
        house.require_limit(self.debts[1], &taken.to)?;
        let after = self.unpaid(&taken)?;
        accept_legs(before, &after, &taken.takeover, terms).map_err(PlanError::Legs)?;
        let bought = Scope::of_markets(taken.legs.iter().map(|leg| leg.market));
        let capital = self.require_bidder(&taken.to, &bought)?;
        house.close([&taken.from, &taken.to])?;
        Ok(Accepted {
            taken,
            fund_fee,
            capital,
        })
    }

    fn planned_legs(&self, accepted: Accepted) -> Result<LegsPlan, PlanError> {
        let Accepted {
            taken,
            fund_fee,
            capital,
        } = accepted;
        let [liquidatee, liquidator] = self.changes(&taken.from, &taken.to)?;
        let reward = liquidator
            .after
            .equity
            .checked_sub(liquidator.before.equity)?;
        let fee = taken.takeover.fee;
        let kept = fee.checked_sub(fund_fee)?;
        Ok(LegsPlan {
            witness: self.seller.report.witness(),
            legs: taken.legs,
            prices: taken.prices,
            fee: fee.raw().unsigned_abs(), // at least zero
            fund_fee: fund_fee.raw(),
            price: taken.paid.checked_sub(kept)?.raw(),
            reward: reward.raw(),
            capital,
            liquidatee,
            liquidator,
        })
    }
}

/// Refuses marks of prices and surfaces that no opening may use.
fn require_certain(
    market: &Market,
    shown: &ShownPrice,
    held: &PositionRecord,
    now: i64,
) -> Result<(), PlanError> {
    let of_market = doubt_spot(market, shown.price, shown.publish_time);
    let of_surface = doubt_surfaces(market, std::slice::from_ref(held), now);
    let doubt = Doubt::worse(Doubt::worse(shown.doubt, of_market), of_surface);
    match (shown.refusal, doubt) {
        (Some(refusal), _) => Err(refusal.reason.into()),
        (None, Some(doubt)) => Err(doubt.reason.into()),
        (None, None) if shown.price == Price::ZERO => Err(ErrorCode::OracleNonPositive.into()),
        (None, None) => Ok(()),
    }
}

/// Refuses a position that grows beyond its limit.
fn require_position_limit(market: &Market, (before, after): (i64, i64)) -> Result<(), ErrorCode> {
    let (limit, size) = (market.rules.position_limit, after.unsigned_abs());
    match limit != 0 && size > limit && size > before.unsigned_abs() {
        true => Err(ErrorCode::PositionLimit),
        false => Ok(()),
    }
}
