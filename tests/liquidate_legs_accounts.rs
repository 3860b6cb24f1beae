//! `liquidate_legs`: which keepers and which accounts are refused.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{LiquidateLegsArgs, LiquidationArgs, MarginAccountArgs};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::takeover::TAKER_ROUNDING;
use sandbox::{
    call, dollars, instructions, perpetual, put, take_of, Trader, World, WorldBuilder, BASE,
    BTC_START, DAY, USDC,
};
use solana_instruction::Instruction;
use support::{
    assert_conserved, assert_logged, assert_refused, assert_remaining_accounts_are_checked, debts,
    foreign_house, held, liquidating_long, mixed_book, other_program_copy, rewrite, start, Bend,
    Book, Naked,
};

/// A hundredth of alice's perpetual for nothing.
fn perpetual_ix(world: &World, keeper: &Trader, alice: &Trader) -> Instruction {
    let (_, positions) = world.account(&alice.account);
    let args = LiquidateLegsArgs {
        witness: world.report(&alice.account).witness(),
        legs: vec![take_of(&positions[0], positions[0].quantity / 100)],
        fee: 0,
        minimum: 0,
        price_limit: i64::MAX,
    };
    world.legs_ix(keeper, &alice.account, args)
}

#[test]
fn case_09_10_inv_14_refuses_the_owner_as_liquidator() {
    let (mut world, alice, _, _) = liquidating_long();
    let error = MarginError::SelfLiquidation;
    let ix = perpetual_ix(&world, &alice, &alice);
    assert_refused(&mut world, &ix, &[alice.user], error);
    let second = world.open_sub_account(&alice.user, 1, 16);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 200_000 * USDC);
    world.deposit(&second, &bank, 200_000 * USDC).ok();
    let ix = perpetual_ix(&world, &second, &alice);
    assert_refused(&mut world, &ix, &[alice.user], error);
}

