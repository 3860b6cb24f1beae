//! Returns an account's margin through return data.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::view::MarginView;

use crate::bridge::{Check, Cursor, Scope};

#[derive(Accounts)]
pub struct ViewMargin<'info> {
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl ViewMargin<'_> {
    fn validate(&self) -> Result<()> {
        // margin_account: owner and discriminator checked by its loader; anybody may look
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, ViewMargin<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let info = ctx.accounts.margin_account.to_account_info();
    let data = info.try_borrow_data()?;
    let (header, positions) = MarginAccount::read_with_positions(&data)
        .ok_or_else(|| error!(ErrorCode::AccountDidNotDeserialize))?;
    let check = Check {
        clearinghouse: header.clearinghouse,
        now: Clock::get()?.unix_timestamp,
        witness: None,
    };
    let mut view = MarginView::default();
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let scope = Scope::of(header, positions)?;
    let evaluation =
        check.evaluate_into(header, positions, &scope, &mut cursor, Some(&mut view))?;
    let report = evaluation.certain()?;
    cursor.finish()?;
    view.set_totals(check.now, &report);
    set_return_data(bytemuck::bytes_of(&view));
    Ok(())
}
