//! Estimated probabilities against closed forms, and what must not change them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use client_core::{Evaluator, Inputs, ShownPrice};
use portfolio_margin_interface::state::PositionRecord;
use risk_core::Price;
use sandbox::plant::{record, write_book};
use sandbox::{Market, BASE, BTC_START, SOL_START, USDC};

use super::{estimate, scaled, volatility, Basis, Estimate, Terms, YEAR};
use crate::model::{Counts, KnownAccount, Origin};
use crate::testing::{Town, SLOT};

/// Inputs of the town at its own time, and alice's account with these records and so much cash.
fn planted(records: &[PositionRecord], cash: i64) -> (Inputs, Arc<KnownAccount>) {
    let mut town = Town::new();
    let alice = town.traders[0];
    let empty = |header: &mut portfolio_margin_interface::state::MarginAccount| {
        header.cash = cash;
        header.collateral = Default::default();
    };
    write_book(&mut town.world, &alice, empty, records);
    let mut book = town.book();
    book.apply(&town.update(alice.account, SLOT + 1, Origin::Subscription));
    let (mut inputs, _) = book.priced().unwrap();
    inputs.now = town.world.now();
    (inputs, book.account(&alice.account).unwrap())
}

fn perpetual(market: &Market, quantity: i64, price: u64) -> PositionRecord {
    // 1e-6 base x 1e-8 USD in 1e-6 USD
    let cost = i128::from(quantity) * i128::from(price) / 100_000_000;
    record(market, (0, 0, 0), quantity, i64::try_from(cost).unwrap())
}

fn health_at(inputs: &Inputs, account: &KnownAccount, spot: u64) -> i64 {
    let mut moved = inputs.clone();
    moved.markets[0].1 = ShownPrice {
        price: Price::from_raw(spot),
        ..moved.markets[0].1
    };
    let margin = Evaluator::new(&moved).margin(&account.header, &account.positions);
    margin.unwrap().maintenance_health.raw()
}

/// The price at which health crosses zero between one where it has it and one where it lacks it.
fn threshold(inputs: &Inputs, account: &KnownAccount, good: u64, bad: u64) -> f64 {
    let (mut good, mut bad) = (good, bad);
    assert!(health_at(inputs, account, good) >= 0 && health_at(inputs, account, bad) < 0);
    while good.abs_diff(bad) > 1 {
        let middle = good.midpoint(bad);
        match health_at(inputs, account, middle) < 0 {
            true => bad = middle,
            false => good = middle,
        }
    }
    bad as f64
}

/// The standard normal distribution, to 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn normal(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let sum = series.iter().fold(0.0, |sum, c| sum * t + c) * t;
    let tail = sum * (-z * z).exp() / 2.0;
    if x > 0.0 {
        1.0 - tail
    } else {
        tail
    }
}

fn run(inputs: &Inputs, accounts: &[Arc<KnownAccount>], terms: &Terms) -> Vec<Estimate> {
    estimate(
        inputs,
        accounts,
        terms,
        &Counts::default(),
        &AtomicBool::new(false),
    )
}

/// Cash that puts the threshold of one BTC, long or short, so many standard deviations of the horizon away.
fn at_distance(quantity: i64, deviations: f64, terms: &Terms) -> (Inputs, Arc<KnownAccount>, f64) {
    let btc = Town::new().world.btc;
    let legs = [perpetual(&btc, quantity, BTC_START)];
    let (inputs, _) = planted(&legs, 0);
    let annual = volatility(&inputs.markets[0].0, inputs.now).unwrap();
    let deviation = annual * (terms.horizon_seconds / YEAR).sqrt();
    let sign = -(quantity.signum() as f64);
    let spot = (BTC_START as f64 * (sign * deviations * deviation).exp()) as u64;
    let (_, bare) = planted(&legs, 0);
    let cash = -health_at(&inputs, &bare, spot);
    let (inputs, account) = planted(&legs, cash);
    let far = (BTC_START as f64 * (1.0 + sign * 0.2)) as u64;
    let threshold = threshold(&inputs, &account, BTC_START, far);
    let distance = (threshold / BTC_START as f64).ln();
    (inputs, account, sign * distance / deviation)
}

