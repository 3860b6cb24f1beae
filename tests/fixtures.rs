//! Recorded Solana accounts against the program: what Pyth really wrote is read to the last digit, and what must not be
//! believed is refused by name.
//!
//! Reads the folder that FIXTURES names (default: `../shared/fixtures` beside the checkout), with one JSON file per
//! account as `solana account --output json` prints it and `pyth/expected.json`, decoded independently.

mod fixtures_surfaces;

use std::path::PathBuf;

use anchor_lang::prelude::Pubkey;
use base64::Engine;
use portfolio_margin::error::MarginError;
use portfolio_margin::oracle::pyth_legacy::LEGACY_PROGRAM;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::Market as MarketRecord;
use risk_core::scenario::MAJOR_GRID;
use sandbox::{instructions, perpetual, Trader, World, BASE, START, USDC};
use serde_json::Value;
use support::{assert_every_byte_counts, assert_refused, Genuine};

const RECEIVER: Pubkey = pyth_solana_receiver_sdk::ID;

/// One recorded account and what it says.
struct Recorded {
    name: String,
    expected: Value,
    data: Vec<u8>,
}

impl Recorded {
    fn number(&self, field: &str) -> i64 {
        self.expected[field].as_i64().expect("a number")
    }

    /// The price in 1e-8 USD, floored, by arithmetic of its own.
    fn price(&self) -> u64 {
        let (price, exponent) = (self.number("price") as u64, self.number("expo"));
        match exponent + 8 {
            shift @ 0.. => price * 10u64.pow(shift as u32),
            shift => price / 10u64.pow(shift.unsigned_abs() as u32),
        }
    }

    /// The feed id; legacy accounts name none, and stand at an address of their own.
    fn feed_id(&self) -> [u8; 32] {
        let Some(hex) = self.expected["feed_id"].as_str() else {
            return [9; 32];
        };
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        std::array::from_fn(|place| byte(2 * place))
    }

    fn kind(&self) -> u8 {
        match self.expected["kind"].as_str() {
            Some("LegacyPriceAccount") => PYTH_LEGACY,
            _ => PYTH_PULL,
        }
    }

    /// Whether the account can be a price at all: verified, or trading.
    fn is_usable(&self) -> bool {
        self.is_full() || self.expected["status"] == "Trading"
    }

    /// The program whose accounts of this kind are read.
    fn program(&self) -> Pubkey {
        match self.kind() {
            PYTH_LEGACY => LEGACY_PROGRAM,
            _ => RECEIVER,
        }
    }

    fn is_full(&self) -> bool {
        self.expected["verification"] == "Full"
    }
}

fn folder(name: &str) -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let named = std::env::var_os("FIXTURES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    named.join(name)
}

fn read_json(name: &str) -> Value {
    let path = folder("pyth").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// All recorded accounts of a kind.
fn recorded(kind: &str) -> Vec<Recorded> {
    let all = read_json("expected.json");
    let wanted = all
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["kind"] == kind);
    let found: Vec<_> = wanted
        .map(|expected| {
            let name = expected["name"].as_str().expect("a name").to_string();
            let account = &read_json(&format!("{name}.json"))["account"];
            let data = account["data"][0].as_str().expect("base64");
            let data = base64::engine::general_purpose::STANDARD
                .decode(data)
                .expect("base64");
            Recorded {
                name,
                expected: expected.clone(),
                data,
            }
        })
        .collect();
    assert!(!found.is_empty(), "no account of kind {kind}");
    found
}

/// A market on the account's feed and kind at the moment of its publication, with the account's own bytes as the price.
fn world_of(
    account: &Recorded,
    owner: Pubkey,
    feed_id: [u8; 32],
) -> (World, Trader, Trader, sandbox::Market) {
    let mut world = World::new();
    let alice = world.trader("alice", 100_000_000 * USDC);
    let bob = world.trader("bob", 100_000_000 * USDC);
    let mut args = world.market_args("RECORDED", feed_id, &MAJOR_GRID);
    args.oracle_kind = account.kind();
    let market = world.list_market(world.house, args);
    world.set_price_bytes(market.price, owner, account.data.clone());
    world.set_time(account.number("publish_time"));
    (world, alice, bob, market)
}

/// Every recorded account that can be a price, of both kinds.
fn usable() -> Vec<Recorded> {
    let kinds = ["PriceUpdateV2", "LegacyPriceAccount"];
    let all = kinds.into_iter().flat_map(recorded);
    all.filter(Recorded::is_usable).collect()
}

#[test]
fn genuine_prices_are_read_to_the_last_digit() {
    let genuine = usable();
    let legacy = genuine.iter().filter(|a| a.kind() == PYTH_LEGACY).count();
    assert_eq!((genuine.len(), legacy), (7, 2));
    for account in genuine {
        let owner = account.program();
        let (mut world, alice, bob, market) = world_of(&account, owner, account.feed_id());
        let (price, size) = (account.price(), 1_000 * BASE);
        // bought at half the price: what the perpetual is worth shows the price
        world
            .trade(&alice, &bob, &[perpetual(&market, size, price / 2)])
            .ok();
        let (view, _) = world.view_margin(&alice.account);
        let worth = |price: u64| (u128::from(price) * size as u128 / 100_000_000) as i64;
        assert_eq!(
            view.mark,
            worth(price) - worth(price / 2),
            "{}",
            account.name
        );
        println!("{}: {price}e-8 USD", account.name);
    }
}

