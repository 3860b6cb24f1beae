//! Every scenario of random books against the reference model, and the cushion against the error that it must cover.

use crate::exact::{shocked, Exact, Terms};
use crate::fixture::{
    random_book, random_scenarios, Evaluation, Portfolio, PortfolioBuilder, Shape, NO_CHARGES,
};
use crate::support::{Random, Worst};
use risk_core::black76::{self, Black76Inputs, OptionType};
use risk_core::position::{Instrument, Position};
use risk_core::scenario::Scenario;

const BOOKS: usize = 6_000;

/// Books whose gross notional is within the limit, evaluated.
fn books(seed: u64, shape: Shape) -> impl Iterator<Item = (Portfolio, Evaluation)> {
    let mut random = Random(seed);
    std::iter::repeat_with(move || random_book(&mut random, &shape))
        .filter_map(|book| book.try_evaluate().ok().map(|engine| (book, engine)))
        .take(BOOKS)
}

fn reach(scenario: &Scenario) -> f64 {
    f64::from(scenario.spot).max(1e6) / 1e6
}

fn describe(book: &Portfolio, index: usize) -> String {
    let (node, legs) = (book.scenarios[index], book.positions.len());
    let gross = book.gross_notional() / 1e6;
    format!(
        "{node:?}, {legs} legs, {gross:.2} USD, first {:?}",
        book.positions[0]
    )
}

#[test]
fn every_scenario_is_within_1e9_of_gross_notional() {
    // GIVEN random books of up to 40 options in up to 4 expiries, and a perpetual in half of them
    let mut undamped = Worst::new("PnL / gross, undamped nodes");
    let mut damped = Worst::new("PnL / (gross x spot), damped");
    for (book, engine) in books(11, Shape::ANY) {
        let exact = Exact::new(&book);
        let gross = book.gross_notional().max(1.0);
        // WHEN each node is compared with the reference, beyond the rounding to native units
        for (index, node) in book.scenarios.iter().enumerate() {
            let error = (engine.pnl[index] as f64 - exact.pnl[index]).abs();
            let beyond = (error - book.rounding_units() * reach(node)).max(0.0) / gross;
            if node.damping == 1_000_000 {
                undamped.see(beyond, || describe(&book, index));
            } else {
                damped.see(beyond / reach(node), || describe(&book, index));
            }
        }
    }
    // THEN 1e-9 of gross notional holds; 2^-30 of damping is applied to the undamped PnL
    undamped.at_most(1e-9);
    damped.at_most(1e-9);
}

#[test]
fn the_largest_portfolio_is_priced_like_any_other() {
    // GIVEN 128 options with alternating sides in one expiry and in four
    let mut worst = Worst::new("128 options: PnL / gross");
    for expiries in [1, 4] {
        let listed = (1..=expiries).map(|i| 20 * i);
        let builder = listed.fold(PortfolioBuilder::new(60_000.0), |b, days| {
            b.expiry(days, 0.7)
        });
        let book = (0..128).fold(builder, |builder, i| {
            let (days, strike) = (20 * (1 + i % expiries), 30_000.0 + 500.0 * i as f64);
            let units = [3.0, -2.0, 1.5, -4.0][i as usize / 4 % 4];
            builder.long_call(days, strike, units)
        });
        let book = book.build();
        assert_eq!(book.positions.len(), 128);
        // WHEN evaluated THEN every node is that of the book
        let (engine, exact) = (book.evaluate(), Exact::new(&book));
        for (index, node) in book.scenarios.iter().enumerate() {
            let error = (engine.pnl[index] as f64 - exact.pnl[index]) / reach(node);
            worst.see(error / book.gross_notional(), || describe(&book, index));
        }
    }
    worst.at_most(1e-9);
}

/// PnL of one option leg under a scenario by the public kernel, from an explicitly shocked forward and volatility.
fn kernel_pnl(book: &Portfolio, leg: &Position, scenario: &Scenario) -> f64 {
    let terms = Terms::new(book, book.expiry_of(leg), leg);
    let value = |forward: f64, std_dev: f64| {
        let unit = black76::price(&Black76Inputs {
            option_type: match leg.instrument {
                Instrument::Call => OptionType::Call,
                _ => OptionType::Put,
            },
            moneyness: ((forward / terms.strike).ln() * 2f64.powi(40)).round() as i64,
            strike_ratio: (terms.strike / forward * 2f64.powi(40)).round() as u64,
            std_dev: (std_dev * 2f64.powi(40)).round() as u64,
            sqrt_tenor: 1,
            tenor: 1,
            rate: 0,
            discount: (terms.discount * 2f64.powi(38)).round() as u64,
        });
        leg.quantity.raw() as f64 * forward * unit as f64 * 2f64.powi(-38)
    };
    let spot = f64::from(scenario.spot) / 1e6;
    let std_dev = shocked(&book.params.vol, scenario.vol, terms.std_dev, terms.seconds);
    let change = value(terms.forward * spot, std_dev) - value(terms.forward, terms.std_dev);
    change * f64::from(scenario.damping) / 1e6
}

