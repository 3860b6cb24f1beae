//! `resolve_bankruptcy` of accounts with records without size: what closed positions are still to receive counts against the loss, and
//! what they are still to pay with it.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::{BankruptcyResolved, ExpirySettled, PerpPnlSettled};
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use sandbox::{dollars, Trader, World, BASE, USDC};
use support::{assert_conserved, assert_refused, prove, Defaults, Scene, OWED};

const THOUSAND: u64 = 1_000 * USDC;

fn header(world: &World, trader: &Trader) -> MarginAccount {
    world.account(&trader.account).0
}

fn equity(world: &World, trader: &Trader) -> i64 {
    world.report(&trader.account).margin.equity.raw()
}

/// Resolves; insists that the account has nothing then, and lacks nothing.
#[track_caller]
fn resolve(world: &mut World, debtor: &Trader) -> BankruptcyResolved {
    let before = equity(world, debtor);
    let outcome = world.resolve_bankruptcy(&debtor.account).ok();
    let event: BankruptcyResolved = outcome.events().remove(0);
    assert_eq!(event.loss as i64, -before, "inv_16: charged is the loss");
    assert_eq!(event.insurance + event.profits + event.balances, event.loss);
    assert_eq!((equity(world, debtor), event.uncovered), (0, 0));
    let after = header(world, debtor);
    assert_eq!((after.status, after.proven_deficit), (STATUS_ACTIVE, 0));
    let house: Clearinghouse = world.read(&world.house);
    assert_eq!(house.proven_insolvency, 0);
    // and none of it is charged to itself
    assert_eq!(house.interest.loss_ceil(&after), 0);
    assert_conserved(world);
    event
}

/// A debtor who owes ten thousand and has closed so much of a perpetual with forty thousand a coin of profit, or of loss.
fn closed(size: i64) -> Scene {
    let mut scene = Defaults {
        closed: size,
        ..Defaults::default()
    }
    .build();
    prove(&mut scene.world, &scene.debtors[0]).ok();
    scene
}

#[test]
fn inv_16_a_claim_of_a_perpetual_counts_against_the_loss() {
    let mut scene = closed(BASE / 10);
    let (world, debtor) = (&mut scene.world, scene.debtors[0]);
    let (_, records) = world.account(&debtor.account);
    let claim = (records.len(), records[0].quantity, records[0].cost);
    assert_eq!(claim, (1, 0, -4_000_000_000));
    let event = resolve(world, &debtor);
    assert_eq!(event.loss, 6 * THOUSAND);
    assert_eq!(header(world, &debtor).cash, -(4 * THOUSAND as i64));
    // dave pays, and the claim repays the debt to the unit
    let btc = world.btc;
    world.settle_perp_pnl(&scene.dave, &btc).ok();
    let outcome = world.settle_perp_pnl(&debtor, &btc).ok();
    let paid = outcome.events::<PerpPnlSettled>()[0].paid;
    assert_eq!(paid as u64, 4 * THOUSAND);
    let (after, records) = world.account(&debtor.account);
    assert_eq!((after.cash, records.len()), (0, 0));
    assert_conserved(world);
}

#[test]
fn inv_16_a_claim_of_an_expiry_counts_against_the_loss() {
    let mut scene = Defaults {
        later: BASE / 10,
        ..Defaults::default()
    }
    .build();
    let (world, debtor) = (&mut scene.world, scene.debtors[0]);
    let (btc, month) = (world.btc, world.month);
    // while it is open it is no bankruptcy, whatever it lacks
    let ix = world.resolve_bankruptcy_ix(&debtor.account);
    assert_refused(world, &ix, &[], MarginError::NotBankrupt);
    world.expire(&btc, month, dollars(140_000));
    assert_refused(world, &ix, &[], MarginError::NotBankrupt);
    // the loser has not paid, so the profit is a claim
    let settled = world.settle_expiry(&debtor, &btc, month).ok();
    assert_eq!(settled.events::<ExpirySettled>()[0].paid, 0);
    let event = resolve(world, &debtor);
    assert_eq!(event.loss, 6 * THOUSAND);
    world.settle_expiry(&scene.dave, &btc, month).ok();
    world.settle_expiry(&debtor, &btc, month).ok();
    let (after, records) = world.account(&debtor.account);
    assert_eq!((after.cash, records.len()), (0, 0));
    assert_conserved(world);
}