#[test]
fn a_perpetual_fails_at_the_end_with_the_tail_of_the_lognormal() {
    // over sixty days the drift is a seventh of a deviation, which so many paths tell
    let horizons = [
        (600.0, &[0.25, 1.0, 2.0][..]),
        (60.0 * 86_400.0, &[0.25, 0.5]),
    ];
    for (quantity, (horizon_seconds, distances)) in [BASE, -BASE]
        .into_iter()
        .flat_map(|quantity| horizons.map(|horizon| (quantity, horizon)))
    {
        let terms = Terms {
            paths: 4_096,
            steps: 1,
            horizon_seconds,
            evaluations: u64::MAX,
            ..Terms::default()
        };
        for deviations in distances.iter().copied() {
            let (inputs, account, found) = at_distance(quantity, deviations, &terms);
            assert!((found - deviations).abs() < 0.02, "{found} {deviations}");
            // the drift of half a variance, in deviations
            let law = volatility(&inputs.markets[0].0, inputs.now).unwrap();
            let half = law * (terms.horizon_seconds / YEAR).sqrt() / 2.0;
            let side = quantity.signum() as f64;
            let want = normal(-found + side * half);
            let [got] = run(&inputs, &[account], &terms)[..] else {
                panic!("one estimate")
            };
            let error = (want * (1.0 - want) / 4_096.0).sqrt();
            assert_eq!(got.basis, Basis::Sampled(4_096));
            let miss = (got.probability - want).abs() / error;
            assert!(
                miss < 4.0,
                "{quantity} {deviations}: {got:?}, {want} +- {error}"
            );
        }
    }
}

#[test]
fn watched_at_more_steps_it_fails_as_often_as_a_barrier_moved_for_the_gaps_does() {
    for steps in [4, 16] {
        let terms = Terms {
            paths: 4_096,
            steps,
            evaluations: u64::MAX,
            ..Terms::default()
        };
        let (inputs, account, found) = at_distance(BASE, 1.0, &terms);
        // twice the tail (reflection), the barrier moved by 0.5826 deviations of a step: Broadie, Glasserman and Kou 1997
        let moved = found + 0.582_6 / f64::from(steps).sqrt();
        let want = 2.0 * normal(-moved);
        let [got] = run(&inputs, &[account], &terms)[..] else {
            panic!("one estimate")
        };
        let error = (want * (1.0 - want) / 4_096.0).sqrt();
        let miss = (got.probability - want).abs();
        assert!(miss < 4.0 * error + 0.01, "{steps}: {got:?}, {want}");
        assert!(got.probability > normal(-found) + 3.0 * error);
    }
}

#[test]
fn what_fails_now_is_certain_and_what_is_far_is_not_sampled() {
    let terms = Terms::default();
    let btc = Town::new().world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    for (cash, probability, basis) in [
        (0, 1.0, Basis::Failing),
        (BTC_START as i64 / 100, 0.0, Basis::Screened),
    ] {
        let (inputs, account) = planted(&legs, cash);
        let [got] = run(&inputs, &[account], &terms)[..] else {
            panic!("one estimate")
        };
        assert_eq!((got.probability, got.basis), (probability, basis));
    }
    // both sides of the screen: four deviations out
    for (deviations, is_sampled) in [(3.8, true), (4.2, false)] {
        let (inputs, account, _) = at_distance(BASE, deviations, &terms);
        let got = run(&inputs, &[account], &terms)[0];
        assert_eq!(
            matches!(got.basis, Basis::Sampled(_)),
            is_sampled,
            "{got:?}"
        );
    }
}

/// A measured variance is the market's word: at an absurd one prices go to the ends of their range, not back to where they were.
#[test]
fn a_price_beyond_the_range_stays_at_its_end() {
    let shown = ShownPrice::supposed(Price::from_raw(BTC_START));
    let at = |factor: f64| scaled(&shown, factor).price.raw();
    assert_eq!(at(1.0), BTC_START);
    for (factor, end) in [
        (1e300, Price::MOST),
        (f64::INFINITY, Price::MOST),
        (1e-300, 1),
        (0.0, 1),
        (f64::NAN, 1),
    ] {
        assert_eq!(at(factor), end, "{factor}");
    }
}

