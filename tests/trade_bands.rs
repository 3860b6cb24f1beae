//! Price bands: how far from the mark a leg may trade, on both sides of every edge, and when no band holds.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::Market as MarketState;
use risk_core::greeks::leg_greeks;
use risk_core::position::{ln_strike, Instrument, Position};
use risk_core::{Price, Quantity, Quote};
use sandbox::{call, dollars, future, perpetual, put, PriceFields, Trader, World, BASE, BTC_START};
use support::{assert_logged, assert_refused, pair_with};

/// Two traders in markets with bands of 2 % of the mark and of 1 % of spot.
fn banded() -> (World, Trader, Trader) {
    pair_with(1_000_000, |rules| {
        (rules.band_linear, rules.band_option) = (20_000, 10_000);
    })
}

/// A leg's mark by the engine: the value of a hundred units in 1e-6 USD is that of one in 1e-8 USD.
fn mark(world: &World, leg: &TradeLeg) -> u64 {
    let state: MarketState = world.read(&world.btc.key);
    let params = state.params();
    let set = state.scenarios.set().expect("a valid set");
    let engine = state.input(world.now(), world.spot(&world.btc.price), set, &params);
    let position = Position {
        instrument: Instrument::from_code(leg.instrument).expect("an instrument"),
        expiry: leg.expiry,
        strike: Price::from_raw(leg.strike),
        ln_strike: match leg.strike {
            0 => 0,
            strike => ln_strike(Price::from_raw(strike)),
        },
        quantity: Quantity::from_raw(100 * BASE),
        cost: Quote::ZERO,
    };
    let greeks = leg_greeks(&engine, &position).expect("a mark");
    u64::try_from(greeks.mark.raw()).expect("a positive mark")
}

