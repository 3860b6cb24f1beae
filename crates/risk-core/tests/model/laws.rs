//! Laws of the requirement: order of the healths, monotonicity, scaling, merging, and closed-form worst cases.

use crate::fixture::{
    log_between, random_book, random_scenarios, Portfolio, PortfolioBuilder, Shape, NO_CHARGES,
};
use crate::support::Random;
use risk_core::margin::Collateral;
use risk_core::market::{MarketParams, VolShockParams};
use risk_core::position::Instrument;
use risk_core::{Quantity, Quote, Ratio};

const BOOKS: usize = 2_000;

/// The cushion of a book: its contingency under parameters without charges.
fn cushion(book: &Portfolio) -> i64 {
    let mut free = book.clone();
    free.params = NO_CHARGES;
    free.evaluate().risk.contingency_maintenance.raw()
}

/// Any parameters that validate.
fn random_params(random: &mut Random) -> MarketParams {
    let mut share = |least: i64, most: i64| {
        let any = least + (random.bits() % (most - least + 1) as u64) as i64;
        Ratio::from_raw([any, any, least, most][random.bits() as usize % 4])
    };
    let scan_initial = share(1_000_000, 3_000_000);
    let mut params = MarketParams {
        vol: VolShockParams {
            range_up: share(0, 5_000_000),
            range_down: share(0, 1_000_000),
            short_power: share(0, 1_000_000),
            long_power: share(0, 1_000_000),
            floor_seconds: share(3_600, 30 * 86_400).raw(),
            min_vol_up: share(0, 5_000_000),
        },
        perp_maintenance: share(0, 1_000_000),
        perp_initial: share(0, 1_000_000),
        option_maintenance: share(0, 1_000_000),
        option_initial: share(0, 1_000_000),
        scan_maintenance: share(500_000, scan_initial.raw()),
        scan_initial,
        ..MarketParams::MAJOR
    };
    // volatility may rise to eight times in all
    while params.validate().is_err() {
        params.vol.range_up = Ratio::from_raw(params.vol.range_up.raw() / 2);
        assert!(params.vol.range_up.raw() > 0);
    }
    params
}

#[test]
fn inv_07_initial_health_is_at_most_maintenance_health() {
    let mut random = Random(31);
    let mut apart = 0;
    for _ in 0..2 * BOOKS {
        // GIVEN any book, parameters, scenarios and collateral that validate
        let mut book = random_book(&mut random, &Shape::ANY);
        book.params = random_params(&mut random);
        book.scenarios = random_scenarios(&mut random);
        book.cash = Quote::from_raw(random.any_signed() / 1_000_000);
        book.collateral.push(Collateral {
            value: Quote::from_raw((random.any() >> 20) as i64),
            haircut_maintenance: Ratio::from_raw((random.bits() % 1_000_001) as i64),
            haircut_initial: Ratio::from_raw((random.bits() % 1_000_001) as i64),
            ..Collateral::PLAIN
        });
        let Ok(engine) = book.try_evaluate() else {
            continue;
        };
        // THEN the healths are ordered, and so are the requirements; the scan is a loss
        let report = engine.report;
        assert!(
            report.initial_health <= report.maintenance_health,
            "{book:?}"
        );
        assert!(report.initial_margin() >= report.maintenance_margin());
        assert!(report.maintenance_margin().raw() >= 0);
        assert!(report.scan.raw() <= 0 && report.contingency_maintenance.raw() >= 0);
        apart += usize::from(report.initial_health < report.maintenance_health);
    }
    assert!(apart > BOOKS, "{apart}");
}

#[test]
fn inv_08_more_cash_raises_health_by_exactly_as_much() {
    let mut random = Random(32);
    for _ in 0..BOOKS {
        let mut book = random_book(&mut random, &Shape::USUAL);
        let before = book.report();
        let more = (random.bits() % 1_000_000_000_000) as i64;
        book.cash = Quote::from_raw(more);
        let after = book.report();
        for (a, b) in [
            (after.initial_health, before.initial_health),
            (after.maintenance_health, before.maintenance_health),
            (after.equity, before.equity),
        ] {
            assert_eq!(a.raw() - b.raw(), more);
        }
        assert_eq!(after.initial_margin(), before.initial_margin());
    }
}

