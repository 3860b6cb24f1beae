//! Hand-checked numbers of each term beyond the grid, on both sides of every threshold.

use crate::fixture::{price, quote, ratio, Portfolio, PortfolioBuilder};
use risk_core::margin::{Collateral, MarginCheck};
use risk_core::market::MarketParams;
use risk_core::params::{
    AccountTerms, BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::scan::Worst;
use risk_core::scenario::{Scenario, VolShock, BASIS_WITNESS, FLOOR_WITNESS, MAJOR_SCENARIOS};
use risk_core::{Price, Quantity, Quote, Ratio};

const BASE: Scenario = Scenario::new(VolShock::None, 1_000_000);

/// A spot of 50,000, expiries at 30 and 73 days (a fifth of a year), and the no-move node alone.
pub fn still() -> PortfolioBuilder {
    PortfolioBuilder::new(5e4)
        .expiry(30, 0.6)
        .expiry(73, 0.6)
        .scenarios(&[BASE])
}

pub fn with(params: impl Fn(&mut MarketParams), builder: PortfolioBuilder) -> Portfolio {
    let mut book = builder.build();
    params(&mut book.params);
    book.params.validate().unwrap();
    book
}

pub fn usd(amount: Quote) -> f64 {
    amount.raw() as f64 / 1e6
}

pub fn assert_near(got: Quote, exact: f64, most: f64) {
    assert!(
        (usd(got) - exact).abs() <= most,
        "{} is not {exact}",
        usd(got)
    );
}

const DISCOUNT: StaticDiscountParams = StaticDiscountParams::MAJOR;

#[test]
fn static_discounts_charge_a_book_that_does_not_move() {
    // GIVEN a long call deep in the money, worth 10,000 without a rate, for a fifth of a year
    let long = with(|p| p.discount = DISCOUNT, still().long_call(73, 1.0, 0.2));
    let engine = long.evaluate();
    let mark = usd(engine.risk.mark);
    assert!((mark - 0.2 * 49_999.0).abs() < 1e-3);
    // THEN it counts 0.95 exp(-0.16 x 0.2) of its value: the loss is the rest
    let kept = 0.95 * (-0.16f64 * 0.2).exp();
    assert_near(engine.risk.scan, -mark * (1.0 - kept), 1e-3);
    // AND what is owed is not raised above its undiscounted value: with no rate the mark is that already
    let short = with(|p| p.discount = DISCOUNT, still().short_call(73, 1.0, 0.2));
    assert_eq!(short.evaluate().risk.scan, Quote::ZERO);
}

#[test]
fn what_is_owed_counts_at_most_without_its_discount() {
    // GIVEN a rate of 5 %, a fifth of a year: 1/D = exp(0.01), 1.05 / exp(-0.2 (0.05 + 0.16)) is above it
    let owed = |short_base: f64, add: f64| {
        let book = still().rate(0.05).short_call(73, 1.0, 0.2);
        let book = with(
            |p| {
                p.discount = StaticDiscountParams {
                    short_base: ratio(short_base),
                    short_add: ratio(add),
                    ..StaticDiscountParams::NONE
                }
            },
            book,
        );
        let engine = book.evaluate();
        usd(engine.risk.scan) / usd(engine.risk.mark)
    };
    let most = 0.01f64.exp() - 1.0;
    assert!((owed(1.05, 0.16) - most).abs() < 1e-8);
    // AND below that limit, as the base and the rate say
    assert!((owed(1.001, 0.0) - 0.001).abs() < 1e-8);
    let grown = 1.001 * (0.2f64 * 0.02).exp() - 1.0;
    assert!((owed(1.001, 0.02) - grown).abs() < 1e-8);
}

#[test]
fn a_skew_node_turns_the_smile_and_loses_whatever_its_sign() {
    // GIVEN calls at the money and 20 % above for 30 days, both directions
    let skew = |kind, builder: PortfolioBuilder| {
        let set = [BASE, Scenario::new(kind, 1_000_000)];
        let book = with(|p| p.skew = SkewParams::MAJOR, builder.scenarios(&set));
        book.evaluate().pnl[1]
    };
    for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
        // at the money nothing turns
        assert!(skew(kind, still().long_call(30, 5e4, 1.0)).abs() <= 100);
        let long = skew(kind, still().long_call(30, 6e4, 1.0));
        let short = skew(kind, still().short_call(30, 6e4, 1.0));
        assert!(
            long < -1_000_000 && (long - short).abs() <= 200,
            "{long} {short}"
        );
    }
    // a put below the money: linear lowers its volatility, abs raises it as much as the call's
    let linear = skew(VolShock::SkewLinear, still().long_put(30, 4e4, 1.0));
    let abs = skew(VolShock::SkewAbs, still().long_put(30, 4e4, 1.0));
    assert!(abs < linear && linear < -1_000_000, "{abs} {linear}");
    // damped like any other scenario
    let set = [
        BASE,
        Scenario {
            damping: 250_000,
            ..Scenario::new(VolShock::SkewAbs, 1_000_000)
        },
    ];
    let book = still().scenarios(&set).long_put(30, 4e4, 1.0);
    let damped = with(|p| p.skew = SkewParams::MAJOR, book).evaluate().pnl[1];
    assert!((damped * 4 - abs).abs() <= 400, "{damped} {abs}");
}

