//! Marks around an expiry: in the last half hour a share of the forward is fixed, after it all of it is.

use portfolio_margin::error::MarginError;
use sandbox::{
    call, dollars, future, perpetual, settlement, Trader, World, WorldBuilder, BASE, USDC,
};
use support::{assert_conserved, assert_refused};

const HOUR: i64 = 3_600;

/// The forward that a future of one coin is marked at, 1e-6 USD: alice bought it at zero cost to nobody.
fn mark(world: &mut World, alice: &Trader) -> i64 {
    let cost = world.account(&alice.account).1[0].cost;
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(view.report(), world.report(&alice.account).margin);
    view.mark + cost
}

/// BTC at 100,000, two traders with a million each, so many seconds before the expiry.
fn before_expiry(seconds: i64) -> (World, [Trader; 2]) {
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        ..WorldBuilder::default()
    }
    .build();
    let traders = ["alice", "bob"].map(|name| world.trader(name, 1_000_000 * USDC));
    world.set_time(world.week - seconds);
    world.refresh();
    (world, traders)
}

#[test]
fn in_the_window_the_mark_moves_by_what_is_not_fixed_yet() {
    let (mut world, [alice, bob]) = before_expiry(1_900);
    let (btc, week) = (world.btc, world.week);
    world
        .trade(&alice, &bob, &[future(&btc, week, BASE, dollars(100_000))])
        .ok();
    // prices stand still, so the mark does, second by second, while samples come in
    let mut last = mark(&mut world, &alice);
    for second in (0..=1_800).rev().step_by(7) {
        world.set_time(week - second);
        world.set_price(&btc, dollars(100_000));
        let is_minute = second % 60 < 7 && second < 1_800;
        if is_minute {
            world
                .send(&[settlement::record_settlement(&btc, week)], &[])
                .ok();
        }
        let now = mark(&mut world, &alice);
        // the basis of the forward (8 % a year over half an hour: half a dollar) leaves it
        assert!((now - last).abs() <= 100_000, "{second}: {last} -> {now}");
        last = now;
    }
    assert!((last - 100_000_000_000).abs() <= 1_000_000, "{last}");
}

#[test]
fn a_spot_move_late_in_the_window_moves_the_mark_by_the_rest_of_it() {
    let (mut world, [alice, bob]) = before_expiry(2_000);
    let (btc, week) = (world.btc, world.week);
    world
        .trade(&alice, &bob, &[future(&btc, week, BASE, dollars(100_000))])
        .ok();
    world.set_time(week - 600);
    for minute in 10..30 {
        world
            .sample(&btc, week, dollars(100_000), week - 60 * minute)
            .ok();
    }
    world.set_price(&btc, dollars(130_000));
    // a third is left: 30,000 up is 10,000 (and the basis of ten minutes)
    assert!((mark(&mut world, &alice) - 110_000_000_000).abs() < 2_000_000);
    // a trade is margined by it: bob owes ten thousand, not thirty
    let (view, _) = world.view_margin(&bob.account);
    assert!(
        (view.mark + 10_000_000_000).abs() < 2_000_000,
        "{}",
        view.mark
    );
    world.refresh_prices();
    world
        .trade(
            &alice,
            &bob,
            &[future(&btc, week, -BASE / 2, dollars(110_000))],
        )
        .ok();
    // at the expiry a minute that nobody has shown still follows the spot
    world.set_time(week);
    world.set_price(&btc, dollars(130_000));
    let held = world.account(&alice.account).1[0];
    let expected = held.quantity * 110_000;
    assert!((mark(&mut world, &alice) - expected).abs() <= 1);
    world.set_time(week + 600);
    world.set_price(&btc, dollars(1));
    world.finalize_settlement(&btc, week).ok();
    assert_eq!(mark(&mut world, &alice), held.quantity * 100_000);
    assert_conserved(&world);
}

#[test]
fn case_66_without_any_sample_the_spot_stands_in_until_there_is_a_price() {
    let (mut world, [alice, bob]) = before_expiry(60);
    let (btc, week) = (world.btc, world.week);
    let strike = dollars(90_000);
    let legs = [
        future(&btc, week, BASE, dollars(100_000)),
        call(&btc, week, strike, BASE, dollars(10_000)),
        perpetual(&btc, BASE, dollars(100_000)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let equity = |world: &mut World| {
        let (view, _) = world.view_margin(&alice.account);
        assert_eq!(view.report(), world.report(&alice.account).margin);
        view.equity
    };
    world.set_time(week + HOUR);
    world.set_price(&btc, dollars(105_000));
    let start = 990_000_000_000; // the premium is paid
    assert_eq!(equity(&mut world), start + 25_000_000_000);
    // a price after the expiry fixes nothing, since a sample takes its place; a sample of the window fixes a thirtieth
    world.sample(&btc, week, dollars(102_000), week + 5).ok();
    world.set_price(&btc, dollars(105_000));
    assert_eq!(equity(&mut world), start + 25_000_000_000);
    world.sample(&btc, week, dollars(102_000), week - 5).ok();
    world.set_price(&btc, dollars(105_000));
    // 104,900: 4,900 and 14,900 and 5,000
    assert_eq!(equity(&mut world), start + 24_800_000_000);
    // what has expired is not traded, at any price
    for leg in [&legs[0], &legs[1]] {
        let ix = world.trade_ix(&alice, &bob, std::slice::from_ref(leg));
        let signers = [alice.user, bob.user];
        assert_refused(&mut world, &ix, &signers, MarginError::Expired);
    }
}
