//! `record_settlement` and `finalize_settlement`: which prices an expiry's average is made of, when it is final. What marks
//! make of it meanwhile is in `settlement_marks.rs`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{SettlementFinalized, SettlementRecorded};
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::Market as MarketState;
use sandbox::{dollars, settlement, Market, PriceFields, VerificationLevel, World, WorldBuilder};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, foreign_house, Bend, Refusal};

const HOUR: i64 = 3_600;
/// Until which too few samples can still become enough.
const LATE: i64 = 6 * HOUR;

/// BTC at 100,000; samples may be corrected for ten minutes, ten are enough; the clock at the expiry.
fn expired() -> (World, Market, i64) {
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        ..WorldBuilder::default()
    }
    .build();
    let (btc, week) = (world.btc, world.week);
    world.set_time(week);
    (world, btc, week)
}

/// Publishes a price of that time and returns the instruction that records it.
fn offer(world: &mut World, market: &Market, price: u64, publish_time: i64) -> Instruction {
    let fields = PriceFields::fresh(market.feed_id, price, publish_time);
    world.set_price_update(market.price, fields);
    settlement::record_settlement(market, world.week)
}

#[track_caller]
fn refuse(world: &mut World, ix: &Instruction, error: impl Into<Refusal>, logged: &[&str]) {
    let outcome = assert_refused(world, ix, &[], error);
    assert_logged(&outcome, logged);
}

/// The final price after `minutes` samples of 100,000 dollars at `seconds` after the expiry.
fn final_after(minutes: i64, seconds: i64) -> Result<u64, ()> {
    let (mut world, btc, week) = expired();
    for minute in 0..minutes {
        world
            .sample(&btc, week, dollars(100_000), week - 60 * minute)
            .ok();
    }
    world.set_time(week + seconds);
    let outcome = world.finalize_settlement(&btc, week);
    match outcome.error {
        None => Ok(world.settlement(&btc, week).price),
        Some(_) => {
            outcome.refused(MarginError::SettlementPending);
            Err(())
        }
    }
}

#[test]
fn samples_are_taken_from_the_first_to_the_last_second_of_the_window() {
    let (mut world, btc, week) = expired();
    let ix = offer(&mut world, &btc, dollars(9), week - 1_800);
    let found = format!("Left: {}", week - 1_800);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[&found]);
    let outcome = world.sample(&btc, week, dollars(10), week - 1_799).ok();
    let event = &outcome.events::<SettlementRecorded>()[0];
    let market: MarketState = world.read(&btc.key);
    assert_eq!(
        (event.market, event.expiry, event.price),
        (btc.key, week, dollars(10))
    );
    assert_eq!((event.publish_time, event.samples), (week - 1_799, 1));
    assert_eq!(event.sequence, market.sequence);
    // the last second of the first minute is not earlier; the first of the second is another minute
    let ix = offer(&mut world, &btc, dollars(11), week - 1_740);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
    world.sample(&btc, week, dollars(12), week - 1_739).ok();
    world.sample(&btc, week, dollars(13), week).ok();
    let record = world.settlement(&btc, week);
    assert_eq!((record.sum, record.count), (dollars(35), 3));
    assert_eq!(
        [record.samples[0], record.samples[1]],
        [dollars(10), dollars(12)]
    );
    assert_eq!((record.samples[29], record.seconds[29]), (dollars(13), 59));
    // one second past the expiry is no sample any more
    let ix = offer(&mut world, &btc, dollars(14), week + 1);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
}

#[test]
fn a_picked_sample_is_undone_by_anybody_who_shows_an_earlier_one() {
    let (mut world, btc, week) = expired();
    // the thief picks the minute's best price; its first one is shown later, whatever the clock says
    world.sample(&btc, week, dollars(120_000), week - 25).ok();
    world.advance(599);
    let outcome = world.sample(&btc, week, dollars(100_000), week - 26).ok();
    assert_eq!(outcome.events::<SettlementRecorded>()[0].samples, 1);
    let record = world.settlement(&btc, week);
    assert_eq!((record.sum, record.count), (dollars(100_000), 1));
    for time in [week - 26, week - 25, week] {
        let ix = offer(&mut world, &btc, dollars(120_000), time);
        refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
    }
    world.sample(&btc, week, dollars(99_000), week - 59).ok();
    assert_eq!(world.settlement(&btc, week).sum, dollars(99_000));
}

