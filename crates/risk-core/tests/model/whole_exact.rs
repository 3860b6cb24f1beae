//! Random books under the whole model against its reference: every scenario, floors, charges, and that no health is above the
//! exact one.

use crate::exact_whole::Whole;
use crate::fixture::{
    log_between, one_in, random_book, random_scenarios, ratio, Evaluation, Portfolio, Shape, NOW,
};
use crate::support::{Random, Worst};
use risk_core::market::MarketParams;
use risk_core::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::position::Position;
use risk_core::scenario::{Scenario, VolShock, MAX_SCENARIOS};
use risk_core::{Price, Quantity, Quote, Ratio};

const BOOKS: usize = 6_000;

/// A share in `[low, high]`, at the ends as often as between them.
fn between(random: &mut Random, low: f64, high: f64) -> Ratio {
    let any = random.between(low, high);
    ratio([any, any, any, low, high][random.bits() as usize % 5])
}

fn random_skew(random: &mut Random) -> SkewParams {
    let mut cap = || {
        let base = random.between(0.001, 1.0);
        let least = -base / 2.1; // positive at four years
        (ratio(base), between(random, least, 1.0))
    };
    let ((linear_base, linear_slope), (abs_base, abs_slope)) = (cap(), cap());
    SkewParams {
        linear_base,
        linear_slope,
        abs_base,
        abs_slope,
        min_k: between(random, 0.002, 0.1),
        width: between(random, 0.0, 6.0),
        fixed: between(random, 0.0, 1.0),
        scale: between(random, 0.0, 1.0),
    }
}

fn random_concentration(random: &mut Random, gross: f64, cap: f64) -> ConcentrationParams {
    let threshold = gross * log_between(random, 1e-4, 1.0);
    ConcentrationParams {
        threshold: Quote::from_raw(threshold as i64),
        full: Quote::from_raw((threshold * log_between(random, 1.01, 10.0)) as i64 + 1),
        cap: between(random, 0.0, cap),
    }
}

/// Any parameters that validate, each term present or not.
pub fn random_terms(random: &mut Random, gross: f64) -> MarketParams {
    let preset =
        [MarketParams::BTC, MarketParams::ETH, MarketParams::SOL][random.bits() as usize % 3];
    let mut params = preset;
    if one_in(random, 2) {
        params.skew = random_skew(random);
    }
    if one_in(random, 2) {
        params.discount = StaticDiscountParams {
            long_base: between(random, 0.5, 1.0),
            long_multiplier: between(random, 0.0, 10.0),
            long_add: between(random, 0.0, 2.0),
            short_base: between(random, 1.0, 2.0),
            short_multiplier: between(random, 0.0, 10.0),
            short_add: between(random, 0.0, 2.0),
        };
    }
    if one_in(random, 2) {
        params.basis = BasisParams {
            up: between(random, 1.0, 1.5),
            down: between(random, 0.5, 1.0),
            add: between(random, 0.0, 4.0),
            multiplier: between(random, 0.0, 4.0),
        };
    }
    if one_in(random, 2) {
        params.min_delta = MinDeltaParams {
            net: between(random, 0.0, 1.0),
            hedged: between(random, 0.0, 1.0),
        };
    }
    if one_in(random, 2) {
        params.confidence = ConfidenceParams {
            threshold: between(random, 0.0, 1.0),
            factor: between(random, 0.0, 2.0),
        };
    }
    params.concentration_delta = random_concentration(random, gross, 1.0);
    params.concentration_vega = random_concentration(random, gross / 100.0, 100.0);
    params.validate().unwrap();
    params
}

/// A set with both skew nodes.
pub fn random_whole_scenarios(random: &mut Random) -> Vec<Scenario> {
    let mut set = random_scenarios(random);
    set.truncate(MAX_SCENARIOS - 2);
    if !set.contains(&Scenario::new(VolShock::None, 1_000_000)) {
        set.push(Scenario::new(VolShock::None, 1_000_000));
        set.sort_by_key(|s| (s.vol, s.spot));
        set.truncate(MAX_SCENARIOS - 2);
    }
    for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
        let damping = (between(random, 0.1, 1.0).raw()) as u32;
        set.push(Scenario {
            damping,
            ..Scenario::new(kind, 1_000_000)
        });
    }
    set
}

