//! What the choice of a tier must not give away.

use portfolio_margin::error::MarginError;
use risk_core::tier::Tier;
use sandbox::world::WorldBuilder;
use sandbox::{future, perpetual, World, BASE, USDC};

/// Alice is long 1,000 SOL against bob while SOL trebles within seconds; the stable price stays. Victim's deposits are in the vault.
fn pumped(future_leg: bool) -> (World, sandbox::Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let (usdc, sol, week) = (world.usdc, world.sol, world.week);
    world.update_market(&sol).ok();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 70_000 * USDC));
    world.trader("victim", 1_000_000 * USDC);
    let price = world.settings().sol_price;
    let leg = match future_leg {
        true => future(&sol, week, 1_000 * BASE, price),
        false => perpetual(&sol, 1_000 * BASE, price),
    };
    world.trade(&alice, &bob, &[leg]).ok();
    world.set_price(&sol, 3 * price);
    // what the pump made is not worth anything until the stable price has followed
    world
        .withdraw(&alice, &usdc, 60_000 * USDC)
        .refused(MarginError::InitialMarginBreached);
    (world, alice)
}

#[test]
fn no_tier_lets_a_pumped_price_out_of_the_house() {
    for future_leg in [false, true] {
        let (mut world, alice) = pumped(future_leg);
        let usdc = world.usdc;
        let outcome = world.set_tier(&alice, Tier::Standard);
        if outcome.error.is_none() {
            world
                .withdraw(&alice, &usdc, 70_000 * USDC)
                .refused(MarginError::InitialMarginBreached);
        }
    }
}
