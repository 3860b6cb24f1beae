//! The Standard tier by hand and by law, and what the Portfolio tier saves against it.

use crate::accounts::whole;
use crate::fixture::{price, quote, Portfolio, PortfolioBuilder, Shape, DAY, NOW};
use crate::support::Random;
use crate::whole_exact::random_whole_book;
use risk_core::isolated::IsolatedParams;
use risk_core::margin::{MarginCheck, MarginReport};
use risk_core::market::{Expiry, Market, MarketParams};
use risk_core::position::Position;
use risk_core::tier::{standard_market, PortfolioTerms, StandardParams, Tier};
use risk_core::{Quantity, Quote, RiskError};

/// Required over equity: maintenance and initial, USD.
fn standard(builder: PortfolioBuilder) -> [f64; 2] {
    let book = builder.build();
    let table = book.table();
    let market = book.market(table.set().unwrap());
    let risk = standard_market(&market, &book.positions, &StandardParams::MAJOR).unwrap();
    assert!(risk.initial >= risk.maintenance && risk.maintenance.raw() >= 0);
    let mark = book.evaluate().risk.mark.raw();
    assert!((risk.mark.raw() - mark).abs() <= 2_000, "{risk:?} {mark}");
    [risk.maintenance, risk.initial].map(|amount| amount.raw() as f64 / 1e6)
}

fn near(got: [f64; 2], exact: [f64; 2]) {
    for (got, exact) in got.into_iter().zip(exact) {
        assert!((got - exact).abs() <= 2e-3, "{got} is not {exact}");
    }
}

#[test]
fn the_standard_tier_by_hand() {
    let market = || PortfolioBuilder::new(5e4).expiry(30, 0.6).expiry(60, 0.6);
    let mark = |builder: PortfolioBuilder| builder.build().evaluate().risk.mark.raw() as f64 / 1e6;
    // perpetuals and futures: 3 % and 4 %
    near(standard(market().long_perp(1.5, 4e4)), [2_250.0, 3_000.0]);
    near(
        standard(market().long_future(30, -1.5, 4e4)),
        [2_250.0, 3_000.0],
    );
    // a long option is worth nothing as collateral: all of its mark is required
    let long = mark(market().long_call(30, 52e3, 2.0));
    near(standard(market().long_call(30, 52e3, 2.0)), [long, long]);
    // a naked call: 15 % less 2,000 out of the money, and 7.5 %, per unit over equity, which carries the mark
    near(
        standard(market().short_call(30, 52e3, 2.0)),
        [7_500.0, 11_000.0],
    );
    // a naked put at 40,000: its largest loss, with the underlying at zero, is far above
    near(
        standard(market().short_put(30, 4e4, 1.0)),
        [3_750.0, 5_000.0],
    );
    // a put at 1,000 can lose no more than that
    let put = mark(market().short_put(30, 1e3, 1.0));
    near(
        standard(market().short_put(30, 1e3, 1.0)),
        [1_000.0 + put, 1_000.0 + put],
    );
    // a call spread: 2,000 wide, less what was received for it
    let spread = || market().short_call(30, 52e3, 1.0).long_call(30, 54e3, 1.0);
    let owed = mark(spread());
    near(standard(spread()), [2_000.0 + owed, 2_000.0 + owed]);
    // an iron condor loses one side only
    let condor = || spread().short_put(30, 48e3, 1.0).long_put(30, 45e3, 1.0);
    let owed = mark(condor());
    near(standard(condor()), [3_000.0 + owed, 3_000.0 + owed]);
    // two calls against one: both lose 2,000 at the long strike, and one is naked
    let ratio = || market().short_call(30, 52e3, 2.0).long_call(30, 54e3, 1.0);
    let (owed, naked) = (mark(ratio()), -mark(market().short_call(30, 52e3, 1.0)));
    let required = |share: f64| 4_000.0 + share + naked + owed;
    near(standard(ratio()), [required(3_750.0), required(5_500.0)]);
    // short at the strike of the long: nothing is left of either
    near(
        standard(spread().short_call(30, 54e3, 1.0)),
        [3_750.0, 5_500.0],
    );
    // a box is worth what it pays, which no tier lends on
    let box_spread = || {
        market()
            .long_call(30, 4e4, 1.0)
            .short_call(30, 6e4, 1.0)
            .long_put(30, 6e4, 1.0)
            .short_put(30, 4e4, 1.0)
    };
    near(standard(box_spread()), [20_000.0; 2]);
    // a hedge in another expiry is none
    let calendar = || market().short_call(30, 52e3, 1.0).long_call(60, 52e3, 1.0);
    let far = mark(market().long_call(60, 52e3, 1.0));
    near(standard(calendar()), [3_750.0 + far, 5_500.0 + far]);
}

