//! Prices and surfaces: what each action accepts, on both sides of every threshold.
//!
//! A withdrawal stands for what raises risk, `start_liquidation` for what repairs.

use portfolio_margin::error::MarginError;
use portfolio_margin::oracle::policy::MAX_CLOCK_SKEW;
use sandbox::oracle::SOL_FEED;
use sandbox::{
    call, crypto_smile, dollars, perpetual, put, PriceFields, Trader, User, VerificationLevel,
    World, WorldBuilder, BASE, BTC_START, DAY, SOL, START, USDC,
};
use support::{assert_logged, assert_refused, failing_long, pair, Bend};

/// Alice holds one BTC perpetual and SOL collateral: two prices to check.
fn scene() -> (World, Trader, [PriceFields; 2]) {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, bank) = (world.btc, world.sol_bank);
    world.fund(&alice.user, &bank, 10 * SOL);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    let good = [world.price(&bank.price), world.price(&btc.price)];
    (world, alice, good)
}

/// Writes each price in turn with a change, the other one good, and expects the withdrawal's verdict.
#[track_caller]
fn check(change: impl Fn(&mut PriceFields), verdict: Result<(), MarginError>, logged: &[&str]) {
    let (mut world, alice, good) = scene();
    let accounts = [world.sol_bank.price, world.btc.price];
    for bent in 0..2 {
        for (place, account) in accounts.iter().enumerate() {
            let mut fields = good[place];
            if place == bent {
                change(&mut fields);
            }
            world.set_price_update(*account, fields);
        }
        let ix = world.withdraw_ix(&alice, &world.usdc, 1);
        match verdict {
            Ok(()) => {
                world.send(&[ix], &[alice.user]).ok();
            }
            Err(error) => {
                let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
                assert_logged(&outcome, logged);
            }
        }
    }
}

#[test]
fn case_25_accepts_a_price_at_the_age_limit_and_not_one_second_older() {
    check(|price| price.publish_time = START - 60, Ok(()), &[]);
    let stale = Err(MarginError::OracleStale);
    check(
        |price| price.publish_time = START - 61,
        stale,
        &["Left: 60", "Right: 61"],
    );
    check(|price| price.publish_time = 0, stale, &["Left: 60"]);
    check(|price| price.publish_time = i64::MIN, stale, &["Left: 60"]);
}

#[test]
fn case_26_accepts_the_clocks_skew_and_not_one_second_more() {
    check(
        |price| price.publish_time = START + MAX_CLOCK_SKEW,
        Ok(()),
        &[],
    );
    let future = Err(MarginError::OracleFuture);
    let times = [
        format!("Left: {}", START + 15),
        format!("Right: {}", START + 16),
    ];
    check(
        |price| price.publish_time = START + 16,
        future,
        &[&times[0], &times[1]],
    );
    check(|price| price.publish_time = i64::MAX, future, &[]);
}

#[test]
fn case_27_accepts_confidence_at_the_limit_and_not_one_unit_wider() {
    // 1 % of the price
    check(
        |price| price.confidence = price.price as u64 / 100,
        Ok(()),
        &[],
    );
    let wide = Err(MarginError::OracleConfidenceTooWide);
    check(
        |price| price.confidence = price.price as u64 / 100 + 1,
        wide,
        &["Left: ", "Right: "],
    );
    check(
        |price| price.confidence = u64::MAX,
        wide,
        &["Left: ", "Right: "],
    );
    check(|price| price.confidence = 0, Ok(()), &[]);
}

#[test]
fn case_28_refuses_prices_that_are_not_positive() {
    let error = Err(MarginError::OracleNonPositive);
    check(|price| price.price = 0, error, &["Left: 0", "Right: 0"]);
    check(|price| price.price = -1, error, &["Left: -1", "Right: 0"]);
    check(|price| price.price = i64::MIN, error, &["Right: 0"]);
}

