//! Realises a perpetual's PnL against what losers have paid. Anybody may, for any account.
//!
//! A loser pays what it can, out of its cash and what it may still borrow, into the market's pool; a winner takes what is in the pool.
//! The record's cost moves by the same amount, so nobody's equity or health changes by it, and sum of costs plus pool stays zero.
//! A profit that nobody has paid is no cash: it counts as margin, and cannot be withdrawn.

use anchor_lang::prelude::*;
use clearing_core::settlement::perp_pnl_floor;
use portfolio_margin_interface::state::{
    Clearinghouse, InterestRecord, MarginAccount, Market, PositionRecord,
};
use risk_core::position::{Instrument, PositionSource};
use risk_core::Price;

use super::bump_market;
use crate::error::{overflow, MarginError};
use crate::event::PerpPnlSettled;
use crate::oracle::policy::doubt_spot;
use crate::oracle::{checked_price, Action, OraclePolicy};
use crate::state::insolvency::note_loss;
use crate::state::{AccountBook, HouseDelta};

#[derive(Accounts)]
pub struct SettlePerpPnl<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// CHECK: a price update of the market's feed; every field is checked.
    pub price: UncheckedAccount<'info>,
}

impl SettlePerpPnl<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; writable where a debt changes
        // market, margin_account: owner and discriminator checked by their loaders; both are the clearing house's
        let house = self.clearinghouse.key();
        let owners = [
            self.market.load()?.clearinghouse,
            self.margin_account.load()?.clearinghouse,
        ];
        for owner in owners {
            require_keys_eq!(owner, house, MarginError::ClearinghouseMismatch);
        }
        // price: owner, layout, feed, verification, sign, age and confidence are checked as it is read
        Ok(())
    }

    /// A price that is good enough to open on: money moves by it.
    fn spot(&self, now: i64) -> Result<Price> {
        let market = self.market.load()?;
        let policy = OraclePolicy::of_market(&market);
        let (price, published) = checked_price(&self.price, &policy, now)?.certain()?;
        Action::Open.accept(doubt_spot(&market, price, published))?;
        Ok(price)
    }
}

pub fn handler(ctx: Context<SettlePerpPnl>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let spot = accounts.spot(now)?;
    let interest = accounts.clearinghouse.load()?.interest.at(now);
    let mut delta = HouseDelta::new(&interest, now);
    let mut market = accounts.market.load_mut()?;
    let (pnl, paid, sequence) = {
        let info = accounts.margin_account.to_account_info();
        let mut data = info.try_borrow_mut_data()?;
        let mut book = AccountBook::open(&mut data)?;
        let Some(held) = perpetual_of(&book, market.index) else {
            msg!("no perpetual of market {}", market.index);
            return err!(MarginError::NothingToSettle);
        };
        let pnl = pnl_of(&held, spot, market.funding.index_at(now))?;
        let debt = book.header.cash.min(0).unsigned_abs();
        let opened = delta.open(&mut book)?;
        let paid = match pnl < 0 {
            true => pnl.max(ability(&interest, debt, book.header.cash).saturating_neg()),
            false => pnl.min(i64::try_from(market.perp_pool).unwrap_or(i64::MAX)),
        };
        if paid == 0 {
            return Err(error!(MarginError::NothingToSettle).with_values((pnl, market.perp_pool)));
        }
        let pool = market.perp_pool.checked_add_signed(paid.saturating_neg());
        market.perp_pool = pool.ok_or_else(overflow)?;
        book.add_cash(paid)?;
        note_loss(book.header, market.index, paid);
        book.add_position(&held, 0, paid)?; // perpetuals count in open interest by size alone
        delta.require_limit(&opened, &book)?;
        delta.close(opened, &mut book)?;
        (pnl, paid, book.bump_sequence()?)
    };
    delta.apply(&accounts.clearinghouse)?;
    let market_sequence = bump_market(&mut market)?;
    emit!(PerpPnlSettled {
        margin_account: accounts.margin_account.key(),
        market: accounts.market.key(),
        price: spot.raw(),
        pnl,
        paid,
        forgiven: 0,
        sequence,
        market_sequence,
    });
    Ok(())
}

/// The account's record of a market's perpetual.
fn perpetual_of(book: &AccountBook<'_>, market: u16) -> Option<PositionRecord> {
    let held = book.positions().iter();
    held.filter(|record| record.market == market)
        .find(|record| record.instrument == Instrument::Perpetual as u8)
        .copied()
}

fn pnl_of(held: &PositionRecord, spot: Price, index: i64) -> Result<i64> {
    let position = held.position();
    let pnl = perp_pnl_floor(position.quantity, position.cost, spot, index);
    Ok(pnl.ok_or_else(overflow)?.raw())
}

/// What an account can pay: its cash, and what it may still owe under its own limit and that of all debts. `debt` is what it owed
/// before interest was charged, `cash` what it has after.
fn ability(interest: &InterestRecord, debt: u64, cash: i64) -> i64 {
    let others = interest.debts.saturating_sub(debt);
    let limit = interest.limit.saturating_sub(others);
    let limit = i64::try_from(limit.min(interest.account_limit)).unwrap_or(i64::MAX);
    cash.saturating_add(limit).max(0)
}
