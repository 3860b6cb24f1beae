//! `update_market` with a reference market: pairs of samples, who may be the reference, and the offsets that correlation leaves.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::Market as MarketRecord;
use sandbox::{dollars, instructions, perpetual, Market, PriceFields, World, WorldBuilder};
use sandbox::{BASE, BTC_START, USDC};
use support::{assert_logged, assert_refused, foreign_house, other_program_copy, rewrite, Bend};

use crate::update_market_regime::{event, listed, record, rules, update, whole, REGIME};

const ONE: u32 = 1_000_000;

/// A third market of the first group whose covariance is measured with BTC.
fn paired() -> (World, Market, Market) {
    let mut world = WorldBuilder::whole(0).build();
    let governor = world.governor;
    let market = listed(&mut world, |_| {});
    let mut rules = rules(&world, REGIME);
    (
        rules.regime.reference_market,
        rules.regime.correlation_least,
    ) = (1, 600_000);
    let ix = instructions::open_market(&governor.key, &market, rules);
    world.send(&[ix], &[governor]).ok();
    world.set_price(&market, dollars(4_000));
    let btc = world.btc;
    let ix = instructions::update_market_with(&market, &btc);
    assert!(event(&world.send(&[ix], &[]).ok()).is_sampled);
    (world, market, btc)
}

#[test]
fn a_pair_is_sampled_at_one_time_and_without_it_a_sample_waits_twice_as_long() {
    let (mut world, market, btc) = paired();
    assert_eq!(record(&world, &market).regime.reference_sample, BTC_START);
    world.advance(300);
    world.set_price(&market, dollars(4_000));
    world.set_price(&btc, BTC_START + 5);
    assert!(!event(&world.update_market(&market).ok()).is_sampled);
    let ix = instructions::update_market_with(&market, &btc);
    assert!(event(&world.send(&[ix], &[]).ok()).is_sampled);
    assert_eq!(
        record(&world, &market).regime.reference_sample,
        BTC_START + 5
    );
    for (seconds, is_due) in [(599, false), (1, true)] {
        let event = update(&mut world, &market, seconds, dollars(4_000));
        assert_eq!(event.is_sampled, is_due);
    }
    assert_eq!(record(&world, &market).regime.reference_sample, 0);
}

#[test]
fn refuses_a_reference_that_is_not_the_regimes_or_not_good_enough() {
    let (mut world, market, btc) = paired();
    let (_, _, [foreign, _]) = foreign_house(&mut world);
    let (sol, house) = (world.sol, world.house);
    let copy = other_program_copy(&mut world, &btc.key);
    let good = instructions::update_market_with(&market, &btc);
    for (reference, error) in [
        (sol.key, support::Refusal::from(MarginError::MarketMismatch)),
        (market.key, MarginError::MarketMismatch.into()),
        (foreign.key, MarginError::ClearinghouseMismatch.into()),
        (copy, ErrorCode::AccountOwnedByWrongProgram.into()),
        (house, ErrorCode::AccountDiscriminatorMismatch.into()),
    ] {
        let ix = good.clone().replace_at(2, reference);
        assert_refused(&mut world, &ix, &[], error);
    }
    // another feed, too old, too wide, older than stored
    let ix = good.clone().replace(btc.price, sol.price);
    assert_refused(&mut world, &ix, &[], MarginError::OracleFeedMismatch);
    let fields = world.price(&btc.price);
    let wide = PriceFields {
        confidence: BTC_START / 50,
        ..fields
    };
    world.set_price_update(btc.price, wide);
    assert_refused(&mut world, &good, &[], MarginError::OracleConfidenceTooWide);
    world.set_price_update(btc.price, fields);
    world.advance(61);
    world.set_price(&market, dollars(4_000));
    let outcome = assert_refused(&mut world, &good, &[], MarginError::OracleStale);
    assert_logged(&outcome, &["Left: 60", "Right: 61"]);
    world.set_price(&btc, BTC_START);
    world.update_market(&btc).ok();
    let older = PriceFields {
        publish_time: world.now() - 1,
        ..world.price(&btc.price)
    };
    world.set_price_update(btc.price, older);
    assert_refused(&mut world, &good, &[], MarginError::OracleOutdated);
    // a market without a reference takes none
    let ix = instructions::update_market_with(&sol, &btc);
    assert_refused(&mut world, &ix, &[], MarginError::MarketMismatch);
}

/// Markets that move as one look opposed to whoever samples one of them a minute late.
#[test]
fn a_pair_of_prices_of_two_times_is_no_sample() {
    let mut world = WorldBuilder::whole(0).build();
    let governor = world.governor;
    let market = listed(&mut world, |_| {});
    let mut rules = rules(&world, REGIME);
    rules.regime.interval = 60;
    (
        rules.regime.reference_market,
        rules.regime.correlation_least,
    ) = (1, 600_000);
    let ix = instructions::open_market(&governor.key, &market, rules);
    world.send(&[ix], &[governor]).ok();
    let btc = world.btc;
    // they rise and fall together by half a percent a minute
    for minute in 0..20u64 {
        let price = 4_000 + 20 * (minute % 2);
        world.advance(60);
        // the other's price of a minute ago is no part of a pair, on either side of the limit
        let late = instructions::update_market_with(&market, &btc);
        world.set_price(&market, dollars(price));
        for (age, is_paired) in [(60, false), (11, false), (10, true)] {
            let fields = PriceFields {
                publish_time: world.now() - age,
                price: (BTC_START / 4_000 * price) as i64,
                ..world.price(&btc.price)
            };
            world.set_price_update(btc.price, fields);
            match is_paired {
                true => drop(world.send(std::slice::from_ref(&late), &[]).ok()),
                false => {
                    let error = MarginError::OracleOutdated;
                    let outcome = assert_refused(&mut world, &late, &[], error);
                    assert_logged(&outcome, &["Left: 10", &format!("Right: {age}")]);
                }
            }
        }
    }
    let regime = record(&world, &market).regime;
    assert_eq!(regime.offset_share, ONE);
    assert!(regime.regime().correlation() > 990_000);
}

#[test]
fn offsets_shrink_with_the_least_share_of_a_group_down_to_the_plain_sum() {
    let (mut world, btc) = whole();
    let sol = world.sol;
    let alice = world.trader("alice", 300_000 * USDC);
    let bob = world.trader("bob", 300_000 * USDC);
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        perpetual(&sol, -500 * BASE, world.settings().sol_price),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let mut scans = vec![];
    for (of_btc, of_sol) in [
        (ONE, ONE),
        (ONE, 500_000),
        (500_000, ONE),
        (ONE, 0),
        (0, ONE),
    ] {
        for (market, share) in [(btc, of_btc), (sol, of_sol)] {
            let set = |record: &mut MarketRecord| record.regime.offset_share = share;
            rewrite::<MarketRecord>(&mut world, &market.key, set);
        }
        let report = world.report(&alice.account);
        assert_eq!(world.view_margin(&alice.account).0.report(), report.margin);
        let plain: i64 = report.markets.iter().map(|m| m.risk.scan.raw()).sum();
        scans.push((report.margin.scan.raw(), plain));
    }
    let plain = scans[0].1;
    assert!(plain < scans[1].0 && scans[1].0 < scans[0].0, "{scans:?}");
    assert_eq!(scans[1].0, scans[2].0);
    assert_eq!((scans[3].0, scans[4].0), (plain, plain));
}
