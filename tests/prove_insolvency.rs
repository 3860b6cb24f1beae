//! `prove_insolvency`: what an account lacks is told to the unit, counted once, and taken back by anybody.

use crate::report_outage::dead_sol;
use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{InsolvencyProven, LiquidationStopped};
use portfolio_margin_interface::args::LiquidationArgs;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use risk_core::tier::Tier;
use sandbox::{
    dollars, instructions, perpetual, settlement, Trader, World, WorldBuilder, BASE, BTC_START,
    USDC,
};
use support::insolvent::{assert_proofs, broke_long, equity, house, insolvent_long, pass, BROKE};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, debts, failing_long,
    foreign_house, health, liquidating_long, mixed_book, other_program_copy, start, Bend,
};

/// Witness of the no-move scenario of the default set.
const BASE_NODE: u8 = 20;

fn plain(price: u64) -> (World, Trader, Trader, Trader) {
    broke_long(WorldBuilder::default(), price)
}

/// Proves, checks what is told against the account and the house, and that every unit is somewhere.
#[track_caller]
fn prove(world: &mut World, trader: &Trader) -> InsolvencyProven {
    let sequence = world.account(&trader.account).0.sequence;
    let outcome = world.prove_insolvency(&trader.account).ok();
    let event: InsolvencyProven = outcome.events().remove(0);
    let (header, _) = world.account(&trader.account);
    assert_eq!(event.margin_account, trader.account);
    assert_eq!(event.deficit, header.proven_deficit);
    assert_eq!(event.loss_market, header.loss_market);
    assert_eq!(event.proven_insolvency, house(world).proven_insolvency);
    assert_eq!(event.equity, equity(world, trader));
    assert_eq!(
        (event.sequence, header.sequence),
        (sequence + 1, sequence + 1)
    );
    assert_proofs(world);
    event
}

/// How a proof of this account fails.
#[track_caller]
fn refuse(world: &mut World, trader: &Trader, witness: &[u8], error: MarginError, log: &[&str]) {
    let ix = world.prove_insolvency_ix(&trader.account, witness);
    let outcome = assert_refused(world, &ix, &[], error);
    assert_logged(&outcome, log);
}

#[test]
fn case_75_the_line_is_equity_of_zero_and_the_deficit_is_exact() {
    for (price, lacking) in [
        (BROKE, 0),
        (BROKE - 100, 1),
        (BROKE - dollars(7_000), 7_000_000_000),
    ] {
        let (mut world, alice, _, _) = plain(price);
        assert_eq!(equity(&world, &alice), -(lacking as i64));
        let event = prove(&mut world, &alice);
        assert_eq!((event.deficit, event.proven_insolvency), (lacking, lacking));
        let (header, _) = world.account(&alice.account);
        assert_eq!(
            (header.insolvent_at, header.status),
            (world.now(), STATUS_LIQUIDATING)
        );
        assert_eq!(header.loss_market, world.btc.index + 1);
    }
    let (mut world, alice, _, _) = plain(BROKE + 100);
    let witness = world.report(&alice.account).witness();
    let log = ["Left: 1", "Right: 0"];
    refuse(
        &mut world,
        &alice,
        &witness,
        MarginError::AccountSolvent,
        &log,
    );
}

#[test]
fn the_scenario_in_which_nothing_moves_is_enough() {
    let (mut world, alice, _, _) = plain(BROKE - 100);
    let ix = world.prove_insolvency_ix(&alice.account, &[BASE_NODE]);
    world.send(&[ix], &[]).ok();
    assert_eq!(house(&world).proven_insolvency, 1);
}

