//! `update_quote_price`: which price of the quote asset is stored, and what becomes of an old one.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::QuotePriceUpdated;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};
use sandbox::oracle::{price_address, USDC_FEED};
use sandbox::{dollars, instructions, perpetual, PriceFields, Trader, VerificationLevel, World};
use sandbox::{WorldBuilder, BASE, BTC_START, START, USDC};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, other_program_copy, start, Bend};

fn whole() -> (World, Instruction) {
    let world = WorldBuilder::whole(0).build();
    let ix = instructions::update_quote_price(&world.house, &price_address(&USDC_FEED));
    (world, ix)
}

fn stored(world: &World) -> (u64, i64) {
    let house: Clearinghouse = world.read(&world.house);
    (house.quote_price, house.quote_publish_time)
}

#[test]
fn anybody_stores_a_checked_price() {
    let (mut world, ix) = whole();
    world.advance(7);
    world.set_quote_price(98_500_000);
    let outcome = world.send(&[ix], &[]).ok();
    assert_eq!(stored(&world), (98_500_000, START + 7));
    let event = &outcome.events::<QuotePriceUpdated>()[0];
    assert_eq!(
        (event.clearinghouse, event.price, event.publish_time),
        (world.house, 98_500_000, START + 7)
    );
}

#[test]
fn never_takes_an_older_price_than_it_has() {
    let (mut world, ix) = whole();
    world.advance(30);
    for (publish_time, refused) in [
        (START + 20, false),
        (START + 20, false),
        (START + 19, true),
        (START + 21, false),
    ] {
        let fields = PriceFields {
            publish_time,
            ..PriceFields::fresh(USDC_FEED, dollars(1), 0)
        };
        world.set_price_update(price_address(&USDC_FEED), fields);
        if refused {
            let outcome = assert_refused(&mut world, &ix, &[], MarginError::OracleOutdated);
            let times = [
                format!("Left: {}", START + 19),
                format!("Right: {}", START + 20),
            ];
            assert_logged(&outcome, &times.each_ref().map(String::as_str));
        } else {
            world.send(std::slice::from_ref(&ix), &[]).ok();
            assert_eq!(stored(&world).1, publish_time);
        }
    }
}

#[test]
fn takes_prices_of_the_policy_alone() {
    let (mut world, ix) = whole();
    world.advance(601);
    let now = world.now();
    let good = PriceFields::fresh(USDC_FEED, dollars(1), now);
    let cases = [
        (
            PriceFields {
                publish_time: now - 601,
                ..good
            },
            MarginError::OracleStale,
        ),
        (
            PriceFields {
                publish_time: now + 16,
                ..good
            },
            MarginError::OracleFuture,
        ),
        (
            PriceFields {
                confidence: 1_000_001,
                ..good
            },
            MarginError::OracleConfidenceTooWide,
        ),
        (
            PriceFields {
                feed_id: world.btc.feed_id,
                ..good
            },
            MarginError::OracleFeedMismatch,
        ),
        (
            PriceFields { price: 0, ..good },
            MarginError::OracleNonPositive,
        ),
        (
            PriceFields {
                price: 999_999,
                confidence: 0,
                ..good
            },
            MarginError::ParameterOutOfRange,
        ),
        (
            PriceFields {
                price: 10_000_000_001,
                confidence: 0,
                ..good
            },
            MarginError::ParameterOutOfRange,
        ),
        (
            PriceFields {
                verification: VerificationLevel::Partial { num_signatures: 12 },
                ..good
            },
            MarginError::OracleUnverified,
        ),
        (
            PriceFields {
                owner: world.house,
                ..good
            },
            MarginError::OracleOwner,
        ),
    ];
    for (fields, error) in cases {
        world.set_price_update(price_address(&USDC_FEED), fields);
        assert_refused(&mut world, &ix, &[], error);
    }
    for fields in [
        PriceFields {
            publish_time: now - 600,
            ..good
        },
        PriceFields {
            publish_time: now + 15,
            confidence: 1_000_000,
            ..good
        },
    ] {
        world.set_price_update(price_address(&USDC_FEED), fields);
        world.send(std::slice::from_ref(&ix), &[]).ok();
    }
}

