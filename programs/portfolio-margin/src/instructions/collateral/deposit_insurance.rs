//! Gives quote tokens to the insurance fund. They buy nothing: the fund has no shares that a first depositor could inflate.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};

use crate::error::{overflow, MarginError};
use crate::event::InsuranceDeposited;
use crate::token::{pull, require_program_of, Transfer};

#[derive(Accounts)]
pub struct DepositInsurance<'info> {
    pub payer: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    #[account(mut)]
    pub source: InterfaceAccount<'info, TokenAccount>,
    pub mint: InterfaceAccount<'info, Mint>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl DepositInsurance<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, MarginError::ZeroAmount);
        // payer: signs; anybody
        // clearinghouse, bank: owner and discriminator checked by their loaders; the clearing house's quote bank
        let bank = self.bank.load()?;
        require_keys_eq!(
            bank.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(bank.is_quote, 1, MarginError::BankMismatch);
        // vault: the bank's; source: another account (Anchor refuses one account twice as mutable), spendable by the payer
        // (the token program checks)
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: the mint's
        require_program_of(&self.mint, &self.token_program)
    }
}

pub fn handler(ctx: Context<DepositInsurance>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(amount)?;
    pull(
        Transfer {
            from: &accounts.source,
            to: &accounts.vault,
            mint: &accounts.mint,
            authority: accounts.payer.to_account_info(),
            program: &accounts.token_program,
        },
        amount,
    )?;
    let mut bank = accounts.bank.load_mut()?;
    let total = bank.total_deposits.checked_add(amount);
    bank.total_deposits = total.ok_or_else(overflow)?;
    let mut house = accounts.clearinghouse.load_mut()?;
    let insurance = house.insurance.checked_add(amount);
    house.insurance = insurance.ok_or_else(overflow)?;
    house.sequence = house.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(InsuranceDeposited {
        clearinghouse: accounts.clearinghouse.key(),
        payer: accounts.payer.key(),
        amount,
        sequence: house.sequence,
    });
    Ok(())
}