#[test]
fn genuine_prices_grow_stale_by_their_own_clock() {
    for account in usable() {
        let owner = account.program();
        let (mut world, alice, bob, market) = world_of(&account, owner, account.feed_id());
        let legs = [perpetual(&market, BASE, account.price().max(1))];
        world.advance(61);
        let ix = world.trade_ix(&alice, &bob, &legs);
        assert_refused(
            &mut world,
            &ix,
            &[alice.user, bob.user],
            MarginError::OracleStale,
        );
        world.advance(-1);
        world.trade(&alice, &bob, &legs).ok();
        world.advance(-76);
        let ix = world.trade_ix(&alice, &bob, &legs);
        assert_refused(
            &mut world,
            &ix,
            &[alice.user, bob.user],
            MarginError::OracleFuture,
        );
    }
}

#[test]
fn partially_verified_updates_are_refused_twice_over() {
    let partial: Vec<_> = recorded("PriceUpdateV2")
        .into_iter()
        .filter(|account| !account.is_full())
        .collect();
    assert!(partial.len() >= 6);
    for account in partial {
        let owner = account.expected["owner"].as_str().expect("an owner");
        let owner: Pubkey = owner.parse().expect("an address");
        for (owner, error) in [
            (owner, MarginError::OracleOwner),
            (RECEIVER, MarginError::OracleUnverified),
        ] {
            let (mut world, alice, bob, market) = world_of(&account, owner, account.feed_id());
            let ix = world.trade_ix(&alice, &bob, &[perpetual(&market, BASE, account.price())]);
            assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
        }
    }
}

#[test]
fn genuine_prices_do_not_stand_in_for_another_feed() {
    for account in recorded("PriceUpdateV2")
        .into_iter()
        .filter(Recorded::is_full)
    {
        let mut other = account.feed_id();
        other[0] ^= 1;
        let (mut world, alice, bob, market) = world_of(&account, RECEIVER, other);
        let ix = world.trade_ix(
            &alice,
            &bob,
            &[perpetual(&market, BASE, account.price().max(1))],
        );
        assert_refused(
            &mut world,
            &ix,
            &[alice.user, bob.user],
            MarginError::OracleFeedMismatch,
        );
    }
}

#[test]
fn stored_prices_are_those_that_were_decoded_independently() {
    for account in usable() {
        let owner = account.program();
        let (mut world, _, _, market) = world_of(&account, owner, account.feed_id());
        world.update_market(&market).ok();
        let record: MarketRecord = world.read(&market.key);
        assert_eq!(record.spot, account.price(), "{}", account.name);
        let time = account.number("publish_time");
        assert_eq!(record.spot_publish_time, time, "{}", account.name);
    }
}

#[test]
fn every_byte_of_every_checked_field_of_the_recorded_accounts_counts() {
    for account in usable() {
        let owner = account.program();
        let (mut world, _, _, market) = world_of(&account, owner, account.feed_id());
        world.advance(30);
        let genuine = Genuine {
            kind: account.kind(),
            owner,
            data: account.data.clone(),
        };
        let (refused, changed) = assert_every_byte_counts(&mut world, &market, &genuine);
        println!("{}: {refused} refused, {changed} changed", account.name);
        assert!(refused > 200 && changed > 10, "{}", account.name);
    }
}

#[test]
fn legacy_accounts_are_not_price_updates() {
    for account in recorded("LegacyPriceAccount") {
        for (owner, error) in [
            (LEGACY_PROGRAM, MarginError::OracleOwner),
            (RECEIVER, MarginError::OracleMalformed),
        ] {
            let mut world = World::new();
            let btc = world.btc;
            world.set_price_bytes(btc.price, owner, account.data.clone());
            let ix = instructions::update_market(&btc);
            assert_refused(&mut world, &ix, &[], error);
        }
    }
}

#[test]
fn legacy_accounts_that_are_dead_old_or_of_another_program_are_refused() {
    for account in recorded("LegacyPriceAccount") {
        let recorded_owner = account.expected["owner"].as_str().expect("an owner");
        let recorded_owner: Pubkey = recorded_owner.parse().expect("an address");
        // the recordings carry owners of their test trees: none of them is the mainnet program
        let (mut world, alice, bob, market) = world_of(&account, recorded_owner, [9; 32]);
        let legs = [perpetual(&market, BASE, account.price())];
        let ix = world.trade_ix(&alice, &bob, &legs);
        let signers = [alice.user, bob.user];
        assert_refused(&mut world, &ix, &signers, MarginError::OracleOwner);
        // with the program's own: the one that is dead says so, the others are of 2023
        world.set_price_bytes(market.price, LEGACY_PROGRAM, account.data.clone());
        world.set_time(START);
        let error = match account.is_usable() {
            true => MarginError::OracleStale,
            false => MarginError::OracleNotTrading,
        };
        let ix = world.trade_ix(&alice, &bob, &legs);
        assert_refused(&mut world, &ix, &signers, error);
        if !account.is_usable() {
            world.set_time(account.number("publish_time"));
            let ix = world.trade_ix(&alice, &bob, &legs);
            assert_refused(&mut world, &ix, &signers, error);
        }
    }
}
