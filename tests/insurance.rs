//! Fees and the insurance fund: where they come from, where they go, and that the ledger holds them to the unit.

use anchor_lang::error::ErrorCode;
use anchor_spl::token::spl_token;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{FeesCollected, FeesWithdrawn, InsuranceDeposited};
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, Market};
use sandbox::{instructions, Trader, World, WorldBuilder, USDC};
use support::{
    assert_logged, assert_refused, debts, foreign_house, other_program_copy, rewrite, Bend,
};

/// A world in which alice has paid 1,001 units of fees in BTC.
fn with_fees() -> (World, Trader) {
    let mut world = WorldBuilder {
        rules: HouseRulesArgs {
            insurance_share: 333_333,
            ..debts()
        },
        ..WorldBuilder::default()
    }
    .build();
    let alice = world.trader("alice", 1_000 * USDC);
    let btc = world.btc.key;
    rewrite::<MarginAccount>(&mut world, &alice.account, |account| account.cash -= 1_001);
    rewrite::<Market>(&mut world, &btc, |market| market.fees += 1_001);
    assert!(world.reconcile().is_exact());
    (world, alice)
}

fn house(world: &World) -> Clearinghouse {
    world.read(&world.house)
}

#[test]
fn anybody_collects_fees_and_the_funds_share_is_rounded_up() {
    let (mut world, _) = with_fees();
    let btc = world.btc;
    let sequence = house(&world).sequence;
    let outcome = world.collect_fees(&btc).ok();
    // 333.67 of 1,001
    let after = house(&world);
    assert_eq!((after.insurance, after.fees), (334, 667));
    assert_eq!(after.sequence, sequence + 1);
    assert_eq!(world.read::<Market>(&btc.key).fees, 0);
    let [event]: [FeesCollected; 1] = outcome.events().try_into().ok().expect("one event");
    assert_eq!((event.insurance, event.fees), (334, 667));
    assert_eq!((event.market, event.sequence), (btc.key, sequence + 1));
    assert!(world.reconcile().is_exact());
    // once
    let ix = instructions::collect_fees(&btc);
    assert_refused(&mut world, &ix, &[], MarginError::ZeroAmount);
}

#[test]
fn case_04_05_06_fees_of_another_house_stay_there() {
    let (mut world, _) = with_fees();
    let (_, _, [theirs, _]) = foreign_house(&mut world);
    let btc = world.btc;
    rewrite::<Market>(&mut world, &theirs.key, |market| market.fees = 5);
    let ix = instructions::collect_fees(&btc);
    let foreign = ix.clone().replace(btc.key, theirs.key);
    let error = MarginError::ClearinghouseMismatch;
    assert_refused(&mut world, &foreign, &[], error);
    let copy = other_program_copy(&mut world, &btc.key);
    let error = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &ix.clone().replace(btc.key, copy), &[], error);
    let cosplay = ix.replace(btc.key, world.usdc.key);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[], error);
}

#[test]
fn case_57_anybody_gives_to_the_fund_and_buys_nothing() {
    let (mut world, alice) = with_fees();
    let mallory = world.user("mallory");
    let usdc = world.usdc;
    let cash = world.balance(&alice, &usdc);
    // GIVEN one unit first and a donation to the vault, WHEN others give THEN all of it is in the fund, and nobody has shares
    for amount in [1, 1_000_000 * USDC] {
        world.fund(&mallory, &usdc, amount);
        let before = house(&world);
        let outcome = world.give_insurance(&mallory, amount).ok();
        world.mint_to(&usdc.mint, &usdc.vault, 1_000_000 * USDC);
        let after = house(&world);
        assert_eq!(after.insurance, before.insurance + amount);
        let [event]: [InsuranceDeposited; 1] = outcome.events().try_into().ok().expect("one");
        assert_eq!((event.payer, event.amount), (mallory.key, amount));
        assert_eq!(event.sequence, before.sequence + 1);
    }
    let books = world.reconcile();
    assert!(books.is_exact_but_for_donations(), "{books:?}");
    assert_eq!(books.donations(), 2_000_000 * USDC as i128);
    assert_eq!(world.balance(&alice, &usdc), cash);
}

