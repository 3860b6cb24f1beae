//! The last resort: gives positions of an insolvent account that nobody bid for to an account whose risk is opposite.
//!
//! A counterparty is asked by its *risk*, not by its profit: it must come out with a lower requirement, in every market, and without
//! loss of equity or initial health. The part is clamped to the one that relieves it most ([`risk_core::deleverage`]), so that its risk
//! never changes sides: whoever is hedged has nothing to give relief from, and keeps both legs.
//!
//! Prices of the markets that move must be good enough to open on, since the counterparty does not sign. A feed may die and never come
//! back: a day after the insolvent phase the last stored price does, which nobody chose; a wide or a volatile one never does. Doubts
//! about other markets of either account do not count: nothing changes hands there, and a leg in a dying market would else be a shelter.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::DeleverageArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::deleverage::{is_relieved, with_cash, LEAST_OPPOSITION};
use risk_core::liquidation::LEAST_FRACTION;
use risk_core::margin::MarginReport;
use risk_core::{Quote, Ratio};

use super::handover::{Handed, Handover};
use super::profile::{Part, Profile};
use crate::bridge::{Check, Cursor, Scope};
use crate::error::{overflow, risk_error, MarginError};
use crate::event::AccountDeleveraged;
use crate::oracle::Action;
use crate::state::{AccountBook, HouseDelta};

/// How long after the insolvent phase prices have to be good enough to open on, seconds.
pub const PRICE_PATIENCE: i64 = 86_400;

#[derive(Accounts)]
pub struct AutoDeleverage<'info> {
    pub caller: Signer<'info>,
    /// The debt of the liquidatee changes.
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub counterparty: AccountLoader<'info, MarginAccount>,
}

impl AutoDeleverage<'_> {
    fn validate(&self) -> Result<()> {
        // caller: signs, may be anybody, also the owner of either account
        // clearinghouse, liquidatee, counterparty: owner and discriminator checked by their loaders; of one clearing house.
        // Two accounts, which may have one owner: who hedged a bankrupt account with another is the first who should be asked.
        require_keys_neq!(
            self.liquidatee.key(),
            self.counterparty.key(),
            MarginError::SelfLiquidation
        );
        let (liquidatee, counterparty) = (self.liquidatee.load()?, self.counterparty.load()?);
        for account in [&liquidatee, &counterparty] {
            require_keys_eq!(
                account.clearinghouse,
                self.clearinghouse.key(),
                MarginError::ClearinghouseMismatch
            );
        }
        require_eq!(
            liquidatee.status,
            STATUS_LIQUIDATING,
            MarginError::NotLiquidating
        );
        require_eq!(
            counterparty.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        Ok(())
    }

    /// Refuses while somebody may still bid; returns what prices have to be good for.
    fn price_action(&self, now: i64) -> Result<Action> {
        let proved_at = self.liquidatee.load()?.insolvent_at;
        require_neq!(proved_at, 0, MarginError::InsolvencyUnproven);
        let elapsed = now.saturating_sub(proved_at);
        let auction = self.clearinghouse.load()?.liquidation.auction();
        if !auction.is_payout_whole(elapsed) {
            let values = (elapsed, auction.insolvent_seconds);
            return Err(error!(MarginError::PayoutRunning).with_values(values));
        }
        let waited = elapsed.saturating_sub(auction.insolvent_seconds);
        match waited < PRICE_PATIENCE {
            true => Ok(Action::Open),
            false => Ok(Action::Deleverage),
        }
    }
}

pub fn handler<'info>(
    ctx: Context<'info, AutoDeleverage<'info>>,
    args: DeleverageArgs,
) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let action = accounts.price_action(now)?;
    let house = accounts.clearinghouse.load()?;
    let (from_info, to_info) = (
        accounts.liquidatee.to_account_info(),
        accounts.counterparty.to_account_info(),
    );
    let (mut from_data, mut to_data) = (
        from_info.try_borrow_mut_data()?,
        to_info.try_borrow_mut_data()?,
    );
    let mut from = AccountBook::open(&mut from_data)?;
    let mut to = AccountBook::open(&mut to_data)?;

    let mut delta = HouseDelta::new(&house.interest, now);
    let (giver, taker) = (delta.open(&mut from)?, delta.open(&mut to)?);
    let check = Check::whole(accounts.clearinghouse.key(), &house, now);
    let deleverage = Deleverage {
        check: &check,
        action,
        args: &args,
    };
    let cursor = Cursor::new(ctx.remaining_accounts);
    let done = deleverage.execute(&mut from, &mut to, cursor)?;
    delta.close(giver, &mut from)?;
    delta.close(taker, &mut to)?;
    drop(house);
    delta.apply(&accounts.clearinghouse)?;
    let liquidatee_sequence = from.bump_sequence()?;
    let counterparty_sequence = to.bump_sequence()?;
    emit!(AccountDeleveraged {
        liquidatee: accounts.liquidatee.key(),
        counterparty: accounts.counterparty.key(),
        market: args.market.map_or(0, |market| market.saturating_add(1)),
        fraction: done.fraction,
        paid: done.paid.raw(),
        realized: done.realized,
        opposition: done.opposition.raw(),
        liquidatee_sequence,
        counterparty_sequence,
    });
    Ok(())
}

/// A deleverage between two open books.
struct Deleverage<'a> {
    check: &'a Check<'a>,
    action: Action,
    args: &'a DeleverageArgs,
}

