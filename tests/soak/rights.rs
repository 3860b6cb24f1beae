//! Rights and time: who may change what, and that numbers only rise.

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, MarginAccount, Market};
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
            if plan.is_signed_by(&old.header.owner) || self.is_delegated(plan, &old.header) {
                continue;
            }
            if before.accounts.get(key) != self.last.accounts.get(key) {
                self.inv_17_unsigned(plan, key, before);
                continue;
            }
            let margins = [before, &self.last].map(|state| state.reports[key].margin);
            let [was, is] = margins.map(|m| (m.initial_health, m.maintenance_health));
            // prices, surfaces and samples are what they are; interest is rounded where it is written
            let public = [
                "post surface",
                "update market",
                "update quote price",
                "report outage",
                "record",
                "finalize",
                "settle expiry",
                "resolve", // all balances bear a loss
            ];
            let kept = is.0.raw() >= was.0.raw() - 1 && is.1.raw() >= was.1.raw() - 1;
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

    /// A margin account that changed without its owner's or delegate's signature in the transaction: it is being liquidated, it
    /// was settled without loss of equity, or it trades by a quote that was signed for it or a venue that its owner approved.
    fn inv_17_unsigned(&self, plan: &Plan, key: &Pubkey, before: &Snapshot) {
        let header = &before.books[key].header;
        let quoted = plan.quoted == Some(header.owner)
            || (plan.quoted == Some(header.delegate) && self.may_delegate_trade(header));
        let allowed = match plan.name {
            "start" | "stop" | "bid" | "legs" | "restart" => true,
            "prove" | "bid insolvent" | "resolve" => true,
            "fill quote" => quoted,
            "venue fill" => header.venues.contains(&example_venue::ID),
            "settle expiry" | "settle perpetual" | "deleverage" => {
                let [old, new] = [before, &self.last].map(|s| s.reports[key].margin.equity.raw());
                // what an insolvent account has closed is settled by anybody, and shares losses
                let shared = match header.insolvent_at {
                    0 => 0,
                    _ => self.forgiven(before),
                };
                let least = old - settling_dust(before, key) - shared;
                let kept = new >= least || self.has_finalized(before);
                assert!(kept, "inv_17: {} took equity: {old} -> {new}", plan.name);
                true
            }
            _ => false,
        };
        assert!(allowed, "inv_17: {} changed a bystander {key}", plan.name);
    }

    /// Whether the step wrote the final price of an expiry.
    pub fn has_finalized(&self, before: &Snapshot) -> bool {
        let finals = |state: &Snapshot| -> usize {
            let markets = self.markets.iter();
            let slots = markets.flat_map(|u| state.state::<Market>(&u.market.key).expiries);
            slots.filter(|slot| slot.settlement.price != 0).count()
        };
        finals(&self.last) > finals(before)
    }

    fn may_delegate_trade(&self, header: &MarginAccount) -> bool {
        let allowed = header.delegate_scope & SCOPE_TRADE != 0;
        allowed && self.world.now() < header.delegate_expires
    }

    /// Whether the account's delegate signs what he may.
    fn is_delegated(&self, plan: &Plan, header: &MarginAccount) -> bool {
        let trades = [
            "trade",
            "guarded trade",
            "round trip",
            "fill quote",
            "venue fill",
        ];
        let signed = plan.is_signed_by(&header.delegate);
        trades.contains(&plan.name) && signed && self.may_delegate_trade(header)
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
        let sequences = |state: &Snapshot| {
            let markets = self.markets.iter();
            let markets = markets.map(|u| state.state::<Market>(&u.market.key).sequence);
            let banks = self.banks.iter();
            let banks = banks.map(|bank| state.state::<CollateralBank>(&bank.key).sequence);
            let house = state.state::<Clearinghouse>(&self.world.house).sequence;
            markets.chain(banks).chain([house]).collect::<Vec<u64>>()
        };
        let pairs = sequences(before).into_iter().zip(sequences(&self.last));
        for (old, new) in pairs {
            assert!(new >= old, "inv_19: {} {old} -> {new}", plan.name);
        }
    }
}

/// By how much a settlement may lower an account's equity, 1e-6 USD: each record that becomes cash is rounded down by itself, where
/// the engine summed them in 2^-30 of a notional.
pub fn settling_dust(before: &Snapshot, key: &Pubkey) -> i64 {
    let gross = before.reports[key].margin.gross_notional.raw();
    2 + before.books[key].positions.len() as i64 + (gross >> 29)
}
