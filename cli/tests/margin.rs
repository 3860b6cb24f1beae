//! `pm margin` as a user runs it: an example recomputed from the formulas, laws between documents, and every error with its path.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod oracle;
mod support;

use serde_json::Value;
use support::{edited, example, pm, Outcome};

/// The report of a document.
fn report(document: &str) -> Value {
    let Outcome {
        code,
        stdout,
        stderr,
    } = pm(&["margin", "-"], document);
    assert_eq!((code, stderr.as_str()), (0, ""), "{document}");
    serde_json::from_str(&stdout).unwrap()
}

/// A decimal string of a report.
fn number(report: &Value, path: &str) -> f64 {
    let value = report.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("{path} is no string"));
    text.parse().unwrap()
}

fn close(report: &Value, path: &str, wanted: f64, error: f64) {
    let found = number(report, path);
    assert!(
        (found - wanted).abs() <= error,
        "{path}: {found}, not {wanted}"
    );
}

const EXAMPLES: [&str; 5] = [
    "naked-short",
    "hedged-book",
    "iron-condor",
    "covered-call",
    "explicit-volatility",
];

#[test]
fn every_example_has_the_report_that_the_schema_describes() {
    for name in EXAMPLES {
        let report = report(&example(name));
        for path in [
            "initial_health",
            "maintenance_health",
            "scan",
            "worst_scenario",
            "scenario_pnl",
            "contingencies",
            "mark",
            "greeks",
            "equity",
            "distance_to_liquidation",
            "markets",
        ] {
            assert!(report.get(path).is_some(), "{name}: no {path}");
        }
        // INV-07, and what a health is.
        let of = |path: &str| number(&report, path);
        assert!(of("/initial_health") <= of("/maintenance_health"), "{name}");
        let equity = of("/mark") + of("/cash") + of("/collateral");
        assert!((of("/equity") - equity).abs() < 1e-5, "{name}");
    }
}

#[test]
fn a_file_and_standard_input_are_read_alike() {
    let from_file = pm(&["margin", "examples/iron-condor.json"], "");
    let from_input = pm(&["margin", "-"], &example("iron-condor"));
    assert_eq!(from_file.code, 0);
    assert_eq!(from_file.stdout, from_input.stdout);
}

#[test]
fn the_explicit_example_is_what_the_formulas_say() {
    let report = report(&example("explicit-volatility"));
    let wanted = oracle::explicit_volatility();
    let list = report
        .pointer("/scenario_pnl/ETH")
        .unwrap()
        .as_array()
        .unwrap();
    assert_eq!(list.len(), wanted.pnl.len());
    for (index, pnl) in wanted.pnl.iter().enumerate() {
        close(
            &report,
            &format!("/scenario_pnl/ETH/{index}/pnl"),
            *pnl,
            1e-4,
        );
    }
    close(&report, "/markets/ETH/basis_floor", wanted.basis, 1e-4);
    close(&report, "/mark", wanted.mark, 1e-4);
    close(&report, "/scan", wanted.scan, 1e-4);
    close(
        &report,
        "/maintenance_health",
        wanted.maintenance_health,
        1e-3,
    );
    close(&report, "/initial_health", wanted.initial_health, 1e-3);
    let worst = report.pointer("/worst_scenario/ETH/index").unwrap();
    assert_eq!(worst.as_u64(), Some(wanted.worst as u64));
    // The one number that has more digits than the engine's unit.
    let rounded = report.get("rounded").unwrap();
    assert_eq!(rounded.as_array().unwrap().len(), 1);
    assert_eq!(rounded[0]["path"], "positions[0].volatility");
    assert_eq!(rounded[0]["used"], "0.601234568");
}

