//! Risk and liquidation: what an instruction may leave behind.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{Clearinghouse, Market};
use risk_core::liquidation::buffer_health;
use risk_core::margin::MarginReport;
use risk_core::Ratio;

use super::rights::settling_dust;
use super::snapshot::{Book, Snapshot};
use super::{Plan, Soak};

/// Share of the maintenance requirement that the world's clearing house restores, 1e-6.
const BUFFER: Ratio = Ratio::from_raw(100_000);

impl Soak {
    /// An account's margin before and after, where it exists in both.
    fn margins(&self, before: &Snapshot, key: &Pubkey) -> Option<[MarginReport; 2]> {
        Some([
            before.reports.get(key)?.margin,
            self.last.reports.get(key)?.margin,
        ])
    }

    /// INV-06: "after any instruction at unchanged prices: initial_health >= 0, or the change was risk-reducing, or it was a
    /// liquidation."
    pub fn inv_06_health(&self, plan: &Plan, before: &Snapshot) {
        for key in before.changed_books(&self.last) {
            let Some([old, new]) = self.margins(before, &key) else {
                continue;
            };
            let healthy = new.initial_health.raw() >= 0;
            let sound = match plan.name {
                "trade" | "round trip" | "guarded trade" | "fill quote" | "venue fill" => {
                    healthy || new.reduces_risk_of(&old)
                }
                "withdraw" | "there and back" | "leave and return" | "tier" => healthy,
                // a bent one may write the final price as well, which moves what was marked without it
                "settle expiry" if self.has_finalized(before) => true,
                "bid" | "bid insolvent" | "legs" | "start" | "stop" => true, // inv_12 to inv_14
                // an asset that offsets the risk of a market may as well add to it
                "deposit" if self.is_whole() && new.cash == old.cash => true,
                _ => {
                    let dust = settling_dust(before, &key) + self.forgiven(before);
                    let pairs = [
                        (old.initial_health, new.initial_health),
                        (old.maintenance_health, new.maintenance_health),
                    ];
                    pairs.iter().all(|(was, is)| is.raw() >= was.raw() - dust)
                }
            };
            assert!(
                sound,
                "inv_06: {} left {key}: {old:?} -> {new:?}",
                plan.name
            );
        }
    }

    /// What a winner has forgiven of a market's losses.
    pub fn forgiven(&self, before: &Snapshot) -> i64 {
        let losses = |state: &Snapshot| {
            let markets = self.markets.iter();
            let losses = markets.map(|u| state.state::<Market>(&u.market.key).perp_loss);
            losses.sum::<u64>()
        };
        losses(before).saturating_sub(losses(&self.last)) as i64
    }

    /// INV-07: "initial_health <= maintenance_health."
    pub fn inv_07_order(&self) {
        for report in self.last.reports.values() {
            let margin = &report.margin;
            let ordered = margin.initial_health <= margin.maintenance_health;
            assert!(ordered, "inv_07: {margin:?}");
        }
    }

    /// INV-12: "only when maintenance_health < 0; never a healthy account, whatever is passed." INV-13: "each step improves
    /// maintenance health, or closes the account; never past the buffer." INV-14: "the liquidator ends with initial_health >= 0
    /// and is not the liquidatee."
    pub fn inv_12_to_14_liquidation(&self, plan: &Plan, before: &Snapshot) {
        for key in before.changed_books(&self.last) {
            let Some([old, new]) = self.margins(before, &key) else {
                continue;
            };
            let was_liquidating = before.books[&key].header.liquidation_started_at != 0;
            match plan.name {
                "start" => assert!(new.maintenance_health.raw() < 0, "inv_12: {new:?}"),
                "stop" => {
                    let house: &Clearinghouse = self.last.state(&self.world.house);
                    let restored = house.liquidation_terms().is_restored(&new);
                    assert_eq!(restored, Ok(true), "inv_13: stopped at {new:?}");
                }
                "bid" if was_liquidating => {
                    self.inv_13_repair(&key, &old, &new, &before.books[&key]);
                }
                "legs" if was_liquidating => {
                    assert!(
                        new.maintenance_health > old.maintenance_health,
                        "inv_13: {old:?} -> {new:?}"
                    );
                    let past = buffer_health(&new, BUFFER).expect("in range").raw();
                    assert!(past <= 0, "inv_13: past the buffer by {past}");
                    let gone = old.equity.raw() - new.equity.raw();
                    assert!(
                        gone <= 0 || new.equity.raw() >= 0,
                        "case_74: {old:?} -> {new:?}"
                    );
                }
                "bid insolvent" if was_liquidating => self.inv_13_taking(&key, &old, &new),
                "restart" => assert!(new.maintenance_health.raw() >= 0, "inv_12: {new:?}"),
                "bid" | "bid insolvent" | "legs" => {
                    // a keeper is not kept from a repair by the charge for the doubt about what it repairs
                    let health = new.initial_health.raw() + new.contingencies.confidence.raw();
                    assert!(health >= 0, "inv_14: {old:?} -> {new:?}");
                }
                _ => {}
            }
        }
    }

    /// Each slice improves, and none goes past the buffer by more than the rounding of each leg's last lot and the interest that
    /// is due to the account, which is valued with the rest and not divided.
    fn inv_13_repair(&self, key: &Pubkey, old: &MarginReport, new: &MarginReport, book: &Book) {
        let house: &Clearinghouse = self.last.state(&self.world.house);
        let interest = house.interest.at(self.world.now());
        let due = interest.value_floor(&book.header) - book.header.cash;
        let improved = new.maintenance_health > old.maintenance_health;
        assert!(improved, "inv_13: {old:?} -> {new:?}");
        let was = buffer_health(old, BUFFER).expect("in range").raw();
        assert!(was < 0, "inv_12: {was}");
        let lots = 1 + self.last.books[key].positions.len() as i64;
        let lot = self.world.spot(&self.world.btc.price).raw() as i64 / 100_000_000;
        let past = buffer_health(new, BUFFER).expect("in range").raw();
        assert!(
            past <= lots * lot + due.max(0) + jump(old, new),
            "inv_13: past the buffer by {past}: {old:?} -> {new:?}"
        );
    }

    /// Each part that is taken of an insolvent account improves it or leaves nothing of it, and costs it no more than what it lacks
    /// already, but for the rounding of each leg's last lot.
    fn inv_13_taking(&self, key: &Pubkey, old: &MarginReport, new: &MarginReport) {
        let book = &self.last.books[key];
        let is_left = !book.positions.is_empty() || book.header.used_collateral().next().is_some();
        let improved = new.maintenance_health > old.maintenance_health;
        assert!(improved || !is_left, "inv_13: {old:?} -> {new:?}");
        let lot = self.world.spot(&self.world.btc.price).raw() as i64 / 100_000_000;
        let dust = 129 * lot;
        let least = old.equity.raw().min(0) - dust;
        assert!(new.equity.raw() >= least, "inv_16: {old:?} -> {new:?}");
    }
}

/// By how much the requirement, with its buffer, fell more than the book did: under the Standard tier the lowest short call says what
/// each naked one takes, and a call of one lot is gone whole with any slice.
fn jump(old: &MarginReport, new: &MarginReport) -> i64 {
    let required = |report: &MarginReport| i128::from(report.maintenance_margin().raw());
    let gross = |report: &MarginReport| i128::from(report.gross_notional.raw());
    let scaled = required(old) * gross(new) / gross(old).max(1);
    let beyond = (scaled - required(new)).max(0) * 11 / 10;
    i64::try_from(beyond).expect("in range")
}
