//! Exchanges legs between two accounts at agreed prices; both are checked whole.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use super::exchange::Exchange;
use crate::state::may_trade;

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

impl<'info> Trade<'info> {
    /// Both sides sign: by their owners or by delegates.
    fn validate(&self, now: i64) -> Result<()> {
        // taker_owner, maker_owner: each may trade for its account
        may_trade(&*self.taker.load()?, &self.taker_owner.key(), now)?;
        may_trade(&*self.maker.load()?, &self.maker_owner.key(), now)
        // clearinghouse, taker, maker: see Exchange::validate
    }

    fn exchange<'a>(&'a self, legs: &'a [TradeLeg], now: i64) -> Exchange<'a, 'info> {
        Exchange {
            clearinghouse: &self.clearinghouse,
            taker: &self.taker,
            maker: &self.maker,
            legs,
            now,
        }
    }
}

pub fn handler<'info>(ctx: Context<'info, Trade<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
    let accounts = &ctx.accounts;
    let now = Clock::get()?.unix_timestamp;
    let exchange = accounts.exchange(&legs, now);
    exchange.validate()?;
    accounts.validate(now)?;
    exchange.execute(ctx.remaining_accounts)?;
    Ok(())
}