#[test]
fn a_perpetual_and_a_future_are_what_the_formulas_say() {
    let document = edited("naked-short", "/positions", |positions| {
        *positions = serde_json::json!([
            {"market": "BTC", "instrument": "future", "expiry": 1769817600, "quantity": "-0.5", "entry": "91000"},
            {"market": "BTC", "instrument": "perpetual", "quantity": 2, "entry": 80000, "funding": "-12.5"},
        ]);
    });
    let report = report(&document);
    let forward = 90370.62;
    let mark = 2.0 * (90030.0 - 80000.0) - 12.5 - 0.5 * (forward - 91000.0);
    close(&report, "/mark", mark, 1e-5);
    // Both move with spot; the tails count less than the 18 % that the undamped grid falls.
    let exposure = 2.0 * 90030.0 - 0.5 * forward;
    close(&report, "/scan", -0.18 * exposure, 1e-3);
    // The share of notional is the perpetual's alone.
    let share = 0.03 * 2.0 * 90000.0;
    close(&report, "/contingencies/perp_maintenance", share, 1e-5);
    close(&report, "/contingencies/perp_initial", share / 3.0, 1e-5);
    let maintenance = 50000.0 + mark - 0.8 * 0.18 * exposure - share;
    close(&report, "/maintenance_health", maintenance, 1e-2);
    let delta = 2.0 - 0.5 * forward / 90000.0;
    close(&report, "/greeks/markets/BTC/delta", delta, 1e-5);
}

#[test]
fn numbers_and_strings_are_one_and_order_does_not_matter() {
    let plain = example("explicit-volatility");
    let quoted = plain.replace("\"spot\": 1500,", "\"spot\": \"1.5e3\",");
    assert_ne!(plain, quoted);
    assert_eq!(report(&plain), report(&quoted));
    // Positions the other way round: the same account, legs in the order of the document.
    let reversed = edited("iron-condor", "/positions", |positions| {
        positions.as_array_mut().unwrap().reverse();
    });
    let (one, other) = (report(&example("iron-condor")), report(&reversed));
    for path in [
        "initial_health",
        "maintenance_health",
        "scenario_pnl",
        "greeks",
    ] {
        assert_eq!(one.get(path), other.get(path), "{path}");
    }
    let legs = |report: &Value| {
        report
            .pointer("/markets/BTC/legs")
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    };
    let (first, last) = (legs(&one), legs(&other));
    assert_eq!(first[0]["mark"], last[3]["mark"]);
    assert_eq!(last[3]["position"], 3);
}

#[test]
fn a_preset_with_all_its_own_numbers_is_that_preset() {
    let changed = edited("naked-short", "/markets/0/parameters", |parameters| {
        *parameters = serde_json::json!({
            "preset": "BTC", "perp_maintenance": "0.03", "skew": {"static": "0.6"}, "basis": {"up": "1.045"}
        });
    });
    assert_eq!(report(&changed), report(&example("naked-short")));
    let dearer = edited("naked-short", "/markets/0/parameters", |parameters| {
        *parameters = serde_json::json!({"preset": "BTC", "scan_initial": "2"});
    });
    let (plain, dearer) = (report(&example("naked-short")), report(&dearer));
    let loss = number(&plain, "/initial_health") - number(&dearer, "/initial_health");
    // The cushion counts as often as the loss that it belongs to.
    let more = number(&plain, "/contingencies/cushion") - number(&plain, "/scan");
    assert!((loss - more).abs() < 1e-5, "{loss}, not {more}");
    assert_eq!(plain["maintenance_health"], dearer["maintenance_health"]);
}

