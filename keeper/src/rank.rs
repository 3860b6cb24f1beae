//! Which accounts fail, which may, and in what order they are looked at.
//!
//! A *sweep* evaluates accounts at the present prices. Which ones depends on why: after a price change those that the price touches and
//! that are risky, at once; all of them when prices have moved far since the last whole sweep, when it was long ago, or after a new
//! snapshot; and always an account that has changed itself. An account is *risky* if its ratio or its estimated probability to fail
//! passes a threshold, or if it fails or is in liquidation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use client_core::{Evaluator, Inputs, ReportError, Scope};
use portfolio_margin_interface::Pubkey;
use risk_core::margin::MarginReport;

use crate::model::{Counts, KnownAccount, Ranked, Summary};
use crate::monte_carlo::Estimate;

/// When an account is risky.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Maintenance health over requirement below which it is.
    pub ratio: f64,
    /// Probability from which it is.
    pub probability: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            ratio: 0.25,
            probability: 0.001,
        }
    }
}

/// What one sweep found of one account.
pub type Swept = (Arc<KnownAccount>, Result<Summary, ReportError>);

/// Evaluates accounts, in parallel where there are many.
pub fn sweep(
    accounts: &[Arc<KnownAccount>],
    inputs: &Inputs,
    threads: usize,
    counts: &Counts,
) -> Vec<Swept> {
    let began = Instant::now();
    let evaluator = Evaluator::new(inputs);
    let each = |account: &Arc<KnownAccount>| {
        let margin = evaluator.margin(&account.header, &account.positions);
        let summary = margin.map(|margin| summary(&margin, inputs.now));
        (Arc::clone(account), summary)
    };
    let share = accounts.len().div_ceil(threads.max(1)).max(LEAST_SHARE);
    let swept: Vec<Swept> = match accounts.len() <= share {
        true => accounts.iter().map(each).collect(),
        false => std::thread::scope(|scope| {
            let parts = accounts.chunks(share);
            let parts: Vec<_> = parts
                .map(|part| scope.spawn(move || part.iter().map(each).collect::<Vec<_>>()))
                .collect();
            let joined = parts
                .into_iter()
                .map(|part| part.join().unwrap_or_default());
            joined.flatten().collect()
        }),
    };
    counts.sweeps.one();
    counts.evaluations.add(count(swept.len()));
    let refused = swept.iter().filter(|(_, summary)| summary.is_err());
    counts.refused.add(count(refused.count()));
    let micros = began.elapsed().as_micros();
    counts
        .sweep_micros
        .add(u64::try_from(micros).unwrap_or(u64::MAX));
    swept
}

/// Accounts that one thread takes at the least: below that it costs more to start it.
const LEAST_SHARE: usize = 64;

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The numbers of a report that a keeper orders by.
pub fn summary(margin: &MarginReport, now: i64) -> Summary {
    let equity = margin.equity.raw();
    let health = margin.maintenance_health.raw();
    // equity less haircuts covers the requirement by the health
    let required = i128::from(equity) - i128::from(health);
    let ratio = match required > 0 {
        true => health as f64 / required as f64,
        // nothing is required, or a haircut alone is missing
        false if health < 0 => f64::NEG_INFINITY,
        false => f64::INFINITY,
    };
    Summary {
        equity,
        maintenance_health: health,
        initial_health: margin.initial_health.raw(),
        ratio,
        at: now,
    }
}

/// What is known of one account's standing.
#[derive(Clone, Debug)]
struct Standing {
    scope: Scope,
    /// What the last evaluation that succeeded said.
    summary: Option<Summary>,
    /// The last evaluation did.
    is_priced: bool,
    probability: f64,
    is_liquidating: bool,
}

impl Standing {
    fn is_failing(&self) -> bool {
        let health = self.summary.map(|summary| summary.maintenance_health);
        self.is_priced && health.is_some_and(|health| health < 0)
    }

    fn is_risky(&self, thresholds: &Thresholds) -> bool {
        let ratio = self.summary.map(|summary| summary.ratio);
        self.is_liquidating
            || !self.is_priced
            || ratio.is_none_or(|ratio| ratio < thresholds.ratio)
            || self.probability >= thresholds.probability
    }
}

/// Every account's standing, with an index by what touches it.
#[derive(Debug, Default)]
pub struct Table {
    standings: BTreeMap<Pubkey, Standing>,
    by_bank: BTreeMap<u16, BTreeSet<Pubkey>>,
    by_market: BTreeMap<u16, BTreeSet<Pubkey>>,
    thresholds: Thresholds,
}

/// What a sweep has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Accounts that fail and did not.
    pub failed: Vec<Pubkey>,
    /// Accounts that failed and do not any more, or are gone.
    pub repaired: Vec<Pubkey>,
}

