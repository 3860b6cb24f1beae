//! Exchanges legs between two accounts at agreed prices; both are checked whole.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use super::deal::Deal;
use super::legs::validate_legs;
use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::Traded;
use crate::state::{AccountBook, Side};

#[derive(Accounts)]
pub struct Trade<'info> {
    pub taker_owner: Signer<'info>,
    pub maker_owner: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub taker: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub maker: AccountLoader<'info, MarginAccount>,
}

impl Trade<'_> {
    fn validate(&self, legs: &[TradeLeg], now: i64) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; both accounts' (each check compares)
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
    let house = accounts.clearinghouse.load()?;
    let check = Check::whole(accounts.clearinghouse.key(), &house, now);
    let [taker, maker] = [Side::Taker, Side::Maker].map(|side| Deal {
        legs: &legs,
        side,
        check: &check,
    });
    let taker_sequence = apply_side(&accounts.taker, &taker, &mut cursor)?;
    let maker_sequence = apply_side(&accounts.maker, &maker, &mut cursor)?;
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
    deal: &Deal<'_>,
    cursor: &mut Cursor<'info>,
) -> Result<u64> {
    let info = account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let scope = deal.apply(&mut book)?;
    deal.judge(&mut book, &scope, cursor, &mut ())?
        .require_allowed()?;
    book.bump_sequence()
}
