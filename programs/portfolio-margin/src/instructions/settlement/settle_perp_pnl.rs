//! Realises a perpetual's PnL against what losers have paid. Anybody may, for any account; but a profit that shares losses only its
//! owner.
//!
//! A loser pays what it can, out of its cash and what it may still borrow, into the market's pool; a winner takes what is in the pool.
//! The record's cost moves by the same amount, so nobody's equity or health changes by it, and sum of costs plus pool stays zero.
//! A profit that nobody has paid is no cash: it counts as margin, and cannot be withdrawn.
//!
//! While the market has losses of bankrupt accounts that its winners bear (`perp_loss`), pool and losses are what all profits come
//! to: a winner who settles receives the pool's share and forgives the losses' ([`clearing_core::waterfall::share_profit`]). Its
//! equity falls by what it forgives, so nobody else decides when, and what else the account carries must have its initial margin
//! afterwards: a hedge whose winning half is given up would be the next bankruptcy. But for a position that is closed in an account
//! that was proved insolvent, which would else wait for an owner who has no reason to come. Sum of costs, pool and losses stays zero.

use anchor_lang::prelude::*;
use clearing_core::settlement::perp_pnl_floor;
use clearing_core::waterfall::share_profit;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{
    Clearinghouse, InterestRecord, MarginAccount, Market, PositionRecord,
};
use risk_core::position::{Instrument, PositionSource};
use risk_core::Price;

use super::bump_market;
use crate::bridge::{Check, Cursor, Scope};
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
    /// Only for a profit in a market with losses to share.
    pub signer: Option<Signer<'info>>,
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
        // signer: signs; that it owns the account is checked where the profit is known
        Ok(())
    }

    /// Whether a profit may be forgiven: the owner signs, or there is nobody whose profit it could be.
    fn may_forgive(&self, book: &AccountBook<'_>, held: &PositionRecord) -> bool {
        let signer = self.signer.as_ref();
        is_ownerless(book.header, held)
            || signer.is_some_and(|signer| *signer.key == book.header.owner)
    }

    /// Refuses to forgive where what the account still carries lacks initial margin. `scope` is that of the account before.
    ///
    /// Errors: `InitialMarginBreached`, those of a check and its prices.
    #[inline(never)]
    fn require_carried<'info>(
        &self,
        remaining: &'info [AccountInfo<'info>],
        scope: &Scope,
        now: i64,
    ) -> Result<()> {
        let info = self.margin_account.to_account_info();
        let mut data = info.try_borrow_mut_data()?;
        let book = AccountBook::open(&mut data)?;
        if book.positions().is_empty() && book.header.cash >= 0 {
            return Ok(());
        }
        let house = self.clearinghouse.load()?;
        let check = Check::whole(self.clearinghouse.key(), &house, now);
        let mut cursor = Cursor::new(remaining);
        let report = check.evaluate(&book, scope, &mut cursor)?.certain()?;
        let health = report.initial_health.raw();
        require_gte!(health, 0, MarginError::InitialMarginBreached);
        cursor.finish()
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

/// What is realised of an account's PnL, 1e-6 USD.
struct Realised {
    /// What the account receives; negative: pays.
    paid: i64,
    /// What it forgives: its share of the market's losses.
    forgiven: i64,
}

/// What a settlement did.
struct Settled {
    /// Profit or loss as it stood, 1e-6 USD.
    pnl: i64,
    /// What of it was realised.
    realised: Realised,
    /// What the account held before, where it has to carry that on without what it forgave.
    carried: Option<Scope>,
    /// The account's sequence number.
    sequence: u64,
}

pub fn handler<'info>(ctx: Context<'info, SettlePerpPnl<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let spot = accounts.spot(now)?;
    let interest = accounts.clearinghouse.load()?.interest.at(now);
    let mut delta = HouseDelta::new(&interest, now);
    let mut market = accounts.market.load_mut()?;
    let Settled {
        pnl,
        realised,
        carried,
        sequence,
    } = settle(accounts, &mut market, spot, (&interest, now), &mut delta)?;
    delta.apply(&accounts.clearinghouse)?;
    let market_sequence = bump_market(&mut market)?;
    drop(market);
    if let Some(scope) = carried {
        accounts.require_carried(ctx.remaining_accounts, &scope, now)?;
    }
    emit!(PerpPnlSettled {
        margin_account: accounts.margin_account.key(),
        market: accounts.market.key(),
        price: spot.raw(),
        pnl,
        paid: realised.paid,
        forgiven: realised.forgiven.unsigned_abs(),
        sequence,
        market_sequence,
    });
    Ok(())
}