#[test]
fn tiers_collateral_groups_and_regime_reach_the_engine() {
    let plain = report(&example("hedged-book"));
    let with = |path: &str, value: Value| report(&edited("hedged-book", path, |old| *old = value));
    let standard = with("/tier", "standard".into());
    assert_eq!(
        standard["initial_health"],
        plain["standard"]["initial_health"]
    );
    assert_ne!(standard["initial_health"], plain["initial_health"]);
    let adverse = with("/groups", Value::Array(Vec::new()));
    assert!(number(&adverse, "/scan") < number(&plain, "/scan"));
    let richer = with("/cash", "150001".into());
    let gain = number(&richer, "/initial_health") - number(&plain, "/initial_health");
    assert!((gain - 1.0).abs() < 1e-9);
    let calm = with("/markets/2/regime", "1".into());
    assert!(number(&calm, "/markets/SOL/scan") > number(&plain, "/markets/SOL/scan"));
    let sure = with("/markets/2/perpetual_confidence", 1.into());
    assert_eq!(number(&sure, "/contingencies/confidence"), 0.0);
    assert!(number(&plain, "/contingencies/confidence") > 0.0);
    let off_peg = with("/account/quote_price", "0.97".into());
    assert!((number(&off_peg, "/contingencies/peg_add") - 0.08).abs() < 1e-9);
    // The coin covers the call: without it as an offset the scan is that of a naked short.
    let covered = report(&example("covered-call"));
    let loose = edited("covered-call", "/collateral/0", |held| {
        held.as_object_mut().unwrap().remove("market");
    });
    let up = |report: &Value| number(report, "/scenario_pnl/BTC/10/pnl");
    assert!(up(&covered) > 0.0 && up(&report(&loose)) < 0.0);
}

/// Example, object, member that is taken away, message.
const MISSING: &[(&str, &str, &str, &str)] = &[
    ("naked-short", "", "now", "now: missing"),
    ("naked-short", "", "cash", "cash: missing"),
    ("naked-short", "", "collateral", "collateral: missing"),
    (
        "naked-short",
        "/markets/0",
        "spot",
        "markets[0].spot: missing",
    ),
    (
        "naked-short",
        "/markets/0",
        "parameters",
        "markets[0].parameters: missing",
    ),
    (
        "naked-short",
        "/markets/0/expiries/1",
        "rate",
        "markets[0].expiries[1].rate: missing",
    ),
    (
        "naked-short",
        "/markets/0/expiries/0/smile",
        "rho",
        "markets[0].expiries[0].smile.rho: missing",
    ),
    (
        "naked-short",
        "/markets/0/expiries/0",
        "smile",
        "positions[0].volatility: missing: its expiry has neither",
    ),
    (
        "naked-short",
        "/positions/0",
        "strike",
        "positions[0].strike: missing",
    ),
    (
        "hedged-book",
        "/positions/4",
        "entry",
        "positions[4].entry: missing",
    ),
    (
        "hedged-book",
        "/markets/0",
        "perpetual_price",
        "markets[0].perpetual_price: missing: positions[4] holds the perpetual",
    ),
    (
        "explicit-volatility",
        "/markets/0",
        "scenarios",
        "markets[0].scenarios: missing",
    ),
    (
        "explicit-volatility",
        "/markets/0/parameters",
        "basis",
        "markets[0].parameters.basis: missing",
    ),
    (
        "explicit-volatility",
        "/markets/0/parameters/basis",
        "up",
        "markets[0].parameters.basis.up: missing",
    ),
    (
        "covered-call",
        "/collateral/0",
        "haircut_initial",
        "collateral[0].haircut_initial: missing",
    ),
];

#[test]
fn what_is_missing_is_named_with_its_path() {
    for (name, path, member, wanted) in MISSING {
        let document = edited(name, path, |object| {
            assert!(object.as_object_mut().unwrap().remove(*member).is_some());
        });
        refuses(&document, 2, wanted);
    }
}

/// The document ends with this code, and its message holds these words.
fn refuses(document: &str, code: i32, wanted: &str) {
    let outcome = pm(&["margin", "-"], document);
    assert!(
        outcome.stderr.contains(wanted),
        "{} does not say {wanted}",
        outcome.stderr
    );
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (code, ""),
        "{wanted}"
    );
}