/// What a deleverage did.
struct Deleveraged {
    fraction: u64,
    paid: Quote,
    realized: u64,
    opposition: Ratio,
}

/// A side before the deleverage.
struct Before<'info> {
    scope: Scope,
    /// Where the accounts of its check begin.
    start: Cursor<'info>,
    report: MarginReport,
    profile: Profile,
    /// What one bid on it can cost, compute units.
    size: u32,
}

impl Deleverage<'_> {
    /// Evaluates both sides, moves the part, and evaluates both again.
    fn execute<'info>(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        mut cursor: Cursor<'info>,
    ) -> Result<Deleveraged> {
        let scope = from.scope()?;
        let giver = self.look_at(from, scope, Part::Positions(self.args.market), &mut cursor)?;
        let equity = giver.report.equity.raw();
        if equity > 0 {
            return Err(error!(MarginError::AccountSolvent).with_values((equity, 0)));
        }
        let mut scope = to.scope()?;
        for index in giver.scope.markets.as_slice() {
            if self.args.market.is_none_or(|only| only == *index) {
                scope.markets.insert(*index)?;
            }
        }
        let taker = self.look_at(to, scope, Part::Whole, &mut cursor)?;
        cursor.finish()?;
        let (fraction, opposition) = self.size(&giver, &taker)?;
        let handover = Handover {
            check: self.check,
            fraction,
            market: self.args.market,
        };
        let Handed { realized, doubt } =
            handover.apply(from, to, &giver.scope, giver.start.clone())?;
        self.action.accept(doubt)?;
        let paid = self.settle(from, to, &taker)?;
        self.require_improved(from, &giver)?;
        Ok(Deleveraged {
            fraction,
            paid,
            realized,
            opposition,
        })
    }

    #[inline(never)]
    fn look_at<'info>(
        &self,
        book: &AccountBook<'_>,
        scope: Scope,
        part: Part,
        cursor: &mut Cursor<'info>,
    ) -> Result<Before<'info>> {
        let start = cursor.clone();
        let mut profile = Profile::new(book.header, part, scope.markets.as_slice().len());
        let evaluation = self
            .check
            .evaluate_for(book, &scope, cursor, &mut profile)?;
        let report = evaluation.accepted_by(Action::Repair)?;
        Ok(Before {
            scope,
            start,
            report,
            profile,
            size: book.size(),
        })
    }

    /// The part that is given: what the caller asked for, at most what relieves the counterparty most.
    fn size(&self, giver: &Before<'_>, taker: &Before<'_>) -> Result<(u64, Ratio)> {
        let (opposition, most) = taker.profile.compared_with(&giver.profile);
        if opposition < LEAST_OPPOSITION {
            let values = (opposition.raw(), LEAST_OPPOSITION.raw());
            return Err(error!(MarginError::RiskNotOpposite).with_values(values));
        }
        let fraction = most.min(self.args.fraction);
        require_gte!(fraction, LEAST_FRACTION, MarginError::SliceTooSmall);
        Ok((fraction, opposition))
    }

    /// Pays the counterparty what keeps its equity, and refuses where it is not better off: INV-17. Returns what it received.
    ///
    /// Errors: `ScopeTooWide`, `CashNegative` where it had to borrow, `RiskNotReduced` with both requirements.
    #[inline(never)]
    fn settle(
        &self,
        from: &mut AccountBook<'_>,
        to: &mut AccountBook<'_>,
        before: &Before<'_>,
    ) -> Result<Quote> {
        to.require_size(before.size)?;
        let after = self.look_at(to, before.scope, Part::Whole, &mut before.start.clone())?;
        let (held, risen) = (&before.report, after.profile.risen_since(&before.profile));
        let paid = held.equity.checked_sub(after.report.equity);
        let paid = paid.map_err(risk_error)?;
        let report = with_cash(&after.report, paid).map_err(risk_error)?;
        let cash = to.header.cash;
        to.add_cash(paid.raw())?;
        from.add_cash(paid.raw().checked_neg().ok_or_else(overflow)?)?;
        if to.header.cash < cash.min(0) {
            let values = (to.header.cash, cash.min(0));
            return Err(error!(MarginError::CashNegative).with_values(values));
        }
        if let Some((market, before, after)) = risen {
            msg!("market {}", market);
            let values = (after.raw(), before.raw());
            return Err(error!(MarginError::RiskNotReduced).with_values(values));
        }
        if !is_relieved(held, &report) {
            msg!(
                "initial health {} -> {}, gross notional {} -> {}",
                held.initial_health.raw(),
                report.initial_health.raw(),
                held.gross_notional.raw(),
                report.gross_notional.raw()
            );
            let margins = [report, *held].map(|report| report.maintenance_margin().raw());
            let [after, before] = margins;
            return Err(error!(MarginError::RiskNotReduced).with_values((after, before)));
        }
        Ok(paid)
    }

    /// INV-13: the liquidatee is better off as well, or rid of its positions.
    #[inline(never)]
    fn require_improved(&self, from: &AccountBook<'_>, before: &Before<'_>) -> Result<()> {
        if from.positions().is_empty() {
            return Ok(());
        }
        let mut cursor = before.start.clone();
        let after = self
            .check
            .evaluate(from, &before.scope, &mut cursor)?
            .report;
        require_gt!(
            after.maintenance_health.raw(),
            before.report.maintenance_health.raw(),
            MarginError::HealthNotImproved
        );
        Ok(())
    }
}
