//! INV-04: whoever goes there and back ends with no more than before.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::Clearinghouse;
use sandbox::Bank;

use super::snapshot::Snapshot;
use super::{Plan, Soak};

/// What equity may gain by rounding in a round trip, 1e-6 USD: the engine's, once before and once after.
const DUST: i64 = 2;

impl Soak {
    /// INV-04: "deposit then withdraw-all returns no more; no round trip at constant price profits."
    ///
    /// What leaves and enters vaults creates nothing: in each asset, wallets and claims together do not grow by it, so whatever
    /// was deposited cannot come back as more. A trade that is undone at its own price in the same transaction leaves nobody
    /// with more equity.
    pub fn inv_04_round_trips(&self, plan: &Plan, before: &Snapshot) {
        if ["there and back", "leave and return", "deposit", "withdraw"].contains(&plan.name) {
            for bank in &self.banks {
                let [was, is] =
                    [before, &self.last].map(|state| self.outside_and_claimed(state, bank));
                assert!(is <= was, "inv_04: {} made {was} to {is}", plan.name);
            }
        }
        // a bent one may be a trade at two prices, to which both sides agree
        if plan.name == "round trip" && !plan.is_bent {
            for key in before.changed_books(&self.last) {
                let equity = |state: &Snapshot| state.reports[&key].margin.equity.raw();
                let (was, is) = (equity(before), equity(&self.last));
                assert!(is <= was + DUST, "inv_04: {key} went from {was} to {is}");
            }
        }
    }

    /// Native units of a bank's mint in wallets, and what accounts claim of its vault, with interest.
    fn outside_and_claimed(&self, state: &Snapshot, bank: &Bank) -> i128 {
        let vault = |key: &Pubkey| *key == bank.vault;
        let wallets = state.tokens.iter();
        let wallets = wallets.filter(|(key, tokens)| tokens.mint == bank.mint && !vault(key));
        let outside: i128 = wallets.map(|(_, tokens)| i128::from(tokens.amount)).sum();
        let house: &Clearinghouse = state.state(&self.world.house);
        let interest = house.interest.at(self.world.now());
        let claims = state
            .books
            .values()
            .map(|book| match bank.mint == self.world.usdc.mint {
                true => i128::from(interest.value_floor(&book.header)),
                false => i128::from(book.header.collateral_of(bank.index)),
            });
        outside + claims.sum::<i128>()
    }
}
