//! Accounts that mean something with single bits turned: nothing panics, and what is accepted keeps its laws.

use crate::draw::{Drawn, DrawnBook};
use crate::random::Random;
use risk_core::account::{Account, Scope};
use risk_core::explain::{leg_contributions, Axis, Freed};
use risk_core::greeks::market_greeks;
use risk_core::liquidation::{plan_slice, LiquidationTerms, Wanted};
use risk_core::market::{Expiry, Market};
use risk_core::position::{Position, QuotedPosition};
use risk_core::scan::{scan_market, MarketRisk};
use risk_core::scenario::{ScenarioTable, Witness, MAX_SCENARIOS};
use risk_core::{Price, Quantity, Quote, Ratio};
use std::hint::black_box;

const ACCOUNTS: u64 = 30_000;

/// Turns one bit of a raw integer, all of them alike.
fn turn(random: &mut Random, raw: i64) -> i64 {
    raw ^ (1 << random.below(64))
}

fn ratio(random: &mut Random, ratio: &mut Ratio) {
    *ratio = Ratio::from_raw(turn(random, ratio.raw()));
}

fn position(random: &mut Random, leg: &mut QuotedPosition) {
    let position = &mut leg.position;
    match random.below(6) {
        0 => position.quantity = Quantity::from_raw(turn(random, position.quantity.raw())),
        1 => position.cost = Quote::from_raw(turn(random, position.cost.raw())),
        2 => position.strike = Price::from_raw(turn(random, position.strike.raw() as i64) as u64),
        3 => position.ln_strike = turn(random, position.ln_strike),
        4 => position.expiry = turn(random, position.expiry),
        _ => leg.volatility = Some(turn(random, 1_000_000_000) as u64),
    }
}

fn expiry(random: &mut Random, listed: &mut Expiry) {
    match random.below(9) {
        0 => listed.time = turn(random, listed.time),
        1 => listed.forward_basis ^= 1 << random.below(32),
        2 => listed.rate ^= 1 << random.below(32),
        3 => listed.forward_price = Some(Price::from_raw(turn(random, 1 << 40) as u64)),
        4 => listed.fixed_forward = Price::from_raw(turn(random, 0) as u64),
        5 => ratio(random, &mut listed.confidence),
        _ => {
            if let Some(svi) = &mut listed.svi {
                match random.below(6) {
                    0 => svi.a = turn(random, svi.a),
                    1 => svi.b ^= 1 << random.below(64),
                    2 => svi.rho ^= 1 << random.below(32),
                    3 => svi.m ^= 1 << random.below(32),
                    4 => svi.s ^= 1 << random.below(32),
                    _ => svi.reference_tenor ^= 1 << random.below(32),
                }
            }
        }
    }
}

fn parameter(random: &mut Random, book: &mut DrawnBook) {
    let params = &mut book.params;
    let floor = &mut params.vol.floor_seconds;
    let exposures = [
        &mut params.concentration_delta.threshold,
        &mut params.concentration_delta.full,
        &mut params.concentration_vega.threshold,
        &mut params.concentration_vega.full,
    ];
    let shares = [
        &mut params.vol.range_up,
        &mut params.vol.range_down,
        &mut params.vol.short_power,
        &mut params.vol.long_power,
        &mut params.vol.min_vol_up,
        &mut params.perp_maintenance,
        &mut params.option_initial,
        &mut params.scan_maintenance,
        &mut params.scan_initial,
        &mut params.skew.linear_base,
        &mut params.skew.abs_slope,
        &mut params.skew.min_k,
        &mut params.skew.width,
        &mut params.skew.fixed,
        &mut params.skew.scale,
        &mut params.discount.long_base,
        &mut params.discount.long_multiplier,
        &mut params.discount.long_add,
        &mut params.discount.short_base,
        &mut params.discount.short_add,
        &mut params.basis.up,
        &mut params.basis.down,
        &mut params.basis.add,
        &mut params.basis.multiplier,
        &mut params.min_delta.net,
        &mut params.min_delta.hedged,
        &mut params.confidence.threshold,
        &mut params.confidence.factor,
        &mut params.concentration_delta.cap,
        &mut params.concentration_vega.cap,
        &mut book.spot_confidence,
        &mut book.perp_confidence,
    ];
    let chosen = random.below(shares.len() + exposures.len() + 1);
    if let Some(share) = shares.into_iter().nth(chosen) {
        ratio(random, share);
    } else if let Some(exposure) = exposures.into_iter().nth(chosen % 5) {
        *exposure = Quote::from_raw(turn(random, exposure.raw()));
    } else {
        *floor = turn(random, *floor);
    }
}

