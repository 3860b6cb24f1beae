//! Deposits collateral. Needs no oracle and works in every status.
//!
//! In liquidation the cap of the quote bank does not apply, so that nobody who fills it can keep an owner from curing an
//! account; and only assets already held are taken, since a new bank would change the accounts that a pending bid names.

use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount};

use crate::error::{overflow, risk_error, MarginError};
use crate::event::CollateralDeposited;
use crate::state::AccountBook;
use crate::token::{pull, Transfer};

#[derive(Accounts)]
pub struct DepositCollateral<'info> {
    pub owner: Signer<'info>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(mut)]
    pub vault: Account<'info, TokenAccount>,
    #[account(mut)]
    pub source: Account<'info, TokenAccount>,
    pub mint: Account<'info, Mint>,
    pub token_program: Program<'info, Token>,
}

impl DepositCollateral<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, MarginError::ZeroAmount);
        let account = self.margin_account.load()?;
        let bank = self.bank.load()?;
        // owner: signs, and owns the margin account
        require_keys_eq!(account.owner, self.owner.key(), MarginError::NotOwner);
        // margin_account, bank: owner and discriminator checked by their loaders; of one clearing house
        require_keys_eq!(
            bank.clearinghouse,
            account.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        // vault: the bank's; source: another account (Anchor refuses one account twice as mutable), spendable by the owner
        // (the token program checks)
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's; source and vault hold it (the token program checks)
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: checked by its type
        let active = account.status == STATUS_ACTIVE;
        if active || bank.is_quote == 0 {
            let total = bank.total_deposits.saturating_add(amount);
            require_gte!(bank.deposit_cap, total, MarginError::DepositCapExceeded);
        }
        if active {
            return Ok(());
        }
        let held = account.used_collateral().any(|b| b.bank == bank.index);
        require!(held || bank.is_quote == 1, MarginError::AccountLiquidating);
        Ok(())
    }
}

pub fn handler(ctx: Context<DepositCollateral>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(amount)?;
    pull(
        Transfer {
            from: &accounts.source,
            to: &accounts.vault,
            mint: &accounts.mint,
            authority: accounts.owner.to_account_info(),
            program: &accounts.token_program,
        },
        amount,
    )?;

    let mut bank = accounts.bank.load_mut()?;
    bank.total_deposits = bank
        .total_deposits
        .checked_add(amount)
        .ok_or_else(overflow)?;
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    if bank.is_quote == 1 {
        let cash = i64::try_from(amount).map_err(|_| error!(MarginError::AmountOverflow))?;
        book.add_cash(cash)?;
    } else {
        book.add_collateral(bank.index, bank.offset_market, amount)?;
        // A market that it offsets joins every check: what no check could span, or read as a size, must not be held.
        book.scope()?;
        if bank.offset_market != 0 {
            let held = book.header.collateral_of(bank.index);
            bank.offset(held).map_err(risk_error)?;
        }
    }
    let sequence = book.bump_sequence()?;
    emit!(CollateralDeposited {
        margin_account: accounts.margin_account.key(),
        bank: accounts.bank.key(),
        amount,
        sequence,
    });
    Ok(())
}
