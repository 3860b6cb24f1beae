//! Both sides of every bound of the terms beyond the grid, and of the sets that account and house choose.

use crate::fixture::{price, quote, ratio, PortfolioBuilder, DAY, NOW};
use risk_core::error::Field;
use risk_core::group::GroupParams;
use risk_core::market::{Expiry, MarketParams, Move, MAX_TENOR_SECONDS};
use risk_core::params::{AccountTerms, SkewParams};
use risk_core::position::{Instrument, Position, QuotedPosition, MOST_VOLATILITY};
use risk_core::scan::scan_market;
use risk_core::scenario::{
    Scenario, ScenarioTable, VolShock, MAJOR_SCENARIOS, MAX_SCENARIOS, WIDE_SCENARIOS,
};
use risk_core::tier::{PortfolioTerms, StandardParams};
use risk_core::{Price, Quantity, Quote, Ratio, RiskError, YEAR_SECONDS};

const ONE: i64 = 1_000_000;

fn out_of_range(field: Field, value: i64, least: i64, most: i64) -> RiskError {
    RiskError::OutOfRange {
        field,
        value,
        least,
        most,
    }
}

/// Field, least, most, and how to set a parameter from its raw value.
type Bound = (Field, i64, i64, fn(&mut MarketParams, i64));

const BOUNDS: [Bound; 26] = {
    use Field as F;
    const fn r(raw: i64) -> Ratio {
        Ratio::from_raw(raw)
    }
    [
        (F::SkewBase, 0, ONE, |p, v| p.skew.linear_base = r(v)),
        (F::SkewSlope, -ONE, ONE, |p, v| p.skew.linear_slope = r(v)),
        (F::SkewBase, 0, ONE, |p, v| p.skew.abs_base = r(v)),
        (F::SkewSlope, -ONE, ONE, |p, v| p.skew.abs_slope = r(v)),
        (F::SkewLeastMoneyness, 2_000, 4 * ONE, |p, v| {
            p.skew.min_k = r(v)
        }),
        (F::SkewWidth, 0, 16 * ONE, |p, v| p.skew.width = r(v)),
        (F::SkewFixed, 0, 4 * ONE, |p, v| p.skew.fixed = r(v)),
        (F::SkewScale, 0, 4 * ONE, |p, v| p.skew.scale = r(v)),
        (F::DiscountLongBase, 0, ONE, |p, v| {
            p.discount.long_base = r(v)
        }),
        (F::DiscountMultiplier, 0, 10 * ONE, |p, v| {
            p.discount.long_multiplier = r(v)
        }),
        (F::DiscountAdd, 0, 2 * ONE, |p, v| {
            p.discount.long_add = r(v)
        }),
        (F::DiscountShortBase, ONE, 2 * ONE, |p, v| {
            p.discount.short_base = r(v)
        }),
        (F::DiscountMultiplier, 0, 10 * ONE, |p, v| {
            p.discount.short_multiplier = r(v)
        }),
        (F::DiscountAdd, 0, 2 * ONE, |p, v| {
            p.discount.short_add = r(v)
        }),
        (F::BasisUp, ONE, 1_500_000, |p, v| p.basis.up = r(v)),
        (F::BasisDown, 500_000, ONE, |p, v| p.basis.down = r(v)),
        (F::BasisAdd, 0, 4 * ONE, |p, v| p.basis.add = r(v)),
        (F::BasisMultiplier, 0, 4 * ONE, |p, v| {
            p.basis.multiplier = r(v)
        }),
        (F::MinDeltaNet, 0, ONE, |p, v| p.min_delta.net = r(v)),
        (F::MinDeltaHedged, 0, ONE, |p, v| p.min_delta.hedged = r(v)),
        (F::ConfidenceThreshold, 0, ONE, |p, v| {
            p.confidence.threshold = r(v)
        }),
        (F::ConfidenceFactor, 0, 2 * ONE, |p, v| {
            p.confidence.factor = r(v)
        }),
        (F::ConcentrationCap, 0, ONE, |p, v| {
            p.concentration_delta.cap = r(v)
        }),
        (F::ConcentrationCap, 0, 100 * ONE, |p, v| {
            p.concentration_vega.cap = r(v)
        }),
        (F::ConcentrationThreshold, 0, 5, |p, v| {
            p.concentration_delta.threshold = Quote::from_raw(v);
            p.concentration_delta.full = Quote::from_raw(v.clamp(5, i64::MAX));
        }),
        (F::ConcentrationThreshold, 0, 5, |p, v| {
            p.concentration_vega.threshold = Quote::from_raw(v);
            p.concentration_vega.full = Quote::from_raw(v.clamp(5, i64::MAX));
        }),
    ]
};

