//! How large a quote fits a packet, and what it costs.

use portfolio_margin_interface::args::{TradeLeg, MAX_LEGS};
use sandbox::quotes::{ed25519, wire_size};
use sandbox::transaction::PACKET_SIZE;
use sandbox::{call, dollars, Trader, World, BASE};
use support::pair;

/// Calls of one market and expiry at `count` strikes, bought and sold in turn.
fn legs(world: &World, count: usize) -> Vec<TradeLeg> {
    (0..count)
        .map(|n| {
            let strike = dollars(110_000 + 1_000 * n as u64);
            let sign = if n % 2 == 0 { 1 } else { -1 };
            call(
                &world.btc,
                world.week,
                strike,
                sign * BASE / 100,
                dollars(900),
            )
        })
        .collect()
}

/// Bytes of a transaction that the taker pays for: compute budget, signature, fill.
fn size(world: &World, [alice, bob]: [&Trader; 2], count: usize, table: bool) -> usize {
    let quote = world.quote(bob, 1, &legs(world, count));
    let signed = ed25519(&bob.user, &quote.encode());
    let fill = world.fill_quote_ix(alice, bob, &quote, 1);
    wire_size(&alice.user, &[signed, fill], table)
}

/// Most legs of one market that fit.
fn most(world: &World, sides: [&Trader; 2], table: bool) -> usize {
    (1..=MAX_LEGS)
        .take_while(|count| size(world, sides, *count, table) <= PACKET_SIZE)
        .count()
}

#[test]
fn case_77_sixteen_legs_fit_with_a_lookup_table_and_eleven_without() {
    let (mut world, alice, bob) = pair(50_000);
    world.open_quotes(&bob).ok();
    let sides = [&alice, &bob];
    let [without, with] = [false, true].map(|table| most(&world, sides, table));
    println!(
        "legs that fit: {without} ({} bytes), with a table {with} ({} bytes)",
        size(&world, sides, without, false),
        size(&world, sides, with, true)
    );
    assert_eq!((without, with), (11, MAX_LEGS));
}

#[test]
fn sixteen_options_on_each_side_cost_less_than_two_hundred_thousand_units() {
    let (mut world, alice, bob) = pair(500_000);
    world.open_quotes(&bob).ok();
    let quote = world.quote(&bob, 1, &legs(&world, MAX_LEGS));
    let signed = ed25519(&bob.user, &quote.encode());
    let fill = world.fill_quote_ix(&alice, &bob, &quote, 1);
    let outcome = world.send_wide(&[signed, fill], &[alice.user]).ok();
    let units = outcome.compute_units_of("fill_quote").expect("a fill");
    let mut other = pair(500_000).0;
    let trade = legs(&other, MAX_LEGS);
    let trade = other.trade_ix(&alice, &bob, &trade);
    let plain = other.send_wide(&[trade], &[alice.user, bob.user]).ok();
    let plain = plain.compute_units_of("trade").expect("a trade");
    println!("16 legs: fill_quote {units} compute units, trade {plain}");
    assert!(units < 200_000 && units - plain < 15_000, "{units} {plain}");
}
