//! Names who else may sign trades of a margin account, and until when; or takes that back.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::MarginAccount;

use crate::error::MarginError;
use crate::event::DelegateSet;
use crate::state::{require_owner, AccountBook};

/// All that a delegate can be allowed.
const SCOPES: u64 = SCOPE_TRADE;

#[derive(Accounts)]
pub struct SetDelegate<'info> {
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SetDelegate<'_> {
    fn validate(&self, delegation: &Delegation, now: i64) -> Result<()> {
        // owner: signs, and owns the margin account
        // margin_account: owner and discriminator checked by its loader; in any status, since taking back must always work
        require_owner(&*self.margin_account.load()?, &self.owner.key())?;
        delegation.validate(now)
    }
}

/// What the owner allows.
struct Delegation {
    delegate: Pubkey,
    scope: u64,
    expires: i64,
}

impl Delegation {
    fn validate(&self, now: i64) -> Result<()> {
        let Self { scope, expires, .. } = *self;
        if self.delegate == Pubkey::default() {
            // taking back says nothing else, so that a forgotten key is not read as "nobody"
            require_eq!(scope, 0, MarginError::ParameterOutOfRange);
            require_eq!(expires, 0, MarginError::ParameterOutOfRange);
            return Ok(());
        }
        if scope == 0 || scope & !SCOPES != 0 {
            return Err(error!(MarginError::ParameterOutOfRange).with_values((scope, SCOPES)));
        }
        require_gt!(expires, now, MarginError::ParameterOutOfRange);
        Ok(())
    }
}

pub fn handler(
    ctx: Context<SetDelegate>,
    delegate: Pubkey,
    scope: u64,
    expires: i64,
) -> Result<()> {
    let delegation = Delegation {
        delegate,
        scope,
        expires,
    };
    let now = Clock::get()?.unix_timestamp;
    ctx.accounts.validate(&delegation, now)?;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    book.header.delegate = delegate;
    book.header.delegate_scope = scope;
    book.header.delegate_expires = expires;
    let sequence = book.bump_sequence()?;
    emit!(DelegateSet {
        margin_account: ctx.accounts.margin_account.key(),
        delegate,
        scope,
        expires,
        sequence,
    });
    Ok(())
}