#[test]
fn refuses_other_accounts_and_houses_at_par() {
    let (mut world, ix) = whole();
    let house = world.house;
    let copy = other_program_copy(&mut world, &house);
    let copied = ix.clone().replace(world.house, copy);
    let kind = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(
        &mut world,
        &copied,
        &[],
        ErrorCode::AccountOwnedByWrongProgram,
    );
    let cosplay = ix.clone().replace(world.house, world.btc.key);
    assert_refused(&mut world, &cosplay, &[], kind);
    let market_price = ix.replace(price_address(&USDC_FEED), world.btc.price);
    assert_refused(
        &mut world,
        &market_price,
        &[],
        MarginError::OracleFeedMismatch,
    );
    let mut plain = World::new();
    let ix = instructions::update_quote_price(&plain.house, &plain.btc.price);
    assert_refused(&mut plain, &ix, &[], MarginError::QuoteFeedMissing);
}

/// Two traders with a BTC perpetual between them, alice long and near her limit.
fn opened() -> (World, Trader, Trader) {
    let mut world = WorldBuilder::whole(0).build();
    let alice = world.trader("alice", 40_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    (world, alice, bob)
}

#[test]
fn an_old_price_stops_what_opens_and_nothing_that_repairs() {
    let (mut world, alice, bob) = opened();
    let (btc, usdc) = (world.btc, world.usdc);
    let more = [perpetual(&btc, 1, BTC_START)];
    let error = MarginError::QuotePriceStale;
    // exactly at the limit it is good
    world.advance(600);
    world.refresh_prices();
    world.trade(&alice, &bob, &more).ok();
    world.withdraw(&alice, &usdc, 1).ok();
    // a second later it is a doubt
    world.advance(1);
    world.refresh_prices();
    let ix = world.trade_ix(&alice, &bob, &more);
    let outcome = assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
    assert_logged(&outcome, &["Left: 600", "Right: 601"]);
    let ix = world.withdraw_ix(&alice, &usdc, 1);
    assert_refused(&mut world, &ix, &[alice.user], error);
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!((view.doubt, view.would_open), (error.into(), 0));
    // both sides reduce, and deposits work
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE / 2, BTC_START)])
        .ok();
    world.fund(&alice.user, &usdc, USDC);
    world.deposit(&alice, &usdc, USDC).ok();
}

#[test]
fn an_old_price_does_not_stop_a_liquidation() {
    let (mut world, alice, _) = opened();
    let keeper = world.trader("keeper", 200_000 * USDC);
    let btc = world.btc;
    world.advance(601);
    world.set_price(&btc, dollars(92_000));
    start(&mut world, &keeper, &alice);
    let witness = world.report(&alice.account).witness();
    world
        .bid(&keeper, &alice.account, &witness, 1_000_000_000)
        .ok();
    let caller = keeper.user;
    world.stop_liquidation(&caller, &alice.account).ok();
}

#[test]
fn a_price_that_was_never_stored_is_a_doubt_too() {
    let (mut world, alice, bob) = opened();
    let (house, btc) = (world.house, world.btc);
    support::rewrite(&mut world, &house, |house: &mut Clearinghouse| {
        (house.quote_price, house.quote_publish_time) = (0, 0);
    });
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1, BTC_START)]);
    let signers = [alice.user, bob.user];
    assert_refused(&mut world, &ix, &signers, MarginError::QuotePriceStale);
    // and counts as par until then
    assert_eq!(world.report(&alice.account).margin.peg_add.raw(), 0);
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE / 2, BTC_START)])
        .ok();
}

#[test]
fn an_account_that_owes_nothing_leaves_without_it() {
    let (mut world, alice, _) = opened();
    let carol = world.trader("carol", 10 * USDC);
    world.advance(100_000);
    let usdc = world.usdc;
    world.withdraw(&carol, &usdc, 10 * USDC).ok();
    assert_eq!(world.read::<CollateralBank>(&usdc.key).is_quote, 1);
    assert_eq!(
        (
            world.balance(&carol, &usdc),
            world.account(&alice.account).1.len()
        ),
        (0, 1)
    );
}