#[test]
fn both_sides_of_each_bound_of_the_further_terms() {
    for preset in [
        MarketParams::BTC,
        MarketParams::ETH,
        MarketParams::SOL,
        MarketParams::MAJOR,
    ] {
        assert_eq!(preset.validate(), Ok(()));
    }
    for (index, (field, least, most, set)) in BOUNDS.into_iter().enumerate() {
        let validate = |value| {
            let mut params = MarketParams::BTC;
            set(&mut params, value);
            params.validate()
        };
        assert_eq!(
            (validate(least), validate(most)),
            (Ok(()), Ok(())),
            "{index}"
        );
        let most = match field {
            Field::ConcentrationThreshold => i64::MAX,
            _ => most,
        };
        let refused = |value| {
            assert_eq!(
                validate(value),
                Err(out_of_range(field, value, least, most)),
                "{index}"
            )
        };
        refused(least - 1);
        refused(i64::MIN);
        if most < i64::MAX {
            refused(most + 1);
            refused(i64::MAX);
        }
    }
}

#[test]
fn the_ramp_of_a_concentration_charge_may_not_end_before_it_begins() {
    let mut params = MarketParams::BTC;
    params.concentration_delta.threshold = quote(10.0);
    params.concentration_delta.full = quote(10.0);
    assert_eq!(params.validate(), Ok(()));
    params.concentration_delta.full = Quote::from_raw(9_999_999);
    let refusal = out_of_range(Field::ConcentrationFull, 9_999_999, 10_000_000, i64::MAX);
    assert_eq!(params.validate(), Err(refusal));
}

#[test]
fn a_skew_cap_that_is_not_positive_at_a_listed_tenor_is_refused() {
    let with = |base: f64, slope: f64| MarketParams {
        skew: SkewParams {
            linear_base: ratio(base),
            linear_slope: ratio(slope),
            abs_base: ratio(base),
            abs_slope: ratio(slope),
            ..SkewParams::MAJOR
        },
        ..MarketParams::BTC
    };
    for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
        // 0.25 - 0.1 sqrt(tau) is positive to 6.25 years: at every tenor that can be listed
        assert_eq!(
            MarketParams::BTC.check_skew(kind, MAX_TENOR_SECONDS),
            Ok(())
        );
        // 0.25 - 0.25 sqrt(tau) reaches zero at one year
        let params = with(0.25, -0.25);
        assert_eq!(params.check_skew(kind, YEAR_SECONDS - DAY), Ok(()));
        let refusal = params.check_skew(kind, YEAR_SECONDS);
        assert!(
            matches!(
                refusal,
                Err(RiskError::OutOfRange {
                    field: Field::SkewCap,
                    value: 0,
                    least: 1,
                    ..
                })
            ),
            "{refusal:?}"
        );
        // a base of zero would be refused on the last day, so it is refused at once
        let refusal = with(0.0, 0.1).check_skew(kind, YEAR_SECONDS);
        assert!(matches!(
            refusal,
            Err(RiskError::OutOfRange {
                field: Field::SkewCap,
                value: 0,
                ..
            })
        ));
        assert!(MarketParams::MAJOR.check_skew(kind, DAY).is_err());
    }
    assert_eq!(
        with(0.0, 0.0).check_skew(VolShock::Up, YEAR_SECONDS),
        Ok(())
    );
    // the market asks for each skew node of its set, and an evaluation refuses too
    let mut book = PortfolioBuilder::new(5e4)
        .expiry(365, 0.6)
        .long_call(365, 5e4, 1.0)
        .build();
    book.scenarios = MAJOR_SCENARIOS.to_vec();
    book.params = with(0.25, -0.25);
    let table = book.table();
    let market = book.market(table.set().unwrap());
    assert!(market.check_listing(YEAR_SECONDS).is_err());
    assert_eq!(market.check_listing(DAY), Ok(()));
    assert!(matches!(
        book.try_evaluate(),
        Err(RiskError::OutOfRange {
            field: Field::SkewCap,
            ..
        })
    ));
}

