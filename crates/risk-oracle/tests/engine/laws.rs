//! Laws of whole accounts: several markets, groups, collateral, a quote asset off its peg, both tiers.

use crate::draw::Drawn;
use crate::params::ratio;
use crate::random::Random;
use risk_core::margin::MarginReport;
use risk_core::params::{ConcentrationParams, StaticDiscountParams};
use risk_core::position::{Position, QuotedPosition};
use risk_core::scenario::{ScenarioTable, VolShock};
use risk_core::{Quantity, Quote, Ratio};

const ACCOUNTS: u64 = 10_000;

/// Random accounts that the engine accepts, each with a generator of its own and its report.
fn accounts(seed: u64) -> impl Iterator<Item = (Random, Drawn, MarginReport)> {
    (0..ACCOUNTS).filter_map(move |index| {
        let mut random = Random::of(seed, index);
        let drawn = Drawn::any(&mut random);
        let report = portfolio(&drawn)?;
        Some((random, drawn, report))
    })
}

fn portfolio(drawn: &Drawn) -> Option<MarginReport> {
    drawn
        .with(|account| account.portfolio(&mut [], &mut []))
        .ok()
}

#[test]
fn inv_07_initial_health_is_at_most_maintenance_health_under_both_tiers() {
    let mut seen = [0; 2];
    for (_, drawn, report) in accounts(501) {
        assert!(
            report.initial_health <= report.maintenance_health,
            "{drawn:?}"
        );
        assert!(report.scan.raw() <= 0 && report.contingency_maintenance.raw() >= 0);
        seen[0] += usize::from(report.initial_health < report.maintenance_health);
        if let Ok(report) = drawn.with(|account| account.standard()) {
            assert!(
                report.initial_health <= report.maintenance_health,
                "{drawn:?}"
            );
            seen[1] += usize::from(report.initial_health < report.maintenance_health);
        }
    }
    println!("healths apart: Portfolio {}, Standard {}", seen[0], seen[1]);
    assert!(seen.iter().all(|count| *count > ACCOUNTS as usize / 2));
}

#[test]
fn the_order_of_books_collateral_and_listings_changes_no_bit() {
    for (mut random, mut drawn, report) in accounts(502) {
        // positions are refused out of order: their order is part of what they are
        let turn = random.below(8);
        let turn_of = |length: usize| turn % length.max(1);
        let (books, held) = (drawn.books.len(), drawn.collateral.len());
        drawn.books.rotate_left(turn_of(books));
        drawn.collateral.rotate_left(turn_of(held));
        for book in &mut drawn.books {
            let listed = book.expiries.len();
            book.expiries.rotate_left(turn_of(listed));
        }
        assert_eq!(portfolio(&drawn), Some(report), "{drawn:?}");
    }
}

#[test]
fn more_cash_raises_both_healths_by_as_much_and_no_requirement() {
    for (mut random, mut drawn, before) in accounts(503) {
        let more = (random.bits() >> 20) as i64;
        drawn.cash = Quote::from_raw(drawn.cash.raw() + more);
        let after = portfolio(&drawn).unwrap();
        for (after, before) in [
            (after.initial_health, before.initial_health),
            (after.maintenance_health, before.maintenance_health),
            (after.equity, before.equity),
        ] {
            assert_eq!(after.raw() - before.raw(), more);
        }
    }
}

#[test]
fn removing_a_scenario_from_every_market_never_raises_a_requirement() {
    let mut removed = 0;
    for (mut random, mut drawn, full) in accounts(504) {
        // markets of a group keep one shape: the same index goes everywhere
        let gone = random.below(40);
        let is_base = |drawn: &Drawn| {
            drawn.books.iter().any(|book| {
                let base = usize::from(book.table.base);
                gone == base || gone >= book.scenarios.len()
            })
        };
        if is_base(&drawn) {
            continue;
        }
        for book in &mut drawn.books {
            book.scenarios.remove(gone);
            book.table = ScenarioTable::new(&book.scenarios).unwrap();
        }
        let less = portfolio(&drawn).unwrap();
        assert!(less.scan >= full.scan, "{gone} {drawn:?}");
        assert!(
            less.initial_health >= full.initial_health,
            "{gone} {drawn:?}"
        );
        assert!(less.maintenance_health >= full.maintenance_health);
        removed += 1;
    }
    assert!(removed > ACCOUNTS / 3, "{removed}");
}