#[test]
fn the_portfolio_tier_saves_against_the_standard_one() {
    let market = || PortfolioBuilder::new(5e4).expiry(30, 0.6);
    let portfolio = |builder: PortfolioBuilder| {
        let book = whole(builder, MarketParams::BTC);
        book.report().initial_margin().raw() as f64 / 1e6
    };
    for (name, build) in [
        (
            "straddle, delta-hedged",
            (|| {
                market_of()
                    .short_call(30, 5e4, 1.0)
                    .short_put(30, 5e4, 1.0)
                    .long_perp(0.07, 5e4)
            }) as fn() -> PortfolioBuilder,
        ),
        ("basis trade", || {
            market_of().long_perp(1.0, 5e4).long_future(30, -1.0, 5e4)
        }),
        ("covered call in perpetuals", || {
            market_of().short_call(30, 48e3, 1.0).long_perp(0.65, 5e4)
        }),
    ] {
        let (alone, together) = (standard(build())[1], portfolio(build()));
        println!("{name}: Standard {alone:.0}, Portfolio {together:.0}");
        assert!(together < alone, "{name}: {together} {alone}");
    }
    assert!(
        portfolio(market().long_call(30, 5e4, 1.0))
            <= standard(market().long_call(30, 5e4, 1.0))[1]
    );
}

fn market_of() -> PortfolioBuilder {
    PortfolioBuilder::new(5e4).expiry(30, 0.6)
}

/// Per short, 2^-33 of its size at the larger of forward and strike and a unit; a unit for a perpetual or future.
fn mark_errors(book: &Portfolio) -> i64 {
    let shorts = book.positions.iter().filter(|leg| leg.quantity.raw() < 0);
    let error = |leg: &Position| {
        if !leg.instrument.is_option() {
            return 1;
        }
        let fixed = book.expiry_of(leg).fixed_forward.raw() as f64 / 1e8;
        let notional = -leg.quantity.raw() as f64 * (book.unit_notional(leg) + fixed);
        (notional * 2f64.powi(-33)) as i64 + 2
    };
    shorts.map(error).sum()
}

#[test]
fn standard_laws_on_random_books() {
    let mut random = Random(304);
    let mut compared = 0;
    for _ in 0..1_000 {
        let mut book = random_whole_book(&mut random, &Shape::USUAL);
        book.stable_price = None; // whose charge no leg by itself has
        let table = book.table();
        let market = book.market(table.set().unwrap());
        let Ok(risk) = standard_market(&market, &book.positions, &StandardParams::MAJOR) else {
            continue;
        };
        compared += 1;
        // INV-07, and never more than each leg by itself, but for what the marks of shorts can be wrong by
        assert!(risk.maintenance.raw() >= 0 && risk.maintenance <= risk.initial);
        let alone = risk_core::isolated::isolated_margin(
            &market,
            &book.positions,
            &IsolatedParams::INITIAL,
        );
        assert!(
            risk.initial.raw() <= alone.unwrap().raw().max(0) + 2 + mark_errors(&book),
            "{book:?}"
        );
        let mut check = MarginCheck::new(Quote::ZERO);
        check
            .add_standard_market(&market, &book.positions, &StandardParams::MAJOR)
            .unwrap();
        let report = check.finish();
        assert!(report.initial_health <= report.maintenance_health);
        assert_eq!(report.equity, risk.mark);
        assert_eq!(report.initial_margin(), risk.initial);
    }
    assert!(compared > 800, "{compared}");
}

