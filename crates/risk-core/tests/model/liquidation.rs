//! Liquidation slices: the closed form by hand, and applied to real books bid after bid.

use crate::fixture::{quote, random_book, ratio, Portfolio, PortfolioBuilder, Shape};
use crate::support::{Random, Worst};
use risk_core::liquidation::{
    buffer_health, plan_slice, LiquidationTerms, SliceError, SlicePlan, Wanted, DUST_REQUIREMENT,
    FRACTION_ONE, LEAST_FRACTION,
};
use risk_core::margin::{Collateral, MarginReport};
use risk_core::{Quantity, Quote, Ratio, RiskError};

const TERMS: LiquidationTerms = LiquidationTerms {
    discount: Ratio::from_raw(100_000),
    buffer: Ratio::from_raw(50_000),
    ..LiquidationTerms::PLAIN
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

fn plan(equity: f64, health: f64, reserved: f64, wanted: u64) -> Result<SlicePlan, SliceError> {
    plan_slice(
        &report(equity, health),
        &TERMS,
        quote(reserved),
        Wanted::at_most(wanted),
    )
}

#[test]
fn the_slice_of_a_hand_computed_account() {
    // GIVEN equity 1,000, maintenance health -100: requirement 1,100, buffer 55, buffer health -155; the book costs 900
    let whole = plan(1_000.0, -100.0, 0.0, FRACTION_ONE).unwrap();
    // THEN x = 155 / (900 + 155) = 0.14691943127..., floored, and its price is x 900, rounded up
    assert_eq!(whole.fraction, 146_919_431);
    assert_eq!(whole.price.raw(), 132_227_488); // 132.2274879
    assert_eq!(
        buffer_health(&report(1_000.0, -100.0), TERMS.buffer),
        Ok(quote(-155.0))
    );
}

#[test]
fn cash_from_earlier_bids_is_not_sold_again() {
    // GIVEN the same account with 100 of reserved cash: 900 of equity for sale at 810
    let slice = plan(1_000.0, -100.0, 100.0, FRACTION_ONE).unwrap();
    // THEN x = 155 / (810 + 100 + 155) = 0.14553990610...
    assert_eq!(slice.fraction, 145_539_906);
    assert_eq!(slice.price.raw(), 117_887_324); // 117.88732386, rounded up
}

#[test]
fn a_bid_is_refused_once_the_buffer_is_exactly_whole() {
    // GIVEN a requirement of 1,000 and so a buffer of 50: buffer health is maintenance health less 50
    let unit = 1e-6;
    for (equity, health, over) in [
        (1_050.0, 50.0, 0),
        (1_051.0, 51.0, 1_000_000),
        (2e9, 1e9, 950_000_000_000_000),
    ] {
        let refusal = plan(equity, health, 0.0, FRACTION_ONE).unwrap_err();
        let buffer_health = Quote::from_raw(over);
        assert_eq!(refusal, SliceError::Healthy { buffer_health });
    }
    // one unit below, the buffer counts up: two units short of 945, 2.1e-9
    let slice = plan(1_050.0, 50.0 - unit, 0.0, FRACTION_ONE).unwrap();
    assert_eq!(slice.fraction, 2);
    // at the edge of maintenance all of it is missing: 50 / (900 + 50)
    let slice = plan(1_000.0, 0.0, 0.0, FRACTION_ONE).unwrap();
    assert_eq!(slice.fraction, 52_631_578);
    // no requirement, nothing to repair, whatever the equity
    let healthy = plan(-5.0, 0.0, 0.0, FRACTION_ONE);
    assert!(matches!(healthy, Err(SliceError::Healthy { .. })));
}

#[test]
fn a_liquidation_ends_with_nine_tenths_of_the_buffer() {
    // GIVEN a requirement of 1,000 and a buffer of 5 %: 45 must be free
    let restored = |health: f64| TERMS.is_restored(&report(1_000.0 + health, health));
    for (health, expected) in [
        (50.0, true),
        (45.0, true),
        (44.999_999, false),
        (0.0, false),
        (-1.0, false),
    ] {
        assert_eq!(restored(health), Ok(expected), "{health}");
    }
}

#[test]
fn nothing_is_for_sale_without_equity() {
    for equity in [0.0, -3.0, -1e-6] {
        let refusal = plan(equity, -500.0, 0.0, FRACTION_ONE).unwrap_err();
        let equity = quote(equity);
        assert_eq!(refusal, SliceError::Insolvent { equity });
    }
    assert!(plan(1e-6, -500.0, 0.0, FRACTION_ONE).is_ok());
}

#[test]
fn at_most_half_of_the_equity_is_reserved() {
    // GIVEN 200 of equity and health -100: requirement 300, buffer health -115
    let with = |reserved| plan(200.0, -100.0, reserved, FRACTION_ONE).unwrap();
    // THEN from 100 on, 100 are for sale at 90: x = 115 / (90 + 100 + 115)
    for reserved in [100.0, 100.000_001, 200.0, 1e6] {
        let slice = with(reserved);
        assert_eq!(
            (slice.reserved, slice.fraction),
            (quote(100.0), 377_049_180)
        );
        assert_eq!(slice.price.raw(), 33_934_427);
    }
    assert_eq!(with(99.999_999).reserved, quote(99.999_999));
    assert_eq!(with(0.0).fraction, 389_830_508); // 115 / (180 + 115)
}

#[test]
fn no_more_than_the_cash_that_is_left_is_reserved() {
    let poor = MarginReport {
        cash: quote(30.0),
        ..report(200.0, -100.0)
    };
    for (reserved, kept) in [(29.0, 29.0), (30.0, 30.0), (31.0, 30.0)] {
        let slice = plan_slice(
            &poor,
            &TERMS,
            quote(reserved),
            Wanted::at_most(FRACTION_ONE),
        )
        .unwrap();
        assert_eq!(slice.reserved, quote(kept));
    }
}

#[test]
fn a_bid_is_clamped_above_and_refused_below_the_least_slice() {
    let most = plan(1_000.0, -100.0, 0.0, FRACTION_ONE).unwrap();
    for wanted in [most.fraction, most.fraction + 1, FRACTION_ONE + 1, u64::MAX] {
        assert_eq!(plan(1_000.0, -100.0, 0.0, wanted), Ok(most));
    }
    let smaller = plan(1_000.0, -100.0, 0.0, most.fraction - 1).unwrap();
    assert_eq!(smaller.fraction, most.fraction - 1);
    let least = plan(1_000.0, -100.0, 0.0, LEAST_FRACTION).unwrap();
    assert_eq!((least.fraction, least.price), (LEAST_FRACTION, quote(0.9)));
    for wanted in [0, 1, LEAST_FRACTION - 1] {
        let refusal = SliceError::TooSmall {
            wanted,
            least: LEAST_FRACTION,
        };
        assert_eq!(plan(1_000.0, -100.0, 0.0, wanted), Err(refusal));
    }
}

#[test]
fn an_account_near_its_buffer_is_sold_in_the_slice_that_restores_it() {
    // GIVEN 10.5 cents missing of the buffer of 50.005: x = 0.105 / (945 + 0.105), below the least slice
    let near = |wanted| plan(1_050.0, 49.9, 0.0, wanted);
    let slice = near(FRACTION_ONE).unwrap();
    assert_eq!(slice.fraction, 111_098);
    assert_eq!(near(slice.fraction), Ok(slice));
    let least = slice.fraction;
    let wanted = least - 1;
    assert_eq!(near(wanted), Err(SliceError::TooSmall { wanted, least }));
    // two units short of 9,450 USD is less than a slice of 1e-9, and takes one
    let tiny = plan(10_500.0, 500.0 - 1e-6, 0.0, FRACTION_ONE).unwrap();
    assert_eq!((tiny.fraction, tiny.price.raw()), (1, 10));
}

#[test]
fn inv_15_a_book_that_requires_a_hundred_dollars_is_sold_whole() {
    // GIVEN equity 50 and health -50, so a requirement of 100: WHEN any bid is made THEN all of it goes for 45
    for wanted in [LEAST_FRACTION, FRACTION_ONE / 2, FRACTION_ONE] {
        let slice = plan(50.0, -50.0, 0.0, wanted).unwrap();
        assert_eq!((slice.fraction, slice.price), (FRACTION_ONE, quote(45.0)));
    }
    // one unit more and it is sliced: 55.000002 / (45 + 55.000002), the buffer rounded up
    let slice = plan(50.0, -50.000_001, 0.0, FRACTION_ONE).unwrap();
    assert_eq!(slice.fraction, 550_000_008);
    // dust is no excuse to take a healthy or an insolvent account, or to bid for nothing
    let refused = |equity, health, wanted| plan(equity, health, 0.0, wanted).unwrap_err();
    assert!(matches!(
        refused(50.0, 3.0, FRACTION_ONE),
        SliceError::Healthy { .. }
    ));
    assert!(matches!(
        refused(0.0, -50.0, FRACTION_ONE),
        SliceError::Insolvent { .. }
    ));
    assert!(matches!(
        refused(50.0, -50.0, 0),
        SliceError::TooSmall { .. }
    ));
}

#[test]
fn inv_15_dust_is_gone_after_one_bid() {
    for raw in 1..=10 {
        // GIVEN a short call of a few raw units, half of its requirement covered
        let units = f64::from(raw) * 1e-6;
        let mut book = PortfolioBuilder::new(1e5)
            .expiry(30, 0.6)
            .short_call(30, 110e3, units)
            .build();
        let half = book.report().maintenance_margin().raw() / 2;
        book.cash = Quote::from_raw(half - book.report().mark.raw());
        let reserved = Quote::ZERO;
        let mut account = Liquidatee { book, reserved };
        // WHEN somebody bids THEN nothing is left but the price, and the account is healthy
        let slice = account.plan(&TERMS, FRACTION_ONE).unwrap();
        account.apply(&slice);
        assert!(account.book.positions.is_empty());
        assert_eq!(
            (account.book.cash, account.reserved),
            (slice.price, slice.price)
        );
        assert_eq!(TERMS.is_restored(&account.report()), Ok(true));
    }
}

/// An account in liquidation: a book, and the cash it received from bids.
#[derive(Clone)]
pub struct Liquidatee {
    pub book: Portfolio,
    pub reserved: Quote,
}

impl Liquidatee {
    pub fn report(&self) -> MarginReport {
        self.book.report()
    }

    /// Whether it is worth enough that rounding leg by leg does not matter, and is sold in slices.
    pub fn is_sliced(&self) -> bool {
        let requirement = self.report().maintenance_margin().raw();
        requirement > DUST_REQUIREMENT.max((200.0 * self.rounding()) as i64)
    }

    pub fn plan(&self, terms: &LiquidationTerms, wanted: u64) -> Result<SlicePlan, SliceError> {
        plan_slice(
            &self.report(),
            terms,
            self.reserved,
            Wanted::at_most(wanted),
        )
    }

    /// Takes the planned part of every position, collateral and unreserved cash, rounded toward zero but for short legs, and pays
    /// for it.
    pub fn apply(&mut self, plan: &SlicePlan) {
        let part = |amount: Quote| {
            amount
                .scale_toward_zero(plan.fraction, FRACTION_ONE)
                .unwrap()
        };
        for leg in &mut self.book.positions {
            let sold = match leg.quantity.raw() < 0 {
                true => leg
                    .quantity
                    .scale_away_from_zero(plan.fraction, FRACTION_ONE),
                false => leg.quantity.scale_toward_zero(plan.fraction, FRACTION_ONE),
            };
            let sold = sold.unwrap();
            leg.quantity = Quantity::from_raw(leg.quantity.raw() - sold.raw());
            leg.cost = leg.cost.checked_sub(part(leg.cost)).unwrap();
        }
        self.book
            .positions
            .retain(|leg| leg.quantity != Quantity::ZERO || leg.cost != Quote::ZERO);
        for asset in &mut self.book.collateral {
            asset.value = asset.value.checked_sub(part(asset.value)).unwrap();
        }
        let for_sale = self.book.cash.checked_sub(plan.reserved).unwrap();
        let cash = self.book.cash.checked_sub(part(for_sale)).unwrap();
        self.book.cash = cash.checked_add(plan.price).unwrap();
        self.reserved = plan.reserved.checked_add(plan.price).unwrap();
    }

    /// What rounding may move: each leg is off by less than one raw unit of its size, so mark, scan and charges are off
    /// by at most twice that unit's notional (the buffer doubles charges), and the cushion by what its shift steps.
    pub fn rounding(&self) -> f64 {
        let legs: f64 = self
            .book
            .positions
            .iter()
            .map(|leg| self.book.unit_notional(leg))
            .sum();
        let cushion = self.book.gross_notional() * 2f64.powi(-28);
        2.0 * legs + cushion + 8.0 * (self.book.positions.len() as f64 + 2.0)
    }
}

/// A random book with collateral and as much cash as puts its maintenance health at `-depth` of its requirement.
pub fn random_liquidatee(random: &mut Random, depth: f64) -> Liquidatee {
    let mut book = random_book(random, &Shape::USUAL);
    let requirement = book.report().maintenance_margin().raw();
    book.collateral.push(Collateral {
        value: Quote::from_raw(requirement / 3),
        haircut_maintenance: ratio(0.1),
        haircut_initial: ratio(0.05),
        ..Collateral::PLAIN
    });
    let report = book.report();
    let short = (report.maintenance_margin().raw() as f64 * depth) as i64 + 1;
    book.cash = Quote::from_raw(-short - report.maintenance_health.raw());
    let reserved = Quote::ZERO;
    Liquidatee { book, reserved }
}

fn random_terms(random: &mut Random) -> LiquidationTerms {
    let terms = LiquidationTerms {
        discount: Ratio::from_raw((random.bits() % 500_001) as i64),
        buffer: Ratio::from_raw((10_000 + random.bits() % 990_001) as i64),
        ..LiquidationTerms::PLAIN
    };
    terms.validate().unwrap();
    terms
}

#[test]
fn inv_13_a_full_bid_ends_at_the_buffer_and_never_past_it() {
    let mut random = Random(61);
    let mut past = Worst::new("past the buffer / rounding");
    let mut short = Worst::new("short of it / rounding");
    let mut improved = 0;
    for _ in 0..3_000 {
        // GIVEN a random account that is short of maintenance by 0.1 % to 99 % of its requirement
        let depth = random.between(0.001, 0.99);
        let mut account = random_liquidatee(&mut random, depth);
        let terms = random_terms(&mut random);
        let before = account.report();
        if !account.is_sliced() {
            continue;
        }
        let slice = account.plan(&terms, FRACTION_ONE).unwrap();
        let rounding = account.rounding();
        // WHEN all that restores the buffer is taken
        account.apply(&slice);
        let after = account.report();
        // THEN buffer health is zero: above by no more than the rounding of the legs, below by that and 1e-9 of the account
        let health = buffer_health(&after, terms.buffer).unwrap().raw() as f64;
        let whole = before.maintenance_margin().raw() as f64 * 3.0 * 1e-9;
        past.see(health.max(0.0) / rounding, || {
            format!("{:?} {slice:?} {health}", before)
        });
        short.see((-health - whole).max(0.0) / rounding, || {
            format!("{before:?} {slice:?}")
        });
        improved += usize::from(after.maintenance_health > before.maintenance_health);
    }
    past.at_most(1.0);
    short.at_most(1.0);
    assert!(improved > 2_000, "{improved}");
}

#[test]
fn inv_13_every_bid_improves_maintenance_health_by_the_closed_form() {
    let mut random = Random(62);
    let mut off = Worst::new("improvement off / rounding");
    for _ in 0..3_000 {
        // GIVEN a random account and a bid for any part of what restores it
        let depth = random.between(0.01, 0.9);
        let mut account = random_liquidatee(&mut random, depth);
        let terms = random_terms(&mut random);
        let wanted = LEAST_FRACTION + random.bits() % FRACTION_ONE;
        let before = account.report();
        if !account.is_sliced() {
            continue;
        }
        let slice = account.plan(&terms, wanted).unwrap();
        assert!(slice.fraction <= wanted && slice.price.raw() > 0);
        let rounding = account.rounding();
        account.apply(&slice);
        // THEN M' - M = x (B + R - M), with R = 0
        let x = slice.fraction as f64 / FRACTION_ONE as f64;
        let book_price = before.equity.raw() as f64 * (1.0 - terms.discount.raw() as f64 / 1e6);
        let expected = x * (book_price - before.maintenance_health.raw() as f64);
        let after = account.report().maintenance_health.raw();
        let gained = (after - before.maintenance_health.raw()) as f64;
        off.see((gained - expected) / rounding, || {
            format!("{before:?} {slice:?}")
        });
        assert!(expected < rounding || gained > 0.0, "{before:?} {slice:?}");
    }
    off.at_most(1.0);
}

#[test]
fn inv_15_bids_of_any_size_end_with_a_healthy_account() {
    let mut random = Random(63);
    let mut most_bids = 0;
    for round in 0..300 {
        // GIVEN an account worth more than its rounding, and a buffer of at least 1 %
        let mut account = random_liquidatee(&mut random, 0.3);
        if !account.is_sliced() {
            continue;
        }
        let terms = LiquidationTerms {
            buffer: ratio(random.between(0.01, 0.2)),
            discount: ratio(random.between(0.0, 0.5)),
            ..LiquidationTerms::PLAIN
        };
        // WHEN bidders take 5 % of the book at a time, or whatever is left to the buffer
        let wanted = [FRACTION_ONE, FRACTION_ONE / 20][round % 2];
        let mut bids = 0;
        while !terms.is_restored(&account.report()).unwrap() {
            let cash_for_sale = account.book.cash.raw() - account.reserved.raw();
            let before = account.report().maintenance_health;
            let slice = account.plan(&terms, wanted).unwrap();
            account.apply(&slice);
            bids += 1;
            assert!(bids < 200, "does not end: {:?}", account.report());
            // THEN each bid that is worth more than the rounding of the legs improves health, and reserved cash is never sold: what is for sale only shrinks in magnitude
            let worth_more = slice.price.raw() as f64 > account.rounding();
            assert!(!worth_more || account.report().maintenance_health > before);
            let left = account.book.cash.raw() - account.reserved.raw();
            assert!(
                left.abs() <= cash_for_sale.abs() && left.signum() * cash_for_sale.signum() >= 0
            );
        }
        // THEN it ends healthy, with the buffer
        assert!(account.report().maintenance_health.raw() > 0);
        most_bids = most_bids.max(bids);
    }
    println!("at most {most_bids} bids");
    assert!(most_bids > 1);
}

#[test]
fn a_slice_keeps_hedges_together() {
    // GIVEN a short straddle hedged with wings and perpetuals, 20 % short of maintenance
    let book = PortfolioBuilder::new(5e4)
        .expiry(30, 0.6)
        .short_call(30, 5e4, 10.0)
        .short_put(30, 5e4, 10.0)
        .long_call(30, 6e4, 10.0)
        .long_put(30, 4e4, 10.0)
        .short_perp(0.7, 5e4)
        .build();
    let requirement = book.report().maintenance_margin().raw();
    let mut account = Liquidatee {
        book,
        reserved: Quote::ZERO,
    };
    account.book.cash = Quote::from_raw(-account.book.report().mark.raw() + requirement * 4 / 5);
    let before = account.book.clone();
    // WHEN a slice is taken THEN every leg shrinks by the same part
    let slice = account.plan(&TERMS, FRACTION_ONE).unwrap();
    account.apply(&slice);
    for (before, after) in before.positions.iter().zip(&account.book.positions) {
        let left = after.quantity.raw() as f64 / before.quantity.raw() as f64;
        let expected = 1.0 - slice.fraction as f64 / FRACTION_ONE as f64;
        assert!((left - expected).abs() < 2e-6, "{before:?} {after:?}");
    }
}

#[test]
fn a_part_of_a_liability_is_rounded_away_from_zero() {
    let part = |held: i64, thousandths: u64| {
        let fraction = thousandths * (FRACTION_ONE / 1_000);
        let quantity = Quantity::from_raw(held);
        quantity
            .scale_away_from_zero(fraction, FRACTION_ONE)
            .map(|part| part.raw())
    };
    for (held, thousandths, expected) in [
        (-999, 1, -1),
        (-1_000, 1, -1),
        (-1_001, 1, -2),
        (-1, 1, -1),
        (-7, 1_000, -7),
        (1_001, 1, 2),
        (0, 500, 0),
        (-5, 0, 0),
    ] {
        assert_eq!(
            part(held, thousandths),
            Ok(expected),
            "{held} x {thousandths}"
        );
    }
    let overflow = Err(RiskError::Overflow(risk_core::error::Field::Quantity));
    assert_eq!(part(i64::MIN, 1_000), overflow);
}
