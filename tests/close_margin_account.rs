//! `close_margin_account`: only what is empty, and nothing comes back to life.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{MarginAccountClosed, MarginAccountOpened};
use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::MarginAccount;
use sandbox::lifecycle::{close_margin_account, set_delegate};
use sandbox::{instructions, perpetual, Trader, World, BASE, BTC_START, DAY, SOL, START, USDC};
use solana_account::{Account, ReadableAccount};
use solana_instruction::Instruction;
use support::{assert_refused, pair, rewrite, write_book, Bend};

/// What a holding is written as.
type Change = fn(&mut MarginAccount);

/// A world with alice's empty account, opened some slots ago.
fn empty() -> (World, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 0);
    world.advance(1);
    (world, alice)
}

fn open(trader: &Trader) -> Instruction {
    let args = MarginAccountArgs {
        sub_account: trader.sub_account,
        capacity: 16,
        tier: 1,
    };
    instructions::open_margin_account(&trader.user.key, &trader.house, args)
}

fn lamports(world: &World, key: &Pubkey) -> u64 {
    world
        .svm
        .get_account(key)
        .map_or(0, |account| account.lamports())
}

/// What is at an address that has no account: nothing, or a shell without data or lamports.
fn is_gone(world: &World, key: &Pubkey) -> bool {
    let account = world.svm.get_account(key);
    account.is_none_or(|account| account == Account::default())
}

#[test]
fn an_account_that_traded_and_withdrew_closes_and_returns_its_rent() {
    let (mut world, alice, bob) = pair(50_000);
    let (bank, sol_bank, btc) = (world.usdc, world.sol_bank, world.btc);
    world.fund(&alice.user, &sol_bank, SOL);
    world.deposit(&alice, &sol_bank, SOL).ok();
    let legs = [1, -1].map(|sign| perpetual(&btc, sign * BASE, BTC_START));
    world.trade(&alice, &bob, &legs).ok();
    world.withdraw(&alice, &sol_bank, SOL).ok();
    world.withdraw(&alice, &bank, 50_000 * USDC).ok();
    world.advance(1);

    let (rent, before) = (
        lamports(&world, &alice.account),
        lamports(&world, &alice.user.key),
    );
    let sequence = world.account(&alice.account).0.sequence;
    let ix = close_margin_account(&alice);
    let outcome = world.send(&[ix], &[alice.user]).ok();
    assert!(is_gone(&world, &alice.account));
    assert_eq!(lamports(&world, &alice.user.key), before + rent);
    let events = outcome.events::<MarginAccountClosed>();
    let [event] = &events[..] else {
        panic!("{} events", events.len());
    };
    assert_eq!(
        (event.margin_account, event.owner, event.sub_account),
        (alice.account, alice.user.key, 0)
    );
    assert_eq!(event.sequence, sequence + 1);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_21_refuses_an_account_that_still_holds_something() {
    let holds: [(&str, Change); 6] = [
        ("a unit of cash", |header| header.cash = 1),
        ("a debt", |header| header.cash = -1),
        ("interest above a cent", |header| {
            header.interest_due = 10_001
        }),
        ("all the interest there is", |header| {
            header.interest_due = u64::MAX
        }),
        ("a unit of collateral", |header| {
            header.collateral[0].bank = 1;
            header.collateral[0].amount = 1;
        }),
        ("collateral at the last place", |header| {
            header.collateral[7].bank = 1;
            header.collateral[7].amount = 1;
        }),
    ];
    for (name, change) in holds {
        println!("{name}");
        let (mut world, alice) = empty();
        rewrite(&mut world, &alice.account, change);
        let ix = close_margin_account(&alice);
        let error = MarginError::AccountNotEmpty;
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
}

#[test]
fn a_cent_of_interest_that_never_became_cash_does_not_hold_an_account_open() {
    let (mut world, alice) = empty();
    rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
        header.interest_due = 10_000;
    });
    let ix = close_margin_account(&alice);
    world.send(&[ix], &[alice.user]).ok();
}