#[test]
fn case_29_reads_every_exponent_or_refuses_by_name() {
    // the same price in other exponents
    for shift in 1..4u32 {
        let power = 10i64.pow(shift);
        check(
            |price| {
                price.exponent += shift as i32;
                price.price /= power;
                price.confidence /= power as u64;
            },
            Ok(()),
            &[],
        );
        check(
            |price| {
                price.exponent -= shift as i32;
                price.price *= power;
                price.confidence *= power as u64;
            },
            Ok(()),
            &[],
        );
    }
    // too large, too small to be one unit, and powers of ten that no integer holds
    let error = Err(MarginError::OracleExponent);
    for (price, exponent) in [
        (i64::MAX, -7),
        (i64::MAX, 3),
        (1, 12),
        (1, i32::MAX),
        (i64::MAX, i32::MAX),
        (1, -9),
        (i64::MAX, -27),
        (i64::MAX, -28),
        (i64::MAX, i32::MIN),
    ] {
        check(
            |fields| (fields.price, fields.exponent, fields.confidence) = (price, exponent, 0),
            error,
            &[&format!("Left: {price}"), &format!("Right: {exponent}")],
        );
    }
}

#[test]
fn case_29_the_value_does_not_depend_on_the_exponent() {
    let (mut world, alice, [_, btc]) = scene();
    let expected = world.view_margin(&alice.account).0;
    for exponent in [-10, -9, -7, -5, -2] {
        let (price, shift) = (btc.price as i128, exponent + 8);
        let power = 10i128.pow(i32::unsigned_abs(shift));
        let rescaled = if shift > 0 {
            price / power
        } else {
            price * power
        };
        let fields = PriceFields {
            price: rescaled as i64,
            exponent,
            confidence: 0,
            ..btc
        };
        world.set_price_update(world.btc.price, fields);
        assert_eq!(
            world.view_margin(&alice.account).0,
            expected,
            "exponent {exponent}"
        );
    }
}

#[test]
fn case_30_refuses_partial_verification_and_other_owners() {
    for num_signatures in [0, 1, 12, 13, 255] {
        check(
            |price| price.verification = VerificationLevel::Partial { num_signatures },
            Err(MarginError::OracleUnverified),
            &[&format!("{num_signatures} guardian signatures")],
        );
    }
    let receiver = pyth_solana_receiver_sdk::ID.to_string();
    for owner in [User::named("mallory").key, anchor_lang::system_program::ID] {
        check(
            |price| price.owner = owner,
            Err(MarginError::OracleOwner),
            &[&owner.to_string(), &receiver],
        );
    }
}

#[test]
fn case_31_refuses_another_feed() {
    check(
        |price| price.feed_id[31] ^= 1,
        Err(MarginError::OracleFeedMismatch),
        &["Left:"],
    );
    check(
        |price| price.feed_id = [0; 32],
        Err(MarginError::OracleFeedMismatch),
        &["Left:"],
    );
}

#[test]
fn case_19_refuses_accounts_that_hold_no_price_update() {
    let (mut world, alice, [_, good]) = scene();
    let receiver = pyth_solana_receiver_sdk::ID;
    let full = good.data();
    let mut other_type = full.clone();
    other_type[0] ^= 1;
    let mut bad_level = full.clone();
    bad_level[40] = 2;
    let cut = full[..120].to_vec();
    for data in [
        vec![],
        vec![0; 134],
        cut,
        full[..7].to_vec(),
        other_type,
        bad_level,
    ] {
        let length = data.len();
        world.set_price_bytes(world.btc.price, receiver, data);
        let ix = world.withdraw_ix(&alice, &world.usdc, 1);
        let outcome = assert_refused(&mut world, &ix, &[alice.user], MarginError::OracleMalformed);
        assert_logged(&outcome, &[&format!("Left: {length}"), "Right: 134"]);
    }
    // an address that nobody has written to
    let nobody = User::named("nobody").key;
    let mut ix = world.withdraw_ix(&alice, &world.usdc, 1);
    let price = world.btc.price;
    ix.accounts
        .iter_mut()
        .filter(|meta| meta.pubkey == price)
        .for_each(|m| m.pubkey = nobody);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::OracleOwner);
}

