//! `settle_expiry`: what it refuses.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{ExpirySettled, SettlementFinalized};
use sandbox::{dollars, settlement};
use solana_instruction::Instruction;
use support::{assert_conserved, foreign_account, foreign_house, Bend, Refusal};

use crate::settle_expiry::{each_kind, refuse, settle_ix, trade, world};

#[test]
fn case_67_too_early_or_another_expiry_is_refused() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, week, month) = (world.btc, world.week, world.month);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    let ix = settle_ix(&world, &bob);
    world.set_time(week - 1);
    refuse(&mut world, &ix, MarginError::NotExpired, &[]);
    world.set_time(week);
    refuse(
        &mut world,
        &ix,
        MarginError::SettlementPending,
        &["Left: 0"],
    );
    world.sample_all(&btc, week, dollars(110_000));
    refuse(&mut world, &ix, MarginError::SettlementPending, &[]);
    world.set_time(week + 599);
    refuse(&mut world, &ix, MarginError::SettlementPending, &[]);
    for (expiry, error) in [
        (month, MarginError::NotExpired),
        (week + 1, MarginError::ExpiryNotListed),
        (0, MarginError::ExpiryNotListed),
    ] {
        let ix = settlement::settle_expiry(&bob.account, &btc, expiry);
        refuse(&mut world, &ix, error, &[]);
    }
    // nobody has to finalize first: the settlement writes the price, and tells it once
    world.set_time(week + 600);
    let outcome = world.send(&[ix], &[]).ok();
    let event = &outcome.events::<SettlementFinalized>()[0];
    let settled = &outcome.events::<ExpirySettled>()[0];
    assert_eq!(
        (event.price, event.sequence + 1),
        (dollars(110_000), settled.market_sequence)
    );
    let outcome = world.settle_expiry(&alice, &btc, week).ok();
    assert_eq!(outcome.events::<SettlementFinalized>().len(), 0);
    assert_conserved(&world);
}

#[test]
fn case_04_05_06_foreign_accounts_are_refused() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    world.expire(&btc, week, dollars(110_000));
    let (house, _, [foreign, _]) = foreign_house(&mut world);
    let outside = foreign_account(&mut world, &alice, &house);
    let copy = support::other_program_copy(&mut world, &bob.account);
    let ix = settle_ix(&world, &bob);
    let with = |old, new| ix.clone().replace(old, new);
    let cases: [(Instruction, Refusal); 7] = [
        (
            with(btc.house, house),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (
            with(btc.key, foreign.key),
            MarginError::ClearinghouseMismatch.into(),
        ),
        (
            with(bob.account, outside),
            MarginError::ClearinghouseMismatch.into(),
        ),
        // another market of the house with an expiry of that time: it is not final there
        (
            with(btc.key, sol.key),
            MarginError::SettlementPending.into(),
        ),
        (
            with(bob.account, copy),
            ErrorCode::AccountOwnedByWrongProgram.into(),
        ),
        (
            with(bob.account, btc.key),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
        (
            with(btc.key, bob.account),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (bent, error) in cases {
        refuse(&mut world, &bent, error, &[]);
    }
}
