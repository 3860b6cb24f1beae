//! How a keeper takes the leg that carries the risk, where one does, and leaves the rest.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::LegsLiquidated;
use portfolio_margin_interface::args::LegTake;
use portfolio_margin_interface::state::PositionRecord;
use risk_core::liquidation::buffer_health;
use risk_core::{Quote, Ratio};
use sandbox::takeover::take_of;
use sandbox::{Outcome, Trader};

use super::keepers::is_too_much;
use super::run::Replay;

/// Share of the buffer that a keeper aims at, 1e-6.
const AIM: i64 = 950_000;
/// Least fee for which a keeper takes a leg, 1e-6 USD.
const LEAST_FEE: u64 = 10_000_000;

impl Replay {
    /// Takes as much as repairs the account of the leg that repairs most, if it pays; returns whether it did.
    pub fn take_legs(&mut self, keeper: &Trader, key: &Pubkey) -> bool {
        let Some(take) = self.riskiest(key) else {
            return false;
        };
        let world = &mut self.scene.world;
        let (takes, fee) = world.sized(key, &[take], AIM);
        if takes.is_empty() || fee < LEAST_FEE {
            return false;
        }
        let outcome = world.take_legs(keeper, key, &takes, fee);
        if outcome.error.is_none() {
            self.count_legs(&outcome, key);
            return true;
        }
        // an account without cash to buy a short option back is for slices
        let is_poor = outcome.error_code() == Some(MarginError::CashNegative.into());
        if !is_poor && !is_too_much(&outcome) {
            self.refused("liquidate_legs", &outcome);
        }
        false
    }

    /// Of an account with several positions, the one without which its maintenance health is best.
    fn riskiest(&self, key: &Pubkey) -> Option<LegTake> {
        let world = &self.scene.world;
        let (_, held) = world.account(key);
        let open: Vec<&PositionRecord> = held.iter().filter(|held| held.quantity != 0).collect();
        if open.len() < 2 {
            return None; // a slice takes the same
        }
        let takes = open.into_iter().map(|held| take_of(held, held.quantity));
        let without = takes.map(|take| {
            let outlook = world.outlook(key, std::slice::from_ref(&take));
            let before = outlook.before.margin.maintenance_health.raw();
            (outlook.unpaid.maintenance_health.raw() - before, take)
        });
        let best = without.max_by_key(|(freed, _)| *freed);
        best.filter(|(freed, _)| *freed > 0).map(|(_, take)| take)
    }

    /// INV-13: the whole scan improves, and nobody is taken past the buffer.
    fn count_legs(&mut self, outcome: &Outcome, key: &Pubkey) {
        let taken = outcome.events::<LegsLiquidated>();
        let [taken] = &taken[..] else {
            panic!("one event of one instruction");
        };
        assert!(taken.health_after > taken.health_before, "inv_13");
        let margin = self.scene.world.report(key).margin;
        assert_eq!(margin.maintenance_health.raw(), taken.health_after);
        let buffer = Ratio::from_raw(self.buffer());
        let beyond = buffer_health(&margin, buffer).expect("a report in range");
        assert!(beyond <= Quote::ZERO, "inv_13: past the buffer");
        self.tally.legs += 1;
        self.tally.to_fund += i128::from(taken.fund_fee);
    }

    /// Share of the maintenance requirement that is the buffer, 1e-6.
    fn buffer(&self) -> i64 {
        let world = &self.scene.world;
        let house = world.read::<portfolio_margin_interface::state::Clearinghouse>(&world.house);
        house.liquidation.buffer.into()
    }
}