/// Trades at both edges and is refused one unit beyond either.
fn assert_edges(leg: &TradeLeg, least: u64, most: u64) {
    let (mut world, alice, bob) = banded();
    let at = |price| {
        [TradeLeg {
            price,
            ..leg.clone()
        }]
    };
    for (beyond, edge) in [(least - 1, least), (most + 1, most)] {
        let ix = world.trade_ix(&alice, &bob, &at(beyond));
        let signers = [alice.user, bob.user];
        let outcome = assert_refused(&mut world, &ix, &signers, MarginError::PriceBand);
        let values = [format!("Left: {beyond}"), format!("Right: {edge}")];
        assert_logged(&outcome, &[&values[0], &values[1]]);
        world.trade(&alice, &bob, &at(edge)).ok();
        // a band has no direction: who sells at its edge is no worse placed than who buys
        world.trade(&bob, &alice, &at(edge)).ok();
    }
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_perpetual_trades_within_two_percent_of_spot() {
    let (world, ..) = banded();
    let width = BTC_START * 2 / 100;
    let leg = perpetual(&world.btc, BASE / 10, 1);
    assert_edges(&leg, BTC_START - width, BTC_START + width);
}

#[test]
fn a_future_trades_within_two_percent_of_its_forward() {
    let (world, ..) = banded();
    let leg = future(&world.btc, world.month, BASE / 10, 1);
    let forward = mark(&world, &leg);
    assert!(forward > BTC_START, "{forward}");
    let width = forward * 2 / 100;
    assert_edges(&leg, forward - width, forward + width);
}

#[test]
fn an_option_trades_within_one_percent_of_spot_around_its_mark() {
    let (world, ..) = banded();
    let width = BTC_START / 100;
    for leg in [
        call(&world.btc, world.month, dollars(110_000), BASE / 10, 1),
        put(&world.btc, world.week, dollars(125_000), -BASE / 10, 1),
    ] {
        let mark = mark(&world, &leg);
        assert_edges(&leg, mark - width, mark + width);
    }
}

#[test]
fn a_far_option_may_cost_next_to_nothing() {
    // its mark is below the width of the band, which ends at zero then
    let (mut world, alice, bob) = banded();
    let leg = call(&world.btc, world.week, dollars(160_000), BASE / 10, 1);
    assert!(mark(&world, &leg) < BTC_START / 100);
    world.trade(&alice, &bob, &[leg]).ok();
}

#[test]
fn one_leg_out_of_its_band_refuses_all() {
    let (mut world, alice, bob) = banded();
    let (btc, sol) = (world.btc, world.sol);
    let sol_price = world.settings().sol_price;
    let legs = [
        perpetual(&btc, BASE / 10, BTC_START),
        perpetual(&sol, BASE, sol_price * 103 / 100),
    ];
    let ix = world.trade_ix(&alice, &bob, &legs);
    let signers = [alice.user, bob.user];
    assert_refused(&mut world, &ix, &signers, MarginError::PriceBand);
    world.trade(&alice, &bob, &legs[..1]).ok();
}

#[test]
fn a_market_without_bands_trades_at_any_price() {
    let (mut world, alice, bob) = pair_with(10_000_000, |_| {});
    let (btc, week) = (world.btc, world.week);
    let legs = [
        perpetual(&btc, BASE / 10, BTC_START * 3),
        call(&btc, week, dollars(110_000), BASE / 10, dollars(200_000)),
    ];
    world.trade(&alice, &bob, &legs).ok();
}

#[test]
fn a_view_foretells_the_band() {
    let (mut world, alice, bob) = banded();
    let beyond = [perpetual(&world.btc, BASE / 10, BTC_START * 103 / 100)];
    let ix = world.view_margin_after_ix(&alice.account, &beyond);
    assert_refused(&mut world, &ix, &[], MarginError::PriceBand);
    world
        .trade(&alice, &bob, &beyond)
        .refused(MarginError::PriceBand);
}

#[test]
fn a_doubtful_spot_measures_nothing_and_keeps_nobody_in() {
    let (mut world, alice, bob) = banded();
    let btc = world.btc;
    let open = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &open).ok();
    // GIVEN a confidence interval that only a repair accepts, and a price that has run away from its feed
    let fields = PriceFields {
        confidence: BTC_START / 50,
        ..PriceFields::fresh(btc.feed_id, BTC_START, world.now())
    };
    world.set_price_update(btc.price, fields);
    let away = BTC_START * 96 / 100;
    // THEN who opens is refused for the doubt, and who closes is let go, beyond what the band was
    let more = [perpetual(&btc, BASE, away)];
    world
        .trade(&alice, &bob, &more)
        .refused(MarginError::OracleConfidenceTooWide);
    let close = [perpetual(&btc, -BASE, away)];
    world.trade(&alice, &bob, &close).ok();
    // and with a certain price the band holds for who closes as well: it measures
    world.set_price(&btc, BTC_START);
    world.trade(&alice, &bob, &open).ok();
    world
        .trade(&alice, &bob, &close)
        .refused(MarginError::PriceBand);
}

#[test]
fn an_old_surface_measures_no_option_but_the_perpetual_beside_it() {
    let (mut world, alice, bob) = banded();
    let (btc, week) = (world.btc, world.week);
    let option = |quantity, price| call(&btc, week, dollars(117_000), quantity, price);
    let fair = mark(&world, &option(BASE, 1));
    let open = [option(BASE, fair), perpetual(&btc, -BASE, BTC_START)];
    world.trade(&alice, &bob, &open).ok();
    world.advance(i64::from(world.settings().surface_max_age) + 1);
    world.refresh_prices();
    let off = fair + BTC_START * 2 / 100;
    let close = |perp| [option(-BASE, off), perpetual(&btc, BASE, perp)];
    world
        .trade(&alice, &bob, &close(BTC_START * 103 / 100))
        .refused(MarginError::PriceBand);
    world.trade(&alice, &bob, &close(BTC_START)).ok();
    assert!(world.account(&alice.account).1.is_empty());
}
