//! A thief at the waterfall: who tries to keep what others lose, to choose who pays, or to buy a book for nothing.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::Market as MarketState;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{
    dollars, future, perpetual, settlement, Trader, World, WorldBuilder, BASE, SOL_START, USDC,
};
use support::insolvent::{bid_of, pass};
use support::{
    assert_conserved, assert_refused, auctioned_long, debts, health, Defaults, Scene, OWED,
};

fn cash(world: &World, trader: &Trader) -> i64 {
    world.account(&trader.account).0.cash
}

fn btc(world: &World) -> MarketState {
    world.read(&world.btc.key)
}

/// Carol's profit of 40,000 covers the losses of four accounts, so that nothing of it will ever be paid.
fn forgivable() -> Scene {
    let mut scene = Defaults {
        debtors: 4,
        profits: BASE,
        rules: debts(),
        ..Defaults::default()
    }
    .build();
    let world = &mut scene.world;
    for debtor in &scene.debtors {
        world.resolve_bankruptcy(&debtor.account).ok();
    }
    let state = btc(world);
    assert_eq!((state.perp_pool, state.perp_loss), (0, 4 * OWED));
    world.refresh();
    let market = world.btc;
    world.set_price(&market, dollars(140_000));
    let leg = perpetual(&market, -BASE, dollars(140_000));
    world.trade(&scene.carol, &scene.dave, &[leg]).ok();
    scene
}

#[test]
fn inv_16_a_profit_that_is_to_be_forgiven_backs_no_debt() {
    let Scene {
        mut world, carol, ..
    } = forgivable();
    let usdc = world.usdc;
    // GIVEN no risk, cash, and a profit of which nothing will be paid
    let own = world.cash_value(&carol.account) as u64;
    // WHEN she takes all her cash, and borrows on the profit
    let ix = world.withdraw_ix(&carol, &usdc, own + 1_000 * USDC);
    // THEN she would walk away with what she has to forgive, and balances would bear it
    assert_refused(
        &mut world,
        &ix,
        &[carol.user],
        MarginError::InitialMarginBreached,
    );
    world.withdraw(&carol, &usdc, own - 10).ok(); // what values are rounded by
    assert_conserved(&world);
}

/// A debtor who loses ten thousand more than he has with a future of BTC, and a few cents with another market's.
fn two_losses() -> (World, Trader) {
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        rules: debts(),
        ..WorldBuilder::default()
    }
    .build();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 1_000_000 * USDC));
    let debtor = world.trader("debtor", 30_000 * USDC);
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let short = future(&btc, week, BASE, dollars(100_000));
    world.trade(&alice, &debtor, &[short]).ok();
    let tiny = perpetual(&sol, BASE / 1_000, SOL_START);
    world.trade(&bob, &debtor, &[tiny]).ok();
    world.expire(&btc, week, dollars(140_000));
    world.set_price(&sol, SOL_START + dollars(1));
    let ix = settlement::settle_expiry(&debtor.account, &btc, week);
    world.send(&[ix], &[]).ok();
    assert!(cash(&world, &debtor) < -9_000 * USDC as i64);
    assert_eq!(world.account(&debtor.account).0.loss_market, 1);
    (world, debtor)
}

#[test]
fn inv_16_a_tiny_loss_settled_last_does_not_choose_who_pays_for_a_large_one() {
    let (mut world, debtor) = two_losses();
    let sol = world.sol;
    world.settle_perp_pnl(&debtor, &sol).ok();
    assert_eq!(world.account(&debtor.account).0.loss_market, 1, "BTC's");
}

#[test]
fn thief_a_late_clock_takes_no_more_than_half_of_what_a_bid_has_repaired() {
    let (mut world, alice, _, keeper) = auctioned_long();
    // repaired at once, and nobody stops it
    let args = bid_of(&world, &alice, FRACTION_ONE);
    let ix = world.bid_ix(&keeper, &alice.account, args);
    world.send(&[ix], &[keeper.user]).ok();
    assert!(health(&world, &alice) > 0);
    let price = world.price(&world.btc.price).price;
    pass(&mut world, 15_300);
    let market = world.btc;
    let mut price = u64::try_from(price).expect("a price");
    while health(&world, &alice) >= 0 {
        price -= dollars(10);
        world.set_price(&market, price);
    }
    let equity = |world: &World, t: &Trader| world.report(&t.account).margin.equity.raw();
    let (had, missing) = (equity(&world, &alice), health(&world, &alice));
    let before = equity(&world, &keeper);
    let args = bid_of(&world, &alice, FRACTION_ONE);
    let ix = world.bid_ix(&keeper, &alice.account, args);
    world.send(&[ix], &[keeper.user]).ok();
    let gain = equity(&world, &keeper) - before;
    assert!(
        gain < had / 2,
        "equity {had}, missing {missing}, thief gained {gain}"
    );
}