#[test]
fn skew_nodes_move_no_spot_and_stand_once_each_at_the_end() {
    let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
    assert_eq!(
        (table.count, table.linear_start, table.abs_start),
        (33, 31, 32)
    );
    let base = Scenario::new(VolShock::None, 1_000_000);
    for spot in [999_999, 1_000_001] {
        for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
            let refusal = ScenarioTable::new(&[base, Scenario::new(kind, spot)]).unwrap_err();
            let value = i64::from(spot);
            assert_eq!(refusal, out_of_range(Field::ScenarioSpot, value, ONE, ONE));
        }
    }
    let [linear, abs] =
        [VolShock::SkewLinear, VolShock::SkewAbs].map(|kind| Scenario::new(kind, 1_000_000));
    assert!(ScenarioTable::new(&[base, linear, abs]).is_ok());
    assert!(ScenarioTable::new(&[base, abs]).is_ok());
    for set in [
        vec![base, abs, linear],
        vec![base, linear, linear],
        vec![linear, base],
    ] {
        assert!(matches!(
            ScenarioTable::new(&set),
            Err(RiskError::ScenarioOrder { .. })
        ));
    }
}

#[test]
fn a_regime_widens_the_undamped_nodes_and_nothing_else() {
    for set in [MAJOR_SCENARIOS, WIDE_SCENARIOS] {
        let table = ScenarioTable::new(&set).unwrap();
        assert_eq!(table.scaled(ratio(1.0)), Ok(table));
        for (index, scenario) in set.iter().enumerate() {
            assert_eq!(table.scenario(index), Some(*scenario));
        }
        assert_eq!(table.scenario(set.len()), None);
    }
    // +-18 % becomes +-45 %, beyond the tails at 0.67 and below 1.5: the order is restored
    let table = ScenarioTable::new(&MAJOR_SCENARIOS).unwrap();
    let scaled = table.scaled(ratio(2.5)).unwrap();
    let mut expected = MAJOR_SCENARIOS.map(|node| Scenario {
        spot: match node.damping {
            1_000_000 => (1_000_000 + (i64::from(node.spot) - 1_000_000) * 5 / 2) as u32,
            _ => node.spot,
        },
        ..node
    });
    expected.sort_by_key(|node| (node.vol, node.spot));
    assert_eq!(scaled, ScenarioTable::new(&expected).unwrap());
    assert_eq!(scaled.scenario(1).unwrap().spot, 550_000);
    // nodes that meet become one that counts as much as the larger: 0.8 doubled is 0.6
    let tail = Scenario::tail(600_000, 300_000);
    let near = Scenario::new(VolShock::Up, 800_000);
    let base = Scenario::new(VolShock::None, 1_000_000);
    let met = ScenarioTable::new(&[tail, near, base])
        .unwrap()
        .scaled(ratio(2.0))
        .unwrap();
    let whole = Scenario::new(VolShock::Up, 600_000);
    assert_eq!(met, ScenarioTable::new(&[whole, base]).unwrap());
    // clamped to the least multiplier
    let far = ScenarioTable::new(&[Scenario::new(VolShock::Up, 100_000), base]).unwrap();
    assert_eq!(
        far.scaled(ratio(4.0)).unwrap().scenario(0).unwrap().spot,
        10_000
    );
    for value in [999_999, 4_000_001, i64::MIN] {
        let refusal = out_of_range(Field::Regime, value, ONE, 4 * ONE);
        assert_eq!(table.scaled(Ratio::from_raw(value)), Err(refusal));
    }
    // forty nodes are still forty
    let down = (0..39).map(|i| Scenario::new(VolShock::Down, 800_000 + 10_000 * i));
    let full: Vec<Scenario> = std::iter::once(base).chain(down).collect();
    assert_eq!(full.len(), MAX_SCENARIOS);
    let wide = ScenarioTable::new(&full)
        .unwrap()
        .scaled(ratio(1.7))
        .unwrap();
    assert_eq!(usize::from(wide.count), MAX_SCENARIOS);
}

