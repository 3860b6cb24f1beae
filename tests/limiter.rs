//! Limits of a bank: what one account may hold, how fast a new bank counts, and how much may leave in a window.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BankArgs, BankRulesArgs};
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};
use sandbox::{instructions, perpetual, Bank, Trader, World, WorldBuilder, BASE, SOL, USDC};
use support::{assert_logged, assert_refused, rewrite};

/// 1,000 SOL per window of 10 minutes.
const LIMITED: BankRulesArgs = BankRulesArgs {
    withdrawal_limit: 1_000 * SOL,
    withdrawal_window: 600,
    ..BankRulesArgs::PLAIN
};

/// A further bank of SOL under these rules, of which alice and bob have 10,000 each in their wallets.
fn world_with(rules: BankRulesArgs) -> (World, Bank, Trader, Trader) {
    let mut world = World::new();
    let mint = world.create_mint("wrapped SOL", 9);
    let args = BankArgs {
        rules,
        ..world.sol_bank_args()
    };
    let bank = world.list_bank(world.house, mint, args);
    let traders = ["alice", "bob"].map(|name| {
        let trader = world.trader(name, 100_000 * USDC);
        let wallet = world.wallet(&trader.user, &bank);
        world.create_token_account(wallet, mint, trader.user.key);
        world.fund(&trader.user, &bank, 10_000 * SOL);
        trader
    });
    let [alice, bob] = traders;
    (world, bank, alice, bob)
}

fn outflow(world: &World, bank: &Bank) -> i64 {
    world.read::<CollateralBank>(&bank.key).net_outflow
}

#[test]
fn an_account_holds_no_more_than_its_cap() {
    let (mut world, bank, alice, bob) = world_with(BankRulesArgs {
        account_cap: 100,
        ..BankRulesArgs::PLAIN
    });
    world.deposit(&alice, &bank, 60).ok();
    let ix = world.deposit_ix(&alice, &bank, 41);
    let error = MarginError::AccountCapExceeded;
    let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
    assert_logged(&outcome, &["Left: 100", "Right: 101"]);
    world.deposit(&alice, &bank, 40).ok();
    // the cap is of each
    world.deposit(&bob, &bank, 100).ok();
    let ix = world.deposit_ix(&bob, &bank, 1);
    assert_refused(&mut world, &ix, &[bob.user], error);
    world.withdraw(&bob, &bank, 1).ok();
    world.deposit(&bob, &bank, 1).ok();
}

#[test]
fn the_cap_on_cash_leaves_room_for_a_debt() {
    let mut world = WorldBuilder {
        rules: support::debts(),
        ..WorldBuilder::default()
    }
    .build();
    let (usdc, sol) = (world.usdc, world.sol_bank);
    rewrite::<CollateralBank>(&mut world, &usdc.key, |bank| bank.account_cap = 1_000);
    let alice = world.trader("alice", 0);
    let bob = world.trader("bob", 0);
    world.fund(&bob.user, &usdc, 1_000);
    world.deposit(&bob, &usdc, 1_000).ok();
    world.fund(&alice.user, &sol, SOL);
    world.deposit(&alice, &sol, SOL).ok();
    world.withdraw(&alice, &usdc, 500).ok();
    world.fund(&alice.user, &usdc, 2_000);
    let ix = world.deposit_ix(&alice, &usdc, 1_501);
    let error = MarginError::AccountCapExceeded;
    let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
    assert_logged(&outcome, &["Left: 1000", "Right: 1001"]);
    world.deposit(&alice, &usdc, 1_500).ok();
}

