//! Ends a liquidation once the account has its buffer above maintenance again, in every scenario.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use crate::bridge::{Check, Cursor};
use crate::error::{risk_error, MarginError};
use crate::event::LiquidationStopped;
use crate::oracle::Action;
use crate::state::{insolvency, AccountBook};

#[derive(Accounts)]
pub struct StopLiquidation<'info> {
    pub caller: Signer<'info>,
    /// Writable where the account was proved insolvent.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl StopLiquidation<'_> {
    fn validate(&self) -> Result<()> {
        // caller: signs, may be anybody
        // clearinghouse, margin_account: owner and discriminator checked by their loaders; the account is of this
        // clearing house and in liquidation
        let account = self.margin_account.load()?;
        require_keys_eq!(
            account.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(
            account.status,
            STATUS_LIQUIDATING,
            MarginError::NotLiquidating
        );
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, StopLiquidation<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check::whole(
        ctx.accounts.clearinghouse.key(),
        &house,
        Clock::get()?.unix_timestamp,
    );
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let evaluation = check.evaluate(&book, &book.scope()?, &mut cursor)?;
    let report = evaluation.accepted_by(Action::Repair)?;
    cursor.finish()?;
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
