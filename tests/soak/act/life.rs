//! The life of an account beside its trades: delegates, growth, leaving and coming back.

use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::AccountLayout;
use sandbox::{instructions, lifecycle, Trader};
use solana_instruction::Instruction;
use support::Bend;

use super::super::scene::TRADERS;
use super::super::{Plan, Soak};

impl Soak {
    pub fn life(&mut self) -> Plan {
        match self.random.range(0, 4) {
            0 => self.delegate(),
            1 => self.grow(),
            _ => self.leave_and_return(),
        }
    }

    /// Names a delegate for some hours, or takes the last one back.
    fn delegate(&mut self) -> Plan {
        let trader = self.trader();
        let ix = match self.random.one_in(4) {
            true => lifecycle::set_delegate(&trader, Default::default(), 0, 0),
            false => {
                let other = self.trader().user.key;
                let key = self.random.pick(&[other, self.outsider.user.key]);
                let expires = self.world.now() + self.random.range(-60, 20_000);
                let scope = self.random.pick(&[SCOPE_TRADE, SCOPE_TRADE, 0, 3]);
                lifecycle::set_delegate(&trader, key, scope, expires)
            }
        };
        Plan::new("delegate", ix)
    }

    fn grow(&mut self) -> Plan {
        let trader = self.trader();
        let length = self.last.accounts[&trader.account].data.len();
        let room = (length - MarginAccount::ACCOUNT_LEN) / 64;
        let capacity = room as i64 + self.random.range(-1, 9);
        Plan::new(
            "grow",
            lifecycle::grow_margin_account(&trader, capacity as u16),
        )
    }

    /// Takes everything out, closes, and opens again, in one transaction.
    pub fn leave_and_return(&mut self) -> Plan {
        let empty = |trader: &&Trader| self.last.books[&trader.account].positions.is_empty();
        let trader = match self.cast[..TRADERS].iter().find(empty) {
            Some(trader) if !self.random.one_in(10) => *trader,
            _ => self.trader(),
        };
        let book = &self.last.books[&trader.account];
        let mut plan = Plan::new("leave and return", lifecycle::close_margin_account(&trader));
        for bank in self.banks.iter().rev() {
            let held = match bank.is_quote {
                true => self.world.cash_value(&trader.account) as i64, // with the interest that is due
                false => self.world.balance(&trader, bank),
            };
            if held > 0 {
                let ix = self.world.withdraw_ix(&trader, bank, held as u64);
                plan.instructions.insert(0, ix);
            }
        }
        let args = MarginAccountArgs {
            sub_account: trader.sub_account,
            capacity: 24,
            tier: book.header.tier,
        };
        let (owner, house) = (trader.user.key, trader.house);
        plan.instructions
            .push(instructions::open_margin_account(&owner, &house, args));
        plan
    }

    /// The instruction with the signatures of delegates, where accounts have them and use them.
    pub fn delegated(&mut self, mut instruction: Instruction, sides: &[Trader]) -> Instruction {
        for side in sides {
            let header = self.last.books[&side.account].header;
            let known = self.cast.iter().map(|t| t.user.key);
            let mut known = known.chain([self.outsider.user.key]);
            let expired = header.delegate_expires <= self.world.now();
            let odds = if expired { 12 } else { 2 };
            if known.any(|key| key == header.delegate) && self.random.one_in(odds) {
                instruction = instruction.replace(side.user.key, header.delegate);
                break; // of an owner of both sides, once
            }
        }
        instruction
    }
}
