//! Buys a pro-rata slice of an account in liquidation: all legs together, so that hedges travel with what they hedge.
//!
//! The discount off equity grows with the time since the auction began, so that somebody finds the slice worth its risk. Of what a
//! bidder gains, a share goes to the insurance fund, which pays where an auction begins too late.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{plan_slice, LiquidationTerms, SlicePlan, Wanted};
use risk_core::margin::MarginReport;
use risk_core::Quote;

use super::parties::require_parties;
use super::slice::{
    correct_proof, pay, pay_fund, require_improved, require_solvent_bidder, write_open_interest,
    Slice,
};
use crate::bridge::{Check, Cursor};
use crate::error::{overflow, risk_error, slice_error, MarginError};
use crate::event::LiquidationBid;
use crate::oracle::Action;
use crate::state::insolvency::ProofChange;
use crate::state::{AccountBook, HouseDelta};

#[derive(Accounts)]
pub struct BidLiquidation<'info> {
    pub liquidator_owner: Signer<'info>,
    /// Writable where a debt of either account changes, where the insurance fund has a share of the reward, and where the liquidatee
    /// was proved to lack anything.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
}

impl BidLiquidation<'_> {
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
    let sold = sell_slice(
        &liquidation,
        [&mut from, &mut to],
        &args,
        cursor,
        &mut delta,
    )?;
    drop(house);
    delta.apply(&accounts.clearinghouse)?;
    pay_fund(&accounts.clearinghouse, sold.plan.fund_fee)?;
    sold.proof.apply(&accounts.clearinghouse)?;
    let liquidatee_sequence = from.bump_sequence()?;
    let liquidator_sequence = to.bump_sequence()?;
    emit!(LiquidationBid {
        liquidatee: accounts.liquidatee.key(),
        liquidator: accounts.liquidator.key(),
        fraction: sold.plan.fraction,
        price: sold.plan.price.raw(),
        fund_fee: sold.plan.fund_fee.raw(),
        discount: sold.discount,
        maintenance_health: sold.maintenance_health.raw(),
        liquidatee_sequence,
        liquidator_sequence,
    });
    Ok(())
}

/// A slice that was sold.
struct Sold {
    plan: SlicePlan,
    /// Share off equity, 1e-6.
    discount: u32,
    /// The seller's, before.
    maintenance_health: Quote,
    /// Its proof of insolvency, where it had one.
    proof: ProofChange,
}

/// Plans the slice, moves it, and checks both accounts.
fn sell_slice<'info>(
    check: &Check<'_>,
    [from, to]: [&mut AccountBook<'_>; 2],
    args: &BidArgs,
    mut cursor: Cursor<'info>,
    delta: &mut HouseDelta,
) -> Result<Sold> {
    let (seller, buyer) = (delta.open(from)?, delta.open(to)?);
    let sold = from.scope()?;
    let start = cursor.clone();
    let evaluation = check.evaluate(from, &sold, &mut cursor)?;
    let doubt = evaluation.doubt;
    let report = evaluation.accepted_by(Action::Repair)?;
    let terms = terms_now(check, from.header, &report);
    let plan = plan_bid(from.header, &report, &terms, args)?;

    let size = to.size();
    let bought = to.scope()?.union(&sold)?;
    let slice = Slice {
        fraction: plan.fraction,
        reserved: plan.reserved,
    };
    let open = slice.transfer(from, to)?;
    pay(from, to, plan.price.raw())?;
    let fund_fee = plan.fund_fee.raw().saturating_neg(); // at least zero
    to.add_cash(fund_fee)?;
    delta.add_funds(fund_fee)?;
    let reserved = plan.reserved.raw().checked_add(plan.price.raw());
    from.header.reserved_cash = reserved.ok_or_else(overflow)?;
    to.require_size(size)?;
    delta.require_limit(&buyer, to)?;
    require_improved(check, from, &sold, start.clone(), &report)?;
    let whole = Check::whole(check.clearinghouse, check.house, check.now);
    require_solvent_bidder(&whole, to, &bought, doubt.is_some(), &mut cursor)?;
    cursor.finish()?;
    write_open_interest(&open, &sold, start)?;
    delta.close(seller, from)?;
    delta.close(buyer, to)?;
    Ok(Sold {
        plan,
        proof: correct_proof(check, from.header),
        // at most 1.0
        discount: u32::try_from(terms.discount.raw()).map_err(|_| overflow())?,
        maintenance_health: report.maintenance_health,
    })
}

/// The terms at this time of the auction. Above maintenance nothing hurries: the discount stays in its fast phase.
fn terms_now(check: &Check<'_>, seller: &MarginAccount, report: &MarginReport) -> LiquidationTerms {
    let record = &check.house.liquidation;
    let elapsed = check.now.saturating_sub(seller.liquidation_started_at);
    let is_maintained = report.maintenance_health.raw() >= 0;
    record.terms(record.auction().discount_floor(elapsed, is_maintained))
}

/// The slice that a bid gets, within the bidder's limits.
///
/// Errors: those of [`plan_slice`], `PriceAboveLimit` with the limit and what the bidder would pay in all.
fn plan_bid(
    seller: &MarginAccount,
    report: &MarginReport,
    terms: &LiquidationTerms,
    args: &BidArgs,
) -> Result<SlicePlan> {
    let wanted = Wanted {
        fraction: args.fraction,
        minimum: args.minimum,
    };
    let reserved = Quote::from_raw(seller.reserved_cash);
    let plan = plan_slice(report, terms, reserved, wanted).map_err(slice_error)?;
    let paid = plan.price.checked_add(plan.fund_fee).map_err(risk_error)?;
    require_gte!(args.price_limit, paid.raw(), MarginError::PriceAboveLimit);
    Ok(plan)
}