#[test]
fn the_order_of_recording_changes_nothing() {
    let run = |places: &[i64]| {
        let (mut world, btc, week) = expired();
        for place in places {
            // four updates a minute over ten minutes, each at another price
            let fields = (week - 13 * place, dollars(100_000 + *place as u64));
            world.sample(&btc, week, fields.1, fields.0);
        }
        let record = world.settlement(&btc, week);
        (record.sum, record.count, record.samples, record.seconds)
    };
    let forward: Vec<i64> = (0..45).collect();
    let backward: Vec<i64> = (0..45).rev().collect();
    let mixed: Vec<i64> = (0..45).map(|n| n * 7 % 45).collect();
    assert_eq!(run(&forward), run(&backward));
    assert_eq!(run(&forward), run(&mixed));
}

#[test]
fn case_67_it_is_final_a_delay_after_the_expiry_and_not_a_second_before() {
    let mean = Ok(dollars(100_000));
    assert_eq!(final_after(10, 599), Err(()));
    assert_eq!(final_after(10, 600), mean);
    assert_eq!(final_after(30, 600), mean);
    // one sample fewer than enough: six hours
    assert_eq!(final_after(9, 600), Err(()));
    assert_eq!(final_after(9, LATE - 1), Err(()));
    assert_eq!(final_after(9, LATE), mean);
    assert_eq!(final_after(1, LATE), mean);
    assert_eq!(final_after(0, LATE), Err(()));
    assert_eq!(final_after(0, 100 * LATE), Err(()));
}

#[test]
fn case_67_settling_before_the_expiry_or_of_another_time_is_refused() {
    let (mut world, btc, week) = expired();
    let finalize = |expiry| settlement::finalize_settlement(&btc, expiry);
    world.sample_all(&btc, week, dollars(100_000));
    world.set_time(week - 1);
    refuse(&mut world, &finalize(week), MarginError::NotExpired, &[]);
    world.set_time(week);
    refuse(
        &mut world,
        &finalize(week),
        MarginError::SettlementPending,
        &[],
    );
    for other in [week + 1, 0, i64::MIN] {
        refuse(
            &mut world,
            &finalize(other),
            MarginError::ExpiryNotListed,
            &[],
        );
        let ix = settlement::record_settlement(&btc, other);
        refuse(&mut world, &ix, MarginError::ExpiryNotListed, &[]);
    }
    // samples of one expiry are none of the next
    let month = world.month;
    let ix = settlement::record_settlement(&btc, month);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
}

#[test]
fn samples_are_taken_until_the_price_is_final_and_no_longer() {
    let (mut world, btc, week) = expired();
    world.sample_all(&btc, week, dollars(100_000));
    for (seconds, is_open) in [(599, true), (600, false), (LATE, false)] {
        world.set_time(week + seconds);
        let price = dollars(99_970);
        let fields = (price, week - 60 + 30);
        let ix = offer(&mut world, &btc, fields.0, fields.1);
        match is_open {
            // refused for what it is, not for when
            true => refuse(&mut world, &ix, MarginError::SampleRefused, &[]),
            false => refuse(&mut world, &ix, MarginError::SettlementFinal, &[]),
        }
    }
    assert_eq!(world.settlement(&btc, week).price, 0);
    let outcome = world.finalize_settlement(&btc, week).ok();
    let event = &outcome.events::<SettlementFinalized>()[0];
    let market: MarketState = world.read(&btc.key);
    assert_eq!((event.market, event.expiry), (btc.key, week));
    assert_eq!(
        (event.price, event.sequence),
        (dollars(100_000), market.sequence)
    );
    // again: nothing
    let before = world.data(&btc.key);
    let outcome = world.finalize_settlement(&btc, week).ok();
    assert_eq!(outcome.events::<SettlementFinalized>().len(), 0);
    assert_eq!(world.data(&btc.key), before);
}

