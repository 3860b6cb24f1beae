//! Deposits collateral. Needs no oracle and works in every status.
//!
//! In liquidation the caps of the quote bank do not apply, so that nobody who fills it can keep an owner from curing an
//! account; and only assets already held are taken, since a new bank would change the accounts that a pending bid names.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, MarginAccount};

use crate::error::{overflow, risk_error, MarginError};
use crate::event::CollateralDeposited;
use crate::state::{AccountBook, HouseDelta};
use crate::token::{pull, require_program_of, Transfer};

#[derive(Accounts)]
pub struct DepositCollateral<'info> {
    pub owner: Signer<'info>,
    /// Writable for the quote asset.
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    #[account(mut)]
    pub source: InterfaceAccount<'info, TokenAccount>,
    pub mint: InterfaceAccount<'info, Mint>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl DepositCollateral<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, MarginError::ZeroAmount);
        let account = self.margin_account.load()?;
        let bank = self.bank.load()?;
        // owner: signs, and owns the margin account
        require_keys_eq!(account.owner, self.owner.key(), MarginError::NotOwner);
        // clearinghouse, margin_account, bank: owner and discriminator checked by their loaders; of this clearing house
        for house in [&bank.clearinghouse, &account.clearinghouse] {
            require_keys_eq!(
                *house,
                self.clearinghouse.key(),
                MarginError::ClearinghouseMismatch
            );
        }
        // vault: the bank's; source: another account (Anchor refuses one account twice as mutable), spendable by the owner
        // (the token program checks)
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's; source and vault hold it (the token program checks)
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: the mint's
        require_program_of(&self.mint, &self.token_program)?;
        let active = account.status == STATUS_ACTIVE;
        if active || bank.is_quote == 0 {
            let total = bank.total_deposits.saturating_add(amount);
            require_gte!(bank.deposit_cap, total, MarginError::DepositCapExceeded);
            require_account_cap(&account, &bank, amount)?;
        }
        if active {
            return Ok(());
        }
        let held = account.used_collateral().any(|b| b.bank == bank.index);
        require!(held || bank.is_quote == 1, MarginError::AccountLiquidating);
        Ok(())
    }
}

/// Refuses a deposit that takes an account past what one may hold of the bank. A debt makes room for what repays it.
fn require_account_cap(account: &MarginAccount, bank: &CollateralBank, amount: u64) -> Result<()> {
    if bank.account_cap == 0 {
        return Ok(());
    }
    let held = match bank.is_quote == 1 {
        true => i128::from(account.cash),
        false => i128::from(account.collateral_of(bank.index)),
    };
    let (total, cap) = (
        held.saturating_add(amount.into()),
        i128::from(bank.account_cap),
    );
    require_gte!(cap, total, MarginError::AccountCapExceeded);
    Ok(())
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
    let now = Clock::get()?.unix_timestamp;
    if bank.withdrawal_limit != 0 {
        let outflow = bank.outflow_at(now).minus(amount);
        bank.set_outflow(outflow);
    }
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    if bank.is_quote == 1 {
        add_cash(accounts, &mut book, amount, now)?;
    } else {
        add_collateral(&mut book, &bank, amount)?;
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

/// Adds quote tokens to an account's cash, and the interest that is due to it.
fn add_cash(
    accounts: &DepositCollateral<'_>,
    book: &mut AccountBook<'_>,
    amount: u64,
    now: i64,
) -> Result<()> {
    let cash = i64::try_from(amount).map_err(|_| error!(MarginError::AmountOverflow))?;
    let mut delta = HouseDelta::new(&accounts.clearinghouse.load()?.interest, now);
    let opened = delta.open(book)?;
    delta.book_due(book)?;
    book.add_cash(cash)?;
    delta.add_funds(cash)?;
    delta.close(opened, book)?;
    delta.apply(&accounts.clearinghouse)
}

fn add_collateral(book: &mut AccountBook<'_>, bank: &CollateralBank, amount: u64) -> Result<()> {
    let size = book.size();
    book.add_collateral(bank.index, bank.offset_market, amount)?;
    book.require_size(size)?;
    // A market that it offsets joins every check: what no check could span, or read as a size, must not be held.
    book.scope()?;
    if bank.offset_market != 0 {
        let held = book.header.collateral_of(bank.index);
        bank.offset(held).map_err(risk_error)?;
    }
    Ok(())
}
