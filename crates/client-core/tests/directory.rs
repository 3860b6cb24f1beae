//! Packed accounts in canonical order, and what a directory does not know.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use client_core::{price_address, Directory, Pubkey, Scope, Unlisted};
use portfolio_margin_interface::args::{LegTake, TradeLeg};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};
use solana_instruction::AccountMeta;

const HOUSE: Pubkey = Pubkey::new_from_array([7; 32]);

/// Feeds 1 and 2 by the pull oracle, feed 3 by the legacy one; bank 1 follows the feed of market 1.
fn directory() -> Directory {
    let house: Clearinghouse = bytemuck::Zeroable::zeroed();
    let mut directory = Directory::new(HOUSE, &house);
    for (index, feed, kind) in [(0, 1, PYTH_PULL), (1, 2, PYTH_PULL), (2, 3, PYTH_LEGACY)] {
        let market = Market {
            index,
            feed_id: [feed; 32],
            oracle_kind: kind,
            symbol: *b"BTC\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ..bytemuck::Zeroable::zeroed()
        };
        directory.list_market(&market);
    }
    for (index, feed) in [(0, 0), (1, 2), (2, 1)] {
        let bank = CollateralBank {
            index,
            feed_id: [feed; 32],
            mint: Pubkey::new_from_array([100 + feed; 32]),
            is_quote: u8::from(index == 0),
            offset_market: if index == 1 { 2 } else { 0 },
            ..bytemuck::Zeroable::zeroed()
        };
        directory.list_bank(&bank, Pubkey::default());
    }
    directory
}

fn scope(banks: &[u16], markets: &[u16]) -> Scope {
    Scope {
        banks: banks.iter().copied().collect(),
        markets: markets.iter().copied().collect(),
    }
}

/// Banks (as `b`), markets (`m`, written: `M`) with their numbers; prices follow each.
fn words(directory: &Directory, metas: &[AccountMeta]) -> String {
    let name = |meta: &AccountMeta| {
        let bank = directory
            .banks
            .values()
            .find(|bank| bank.key == meta.pubkey);
        let market = directory.markets.values().find(|m| m.key == meta.pubkey);
        match (bank, market, meta.is_writable) {
            (Some(bank), _, false) => format!("b{}", bank.index),
            (_, Some(market), false) => format!("m{}", market.index),
            (_, Some(market), true) => format!("M{}", market.index),
            _ => panic!("{} is neither", meta.pubkey),
        }
    };
    for pair in metas.chunks_exact(2) {
        let key = pair[0].pubkey;
        let banks = directory.banks.values().map(|bank| (bank.key, bank.price));
        let markets = directory.markets.values().map(|m| (m.key, m.price));
        let listed = banks.chain(markets).find(|(listed, _)| *listed == key);
        assert_eq!(listed.unwrap().1, pair[1].pubkey, "its own price");
        assert!(!pair[1].is_writable && !pair.iter().any(|meta| meta.is_signer));
    }
    let named: Vec<String> = metas.iter().step_by(2).map(name).collect();
    named.join(" ")
}

fn leg(market: u16) -> TradeLeg {
    TradeLeg {
        market,
        instrument: 0,
        expiry: 0,
        strike: 0,
        quantity: 1,
        price: 1,
    }
}

#[test]
fn accounts_come_in_canonical_order_whatever_order_they_were_named_in() {
    let directory = directory();
    let metas = directory.metas(&scope(&[2, 1], &[2, 0])).unwrap();
    assert_eq!(words(&directory, &metas), "b1 b2 m0 m2");
    let (taker, maker) = (scope(&[1], &[2]), scope(&[2], &[0]));
    let legs = [leg(1), leg(0), leg(1)];
    let metas = directory.trade_metas(&taker, &maker, &legs).unwrap();
    assert_eq!(words(&directory, &metas), "M0 M1 b1 m0 m1 m2 b2 m0 m1");
    let metas = directory.view_metas(&taker, &legs[..1]).unwrap();
    assert_eq!(words(&directory, &metas), "m1 b1 m1 m2");
    let metas = directory.bid_metas(&maker, &taker).unwrap();
    assert_eq!(words(&directory, &metas), "b1 M2 b1 b2 m0 m2");
    let take = LegTake {
        market: 2,
        instrument: 0,
        expiry: 0,
        strike: 0,
        quantity: 1,
    };
    let metas = directory.legs_metas(&maker, &taker, &[take]).unwrap();
    assert_eq!(words(&directory, &metas), "M2 b1 m2 b2 m0 m2");
    let wide = scope(&[1], &[1, 2]);
    let metas = directory.deleverage_metas(&wide, &maker, Some(1)).unwrap();
    assert_eq!(words(&directory, &metas), "b1 M1 M2 b2 m0 m1");
    let metas = directory.deleverage_metas(&wide, &maker, None).unwrap();
    assert_eq!(words(&directory, &metas), "b1 M1 M2 b2 m0 m1 m2");
}

#[test]
fn what_was_listed_since_is_named_and_never_left_out() {
    let directory = directory();
    let unknown = directory.metas(&scope(&[3], &[9]));
    assert_eq!(unknown, Err(Unlisted::Bank(3)));
    assert_eq!(directory.keys(&scope(&[], &[9])), Err(Unlisted::Market(9)));
    let trade = directory.trade_metas(&scope(&[], &[]), &scope(&[], &[]), &[leg(5)]);
    assert_eq!(trade, Err(Unlisted::Market(5)));
}

#[test]
fn a_price_account_is_a_matter_of_the_feed() {
    let mut directory = directory();
    assert_eq!(directory.markets[&2].price, Pubkey::new_from_array([3; 32]));
    let usual = price_address(PYTH_PULL, &[2; 32]);
    assert_eq!(directory.markets[&1].price, usual);
    assert_eq!(directory.banks[&1].price, usual);
    let other = Pubkey::new_from_array([9; 32]);
    directory.set_price([2; 32], other);
    assert_eq!(
        (directory.markets[&1].price, directory.banks[&1].price),
        (other, other)
    );
    assert_eq!(
        directory.banks[&2].price,
        price_address(PYTH_PULL, &[1; 32])
    );
    // also for what is listed, or read again, afterwards
    let market = Market {
        index: 1,
        feed_id: [2; 32],
        ..bytemuck::Zeroable::zeroed()
    };
    directory.list_market(&market);
    assert_eq!(directory.markets[&1].price, other);
}

#[test]
fn the_push_oracles_account_of_btc_is_where_the_network_has_it() {
    // shard 0 of the push oracle, the account that Pyth's documentation lists for BTC/USD
    let feed = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43";
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&feed[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let address = price_address(PYTH_PULL, &bytes.try_into().unwrap());
    assert_eq!(
        address,
        Pubkey::from_str_const("4cSM2e6rvbGQUFiJbqytoVMi5GgghSMr8LwVrT9VPSPo")
    );
}

#[test]
fn names_and_addresses_come_from_the_accounts() {
    let directory = directory();
    assert_eq!(directory.markets[&0].name(), "BTC");
    assert_eq!(directory.markets[&0].key, seeds::market(&HOUSE, 0));
    let bank = directory.banks[&1];
    assert_eq!(bank.offset_market, Some(1));
    assert_eq!(directory.bank_of_mint(&bank.mint), Some(&bank));
    assert!(directory.quote_price.is_none() && directory.banks[&0].is_quote);
    assert_eq!(directory.all_markets().len(), 3);
}