impl Table {
    /// Of no account yet.
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            ..Self::default()
        }
    }

    /// Takes what a sweep found.
    pub fn take(&mut self, swept: Vec<Swept>) -> Changes {
        let mut changes = Changes::default();
        for (account, summary) in swept {
            let key = account.key;
            let was_failing = self.is_failing(&key);
            self.place(&account);
            let Some(standing) = self.standings.get_mut(&key) else {
                continue;
            };
            standing.is_priced = summary.is_ok();
            if let Ok(summary) = summary {
                standing.summary = Some(summary);
            }
            match (was_failing, standing.is_failing()) {
                (false, true) => changes.failed.push(key),
                // what cannot be judged any more is not repaired
                (true, false) if standing.is_priced => changes.repaired.push(key),
                _ => {}
            }
        }
        changes
    }

    /// Whether an account failed when it was last evaluated.
    pub fn is_failing(&self, key: &Pubkey) -> bool {
        let standing = self.standings.get(key);
        standing.is_some_and(Standing::is_failing)
    }

    /// Enters an account under what it holds.
    fn place(&mut self, account: &KnownAccount) {
        let scope = Scope::of(&account.header, &account.positions);
        let is_liquidating = account.is_liquidating();
        if let Some(standing) = self.standings.get_mut(&account.key) {
            standing.is_liquidating = is_liquidating;
            if standing.scope == scope {
                return;
            }
        }
        let before = self.remove(&account.key);
        for bank in &scope.banks {
            self.by_bank.entry(*bank).or_default().insert(account.key);
        }
        for market in &scope.markets {
            self.by_market
                .entry(*market)
                .or_default()
                .insert(account.key);
        }
        let standing = Standing {
            scope,
            is_liquidating,
            summary: before.as_ref().and_then(|before| before.summary),
            is_priced: before.as_ref().is_some_and(|before| before.is_priced),
            probability: before.map_or(0.0, |before| before.probability),
        };
        self.standings.insert(account.key, standing);
    }

    fn remove(&mut self, key: &Pubkey) -> Option<Standing> {
        let standing = self.standings.remove(key)?;
        for bank in &standing.scope.banks {
            if let Some(keys) = self.by_bank.get_mut(bank) {
                keys.remove(key);
            }
        }
        for market in &standing.scope.markets {
            if let Some(keys) = self.by_market.get_mut(market) {
                keys.remove(key);
            }
        }
        Some(standing)
    }

    /// Forgets accounts that are gone; those that failed are repaired.
    pub fn forget(&mut self, gone: &[Pubkey]) -> Changes {
        let mut changes = Changes::default();
        for key in gone {
            if self
                .remove(key)
                .is_some_and(|standing| standing.is_failing())
            {
                changes.repaired.push(*key);
            }
        }
        changes
    }

    /// Accounts that hold something of these banks or markets.
    pub fn touched(&self, scope: &Scope) -> BTreeSet<Pubkey> {
        let by_bank = scope.banks.iter().filter_map(|bank| self.by_bank.get(bank));
        let markets = scope.markets.iter();
        let by_market = markets.filter_map(|market| self.by_market.get(market));
        by_bank.chain(by_market).flatten().copied().collect()
    }

    /// Of these accounts the risky ones. One that was never evaluated is.
    pub fn risky_of(&self, keys: &BTreeSet<Pubkey>) -> Vec<Pubkey> {
        let is_risky = |key: &&Pubkey| {
            let standing = self.standings.get(key);
            standing.is_none_or(|standing| standing.is_risky(&self.thresholds))
        };
        keys.iter().filter(is_risky).copied().collect()
    }

    /// Takes estimated probabilities.
    pub fn take_estimates(&mut self, estimates: &[Estimate]) {
        for estimate in estimates {
            if let Some(standing) = self.standings.get_mut(&estimate.account) {
                standing.probability = estimate.probability;
            }
        }
    }

    /// How many accounts are risky.
    pub fn risky_count(&self) -> usize {
        let standings = self.standings.values();
        standings
            .filter(|standing| standing.is_risky(&self.thresholds))
            .count()
    }

    /// Every account that could be evaluated: what fails first, worst first; then by probability and ratio.
    pub fn ranking(&self) -> Vec<Ranked> {
        let ranked = self.standings.iter().filter_map(|(key, standing)| {
            let summary = standing.summary?;
            let failing = standing.is_failing();
            Some(Ranked {
                account: *key,
                maintenance_health: summary.maintenance_health,
                ratio: summary.ratio,
                breach_probability: match failing {
                    true => 1.0,
                    false => standing.probability,
                },
                failing,
                liquidating: standing.is_liquidating,
            })
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by(|one, other| {
            let likelier = other.breach_probability.total_cmp(&one.breach_probability);
            let by_failing = other.failing.cmp(&one.failing);
            by_failing
                .then(likelier)
                .then(one.ratio.total_cmp(&other.ratio))
        });
        ranked
    }
}

#[cfg(test)]
mod tests;
