//! Puts an account into liquidation by naming a scenario that it cannot cover.
//!
//! The scan loss is the worst over all scenarios, so one breaching scenario per market proves the breach: the cost
//! does not grow with the grid, and a start always fits. The Standard tier has no grid: its check is whole.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::StartLiquidationArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::LiquidationStarted;
use crate::oracle::Action;
use crate::state::AccountBook;

#[derive(Accounts)]
pub struct StartLiquidation<'info> {
    pub caller: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl StartLiquidation<'_> {
    fn validate(&self) -> Result<()> {
        // caller: signs, may be anybody
        // clearinghouse: owner and discriminator checked by its loader; the account's (the check compares)
        // margin_account: owner and discriminator checked by its loader; not in liquidation yet
        require_eq!(
            self.margin_account.load()?.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        Ok(())
    }
}

pub fn handler<'info>(
    ctx: Context<'info, StartLiquidation<'info>>,
    args: StartLiquidationArgs,
) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let now = Clock::get()?.unix_timestamp;
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        house: &house,
        now,
        witness: Some(&args.witness),
    };
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let evaluation = check.evaluate(&book, &book.scope()?, &mut cursor)?;
    let report = evaluation.accepted_by(Action::Repair)?;
    cursor.finish()?;
    require_gt!(
        0,
        report.maintenance_health.raw(),
        MarginError::AccountHealthy
    );

    book.header.status = STATUS_LIQUIDATING;
    book.header.liquidation_started_at = now;
    book.header.reserved_cash = 0;
    let sequence = book.bump_sequence()?;
    emit!(LiquidationStarted {
        margin_account: ctx.accounts.margin_account.key(),
        caller: ctx.accounts.caller.key(),
        witness: args.witness,
        maintenance_health: report.maintenance_health.raw(),
        equity: report.equity.raw(),
        sequence,
    });
    Ok(())
}
