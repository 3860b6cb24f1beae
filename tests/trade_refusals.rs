//! `trade`: who may, with which accounts, and what legs may say.

use crate::trade::refused;
use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{MarginAccountArgs, TradeLeg};
use portfolio_margin_interface::seeds;
use risk_core::Price;
use sandbox::{
    call, dollars, instructions, perpetual, put, Market, Trader, BASE, BTC_START, DAY, START,
};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long,
    foreign_house, mixed_book, other_program_copy, pair, start, Bend, Refusal,
};

/// A perpetual of one BTC with these changes.
fn leg(market: &Market, change: impl Fn(&mut TradeLeg)) -> TradeLeg {
    let mut leg = perpetual(market, BASE, BTC_START);
    change(&mut leg);
    leg
}

#[test]
fn case_01_refuses_unless_both_owners_sign() {
    let (mut world, alice, bob) = pair(50_000);
    let mallory = world.user("mallory");
    let btc = world.btc;
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, BASE / 10, BTC_START)]);
    for (side, other) in [(alice.user, bob.user), (bob.user, alice.user)] {
        let unsigned = ix.clone().unsigned(side.key);
        assert_refused(&mut world, &unsigned, &[other], ErrorCode::AccountNotSigner);
        let by_mallory = ix.clone().replace(side.key, mallory.key);
        assert_refused(
            &mut world,
            &by_mallory,
            &[mallory, other],
            MarginError::Unauthorized,
        );
        // one owner does not sign for both accounts
        let by_other = ix.clone().replace(side.key, other.key);
        assert_refused(&mut world, &by_other, &[other], MarginError::Unauthorized);
    }
}

#[test]
fn refuses_one_account_on_both_sides() {
    let (mut world, alice, _) = pair(50_000);
    let legs = [perpetual(&world.btc, BASE / 10, BTC_START)];
    refused(
        &mut world,
        [&alice, &alice],
        &legs,
        MarginError::SelfTrade,
        &[],
    );
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, BASE / 10, BTC_START)]);
    let signers = [alice.user, bob.user];
    for account in [alice.account, bob.account] {
        let copy = other_program_copy(&mut world, &account);
        let copied = ix.clone().replace(account, copy);
        assert_refused(
            &mut world,
            &copied,
            &signers,
            ErrorCode::AccountOwnedByWrongProgram,
        );
        let bank = world.usdc.key;
        let cosplay = ix.clone().replace(account, bank);
        assert_refused(
            &mut world,
            &cosplay,
            &signers,
            ErrorCode::AccountDiscriminatorMismatch,
        );
    }
}

#[test]
fn case_06_refuses_an_account_of_another_house() {
    let (mut world, alice, bob) = pair(50_000);
    let (house, _, _) = foreign_house(&mut world);
    let args = MarginAccountArgs {
        sub_account: 0,
        capacity: 16,
        tier: 1,
    };
    let open = instructions::open_margin_account(&bob.user.key, &house, args);
    world.send(&[open], &[bob.user]).ok();
    let stranger = Trader {
        account: seeds::margin_account(&house, &bob.user.key, 0),
        house,
        ..bob
    };
    let legs = [perpetual(&world.btc, BASE / 10, BTC_START)];
    let error = MarginError::ClearinghouseMismatch;
    refused(&mut world, [&alice, &stranger], &legs, error, &[]);
    refused(&mut world, [&stranger, &alice], &legs, error, &[]);
}

#[test]
fn takes_1_to_16_legs() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    let legs = |n| vec![perpetual(&btc, BASE / 100, BTC_START); n];
    let sides = [&alice, &bob];
    refused(
        &mut world,
        sides,
        &legs(0),
        MarginError::LegCount,
        &["Left: 0", "Right: 16"],
    );
    refused(
        &mut world,
        sides,
        &legs(17),
        MarginError::LegCount,
        &["Left: 17", "Right: 16"],
    );
    world.trade(&alice, &bob, &legs(16)).ok();
    let (_, positions) = world.account(&alice.account);
    assert_eq!(
        (positions.len(), positions[0].quantity),
        (1, 16 * BASE / 100)
    );
}

