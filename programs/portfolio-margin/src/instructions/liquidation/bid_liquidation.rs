//! Buys a pro-rata slice of an account in liquidation: all legs together, so that hedges travel with what they hedge.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{plan_slice, SlicePlan, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::{Quantity, Quote};

use crate::bridge::{Check, Cursor, Scope};
use crate::error::{overflow, risk_error, slice_error, MarginError};
use crate::event::LiquidationBid;
use crate::oracle::Action;
use crate::state::{AccountBook, HouseDelta, Limits, Market, OpenInterest};

#[derive(Accounts)]
pub struct BidLiquidation<'info> {
    pub liquidator_owner: Signer<'info>,
    /// Writable where a debt of either account changes.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
}

impl BidLiquidation<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, liquidator, liquidatee: owner and discriminator checked by their loaders; of one clearing house
        require_keys_neq!(
            self.liquidator.key(),
            self.liquidatee.key(),
            MarginError::SelfLiquidation
        );
        let (liquidator, liquidatee) = (self.liquidator.load()?, self.liquidatee.load()?);
        for account in [&liquidator, &liquidatee] {
            require_keys_eq!(
                account.clearinghouse,
                self.clearinghouse.key(),
                MarginError::ClearinghouseMismatch
            );
        }
        // liquidator_owner: signs, owns the liquidator, does not own the liquidatee
        require_keys_eq!(
            liquidator.owner,
            self.liquidator_owner.key(),
            MarginError::NotOwner
        );
        require_keys_neq!(
            liquidatee.owner,
            liquidator.owner,
            MarginError::SelfLiquidation
        );
        require_eq!(
            liquidator.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        require_eq!(
            liquidatee.status,
            STATUS_LIQUIDATING,
            MarginError::NotLiquidating
        );
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, BidLiquidation<'info>>, args: BidArgs) -> Result<()> {
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

    let mut delta = HouseDelta::new(&house.interest, now);
    let liquidation = Check {
        clearinghouse: accounts.clearinghouse.key(),
        house: &house,
        now,
        witness: Some(&args.witness),
    };
    let cursor = Cursor::new(ctx.remaining_accounts);
    let (plan, health) = sell_slice(
        &liquidation,
        [&mut from, &mut to],
        &args,
        cursor,
        &mut delta,
    )?;
    drop(house);
    delta.apply(&accounts.clearinghouse)?;
    let liquidatee_sequence = from.bump_sequence()?;
    let liquidator_sequence = to.bump_sequence()?;
    emit!(LiquidationBid {
        liquidatee: accounts.liquidatee.key(),
        liquidator: accounts.liquidator.key(),
        fraction: plan.fraction,
        price: plan.price.raw(),
        fund_fee: 0,
        discount: 0,
        maintenance_health: health.raw(),
        liquidatee_sequence,
        liquidator_sequence,
    });
    Ok(())
}

/// Plans the slice, moves it, and checks both accounts; returns the plan and the seller's maintenance health before it.
fn sell_slice<'info>(
    check: &Check<'_>,
    [from, to]: [&mut AccountBook<'_>; 2],
    args: &BidArgs,
    mut cursor: Cursor<'info>,
    delta: &mut HouseDelta,
) -> Result<(SlicePlan, Quote)> {
    let (seller, buyer) = (delta.open(from)?, delta.open(to)?);
    let sold = from.scope()?;
    let start = cursor.clone();
    let evaluation = check.evaluate(from, &sold, &mut cursor)?;
    let doubt = evaluation.doubt;
    let report = evaluation.accepted_by(Action::Repair)?;
    let terms = check.house.liquidation_terms();
    let reserved = Quote::from_raw(from.header.reserved_cash);
    let plan = plan_slice(&report, &terms, reserved, args.fraction).map_err(slice_error)?;
    require_gte!(
        args.price_limit,
        plan.price.raw(),
        MarginError::PriceAboveLimit
    );

    let bought = to.scope()?.union(&sold)?;
    let mut open = OpenInterest::default();
    transfer_slice(from, to, &plan, &mut open)?;
    to.require_expiries()?;
    delta.require_limit(&buyer, to)?;
    require_improved(check, from, &sold, start.clone(), &report)?;
    let whole = Check::whole(check.clearinghouse, check.house, check.now);
    require_solvent_bidder(&whole, to, &bought, doubt.is_some(), &mut cursor)?;
    cursor.finish()?;
    write_open_interest(&open, &sold, start)?;
    delta.close(seller, from)?;
    delta.close(buyer, to)?;
    Ok((plan, report.maintenance_health))
}

/// Moves the planned part of every position, collateral and unreserved cash, and the price the other way.
///
/// What leaves one account is exactly what the other receives. Assets are rounded toward zero and short options away from
/// it: rounding, which a bidder can repeat, favours the account.
fn transfer_slice(
    from: &mut AccountBook<'_>,
    to: &mut AccountBook<'_>,
    plan: &SlicePlan,
    open: &mut OpenInterest,
) -> Result<()> {
    transfer_positions(from, to, plan.fraction, open)?;
    transfer_collateral(from, to, plan.fraction)?;

    let for_sale = from.header.cash.checked_sub(plan.reserved.raw());
    let for_sale = Quote::from_raw(for_sale.ok_or_else(overflow)?);
    let part = for_sale
        .scale_toward_zero(plan.fraction, FRACTION_ONE)
        .map_err(risk_error)?;
    let paid = plan.price.checked_sub(part).map_err(risk_error)?.raw();
    from.add_cash(paid)?;
    to.add_cash(paid.checked_neg().ok_or_else(overflow)?)?;
    let reserved = plan.reserved.raw().checked_add(plan.price.raw());
    from.header.reserved_cash = reserved.ok_or_else(overflow)?;
    transfer_interest(from, to, plan.fraction)
}

