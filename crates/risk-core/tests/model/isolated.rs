//! Margins leg by leg, by hand: what the portfolio's saving is measured against.

use crate::fixture::{quote, Portfolio, PortfolioBuilder};
use risk_core::isolated::{isolated_margin, IsolatedParams};
use risk_core::Quote;

fn isolated(book: &Portfolio) -> Quote {
    let table = book.table();
    let market = book.market(table.set().unwrap());
    isolated_margin(&market, &book.positions, &IsolatedParams::INITIAL).unwrap()
}

/// Spot 50,000, one expiry at 30 days.
fn btc() -> PortfolioBuilder {
    PortfolioBuilder::new(5e4).expiry(30, 0.6)
}

#[test]
fn a_short_option_needs_15_percent_less_what_it_is_out_of_the_money_and_at_least_10() {
    for (strike, call, put) in [
        (50_000.0, 7_500.0, 7_500.0),
        (51_000.0, 6_500.0, 7_500.0),
        (52_500.0, 5_000.0, 7_500.0),
        (52_501.0, 5_000.0, 7_500.0),
        (90_000.0, 5_000.0, 7_500.0),
        (49_000.0, 7_500.0, 6_500.0),
        (20_000.0, 7_500.0, 5_000.0),
    ] {
        assert_eq!(
            isolated(&btc().short_call(30, strike, 2.0).build()),
            quote(2.0 * call)
        );
        assert_eq!(
            isolated(&btc().short_put(30, strike, 2.0).build()),
            quote(2.0 * put)
        );
    }
}

#[test]
fn a_perpetual_needs_4_percent_of_its_notional_on_either_side() {
    assert_eq!(isolated(&btc().long_perp(1.5, 4e4).build()), quote(3_000.0));
    assert_eq!(
        isolated(&btc().short_perp(1.5, 4e4).build()),
        quote(3_000.0)
    );
}

#[test]
fn a_long_option_is_paid_in_full() {
    let book = btc().long_call(30, 5e4, 3.0).build();
    let off = isolated(&book).raw() - book.evaluate().risk.mark.raw();
    assert!(off.abs() <= 150, "{off}"); // 1e-9 of 150,000 USD
}

#[test]
fn legs_do_not_offset_each_other_and_a_hedged_book_saves_most_of_it() {
    // GIVEN a short call hedged by a long one a little higher, and a perpetual against its delta
    let spread = || {
        btc()
            .short_call(30, 5e4, 1.0)
            .long_call(30, 51e3, 1.0)
            .long_perp(0.04, 5e4)
    };
    let [call, hedge, perp] = [
        btc().short_call(30, 5e4, 1.0),
        btc().long_call(30, 51e3, 1.0),
        btc().long_perp(0.04, 5e4),
    ]
    .map(|leg| isolated(&leg.build()).raw());
    let book = spread().build();
    // THEN isolated margins add, and the portfolio needs less than a third
    assert_eq!(isolated(&book).raw(), call + hedge + perp);
    assert!(3 * book.report().initial_margin().raw() < isolated(&book).raw());
}