#[test]
fn case_11_12_15_47_the_funds_accounts_are_checked() {
    let (mut world, _) = with_fees();
    let mallory = world.user("mallory");
    let (usdc, sol) = (world.usdc, world.sol_bank);
    world.fund(&mallory, &usdc, 100);
    let wallet = world.wallet(&mallory, &usdc);
    let give = |amount| instructions::deposit_insurance(&mallory.key, &usdc, &wallet, amount);
    let who = [mallory];
    assert_refused(&mut world, &give(0), &who, MarginError::ZeroAmount);
    let foreign = foreign_house(&mut world).0;
    for (old, new, error) in [
        (usdc.key, sol.key, MarginError::BankMismatch),
        (world.house, foreign, MarginError::ClearinghouseMismatch),
        (usdc.vault, sol.vault, MarginError::VaultMismatch),
        (usdc.mint, sol.mint, MarginError::VaultMismatch),
        (
            spl_token::ID,
            anchor_spl::token_2022::ID,
            MarginError::TokenProgramMismatch,
        ),
    ] {
        let ix = give(1).replace(old, new);
        assert_refused(&mut world, &ix, &who, error);
    }
    let ix = give(1).unsigned(mallory.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
    let ix = give(1).replace(wallet, usdc.vault);
    let error = ErrorCode::ConstraintDuplicateMutableAccount;
    assert_refused(&mut world, &ix, &who, error);
}

#[test]
fn the_governor_takes_fees_to_the_last_unit_and_never_the_fund() {
    let (mut world, _) = with_fees();
    let (btc, usdc, governor) = (world.btc, world.usdc, world.governor);
    world.collect_fees(&btc).ok();
    let treasury = world.user("treasury");
    let destination = world.wallet(&treasury, &usdc);
    let take = |amount| instructions::withdraw_fees(&governor.key, &usdc, &destination, amount);
    let who = [governor];
    let outcome = assert_refused(
        &mut world,
        &take(668),
        &who,
        MarginError::BalanceInsufficient,
    );
    assert_logged(&outcome, &["Left: 667", "Right: 668"]);
    assert_refused(&mut world, &take(0), &who, MarginError::ZeroAmount);
    let sequence = house(&world).sequence;
    let outcome = world.withdraw_fees(&treasury, 667).ok();
    let [event]: [FeesWithdrawn; 1] = outcome.events().try_into().ok().expect("one event");
    assert_eq!((event.amount, event.sequence), (667, sequence + 1));
    assert_eq!(world.token_balance(&destination), 667);
    let after = house(&world);
    assert_eq!((after.insurance, after.fees), (334, 0));
    assert!(world.reconcile().is_exact());
    assert_refused(&mut world, &take(1), &who, MarginError::BalanceInsufficient);
}

#[test]
fn case_01_only_the_governor_takes_fees() {
    let (mut world, _) = with_fees();
    let (btc, usdc, governor) = (world.btc, world.usdc, world.governor);
    world.collect_fees(&btc).ok();
    let mallory = world.user("mallory");
    let wallet = world.wallet(&mallory, &usdc);
    let ix = instructions::withdraw_fees(&governor.key, &usdc, &wallet, 1);
    let unsigned = ix.clone().unsigned(governor.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let hers = ix.clone().replace(governor.key, mallory.key);
    assert_refused(&mut world, &hers, &[mallory], MarginError::NotGovernor);
    let sol = world.sol_bank;
    for (old, new, error) in [
        (usdc.key, sol.key, MarginError::BankMismatch),
        (usdc.vault, sol.vault, MarginError::VaultMismatch),
        (usdc.mint, sol.mint, MarginError::VaultMismatch),
        (
            spl_token::ID,
            anchor_spl::token_2022::ID,
            MarginError::TokenProgramMismatch,
        ),
    ] {
        let ix = ix.clone().replace(old, new);
        assert_refused(&mut world, &ix, &[governor], error);
    }
}

#[test]
fn fees_that_are_lent_out_come_when_they_are_back() {
    // GIVEN fees collected, and a depositor who leaves with the tokens behind them while others owe
    let (mut world, alice) = with_fees();
    let (btc, usdc, sol) = (world.btc, world.usdc, world.sol_bank);
    world.collect_fees(&btc).ok();
    let bob = world.trader("bob", 0);
    world.fund(&bob.user, &sol, 1_000_000_000_000);
    world.deposit(&bob, &sol, 1_000_000_000_000).ok();
    world.withdraw(&bob, &usdc, 1_000).ok();
    world.withdraw(&alice, &usdc, 1_000 * USDC - 1_001).ok();
    // THEN the governor waits for the debt
    assert_eq!(world.token_balance(&usdc.vault), 1);
    let (governor, destination) = (world.governor, world.wallet(&alice.user, &usdc));
    let ix = instructions::withdraw_fees(&governor.key, &usdc, &destination, 667);
    let error = MarginError::BalanceInsufficient;
    let outcome = assert_refused(&mut world, &ix, &[governor], error);
    assert_logged(&outcome, &["Left: 1", "Right: 667"]);
    world.deposit(&bob, &usdc, 1_000).ok();
    world.send(&[ix], &[governor]).ok();
    assert!(world.reconcile().is_exact());
}
