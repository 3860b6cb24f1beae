//! `bid_insolvent`: who may not have a slice, of whom there is none, and what does not stop one.

use crate::report_outage::dead_sol;
use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::Pubkey;
use risk_core::liquidation::{FRACTION_ONE, LEAST_FRACTION};
use sandbox::{dollars, insolvency, perpetual, Trader, World, WorldBuilder, BASE, USDC};
use solana_instruction::Instruction;
use support::insolvent::{
    assert_proofs, bid_of, broke_long, house, insolvent_long, insure, pass, used, whole_bid, BROKE,
};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, foreign_account,
    foreign_house, health, mixed_book, other_program_copy, rewrite, start, Bend,
};

const LACKING: u64 = 6_661_500_000;

fn args_with(world: &World, alice: &Trader, change: impl FnOnce(&mut BidArgs)) -> BidArgs {
    let mut args = bid_of(world, alice, FRACTION_ONE);
    change(&mut args);
    args
}

#[test]
fn inv_12_it_takes_a_proof_and_a_breach_and_no_equity() {
    let (mut world, alice, _, keeper) = broke_long(WorldBuilder::default(), BROKE);
    let btc = world.btc;
    let ix = whole_bid(&world, &keeper, &alice);
    let error = MarginError::InsolvencyUnproven;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    world.prove_insolvency(&alice.account).ok();
    let ix = whole_bid(&world, &keeper, &alice);
    // the proof stands, and there is a unit of equity
    world.set_price(&btc, BROKE + 100);
    let error = MarginError::AccountSolvent;
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
    world.set_price(&btc, BROKE);
    world.send(&[ix], &[keeper.user]).ok();
    assert_proofs(&world);
}

#[test]
fn case_70_case_71_refuses_a_scenario_that_an_exhausted_account_covers() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    let btc = world.btc;
    pass(&mut world, 1_500); // the auction of this world is over
    world.set_price(&btc, dollars(95_000));
    let args = args_with(&world, &alice, |args| args.witness = vec![20]);
    let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
    assert!(health(&world, &alice) < 0);
    let error = MarginError::AccountHealthy;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    for (witness, error) in [
        (vec![], MarginError::WitnessLength),
        (vec![2, 2], MarginError::WitnessLength),
        (vec![31], MarginError::ScenarioSetInvalid),
    ] {
        let args = args_with(&world, &alice, |args| args.witness = witness);
        let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
    let ix = whole_bid(&world, &keeper, &alice);
    world.send(&[ix], &[keeper.user]).ok();
    assert_proofs(&world);
}

#[test]
fn case_72_refuses_zero_and_less_than_the_bidder_wants_and_takes_more_than_all_as_all() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    for fraction in [0, 1, LEAST_FRACTION - 1] {
        let args = bid_of(&world, &alice, fraction);
        let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
        let error = MarginError::SliceTooSmall;
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
        let numbers = [
            format!("Left: {fraction}"),
            format!("Right: {LEAST_FRACTION}"),
        ];
        assert_logged(&outcome, &[&numbers[0], &numbers[1]]);
    }
    for (fraction, minimum) in [(LEAST_FRACTION, LEAST_FRACTION + 1), (u64::MAX, u64::MAX)] {
        let args = args_with(&world, &alice, |args| {
            (args.fraction, args.minimum) = (fraction, minimum);
        });
        let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
        let error = MarginError::SliceBelowMinimum;
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
    let args = args_with(&world, &alice, |args| {
        (args.fraction, args.minimum) = (u64::MAX, FRACTION_ONE);
    });
    let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
    world.send(&[ix], &[keeper.user]).ok();
    assert!(world.account(&alice.account).1.is_empty());
}

#[test]
fn pays_no_less_than_the_bidders_limit() {
    let (mut world, alice, _, keeper) = insolvent_long(1_000_000 * USDC);
    let btc = world.btc;
    pass(&mut world, 3_600);
    world.set_price(&btc, dollars(80_000));
    let received = -health(&world, &alice);
    for limit in [-received - 1, i64::MIN] {
        let args = args_with(&world, &alice, |args| args.price_limit = limit);
        let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
        let error = MarginError::PriceAboveLimit;
        let outcome = assert_refused(&mut world, &ix, &[keeper.user], error);
        let paid = format!("Right: -{received}");
        assert_logged(&outcome, &[&format!("Left: {limit}"), &paid]);
    }
    let args = args_with(&world, &alice, |args| args.price_limit = -received);
    let ix = world.bid_insolvent_ix(&keeper, &alice.account, args);
    world.send(&[ix], &[keeper.user]).ok();
}

#[test]
fn case_09_10_inv_14_refuses_the_owner_as_liquidator() {
    let (mut world, alice, _, _) = insolvent_long(0);
    let itself = whole_bid(&world, &alice, &alice);
    let error = MarginError::SelfLiquidation;
    assert_refused(&mut world, &itself, &[alice.user], error);
    let second = world.open_sub_account(&alice.user, 1, 16);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 200_000 * USDC);
    world.deposit(&second, &bank, 200_000 * USDC).ok();
    let other = whole_bid(&world, &second, &alice);
    assert_refused(&mut world, &other, &[alice.user], error);
}

