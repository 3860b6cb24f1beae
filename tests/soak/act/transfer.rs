//! Collateral in and out, and the choice of tier.

use risk_core::tier::Tier;
use sandbox::{Bank, Trader, SOL, USDC};

use super::super::scene::TRADERS;
use super::super::{Plan, Soak};

impl Soak {
    /// An amount of a bank: small, large, at the edge of what may leave, or nonsense.
    fn amount(&mut self, trader: &Trader, bank: &Bank) -> u64 {
        let is_usdc = *bank == self.world.usdc;
        let unit = match *bank {
            _ if is_usdc => USDC,
            bank if bank == self.world.sol_bank => SOL / 100,
            _ => SOL / 3_000,
        };
        let report = &self.last.reports[&trader.account].margin;
        let held = self.world.balance(trader, bank);
        let edge = report.initial_health.raw().min(held).max(1) as u64;
        match self.random.range(0, 10) {
            0 => self.random.pick(&[0, 1, u64::MAX, u64::MAX >> 1]),
            // to the edge of initial health, where the next move of the market decides
            // beyond the own cash into debt, or to it
            1 if is_usdc => report.initial_health.raw().max(1) as u64,
            2 | 3 if is_usdc => edge + self.random.range(0, 2) as u64,
            4 => held.max(1) as u64,
            _ => self.random.range(1, 40_000) as u64 * unit + 1,
        }
    }

    pub fn transfer(&mut self) -> Plan {
        let trader = match self.random.one_in(8) {
            true => self.keeper(),
            false => self.trader(),
        };
        let bank = self.bank();
        let equity = self.last.reports[&trader.account].margin.equity.raw();
        // whoever is poor brings money, so that nobody is out of the game for long
        let enough = match TRADERS <= self.cast.iter().position(|t| *t == trader).unwrap_or(0) {
            true => 4_000_000_000_000, // a keeper
            false => 120_000_000_000,
        };
        if equity < enough / 2 && self.random.one_in(2) {
            let amount = (enough - equity) as u64;
            let bank = self.world.usdc;
            return Plan::new("deposit", self.world.deposit_ix(&trader, &bank, amount));
        }
        let amount = self.amount(&trader, &bank);
        match self.random.one_in(3) {
            true => Plan::new("deposit", self.world.deposit_ix(&trader, &bank, amount)),
            false => Plan::new("withdraw", self.world.withdraw_ix(&trader, &bank, amount)),
        }
    }

    /// A deposit and its withdrawal in one transaction.
    pub fn there_and_back(&mut self) -> Plan {
        let (trader, bank) = (self.trader(), self.bank());
        let amount = self.random.range(1, 1_000_000) as u64;
        let into = self.world.deposit_ix(&trader, &bank, amount);
        let mut plan = Plan::new("there and back", into);
        let more = u64::from(self.random.one_in(4)); // one unit more than came in
        let out = self.world.withdraw_ix(&trader, &bank, amount + more);
        plan.instructions.push(out);
        plan
    }

    pub fn tier(&mut self) -> Plan {
        let trader = self.trader();
        let tier = self
            .random
            .pick(&[Tier::Standard, Tier::Portfolio, Tier::Portfolio]);
        Plan::new("tier", self.world.set_tier_ix(&trader, tier))
    }
}