#[test]
fn case_47_refuses_zero_quantities_and_prices() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, sides) = (world.btc, [&alice, &bob]);
    let zero = MarginError::ZeroAmount;
    refused(
        &mut world,
        sides,
        &[leg(&btc, |leg| leg.quantity = 0)],
        zero,
        &[],
    );
    refused(
        &mut world,
        sides,
        &[leg(&btc, |leg| leg.price = 0)],
        zero,
        &[],
    );
    // in any leg, also behind a good one
    let legs = [leg(&btc, |_| ()), leg(&btc, |leg| leg.quantity = 0)];
    refused(&mut world, sides, &legs, zero, &[]);
}

#[test]
fn case_39_40_refuses_what_leaves_its_range() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, week, sides) = (world.btc, world.week, [&alice, &bob]);
    let overflow = MarginError::AmountOverflow;
    let range = MarginError::ParameterOutOfRange;
    for quantity in [i64::MAX, i64::MIN, i64::MIN + 1] {
        refused(
            &mut world,
            sides,
            &[leg(&btc, |leg| leg.quantity = quantity)],
            overflow,
            &[],
        );
    }
    for price in [Price::MOST + 1, u64::MAX] {
        refused(
            &mut world,
            sides,
            &[leg(&btc, |leg| leg.price = price)],
            range,
            &["field: Price"],
        );
        let option = call(&btc, week, price, BASE, dollars(1));
        refused(&mut world, sides, &[option], range, &["field: Price"]);
    }
    // each product fits, their sum does not
    let half = leg(&btc, |leg| {
        (leg.quantity, leg.price) = (1 << 62, dollars(1))
    });
    refused(&mut world, sides, &[half.clone(), half], overflow, &[]);
    // fits the ledger, not the engine
    let huge = leg(&btc, |leg| leg.quantity = 1 << 42);
    refused(&mut world, sides, &[huge], range, &["GrossNotional"]);
}

#[test]
fn refuses_instruments_that_name_nothing() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, week, sides) = (world.btc, world.week, [&alice, &bob]);
    let unknown = MarginError::InstrumentUnknown;
    for code in [1, 4, 255] {
        let logged = format!("instrument {code} with strike 0 and expiry 0");
        refused(
            &mut world,
            sides,
            &[leg(&btc, |l| l.instrument = code)],
            unknown,
            &[&logged],
        );
        let option = TradeLeg {
            instrument: code,
            ..call(&btc, week, dollars(1), BASE, dollars(1))
        };
        refused(&mut world, sides, &[option], unknown, &[]);
    }
    for bad in [
        leg(&btc, |leg| leg.expiry = week),
        leg(&btc, |leg| leg.strike = dollars(1)),
        call(&btc, week, 0, BASE, dollars(1)),
        put(&btc, week, 0, BASE, dollars(1)),
    ] {
        refused(&mut world, sides, &[bad], unknown, &["instrument"]);
    }
}

#[test]
fn case_66_refuses_expired_series() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, week, sides) = (world.btc, world.week, [&alice, &bob]);
    let option = call(&btc, week, dollars(120_000), BASE / 100, dollars(100));
    world.set_time(week - 1);
    world.refresh();
    world
        .trade(&alice, &bob, std::slice::from_ref(&option))
        .ok();
    world.set_time(week);
    world.refresh();
    let times = [format!("Left: {week}"), format!("Right: {week}")];
    refused(
        &mut world,
        sides,
        &[option],
        MarginError::Expired,
        &[&times[0], &times[1]],
    );
    for expiry in [0, -1, i64::MIN, START] {
        let option = call(&btc, expiry, dollars(120_000), BASE / 100, dollars(100));
        refused(
            &mut world,
            sides,
            &[option],
            MarginError::Expired,
            &[&format!("Left: {expiry}")],
        );
    }
}

