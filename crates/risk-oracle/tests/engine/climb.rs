//! A search for the worst: accounts are bent bit by bit toward the requirement that is nearest to the exact one.

use crate::compare::compare;
use crate::draw::{Drawn, DrawnBook, NOW};
use crate::mutations::mutate;
use crate::random::Random;
use risk_core::market::{MarketParams, MAX_TENOR_SECONDS};
use risk_core::position::{ln_strike, Instrument, QuotedPosition, MOST_VOLATILITY};
use risk_core::{Price, Quote};

const CLIMBS: u64 = 600;
const STEPS: usize = 300;
/// Integers that an `f64` holds exactly, with room for a factor of two.
const EXACT: u64 = 1 << 52;

/// Whether parameters validate and stay off the engine's limits on volatility (8 times) and on `k*` (16).
fn is_fair_of_params(params: &MarketParams) -> bool {
    let ratio = |ratio: risk_core::Ratio| ratio.raw() as f64 / 1e6;
    let (vol, skew) = (&params.vol, &params.skew);
    if params.validate().is_err() {
        return false;
    }
    let months = (2_592_000.0 / vol.floor_seconds as f64).max(1.0);
    let rise = 1.0 + ratio(vol.range_up) * months.powf(ratio(vol.short_power));
    let reach = 2.0 * ratio(skew.width) * (ratio(skew.fixed) + 2.0 * ratio(skew.scale));
    rise <= 8.0 && reach <= 16.0
}

fn series(leg: &QuotedPosition) -> (i64, Price, Instrument) {
    let leg = &leg.position;
    (leg.expiry, leg.strike, leg.instrument)
}

/// Repairs what a turned bit leaves inconsistent; `false` where the book is none that both sides take alike.
fn repair(book: &mut DrawnBook) -> bool {
    let prices = [book.spot, book.perp_price];
    let nodes = (0..usize::from(book.table.count)).map(|index| book.table.scenario(index).unwrap());
    if !is_fair_of_params(&book.params)
        || !prices.iter().all(|price| (1..EXACT as i64).contains(price))
        || !(0..EXACT as i64).contains(&book.offset)
        || !nodes.eq(book.scenarios.iter().copied())
    {
        return false;
    }
    let now = NOW - MAX_TENOR_SECONDS..=NOW + MAX_TENOR_SECONDS;
    let mut times: Vec<i64> = book.expiries.iter().map(|listed| listed.time).collect();
    times.sort_unstable();
    times.dedup();
    let fits = |price: Price| price.raw() < EXACT;
    let is_listed = book.expiries.iter().all(|listed| {
        now.contains(&listed.time)
            && listed.validate().is_ok()
            && listed.forward_price.is_none_or(fits)
            && fits(listed.fixed_forward)
            && book
                .book()
                .market
                .check_listing((listed.time - NOW).max(0))
                .is_ok()
    });
    if times.len() != book.expiries.len() || !is_listed {
        return false;
    }
    for leg in &mut book.positions {
        let position = &mut leg.position;
        let sizes = [position.quantity.raw(), position.cost.raw()];
        if sizes.iter().any(|size| size.unsigned_abs() >= EXACT) || !fits(position.strike) {
            return false;
        }
        let is_option = position.instrument.is_option();
        if is_option {
            position.ln_strike = ln_strike(position.strike);
            position.cost = Quote::ZERO;
        } else {
            leg.volatility = None;
        }
        let is_held = match position.instrument {
            Instrument::Perpetual => position.expiry == 0,
            _ => times.contains(&position.expiry),
        };
        let is_priced = leg
            .volatility
            .is_none_or(|volatility| volatility <= MOST_VOLATILITY);
        if !is_held || !is_priced || (is_option && position.strike == Price::ZERO) {
            return false;
        }
    }
    book.positions.sort_by_key(series);
    book.positions
        .windows(2)
        .all(|pair| series(&pair[0]) < series(&pair[1]))
}

/// What is left of the cushion in the requirement that is nearest to the exact one; `None` where there is nothing to compare.
fn left(drawn: &mut Drawn) -> Option<f64> {
    if !drawn.books.iter_mut().all(repair) {
        return None;
    }
    let compared = compare(drawn)?;
    let cushion = compared.report.contingencies.cushion.raw() as f64;
    let least = compared.over[0].min(compared.over[1]);
    (cushion > 0.0 && least != 0.0).then(|| least / cushion)
}

fn climb(seed: u64) -> Option<f64> {
    let random = &mut Random::of(9_901, seed);
    let mut best = Drawn::any(random);
    let mut least = left(&mut best)?;
    for _ in 0..STEPS {
        let mut next = best.clone();
        mutate(random, &mut next);
        if let Some(found) = left(&mut next).filter(|found| *found <= least) {
            (best, least) = (next, found);
            assert!(least > 0.0, "below the exact requirement: {best:?}");
        }
    }
    Some(least)
}

#[test]
fn no_climb_reaches_the_exact_requirement() {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let run = |first: u64| {
        let climbs = (first..CLIMBS).step_by(threads as usize);
        climbs.filter_map(climb).fold(f64::INFINITY, f64::min)
    };
    let least = std::thread::scope(|scope| {
        let run = &run;
        let handles: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || run(first)))
            .collect();
        let found = handles.into_iter().map(|handle| handle.join().unwrap());
        found.fold(f64::INFINITY, f64::min)
    });
    println!(
        "{CLIMBS} climbs of {STEPS} steps: at least {:.0} % of the cushion is left",
        least * 100.0
    );
    assert!(least > 0.25, "{least}");
}
