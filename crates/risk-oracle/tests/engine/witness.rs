//! INV-09 over random books: a witness has its scenario's bits and is never harsher than the whole; the worst named is the worst.

use crate::draw::{Drawn, DrawnBook};
use crate::random::Random;
use risk_core::market::Market;
use risk_core::scan::{scan_market, MarketRisk, ScenarioPnl};
use risk_core::scenario::{Witness, MAX_SCENARIOS};

const ACCOUNTS: u64 = 12_000;

fn scan(book: &DrawnBook, witness: Option<&Witness>) -> Option<(MarketRisk, ScenarioPnl)> {
    let of_engine = book.book();
    let mut market = of_engine.market;
    if let Some(witness) = witness {
        market = Market {
            scenarios: witness.set().unwrap(),
            ..market
        };
    }
    let mut pnl = [0; MAX_SCENARIOS];
    let risk = scan_market(&market, of_engine.positions, &mut pnl).ok()?;
    Some((risk, pnl))
}

/// How many witnesses a book has; a part of them that breaks the law fails.
fn check(book: &DrawnBook) -> usize {
    let Some((whole, pnl)) = scan(book, None) else {
        return 0;
    };
    let set = book.table.set().unwrap();
    for (index, expected) in pnl.iter().enumerate().take(set.count()) {
        let witness = Witness::new(&set, index).unwrap();
        let (risk, own) = scan(book, Some(&witness)).unwrap();
        let is_same = own[..2].contains(expected);
        assert!(is_same, "{index}: {expected} of {:?}: {book:?}", &own[..2]);
        assert!(
            risk.scan >= whole.scan,
            "{index}: {risk:?} {whole:?} {book:?}"
        );
        assert_eq!(risk.contingency_maintenance, whole.contingency_maintenance);
        assert_eq!(risk.mark, whole.mark);
    }
    if whole.scan.raw() < 0 {
        let named = Witness::named(&set, &book.params, whole.worst_scenario).unwrap();
        let (risk, _) = scan(book, Some(&named)).unwrap();
        assert_eq!(risk.scan, whole.scan, "{whole:?} {book:?}");
    }
    set.count()
}

#[test]
fn inv_09_no_witness_is_harsher_than_the_whole() {
    let mut witnesses = 0;
    for account in 0..ACCOUNTS {
        let drawn = Drawn::any(&mut Random::of(777, account));
        witnesses += drawn.books.iter().map(check).sum::<usize>();
    }
    println!("{witnesses} witnesses");
    assert!(witnesses > 300_000);
}
