//! Changes how an account is margined: the account must be good enough to open as it is under the new tier.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::tier::Tier;

use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::TierSet;
use crate::state::{require_owner, AccountBook};

#[derive(Accounts)]
pub struct SetTier<'info> {
    pub owner: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SetTier<'_> {
    fn validate(&self) -> Result<()> {
        // owner: signs, and owns the margin account
        let account = self.margin_account.load()?;
        require_owner(&account, &self.owner.key())?;
        // clearinghouse, margin_account: owner and discriminator checked by their loaders; the account is of this clearing
        // house, and active
        require_keys_eq!(
            account.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(
            account.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        Ok(())
    }
}

/// A tier by its code.
pub fn tier_of(code: u8) -> Result<Tier> {
    Tier::from_code(code).ok_or_else(|| {
        let most = Tier::Portfolio as u8;
        error!(MarginError::TierUnknown).with_values((code, most))
    })
}

pub fn handler<'info>(ctx: Context<'info, SetTier<'info>>, tier: u8) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate()?;
    let tier = tier_of(tier)?;
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    book.header.tier = tier as u8;
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    // Without positions or debts nothing can be lost under the Standard tier, which asks for no equity.
    if tier == Tier::Portfolio || !book.positions().is_empty() || book.header.cash < 0 {
        let house = accounts.clearinghouse.load()?;
        let check = Check::whole(
            accounts.clearinghouse.key(),
            &house,
            Clock::get()?.unix_timestamp,
        );
        let report = check
            .evaluate(&book, &book.scope()?, &mut cursor)?
            .certain()?;
        check.require_openable(tier, &report)?;
    }
    cursor.finish()?;
    let sequence = book.bump_sequence()?;
    emit!(TierSet {
        margin_account: accounts.margin_account.key(),
        tier: tier as u8,
        sequence,
    });
    Ok(())
}
