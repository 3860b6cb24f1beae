//! What every view looks at: a clearing house and one of its accounts.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

#[derive(Accounts)]
pub struct View<'info> {
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl View<'_> {
    /// Anybody may look.
    pub fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; the account's (the check compares)
        // margin_account: owner and discriminator checked by its loader; anybody may look
        Ok(())
    }
}
