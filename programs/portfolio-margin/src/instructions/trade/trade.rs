//! Exchanges legs between two accounts at agreed prices; both are checked with the full grid.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::margin::{MarginReport, MOST_OPEN_NOTIONAL};

use super::legs::validate_legs;
use crate::bridge::{Check, Cursor, Evaluation, Scope};
use crate::error::MarginError;
use crate::event::Traded;
use crate::state::{AccountBook, Side};

#[derive(Accounts)]
pub struct Trade<'info> {
    pub taker_owner: Signer<'info>,
    pub maker_owner: Signer<'info>,
    #[account(mut)]
    pub taker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub maker: AccountLoader<'info, MarginAccount>,
}

impl Trade<'_> {
    fn validate(&self, legs: &[TradeLeg], now: i64) -> Result<()> {
        // taker, maker: two accounts, owner and discriminator checked by their loaders, of one clearing house
        require_keys_neq!(self.taker.key(), self.maker.key(), MarginError::SelfTrade);
        let (taker, maker) = (self.taker.load()?, self.maker.load()?);
        require_keys_eq!(
            taker.clearinghouse,
            maker.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        // taker_owner, maker_owner: both sign, each owns its account
        require_keys_eq!(taker.owner, self.taker_owner.key(), MarginError::NotOwner);
        require_keys_eq!(maker.owner, self.maker_owner.key(), MarginError::NotOwner);
        validate_legs(legs, now)
    }
}

pub fn handler<'info>(ctx: Context<'info, Trade<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
    let accounts = &ctx.accounts;
    let now = Clock::get()?.unix_timestamp;
    accounts.validate(&legs, now)?;
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let taker_sequence = apply_side(&accounts.taker, &legs, Side::Taker, now, &mut cursor)?;
    let maker_sequence = apply_side(&accounts.maker, &legs, Side::Maker, now, &mut cursor)?;
    cursor.finish()?;
    emit!(Traded {
        taker: accounts.taker.key(),
        maker: accounts.maker.key(),
        taker_sequence,
        maker_sequence,
        legs,
    });
    Ok(())
}

/// Applies the legs to one account and checks its margin; returns its new sequence number.
#[inline(never)]
fn apply_side<'info>(
    account: &AccountLoader<'info, MarginAccount>,
    legs: &[TradeLeg],
    side: Side,
    now: i64,
    cursor: &mut Cursor<'info>,
) -> Result<u64> {
    let info = account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let mut scope = book.scope()?;
    for leg in legs {
        // In liquidation no new market: it would change the accounts that a pending bid names.
        let held = scope.markets.as_slice().contains(&leg.market);
        if !held && book.header.status != STATUS_ACTIVE {
            msg!("market {} is not held", leg.market);
            return err!(MarginError::AccountLiquidating);
        }
        scope.markets.insert(leg.market)?;
    }
    book.apply_legs(legs, side)?;
    book.require_cash()?;
    check_after(&mut book, legs, side, now, &scope, cursor)?;
    book.bump_sequence()
}

/// The account must be openable after the legs, or they must have reduced its risk; an account in liquidation may only
/// reduce. A reduction is judged with the prices that a repair accepts, so that a dying oracle keeps nobody in a position.
fn check_after<'info>(
    book: &mut AccountBook<'_>,
    legs: &[TradeLeg],
    side: Side,
    now: i64,
    scope: &Scope,
    cursor: &mut Cursor<'info>,
) -> Result<()> {
    let check = Check {
        clearinghouse: book.header.clearinghouse,
        now,
        witness: None,
    };
    let start = cursor.clone();
    let Evaluation {
        report: after,
        doubt,
    } = check.evaluate(book, scope, cursor)?;
    let active = book.header.status == STATUS_ACTIVE;
    if active && doubt.is_none() && after.is_openable() {
        return Ok(());
    }
    // Legs only add, so undoing them shows the account as it was, and applying them again as it is.
    book.undo_legs(legs, side)?;
    *cursor = start;
    let before = check.evaluate(book, scope, cursor)?.report;
    book.apply_legs(legs, side)?;
    if after.reduces_risk_of(&before) {
        return Ok(());
    }
    msg!(
        "initial health {} -> {}, maintenance health {} -> {}, equity {} -> {}",
        before.initial_health.raw(),
        after.initial_health.raw(),
        before.maintenance_health.raw(),
        after.maintenance_health.raw(),
        before.equity.raw(),
        after.equity.raw()
    );
    match doubt {
        Some(doubt) => Err(doubt),
        None => refusal(&after, active),
    }
}

/// Why a trade on good prices that did not reduce risk is refused.
fn refusal(after: &MarginReport, active: bool) -> Result<()> {
    if !active {
        return err!(MarginError::RiskNotReduced);
    }
    let (health, gross) = (after.initial_health.raw(), after.gross_notional.raw());
    if health < 0 {
        return Err(error!(MarginError::InitialMarginBreached).with_values((health, 0)));
    }
    Err(error!(MarginError::GrossNotionalExceeded).with_values((gross, MOST_OPEN_NOTIONAL.raw())))
}
