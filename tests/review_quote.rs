//! A price of the quote asset that nobody replaces liquidates nobody.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::MarginAccount;
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, SOL, USDC};
use support::{assert_refused, health, rewrite};

/// Alice is 100 USD above maintenance on SOL collateral at a dollar per USDC; bob keeps.
fn thin() -> (World, Trader, Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 20_000 * USDC));
    let (bank, btc) = (world.sol_bank, world.btc);
    world.fund(&alice.user, &bank, 200 * SOL);
    world.deposit(&alice, &bank, 200 * SOL).ok();
    let leg = perpetual(&btc, BASE / 2, BTC_START);
    world.trade(&alice, &bob, &[leg]).ok();
    let target = 100 * USDC as i64;
    let more = target - health(&world, &alice);
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| header.cash += more);
    assert_eq!(health(&world, &alice), target);
    (world, alice, bob)
}

/// Publishes a price of the quote asset and stores it.
fn store(world: &mut World, cents: u64) {
    world.advance(1);
    world.refresh_prices();
    world.set_quote_price(dollars(cents) / 100);
    let house = world.house;
    world.update_quote_price(&house).ok();
}

#[test]
fn inv_12_an_old_price_of_the_quote_asset_liquidates_nobody() {
    // GIVEN a price of 1.03 that stood for a moment, and that a thief stored
    let (mut world, alice, bob) = thin();
    store(&mut world, 103);
    assert!(health(&world, &alice) < 0);
    let witness = world.report(&alice.account).witness();
    // WHEN the asset is at a dollar again, nobody stores that, and the price has grown old
    world.advance(601);
    world.refresh_prices();
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &witness);
    // THEN the account, which is healthy at a dollar, cannot be liquidated
    assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
    assert_eq!(health(&world, &alice), 100 * USDC as i64);
}

#[test]
fn an_old_price_below_a_dollar_stays_and_one_of_the_moment_counts_whatever_it_is() {
    let (mut world, alice, bob) = thin();
    store(&mut world, 95);
    let depegged = health(&world, &alice);
    world.advance(601);
    world.refresh_prices();
    assert_eq!(health(&world, &alice), depegged);
    // a keeper who stores the price of the moment liquidates at it
    store(&mut world, 103);
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&bob.user, &alice.account, &witness)
        .ok();
}