#[test]
fn inv_16_a_proof_that_is_repeated_counts_once() {
    let (mut world, alice, bob, keeper) = plain(dollars(80_000));
    let btc = world.btc;
    let other = world.trader("other", 30_000 * USDC);
    world.set_price(&btc, BTC_START);
    world
        .trade(&other, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(80_000));
    start(&mut world, &keeper, &other);
    let lacking = 6_661_500_000;
    for _ in 0..3 {
        assert_eq!(prove(&mut world, &alice).proven_insolvency, lacking);
    }
    assert_eq!(prove(&mut world, &other).proven_insolvency, 2 * lacking);
    let first = world.account(&alice.account).0.insolvent_at;
    // deeper, and half way back: each is told anew, the clock goes on
    for (price, sum) in [
        (79_000, 2 * lacking + 1_000_000_000),
        (85_000, lacking + 1_661_500_000),
    ] {
        pass(&mut world, 60);
        world.set_price(&btc, dollars(price));
        assert_eq!(prove(&mut world, &alice).proven_insolvency, sum);
        assert_eq!(world.account(&alice.account).0.insolvent_at, first);
    }
}

#[test]
fn anybody_takes_a_proof_back_once_there_is_equity_and_the_clock_begins_anew() {
    let (mut world, alice, _, _) = plain(BROKE - 100);
    let btc = world.btc;
    prove(&mut world, &alice);
    world.set_price(&btc, BROKE + 100);
    let event = prove(&mut world, &alice);
    assert_eq!((event.deficit, event.proven_insolvency), (0, 0));
    let (header, _) = world.account(&alice.account);
    assert_eq!(
        (header.insolvent_at, header.status),
        (0, STATUS_LIQUIDATING)
    );
    // there is nothing to take back a second time
    let witness = world.report(&alice.account).witness();
    refuse(
        &mut world,
        &alice,
        &witness,
        MarginError::AccountSolvent,
        &["Left: 1"],
    );
    pass(&mut world, 50);
    world.set_price(&btc, BROKE - 300);
    assert_eq!(prove(&mut world, &alice).deficit, 3);
    assert_eq!(world.account(&alice.account).0.insolvent_at, world.now());
}

#[test]
fn case_73_one_unit_deposits_move_the_proof_by_a_unit_and_stop_nothing() {
    let (mut world, alice, _, _) = plain(BROKE - 200);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 10);
    for (deficit, is_proved) in [(2, true), (1, true), (0, true), (0, false)] {
        let event = prove(&mut world, &alice);
        assert_eq!((event.deficit, event.proven_insolvency), (deficit, deficit));
        let clock = world.account(&alice.account).0.insolvent_at;
        assert_eq!(clock != 0, is_proved);
        world.deposit(&alice, &bank, 1).ok();
    }
}

#[test]
fn an_auction_that_is_over_proves_what_equity_does_not() {
    let terms = LiquidationArgs::STANDARD;
    let builder = || WorldBuilder {
        liquidation: terms.clone(),
        ..WorldBuilder::default()
    };
    let over = i64::from(terms.fast_seconds + terms.slow_seconds);
    // GIVEN equity that nobody wanted, THEN it takes the last second of the auction, and a scenario that breaches
    for (elapsed, is_over) in [(over - 1, false), (over, true), (over + 1, true)] {
        let (mut world, alice, _, _) = broke_long(builder(), dollars(95_000));
        pass(&mut world, elapsed);
        let (btc, price) = (world.btc, dollars(95_000));
        world.set_price(&btc, price);
        let witness = world.report(&alice.account).witness();
        let solvent = MarginError::AccountSolvent;
        refuse(&mut world, &alice, &[BASE_NODE], solvent, &["Right: 0"]);
        if !is_over {
            refuse(&mut world, &alice, &witness, solvent, &["Right: 0"]);
            continue;
        }
        let event = prove(&mut world, &alice);
        assert!(event.equity > 0 && event.deficit == 0);
        let proved_at = world.account(&alice.account).0.insolvent_at;
        assert_eq!(proved_at, world.now());
        // a scenario that breaches nothing takes it back for nobody
        refuse(&mut world, &alice, &[BASE_NODE], solvent, &["Right: 0"]);
        // what lacks is told, and that it lacks no more; the clock stands where it was
        for (price, witness, lacking) in [
            (dollars(80_000), &[BASE_NODE][..], 6_661_500_000),
            (dollars(95_000), &[BASE_NODE], 0),
            (dollars(95_000), &witness, 0),
        ] {
            world.advance(10);
            world.refresh();
            world.set_price(&btc, price);
            let ix = world.prove_insolvency_ix(&alice.account, witness);
            world.send(&[ix], &[]).ok();
            let (header, _) = world.account(&alice.account);
            assert_eq!(
                (header.proven_deficit, header.insolvent_at),
                (lacking, proved_at)
            );
            assert_proofs(&world);
        }
    }
}

