//! Takes chosen legs of an account in liquidation at their marks, for a fee: a keeper closes the naked leg and leaves the spread.
//!
//! What keeps a keeper from taking the hedges is [`risk_core::takeover`]: maintenance health must rise in the whole scan, by no less per
//! unit of the fee than a slice at this moment would raise it.
//!
//! *Cash.* The account pays for shorts and the fee out of its cash, within the limits on debts: an account without cash is for slices. What
//! the legs bring in sum is reserved like the price of a bid: it repairs nothing, so it is not for sale at a discount.
//!
//! *Prices.* The legs trade at marks, so that those come from prices that an opening accepts. Other markets of the account may be
//! doubtful: they stay where they are.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::{LegTake, LiquidateLegsArgs, TradeLeg};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{LiquidationTerms, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::takeover::{accept_legs, fund_fee_floor, Takeover};
use risk_core::{Price, Quantity, Quote};

use super::parties::require_parties;
use super::slice::{correct_proof, pay, pay_fund, require_solvent_bidder};
use crate::bridge::{Check, Cursor};
use crate::error::{legs_error, overflow, risk_error, MarginError};
use crate::event::LegsLiquidated;
use crate::instructions::trade::deal::check_position_limit;
use crate::instructions::trade::leg_markets::LegMarkets;
use crate::instructions::trade::legs::{validate_count, validate_series};
use crate::oracle::Action;
use crate::state::insolvency::ProofChange;
use crate::state::{AccountBook, HouseDelta, OpenInterest, Side};

#[derive(Accounts)]
pub struct LiquidateLegs<'info> {
    pub liquidator_owner: Signer<'info>,
    /// Writable where a debt of either account changes, or part of the fee is the insurance fund's.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
}

impl LiquidateLegs<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, liquidator, liquidatee: owner and discriminator checked by their loaders; of one clearing house, active and
        // in liquidation
        // liquidator_owner: signs, owns the liquidator, does not own the liquidatee
        require_parties(
            &self.clearinghouse.key(),
            self.liquidator_owner.key,
            &self.liquidator,
            &self.liquidatee,
        )
    }
}

pub fn handler<'info>(
    ctx: Context<'info, LiquidateLegs<'info>>,
    args: LiquidateLegsArgs,
) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let house = accounts.clearinghouse.load()?;
    let now = Clock::get()?.unix_timestamp;
    let (from_info, to_info) = (
        accounts.liquidatee.to_account_info(),
        accounts.liquidator.to_account_info(),
    );
    let (mut from_data, mut to_data) = (
        from_info.try_borrow_mut_data()?,
        to_info.try_borrow_mut_data()?,
    );
    let mut from = AccountBook::open(&mut from_data)?;
    let mut to = AccountBook::open(&mut to_data)?;

    let mut legs = clamped_legs(&from, &args, now)?;
    let whole = Check::whole(accounts.clearinghouse.key(), &house, now);
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let markets = LegMarkets::load_at_marks(&mut legs, &whole, &mut cursor)?;
    let taking = Taking {
        check: &whole,
        legs: &legs,
        markets: &markets,
        args: &args,
    };
    let mut delta = HouseDelta::new(&house.interest, now);
    let done = taking.exchange([&mut from, &mut to], cursor, &mut delta)?;
    drop(house);
    markets.write_open_interest(&done.open_interest)?;
    delta.apply(&accounts.clearinghouse)?;
    pay_fund(&accounts.clearinghouse, done.fund_fee)?;
    if let Some(proof) = done.proof {
        proof.apply(&accounts.clearinghouse)?;
    }
    let liquidatee_sequence = from.bump_sequence()?;
    let liquidator_sequence = to.bump_sequence()?;
    emit!(LegsLiquidated {
        liquidatee: accounts.liquidatee.key(),
        liquidator: accounts.liquidator.key(),
        legs,
        fee: done.fee.raw(),
        fund_fee: done.fund_fee.raw(),
        health_before: done.health_before.raw(),
        health_after: done.health_after.raw(),
        liquidatee_sequence,
        liquidator_sequence,
    });
    Ok(())
}

