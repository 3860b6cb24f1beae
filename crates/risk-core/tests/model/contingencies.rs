//! Hand-checked requirements: perpetuals, naked shorts, haircuts, factors, and which way each amount is rounded.

use crate::fixture::{quote, ratio, PortfolioBuilder, NO_CHARGES};
use risk_core::margin::{Collateral, MarginCheck, MarginReport, MOST_OPEN_NOTIONAL};
use risk_core::market::MarketParams;
use risk_core::params::{AccountTerms, ConfidenceParams};
use risk_core::scan::MarketRisk;
use risk_core::scenario::{Scenario, VolShock};
use risk_core::{Quote, Ratio};

/// A spot of 50,000 and an expiry at 30 days and one at 60.
fn btc() -> PortfolioBuilder {
    PortfolioBuilder::new(50_000.0)
        .expiry(30, 0.6)
        .expiry(60, 0.6)
}

/// `got` is `exact` USD within 200 native units: 2^-30 of 100,000 USD for the rounding of a spot multiplier, and as much
/// for a cushion.
fn assert_near(got: Quote, exact: f64) {
    let off = got.raw() - quote(exact).raw();
    assert!(off.abs() <= 200, "{got:?} is {off} from {exact}");
}

/// Charges of a book in USD: contingencies under the shipped parameters less the cushion, which is the same without them.
fn charges(builder: PortfolioBuilder) -> (f64, f64) {
    let charged = builder.build();
    let mut free = charged.clone();
    free.params = NO_CHARGES;
    let (charged, free) = (charged.evaluate().risk, free.evaluate().risk);
    assert_eq!(free.contingency_initial, Quote::ZERO);
    let net = charged
        .contingency_maintenance
        .checked_sub(free.contingency_maintenance);
    let usd = |amount: Quote| amount.raw() as f64 / 1e6;
    (usd(net.unwrap()), usd(charged.contingency_initial))
}

#[test]
fn long_perpetual() {
    // GIVEN 2 perpetuals bought at 48,000, marked and spot at 50,000, cash 10,000
    let report = btc()
        .long_perp(2.0, 48_000.0)
        .cash(10_000.0)
        .build()
        .report();
    // THEN equity = 10,000 + 2 x 2,000; scan = -18 % of 100,000; 3 % and 1 % of 100,000
    assert_eq!(report.mark, quote(4_000.0));
    assert_eq!(report.equity, quote(14_000.0));
    assert_near(report.scan, -18_000.0);
    assert_near(
        report.maintenance_health,
        14_000.0 - 0.8 * 18_000.0 - 3_000.0,
    );
    assert_near(
        report.initial_health,
        14_000.0 - 18_000.0 - 3_000.0 - 1_000.0,
    );
}

#[test]
fn short_perpetual_is_the_mirror_image() {
    let evaluation = btc().short_perp(2.0, 48_000.0).build().evaluate();
    assert_eq!(evaluation.report.mark, quote(-4_000.0));
    assert_eq!(evaluation.risk.worst_scenario, 10); // +18 %, volatility up
    assert_near(evaluation.report.scan, -18_000.0);
}

#[test]
fn perpetual_is_marked_at_its_own_price_and_charged_on_spot() {
    let book = btc().perp_price(50_500.0).long_perp(2.0, 50_000.0).build();
    let evaluation = book.evaluate();
    assert_eq!(evaluation.risk.mark, quote(1_000.0));
    assert_eq!(
        charges(btc().perp_price(50_500.0).long_perp(2.0, 50_000.0)),
        (3_000.0, 1_000.0)
    );
    assert_near(evaluation.risk.scan, -0.18 * 101_000.0);
}