#[test]
fn a_wider_regime_never_lowers_the_loss_of_a_perpetual() {
    let mut book = PortfolioBuilder::new(5e4).long_perp(1.0, 5e4).build();
    let mut previous = 0;
    for regime in [1.0, 1.3, 2.0, 3.7] {
        let table = ScenarioTable::new(&MAJOR_SCENARIOS)
            .unwrap()
            .scaled(ratio(regime))
            .unwrap();
        book.scenarios = (0..33).filter_map(|index| table.scenario(index)).collect();
        let scan = book.evaluate().risk.scan.raw();
        assert!(scan < previous, "{regime}: {scan}");
        previous = scan;
    }
}

#[test]
fn both_sides_of_the_terms_of_accounts_groups_and_tiers() {
    let terms = AccountTerms::MAJOR;
    assert_eq!(
        (terms.validate(), AccountTerms::PLAIN.validate()),
        (Ok(()), Ok(()))
    );
    let quoted = |raw| {
        AccountTerms {
            quote_price: Price::from_raw(raw),
            ..terms
        }
        .validate()
    };
    assert_eq!(
        (quoted(1_000_000), quoted(10_000_000_000)),
        (Ok(()), Ok(()))
    );
    for value in [999_999, 10_000_000_001] {
        let refusal = out_of_range(Field::QuotePrice, value, 1_000_000, 10_000_000_000);
        assert_eq!(quoted(value as u64), Err(refusal));
    }
    for (threshold, factor, field, value, most) in [
        (2 * ONE + 1, 0, Field::PegThreshold, 2 * ONE + 1, 2 * ONE),
        (-1, 0, Field::PegThreshold, -1, 2 * ONE),
        (0, 100 * ONE + 1, Field::PegFactor, 100 * ONE + 1, 100 * ONE),
    ] {
        let (peg_threshold, peg_factor) = (Ratio::from_raw(threshold), Ratio::from_raw(factor));
        let refused = AccountTerms {
            peg_threshold,
            peg_factor,
            ..terms
        }
        .validate();
        assert_eq!(refused, Err(out_of_range(field, value, 0, most)));
    }
    let group = |kappa, cap| {
        let (kappa, offset_cap) = (Ratio::from_raw(kappa), Ratio::from_raw(cap));
        GroupParams { kappa, offset_cap }.validate()
    };
    assert_eq!((group(0, 0), group(ONE, ONE)), (Ok(()), Ok(())));
    assert_eq!(
        group(ONE + 1, 0),
        Err(out_of_range(Field::GroupKappa, ONE + 1, 0, ONE))
    );
    assert_eq!(
        group(0, -1),
        Err(out_of_range(Field::GroupOffsetCap, -1, 0, ONE))
    );
    let mut standard = StandardParams::MAJOR;
    assert_eq!(standard.validate(), Ok(()));
    standard.maintenance.perp_share = ratio(0.040_001);
    let refusal = out_of_range(Field::StandardShare, 40_001, 0, 40_000);
    assert_eq!(standard.validate(), Err(refusal));
    let least = |raw| {
        PortfolioTerms {
            minimum_equity: Quote::from_raw(raw),
        }
        .validate()
    };
    let most = 1_000_000_000_000_000;
    assert_eq!((least(0), least(most)), (Ok(()), Ok(())));
    assert_eq!(
        least(-1),
        Err(out_of_range(Field::MinimumEquity, -1, 0, most))
    );
}

