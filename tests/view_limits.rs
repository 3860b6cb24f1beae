//! The views of the largest account with the most legs fit one transaction: compute units and the 32 KiB heap.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::PositionRecord;
use sandbox::{dollars, perpetual, Outcome, Trader, World};
use support::Random;

use crate::parity::{full_book, write};

/// Compute units that a view may take at the most; the runtime ends a transaction at 1,400,000.
const MOST: u64 = 1_000_000;

/// Sixteen legs in series that are held.
fn legs_in_held_series(world: &World, records: &[PositionRecord]) -> Vec<TradeLeg> {
    let held = records.iter().take(16);
    held.map(|record| TradeLeg {
        instrument: record.instrument,
        expiry: record.expiry,
        strike: record.strike,
        ..perpetual(&world.btc, 100_000, dollars(200_000))
    })
    .collect()
}

/// Sixteen legs in new series.
fn legs_in_new_series(world: &World) -> Vec<TradeLeg> {
    let strikes = (0..16).map(|index| dollars(300_000 + index));
    strikes
        .map(|strike| TradeLeg {
            instrument: 2,
            expiry: world.month,
            strike,
            ..perpetual(&world.btc, 100_000, dollars(200_000))
        })
        .collect()
}

/// Sends every view and prints what it costs.
fn measure(world: &mut World, alice: &Trader, held: usize, legs: &[TradeLeg]) {
    let (account, market) = (alice.account, world.btc.index);
    let outcomes: [(&str, Outcome); 5] = [
        ("margin", world.view_margin_after(&account, legs).1),
        ("greeks", world.view_greeks(&account, legs).1),
        (
            "expiries",
            world.view_market_greeks(&account, (market, 0), legs).1,
        ),
        ("legs", world.view_leg_greeks(&account, (market, 0), legs).1),
        ("matrix", world.view_risk_matrix(&account, market, legs).1),
    ];
    print!("{held} positions, {} legs, CU:", legs.len());
    for (name, outcome) in outcomes {
        let units = outcome.instructions[0].1;
        print!(" {name} {units}");
        assert!(units < MOST, "{name}: {units}");
    }
    println!();
}

#[test]
fn case_48_77_the_largest_account_tries_sixteen_legs_within_one_transaction() {
    let mut world = World::new();
    let mut random = Random::new(16);
    let alice = world.user("alice");
    let alice = world.open(&alice, 128);
    // the first is a perpetual that is too large for the account
    let records = full_book(&mut random, &world, 1_000_000_000);
    for held in [1, 16, 64, 128] {
        let held_records = &records[records.len() - held..];
        write(
            &mut world,
            &alice,
            |header| header.cash = 1 << 40,
            held_records,
        );
        measure(&mut world, &alice, held, &[]);
    }
    // more than an account may grow to, or filled by the legs; short of health before and after, so that the margin is computed twice
    for held in [128, 25] {
        let legs = match held {
            128 => legs_in_held_series(&world, &records),
            _ => legs_in_new_series(&world),
        };
        write(
            &mut world,
            &alice,
            |header| header.cash = 1 << 40,
            &records[..held],
        );
        let (view, _) = world.view_margin_after(&alice.account, &legs);
        assert_eq!(view.refusal, u32::from(MarginError::InitialMarginBreached));
        measure(&mut world, &alice, held, &legs);
    }
}
