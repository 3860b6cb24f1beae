//! What trades cost in compute units, with bands, fees, limits, open interest and funding in force.

use sandbox::{call, dollars, perpetual, put, Trader, World, BASE, BTC_START};
use support::{assert_open_interest, pair_with};

/// Every rule at work, none in the way.
fn ruled() -> (World, Trader, Trader) {
    pair_with(2_000_000, |rules| {
        (rules.fee_taker, rules.fee_maker, rules.fee_premium_cap) = (500, 200, 125_000);
        (rules.band_linear, rules.band_option) = (50_000, 300_000);
        rules.position_limit = 1_000_000_000_000;
        (rules.perp_limit, rules.expiry_limit) = (1_000_000_000_000, 1_000_000_000_000);
        (rules.funding_cap, rules.funding_depth) = (50_000_000, 1_000_000);
    })
}

#[test]
fn sixteen_options_on_each_side_cost_less_than_200_000_units() {
    let (mut world, alice, bob) = ruled();
    let (btc, week, month) = (world.btc, world.week, world.month);
    let mut legs = Vec::new();
    for n in 0..4 {
        let sign = if n % 2 == 0 { 1 } else { -1 };
        for expiry in [week, month] {
            let strike = dollars(105_000 + 5_000 * n);
            let (quantity, price) = (sign * BASE / 2, dollars(5_000));
            legs.push(call(&btc, expiry, strike, quantity, price));
            legs.push(put(&btc, expiry, strike, -quantity, price));
        }
    }
    assert_eq!(legs.len(), 16);
    let opened = world.trade(&alice, &bob, &legs).ok().compute_units;
    assert_eq!(world.account(&alice.account).1.len(), 16);
    assert_eq!(world.account(&bob.account).1.len(), 16);
    println!("16 options on each side: {opened} CU");
    assert!(opened < 200_000, "{opened}");
    // the same legs again: nothing is inserted
    let again = world.trade(&alice, &bob, &legs).ok().compute_units;
    println!("16 options on each side again: {again} CU");
    assert!(again < 200_000, "{again}");
    assert_open_interest(&world);
}

#[test]
fn one_perpetual_costs_less_than_60_000_units() {
    let (mut world, alice, bob) = ruled();
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    let first = world.trade(&alice, &bob, &legs).ok().compute_units;
    world.advance(4_000);
    world.refresh();
    let second = world.trade(&alice, &bob, &legs).ok().compute_units;
    println!("a perpetual: {first} CU, an hour later {second} CU");
    assert!(first.max(second) < 60_000, "{first} {second}");
}