#[test]
fn case_37_refuses_expiries_without_listing_or_surface() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, sides) = (world.btc, [&alice, &bob]);
    let expiry = START + 14 * DAY;
    let option = [call(
        &btc,
        expiry,
        dollars(120_000),
        BASE / 100,
        dollars(100),
    )];
    let unlisted = format!("expiry {expiry}");
    refused(
        &mut world,
        sides,
        &option,
        MarginError::ExpiryNotListed,
        &[&unlisted],
    );
    world.add_expiry(&btc, expiry);
    let missing = format!("SurfaceMissing {{ expiry: {expiry} }}");
    refused(
        &mut world,
        sides,
        &option,
        MarginError::SurfaceMissing,
        &[&missing],
    );
    world.post_surface(&btc, sandbox::crypto_smile(expiry, START, 500_000));
    world.trade(&alice, &bob, &option).ok();
}

#[test]
fn refuses_a_market_that_is_not_listed() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    let legs = [leg(&btc, |leg| leg.market = 7)];
    refused(
        &mut world,
        [&alice, &bob],
        &legs,
        MarginError::RemainingAccountMissing,
        &[],
    );
    // another market's accounts do not stand in for it
    let ix = world.trade_ix(&alice, &bob, &legs);
    let ix = ix
        .append(btc.key)
        .append(btc.price)
        .append(btc.key)
        .append(btc.price);
    let signers = [alice.user, bob.user];
    let outcome = assert_refused(&mut world, &ix, &signers, MarginError::MarketMismatch);
    assert_logged(&outcome, &["Left: 0", "Right: 7"]);
}

#[test]
fn refuses_more_markets_than_a_check_spans() {
    let (mut world, alice, bob) = pair(50_000);
    let btc = world.btc;
    let legs: Vec<_> = (0..9)
        .map(|market| leg(&btc, |leg| leg.market = market))
        .collect();
    let logged = ["Left: 9", "Right: 8"];
    refused(
        &mut world,
        [&alice, &bob],
        &legs,
        MarginError::ScopeTooWide,
        &logged,
    );
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let btc = world.btc;
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, 1, BTC_START)]);
    let signers = [alice.user, bob.user];
    // the maker's come last
    assert_remaining_accounts_are_checked(&mut world, &ix, &signers);
    // the market of the leg comes first: named, written, with its price
    let leg = 5;
    for (bent, error) in [
        (
            ix.clone().without(leg..leg + 2),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
        (
            ix.clone().without(leg + 1..leg + 2),
            MarginError::OracleOwner.into(),
        ),
        (
            ix.clone().replace_at(leg, world.sol.key),
            MarginError::MarketMismatch.into(),
        ),
        (
            ix.clone().replace_at(leg + 1, world.sol.price),
            MarginError::OracleFeedMismatch.into(),
        ),
        (
            ix.clone().readonly(btc.key),
            MarginError::MarketReadOnly.into(),
        ),
    ] {
        let error: Refusal = error;
        assert_refused(&mut world, &bent, &signers, error);
    }
    // the taker's: where they end, the maker's begin
    let taker = 7;
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    let hidden = ix.clone().without(taker + 4..taker + 6);
    assert_refused(&mut world, &hidden, &signers, mismatch);
    let hidden = ix.clone().without(taker + 2..taker + 4);
    assert_refused(&mut world, &hidden, &signers, MarginError::MarketMismatch);
    let no_taker = ix.clone().without(taker..taker + 6);
    assert_refused(
        &mut world,
        &no_taker,
        &signers,
        MarginError::RemainingAccountMissing,
    );
    let other_price = ix.replace_at(taker + 3, world.sol.price);
    assert_refused(
        &mut world,
        &other_price,
        &signers,
        MarginError::OracleInconsistent,
    );
}

#[test]
fn case_73_no_new_market_during_liquidation() {
    let (mut world, alice, bob, keeper) = failing_long();
    start(&mut world, &keeper, &alice);
    // a gift in another market would raise health, and change the accounts that a pending bid names
    let gift = [perpetual(&world.sol, 1_000, 1)];
    let error = MarginError::AccountLiquidating;
    refused(&mut world, [&alice, &bob], &gift, error, &["is not held"]);
    // the same gift where a position is held is welcome
    let gift = [perpetual(&world.btc, -1_000, dollars(1_000_000))];
    world.trade(&alice, &bob, &gift).ok();
}
