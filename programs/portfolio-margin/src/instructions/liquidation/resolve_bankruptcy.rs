//! Covers what an account lacks that has nothing left to sell. Anybody may, whatever the account's status.
//!
//! It has no collateral and no open quantity. Records without size may stay: they are what a closed position is still to receive or
//! to pay, worth that without any price, and may settle only weeks later. The loss is what its cash with interest and they lack
//! together; once it is covered the account's equity is zero: its debt stands against its claims, or its cash against what it is
//! still to pay. What interest such a debt costs from then on is the next loss.
//!
//! INV-16, the order: the insurance fund, up to what it may still pay for the market that the loss counts in; next what losers of
//! that market's perpetual have paid, which its winners forgive as they settle; at last all quote balances, through one index.
//! What is charged is the loss, to the unit ([`clearing_core::waterfall`]).
//!
//! The last stage takes every market of the clearing house, since the index is exact only over the exact sum of balances: quote
//! tokens that belong to markets are nobody's balance. Without them the first two stages alone cover, and the rest stays a debt of
//! the account, as does what balances cannot bear. A rest that was proven stays proven, so that quote tokens stay too.
//!
//! Collateral that somebody gives to the account in between, however little, makes it no bankruptcy: a keeper whose transaction first
//! bids for all of the account with `bid_insolvent` takes it along. A deposit of quote is less loss.

use anchor_lang::prelude::*;
use clearing_core::waterfall::{cover, Cover, Sources};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Market};

use crate::error::{overflow, MarginError};
use crate::event::BankruptcyResolved;
use crate::state::insolvency::{end_liquidation, prove};
use crate::state::{AccountBook, HouseDelta};

#[derive(Accounts)]
pub struct ResolveBankruptcy<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The market that the loss counts in, where the account names one.
    #[account(mut)]
    pub loss_market: Option<AccountLoader<'info, Market>>,
}

impl ResolveBankruptcy<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader
        // margin_account: owner and discriminator checked by its loader; of this clearing house. That nothing is left to sell and
        // something lacks is checked once its records are open and interest is charged.
        let house = self.clearinghouse.key();
        let account = self.margin_account.load()?;
        require_keys_eq!(
            account.clearinghouse,
            house,
            MarginError::ClearinghouseMismatch
        );
        // loss_market: owner and discriminator checked by its loader; of this clearing house, and the one that the account names
        let mut passed = 0;
        if let Some(market) = &self.loss_market {
            let market = market.load()?;
            require_keys_eq!(
                market.clearinghouse,
                house,
                MarginError::ClearinghouseMismatch
            );
            passed = market.index.saturating_add(1); // indexes are below the most markets of a house
        }
        require_eq!(account.loss_market, passed, MarginError::LossMarketMismatch);
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, ResolveBankruptcy<'info>>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let mut house = accounts.clearinghouse.load_mut()?;
    let held = held_by_markets(
        &house,
        &accounts.clearinghouse.key(),
        ctx.remaining_accounts,
    )?;
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    charge(&mut book, &mut house, now)?;

    let loss = loss_of(&book)?;
    let balances = match held {
        None => 0, // not asked
        Some(held) => others(&house, &book, held)?,
    };
    let cover = cover(loss, &accounts.sources(&house, balances)?);
    let covered = cover.sum();
    if covered == 0 {
        return Err(error!(MarginError::LossUncovered).with_values((loss, covered)));
    }
    accounts.charge_market(&cover)?;
    pay(&mut book, &mut house, (&cover, balances), now)?;
    settle_proof(&mut book, &mut house, cover.uncovered, now)?;
    let sequence = book.bump_sequence()?;
    emit!(BankruptcyResolved {
        margin_account: accounts.margin_account.key(),
        loss: covered,
        insurance: cover.insurance,
        profits: cover.profits,
        balances: cover.balances,
        uncovered: cover.uncovered,
        sequence,
    });
    Ok(())
}

/// Charges the account's interest and losses, and books what is due to it, so that cash is what it has.
fn charge(book: &mut AccountBook<'_>, house: &mut Clearinghouse, now: i64) -> Result<()> {
    let mut delta = HouseDelta::new(&house.interest, now);
    let opened = delta.open(book)?;
    delta.book_due(book)?;
    delta.close(opened, book)?;
    delta.apply_to(house)
}

/// What the account lacks, 1e-6 USD: cash, less what its records without size are still to pay, below zero.
///
/// Errors: `NotBankrupt` with open positions and collateral assets, or with what it has and zero.
fn loss_of(book: &AccountBook<'_>) -> Result<u64> {
    let open = book.positions().iter().filter(|held| held.quantity != 0);
    let (open, collateral) = (open.count(), book.header.used_collateral().count());
    if open != 0 || collateral != 0 {
        return Err(error!(MarginError::NotBankrupt).with_values((open, collateral)));
    }
    let mut costs = book.positions().iter().map(|held| held.cost);
    let equity = costs.try_fold(book.header.cash, i64::checked_sub);
    let equity = equity.ok_or_else(overflow)?;
    require_gt!(0, equity, MarginError::NotBankrupt);
    Ok(equity.unsigned_abs())
}

