//! The auction's clock, what a bid costs and pays at any discount up to 1.0, and slices of insolvent accounts.

use crate::fixture::{quote, ratio};
use crate::support::Random;
use risk_core::auction::AuctionTerms;
use risk_core::error::Field;
use risk_core::liquidation::{
    plan_insolvent_slice, plan_slice, InsolventOffer, InsolventSlice, LiquidationTerms, SliceError,
    SlicePlan, Wanted, DUST_REQUIREMENT, FRACTION_ONE, LEAST_FRACTION,
};
use risk_core::margin::MarginReport;
use risk_core::{Quote, Ratio, RiskError};

/// 5 % to 30 % in 15 minutes, to all of it in 4 hours, paid out within an hour.
const TERMS: AuctionTerms = AuctionTerms {
    discount_start: Ratio::from_raw(50_000),
    discount_fast: Ratio::from_raw(300_000),
    fast_seconds: 900,
    slow_seconds: 14_400,
    insolvent_seconds: 3_600,
};

fn report(equity: f64, maintenance_health: f64) -> MarginReport {
    MarginReport {
        equity: quote(equity),
        cash: quote(equity),
        maintenance_health: quote(maintenance_health),
        ..MarginReport::default()
    }
}

/// A slice of equity 1,000 and maintenance health -100 (requirement 1,100, buffer 55) at a discount.
fn slice(discount: f64, fund_share: f64, reserved: f64) -> SlicePlan {
    let terms = LiquidationTerms {
        discount: ratio(discount),
        buffer: ratio(0.05),
        fund_share: ratio(fund_share),
        ..LiquidationTerms::PLAIN
    };
    let wanted = Wanted::at_most(FRACTION_ONE);
    plan_slice(&report(1_000.0, -100.0), &terms, quote(reserved), wanted).unwrap()
}

#[test]
fn the_discount_at_both_sides_of_every_edge_of_the_clock() {
    for (elapsed, expected) in [
        (i64::MIN, 50_000),
        (-1, 50_000),
        (0, 50_000),
        (1, 50_277), // 277.77 a second, floored
        (450, 175_000),
        (899, 299_722),
        (900, 300_000),
        (901, 300_048), // 48.61 a second
        (8_100, 650_000),
        (15_299, 999_951),
        (15_300, 1_000_000),
        (15_301, 1_000_000),
        (i64::MAX, 1_000_000),
    ] {
        let discount = TERMS.discount_floor(elapsed, false);
        assert_eq!(discount.raw(), expected, "after {elapsed} s");
        // a maintained account stays in the fast phase
        let maintained = TERMS.discount_floor(elapsed, true);
        assert_eq!(maintained.raw(), expected.min(300_000), "after {elapsed} s");
        assert_eq!(TERMS.is_exhausted(elapsed), elapsed >= 15_300);
    }
}

#[test]
fn the_payout_grows_to_the_deficit_and_no_further() {
    for (elapsed, expected) in [
        (i64::MIN, 0),
        (-1, 0),
        (0, 0),
        (1, 277_777),
        (1_800, 500_000_000),
        (3_599, 999_722_222),
        (3_600, 1_000_000_000),
        (3_601, 1_000_000_000),
        (i64::MAX, 1_000_000_000),
    ] {
        let payout = TERMS.payout_floor(quote(1_000.0), elapsed);
        assert_eq!(payout.raw(), expected, "after {elapsed} s");
        assert_eq!(TERMS.is_payout_whole(elapsed), elapsed >= 3_600);
        // nothing where nothing is lacking
        for deficit in [0, -1, i64::MIN] {
            assert_eq!(
                TERMS.payout_floor(Quote::from_raw(deficit), elapsed),
                Quote::ZERO
            );
        }
    }
    let most = Quote::from_raw(i64::MAX);
    assert_eq!(TERMS.payout_floor(most, 3_600), most);
    assert_eq!(TERMS.payout_floor(most, 1_800).raw(), i64::MAX / 2);
}

