//! Begins an auction anew for an account that is back above maintenance but not at its buffer.
//!
//! Its clock has been running; were it never reset, the moment in which the account dips below maintenance again would find a late
//! discount, near the whole of its equity, that no bidder had to wait for.

use anchor_lang::prelude::*;

use super::recovery::Recovery;
use crate::error::MarginError;
use crate::event::AuctionRestarted;
use crate::state::{insolvency, AccountBook};

pub fn handler<'info>(ctx: Context<'info, Recovery<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let house = ctx.accounts.clearinghouse.load()?;
    let now = Clock::get()?.unix_timestamp;
    let accounts = &ctx.accounts;
    let report = accounts.whole_report(&book, &house, ctx.remaining_accounts, now)?;
    require_gte!(report.maintenance_health.raw(), 0, MarginError::HealthBelow);

    drop(house);
    book.header.liquidation_started_at = now;
    insolvency::take_back(book.header).apply(&ctx.accounts.clearinghouse)?;
    let sequence = book.bump_sequence()?;
    emit!(AuctionRestarted {
        margin_account: ctx.accounts.margin_account.key(),
        maintenance_health: report.maintenance_health.raw(),
        sequence,
    });
    Ok(())
}
