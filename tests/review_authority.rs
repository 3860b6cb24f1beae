//! What a review of authority and oracles found: thefts that no longer work.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use risk_core::scenario::MAJOR_GRID;
use sandbox::lifecycle::set_delegate;
use sandbox::{
    call, dollars, instructions, perpetual, Market, Trader, World, BASE, BTC_START, DAY,
};
use sandbox::{User, USDC};
use solana_instruction::Instruction;
use support::{assert_refused, pair_with, Bend};

/// Bands of 2 % of the mark and 1 % of spot; alice with dan, a thief, as her delegate, and dan's own account.
fn with_thief() -> (World, Trader, Trader) {
    let (mut world, alice, dan) = pair_with(50_000, |rules| {
        (rules.band_linear, rules.band_option) = (20_000, 10_000);
    });
    let until = world.now() + DAY;
    let ix = set_delegate(&alice, dan.user.key, SCOPE_TRADE, until);
    world.send(&[ix], &[alice.user]).ok();
    (world, alice, dan)
}

/// Alice buys a call of dan's at 49,000 dollars and sells it back at one; dan signs for both.
fn there_and_back(world: &World, alice: &Trader, dan: &Trader, expiry: i64) -> Instruction {
    let leg = |size, price| call(&world.btc, expiry, dollars(120_000), size, price);
    let legs = [leg(BASE, dollars(49_000)), leg(-BASE, dollars(1))];
    let mut ix = world.trade_ix(alice, dan, &legs);
    ix.accounts[0].pubkey = dan.user.key;
    ix
}

#[test]
fn a_delegate_moves_no_cash_through_an_option_without_a_surface_that_is_closed_at_once() {
    let (mut world, alice, dan) = with_thief();
    let expiry = world.month + 7 * DAY;
    let btc = world.btc;
    world.add_expiry(&btc, expiry); // nobody has posted yet
    let ix = there_and_back(&world, &alice, &dan, expiry);
    assert_refused(&mut world, &ix, &[dan.user], MarginError::SurfaceMissing);
}

#[test]
fn nor_through_an_option_whose_surface_is_old() {
    let (mut world, alice, dan) = with_thief();
    world.advance(i64::from(world.settings().surface_max_age) + 1);
    let (btc, week) = (world.btc, world.week);
    world.set_price(&btc, BTC_START);
    let ix = there_and_back(&world, &alice, &dan, week);
    assert_refused(&mut world, &ix, &[dan.user], MarginError::SurfaceStale);
}

/// A market of BTC's feed that nobody has updated since BTC stood at 95,000, with an outage in force, while the feed and the
/// market that is traded live; alice is long one BTC at today's price on 40,000 USDC, and well.
fn with_abandoned_market() -> (World, Market, Trader, User) {
    let mut world = World::new();
    let args = world.market_args("BTC", world.btc.feed_id, &MAJOR_GRID);
    let old = world.list_market(world.house, args);
    let btc = world.btc;
    world.set_price(&btc, dollars(90_000));
    world.update_market(&old).ok();
    world.advance(600);
    world.send(&[instructions::report_outage(&old)], &[]).ok();
    world.advance(3_600);
    world.set_price(&btc, BTC_START);
    world.update_market(&btc).ok();
    let alice = world.trader("alice", 40_000 * USDC);
    let bob = world.trader("bob", 400_000 * USDC);
    let thief = world.user("thief");
    let leg = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &leg).ok();
    (world, old, alice, thief)
}

#[test]
fn an_abandoned_market_of_a_living_feed_liquidates_nobody() {
    let (mut world, old, alice, user) = with_abandoned_market();
    let btc = world.btc;
    let witness = world.report(&alice.account).witness();
    let live = world.start_liquidation_ix(&user, &alice.account, &witness);
    let healthy = MarginError::AccountHealthy;
    assert_refused(&mut world, &live, &[user], healthy);
    let ix = live.replace(btc.price, old.key);
    assert_refused(&mut world, &ix, &[user], MarginError::OutageMissing);
}

#[test]
fn one_dead_market_stands_in_for_another_only_with_the_younger_price() {
    let (mut world, old, alice, user) = with_abandoned_market();
    let (btc, keeper) = (world.btc, user);
    world.advance(600);
    world.send(&[instructions::report_outage(&btc)], &[]).ok();
    world.advance(3_600);
    let witness = world.report(&alice.account).witness();
    let ix = world.start_liquidation_ix(&keeper, &alice.account, &witness);
    let older = ix.clone().replace(btc.price, old.key);
    assert_refused(&mut world, &older, &[user], MarginError::OracleOutdated);
    // at its own stored price alice is well
    let own = ix.clone().replace(btc.price, btc.key);
    assert_refused(&mut world, &own, &[user], MarginError::AccountHealthy);
    // the other stores what the market itself never saw, and dies again: the younger price is the better one
    world.set_price(&btc, dollars(85_000));
    world.update_market(&old).ok();
    world.advance(600);
    world.send(&[instructions::report_outage(&old)], &[]).ok();
    world.advance(3_600);
    let younger = ix.replace(btc.price, old.key);
    world.send(&[younger], &[user]).ok();
}
