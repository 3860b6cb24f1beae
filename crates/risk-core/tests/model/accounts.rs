//! Several markets in one account: correlation groups, witnesses of them, both tiers, and why the margin is what it is.

use crate::fixture::{price, quote, ratio, Evaluation, Portfolio, PortfolioBuilder, Shape};
use crate::support::Random;
use crate::whole_exact::random_whole_book;
use risk_core::account::{Account, Book, HeldCollateral, Scope};
use risk_core::explain::{distance, Axis, Freed};
use risk_core::greeks::{market_greeks, source_greeks};
use risk_core::group::{Group, GroupParams, GroupWorst};
use risk_core::margin::{Collateral, MarginCheck, MarginReport};
use risk_core::market::{Expiry, MarketParams, Move};
use risk_core::params::AccountTerms;
use risk_core::position::{Position, QuotedPosition};
use risk_core::scan::MarketRisk;
use risk_core::scenario::{ScenarioTable, Witness, MAJOR_SCENARIOS, MAX_SCENARIOS};
use risk_core::tier::StandardParams;
use risk_core::{Quote, Ratio, RiskError};

/// A book under the whole model.
pub fn whole(builder: PortfolioBuilder, params: MarketParams) -> Portfolio {
    let mut book = builder.build();
    (book.scenarios, book.params) = (MAJOR_SCENARIOS.to_vec(), params);
    book
}

fn btc() -> Portfolio {
    let book = PortfolioBuilder::new(5e4).expiry(30, 0.6).expiry(90, 0.55);
    whole(
        book.short_call(30, 55e3, 2.0)
            .long_put(90, 45e3, 1.0)
            .long_perp(1.0, 49e3),
        MarketParams::BTC,
    )
}

fn eth() -> Portfolio {
    let book = PortfolioBuilder::new(3e3).expiry(30, 0.8);
    whole(
        book.long_call(30, 3_200.0, 20.0).short_perp(25.0, 3_050.0),
        MarketParams::ETH,
    )
}

/// Both books as one account in a group.
fn grouped(
    books: [&Portfolio; 2],
    params: &GroupParams,
) -> (MarginReport, [Evaluation; 2], GroupWorst) {
    let mut check = MarginCheck::new(quote(1_000.0));
    let mut group = Group::EMPTY;
    let tables = books.map(Portfolio::table);
    for (book, table) in books.into_iter().zip(&tables) {
        let mut pnl = [0; MAX_SCENARIOS];
        let market = book.market(table.set().unwrap());
        check
            .add_market_to_group(&market, &book.positions, &mut pnl, &mut group)
            .unwrap();
    }
    let risk = check.add_group(&group, params).unwrap();
    (check.finish(), books.map(Portfolio::evaluate), risk.worst)
}

fn offset(kappa: f64, cap: f64) -> GroupParams {
    GroupParams {
        kappa: ratio(kappa),
        offset_cap: ratio(cap),
    }
}

#[test]
fn a_group_is_the_formula_to_the_unit() {
    let (btc, eth) = (btc(), eth());
    for (kappa, cap) in [
        (0.0, 0.0),
        (0.0, 1.0),
        (0.5, 0.3),
        (0.9, 0.9),
        (1.0, 0.25),
        (1.0, 1.0),
    ] {
        let (report, alone, worst) = grouped([&btc, &eth], &offset(kappa, cap));
        let plain = alone[0].risk.scan.raw() + alone[1].risk.scan.raw();
        let capped = ((1.0 - cap) * plain as f64).floor() as i64;
        let nodes = (0..33).map(|i| {
            let [a, b] = [alone[0].pnl[i], alone[1].pnl[i]];
            a.min(0) + b.min(0) + (kappa * (a.max(0) + b.max(0)) as f64).floor() as i64
        });
        let least = nodes.min().unwrap();
        let expected = least.min(capped);
        assert!(
            (report.scan.raw() - expected).abs() <= 1,
            "{kappa} {cap}: {} {expected}",
            report.scan.raw()
        );
        assert_eq!(worst == GroupWorst::OffsetCap, capped <= least);
        // THEN no setting takes more than the cap off the plain sum, and it is never more than that
        assert!(report.scan.raw() <= capped && report.scan.raw() >= plain);
        assert!(report.initial_health <= report.maintenance_health);
    }
}

