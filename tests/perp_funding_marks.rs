//! Funding in the marks of perpetuals: what both sides of a fill owe each other, in both tiers, and that it comes to nothing over all.

use portfolio_margin_interface::state::Market as MarketState;
use risk_core::tier::Tier;
use sandbox::{perpetual, Trader, World, BASE, BTC_START, USDC};
use support::{pair_with, Random};

/// A cap of 5 % a day on a depth of one BTC.
fn funded(usdc: u64) -> (World, Trader, Trader) {
    pair_with(usdc, |rules| {
        (rules.funding_cap, rules.funding_depth) = (50_000_000, 1_000_000);
    })
}

fn index(world: &World) -> i64 {
    let market: MarketState = world.read(&world.btc.key);
    market.funding.index_at(world.now())
}

fn equity(world: &mut World, trader: &Trader) -> i64 {
    let native = world.report(&trader.account).margin;
    let (view, _) = world.view_margin(&trader.account);
    assert_eq!(view.report(), native, "INV-11");
    native.equity.raw()
}

/// Moves the clock to the beginning of an hour, so that what follows falls into one period.
fn next_hour(world: &mut World) {
    let now = world.now();
    world.set_time(now + 3_600 - now.rem_euclid(3_600));
    world.refresh();
}

/// A long for alice at a premium of 2 %, at the beginning of an hour; the price is fair otherwise.
fn at_a_premium() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = funded(500_000);
    next_hour(&mut world);
    let price = BTC_START * 102 / 100;
    let legs = [perpetual(&world.btc, BASE, price)];
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

#[test]
fn longs_pay_what_shorts_receive_once_the_hour_of_the_premium_is_over() {
    let (mut world, alice, bob) = at_a_premium();
    let before = [equity(&mut world, &alice), equity(&mut world, &bob)];
    assert_eq!(before[0] + before[1], 1_000_000_000_000);
    next_hour(&mut world);
    assert_eq!(index(&world), 0, "the hour in which it was measured");
    next_hour(&mut world);
    // 2 % a day of 116,661.50 USD for an hour
    let paid = index(&world);
    let expected = BTC_START as i64 * 2 / 100 / 24;
    assert!((paid - expected).abs() <= 1, "{paid} {expected}");
    let after = [equity(&mut world, &alice), equity(&mut world, &bob)];
    // 1e-8 USD per BTC to 1e-6 USD: rounded up for who pays, and down for who receives
    assert_eq!(after[0], before[0] - (paid + 99) / 100);
    assert_eq!(after[1], before[1] + paid / 100);
    // without fills in an hour the next one costs nothing
    next_hour(&mut world);
    assert_eq!(index(&world), paid);
}

#[test]
fn a_discount_makes_shorts_pay() {
    let (mut world, alice, bob) = funded(500_000);
    next_hour(&mut world);
    let legs = [perpetual(&world.btc, BASE, BTC_START * 99 / 100)];
    world.trade(&alice, &bob, &legs).ok();
    let before = equity(&mut world, &alice);
    next_hour(&mut world);
    next_hour(&mut world);
    assert!(index(&world) < 0);
    let received = equity(&mut world, &alice) - before;
    assert_eq!(received, -index(&world) / 100);
}

#[test]
fn who_enters_later_owes_nothing_of_before() {
    let (mut world, alice, bob) = at_a_premium();
    let carol = world.trader("carol", 500_000 * USDC);
    next_hour(&mut world);
    next_hour(&mut world);
    let paid = index(&world);
    assert!(paid > 0);
    // GIVEN alice sells to carol at a fair price
    let before = equity(&mut world, &alice);
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    world.trade(&carol, &alice, &legs).ok();
    // THEN cost holds the price less the index, carol is worth her deposit to a unit, and alice has paid what she owed
    let cost = world.account(&carol.account).1[0].cost;
    assert_eq!(cost, (BTC_START as i64 - paid) / 100);
    let worth = equity(&mut world, &carol);
    assert!(
        (499_999_999_999..=500_000_000_000).contains(&worth),
        "{worth}"
    );
    let alice_after = equity(&mut world, &alice);
    assert!((alice_after - before).abs() <= 1, "{before} {alice_after}");
    // and from then on the index that moves is carol's to pay
    let quiet = equity(&mut world, &alice);
    let more = [perpetual(&world.btc, BASE, BTC_START * 103 / 100)];
    world.trade(&carol, &bob, &more).ok();
    let (carol_before, then) = (equity(&mut world, &carol), index(&world));
    next_hour(&mut world);
    next_hour(&mut world);
    let moved = index(&world) - then;
    assert!(moved > 0);
    let lost = carol_before - equity(&mut world, &carol);
    assert!((lost - 2 * moved / 100).abs() <= 2, "{lost} {moved}");
    assert_eq!(equity(&mut world, &alice), quiet);
    assert!(world.reconcile().is_exact());
}

#[test]
fn the_standard_tier_pays_the_same() {
    let (mut world, alice, bob) = at_a_premium();
    world.set_tier(&alice, Tier::Standard).ok();
    let before = equity(&mut world, &alice);
    next_hour(&mut world);
    next_hour(&mut world);
    let paid = (index(&world) + 99) / 100;
    assert_eq!(equity(&mut world, &alice), before - paid);
    let initial = world.report(&alice.account).margin.initial_health;
    world.set_tier(&alice, Tier::Portfolio).ok();
    assert_eq!(equity(&mut world, &alice), before - paid);
    assert!(initial.raw() > 0);
    let _ = bob;
}

#[test]
fn a_fill_moves_no_index_of_its_own_time() {
    let (mut world, alice, bob) = at_a_premium();
    next_hour(&mut world);
    next_hour(&mut world);
    world.advance(1_234);
    world.refresh();
    let before = (index(&world), equity(&mut world, &bob));
    let carol = world.trader("carol", 500_000 * USDC);
    let dave = world.trader("dave", 500_000 * USDC);
    let legs = [perpetual(&world.btc, BASE / 2, BTC_START * 104 / 100)];
    world.trade(&carol, &dave, &legs).ok();
    assert_eq!((index(&world), equity(&mut world, &bob)), before);
    let _ = alice;
}

#[test]
fn inv_03_05_random_fills_sum_to_nothing_but_rounding() {
    let mut random = Random::new(5);
    let (mut world, alice, bob) = funded(10_000_000);
    let carol = world.trader("carol", 10_000_000 * USDC);
    let traders = [alice, bob, carol];
    let total = 30_000_000_000_000i64;
    let mut moved = 0;
    for _ in 0..150 {
        world.advance(random.range(1, 5_000));
        world.refresh();
        let (taker, other) = (random.range(0, 3) as usize, random.range(1, 3) as usize);
        let quantity = random.range(-2_000_000, 2_000_000) | 1;
        let price = BTC_START / 1_000 * random.range(960, 1_040) as u64 + 7;
        let legs = [perpetual(&world.btc, quantity, price)];
        let maker = &traders[(taker + other) % 3];
        let before = index(&world);
        world.trade(&traders[taker], maker, &legs).ok();
        assert_eq!(index(&world), before);
        moved += u32::from(before != 0);
        let worth: i64 = traders.iter().map(|t| equity(&mut world, t)).sum();
        // each valuation rounds against its account, by less than two units: the notional and the funding
        assert!((total - 6..=total + 3).contains(&worth), "{worth}");
        let costs: i64 = traders
            .iter()
            .flat_map(|t| world.account(&t.account).1)
            .map(|record| record.cost)
            .sum();
        assert_eq!(costs, 0);
    }
    assert!(moved > 100, "{moved}");
    assert!(world.reconcile().is_exact());
}
