//! What the page is told: the report of `pm margin` to the letter, pictures that agree with it, and failures with their place.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use risk_document::{answer, evaluate, report, Document};
use serde_json::Value;

const EXAMPLES: [&str; 5] = [
    "naked-short",
    "hedged-book",
    "iron-condor",
    "covered-call",
    "explicit-volatility",
];

fn example(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cli/examples");
    std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()
}

fn parsed(document: &str) -> Value {
    serde_json::from_str(&answer(document)).unwrap()
}

/// A decimal of the engine in millionths.
fn millionths(value: &Value) -> i128 {
    let text = value.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let magnitude: i128 = format!("{}{part:0<6}", whole.trim_start_matches('-'))
        .parse()
        .unwrap();
    if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    }
}

#[test]
fn the_report_is_that_of_the_command_line() {
    for name in EXAMPLES {
        let document = Document::parse(&example(name)).unwrap();
        let wanted = report(&document, &evaluate(&document).unwrap());
        let wanted = serde_json::to_value(&wanted).unwrap();
        assert_eq!(parsed(&example(name))["report"], wanted, "{name}");
    }
}

#[test]
fn what_the_scan_takes_and_the_charges_add_up_to_the_margins() {
    for name in EXAMPLES {
        // GIVEN the requirement of an example, its charges and what its scan takes
        let answer = parsed(&example(name));
        let report = &answer["report"];
        let of = |path: &str| millionths(answer.pointer(path).unwrap());
        let (maintenance, initial) = (
            of("/report/contingencies/maintenance"),
            of("/report/contingencies/initial"),
        );
        let equity = millionths(&report["equity"]);
        // WHEN they are taken from equity THEN the healths are left
        let left = equity - maintenance - of("/requirement/maintenance");
        assert_eq!(left, millionths(&report["portfolio"]["maintenance_health"]));
        let left = equity - maintenance - initial - of("/requirement/initial");
        assert_eq!(left, millionths(&report["portfolio"]["initial_health"]));
    }
}

#[test]
fn curves_pass_through_zero_at_spot() {
    for name in EXAMPLES {
        for picture in parsed(&example(name))["pictures"].as_array().unwrap() {
            let curve = &picture["curve"];
            let (spots, now) = (
                curve["spot"].as_array().unwrap(),
                curve["now"].as_array().unwrap(),
            );
            assert_eq!(spots.len(), now.len());
            let here = spots.iter().position(|spot| spot == "1");
            if let Some(here) = here {
                assert_eq!(now[here], "0", "{name}");
            }
            assert_eq!(curve["later"].is_null(), curve["expiry"].is_null());
        }
    }
}

#[test]
fn the_worst_case_is_said_with_its_sizes() {
    let answer = parsed(&example("naked-short"));
    let words = answer["pictures"][0]["worst"].as_str().unwrap();
    // 30 days: the shock is the set's range, 50 %.
    assert!(
        words.starts_with("BTC up 500 % with volatility up 50 %, a tail of which "),
        "{words}"
    );
    let scan = answer["report"]["scan"].as_str().unwrap();
    let dollars: f64 = scan.trim_start_matches('-').parse().unwrap();
    let printed: String = words.chars().filter(|letter| *letter != ',').collect();
    assert!(
        printed.ends_with(&format!("loss {dollars:.0} USD")),
        "{words}: {scan}"
    );
}

#[test]
fn failures_are_answers_with_their_place() {
    let failure = |document: &str| parsed(document)["failure"].clone();
    let broken = example("naked-short").replace("\"quantity\": \"-2\"", "\"quantity\": \"two\"");
    assert_eq!(
        failure(&broken),
        serde_json::json!({
            "kind": "document",
            "path": "positions[0].quantity",
            "text": "\"two\" is not a decimal number"
        })
    );
    assert_eq!(failure("{")["path"], "");
    let refused = example("naked-short").replace(
        "\"parameters\": \"BTC\"",
        "\"parameters\": {\"preset\": \"BTC\", \"basis\": {\"up\": 2}}",
    );
    assert_eq!(failure(&refused)["kind"], "refused");
    assert_eq!(failure(&refused)["path"], "markets[0].parameters.basis.up");
    assert_eq!(
        failure(&refused)["text"],
        "basis up is 2: least 1, most 1.5"
    );
}