#[test]
fn case_21_refuses_open_positions_and_profit_that_nobody_has_paid() {
    let (mut world, alice) = empty();
    let series = (0, 0, 0);
    for (quantity, cost) in [(1, 0), (0, -1), (0, 1)] {
        let record = support::record(&world.btc, series, quantity, cost);
        write_book(&mut world, &alice, |_| (), &[record]);
        let ix = close_margin_account(&alice);
        let error = MarginError::AccountNotEmpty;
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
}

#[test]
fn case_21_refuses_an_account_in_liquidation() {
    let (mut world, alice) = empty();
    rewrite(&mut world, &alice.account, |header: &mut MarginAccount| {
        header.status = STATUS_LIQUIDATING;
    });
    let ix = close_margin_account(&alice);
    let error = MarginError::AccountLiquidating;
    assert_refused(&mut world, &ix, &[alice.user], error);
}

#[test]
fn case_01_only_the_owner_closes_and_only_the_owner_is_paid() {
    let (mut world, alice) = empty();
    let mallory = world.user("mallory");
    let ix = close_margin_account(&alice);
    let unsigned = ix.clone().unsigned(alice.user.key);
    assert_refused(&mut world, &unsigned, &[], ErrorCode::AccountNotSigner);
    let stolen = ix.replace(alice.user.key, mallory.key);
    assert_refused(&mut world, &stolen, &[mallory], MarginError::NotOwner);
}

#[test]
fn case_22_lamports_sent_in_the_same_transaction_revive_nothing() {
    let (mut world, alice) = empty();
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 5);
    let rent = lamports(&world, &alice.account);
    let refund = anchor_lang::solana_program::system_instruction::transfer(
        &alice.user.key,
        &alice.account,
        rent,
    );
    let close = close_margin_account(&alice);
    // neither within the transaction ...
    let deposit = world.deposit_ix(&alice, &bank, 5);
    let all = [close.clone(), refund.clone(), deposit.clone()];
    let outcome = world.send(&all, &[alice.user]);
    let not_ours: u32 = ErrorCode::AccountOwnedByWrongProgram.into();
    assert_eq!(outcome.error_code(), Some(not_ours));
    assert_eq!(world.data(&alice.account).len(), MarginAccount::space(16));
    // ... nor after it
    world.send(&[close, refund], &[alice.user]).ok();
    assert!(world.data(&alice.account).is_empty());
    assert_refused(
        &mut world,
        &deposit,
        &[alice.user],
        ErrorCode::AccountOwnedByWrongProgram,
    );
    // and the lamports are no obstacle to a new account (case 20)
    world.send(&[open(&alice)], &[alice.user]).ok();
}

#[test]
fn case_22_an_account_opened_again_in_the_same_transaction_is_a_new_one() {
    let (mut world, alice) = empty();
    let until = world.now() + DAY;
    let delegate = world.user("dan").key;
    let allow = set_delegate(&alice, delegate, 1, until);
    world.send(&[allow], &[alice.user]).ok();
    let old = world.account(&alice.account).0;
    let both = [close_margin_account(&alice), open(&alice)];
    let outcome = world.send(&both, &[alice.user]).ok();
    let new = world.account(&alice.account).0;
    assert_eq!(new.delegate, Pubkey::default());
    assert_eq!((new.delegate_scope, new.delegate_expires), (0, 0));
    assert!(new.sequence > old.sequence + 1);
    let closed = &outcome.events::<MarginAccountClosed>()[0];
    let opened = &outcome.events::<MarginAccountOpened>()[0];
    assert!(opened.sequence > closed.sequence);
    assert_eq!(opened.sequence, new.sequence);
}

#[test]
fn inv_19_sequences_rise_over_every_life_of_an_account() {
    let mut world = World::new();
    let alice = world.trader("alice", 0);
    let bank = world.usdc;
    world.fund(&alice.user, &bank, 100);
    let mut last = world.account(&alice.account).0.sequence;
    for life in 0..6 {
        // in the slot of its opening it stays: a second life in one slot would begin where the first one did
        let close = close_margin_account(&alice);
        let error = MarginError::AccountTooYoung;
        assert_refused(&mut world, &close, &[alice.user], error);
        for _ in 0..life {
            world.deposit(&alice, &bank, 1).ok();
            world.withdraw(&alice, &bank, 1).ok();
            let sequence = world.account(&alice.account).0.sequence;
            assert!(sequence > last);
            last = sequence;
        }
        world.set_slot(world.slot() + 1);
        let close = close_margin_account(&alice);
        let steps = match life % 2 {
            0 => vec![close, open(&alice)],
            _ => {
                world.send(&[close], &[alice.user]).ok();
                world.set_slot(world.slot() + 3);
                vec![open(&alice)]
            }
        };
        world.send(&steps, &[alice.user]).ok();
        let sequence = world.account(&alice.account).0.sequence;
        assert!(sequence > last + 1, "life {life}: {last} -> {sequence}");
        last = sequence;
    }
    assert!(world.now() >= START);
}

#[test]
fn a_closed_account_can_be_used_by_nobody() {
    let (mut world, alice) = empty();
    let bank = world.usdc;
    let ixs = [
        world.deposit_ix(&alice, &bank, 1),
        world.withdraw_ix(&alice, &bank, 1),
        close_margin_account(&alice),
        sandbox::lifecycle::grow_margin_account(&alice, 32),
        world.view_margin_ix(&alice.account),
    ];
    let close = close_margin_account(&alice);
    world.send(&[close], &[alice.user]).ok();
    for ix in ixs {
        let error = ErrorCode::AccountOwnedByWrongProgram;
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
}