#[test]
fn case_01_refuses_other_signers() {
    let (mut world, alice, bob, keeper) = insolvent_long(0);
    let ix = whole_bid(&world, &keeper, &alice);
    let unsigned = ix.clone().unsigned(keeper.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(keeper.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn case_76_inv_14_refuses_a_bidder_who_would_be_short_of_initial_margin() {
    let (mut world, alice, bob, _) = insolvent_long(1_000_000 * USDC);
    let btc = world.btc;
    let poor = world.trader("poor", 8_000 * USDC);
    world
        .trade(&poor, &bob, &[perpetual(&btc, BASE / 5, dollars(80_000))])
        .ok();
    // before the fund pays, the slice takes more than it brings
    let ix = whole_bid(&world, &poor, &alice);
    let error = MarginError::InitialMarginBreached;
    let outcome = assert_refused(&mut world, &ix, &[poor.user], error);
    assert_logged(&outcome, &["Left: -", "Right: 0"]);
    // a small part is within reach: it takes margin, not permission
    let least = bid_of(&world, &alice, LEAST_FRACTION * 2);
    let ix = world.bid_insolvent_ix(&poor, &alice.account, least);
    world.send(&[ix], &[poor.user]).ok();
    assert_proofs(&world);
}

#[test]
fn refuses_a_bidder_in_liquidation_and_an_account_that_is_not() {
    let (mut world, alice, bob, keeper) = insolvent_long(0);
    let btc = world.btc;
    let ix = whole_bid(&world, &keeper, &bob);
    let error = MarginError::NotLiquidating;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    let other = world.trader("other", 15_000 * USDC);
    let leg = [perpetual(&btc, BASE / 2, dollars(80_000))];
    world.trade(&other, &bob, &leg).ok();
    world.set_price(&btc, dollars(60_000));
    start(&mut world, &keeper, &other);
    let ix = whole_bid(&world, &other, &alice);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut world, &ix, &[other.user], error);
}

/// A bid for everything with this account as the market of the loss.
fn with_loss_market(
    world: &World,
    keeper: &Trader,
    alice: &Trader,
    market: Option<Pubkey>,
) -> Instruction {
    let args = bid_of(world, alice, FRACTION_ONE);
    let remaining = world.bid_metas(keeper, &alice.account);
    insolvency::bid_insolvent(keeper, &alice.account, market, args, remaining)
}

#[test]
fn the_loss_counts_in_the_market_that_the_account_names_and_in_no_other() {
    let (mut world, alice, _, keeper) = insolvent_long(1_000 * USDC);
    let (btc, sol) = (world.btc, world.sol);
    let (_, _, [foreign_btc, _]) = foreign_house(&mut world);
    let mismatch = MarginError::LossMarketMismatch;
    let cases = [
        (None, mismatch),
        (Some(sol.key), mismatch),
        (Some(foreign_btc.key), MarginError::ClearinghouseMismatch),
    ];
    for (market, error) in cases {
        let ix = with_loss_market(&world, &keeper, &alice, market);
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
    let copy = other_program_copy(&mut world, &btc.key);
    for (key, error) in [
        (copy, ErrorCode::AccountOwnedByWrongProgram),
        (world.usdc.key, ErrorCode::AccountDiscriminatorMismatch),
    ] {
        let ix = with_loss_market(&world, &keeper, &alice, Some(key));
        assert_refused(&mut world, &ix, &[keeper.user], error);
    }
    let mut read_only = whole_bid(&world, &keeper, &alice);
    let metas = read_only.accounts.iter_mut();
    metas
        .filter(|meta| meta.pubkey == btc.key)
        .for_each(|meta| meta.is_writable = false);
    assert_refused(
        &mut world,
        &read_only,
        &[keeper.user],
        ErrorCode::ConstraintMut,
    );
    // an account that names none takes none, and may use the whole fund
    rewrite(&mut world, &alice.account, |account: &mut MarginAccount| {
        account.loss_market = 0;
    });
    let ix = with_loss_market(&world, &keeper, &alice, Some(btc.key));
    assert_refused(&mut world, &ix, &[keeper.user], mismatch);
    pass(&mut world, 3_600);
    world.set_price(&btc, dollars(80_000));
    let ix = whole_bid(&world, &keeper, &alice);
    world.send(&[ix], &[keeper.user]).ok();
    assert_eq!((house(&world).insurance, used(&world)), (0, 0));
    assert_proofs(&world);
}

#[test]
fn a_loss_counts_in_a_market_that_is_held_no_longer() {
    // GIVEN a loss in BTC that was paid into debt and closed, and a position in SOL
    let builder = WorldBuilder {
        rules: support::debts(),
        ..WorldBuilder::default()
    };
    let (mut world, alice, bob, keeper) = broke_long(builder, dollars(95_000));
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, sandbox::BTC_START);
    world.stop_liquidation(&keeper.user, &alice.account).ok();
    let spot = world.settings().sol_price;
    let leg = [perpetual(&sol, BASE, spot)];
    world.trade(&alice, &bob, &leg).ok();
    world.set_price(&btc, dollars(80_000));
    start(&mut world, &keeper, &alice);
    world.settle_perp_pnl(&alice, &btc).ok();
    let close = world.trade_ix(&alice, &bob, &[perpetual(&btc, -BASE, dollars(80_000))]);
    let close = sandbox::instructions::writable(close, &world.house);
    world.send(&[close], &[alice.user, bob.user]).ok();
    let (header, positions) = world.account(&alice.account);
    assert_eq!(header.loss_market, btc.index + 1);
    assert!(positions.iter().all(|held| held.market == sol.index));
    // WHEN it is proved and bid for, THEN the fund pays for BTC
    insure(&mut world, 100 * USDC);
    world.prove_insolvency(&alice.account).ok();
    pass(&mut world, 3_600);
    let ix = whole_bid(&world, &keeper, &alice);
    world.send(&[ix], &[keeper.user]).ok();
    assert_eq!((house(&world).insurance, used(&world)), (0, 100 * USDC));
    assert!(house(&world).proven_insolvency > LACKING - 200 * USDC);
    assert_proofs(&world);
}

#[test]
fn case_36_a_dead_feed_of_another_leg_stops_no_bid() {
    let (mut world, alice, _, keeper) = dead_sol();
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, dollars(70_000));
    let witness = world.report(&alice.account).witness();
    let with = |ix: Instruction| ix.replace(sol.price, sol.key);
    let ix = with(world.start_liquidation_ix(&keeper.user, &alice.account, &witness));
    world.send(&[ix], &[keeper.user]).ok();
    let ix = with(world.prove_insolvency_ix(&alice.account, &witness));
    world.send(&[ix], &[]).ok();
    let dead = whole_bid(&world, &keeper, &alice);
    assert_refused(&mut world, &dead, &[keeper.user], MarginError::OracleStale);
    world.send_wide(&[with(dead)], &[keeper.user]).ok();
    let (header, positions) = world.account(&alice.account);
    assert!(positions.is_empty() && header.used_collateral().next().is_none());
    assert_proofs(&world);
}

#[test]
fn case_06_refuses_accounts_of_another_house() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    let (other, _, _) = foreign_house(&mut world);
    let ix = whole_bid(&world, &keeper, &alice);
    let error = MarginError::ClearinghouseMismatch;
    let foreign = ix.clone().replace(world.house, other);
    assert_refused(&mut world, &foreign, &[keeper.user], error);
    let stranger = foreign_account(&mut world, &keeper, &other);
    let by_stranger = ix.replace(keeper.account, stranger);
    assert_refused(&mut world, &by_stranger, &[keeper.user], error);
}