/// The legs as a trade that the liquidator is the taker of, clamped to what is held; prices come later.
///
/// Errors: `LegCount`, `ZeroAmount`, `InstrumentUnknown`, `Expired`, `LegNotHeld` (also for a series that is named twice),
/// `SliceBelowMinimum`.
fn clamped_legs(
    from: &AccountBook<'_>,
    args: &LiquidateLegsArgs,
    now: i64,
) -> Result<Vec<TradeLeg>> {
    validate_count(args.legs.len())?;
    let mut legs: Vec<TradeLeg> = Vec::with_capacity(args.legs.len());
    for take in &args.legs {
        let mut leg = TradeLeg {
            market: take.market,
            instrument: take.instrument,
            expiry: take.expiry,
            strike: take.strike,
            quantity: take.quantity,
            price: 0,
        };
        validate_series(&leg, now)?;
        let is_named = legs.iter().any(|other| series(other) == series(&leg));
        let held = match is_named {
            true => 0,
            false => held_of(from, &leg),
        };
        if held.signum() != take.quantity.signum() {
            return Err(error!(MarginError::LegNotHeld).with_values((take.quantity, held)));
        }
        if held.unsigned_abs() < take.quantity.unsigned_abs() {
            leg.quantity = held;
            require_minimum(take, held, args.minimum)?;
        }
        legs.push(leg);
    }
    Ok(legs)
}

/// What records are sorted by.
fn series(leg: &TradeLeg) -> (u16, i64, u64, u8) {
    (leg.market, leg.expiry, leg.strike, leg.instrument)
}

/// The account's quantity of a leg's series; zero without a record.
fn held_of(book: &AccountBook<'_>, leg: &TradeLeg) -> i64 {
    let positions = book.positions();
    let found = positions.binary_search_by(|record| record.key().cmp(&series(leg)));
    let record = found.ok().and_then(|at| positions.get(at));
    record.map_or(0, |record| record.quantity)
}

/// Refuses a clamped leg that is a smaller part of what was named than the least one.
fn require_minimum(take: &LegTake, held: i64, minimum: u64) -> Result<()> {
    // 63 and 64 bits
    let part = |size: u64, of: u64| u128::from(size).saturating_mul(of.into());
    let (held, named) = (held.unsigned_abs(), take.quantity.unsigned_abs());
    match part(held, FRACTION_ONE) < part(named, minimum) {
        true => Err(error!(MarginError::SliceBelowMinimum).with_values((held, named))),
        false => Ok(()),
    }
}

/// Legs at their marks, and the terms on which they are wanted.
struct Taking<'a, 'info> {
    /// The whole check.
    check: &'a Check<'a>,
    legs: &'a [TradeLeg],
    markets: &'a LegMarkets<'info>,
    args: &'a LiquidateLegsArgs,
}

/// What a taking did.
struct Taken {
    open_interest: OpenInterest,
    fee: Quote,
    fund_fee: Quote,
    /// Maintenance health of the liquidatee, in the witness's scenarios.
    health_before: Quote,
    /// The same afterwards, in all scenarios.
    health_after: Quote,
    /// The liquidatee's proof of insolvency, where it has equity.
    proof: Option<ProofChange>,
}

