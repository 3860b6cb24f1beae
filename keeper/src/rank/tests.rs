//! Who fails, who is risky, in what order, and whom a price touches.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::sync::Arc;

use client_core::{ReportError, Scope};
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::Pubkey;
use risk_core::margin::MarginReport;
use risk_core::{Quote, RiskError};

use super::{summary, sweep, Changes, Swept, Table, Thresholds};
use crate::model::{Counts, KnownAccount, Summary};
use crate::monte_carlo::{Basis, Estimate};
use crate::testing::Town;

fn health(health: i64, required: i64) -> Summary {
    let margin = MarginReport {
        equity: Quote::from_raw(required + health),
        maintenance_health: Quote::from_raw(health),
        ..MarginReport::default()
    };
    summary(&margin, 7)
}

/// The town's accounts with these healths over a requirement of 1,000.
fn swept(healths: &[Option<i64>]) -> Vec<Swept> {
    let town = Town::new();
    let known = town.known(&town.book());
    let found = known.into_iter().zip(healths).map(|(account, found)| {
        let summary = found.map(|found| health(found, 1_000));
        (
            account,
            summary.ok_or(ReportError::Risk(RiskError::Overflow(
                risk_core::error::Field::Quote,
            ))),
        )
    });
    found.collect()
}

#[test]
fn a_sweep_says_what_the_world_says_with_any_number_of_threads() {
    let town = Town::new();
    let book = town.book();
    let (mut inputs, _) = book.priced().unwrap();
    inputs.now = town.world.now();
    let few = town.known(&book);
    let accounts: Vec<_> = few.iter().cycle().take(300).cloned().collect();
    let counts = Counts::default();
    let one = sweep(&accounts, &inputs, 1, &counts);
    for (account, found) in &one {
        let report = town.world.report(&account.key).margin;
        let found = found.unwrap();
        assert_eq!(found.maintenance_health, report.maintenance_health.raw());
        assert_eq!((found.equity, found.at), (report.equity.raw(), inputs.now));
    }
    let pairs = |swept: &[Swept]| -> Vec<_> {
        let pairs = swept.iter().map(|(account, found)| (account.key, *found));
        pairs.collect()
    };
    for threads in [0, 2, 3, 1_000] {
        let several = sweep(&accounts, &inputs, threads, &counts);
        assert_eq!(pairs(&several), pairs(&one), "{threads}");
    }
    assert_eq!((counts.evaluations.get(), counts.sweeps.get()), (1_500, 5));
    assert_eq!(counts.refused.get(), 0);
    // a market without a price: its holders are refused, and nobody else
    inputs
        .markets
        .retain(|(market, _)| market.index != town.world.sol.index);
    let blind = sweep(&few, &inputs, 1, &counts);
    let is_blind: Vec<_> = blind.iter().map(|(_, found)| found.is_err()).collect();
    assert_eq!(
        (is_blind, counts.refused.get()),
        (vec![false, true, true], 2)
    );
}

#[test]
fn the_ratio_is_health_over_what_is_required() {
    let of = |found, required| health(found, required).ratio;
    assert_eq!(
        (of(500, 1_000), of(-250, 1_000), of(0, 1_000)),
        (0.5, -0.25, 0.0)
    );
    assert_eq!((of(5, 0), of(0, 0)), (f64::INFINITY, f64::INFINITY));
    assert_eq!(of(-5, 0), f64::NEG_INFINITY);
    assert_eq!(of(i64::MIN / 2, i64::MAX / 2), -1.0);
}

#[test]
fn accounts_fail_below_zero_and_are_repaired_at_zero() {
    let mut table = Table::new(Thresholds::default());
    let first = swept(&[Some(0), Some(-1), Some(5)]);
    let keys: Vec<_> = first.iter().map(|(account, _)| account.key).collect();
    let changes = table.take(first);
    assert_eq!(
        changes,
        Changes {
            failed: vec![keys[1]],
            repaired: vec![]
        }
    );
    // still failing: no news
    assert_eq!(
        table.take(swept(&[Some(0), Some(-9), Some(5)])),
        Changes::default()
    );
    let changes = table.take(swept(&[Some(-3), Some(0), Some(5)]));
    assert_eq!(
        changes,
        Changes {
            failed: vec![keys[0]],
            repaired: vec![keys[1]]
        }
    );
    // what cannot be judged is neither failing nor repaired
    assert_eq!(
        table.take(swept(&[None, Some(0), Some(5)])),
        Changes::default()
    );
    assert!(!table.is_failing(&keys[0]));
    let changes = table.take(swept(&[Some(-3), Some(0), Some(5)]));
    assert_eq!(changes.failed, [keys[0]]);
    // one that is gone is repaired, one that did not fail is not
    assert_eq!(table.forget(&keys).repaired, [keys[0]]);
    assert!(table.ranking().is_empty());
}

