//! Withdraws collateral, as far as initial health and the tier's minimum allow. An account without positions needs no oracle to leave.

use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, MarginAccount};

use crate::bridge::{Check, Cursor};
use crate::error::{overflow, MarginError};
use crate::event::CollateralWithdrawn;
use crate::state::AccountBook;
use crate::token::{bank_seeds, push, Transfer};

#[derive(Accounts)]
pub struct WithdrawCollateral<'info> {
    pub owner: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    #[account(mut)]
    pub bank: AccountLoader<'info, CollateralBank>,
    #[account(mut)]
    pub vault: Account<'info, TokenAccount>,
    #[account(mut)]
    pub destination: Account<'info, TokenAccount>,
    pub mint: Account<'info, Mint>,
    pub token_program: Program<'info, Token>,
}

impl WithdrawCollateral<'_> {
    fn validate(&self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, MarginError::ZeroAmount);
        let account = self.margin_account.load()?;
        let bank = self.bank.load()?;
        // owner: signs, and owns the margin account
        require_keys_eq!(account.owner, self.owner.key(), MarginError::NotOwner);
        // margin_account: active; with the bank of this clearing house
        require_eq!(
            account.status,
            STATUS_ACTIVE,
            MarginError::AccountLiquidating
        );
        for house in [&bank.clearinghouse, &account.clearinghouse] {
            require_keys_eq!(
                *house,
                self.clearinghouse.key(),
                MarginError::ClearinghouseMismatch
            );
        }
        // vault: the bank's; destination: another token account of the mint (Anchor refuses one account twice as mutable),
        // the owner's choice
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: checked by its type
        Ok(())
    }
}

pub fn handler<'info>(ctx: Context<'info, WithdrawCollateral<'info>>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(amount)?;
    let sequence = take_and_check(accounts, ctx.remaining_accounts, amount)?;

    let (clearinghouse, bump) = {
        let mut bank = accounts.bank.load_mut()?;
        bank.total_deposits = bank
            .total_deposits
            .checked_sub(amount)
            .ok_or_else(overflow)?;
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
    emit!(CollateralWithdrawn {
        margin_account: accounts.margin_account.key(),
        bank: accounts.bank.key(),
        amount,
        sequence,
    });
    Ok(())
}

/// Takes the amount off the account and checks what is left; returns the new sequence number.
fn take_and_check<'info>(
    accounts: &WithdrawCollateral<'info>,
    remaining: &'info [AccountInfo<'info>],
    amount: u64,
) -> Result<u64> {
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let (is_quote, index) = {
        let bank = accounts.bank.load()?;
        (bank.is_quote == 1, bank.index)
    };
    if is_quote {
        let held = u64::try_from(book.header.cash).unwrap_or(0);
        require_gte!(held, amount, MarginError::BalanceInsufficient);
        // amount <= cash <= i64::MAX
        book.add_cash(i64::try_from(amount).unwrap_or(i64::MAX).saturating_neg())?;
    } else {
        book.take_collateral(index, amount)?;
    }
    let mut cursor = Cursor::new(remaining);
    if !book.positions().is_empty() {
        let house = accounts.clearinghouse.load()?;
        let check = Check::whole(
            accounts.clearinghouse.key(),
            &house,
            Clock::get()?.unix_timestamp,
        );
        let evaluation = check.evaluate(&book, &book.scope()?, &mut cursor)?;
        let report = evaluation.certain()?;
        require_gte!(
            report.initial_health.raw(),
            0,
            MarginError::InitialMarginBreached
        );
        check.require_minimum(book.header.tier(), &report)?;
    }
    cursor.finish()?;
    book.bump_sequence()
}