#[test]
fn a_group_without_offset_is_the_plain_sum_and_one_market_alone_gains_nothing() {
    let (btc, eth) = (btc(), eth());
    let (none, alone, worst) = grouped([&btc, &eth], &GroupParams::NONE);
    assert_eq!(worst, GroupWorst::OffsetCap);
    assert_eq!(
        none.scan.raw(),
        alone[0].risk.scan.raw() + alone[1].risk.scan.raw()
    );
    let mut check = MarginCheck::new(quote(1_000.0));
    check.add_risk(&btc.params, &alone[0].risk).unwrap();
    check.add_risk(&eth.params, &alone[1].risk).unwrap();
    let plain = check.finish();
    assert_eq!(none.scan, plain.scan);
    let off = none.initial_health.raw() - plain.initial_health.raw();
    assert!((0..=1).contains(&off), "one rounding in place of two");
    // one market: its own worst scenario is the group's, whatever kappa
    let empty = PortfolioBuilder::new(3e3).expiry(30, 0.8).build();
    let empty = Portfolio {
        scenarios: MAJOR_SCENARIOS.to_vec(),
        params: MarketParams::ETH,
        ..empty
    };
    let (report, alone, _) = grouped([&btc, &empty], &offset(1.0, 0.9));
    let worst = alone[0].pnl.iter().min().unwrap();
    assert_eq!(report.scan.raw(), *worst);
}

#[test]
fn sets_of_different_shapes_cannot_be_grouped_and_groups_must_exist() {
    let (btc, mut eth) = (btc(), eth());
    eth.scenarios.remove(3);
    let mut group = Group::EMPTY;
    for (book, expected) in [(&btc, Ok(())), (&eth, Err(RiskError::GroupMismatch))] {
        let table = book.table();
        let market = book.market(table.set().unwrap());
        let engine = book.evaluate();
        assert_eq!(group.add(&market, &engine.risk, &engine.pnl), expected);
    }
    let table = btc.table();
    let book = book_of(&btc, &table, Some(0));
    let account = Account {
        groups: &[],
        books: &[book],
        ..empty_account()
    };
    assert_eq!(
        account.portfolio(&mut [], &mut []).unwrap_err(),
        RiskError::GroupMismatch
    );
}

#[test]
fn inv_09_a_witness_of_a_group_is_never_harsher_than_the_whole() {
    let mut random = Random(301);
    let mut proved = 0;
    for _ in 0..150 {
        let mut books: [Portfolio; 2] = std::array::from_fn(|_| {
            let mut book = random_whole_book(&mut random, &Shape::USUAL);
            book.scenarios = MAJOR_SCENARIOS.to_vec();
            book
        });
        if books.iter().any(|book| book.try_evaluate().is_err()) {
            continue;
        }
        books[0].cash = Quote::ZERO;
        let params = offset(0.7, 0.4);
        let (full, alone, worst) = grouped([&books[0], &books[1]], &params);
        let named = match worst {
            GroupWorst::Scenario(index) => [index; 2],
            GroupWorst::OffsetCap => [alone[0].risk.worst_scenario, alone[1].risk.worst_scenario],
        };
        let mut check = MarginCheck::new(quote(1_000.0));
        let mut group = Group::EMPTY;
        let tables = [books[0].table(), books[1].table()];
        for ((book, table), index) in books.iter().zip(&tables).zip(named) {
            let witness = Witness::named(&table.set().unwrap(), &book.params, index).unwrap();
            let market = book.market(witness.set().unwrap());
            let pnl = &mut [0; MAX_SCENARIOS];
            check
                .add_market_to_group(&market, &book.positions, pnl, &mut group)
                .unwrap();
        }
        let risk = check.add_group(&group, &params).unwrap();
        // THEN the witness of what binds proves exactly the whole
        assert_eq!(risk.scan, full.scan, "{worst:?} {named:?}");
        assert!(check.finish().maintenance_health >= full.maintenance_health);
        proved += usize::from(risk.worst == worst);
    }
    assert!(proved > 50, "{proved}");
}

