//! Greeks: against finite differences, their units and signs, and what netting takes away.

use crate::exact::{black76, Terms};
use crate::fixture::{
    flat_smile, price, quote, random_book, Portfolio, PortfolioBuilder, Shape, DAY,
};
use crate::support::{Random, Worst};
use risk_core::greeks::{leg_greeks, net_greeks, Greeks, NetGreeks};
use risk_core::position::{Instrument, Position};
use risk_core::{Quantity, YEAR_SECONDS};

fn net(book: &Portfolio) -> NetGreeks {
    let table = book.table();
    net_greeks(&book.market(table.set().unwrap()), &book.positions).unwrap()
}

fn of_leg(book: &Portfolio, leg: &Position) -> Greeks {
    let table = book.table();
    leg_greeks(&book.market(table.set().unwrap()), leg).unwrap()
}

fn usd(amount: risk_core::Quote) -> f64 {
    amount.raw() as f64 / 1e6
}

fn units(quantity: Quantity) -> f64 {
    quantity.raw() as f64 / 1e6
}

/// One option of the reference model with its volatility held fixed, as a function of what a Greek moves.
struct Reference {
    leg: Position,
    terms: Terms,
    sigma: f64,
    tenor: f64,
    rate: f64,
    spot: f64,
}

impl Reference {
    fn new(book: &Portfolio, leg: &Position) -> Self {
        let listed = book.expiry_of(leg);
        let terms = Terms::new(book, listed, leg);
        let tenor = terms.seconds as f64 / YEAR_SECONDS as f64;
        Self {
            leg: *leg,
            sigma: terms.std_dev / tenor.sqrt(),
            tenor,
            rate: f64::from(listed.rate) / 1e6,
            spot: book.spot.raw() as f64 / 1e8,
            terms,
        }
    }

    /// Value in USD at a forward, volatility, tenor and rate.
    fn value(&self, forward: f64, sigma: f64, tenor: f64, rate: f64) -> f64 {
        let (strike, std_dev) = (self.terms.strike, sigma * tenor.sqrt());
        let discount = (-rate * tenor).exp();
        units(self.leg.quantity) * black76(self.leg.instrument, forward, strike, std_dev, discount)
    }

    /// Mark, delta, cash gamma, vega, theta, rho by central differences, in the units of [`Greeks`].
    fn differences(&self) -> [f64; 6] {
        let (f, sigma, t, r) = (self.terms.forward, self.sigma, self.tenor, self.rate);
        let h = f * self.terms.std_dev.min(1.0) * 1e-3;
        let at = |forward: f64| self.value(forward, sigma, t, r);
        let slope = (at(f + h) - at(f - h)) / (2.0 * h);
        let curvature = (at(f + h) - 2.0 * at(f) + at(f - h)) / (h * h);
        let by_vol = |x: f64| self.value(f, sigma * (1.0 + x), t, r);
        let by_tenor = |x: f64| self.value(f, sigma, t * (1.0 + x), r);
        let by_rate = |x: f64| self.value(f, sigma, t, r + x);
        [
            at(f),
            slope * f / self.spot,
            curvature * f * f / 100.0,
            (by_vol(1e-4) - by_vol(-1e-4)) / (2e-4 * sigma) / 100.0,
            -(by_tenor(1e-4) - by_tenor(-1e-4)) / (2e-4 * t) / 365.0,
            (by_rate(1e-4) - by_rate(-1e-4)) / 2e-4 / 100.0,
        ]
    }

    /// The largest value that each Greek takes at the money: what errors are measured in.
    fn scales(&self) -> [f64; 6] {
        let notional = units(self.leg.quantity).abs() * self.terms.forward.max(self.terms.strike);
        let (v, root) = (self.terms.std_dev, self.tenor.sqrt());
        [
            notional,
            notional / self.spot,
            notional / v / 100.0,
            notional * root / 100.0,
            notional * (self.sigma / root + self.rate.abs()) / 365.0,
            notional * self.tenor.max(1e-3) / 100.0,
        ]
    }
}