#[test]
fn the_worst_comes_first_then_the_likeliest() {
    let mut table = Table::new(Thresholds::default());
    let found = swept(&[Some(-100), Some(-500), Some(300)]);
    let keys: Vec<_> = found.iter().map(|(account, _)| account.key).collect();
    table.take(found);
    let order = |table: &Table| -> Vec<Pubkey> {
        let ranked = table.ranking();
        ranked.iter().map(|ranked| ranked.account).collect()
    };
    assert_eq!(order(&table), [keys[1], keys[0], keys[2]]);
    let ranked = table.ranking();
    let told: Vec<_> = ranked
        .iter()
        .map(|r| (r.failing, r.breach_probability))
        .collect();
    assert_eq!(told, [(true, 1.0), (true, 1.0), (false, 0.0)]);
    table.take(swept(&[Some(100), Some(50), Some(300)]));
    assert_eq!(order(&table), [keys[1], keys[0], keys[2]]);
    let estimate = |account, probability| Estimate {
        account,
        probability,
        basis: Basis::Sampled(32),
    };
    table.take_estimates(&[estimate(keys[2], 0.5), estimate(keys[0], 0.25)]);
    assert_eq!(order(&table), [keys[2], keys[0], keys[1]]);
}

#[test]
fn accounts_are_risky_below_a_ratio_from_a_probability_in_liquidation_and_unjudged() {
    let mut table = Table::new(Thresholds {
        ratio: 0.25,
        probability: 0.01,
    });
    let mut found = swept(&[Some(249), Some(250), None]);
    let keys: BTreeSet<_> = found.iter().map(|(account, _)| account.key).collect();
    let key = |at: usize| found[at].0.key;
    let (low, high, unjudged) = (key(0), key(1), key(2));
    table.take(found.clone());
    let risky = |table: &Table| table.risky_of(&keys).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(risky(&table), BTreeSet::from([low, unjudged]));
    for (probability, is_risky) in [(0.01, true), (0.0099, false)] {
        table.take_estimates(&[Estimate {
            account: high,
            probability,
            basis: Basis::Screened,
        }]);
        assert_eq!(risky(&table).contains(&high), is_risky);
    }
    let mut account: KnownAccount = (*found[1].0).clone();
    account.header.status = STATUS_LIQUIDATING;
    found[1].0 = Arc::new(account);
    table.take(found);
    assert!(risky(&table).contains(&high));
    assert_eq!(table.risky_count(), 3);
    // one that was far from failing and cannot be judged any more
    let lost = swept(&[Some(9_000), None, None]);
    table.take(lost.clone());
    assert!(!risky(&table).contains(&low));
    table.take(swept(&[None, None, None]));
    assert!(risky(&table).contains(&low));
    // never evaluated
    let nobody = BTreeSet::from([crate::testing::nowhere()]);
    assert_eq!(table.risky_of(&nobody).len(), 1);
}

#[test]
fn a_price_touches_who_holds_something_of_it_and_the_index_follows_changes() {
    let town = Town::new();
    let (btc, sol, bank) = (town.world.btc, town.world.sol, town.world.sol_bank);
    let mut table = Table::new(Thresholds::default());
    table.take(swept(&[Some(1), Some(1), Some(1)]));
    let [alice, bob, carol] = [0, 1, 2].map(|at: usize| town.traders[at].account);
    let touched = |table: &Table, scope: Scope| table.touched(&scope);
    let of_market = |index| Scope::of_markets([index]);
    let mut of_bank = Scope::default();
    of_bank.banks.insert(bank.index);
    assert_eq!(
        touched(&table, of_market(btc.index)),
        BTreeSet::from([alice, bob, carol])
    );
    assert_eq!(
        touched(&table, of_market(sol.index)),
        BTreeSet::from([bob, carol])
    );
    assert_eq!(touched(&table, of_bank.clone()), BTreeSet::from([alice]));
    assert_eq!(touched(&table, of_market(77)), BTreeSet::new());
    // bob gives up what he holds of SOL
    let mut found = swept(&[Some(1), Some(1), Some(1)]);
    let mut account: KnownAccount = (*found[1].0).clone();
    account
        .positions
        .retain(|record| record.market != sol.index);
    found[1].0 = Arc::new(account);
    table.take(found);
    assert_eq!(
        touched(&table, of_market(sol.index)),
        BTreeSet::from([carol])
    );
    table.forget(&[carol, alice]);
    assert_eq!(touched(&table, of_market(btc.index)), BTreeSet::from([bob]));
    assert_eq!(touched(&table, of_bank), BTreeSet::new());
}
