//! Ends a liquidation once the account has its buffer above maintenance again, in every scenario.

use anchor_lang::prelude::*;

use super::recovery::Recovery;
use crate::error::{risk_error, MarginError};
use crate::event::LiquidationStopped;
use crate::state::{insolvency, AccountBook};

pub fn handler<'info>(ctx: Context<'info, Recovery<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let house = ctx.accounts.clearinghouse.load()?;
    let (accounts, now) = (&ctx.accounts, Clock::get()?.unix_timestamp);
    let report = accounts.whole_report(&book, &house, ctx.remaining_accounts, now)?;
    let terms = house.liquidation_terms();
    if !terms.is_restored(&report).map_err(risk_error)? {
        return Err(error!(MarginError::BufferMissing).with_values((
            report.maintenance_health.raw(),
            report.maintenance_margin().raw(),
        )));
    }

    drop(house);
    insolvency::end_liquidation(book.header).apply(&ctx.accounts.clearinghouse)?;
    let sequence = book.bump_sequence()?;
    emit!(LiquidationStopped {
        margin_account: ctx.accounts.margin_account.key(),
        maintenance_health: report.maintenance_health.raw(),
        sequence,
    });
    Ok(())
}