#[test]
fn standard_charges_the_distance_to_the_stable_price_on_net_notional() {
    let initial = |stable: Option<f64>, builder: PortfolioBuilder| {
        let mut book = builder.build();
        book.stable_price = stable.map(price);
        let table = book.table();
        let market = book.market(table.set().unwrap());
        let risk = standard_market(&market, &book.positions, &StandardParams::MAJOR).unwrap();
        (
            risk.maintenance.raw() as f64 / 1e6,
            risk.initial.raw() as f64 / 1e6,
        )
    };
    let long = || market_of().long_perp(2.0, 4e4);
    let (maintenance, at_spot) = initial(Some(5e4), long());
    assert_eq!((maintenance, at_spot), (3_000.0, 4_000.0));
    for stable in [4e4, 6e4] {
        let (same, charged) = initial(Some(stable), long());
        assert_eq!(same, maintenance);
        assert!((charged - at_spot - 20_000.0).abs() < 1e-5, "{charged}");
    }
    // netted over perpetual and future, whatever the options
    let hedged = || long().long_future(30, -1.5, 5e4).long_call(30, 5e4, 1.0);
    let charge = initial(Some(4e4), hedged()).1 - initial(None, hedged()).1;
    assert!((charge - 5_000.0).abs() < 1e-5, "{charge}");
}

#[test]
fn tiers_and_their_minimum() {
    assert_eq!(
        [0, 1, 2].map(Tier::from_code),
        [Some(Tier::Standard), Some(Tier::Portfolio), None]
    );
    let terms = PortfolioTerms {
        minimum_equity: quote(100.0),
    };
    let report = |usd: f64| MarginReport {
        equity: quote(usd),
        ..MarginReport::default()
    };
    assert!(terms.admits(&report(100.0)) && !terms.admits(&report(99.999_999)));
}

#[test]
fn standard_refuses_what_the_portfolio_tier_refuses() {
    let book = PortfolioBuilder::new(5e4)
        .expiry(30, 0.6)
        .long_call(30, 5e4, 1.0)
        .short_put(30, 5e4, 1.0)
        .build();
    let table = book.table();
    let market: Market<'_, Expiry> = book.market(table.set().unwrap());
    let standard =
        |legs: &[Position]| standard_market(&market, legs, &StandardParams::MAJOR).map(|_| ());
    let [call, put] = [book.positions[0], book.positions[1]];
    assert_eq!(standard(&[call, put]), Ok(()));
    for legs in [vec![put, call], vec![call, call]] {
        assert_eq!(standard(&legs), Err(RiskError::Unsorted { index: 1 }));
    }
    let future = Position::future(NOW + 30 * DAY, Quantity::from_raw(1), Quote::ZERO);
    assert_eq!(standard(&[future, call]), Ok(()));
    assert_eq!(
        standard(&[call, future]),
        Err(RiskError::Unsorted { index: 1 })
    );
    let stray = Position::future(NOW + 31 * DAY, Quantity::from_raw(1), Quote::ZERO);
    let expiry = NOW + 31 * DAY;
    assert_eq!(standard(&[stray]), Err(RiskError::UnknownExpiry { expiry }));
}

#[test]
fn standard_charges_no_distance_on_what_a_settlement_average_has_fixed() {
    let charge = |seconds: i64, fixed: f64| {
        let mut book = PortfolioBuilder::new(5e4)
            .expiry(30, 0.6)
            .long_perp(1.0, 5e4)
            .long_future(30, -1.0, 5e4)
            .build();
        book.expiries[0].time = NOW + seconds;
        book.positions[1].expiry = NOW + seconds;
        book.expiries[0].fixed_forward = price(fixed);
        let of = |stable: Option<f64>| {
            let mut book = book.clone();
            book.stable_price = stable.map(price);
            let table = book.table();
            let market = book.market(table.set().unwrap());
            let risk = standard_market(&market, &book.positions, &StandardParams::MAJOR);
            risk.unwrap().initial.raw() as f64 / 1e6
        };
        of(Some(4e4)) - of(None)
    };
    let near = |got: f64, exact: f64| assert!((got - exact).abs() < 1e-3, "{got} is not {exact}");
    // a future that moves with the spot hedges the perpetual; a third of one a third; one that has expired not at all
    near(charge(30 * DAY, 0.0), 0.0);
    near(charge(600, 5e4 / 1.5), 1e4 * 2.0 / 3.0);
    near(charge(0, 5e4), 1e4);
}
