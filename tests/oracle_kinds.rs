//! Both kinds of price accounts through the program: what each must say, byte by byte, and where kinds must agree.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::oracle::pyth_legacy::LEGACY_PROGRAM;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, BankRulesArgs, ClearinghouseArgs, HouseRulesArgs, LiquidationArgs,
};
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketRecord};
use risk_core::scenario::MAJOR_GRID;
use sandbox::oracle::{price_account, USDC_FEED};
use sandbox::{
    dollars, instructions, perpetual, PriceFields, Trader, World, WorldBuilder, BASE, BTC_START,
    SOL, START, USDC,
};
use support::{assert_every_byte_counts, assert_logged, assert_refused, Bend, Genuine};

/// Banks and markets on one kind of price account.
fn on(oracle_kind: u8) -> World {
    let builder = WorldBuilder {
        oracle_kind,
        ..WorldBuilder::default()
    };
    builder.build()
}

/// Alice holds one BTC perpetual and SOL collateral against bob, on legacy accounts.
fn scene() -> (World, Trader, Trader) {
    let mut world = on(PYTH_LEGACY);
    let alice = world.trader("alice", 100_000 * USDC);
    let bob = world.trader("bob", 100_000 * USDC);
    let (btc, bank) = (world.btc, world.sol_bank);
    world.fund(&alice.user, &bank, 10 * SOL);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    let leg = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &leg).ok();
    (world, alice, bob)
}

#[test]
fn every_byte_of_every_checked_field_counts_in_both_kinds() {
    for kind in [PYTH_PULL, PYTH_LEGACY] {
        let mut world = on(kind);
        world.advance(30);
        let btc = world.btc;
        let fields = world.price(&btc.price);
        let genuine = Genuine {
            kind,
            owner: fields.owner,
            data: fields.data(),
        };
        let (refused, changed) = assert_every_byte_counts(&mut world, &btc, &genuine);
        println!("kind {kind}: {refused} bent bytes refused, {changed} change the value");
        assert!(refused > 200 && changed > 15, "{refused} {changed}");
    }
}

#[test]
fn bytes_that_are_not_read_change_nothing() {
    for (kind, unread) in [
        (PYTH_PULL, vec![8, 39, 101, 109, 117, 125, 132, 133]),
        (
            PYTH_LEGACY,
            vec![12, 17, 24, 28, 48, 104, 112, 176, 225, 240, 3_311],
        ),
    ] {
        let mut world = on(kind);
        let btc = world.btc;
        let fields = world.price(&btc.price);
        for at in unread {
            let mut data = fields.data();
            data[at] ^= 0xff;
            world.set_price_bytes(btc.price, fields.owner, data);
            world.update_market(&btc).ok();
            let record: MarketRecord = world.read(&btc.key);
            assert_eq!((record.spot, record.spot_publish_time), (BTC_START, START));
        }
    }
}

#[test]
fn legacy_prices_run_the_house_as_those_of_the_pull_oracle_do() {
    let (mut world, alice, _) = scene();
    let (legacy, _) = world.view_margin(&alice.account);
    assert_eq!(world.price(&world.btc.price).owner, LEGACY_PROGRAM);
    let mut pull = World::new();
    let trader = pull.trader("alice", 100_000 * USDC);
    let bob = pull.trader("bob", 100_000 * USDC);
    let (btc, bank) = (pull.btc, pull.sol_bank);
    pull.fund(&trader.user, &bank, 10 * SOL);
    pull.deposit(&trader, &bank, 10 * SOL).ok();
    let leg = [perpetual(&btc, BASE, BTC_START)];
    pull.trade(&trader, &bob, &leg).ok();
    assert_eq!(pull.view_margin(&trader.account).0, legacy);
    let usdc = world.usdc;
    world.withdraw(&alice, &usdc, 1).ok();
}

#[test]
fn case_36_a_halted_legacy_feed_refuses_openings_and_withdrawals_but_no_deposit() {
    let (mut world, alice, bob) = scene();
    let (btc, usdc) = (world.btc, world.usdc);
    let good = world.price(&btc.price);
    // unknown, halted, auction, ignored, and statuses that nobody has defined
    for status in [0, 2, 3, 4, 5, 255] {
        let halted = PriceFields {
            legacy_status: Some(status),
            ..good
        };
        world.set_price_update(btc.price, halted);
        let error = MarginError::OracleNotTrading;
        let ix = world.withdraw_ix(&alice, &usdc, 1);
        let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
        assert_logged(&outcome, &[&format!("Left: {status}"), "Right: 1"]);
        let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)]);
        assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
        world.fund(&alice.user, &usdc, 1);
        world.deposit(&alice, &usdc, 1).ok();
    }
    world.set_price_update(btc.price, good);
    world.withdraw(&alice, &usdc, 1).ok();
}

