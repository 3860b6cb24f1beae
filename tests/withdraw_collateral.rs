//! `withdraw_collateral`: what is free leaves, to the last unit and no further.

use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::spl_token;
use portfolio_margin::error::MarginError;
use sandbox::{dollars, perpetual, User, BASE, BTC_START, SOL, USDC};
use support::{
    assert_logged, assert_refused, assert_remaining_accounts_are_checked, failing_long,
    foreign_house, mixed_book, other_program_copy, pair, start, Bend, Refusal,
};

/// The token program's code for a frozen account.
const ACCOUNT_FROZEN: Refusal = Refusal::Code(17);

#[test]
fn inv_04_returns_exactly_what_was_deposited() {
    let (mut world, alice, _) = pair(1_000);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    world.fund(&alice.user, &sol, 7 * SOL + 3);
    world.deposit(&alice, &sol, 7 * SOL + 3).ok();
    for (bank, amount) in [(usdc, 1_000 * USDC), (sol, 7 * SOL + 3)] {
        world.withdraw(&alice, &bank, amount).ok();
        assert_eq!(
            world.token_balance(&world.wallet(&alice.user, &bank)),
            amount
        );
        let ix = world.withdraw_ix(&alice, &bank, 1);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[alice.user],
            MarginError::BalanceInsufficient,
        );
        assert_logged(&outcome, &["Left: 0", "Right: 1"]);
    }
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_58_lets_free_collateral_go_to_the_last_unit() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, bank) = (world.btc, world.usdc);
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    let free = world.report(&alice.account).margin.initial_health.raw() as u64;
    let ix = world.withdraw_ix(&alice, &bank, free + 1);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::InitialMarginBreached,
    );
    assert_logged(&outcome, &["Left: -1", "Right: 0"]);
    world.withdraw(&alice, &bank, free).ok();
    assert_eq!(world.report(&alice.account).margin.initial_health.raw(), 0);
}

#[test]
fn collateral_counts_after_its_haircut() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, bank) = (world.btc, world.sol_bank);
    world.fund(&alice.user, &bank, 100 * SOL);
    world.deposit(&alice, &bank, 100 * SOL).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    let value = 100 * world.settings().sol_price as i64 / 100;
    let margin = world.report(&alice.account).margin;
    assert_eq!(margin.collateral.raw(), value);
    // 15 % off in both, a further 5 % off in initial health
    let without = {
        let all = world.withdraw_ix(&alice, &bank, 100 * SOL);
        world.send(&[all], &[alice.user]).ok();
        world.report(&alice.account).margin
    };
    let maintenance = margin.maintenance_health.raw() - without.maintenance_health.raw();
    let initial = margin.initial_health.raw() - without.initial_health.raw();
    assert_eq!(maintenance, value * 85 / 100);
    assert_eq!(initial, value * 80 / 100);
}

#[test]
fn case_47_refuses_zero_and_more_than_is_held() {
    let (mut world, alice, _) = pair(1_000);
    let bank = world.usdc;
    let ix = world.withdraw_ix(&alice, &bank, 0);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::ZeroAmount);
    for amount in [1_000 * USDC + 1, 1 << 63, u64::MAX] {
        let ix = world.withdraw_ix(&alice, &bank, amount);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[alice.user],
            MarginError::BalanceInsufficient,
        );
        assert_logged(&outcome, &["Left: 1000000000", &format!("Right: {amount}")]);
    }
    let ix = world.withdraw_ix(&alice, &world.sol_bank, u64::MAX);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::BalanceInsufficient,
    );
}

#[test]
fn case_01_refuses_other_signers() {
    let (mut world, alice, bob) = pair(1_000);
    let bank = world.usdc;
    let ix = world.withdraw_ix(&alice, &bank, 1);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.replace(alice.user.key, bob.user.key);
    assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
}

#[test]
fn pays_to_whom_the_owner_chooses_but_not_to_the_vault() {
    let (mut world, alice, bob) = pair(1_000);
    let bank = world.usdc;
    let own = world.wallet(&alice.user, &bank);
    let bobs = world.wallet(&bob.user, &bank);
    let ix = world.withdraw_ix(&alice, &bank, 5).replace(own, bobs);
    world.send(&[ix], &[alice.user]).ok();
    assert_eq!(world.token_balance(&bobs), 5);
    // case 11
    let ix = world.withdraw_ix(&alice, &bank, 5).replace(own, bank.vault);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        ErrorCode::ConstraintDuplicateMutableAccount,
    );
}

