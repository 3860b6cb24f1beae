//! Every refusal with its numbers, and the accepted value next to it.

use crate::fixture::{flat_smile, price, quote, Portfolio, PortfolioBuilder, DAY, NOW};
use risk_core::error::Field;
use risk_core::greeks::leg_greeks;
use risk_core::grid::MAX_GROSS_NOTIONAL;
use risk_core::liquidation::LiquidationTerms;
use risk_core::market::{Expiry, MarketParams, MAX_TENOR_SECONDS};
use risk_core::position::{Instrument, Position};
use risk_core::svi::{SviError, SviField};
use risk_core::{Price, Quantity, Quote, Ratio, RiskError};

const GROSS: i64 = MAX_GROSS_NOTIONAL as i64;

fn out_of_range(field: Field, value: i64, least: i64, most: i64) -> RiskError {
    RiskError::OutOfRange {
        field,
        value,
        least,
        most,
    }
}

/// A market at 1 USD: a size in raw units is its notional in raw units.
fn dollar() -> PortfolioBuilder {
    PortfolioBuilder::new(1.0).expiry(30, 0.6).expiry(60, 0.6)
}

/// The dollar market with these legs as they stand: not sorted, not merged.
fn with_legs(legs: Vec<Position>) -> Portfolio {
    let mut book = dollar().build();
    book.positions = legs;
    book
}

fn option(instrument: Instrument, days: i64, strike: f64, quantity: i64) -> Position {
    let (expiry, quantity) = (NOW + days * DAY, Quantity::from_raw(quantity));
    Position::option(instrument, expiry, price(strike), quantity)
}

fn call(days: i64, strike: f64) -> Position {
    option(Instrument::Call, days, strike, 5)
}

fn put(days: i64, strike: f64) -> Position {
    option(Instrument::Put, days, strike, 5)
}

fn perp() -> Position {
    Position::perpetual(Quantity::from_raw(5), Quote::ZERO)
}

#[test]
fn positions_out_of_order_name_the_first_that_is_not_in_place() {
    let sorted = vec![
        perp(),
        call(30, 1.0),
        put(30, 1.0),
        call(30, 1.1),
        call(60, 0.9),
    ];
    assert!(with_legs(sorted).try_evaluate().is_ok());
    for (legs, index) in [
        (vec![call(30, 1.1), call(30, 1.0)], 1),
        (vec![put(30, 1.0), call(30, 1.0)], 1),
        (vec![call(30, 1.0), call(30, 1.0)], 1),
        (vec![perp(), perp()], 1),
        (vec![call(30, 1.0), perp()], 1),
        (vec![call(60, 1.0), call(30, 1.0)], 1),
        (vec![perp(), call(30, 1.0), put(30, 1.0), put(30, 1.0)], 3),
        (vec![call(30, 1.0), call(60, 1.0), call(60, 0.9)], 2),
        (vec![call(30, 1.0), call(60, 1.0), call(30, 1.1)], 2),
    ] {
        let refusal = with_legs(legs.clone()).try_evaluate().unwrap_err();
        assert_eq!(refusal, RiskError::Unsorted { index }, "{legs:?}");
    }
}

#[test]
fn a_perpetual_record_among_options_of_its_expiry_is_out_of_order() {
    let mut hidden = perp();
    hidden.expiry = NOW + 30 * DAY;
    for legs in [vec![call(30, 1.0), hidden], vec![hidden, call(30, 1.0)]] {
        let refusal = with_legs(legs).try_evaluate().unwrap_err();
        assert_eq!(refusal, RiskError::Unsorted { index: 1 });
    }
}

#[test]
fn an_unlisted_expiry_is_named() {
    let leg = call(31, 1.0);
    let expiry = leg.expiry;
    let book = with_legs(vec![call(30, 1.0), leg]);
    assert_eq!(
        book.try_evaluate().unwrap_err(),
        RiskError::UnknownExpiry { expiry }
    );
    let table = book.table();
    let market = book.market(table.set().unwrap());
    assert_eq!(
        leg_greeks(&market, &leg).unwrap_err(),
        RiskError::UnknownExpiry { expiry }
    );
}

#[test]
fn a_missing_surface_is_named_only_when_it_is_held() {
    let mut book = with_legs(vec![call(30, 1.0)]);
    book.expiries[1].svi = None;
    assert!(book.try_evaluate().is_ok());
    book.positions.push(call(60, 1.0));
    let expiry = NOW + 60 * DAY;
    assert_eq!(
        book.try_evaluate().unwrap_err(),
        RiskError::SurfaceMissing { expiry }
    );
}

