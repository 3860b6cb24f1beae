//! The widest trade that the program takes, in one packet: sixteen legs over eight markets between two accounts that
//! hold eight collateral assets each, its accounts named by a lookup table.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::state::index_set::MAX_INDEXES;
use portfolio_margin_interface::args::MAX_LEGS;
use risk_core::scenario::MAJOR_GRID;
use sandbox::transaction::{COMPUTE_LIMIT, PACKET_SIZE};
use sandbox::{call, dollars, perpetual, Trader, BASE, USDC};
use solana_address_lookup_table_interface::instruction::{
    create_lookup_table, extend_lookup_table,
};
use solana_instruction::Instruction;
use solana_message::AddressLookupTableAccount;
use solana_program_test::tokio;

use crate::bank::wire_size;
use crate::house::House;

/// Markets, and collateral assets beside the quote asset, that one margin check spans.
const WIDTH: usize = MAX_INDEXES;
/// Price of every asset that this file lists.
const PRICE: u64 = dollars(100);

/// A house with [`WIDTH`] markets and as many collateral banks, all of which both traders hold.
async fn wide_house() -> (House, Trader, Trader) {
    let mut house = House::open(&["alice", "bob"]).await;
    let alice = house.trader("alice", 100_000 * USDC).await;
    let bob = house.trader("bob", 100_000 * USDC).await;
    for n in house.markets.len()..WIDTH {
        let (name, feed_id) = (format!("MARKET {n}"), [n as u8; 32]);
        let market = house
            .list_market(&name, feed_id, &MAJOR_GRID, 600_000)
            .await;
        house.set_price(market.feed_id, PRICE).await;
    }
    // of the markets' feeds, and of one more
    for n in house.banks.len()..=WIDTH {
        let bank = house
            .list_bank(&format!("mint {n}"), 6, [n as u8; 32])
            .await;
        house.set_price(bank.feed_id, PRICE).await;
    }
    let collateral: Vec<_> = house.banks[1..].into();
    for bank in collateral {
        for trader in [&alice, &bob] {
            house.fund_and_deposit(trader, bank, 1_000_000).await;
        }
    }
    (house, alice, bob)
}

/// Creates a lookup table by the program that keeps them, and waits until it serves.
pub async fn lookup_table(house: &mut House, addresses: Vec<Pubkey>) -> AddressLookupTableAccount {
    house.bank.next_slot().await;
    let payer = house.bank.payer;
    let recent = house.bank.clock().await.slot - 1;
    let (create, key) = create_lookup_table(payer.key, payer.key, recent);
    house.bank.send(&[create], &[]).await.ok();
    for part in addresses.chunks(20) {
        let extend = extend_lookup_table(key, payer.key, Some(payer.key), part.to_vec());
        house.bank.send(&[extend], &[]).await.ok();
    }
    house.bank.next_slot().await;
    AddressLookupTableAccount { key, addresses }
}

/// What a lookup table can name: everything that neither signs nor runs.
pub fn tabled(instruction: &Instruction) -> Vec<Pubkey> {
    let metas = instruction.accounts.iter().filter(|meta| !meta.is_signer);
    let mut keys: Vec<Pubkey> = metas.map(|meta| meta.pubkey).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[tokio::test]
async fn sixteen_legs_over_eight_markets_and_eight_collaterals_fit_one_packet_with_a_lookup_table()
{
    let (mut house, alice, bob) = wide_house().await;
    let mut legs = Vec::new();
    for market in house.markets.clone() {
        let price = house.price(market.price).await.price.raw();
        legs.push(perpetual(&market, BASE / 10, price));
    }
    // of one expiry: eight of them beside eight markets and assets would be more than one bid could take
    let (btc, week) = (house.btc, house.week);
    let price = house.price(btc.price).await.price.raw();
    let strikes = (0..).map(|n| price + n * dollars(1_000));
    let calls = strikes.map(|strike| call(&btc, week, strike, -BASE / 10, price / 20));
    legs.extend(calls.take(MAX_LEGS - WIDTH));
    assert_eq!((WIDTH, legs.len()), (8, MAX_LEGS));
    let trade = [house.trade_ix([&alice, &bob], &legs).await];
    let fixed = 5; // both owners, the clearing house, both margin accounts
                   // the markets of the legs with their prices, then for each side its banks and markets with theirs
    let named = fixed + 2 * WIDTH + 2 * 2 * (WIDTH + WIDTH);
    assert_eq!(trade[0].accounts.len(), named);
    let signers = [alice.user, bob.user];

    let legacy = house.bank.message(COMPUTE_LIMIT, &trade, None).await;
    let legacy = wire_size(&house.bank.sign(legacy, &signers));
    assert!(legacy > PACKET_SIZE, "{legacy} bytes need no table");

    let table = lookup_table(&mut house, tabled(&trade[0])).await;
    let message = house
        .bank
        .message(COMPUTE_LIMIT, &trade, Some(&table))
        .await;
    let transaction = house.bank.sign(message, &signers);
    let bytes = wire_size(&transaction);
    assert!(bytes <= PACKET_SIZE, "{bytes} bytes");
    let outcome = house.bank.process(transaction).await.ok();
    println!(
        "widest trade: {bytes} bytes of {PACKET_SIZE} ({legacy} without a table), {} compute units",
        outcome.compute_units
    );
    for trader in [alice, bob] {
        let (header, positions) = house.margin_account(&trader.account).await;
        assert_eq!(positions.len(), legs.len());
        assert_eq!(header.used_collateral().count(), WIDTH);
        let (view, _) = house.view(&trader.account).await;
        assert_eq!(view.report(), house.report(&trader.account).await.margin);
    }
}