#[test]
fn case_04_05_refuses_copies_and_accounts_of_other_types() {
    let (mut world, alice, _) = pair(1_000);
    let (bank, btc) = (world.usdc, world.btc.key);
    for key in [alice.account, bank.key] {
        let copy = other_program_copy(&mut world, &key);
        let ix = world.withdraw_ix(&alice, &bank, 1);
        let copied = ix.clone().replace(key, copy);
        assert_refused(
            &mut world,
            &copied,
            &[alice.user],
            ErrorCode::AccountOwnedByWrongProgram,
        );
        let cosplay = ix.replace(key, btc);
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        assert_refused(&mut world, &cosplay, &[alice.user], mismatch);
    }
}

#[test]
fn case_06_12_15_refuses_foreign_banks_vaults_mints_and_programs() {
    let (mut world, alice, bob) = pair(1_000);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    let (_, foreign, _) = foreign_house(&mut world);
    let ix = world.withdraw_ix(&alice, &foreign, 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::ClearinghouseMismatch,
    );
    let ix = world.withdraw_ix(&alice, &usdc, 1);
    for vault in [sol.vault, world.wallet(&bob.user, &usdc)] {
        let ix = ix.clone().replace(usdc.vault, vault);
        assert_refused(&mut world, &ix, &[alice.user], MarginError::VaultMismatch);
    }
    let other_mint = ix.clone().replace(usdc.mint, sol.mint);
    assert_refused(
        &mut world,
        &other_mint,
        &[alice.user],
        MarginError::VaultMismatch,
    );
    let other_program = ix.replace(spl_token::ID, anchor_spl::token_2022::ID);
    assert_refused(
        &mut world,
        &other_program,
        &[alice.user],
        MarginError::TokenProgramMismatch,
    );
}

#[test]
fn case_16_17_18_checks_every_remaining_account() {
    let (mut world, alice, _) = mixed_book();
    let ix = world.withdraw_ix(&alice, &world.usdc, 1);
    assert_remaining_accounts_are_checked(&mut world, &ix, &[alice.user]);
}

#[test]
fn inv_18_an_account_without_positions_leaves_without_oracle() {
    let (mut world, alice, bob) = pair(50_000);
    let (btc, usdc, sol) = (world.btc, world.usdc, world.sol_bank);
    world.fund(&alice.user, &sol, SOL);
    world.deposit(&alice, &sol, SOL).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    world.advance(1_000_000);
    for price in [btc.price, sol.price] {
        world.set_price_bytes(price, User::named("nobody").key, vec![]);
    }
    // accounts that no check takes are refused also here
    let ix = world.withdraw_ix(&alice, &sol, SOL).append(btc.key);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::UnexpectedAccount,
    );
    world.withdraw(&alice, &sol, SOL).ok();
    world.withdraw(&alice, &usdc, 50_000 * USDC).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn the_last_of_a_bank_needs_no_price_of_it() {
    let (mut world, alice, _) = mixed_book();
    let bank = world.sol_bank;
    world.withdraw(&alice, &bank, 100 * SOL).ok();
    assert_eq!(world.balance(&alice, &bank), 0);
    // and one unit less still does
    let (mut world, alice, _) = mixed_book();
    let ix = world.withdraw_ix(&alice, &bank, 100 * SOL - 1);
    let bank_and_price = ix.accounts.len() - 6..ix.accounts.len() - 4;
    let without = ix.clone().without(bank_and_price);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &without, &[alice.user], mismatch);
    world.send(&[ix], &[alice.user]).ok();
}

#[test]
fn refuses_an_account_in_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    start(&mut world, &keeper, &alice);
    // also once it is healthy again: somebody has to stop the liquidation first
    let btc = world.btc;
    world.set_price(&btc, dollars(120_000));
    let ix = world.withdraw_ix(&alice, &world.usdc, 1);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::AccountLiquidating,
    );
    assert_logged(&outcome, &["Left: 1", "Right: 0"]);
}

#[test]
fn case_55_a_frozen_vault_refuses_and_loses_nothing() {
    let (mut world, alice, _) = pair(1_000);
    let bank = world.usdc;
    let mut vault = world.svm.get_account(&bank.vault).expect("the vault");
    let mut state = spl_token::state::Account::unpack(&vault.data).expect("a token account");
    state.state = spl_token::state::AccountState::Frozen;
    state.pack_into_slice(&mut vault.data);
    world
        .svm
        .set_account(bank.vault, vault)
        .expect("writing the vault");
    let ix = world.withdraw_ix(&alice, &bank, 1);
    assert_refused(&mut world, &ix, &[alice.user], ACCOUNT_FROZEN);
}