#[test]
fn a_tenor_beyond_four_years_is_refused_and_an_expired_one_is_not() {
    let at = |seconds: i64| {
        let mut book = with_legs(vec![call(30, 1.0)]);
        book.expiries[0].time = NOW + seconds;
        book.positions[0].expiry = NOW + seconds;
        book.try_evaluate().map(|_| ())
    };
    assert_eq!(at(MAX_TENOR_SECONDS), Ok(()));
    let (value, most) = (MAX_TENOR_SECONDS + 1, MAX_TENOR_SECONDS);
    assert_eq!(at(value), Err(out_of_range(Field::Tenor, value, 0, most)));
    for seconds in [1, 0, -1, -NOW, i64::MIN / 2] {
        assert_eq!(at(seconds), Ok(()), "{seconds}");
    }
}

#[test]
fn gross_notional_of_an_expiry_has_a_limit() {
    let options = |quantities: &[i64]| {
        let legs = quantities.iter().enumerate();
        let legs = legs.map(|(i, q)| option(Instrument::Call, 30, 0.5 + i as f64 / 8.0, *q));
        with_legs(legs.collect()).try_evaluate().map(|_| ())
    };
    let refused = |value| Err(out_of_range(Field::GrossNotional, value, 0, GROSS));
    // sizes add by magnitude at the larger of the forward and the highest strike
    assert_eq!(options(&[GROSS]), Ok(()));
    assert_eq!(options(&[-GROSS]), Ok(()));
    assert_eq!(options(&[GROSS / 2, -GROSS / 2]), Ok(()));
    assert_eq!(options(&[GROSS + 1]), refused(GROSS + 1));
    assert_eq!(options(&[-GROSS, 1]), refused(GROSS + 1));
    let far = vec![option(Instrument::Put, 30, 2.0, GROSS / 2 + 1)];
    assert_eq!(
        with_legs(far).try_evaluate().map(|_| ()),
        refused(GROSS + 2)
    );
}

#[test]
fn notional_of_a_perpetual_has_the_same_limit() {
    let perpetual = |quantity| {
        let leg = Position::perpetual(Quantity::from_raw(quantity), Quote::ZERO);
        with_legs(vec![leg]).try_evaluate().map(|_| ())
    };
    assert_eq!(perpetual(GROSS), Ok(()));
    assert_eq!(perpetual(-GROSS), Ok(()));
    for value in [GROSS + 1, -GROSS - 1] {
        let refusal = out_of_range(Field::GrossNotional, value, 0, GROSS);
        assert_eq!(perpetual(value), Err(refusal));
    }
}

#[test]
fn sums_that_leave_their_type_are_refused() {
    use Instrument::Call;
    let overflow = |legs| with_legs(legs).try_evaluate().unwrap_err();
    let (quantity, amount) = (
        RiskError::Overflow(Field::Quantity),
        RiskError::Overflow(Field::Quote),
    );
    let huge = option(Call, 30, 1.0, i64::MAX);
    assert_eq!(overflow(vec![huge, option(Call, 30, 1.1, 1)]), quantity);
    assert_eq!(overflow(vec![option(Call, 30, 1.0, i64::MIN)]), quantity);
    assert_eq!(overflow(vec![option(Call, 30, 2.0, i64::MAX)]), amount);
    let costly = Position::perpetual(Quantity::from_raw(1), Quote::from_raw(i64::MIN));
    assert_eq!(overflow(vec![costly]), amount);
    let dear = Position::perpetual(Quantity::from_raw(i64::MIN), Quote::ZERO);
    assert_eq!(overflow(vec![dear]), amount);
}

#[test]
fn a_scenario_loss_beyond_2_to_the_60_is_refused() {
    // GIVEN short calls of 2^57 in each of several expiries: sixfold spot loses 5 x 2^57 in each
    let build = |expiries: i64| {
        let mut book = dollar().expiry(90, 0.6).build();
        let legs = (1..=expiries).map(|i| option(Instrument::Call, 30 * i, 1.0, -GROSS));
        book.positions = legs.collect();
        book.try_evaluate().map(|_| ())
    };
    assert_eq!(build(1), Ok(()));
    assert_eq!(build(2), Err(RiskError::Overflow(Field::Quote)));
    assert_eq!(build(3), Err(RiskError::Overflow(Field::Quote)));
}

