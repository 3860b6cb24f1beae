//! Why a margin is what it is: contributions of legs, Greeks of legs and expiries.

use crate::fixture::{price, quote, Portfolio, PortfolioBuilder, Shape, NOW};
use crate::support::{Random, Worst as WorstError};
use crate::whole_exact::random_whole_book;
use risk_core::explain::leg_contributions;
use risk_core::greeks::{market_greeks, source_greeks, ExpiryGreeks, Greeks, NetGreeks};
use risk_core::scan::Worst;
use risk_core::{Quantity, Quote};

#[test]
fn contributions_of_the_legs_add_up_to_the_scan() {
    let mut random = Random(302);
    let mut worst = WorstError::new("contributions - scan / gross");
    let mut deltas = WorstError::new("contributions to deltas / gross");
    let mut kinds = [0; 4];
    for _ in 0..1_500 {
        let mut book = random_whole_book(&mut random, &Shape::USUAL);
        if random.bits().is_multiple_of(2) {
            book.positions.retain(|leg| leg.instrument.is_option());
            book.scenarios
                .retain(|node| node.vol.is_skew() || node.spot == 1_000_000);
        }
        let (Ok(engine), table) = (book.try_evaluate(), book.table()) else {
            continue;
        };
        let risk = engine.risk;
        let long_only = book.positions.iter().all(|leg| leg.quantity.raw() >= 0);
        if book.positions.is_empty() || long_only {
            continue;
        }
        let kind = match risk.worst() {
            Worst::Nothing => 0,
            Worst::Scenario(_) => 1,
            Worst::Basis => 2,
            Worst::MinDelta => 3,
        };
        kinds[kind] += 1;
        let market = book.market(table.set().unwrap());
        let mut parts = vec![Quote::ZERO; book.positions.len()];
        leg_contributions(&market, &book.positions, &risk, &mut parts).unwrap();
        let coins = book.offset.notional(book.spot).unwrap().raw() as f64;
        if coins > 0.0 && kind == 3 {
            continue; // the coins' own part of the floor depends on the rest
        }
        let held = match risk.worst() {
            Worst::Scenario(index) => {
                let node = book.scenarios[usize::from(index)];
                coins * (f64::from(node.spot) / 1e6 - 1.0) * f64::from(node.damping) / 1e6
            }
            _ => 0.0,
        };
        let sum: i64 = parts.iter().map(|part| part.raw()).sum();
        let gross = risk.gross_notional.raw() as f64 + coins;
        let off = (sum as f64 + held - risk.scan.raw() as f64).abs();
        let beyond = (off - 20.0 * book.rounding_units()).max(0.0);
        let worst = if kind == 3 { &mut deltas } else { &mut worst };
        worst.see(beyond / gross, || format!("{:?} {book:?}", risk.worst()));
        assert!(leg_contributions(&market, &book.positions, &risk, &mut parts[1..]).is_err());
    }
    println!("{kinds:?}");
    assert!(kinds[1..].iter().all(|count| *count > 20), "{kinds:?}");
    worst.at_most(1e-7); // the cushion times the basis factor
    deltas.at_most(1e-4); // the floor's own bound on the error of a delta
}

#[test]
fn one_pass_gives_the_greeks_of_legs_expiries_and_market() {
    let mut random = Random(303);
    for _ in 0..300 {
        let book = random_whole_book(&mut random, &Shape::USUAL);
        let table = book.table();
        let market = book.market(table.set().unwrap());
        let mut legs = vec![Greeks::default(); book.positions.len()];
        let mut expiries = [ExpiryGreeks::default(); 8];
        let Ok((sum, count)) = market_greeks(&market, &book.positions, &mut legs, &mut expiries)
        else {
            continue;
        };
        // THEN each leg is what it is alone, each expiry the sum of its legs, the market the sum of all
        let mut times: Vec<i64> = book.positions.iter().map(|leg| leg.expiry).collect();
        times.dedup();
        assert_eq!(times.len(), count);
        for (leg, greeks) in book.positions.iter().zip(&legs) {
            assert_eq!(source_greeks(&market, leg).as_ref(), Ok(greeks));
        }
        let mut total = NetGreeks::default();
        for (time, expiry) in times.iter().zip(&expiries) {
            assert_eq!(expiry.expiry, *time);
            let here = book
                .positions
                .iter()
                .zip(&legs)
                .filter(|(leg, _)| leg.expiry == *time);
            let net = here.fold(Greeks::default(), |sum, (_, leg)| {
                sum.checked_add(leg).unwrap()
            });
            assert_eq!(net, expiry.greeks.net);
            total = total.checked_add(&expiry.greeks).unwrap();
        }
        assert_eq!(total, sum);
        assert_eq!(
            market_greeks(&market, &book.positions, &mut [], &mut []),
            Ok((sum, count))
        );
    }
}

#[test]
fn greeks_of_a_future_and_in_the_settlement_window() {
    let mut book = PortfolioBuilder::new(5e4)
        .expiry(30, 0.6)
        .basis(0.1)
        .long_future(30, 2.0, 5e4)
        .long_call(30, 55e3, 1.0)
        .build();
    let table = book.table();
    let delta = |book: &Portfolio, index: usize| {
        let market = book.market(table.set().unwrap());
        source_greeks(&market, &book.positions[index]).unwrap()
    };
    // the forward moves 1.1 for one of spot
    let future = delta(&book, 0);
    assert_eq!(
        (future.delta, future.mark, future.vega),
        (Quantity::from_raw(2_200_000), quote(10_000.0), Quote::ZERO)
    );
    // WHEN ten minutes are left and two thirds are fixed THEN a third moves: once for delta, twice for gamma
    let settle = |book: &mut Portfolio, fixed: f64| {
        book.expiries[0].time = NOW + 600;
        book.expiries[0].forward_price = Some(price(54e3));
        book.expiries[0].fixed_forward = price(fixed);
        book.positions
            .iter_mut()
            .for_each(|leg| leg.expiry = NOW + 600);
    };
    settle(&mut book, 0.0);
    let (free, option) = (delta(&book, 0), delta(&book, 1));
    settle(&mut book, 36e3);
    let (fixed, held) = (delta(&book, 0), delta(&book, 1));
    assert!((fixed.delta.raw() * 3 - free.delta.raw()).abs() <= 3);
    assert!((held.delta.raw() * 3 - option.delta.raw()).abs() <= 3);
    assert!((held.gamma.raw() * 9 - option.gamma.raw()).abs() <= 20);
    assert_eq!(held.mark, option.mark);
}