#[test]
fn inv_10_with_skew_and_floors_long_options_lose_at_most_their_mark() {
    // GIVEN a far wing whose value would multiply under the lifted smile
    let mut book = PortfolioBuilder::new(5e4)
        .expiry(30, 0.4)
        .long_put(30, 25e3, 1_000.0)
        .build();
    book.scenarios = MAJOR_SCENARIOS.to_vec();
    book.params = MarketParams {
        confidence: ConfidenceParams::NONE,
        ..MarketParams::BTC
    };
    let engine = book.evaluate();
    assert!(
        engine.pnl[32] < -engine.risk.mark.raw(),
        "the skew node alone would take more"
    );
    assert_eq!(engine.risk.scan.raw(), -engine.risk.mark.raw());
    // AND with a short option next to it the whole loss counts
    let mut sold = PortfolioBuilder::new(5e4)
        .expiry(30, 0.4)
        .long_put(30, 25e3, 1_000.0)
        .short_put(30, 24e3, 1e-6)
        .build();
    (sold.scenarios, sold.params) = (book.scenarios.clone(), book.params);
    assert!(sold.evaluate().risk.scan < engine.risk.scan);
}

#[test]
fn the_basis_floor_is_the_loss_of_a_forward_that_moves_alone() {
    let floor = |builder: PortfolioBuilder| {
        let engine = with(|p| p.basis = BasisParams::MAJOR, builder).evaluate();
        assert_eq!(engine.risk.scan, engine.risk.basis_floor);
        engine.risk
    };
    // GIVEN a synthetic long forward hedged with a perpetual: no scenario loses, for there is none but the base
    let synthetic = || still().long_call(73, 5e4, 2.0).short_put(73, 5e4, 2.0);
    let risk = floor(synthetic().short_perp(2.0, 5e4));
    // THEN 4.5 % of 100,000 times 0.5 + 2 x 0.2
    assert_near(risk.scan, -0.045 * 100_000.0 * 0.9, 2e-3);
    assert_eq!(
        (risk.worst(), risk.worst_scenario),
        (Worst::Basis, BASIS_WITNESS)
    );
    // the other direction alike, and a future is a forward too
    assert_near(
        floor(still().short_call(73, 5e4, 2.0).long_put(73, 5e4, 2.0)).scan,
        -4_050.0,
        2e-3,
    );
    assert_near(
        floor(still().long_future(73, 2.0, 5e4)).scan,
        -4_050.0,
        2e-3,
    );
    // hedged by a future of the same expiry nothing is left but the grid's error; of another expiry each is charged
    let hedged = floor(synthetic().long_future(73, -2.0, 5e4));
    assert!(usd(hedged.scan) > -0.01 && usd(hedged.scan) <= 0.0);
    let across = floor(synthetic().long_future(30, -2.0, 5e4));
    let near = 0.045 * 100_000.0 * (0.5 + 2.0 * 30.0 / 365.0);
    assert_near(across.scan, -4_050.0 - near, 1e-2);
    // a perpetual has no basis floor
    let perp = with(
        |p| p.basis = BasisParams::MAJOR,
        still().long_perp(1.0, 5e4),
    )
    .evaluate();
    assert_eq!(
        (perp.risk.basis_floor, perp.risk.worst()),
        (Quote::ZERO, Worst::Nothing)
    );
}