#[test]
fn case_04_05_refuses_copies_other_types_and_what_is_not_writable() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    let ix = whole_bid(&world, &keeper, &alice);
    let house = world.house;
    for key in [alice.account, keeper.account, house] {
        let copy = other_program_copy(&mut world, &key);
        let copied = ix.clone().replace(key, copy);
        let owner = ErrorCode::AccountOwnedByWrongProgram;
        assert_refused(&mut world, &copied, &[keeper.user], owner);
        let cosplay = ix.clone().replace(key, world.usdc.key);
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
        let read_only = ix.clone().readonly(key);
        assert_refused(
            &mut world,
            &read_only,
            &[keeper.user],
            ErrorCode::ConstraintMut,
        );
    }
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let keeper = world.trader("keeper", 500_000 * USDC);
    let (btc, usdc) = (world.btc, world.usdc);
    world.withdraw(&alice, &usdc, 50_000 * USDC).ok();
    world.set_price(&btc, dollars(10_000));
    start(&mut world, &bob, &alice);
    world.prove_insolvency(&alice.account).ok();
    let tenth = bid_of(&world, &alice, FRACTION_ONE / 10);
    let ix = world.bid_insolvent_ix(&keeper, &alice.account, tenth);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[keeper.user]);
    let hidden = ix.clone().without(7..9);
    let error = MarginError::MarketMismatch;
    assert_refused(&mut world, &hidden, &[keeper.user], error);
    let unwritable = {
        let mut bent = ix;
        bent.accounts[9].is_writable = false; // SOL, whose open interest the slice changes
        let metas = bent.accounts.iter_mut();
        metas
            .filter(|meta| meta.pubkey == world.sol.key)
            .for_each(|meta| meta.is_writable = false);
        bent
    };
    let error = MarginError::MarketReadOnly;
    assert_refused(&mut world, &unwritable, &[keeper.user], error);
}
