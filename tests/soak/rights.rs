//! Rights and time: who may change what, and that numbers only rise.

use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::AccountLayout;

use super::snapshot::Snapshot;
use super::{Plan, Soak};

impl Soak {
    /// INV-17: "nobody's collateral or health falls by an instruction they did not sign, liquidation, funding, fees,
    /// settlement and socialisation aside."
    ///
    /// Stricter: without its owner's signature not a byte of a margin account changes, but by the instructions made for it,
    /// nobody's health falls, and no token leaves a wallet.
    pub fn inv_17_bystanders(&self, plan: &Plan, before: &Snapshot) {
        for (key, old) in &before.books {
            if plan.is_signed_by(&old.header.owner) {
                continue;
            }
            if before.accounts.get(key) != self.last.accounts.get(key) {
                let liquidated = ["start", "stop", "bid"].contains(&plan.name);
                assert!(liquidated, "inv_17: {} changed a bystander", plan.name);
                continue;
            }
            let margins = [before, &self.last].map(|state| state.reports[key].margin);
            let [was, is] = margins.map(|m| (m.initial_health, m.maintenance_health));
            let public = ["post surface", "update market", "update quote price"];
            let kept = is.0 >= was.0 && is.1 >= was.1;
            assert!(
                kept || public.contains(&plan.name),
                "inv_17: {} took a bystander's health: {was:?} -> {is:?}",
                plan.name
            );
        }
        for (key, old) in &before.tokens {
            let is_vault = self.banks.iter().any(|bank| bank.vault == *key);
            let left = self.last.tokens[key].amount < old.amount;
            let signed = plan.is_signed_by(&old.owner);
            assert!(
                !left || is_vault || signed,
                "inv_17: {} took tokens",
                plan.name
            );
        }
    }

    /// INV-19: "a closed account is not revived; sequence numbers strictly increase", also over close and reopen.
    pub fn inv_19_sequences(&mut self, plan: &Plan, before: &Snapshot) {
        for key in before.changed_books(&self.last) {
            let Some(account) = self.last.accounts.get(&key) else {
                continue; // closed
            };
            let header = MarginAccount::read(&account.data).expect("a margin account");
            let old = before.books.get(&key).map(|book| book.header.sequence);
            let highest = self.sequences.get(&key).copied().max(old);
            let rises = highest.is_none_or(|highest| header.sequence > highest);
            assert!(
                rises,
                "inv_19: {} {highest:?} -> {}",
                plan.name, header.sequence
            );
            self.sequences.insert(key, header.sequence);
        }
    }
}