#[test]
fn naked_shorts_are_counted_per_strike_with_calls_and_puts_pooled() {
    // 0.3 % + 0.2 % of 50,000 per naked short: 150 and 100
    let cases: [(&str, PortfolioBuilder, f64); 10] = [
        ("one short call", btc().short_call(30, 55_000.0, 1.0), 1.0),
        ("one short put", btc().short_put(30, 45_000.0, 1.0), 1.0),
        (
            "straddle",
            btc().short_call(30, 5e4, 1.0).short_put(30, 5e4, 1.0),
            2.0,
        ),
        (
            "strangle",
            btc().short_call(30, 55e3, 1.0).short_put(30, 45e3, 2.5),
            3.5,
        ),
        (
            "synthetic",
            btc().short_call(30, 5e4, 3.0).long_put(30, 5e4, 3.0),
            0.0,
        ),
        (
            "partly paired",
            btc().short_call(30, 5e4, 3.0).long_put(30, 5e4, 1.0),
            2.0,
        ),
        (
            "vertical spread",
            btc().short_call(30, 5e4, 1.0).long_call(30, 55e3, 1.0),
            1.0,
        ),
        (
            "other expiry",
            btc().short_call(30, 5e4, 1.0).long_call(60, 5e4, 1.0),
            1.0,
        ),
        (
            "more longs",
            btc().short_put(30, 5e4, 1.0).long_call(30, 5e4, 4.0),
            0.0,
        ),
        (
            "long only",
            btc().long_put(30, 5e4, 1.0).long_call(60, 5e4, 4.0),
            0.0,
        ),
    ];
    for (name, builder, naked) in cases {
        assert_eq!(charges(builder), (150.0 * naked, 100.0 * naked), "{name}");
    }
}

#[test]
fn charges_of_perpetuals_and_naked_shorts_add_up() {
    let book = btc()
        .short_perp(1.0, 5e4)
        .short_call(30, 6e4, 2.0)
        .short_put(60, 4e4, 1.0);
    assert_eq!(charges(book), (1_500.0 + 450.0, 500.0 + 300.0));
}

#[test]
fn case_46_a_charge_is_rounded_up_by_the_unit() {
    // GIVEN a market at 1 USD: n raw units of size have a notional of n native units
    let dollar = || PortfolioBuilder::new(1.0).expiry(30, 0.6);
    let unit = 1e-6;
    for (units, perp, naked) in [
        (1.0, [1.0, 1.0], [1.0, 1.0]),
        (100.0, [3.0, 1.0], [1.0, 1.0]),
        (101.0, [4.0, 2.0], [1.0, 1.0]),
        (1_001.0, [31.0, 11.0], [4.0, 3.0]),
    ] {
        let native = |charges: (f64, f64)| [charges.0, charges.1].map(|usd| (usd * 1e6).round());
        assert_eq!(
            native(charges(dollar().long_perp(units * unit, 1.0))),
            perp,
            "{units}"
        );
        assert_eq!(
            native(charges(dollar().short_put(30, 1.0, units * unit))),
            naked,
            "{units}"
        );
    }
}

#[test]
fn the_cushion_is_a_billionth_of_gross_notional_times_the_reach() {
    // GIVEN a million USD of options or perpetuals under sets that reach 1, 2 and 8 times the spot
    for (spot, reach) in [(900_000, 1), (1_100_000, 2), (8_000_000, 8)] {
        let set = [
            Scenario::new(VolShock::Up, spot),
            Scenario::new(VolShock::None, 1_000_000),
        ];
        let one =
            |book: PortfolioBuilder| book.params(NO_CHARGES).scenarios(&set).build().evaluate();
        let books = [
            btc().short_call(30, 5e4, 20.0),
            btc().long_put(60, 5e4, 20.0),
            btc().short_perp(20.0, 5e4),
        ];
        for book in books {
            // THEN 2^-30 of it times the reach, and a few units
            let cushion = one(book).risk.contingency_maintenance.raw();
            let share = (1_000_000_000_000 >> 30) * reach;
            assert!(
                (share..=share + 100).contains(&cushion),
                "{cushion} {share}"
            );
        }
    }
}

