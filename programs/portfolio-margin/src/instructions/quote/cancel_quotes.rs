//! Cancels signed quotes: one nonce, all below a nonce, or all that were ever signed.

use anchor_lang::prelude::*;
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::state::{MarginAccount, QuoteNonces};

use crate::error::{overflow, MarginError};
use crate::event::QuotesCancelled;
use crate::state::{may_trade, require_owner};

#[derive(Accounts)]
pub struct CancelQuotes<'info> {
    pub signer: Signer<'info>,
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub quotes: AccountLoader<'info, QuoteNonces>,
}

impl CancelQuotes<'_> {
    fn validate(&self, what: QuoteCancel) -> Result<()> {
        // signer: the account's owner or its delegate; for a new session the owner, so that it can undo what a delegate's
        // key has spoiled
        let account = self.margin_account.load()?;
        match what {
            QuoteCancel::All => require_owner(&account, &self.signer.key())?,
            QuoteCancel::Nonce(_) | QuoteCancel::Below(_) => {
                may_trade(&account, &self.signer.key(), Clock::get()?.unix_timestamp)?;
            }
        }
        // margin_account, quotes: owner and discriminator checked by their loaders; the nonces are the account's
        require_keys_eq!(
            self.quotes.load()?.margin_account,
            self.margin_account.key(),
            MarginError::QuotesMismatch
        );
        Ok(())
    }
}

pub fn handler(ctx: Context<CancelQuotes>, what: QuoteCancel) -> Result<()> {
    ctx.accounts.validate(what)?;
    let mut quotes = ctx.accounts.quotes.load_mut()?;
    // What is void already needs no cancelling: a maker that cancels in a hurry is not stopped by it.
    let has_changed = match what {
        QuoteCancel::Nonce(nonce) => quotes.cancel(nonce),
        QuoteCancel::Below(nonce) => quotes.cancel_below(nonce),
        QuoteCancel::All => {
            let has_begun = quotes.begin_session(Clock::get()?.slot);
            require!(has_begun, MarginError::AmountOverflow);
            true
        }
    };
    if has_changed {
        quotes.sequence = quotes.sequence.checked_add(1).ok_or_else(overflow)?;
        emit!(QuotesCancelled {
            margin_account: quotes.margin_account,
            what,
            session: quotes.session,
            sequence: quotes.sequence,
        });
    }
    Ok(())
}
