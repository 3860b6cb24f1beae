//! `view_margin`: the report through return data, for anybody, changing nothing.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::view::VIEW_VERSION;
use sandbox::{perpetual, BASE, SOL};
use support::{
    assert_refused, assert_remaining_accounts_are_checked, failing_long, mixed_book,
    other_program_copy, pair, start, Bend,
};

#[test]
fn returns_what_the_engine_computes() {
    let (mut world, alice, bob) = mixed_book();
    for trader in [alice, bob] {
        let before = world.data(&trader.account);
        let (view, _) = world.view_margin(&trader.account);
        let native = world.report(&trader.account);
        assert_eq!(view.report(), native.margin);
        assert_eq!((view.version, view.now), (VIEW_VERSION, world.now()));
        assert_eq!(usize::from(view.market_count), native.markets.len());
        for (seen, computed) in view.markets.iter().zip(&native.markets) {
            assert_eq!(seen.market, computed.market);
            assert_eq!(seen.worst_scenario, computed.risk.worst_scenario);
            assert_eq!(seen.mark, computed.risk.mark.raw());
            assert_eq!(seen.scan, computed.risk.scan.raw());
            let contingency = computed.risk.contingency_maintenance.raw();
            assert_eq!(seen.contingency_maintenance, contingency);
            assert_eq!(
                seen.contingency_initial,
                computed.risk.contingency_initial.raw()
            );
        }
        assert_eq!(world.data(&trader.account), before);
    }
}

#[test]
fn adds_up_by_hand_for_one_perpetual_and_collateral() {
    let (mut world, alice, bob) = pair(100_000);
    let (btc, bank) = (world.btc, world.sol_bank);
    world.fund(&alice.user, &bank, 10 * SOL);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    world.set_price(&btc, 10_000_000_000_000);
    world
        .trade(
            &alice,
            &bob,
            &[perpetual(&btc, 2 * BASE, 10_000_000_000_000)],
        )
        .ok();
    let (view, _) = world.view_margin(&alice.account);
    let sol_value = 10 * 205_310_000;
    assert_eq!((view.cash, view.collateral), (100_000_000_000, sol_value));
    assert_eq!((view.mark, view.equity), (0, 100_000_000_000 + sol_value));
    // 200,000 USD of notional falls 18 % in the worst scenario; its multiplier is a binary fraction
    assert!((view.scan + 36_000_000_000).abs() <= 1_000, "{}", view.scan);
    // 3 % of notional and 15 % of collateral, then 1 % and 5 %, and a numerical cushion of at most 0.01 USD
    let cushion = view.contingency_maintenance - (6_000_000_000 + sol_value * 15 / 100);
    assert!((0..10_000).contains(&cushion), "{cushion}");
    assert_eq!(
        view.contingency_initial,
        2_000_000_000 + sol_value * 5 / 100
    );
    let maintenance = view.equity + (view.scan * 8).div_euclid(10) - view.contingency_maintenance;
    assert_eq!(view.maintenance_health, maintenance);
    let charges = view.contingency_maintenance + view.contingency_initial;
    assert_eq!(view.initial_health, view.equity + view.scan - charges);
}

#[test]
fn an_empty_account_is_its_cash() {
    let (mut world, alice, _) = pair(100);
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(
        (view.initial_health, view.maintenance_health),
        (100_000_000, 100_000_000)
    );
    assert_eq!(
        (view.equity, view.market_count, view.scan),
        (100_000_000, 0, 0)
    );
}

#[test]
fn works_in_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    start(&mut world, &keeper, &alice);
    let (view, _) = world.view_margin(&alice.account);
    assert!(view.maintenance_health < 0);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, _) = mixed_book();
    let ix = world.view_margin_ix(&alice.account);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _) = pair(100);
    let copy = other_program_copy(&mut world, &alice.account);
    let ix = world.view_margin_ix(&alice.account);
    let copied = ix.clone().replace(alice.account, copy);
    assert_refused(
        &mut world,
        &copied,
        &[],
        ErrorCode::AccountOwnedByWrongProgram,
    );
    let cosplay = ix.replace(alice.account, world.btc.key);
    assert_refused(
        &mut world,
        &cosplay,
        &[],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}

#[test]
fn refuses_accounts_where_nothing_is_held() {
    let (mut world, alice, _) = pair(100);
    let ix = world.view_margin_ix(&alice.account).append(world.btc.key);
    assert_refused(&mut world, &ix, &[], MarginError::UnexpectedAccount);
}
