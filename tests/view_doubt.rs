//! What the views show on prices that an opening does not accept: the numbers, and the reason. What no use accepts, they
//! refuse.

use portfolio_margin::error::MarginError;
use sandbox::{call, dollars, perpetual, PriceFields, Trader, World, BASE, BTC_START, USDC};
use support::{assert_refused, pair};

use crate::view_greeks::ACCOUNT;

/// A world in which alice is long one BTC perpetual and one call.
fn scene() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, week) = (world.btc, world.week);
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        call(&btc, week, dollars(120_000), BASE, dollars(1_000)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

/// BTC at its start with this confidence, 1e-6 of the price.
fn set_confidence(world: &mut World, confidence: u64) {
    let btc = world.btc;
    let fields = PriceFields {
        confidence: BTC_START / 1_000_000 * confidence,
        ..PriceFields::fresh(btc.feed_id, BTC_START, world.now())
    };
    world.set_price_update(btc.price, fields);
}

/// The doubts of all three views.
fn doubts(world: &mut World, alice: &Trader) -> [u32; 3] {
    let market = world.btc.index;
    [
        world.view_margin(&alice.account).0.doubt,
        world.view_greeks(&alice.account, &[]).0.doubt,
        world.view_risk_matrix(&alice.account, market, &[]).0.doubt,
    ]
}

#[test]
fn case_27_wide_confidence_is_a_doubt_up_to_what_a_repair_accepts() {
    let (mut world, alice, _) = scene();
    let error = MarginError::OracleConfidenceTooWide;
    // 1 % is the market's limit, ten times that a repair's
    for (confidence, doubt) in [
        (9_999, 0),
        (10_000, 0),
        (10_001, u32::from(error)),
        (99_999, u32::from(error)),
    ] {
        set_confidence(&mut world, confidence);
        assert_eq!(doubts(&mut world, &alice), [doubt; 3], "{confidence}");
        let (view, _) = world.view_margin(&alice.account);
        // the numbers are those of the price all the same
        assert_eq!(view.report(), world.report(&alice.account).margin);
        assert_eq!(
            (view.would_open, view.refusal),
            (u8::from(doubt == 0), doubt)
        );
    }
    set_confidence(&mut world, 100_001);
    let market = world.btc.index;
    for ix in [
        world.view_margin_ix(&alice.account),
        world.view_greeks_ix(&alice.account, ACCOUNT, &[]),
        world.view_risk_matrix_ix(&alice.account, market, &[]),
    ] {
        assert_refused(&mut world, &ix, &[], error);
    }
}

#[test]
fn case_25_a_stale_price_is_refused_and_a_stale_surface_a_doubt() {
    let (mut world, alice, _) = scene();
    let market = world.btc.index;
    world.advance(60);
    assert_eq!(doubts(&mut world, &alice), [0; 3]);
    world.advance(1);
    for ix in [
        world.view_margin_ix(&alice.account),
        world.view_greeks_ix(&alice.account, ACCOUNT, &[]),
        world.view_risk_matrix_ix(&alice.account, market, &[]),
    ] {
        assert_refused(&mut world, &ix, &[], MarginError::OracleStale);
    }
    world.advance(3_600 - 61);
    world.refresh_prices();
    assert_eq!(doubts(&mut world, &alice), [0; 3]);
    world.advance(1);
    world.refresh_prices();
    let stale = u32::from(MarginError::SurfaceStale);
    assert_eq!(doubts(&mut world, &alice), [stale; 3]);
}

#[test]
fn legs_that_reduce_risk_pass_on_doubtful_prices_and_others_do_not() {
    let (mut world, alice, bob) = scene();
    let bank = world.usdc;
    let btc = world.btc;
    set_confidence(&mut world, 20_000);
    let error = MarginError::OracleConfidenceTooWide;
    let close = [perpetual(&btc, -BASE / 2, BTC_START)];
    let (view, _) = world.view_margin_after(&alice.account, &close);
    assert_eq!((view.would_open, view.refusal), (1, 0));
    assert_eq!(view.doubt, u32::from(error));
    let open = [perpetual(&btc, BASE / 2, BTC_START)];
    let (view, _) = world.view_margin_after(&alice.account, &open);
    assert_eq!((view.would_open, view.refusal), (0, u32::from(error)));
    world.fund(&alice.user, &bank, USDC);
    world.deposit(&alice, &bank, USDC).ok();
    // both sides reduce, and both doubt
    world.trade(&alice, &bob, &close).ok();
    world.trade(&alice, &bob, &open).refused(error);
}
