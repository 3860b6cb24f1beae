//! Buys a pro-rata slice of an account in liquidation: all legs together, so that hedges travel with what they hedge.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{plan_slice, SlicePlan};
use risk_core::Quote;

use super::slice::{pay, require_improved, require_solvent_bidder, write_open_interest, Slice};
use crate::bridge::{Check, Cursor};
use crate::error::{overflow, slice_error, MarginError};
use crate::event::LiquidationBid;
use crate::oracle::Action;
use crate::state::{AccountBook, HouseDelta};

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
    let slice = Slice {
        fraction: plan.fraction,
        reserved: plan.reserved,
    };
    let open = slice.transfer(from, to)?;
    pay(from, to, plan.price.raw())?;
    let reserved = plan.reserved.raw().checked_add(plan.price.raw());
    from.header.reserved_cash = reserved.ok_or_else(overflow)?;
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