#[test]
fn every_greek_is_the_finite_difference_of_the_mark() {
    const NAMES: [&str; 6] = ["mark", "delta", "gamma", "vega", "theta", "rho"];
    let mut worst = NAMES.map(Worst::new);
    let mut random = Random(41);
    for _ in 0..1_000 {
        // GIVEN random legs: 1 minute to 2 years, 5 % to 400 %, near and far strikes, rates from zero up
        let mut book = random_book(&mut random, &Shape::USUAL);
        for listed in &mut book.expiries {
            listed.rate = listed.rate.max(0);
        }
        for leg in book
            .positions
            .iter()
            .filter(|leg| leg.instrument.is_option())
        {
            if leg.quantity.raw() == 0 {
                continue;
            }
            // WHEN the reference is differentiated with volatility held fixed
            let greeks = of_leg(&book, leg);
            let reference = Reference::new(&book, leg);
            let got = [
                usd(greeks.mark),
                units(greeks.delta),
                usd(greeks.gamma),
                usd(greeks.vega),
                usd(greeks.theta),
                usd(greeks.rho),
            ];
            let (expected, scales) = (reference.differences(), reference.scales());
            // two native units, of the forward's notional: a price of k forwards carries k of them
            let rounding = 2e-6 * (reference.terms.strike / reference.terms.forward).max(1.0);
            for i in 0..6 {
                let error = ((got[i] - expected[i]).abs() - rounding).max(0.0) / scales[i];
                worst[i].see(error, || format!("{leg:?} {expected:?} {got:?}"));
            }
        }
    }
    // THEN they agree, to the truncation of the differences
    for (worst, most) in worst.iter().zip([1e-9, 1e-6, 3e-5, 1e-6, 1e-6, 1e-6]) {
        worst.at_most(most);
    }
}

/// A book whose smile does not move with spot.
fn flat_book() -> PortfolioBuilder {
    PortfolioBuilder::new(50_000.0)
        .expiry(20, 0.5)
        .rate(0.03)
        .basis(0.004)
        .expiry(120, 0.6)
        .basis(0.02)
        .long_call(20, 52_000.0, 30.0)
        .short_put(20, 46_000.0, 20.0)
        .short_call(120, 60_000.0, 25.0)
        .long_put(120, 50_000.0, 10.0)
        .short_perp(4.0, 51_000.0)
}

fn mark(book: &Portfolio) -> f64 {
    usd(book.evaluate().risk.mark)
}

fn assert_close(got: f64, expected: f64, most: f64, what: &str) {
    assert!(
        (got - expected).abs() <= most,
        "{what}: {got} is not {expected} to {most}"
    );
}

#[test]
fn net_greeks_predict_the_mark_of_the_margin_engine() {
    let book = flat_book().build();
    let greeks = net(&book).net;
    let base = mark(&book);
    assert_close(usd(greeks.mark), base, 0.01, "mark");

    // WHEN spot and perpetual move 0.05 % up and down
    let moved = |relative: f64| {
        let mut bumped = book.clone();
        bumped.spot = price(50_000.0 * (1.0 + relative));
        bumped.perp_price = bumped.spot;
        bumped
    };
    let (up, down) = (mark(&moved(5e-4)), mark(&moved(-5e-4)));
    assert_close((up - down) / 50.0, units(greeks.delta), 2e-3, "delta");
    // cash gamma: spot times what delta gains per 1 %
    let deltas = [5e-4, -5e-4].map(|x| units(net(&moved(x)).net.delta));
    let gained = (deltas[0] - deltas[1]) * 10.0 * 50_000.0;
    assert_close(gained, usd(greeks.gamma), 10.0, "gamma");

    // WHEN volatility moves one point
    let mut higher = book.clone();
    higher.expiries[0].svi = Some(flat_smile(0.51, 20 * DAY));
    higher.expiries[1].svi = Some(flat_smile(0.61, 120 * DAY));
    assert_close(mark(&higher) - base, usd(greeks.vega), 10.0, "vega");

    // WHEN six hours pass: the expiries come nearer
    let mut later = book.clone();
    for listed in &mut later.expiries {
        listed.time -= 6 * 3_600;
    }
    for leg in later
        .positions
        .iter_mut()
        .filter(|leg| leg.instrument.is_option())
    {
        leg.expiry -= 6 * 3_600;
    }
    assert_close(
        (mark(&later) - base) * 4.0,
        usd(greeks.theta),
        20.0,
        "theta",
    );

    // WHEN rates rise one point with the forwards fixed
    let mut dearer = book.clone();
    for listed in &mut dearer.expiries {
        listed.rate += 10_000;
    }
    assert_close(mark(&dearer) - base, usd(greeks.rho), 2.0, "rho");
}

#[test]
fn signs_of_each_side() {
    let side = |instrument, quantity: f64| {
        let book = PortfolioBuilder::new(5e4).expiry(30, 0.6).build();
        let leg = Position::option(
            instrument,
            book.expiries[0].time,
            price(5e4),
            crate::fixture::size(quantity),
        );
        let greeks = of_leg(&book, &leg);
        [
            greeks.mark.raw(),
            greeks.delta.raw(),
            greeks.gamma.raw(),
            greeks.vega.raw(),
            greeks.theta.raw(),
            greeks.rho.raw(),
        ]
        .map(i64::signum)
    };
    assert_eq!(side(Instrument::Call, 1.0), [1, 1, 1, 1, -1, -1]);
    assert_eq!(side(Instrument::Put, 1.0), [1, -1, 1, 1, -1, -1]);
    assert_eq!(side(Instrument::Call, -1.0), [-1, -1, -1, -1, 1, 1]);
    assert_eq!(side(Instrument::Put, -1.0), [-1, 1, -1, -1, 1, 1]);
}

