//! Fails unless an account's health or equity reaches a value.
//!
//! The figure is that of a view at the prices shown. Whoever relies on it would open on it, so a price or surface that only
//! a repair accepts fails the assertion, with the reason as its error.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::HealthKind;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::state::AccountBook;

#[derive(Accounts)]
pub struct AssertHealth<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl AssertHealth<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; the account's (the check compares)
        // margin_account: owner and discriminator checked by its loader; anybody may look
        Ok(())
    }
}

pub fn handler<'info>(
    ctx: Context<'info, AssertHealth<'info>>,
    kind: HealthKind,
    least: i64,
) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let house = accounts.clearinghouse.load()?;
    let check = Check::whole(accounts.clearinghouse.key(), &house, now);
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?; // read only: the runtime would refuse a change
    let book = AccountBook::open(&mut data)?;
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let report = check
        .evaluate(&book, &book.scope()?, &mut cursor)?
        .certain()?;
    cursor.finish()?;
    let found = match kind {
        HealthKind::Initial => report.initial_health,
        HealthKind::Maintenance => report.maintenance_health,
        HealthKind::Equity => report.equity,
    };
    require_gte!(found.raw(), least, MarginError::HealthBelow);
    Ok(())
}
