//! Pays collected fees to the governor. The insurance fund stays where it is, and the bank's withdrawal limit holds.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};

use super::outflow::{count_outflow, require_not_paused};
use crate::error::{overflow, MarginError};
use crate::event::FeesWithdrawn;
use crate::token::{bank_seeds, push, require_program_of, Transfer};

#[derive(Accounts)]
pub struct WithdrawFees<'info> {
    pub governor: Signer<'info>,
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    #[account(mut)]
    pub destination: InterfaceAccount<'info, TokenAccount>,
    pub mint: InterfaceAccount<'info, Mint>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl WithdrawFees<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, MarginError::ZeroAmount);
        // governor: signs, and is the clearing house's
        let house = self.clearinghouse.load()?;
        require_keys_eq!(
            house.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse, bank: owner and discriminator checked by their loaders; the clearing house's quote bank
        let bank = self.bank.load()?;
        require_keys_eq!(
            bank.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(bank.is_quote, 1, MarginError::BankMismatch);
        require_not_paused(&house)?;
        require_gte!(house.fees, amount, MarginError::BalanceInsufficient);
        // vault: the bank's; destination: another token account of the mint (Anchor refuses one account twice as mutable),
        // the governor's choice
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: the mint's
        require_program_of(&self.mint, &self.token_program)
    }
}

pub fn handler(ctx: Context<WithdrawFees>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(amount)?;
    let sequence = {
        let mut house = accounts.clearinghouse.load_mut()?;
        house.fees = house.fees.checked_sub(amount).ok_or_else(overflow)?;
        house.sequence = house.sequence.checked_add(1).ok_or_else(overflow)?;
        house.sequence
    };
    let (clearinghouse, bump) = {
        let mut bank = accounts.bank.load_mut()?;
        count_outflow(&mut bank, amount, Clock::get()?.unix_timestamp)?;
        (bank.clearinghouse, bank.bump)
    };
    let mint = accounts.mint.key();
    let [seed, house, of_mint] = bank_seeds(&clearinghouse, &mint);
    push(
        Transfer {
            from: &accounts.vault,
            to: &accounts.destination,
            mint: &accounts.mint,
            authority: accounts.bank.to_account_info(),
            program: &accounts.token_program,
        },
        amount,
        &[&[seed, house, of_mint, &[bump]]],
    )?;
    emit!(FeesWithdrawn {
        clearinghouse,
        amount,
        sequence,
    });
    Ok(())
}
