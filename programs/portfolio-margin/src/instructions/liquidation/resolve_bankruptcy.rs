//! Covers what an account owes that has nothing left to sell. Anybody may, whatever the account's status.
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
        // margin_account: owner and discriminator checked by its loader; of this clearing house; nothing left to sell. That it owes
        // cash is checked once interest is charged.
        let house = self.clearinghouse.key();
        let account = self.margin_account.load()?;
        require_keys_eq!(
            account.clearinghouse,
            house,
            MarginError::ClearinghouseMismatch
        );
        let collateral = account.used_collateral().count();
        if account.position_count != 0 || collateral != 0 {
            return Err(
                error!(MarginError::NotBankrupt).with_values((account.position_count, collateral))
            );
        }
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
    let balances = balances(
        &house,
        &accounts.clearinghouse.key(),
        ctx.remaining_accounts,
    )?;

    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let mut delta = HouseDelta::new(&house.interest, now);
    let opened = delta.open(&mut book)?;
    delta.book_due(&mut book)?;
    require_gt!(0, book.header.cash, MarginError::NotBankrupt);
    let loss = book.header.cash.unsigned_abs();
    let sources = accounts.sources(&house, balances)?;
    let cover = cover(loss, &sources);
    let covered = cover.sum();
    if covered == 0 {
        return Err(error!(MarginError::LossUncovered).with_values((loss, covered)));
    }

    accounts.charge_market(&cover)?;
    let left = house.insurance.checked_sub(cover.insurance);
    house.insurance = left.ok_or_else(overflow)?;
    delta.add_funds(amount(cover.insurance)?)?; // tokens of the fund are now behind balances
    book.add_cash(amount(covered)?)?;
    delta.close(opened, &mut book)?;
    delta.apply_to(&mut house)?;
    spread(&mut house, balances, cover.balances)?;

    match (cover.uncovered, book.header.insolvent_at) {
        (0, _) => {
            end_liquidation(book.header).apply_to(&mut house)?;
        }
        (_, 0) => (), // never proven: what is left can be
        (rest, _) => {
            prove(book.header, rest, now).apply_to(&mut house)?;
        }
    }
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

/// The sum of positive quote balances, 1e-6 USD; zero where no markets are passed: balances are not asked then.
///
/// Errors: `MarketsIncomplete` with the place and what is there, or with what was passed and how many there are;
/// `ClearinghouseMismatch`.
fn balances<'info>(
    house: &Clearinghouse,
    key: &Pubkey,
    markets: &'info [AccountInfo<'info>],
) -> Result<u64> {
    if markets.is_empty() && house.market_count > 0 {
        return Ok(0);
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
    house.interest.balances_with(held).ok_or_else(overflow)
}

/// Charges quote balances, which sum to `balances`.
fn spread(house: &mut Clearinghouse, balances: u64, loss: u64) -> Result<()> {
    let spread = house.interest.spread_loss(balances, loss);
    spread.ok_or_else(overflow)?; // never: no more than they can bear
    let socialised = house.socialised.checked_add(loss);
    house.socialised = socialised.ok_or_else(overflow)?;
    Ok(())
}

fn amount(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| overflow())
}