#[test]
fn a_standard_account_needs_no_witness_and_takes_none() {
    let mut world = World::new();
    let (btc, usdc) = (world.btc, world.usdc);
    let user = world.user("standard");
    let alice = world.open_in_tier(&user, 0, 16, Tier::Standard);
    world.fund(&user, &usdc, 30_000 * USDC);
    world.deposit(&alice, &usdc, 30_000 * USDC).ok();
    let bob = world.trader("bob", 200_000 * USDC);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(80_000));
    start(&mut world, &bob, &alice);
    refuse(
        &mut world,
        &alice,
        &[BASE_NODE],
        MarginError::WitnessLength,
        &[],
    );
    let event = prove(&mut world, &alice);
    assert_eq!(event.deficit, 6_661_500_000);
    assert_eq!(event.loss_market, btc.index + 1);
}

/// Alice of [`broke_long`] whose loss is paid into debt and whose position is closed: she owes 6,661.50 dollars.
fn indebted() -> (World, Trader, Trader, Trader) {
    let builder = WorldBuilder {
        rules: debts(),
        ..WorldBuilder::default()
    };
    let (mut world, alice, bob, keeper) = broke_long(builder, dollars(80_000));
    let btc = world.btc;
    world.settle_perp_pnl(&alice, &btc).ok();
    let ix = world.trade_ix(&alice, &bob, &[perpetual(&btc, -BASE, dollars(80_000))]);
    let ix = instructions::writable(ix, &world.house);
    world.send(&[ix], &[alice.user, bob.user]).ok();
    assert!(world.account(&alice.account).1.is_empty());
    (world, alice, bob, keeper)
}

#[test]
fn what_an_account_without_positions_lacks_is_its_debt_with_interest() {
    let (mut world, alice, _, _) = indebted();
    let debt = -world.cash_value(&alice.account);
    assert_eq!(debt, 6_661_500_000);
    let event = prove(&mut world, &alice);
    assert_eq!(i128::from(event.deficit), debt);
    // the settlement named the market in which it was lost
    assert_eq!(event.loss_market, world.btc.index + 1);
    world.advance(100 * 86_400);
    let grown = -world.cash_value(&alice.account);
    assert!(grown > debt);
    assert_eq!(i128::from(prove(&mut world, &alice).deficit), grown);
}

#[test]
fn the_loss_counts_in_the_market_with_the_lowest_mark_or_in_which_the_debt_was_made() {
    // GIVEN a loss of 6,661.50 in BTC that was paid into debt, and a position in SOL
    let (mut world, alice, bob, _) = indebted();
    let (btc, sol, usdc) = (world.btc, world.sol, world.usdc);
    let spot = world.settings().sol_price;
    let expected = |world: &mut World, alice: &Trader, market: u16| {
        assert_eq!(prove(world, alice).loss_market, market + 1);
    };
    // a market of nothing changes nothing
    expected(&mut world, &alice, btc.index);
    // WHEN she gets well, goes long SOL, and SOL falls by less than what she owes, THEN the loss is BTC's still
    world.fund(&alice.user, &usdc, 20_000 * USDC);
    world.deposit(&alice, &usdc, 20_000 * USDC).ok();
    world.stop_liquidation(&bob.user, &alice.account).ok();
    assert_eq!(world.account(&alice.account).0.loss_market, 0);
    world
        .trade(&alice, &bob, &[perpetual(&sol, 100 * BASE, spot)])
        .ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE / 5, dollars(80_000))])
        .ok();
    world.set_price(&btc, dollars(10_000));
    start(&mut world, &bob, &alice);
    world.set_price(&sol, spot - dollars(1));
    expected(&mut world, &alice, btc.index);
    world.settle_perp_pnl(&alice, &btc).ok();
    let owed = -world.account(&alice.account).0.cash;
    assert!(owed > 100 * USDC as i64);
    // tiny losses elsewhere do not choose whose insurance pays; one as large as the debt does
    let per_coin = u64::try_from(owed).unwrap().div_ceil(100) * 100;
    for (price, market) in [
        (spot - dollars(1), btc.index),
        (spot - per_coin + 100, btc.index),
        (spot - per_coin, sol.index),
    ] {
        world.set_price(&sol, price);
        expected(&mut world, &alice, market);
        if market == btc.index {
            assert_eq!(world.account(&alice.account).0.loss_market, btc.index + 1);
        }
    }
}

