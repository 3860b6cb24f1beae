//! Takes a part of an insolvent account's whole book, paid by the insurance fund and then by the account, into bad debt.
//!
//! There is no equity to sell, so the bidder pays nothing and is paid: a part of what grows, from nothing to the account's maintenance
//! deficit, in the time since its insolvency was proved. The first bidder for whom that is enough takes it; of the fund's money it costs
//! no more than that. What the fund does not pay, the account owes, but never more than what makes the slice worth nothing: an
//! incentive is the fund's to give, and only a loss that is there anyway is left for others.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{plan_insolvent_slice, InsolventOffer, InsolventSlice, Wanted};
use risk_core::margin::MarginReport;
use risk_core::Quote;

use super::parties::require_parties;
use super::slice::{pay, require_solvent_bidder, write_open_interest, Slice};
use crate::bridge::{Check, Cursor};
use crate::error::{overflow, slice_error, MarginError};
use crate::event::InsolventBid;
use crate::oracle::Action;
use crate::state::insolvency::{end_liquidation, prove, ProofChange};
use crate::state::{AccountBook, HouseDelta, Market};

#[derive(Accounts)]
pub struct BidInsolvent<'info> {
    pub liquidator_owner: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
    /// The market that the liquidatee's loss counts in; none where it names none.
    #[account(mut)]
    pub loss_market: Option<AccountLoader<'info, Market>>,
}

impl BidInsolvent<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, liquidator, liquidatee: owner and discriminator checked by their loaders; of one clearing house, active and
        // in liquidation with a proof
        // liquidator_owner: signs, owns the liquidator, does not own the liquidatee
        let house = self.clearinghouse.key();
        require_parties(
            &house,
            self.liquidator_owner.key,
            &self.liquidator,
            &self.liquidatee,
        )?;
        let liquidatee = self.liquidatee.load()?;
        require_neq!(liquidatee.insolvent_at, 0, MarginError::InsolvencyUnproven);
        // loss_market: owner and discriminator checked by its loader; the one that the liquidatee names, if any
        let named = match &self.loss_market {
            None => 0,
            Some(loader) => {
                let market = loader.load()?;
                require_keys_eq!(
                    market.clearinghouse,
                    house,
                    MarginError::ClearinghouseMismatch
                );
                market.index.saturating_add(1)
            }
        };
        require_eq!(
            named,
            liquidatee.loss_market,
            MarginError::LossMarketMismatch
        );
        Ok(())
    }

    /// What the insurance fund may pay: what is left of the market's part, and what is there.
    fn insurance(&self, house: &Clearinghouse) -> Result<Quote> {
        let left = match &self.loss_market {
            None => u64::MAX,
            Some(loader) => loader.load()?.insurance_left(),
        };
        let most = i64::try_from(left.min(house.insurance)).unwrap_or(i64::MAX);
        Ok(Quote::from_raw(most))
    }

    /// Takes what the fund pays out of it; the tokens back balances from now on.
    fn pay_insurance(&self, amount: Quote, proof: ProofChange) -> Result<()> {
        let amount = u64::try_from(amount.raw()).map_err(|_| overflow())?;
        let mut house = self.clearinghouse.load_mut()?;
        let insurance = house.insurance.checked_sub(amount);
        house.insurance = insurance.ok_or_else(overflow)?;
        proof.apply_to(&mut house)?;
        if let Some(loader) = &self.loss_market {
            let mut market = loader.load_mut()?;
            let used = market.insurance_used.checked_add(amount);
            market.insurance_used = used.ok_or_else(overflow)?;
        }
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, BidInsolvent<'info>>, args: BidArgs) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let house = accounts.clearinghouse.load()?;
    let (from_info, to_info) = (
        accounts.liquidatee.to_account_info(),
        accounts.liquidator.to_account_info(),
    );
    let mut from_data = from_info.try_borrow_mut_data()?;
    let mut to_data = to_info.try_borrow_mut_data()?;
    let mut from = AccountBook::open(&mut from_data)?;
    let mut to = AccountBook::open(&mut to_data)?;
    let bid = Bid {
        check: Check {
            clearinghouse: accounts.clearinghouse.key(),
            house: &house,
            now,
            witness: Some(&args.witness),
        },
        args: &args,
        insurance: accounts.insurance(&house)?,
    };
    let mut delta = HouseDelta::new(&house.interest, now);
    let cursor = Cursor::new(ctx.remaining_accounts);
    let Taken {
        slice,
        before,
        proof,
    } = bid.take(&mut from, &mut to, cursor, &mut delta)?;
    drop(house);
    delta.apply(&accounts.clearinghouse)?;
    accounts.pay_insurance(slice.insurance, proof)?;
    emit!(InsolventBid {
        liquidatee: accounts.liquidatee.key(),
        liquidator: accounts.liquidator.key(),
        fraction: slice.fraction,
        insurance: slice.insurance.raw().unsigned_abs(),
        debt: slice.debt.raw().unsigned_abs(),
        maintenance_health: before.maintenance_health.raw(),
        liquidatee_sequence: from.bump_sequence()?,
        liquidator_sequence: to.bump_sequence()?,
    });
    Ok(())
}