#[test]
fn both_sides_of_the_terms_of_an_auction() {
    assert_eq!(TERMS.validate(), Ok(()));
    let out = |value, least, most| {
        Err(RiskError::OutOfRange {
            field: Field::LiquidationTerms,
            value,
            least,
            most,
        })
    };
    type Set = fn(&mut AuctionTerms, i64);
    let cases: [(Set, i64, i64); 5] = [
        (|t, v| t.discount_start = Ratio::from_raw(v), 0, 300_000),
        (|t, v| t.discount_fast = Ratio::from_raw(v), 50_000, 900_000),
        (|t, v| t.fast_seconds = v, 60, 86_400),
        (|t, v| t.slow_seconds = v, 600, 604_800),
        (|t, v| t.insolvent_seconds = v, 60, 86_400),
    ];
    for (index, (set, least, most)) in cases.into_iter().enumerate() {
        for value in [least, most] {
            let mut terms = TERMS;
            set(&mut terms, value);
            assert_eq!(terms.validate(), Ok(()), "{index}: {value}");
        }
        for value in [least - 1, most + 1, i64::MIN, i64::MAX] {
            let mut terms = TERMS;
            set(&mut terms, value);
            assert!(terms.validate().is_err(), "{index}: {value}");
        }
    }
    let start = AuctionTerms {
        discount_start: ratio(0.500_001),
        discount_fast: ratio(0.6),
        ..TERMS
    };
    assert_eq!(start.validate(), out(500_001, 0, 500_000));
    // the start of the fast phase is not above its end
    let falling = AuctionTerms {
        discount_fast: ratio(0.049_999),
        ..TERMS
    };
    assert_eq!(falling.validate(), out(49_999, 50_000, 900_000));
}

#[test]
fn a_fast_phase_must_leave_room_for_its_buffer() {
    // 0.8 x 1.25 is 1.0 exactly
    let terms = |fast: i64| AuctionTerms {
        discount_fast: Ratio::from_raw(fast),
        ..TERMS
    };
    assert_eq!(terms(800_000).validate_beside(ratio(0.25)), Ok(()));
    assert!(terms(800_001).validate_beside(ratio(0.25)).is_err());
    assert!(terms(800_000).validate_beside(ratio(0.250_001)).is_err());
    assert_eq!(terms(500_000).validate_beside(ratio(1.0)), Ok(()));
    assert!(terms(500_001).validate_beside(ratio(1.0)).is_err());
    assert!(terms(i64::MAX).validate_beside(ratio(1.0)).is_err());
    assert!(terms(1).validate_beside(Ratio::from_raw(i64::MAX)).is_err());
}

#[test]
fn discounts_of_zero_and_a_half() {
    // x = 155 / (1000 (1 - discount) + 155)
    for (discount, fraction, price) in [
        (0.0, 134_199_134, 134_199_134),
        (0.5, 236_641_221, 118_320_611),
    ] {
        let expected = SlicePlan {
            fraction,
            price: Quote::from_raw(price),
            fund_fee: Quote::ZERO,
            reserved: Quote::ZERO,
        };
        assert_eq!(slice(discount, 0.0, 0.0), expected);
    }
}

#[test]
fn the_slice_grows_with_the_discount_up_to_the_whole_book_for_nothing() {
    // GIVEN 155 missing, THEN x = 155 / (1000 (1 - d) + 155), which is the whole book once it costs nothing
    for (discount, fraction, price) in [
        (0.3, 181_286_549, 126_900_585),
        (0.9, 607_843_137, 60_784_314),
        (0.999_999, 999_993_548, 1_000),
        (1.0, FRACTION_ONE, 0),
    ] {
        let slice = slice(discount, 0.0, 0.0);
        assert_eq!(
            (slice.fraction, slice.price.raw()),
            (fraction, price),
            "{discount}"
        );
    }
    // what earlier bids paid stays: x = 155 / (0 + 100 + 155)
    let kept = slice(1.0, 0.0, 100.0);
    assert_eq!((kept.fraction, kept.price.raw()), (607_843_137, 0));
    assert_eq!(kept.reserved, quote(100.0));
}

#[test]
fn the_fund_gets_its_share_of_the_reward_and_never_more() {
    // GIVEN x = 155 / (900 + 155) of 1,000 at 10 % off: a reward of 14.6919431, THEN a tenth of it, floored
    let with = |discount, share| slice(discount, share, 0.0).fund_fee.raw();
    assert_eq!(with(0.1, 0.1), 1_469_194);
    let reward = |discount: f64| {
        let slice = slice(discount, 0.0, 0.0);
        slice.fraction as f64 / 1e9 * 1_000.0 * discount
    };
    for discount in [0.0, 0.05, 0.3, 0.999, 1.0] {
        for share in [0.0, 0.1, 0.5] {
            let (fee, expected) = (with(discount, share) as f64 / 1e6, reward(discount) * share);
            assert!(
                (0.0..=1.5e-6).contains(&(expected - fee)),
                "{discount} {share}: {fee} {expected}"
            );
        }
    }
    assert_eq!((with(0.0, 0.5), with(1.0, 0.0)), (0, 0));
}