#[test]
fn no_more_leaves_in_a_window_than_the_limit() {
    let (mut world, bank, alice, bob) = world_with(LIMITED);
    for trader in [alice, bob] {
        world.deposit(&trader, &bank, 5_000 * SOL).ok();
    }
    // what came in counts for a while
    assert_eq!(outflow(&world, &bank), -10_000 * SOL as i64);
    world.advance(6_000);
    world.withdraw(&alice, &bank, 600 * SOL).ok();
    assert_eq!(outflow(&world, &bank), 600 * SOL as i64);
    let ix = world.withdraw_ix(&bob, &bank, 400 * SOL + 1);
    let error = MarginError::WithdrawalLimit;
    let outcome = assert_refused(&mut world, &ix, &[bob.user], error);
    assert_logged(&outcome, &["Left: 1000000000001", "Right: 1000000000000"]);
    world.withdraw(&bob, &bank, 400 * SOL).ok();
    // it drains by a window's limit in a window: 5/3 SOL a second
    let ix = world.withdraw_ix(&bob, &bank, 1);
    assert_refused(&mut world, &ix, &[bob.user], error);
    world.advance(60);
    let ix = world.withdraw_ix(&bob, &bank, 100 * SOL + 1);
    assert_refused(&mut world, &ix, &[bob.user], error);
    world.withdraw(&bob, &bank, 100 * SOL).ok();
    world.advance(600);
    let ix = world.withdraw_ix(&bob, &bank, 1_000 * SOL + 1);
    assert_refused(&mut world, &ix, &[bob.user], error);
    world.withdraw(&bob, &bank, 1_000 * SOL).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_thief_gets_the_limit_and_his_own_deposit_at_most() {
    let (mut world, bank, alice, mallory) = world_with(LIMITED);
    world.deposit(&alice, &bank, 5_000 * SOL).ok();
    world.advance(6_000);
    // GIVEN mallory, who found a way to be credited what she never paid
    let loot = 4_000 * SOL;
    world.deposit(&mallory, &bank, 500 * SOL).ok();
    rewrite::<portfolio_margin_interface::state::MarginAccount>(
        &mut world,
        &mallory.account,
        |account| account.collateral[0].amount += loot,
    );
    // WHEN she takes it THEN her own 500 and the limit leave
    let ix = world.withdraw_ix(&mallory, &bank, 1_500 * SOL + 1);
    let error = MarginError::WithdrawalLimit;
    assert_refused(&mut world, &ix, &[mallory.user], error);
    world.withdraw(&mallory, &bank, 1_500 * SOL).ok();
    let ix = world.withdraw_ix(&mallory, &bank, 1);
    assert_refused(&mut world, &ix, &[mallory.user], error);
}

#[test]
fn a_flash_loan_paid_in_and_out_holds_nobody_up() {
    let (mut world, bank, alice, mallory) = world_with(LIMITED);
    world.deposit(&alice, &bank, 5_000 * SOL).ok();
    world.advance(6_000);
    for round in [0, 1, 60] {
        world.advance(round);
        let before = outflow(&world, &bank);
        let around = [
            world.deposit_ix(&mallory, &bank, 10_000 * SOL),
            world.withdraw_ix(&mallory, &bank, 10_000 * SOL),
        ];
        world.send(&around, &[mallory.user]).ok();
        assert!(outflow(&world, &bank) <= before.max(0));
    }
    world.withdraw(&alice, &bank, 1_000 * SOL).ok();
}

#[test]
fn the_limit_holds_for_cash_loans_and_fees_alike() {
    let mut world = WorldBuilder {
        rules: support::debts(),
        ..WorldBuilder::default()
    }
    .build();
    let (usdc, sol, governor) = (world.usdc, world.sol_bank, world.governor);
    let alice = world.trader("alice", 0);
    let bob = world.trader("bob", 1_000 * USDC);
    world.fund(&alice.user, &sol, 100 * SOL);
    world.deposit(&alice, &sol, 100 * SOL).ok();
    rewrite::<CollateralBank>(&mut world, &usdc.key, |bank| {
        bank.withdrawal_limit = 100;
        bank.withdrawal_window = 600;
    });
    let house = world.house;
    rewrite::<Clearinghouse>(&mut world, &house, |house| house.fees = 1_000);
    let error = MarginError::WithdrawalLimit;
    world.withdraw(&bob, &usdc, 50).ok();
    world.withdraw(&alice, &usdc, 30).ok();
    let destination = world.wallet(&bob.user, &usdc);
    let fees = |amount| instructions::withdraw_fees(&governor.key, &usdc, &destination, amount);
    assert_refused(&mut world, &fees(21), &[governor], error);
    world.send(&[fees(20)], &[governor]).ok();
    for trader in [alice, bob] {
        let ix = world.withdraw_ix(&trader, &usdc, 1);
        assert_refused(&mut world, &ix, &[trader.user], error);
    }
    // a repayment makes room again
    world.deposit(&alice, &usdc, 30).ok();
    world.withdraw(&bob, &usdc, 30).ok();
}

#[test]
fn a_new_banks_weight_grows_from_nothing() {
    let ramp = BankRulesArgs {
        ramp_seconds: 1_000,
        ..BankRulesArgs::PLAIN
    };
    let (mut world, bank, alice, bob) = world_with(ramp);
    let (btc, price) = (world.btc, world.settings().btc_price);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, price)])
        .ok();
    let health = |world: &mut World| {
        let margin = world.report(&alice.account).margin;
        let view = world.view_margin(&alice.account).0;
        assert_eq!(view.report(), margin, "the same on chain");
        (margin.maintenance_health.raw(), margin.initial_health.raw())
    };
    let without = world.report(&alice.account).margin;
    world.deposit(&alice, &bank, 100 * SOL).ok();
    let value = 100 * world.settings().sol_price as i64 / 100;
    let mut last = -1;
    for (second, share) in [
        (0, 0),
        (1, 1),
        (500, 500),
        (999, 999),
        (1_000, 1_000),
        (1_001, 1_000),
    ] {
        let listed = world.read::<CollateralBank>(&bank.key).listed_at;
        world.set_time(listed + second);
        world.refresh();
        let (maintenance, initial) = health(&mut world);
        // 85 % and 80 % of the value count, times the share
        let gained = maintenance - without.maintenance_health.raw();
        assert_eq!(gained, value * 85 / 100 * share / 1_000, "{second}");
        let gained = initial - without.initial_health.raw();
        assert_eq!(gained, value * 80 / 100 * share / 1_000, "{second}");
        assert!(gained >= last);
        last = gained;
    }
}

