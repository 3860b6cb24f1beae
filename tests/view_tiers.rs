//! The views under both tiers and under the terms of a clearing house: minimum equity, offsetting collateral.

use portfolio_margin::error::MarginError;
use risk_core::tier::Tier;
use sandbox::{call, dollars, perpetual, World, BASE, BTC_START, SOL, USDC};
use support::{assert_refused, foreign_house, pair, Bend};

use crate::parity::write;
use crate::view_greeks::ACCOUNT;
use crate::view_legs::use_whole_model;

#[test]
fn each_tier_tests_the_margin_by_its_own_rule_and_shows_the_same_matrix() {
    let (mut world, alice, _) = pair(9_000);
    let (btc, week, month) = (world.btc, world.week, world.month);
    // a calendar spread: the grid nets the expiries, the Standard tier margins the short one alone
    let legs = [
        call(&btc, month, dollars(120_000), BASE, dollars(4_000)),
        call(&btc, week, dollars(120_000), -BASE, dollars(1_500)),
    ];
    let mut seen = Vec::new();
    for tier in [Tier::Standard, Tier::Portfolio] {
        write(&mut world, &alice, |header| header.tier = tier as u8, &[]);
        let (view, _) = world.view_margin_after(&alice.account, &legs);
        assert_eq!(view.tier, tier as u8);
        let (mut matrix, _) = world.view_risk_matrix(&alice.account, btc.index, &legs);
        assert_eq!(matrix.tier, tier as u8);
        matrix.tier = 0;
        let (greeks, _) = world.view_greeks(&alice.account, &legs);
        seen.push((view, matrix, greeks));
    }
    let [standard, portfolio] = [seen[0], seen[1]];
    assert_eq!((standard.1, standard.2), (portfolio.1, portfolio.2));
    // marks are floored by leg there, by expiry here
    assert!(standard.0.equity.abs_diff(portfolio.0.equity) <= 2);
    assert!(standard.0.initial_health < portfolio.0.initial_health);
    assert_eq!((standard.0.scan, portfolio.0.scan), (0, portfolio.1.scan));
    let breached = u32::from(MarginError::InitialMarginBreached);
    assert_eq!((standard.0.would_open, standard.0.refusal), (0, breached));
    assert_eq!((portfolio.0.would_open, portfolio.0.refusal), (1, 0));
}

#[test]
fn the_minimum_of_the_portfolio_tier_is_foretold() {
    let mut world = World::new();
    use_whole_model(&mut world);
    let alice = world.trader("alice", 20_000 * USDC - 1);
    let bob = world.trader("bob", 50_000 * USDC);
    let legs = [perpetual(&world.btc, BASE / 100, BTC_START)];
    let error = MarginError::PortfolioMinimum;
    let (view, _) = world.view_margin_after(&alice.account, &legs);
    assert!(view.initial_health > 0);
    assert_eq!((view.would_open, view.refusal), (0, error.into()));
    world.trade(&alice, &bob, &legs).refused(error);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 1_000);
    world.deposit(&alice, &bank, 1_000).ok();
    let (view, _) = world.view_margin_after(&alice.account, &legs);
    assert_eq!((view.would_open, view.refusal), (1, 0));
    world.trade(&alice, &bob, &legs).ok();
}

#[test]
fn collateral_that_offsets_risk_is_in_the_matrix_of_its_market() {
    let mut world = World::new();
    use_whole_model(&mut world);
    let alice = world.trader("alice", 50_000 * USDC);
    let (bank, sol) = (world.sol_bank, world.sol);
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    // no position, but the market is in the account's scope
    let (alone, _) = world.view_risk_matrix(&alice.account, sol.index, &[]);
    let value = 100 * 205_310_000;
    assert_eq!((alone.mark, alone.net_delta), (0, value));
    // the coin sold forward is hedged: what is left are the charges
    let legs = [perpetual(&sol, -100 * BASE, 20_531_000_000)];
    let (hedged, _) = world.view_risk_matrix(&alice.account, sol.index, &legs);
    assert_eq!(hedged.net_delta, 0);
    assert!(
        alone.scan < -value / 5 && hedged.scan > alone.scan / 4,
        "{alone:?} {hedged:?}"
    );
    let index = usize::from(hedged.worst_scenario.min(hedged.count - 1));
    assert_eq!(
        (hedged.pnl[index], hedged.pnl[usize::from(hedged.base)]),
        (0, 0)
    );
    // Greeks are of positions alone
    let (greeks, _) = world.view_greeks(&alice.account, &legs);
    assert_eq!(greeks.rows[0].greeks.net.delta, -100 * BASE);
}

#[test]
fn case_06_refuses_another_clearing_house() {
    let (mut world, alice, _) = pair(50_000);
    let (foreign, _, _) = foreign_house(&mut world);
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    for ix in [
        world.view_margin_after_ix(&alice.account, &legs),
        world.view_greeks_ix(&alice.account, ACCOUNT, &legs),
        world.view_risk_matrix_ix(&alice.account, world.btc.index, &legs),
    ] {
        let house = world.house;
        let bent = ix.replace(house, foreign);
        assert_refused(&mut world, &bent, &[], MarginError::ClearinghouseMismatch);
    }
}
