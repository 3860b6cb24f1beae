//! `deposit_collateral`: always works for the owner, in every status and without any oracle; never credits more than
//! the vault received.

use anchor_lang::error::ErrorCode;
use anchor_spl::token::spl_token;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BankArgs, BankRulesArgs, BidArgs};
use portfolio_margin_interface::state::CollateralBank;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::market::MarketParams;
use risk_core::scenario::WIDE_SCENARIOS;
use sandbox::{User, World, WorldBuilder, SOL, USDC};
use support::{
    assert_logged, assert_refused, failing_long, foreign_house, other_program_copy, pair, start,
    Bend, Refusal,
};

/// Codes of the token program.
const INSUFFICIENT_FUNDS: Refusal = Refusal::Code(1);
const OWNER_MISMATCH: Refusal = Refusal::Code(4);

#[test]
fn credits_cash_and_collateral_by_what_the_vault_received() {
    let (mut world, alice, _) = pair(1_000);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    for (bank, amount) in [(usdc, 123_456_789), (sol, 5 * SOL + 1), (sol, 1)] {
        let before = (
            world.balance(&alice, &bank),
            world.token_balance(&bank.vault),
        );
        let sequence = world.account(&alice.account).0.sequence;
        world.fund(&alice.user, &bank, amount);
        world.deposit(&alice, &bank, amount).ok();
        let after = (
            world.balance(&alice, &bank),
            world.token_balance(&bank.vault),
        );
        assert_eq!(
            (after.0 - before.0, after.1 - before.1),
            (amount as i64, amount)
        );
        assert_eq!(world.account(&alice.account).0.sequence, sequence + 1);
    }
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_47_refuses_zero() {
    let (mut world, alice, _) = pair(1_000);
    let ix = world.deposit_ix(&alice, &world.usdc, 0);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::ZeroAmount);
}

#[test]
fn refuses_more_than_the_user_holds() {
    let (mut world, alice, _) = pair(1_000);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 100);
    let ix = world.deposit_ix(&alice, &bank, 101);
    assert_refused(&mut world, &ix, &[alice.user], INSUFFICIENT_FUNDS);
}

#[test]
fn refuses_amounts_beyond_the_ledgers_range() {
    let builder = WorldBuilder {
        usdc_cap: u64::MAX,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let alice = world.trader("alice", 0);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, u64::MAX);
    for amount in [u64::MAX, 1 << 63] {
        let ix = world.deposit_ix(&alice, &bank, amount);
        assert_refused(&mut world, &ix, &[alice.user], MarginError::AmountOverflow);
    }
    // the largest balance, and one unit that no longer fits
    world.deposit(&alice, &bank, i64::MAX as u64).ok();
    let ix = world.deposit_ix(&alice, &bank, 1);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::AmountOverflow);
}

#[test]
fn refuses_more_of_an_offsetting_asset_than_a_size_can_hold() {
    // GIVEN a coin without decimals, of a hundredth of a cent: as many units fit a token account as no position can have
    let mut world = WorldBuilder::whole(0).build();
    let (house, feed_id) = (world.house, [7; 32]);
    let args = world.whole_market_args("MEME", feed_id, &WIDE_SCENARIOS, &MarketParams::SOL);
    let market = world.list_market(house, args);
    world.set_price(&market, 10_000);
    let mint = world.create_mint("mint of MEME", 0);
    let args = BankArgs {
        feed_id,
        deposit_cap: u64::MAX,
        rules: BankRulesArgs::PLAIN,
        ..world.sol_bank_args()
    };
    let bank = world.list_offset_bank(house, mint, args, Some(&market));
    let alice = world.trader("alice", 0);
    let wallet = world.wallet(&alice.user, &bank);
    world.create_token_account(wallet, mint, alice.user.key);
    world.fund(&alice.user, &bank, u64::MAX);
    // WHEN more is deposited THEN it is refused: an account that no check can read could never be liquidated
    let most = i64::MAX as u64 / 1_000_000;
    world.deposit(&alice, &bank, most).ok();
    let ix = world.deposit_ix(&alice, &bank, 1);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::AmountOverflow);
    assert!(world.try_report(&alice.account).is_ok());
}

#[test]
fn case_59_fills_the_cap_and_refuses_one_unit_more() {
    let builder = WorldBuilder {
        sol_cap: 10 * SOL,
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let alice = world.trader("alice", 0);
    let bank = world.sol_bank;
    world.fund(&alice.user, &bank, u64::MAX / 2);
    for amount in [10 * SOL + 1, u64::MAX / 2] {
        let ix = world.deposit_ix(&alice, &bank, amount);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[alice.user],
            MarginError::DepositCapExceeded,
        );
        assert_logged(
            &outcome,
            &["Left: 10000000000", &format!("Right: {amount}")],
        );
    }
    world.deposit(&alice, &bank, 10 * SOL).ok();
    let ix = world.deposit_ix(&alice, &bank, 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::DepositCapExceeded,
    );
    // what leaves makes room
    world.withdraw(&alice, &bank, 1).ok();
    world.deposit(&alice, &bank, 1).ok();
}