/// Moves the planned part of the interest due, which the price counts like cash.
fn transfer_interest(
    from: &mut AccountBook<'_>,
    to: &mut AccountBook<'_>,
    fraction: u64,
) -> Result<()> {
    let part = part_floor(from.header.interest_due, fraction)?;
    let due = [
        from.header.interest_due.checked_sub(part),
        to.header.interest_due.checked_add(part),
    ];
    let [left, received] = due;
    from.header.interest_due = left.ok_or_else(overflow)?;
    to.header.interest_due = received.ok_or_else(overflow)?;
    Ok(())
}

/// A part of an amount, 1e-9, rounded down.
fn part_floor(amount: u64, fraction: u64) -> Result<u64> {
    u128::from(amount)
        .checked_mul(fraction.into())
        .and_then(|product| product.checked_div(FRACTION_ONE.into()))
        .and_then(|part| u64::try_from(part).ok())
        .ok_or_else(overflow)
}

fn transfer_positions(
    from: &mut AccountBook<'_>,
    to: &mut AccountBook<'_>,
    fraction: u64,
    open: &mut OpenInterest,
) -> Result<()> {
    let mut index = 0usize;
    while let Some(record) = from.position(index) {
        let held = Quantity::from_raw(record.quantity);
        // A short option is a liability: no slice leaves more of it behind than its share.
        let is_short_option = record.quantity < 0 && record.strike > 0;
        let part = if is_short_option {
            held.scale_away_from_zero(fraction, FRACTION_ONE)
        } else {
            held.scale_toward_zero(fraction, FRACTION_ONE)
        };
        let quantity = part.map_err(risk_error)?.raw();
        let cost = Quote::from_raw(record.cost)
            .scale_toward_zero(fraction, FRACTION_ONE)
            .map_err(risk_error)?
            .raw();
        // |quantity| and |cost| do not exceed the record's, which can be negated: see the part's rounding.
        let given = from.add_position(&record, quantity.saturating_neg(), cost.saturating_neg())?;
        let taken = to.add_position(&record, quantity, cost)?;
        open.add(&record, given)?;
        open.add(&record, taken)?;
        // A record that was sold whole is gone, and the next one stands in its place.
        let emptied = quantity == record.quantity && cost == record.cost;
        index = index.saturating_add(usize::from(!emptied));
    }
    Ok(())
}

/// Writes what the slice changes of open interest to the liquidatee's markets, of which `cursor` stands at the first account
/// of the check. No limit applies: a slice makes open interest no larger, and a limit may stop no repair.
///
/// Errors: `MarketReadOnly` for a market that changes.
fn write_open_interest(open: &OpenInterest, sold: &Scope, mut cursor: Cursor<'_>) -> Result<()> {
    for _ in sold.banks.as_slice() {
        cursor.next_pair()?;
    }
    for index in sold.markets.as_slice() {
        let account = cursor.next_pair()?;
        if !open.touches(*index) {
            continue;
        }
        if !account.is_writable {
            msg!("market {}", index);
            return err!(MarginError::MarketReadOnly);
        }
        let loader = AccountLoader::<Market>::try_from(account)?;
        let mut market = loader.load_mut()?;
        open.write(&mut market, Limits::Ignored)?;
    }
    Ok(())
}

fn transfer_collateral(
    from: &mut AccountBook<'_>,
    to: &mut AccountBook<'_>,
    fraction: u64,
) -> Result<()> {
    for balance in from.header.collateral {
        let part = part_floor(balance.amount, fraction)?;
        from.take_collateral(balance.bank, part)?;
        to.add_collateral(balance.bank, balance.offset_market, part)?;
    }
    Ok(())
}

/// INV-13: parts are rounded leg by leg, so that a bid improves the account is checked, not assumed.
fn require_improved(
    check: &Check<'_>,
    book: &AccountBook<'_>,
    scope: &Scope,
    mut cursor: Cursor<'_>,
    before: &MarginReport,
) -> Result<()> {
    let after = check.evaluate(book, scope, &mut cursor)?.report;
    require_gt!(
        after.maintenance_health.raw(),
        before.maintenance_health.raw(),
        MarginError::HealthNotImproved
    );
    Ok(())
}

/// INV-14: the bidder ends with initial health. Prices that only a repair accepts are good enough for it where they were
/// needed to value the liquidatee: they may not stop the repair. Nor may the charge for them: when the poster of surfaces falls
/// silent it grows to the whole notional of every option, which no keeper has.
fn require_solvent_bidder(
    check: &Check<'_>,
    to: &AccountBook<'_>,
    scope: &Scope,
    accept_doubt: bool,
    cursor: &mut Cursor<'_>,
) -> Result<()> {
    let evaluation = check.evaluate(to, scope, cursor)?;
    let report = if accept_doubt {
        let mut report = evaluation.report;
        let charge = report.contingencies.confidence;
        report.initial_health = report
            .initial_health
            .checked_add(charge)
            .map_err(risk_error)?;
        report
    } else {
        evaluation.certain()?
    };
    check.require_openable(to.header.tier(), &report)
}