#[test]
fn inv_08_a_book_scaled_by_k_needs_k_times_as_much() {
    let mut random = Random(33);
    let mut compared = 0;
    for _ in 0..BOOKS {
        // GIVEN a book and the same book k times as large
        let book = random_book(&mut random, &Shape::USUAL);
        let k = 2 + (random.bits() % 500) as i64;
        let mut large = book.clone();
        let fits = large.positions.iter_mut().all(|leg| {
            let (quantity, cost) = (leg.quantity.raw(), leg.cost.raw());
            leg.quantity = Quantity::from_raw(quantity.saturating_mul(k));
            leg.cost = Quote::from_raw(cost.saturating_mul(k));
            quantity.checked_mul(k).is_some() && cost.checked_mul(k).is_some()
        });
        if !fits || large.try_evaluate().is_err() {
            continue; // beyond the range of sizes or the limit of gross notional
        }
        compared += 1;
        // THEN marks, losses and requirements are k times as large, to the cushions of both
        let slack = (k * cushion(&book) + cushion(&large)) * 2 + 4 * k;
        let (small, large) = (book.report(), large.report());
        for (small, large) in [
            (small.mark, large.mark),
            (small.scan, large.scan),
            (small.initial_margin(), large.initial_margin()),
            (small.maintenance_margin(), large.maintenance_margin()),
        ] {
            let off = (large.raw() - k * small.raw()).abs();
            assert!(off <= slack, "{off} > {slack}, k = {k}: {book:?}");
        }
    }
    assert!(compared > BOOKS / 2, "{compared}");
}

/// Deals each leg of a book to one of two accounts, or splits it between them.
fn deal(random: &mut Random, book: &Portfolio) -> [Portfolio; 2] {
    let mut parts = [book.clone(), book.clone()];
    for index in 0..book.positions.len() {
        let leg = book.positions[index];
        let first = match random.bits() % 4 {
            0 => 0,
            1 => leg.quantity.raw(),
            2 => leg.quantity.raw() / 3,
            // more than there is: the other account holds the opposite side
            _ => leg.quantity.raw() * 3,
        };
        let cost = if leg.instrument == Instrument::Perpetual {
            leg.cost.raw() / 2
        } else {
            0
        };
        let amounts = [
            (first, cost),
            (leg.quantity.raw() - first, leg.cost.raw() - cost),
        ];
        for (part, (quantity, cost)) in parts.iter_mut().zip(amounts) {
            part.positions[index].quantity = Quantity::from_raw(quantity);
            part.positions[index].cost = Quote::from_raw(cost);
        }
    }
    parts
}

#[test]
fn inv_08_merged_accounts_never_need_more_than_the_two() {
    let mut random = Random(34);
    let mut saved = 0;
    for _ in 0..BOOKS {
        // GIVEN a book and any way to hold it in two accounts
        let whole = random_book(&mut random, &Shape::USUAL);
        let [first, second] = deal(&mut random, &whole);
        // THEN the whole needs no more than both, beyond its own cushion (the cushion's bound on gross notional takes all
        // sizes at the highest strike, so it alone may grow) and one unit for each rounding
        let slack = cushion(&whole) + 8;
        let [whole, first, second] = [&whole, &first, &second].map(Portfolio::report);
        for margin in [MarginOf::initial, MarginOf::maintenance] {
            let sum = margin(&first) + margin(&second);
            assert!(
                margin(&whole) <= sum + slack,
                "{} > {sum} + {slack}",
                margin(&whole)
            );
            saved += usize::from(margin(&whole) < sum - slack);
        }
    }
    assert!(saved > BOOKS, "{saved}");
}

/// The two requirements of a report, native units.
struct MarginOf;

impl MarginOf {
    fn initial(report: &risk_core::margin::MarginReport) -> i64 {
        report.initial_margin().raw()
    }
    fn maintenance(report: &risk_core::margin::MarginReport) -> i64 {
        report.maintenance_margin().raw()
    }
}

#[test]
fn removing_a_scenario_never_raises_the_requirement() {
    let mut random = Random(35);
    for _ in 0..BOOKS {
        let mut book = random_book(&mut random, &Shape::ANY);
        let Ok(full) = book.try_evaluate() else {
            continue;
        };
        let table = book.table();
        let base = usize::from(table.base);
        let gone = random.bits() as usize % book.scenarios.len();
        if gone == base {
            continue;
        }
        book.scenarios.remove(gone);
        let less = book.evaluate();
        assert!(less.risk.scan >= full.risk.scan);
        assert!(less.report.initial_health >= full.report.initial_health);
        let same = usize::from(full.risk.worst_scenario) != gone;
        assert!(!same || less.risk.scan == full.risk.scan);
    }
}

