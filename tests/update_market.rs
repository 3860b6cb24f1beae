//! `update_market`: the stable price follows the spot by a bounded share of the time, however often anybody calls.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::MarketUpdated;
use portfolio_margin_interface::state::Market as MarketRecord;
use sandbox::{dollars, instructions, Market, PriceFields, World, WorldBuilder, START};
use support::{assert_logged, assert_refused, other_program_copy, Bend};

fn whole() -> (World, Market) {
    let world = WorldBuilder::whole(0).build();
    let btc = world.btc;
    (world, btc)
}

fn stable(world: &World, market: &Market) -> u64 {
    world.read::<MarketRecord>(&market.key).stable_price
}

/// The stable price after `seconds` at a new spot, called every `step` seconds.
fn after(seconds: i64, step: i64, spot: u64) -> u64 {
    let (mut world, btc) = whole();
    world.set_price(&btc, dollars(100_000));
    world.update_market(&btc).ok();
    for _ in 0..seconds / step {
        world.advance(step);
        world.set_price(&btc, spot);
        world.update_market(&btc).ok();
    }
    stable(&world, &btc)
}

#[test]
fn the_first_call_sets_it_to_spot() {
    let (mut world, btc) = whole();
    assert_eq!(stable(&world, &btc), 0);
    world.set_price(&btc, dollars(100_000));
    let outcome = world.update_market(&btc).ok();
    assert_eq!(stable(&world, &btc), dollars(100_000));
    let event = &outcome.events::<MarketUpdated>()[0];
    assert_eq!(
        (
            event.market,
            event.spot,
            event.stable_price,
            event.publish_time
        ),
        (btc.key, dollars(100_000), dollars(100_000), START)
    );
}

#[test]
fn case_34_moves_five_percent_in_an_hour_and_no_more() {
    // down: exactly 5 % of where it was; up: to where 5 % down is where it was
    assert_eq!(after(3_600, 3_600, dollars(1)), dollars(95_000));
    let up = after(3_600, 3_600, dollars(900_000));
    assert_eq!(up, dollars(100_000) * 100 / 95);
    // nearer than that it arrives
    assert_eq!(after(3_600, 3_600, dollars(95_001)), dollars(95_001));
    assert_eq!(after(3_600, 3_600, dollars(105_000)), dollars(105_000));
}

#[test]
fn silence_is_not_saved_up() {
    // a day in which nobody calls, then a spot pumped or dumped for a moment: an hour's share
    assert_eq!(after(86_400, 86_400, dollars(1)), dollars(95_000));
    let up = after(86_400, 86_400, dollars(900_000));
    assert_eq!(up, dollars(100_000) * 100 / 95);
    // called once an hour it follows, 5 % of what is left each time
    let followed = after(36_000, 3_600, dollars(1)) as f64 / dollars(100_000) as f64;
    assert!((followed - 0.95f64.powi(10)).abs() < 1e-9, "{followed}");
}

#[test]
fn case_34_a_thief_who_calls_a_hundred_times_moves_it_no_further() {
    for spot in [dollars(1), dollars(900_000)] {
        let distance = |price: u64| price.abs_diff(dollars(100_000));
        let (once, often) = (after(3_600, 3_600, spot), after(3_600, 36, spot));
        assert!(distance(often) <= distance(once), "{often} {once}");
        // nor can the thief hold it back: 2.5 % of compounding at the most
        assert!(
            distance(often) * 1_000 > distance(once) * 950,
            "{often} {once}"
        );
    }
    // many calls in one second are one call
    let (mut world, btc) = whole();
    world.update_market(&btc).ok();
    world.advance(60);
    world.set_price(&btc, dollars(50_000));
    world.update_market(&btc).ok();
    let once = stable(&world, &btc);
    for _ in 0..20 {
        world.update_market(&btc).ok();
    }
    assert_eq!(stable(&world, &btc), once);
}

