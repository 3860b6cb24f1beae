//! What people do: each function plans one action of its kind, as the one who means it would.

mod crank;
mod liquidation;
mod trade;
mod transfer;

use super::{Plan, Soak};

impl Soak {
    /// The next action.
    pub fn plan(&mut self) -> Plan {
        match self.random.range(0, 100) {
            0..=44 => self.trade(),
            45..=49 => self.round_trip(),
            50..=61 => self.transfer(),
            62..=64 => self.there_and_back(),
            65..=69 => self.tier(),
            70..=91 => self.liquidation(),
            _ => self.crank(),
        }
    }
}
