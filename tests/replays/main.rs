//! Crashes replayed on the program, with keepers: the SBF build in LiteSVM. `REPORT.md` is what the replays print.

mod books;
mod deleverage;
mod insolvent;
mod isolated;
mod keepers;
mod legs;
mod paths;
mod random;
mod report;
mod run;
mod settle;
mod tape;
mod variants;

use std::path::Path;
use std::sync::OnceLock;

use paths::PATHS;
use variants::{Row, Variant, REACTION};

/// Accounts of a replay.
const ACCOUNTS: usize = 200;

/// All replays, walked once for all tests.
fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| variants::walk_all(ACCOUNTS))
}

fn of(variant: Variant) -> impl Iterator<Item = &'static Row> {
    rows().iter().filter(move |row| row.variant == variant)
}

#[test]
fn case_78_a_move_inside_the_range_costs_the_fund_nothing_in_every_replay() {
    for variant in [Variant::Inside, Variant::InsideStandard] {
        for Row { path, ending, .. } in of(variant) {
            let tally = &ending.tally;
            let what = format!("{path}, {}: {ending:?}", variant.name());
            assert!(ending.liquidated > 0 && tally.bids > 0, "{what}");
            assert_eq!(ending.insurance_used, 0, "{what}");
            assert_eq!(tally.deficit, 0, "{what}");
            assert_eq!((tally.profits, tally.balances), (0, 0), "{what}");
            assert!(
                tally.insolvent.is_empty() && ending.left_insolvent == 0,
                "{what}"
            );
            assert!(tally.slowest <= REACTION, "{what}");
            assert!(ending.refusals.is_empty(), "{what}");
            assert_eq!(ending.failing, 0, "inv_15: {what}");
        }
    }
}

#[test]
fn case_78_the_report_says_what_the_replays_found() {
    let found = report::render(rows());
    println!("{found}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("replays/REPORT.md");
    if std::env::var_os(report::WRITE_ENV).is_some() {
        std::fs::write(&file, &found).expect("writing the report");
    }
    let written = std::fs::read_to_string(&file).expect("the report");
    let mut lines = found.lines().zip(written.lines());
    let difference = lines.find(|(now, then)| now != then);
    assert!(
        found == written,
        "REPORT.md says otherwise; {}=1 writes it: {difference:?}",
        report::WRITE_ENV
    );
}

#[test]
fn inv_16_beyond_the_range_losses_are_charged_in_order_and_to_the_unit() {
    let mut charged = 0;
    for row in of(Variant::AsItWas) {
        assert_charged(row);
        let ending = &row.ending;
        assert_eq!(ending.failing, 0, "inv_15: {row:?}");
        assert_eq!((ending.left_insolvent, ending.left_deficit), (0, 0));
        charged += ending.tally.debt;
    }
    assert!(charged > 0, "no replay had anything to share");
}

/// Each debt was covered by the fund, the market's profits and quote balances, in this order: see insolvent.rs.
fn assert_charged(row: &Row) {
    let (ending, tally) = (&row.ending, &row.ending.tally);
    let covered = tally.fund_for_debts + tally.profits + tally.balances;
    assert_eq!(covered, tally.debt, "{row:?}");
    let paid = tally.fund_for_bids + tally.fund_for_debts;
    assert_eq!(ending.insurance_used, paid, "{row:?}");
}

/// The worst of the crashes, and keepers with 70,000 USDC together.
#[test]
fn inv_16_what_no_keeper_can_carry_goes_to_opposite_risk_and_is_charged() {
    let row = variants::walk(&PATHS[0], Variant::Deserted, 1, 40);
    assert_charged(&row);
    let (ending, tally) = (&row.ending, &row.ending.tally);
    println!(
        "{} insolvent, {} times deleveraged, {} bankruptcies of {} USD",
        tally.insolvent.len(),
        tally.deleveraged,
        tally.bankruptcies,
        tally.debt / 1_000_000
    );
    assert!(tally.deleveraged > 0 && tally.bankruptcies > 0, "{row:?}");
    // who still fails has collateral, or the claim of a closed future, that no keeper can pay for; nobody bears a risk with them
    assert_eq!(ending.failing_positions, 0, "{row:?}");
}