#[test]
fn case_01_refuses_other_signers() {
    let (mut world, alice, bob) = pair(1_000);
    let bank = world.usdc;
    let ix = world.deposit_ix(&alice, &bank, 1);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let by_bob = ix.clone().replace(alice.user.key, bob.user.key);
    let outcome = assert_refused(&mut world, &by_bob, &[bob.user], MarginError::NotOwner);
    assert_logged(
        &outcome,
        &[&alice.user.key.to_string(), &bob.user.key.to_string()],
    );
    // own account, another's tokens: the token program refuses
    let bobs_tokens = world.wallet(&bob.user, &bank);
    world.fund(&bob.user, &bank, 10);
    let ix = ix.replace(world.wallet(&alice.user, &bank), bobs_tokens);
    assert_refused(&mut world, &ix, &[alice.user], OWNER_MISMATCH);
}

#[test]
fn case_04_refuses_a_copied_account_of_another_program() {
    let (mut world, alice, _) = pair(1_000);
    let (bank, owned) = (world.usdc, ErrorCode::AccountOwnedByWrongProgram);
    for key in [alice.account, bank.key] {
        let copy = other_program_copy(&mut world, &key);
        let ix = world.deposit_ix(&alice, &bank, 1).replace(key, copy);
        assert_refused(&mut world, &ix, &[alice.user], owned);
    }
}

#[test]
fn case_05_refuses_accounts_of_other_types() {
    let (mut world, alice, _) = pair(1_000);
    let (bank, btc) = (world.usdc, world.btc.key);
    for key in [alice.account, bank.key] {
        let ix = world.deposit_ix(&alice, &bank, 1).replace(key, btc);
        assert_refused(
            &mut world,
            &ix,
            &[alice.user],
            ErrorCode::AccountDiscriminatorMismatch,
        );
    }
}

#[test]
fn case_06_refuses_a_bank_of_another_house() {
    let (mut world, alice, _) = pair(1_000);
    let (_, foreign, _) = foreign_house(&mut world);
    let ix = world.deposit_ix(&alice, &foreign, 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::ClearinghouseMismatch,
    );
}

#[test]
fn case_11_refuses_the_vault_as_source() {
    let (mut world, alice, _) = pair(1_000);
    let bank = world.usdc;
    let source = world.wallet(&alice.user, &bank);
    let ix = world
        .deposit_ix(&alice, &bank, 1)
        .replace(source, bank.vault);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        ErrorCode::ConstraintDuplicateMutableAccount,
    );
}

#[test]
fn case_12_refuses_other_vaults_and_mints() {
    let (mut world, alice, bob) = pair(1_000);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    world.fund(&alice.user, &usdc, 10);
    let ix = world.deposit_ix(&alice, &usdc, 1);
    let fake = world.wallet(&bob.user, &usdc);
    for vault in [fake, sol.vault] {
        let ix = ix.clone().replace(usdc.vault, vault);
        let outcome = assert_refused(&mut world, &ix, &[alice.user], MarginError::VaultMismatch);
        assert_logged(&outcome, &[&vault.to_string(), &usdc.vault.to_string()]);
    }
    let other_mint = ix.replace(usdc.mint, sol.mint);
    assert_refused(
        &mut world,
        &other_mint,
        &[alice.user],
        MarginError::VaultMismatch,
    );
}

#[test]
fn case_15_refuses_another_token_program() {
    let (mut world, alice, _) = pair(1_000);
    let ix = world.deposit_ix(&alice, &world.usdc, 1);
    let ix = ix.replace(spl_token::ID, anchor_spl::token_2022::ID);
    let error = MarginError::TokenProgramMismatch;
    assert_refused(&mut world, &ix, &[alice.user], error);
    let ix = world.deposit_ix(&alice, &world.usdc, 1);
    let ix = ix.replace(spl_token::ID, portfolio_margin_interface::ID);
    let error = ErrorCode::InvalidProgramId;
    assert_refused(&mut world, &ix, &[alice.user], error);
}