/// A bid and what it is checked by.
struct Bid<'a> {
    /// By the bidder's witness.
    check: Check<'a>,
    args: &'a BidArgs,
    /// What the insurance fund may pay.
    insurance: Quote,
}

/// What a bid has done.
struct Taken {
    slice: InsolventSlice,
    /// The liquidatee's margin before.
    before: MarginReport,
    /// What it lacks after.
    proof: ProofChange,
}

impl Bid<'_> {
    /// Plans the slice, moves it, pays for it, and checks both accounts.
    fn take<'info>(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        mut cursor: Cursor<'info>,
        delta: &mut HouseDelta,
    ) -> Result<Taken> {
        let (check, now) = (&self.check, self.check.now);
        let (seller, buyer) = (delta.open(from)?, delta.open(to)?);
        delta.book_due(from)?;
        let sold = from.scope()?;
        let size = to.size();
        let bought = to.scope()?.union(&sold)?;
        let start = cursor.clone();
        let evaluation = check.evaluate(from, &sold, &mut cursor)?;
        let doubt = evaluation.doubt;
        let before = evaluation.accepted_by(Action::Repair)?;
        let slice = self.plan(from.header, &before)?;

        let part = Slice {
            fraction: slice.fraction,
            reserved: Quote::ZERO,
        };
        let had_book = is_book(from);
        let open = part.transfer(from, to)?;
        pay(to, from, slice.debt.raw())?;
        to.add_cash(slice.insurance.raw())?;
        delta.add_funds(slice.insurance.raw())?;
        from.header.reserved_cash = 0;
        to.require_size(size)?;
        delta.require_limit(&buyer, to)?;

        let after = check.evaluate(from, &sold, &mut start.clone())?.report;
        let is_emptied = had_book && !is_book(from);
        if !is_emptied {
            // INV-13: legs are rounded one by one, so that a bid improves the account is checked, not assumed
            let health = [after, before].map(|report| report.maintenance_health.raw());
            require_gt!(health[0], health[1], MarginError::HealthNotImproved);
        }
        let whole = Check::whole(check.clearinghouse, check.house, now);
        require_solvent_bidder(&whole, to, &bought, doubt.is_some(), &mut cursor)?;
        cursor.finish()?;
        write_open_interest(&open, &sold, start)?;
        let proof = match is_emptied && from.header.cash >= 0 {
            true => end_liquidation(from.header),
            false => prove(from.header, after.equity.raw().min(0).unsigned_abs(), now),
        };
        delta.close(seller, from)?;
        delta.close(buyer, to)?;
        Ok(Taken {
            slice,
            before,
            proof,
        })
    }

    /// What the bidder gets of an account with this margin.
    ///
    /// Errors: `AccountSolvent` with the equity, those of a slice, `PriceAboveLimit` with the limit and what it pays: less than nothing.
    fn plan(&self, account: &MarginAccount, report: &MarginReport) -> Result<InsolventSlice> {
        let (now, terms) = (self.check.now, self.check.house.liquidation.auction());
        let elapsed = now.saturating_sub(account.liquidation_started_at);
        let equity = report.equity.raw();
        if equity > 0 && !terms.is_exhausted(elapsed) {
            return Err(error!(MarginError::AccountSolvent).with_values((equity, 0)));
        }
        let deficit = Quote::ZERO.checked_sub(report.maintenance_health);
        let elapsed = now.saturating_sub(account.insolvent_at);
        let offer = InsolventOffer {
            payout: terms.payout_floor(deficit.map_err(crate::error::risk_error)?, elapsed),
            insurance: self.insurance,
        };
        let wanted = Wanted {
            fraction: self.args.fraction,
            minimum: self.args.minimum,
        };
        let slice = plan_insolvent_slice(report, &offer, wanted).map_err(slice_error)?;
        // each at most the payout
        let received = slice.insurance.raw().saturating_add(slice.debt.raw());
        require_gte!(
            self.args.price_limit,
            received.saturating_neg(),
            MarginError::PriceAboveLimit
        );
        Ok(slice)
    }
}

/// Whether an account holds anything but its quote balance.
fn is_book(book: &AccountBook<'_>) -> bool {
    !book.positions().is_empty() || book.header.used_collateral().next().is_some()
}
