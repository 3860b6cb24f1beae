//! The Standard tier against its formula over random accounts.

use crate::convert::{self, share};
use crate::directed;
use crate::draw::{Drawn, DrawnBook, NOW};
use crate::params::ratio;
use crate::random::Random;
use risk_core::isolated::IsolatedParams;
use risk_core::market::Expiry;
use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::scenario::MAJOR_GRID;
use risk_core::tier::{standard_market, StandardParams};
use risk_core::{Price, Quantity};
use risk_oracle::market::Market;
use risk_oracle::standard::{requirement, stable_charge, Shares};

const ACCOUNTS: u64 = 20_000;

/// Any shares that validate.
fn params(random: &mut Random) -> StandardParams {
    if random.one_in(2) {
        return StandardParams::MAJOR;
    }
    let mut pair = || {
        let initial = random.with_ends(0.0, 1.0);
        [random.with_ends(0.0, initial), initial].map(ratio)
    };
    let [short, floor, perp] = [pair(), pair(), pair()];
    let of = |index: usize| IsolatedParams {
        short_share: short[index],
        short_floor: floor[index],
        perp_share: perp[index],
    };
    StandardParams {
        maintenance: of(0),
        initial: of(1),
    }
}

fn shares(params: &IsolatedParams) -> Shares {
    Shares {
        short: share(params.short_share),
        floor: share(params.short_floor),
        perp: share(params.perp_share),
    }
}

/// The engine's error over random books: what the positions take from health more than the exact formula does, of gross notional.
#[derive(Default)]
struct Seen {
    count: u64,
    below: f64,
    above: f64,
}

impl Seen {
    fn compare(&mut self, book: &DrawnBook, terms: &StandardParams) {
        let of_engine = book.book();
        let Ok(risk) = standard_market(&of_engine.market, of_engine.positions, terms) else {
            return;
        };
        let described = convert::book(book);
        let exact = Market::new(&described);
        let costs = book
            .positions
            .iter()
            .map(|leg| leg.position.cost.raw().abs() as f64);
        let accuracy = 1e-13 * (exact.gross + costs.sum::<f64>());
        let units = 6.0 * book.positions.len() as f64 + 2.0;
        // a unit per notional, times the relative distance
        let stable = described.stable_price.unwrap_or(described.spot);
        let distance = (described.spot - stable).abs() as f64 / described.spot as f64;
        let units = units + distance * book.positions.len() as f64;
        for (got, params, charge) in [
            (risk.maintenance, &terms.maintenance, 0.0),
            (risk.initial, &terms.initial, stable_charge(&described)),
        ] {
            let required = requirement(&described, &shares(params)) + charge;
            let health = exact.mark - required;
            let over = health - (risk.mark.raw() - got.raw()) as f64;
            let gross = exact.gross.max(1.0);
            self.below = self.below.max((-over - accuracy) / gross);
            self.above = self.above.max((over - units) / gross);
            self.count += 1;
        }
    }
}

#[test]
fn no_standard_requirement_is_below_the_exact_one() {
    let mut seen = Seen::default();
    for account in 0..ACCOUNTS {
        let random = &mut Random::of(302, account);
        let drawn = Drawn::any(random);
        for book in &drawn.books {
            let terms = params(random);
            terms.validate().unwrap();
            seen.compare(book, &terms);
        }
    }
    println!(
        "standard: {} requirements, worst unsafe error {:.1e}, worst over-margining beyond units {:.1e}, of gross",
        seen.count,
        seen.below.max(0.0),
        seen.above
    );
    assert!(seen.count > 60_000);
    assert!(seen.below <= 0.0, "{:e}", seen.below);
    assert!(seen.above <= 5e-10, "{:e}", seen.above);
}

#[test]
fn unpaired_calls_are_margined_at_their_own_size() {
    // GIVEN an asset of 0.50 USD, one native unit short at a far strike, and ten million more at a farther one
    let mut book = directed::perpetual(1, &MAJOR_GRID);
    (book.spot, book.perp_price) = (50_000_000, 50_000_000);
    book.expiries = vec![Expiry {
        time: NOW + 86_400,
        ..Expiry::PLAIN
    }];
    let call = |strike: u64, quantity: i64| QuotedPosition {
        position: Position::option(
            Instrument::Call,
            NOW + 86_400,
            Price::from_raw(strike),
            Quantity::from_raw(quantity),
        ),
        volatility: Some(500_000_000),
    };
    book.positions = vec![
        call(200_000_000, -1),
        call(250_000_000, -10_000_000_000_000),
    ];
    // WHEN margined THEN 10 % and 7.5 % of 5,000,000 USD are required
    let of_engine = book.book();
    let terms = StandardParams::MAJOR;
    let risk = standard_market(&of_engine.market, of_engine.positions, &terms).unwrap();
    assert!(risk.initial.raw() >= 500_000_000_000, "{risk:?}");
    assert!(risk.maintenance.raw() >= 375_000_000_000, "{risk:?}");
}