#[test]
fn haircuts_are_taken_from_health_and_not_from_equity() {
    // GIVEN 1,000 of an asset with 10 % and a further 5 %, and 500 of another without
    let report = btc()
        .collateral(1_000.0, 0.1, 0.05)
        .collateral(500.0, 0.0, 0.0)
        .cash(-200.0)
        .build()
        .report();
    // THEN equity is full, maintenance loses 100, initial another 50
    assert_eq!(report.collateral, quote(1_500.0));
    assert_eq!(report.equity, quote(1_300.0));
    assert_eq!(report.maintenance_health, quote(1_200.0));
    assert_eq!(report.initial_health, quote(1_150.0));
    assert_eq!(report.contingency_maintenance, quote(100.0));
    assert_eq!(report.contingency_initial, quote(50.0));
    assert_eq!(report.maintenance_margin(), quote(100.0));
    assert_eq!(report.initial_margin(), quote(150.0));
}

/// A check with one asset of `value` native units.
fn with_collateral(value: i64, maintenance: f64, initial: f64) -> MarginReport {
    let mut check = MarginCheck::new(Quote::ZERO);
    check
        .add_collateral(&Collateral {
            value: Quote::from_raw(value),
            haircut_maintenance: ratio(maintenance),
            haircut_initial: ratio(initial),
            ..Collateral::PLAIN
        })
        .unwrap();
    check.finish()
}

#[test]
fn a_haircut_is_rounded_up_by_the_unit() {
    for (value, share, haircut) in [
        (10, 0.1, 1),
        (11, 0.1, 2),
        (9, 0.1, 1),
        (1, 1e-6, 1),
        (0, 0.5, 0),
    ] {
        let report = with_collateral(value, share, 0.0);
        assert_eq!(report.contingency_maintenance.raw(), haircut);
        assert_eq!(report.maintenance_health.raw(), value - haircut);
        let report = with_collateral(value, 0.0, share);
        assert_eq!(report.maintenance_health.raw(), value);
        assert_eq!(report.initial_health.raw(), value - haircut);
    }
}

#[test]
fn inv_08_an_uncertain_asset_is_never_worse_than_none() {
    let terms = AccountTerms {
        confidence: ConfidenceParams {
            threshold: ratio(0.55),
            factor: ratio(1.0),
        },
        ..AccountTerms::PLAIN
    };
    // with 20 % of haircuts, all of the charge fits from a confidence of 0.2 on
    for (confidence, charge) in [(0.56, 0), (0.54, 460), (0.2, 800), (0.199, 800), (0.0, 800)] {
        let mut check = MarginCheck::with_terms(Quote::ZERO, &terms).unwrap();
        check
            .add_collateral(&Collateral {
                value: Quote::from_raw(1_000),
                haircut_maintenance: ratio(0.15),
                haircut_initial: ratio(0.05),
                confidence: ratio(confidence),
            })
            .unwrap();
        let report = check.finish();
        assert_eq!(report.contingencies.confidence.raw(), charge);
        assert_eq!(report.initial_health.raw(), 800 - charge);
        assert_eq!(report.maintenance_health.raw(), 850);
    }
}

/// A check with one market's result, typed in.
fn with_risk(params: &MarketParams, mark: i64, scan: i64, contingency: [i64; 2]) -> MarginReport {
    let mut check = MarginCheck::new(Quote::ZERO);
    check
        .add_risk(
            params,
            &MarketRisk {
                mark: Quote::from_raw(mark),
                scan: Quote::from_raw(scan),
                worst_scenario: 0,
                contingency_maintenance: Quote::from_raw(contingency[0]),
                contingency_initial: Quote::from_raw(contingency[1]),
                ..MarketRisk::default()
            },
        )
        .unwrap();
    check.finish()
}

