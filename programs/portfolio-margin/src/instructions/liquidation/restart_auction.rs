//! Begins an auction anew for an account that is back above maintenance but not at its buffer.
//!
//! Its clock has been running; were it never reset, the moment in which the account dips below maintenance again would find a late
//! discount, near the whole of its equity, that no bidder had to wait for.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::AuctionRestarted;
use crate::oracle::Action;
use crate::state::{insolvency, AccountBook};

#[derive(Accounts)]
pub struct RestartAuction<'info> {
    pub caller: Signer<'info>,
    /// Writable where the account was proved to lack anything.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl RestartAuction<'_> {
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

pub fn handler<'info>(ctx: Context<'info, RestartAuction<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let house = ctx.accounts.clearinghouse.load()?;
    let now = Clock::get()?.unix_timestamp;
    let check = Check::whole(ctx.accounts.clearinghouse.key(), &house, now);
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let evaluation = check.evaluate(&book, &book.scope()?, &mut cursor)?;
    let report = evaluation.accepted_by(Action::Repair)?;
    cursor.finish()?;
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