#[test]
fn nobody_shows_samples_and_settles_at_them_in_one_breath() {
    let (mut world, btc, week) = expired();
    // stuck keepers: five hours later a thief shows the ten minutes that it likes
    world.set_time(week + 5 * HOUR);
    for minute in 0..10 {
        world
            .sample(&btc, week, dollars(120_000), week - 60 * minute)
            .ok();
    }
    let ix = settlement::finalize_settlement(&btc, week);
    refuse(&mut world, &ix, MarginError::SettlementPending, &[]);
    // whoever minds has ten minutes for the others, and adding them puts nothing off
    world.set_time(week + 5 * HOUR + 599);
    for minute in 10..30 {
        world
            .sample(&btc, week, dollars(90_000), week - 60 * minute)
            .ok();
    }
    refuse(&mut world, &ix, MarginError::SettlementPending, &[]);
    world.set_time(week + 5 * HOUR + 600);
    world.finalize_settlement(&btc, week).ok();
    assert_eq!(world.settlement(&btc, week).price, dollars(100_000));
    // the same after the six hours: too few are final only a delay after the last of them
    let (mut world, btc, week) = expired();
    world.set_time(week + LATE);
    world.sample(&btc, week, dollars(120_000), week).ok();
    world.set_time(week + LATE + 599);
    refuse(&mut world, &ix, MarginError::SettlementPending, &[]);
    world.set_time(week + LATE + 600);
    world.finalize_settlement(&btc, week).ok();
}

#[test]
fn a_dead_oracle_settles_at_its_first_price_after_the_expiry() {
    let (mut world, btc, week) = expired();
    // silent from the window until three hours after; then anybody may show any update, the first counts
    world.set_time(week + 4 * HOUR);
    world
        .sample(&btc, week, dollars(130_000), week + 3 * HOUR + 7)
        .ok();
    let ix = offer(&mut world, &btc, dollars(1), week + 3 * HOUR + 7);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
    world
        .sample(&btc, week, dollars(95_000), week + 3 * HOUR)
        .ok();
    let ix = offer(&mut world, &btc, dollars(1), week + 3 * HOUR + 1);
    refuse(&mut world, &ix, MarginError::SampleRefused, &[]);
    world.set_time(week + LATE - 1);
    let finalize = settlement::finalize_settlement(&btc, week);
    refuse(&mut world, &finalize, MarginError::SettlementPending, &[]);
    world.set_time(week + LATE);
    world.finalize_settlement(&btc, week).ok();
    assert_eq!(world.settlement(&btc, week).price, dollars(95_000));

    // silent for a week: a delay after its first price was shown
    let (mut world, btc, week) = expired();
    let back = week + 7 * 86_400;
    world.set_time(back);
    refuse(
        &mut world,
        &finalize,
        MarginError::SettlementPending,
        &["Left: 0"],
    );
    world.sample(&btc, week, dollars(95_000), back).ok();
    world.set_time(back + 599);
    refuse(&mut world, &finalize, MarginError::SettlementPending, &[]);
    world.set_time(back + 600);
    world.finalize_settlement(&btc, week).ok();
    assert_eq!(world.settlement(&btc, week).price, dollars(95_000));

    // a sample of the window, shown late, is worth more than any price after it
    let (mut world, btc, week) = expired();
    world.set_time(week + 4 * HOUR);
    world.sample(&btc, week, dollars(130_000), week + 1).ok();
    world.sample(&btc, week, dollars(101_000), week - 900).ok();
    world.set_time(week + LATE);
    world.finalize_settlement(&btc, week).ok();
    assert_eq!(world.settlement(&btc, week).price, dollars(101_000));
}