#[test]
fn the_basis_nodes_give_the_same_floor_in_the_set_and_beside_it() {
    let book = |set: &[Scenario]| {
        let book = PortfolioBuilder::new(5e4)
            .expiry(73, 0.6)
            .expiry(20, 0.7)
            .scenarios(set);
        let book = book
            .long_call(73, 52e3, 2.0)
            .short_put(73, 49e3, 1.5)
            .short_call(20, 5e4, 0.7);
        with(|p| p.basis = BasisParams::MAJOR, book).evaluate()
    };
    let node = |spot| Scenario::new(VolShock::None, spot);
    let (down, up) = (node(955_000), node(1_045_000));
    let both = book(&[down, BASE, up]);
    for set in [
        &[BASE][..],
        &[down, BASE],
        &[BASE, up],
        &[node(900_000), BASE, node(1_100_000)],
    ] {
        let engine = book(set);
        // a logarithm is that of 1e-6 in the set and of Q30 beside it
        let off = engine.risk.basis_floor.raw() - both.risk.basis_floor.raw();
        // and the grid's error counts times the reach of the set
        assert!(off.abs() <= 400, "{off}");
        assert_eq!(engine.risk.mark, both.risk.mark);
        assert!(engine.pnl[set.len()..].iter().all(|pnl| *pnl == 0));
    }
}

#[test]
fn the_minimum_delta_takes_shares_of_what_is_left_and_of_what_is_hedged() {
    let floor = |net: f64, hedged: f64, builder: PortfolioBuilder| {
        let params = MinDeltaParams {
            net: ratio(net),
            hedged: ratio(hedged),
        };
        with(|p| p.min_delta = params, builder).evaluate().risk
    };
    // GIVEN 3 perpetuals long, 2 futures short THEN 1 left and 2 hedged, 50,000 each
    let book = || still().long_perp(3.0, 5e4).long_future(30, -2.0, 5e4);
    let risk = floor(0.02, 0.005, book());
    assert_near(risk.scan, -(0.02 * 50_000.0 + 0.005 * 100_000.0), 1e-6);
    assert_eq!(
        (risk.worst(), risk.worst_scenario),
        (Worst::MinDelta, FLOOR_WITNESS)
    );
    assert_eq!(risk.net_delta, quote(50_000.0));
    assert_near(floor(0.02, 0.0, book()).scan, -1_000.0, 1e-6);
    assert_near(floor(0.0, 0.005, book()).scan, -500.0, 1e-6);
    assert_eq!(floor(0.0, 0.0, book()).scan, Quote::ZERO);
    // options far in the money are forwards: a call up, a put down
    let options = still().long_call(30, 1.0, 3.0).long_put(30, 1e6, 2.0);
    assert_near(floor(0.02, 0.005, options).min_delta_floor, -1_500.0, 0.05);
    // collateral that offsets is a delta like any other
    let mut covered = with(
        |p| {
            p.min_delta = MinDeltaParams {
                net: ratio(0.02),
                hedged: ratio(0.005),
            }
        },
        still().long_future(30, -2.0, 5e4),
    );
    covered.offset = Quantity::from_raw(3_000_000);
    assert_near(covered.evaluate().risk.min_delta_floor, -1_500.0, 1e-6);
}

const DOUBT: ConfidenceParams = ConfidenceParams::MAJOR;