#[test]
fn case_01_refuses_other_signers() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let ix = perpetual_ix(&world, &keeper, &alice);
    let unsigned = ix.clone().unsigned(keeper.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(keeper.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn case_76_inv_14_refuses_a_keeper_who_cannot_carry_the_legs() {
    let mut scene = Naked::steady(Book::Condor, 150);
    let poor = scene.world.trader("poor", 3_000 * USDC);
    let ix = |scene: &Naked, share| {
        let args = scene.args(&scene.part(share), 0);
        scene.world.legs_ix(&poor, &scene.alice.account, args)
    };
    let much = ix(&scene, FRACTION_ONE / 2);
    let error = MarginError::InitialMarginBreached;
    let outcome = assert_refused(&mut scene.world, &much, &[poor.user], error);
    assert_logged(&outcome, &["Left: -", "Right: 0"]);
    // what it receives for the short is cash, and counts; a little of it is within reach
    let little = ix(&scene, FRACTION_ONE / 20);
    scene.world.send(&[little], &[poor.user]).ok();
    assert_eq!(held(&scene.world, &poor, &scene.naked), -BASE / 20);
}

#[test]
fn refuses_a_keeper_in_liquidation() {
    let (mut world, alice, bob, keeper) = liquidating_long();
    let btc = world.btc;
    let other = world.trader("other", 30_000 * USDC);
    world.set_price(&btc, BTC_START);
    world
        .trade(&other, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.set_price(&btc, dollars(102_000));
    start(&mut world, &keeper, &other);
    let ix = perpetual_ix(&world, &other, &alice);
    assert_refused(
        &mut world,
        &ix,
        &[other.user],
        MarginError::AccountLiquidating,
    );
}

#[test]
fn case_63_refuses_a_keeper_without_room() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let dave = world.trader("dave", 200_000 * USDC);
    let (sol, week) = (world.sol, world.week);
    let series = |n: u64| call(&sol, week, dollars(200 + 10 * n), BASE / 1_000, dollars(1));
    let legs: Vec<_> = (0..16).map(series).collect();
    world.trade(&keeper, &dave, &legs).ok();
    let ix = perpetual_ix(&world, &keeper, &alice);
    let outcome = assert_refused(&mut world, &ix, &[keeper.user], MarginError::PositionsFull);
    assert_logged(&outcome, &["Left: 17", "Right: 16"]);
}

#[test]
fn case_06_refuses_accounts_of_another_house() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let (house, _, _) = foreign_house(&mut world);
    let ix = perpetual_ix(&world, &keeper, &alice);
    let error = MarginError::ClearinghouseMismatch;
    let other_house = ix.clone().replace(world.house, house);
    assert_refused(&mut world, &other_house, &[keeper.user], error);
    let args = MarginAccountArgs {
        sub_account: 0,
        capacity: 16,
        tier: 1,
    };
    let open = instructions::open_margin_account(&keeper.user.key, &house, args);
    world.send(&[open], &[keeper.user]).ok();
    let stranger = seeds::margin_account(&house, &keeper.user.key, 0);
    let by_stranger = ix.replace(keeper.account, stranger);
    assert_refused(&mut world, &by_stranger, &[keeper.user], error);
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let ix = perpetual_ix(&world, &keeper, &alice);
    let house = world.house;
    for key in [alice.account, keeper.account, house] {
        let copy = other_program_copy(&mut world, &key);
        let copied = ix.clone().replace(key, copy);
        let owner = ErrorCode::AccountOwnedByWrongProgram;
        assert_refused(&mut world, &copied, &[keeper.user], owner);
        let cosplay = ix.clone().replace(key, world.usdc.key);
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &[keeper.user], mismatch);
    }
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    // GIVEN a keeper who holds what alice holds, so that its check, which comes last, is of all of it
    let (mut world, alice, bob) = mixed_book();
    let btc = world.btc;
    world.set_price(&btc, dollars(2_000));
    start(&mut world, &bob, &alice);
    let ix = perpetual_ix(&world, &bob, &alice);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[bob.user]);
    // the legs' market comes first, and is written
    let sol = world.sol;
    let error = MarginError::MarketMismatch;
    let other = ix.clone().replace_at(4, sol.key).replace_at(5, sol.price);
    assert_refused(&mut world, &other, &[bob.user], error);
    let mut read = ix.clone();
    read.accounts[4].is_writable = false;
    // the same key further back is read-only too: privileges are those of the message
    assert_refused(&mut world, &read, &[bob.user], MarginError::MarketReadOnly);
    // alice's: a market hidden is none
    let hidden = ix.clone().without(10..12);
    let kind = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &hidden, &[bob.user], kind);
    let hidden = ix.without(8..10);
    assert_refused(&mut world, &hidden, &[bob.user], error);
}

#[test]
fn the_funds_part_of_a_fee_needs_the_clearing_house_writable() {
    let mut scene = Naked::build(Book::Condor, 150, LiquidationArgs::STANDARD);
    let ix = scene.ix(&scene.part(FRACTION_ONE / 10), 10);
    let mut read = ix.clone();
    read.accounts[1].is_writable = false;
    scene.refuse(&read, MarginError::ClearinghouseReadOnly, &[]);
    scene.accept(&ix);
    // a fee of which the fund's part rounds to nothing does not
    let mut small = scene.ix(&scene.part(FRACTION_ONE / 10), 9);
    small.accounts[1].is_writable = false;
    scene.accept(&small);
}

#[test]
fn takes_back_a_proof_of_insolvency_where_there_is_equity() {
    let (mut world, alice, _, keeper) = liquidating_long();
    let house = world.house;
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
        (header.insolvent_at, header.proven_deficit) = (1, 7);
    });
    rewrite::<Clearinghouse>(&mut world, &house, |house| house.proven_insolvency = 10);
    let mut ix = perpetual_ix(&world, &keeper, &alice);
    ix.accounts[1].is_writable = false;
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    ix.accounts[1].is_writable = true;
    world.send(&[ix], &[keeper.user]).ok();
    let (header, _) = world.account(&alice.account);
    assert_eq!((header.insolvent_at, header.proven_deficit), (0, 0));
    let house = world.read::<Clearinghouse>(&house);
    assert_eq!(house.proven_insolvency, 3);
}