impl Taking<'_, '_> {
    /// Moves the legs and the fee, and judges both accounts; `cursor` stands at the liquidatee's check.
    fn exchange(
        &self,
        [from, to]: [&mut AccountBook<'_>; 2],
        mut cursor: Cursor<'_>,
        delta: &mut HouseDelta,
    ) -> Result<Taken> {
        let (seller, buyer) = (delta.open(from)?, delta.open(to)?);
        let sold = from.scope()?;
        let mut start = cursor.clone();
        let named = Check {
            witness: Some(&self.args.witness),
            ..*self.check
        };
        let evaluation = named.evaluate(from, &sold, &mut cursor)?;
        let doubt = evaluation.doubt;
        let before = evaluation.accepted_by(Action::Repair)?;
        let terms = self.terms(from, &before);
        let takeover = self.takeover(from)?;
        let fund_fee = fund_fee_floor(takeover.fee, &terms).map_err(risk_error)?;
        self.require_price(takeover.fee.raw().saturating_sub(fund_fee.raw()))?;

        let size = to.size();
        let mut bought = to.scope()?;
        for leg in self.legs {
            bought.markets.insert(leg.market)?;
        }
        let open_interest = self.transfer([from, to], takeover.fee, fund_fee)?;
        delta.add_funds(fund_fee.raw().saturating_neg())?;
        to.require_size(size)?;
        delta.require_limit(&seller, from)?;
        delta.require_limit(&buyer, to)?;
        let after = self.check.evaluate(from, &sold, &mut start)?.report;
        accept_legs(&before, &after, &takeover, &terms).map_err(legs_error)?;
        require_solvent_bidder(self.check, to, &bought, doubt.is_some(), &mut cursor)?;
        cursor.finish()?;
        delta.close(seller, from)?;
        delta.close(buyer, to)?;
        Ok(Taken {
            open_interest,
            fee: takeover.fee,
            fund_fee,
            health_before: before.maintenance_health,
            health_after: after.maintenance_health,
            proof: (after.equity > Quote::ZERO).then(|| correct_proof(self.check, from.header)),
        })
    }

    /// The terms of the auction at this moment.
    fn terms(&self, from: &AccountBook<'_>, before: &MarginReport) -> LiquidationTerms {
        let record = &self.check.house.liquidation;
        let started_at = from.header.liquidation_started_at;
        let elapsed = self.check.now.saturating_sub(started_at);
        let is_maintained = before.maintenance_health.raw() >= 0;
        record.terms(record.auction().discount_floor(elapsed, is_maintained))
    }

    fn takeover(&self, from: &AccountBook<'_>) -> Result<Takeover> {
        let fee = i64::try_from(self.args.fee).map_err(|_| overflow())?;
        Ok(Takeover {
            fee: Quote::from_raw(fee),
            notional: self.markets.notional()?,
            reserved: Quote::from_raw(from.header.reserved_cash),
        })
    }

    /// Refuses legs that cost the liquidator more than its limit, after what it keeps of the fee.
    fn require_price(&self, kept: i64) -> Result<()> {
        let mut price = Quote::from_raw(kept.saturating_neg());
        for leg in self.legs {
            let paid = Quantity::from_raw(leg.quantity).notional(Price::from_raw(leg.price));
            let sum = paid.and_then(|paid| price.checked_add(paid));
            price = sum.map_err(risk_error)?;
        }
        require_gte!(
            self.args.price_limit,
            price.raw(),
            MarginError::PriceAboveLimit
        );
        Ok(())
    }

    /// Moves the legs for their marks and pays the fee, of which the fund's part leaves both accounts.
    fn transfer(
        &self,
        [from, to]: [&mut AccountBook<'_>; 2],
        fee: Quote,
        fund_fee: Quote,
    ) -> Result<OpenInterest> {
        let mut open = OpenInterest::default();
        let cash = from.header.cash;
        from.apply_legs(&self.markets.legs, Side::Maker, |leg, change| {
            open.add(&leg.series, change)
        })?;
        to.apply_legs(&self.markets.legs, Side::Taker, |leg, change| {
            check_position_limit(leg, change)?;
            open.add(&leg.series, change)
        })?;
        pay(to, from, fee.raw())?;
        to.add_cash(fund_fee.raw().saturating_neg())?;
        let gained = from.header.cash.saturating_sub(cash).max(0);
        let reserved = from.header.reserved_cash.checked_add(gained);
        from.header.reserved_cash = reserved.ok_or_else(overflow)?;
        Ok(open)
    }
}
