//! One account's whole life, and what each step costs.

use portfolio_margin_interface::args::TradeLeg;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{call, dollars, perpetual, put, Trader, World, BASE, BTC_START, USDC};
use support::{health, start};

/// BTC after the crash.
const LOW: u64 = dollars(85_000);

/// Legs that close everything an account holds, at the market: options at their intrinsic value.
fn closing_legs(world: &World, trader: &Trader) -> Vec<TradeLeg> {
    let (_, positions) = world.account(&trader.account);
    let close = |p: &portfolio_margin_interface::state::PositionRecord| TradeLeg {
        market: p.market,
        instrument: p.instrument,
        expiry: p.expiry,
        strike: p.strike,
        quantity: -p.quantity,
        price: match p.instrument {
            0 => LOW,
            2 => LOW.saturating_sub(p.strike).max(1),
            _ => p.strike.saturating_sub(LOW).max(1),
        },
    };
    positions.iter().map(close).collect()
}

#[test]
fn from_deposit_through_a_crash_to_withdrawal() {
    let mut world = World::new();
    let alice = world.trader("alice", 60_000 * USDC);
    let bob = world.trader("bob", 300_000 * USDC);
    let keeper = world.trader("keeper", 300_000 * USDC);
    let (btc, week, usdc) = (world.btc, world.week, world.usdc);
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        call(&btc, week, dollars(120_000), -BASE / 2, dollars(1_500)),
        put(&btc, week, dollars(110_000), -BASE / 2, dollars(1_200)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    assert!(world.reconcile().is_exact());

    world.set_price(&btc, LOW);
    start(&mut world, &keeper, &alice);
    let mut bids = 0;
    while health(&world, &alice) < 0 {
        let witness = world.report(&alice.account).witness();
        world
            .bid(&keeper, &alice.account, &witness, FRACTION_ONE)
            .ok();
        bids += 1;
        assert!(bids <= 3, "liquidation does not end");
    }
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    assert!(world.reconcile().is_exact());

    for trader in [alice, keeper] {
        let legs = closing_legs(&world, &trader);
        world.trade(&trader, &bob, &legs).ok();
    }
    assert!(world.reconcile().is_exact());
    // claims are whole: whoever has free collateral takes it out
    for trader in [bob, keeper] {
        let free = world.report(&trader.account).margin.initial_health.raw();
        let amount = free.min(world.balance(&trader, &usdc));
        let amount = u64::try_from(amount).expect("free collateral");
        world.withdraw(&trader, &usdc, amount).ok();
    }
    assert!(world.reconcile().is_exact());
    for (name, units) in world.compute_units() {
        println!("{name}: {units:?}");
        assert!(
            units.iter().all(|units| *units < 200_000),
            "{name} takes {units:?}"
        );
    }
}
