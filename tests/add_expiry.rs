//! `add_expiry`: who may list, when, and how many.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::market::{Market, MAX_EXPIRIES};
use risk_core::market::MAX_TENOR_SECONDS;
use sandbox::{instructions, World, DAY, START};
use support::{assert_logged, assert_refused, foreign_house, Bend};

fn times(world: &World) -> Vec<i64> {
    let market: Market = world.read(&world.btc.key);
    market
        .expiries
        .iter()
        .map(|slot| slot.time)
        .filter(|time| *time != 0)
        .collect()
}

#[test]
fn keeps_expiries_sorted_with_their_surfaces() {
    let mut world = World::new();
    let (btc, week, month) = (world.btc, world.week, world.month);
    let before: Market = world.read(&btc.key);
    world.add_expiry(&btc, START + DAY);
    world.add_expiry(&btc, START + 14 * DAY);
    world.add_expiry(&btc, START + 90 * DAY);
    let sorted = vec![START + DAY, week, START + 14 * DAY, month, START + 90 * DAY];
    assert_eq!(times(&world), sorted);
    let after: Market = world.read(&btc.key);
    assert_eq!(
        (after.expiries[1], after.expiries[3]),
        (before.expiries[0], before.expiries[1])
    );
    assert_eq!(
        (after.expiries[0].posted_at, after.expiries[2].posted_at),
        (0, 0)
    );
}

#[test]
fn refuses_anybody_but_the_governor() {
    let mut world = World::new();
    let (btc, governor, mallory) = (world.btc, world.governor, world.user("mallory"));
    let ix = instructions::add_expiry(&mallory.key, &btc, START + DAY);
    assert_refused(&mut world, &ix, &[mallory], MarginError::NotGovernor);
    let ix = instructions::add_expiry(&governor.key, &btc, START + DAY).unsigned(governor.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn refuses_the_past_the_present_and_more_than_four_years() {
    let mut world = World::new();
    let (btc, governor) = (world.btc, world.governor);
    let latest = START + MAX_TENOR_SECONDS;
    for time in [i64::MIN, -1, 0, START - 1, START, latest + 1, i64::MAX] {
        let ix = instructions::add_expiry(&governor.key, &btc, time);
        let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::ExpiryOutOfRange);
        assert_logged(&outcome, &[&time.to_string()]);
    }
    world.add_expiry(&btc, START + 1);
    world.add_expiry(&btc, latest);
}

#[test]
fn refuses_what_is_listed() {
    let mut world = World::new();
    let (btc, governor, week) = (world.btc, world.governor, world.week);
    let ix = instructions::add_expiry(&governor.key, &btc, week);
    let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::ExpiryListed);
    assert_logged(&outcome, &[&format!("Left: {week}")]);
}

#[test]
fn case_63_refuses_the_thirteenth() {
    let mut world = World::new();
    let (btc, governor) = (world.btc, world.governor);
    for day in 29..29 + MAX_EXPIRIES as i64 - 2 {
        world.add_expiry(&btc, START + day * DAY);
    }
    assert_eq!(times(&world).len(), 12);
    let ix = instructions::add_expiry(&governor.key, &btc, START + DAY);
    let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::ExpiriesFull);
    assert_logged(&outcome, &["Left: 12", "Right: 12"]);
}

#[test]
fn case_06_refuses_the_market_of_another_house() {
    let mut world = World::new();
    let governor = world.governor;
    let (_, _, [foreign, _]) = foreign_house(&mut world);
    let ix = instructions::add_expiry(&governor.key, &foreign, START + DAY);
    let ix = ix.replace(foreign.house, world.house);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::ClearinghouseMismatch,
    );
}

#[test]
fn case_05_refuses_a_bank_in_place_of_the_market() {
    let mut world = World::new();
    let governor = world.governor;
    let ix = instructions::add_expiry(&governor.key, &world.btc, START + DAY);
    let ix = ix.replace(world.btc.key, world.usdc.key);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}