#[test]
fn a_perpetual_has_its_size_as_delta_and_nothing_else() {
    let book = PortfolioBuilder::new(5e4)
        .perp_price(50_100.0)
        .short_perp(2.5, 51_000.0)
        .build();
    let expected = Greeks {
        mark: quote(2.5 * 900.0),
        delta: crate::fixture::size(-2.5),
        ..Greeks::default()
    };
    let greeks = net(&book);
    assert_eq!(greeks.net, expected);
    assert_eq!(greeks.gross, expected.magnitudes());
}

#[test]
fn a_reversal_has_no_greek_but_the_delta_of_its_forward() {
    // GIVEN long call and short put of one strike, hedged with the forward's delta in perpetuals; no rate
    let hedge = 1.02;
    let book = PortfolioBuilder::new(5e4)
        .expiry(90, 0.6)
        .basis(0.02)
        .long_call(90, 52e3, 10.0)
        .short_put(90, 52e3, 10.0)
        .short_perp(10.0 * hedge, 5e4)
        .build();
    // WHEN netted THEN all cancel, while gross shows both legs
    let NetGreeks { net, gross } = net(&book);
    for (name, amount) in [
        ("gamma", net.gamma),
        ("vega", net.vega),
        ("theta", net.theta),
    ] {
        assert!(amount.raw().abs() <= 10, "{name} {amount:?}"); // 1e-11 of 500,000 USD
    }
    assert!(net.delta.raw().abs() <= 2, "{:?}", net.delta);
    let vega = of_leg(&book, &book.positions[1]).vega.raw();
    assert!((gross.vega.raw() - 2 * vega).abs() <= 10 && vega > quote(500.0).raw());
    assert!(gross.delta.raw() >= crate::fixture::size(20.0).raw());
}

#[test]
fn net_never_exceeds_gross_and_the_order_of_legs_does_not_matter() {
    let mut random = Random(42);
    for _ in 0..500 {
        let mut book = random_book(&mut random, &Shape::USUAL);
        let forwards = net(&book);
        book.positions.reverse();
        assert_eq!(forwards, net(&book));
        let [a, b] = [forwards.net.magnitudes(), forwards.gross];
        assert!(a.delta <= b.delta && a.gamma <= b.gamma && a.vega <= b.vega);
        assert!(a.mark <= b.mark && a.theta <= b.theta && a.rho <= b.rho);
    }
    assert_eq!(net(&flat_book().build()).net, net(&flat_book().build()).net);
}

#[test]
fn mark_of_the_greeks_is_the_mark_of_the_scan() {
    let mut random = Random(43);
    let mut worst = Worst::new("mark difference / gross");
    for _ in 0..1_000 {
        let book = random_book(&mut random, &Shape::USUAL);
        // two native units of each leg's notional at the forward, times its price in forwards
        let options = book
            .positions
            .iter()
            .filter(|leg| leg.instrument.is_option());
        let per_forward = options.map(|leg| {
            let forward = book.expiry_of(leg).forward(book.spot).unwrap();
            2.0 * leg.strike.max(forward).raw() as f64 / forward.raw() as f64
        });
        let rounding = per_forward.sum::<f64>() + book.rounding_units();
        let off = net(&book).net.mark.raw() - book.evaluate().risk.mark.raw();
        let beyond = (off.abs() as f64 - rounding).max(0.0);
        worst.see(beyond / book.gross_notional().max(1.0), || {
            format!("{book:?}")
        });
    }
    worst.at_most(1e-9);
}

#[test]
fn an_expired_option_is_its_intrinsic_value() {
    let book = PortfolioBuilder::new(5e4)
        .expiry(0, 0.6)
        .long_call(0, 48e3, 2.0)
        .short_put(0, 53e3, 1.0)
        .build();
    let [call, put] = [0, 1].map(|index| of_leg(&book, &book.positions[index]));
    assert_eq!(
        (call.delta, put.delta),
        (crate::fixture::size(2.0), crate::fixture::size(1.0))
    );
    for (greeks, intrinsic) in [(call, 4_000.0), (put, -3_000.0)] {
        assert_close(usd(greeks.mark), intrinsic, 1e-4, "mark");
        let none = [greeks.gamma, greeks.vega, greeks.theta, greeks.rho];
        assert!(none.iter().all(|amount| amount.raw() == 0));
    }
}

#[test]
fn an_empty_book_has_no_greeks() {
    assert_eq!(
        net(&PortfolioBuilder::new(1.0).build()),
        NetGreeks::default()
    );
}