#[test]
fn settlements_into_debt_name_their_market_and_payments_do_not() {
    let builder = WorldBuilder {
        rules: debts(),
        ..WorldBuilder::default()
    };
    let (mut world, alice, bob, _) = broke_long(builder, dollars(80_000));
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let spot = world.settings().sol_price;
    // a loss that cash pays names nothing
    world.settle_perp_pnl(&bob, &btc);
    assert_eq!(world.account(&bob.account).0.loss_market, 0);
    world.settle_perp_pnl(&alice, &btc).ok();
    assert_eq!(world.account(&alice.account).0.loss_market, btc.index + 1);
    // a profit that leaves a debt names nothing
    world.set_price(&btc, dollars(80_100));
    world.settle_perp_pnl(&bob, &btc).ok();
    world.settle_perp_pnl(&alice, &btc).ok();
    assert!(world.account(&alice.account).0.cash < 0);
    assert_eq!(world.account(&alice.account).0.loss_market, btc.index + 1);
    // nor does an expiry that pays; one that takes does
    let carol = world.trader("carol", 1_000 * USDC);
    let puts = [sandbox::put(&sol, week, spot / 2, -20 * BASE, dollars(1))];
    world.trade(&carol, &bob, &puts).ok();
    world.expire(&sol, week, dollars(10));
    let ix = settlement::settle_expiry(&carol.account, &sol, week);
    let ix = instructions::writable(ix, &world.house);
    world.send(&[ix], &[]).ok();
    let (header, _) = world.account(&carol.account);
    let is_broke = header.cash < 0;
    assert!(is_broke, "{}", header.cash);
    assert_eq!(header.loss_market, sol.index + 1);
}

#[test]
fn stopping_gives_the_proof_back_and_writes_the_house() {
    let (mut world, alice, _, keeper) = insolvent_long(0);
    let btc = world.btc;
    world.set_price(&btc, BTC_START);
    let ix = world.stop_liquidation_ix(&keeper.user, &alice.account);
    let read_only = ix.clone().readonly(world.house);
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &read_only, &[keeper.user], error);
    let outcome = world.send(&[ix], &[keeper.user]).ok();
    assert_eq!(outcome.events::<LiquidationStopped>().len(), 1);
    let (header, _) = world.account(&alice.account);
    let marks = [header.proven_deficit, header.liquidation_started_at as u64];
    assert_eq!((marks, header.insolvent_at), ([0, 0], 0));
    assert_eq!((header.status, header.loss_market), (0, 0));
    assert_proofs(&world);
}

#[test]
fn case_21_an_account_that_is_proved_insolvent_is_not_closed() {
    let (mut world, alice, _, _) = indebted();
    prove(&mut world, &alice);
    world.advance(1);
    let close = sandbox::lifecycle::close_margin_account(&alice);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut world, &close, &[alice.user], error);
    // paid back to the unit it is active again only by a stop, which takes the proof
    let (usdc, owed) = (world.usdc, -world.cash_value(&alice.account));
    let owed = u64::try_from(owed).unwrap();
    world.fund(&alice.user, &usdc, owed);
    world.deposit(&alice, &usdc, owed).ok();
    assert_refused(&mut world, &close, &[alice.user], error);
    world.stop_liquidation(&alice.user, &alice.account).ok();
    assert_proofs(&world);
    world.send(&[close], &[alice.user]).ok();
    assert_proofs(&world);
}

