//! Every command at work, as a table and as JSON.

use localnet::Settings;
use serde_json::Value;

use super::{millionths, Desk};
use crate::chain::Network;

#[test]
fn an_account_is_opened_funded_changed_and_closed() {
    let desk = Desk::start("life");
    let run = |line: &str| desk.run("bob", line).done();
    run("account open --sub 3 --capacity 16 --tier standard");
    let line = "account show --sub 3";
    let shown = desk.run("bob", "account show mine --sub 3").done();
    assert!(
        shown.contains("standard") && shown.contains("sub-account 3"),
        "{shown}"
    );
    let tried = desk.json("bob", "deposit 1000.000001 --sub 3 --dry-run");
    assert_eq!(tried["dry_run"], true);
    assert_eq!(tried["after"][0]["equity"], "1000.000001");
    assert_eq!(
        desk.json("bob", line)["cash"],
        "0",
        "a trial changes nothing"
    );
    let done = desk.json("bob", "deposit 1000.000001 --sub 3");
    assert!(done["signature"]
        .as_str()
        .is_some_and(|text| text.len() > 80));
    assert_eq!(desk.json("bob", line)["cash"], "1000.000001");
    run("account tier portfolio --sub 3");
    run("account grow --sub 3 --capacity 40");
    run(&format!(
        "account delegate {} --hours 2 --sub 3",
        desk.wallet("carol").address
    ));
    let venue = desk.network.info.venue.program.clone();
    run(&format!("account venue {venue} --sub 3"));
    let header = desk.json("bob", line);
    assert_eq!(header["tier"], "portfolio");
    assert_eq!(header["delegate"], desk.wallet("carol").address.as_str());
    assert_eq!(header["venues"][0], venue.as_str());
    run("account delegate --none --sub 3");
    run(&format!("account venue {venue} --revoke --sub 3"));
    let header = desk.json("bob", line);
    assert_eq!(
        (
            &header["delegate"],
            header["venues"].as_array().map(Vec::len)
        ),
        (&Value::Null, Some(0))
    );
    desk.run("bob", "account close --sub 3")
        .ends(1, "AccountNotEmpty");
    run("withdraw 1000.000001 --sub 3");
    let list = desk.shows("bob", "account list", &["portfolio", "active"]);
    assert_eq!(list["accounts"].as_array().map(Vec::len), Some(2));
    run("account close --sub 3");
    desk.run("bob", line).ends(4, "no account");
}

#[test]
fn trades_move_positions_and_a_trial_foretells_the_margin() {
    let desk = Desk::start("trade");
    let (date, price) = (desk.date(), desk.price());
    let legs = format!("buy:0.25:BTC-PERP:{price} sell:0.5:BTC-{date}-127600-C:2300.5");
    let line = format!("trade {legs} --maker-keypair {}", desk.key("maker"));
    // marks and Greeks move with the clock, what is held does not
    let holdings = |held: &Value| -> Vec<[Value; 2]> {
        let positions = held["positions"].as_array().expect("positions").iter();
        let pairs = positions.map(|held| [held["series"].clone(), held["size"].clone()]);
        pairs.collect()
    };
    let before = desk.json("bob", "positions");
    let tried = desk.json("bob", &format!("{line} --dry-run"));
    let untouched = desk.json("bob", "positions");
    assert_eq!(holdings(&untouched), holdings(&before));
    desk.run("bob", &line).done();
    let held = desk.shows("bob", "positions", &["BTC-PERP", "size", "vega per point"]);
    let size = |held: &Value, name: &str| {
        let positions = held["positions"].as_array().expect("positions");
        let found = positions.iter().find(|position| position["series"] == name);
        found.map_or(0, |position| millionths(&position["size"]))
    };
    let option = format!("BTC-{date}-127600-C");
    for (name, change) in [("BTC-PERP", 250_000), (&option, -500_000)] {
        assert_eq!(size(&held, name), size(&before, name) + change, "{name}");
    }
    let margin = desk.shows(
        "bob",
        "margin --account mine",
        &["initial health", "worst case", "BTC"],
    );
    let (now, then) = (
        &margin["initial_margin"],
        &tried["after"][0]["initial_margin"],
    );
    // a second or two of prices lie between the trial and now
    let apart = (millionths(now) - millionths(then)).abs();
    assert!(apart * 100 < millionths(now), "{now} {then}");
    let requirement = millionths(&margin["equity"]) - millionths(&margin["initial_margin"]);
    assert_eq!(requirement, millionths(&margin["initial_health"]));
    let other = desk.json(
        "alice",
        &format!("margin --account {}", desk.account("bob")),
    );
    assert_eq!(other["account"], margin["account"]);
    let svg = desk.folder.join("book.svg");
    let drawn = desk
        .run(
            "bob",
            &format!("matrix --account mine --svg {}", svg.display()),
        )
        .done();
    assert!(
        drawn.contains("vol up") && drawn.contains("BTC  spot"),
        "{drawn}"
    );
    assert!(std::fs::read_to_string(&svg).is_ok_and(|text| text.starts_with("<svg")));
    let refused = format!(
        "trade buy:100000:BTC-PERP:{price} --maker-keypair {}",
        desk.key("maker")
    );
    desk.run("bob", &refused).ends(1, "found in the simulation");
}