#[test]
fn inv_10_a_long_option_book_needs_at_most_its_mark() {
    let mut random = Random(36);
    let shape = Shape {
        perp: false,
        ..Shape::ANY
    };
    for _ in 0..BOOKS {
        // GIVEN long options only, and no cash
        let mut book = random_book(&mut random, &shape);
        for leg in &mut book.positions {
            leg.quantity = Quantity::from_raw(leg.quantity.raw().abs());
        }
        if book.try_evaluate().is_err() {
            continue;
        }
        // THEN nothing but the cushion is needed beyond the mark: it is there for the error of the grid, so that a worthless
        // wing cannot be held on an account of exactly zero
        let (report, cushion) = (book.report(), cushion(&book));
        assert!(
            report.initial_margin().raw() <= report.mark.raw() + 2 * cushion,
            "{book:?}"
        );
        assert!(report.initial_health.raw() >= -2 * cushion);
        assert_eq!(report.contingency_maintenance.raw(), cushion);
        assert_eq!(report.contingency_initial, Quote::ZERO);
    }
}

/// The largest loss in USD and the cushion in USD.
fn loss_of(book: &Portfolio) -> (f64, f64) {
    let scan = book.evaluate().risk.scan.raw() as f64 / 1e6;
    (-scan, cushion(book) as f64 / 1e6)
}

#[test]
fn a_box_spread_cannot_lose() {
    // GIVEN a long box 40,000 / 60,000: worth its width, discounted, whatever happens
    for days in [0, 1, 30, 365] {
        let book = PortfolioBuilder::new(50_000.0)
            .expiry(days, 0.8)
            .rate(0.05)
            .basis(0.02)
            .long_call(days, 40_000.0, 7.0)
            .short_call(days, 60_000.0, 7.0)
            .long_put(days, 60_000.0, 7.0)
            .short_put(days, 40_000.0, 7.0)
            .build();
        // THEN it is marked at 7 x 20,000 D and loses nothing beyond the error of the grid
        let (loss, cushion) = loss_of(&book);
        let worth = 7.0 * 20_000.0 * (-0.05 * days as f64 / 365.0).exp();
        let mark = book.evaluate().risk.mark.raw() as f64 / 1e6;
        assert!((mark - worth).abs() <= 2.0 * cushion, "{mark} {worth}");
        assert!(loss <= 2.0 * cushion, "{days} days: {loss}");
    }
}

#[test]
fn a_conversion_loses_only_the_discount_of_its_forward() {
    // GIVEN a long perpetual, a long put and a short call of one strike: the forward sold is D F, the perpetual bought is P
    for (days, rate, basis) in [(30, 0.0, 0.0), (365, 0.10, 0.0), (90, 0.04, 0.03)] {
        let book = PortfolioBuilder::new(50_000.0)
            .expiry(days, 0.7)
            .rate(rate)
            .basis(basis)
            .long_perp(3.0, 50_000.0)
            .long_put(days, 52_000.0, 3.0)
            .short_call(days, 52_000.0, 3.0)
            .build();
        // THEN PnL = 3 (P - D F)(s - 1): worst at 18 %, up or down by the sign of what is left
        let discount = (-rate * days as f64 / 365.0).exp();
        let left: f64 = 3.0 * 50_000.0 * (1.0 - discount * (1.0 + basis));
        let (loss, cushion) = loss_of(&book);
        assert!(
            (loss - 0.18 * left.abs()).abs() <= 3.0 * cushion,
            "{loss} {left}"
        );
    }
}