/// Turns bits in one field of one book.
pub fn mutate(random: &mut Random, drawn: &mut Drawn) {
    let index = random.below(drawn.books.len());
    let book = &mut drawn.books[index];
    let (legs, listed) = (book.positions.len(), book.expiries.len());
    let (of_legs, of_listed) = (random.below(legs.max(1)), random.below(listed));
    match random.below(8) {
        0 | 1 if legs > 0 => position(random, &mut book.positions[of_legs]),
        2 | 3 => expiry(random, &mut book.expiries[of_listed]),
        4 => book.spot = turn(random, book.spot),
        5 => book.perp_price = turn(random, book.perp_price),
        6 => book.offset = turn(random, book.offset),
        _ => parameter(random, book),
    }
    let nodes = book.scenarios.len();
    let node = &mut book.scenarios[random.below(nodes)];
    if random.one_in(4) {
        node.spot ^= 1 << random.below(32);
        node.damping ^= 1 << random.below(32);
        if let Ok(table) = ScenarioTable::new(&book.scenarios) {
            book.table = table;
        }
    }
}

/// Every question about one market.
fn ask(random: &mut Random, book: &DrawnBook) {
    let held = book.book();
    let (market, legs) = (held.market, held.positions);
    let mut pnl = [0; MAX_SCENARIOS];
    if let Ok(risk) = scan_market(&market, legs, &mut pnl) {
        let mut parts = [Quote::ZERO; 40];
        let _ = black_box(leg_contributions(&market, legs, &risk, &mut parts));
        let set = market.scenarios;
        let named = Witness::named(&set, &book.params, risk.worst_scenario);
        let other = Witness::named(&set, &book.params, random.bits() as u8);
        for witness in [named, other].into_iter().flatten() {
            let scenarios = witness.set().unwrap();
            let market = Market {
                scenarios,
                ..market
            };
            let _ = black_box(scan_market(&market, legs, &mut pnl));
        }
    }
    let _ = black_box(market_greeks(&market, legs, &mut [], &mut []));
}

/// Every question about the account; whether it was accepted.
fn ask_account(random: &mut Random, account: &Account<'_, QuotedPosition, Expiry>) -> bool {
    let _ = black_box((account.standard(), account.greeks()));
    let report = account.portfolio(&mut [MarketRisk::default(); 3], &mut []);
    if let Ok(report) = &report {
        let terms = LiquidationTerms {
            discount: Ratio::from_raw(50_000),
            buffer: Ratio::from_raw(100_000),
            ..LiquidationTerms::PLAIN
        };
        let _ = black_box(plan_slice(
            report,
            &terms,
            Quote::ZERO,
            Wanted::at_most(random.bits()),
        ));
    }
    if random.one_in(64) {
        let axis = [Axis::SpotDown, Axis::SpotUp, Axis::VolDown, Axis::VolUp][random.below(4)];
        let _ = black_box(account.distance(axis, Scope::ALL));
        let blank = QuotedPosition {
            position: Position::perpetual(Quantity::ZERO, Quote::ZERO),
            volatility: None,
        };
        let (mut scratch, mut freed) = ([blank; 40], [Freed::default(); 40]);
        let _ = black_box(account.closing_frees(0, &mut scratch, &mut freed));
    }
    report.is_ok()
}

#[test]
fn no_turned_bit_panics() {
    let mut accepted = 0;
    for account in 0..ACCOUNTS {
        let random = &mut Random::of(601, account);
        let mut drawn = Drawn::any(random);
        for _ in 0..1 + random.below(3) {
            mutate(random, &mut drawn);
        }
        drawn.books.iter().for_each(|book| ask(random, book));
        accepted += u64::from(drawn.with(|account| ask_account(random, account)));
        // parameters that still validate keep the healths in order
        let is_valid = drawn
            .books
            .iter()
            .all(|book| book.params.validate().is_ok());
        let report = drawn.with(|account| account.portfolio(&mut [], &mut []));
        if let (true, Ok(report)) = (is_valid, report) {
            assert!(
                report.initial_health <= report.maintenance_health,
                "{drawn:?}"
            );
        }
    }
    println!("{accepted} of {ACCOUNTS} mutants accepted");
    assert!(accepted > ACCOUNTS / 4, "{accepted}");
}
