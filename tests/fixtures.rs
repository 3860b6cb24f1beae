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
use risk_core::scenario::MAJOR_GRID;
use sandbox::{perpetual, Trader, World, BASE, USDC};
use serde_json::Value;
use support::assert_refused;

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

    /// The feed id; legacy accounts name none.
    fn feed_id(&self) -> [u8; 32] {
        let hex = self.expected["feed_id"].as_str().expect("a feed id");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        std::array::from_fn(|place| byte(2 * place))
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

/// A market on the account's feed at the moment of its publication, with the account's own bytes as the price.
fn world_of(
    account: &Recorded,
    owner: Pubkey,
    feed_id: [u8; 32],
) -> (World, Trader, Trader, sandbox::Market) {
    let mut world = World::new();
    let alice = world.trader("alice", 100_000_000 * USDC);
    let bob = world.trader("bob", 100_000_000 * USDC);
    let args = world.market_args("RECORDED", feed_id, &MAJOR_GRID);
    let market = world.list_market(world.house, args);
    world.set_price_bytes(market.price, owner, account.data.clone());
    world.set_time(account.number("publish_time"));
    (world, alice, bob, market)
}

#[test]
fn genuine_prices_are_read_to_the_last_digit() {
    let genuine: Vec<_> = recorded("PriceUpdateV2")
        .into_iter()
        .filter(Recorded::is_full)
        .collect();
    assert!(genuine.len() >= 4);
    for account in genuine {
        let (mut world, alice, bob, market) = world_of(&account, RECEIVER, account.feed_id());
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
    for account in recorded("PriceUpdateV2")
        .into_iter()
        .filter(Recorded::is_full)
    {
        let (mut world, alice, bob, market) = world_of(&account, RECEIVER, account.feed_id());
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
fn legacy_accounts_are_not_price_updates() {
    for account in recorded("LegacyPriceAccount") {
        let owner = account.expected["owner"].as_str().expect("an owner");
        let owner: Pubkey = owner.parse().expect("an address");
        for owner in [owner, RECEIVER] {
            let error = if owner == RECEIVER {
                MarginError::OracleMalformed
            } else {
                MarginError::OracleOwner
            };
            let (mut world, alice, bob, market) = world_of(&account, owner, [9; 32]);
            let ix = world.trade_ix(&alice, &bob, &[perpetual(&market, BASE, account.price())]);
            assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
        }
    }
}