#[test]
fn inv_15_any_slice_of_any_account_is_within_its_bounds() {
    let mut random = Random(71);
    let mut planned = 0;
    for _ in 0..200_000 {
        // GIVEN any account and any terms that are valid
        let equity = (random.bits() >> (2 + random.bits() % 60)) as i64 + 1;
        let requirement = (random.bits() >> (2 + random.bits() % 60)) as i64;
        let report = MarginReport {
            equity: Quote::from_raw(equity),
            maintenance_health: Quote::from_raw(equity - requirement),
            cash: Quote::from_raw(random.any_signed() >> 1),
            ..MarginReport::default()
        };
        let terms = LiquidationTerms {
            discount: Ratio::from_raw((random.bits() % 1_000_001) as i64),
            buffer: Ratio::from_raw((10_000 + random.bits() % 990_001) as i64),
            fund_share: Ratio::from_raw((random.bits() % 500_001) as i64),
            ..LiquidationTerms::PLAIN
        };
        let wanted = Wanted {
            fraction: random.bits() % (2 * FRACTION_ONE),
            minimum: random.bits() % FRACTION_ONE / 8,
        };
        let reserved = Quote::from_raw(random.any_signed().max(0));
        let Ok(plan) = plan_slice(&report, &terms, reserved, wanted) else {
            continue;
        };
        planned += 1;
        // THEN the slice is a part, no less than wanted, and no larger than what restores the buffer
        assert!((1..=FRACTION_ONE).contains(&plan.fraction) && plan.fraction >= wanted.minimum);
        let reserved = plan.reserved.raw();
        assert!((0..=equity / 2).contains(&reserved));
        let for_sale = i128::from(equity - reserved);
        let price_of_all = (for_sale * i128::from(1_000_000 - terms.discount.raw()) + 999_999)
            .div_euclid(1_000_000);
        let buffer = (i128::from(requirement) * i128::from(terms.buffer.raw()) + 999_999)
            .div_euclid(1_000_000);
        let missing = buffer + i128::from(requirement - equity);
        let whole = price_of_all + i128::from(reserved) + missing;
        let is_dust = requirement <= DUST_REQUIREMENT;
        let restores = i128::from(plan.fraction) * whole <= missing * i128::from(FRACTION_ONE);
        assert!(
            restores || is_dust || plan.fraction == 1,
            "{report:?} {plan:?}"
        );
        // and the next larger one would not be
        let clamped = u64::from(plan.fraction < wanted.fraction && !is_dust);
        let next = i128::from(plan.fraction + 1) * whole > missing * i128::from(FRACTION_ONE);
        assert!(
            clamped == 0 || next || plan.fraction == FRACTION_ONE,
            "{report:?} {plan:?}"
        );
        // the price is its part of the whole, rounded up by less than a unit; the fee is at most the share of the reward
        let one = i128::from(FRACTION_ONE);
        let over = i128::from(plan.price.raw()) * one - i128::from(plan.fraction) * price_of_all;
        assert!((0..one).contains(&over));
        let reward = (for_sale - price_of_all) * i128::from(plan.fraction);
        let share = reward * i128::from(terms.fund_share.raw());
        let fee = i128::from(plan.fund_fee.raw());
        assert!(fee >= 0 && fee * one * 1_000_000 <= share);
        assert!((fee + 2) * one * 1_000_000 > share);
    }
    assert!(planned > 10_000, "{planned}");
}

#[test]
fn case_72_a_bidder_gets_no_less_than_its_minimum() {
    let terms = LiquidationTerms {
        discount: ratio(0.1),
        buffer: ratio(0.05),
        ..LiquidationTerms::PLAIN
    };
    let bid = |fraction, minimum| {
        let wanted = Wanted { fraction, minimum };
        plan_slice(&report(1_000.0, -100.0), &terms, Quote::ZERO, wanted).map(|plan| plan.fraction)
    };
    let most = 146_919_431; // 155 / 1055
    assert_eq!(bid(FRACTION_ONE, most), Ok(most));
    let refused = |fraction, minimum| Err(SliceError::BelowMinimum { fraction, minimum });
    assert_eq!(bid(FRACTION_ONE, most + 1), refused(most, most + 1));
    // a minimum above what was asked for is not met either, and zero is any
    assert_eq!(bid(5_000_000, 5_000_001), refused(5_000_000, 5_000_001));
    assert_eq!(bid(5_000_000, 5_000_000), Ok(5_000_000));
    assert_eq!(bid(LEAST_FRACTION, 0), Ok(LEAST_FRACTION));
    assert_eq!(bid(u64::MAX, u64::MAX), refused(most, u64::MAX));
    // dust goes whole, whatever was asked for
    let wanted = |minimum| Wanted {
        fraction: LEAST_FRACTION,
        minimum,
    };
    let dust = |minimum| plan_slice(&report(50.0, -50.0), &terms, Quote::ZERO, wanted(minimum));
    assert_eq!(dust(FRACTION_ONE).map(|p| p.fraction), Ok(FRACTION_ONE));
    assert_eq!(
        dust(FRACTION_ONE + 1).map(|p| p.fraction),
        refused(FRACTION_ONE, FRACTION_ONE + 1)
    );
}