/// A random book with futures, collateral that offsets, uncertain inputs and an expiry that may be settling.
pub fn random_whole_book(random: &mut Random, shape: &Shape) -> Portfolio {
    let mut book = random_book(random, shape);
    let gross = book.gross_notional();
    book.params = random_terms(random, gross);
    book.scenarios = match random.bits() % 3 {
        0 => risk_core::scenario::MAJOR_SCENARIOS.to_vec(),
        1 => risk_core::scenario::WIDE_SCENARIOS.to_vec(),
        _ => random_whole_scenarios(random),
    };
    // a market lists an expiry once
    let mut listed = std::collections::BTreeSet::new();
    book.expiries.retain(|expiry| listed.insert(expiry.time));
    let spot = book.spot.raw() as f64;
    let units = |random: &mut Random| {
        let size = gross * random.between(-1.0, 1.0) / (spot / 1e8);
        Quantity::from_raw(size as i64)
    };
    for listed in &mut book.expiries {
        listed.confidence = between(random, 0.0, 1.0);
        if one_in(random, 3) {
            listed.forward_price = Some(listed.forward(book.spot).unwrap());
        }
        if listed.time - NOW <= 1_800 && one_in(random, 2) {
            let most = if listed.forward_price.is_some() {
                1.0
            } else {
                1.3
            };
            let fixed =
                listed.forward(book.spot).unwrap().raw() as f64 * random.between(0.01, most);
            listed.fixed_forward = Price::from_raw((fixed as u64).max(1));
        }
    }
    for listed in &book.expiries {
        if one_in(random, 3) {
            let quantity = units(random);
            let cost = quantity.notional(book.spot).unwrap();
            book.positions
                .push(Position::future(listed.time, quantity, cost));
        }
    }
    if one_in(random, 3) {
        book.offset = Quantity::from_raw(units(random).raw().abs());
    }
    if one_in(random, 2) {
        book.stable_price = Some(Price::from_raw(
            (spot * random.between(0.7, 1.3)) as u64 + 1,
        ));
    }
    book.spot_confidence = between(random, 0.3, 1.0);
    book.perp_confidence = between(random, 0.0, 1.0);
    book.normalise();
    book
}

fn books(seed: u64) -> impl Iterator<Item = (Portfolio, Evaluation)> {
    let mut random = Random(seed);
    std::iter::repeat_with(move || random_whole_book(&mut random, &Shape::ANY))
        .filter_map(|book| book.try_evaluate().ok().map(|engine| (book, engine)))
        .take(BOOKS)
}

fn describe(book: &Portfolio) -> String {
    format!("{book:?}")
}

/// What a settling expiry may be wrong by beyond others: 2^-28 of what it holds.
fn settling(book: &Portfolio) -> f64 {
    let is_settling = book
        .expiries
        .iter()
        .any(|listed| listed.fixed_forward.raw() > 0);
    f64::from(u8::from(is_settling)) * 4e-9
}

#[test]
fn every_scenario_of_the_whole_model_is_within_1e9_of_gross_notional() {
    let mut worst = Worst::new("whole model: PnL / gross");
    let mut settled = Worst::new("whole model, settling: PnL / gross");
    let mut marks = Worst::new("whole model: mark / gross");
    for (book, engine) in books(201) {
        let exact = Whole::new(&book);
        let offset = book.offset.notional(book.spot).unwrap().raw() as f64;
        let gross = (engine.risk.gross_notional.raw() as f64 + offset).max(1.0);
        let beyond = |error: f64| (error.abs() - book.rounding_units() - 8.0).max(0.0) / gross;
        marks.see(beyond(engine.risk.mark.raw() as f64 - exact.mark), || {
            describe(&book)
        });
        for (index, node) in book.scenarios.iter().enumerate() {
            let reach = f64::from(node.spot).max(1e6) / 1e6;
            let error = (engine.pnl[index] as f64 - exact.pnl[index]) / reach;
            let worst = if settling(&book) > 0.0 {
                &mut settled
            } else {
                &mut worst
            };
            worst.see(beyond(error), || format!("{node:?} {book:?}"));
        }
    }
    worst.at_most(1e-9);
    settled.at_most(2e-9);
    marks.at_most(1e-9);
}