#[test]
fn options_whose_profit_could_outgrow_a_sum_are_refused_not_wrapped() {
    // GIVEN expiries of 2^57 quote units of gross notional each: half long, half short, so that PnL itself is far from 2^60
    let build = |expiries: i64| {
        let mut book = dollar()
            .expiry(90, 0.6)
            .expiry(120, 0.6)
            .expiry(150, 0.6)
            .build();
        let legs = (1..=expiries).flat_map(|i| {
            let call = |strike, size| option(Instrument::Call, 30 * i, strike, size);
            [call(0.99, GROSS / 2), call(1.0, -GROSS / 2)]
        });
        book.positions = legs.collect();
        book.try_evaluate().map(|_| ())
    };
    // WHEN four are held, 2^59 in all, THEN they are evaluated; a fifth is refused, whatever its profit
    assert_eq!(build(4), Ok(()));
    assert_eq!(build(5), Err(RiskError::Overflow(Field::Quote)));
}

#[test]
fn cash_and_collateral_at_the_ends_of_their_type_are_refused_not_wrapped() {
    let overflow = Err(RiskError::Overflow(Field::Quote));
    for (cash, perp_cost) in [(i64::MAX, -1), (i64::MIN, 100)] {
        let mut book = with_legs(vec![Position::perpetual(
            Quantity::ZERO,
            Quote::from_raw(perp_cost),
        )]);
        book.cash = Quote::from_raw(cash);
        assert_eq!(book.try_evaluate().map(|_| ()), overflow);
        book.cash = Quote::from_raw(cash / 2);
        assert!(book.try_evaluate().is_ok());
    }
    let mut rich = dollar()
        .collateral(1.0, 0.0, 0.0)
        .collateral(1.0, 0.0, 0.0)
        .build();
    rich.collateral[0].value = Quote::from_raw(i64::MAX);
    assert_eq!(rich.try_evaluate().map(|_| ()), overflow);
}

#[test]
fn prices_are_between_one_and_two_to_the_63_less_one() {
    for raw in [1, Price::MOST] {
        assert_eq!(Price::checked(raw), Ok(Price::from_raw(raw)));
    }
    for (raw, value) in [(0, 0), (Price::MOST + 1, i64::MAX), (u64::MAX, i64::MAX)] {
        let refusal = out_of_range(Field::Price, value, 1, i64::MAX);
        assert_eq!(Price::checked(raw), Err(refusal));
    }
}

#[test]
fn a_forward_that_leaves_its_type_is_refused() {
    let expiry = |basis| Expiry {
        forward_basis: basis,
        ..dollar().build().expiries[0]
    };
    let most = Price::from_raw(Price::MOST);
    assert_eq!(expiry(0).forward(most), Ok(most));
    for (basis, spot) in [(1, Price::MOST), (0, Price::MOST + 1), (0, u64::MAX)] {
        let refusal = Err(RiskError::Overflow(Field::Price));
        assert_eq!(expiry(basis).forward(Price::from_raw(spot)), refusal);
    }
    // floored, and at least one unit
    assert_eq!(
        expiry(-1).forward(Price::from_raw(1)),
        Ok(Price::from_raw(1))
    );
    assert_eq!(
        expiry(-500_000_000).forward(Price::from_raw(3)),
        Ok(Price::from_raw(1))
    );
    assert_eq!(
        expiry(500_000_000).forward(Price::from_raw(3)),
        Ok(Price::from_raw(4))
    );
}

const ONE: i64 = 1_000_000;

/// Field, least, most, and how to set a parameter from its raw value.
type Bound = (Field, i64, i64, fn(&mut MarketParams, Ratio));

const BOUNDS: [Bound; 12] = [
    (Field::VolShock, 0, 5 * ONE, |p, v| {
        p.vol.range_up = v;
        p.vol.short_power = Ratio::ZERO; // no growth to the floor
    }),
    (Field::VolShock, 0, ONE, |p, v| p.vol.range_down = v),
    (Field::VolShock, 0, ONE, |p, v| {
        p.vol.short_power = v;
        p.vol.range_up = Ratio::ZERO; // nothing that would grow too far
    }),
    (Field::VolShock, 0, ONE, |p, v| p.vol.long_power = v),
    (Field::VolShock, 3_600, 30 * DAY, |p, v| {
        p.vol.floor_seconds = v.raw()
    }),
    (Field::VolShock, 0, 5 * ONE, |p, v| p.vol.min_vol_up = v),
    (Field::MarginRatio, 0, ONE, |p, v| p.perp_maintenance = v),
    (Field::MarginRatio, 0, ONE, |p, v| p.perp_initial = v),
    (Field::MarginRatio, 0, ONE, |p, v| p.option_maintenance = v),
    (Field::MarginRatio, 0, ONE, |p, v| p.option_initial = v),
    (Field::MarginRatio, ONE, 3 * ONE, |p, v| p.scan_initial = v),
    (Field::MarginRatio, ONE / 2, ONE, |p, v| {
        p.scan_maintenance = v
    }),
];