#[test]
fn collateral_that_offsets_a_market_hedges_by_the_same_share() {
    // GIVEN a bank tied to SOL that counts in half, and an account that is short as many coins as it holds
    let mut world = WorldBuilder::whole(0).build();
    let (house, sol) = (world.house, world.sol);
    let mint = world.create_mint("wrapped SOL", 9);
    let args = BankArgs {
        rules: BankRulesArgs {
            ramp_seconds: 1_000,
            ..BankRulesArgs::PLAIN
        },
        ..world.sol_bank_args()
    };
    let bank = world.list_offset_bank(house, mint, args, Some(&sol));
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 100_000 * USDC));
    let wallet = world.wallet(&alice.user, &bank);
    world.create_token_account(wallet, mint, alice.user.key);
    world.fund(&alice.user, &bank, 1_000 * SOL);
    world.deposit(&alice, &bank, 1_000 * SOL).ok();
    let price = world.settings().sol_price;
    world
        .trade(&alice, &bob, &[perpetual(&sol, -500 * BASE, price)])
        .ok();
    let scan = |world: &World| world.report(&alice.account).margin.scan.raw();
    let naked = scan(&world);
    world.advance(500);
    world.refresh();
    let hedged = scan(&world);
    assert!(
        hedged > naked / 10,
        "500 of 1,000 coins count: {naked} {hedged}"
    );
    world.advance(500);
    world.refresh();
    let over = scan(&world);
    assert!(over < hedged, "and all of them are 500 too many: {over}");
}