#[test]
fn time_at_spot_is_not_saved_up() {
    let (mut world, btc) = whole();
    world.set_price(&btc, dollars(100_000));
    world.update_market(&btc).ok();
    for _ in 0..10 {
        world.advance(3_600);
        world.set_price(&btc, dollars(100_000));
        world.update_market(&btc).ok();
    }
    world.advance(60);
    world.set_price(&btc, dollars(50_000));
    world.update_market(&btc).ok();
    // a minute's share: 5 % / 60
    assert_eq!(stable(&world, &btc), dollars(100_000) - dollars(5_000) / 60);
}

#[test]
fn a_price_of_few_units_cannot_be_frozen_by_calling_often() {
    let (mut world, btc) = whole();
    world.set_price(&btc, 1_000);
    world.update_market(&btc).ok();
    for _ in 0..360 {
        world.advance(10);
        world.set_price(&btc, 2_000);
        world.update_market(&btc).ok();
    }
    // 5 % of an hour is 52 units; steps of one unit lose less than one each
    let moved = stable(&world, &btc) - 1_000;
    assert!((26..=52).contains(&moved), "{moved}");
}

#[test]
fn case_32_takes_no_older_price_than_before() {
    let (mut world, btc) = whole();
    world.advance(60);
    let now = world.now();
    let at = |publish_time| PriceFields {
        publish_time,
        ..PriceFields::fresh(btc.feed_id, dollars(100_000), now)
    };
    world.set_price_update(btc.price, at(now - 30));
    world.update_market(&btc).ok();
    world.update_market(&btc).ok();
    world.set_price_update(btc.price, at(now - 31));
    let ix = instructions::update_market(&btc);
    let outcome = assert_refused(&mut world, &ix, &[], MarginError::OracleOutdated);
    let times = [
        format!("Left: {}", now - 31),
        format!("Right: {}", now - 30),
    ];
    assert_logged(&outcome, &times.each_ref().map(String::as_str));
}

#[test]
fn takes_certain_prices_of_the_markets_feed_alone() {
    let (mut world, btc) = whole();
    world.advance(61);
    let now = world.now();
    let good = PriceFields::fresh(btc.feed_id, dollars(100_000), now);
    let wide = good.price as u64 / 100;
    let cases = [
        (
            PriceFields {
                publish_time: now - 61,
                ..good
            },
            MarginError::OracleStale,
        ),
        (
            PriceFields {
                confidence: wide + 1,
                ..good
            },
            MarginError::OracleConfidenceTooWide,
        ),
        (
            PriceFields {
                feed_id: world.sol.feed_id,
                ..good
            },
            MarginError::OracleFeedMismatch,
        ),
        (
            PriceFields { price: -1, ..good },
            MarginError::OracleNonPositive,
        ),
        (
            PriceFields {
                owner: world.house,
                ..good
            },
            MarginError::OracleOwner,
        ),
    ];
    let ix = instructions::update_market(&btc);
    for (fields, error) in cases {
        world.set_price_update(btc.price, fields);
        assert_refused(&mut world, &ix, &[], error);
    }
    world.set_price_update(
        btc.price,
        PriceFields {
            confidence: wide,
            ..good
        },
    );
    world.send(&[ix], &[]).ok();
}

#[test]
fn refuses_accounts_that_are_no_market() {
    let (mut world, btc) = whole();
    let ix = instructions::update_market(&btc);
    let copy = other_program_copy(&mut world, &btc.key);
    let copied = ix.clone().replace(btc.key, copy);
    assert_refused(
        &mut world,
        &copied,
        &[],
        ErrorCode::AccountOwnedByWrongProgram,
    );
    let cosplay = ix.replace(btc.key, world.house);
    assert_refused(
        &mut world,
        &cosplay,
        &[],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}

#[test]
fn a_market_without_a_rate_has_no_stable_price() {
    let mut world = World::new();
    let btc = world.btc;
    for _ in 0..2 {
        world.update_market(&btc).ok();
        let record: MarketRecord = world.read(&btc.key);
        assert_eq!((record.stable_price, record.stable_price()), (0, None));
        assert_eq!(record.spot_publish_time, world.now());
        world.advance(10);
        world.refresh();
    }
}