#[test]
fn lower_confidence_anywhere_never_raises_health() {
    let mut charged = 0;
    for (mut random, mut drawn, before) in accounts(505) {
        let mut lower = |confidence: &mut Ratio| {
            let left = confidence.raw() as f64 / 1e6;
            *confidence = ratio(left * random.between(0.0, 1.0)).min(*confidence);
        };
        for book in &mut drawn.books {
            lower(&mut book.spot_confidence);
            lower(&mut book.perp_confidence);
            book.expiries
                .iter_mut()
                .for_each(|listed| lower(&mut listed.confidence));
        }
        for held in &mut drawn.collateral {
            lower(&mut held.collateral.confidence);
        }
        let after = portfolio(&drawn).unwrap();
        assert!(after.initial_health <= before.initial_health, "{drawn:?}");
        assert_eq!(after.maintenance_health, before.maintenance_health);
        charged += usize::from(after.initial_health < before.initial_health);
    }
    assert!(charged > ACCOUNTS as usize / 4, "{charged}");
}

/// Leaves the terms under which one account never needs more than two. Those that may ask more of the larger: concentration, by
/// design; confidence, where a perpetual of one lowers that of the other's options; static discounts with skew nodes, which
/// count a gain as a loss; a hedged share above twice the net one, as legs of the two then hedge each other; and the bound
/// of long options, which ends with the first other leg (here each account holds one).
fn mergeable(drawn: &mut Drawn) {
    for book in &mut drawn.books {
        let params = &mut book.params;
        params.concentration_delta = ConcentrationParams::NONE;
        params.concentration_vega = ConcentrationParams::NONE;
        params.confidence.factor = Ratio::ZERO;
        let net = params.min_delta.net.raw();
        params.min_delta.hedged = params.min_delta.hedged.min(Ratio::from_raw(2 * net));
        if book
            .scenarios
            .iter()
            .any(|node| node.vol >= VolShock::SkewLinear)
        {
            params.discount = StaticDiscountParams::NONE;
        }
        let holds_perp = |leg: &QuotedPosition| leg.position.expiry == 0;
        if !book.positions.iter().any(holds_perp) {
            let position = Position::perpetual(Quantity::from_raw(2), Quote::ZERO);
            let volatility = None;
            book.positions.insert(
                0,
                QuotedPosition {
                    position,
                    volatility,
                },
            );
        }
    }
}

/// Two accounts that hold together what `whole` holds: each leg in one, or split; cash and collateral in the first.
fn deal(random: &mut Random, whole: &Drawn) -> [Drawn; 2] {
    let mut parts = [whole.clone(), whole.clone()];
    parts[1].cash = Quote::ZERO;
    parts[1].collateral.clear();
    for (number, book) in whole.books.iter().enumerate() {
        let offset = (book.offset as f64 * random.with_ends(0.0, 1.0)) as i64;
        parts[0].books[number].offset = offset;
        parts[1].books[number].offset = book.offset - offset;
        for (index, leg) in book.positions.iter().enumerate() {
            let (quantity, cost) = (leg.position.quantity.raw(), leg.position.cost.raw());
            let part = match leg.position.expiry {
                0 => quantity / 2, // each holds a perpetual
                _ => (quantity as f64 * random.with_ends(0.0, 1.0)) as i64,
            };
            for (drawn, part, cost) in [(0, part, cost), (1, quantity - part, 0)] {
                let position = &mut parts[drawn].books[number].positions[index].position;
                position.quantity = Quantity::from_raw(part);
                position.cost = Quote::from_raw(cost);
            }
        }
    }
    parts
}

#[test]
fn inv_08_merged_accounts_need_no_more_than_the_two() {
    let (mut compared, mut saved) = (0, 0);
    for (mut random, mut whole, _) in accounts(506) {
        // GIVEN an account, and the same dealt to two
        mergeable(&mut whole);
        let parts = deal(&mut random, &whole);
        let reports = [&whole, &parts[0], &parts[1]].map(portfolio);
        let [Some(whole), Some(first), Some(second)] = reports else {
            continue;
        };
        compared += 1;
        // THEN the whole needs no more than both, beyond the numerical cushions: 2^-24 of gross notional and its multiples for
        // wide deviations in the floor on delta
        let cushions = [whole, first, second].map(|r| r.contingencies.cushion.raw());
        let largest = 4.0 + whole.peg_add.raw() as f64 / 1e6;
        let gross = whole.gross_notional.raw() as f64;
        let slack =
            8.0 * largest * (cushions.iter().sum::<i64>() as f64 + 64.0) + largest * gross * 5e-4;
        let needed = |report: &MarginReport| {
            [report.initial_health, report.maintenance_health]
                .map(|health| (report.equity.raw() - health.raw()) as f64)
        };
        let (all, both) = (needed(&whole), [needed(&first), needed(&second)]);
        for kind in 0..2 {
            let sum = both[0][kind] + both[1][kind];
            assert!(all[kind] <= sum + slack, "{} > {sum} + {slack}", all[kind]);
            saved += usize::from(all[kind] < sum - slack);
        }
    }
    println!("{compared} accounts merged, {saved} requirements saved");
    assert!(compared > ACCOUNTS as usize / 2 && saved > compared / 4);
}