#[test]
fn case_27_liquidation_takes_ten_times_the_confidence_and_no_more() {
    let (mut world, alice, bob, keeper) = failing_long();
    let btc = world.btc;
    let witness = world.report(&alice.account).witness();
    let good = world.price(&btc.price);
    let tenth = good.price as u64 / 10;
    let wide = |confidence| PriceFields { confidence, ..good };
    world.set_price_update(btc.price, wide(tenth + 1));
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
    let error = MarginError::OracleConfidenceTooWide;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    assert_logged(&outcome, &["Left: ", "Right: "]);
    world.set_price_update(btc.price, wide(tenth));
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    // a trade that adds risk keeps the narrow limit, one that reduces it on both sides does not
    let low = dollars(102_000);
    let ix = world.trade_ix(&bob, &alice, &[perpetual(&btc, -1, low)]);
    assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
    world.trade(&alice, &bob, &[perpetual(&btc, -1, low)]).ok();
    // a bid is a repair, for both sides of it
    world
        .bid(&keeper, &alice.account, &witness, 1_000_000_000)
        .ok();
}

#[test]
fn liquidation_takes_no_older_price_than_a_trade() {
    let (mut world, alice, _, keeper) = failing_long();
    let witness = world.report(&alice.account).witness();
    world.advance(61);
    let ix = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::OracleStale);
    assert_logged(&outcome, &["Left: 60", "Right: 61"]);
    world.set_time(world.now() - 1);
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
}

#[test]
fn case_18_a_price_of_the_right_feed_may_stand_anywhere() {
    let (mut world, alice, [_, btc]) = scene();
    let elsewhere = User::named("another price account").key;
    world.set_price_update(
        elsewhere,
        PriceFields {
            publish_time: START - 5,
            ..btc
        },
    );
    let price = world.btc.price;
    let mut ix = world.view_margin_ix(&alice.account);
    ix.accounts
        .iter_mut()
        .filter(|meta| meta.pubkey == price)
        .for_each(|m| m.pubkey = elsewhere);
    world.send(&[ix], &[]).ok();
}

#[test]
fn surfaces_age_for_trades_and_not_for_liquidation() {
    let mut world = World::new();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 300_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let option = |quantity| [put(&btc, week, dollars(110_000), quantity, dollars(1_500))];
    world.trade(&alice, &bob, &option(-BASE)).ok();
    world.advance(3_600);
    world.refresh_prices();
    world.trade(&alice, &bob, &option(-1)).ok();
    world.advance(1);
    world.refresh_prices();
    let ix = world.trade_ix(&alice, &bob, &option(-1));
    let error = MarginError::SurfaceStale;
    let outcome = assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
    assert_logged(&outcome, &["Left: 3600", "Right: 3601"]);
    let ix = world.withdraw_ix(&alice, &world.usdc, 1);
    assert_refused(&mut world, &ix, &[alice.user], error);
    // a view shows what there is, and says that nothing can be opened on it
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(
        (view.doubt, view.would_open),
        (MarginError::SurfaceStale.into(), 0)
    );
    // a crash that silences the poster does not stop the repair
    world.advance(5 * 3_600);
    world.set_price(&btc, dollars(90_000));
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&bob.user, &alice.account, &witness)
        .ok();
}

#[test]
fn only_surfaces_of_expiries_that_are_held_must_be_fresh() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, week, month) = (world.btc, world.week, world.month);
    world
        .trade(
            &alice,
            &bob,
            &[call(&btc, week, dollars(120_000), BASE / 10, dollars(900))],
        )
        .ok();
    world.advance(DAY);
    world.refresh_prices();
    world.post_surface(&btc, crypto_smile(week, world.now(), 450_000));
    world.withdraw(&alice, &world.usdc.clone(), 1).ok();
    let option = [call(&btc, month, dollars(120_000), BASE / 10, dollars(900))];
    let ix = world.trade_ix(&alice, &bob, &option);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user, bob.user],
        MarginError::SurfaceStale,
    );
}

