//! `resolve_bankruptcy` refuses whoever has something left, and markets that are missing, repeated, reordered or foreign.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use sandbox::bankruptcy::resolve_bankruptcy;
use sandbox::{perpetual, World, BASE, USDC};
use solana_instruction::{AccountMeta, Instruction};
use support::{
    assert_refused, foreign_account, foreign_house, other_program_copy, Bend, Defaults, Refusal,
    Scene, OWED,
};

#[track_caller]
fn refuse(world: &mut World, ix: &Instruction, error: impl Into<Refusal>) {
    assert_refused(world, ix, &[], error);
}

fn scene() -> Scene {
    Defaults {
        insurance: 1_000 * USDC,
        ..Defaults::default()
    }
    .build()
}

#[test]
fn an_account_with_anything_left_is_not_bankrupt() {
    let Scene {
        mut world,
        alice,
        carol,
        dave,
        debtors,
    } = scene();
    let (bank, btc) = (world.sol_bank, world.btc);
    // a balance, and none at all
    let empty = world.trader("empty", 0);
    for trader in [&alice, &empty] {
        let ix = world.resolve_bankruptcy_ix(&trader.account);
        refuse(&mut world, &ix, MarginError::NotBankrupt);
    }
    // a position
    world.refresh();
    let price = world.spot(&btc.price).raw();
    world
        .trade(&carol, &dave, &[perpetual(&btc, BASE / 10, price)])
        .ok();
    let ix = world.resolve_bankruptcy_ix(&carol.account);
    refuse(&mut world, &ix, MarginError::NotBankrupt);
    // collateral beside the debt
    world.fund(&debtors[0].user, &bank, 1);
    world.deposit(&debtors[0], &bank, 1).ok();
    let ix = world.resolve_bankruptcy_ix(&debtors[0].account);
    refuse(&mut world, &ix, MarginError::NotBankrupt);
}

#[test]
fn a_debt_of_one_unit_is_a_bankruptcy_and_what_interest_covers_is_none() {
    let Scene {
        mut world, debtors, ..
    } = scene();
    let (debtor, usdc) = (debtors[0], world.usdc);
    world.fund(&debtor.user, &usdc, OWED);
    world.deposit(&debtor, &usdc, OWED - 1).ok();
    assert_eq!(world.balance(&debtor, &usdc), -1);
    let ix = world.resolve_bankruptcy_ix(&debtor.account);
    // a unit of interest that is due covers it
    let due = |world: &mut World, amount| {
        support::write_book(world, &debtor, |header| header.interest_due = amount, &[]);
    };
    due(&mut world, 1);
    refuse(&mut world, &ix, MarginError::NotBankrupt);
    due(&mut world, 0);
    world.send(std::slice::from_ref(&ix), &[]).ok();
    refuse(&mut world, &ix, MarginError::LossMarketMismatch); // it has no loss any more
    let ix = world.resolve_bankruptcy_ix(&debtor.account);
    refuse(&mut world, &ix, MarginError::NotBankrupt);
}

#[test]
fn the_loss_market_is_the_one_that_the_account_names() {
    let Scene {
        mut world, debtors, ..
    } = scene();
    let (house, debtor) = (world.house, debtors[0]);
    let (foreign, _, [foreign_btc, _]) = foreign_house(&mut world);
    let markets = world.all_markets(&house);
    let (btc, sol) = (world.btc.key, world.sol.key);
    let with = |market| resolve_bankruptcy(&house, &debtor.account, market, markets.clone());
    let mismatch = MarginError::LossMarketMismatch;
    refuse(&mut world, &with(None), mismatch);
    refuse(&mut world, &with(Some(sol)), mismatch);
    let error = MarginError::ClearinghouseMismatch;
    refuse(&mut world, &with(Some(foreign_btc.key)), error);
    let copy = other_program_copy(&mut world, &btc);
    refuse(
        &mut world,
        &with(Some(copy)),
        ErrorCode::AccountOwnedByWrongProgram,
    );
    let error = ErrorCode::AccountDiscriminatorMismatch;
    refuse(&mut world, &with(Some(debtor.account)), error);
    // an account without a loss names none
    let empty = world.trader("empty", 0);
    let ix = resolve_bankruptcy(&house, &empty.account, Some(btc), vec![]);
    refuse(&mut world, &ix, mismatch);
    // the accounts of two houses
    let alien = foreign_account(&mut world, &empty, &foreign);
    let ix = resolve_bankruptcy(&house, &alien, None, vec![]);
    refuse(&mut world, &ix, MarginError::ClearinghouseMismatch);
    world.resolve_bankruptcy(&debtor.account).ok();
}

#[test]
fn all_markets_by_index_or_none() {
    let Scene {
        mut world, debtors, ..
    } = scene();
    let debtor = debtors[0];
    let third = world.list_eth(world.settings().market_rules.clone()).key;
    let (_, _, [foreign_btc, _]) = foreign_house(&mut world);
    let valid = world.resolve_bankruptcy_ix(&debtor.account);
    let start = valid.accounts.len() - 3;
    let v = || valid.clone();
    let (btc, sol) = (world.btc.key, world.sol.key);
    let copy = other_program_copy(&mut world, &sol);
    let incomplete = || Refusal::from(MarginError::MarketsIncomplete);
    let cases: Vec<(&str, Instruction, Refusal)> = vec![
        (
            "last missing",
            v().without(start + 2..start + 3),
            incomplete(),
        ),
        ("first missing", v().without(start..start + 1), incomplete()),
        (
            "middle missing",
            v().without(start + 1..start + 2),
            incomplete(),
        ),
        ("one alone", v().without(start + 1..start + 3), incomplete()),
        ("one too many", v().append(third), incomplete()),
        ("reordered", v().swapped(start, start + 1), incomplete()),
        (
            "last reordered",
            v().swapped(start + 1, start + 2),
            incomplete(),
        ),
        ("repeated", v().replace_at(start + 1, btc), incomplete()),
        (
            "of another house",
            v().replace_at(start, foreign_btc.key),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (
            "of another program",
            v().replace_at(start + 1, copy),
            ErrorCode::AccountOwnedByWrongProgram.into(),
        ),
        (
            "no market",
            v().replace_at(start + 1, debtor.account),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (name, ix, error) in cases {
        println!("{name}");
        refuse(&mut world, &ix, error);
    }
    // all of them writable is as good
    let mut writable = v();
    writable.accounts[start..]
        .iter_mut()
        .for_each(|meta: &mut AccountMeta| meta.is_writable = true);
    world.send(&[writable], &[]).ok();
}

#[test]
fn a_loss_that_nobody_can_bear_stays() {
    // no fund, no markets
    let Scene {
        mut world, debtors, ..
    } = Defaults::default().build();
    let btc = world.btc.key;
    let alone = resolve_bankruptcy(&world.house, &debtors[0].account, Some(btc), vec![]);
    refuse(&mut world, &alone, MarginError::LossUncovered);
    // a fund that may pay nothing for the market
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        insurance: 1_000 * USDC,
        cap: 0,
        ..Defaults::default()
    }
    .build();
    let alone = resolve_bankruptcy(&world.house, &debtors[0].account, Some(btc), vec![]);
    refuse(&mut world, &alone, MarginError::LossUncovered);
}