#[test]
fn scan_factors_round_against_the_account_by_the_unit() {
    // 0.8 x -7 = -5.6, 0.8 x -10 = -8 exactly, 1.3 x -7 = -9.1
    for (initial, scan, expected) in [
        (1.0, -7, [-6, -7]),
        (1.0, -10, [-8, -10]),
        (1.3, -7, [-6, -10]),
        (1.3, 0, [0, 0]),
    ] {
        let params = MarketParams {
            scan_initial: ratio(initial),
            ..MarketParams::MAJOR
        };
        let report = with_risk(&params, 100, scan, [3, 2]);
        assert_eq!(report.maintenance_health.raw(), 100 + expected[0] - 3);
        assert_eq!(report.initial_health.raw(), 100 + expected[1] - 3 - 2);
    }
}

#[test]
fn factors_far_from_one_take_the_wide_product_with_the_same_rounding() {
    // beyond 2^57 native units, and at a ratio of 8 and above, the product is 128 bits wide
    for (amount, share, floor, ceil) in [
        ((1i64 << 57) + 1, 500_000, 1i64 << 56, (1i64 << 56) + 1),
        (-(1i64 << 57) - 1, 500_000, -(1i64 << 56) - 1, -(1i64 << 56)),
        (7, 8_500_000, 59, 60),
        (-7, 8_500_000, -60, -59),
        (7, 8_388_607, 58, 59),
        (-7, -1, 0, 1),
    ] {
        let (amount, share) = (Quote::from_raw(amount), Ratio::from_raw(share));
        assert_eq!(amount.mul_ratio_floor(share).unwrap().raw(), floor);
        assert_eq!(amount.mul_ratio_ceil(share).unwrap().raw(), ceil);
    }
}

#[test]
fn two_markets_add_up_in_any_order() {
    // GIVEN two markets evaluated one by one
    let first = btc().short_call(30, 5e4, 1.0).build();
    let second = PortfolioBuilder::new(150.0)
        .expiry(30, 0.9)
        .long_put(30, 140.0, 90.0)
        .short_perp(200.0, 160.0)
        .build();
    let [a, b] = [&first, &second].map(|book| book.evaluate().risk);
    let together = |order: [&MarketRisk; 2]| {
        let mut check = MarginCheck::new(quote(12_345.0));
        for risk in order {
            check.add_risk(&MarketParams::MAJOR, risk).unwrap();
        }
        check.finish()
    };
    // WHEN both are added THEN losses add, whatever the order: every correlation against the account at once
    let report = together([&a, &b]);
    assert_eq!(report, together([&b, &a]));
    assert_eq!(report.scan.raw(), a.scan.raw() + b.scan.raw());
    assert_eq!(report.mark.raw(), a.mark.raw() + b.mark.raw());
    let (alone, other) = (first.report(), second.report());
    let sum = alone.initial_health.raw() + other.initial_health.raw();
    assert_eq!(report.initial_health.raw(), sum + quote(12_345.0).raw());
}

#[test]
fn a_tail_counts_the_damped_share_of_every_leg() {
    // GIVEN a halving that counts 40 %, and a perpetual with a covered call far out of the money
    let halved = [
        Scenario::tail(500_000, 400_000),
        Scenario::new(VolShock::None, 1_000_000),
    ];
    let scan = |book: PortfolioBuilder| book.scenarios(&halved).build().evaluate().risk.scan;
    // THEN 25,000 x 0.4, and the expired call changes nothing
    assert_near(scan(btc().long_perp(1.0, 5e4)), -10_000.0);
    let covered = btc().expiry(0, 0.6).long_perp(1.0, 5e4);
    assert_near(scan(covered.short_call(0, 60_000.0, 1.0)), -10_000.0);
    // an expired put pays 0.4 x 25,000 of it back
    let hedged = btc().expiry(0, 0.6).long_perp(1.0, 5e4);
    assert_near(scan(hedged.long_put(0, 50_000.0, 1.0)), 0.0);
}

