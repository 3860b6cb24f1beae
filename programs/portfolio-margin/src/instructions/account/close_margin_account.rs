//! Ends a margin account that holds nothing, and returns its rent.
//!
//! The account goes back to the system program without data, so lamports sent to its address revive nothing. Its owner may
//! open it again at once, as a new account: its sequence starts at the slot's, above all that the old one had.

use anchor_lang::prelude::*;
use anchor_lang::AccountsClose;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::MarginAccount;

use super::open_margin_account::first_sequence;
use crate::error::MarginError;
use crate::event::MarginAccountClosed;
use crate::state::{require_owner, AccountBook};

#[derive(Accounts)]
pub struct CloseMarginAccount<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl CloseMarginAccount<'_> {
    fn validate(&self) -> Result<()> {
        let account = self.margin_account.load()?;
        // owner: signs, owns the margin account, gets its lamports
        require_owner(&account, &self.owner.key())?;
        // margin_account: owner and discriminator checked by its loader; active and empty
        require_eq!(
            account.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        require_empty(&account)
    }
}

/// Interest that an account may leave behind, 1e-6 USD: a cent. It stays with the clearing house, and whoever wants it
/// withdraws it first; but the interest of a moment, which grows as the last balance leaves, holds no account open.
const FORFEITED_INTEREST: u64 = 10_000;

/// Refuses an account with anything left in it: records (also of PnL that nobody has paid yet), collateral, cash or a debt,
/// interest that is still to become cash.
fn require_empty(account: &MarginAccount) -> Result<()> {
    require_eq!(account.position_count, 0, MarginError::AccountNotEmpty);
    let collateral = account.used_collateral().count();
    require_eq!(collateral, 0, MarginError::AccountNotEmpty);
    require_eq!(account.cash, 0, MarginError::AccountNotEmpty);
    require_gte!(
        FORFEITED_INTEREST,
        account.interest_due,
        MarginError::AccountNotEmpty
    );
    Ok(())
}

pub fn handler(ctx: Context<CloseMarginAccount>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let (sequence, sub_account) = {
        let info = accounts.margin_account.to_account_info();
        let mut data = info.try_borrow_mut_data()?;
        let mut book = AccountBook::open(&mut data)?;
        (book.bump_sequence()?, book.header.sub_account)
    };
    // What opens at this address from now on starts above this life, also in this very slot (INV-19).
    let next_life = first_sequence(Clock::get()?.slot)?;
    require_gt!(next_life, sequence, MarginError::AccountTooYoung);
    accounts
        .margin_account
        .close(accounts.owner.to_account_info())?;
    emit!(MarginAccountClosed {
        margin_account: accounts.margin_account.key(),
        owner: accounts.owner.key(),
        sub_account,
        sequence,
    });
    Ok(())
}