#[test]
fn both_sides_of_each_parameter_bound() {
    assert_eq!(MarketParams::MAJOR.validate(), Ok(()));
    assert_eq!(MarketParams::MAJOR.scan_initial.raw(), ONE);
    for (index, (field, least, most, set)) in BOUNDS.into_iter().enumerate() {
        let validate = |value| {
            let mut params = MarketParams::MAJOR;
            set(&mut params, Ratio::from_raw(value));
            params.validate()
        };
        assert_eq!(
            (validate(least), validate(most)),
            (Ok(()), Ok(())),
            "{index}"
        );
        for value in [least - 1, most + 1, i64::MIN, i64::MAX] {
            let refusal = out_of_range(field, value, least, most);
            assert_eq!(validate(value), Err(refusal), "{index}");
        }
    }
}

#[test]
fn volatility_may_rise_to_eight_times() {
    let mut params = MarketParams::MAJOR;
    params.vol.short_power = Ratio::from_raw(500_000);
    params.vol.floor_seconds = 30 * DAY / 16; // four times the range
    params.vol.range_up = Ratio::from_raw(1_750_000);
    assert_eq!(params.validate(), Ok(()));
    params.vol.range_up = Ratio::from_raw(1_750_001);
    let refusal = out_of_range(Field::VolShock, 8_000_003, 0, 8_000_000);
    assert_eq!(params.validate(), Err(refusal));
    // every range, power and floor at its bound
    params.vol.short_power = Ratio::from_raw(ONE);
    params.vol.floor_seconds = 3_600;
    params.vol.range_up = Ratio::from_raw(5 * ONE);
    assert!(matches!(
        params.validate(),
        Err(RiskError::OutOfRange { field: Field::VolShock, value, .. }) if value > 3_600 * ONE
    ));
}

#[test]
fn maintenance_scan_factor_may_not_exceed_the_initial_one() {
    let mut params = MarketParams::MAJOR;
    params.scan_initial = Ratio::from_raw(1_200_000);
    params.scan_maintenance = Ratio::from_raw(1_200_000);
    assert_eq!(params.validate(), Ok(()));
    params.scan_maintenance = Ratio::from_raw(1_200_001);
    let refusal = out_of_range(Field::MarginRatio, 1_200_001, 500_000, 1_200_000);
    assert_eq!(params.validate(), Err(refusal));
}

#[test]
fn both_sides_of_each_expiry_bound() {
    let expiry = |basis, rate| Expiry {
        time: NOW,
        forward_basis: basis,
        rate,
        ..Expiry::PLAIN
    };
    const BASIS: i64 = 500_000_000;
    for (basis, rate) in [(0, 0), (500_000_000, 1_000_000), (-500_000_000, -1_000_000)] {
        assert_eq!(expiry(basis, rate).validate(), Ok(()));
    }
    for basis in [500_000_001, -500_000_001, i32::MAX, i32::MIN] {
        let refusal = out_of_range(Field::ForwardBasis, basis.into(), -BASIS, BASIS);
        assert_eq!(expiry(basis, 0).validate(), Err(refusal));
    }
    for rate in [1_000_001, -1_000_001, i32::MAX, i32::MIN] {
        let refusal = out_of_range(Field::Rate, rate.into(), -1_000_000, 1_000_000);
        assert_eq!(expiry(0, rate).validate(), Err(refusal));
    }
}

#[test]
fn an_expiry_refuses_a_smile_out_of_bounds_with_its_numbers() {
    let mut listed = dollar().build().expiries[0];
    assert_eq!(listed.validate(), Ok(()));
    let mut svi = flat_smile(0.6, 30 * DAY);
    svi.rho = 999_001;
    listed.svi = Some(svi);
    let refusal = SviError::OutOfBounds {
        field: SviField::Rho,
        value: 999_001,
        least: -999_000,
        most: 999_000,
    };
    assert_eq!(listed.validate(), Err(RiskError::Svi(refusal)));
}

