//! Legs that a liquidator takes: each inequality by hand, both sides of every threshold, and on real books.

use crate::fixture::{quote, random_book, Portfolio, Shape};
use crate::support::Random;
use risk_core::liquidation::{buffer_health, LiquidationTerms, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::position::{Instrument, Position};
use risk_core::takeover::{
    accept_legs, fund_fee_floor, most_fee_floor, price_against_taker, size_legs, LegsError,
    Takeover,
};
use risk_core::unit_mark::UnitMarks;
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

const TERMS: LiquidationTerms = LiquidationTerms {
    discount: Ratio::from_raw(100_000),
    buffer: Ratio::from_raw(50_000),
    legs_fee: Ratio::from_raw(5_000),
    fund_share: Ratio::from_raw(100_000),
};

/// A report of an account by its equity and maintenance health, USD.
fn report(equity: f64, maintenance_health: f64) -> MarginReport {
    MarginReport {
        equity: quote(equity),
        cash: quote(equity),
        maintenance_health: quote(maintenance_health),
        ..MarginReport::default()
    }
}

/// A fee that the notional does not limit.
fn wants(fee: i64) -> Takeover {
    Takeover {
        fee: Quote::from_raw(fee),
        notional: quote(1e6),
        reserved: Quote::ZERO,
    }
}

/// The margin after a fee.
fn less(report: &MarginReport, fee: i64) -> MarginReport {
    let fee = Quote::from_raw(fee);
    MarginReport {
        equity: report.equity.checked_sub(fee).unwrap(),
        cash: report.cash.checked_sub(fee).unwrap(),
        maintenance_health: report.maintenance_health.checked_sub(fee).unwrap(),
        ..*report
    }
}

#[test]
fn the_fee_of_a_hand_computed_account() {
    // GIVEN equity 1,000 and health -100, so a requirement of 1,100, and D = 100 at a discount of 10 %: a slice improves health
    // by 1,000 - 100 + 100 = 1,000 for 100. WHEN legs bring health to 0 before the fee THEN F = 100 x 100 / 1,100
    let (before, unpaid) = (report(1_000.0, -100.0), report(1_000.0, 0.0));
    let fee = most_fee_floor(&before, &unpaid, &wants(0), &TERMS)
        .unwrap()
        .raw();
    assert_eq!(fee, 9_090_909); // 9.0909...
                                // THEN it is accepted, and a unit more is not: 9.090909 x 1,000 <= 100 x 90.909091
    let judge = |fee| accept_legs(&before, &less(&unpaid, fee), &wants(fee), &TERMS);
    assert_eq!(judge(fee), Ok(()));
    let dear = LegsError::TooDear {
        reward: Quote::from_raw(fee + 1),
        improvement: Quote::from_raw(100_000_000 - fee - 1),
    };
    assert_eq!(judge(fee + 1), Err(dear));
    assert_eq!(
        fund_fee_floor(Quote::from_raw(fee), &TERMS),
        Ok(Quote::from_raw(909_090))
    );
    // reserved cash lowers what a bidder would gain: D = 90, F = 90 x 100 / 1,100
    let reserved = Takeover {
        reserved: quote(100.0),
        ..wants(0)
    };
    let fee = most_fee_floor(&before, &unpaid, &reserved, &TERMS).unwrap();
    assert_eq!(fee.raw(), 8_181_818);
    // and no more than half of the equity is reserved, nor more than the cash: D = 50
    for (cash, expected) in [(1_000.0, 4_545_454), (300.0, 6_363_636), (-5.0, 9_090_909)] {
        let before = MarginReport {
            cash: quote(cash),
            ..before
        };
        let all = Takeover {
            reserved: quote(1e6),
            ..wants(0)
        };
        let fee = most_fee_floor(&before, &unpaid, &all, &TERMS).unwrap();
        assert_eq!(fee.raw(), expected, "{cash}");
    }
}

#[test]
fn a_fee_is_at_most_its_share_of_the_notional() {
    let (before, unpaid) = (report(1_000.0, -100.0), report(1_000.0, 0.0));
    let wants = |fee| Takeover {
        notional: quote(1_000.0),
        ..wants(fee)
    };
    let judge = |fee| accept_legs(&before, &less(&unpaid, fee), &wants(fee), &TERMS);
    assert_eq!(
        most_fee_floor(&before, &unpaid, &wants(0), &TERMS),
        Ok(quote(5.0))
    );
    assert_eq!(judge(5_000_000), Ok(()));
    let (fee, most) = (Quote::from_raw(5_000_001), quote(5.0));
    assert_eq!(judge(5_000_001), Err(LegsError::FeeTooHigh { fee, most }));
    let negative = judge(-1).unwrap_err();
    assert!(matches!(
        negative,
        LegsError::Risk(RiskError::OutOfRange { .. })
    ));
}

#[test]
fn an_account_without_equity_pays_nothing() {
    for equity in [0.0, -50.0] {
        let (before, unpaid) = (report(equity, -100.0), report(equity, -60.0));
        assert_eq!(
            most_fee_floor(&before, &unpaid, &wants(0), &TERMS),
            Ok(Quote::ZERO)
        );
        assert_eq!(accept_legs(&before, &unpaid, &wants(0), &TERMS), Ok(()));
        let refused = accept_legs(&before, &less(&unpaid, 1), &wants(1), &TERMS);
        let (fee, most) = (Quote::from_raw(1), Quote::ZERO);
        assert_eq!(refused, Err(LegsError::FeeTooHigh { fee, most }));
        // nor does it sell below the mark
        let refused = accept_legs(&before, &less(&unpaid, 1), &wants(0), &TERMS);
        assert!(matches!(refused, Err(LegsError::TooDear { .. })));
    }
    // with the whole equity on offer the fee ends where it ends
    let free = LiquidationTerms {
        discount: Ratio::from_raw(1_000_000),
        ..TERMS
    };
    let (before, unpaid) = (report(10.0, -100.0), report(10.0, 10.0));
    let fee = most_fee_floor(&before, &unpaid, &wants(0), &free)
        .unwrap()
        .raw();
    assert_eq!(fee, 10_000_000);
    assert_eq!(
        accept_legs(&before, &less(&unpaid, fee), &wants(fee), &free),
        Ok(())
    );
    let (fee, most) = (Quote::from_raw(fee + 1), quote(10.0));
    let refused = accept_legs(&before, &less(&unpaid, fee.raw()), &wants(fee.raw()), &free);
    assert_eq!(refused, Err(LegsError::FeeTooHigh { fee, most }));
}

#[test]
fn inv_12_13_health_must_rise_and_not_past_the_buffer() {
    // GIVEN a requirement of 1,100, WHEN health does not rise by a unit THEN the legs are refused
    let before = report(1_000.0, -100.0);
    for (raw, is_improved) in [(-1, false), (0, false), (1, true)] {
        let after = MarginReport {
            maintenance_health: Quote::from_raw(-100_000_000 + raw),
            ..before
        };
        let outcome = accept_legs(&before, &after, &wants(0), &TERMS);
        assert_eq!(outcome.is_ok(), is_improved, "{raw}: {outcome:?}");
    }
    // WHEN the requirement falls to 1,000 THEN the buffer is 50, and 1,050 of equity are exactly whole
    let before = report(1_050.0, -100.0);
    let after = report(1_050.0, 50.0);
    assert_eq!(accept_legs(&before, &after, &wants(0), &TERMS), Ok(()));
    let past = MarginReport {
        maintenance_health: Quote::from_raw(50_000_001),
        ..after
    };
    let refused = accept_legs(&before, &past, &wants(0), &TERMS).unwrap_err();
    assert!(matches!(refused, LegsError::PastBuffer { buffer_health } if buffer_health.raw() == 1));
    // WHEN the buffer is whole before THEN nobody touches it
    for (over, is_touched) in [(-1, true), (0, false)] {
        let before = MarginReport {
            maintenance_health: Quote::from_raw(50_000_000 + over),
            ..report(1_050.0, 0.0)
        };
        let outcome = accept_legs(&before, &after, &wants(0), &TERMS);
        let healthy = matches!(outcome, Err(LegsError::Healthy { .. }));
        assert_eq!(healthy, !is_touched, "{outcome:?}");
    }
}

/// Two random reports of one account before and after legs, and a fee.
fn random_case(random: &mut Random) -> (MarginReport, MarginReport, Takeover, LiquidationTerms) {
    let amount = |random: &mut Random| {
        let bits = random.bits() % 40;
        (random.bits() % (1 << bits).max(2)) as i64
    };
    let equity = amount(random) - i64::from(random.bits().is_multiple_of(3)) * amount(random);
    let requirement = amount(random);
    let eased = amount(random).min(requirement);
    let fee = amount(random).min(amount(random));
    let before = MarginReport {
        equity: Quote::from_raw(equity),
        cash: Quote::from_raw(amount(random)),
        maintenance_health: Quote::from_raw(equity - requirement),
        ..MarginReport::default()
    };
    let after = MarginReport {
        equity: Quote::from_raw(equity - fee),
        maintenance_health: Quote::from_raw(equity - fee - (requirement - eased)),
        ..before
    };
    let takeover = Takeover {
        fee: Quote::from_raw(fee),
        notional: Quote::from_raw(amount(random).saturating_mul(200)),
        reserved: Quote::from_raw(amount(random)),
    };
    let terms = LiquidationTerms {
        discount: Ratio::from_raw((random.bits() % 1_000_001) as i64),
        buffer: Ratio::from_raw((10_000 + random.bits() % 990_001) as i64),
        legs_fee: Ratio::from_raw((random.bits() % 50_001) as i64),
        fund_share: Ratio::from_raw((random.bits() % 500_001) as i64),
    };
    (before, after, takeover, terms)
}

#[test]
fn inv_13_what_is_accepted_is_no_dearer_than_a_slice_whatever_the_witness() {
    let mut random = Random(81);
    let (mut accepted, mut lenient) = (0, 0);
    for _ in 0..2_000_000 {
        let (before, after, takeover, terms) = random_case(&mut random);
        if accept_legs(&before, &after, &takeover, &terms).is_err() {
            continue;
        }
        accepted += 1;
        let fee = i128::from(takeover.fee.raw());
        let read = |quote: Quote| i128::from(quote.raw());
        let (equity, health) = (read(before.equity), read(before.maintenance_health));
        // THEN true maintenance health rose, equity is not below zero by the fee, and the account is not past its buffer
        assert!(after.maintenance_health > before.maintenance_health);
        assert!(fee == 0 || after.equity.raw() >= 0);
        assert!(buffer_health(&after, terms.buffer).unwrap().raw() <= 0);
        // THEN per unit of reward no worse than the slice, in real numbers: F (E - D - M) <= D (M' - M) for the real D
        let reserved = read(takeover.reserved)
            .min(equity / 2)
            .min(read(before.cash))
            .max(0);
        let pot = (equity - reserved).max(0) * i128::from(terms.discount.raw()); // 1e-6 of units
        let improvement = read(after.maintenance_health) - health;
        let million = 1_000_000;
        assert!(fee * ((equity - health) * million - pot) <= pot * improvement);
        assert!(fee * million <= pot);
        // THEN the same against every account that the witness may have hidden: of lower true health
        let mut truth = before;
        truth.maintenance_health =
            Quote::from_raw((health - i128::from(random.bits() % (1 << 40))) as i64);
        assert_eq!(accept_legs(&truth, &after, &takeover, &terms), Ok(()));
        lenient += usize::from(takeover.fee.raw() > 0);
        // THEN the fund's part stays a part
        let fund = fund_fee_floor(takeover.fee, &terms).unwrap();
        assert!(fund.raw() >= 0 && fund.raw() * 2 <= takeover.fee.raw());
    }
    assert!(accepted > 20_000 && lenient > 2_000, "{accepted} {lenient}");
}

#[test]
fn the_largest_fee_is_the_largest_that_is_accepted() {
    let mut random = Random(82);
    let (mut paid, mut edges) = (0, 0);
    for _ in 0..400_000 {
        let (before, mut unpaid, takeover, terms) = random_case(&mut random);
        unpaid = less(&unpaid, -takeover.fee.raw());
        // what rounding gives or takes at the marks
        let dust = random.bits() as i64 % 4;
        unpaid.equity = Quote::from_raw(unpaid.equity.raw() + dust);
        unpaid.maintenance_health = Quote::from_raw(unpaid.maintenance_health.raw() + dust);
        let fee = most_fee_floor(&before, &unpaid, &takeover, &terms)
            .unwrap()
            .raw();
        let judge = |fee| {
            let takeover = Takeover {
                fee: Quote::from_raw(fee),
                ..takeover
            };
            accept_legs(&before, &less(&unpaid, fee), &takeover, &terms)
        };
        let most = judge(fee);
        if matches!(
            most,
            Err(LegsError::PastBuffer { .. } | LegsError::Healthy { .. })
        ) {
            continue;
        }
        if fee == 0 {
            continue;
        }
        assert_eq!(most, Ok(()), "{before:?} {unpaid:?} {takeover:?} {terms:?}");
        paid += 1;
        let more = judge(fee + 1);
        edges += usize::from(matches!(more, Err(LegsError::TooDear { .. })));
        assert!(
            more.is_err(),
            "{fee}: {before:?} {unpaid:?} {takeover:?} {terms:?}"
        );
    }
    assert!(paid > 5_000 && edges > 1_000, "{paid} {edges}");
}

#[test]
fn a_fee_that_is_accepted_stays_so_as_the_auction_goes_on() {
    let mut random = Random(83);
    let mut seen = 0;
    for _ in 0..400_000 {
        let (before, after, takeover, terms) = random_case(&mut random);
        if takeover.fee.raw() == 0 || accept_legs(&before, &after, &takeover, &terms).is_err() {
            continue;
        }
        seen += 1;
        for rise in [1, 1_000, 1_000_000] {
            let later = LiquidationTerms {
                discount: Ratio::from_raw((terms.discount.raw() + rise).min(1_000_000)),
                ..terms
            };
            assert_eq!(accept_legs(&before, &after, &takeover, &later), Ok(()));
        }
        let fees = [0, 250_000, 500_000, 1_000_000].map(|discount| {
            let terms = LiquidationTerms {
                discount: Ratio::from_raw(discount),
                ..terms
            };
            most_fee_floor(&before, &after, &takeover, &terms).unwrap()
        });
        assert!(fees.is_sorted(), "{fees:?}");
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn no_amount_panics() {
    let mut random = Random(84);
    let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let any = |random: &mut Random| {
        let raw = match random.bits() % 3 {
            0 => random.bits() as i64,
            1 => edges[(random.bits() % 7) as usize],
            _ => (random.bits() >> 20) as i64,
        };
        Quote::from_raw(raw)
    };
    let mut refused = 0;
    for _ in 0..200_000 {
        let mut report = || MarginReport {
            equity: any(&mut random),
            cash: any(&mut random),
            maintenance_health: any(&mut random),
            ..MarginReport::default()
        };
        let (before, after) = (report(), report());
        let takeover = Takeover {
            fee: any(&mut random),
            notional: any(&mut random),
            reserved: any(&mut random),
        };
        let terms = LiquidationTerms {
            discount: Ratio::from_raw(any(&mut random).raw()),
            buffer: Ratio::from_raw(any(&mut random).raw()),
            legs_fee: Ratio::from_raw(any(&mut random).raw()),
            fund_share: Ratio::from_raw(any(&mut random).raw()),
        };
        refused += usize::from(accept_legs(&before, &after, &takeover, &terms).is_err());
        let _ = most_fee_floor(&before, &after, &takeover, &terms);
        let _ = fund_fee_floor(takeover.fee, &terms);
    }
    assert!(refused > 100_000, "{refused}");
}

#[test]
fn prices_are_moved_against_the_taker_and_no_further_than_their_error() {
    let spot = Price::from_raw(11_666_150_000_000);
    let leg = |instrument, quantity| Position {
        instrument,
        expiry: 0,
        strike: Price::from_raw(1),
        ln_strike: 0,
        quantity: Quantity::from_raw(quantity),
        cost: Quote::ZERO,
    };
    let moved = |mark, instrument, quantity| {
        let mark = Price::from_raw(mark);
        price_against_taker(mark, spot, &leg(instrument, quantity)).raw()
    };
    // 11_666_150_000_000 / 2^32 = 2716.2
    let slack = 2_717;
    for option in [Instrument::Call, Instrument::Put] {
        assert_eq!(moved(1_000_000, option, 1), 1_000_000 + slack);
        assert_eq!(moved(1_000_000, option, -1), 1_000_000 - slack);
        assert_eq!(moved(10, option, -1), 0);
        assert_eq!(moved(Price::MOST, option, 1), Price::MOST);
    }
    for linear in [Instrument::Perpetual, Instrument::Future] {
        assert_eq!(moved(1_000_000, linear, 1), 1_000_000);
        assert_eq!(moved(1_000_000, linear, -1), 1_000_000);
    }
}

/// A book without a share (1e-9) of one leg, which was sold at its mark.
fn without(book: &Portfolio, leg: usize, share: u64) -> Portfolio {
    let mut sold = book.clone();
    let position = book.positions[leg];
    let part = position
        .quantity
        .scale_toward_zero(share, FRACTION_ONE)
        .unwrap();
    let table = book.table();
    let market = book.market(table.set().unwrap());
    let price = UnitMarks::new(&market).of(&position).unwrap();
    let paid = part.notional(price).unwrap();
    let record = &mut sold.positions[leg];
    record.quantity = Quantity::from_raw(record.quantity.raw() - part.raw());
    match position.instrument.is_option() {
        true => sold.cash = sold.cash.checked_add(paid).unwrap(),
        false => record.cost = record.cost.checked_sub(paid).unwrap(),
    }
    sold
}

#[test]
fn a_sized_leg_ends_at_its_aim_or_at_its_best() {
    let mut random = Random(85);
    let (mut at_aim, mut at_best, mut calls) = (0, 0, 0);
    for _ in 0..300 {
        // GIVEN a random book that lacks a tenth of its requirement, and any leg of it
        let mut book = random_book(&mut random, &Shape::USUAL);
        let report = book.report();
        let short = report.maintenance_margin().raw() / 10;
        let cash = book.cash.raw() - report.maintenance_health.raw() - short;
        book.cash = Quote::from_raw(cash);
        let leg = (random.bits() % book.positions.len() as u64) as usize;
        let aim = Ratio::from_raw(95_000);
        let share = size_legs(aim, |share| {
            calls += 1;
            Ok(without(&book, leg, share).report())
        });
        let share = share.unwrap();
        let left = |share| {
            buffer_health(&without(&book, leg, share).report(), aim)
                .unwrap()
                .raw()
        };
        // THEN it does not pass its aim, and either a little more would, or nothing else is better
        assert!(left(share) <= 0);
        let dust = FRACTION_ONE / 1_000_000;
        if share < FRACTION_ONE && left((share + dust).min(FRACTION_ONE)) > 0 {
            at_aim += 1;
            continue;
        }
        at_best += 1;
        let health = |share| without(&book, leg, share).report().maintenance_health.raw();
        let best = health(share);
        let rounding = (report.gross_notional.raw() >> 20).max(1_000);
        for other in (0..=10).map(|tenth| FRACTION_ONE / 10 * tenth) {
            assert!(
                left(other) > 0 || health(other) <= best + rounding,
                "{share} {other}"
            );
        }
    }
    println!(
        "{at_aim} at the aim, {at_best} at the best, {} calls each",
        calls / 300
    );
    assert!(at_aim > 20 && at_best > 50, "{at_aim} {at_best}");
    let refused = size_legs(Ratio::ZERO, |_| Err(RiskError::NoBaseScenario));
    assert_eq!(refused, Err(RiskError::NoBaseScenario));
}