#[test]
fn inputs_of_a_market_are_bounded_too() {
    let book = |change: fn(&mut crate::fixture::Portfolio)| {
        let mut book = PortfolioBuilder::new(5e4)
            .expiry(30, 0.6)
            .long_call(30, 5e4, 1.0)
            .build();
        book.params = MarketParams::BTC;
        change(&mut book);
        book.try_evaluate().map(|_| ())
    };
    assert_eq!(book(|_| ()), Ok(()));
    let refused = |field, value, least, most| Err(out_of_range(field, value, least, most));
    assert_eq!(
        book(|b| b.spot_confidence = ratio(-0.000_001)),
        refused(Field::Confidence, -1, 0, ONE)
    );
    assert_eq!(
        book(|b| b.offset = Quantity::from_raw(-1)),
        refused(Field::OffsetAmount, -1, 0, i64::MAX)
    );
    // a part of the forward may be fixed in the last 30 minutes only, and no more than there is
    assert_eq!(
        book(|b| b.expiries[0].fixed_forward = Price::from_raw(7)),
        refused(Field::FixedForward, 7, 0, 0)
    );
    let settling = |seconds: i64, fixed: f64| {
        let mut book = PortfolioBuilder::new(5e4)
            .expiry(30, 0.6)
            .long_call(30, 5e4, 1.0)
            .build();
        book.expiries[0].time = NOW + seconds;
        book.positions[0].expiry = NOW + seconds;
        book.expiries[0].forward_price = Some(price(5e4));
        book.expiries[0].fixed_forward = price(fixed);
        book.try_evaluate().map(|_| ())
    };
    assert_eq!(settling(1_800, 5e4), Ok(()));
    assert!(settling(1_801, 5e4).is_err());
    let (fixed, most) = (5_000_100_000_000, 5_000_000_000_000);
    assert_eq!(
        settling(1_800, 50_001.0),
        refused(Field::FixedForward, fixed, 0, most)
    );
    // listed inputs
    let expiry = |confidence| {
        Expiry {
            confidence: Ratio::from_raw(confidence),
            ..Expiry::PLAIN
        }
        .validate()
    };
    assert_eq!((expiry(0), expiry(ONE)), (Ok(()), Ok(())));
    assert_eq!(expiry(ONE + 1), refused(Field::Confidence, ONE + 1, 0, ONE));
    for (spot, vol, value, least) in [
        (999, ONE, 999, 1_000),
        (ONE, -1, -1, 0),
        (ONE, 100 * ONE + 1, 100 * ONE + 1, 0),
    ] {
        let shift = Move {
            spot: Ratio::from_raw(spot),
            vol: Ratio::from_raw(vol),
        };
        assert_eq!(
            shift.validate(),
            refused(Field::Move, value, least, 100 * ONE)
        );
    }
}

#[test]
fn an_explicit_volatility_replaces_the_smile_and_has_a_bound() {
    let mut book = PortfolioBuilder::new(5e4).expiry(30, 0.6).build();
    let leg = Position::option(
        Instrument::Call,
        NOW + 30 * DAY,
        price(52e3),
        Quantity::from_raw(ONE),
    );
    let table = book.table();
    let scan = |book: &crate::fixture::Portfolio, volatility| {
        let legs = [QuotedPosition {
            position: leg,
            volatility,
        }];
        let market = book.market(table.set().unwrap());
        scan_market(&market, &legs, &mut [0; MAX_SCENARIOS])
    };
    // GIVEN 60 % by the smile and the same said of the option itself THEN they agree
    let smile = scan(&book, None).unwrap();
    let explicit = scan(&book, Some(600_000_000)).unwrap();
    assert!(
        (smile.mark.raw() - explicit.mark.raw()).abs() <= 20,
        "{smile:?} {explicit:?}"
    );
    assert!(scan(&book, Some(900_000_000)).unwrap().mark > smile.mark);
    // no smile is needed then, and none is missed
    book.expiries[0].svi = None;
    assert_eq!(scan(&book, Some(600_000_000)), Ok(explicit));
    let expiry = NOW + 30 * DAY;
    assert_eq!(scan(&book, None), Err(RiskError::SurfaceMissing { expiry }));
    assert!(scan(&book, Some(MOST_VOLATILITY)).is_ok());
    let (value, most) = (MOST_VOLATILITY as i64 + 1, MOST_VOLATILITY as i64);
    let refusal = out_of_range(Field::Volatility, value, 0, most);
    assert_eq!(scan(&book, Some(MOST_VOLATILITY + 1)), Err(refusal));
    // no volatility at all is intrinsic value
    assert_eq!(scan(&book, Some(0)).unwrap().mark.raw(), 0);
}