fn book_of<'a>(
    book: &'a Portfolio,
    table: &'a ScenarioTable,
    group: Option<usize>,
) -> Book<'a, Position, Expiry> {
    Book {
        market: book.market(table.set().unwrap()),
        positions: &book.positions,
        standard: StandardParams::MAJOR,
        group,
    }
}

fn empty_account<'a>() -> Account<'a, Position, Expiry> {
    Account {
        cash: quote(30_000.0),
        terms: AccountTerms::MAJOR,
        collateral: &[],
        books: &[],
        groups: &[],
    }
}

#[test]
fn an_account_is_what_its_check_adds_up() {
    let (btc, eth) = (btc(), eth());
    let tables = [btc.table(), eth.table()];
    let coin = HeldCollateral {
        collateral: Collateral {
            value: quote(5_000.0),
            haircut_maintenance: ratio(0.1),
            ..Collateral::PLAIN
        },
        underlying: Some(1),
    };
    let params = [offset(0.5, 0.3)];
    for group in [None, Some(0)] {
        let books = [
            book_of(&btc, &tables[0], group),
            book_of(&eth, &tables[1], group),
        ];
        let account = Account {
            books: &books,
            groups: &params,
            collateral: &[coin],
            ..empty_account()
        };
        let mut risks = [MarketRisk::default(); 2];
        let mut pnl = [[0; MAX_SCENARIOS]; 2];
        let report = account.portfolio(&mut risks, &mut pnl).unwrap();
        // THEN each book's part is that of the book, and the report is the same without asking for parts
        for (index, alone) in [btc.evaluate(), eth.evaluate()].iter().enumerate() {
            assert_eq!((risks[index], pnl[index]), (alone.risk, alone.pnl));
        }
        assert_eq!(account.portfolio(&mut [], &mut []), Ok(report));
        assert_eq!(report.mark.raw(), risks[0].mark.raw() + risks[1].mark.raw());
        assert_eq!(
            report.equity,
            quote(35_000.0).checked_add(report.mark).unwrap()
        );
        assert_eq!(report.contingencies.haircut_maintenance, quote(500.0));
        let sum = report.contingencies.maintenance().unwrap();
        assert_eq!(report.contingency_maintenance, sum);
        assert_eq!(
            report.contingency_initial,
            report.contingencies.initial().unwrap()
        );
        // its Greeks are those of the books
        let greeks = account.greeks().unwrap();
        let vega: i64 = books
            .iter()
            .map(|book| {
                let (sum, _) =
                    market_greeks(&book.market, book.positions, &mut [], &mut []).unwrap();
                sum.net.vega.raw()
            })
            .sum();
        assert_eq!(greeks.net.vega.raw(), vega);
    }
}

#[test]
fn a_move_takes_the_books_in_scope_and_their_collateral() {
    let (btc, eth) = (btc(), eth());
    let tables = [btc.table(), eth.table()];
    let coin = HeldCollateral {
        collateral: Collateral {
            value: quote(5_000.0),
            ..Collateral::PLAIN
        },
        underlying: Some(1),
    };
    let books = [
        book_of(&btc, &tables[0], None),
        book_of(&eth, &tables[1], None),
    ];
    let account = Account {
        books: &books,
        collateral: &[coin],
        ..empty_account()
    };
    let up = Move {
        spot: ratio(1.1),
        ..Move::NONE
    };
    let base = account.portfolio(&mut [], &mut []).unwrap();
    let moved = |only| {
        account
            .portfolio_after(up, Scope { only }, &mut [], &mut [])
            .unwrap()
    };
    assert_eq!(moved(Some(0)).collateral, quote(5_000.0));
    assert_eq!(moved(Some(1)).collateral, quote(5_500.0));
    assert_eq!(moved(None).collateral, quote(5_500.0));
    // moving every book is moving each
    let parts = moved(Some(0)).mark.raw() + moved(Some(1)).mark.raw() - base.mark.raw();
    assert_eq!(moved(None).mark.raw(), parts);
    // and a moved market is that market at its new prices
    let mut dear = eth.clone();
    (dear.spot, dear.perp_price) = (price(3_300.0), price(3_300.0));
    let off = moved(Some(1)).mark.raw() - base.mark.raw();
    assert_eq!(
        off,
        dear.evaluate().risk.mark.raw() - eth.evaluate().risk.mark.raw()
    );
}