#[test]
fn the_cushion_covers_every_term() {
    let mut unsafe_scan = Worst::new("whole model: unsafe / cushion");
    let mut floors = Worst::new("whole model: floor above exact / gross");
    for (book, engine) in books(202) {
        let exact = Whole::new(&book);
        let cushion = engine.risk.contingencies.cushion.raw() as f64;
        let short = (engine.risk.scan.raw() as f64 - exact.scan).max(0.0);
        unsafe_scan.see(short / cushion.max(1.0), || describe(&book));
        // floors carry their own error: they are never above the exact ones
        let gross = engine.risk.gross_notional.raw() as f64 + 1.0;
        for (got, exact) in [
            (engine.risk.basis_floor, exact.basis),
            (engine.risk.min_delta_floor, exact.min_delta),
        ] {
            let above = got.raw() as f64 - exact - 4.0;
            floors.see(above.max(0.0) / gross, || describe(&book));
        }
    }
    unsafe_scan.at_most(1.0);
    floors.at_most(0.0);
}

#[test]
fn floors_are_close_to_the_exact_ones() {
    let mut basis = Worst::new("basis below exact / cushion x factor");
    let mut delta = Worst::new("min delta below exact / gross");
    let mut net = Worst::new("net delta / gross");
    for (book, engine) in books(203) {
        let exact = Whole::new(&book);
        let gross = engine.risk.gross_notional.raw() as f64 + 1.0;
        let cushion = engine.risk.contingencies.cushion.raw() as f64 + 8.0;
        // the factor is rounded up to 1e-6
        let below = exact.basis - engine.risk.basis_floor.raw() as f64;
        let most = 20.0 * cushion + 1e-6 * gross;
        basis.see(below.max(0.0) / most, || describe(&book));
        let units = 8.0 * book.rounding_units();
        let below = exact.min_delta - engine.risk.min_delta_floor.raw() as f64 - units;
        delta.see(below.max(0.0) / gross, || describe(&book));
        let off = (engine.risk.net_delta.raw() as f64 - exact.net_delta).abs() - units;
        net.see(off.max(0.0) / gross, || describe(&book));
    }
    basis.at_most(1.0);
    delta.at_most(2e-4); // 2^-14 of an expiry whose options have standard deviations of 16
    net.at_most(1e-6);
}

#[test]
fn no_health_is_above_the_exact_one() {
    let mut above = Worst::new("whole model: health above exact / gross");
    let mut order = 0;
    for (book, engine) in books(204) {
        let exact = Whole::new(&book).healths(&book);
        let gross = engine.risk.gross_notional.raw() as f64 + 1.0;
        let report = engine.report;
        for (got, exact) in [report.maintenance_health, report.initial_health]
            .into_iter()
            .zip(exact)
        {
            let over = got.raw() as f64 - exact;
            above.see(over.max(0.0) / gross, || describe(&book));
        }
        // INV-07
        assert!(
            report.initial_health <= report.maintenance_health,
            "{book:?}"
        );
        order += usize::from(report.initial_health < report.maintenance_health);
    }
    assert!(order > BOOKS / 2);
    above.at_most(0.0);
}

#[test]
fn charges_are_the_exact_ones_to_the_errors_of_the_greeks() {
    let mut worst = Worst::new("initial charges off / gross");
    for (book, engine) in books(205) {
        let exact = Whole::new(&book);
        let gross = engine.risk.gross_notional.raw() as f64 + 1.0;
        let off = engine.risk.contingency_initial.raw() as f64 - exact.charges[1];
        // amounts are truncated before shares of up to 2.0 are taken of them, once per expiry and for the perpetual
        assert!(off >= -16.0, "{off} {book:?}");
        // an error e of an exposure x counts up to twice, by the charge's slope, times its cap of at most 100 points
        let beyond = (off - 2_000.0 * book.rounding_units()).max(0.0);
        worst.see(beyond / gross, || describe(&book));
    }
    worst.at_most(1e-5);
}
