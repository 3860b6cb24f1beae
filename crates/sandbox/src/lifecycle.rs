//! The life of a margin account after its opening, and the guards that others append: instructions from addresses.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::HealthKind;
use solana_clock::Clock;
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::Trader;
use crate::instructions::{instruction, SYSTEM};
use crate::world::World;

/// `set_delegate`; the zero key takes it back.
pub fn set_delegate(trader: &Trader, delegate: Pubkey, scope: u64, expires: i64) -> Instruction {
    let accounts = accounts::SetDelegate {
        owner: trader.user.key,
        margin_account: trader.account,
    };
    let data = instruction::SetDelegate {
        delegate,
        scope,
        expires,
    };
    instruction(accounts, data, vec![])
}

/// `grow_margin_account` to room for `capacity` positions.
pub fn grow_margin_account(trader: &Trader, capacity: u16) -> Instruction {
    let accounts = accounts::GrowMarginAccount {
        owner: trader.user.key,
        margin_account: trader.account,
        system_program: SYSTEM,
    };
    let data = instruction::GrowMarginAccount { capacity };
    instruction(accounts, data, vec![])
}

/// `close_margin_account`.
pub fn close_margin_account(trader: &Trader) -> Instruction {
    let accounts = accounts::CloseMarginAccount {
        owner: trader.user.key,
        margin_account: trader.account,
    };
    instruction(accounts, instruction::CloseMarginAccount {}, vec![])
}

/// `assert_sequence`.
pub fn assert_sequence(account: &Pubkey, least: u64, most: u64) -> Instruction {
    let accounts = accounts::AssertSequence {
        margin_account: *account,
    };
    let data = instruction::AssertSequence { least, most };
    instruction(accounts, data, vec![])
}

/// `assert_health` with the account's margin accounts.
pub fn assert_health(
    house: &Pubkey,
    account: &Pubkey,
    (kind, least): (HealthKind, i64),
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::AssertHealth {
        clearinghouse: *house,
        margin_account: *account,
    };
    let data = instruction::AssertHealth { kind, least };
    instruction(accounts, data, remaining)
}

impl World {
    /// The slot of the VM's clock.
    pub fn slot(&self) -> u64 {
        self.svm.get_sysvar::<Clock>().slot
    }

    /// Sets the slot alone; the time stays.
    pub fn set_slot(&mut self, slot: u64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.slot = slot;
        self.svm.set_sysvar(&clock);
    }

    /// The instruction `assert_health` with the remaining accounts of the moment.
    pub fn assert_health_ix(&self, account: &Pubkey, kind: HealthKind, least: i64) -> Instruction {
        let remaining = self.margin_metas(account);
        assert_health(&self.house, account, (kind, least), remaining)
    }
}