#[test]
fn scan_factors_apply_to_the_loss_of_a_book() {
    // GIVEN a perpetual that may lose 9,000, factors 0.5 and 1.5, no charges
    let params = MarketParams {
        scan_maintenance: ratio(0.5),
        scan_initial: ratio(1.5),
        ..NO_CHARGES
    };
    let report = btc().long_perp(1.0, 5e4).params(params).build().report();
    assert_near(report.maintenance_health, -4_500.0);
    assert_near(report.initial_health, -13_500.0);
    assert_near(report.maintenance_margin(), 4_500.0);
    assert_near(report.initial_margin(), 13_500.0);
}

#[test]
fn an_account_with_cash_alone_has_its_cash_as_health() {
    for cash in [0, 1, -1, i64::MAX, i64::MIN] {
        let report = MarginCheck::new(Quote::from_raw(cash)).finish();
        let amounts = [
            report.initial_health,
            report.maintenance_health,
            report.equity,
        ];
        assert_eq!(amounts, [Quote::from_raw(cash); 3]);
        assert_eq!(report.initial_margin(), Quote::ZERO);
    }
}

#[test]
fn gross_notional_takes_all_sizes_of_an_expiry_at_its_highest_price() {
    // GIVEN 3 and -2 options up to a strike of 60,000 at 30 days, one at 60 days below the money, 2 perpetuals
    let book = btc()
        .perp_price(50_500.0)
        .long_call(30, 40_000.0, 3.0)
        .short_put(30, 60_000.0, 2.0)
        .long_put(60, 30_000.0, 1.0)
        .short_perp(2.0, 50_000.0);
    // THEN the perpetual counts with its cost too
    let expected = 5.0 * 60_000.0 + 50_000.0 + 2.0 * 50_500.0 + 2.0 * 50_000.0;
    assert_eq!(book.build().report().gross_notional, quote(expected));
}

#[test]
fn an_account_opens_with_initial_health_and_within_the_limit_of_sizes() {
    let report = |initial_health: i64, gross: i64| MarginReport {
        initial_health: Quote::from_raw(initial_health),
        gross_notional: Quote::from_raw(gross),
        ..MarginReport::default()
    };
    let most = MOST_OPEN_NOTIONAL.raw();
    assert!(report(0, most).is_openable());
    assert!(!report(-1, most).is_openable());
    assert!(!report(0, most + 1).is_openable());
    assert_eq!(most * 64, risk_core::grid::MAX_GROSS_NOTIONAL as i64);
}

#[test]
fn a_reduction_of_risk_raises_initial_health_and_lowers_nothing() {
    // maintenance health, initial health, equity, gross notional
    let report = |[maintenance, initial, equity, gross]: [i64; 4]| MarginReport {
        maintenance_health: Quote::from_raw(maintenance),
        initial_health: Quote::from_raw(initial),
        equity: Quote::from_raw(equity),
        gross_notional: Quote::from_raw(gross),
        ..MarginReport::default()
    };
    let most = MOST_OPEN_NOTIONAL.raw();
    let before = [-50, -80, 100, 7];
    for (after, reduces) in [
        ([-50, -79, 100, 7], true),
        ([-25, -79, 50, 7], true), // half of the equity for half of the requirement
        ([-26, -79, 49, 7], false), // a little more
        ([-50, -79, 0, 7], false), // all of the equity for two thirds
        ([-50, -79, -1, 7], false), // a deficit made
        ([-51, -79, 100, 7], false),
        ([-50, -80, 100, 7], false), // nothing gained
        ([-50, -79, 100, most], true),
        ([-50, -79, 100, most + 1], false),
    ] {
        assert_eq!(
            report(after).reduces_risk_of(&report(before)),
            reduces,
            "{after:?}"
        );
    }
    // an account beyond the limits may still come closer to them
    let beyond = [-50, -80, -10, most + 9];
    for (after, reduces) in [
        ([-50, -79, -10, most + 9], true),
        ([-50, -79, -11, most + 9], false), // the deficit deepened
        ([-50, -79, -10, most + 10], false),
    ] {
        assert_eq!(
            report(after).reduces_risk_of(&report(beyond)),
            reduces,
            "{after:?}"
        );
    }
}
