//! `view_risk_matrix`: one market's PnL under each scenario, for anybody, changing nothing.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::state::Market;
use portfolio_margin_interface::view::VIEW_VERSION;
use risk_core::scenario::MAX_SCENARIOS;
use sandbox::{call, dollars, perpetual, MarketReport, Trader, World, BASE, BTC_START, DAY};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long,
    foreign_house, mixed_book, other_program_copy, pair, Bend, Random,
};

use crate::parity::{any_positions, shake, write};

/// Compares one market's matrix with the engine off chain.
fn compare(world: &mut World, trader: &Trader, native: &MarketReport) {
    let (view, _) = world.view_risk_matrix(&trader.account, native.market, &[]);
    assert_eq!(view.risk(), native.risk);
    let count = usize::from(view.count);
    assert_eq!(
        (count, &view.pnl[..count]),
        (native.pnl.len(), &native.pnl[..])
    );
    assert_eq!(view.pnl[count..], [0; MAX_SCENARIOS][count..]);
    assert_eq!((view.version, view.market), (VIEW_VERSION, native.market));
    assert_eq!(view.now, world.now());
    let listed = world
        .market(&trader.house, native.market)
        .expect("a market");
    let market: Market = world.read(&listed.key);
    assert_eq!(
        (view.count, view.base),
        (market.scenarios.count, market.scenarios.base)
    );
    assert_eq!(view.spot, world.spot(&listed.price).raw());
    // what the scan claims is in the matrix
    if view.scan < 0 && view.worst_scenario < view.count {
        assert_eq!(view.pnl[usize::from(view.worst_scenario)], view.scan);
    }
}

#[test]
fn inv_11_every_matrix_is_the_native_report_to_the_bit() {
    let mut random = Random::new(13);
    let mut world = World::new();
    let alice = world.user("alice");
    let alice = world.open(&alice, 128);
    let (mut computed, mut refused) = (0, 0);
    for round in 0..200 {
        if round % 5 == 0 {
            world.advance(random.range(0, 1_000));
            world.write_surfaces();
            shake(&mut random, &mut world);
        }
        let most = random.pick(&[0, 3, 16, 64, 128]);
        let records = any_positions(&mut random, &world, most);
        write(&mut world, &alice, |_| (), &records);
        match world.try_report(&alice.account) {
            Ok(native) => {
                for market in &native.markets {
                    compare(&mut world, &alice, market);
                    computed += 1;
                }
            }
            Err(error) => {
                // of one market; the other's matrix is its own
                let logged = format!("{error:?}");
                let markets = world.scope(&alice.account).markets.into_iter();
                let outcomes: Vec<_> = markets
                    .map(|market| {
                        let ix = world.view_risk_matrix_ix(&alice.account, market, &[]);
                        world.send(&[ix], &[])
                    })
                    .collect();
                assert!(
                    outcomes.iter().any(|outcome| outcome.log_contains(&logged)),
                    "{logged}"
                );
                refused += 1;
            }
        }
    }
    println!("{computed} matrices agree, {refused} books refused by both");
    assert!(computed >= 150 && refused >= 1, "{computed} {refused}");
}

#[test]
fn adds_up_by_hand_for_one_perpetual() {
    let (mut world, alice, _) = pair(100_000);
    let btc = world.btc;
    world.set_price(&btc, dollars(100_000));
    let legs = [perpetual(&btc, 2 * BASE, dollars(99_000))];
    let (view, _) = world.view_risk_matrix(&alice.account, btc.index, &legs);
    let set: Market = world.read(&btc.key);
    // 200,000 USD of notional, bought for 198,000
    assert_eq!(
        (view.mark, view.net_delta),
        (2_000_000_000, 200_000_000_000)
    );
    assert_eq!((view.doubt, view.status), (0, 0));
    assert_eq!(view.pnl[usize::from(view.base)], 0);
    for index in 0..usize::from(view.count) {
        let multiplier = set.scenarios.spot[index] as f64 / f64::from(1 << 30);
        let damping = set.scenarios.damping[index] as f64 / f64::from(1 << 30);
        let expected = damping * (multiplier - 1.0) * 200_000_000_000.0;
        assert!(
            (view.pnl[index] as f64 - expected).abs() < 300.0,
            "{index}: {expected}"
        );
    }
    let worst = view.pnl.iter().min().expect("scenarios");
    assert_eq!(view.scan, *worst);
}

#[test]
fn refuses_a_market_that_is_not_held_and_one_of_another_house() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, sol) = (world.btc, world.sol);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    for market in [sol.index, 7, u16::MAX] {
        let ix = world.view_risk_matrix_ix(&alice.account, market, &[]);
        let outcome = assert_refused(&mut world, &ix, &[], MarginError::ViewOutOfRange);
        assert_logged(&outcome, &[&format!("market {market} is not among [0]")]);
    }
    let (_, _, [foreign, _]) = foreign_house(&mut world);
    let ix = world.view_risk_matrix_ix(&alice.account, btc.index, &[]);
    let bent = ix.clone().replace(btc.key, foreign.key);
    assert_refused(&mut world, &bent, &[], MarginError::ClearinghouseMismatch);
    let bent = ix.replace(btc.key, sol.key);
    assert_refused(&mut world, &bent, &[], MarginError::MarketMismatch);
    // a leg brings its market into the scope
    let legs = [perpetual(&sol, BASE, dollars(205))];
    let (view, _) = world.view_risk_matrix(&alice.account, sol.index, &legs);
    assert!(view.scan < 0);
}

#[test]
fn shows_an_expired_leg_and_refuses_another() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, week) = (world.btc, world.week);
    let option = [call(&btc, week, dollars(110_000), BASE, dollars(9_000))];
    world.trade(&alice, &bob, &option).ok();
    world.set_time(week + DAY);
    world.set_price(&btc, dollars(120_000));
    let (view, _) = world.view_risk_matrix(&alice.account, btc.index, &[]);
    assert!((view.mark - 10_000_000_000).abs() <= 100, "{}", view.mark);
    let ix = world.view_risk_matrix_ix(&alice.account, btc.index, &option);
    assert_refused(&mut world, &ix, &[], MarginError::Expired);
}

#[test]
fn works_in_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    support::start(&mut world, &keeper, &alice);
    let market = world.btc.index;
    let (view, _) = world.view_risk_matrix(&alice.account, market, &[]);
    assert_eq!(view.status, 1);
    assert!(view.scan < 0);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    for market in [0, 1] {
        let (mut world, alice, _) = mixed_book();
        let ix = world.view_risk_matrix_ix(&alice.account, market, &[]);
        assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
    }
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _) = mixed_book();
    let copy = other_program_copy(&mut world, &alice.account);
    let ix = world.view_risk_matrix_ix(&alice.account, world.btc.index, &[]);
    let copied = ix.clone().replace(alice.account, copy);
    let error = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[], error);
    let cosplay = ix.replace(alice.account, world.usdc.key);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[], error);
}