#[test]
fn a_loss_of_a_closed_perpetual_is_realised_by_anybody_and_the_account_closes() {
    let desk = Desk::start("leave");
    let price: u64 = desk.price().parse().expect("dollars");
    desk.run("bob", "account open --sub 1").done();
    desk.run("bob", "deposit 5000 --sub 1").done();
    let maker = desk.key("maker");
    let account = desk.json("bob", "account show --sub 1")["account"].clone();
    let account = account.as_str().expect("an address");
    for leg in [
        format!("buy:0.1:BTC-PERP:{price}"),
        format!("sell:0.1:BTC-PERP:{}", price - 10),
    ] {
        let line = format!("trade {leg} --sub 1 --maker-keypair {maker}");
        desk.run("bob", &line).done();
    }
    desk.run("bob", "withdraw 5000 --sub 1")
        .ends(1, "InitialMarginBreached");
    let line = format!("crank perp-pnl BTC --account {account}");
    let tried = desk.json("carol", &format!("{line} --dry-run"));
    assert_eq!(tried["after"][0]["cash"], "4999");
    assert_eq!(desk.json("bob", "account show --sub 1")["cash"], "5000");
    desk.run("carol", &line).done();
    assert_eq!(desk.json("bob", "account show --sub 1")["cash"], "4999");
    desk.run("carol", &line).ends(1, "");
    desk.run("bob", "withdraw 4999 --sub 1").done();
    desk.run("bob", "account close --sub 1").done();
    // what the maker won is in the market's pool: its owner takes it
    let cash = |desk: &Desk| millionths(&desk.json("maker", "account show")["cash"]);
    let before = cash(&desk);
    desk.run("maker", "crank perp-pnl BTC").done();
    assert_eq!(cash(&desk) - before, 1_000_000);
    desk.run("carol", "crank perp-pnl XRP")
        .ends(4, "no market XRP");
    desk.run("carol", "crank perp-pnl BTC --sub 7")
        .ends(4, "no account");
}

#[test]
fn a_quote_is_signed_verified_filled_and_cancelled() {
    let desk = Desk::start("quote");
    let price = desk.price();
    let file = desk.folder.join("quote.json");
    desk.run("maker", "quote sign buy:0.1:BTC-PERP:1 --nonce 1")
        .ends(4, "pm quote open");
    desk.run("maker", "quote open").done();
    let sign =
        format!("quote sign buy:0.1:BTC-PERP:{price} --nonce 7 --lots 10 --least 2 --seconds 600");
    let quote = desk.run("maker", &sign).done();
    std::fs::write(&file, &quote).expect("a file");
    let verify = format!("quote verify {}", file.display());
    let verdict = desk.shows(
        "bob",
        &verify,
        &["good         yes", "2 to 10", "buy:0.1:BTC-PERP:"],
    );
    assert_eq!(
        (&verdict["good"], &verdict["lots_left"]),
        (&true.into(), &10.into())
    );
    let fill = format!("quote fill {}", file.display());
    assert_eq!(
        desk.json("bob", &format!("{fill} --lots 3 --dry-run"))["dry_run"],
        true
    );
    desk.run("bob", &format!("{fill} --lots 3")).done();
    assert_eq!(desk.json("bob", &verify)["lots_left"], 7);
    desk.run("bob", &format!("{fill} --lots 1"))
        .ends(1, "QuoteLots");
    desk.run("maker", &fill).ends(2, "taker's own");
    // another number in the same bytes is nobody's quote
    let forged = quote.replacen("\"key\": \"", "\"key\": \"1", 1);
    let other = desk.folder.join("forged.json");
    std::fs::write(&other, forged).expect("a file");
    desk.run("bob", &format!("quote fill {}", other.display()))
        .ends(2, "quote's file");
    // words of another price over the bytes that were signed
    let forged = quote.replacen(&format!("BTC-PERP:{price}"), "BTC-PERP:1", 1);
    assert_ne!(forged, quote);
    std::fs::write(&other, forged).expect("a file");
    for verb in ["fill", "verify"] {
        desk.run("bob", &format!("quote {verb} {}", other.display()))
            .ends(1, "was signed");
    }
    desk.run(
        "bob",
        &format!("quote cancel --nonce 7 --account {}", desk.account("maker")),
    )
    .ends(6, "Unauthorized");
    desk.run("maker", "quote cancel --nonce 7").done();
    desk.run("bob", &verify)
        .ends(1, "filled, cancelled or replaced");
    desk.run("bob", &fill).ends(1, "QuoteUsed");
    desk.run("maker", "quote cancel --below 100").done();
    desk.run("maker", "quote cancel --all").done();
    desk.run("bob", &verify).ends(1, "session");
    desk.run("maker", "quote cancel").ends(2, "required");
}

