//! What the Portfolio tier saves against the Standard one, strategy by strategy: the table that the documents quote.
//!
//! `cargo test -p risk-core --test model savings -- --nocapture` prints it.

use crate::accounts::whole;
use crate::fixture::{size, Portfolio, PortfolioBuilder};
use risk_core::margin::{MarginCheck, MarginReport};
use risk_core::market::MarketParams;
use risk_core::tier::StandardParams;
use risk_core::Quantity;

/// Spot 50,000; 30 days at 60 %.
fn market() -> PortfolioBuilder {
    PortfolioBuilder::new(5e4).expiry(30, 0.6)
}

/// A call at the money written against `coins`, which move with the scenarios beyond a haircut of 10 % and 5 % more.
fn covered_call(coins: f64) -> Portfolio {
    let book = market()
        .short_call(30, 5e4, 1.0)
        .collateral(5e4 * coins, 0.10, 0.05);
    let mut book = whole(book, MarketParams::BTC);
    book.offset = size(coins);
    book
}

/// Wings of 5,000 USD around strikes 10 % away.
fn iron_condor() -> Portfolio {
    let book = market()
        .long_put(30, 40e3, 1.0)
        .short_put(30, 45e3, 1.0)
        .short_call(30, 55e3, 1.0)
        .long_call(30, 60e3, 1.0);
    whole(book, MarketParams::BTC)
}

/// A straddle sold at the money; its delta of 0.07 is sold in perpetuals.
fn straddle() -> Portfolio {
    let book = market()
        .short_call(30, 5e4, 1.0)
        .short_put(30, 5e4, 1.0)
        .long_perp(0.07, 5e4);
    whole(book, MarketParams::BTC)
}

/// A perpetual bought against a future sold.
fn basis_trade() -> Portfolio {
    let book = market().long_perp(1.0, 5e4).long_future(30, -1.0, 5e4);
    whole(book, MarketParams::BTC)
}

/// The account under the Standard tier, where no coin offsets anything.
fn standard(book: &Portfolio) -> MarginReport {
    let table = book.table();
    let mut plain = book.clone();
    plain.offset = Quantity::ZERO;
    let market = plain.market(table.set().unwrap());
    let mut check = MarginCheck::new(book.cash);
    for collateral in &book.collateral {
        check.add_collateral(collateral).unwrap();
    }
    check
        .add_standard_market(&market, &plain.positions, &StandardParams::MAJOR)
        .unwrap();
    check.finish()
}

/// Maintenance and initial requirements in USD.
fn requirements(report: &MarginReport) -> [f64; 2] {
    [report.maintenance_margin(), report.initial_margin()].map(|amount| amount.raw() as f64 / 1e6)
}

/// A strategy, its book, and the shares of the Standard requirements that it must save: maintenance and initial.
type Strategy = (&'static str, fn() -> Portfolio, [f64; 2]);

const STRATEGIES: [Strategy; 4] = [
    (
        "call covered by its delta",
        || covered_call(0.6),
        [0.0, 0.0],
    ),
    ("iron condor", iron_condor, [0.51, 0.35]),
    ("straddle, delta-hedged", straddle, [0.28, 0.54]),
    ("basis trade", basis_trade, [0.10, 0.12]),
];

#[test]
fn each_strategy_saves_against_the_standard_tier() {
    println!("strategy                    | Standard MM, IM  | Portfolio MM, IM | saved");
    for (name, build, least) in STRATEGIES {
        let book = build();
        let alone = requirements(&standard(&book));
        let together = requirements(&book.report());
        let saved = [0, 1].map(|index| 1.0 - together[index] / alone[index]);
        println!(
            "{name:27} | {:7.0} {:7.0}  | {:7.0} {:7.0}  | {:4.0} % {:4.0} %",
            alone[0],
            alone[1],
            together[0],
            together[1],
            saved[0] * 100.0,
            saved[1] * 100.0
        );
        for (saved, least) in saved.into_iter().zip(least) {
            assert!(saved >= least, "{name}: {saved} < {least}");
        }
    }
}

#[test]
fn a_coin_that_offsets_covers_the_call_written_against_it() {
    // GIVEN a call at the money and its whole coin
    let covered = covered_call(1.0);
    let mut apart = covered.clone();
    apart.offset = Quantity::ZERO;
    // THEN both requirements are lower than with the coin as collateral alone
    let (covered, apart) = (
        requirements(&covered.report()),
        requirements(&apart.report()),
    );
    println!("coin offsets: {covered:?}, collateral alone: {apart:?}");
    assert!(covered[0] < 0.96 * apart[0] && covered[1] < 0.96 * apart[1]);
}