#[test]
fn a_covered_call_at_expiry_loses_what_the_spot_falls() {
    // GIVEN a perpetual and an expired short call: worth exactly min(S, K)
    for (strike, worst) in [
        (50_000.0, 9_000.0),
        (55_000.0, 9_000.0),
        (45_000.0, 4_000.0),
        (40_000.0, 0.0),
    ] {
        let book = PortfolioBuilder::new(50_000.0)
            .expiry(0, 0.7)
            .long_perp(1.0, 50_000.0)
            .short_call(0, strike, 1.0)
            .build();
        // WHEN spot falls 18 % to 41,000; the tails count 42 % of 50,000 x 0.67 = 33,500 and 21 % of 17,000
        let tails = [(33_500.0, 0.42), (17_000.0, 0.21)];
        let lost = |spot: f64| f64::min(50_000.0, strike) - f64::min(spot, strike);
        let exact = tails
            .iter()
            .map(|(s, d)| lost(*s) * d)
            .fold(lost(41_000.0), f64::max);
        // THEN the loss is that of the covered call
        let (loss, cushion) = loss_of(&book);
        assert!(
            (loss - exact).abs() <= 2.0 * cushion,
            "{strike}: {loss} {exact}"
        );
        assert!(exact >= worst);
    }
}

#[test]
fn case_42_an_expired_option_is_worth_its_intrinsic_value_at_spot_whatever_its_forward_was() {
    let with = |basis| {
        let book = PortfolioBuilder::new(5e4)
            .expiry(0, 0.6)
            .basis(basis)
            .rate(0.5);
        book.long_call(0, 48e3, 2.0)
            .short_put(0, 51e3, 1.0)
            .build()
            .evaluate()
    };
    let at_spot = with(0.0);
    let mark = at_spot.risk.mark.raw() as f64 / 1e6;
    assert!((mark - 3_000.0).abs() < 1e-3, "{mark}");
    for basis in [-0.3, 0.3] {
        assert_eq!(with(basis), at_spot);
    }
}

#[test]
fn a_covered_call_needs_less_than_its_legs() {
    let covered = PortfolioBuilder::new(5e4)
        .expiry(30, 0.7)
        .long_perp(1.0, 5e4)
        .short_call(30, 52e3, 1.0)
        .build();
    let perp = PortfolioBuilder::new(5e4).long_perp(1.0, 5e4).build();
    let call = PortfolioBuilder::new(5e4)
        .expiry(30, 0.7)
        .short_call(30, 52e3, 1.0)
        .build();
    let [covered, perp, call] = [covered, perp, call].map(|book| book.report().scan.raw());
    assert!(covered > perp + call);
    assert!(covered > perp, "the premium cushions the fall");
}

#[test]
fn an_iron_condor_loses_at_most_its_width() {
    let mut random = Random(37);
    for _ in 0..500 {
        // GIVEN a short condor of random strikes, tenor, volatility and rate
        let days = 1 + (random.bits() % 300) as i64;
        let mut cut = || log_between(&mut random, 0.01, 0.4);
        let (put, call) = (50_000.0 * (1.0 - cut()), 50_000.0 * (1.0 + cut()));
        let (below, above) = (put * (1.0 - cut()), call * (1.0 + cut()));
        let book = PortfolioBuilder::new(50_000.0)
            .expiry(days, log_between(&mut random, 0.2, 2.0))
            .rate(0.03)
            .long_put(days, below, 4.0)
            .short_put(days, put, 4.0)
            .short_call(days, call, 4.0)
            .long_call(days, above, 4.0)
            .build();
        // THEN credit and loss together never exceed the wider wing, discounted
        let (loss, cushion) = loss_of(&book);
        let credit = -book.evaluate().risk.mark.raw() as f64 / 1e6;
        let width = 4.0 * f64::max(put - below, above - call);
        let most = width * (-0.03 * days as f64 / 365.0).exp();
        assert!(credit >= -cushion && loss + credit <= most + 2.0 * cushion);
    }
}

#[test]
fn an_expired_condor_loses_exactly_the_wing_that_the_spot_crosses() {
    // GIVEN an expired condor 46/48/52/54 thousand at 50,000: worth nothing now, minus 2,000 at +-18 %
    let book = PortfolioBuilder::new(5e4)
        .expiry(0, 0.5)
        .long_put(0, 46e3, 3.0)
        .short_put(0, 48e3, 3.0)
        .short_call(0, 52e3, 3.0)
        .long_call(0, 54e3, 3.0)
        .build();
    let (loss, cushion) = loss_of(&book);
    assert_eq!(book.evaluate().risk.mark.raw(), 0);
    assert!((loss - 6_000.0).abs() <= 2.0 * cushion, "{loss}");
}
