//! Settles everything that one account holds of an expiry whose price is final. Anybody may, whatever the account's status.
//!
//! The account's records are summed at the final price, each rounded down. A loss leaves its cash, which may pass below zero, for
//! the expiry's pool; a profit is paid out of the pool as far as that goes. What the pool lacks stays as one record of the expiry: a future
//! of no size with a negative cost, which every margin check counts in full. It is paid by settling again when losers have paid.
//!
//! So the order matters only for *when* a winner is paid: every loser's payment is forced, nobody's refusal or insolvency stops
//! another's settlement, and what the pool gets is at least what it owes. The last record of an expiry leaves the pool's
//! dust, which is rounding, to the market's fees.

use anchor_lang::prelude::*;
use clearing_core::settlement::value_floor;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Market, PositionRecord};
use risk_core::position::{Instrument, PositionSource};
use risk_core::Price;

use super::{bump_market, finalize, slot_of, terms_of};
use crate::error::{overflow, MarginError};
use crate::event::{ExpirySettled, SettlementFinalized};
use crate::state::insolvency::note_loss;
use crate::state::{AccountBook, HouseDelta, Limits, OpenInterest};

#[derive(Accounts)]
pub struct SettleExpiry<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SettleExpiry<'_> {
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
        Ok(())
    }
}

/// What a settlement did to an account.
struct Settled {
    /// What its records were worth, 1e-6 USD.
    value: i64,
    /// What it received; negative: paid.
    paid: i64,
    /// Its sequence number.
    sequence: u64,
}

pub fn handler(ctx: Context<SettleExpiry>, expiry: i64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let (terms, mut delta) = {
        let house = accounts.clearinghouse.load()?;
        (terms_of(&house), HouseDelta::new(&house.interest, now))
    };
    let mut market = accounts.market.load_mut()?;
    let (price, is_new) = finalize(slot_of(&mut market, expiry)?, &terms, now)?;
    let settled = {
        let info = accounts.margin_account.to_account_info();
        let mut data = info.try_borrow_mut_data()?;
        let mut book = AccountBook::open(&mut data)?;
        settle(&mut book, &mut market, (expiry, price), &mut delta)?
    };
    delta.apply(&accounts.clearinghouse)?;

    let key = accounts.market.key();
    if is_new {
        let sequence = bump_market(&mut market)?;
        emit!(SettlementFinalized {
            market: key,
            expiry,
            price,
            sequence,
        });
    }
    let market_sequence = bump_market(&mut market)?;
    emit!(ExpirySettled {
        margin_account: accounts.margin_account.key(),
        market: key,
        expiry,
        value: settled.value,
        paid: settled.paid,
        sequence: settled.sequence,
        market_sequence,
    });
    Ok(())
}

/// Turns the account's records of the expiry into cash and, at most, one claim.
///
/// Errors: `NothingToSettle` where it holds none, or a claim that the pool cannot pay any of; `AmountOverflow`.
fn settle(
    book: &mut AccountBook<'_>,
    market: &mut Market,
    (expiry, price): (i64, u64),
    delta: &mut HouseDelta,
) -> Result<Settled> {
    let opened = delta.open(book)?;
    let mut open = OpenInterest::default();
    let mut value: i64 = 0;
    let mut is_claim = true; // nothing, or a claim, until something else is found
    let key = (market.index, expiry);
    let start = book.positions().partition_point(|held| place(held) < key);
    let end = book.positions().partition_point(|held| place(held) <= key);
    // from the last to the first, so that taking one off moves no other of them
    for index in (start..end).rev() {
        let Some(held) = book.position(index) else {
            return err!(ErrorCode::AccountDidNotDeserialize); // never: it is below the count
        };
        value = value
            .checked_add(value_of(&held, price)?)
            .ok_or_else(overflow)?;
        is_claim &= held.quantity == 0;
        let gone = [held.quantity, held.cost].map(i64::checked_neg);
        let [Some(quantity), Some(cost)] = gone else {
            return Err(overflow());
        };
        open.add(&held, book.add_position(&held, quantity, cost)?)?;
    }
    let settlement = &mut slot_of(market, expiry)?.settlement;
    let most = i64::try_from(settlement.pool).unwrap_or(i64::MAX);
    let paid = value.min(most);
    if is_claim && paid == 0 {
        return Err(error!(MarginError::NothingToSettle).with_values((value, settlement.pool)));
    }
    book.add_cash(paid)?;
    note_loss(book.header, key.0, paid);
    let pool = settlement.pool.checked_add_signed(paid.saturating_neg());
    settlement.pool = pool.ok_or_else(overflow)?;
    delta.close(opened, book)?;

    let rest = value.checked_sub(paid).and_then(i64::checked_neg); // at most zero: a loss is paid whole
    let claim = claim_of(market.index, expiry);
    let change = book.add_position(&claim, 0, rest.ok_or_else(overflow)?)?;
    open.add(&claim, change)?;
    open.write(market, Limits::Ignored)?;
    sweep(market, expiry)?;
    Ok(Settled {
        value,
        paid,
        sequence: book.bump_sequence()?,
    })
}

/// What positions are sorted by first.
fn place(held: &PositionRecord) -> (u16, i64) {
    (held.market, held.expiry)
}

/// The value of a record at the final price, rounded down.
fn value_of(held: &PositionRecord, price: u64) -> Result<i64> {
    let position = held.position();
    let value = value_floor(
        position.instrument,
        position.strike,
        position.quantity,
        position.cost,
        Price::from_raw(price),
    );
    Ok(value.ok_or_else(overflow)?.raw())
}

/// The series under which an account keeps what the pool still owes it.
fn claim_of(market: u16, expiry: i64) -> PositionRecord {
    PositionRecord {
        market,
        instrument: Instrument::Future as u8,
        padding: [0; 5],
        expiry,
        strike: 0,
        ln_strike: 0,
        quantity: 0,
        cost: 0,
        reserved: [0; 2],
    }
}

/// With the last record gone, what is left in the pool is rounding that nobody can claim.
fn sweep(market: &mut Market, expiry: i64) -> Result<()> {
    let settlement = &mut slot_of(market, expiry)?.settlement;
    if settlement.records > 0 {
        return Ok(());
    }
    let dust = core::mem::take(&mut settlement.pool);
    market.fees = market.fees.checked_add(dust).ok_or_else(overflow)?;
    Ok(())
}