#[test]
fn a_claim_that_covers_the_debt_is_no_bankruptcy_and_a_unit_less_is_one_of_a_unit() {
    for short in [0, 1] {
        let mut scene = closed(BASE / 10);
        let (world, debtor) = (&mut scene.world, scene.debtors[0]);
        let usdc = world.usdc;
        let amount = 6 * THOUSAND - short;
        world.fund(&debtor.user, &usdc, amount);
        world.deposit(&debtor, &usdc, amount).ok();
        assert_eq!(equity(world, &debtor), -(short as i64));
        if short == 0 {
            let ix = world.resolve_bankruptcy_ix(&debtor.account);
            assert_refused(world, &ix, &[], MarginError::NotBankrupt);
        } else {
            assert_eq!(resolve(world, &debtor).loss, 1);
        }
    }
}

#[test]
fn what_a_closed_loss_is_still_to_pay_is_part_of_the_loss_and_then_paid() {
    let mut scene = closed(-BASE / 10);
    let (world, debtor) = (&mut scene.world, scene.debtors[0]);
    let btc = world.btc;
    let event = resolve(world, &debtor);
    assert_eq!(event.loss, 14 * THOUSAND);
    // its cash is there for the pool, and not to be taken out
    assert_eq!(header(world, &debtor).cash as u64, 4 * THOUSAND);
    let usdc = world.usdc;
    let take = world.withdraw_ix(&debtor, &usdc, 1);
    let error = MarginError::InitialMarginBreached;
    assert_refused(world, &take, &[debtor.user], error);
    world.settle_perp_pnl(&debtor, &btc).ok();
    world.settle_perp_pnl(&scene.dave, &btc).ok();
    let (after, records) = world.account(&debtor.account);
    assert_eq!((after.cash, records.len()), (0, 0));
    assert_conserved(world);
}

#[test]
fn inv_16_what_the_account_has_itself_bears_nothing_of_its_loss() {
    let mut scene = closed(-BASE / 10);
    let (world, debtor) = (&mut scene.world, scene.debtors[0]);
    let usdc = world.usdc;
    // two thousand of its own against four that it is still to pay
    world.fund(&debtor.user, &usdc, OWED + 2 * THOUSAND);
    world.deposit(&debtor, &usdc, OWED + 2 * THOUSAND).ok();
    let holders = [scene.alice, scene.carol, scene.dave];
    let total = |world: &World| -> i128 {
        let worth = holders.iter().map(|t| world.cash_value(&t.account));
        worth.sum()
    };
    let before = total(world);
    let event = resolve(world, &debtor);
    assert_eq!((event.loss, event.balances), (2 * THOUSAND, 2 * THOUSAND));
    assert_eq!(header(world, &debtor).cash as u64, 4 * THOUSAND);
    let bore = before - total(world);
    let exact = i128::from(2 * THOUSAND);
    assert!((exact..=exact + 6).contains(&bore), "inv_16: {bore}");
}

#[test]
fn interest_of_a_debt_behind_a_claim_is_the_next_loss() {
    let mut scene = Defaults {
        closed: BASE / 10,
        rules: HouseRulesArgs {
            debt_account_limit: 500_000 * USDC,
            ..support::debts()
        },
        ..Defaults::default()
    }
    .build();
    let (world, debtor) = (&mut scene.world, scene.debtors[0]);
    resolve(world, &debtor);
    let again = world.resolve_bankruptcy_ix(&debtor.account);
    assert_refused(world, &again, &[], MarginError::NotBankrupt);
    world.advance(30 * 86_400);
    let owed = -equity(world, &debtor);
    assert!(owed > 0);
    assert_eq!(resolve(world, &debtor).loss as i64, owed);
}