#[test]
fn one_feed_serves_bank_and_market() {
    let world = World::new();
    assert_eq!(
        (world.sol.feed_id, world.sol_bank.feed_id),
        (SOL_FEED, SOL_FEED)
    );
    assert_eq!(world.sol.price, world.sol_bank.price);
}

#[test]
fn case_27_no_repair_takes_more_than_ten_percent_of_confidence() {
    let builder = WorldBuilder {
        oracle_max_confidence: 50_000,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    let fields = PriceFields::fresh(btc.feed_id, dollars(100_000), START);
    let witness = vec![2];
    let wide = PriceFields {
        confidence: dollars(10_000) + 1,
        ..fields
    };
    world.set_price_update(btc.price, wide);
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &witness);
    assert_refused(
        &mut world,
        &ix,
        &[bob.user],
        MarginError::OracleConfidenceTooWide,
    );
    world.set_price_update(
        btc.price,
        PriceFields {
            confidence: dollars(10_000),
            ..fields
        },
    );
    world
        .start_liquidation(&bob.user, &alice.account, &witness)
        .ok();
}

#[test]
fn case_32_one_price_account_per_feed_in_an_instruction() {
    let (mut world, alice, bob) = pair(200_000);
    let btc = world.btc;
    let other = User::named("a younger update").key;
    let fields = world.price(&btc.price);
    let cheaper = PriceFields {
        price: fields.price * 99 / 100,
        ..fields
    };
    world.set_price_update(other, cheaper);
    // the maker's check with another verified update than the taker's
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)]);
    let last = ix.accounts.len() - 1;
    let mixed = ix.clone().replace_at(last, other);
    let signers = [alice.user, bob.user];
    let outcome = assert_refused(
        &mut world,
        &mixed,
        &signers,
        MarginError::OracleInconsistent,
    );
    assert_logged(&outcome, &[&other.to_string(), &btc.price.to_string()]);
    // the same other one for both is as good as the first
    let both = ix.replace(btc.price, other);
    world.send(&[both], &signers).ok();
}

#[test]
fn case_32_collateral_and_position_of_one_feed_share_a_price() {
    let (mut world, alice, bob) = pair(200_000);
    let (sol, bank) = (world.sol, world.sol_bank);
    world.fund(&alice.user, &bank, SOL);
    world.deposit(&alice, &bank, SOL).ok();
    world
        .trade(&alice, &bob, &[perpetual(&sol, BASE, 20_531_000_000)])
        .ok();
    let fields = world.price(&sol.price);
    let other = User::named("a younger update").key;
    world.set_price_update(
        other,
        PriceFields {
            price: fields.price * 2,
            ..fields
        },
    );
    // collateral at the higher price, the position at the lower one
    let ix = world.view_margin_ix(&alice.account).replace_at(3, other);
    assert_refused(&mut world, &ix, &[], MarginError::OracleInconsistent);
}

#[test]
fn expired_options_need_no_surface_and_are_worth_their_intrinsic_value() {
    let mut world = World::new();
    let alice = world.trader("alice", 100_000 * USDC);
    let bob = world.trader("bob", 100_000 * USDC);
    let (btc, week) = (world.btc, world.week);
    let option = [call(&btc, week, dollars(110_000), BASE, dollars(9_000))];
    world.trade(&alice, &bob, &option).ok();
    world.set_time(week + 30 * DAY);
    world.set_price(&btc, dollars(120_000));
    let (view, _) = world.view_margin(&alice.account);
    let intrinsic = 10_000_000_000;
    assert!((view.mark - intrinsic).abs() <= 100, "{}", view.mark);
    let usdc = world.usdc;
    world.withdraw(&alice, &usdc, 1_000 * USDC).ok();
}
