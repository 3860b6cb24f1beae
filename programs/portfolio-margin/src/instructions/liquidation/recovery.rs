//! An account in liquidation that may have recovered: what a restart and a stop take, and how they look at it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::margin::MarginReport;

use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::oracle::Action;
use crate::state::AccountBook;

#[derive(Accounts)]
pub struct Recovery<'info> {
    pub caller: Signer<'info>,
    /// Writable where the account was proved to lack anything.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl Recovery<'_> {
    pub(super) fn validate(&self) -> Result<()> {
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

    /// The account's margin in every scenario, at prices that a repair accepts.
    pub(super) fn whole_report<'info>(
        &self,
        book: &AccountBook<'_>,
        house: &Clearinghouse,
        remaining: &'info [AccountInfo<'info>],
        now: i64,
    ) -> Result<MarginReport> {
        let check = Check::whole(self.clearinghouse.key(), house, now);
        let mut cursor = Cursor::new(remaining);
        let evaluation = check.evaluate(book, &book.scope()?, &mut cursor)?;
        let report = evaluation.accepted_by(Action::Repair)?;
        cursor.finish()?;
        Ok(report)
    }
}
