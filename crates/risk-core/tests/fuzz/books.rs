//! Markets, books and accounts of any bits through every question that can be asked of them.

use crate::{Bits, Random};
use risk_core::account::{Account, Book, HeldCollateral, Scope};
use risk_core::explain::{leg_contributions, Axis, Freed};
use risk_core::greeks::{leg_greeks, market_greeks, source_greeks, ExpiryGreeks, Greeks};
use risk_core::group::GroupParams;
use risk_core::isolated::{isolated_margin, IsolatedParams};
use risk_core::margin::Collateral;
use risk_core::market::{Expiry, Market, Move};
use risk_core::position::{Position, QuotedPosition};
use risk_core::scan::{scan_market, MarketRisk};
use risk_core::scenario::{ScenarioTable, MAJOR_SCENARIOS, MAX_SCENARIOS};
use risk_core::tier::{standard_market, StandardParams};
use risk_core::{Quantity, Quote};
use std::hint::black_box;

const ROUNDS: usize = 150_000;

/// Every question about one market.
fn ask_market(bits: &mut Bits, market: &Market<'_, Expiry>, legs: &[QuotedPosition]) -> bool {
    let mut pnl = [0; MAX_SCENARIOS];
    let risk = scan_market(market, legs, &mut pnl);
    let mut parts = [Quote::ZERO; 8];
    let any = MarketRisk {
        scan: bits.quote(),
        worst_scenario: bits.0.any() as u8,
        ..MarketRisk::default()
    };
    for risk in [risk.as_ref().ok(), Some(&any)].into_iter().flatten() {
        let _ = black_box(leg_contributions(market, legs, risk, &mut parts));
    }
    let (mut of_legs, mut of_expiries) = ([Greeks::default(); 8], [ExpiryGreeks::default(); 3]);
    let _ = black_box(market_greeks(market, legs, &mut of_legs, &mut of_expiries));
    for leg in legs {
        let _ = black_box((
            leg_greeks(market, &leg.position),
            source_greeks(market, leg),
        ));
    }
    let shares = IsolatedParams {
        short_share: bits.ratio(),
        short_floor: bits.ratio(),
        perp_share: bits.ratio(),
    };
    let terms = StandardParams {
        initial: shares,
        maintenance: IsolatedParams::MAINTENANCE,
    };
    let _ = black_box(isolated_margin(market, legs, &shares));
    let standard = standard_market(market, legs, &terms);
    let _ = black_box(market.moved(Move {
        spot: bits.ratio(),
        vol: bits.ratio(),
    }));
    risk.is_ok() || standard.is_ok()
}

/// Every question about an account of that market.
fn ask_account(bits: &mut Bits, market: Market<'_, Expiry>, legs: &[QuotedPosition]) {
    let book = |bits: &mut Bits| Book {
        market,
        positions: legs,
        standard: StandardParams::MAJOR,
        group: (bits.below(2) > 0).then(|| bits.below(2)),
    };
    let held = [HeldCollateral {
        collateral: Collateral {
            value: bits.quote(),
            haircut_maintenance: bits.ratio(),
            haircut_initial: bits.ratio(),
            confidence: bits.ratio(),
        },
        underlying: (bits.below(2) > 0).then(|| bits.0.any() as usize),
    }];
    let groups = [GroupParams {
        kappa: bits.ratio(),
        offset_cap: bits.ratio(),
    }];
    let books = [book(bits), book(bits)];
    let account = Account {
        cash: bits.quote(),
        terms: bits.terms(),
        collateral: &held,
        books: &books,
        groups: &groups,
    };
    let _ = black_box(account.portfolio(&mut [MarketRisk::default(); 1], &mut []));
    let _ = black_box((account.standard(), account.greeks()));
    let only = (bits.below(2) > 0).then(|| bits.0.any() as usize);
    let shift = Move {
        spot: bits.ratio(),
        vol: bits.ratio(),
    };
    let _ = black_box(account.portfolio_after(shift, Scope { only }, &mut [], &mut []));
    if bits.below(32) == 0 {
        let axes = [Axis::SpotDown, Axis::SpotUp, Axis::VolDown, Axis::VolUp];
        let _ = black_box(account.distance(axes[bits.below(4)], Scope { only }));
        let blank = QuotedPosition {
            position: Position::perpetual(Quantity::ZERO, Quote::ZERO),
            volatility: None,
        };
        let (mut scratch, mut freed) = ([blank; 8], [Freed::default(); 8]);
        let _ = black_box(account.closing_frees(bits.below(3), &mut scratch, &mut freed));
    }
}

#[test]
fn markets_and_accounts_of_any_bits() {
    let mut bits = Bits(Random(821));
    let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
    let mut answered = 0;
    for round in 0..ROUNDS {
        let expiries: Vec<Expiry> = (0..bits.below(4)).map(|_| bits.expiry()).collect();
        let mut legs: Vec<QuotedPosition> = (0..bits.below(7))
            .map(|_| bits.position(&expiries))
            .collect();
        // in order three times in four, else nothing behind the first check is reached
        if round % 4 > 0 {
            legs.sort_by_key(|leg| {
                let leg = &leg.position;
                (leg.expiry, leg.strike, leg.instrument)
            });
        }
        let params = bits.params();
        let set = table.set().unwrap();
        let now = expiries.first().map_or(0, |expiry| expiry.time);
        let now = now.saturating_sub(bits.0.any_signed() >> 36);
        let market = Market {
            perp_price: bits.price(),
            stable_price: (bits.below(2) > 0).then(|| bits.price()),
            spot_confidence: bits.ratio(),
            perp_confidence: bits.ratio(),
            offset: bits.quantity(),
            shift: Move {
                spot: bits.ratio(),
                vol: bits.ratio(),
            },
            ..Market::new(now, bits.price(), set, &params, &expiries)
        };
        answered += usize::from(ask_market(&mut bits, &market, &legs));
        ask_account(&mut bits, market, &legs);
    }
    println!("{answered} of {ROUNDS} markets answered");
    assert!(answered > ROUNDS / 50, "{answered}");
}