#[test]
fn case_51_every_scenario_is_the_sum_of_the_options_repriced_by_black76() {
    // GIVEN random option books
    let shape = Shape {
        perp: false,
        ..Shape::ANY
    };
    let mut worst = Worst::new("PnL / gross by black76::price");
    for (book, engine) in books(12, shape).take(BOOKS / 2) {
        let gross = book.gross_notional().max(1.0);
        // WHEN every option is priced alone, with its own shocked forward and volatility
        for (index, scenario) in book.scenarios.iter().enumerate() {
            let sum: f64 = book
                .positions
                .iter()
                .map(|leg| kernel_pnl(&book, leg, scenario))
                .sum();
            let error = (engine.pnl[index] as f64 - sum).abs() / reach(scenario);
            let beyond = (error - book.rounding_units()).max(0.0);
            worst.see(beyond / gross, || describe(&book, index));
        }
    }
    // THEN the factorised grid gives the same sums
    worst.at_most(1e-9);
}

#[test]
fn the_cushion_covers_the_error_of_the_scan() {
    // GIVEN books under parameters without charges, so that the contingency is the cushion alone
    let mut random = Random(13);
    let mut shipped = Worst::new("unsafe / cushion, shipped sets");
    let mut any = Worst::new("unsafe / cushion, any set");
    for round in 0..2 * BOOKS {
        let mut book = random_book(&mut random, &[Shape::ANY, Shape::ONE_OPTION][round % 2]);
        book.params = NO_CHARGES;
        let any_set = round % 4 < 2;
        if any_set {
            book.scenarios = random_scenarios(&mut random);
        }
        let Ok(engine) = book.try_evaluate() else {
            continue;
        };
        let exact = Exact::new(&book);
        let short = (engine.risk.scan.raw() as f64 - exact.scan()).max(0.0);
        let cushion = engine.risk.contingency_maintenance.raw() as f64;
        assert!(cushion > 0.0, "{book:?}");
        let place = || describe(&book, engine.risk.worst_scenario.into());
        let worst = if any_set { &mut any } else { &mut shipped };
        worst.see(short / cushion, place);
    }
    // THEN the loss is never understated beyond it
    shipped.at_most(1.0);
    any.at_most(1.0);
}

/// Both healths by the book, native units: no cushion, no rounding.
fn exact_healths(book: &Portfolio, exact: &Exact) -> [f64; 2] {
    let share = |ratio: risk_core::Ratio| ratio.raw() as f64 / 1e6;
    let spot = book.spot.raw() as f64 / 1e8;
    let (mut perp, mut naked) = (0.0, 0.0);
    let mut at_strike = std::collections::BTreeMap::new();
    for leg in &book.positions {
        if leg.instrument == Instrument::Perpetual {
            perp += leg.quantity.raw().unsigned_abs() as f64 * spot;
        } else {
            *at_strike.entry((leg.expiry, leg.strike)).or_insert(0) += leg.quantity.raw();
        }
    }
    for net in at_strike.values() {
        naked += (-net).max(0) as f64 * spot;
    }
    let params = &book.params;
    let maintenance =
        perp * share(params.perp_maintenance) + naked * share(params.option_maintenance);
    let initial = perp * share(params.perp_initial) + naked * share(params.option_initial);
    let equity = exact.mark + book.cash.raw() as f64;
    [
        equity + exact.scan() * share(params.scan_maintenance) - maintenance,
        equity + exact.scan() * share(params.scan_initial) - maintenance - initial,
    ]
}

/// The cushion of a book: its contingency under parameters without charges.
fn cushion(book: &Portfolio) -> f64 {
    let mut free = book.clone();
    free.params = NO_CHARGES;
    free.evaluate().risk.contingency_maintenance.raw() as f64
}

#[test]
fn health_is_never_above_the_exact_one() {
    // GIVEN random books under the shipped parameters
    let mut above = Worst::new("health above exact / gross");
    let mut below = Worst::new("below, beyond cushion / gross");
    for (book, engine) in books(14, Shape::ANY) {
        let exact = exact_healths(&book, &Exact::new(&book));
        let gross = book.gross_notional().max(1.0);
        let least = cushion(&book) + 2.0 * book.rounding_units();
        let report = engine.report;
        // WHEN both healths are compared with the exact ones
        let healths = [report.maintenance_health, report.initial_health];
        for (got, exact) in healths.into_iter().zip(exact) {
            let over = got.raw() as f64 - exact;
            above.see(over.max(0.0) / gross, || describe(&book, 0));
            below.see((-over - least).max(0.0) / gross, || describe(&book, 0));
        }
    }
    // THEN rounding is always against the account, and by no more than the cushion and the damping of a tail (5 x 2^-30)
    above.at_most(0.0);
    below.at_most(6e-9);
}
