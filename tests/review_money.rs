//! What a thief with capital tries against the money of the house.

use portfolio_margin::error::MarginError;
use sandbox::{dollars, future, Trader, World, WorldBuilder, BASE, USDC};
use support::{assert_conserved, assert_refused};

/// BTC at a price in dollars, so many seconds before the expiry, and a thief with two accounts of 100,000 each.
fn thief(price: u64, seconds: i64) -> (World, [Trader; 2]) {
    let mut world = WorldBuilder {
        btc_price: dollars(price),
        ..WorldBuilder::default()
    }
    .build();
    let accounts = ["left", "right"].map(|name| world.trader(name, 100_000 * USDC));
    world.set_time(world.week - seconds);
    world.refresh();
    (world, accounts)
}

/// One sample, picked by who is alone in an expiry, fixed all minutes of the window at its price, without margin on what the
/// others make of it: 200,000 dollars in, 1,065,666 out.
#[test]
fn case_67_a_picked_sample_fixes_one_minute_and_frees_no_margin() {
    let (mut world, [left, right]) = thief(99_500, 1);
    let (btc, week) = (world.btc, world.week);
    // BTC was at 100,500 in the first minute of the window, and at 99,500 ever since; nobody else records it
    world
        .sample(&btc, week, dollars(100_500), week - 1_799)
        .ok();
    world.refresh_prices();
    let legs = [future(&btc, week, -1_000 * BASE, dollars(100_499))];
    let ix = world.trade_ix(&left, &right, &legs);
    let signers = [left.user, right.user];
    let error = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &ix, &signers, error);

    // neither does it free what was asked for before the expiry, nor does a price after it
    let legs = [future(&btc, week, -5 * BASE, dollars(99_500))];
    world.trade(&left, &right, &legs).ok();
    for time in [week, week + 599] {
        world.set_time(time);
        world.refresh_prices();
        let margin = world.report(&right.account).margin;
        // 29 of 30 minutes move: 18 % of 5 coins
        let asked = margin.equity.raw() - margin.initial_health.raw();
        assert!(asked > 85_000 * USDC as i64, "{asked}");
        let (view, _) = world.view_margin(&right.account);
        assert_eq!(view.report(), margin);
    }
    assert_conserved(&world);
}

/// The oracle's clock may be ahead of the cluster's: the first sample can be there before the window is.
#[test]
fn a_sample_that_is_ahead_of_the_clock_stops_no_check() {
    let (mut world, [left, right]) = thief(100_000, 1_813);
    let (btc, week) = (world.btc, world.week);
    let legs = [future(&btc, week, BASE, dollars(100_000))];
    world.trade(&left, &right, &legs).ok();
    world
        .sample(&btc, week, dollars(101_000), week - 1_799)
        .ok();
    for before in [1_813, 1_801, 1_800, 1_799] {
        world.set_time(week - before);
        world.refresh_prices();
        let (view, _) = world.view_margin(&left.account);
        assert_eq!(view.report(), world.report(&left.account).margin);
        world.trade(&left, &right, &legs).ok();
    }
    assert_conserved(&world);
}

/// The worst second of each minute, to be corrected after trading on it: what is fixed needs margin while it is provisional, so
/// that the loser pays the winner. Without it: 600,000 dollars out of 200,000, by corrections of 0.05 %.
#[test]
fn case_67_provisional_samples_are_margined_so_that_corrections_are_paid_for() {
    let (mut world, [left, right]) = thief(100_000, 1);
    let (btc, week) = (world.btc, world.week);
    for minute in 1..=30 {
        let at = (week - 60 * minute + 40).min(week - 1);
        world.sample(&btc, week, dollars(100_050), at).ok();
    }
    world.refresh_prices();
    // 1 % of 100 coins at 100,000 is all that they have
    let legs = |size| [future(&btc, week, size, dollars(100_050))];
    let ix = world.trade_ix(&left, &right, &legs(-101 * BASE));
    let signers = [left.user, right.user];
    let error = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &ix, &signers, error);
    world.trade(&left, &right, &legs(-99 * BASE)).ok();
    world.set_time(week);
    world.sample_all(&btc, week, dollars(100_000));
    world.set_time(week + 600);
    world.refresh_prices();
    for trader in [right, left] {
        world.settle_expiry(&trader, &btc, week).ok();
        assert!(world.account(&trader.account).0.cash >= 0);
    }
    assert_conserved(&world);
}