#[test]
fn confidence_below_the_threshold_charges_what_is_missing_to_certainty() {
    let charge = |spot: f64, perp: f64, listed: f64, builder: PortfolioBuilder| {
        let mut book = with(|p| p.confidence = DOUBT, builder);
        (book.spot_confidence, book.perp_confidence) = (ratio(spot), ratio(perp));
        book.expiries[0].confidence = ratio(listed);
        let risk = book.evaluate().risk;
        assert_eq!(
            risk.contingencies.option_initial.raw(),
            risk.contingency_initial.raw()
                - risk.contingencies.confidence.raw()
                - risk.contingencies.perp_initial.raw()
        );
        usd(risk.contingencies.confidence)
    };
    let call = || still().short_call(30, 5e4, 2.0);
    // threshold 0.55: at it nothing, a unit below 45 % of 100,000 and a little
    assert_eq!(charge(1.0, 1.0, 0.55, call()), 0.0);
    assert!((charge(1.0, 1.0, 0.549_999, call()) - 45_000.1).abs() < 1e-5);
    assert_eq!(charge(1.0, 1.0, 0.2, call()), 80_000.0);
    // the least of spot's and the expiry's; the perpetual's only where one is held
    assert_eq!(charge(0.4, 1.0, 0.5, call()), 60_000.0);
    assert_eq!(charge(1.0, 0.0, 1.0, call()), 0.0);
    assert_eq!(
        charge(1.0, 0.25, 0.5, call().long_perp(1.0, 5e4)),
        75_000.0 + 37_500.0
    );
    // sizes count by magnitude, futures with options; another expiry is not touched
    let book = call()
        .long_put(30, 4e4, 1.0)
        .long_future(30, -1.0, 5e4)
        .long_call(73, 5e4, 9.0);
    assert_eq!(charge(1.0, 1.0, 0.5, book), 100_000.0);
}

#[test]
fn lower_confidence_never_raises_health() {
    let mut previous = None;
    for confidence in (0..=100).rev() {
        let mut book = with(
            |p| p.confidence = DOUBT,
            still().short_call(30, 5e4, 2.0).long_perp(0.5, 5e4),
        );
        book.spot_confidence = ratio(f64::from(confidence) / 100.0);
        let report = book.report();
        if let Some((initial, maintenance)) = previous {
            assert!(report.initial_health <= initial && report.maintenance_health == maintenance);
        }
        previous = Some((report.initial_health, report.maintenance_health));
    }
}

#[test]
fn collateral_of_uncertain_price_is_charged_by_the_terms_of_the_account() {
    let report = |confidence: f64, terms: &AccountTerms| {
        let mut check = MarginCheck::with_terms(Quote::ZERO, terms).unwrap();
        let collateral = Collateral {
            value: quote(1_000.0),
            confidence: ratio(confidence),
            ..Collateral::PLAIN
        };
        check.add_collateral(&collateral).unwrap();
        check.finish()
    };
    for (confidence, charged) in [(1.0, 0.0), (0.55, 0.0), (0.54, 460.0), (0.0, 1_000.0)] {
        let report = report(confidence, &AccountTerms::MAJOR);
        assert_eq!(report.contingencies.confidence, quote(charged));
        assert_eq!(report.initial_health, quote(1_000.0 - charged));
        assert_eq!(report.maintenance_health, quote(1_000.0));
    }
    assert_eq!(
        report(0.0, &AccountTerms::PLAIN).initial_health,
        quote(1_000.0)
    );
}

#[test]
fn a_quote_asset_below_its_peg_raises_the_initial_scan_factor() {
    let terms = |usd: f64| AccountTerms {
        quote_price: price(usd),
        ..AccountTerms::MAJOR
    };
    // 0.99 x 4: at 0.98 four hundredths
    for (quoted, add) in [
        (1.0, 0),
        (0.99, 0),
        (0.989_999, 4),
        (0.98, 40_000),
        (0.5, 1_960_000),
    ] {
        assert_eq!(
            terms(quoted).peg_add(),
            Ok(Ratio::from_raw(add)),
            "{quoted}"
        );
    }
    let book = PortfolioBuilder::new(5e4).long_perp(1.0, 5e4).build();
    let report = |usd: f64| {
        let mut check = MarginCheck::with_terms(quote(20_000.0), &terms(usd)).unwrap();
        let table = book.table();
        check
            .add_market(
                &book.market(table.set().unwrap()),
                &book.positions,
                &mut [0; 40],
            )
            .unwrap();
        check.finish()
    };
    let (pegged, off) = (report(1.0), report(0.98));
    assert_near(
        off.initial_health,
        usd(pegged.initial_health) - 9_000.0 * 0.04,
        1e-3,
    );
    assert_eq!(off.maintenance_health, pegged.maintenance_health);
    assert_eq!(off.peg_add, ratio(0.04));
    // a value in dollars is more of a quote asset that is worth less
    assert_eq!(terms(0.5).in_quote(quote(10.0)), Ok(quote(20.0)));
    assert_eq!(terms(1.0).in_quote(quote(-3.0)), Ok(quote(-3.0)));
}