#[test]
fn the_distance_to_liquidation_is_where_maintenance_health_turns() {
    let (btc, eth) = (btc(), eth());
    let tables = [btc.table(), eth.table()];
    let books = [
        book_of(&btc, &tables[0], None),
        book_of(&eth, &tables[1], None),
    ];
    let account = Account {
        books: &books,
        ..empty_account()
    };
    let mut found = 0;
    for axis in [Axis::SpotDown, Axis::SpotUp, Axis::VolDown, Axis::VolUp] {
        for only in [None, Some(0), Some(1)] {
            let scope = Scope { only };
            let health = |multiplier: i64| {
                let shift = axis.at(Ratio::from_raw(multiplier));
                let report = account.portfolio_after(shift, scope, &mut [], &mut []);
                report.unwrap().maintenance_health.raw()
            };
            let Some(at) = account.distance(axis, scope).unwrap() else {
                continue;
            };
            found += 1;
            let back = if at.raw() > 1_000_000 { -1 } else { 1 };
            assert!(
                health(at.raw()) < 0 && health(at.raw() + back) >= 0,
                "{axis:?} {at:?}"
            );
        }
    }
    assert!(found >= 3, "{found}");
    // an account below maintenance has no way to go, one without positions never arrives
    let poor = Account {
        cash: quote(-1e6),
        ..account
    };
    assert_eq!(
        poor.distance(Axis::SpotUp, Scope::ALL),
        Ok(Some(ratio(1.0)))
    );
    assert_eq!(empty_account().distance(Axis::VolUp, Scope::ALL), Ok(None));
    // what the caller refuses ends the search
    let refused = distance(Axis::SpotUp, |_| Err(RiskError::GroupMismatch));
    assert_eq!(refused, Err(RiskError::GroupMismatch));
}

#[test]
fn closing_a_leg_frees_what_the_account_without_it_has() {
    let (btc, eth) = (btc(), eth());
    let tables = [btc.table(), eth.table()];
    let params = [offset(0.5, 0.3)];
    for group in [None, Some(0)] {
        let books = [
            book_of(&btc, &tables[0], group),
            book_of(&eth, &tables[1], group),
        ];
        let account = Account {
            books: &books,
            groups: &params,
            ..empty_account()
        };
        let before = account.portfolio(&mut [], &mut []).unwrap();
        let blank = QuotedPosition {
            position: btc.positions[0],
            volatility: None,
        };
        let (mut scratch, mut freed) = ([blank; 3], [Freed::default(); 3]);
        account.closing_frees(0, &mut scratch, &mut freed).unwrap();
        for (index, leg) in btc.positions.iter().enumerate() {
            let mut without = btc.clone();
            without.positions.remove(index);
            let books = [book_of(&without, &tables[0], group), books[1]];
            let mark = source_greeks(&books[0].market, leg).unwrap().mark;
            let cash = account.cash.checked_add(mark).unwrap();
            let after = Account {
                cash,
                books: &books,
                ..account
            }
            .portfolio(&mut [], &mut [])
            .unwrap();
            let expected = [
                after.initial_health.raw() - before.initial_health.raw(),
                after.maintenance_health.raw() - before.maintenance_health.raw(),
            ];
            let got = [
                freed[index].initial_health.raw(),
                freed[index].maintenance_health.raw(),
            ];
            for (got, expected) in got.into_iter().zip(expected) {
                // an empty leg still counts a unit in the cushion
                assert!((got - expected).abs() <= 20, "{index}: {got} {expected}");
            }
        }
        assert!(account
            .closing_frees(0, &mut scratch[..2], &mut freed)
            .is_err());
        assert!(account.closing_frees(2, &mut scratch, &mut freed).is_err());
    }
}