#[test]
fn an_expiry_refuses_a_volatility_at_the_money_below_1_and_above_1000_percent() {
    let with = |smile| {
        let mut listed = dollar().build().expiries[0];
        listed.svi = Some(smile);
        listed.validate()
    };
    let days = 30 * DAY;
    for vol in [0.010_001, 0.6, 9.999_9] {
        assert_eq!(with(flat_smile(vol, days)), Ok(()), "{vol}");
    }
    for (vol, value) in [(0.009_999_5, 9_999), (10.000_001_5, 10_000_001)] {
        let refusal = out_of_range(Field::Volatility, value, 10_000, 10_000_000);
        assert_eq!(with(flat_smile(vol, days)), Err(refusal), "{vol}");
    }
    // a smile may not be posted for a tenor that no expiry can have
    assert_eq!(with(flat_smile(0.6, MAX_TENOR_SECONDS)), Ok(()));
    let value = MAX_TENOR_SECONDS + 1;
    let refusal = out_of_range(Field::Tenor, value, 1, MAX_TENOR_SECONDS);
    assert_eq!(with(flat_smile(0.6, value)), Err(refusal));
}

#[test]
fn both_sides_of_the_liquidation_terms() {
    let terms = |discount, buffer| LiquidationTerms {
        discount: Ratio::from_raw(discount),
        buffer: Ratio::from_raw(buffer),
        ..LiquidationTerms::PLAIN
    };
    for (discount, buffer) in [(0, 10_000), (1_000_000, 1_000_000)] {
        assert_eq!(terms(discount, buffer).validate(), Ok(()));
    }
    for value in [-1, 1_000_001, i64::MIN, i64::MAX] {
        let refusal = out_of_range(Field::LiquidationTerms, value, 0, 1_000_000);
        assert_eq!(terms(value, 50_000).validate(), Err(refusal));
    }
    for value in [9_999, 0, 1_000_001, i64::MIN, i64::MAX] {
        let refusal = out_of_range(Field::LiquidationTerms, value, 10_000, 1_000_000);
        assert_eq!(terms(0, value).validate(), Err(refusal));
    }
}

#[test]
fn a_refused_book_leaves_the_check_as_it_was() {
    // GIVEN a check that holds cash, WHEN a market is refused
    let book = with_legs(vec![call(30, 1.0), call(30, 1.0)]);
    let mut check = risk_core::margin::MarginCheck::new(quote(5.0));
    let table = book.table();
    let mut pnl = [0; 40];
    let market = book.market(table.set().unwrap());
    assert!(check
        .add_market(&market, &book.positions, &mut pnl)
        .is_err());
    // THEN nothing was added
    assert_eq!(
        check.finish(),
        risk_core::margin::MarginCheck::new(quote(5.0)).finish()
    );
}

#[test]
fn prices_and_sizes_multiply_toward_zero_or_not_at_all() {
    let notional = |q, p| {
        Quantity::from_raw(q)
            .notional(Price::from_raw(p))
            .map(Quote::raw)
    };
    // 1.5e-8 of a price unit per size unit: truncated on both sides alike
    assert_eq!(
        (notional(3, 50_000_000), notional(-3, 50_000_000)),
        (Ok(1), Ok(-1))
    );
    assert_eq!(
        (notional(1, 99_999_999), notional(-1, 99_999_999)),
        (Ok(0), Ok(0))
    );
    assert_eq!(notional(i64::MAX, 100_000_000), Ok(i64::MAX));
    assert_eq!(notional(-i64::MAX, 100_000_000), Ok(-i64::MAX));
    let overflow = Err(RiskError::Overflow(Field::Quote));
    assert_eq!(notional(i64::MIN, 100_000_000), overflow);
    assert_eq!(notional(i64::MAX, 100_000_001), overflow);
    assert_eq!(notional(i64::MIN, u64::MAX), overflow);
    // both sides of the short product: sizes of 2^36, prices of 2^26 USD
    for (q, p) in [
        ((1i64 << 36) - 1, (1u64 << 26) * 100_000_000 - 1),
        (1 << 36, (1 << 26) * 100_000_000),
    ] {
        let exact = i128::from(q) * i128::from(p) / 100_000_000;
        assert_eq!(notional(q, p).map(i128::from), Ok(exact));
    }
}