#[test]
fn the_house_is_read_and_cranked() {
    let desk = Desk::start("house");
    let date = desk.date();
    let markets = desk.shows("alice", "markets", &["BTC", "SOL", "ETH", "stable price"]);
    assert_eq!(markets["markets"].as_array().map(Vec::len), Some(3));
    let banks = desk.shows("alice", "banks", &["quote", "@1", "haircut"]);
    assert_eq!(banks["banks"][1]["offsets"], "SOL");
    for line in ["markets", "banks", "account list"] {
        desk.fits("alice", line);
    }
    for line in [
        "crank market BTC",
        "crank market @1",
        "crank quote-price",
        "crank funding BTC",
    ] {
        assert!(
            desk.json("carol", line)["slot"].as_u64() > Some(0),
            "{line}"
        );
    }
    desk.run("carol", "crank bank @1")
        .ends(1, "pm crank market SOL");
    desk.run("carol", "crank bank @9").ends(4, "no bank @9");
    desk.run("carol", "crank market XRP")
        .ends(4, "the house lists BTC, SOL, ETH");
    for step in ["--record", "--finalize", "--account mine"] {
        let line = format!("crank settlement BTC-{date} {step}");
        let word = if step == "--record" {
            "SampleRefused"
        } else {
            "NotExpired"
        };
        desk.run("carol", &line).ends(1, word);
    }
    desk.run("carol", "crank settlement BTC-PERP --finalize")
        .ends(2, "as a future");
    let all = desk.shows(
        "alice",
        "liquidations --all",
        &["of required", "accounts, 0 below"],
    );
    assert_eq!(all["failing"], 0);
    assert!(all["shown"]
        .as_array()
        .is_some_and(|shown| !shown.is_empty()));
    assert!(desk
        .run("alice", "liquidations")
        .done()
        .contains("0 below maintenance"));
}

#[test]
fn a_crash_shows_who_fails_worst_first() {
    let folder = std::env::temp_dir().join(format!("pm-{}-crash", std::process::id()));
    let settings = Settings {
        port: 0,
        keys: Some(folder.clone()),
        accounts: 40,
        failing: 6,
        ..Settings::default()
    };
    let network = Network::start(settings).expect("a network");
    let desk = Desk { network, folder };
    assert_eq!(desk.json("alice", "liquidations")["failing"], 0);
    desk.network.crash_now().expect("a crash");
    let found = desk.shows("alice", "liquidations", &["of required"]);
    desk.fits("alice", "liquidations");
    let shown = found["shown"].as_array().expect("accounts");
    let failing = &desk.network.info.population.failing;
    assert_eq!(
        (found["failing"].as_u64(), shown.len(), failing.len()),
        (Some(6), 6, 6)
    );
    for line in shown {
        assert!(
            failing.iter().any(|key| line["account"] == key.as_str()),
            "{line}"
        );
        assert!(millionths(&line["maintenance_health"]) < 0);
    }
    let percents: Vec<f64> = shown
        .iter()
        .filter_map(|line| line["percent"].as_f64())
        .collect();
    assert!(percents.is_sorted() && percents.len() == 6, "{percents:?}");
}