#[test]
fn cases_25_to_29_hold_for_legacy_accounts_on_both_sides_of_each_limit() {
    type Change = fn(&mut PriceFields);
    let cases: [(Change, Option<MarginError>); 12] = [
        (|p| p.publish_time = START - 60, None),
        (
            |p| p.publish_time = START - 61,
            Some(MarginError::OracleStale),
        ),
        (|p| p.publish_time = START + 15, None),
        (
            |p| p.publish_time = START + 16,
            Some(MarginError::OracleFuture),
        ),
        (|p| p.confidence = p.price as u64 / 100, None),
        (
            |p| p.confidence = p.price as u64 / 100 + 1,
            Some(MarginError::OracleConfidenceTooWide),
        ),
        (|p| p.price = 0, Some(MarginError::OracleNonPositive)),
        (|p| p.price = -1, Some(MarginError::OracleNonPositive)),
        (|p| p.exponent = 12, Some(MarginError::OracleExponent)),
        (|p| p.exponent = -28, Some(MarginError::OracleExponent)),
        (
            |p| (p.price, p.confidence, p.exponent) = (p.price / 10, 0, -7),
            None,
        ),
        (
            |p| p.owner = Pubkey::default(),
            Some(MarginError::OracleOwner),
        ),
    ];
    let (mut world, alice, _) = scene();
    let (btc, usdc) = (world.btc, world.usdc);
    let good = world.price(&btc.price);
    for (place, (change, error)) in cases.into_iter().enumerate() {
        let mut fields = good;
        change(&mut fields);
        world.set_price_update(btc.price, fields);
        let ix = world.withdraw_ix(&alice, &usdc, 1);
        match error {
            None => {
                let outcome = world.send(&[ix], &[alice.user]);
                assert!(outcome.error.is_none(), "case {place}: {:?}", outcome.logs);
            }
            Some(error) => {
                assert_refused(&mut world, &ix, &[alice.user], error);
            }
        }
    }
}

#[test]
fn case_31_a_legacy_price_stands_at_its_listed_address_and_of_no_other_kind() {
    let (mut world, alice, _) = scene();
    let (btc, usdc) = (world.btc, world.usdc);
    let good = world.price(&btc.price);
    let elsewhere = Pubkey::new_unique();
    world.set_price_update(elsewhere, good);
    let ix = world.withdraw_ix(&alice, &usdc, 1);
    let moved = ix.clone().replace(btc.price, elsewhere);
    let mismatch = MarginError::OracleFeedMismatch;
    let outcome = assert_refused(&mut world, &moved, &[alice.user], mismatch);
    assert_logged(&outcome, &[&elsewhere.to_string(), &btc.price.to_string()]);
    // a verified update of the feed id that is the address
    world.set_price_update(btc.price, PriceFields::fresh(btc.feed_id, BTC_START, START));
    assert_refused(&mut world, &ix, &[alice.user], MarginError::OracleOwner);
    // legacy bytes in an account of the receiver, in a market of the pull oracle
    let mut pull = World::new();
    let receiver = pyth_solana_receiver_sdk::ID;
    let btc = pull.btc;
    for (owner, error) in [
        (LEGACY_PROGRAM, MarginError::OracleOwner),
        (receiver, MarginError::OracleMalformed),
    ] {
        pull.set_price_bytes(btc.price, owner, good.data());
        let ix = instructions::update_market(&btc);
        assert_refused(&mut pull, &ix, &[], error);
    }
}

#[test]
fn an_unknown_kind_is_listed_nowhere() {
    let mut world = World::new();
    let (house, governor) = (world.house, world.governor);
    let (kind, values) = (MarginError::OracleKind, ["Left: 2", "Right: 1"]);
    let mut args = world.market_args("ANY", [7; 32], &MAJOR_GRID);
    args.oracle_kind = 2;
    let index = world.read::<Clearinghouse>(&house).market_count;
    let ix = instructions::initialize_market(&governor.key, &house, index, args);
    assert_logged(&assert_refused(&mut world, &ix, &[governor], kind), &values);

    let mint = world.create_mint("mint of ANY", 6);
    let rules = |oracle_kind| BankRulesArgs {
        oracle_kind,
        ..BankRulesArgs::PLAIN
    };
    let args = BankArgs {
        rules: rules(2),
        ..world.sol_bank_args()
    };
    let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
    assert_logged(&assert_refused(&mut world, &ix, &[governor], kind), &values);

    let args = ClearinghouseArgs {
        id: 9,
        liquidation: LiquidationArgs::steady(50_000, 100_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs {
            quote_oracle_kind: 2,
            ..HouseRulesArgs::PLAIN
        },
    };
    let ix = instructions::initialize_clearinghouse(&governor.key, &world.usdc_mint(), args);
    assert_logged(&assert_refused(&mut world, &ix, &[governor], kind), &values);

    // a bank that offsets a market names the kind of its feed too
    let args = BankArgs {
        rules: rules(PYTH_LEGACY),
        feed_id: world.sol.feed_id,
        ..world.sol_bank_args()
    };
    let market = Some(world.sol.key);
    let ix = instructions::initialize_offset_bank(&governor.key, &house, &mint, args, market);
    let outcome = assert_refused(&mut world, &ix, &[governor], kind);
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
}

#[test]
fn the_quote_asset_may_have_a_legacy_price() {
    let mut builder = WorldBuilder::whole(0);
    builder.rules.quote_oracle_kind = PYTH_LEGACY;
    let mut world = builder.build();
    let house = world.house;
    world.advance(5);
    world.set_quote_price(dollars(1) - 1_000_000);
    world.update_quote_price(&house).ok();
    let record: Clearinghouse = world.read(&house);
    assert_eq!(
        (record.quote_price, record.quote_publish_time),
        (99_000_000, START + 5)
    );
    // an update of the feed id stands at another address and has another owner
    let address = price_account(PYTH_LEGACY, &USDC_FEED);
    world.set_price_update(
        address,
        PriceFields::fresh(USDC_FEED, dollars(1), START + 5),
    );
    let ix = instructions::update_quote_price(&house, &address);
    assert_refused(&mut world, &ix, &[], MarginError::OracleOwner);
}
