//! Makes room for more positions in a margin account.
//!
//! It works in every status and with any book: room is no risk, a bid walks only the records in use, and an account in
//! liquidation that is full may need one more record for the hedge that saves it. Accounts never shrink: whoever wants the
//! rent of an account that has grown too large closes it.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{transfer, Transfer};
use portfolio_margin_interface::state::margin_account::{
    MarginAccount, PositionRecord, MAX_CAPACITY,
};
use portfolio_margin_interface::AccountLayout;

use crate::error::MarginError;
use crate::event::MarginAccountGrown;
use crate::state::{require_owner, AccountBook};

const RECORD_LEN: usize = size_of::<PositionRecord>();

#[derive(Accounts)]
pub struct GrowMarginAccount<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub system_program: Program<'info, System>,
}

impl GrowMarginAccount<'_> {
    fn validate(&self, capacity: usize) -> Result<()> {
        // owner: signs, pays, and owns the margin account
        // margin_account: owner and discriminator checked by its loader; in any status
        require_owner(&*self.margin_account.load()?, &self.owner.key())?;
        // system_program: checked by its type
        let info = self.margin_account.to_account_info();
        let records = info.data_len().saturating_sub(MarginAccount::ACCOUNT_LEN);
        let current = records.div_euclid(RECORD_LEN);
        require_gt!(capacity, current, MarginError::CapacityOutOfRange);
        require_gte!(MAX_CAPACITY, capacity, MarginError::CapacityOutOfRange);
        Ok(())
    }
}

pub fn handler(ctx: Context<GrowMarginAccount>, capacity: u16) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(capacity.into())?;
    let info = accounts.margin_account.to_account_info();
    let length = MarginAccount::space(capacity.into());
    let missing = Rent::get()?
        .minimum_balance(length)
        .saturating_sub(info.lamports()); // what somebody sent there counts
    if missing > 0 {
        let context = CpiContext::new(
            accounts.system_program.key(),
            Transfer {
                from: accounts.owner.to_account_info(),
                to: info.clone(),
            },
        );
        transfer(context, missing)?;
    }
    // at most 8 KiB more, below what the runtime adds per instruction; the new bytes are zero
    info.resize(length)?;

    let mut data = info.try_borrow_mut_data()?;
    let sequence = AccountBook::open(&mut data)?.bump_sequence()?;
    emit!(MarginAccountGrown {
        margin_account: accounts.margin_account.key(),
        capacity,
        sequence,
    });
    Ok(())
}