/// A slice of an account with an equity and a maintenance health, for a payout and what the fund may pay.
fn insolvent(
    [equity, health]: [f64; 2],
    [payout, insurance]: [f64; 2],
    fraction: u64,
) -> Result<InsolventSlice, SliceError> {
    let offer = InsolventOffer {
        payout: quote(payout),
        insurance: quote(insurance),
    };
    plan_insolvent_slice(&report(equity, health), &offer, Wanted::at_most(fraction))
}

#[test]
fn an_insolvent_slice_is_paid_by_the_fund_and_then_by_bad_debt() {
    // GIVEN equity -200 and maintenance health -1,000; WHEN a quarter is taken for P(t) = 600
    let account = [-200.0, -1_000.0];
    for (insurance, expected) in [
        (1_000.0, [150.0, 0.0]), // the fund pays all of x P
        (600.0, [150.0, 0.0]),   // a quarter of all that it has
        (400.0, [100.0, 0.0]),   // what it has for the whole, it has a quarter of for a quarter
        (200.0, [50.0, 0.0]),    // 50 makes a quarter worth nothing: no incentive
        (150.0, [50.0, 0.0]),    // nor debt, while the fund has as much
        (50.0, [50.0, 0.0]),
        (49.999_999, [49.999_999, 0.000_001]),
        (20.0, [20.0, 30.0]),
        (0.0, [0.0, 50.0]), // bad debt is never an incentive: 50, not 150
        (-5.0, [0.0, 50.0]),
    ] {
        let slice = insolvent(account, [600.0, insurance], FRACTION_ONE / 4).unwrap();
        let [fund, debt] = expected.map(quote);
        assert_eq!((slice.insurance, slice.debt), (fund, debt), "{insurance}");
        assert_eq!(slice.fraction, FRACTION_ONE / 4);
    }
    // before the payout has grown to what the slice lacks, the bidder waits: a quarter of 100 is paid, not 50
    let early = insolvent(account, [100.0, 0.0], FRACTION_ONE / 4).unwrap();
    assert_eq!((early.insurance, early.debt), (Quote::ZERO, quote(25.0)));
    let start = insolvent(account, [0.0, 500.0], FRACTION_ONE / 4).unwrap();
    assert_eq!((start.insurance, start.debt), (Quote::ZERO, Quote::ZERO));
    // an account with equity left whose auction is over runs into no debt
    let exhausted = insolvent([200.0, -1_000.0], [600.0, 10.0], FRACTION_ONE / 4).unwrap();
    assert_eq!(
        (exhausted.insurance, exhausted.debt),
        (quote(2.5), Quote::ZERO)
    );
    let none = insolvent([0.0, -1_000.0], [600.0, 0.0], FRACTION_ONE).unwrap();
    assert_eq!((none.insurance, none.debt), (Quote::ZERO, Quote::ZERO));
}

#[test]
fn inv_16_slices_cost_together_what_one_bidder_for_the_whole_costs() {
    // equity -60 and a requirement of 40, at the end of the clock; part by part, the rest of the book and of the fund to the next
    for fund in [0.0, 10.0, 50.0, 59.0, 60.0, 61.0, 99.0, 100.0, 500.0] {
        let fund = fund * 100.0;
        let whole = insolvent([-6_000.0, -10_000.0], [10_000.0, fund], FRACTION_ONE).unwrap();
        let (mut equity, mut left, mut paid) = (-6_000.0, 1.0, 0.0);
        for of in [4, 3, 2, 1] {
            let health = equity - 4_000.0 * left;
            let account = [equity, health];
            let part = insolvent(account, [-health, fund - paid], FRACTION_ONE / of).unwrap();
            let [insurance, debt] = [part.insurance, part.debt].map(|q| q.raw() as f64 / 1e6);
            let kept = 1.0 - 1.0 / of as f64;
            (equity, left, paid) = (equity * kept - debt, left * kept, paid + insurance);
        }
        let expected = [whole.insurance, whole.debt].map(|q| q.raw() as f64 / 1e6);
        let errors = [paid - expected[0], -equity - expected[1]];
        assert!(errors.iter().all(|e| e.abs() < 1e-3), "{fund}: {errors:?}");
    }
}

