//! `pm matrix` as a user runs it: what is printed is what `pm margin` reports, and the picture is well-formed.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::{example, pm};

/// Amounts of a report as the matrix rounds them: whole dollars.
fn whole(amount: &str) -> String {
    let dollars: f64 = amount.parse().unwrap();
    format!("{dollars:.0}")
}

#[test]
fn every_value_of_the_report_is_printed() {
    let text = pm(&["matrix", "-"], &example("naked-short")).stdout;
    let report = pm(&["margin", "-"], &example("naked-short")).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let printed = text.replace([',', '*'], "");
    let words: Vec<&str> = printed.split_whitespace().collect();
    let nodes = report
        .pointer("/scenario_pnl/BTC")
        .unwrap()
        .as_array()
        .unwrap();
    assert_eq!(nodes.len(), 33);
    for node in nodes {
        let pnl = whole(node["pnl"].as_str().unwrap());
        assert!(
            words.contains(&pnl.as_str()),
            "{pnl} of {node} is not in\n{text}"
        );
    }
    // The star is at the value that the report calls the scan.
    let starred: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.ends_with('*'))
        .collect();
    let scan = whole(report["scan"].as_str().unwrap());
    let is_scan = |word: &&str| word.replace([',', '*'], "") == scan;
    assert!(starred.iter().any(is_scan), "{scan} in {starred:?}");
    assert!(
        text.contains("worst: spot rises 500 %, volatility rises; a tail of which"),
        "{text}"
    );
}

#[test]
fn lines_fit_and_have_no_colour_where_there_is_no_terminal() {
    for name in [
        "naked-short",
        "hedged-book",
        "iron-condor",
        "covered-call",
        "explicit-volatility",
    ] {
        let outcome = pm(&["matrix", "-"], &example(name));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{name}");
        assert!(!outcome.stdout.contains('\x1b'));
        for line in outcome.stdout.lines() {
            assert!(line.chars().count() <= 110, "{name}: {line}");
            assert_eq!(line, line.trim_end(), "{name}");
        }
    }
}

#[test]
fn the_curve_is_the_payoff() {
    // One coin against one short call: nothing is lost above the strike at expiry, so the curve's top is a plateau.
    let text = pm(&["matrix", "-"], &example("covered-call")).stdout;
    let top = text.lines().find(|line| line.contains("oooo")).unwrap();
    assert!(top.matches('o').count() >= 10, "{text}");
    assert!(text.contains("o at the first expiry"));
}

#[test]
fn the_picture_is_well_formed_and_holds_every_value() {
    let path = std::env::temp_dir().join(format!("pm-matrix-{}.svg", std::process::id()));
    let name = path.to_str().unwrap();
    let outcome = pm(&["matrix", "examples/hedged-book.json", "--svg", name], "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let svg = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    // Every tag that is opened is closed.
    let mut open: Vec<&str> = Vec::new();
    for tag in svg
        .split('<')
        .skip(1)
        .map(|part| part.split('>').next().unwrap())
    {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    // Three markets of 33 nodes, a ground and nothing else as rectangles; two curves each.
    assert_eq!(svg.matches("<rect ").count(), 3 * 33 + 1);
    assert_eq!(svg.matches("class=\"worst\"").count(), 3);
    assert_eq!(svg.matches("<polyline ").count(), 6);
    assert!(svg.contains("BTC") && svg.contains("-13.5%"));
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error() {
    let outcome = pm(
        &[
            "matrix",
            "examples/naked-short.json",
            "--svg",
            "no/such/folder/x.svg",
        ],
        "",
    );
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("no/such/folder/x.svg: "),
        "{}",
        outcome.stderr
    );
}