fn settle(
    accounts: &SettlePerpPnl<'_>,
    market: &mut Market,
    spot: Price,
    (interest, now): (&InterestRecord, i64),
    delta: &mut HouseDelta,
) -> Result<Settled> {
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let Some(held) = perpetual_of(&book, market.index) else {
        msg!("no perpetual of market {}", market.index);
        return err!(MarginError::NothingToSettle);
    };
    let pnl = pnl_of(&held, spot, market.funding.index_at(now))?;
    let debt = book.header.cash.min(0).unsigned_abs();
    let scope = book.scope()?;
    let opened = delta.open(&mut book)?;
    let realised = match u64::try_from(pnl) {
        Err(_) => Realised {
            paid: pnl.max(ability(interest, debt, book.header.cash).saturating_neg()),
            forgiven: 0,
        },
        Ok(profit) => {
            let may_forgive = accounts.may_forgive(&book, &held);
            share(profit, market, may_forgive)?
        }
    };
    let Realised { paid, forgiven } = realised;
    let must_carry = forgiven > 0 && !is_ownerless(book.header, &held);
    // A share of nothing is refused, since losers may still pay: unless the position is closed and its owner wants to be rid of it.
    if paid == 0 && (forgiven == 0 || held.quantity != 0) {
        return Err(error!(MarginError::NothingToSettle).with_values((pnl, market.perp_pool)));
    }
    let sums = [(market.perp_pool, paid), (market.perp_loss, forgiven)];
    let [pool, loss] = sums.map(|(sum, part)| sum.checked_add_signed(part.saturating_neg()));
    (market.perp_pool, market.perp_loss) = pool.zip(loss).ok_or_else(overflow)?;
    book.add_cash(paid)?;
    note_loss(book.header, market.index, paid);
    let cost = paid.checked_add(forgiven).ok_or_else(overflow)?;
    book.add_position(&held, 0, cost)?; // perpetuals count in open interest by size alone
    delta.require_limit(&opened, &book)?;
    delta.close(opened, &mut book)?;
    Ok(Settled {
        pnl,
        carried: must_carry.then_some(scope),
        realised,
        sequence: book.bump_sequence()?,
    })
}

/// Whether a record is a closed position of an account that was proved insolvent: nobody profits by it.
fn is_ownerless(account: &MarginAccount, held: &PositionRecord) -> bool {
    let is_insolvent = account.status == STATUS_LIQUIDATING && account.insolvent_at != 0;
    is_insolvent && held.quantity == 0
}

/// What a winner receives and forgives.
///
/// Errors: `ProfitShared` where it would forgive and nobody is there who may.
fn share(profit: u64, market: &Market, may_forgive: bool) -> Result<Realised> {
    let losses = market.perp_loss;
    if losses > 0 && profit > 0 && !may_forgive {
        return Err(error!(MarginError::ProfitShared).with_values((profit, losses)));
    }
    let share = share_profit(profit, market.perp_pool, losses);
    let [paid, forgiven] = [share.paid, share.forgiven].map(i64::try_from);
    Ok(Realised {
        paid: paid.map_err(|_| overflow())?, // never: no more than the profit, which was an i64
        forgiven: forgiven.map_err(|_| overflow())?,
    })
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