/// Pointer into an example, value that is written there, message.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "/colour",
        "red",
        "colour: unknown field; known here: now, tier, cash",
    ),
    ("/markets/0/spto", "1", "markets[0].spto: unknown field"),
    (
        "/markets/0/expiries/1/smile/x",
        "1",
        "markets[0].expiries[1].smile.x: unknown field",
    ),
    (
        "/positions/0/entry",
        "1",
        "positions[0].entry: unknown field",
    ),
    (
        "/tier",
        "gold",
        "tier: \"gold\" is not one of: portfolio, standard",
    ),
    (
        "/markets/0/parameters",
        "DOGE",
        "markets[0].parameters: \"DOGE\" is not one of: BTC, ETH, SOL",
    ),
    (
        "/markets/0/spot",
        "0",
        "markets[0].spot: 0 is out of range: least 0.00000001, most 92233720368.54775807",
    ),
    (
        "/markets/0/spot",
        "12x",
        "markets[0].spot: \"12x\" is not a decimal number",
    ),
    (
        "/markets/0/expiries/0/rate",
        "1.5",
        "markets[0].expiries[0].rate: 1.5 is out of range: least -1, most 1",
    ),
    (
        "/markets/0/expiries/0/expiry",
        "2000000000",
        "markets[0].expiries[0].expiry: 232774400 seconds away",
    ),
    (
        "/markets/0/expiries/0/expiry",
        "1.5",
        "markets[0].expiries[0].expiry: 1.5 is not a whole number",
    ),
    (
        "/positions/0/market",
        "XRP",
        "positions[0].market: \"XRP\" is not the name of a market here",
    ),
    (
        "/positions/0/expiry",
        "1767225601",
        "positions[0].expiry: market \"BTC\" lists no expiry 1767225601",
    ),
    (
        "/positions/0/instrument",
        "swap",
        "is not one of: call, put, perpetual, future",
    ),
    (
        "/cash",
        "1e30",
        "cash: 1000000000000000000000000000000 is out of range",
    ),
];

#[test]
fn what_is_unknown_or_wrong_is_named_with_its_path() {
    for (path, value, wanted) in WRONG {
        let (parent, member) = path.rsplit_once('/').unwrap();
        let document = edited("naked-short", parent, |object| {
            object[member] = (*value).into();
        });
        refuses(&document, 2, wanted);
    }
    let twice = edited("naked-short", "/positions", |positions| {
        let first = positions[0].clone();
        positions.as_array_mut().unwrap().push(first);
    });
    refuses(
        &twice,
        2,
        "positions[1]: the same series as positions[0]: state their sum",
    );
    refuses("{\"now\": 1,, }", 2, "not a JSON document: ");
    refuses("[]", 2, "document: must be an object, not a list");
    refuses("{\"now\": 1, \"now\": 2}", 2, "now: stands twice");
}

#[test]
fn what_the_engine_refuses_has_numbers() {
    for (path, value, wanted) in [
        (
            "/parameters/basis/up",
            2.0,
            "markets[0].parameters.basis.up: basis up is 2: least 1, most 1.5",
        ),
        (
            "/parameters/scan_maintenance",
            1.5,
            "markets[0].parameters.scan_maintenance: margin ratio is 1.5: least 0.5, most 1.25",
        ),
        ("/scenarios/1/spot", 0.9, "markets[0].scenarios: scenario "),
    ] {
        let (parent, member) = path.rsplit_once('/').unwrap();
        let document = edited(
            "explicit-volatility",
            &format!("/markets/0{parent}"),
            |object| {
                object[member] = value.into();
            },
        );
        refuses(&document, 1, wanted);
    }
    let document = edited("explicit-volatility", "/markets/0/scenarios", |list| {
        list.as_array_mut()
            .unwrap()
            .retain(|node| node["spot"] != 1);
    });
    refuses(
        &document,
        1,
        "markets[0].scenarios: the scenarios lack the centre",
    );
    let document = edited("naked-short", "/markets/0/expiries/0/smile", |smile| {
        smile["a"] = "-0.5".into();
    });
    refuses(
        &document,
        1,
        "markets[0].expiries[0].smile: smile minimum variance is -0.49",
    );
    let document = edited("naked-short", "/positions/0", |position| {
        position["quantity"] = "-20000000".into();
    });
    refuses(&document, 1, "markets[0]: gross notional is ");
}
