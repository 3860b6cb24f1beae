//! What people do: each function plans one action of its kind, as the one who means it would.

mod crank;
mod legs;
mod life;
mod liquidation;
mod settle;
mod trade;
mod transfer;
mod ways;

pub use ways::{Resting, Signed};

use super::scene::TRADERS;
use super::{Plan, Soak};

impl Soak {
    /// The next action.
    pub fn plan(&mut self) -> Plan {
        // what does not keep: an order goes stale with its price, an empty account fills again
        if !self.resting.is_empty() && self.random.one_in(4) {
            return self.venue();
        }
        let visitor = &self.last.books[&self.cast[TRADERS - 1].account];
        if visitor.positions.is_empty() && self.random.one_in(30) {
            return self.leave_and_return();
        }
        if self.random.one_in(3) {
            if let Some(plan) = self.resolve() {
                return plan;
            }
        }
        // what fails attracts keepers
        if self.cast.iter().any(|trader| self.is_liquidating(trader)) && self.random.one_in(8) {
            return self.liquidation();
        }
        match self.random.range(0, 100) {
            0..=27 => self.trade(),
            28..=30 => self.round_trip(),
            31..=33 => self.guarded_trade(),
            34..=38 => self.quote(),
            39..=43 => self.venue(),
            44..=51 => self.transfer(),
            52..=53 => self.there_and_back(),
            54..=56 => self.tier(),
            57..=60 => self.life(),
            61..=73 => self.liquidation(),
            74..=89 => self.settle(),
            _ => self.crank(),
        }
    }
}