#[test]
fn where_the_house_lends_the_account_may_owe_for_its_short() {
    // GIVEN all of alice's value in long calls, and a short put that costs more than her cash
    let mut world = WorldBuilder {
        rules: debts(),
        ..WorldBuilder::default()
    }
    .build();
    let alice = world.trader("alice", 100_000 * USDC);
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 1_000_000 * USDC));
    let (btc, month, bank) = (world.btc, world.month, world.usdc);
    let legs = [
        call(&btc, month, dollars(105_000), 2 * BASE, dollars(13_500)),
        call(&btc, month, dollars(120_000), -2 * BASE, dollars(4_500)),
        put(&btc, month, dollars(115_000), -BASE, dollars(4_500)),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let free = world.report(&alice.account).margin.initial_health.raw();
    world.withdraw(&alice, &bank, free as u64).ok();
    world.set_price(&btc, BTC_START * 85 / 100);
    start(&mut world, &keeper, &alice);
    let (header, positions) = world.account(&alice.account);
    let short = positions.iter().find(|p| p.strike == dollars(115_000));
    let takes = [take_of(short.unwrap(), -BASE)];
    let outlook = world.outlook(&alice.account, &takes);
    let owed = -outlook.price - TAKER_ROUNDING - header.cash;
    assert!(owed > 0);
    // WHEN the put is taken THEN she owes the rest, within the limits on debts, and the house must be writable for it
    let args = LiquidateLegsArgs {
        witness: outlook.before.witness(),
        legs: takes.to_vec(),
        fee: 0,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = world.legs_ix(&keeper, &alice.account, args);
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(&mut world, &ix, &[keeper.user], error);
    let limit = |house: &mut Clearinghouse, limit| house.interest.account_limit = limit;
    let ix = instructions::writable(ix, &world.house);
    let house = world.house;
    rewrite(&mut world, &house, |house| limit(house, owed as u64 - 1));
    assert_refused(&mut world, &ix, &[keeper.user], MarginError::DebtLimit);
    rewrite(&mut world, &house, |house| limit(house, owed as u64));
    world.send(&[ix], &[keeper.user]).ok();
    assert_eq!(world.account(&alice.account).0.cash, -owed);
    assert_eq!(
        world.read::<Clearinghouse>(&house).interest.debts,
        owed as u64
    );
    assert_conserved(&world);
}

#[test]
fn interest_is_charged_before_legs_are_judged() {
    // GIVEN alice who owes for her calls, and days in which nobody touched her account
    let mut world = WorldBuilder {
        rules: debts(),
        ..WorldBuilder::default()
    }
    .build();
    let alice = world.trader("alice", 50_000 * USDC);
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 1_000_000 * USDC));
    let (btc, month) = (world.btc, world.month);
    let legs = [
        call(&btc, month, dollars(90_000), 2 * BASE, dollars(29_500)),
        put(&btc, month, dollars(114_000), -BASE / 2, dollars(4_500)),
    ];
    let ix = instructions::writable(world.trade_ix(&alice, &bob, &legs), &world.house);
    world.send(&[ix], &[alice.user, bob.user]).ok();
    assert!(world.account(&alice.account).0.cash < 0);
    world.advance(5 * DAY);
    world.refresh();
    world.set_price(&btc, BTC_START * 86 / 100);
    start(&mut world, &keeper, &alice);
    let (header, positions) = world.account(&alice.account);
    let short = positions.iter().find(|p| p.quantity < 0).unwrap();
    let takes = [take_of(short, short.quantity / 10)];
    let outlook = world.outlook(&alice.account, &takes);
    let value = world.cash_value(&alice.account) as i64;
    assert!(value < header.cash - 500_000, "{value}: interest runs");
    // WHEN a leg is taken THEN the largest fee is of the account with its interest, to the unit
    let (house, fee) = (world.house, outlook.most_fee());
    let ix = |world: &World, fee| {
        let args = LiquidateLegsArgs {
            witness: outlook.before.witness(),
            legs: takes.to_vec(),
            fee,
            minimum: 0,
            price_limit: i64::MAX,
        };
        instructions::writable(world.legs_ix(&keeper, &alice.account, args), &house)
    };
    let dear = ix(&world, fee + 1);
    assert_refused(&mut world, &dear, &[keeper.user], MarginError::LegsTooDear);
    let fair = ix(&world, fee);
    world.send(&[fair], &[keeper.user]).ok();
    let owed = value - fee as i64 + outlook.price + TAKER_ROUNDING;
    assert_eq!(world.account(&alice.account).0.cash, owed);
    assert_conserved(&world);
}