#[test]
fn inv_12_refuses_accounts_that_are_not_in_liquidation() {
    let (mut world, alice, _, _) = failing_long();
    let btc = world.btc;
    world.set_price(&btc, dollars(80_000));
    let witness = world.report(&alice.account).witness();
    let log = ["Left: 0", "Right: 1"];
    refuse(
        &mut world,
        &alice,
        &witness,
        MarginError::NotLiquidating,
        &log,
    );
    let (mut world, alice, _, _) = liquidating_long();
    assert!(health(&world, &alice) < 0);
    let witness = world.report(&alice.account).witness();
    refuse(
        &mut world,
        &alice,
        &witness,
        MarginError::AccountSolvent,
        &["Right: 0"],
    );
}

#[test]
fn case_71_refuses_witnesses_of_another_shape() {
    let (mut world, alice, _, _) = plain(dollars(80_000));
    for (witness, error) in [
        (vec![], MarginError::WitnessLength),
        (vec![BASE_NODE; 2], MarginError::WitnessLength),
        (vec![31], MarginError::ScenarioSetInvalid),
        (vec![253], MarginError::ScenarioSetInvalid),
    ] {
        refuse(&mut world, &alice, &witness, error, &[]);
    }
}

#[test]
fn case_36_a_dead_feed_of_another_leg_stops_no_proof() {
    let (mut world, alice, _, keeper) = dead_sol();
    let (btc, sol) = (world.btc, world.sol);
    world.set_price(&btc, dollars(70_000));
    let witness = world.report(&alice.account).witness();
    let with = |ix: solana_instruction::Instruction| ix.replace(sol.price, sol.key);
    let ix = with(world.start_liquidation_ix(&keeper.user, &alice.account, &witness));
    world.send(&[ix], &[keeper.user]).ok();
    let dead = world.prove_insolvency_ix(&alice.account, &witness);
    assert_refused(&mut world, &dead, &[], MarginError::OracleStale);
    world.send(&[with(dead)], &[]).ok();
    let (header, _) = world.account(&alice.account);
    assert!(header.proven_deficit > 0);
    assert_eq!(header.loss_market, btc.index + 1);
    assert_proofs(&world);
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, bob) = mixed_book();
    let (btc, usdc) = (world.btc, world.usdc);
    world.withdraw(&alice, &usdc, 50_000 * USDC).ok();
    world.set_price(&btc, dollars(10_000));
    start(&mut world, &bob, &alice);
    let witness = world.report(&alice.account).witness();
    let ix = world.prove_insolvency_ix(&alice.account, &witness);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[]);
}

#[test]
fn case_04_05_06_refuses_copies_other_types_and_other_houses() {
    let (mut world, alice, _, _) = plain(dollars(80_000));
    let (house, btc) = (world.house, world.btc);
    let witness = world.report(&alice.account).witness();
    let ix = world.prove_insolvency_ix(&alice.account, &witness);
    for key in [alice.account, house] {
        let copy = other_program_copy(&mut world, &key);
        let copied = ix.clone().replace(key, copy);
        let owner = ErrorCode::AccountOwnedByWrongProgram;
        assert_refused(&mut world, &copied, &[], owner);
        let cosplay = ix
            .clone()
            .replace_at(usize::from(key == alice.account), btc.key);
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &[], mismatch);
        let unwritable = ix.clone().readonly(key);
        assert_refused(&mut world, &unwritable, &[], ErrorCode::ConstraintMut);
    }
    let (other, _, _) = foreign_house(&mut world);
    let foreign = ix.replace(house, other);
    let error = MarginError::ClearinghouseMismatch;
    assert_refused(&mut world, &foreign, &[], error);
}
