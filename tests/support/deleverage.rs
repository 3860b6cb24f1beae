//! Insolvent accounts that nobody bid for, and what a deleverage may not do to who is asked.

use portfolio_margin_interface::args::{DeleverageArgs, TradeLeg};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, perpetual, NativeReport, Trader, World, BASE, BTC_START, USDC};

use super::scene::start;

/// All positions, of every market.
pub const EVERYTHING: DeleverageArgs = DeleverageArgs {
    fraction: FRACTION_ONE,
    market: None,
};

/// Proves an account in liquidation insolvent and lets the insolvent phase end.
pub fn wait(world: &mut World, account: &Trader) {
    world.prove_insolvency(&account.account).ok();
    let phase = world.settings().liquidation.insolvent_seconds;
    world.advance(phase.into());
    world.refresh();
}

/// A world in which alice, long one BTC on 30,000 USDC from 116,661.50, is insolvent at 80,000, and nobody bid for an hour. Her
/// counterparty then was bob, who is short and has 200,000 USDC; `setup` may trade before the fall.
pub fn insolvent_long(setup: impl FnOnce(&mut World, &Trader, &Trader)) -> (World, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let btc = world.btc;
    let legs = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    setup(&mut world, &alice, &bob);
    world.set_price(&btc, dollars(80_000));
    start(&mut world, &bob, &alice);
    wait(&mut world, &alice);
    (world, alice, bob)
}

/// A trader with `usdc` dollars who trades legs with another.
pub fn with_legs(
    world: &mut World,
    name: &str,
    usdc: u64,
    other: &Trader,
    legs: &[TradeLeg],
) -> Trader {
    let trader = world.trader(name, usdc * USDC);
    world.trade(&trader, other, legs).ok();
    trader
}

/// INV-17: what no deleverage may do to a counterparty, from reports before and after: its requirement falls, in no market does it
/// rise, its equity stays to the unit, its initial health does not fall, and it need not borrow.
#[track_caller]
pub fn assert_better_off(before: &NativeReport, after: &NativeReport) {
    let (held, has) = (&before.margin, &after.margin);
    assert!(has.maintenance_margin() < held.maintenance_margin());
    assert!(has.initial_health >= held.initial_health);
    assert_eq!(has.equity, held.equity);
    assert!(has.cash.raw() >= held.cash.raw().min(0));
    for market in &after.markets {
        let was = before.markets.iter().find(|m| m.market == market.market);
        let was = was.map_or(0, |was| was.risk.scan.raw());
        // the scan alone, without the shares of notional: nothing was left naked
        assert!(market.risk.scan.raw() >= was, "market {}", market.market);
    }
}
