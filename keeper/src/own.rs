//! Accounts of the keeper's own wallet that fail. The program lets nobody bid on what is his own, so a keeper cannot repair them: it says
//! so once, shows how many there are, and leaves them to others.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use portfolio_margin_interface::Pubkey;

use crate::metrics::Metrics;

/// Those that were told of.
#[derive(Debug, Default)]
pub struct OwnFailing(Mutex<BTreeSet<Pubkey>>);

impl OwnFailing {
    /// Shows how many there are now, and warns of each that is new since the last time; returns those.
    pub fn note(&self, now: BTreeSet<Pubkey>, metrics: &Metrics) -> Vec<Pubkey> {
        let count = i64::try_from(now.len()).unwrap_or(i64::MAX);
        metrics.own_failing.set(count);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<Pubkey> = now.difference(&told).copied().collect();
        *told = now;
        for account in &new {
            tracing::warn!(%account, "an account of this keeper's own wallet fails: deposit; only others can bid on it");
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_once_until_it_fails_again() {
        let (own, metrics) = (OwnFailing::default(), Metrics::default());
        let [one, two] = [Pubkey::from([1; 32]), Pubkey::from([2; 32])];
        let both = || BTreeSet::from([one, two]);
        assert_eq!(own.note(BTreeSet::from([one]), &metrics), [one]);
        assert_eq!(own.note(both(), &metrics), [two]);
        assert_eq!(metrics.own_failing.get(), 2);
        assert_eq!(own.note(both(), &metrics), []);
        assert_eq!(own.note(BTreeSet::from([two]), &metrics), []);
        assert_eq!(own.note(both(), &metrics), [one]);
        assert_eq!(own.note(BTreeSet::new(), &metrics), []);
        assert_eq!(metrics.own_failing.get(), 0);
    }
}