#[test]
fn case_56_a_donation_to_the_vault_changes_no_claim() {
    let (mut world, alice, bob) = pair(1_000);
    let bank = world.usdc;
    let claims = world.reconcile().banks[0].claims;
    world.mint_to(&bank.mint, &bank.vault, 777);
    let books = world.reconcile();
    assert_eq!(
        (books.banks[0].claims, books.banks[0].vault - claims),
        (claims, 777)
    );
    assert_eq!(books.banks[0].total_deposits, claims);
    world.fund(&alice.user, &bank, 5);
    world.deposit(&alice, &bank, 5).ok();
    let all = world.balance(&bob, &bank);
    world.withdraw(&bob, &bank, all as u64).ok();
    let ix = world.withdraw_ix(&bob, &bank, 1);
    assert_refused(
        &mut world,
        &ix,
        &[bob.user],
        MarginError::BalanceInsufficient,
    );
}

#[test]
fn works_in_liquidation_with_dead_oracles_and_for_quote_beyond_the_cap() {
    let (mut world, alice, bob, keeper) = failing_long();
    let (usdc, sol, btc) = (world.usdc, world.sol_bank, world.btc);
    world.fund(&alice.user, &sol, SOL);
    world.deposit(&alice, &sol, 1).ok();
    start(&mut world, &keeper, &alice);
    world.advance(1_000_000);
    for price in [btc.price, sol.price] {
        world.set_price_bytes(price, User::named("nobody").key, vec![]);
    }
    // whoever fills the bank keeps nobody from curing an account
    for bank in [usdc, sol] {
        let state: CollateralBank = world.read(&bank.key);
        let room = state.deposit_cap - state.total_deposits;
        world.fund(&bob.user, &bank, room + 1);
        world.deposit(&bob, &bank, room).ok();
        let ix = world.deposit_ix(&bob, &bank, 1);
        let error = MarginError::DepositCapExceeded;
        assert_refused(&mut world, &ix, &[bob.user], error);
        world.fund(&alice.user, &bank, 1_000);
    }
    world.deposit(&alice, &usdc, 1_000).ok();
    // an asset at risk keeps its cap: one could start a liquidation of one's own to pass it
    let ix = world.deposit_ix(&alice, &sol, 1);
    let error = MarginError::DepositCapExceeded;
    assert_refused(&mut world, &ix, &[alice.user], error);
    assert_eq!(world.account(&alice.account).0.status, 1);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_73_no_new_asset_during_liquidation() {
    let (mut world, alice, _, keeper) = failing_long();
    let sol = world.sol_bank;
    world.fund(&alice.user, &sol, SOL);
    let witness = world.report(&alice.account).witness();
    let bid = BidArgs {
        witness,
        fraction: FRACTION_ONE,
        minimum: 0,
        price_limit: i64::MAX,
    };
    world
        .start_liquidation(&keeper.user, &alice.account, &bid.witness)
        .ok();
    let pending = world.bid_ix(&keeper, &alice.account, bid);
    // it would change the accounts that a pending bid names
    let ix = world.deposit_ix(&alice, &sol, 1);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::AccountLiquidating,
    );
    world.send(&[pending], &[keeper.user]).ok();
}

#[test]
fn takes_eight_assets_in_any_order_and_refuses_the_ninth() {
    let mut world = World::new();
    let alice = world.trader("alice", 10 * USDC);
    let house = world.house;
    let args = BankArgs {
        deposit_cap: 100,
        rules: BankRulesArgs::PLAIN,
        ..world.sol_bank_args()
    };
    let banks: Vec<_> = (0..9)
        .map(|n| {
            let mint = world.create_mint(&format!("mint {n}"), 0);
            let bank = world.list_bank(house, mint, args.clone());
            world.create_token_account(world.wallet(&alice.user, &bank), mint, alice.user.key);
            world.fund(&alice.user, &bank, 100);
            bank
        })
        .collect();
    for n in [4, 2, 7, 0, 6, 1, 5, 3] {
        world.deposit(&alice, &banks[n], 10 + n as u64).ok();
    }
    let (header, _) = world.account(&alice.account);
    let held: Vec<_> = header
        .used_collateral()
        .map(|held| (held.bank, held.amount))
        .collect();
    assert_eq!(
        held,
        (0..8)
            .map(|n| (banks[n].index, 10 + n as u64))
            .collect::<Vec<_>>()
    );
    let ix = world.deposit_ix(&alice, &banks[8], 1);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::CollateralsFull);
    // one that is held still goes in, and one that is emptied makes room
    world.deposit(&alice, &banks[3], 1).ok();
    world.withdraw(&alice, &banks[5], 15).ok();
    world.deposit(&alice, &banks[8], 1).ok();
    let bank: CollateralBank = world.read(&banks[5].key);
    assert_eq!(bank.total_deposits, 0);
    assert!(world.reconcile().is_exact());
}
