//! Withdraws collateral, as far as initial health, the tier's minimum and the limits of debts and of the bank allow. An account
//! without positions and debt needs no oracle to leave. While proven insolvency exceeds the insurance fund the quote asset stays.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, MarginAccount};

use super::outflow::{count_outflow, require_not_paused};
use crate::bridge::{Check, Cursor};
use crate::error::MarginError;
use crate::event::CollateralWithdrawn;
use crate::state::{AccountBook, HouseDelta};
use crate::token::{bank_seeds, push, require_program_of, Transfer};

#[derive(Accounts)]
pub struct WithdrawCollateral<'info> {
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
    pub destination: InterfaceAccount<'info, TokenAccount>,
    pub mint: InterfaceAccount<'info, Mint>,
    pub token_program: Interface<'info, TokenInterface>,
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
        if bank.is_quote == 1 {
            require_not_paused(&*self.clearinghouse.load()?)?;
        }
        // vault: the bank's; destination: another token account of the mint (Anchor refuses one account twice as mutable),
        // the owner's choice
        require_keys_eq!(bank.vault, self.vault.key(), MarginError::VaultMismatch);
        // mint: the bank's
        require_keys_eq!(bank.mint, self.mint.key(), MarginError::VaultMismatch);
        // token_program: the mint's
        require_program_of(&self.mint, &self.token_program)
    }
}

pub fn handler<'info>(ctx: Context<'info, WithdrawCollateral<'info>>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.validate(amount)?;
    let now = Clock::get()?.unix_timestamp;
    let sequence = take_and_check(accounts, ctx.remaining_accounts, amount, now)?;

    let (clearinghouse, bump) = {
        let mut bank = accounts.bank.load_mut()?;
        count_outflow(&mut bank, amount, now)?;
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
    now: i64,
) -> Result<u64> {
    let info = accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let (is_quote, index) = {
        let bank = accounts.bank.load()?;
        (bank.is_quote == 1, bank.index)
    };
    if is_quote {
        take_cash(accounts, &mut book, amount, now)?;
    } else {
        book.take_collateral(index, amount)?;
    }
    let mut cursor = Cursor::new(remaining);
    // What owes nothing cannot fall short of anything, and leaves without a price.
    if !book.positions().is_empty() || book.header.cash < 0 {
        let house = accounts.clearinghouse.load()?;
        let check = Check::whole(accounts.clearinghouse.key(), &house, now);
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

/// Takes quote tokens off an account's cash and the interest due to it, into debt as far as the limits allow.
fn take_cash(
    accounts: &WithdrawCollateral<'_>,
    book: &mut AccountBook<'_>,
    amount: u64,
    now: i64,
) -> Result<()> {
    let interest = accounts.clearinghouse.load()?.interest;
    let mut delta = HouseDelta::new(&interest, now);
    let opened = delta.open(book)?;
    delta.book_due(book)?;
    let held = u64::try_from(book.header.cash).unwrap_or(0);
    if interest.account_limit == 0 {
        require_gte!(held, amount, MarginError::BalanceInsufficient);
    }
    let cash = i64::try_from(amount)
        .map_err(|_| error!(MarginError::BalanceInsufficient).with_values((held, amount)))?;
    // amounts are above zero, so they can be negated
    book.add_cash(cash.saturating_neg())?;
    delta.add_funds(cash.saturating_neg())?;
    delta.require_limit(&opened, book)?;
    if book.header.cash < 0 {
        // a loan leaves the tokens of the insurance fund and of fees where they are
        let funds = interest.funds.saturating_sub(cash);
        require_gte!(funds, 0, MarginError::DebtLimit);
    }
    delta.close(opened, book)?;
    delta.apply(&accounts.clearinghouse)
}