#[test]
fn the_distance_to_the_stable_price_is_charged_on_the_net_delta() {
    let charge = |stable: Option<Price>, builder: PortfolioBuilder| {
        let mut book = builder.build();
        book.stable_price = stable;
        let report = book.report();
        (
            usd(report.contingencies.stable_price),
            usd(report.maintenance_health),
        )
    };
    let book = || still().long_perp(2.0, 5e4);
    let (none, health) = charge(None, book());
    assert_eq!(none, 0.0);
    assert_eq!(charge(Some(price(5e4)), book()).0, 0.0);
    for stable in [47_500.0, 52_500.0] {
        assert_eq!(charge(Some(price(stable)), book()), (5_000.0, health));
        assert_eq!(
            charge(Some(price(stable)), still().short_perp(2.0, 5e4)).0,
            5_000.0
        );
    }
    // what is hedged pays nothing
    assert_eq!(
        charge(Some(price(4e4)), book().long_future(30, -2.0, 5e4)).0,
        0.0
    );
}

#[test]
fn concentration_grows_from_its_threshold_to_its_cap() {
    let params = ConcentrationParams {
        threshold: quote(100.0),
        full: quote(300.0),
        cap: ratio(0.2),
    };
    for (exposure, charged) in [
        (0.0, 0.0),
        (100.0, 0.0),
        (100.000_001, 0.000_001),
        (200.0, 0.1 * 200.0),
        (250.0, 0.15 * 250.0),
        (300.0, 60.0),
        (1_000.0, 200.0),
    ] {
        assert_eq!(
            params.charge(quote(exposure)),
            Ok(quote(charged)),
            "{exposure}"
        );
    }
    let step = ConcentrationParams {
        full: quote(100.0),
        ..params
    };
    assert_eq!(step.charge(quote(100.0)), Ok(Quote::ZERO));
    assert_eq!(step.charge(quote(101.0)), Ok(quote(20.2)));
    assert_eq!(
        ConcentrationParams::NONE.charge(Quote::from_raw(i64::MAX)),
        Ok(Quote::ZERO)
    );
}

#[test]
fn netting_sets_what_concentration_charges() {
    let limits = |p: &mut MarketParams| {
        p.concentration_delta = ConcentrationParams {
            threshold: quote(1e5),
            full: quote(3e5),
            cap: ratio(0.2),
        };
        p.concentration_vega = ConcentrationParams {
            threshold: quote(1e3),
            full: quote(3e3),
            cap: ratio(10.0),
        };
    };
    let charges = |builder| with(limits, builder).evaluate().risk.contingencies;
    // 200,000 of delta: half of the way, a tenth of it
    assert_eq!(
        charges(still().long_perp(4.0, 5e4)).concentration_delta,
        quote(20_000.0)
    );
    // a hedged book of any size pays nothing
    let hedged = charges(
        still()
            .long_perp(4_000.0, 5e4)
            .long_future(30, -4_000.0, 5e4),
    );
    assert_eq!(hedged.concentration_delta, Quote::ZERO);
    // vega at the money: F sqrt(tau) n(d1) / 100 a point; a straddle's is twice that
    let tau = 73.0 / 365.0_f64;
    let d1 = 0.3 * tau.sqrt();
    let unit =
        5e4 * tau.sqrt() * (-0.5 * d1 * d1).exp() / (2.0 * std::f64::consts::PI).sqrt() / 100.0;
    let sold = charges(still().short_call(73, 5e4, 10.0).short_put(73, 5e4, 10.0));
    let vega = 20.0 * unit;
    let exact = vega * 10.0 * ((vega - 1_000.0) / 2_000.0);
    assert!(vega > 1_500.0 && vega < 2_500.0);
    assert_near(sold.concentration_vega, exact, 1e-2);
    // calls against puts of one strike cancel
    let reversal = charges(still().short_call(73, 5e4, 10.0).long_put(73, 5e4, 10.0));
    assert_eq!(reversal.concentration_vega, Quote::ZERO);
}
