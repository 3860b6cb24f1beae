//! Token transfers into and out of a bank's vault, each checked by what the vault holds afterwards.

use anchor_lang::prelude::*;
use anchor_spl::token::{self, Mint, Token, TokenAccount, TransferChecked};
use portfolio_margin_interface::seeds;

use crate::error::MarginError;

/// The accounts of a transfer.
pub struct Transfer<'a, 'info> {
    /// Paid from.
    pub from: &'a Account<'info, TokenAccount>,
    /// Paid to.
    pub to: &'a Account<'info, TokenAccount>,
    /// The mint of both.
    pub mint: &'a Account<'info, Mint>,
    /// Who may spend `from`.
    pub authority: AccountInfo<'info>,
    /// The token program.
    pub program: &'a Program<'info, Token>,
}

impl<'info> Transfer<'_, 'info> {
    fn context(&self) -> CpiContext<'_, '_, '_, 'info, TransferChecked<'info>> {
        CpiContext::new(
            self.program.key(),
            TransferChecked {
                from: self.from.to_account_info(),
                mint: self.mint.to_account_info(),
                to: self.to.to_account_info(),
                authority: self.authority.clone(),
            },
        )
    }
}

/// Moves tokens from a user into the vault; the vault must grow by exactly `amount`.
pub fn pull(transfer: Transfer<'_, '_>, amount: u64) -> Result<()> {
    let before = transfer.to.amount;
    token::transfer_checked(transfer.context(), amount, transfer.mint.decimals)?;
    require_delta(before, balance_of(transfer.to)?, amount)
}

/// Moves tokens out of the vault, signed by the bank; the vault must shrink by exactly `amount`.
pub fn push(transfer: Transfer<'_, '_>, amount: u64, bank_seeds: &[&[&[u8]]]) -> Result<()> {
    let before = transfer.from.amount;
    token::transfer_checked(
        transfer.context().with_signer(bank_seeds),
        amount,
        transfer.mint.decimals,
    )?;
    require_delta(balance_of(transfer.from)?, before, amount)
}

/// Seeds by which a bank signs, without its bump.
pub fn bank_seeds<'a>(clearinghouse: &'a Pubkey, mint: &'a Pubkey) -> [&'a [u8]; 3] {
    [seeds::BANK, clearinghouse.as_ref(), mint.as_ref()]
}

/// The balance after a transfer, read from the account's data.
fn balance_of(account: &Account<'_, TokenAccount>) -> Result<u64> {
    let info = account.to_account_info();
    let data = info.try_borrow_data()?;
    Ok(TokenAccount::try_deserialize_unchecked(&mut &data[..])?.amount)
}

fn require_delta(low: u64, high: u64, amount: u64) -> Result<()> {
    let delta = high.checked_sub(low);
    if delta != Some(amount) {
        return Err(
            error!(MarginError::VaultDeltaMismatch).with_values((delta.unwrap_or(0), amount))
        );
    }
    Ok(())
}