#[test]
fn insolvent_slices_have_no_buffer_but_the_same_bounds() {
    let bid = |fraction| insolvent([-200.0, -1_000.0], [600.0, 600.0], fraction);
    for wanted in [FRACTION_ONE, FRACTION_ONE + 1, u64::MAX] {
        assert_eq!(bid(wanted).unwrap().fraction, FRACTION_ONE);
    }
    assert_eq!(bid(LEAST_FRACTION).unwrap().fraction, LEAST_FRACTION);
    for wanted in [0, 1, LEAST_FRACTION - 1] {
        let least = LEAST_FRACTION;
        assert_eq!(bid(wanted), Err(SliceError::TooSmall { wanted, least }));
    }
    // dust whole: equity -50, requirement 100; one unit more is sliced
    let dust = insolvent([-50.0, -150.0], [150.0, 150.0], LEAST_FRACTION).unwrap();
    assert_eq!(
        (dust.fraction, dust.insurance),
        (FRACTION_ONE, quote(150.0))
    );
    let sliced = insolvent([-50.0, -150.000_001], [150.0, 150.0], LEAST_FRACTION).unwrap();
    assert_eq!(sliced.fraction, LEAST_FRACTION);
    // what lacks 5,000 is nobody's whole who named a part, until all but 100 of it is paid
    for (payout, whole) in [(0.0, false), (4_899.999_999, false), (4_900.0, true)] {
        for fund in [0.0, 9_000.0] {
            let slice = insolvent([-5_000.0, -5_050.0], [payout, fund], LEAST_FRACTION).unwrap();
            assert_eq!(slice.fraction == FRACTION_ONE, whole, "{payout} {fund}");
        }
    }
    // both sides of maintenance
    let maintained = insolvent([-200.0, 0.0], [0.0, 0.0], FRACTION_ONE);
    let buffer_health = Quote::ZERO;
    assert_eq!(maintained, Err(SliceError::Healthy { buffer_health }));
    assert!(insolvent([-200.0, -0.000_001], [0.0, 0.0], FRACTION_ONE).is_ok());
}

#[test]
fn inv_13_an_insolvent_slice_never_lowers_maintenance_health() {
    let mut random = Random(72);
    let (mut from_fund, mut from_debt) = (0, 0);
    for _ in 0..200_000 {
        // GIVEN any account below maintenance, at any time of its payout, with any fund
        let equity = random.any_signed() >> 2;
        let requirement = (random.any() >> 2) as i64;
        let health = equity.saturating_sub(requirement);
        let report = MarginReport {
            equity: Quote::from_raw(equity),
            maintenance_health: Quote::from_raw(health),
            ..MarginReport::default()
        };
        let elapsed = random.any_signed();
        let deficit = Quote::from_raw(-health);
        let offer = InsolventOffer {
            payout: TERMS.payout_floor(deficit, elapsed),
            insurance: Quote::from_raw((random.any() >> 2) as i64),
        };
        let wanted = Wanted::at_most(random.bits() % FRACTION_ONE);
        let Ok(plan) = plan_insolvent_slice(&report, &offer, wanted) else {
            continue;
        };
        let one = i128::from(FRACTION_ONE);
        let x = i128::from(plan.fraction);
        let [fund, debt] = [plan.insurance, plan.debt].map(|part| i128::from(part.raw()));
        // THEN fund and account together pay x P at most, the account only while the slice is worth less than nothing
        assert!(fund >= 0 && debt >= 0 && fund <= i128::from(offer.insurance.raw()));
        assert!((fund + debt) * one <= x * i128::from(offer.payout.raw()));
        assert!(debt == 0 || (fund + debt) * one <= -x * i128::from(equity));
        // (1 - x) M - y >= M
        assert!(debt * one <= -x * i128::from(health), "{report:?} {plan:?}");
        from_fund += usize::from(fund > 0);
        from_debt += usize::from(debt > 0);
    }
    assert!(
        from_fund > 1_000 && from_debt > 1_000,
        "{from_fund} {from_debt}"
    );
}
