//! What must hold after every step of the soak.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::MarginAccount;
use risk_core::liquidation::buffer_health;
use risk_core::margin::MarginReport;
use risk_core::Ratio;
use sandbox::Trader;

use super::{Before, Soak, Step};

/// Share of the maintenance requirement that the world's clearing house restores, 1e-6.
const BUFFER: Ratio = Ratio::from_raw(100_000);

impl Soak {
    /// Who changed, and that sequence numbers rise.
    pub(super) fn check_accounts(
        &self,
        step: &Step,
        before: &Before,
        after: &Before,
        succeeded: bool,
    ) {
        for trader in &self.traders {
            let changed = before.data[&trader.account] != after.data[&trader.account];
            let party = step.parties.contains(trader);
            assert!(
                !changed || (party && succeeded),
                "inv_17: {} changed a bystander",
                step.name
            );
            if changed {
                let sequence = |data: &[u8]| {
                    let header = MarginAccount::read_with_positions(data);
                    header.expect("a margin account").0.sequence
                };
                let (old, new) = (
                    sequence(&before.data[&trader.account]),
                    sequence(&after.data[&trader.account]),
                );
                assert_eq!(new, old + 1, "inv_19: {}", step.name);
            }
        }
    }

    pub(super) fn check_risk(&self, step: &Step, before: &Before, after: &Before) {
        let total = |reports: &BTreeMap<Pubkey, MarginReport>| -> i64 {
            reports.values().map(|report| report.equity.raw()).sum()
        };
        let created = total(&after.reports) - total(&before.reports) - step.inflow;
        assert!(
            created.abs() <= 200,
            "inv_03: {} created {created} of equity",
            step.name
        );
        for (place, trader) in step.parties.iter().enumerate() {
            let (old, new) = (
                before.reports[&trader.account],
                after.reports[&trader.account],
            );
            assert!(
                new.initial_health <= new.maintenance_health,
                "inv_07: {new:?}"
            );
            let reduced = new.maintenance_health >= old.maintenance_health
                && new.initial_health > old.initial_health;
            match (step.name, place) {
                ("trade" | "withdraw" | "tier", _) | ("bid", 1) => {
                    let sound = new.initial_health.raw() >= 0 || (reduced && step.name == "trade");
                    assert!(sound, "inv_06, inv_14: {}: {old:?} -> {new:?}", step.name);
                }
                ("bid", _) => self.check_repair(trader, &old, &new),
                ("start", _) => assert!(new.maintenance_health.raw() < 0, "inv_12: {new:?}"),
                _ => {}
            }
        }
    }

    /// Each slice improves, and none goes past the buffer by more than the rounding of each leg's last lot.
    fn check_repair(&self, trader: &Trader, old: &MarginReport, new: &MarginReport) {
        assert!(
            new.maintenance_health > old.maintenance_health,
            "inv_13: {old:?} -> {new:?}"
        );
        let was = buffer_health(old, BUFFER).expect("in range").raw();
        assert!(was < 0, "inv_12: {was}");
        let lots = 1 + self.world.account(&trader.account).1.len() as i64;
        let lot = self.world.spot(&self.world.btc.price).raw() as i64 / 100_000_000;
        let past = buffer_health(new, BUFFER).expect("in range").raw();
        assert!(past <= lots * lot, "inv_13: past the buffer by {past}");
    }
}