/// The sum of the positive quote balances of all other accounts, 1e-6 USD: what the account has itself bears nothing of its loss.
fn others(house: &Clearinghouse, book: &AccountBook<'_>, held_by_markets: u64) -> Result<u64> {
    let all = house.interest.balances_with(held_by_markets);
    let own = book.header.cash.max(0).unsigned_abs();
    all.and_then(|all| all.checked_sub(own))
        .ok_or_else(overflow)
}

/// Pays what is covered to the account, out of the fund, the market's pool and balances, which sum to `balances`.
fn pay(
    book: &mut AccountBook<'_>,
    house: &mut Clearinghouse,
    (cover, balances): (&Cover, u64),
    now: i64,
) -> Result<()> {
    let left = house.insurance.checked_sub(cover.insurance);
    house.insurance = left.ok_or_else(overflow)?;
    let mut delta = HouseDelta::new(&house.interest, now);
    let opened = delta.open(book)?;
    delta.add_funds(amount(cover.insurance)?)?; // tokens of the fund are now behind balances
    book.add_cash(amount(cover.sum())?)?;
    delta.close(opened, book)?;
    delta.apply_to(house)?;

    let spread = house.interest.spread_loss(balances, cover.balances);
    spread.ok_or_else(overflow)?; // never: no more than they can bear
    let socialised = house.socialised.checked_add(cover.balances);
    house.socialised = socialised.ok_or_else(overflow)?;
    book.header.loss_index = house.interest.loss_index; // which its own cash was not counted in
    Ok(())
}

/// Ends liquidation and proof where nothing lacks; else a proof states what does. What was never proven can be.
fn settle_proof(
    book: &mut AccountBook<'_>,
    house: &mut Clearinghouse,
    uncovered: u64,
    now: i64,
) -> Result<()> {
    if uncovered == 0 {
        end_liquidation(book.header).apply_to(house)?;
    } else if book.header.insolvent_at != 0 {
        prove(book.header, uncovered, now).apply_to(house)?;
    }
    Ok(())
}

impl ResolveBankruptcy<'_> {
    /// What there is to cover the loss.
    fn sources(&self, house: &Clearinghouse, balances: u64) -> Result<Sources> {
        let (cap_left, pool) = match &self.loss_market {
            None => (u64::MAX, 0),
            Some(market) => {
                let market = market.load()?;
                (market.insurance_left(), market.perp_pool)
            }
        };
        Ok(Sources {
            insurance: house.insurance,
            cap_left,
            pool,
            balances: house.interest.losses().most_floor(balances),
        })
    }

    /// Counts what the fund and profits paid for the market.
    fn charge_market(&self, cover: &Cover) -> Result<()> {
        let Some(market) = &self.loss_market else {
            return Ok(());
        };
        let mut market = market.load_mut()?;
        let used = market.insurance_used.checked_add(cover.insurance);
        market.insurance_used = used.ok_or_else(overflow)?;
        let pool = market.perp_pool.checked_sub(cover.profits);
        let loss = market.perp_loss.checked_add(cover.profits);
        (market.perp_pool, market.perp_loss) = pool.zip(loss).ok_or_else(overflow)?;
        Ok(())
    }
}

/// What the markets of the house hold of the quote asset, 1e-6 USD; `None` where none is passed: balances are not asked then.
///
/// Errors: `MarketsIncomplete` with the place and what is there, or with what was passed and how many there are;
/// `ClearinghouseMismatch`.
fn held_by_markets<'info>(
    house: &Clearinghouse,
    key: &Pubkey,
    markets: &'info [AccountInfo<'info>],
) -> Result<Option<u64>> {
    if markets.is_empty() && house.market_count > 0 {
        return Ok(None);
    }
    let (passed, count) = (markets.len(), usize::from(house.market_count));
    require_eq!(passed, count, MarginError::MarketsIncomplete);
    let mut held = 0u64;
    for (place, account) in markets.iter().enumerate() {
        let loader = AccountLoader::<Market>::try_from(account)?;
        let market = loader.load()?;
        require_keys_eq!(
            market.clearinghouse,
            *key,
            MarginError::ClearinghouseMismatch
        );
        let index = usize::from(market.index);
        require_eq!(place, index, MarginError::MarketsIncomplete);
        let sum = market.quote_held().and_then(|part| held.checked_add(part));
        held = sum.ok_or_else(overflow)?;
    }
    Ok(Some(held))
}

fn amount(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| overflow())
}
