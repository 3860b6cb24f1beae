//! The life of a margin account: opening, money in and out, its tier, its delegate.

use client_core::{ListedBank, Scope};
use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::instructions::{
    CloseMarginAccount, DepositCollateral, GrowMarginAccount, OpenMarginAccount, SetDelegate,
    SetTier, WithdrawCollateral,
};
use portfolio_margin_interface::{seeds, Pubkey};
use risk_core::tier::Tier;
use solana_instruction::Instruction;
use spl_associated_token_account_interface::address::get_associated_token_address_with_program_id;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;

use super::{Builder, Side};
use crate::error::Result;

/// Programs that a mint may be of. What a server names otherwise would be called with the owner's signature on its way.
pub(crate) const TOKEN_PROGRAMS: [Pubkey; 2] = [
    Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
];

/// Where wallets keep an owner's tokens of a mint.
pub fn associated_token_account(owner: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> Pubkey {
    get_associated_token_address_with_program_id(owner, mint, token_program)
}

impl Builder<'_> {
    /// Opens a margin account of the owner, who pays its rent. `capacity`: positions it has room for, 16 to 128.
    pub fn open_account(
        &self,
        owner: &Pubkey,
        sub_account: u16,
        capacity: u16,
        tier: Tier,
    ) -> Instruction {
        let house = self.house();
        let accounts = OpenMarginAccount {
            owner: *owner,
            clearinghouse: house,
            margin_account: seeds::margin_account(&house, owner, sub_account),
        };
        let args = MarginAccountArgs {
            sub_account,
            capacity,
            tier: tier as u8,
        };
        accounts.instruction(&args, &[])
    }

    /// Gives an account room for `capacity` positions, up to 128. Its owner signs and pays.
    pub fn grow_account(&self, owner: &Pubkey, account: &Pubkey, capacity: u16) -> Instruction {
        let accounts = GrowMarginAccount {
            owner: *owner,
            margin_account: *account,
        };
        accounts.instruction(capacity, &[])
    }

    /// Closes an account that holds nothing. Its owner signs and gets the rent.
    pub fn close_account(&self, owner: &Pubkey, account: &Pubkey) -> Instruction {
        let accounts = CloseMarginAccount {
            owner: *owner,
            margin_account: *account,
        };
        accounts.instruction(&[])
    }

    /// Names who else may trade and sign quotes for an account until `expires` (Unix time); the zero key takes it back.
    pub fn set_delegate(
        &self,
        (owner, account): (&Pubkey, &Pubkey),
        delegate: Pubkey,
        scope: u64,
        expires: i64,
    ) -> Instruction {
        let accounts = SetDelegate {
            owner: *owner,
            margin_account: *account,
        };
        accounts.instruction(delegate, scope, expires, &[])
    }

    /// Changes how an account is margined.
    pub fn set_tier(&self, side: &Side<'_>, tier: Tier) -> Result<Instruction> {
        let header = &side.account.header;
        let is_bound = !side.account.positions.is_empty() || header.cash < 0;
        let remaining = match tier == Tier::Portfolio || is_bound {
            true => self.listed(self.directory.margin_metas(&side.account.scope()))?,
            false => vec![],
        };
        let accounts = SetTier {
            owner: side.owner(),
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        Ok(accounts.instruction(tier as u8, &remaining))
    }

    /// Deposits `amount` native units of a bank's mint from the owner's associated token account, which is created where it is
    /// missing (the owner pays its rent).
    pub fn deposit(
        &self,
        owner: &Pubkey,
        account: &Pubkey,
        bank: u16,
        amount: u64,
    ) -> Result<Vec<Instruction>> {
        let bank = self.listed(self.directory.bank(bank))?;
        let (create, source) = self.token_account(owner, bank);
        let accounts = DepositCollateral {
            owner: *owner,
            clearinghouse: self.house(),
            margin_account: *account,
            bank: bank.key,
            vault: bank.vault,
            source,
            mint: bank.mint,
            token_program: bank.token_program,
        };
        let ix = accounts.instruction(amount, &[]);
        Ok(vec![create, self.with_house(ix, bank.is_quote)])
    }

    /// Withdraws `amount` native units of a bank's mint to the owner's associated token account, which is created where it is missing.
    pub fn withdraw(&self, side: &Side<'_>, bank: u16, amount: u64) -> Result<Vec<Instruction>> {
        let bank = self.listed(self.directory.bank(bank))?;
        let (create, destination) = self.token_account(&side.owner(), bank);
        let accounts = WithdrawCollateral {
            owner: side.owner(),
            clearinghouse: self.house(),
            margin_account: side.key,
            bank: bank.key,
            vault: bank.vault,
            destination,
            mint: bank.mint,
            token_program: bank.token_program,
        };
        let remaining = match self.check_after(side, bank, amount) {
            Some(scope) => self.listed(self.directory.metas(&scope))?,
            None => vec![],
        };
        let ix = accounts.instruction(amount, &remaining);
        Ok(vec![create, self.with_house(ix, bank.is_quote)])
    }

    /// What the check after a withdrawal covers: the account without what leaves; nothing without positions and debt.
    fn check_after(&self, side: &Side<'_>, bank: &ListedBank, amount: u64) -> Option<Scope> {
        let mut header = side.account.header;
        let mut cash = i128::from(header.cash);
        if bank.is_quote {
            let interest = self.inputs.house.interest.at(self.inputs.now);
            cash = i128::from(interest.value_floor(&header)).saturating_sub(amount.into());
        } else {
            let held = header.collateral.iter_mut();
            for held in held.filter(|held| held.bank == bank.index) {
                held.amount = held.amount.saturating_sub(amount);
            }
        }
        match side.account.positions.is_empty() && cash >= 0 {
            true => None,
            false => Some(Scope::of(&header, &side.account.positions)),
        }
    }

    /// The instruction that creates an owner's associated token account if it is missing, and its address.
    fn token_account(&self, owner: &Pubkey, bank: &ListedBank) -> (Instruction, Pubkey) {
        let (mint, program) = (&bank.mint, &bank.token_program);
        let create = create_associated_token_account_idempotent(owner, owner, mint, program);
        (create, associated_token_account(owner, mint, program))
    }
}
