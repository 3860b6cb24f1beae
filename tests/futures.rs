//! Dated futures: traded like perpetuals, marked at their expiry's forward, margined with what hedges them.

use portfolio_margin::error::MarginError;
use risk_core::scan::Worst;
use sandbox::{
    dollars, future, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, DAY, USDC,
};
use support::{assert_logged, assert_refused};

fn whole_pair() -> (World, Trader, Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let alice = world.trader("alice", 100_000 * USDC);
    let bob = world.trader("bob", 100_000 * USDC);
    (world, alice, bob)
}

#[test]
fn a_future_is_marked_at_its_forward_and_paid_as_it_moves() {
    let (mut world, alice, bob) = whole_pair();
    let (btc, month) = (world.btc, world.month);
    let price = dollars(117_000);
    let outcome = world
        .trade(&alice, &bob, &[future(&btc, month, BASE, price)])
        .ok();
    assert_eq!(outcome.events::<portfolio_margin::event::Traded>().len(), 1);
    let (header, positions) = world.account(&alice.account);
    let held = positions[0];
    assert_eq!(
        (held.instrument, held.expiry, held.strike, held.ln_strike),
        (1, month, 0, 0)
    );
    assert_eq!((held.quantity, held.cost), (BASE, 117_000_000_000));
    assert_eq!(header.cash, 100_000_000_000);
    // 8 % a year for 28 days over spot
    let basis = 80_000_000 * 28 / 365;
    let forward = u128::from(BTC_START) * (1_000_000_000 + basis) / 1_000_000_000;
    for trader in [alice, bob] {
        let (view, _) = world.view_margin(&trader.account);
        assert_eq!(view.report(), world.report(&trader.account).margin);
        let sign = if trader == alice { 1 } else { -1 };
        let mark = (forward as i64 - price as i64) / 100 * sign;
        assert!((view.mark - mark).abs() <= 1, "{} {mark}", view.mark);
    }
    assert!(world.reconcile().is_exact());
    // closed at another price, the difference stays as a cost without size, since nobody has paid it yet
    world
        .trade(&alice, &bob, &[future(&btc, month, -BASE, price + 100)])
        .ok();
    let (_, positions) = world.account(&alice.account);
    assert_eq!((positions[0].quantity, positions[0].cost), (0, -1));
    world
        .trade(&bob, &alice, &[future(&btc, month, BASE, price)])
        .ok();
    world
        .trade(&bob, &alice, &[future(&btc, month, -BASE, price + 100)])
        .ok();
    assert_eq!(world.account(&alice.account).1.len(), 0);
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_perpetual_that_hedges_it_leaves_the_basis() {
    let (mut world, alice, bob) = whole_pair();
    let (btc, month) = (world.btc, world.month);
    world
        .trade(&alice, &bob, &[future(&btc, month, BASE, BTC_START)])
        .ok();
    let alone = world.report(&alice.account);
    world
        .trade(&alice, &bob, &[perpetual(&btc, -BASE, BTC_START)])
        .ok();
    let hedged = world.report(&alice.account);
    assert!(matches!(alone.markets[0].risk.worst(), Worst::Scenario(_)));
    assert_eq!(hedged.markets[0].risk.worst(), Worst::Basis);
    assert!(hedged.margin.scan.raw() > alone.margin.scan.raw() / 3);
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(view.report(), hedged.margin);
}

#[test]
fn case_66_refuses_expiries_that_are_past_unlisted_or_without_a_forward() {
    let (mut world, alice, bob) = whole_pair();
    let (btc, week) = (world.btc, world.week);
    let signers = [alice.user, bob.user];
    let ix = |world: &World, expiry| {
        world.trade_ix(&alice, &bob, &[future(&btc, expiry, BASE / 10, BTC_START)])
    };
    let unlisted = ix(&world, week + 1);
    assert_refused(
        &mut world,
        &unlisted,
        &signers,
        MarginError::ExpiryNotListed,
    );
    let quarter = week + 80 * DAY;
    world.add_expiry(&btc, quarter);
    let bare = ix(&world, quarter);
    assert_refused(&mut world, &bare, &signers, MarginError::SurfaceMissing);
    let listed = ix(&world, week);
    world.send(std::slice::from_ref(&listed), &signers).ok();
    world.set_time(week);
    world.refresh();
    let outcome = assert_refused(&mut world, &listed, &signers, MarginError::Expired);
    assert_logged(&outcome, &[&format!("Left: {week}")]);
}