#[test]
fn estimates_repeat_and_do_not_depend_on_who_else_is_estimated() {
    let terms = Terms::default();
    let (inputs, near, _) = at_distance(BASE, 0.5, &terms);
    let (_, short, _) = at_distance(-BASE, 1.0, &terms);
    let mut other = (*short).clone();
    other.key = crate::testing::nowhere();
    let alone = run(&inputs, &[Arc::clone(&near)], &terms);
    let both = run(&inputs, &[Arc::new(other), Arc::clone(&near)], &terms);
    let of = |all: &[Estimate]| *all.iter().find(|e| e.account == near.key).unwrap();
    assert_eq!(of(&alone), of(&both));
    assert_eq!(alone, run(&inputs, &[near], &terms));
}

#[test]
fn a_budget_ends_paths_early_but_not_before_the_least() {
    let terms = Terms {
        evaluations: 200,
        ..Terms::default()
    };
    let (inputs, near, _) = at_distance(BASE, 1.0, &terms);
    let got = run(&inputs, &[Arc::clone(&near)], &terms)[0];
    let Basis::Sampled(paths) = got.basis else {
        panic!("{got:?}")
    };
    assert!((48..96).contains(&paths), "{paths}");
    let none = Terms {
        evaluations: 0,
        ..Terms::default()
    };
    assert_eq!(
        run(&inputs, &[Arc::clone(&near)], &none)[0].basis,
        Basis::Sampled(32)
    );
    let stopped = AtomicBool::new(true);
    assert_eq!(
        estimate(&inputs, &[near], &terms, &Counts::default(), &stopped),
        []
    );
}

/// A book that is long one market and short the other by the same value.
fn spread() -> (Inputs, Arc<KnownAccount>) {
    let (btc, sol) = (Town::new().world.btc, Town::new().world.sol);
    let quantity = BASE * (BTC_START / SOL_START) as i64;
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        perpetual(&sol, -quantity, SOL_START),
    ];
    let (inputs, bare) = planted(&legs, 0);
    let health = Evaluator::new(&inputs)
        .margin(&bare.header, &bare.positions)
        .unwrap()
        .maintenance_health
        .raw();
    // a quarter of a per cent of the notional above the threshold
    planted(&legs, 290 * USDC as i64 - health)
}

#[test]
fn a_spread_within_a_group_fails_less_the_more_its_markets_move_together() {
    let (mut inputs, account) = spread();
    for (market, _) in &mut inputs.markets {
        market.group = 1;
    }
    let at = |correlation: f64| {
        let terms = Terms {
            correlation,
            paths: 2_048,
            screen_deviations: 0.0, // the screen moves all markets together and would pass it
            evaluations: u64::MAX,
            ..Terms::default()
        };
        let mut near = super::Sampler::new(&inputs, &terms);
        let counts = Counts::default();
        let sampled = super::sample(
            &mut near,
            &[account.as_ref()],
            &terms,
            &counts,
            &AtomicBool::new(false),
        );
        sampled.unwrap()[0].probability
    };
    let [apart, half, together] = [0.0, 0.5, 0.99].map(at);
    assert!(
        apart > half + 0.03 && half > together + 0.03,
        "{apart} {half} {together}"
    );
}

#[test]
fn the_volatility_is_the_larger_of_smile_and_regime() {
    let (inputs, _) = planted(&[], 0);
    let (mut market, now) = (inputs.markets[0].0, inputs.now);
    let smile = volatility(&market, now).unwrap();
    assert!((smile - 0.45).abs() < 0.05, "{smile}");
    market.regime.interval = 60;
    market.regime.variance_fast = 1_000_000_000_000;
    assert_eq!(volatility(&market, now), Some(1.0));
    market.regime.variance_fast = 1_000_000;
    assert_eq!(volatility(&market, now), Some(smile));
    market.regime.variance_slow = 4_000_000_000_000;
    assert_eq!(volatility(&market, now), Some(2.0));
    for slot in &mut market.expiries {
        slot.posted_at = 0;
    }
    assert_eq!(volatility(&market, now), Some(2.0));
    market.regime.interval = 0;
    assert_eq!(volatility(&market, now), None);
}
