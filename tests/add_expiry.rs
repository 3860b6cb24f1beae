//! `add_expiry`: who may list, when, and how many.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{ExpiryAdded, ExpiryDropped};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::market::{Market, MAX_EXPIRIES};
use risk_core::market::MAX_TENOR_SECONDS;
use risk_core::scenario::MAJOR_GRID;
use sandbox::{call, dollars, instructions, World, BASE, DAY, START, USDC};
use support::{assert_logged, assert_refused, foreign_house, pair, Bend};

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

/// Writes into the slot of an expiry what trading and settlement would leave there.
fn settle(world: &mut World, time: i64, records: u32, pool: u64) {
    let btc = world.btc;
    world.change_market(&btc, |market| {
        let slot = market.expiries.iter_mut().find(|slot| slot.time == time);
        let settlement = &mut slot.expect("a listed expiry").settlement;
        (settlement.records, settlement.pool) = (records, pool);
    });
}

#[test]
fn what_is_over_and_held_by_nobody_makes_room() {
    // GIVEN twelve expiries, of which three are over: the second is still held
    let mut world = World::new();
    let (btc, governor, week, month) = (world.btc, world.governor, world.week, world.month);
    let early = [START + DAY, START + 2 * DAY, START + 3 * DAY];
    let late: Vec<_> = (30..37).map(|day| START + day * DAY).collect();
    for time in early.iter().chain(&late) {
        world.add_expiry(&btc, *time);
    }
    settle(&mut world, early[1], 1, 700);
    settle(&mut world, early[2], 0, 3);
    let fees = world.read::<Market>(&btc.key).fees;
    let add = |time| instructions::add_expiry(&governor.key, &btc, time);
    // WHEN none is over, THEN there is no room
    world.set_time(early[0] - 1);
    assert_refused(
        &mut world,
        &add(START + 40 * DAY),
        &[governor],
        MarginError::ExpiriesFull,
    );
    // WHEN they are, THEN what nobody holds goes, and what rounding left in its pool is a fee
    world.set_time(early[2]);
    let before = world.read::<Market>(&btc.key);
    let outcome = world.send(&[add(START + 40 * DAY)], &[governor]).ok();
    println!("add_expiry that drops two: {} CU", outcome.compute_units);
    let dropped = outcome.events::<ExpiryDropped>();
    let told: Vec<_> = dropped
        .iter()
        .map(|e| (e.time, e.dust, e.sequence))
        .collect();
    let sequence = before.sequence;
    assert_eq!(
        told,
        [(early[0], 0, sequence + 1), (early[2], 3, sequence + 2)]
    );
    let added = &outcome.events::<ExpiryAdded>()[0];
    assert_eq!(
        (added.time, added.sequence),
        (START + 40 * DAY, sequence + 3)
    );
    let mut expected = vec![early[1], week, month];
    expected.extend(&late);
    expected.push(START + 40 * DAY);
    assert_eq!(times(&world), expected);
    let after = world.read::<Market>(&btc.key);
    assert_eq!(
        (after.fees, after.expiries[0].settlement.pool),
        (fees + 3, 700)
    );
    // surfaces moved along with their expiries, and what is unused is zero
    assert_eq!(after.expiries[1], before.expiries[3]);
    assert_eq!(after.expiries[11], bytemuck::Zeroable::zeroed());
    // WHEN its last position is gone, THEN the held one goes as well, dust and all
    settle(&mut world, early[1], 0, 1);
    world.add_expiry(&btc, START + 41 * DAY);
    assert_eq!(times(&world)[0], week);
    assert_eq!(world.read::<Market>(&btc.key).fees, fees + 4);
}

#[test]
fn an_expiry_ends_at_its_second() {
    let mut world = World::new();
    let (btc, week, month) = (world.btc, world.week, world.month);
    world.set_time(week - 1);
    world.add_expiry(&btc, START + 40 * DAY);
    assert_eq!(times(&world)[0], week);
    world.set_time(week);
    world.add_expiry(&btc, START + 41 * DAY);
    assert_eq!(times(&world), [month, START + 40 * DAY, START + 41 * DAY]);
}

#[test]
fn refuses_a_market_that_is_not_open() {
    let mut world = World::new();
    let (governor, house) = (world.governor, world.house);
    let args = world.market_args("ETH", [7; 32], &MAJOR_GRID);
    let closed = sandbox::Market {
        key: seeds::market(&house, 2),
        index: 2,
        feed_id: [7; 32],
        ..world.btc
    };
    let list = instructions::initialize_market(&governor.key, &house, 2, args);
    world.send(&[list], &[governor]).ok();
    let ix = instructions::add_expiry(&governor.key, &closed, START + DAY);
    assert_refused(&mut world, &ix, &[governor], MarginError::MarketClosed);
    let rules = world.settings().market_rules.clone();
    let open = instructions::open_market(&governor.key, &closed, rules);
    world.send(&[open, ix], &[governor]).ok();
}

#[test]
fn case_66_67_an_expiry_that_is_held_stays_until_all_of_it_is_settled() {
    // GIVEN two accounts that hold a call which ends in the money
    let (mut world, alice, bob) = pair(50_000);
    let (btc, week, month) = (world.btc, world.week, world.month);
    let legs = [call(&btc, week, dollars(110_000), BASE, dollars(7_000))];
    world.trade(&alice, &bob, &legs).ok();
    world.expire(&btc, week, dollars(120_000));
    // WHEN others are listed before, between and after the settlements, THEN it stays until the last record is gone
    let mut listed = vec![week, month];
    for (day, settled) in [(40, &bob), (41, &alice)] {
        world.add_expiry(&btc, START + day * DAY);
        listed.push(START + day * DAY);
        assert_eq!(times(&world), listed);
        world.settle_expiry(settled, &btc, week).ok();
    }
    world.add_expiry(&btc, START + 42 * DAY);
    listed.push(START + 42 * DAY);
    assert_eq!(times(&world), listed[1..]);
    // what was won is cash, and the books balance without the expiry
    for (trader, cash) in [(&alice, 53_000), (&bob, 47_000)] {
        assert_eq!(world.balance(trader, &world.usdc), cash * USDC as i64);
    }
    assert!(world.reconcile().is_exact());
}
