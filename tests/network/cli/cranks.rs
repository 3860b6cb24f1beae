//! What a keeper cranks, by hand. The clock is moved, so it is the local network's alone.

use localnet::scenario::START_PRICES;

use super::{millionths, Desk};

#[test]
fn everything_that_a_keeper_cranks_can_be_cranked_by_hand() {
    let desk = Desk::start("cranks");
    desk.run("carol", "crank fees BTC").ends(1, "ZeroAmount");
    desk.run("carol", "crank bank-outage @1")
        .ends(1, "pm crank outage SOL");
    desk.run("carol", "crank bank-outage @0")
        .ends(2, "pm crank quote-price");
    desk.json("carol", "crank market SOL");
    desk.run("carol", "crank outage SOL")
        .ends(1, "OutageRefused");
    // the feed dies, and ten minutes later that may be told, once
    let network = &desk.network;
    network.stop_feed("SOL").expect("it feeds");
    let passed = std::time::Duration::from_secs(601);
    network.advance(passed).expect("a clock");
    let told = desk.json("carol", "crank outage SOL");
    assert!(told["slot"].as_u64() > Some(0));
    desk.run("carol", "crank outage SOL")
        .ends(1, "OutageRefused");

    // bob is short a bitcoin: at a higher price he pays, and alice is paid out of that
    let dearer = START_PRICES[0] / 1_000 * 1_002;
    network.set_price("BTC", dearer).expect("a price");
    desk.run("carol", "crank perp-pnl BTC --account mine")
        .ends(1, "NothingToSettle");
    let cash = |name: &str| {
        let shown = desk.json(name, "account show");
        millionths(&shown["cash"])
    };
    let before = cash("bob") + cash("alice");
    let bobs = cash("bob");
    for name in ["bob", "alice"] {
        let line = format!("crank perp-pnl BTC --account {}", desk.account(name));
        assert!(desk.json("carol", &line)["slot"].as_u64() > Some(0));
    }
    assert!(cash("bob") < bobs, "the loser paid");
    // what is not paid out yet is a rounding of each side
    assert!((0..10).contains(&(before - cash("bob") - cash("alice"))));
}