#[test]
fn every_field_of_a_sample_is_checked_but_its_age() {
    let (mut world, btc, week) = expired();
    let sol = world.sol;
    let good = PriceFields::fresh(btc.feed_id, dollars(100_000), week - 7);
    let wide = |confidence| PriceFields { confidence, ..good };
    let late = |fields| PriceFields {
        publish_time: week + 1,
        ..fields
    };
    let limit = dollars(1_000); // 1 %
    use MarginError::*;
    for (fields, error) in [
        (
            PriceFields {
                owner: Pubkey::default(),
                ..good
            },
            OracleOwner,
        ),
        (
            PriceFields {
                feed_id: sol.feed_id,
                ..good
            },
            OracleFeedMismatch,
        ),
        (
            PriceFields {
                verification: VerificationLevel::Partial { num_signatures: 12 },
                ..good
            },
            OracleUnverified,
        ),
        (PriceFields { price: 0, ..good }, OracleNonPositive),
        (PriceFields { price: -1, ..good }, OracleNonPositive),
        (
            PriceFields {
                exponent: 3,
                ..good
            },
            OracleExponent,
        ),
        (wide(limit + 1), OracleConfidenceTooWide),
        (late(wide(10 * limit + 1)), OracleConfidenceTooWide),
        (
            PriceFields {
                publish_time: week + 16,
                ..good
            },
            OracleFuture,
        ),
        // thirty of them would leave the sum: 6.2e9 dollars
        (
            PriceFields {
                price: 620_000_000_000_000_000,
                confidence: 0,
                ..good
            },
            SampleRefused,
        ),
    ] {
        world.set_price_update(btc.price, fields);
        let ix = settlement::record_settlement(&btc, week);
        refuse(&mut world, &ix, error, &[]);
    }
    // a price after the expiry may be as uncertain as a repair accepts; a sample as an opening, and as old as it likes
    world.set_price_update(btc.price, late(wide(10 * limit)));
    let ix = settlement::record_settlement(&btc, week);
    world.send(std::slice::from_ref(&ix), &[]).ok();
    world.set_time(week + 5 * HOUR);
    world.set_price_update(btc.price, wide(limit));
    world.send(&[ix], &[]).ok();
    assert_eq!(world.settlement(&btc, week).count, 1);
}

#[test]
fn case_06_and_18_other_markets_houses_and_prices_are_refused() {
    let (mut world, btc, week) = expired();
    let sol = world.sol;
    let (house, _, [foreign, _]) = foreign_house(&mut world);
    let trader = world.trader("alice", 0).account;
    let ix = offer(&mut world, &btc, dollars(100_000), week - 7);
    let own = btc.house;
    let kind = ErrorCode::AccountDiscriminatorMismatch;
    let cases: [(Instruction, Refusal); 6] = [
        (
            ix.clone().replace(own, house),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (
            ix.clone().replace(btc.key, foreign.key),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (
            ix.clone().replace(btc.key, sol.key),
            MarginError::OracleFeedMismatch.into(),
        ),
        (
            ix.clone().replace(btc.price, sol.price),
            MarginError::OracleFeedMismatch.into(),
        ),
        (ix.clone().replace(btc.key, trader), kind.into()),
        (
            ix.clone().replace(btc.price, own),
            MarginError::OracleOwner.into(),
        ),
    ];
    for (bent, error) in cases {
        refuse(&mut world, &bent, error, &[]);
    }
    let finalize = settlement::finalize_settlement(&btc, week);
    for (old, new) in [(own, house), (btc.key, foreign.key)] {
        let bent = finalize.clone().replace(old, new);
        refuse(&mut world, &bent, MarginError::ClearinghouseMismatch, &[]);
    }
    world.send(&[ix], &[]).ok();
}

#[test]
fn rules_of_the_house_are_those_that_count() {
    let mut world = WorldBuilder {
        rules: HouseRulesArgs {
            settlement_delay: 3_600,
            settlement_samples: 30,
            ..HouseRulesArgs::PLAIN
        },
        ..WorldBuilder::default()
    }
    .build();
    let (btc, week) = (world.btc, world.week);
    world.set_time(week);
    world.sample_all(&btc, week, dollars(100_000));
    world.set_time(week + 3_599);
    let ix = settlement::finalize_settlement(&btc, week);
    let due = format!("Left: {}", week + 3_600);
    refuse(&mut world, &ix, MarginError::SettlementPending, &[&due]);
    world.set_time(week + 3_600);
    world.finalize_settlement(&btc, week).ok();
}
