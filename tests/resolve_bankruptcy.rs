//! `resolve_bankruptcy`: who bears a loss, in which order, to the unit.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::BankruptcyResolved;
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState, MAX_MARKETS};
use risk_core::scenario::MAJOR_GRID;
use sandbox::bankruptcy::resolve_bankruptcy;
use sandbox::{Outcome, Trader, World, BASE, DAY, USDC};
use support::{
    assert_conserved, assert_refused, debts, give_insurance, prove, Defaults, Scene, OWED,
};

fn house(world: &World) -> Clearinghouse {
    world.read(&world.house)
}

fn btc(world: &World) -> MarketState {
    world.read(&world.btc.key)
}

fn cash(world: &World, trader: &Trader) -> i64 {
    world.account(&trader.account).0.cash
}

/// What a trader's quote balance is worth with interest and losses.
fn worth(world: &World, trader: &Trader) -> i64 {
    world.cash_value(&trader.account) as i64
}

fn event(outcome: &Outcome) -> BankruptcyResolved {
    outcome.events().remove(0)
}

/// Insurance, profits, balances, uncovered; their sum is checked against the loss and what the account still owes.
#[track_caller]
fn parts(world: &World, outcome: &Outcome, debtor: &Trader) -> [u64; 4] {
    let event = event(outcome);
    let sum = event.insurance + event.profits + event.balances;
    assert_eq!(event.loss, sum, "inv_16: charged is the loss");
    assert_eq!(cash(world, debtor), -(event.uncovered as i64));
    assert_eq!(event.margin_account, debtor.account);
    let (header, _) = world.account(&debtor.account);
    assert_eq!(event.sequence, header.sequence);
    [
        event.insurance,
        event.profits,
        event.balances,
        event.uncovered,
    ]
}

#[test]
fn inv_16_insurance_up_to_the_markets_cap_then_profits_then_balances() {
    let Scene {
        mut world,
        debtors,
        carol,
        ..
    } = Defaults {
        insurance: 5_000 * USDC,
        cap: 2_000 * USDC,
        profits: BASE / 10, // four thousand of profit
        ..Defaults::default()
    }
    .build();
    let market = world.btc;
    assert_eq!(world.account(&debtors[0].account).0.loss_market, 1);
    let before = worth(&world, &carol);
    let outcome = world.resolve_bankruptcy(&debtors[0].account).ok();
    let thousand = 1_000 * USDC;
    assert_eq!(
        parts(&world, &outcome, &debtors[0]),
        [2 * thousand, 4 * thousand, 4 * thousand, 0]
    );
    assert_eq!(house(&world).insurance, 3 * thousand);
    assert_eq!(house(&world).socialised, 4 * thousand);
    let state = btc(&world);
    assert_eq!((state.insurance_used, state.perp_pool), (2 * thousand, 0));
    assert_eq!(state.perp_loss, 4 * thousand);
    assert_conserved(&world);
    assert!(world.reconcile().is_exact());
    // balances of 3,036,000 dollars bear 4,000: carol's million bears its part, rounded against it
    let charge = before - worth(&world, &carol);
    let exact = 1_000_000 * 4_000 * 1_000_000 / 3_036_000;
    assert!(
        (exact..=exact + 2).contains(&charge),
        "{charge}, not {exact}"
    );
    // and her profit of 4,000 is forgiven whole: its losses are all of it
    let settled = world.settle_own_perp_pnl(&carol, &market);
    settled.refused(MarginError::NothingToSettle); // while losers may still pay
}

#[test]
fn inv_16_each_source_pays_all_it_has_before_the_next_is_asked() {
    let dollars = |n: u64| n * USDC;
    // insurance, cap, profits; what each pays of ten thousand
    let cases: [(u64, u64, i64, [u64; 4]); 9] = [
        (OWED, u64::MAX, BASE, [OWED, 0, 0, 0]),
        (OWED - 1, u64::MAX, BASE, [OWED - 1, 1, 0, 0]),
        (OWED + 1, OWED, BASE, [OWED, 0, 0, 0]),
        (OWED + 1, OWED - 1, BASE, [OWED - 1, 1, 0, 0]),
        (OWED, 0, BASE / 4, [0, OWED, 0, 0]),
        (0, u64::MAX, BASE / 4, [0, OWED, 0, 0]),
        (
            0,
            u64::MAX,
            BASE / 8,
            [0, dollars(5_000), dollars(5_000), 0],
        ),
        (0, u64::MAX, 0, [0, 0, OWED, 0]),
        (1, u64::MAX, 0, [1, 0, OWED - 1, 0]),
    ];
    for (insurance, cap, profits, expected) in cases {
        let Scene {
            mut world, debtors, ..
        } = Defaults {
            insurance,
            cap,
            profits,
            ..Defaults::default()
        }
        .build();
        let outcome = world.resolve_bankruptcy(&debtors[0].account).ok();
        let found = parts(&world, &outcome, &debtors[0]);
        assert_eq!(found, expected, "{insurance} {cap} {profits}");
        assert_conserved(&world);
    }
}

#[test]
fn case_75_insurance_empty_the_total_conserved_and_a_second_bankruptcy_in_the_same_slot() {
    let Scene {
        mut world,
        debtors,
        alice,
        carol,
        dave,
    } = Defaults {
        insurance: 2_500 * USDC,
        debtors: 3,
        ..Defaults::default()
    }
    .build();
    let holders = [alice, carol, dave];
    let total = |world: &World| holders.iter().map(|t| worth(world, t)).sum::<i64>();
    let (before, slot) = (total(&world), world.slot());
    // the first two in one transaction, the third in the same slot
    let both = [
        world.resolve_bankruptcy_ix(&debtors[0].account),
        world.resolve_bankruptcy_ix(&debtors[1].account),
    ];
    let outcome = world.send(&both, &[]).ok();
    let events: Vec<BankruptcyResolved> = outcome.events();
    let shares: Vec<_> = events.iter().map(|e| (e.insurance, e.balances)).collect();
    assert_eq!(
        shares,
        [(2_500 * USDC, 7_500 * USDC), (0, 10_000 * USDC)],
        "inv_16"
    );
    assert_conserved(&world);
    let third = world.resolve_bankruptcy(&debtors[2].account).ok();
    assert_eq!(event(&third).balances, OWED);
    assert_eq!(world.slot(), slot);
    assert_conserved(&world);
    assert!(world.reconcile().is_exact());
    let bore = before - total(&world);
    let loss = 27_500 * USDC as i64;
    assert!((loss..=loss + 9).contains(&bore), "inv_16: {bore}");
    assert_eq!(house(&world).socialised, loss as u64);
    for debtor in &debtors {
        assert_eq!(cash(&world, debtor), 0);
        // nothing is left to resolve
        let again = world.resolve_bankruptcy_ix(&debtor.account);
        assert_refused(&mut world, &again, &[], MarginError::NotBankrupt);
    }
    // who was charged can leave with what is left, to the unit, and the pool keeps the rounding
    for holder in holders {
        let usdc = world.usdc;
        let left = worth(&world, &holder) as u64;
        let more = world.withdraw_ix(&holder, &usdc, left + 1);
        let error = MarginError::BalanceInsufficient;
        assert_refused(&mut world, &more, &[holder.user], error);
        world.withdraw(&holder, &usdc, left).ok();
        assert_eq!(cash(&world, &holder), 0);
        assert_conserved(&world);
    }
    let interest = house(&world).interest;
    assert!((0..=9).contains(&interest.pool), "{}", interest.pool);
    assert!(interest.loss_due <= 9, "{}", interest.loss_due);
}

#[test]
fn inv_16_a_proof_is_given_back_with_the_last_of_the_loss() {
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        insurance: 4_000 * USDC,
        debtors: 2,
        ..Defaults::default()
    }
    .build();
    for debtor in &debtors {
        prove(&mut world, debtor).ok();
    }
    assert_eq!(house(&world).proven_insolvency, 2 * OWED);
    assert_conserved(&world);
    // without markets: the fund alone, and the rest stays proven
    let [first, second] = [debtors[0], debtors[1]];
    let header = world.account(&first.account).0;
    let named = world.btc.key;
    let alone = resolve_bankruptcy(&world.house, &first.account, Some(named), vec![]);
    let outcome = world.send(std::slice::from_ref(&alone), &[]).ok();
    assert_eq!(
        parts(&world, &outcome, &first),
        [4_000 * USDC, 0, 0, 6_000 * USDC]
    );
    let now = world.account(&first.account).0;
    assert_eq!(now.status, STATUS_LIQUIDATING);
    assert_eq!(
        (now.proven_deficit, now.insolvent_at),
        (6_000 * USDC, header.insolvent_at)
    );
    assert_eq!(house(&world).proven_insolvency, OWED + 6_000 * USDC);
    assert_conserved(&world);
    assert_refused(&mut world, &alone, &[], MarginError::LossUncovered);
    // with them balances bear the rest, and every mark of the liquidation is gone
    for debtor in [first, second] {
        world.resolve_bankruptcy(&debtor.account).ok();
        let after = world.account(&debtor.account).0;
        assert_eq!(
            (after.status, after.liquidation_started_at),
            (STATUS_ACTIVE, 0)
        );
        assert_eq!((after.proven_deficit, after.insolvent_at), (0, 0));
        assert_eq!((after.loss_market, after.reserved_cash), (0, 0));
        assert_eq!(after.cash, 0);
        assert_conserved(&world);
    }
    assert_eq!(house(&world).proven_insolvency, 0);
    // the account is as good as new
    let usdc = world.usdc;
    world.fund(&first.user, &usdc, 100);
    world.deposit(&first, &usdc, 100).ok();
    assert_eq!(worth(&world, &first), 100);
    world.withdraw(&first, &usdc, 100).ok();
}

#[test]
fn a_loss_beyond_all_balances_leaves_a_rest_that_keeps_quote_tokens_where_they_are() {
    let Scene {
        mut world,
        debtors,
        alice,
        carol,
        dave,
    } = Defaults {
        debtors: 2,
        ..Defaults::default()
    }
    .build();
    let usdc = world.usdc;
    // all but 15,000 dollars leave before anything is proven
    for (trader, keep) in [(alice, 15_000 * USDC), (carol, 0), (dave, 0)] {
        let leaves = cash(&world, &trader) as u64 - keep;
        let leaves = world.withdraw_ix(&trader, &usdc, leaves);
        let outcome = world.send(&[leaves], &[trader.user]);
        // tokens that debtors took are not there: the last of them cannot leave
        if outcome.error.is_some() {
            let there = world.token_balance(&usdc.vault);
            world.withdraw(&trader, &usdc, there).ok();
        }
    }
    let balances: i64 = [alice, carol, dave].iter().map(|t| cash(&world, t)).sum();
    assert_eq!(
        balances as u64,
        2 * OWED,
        "what is left stands for the debts"
    );
    for debtor in &debtors {
        prove(&mut world, debtor).ok();
    }
    let first = world.resolve_bankruptcy(&debtors[0].account).ok();
    assert_eq!(event(&first).balances, OWED);
    // of the second ten thousand a little stays: the index keeps a millionth of what it began with
    let second = world.resolve_bankruptcy(&debtors[1].account).ok();
    let [_, _, bore, uncovered] = parts(&world, &second, &debtors[1]);
    assert_eq!(bore + uncovered, OWED);
    assert!((20_000..=20_002).contains(&uncovered), "{uncovered}");
    assert_conserved(&world);
    let (header, _) = world.account(&debtors[1].account);
    assert_eq!(header.proven_deficit, uncovered);
    assert_eq!(header.status, STATUS_LIQUIDATING);
    let leave = world.withdraw_ix(&alice, &usdc, 1);
    assert_refused(
        &mut world,
        &leave,
        &[alice.user],
        MarginError::WithdrawalsPaused,
    );
    let again = world.resolve_bankruptcy_ix(&debtors[1].account);
    assert_refused(&mut world, &again, &[], MarginError::LossUncovered);
    // whatever comes to the fund pays it
    give_insurance(&mut world, uncovered);
    let last = world.resolve_bankruptcy(&debtors[1].account).ok();
    assert_eq!(parts(&world, &last, &debtors[1]), [uncovered, 0, 0, 0]);
    assert_eq!(house(&world).proven_insolvency, 0);
    assert_conserved(&world);
}

#[test]
fn the_loss_is_with_the_interest_of_the_debt_to_the_unit() {
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        rules: HouseRulesArgs {
            debt_account_limit: 500_000 * USDC,
            ..debts()
        },
        ..Defaults::default()
    }
    .build();
    world.advance(30 * DAY);
    let owed = -worth(&world, &debtors[0]) as u64;
    assert!(owed > OWED + USDC, "{owed}");
    let outcome = world.resolve_bankruptcy(&debtors[0].account).ok();
    assert_eq!(parts(&world, &outcome, &debtors[0]), [0, 0, owed, 0]);
    assert_eq!(house(&world).interest.debts, 0);
    assert_conserved(&world);
}

#[test]
fn case_73_a_deposit_of_one_unit_in_front_makes_the_loss_one_less() {
    let Scene {
        mut world, debtors, ..
    } = Defaults::default().build();
    let (debtor, usdc) = (debtors[0], world.usdc);
    let resolve = world.resolve_bankruptcy_ix(&debtor.account);
    world.fund(&debtor.user, &usdc, 1);
    world.deposit(&debtor, &usdc, 1).ok();
    let outcome = world.send(&[resolve], &[]).ok();
    assert_eq!(parts(&world, &outcome, &debtor), [0, 0, OWED - 1, 0]);
    assert_conserved(&world);
}

#[test]
fn case_72_dust_of_collateral_makes_it_no_bankruptcy_until_it_is_gone() {
    let Scene {
        mut world, debtors, ..
    } = Defaults::default().build();
    let (debtor, bank) = (debtors[0], world.sol_bank);
    world.fund(&debtor.user, &bank, 1);
    world.deposit(&debtor, &bank, 1).ok();
    let resolve = world.resolve_bankruptcy_ix(&debtor.account);
    assert_refused(&mut world, &resolve, &[], MarginError::NotBankrupt);
    // a millionth of a dollar covers nothing: it cannot be taken out either
    let take = world.withdraw_ix(&debtor, &bank, 1);
    let error = MarginError::InitialMarginBreached;
    assert_refused(&mut world, &take, &[debtor.user], error);
}

#[test]
fn what_winners_of_an_expiry_have_not_claimed_is_nobodys_balance() {
    // alice is settled only after the loss: her forty thousand lie in the pool of the expiry
    let mut scene = Defaults {
        debtors: 0,
        ..Defaults::default()
    }
    .build();
    let world = &mut scene.world;
    let (market, month) = (world.btc, world.month);
    let bob = world.trader("bob", 30_000 * USDC);
    let price = world.spot(&market.price).raw();
    world.refresh();
    let leg = sandbox::future(&market, month, BASE / 10, price);
    world.trade(&scene.alice, &bob, &[leg]).ok();
    world.expire(&market, month, price + 4 * price);
    world.settle_expiry(&bob, &market, month).ok();
    let owed = -cash(world, &bob);
    assert!(owed > 0);
    let unclaimed = world.settlement(&market, month).pool;
    assert!(unclaimed > owed as u64);
    let before = house(world).interest.balances_with(unclaimed);
    assert_eq!(before, Some(3_000_000 * USDC));
    let outcome = world.resolve_bankruptcy(&bob.account).ok();
    assert_eq!(parts(world, &outcome, &bob), [0, 0, owed as u64, 0]);
    assert_conserved(world);
    // her claim is paid whole, and bears nothing of a loss before it
    let (had, due) = (worth(world, &scene.alice), unclaimed as i64);
    world.settle_expiry(&scene.alice, &market, month).ok();
    assert_eq!(worth(world, &scene.alice), had + due);
    assert_conserved(world);
}

#[test]
fn the_loss_of_no_market_has_no_cap() {
    // sol collateral that falls below a debt: nothing but a balance below zero, and no market that it counts in
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        insurance: 4_000 * USDC,
        cap: 0,
        ..Defaults::default()
    }
    .build();
    let debtor = debtors[0];
    support::write_book(&mut world, &debtor, |header| header.loss_market = 0, &[]);
    let outcome = world.resolve_bankruptcy(&debtor.account).ok();
    assert_eq!(
        parts(&world, &outcome, &debtor),
        [4_000 * USDC, 0, 6_000 * USDC, 0]
    );
    assert_eq!(btc(&world).insurance_used, 0);
    assert_conserved(&world);
}

#[test]
fn a_cap_counts_over_every_loss_of_the_market_and_refills_by_nothing() {
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        insurance: 100_000 * USDC,
        cap: 15_000 * USDC,
        debtors: 3,
        ..Defaults::default()
    }
    .build();
    let mut paid = vec![];
    for debtor in &debtors {
        let outcome = world.resolve_bankruptcy(&debtor.account).ok();
        paid.push(event(&outcome).insurance / USDC);
        assert_conserved(&world);
    }
    assert_eq!(paid, [10_000, 5_000, 0]);
    assert_eq!(btc(&world).insurance_used, 15_000 * USDC);
    assert_eq!(house(&world).insurance, 85_000 * USDC);
}

#[test]
fn inv_15_a_house_with_all_its_markets_resolves_in_one_transaction() {
    let Scene {
        mut world, debtors, ..
    } = Defaults {
        insurance: 1_000 * USDC,
        profits: BASE / 10,
        ..Defaults::default()
    }
    .build();
    let house = world.house;
    for _ in 2..MAX_MARKETS {
        let args = world.market_args("ANY", [9; 32], &MAJOR_GRID);
        world.list_market(house, args);
    }
    let ix = world.resolve_bankruptcy_ix(&debtors[0].account);
    assert_eq!(ix.accounts.len(), 3 + usize::from(MAX_MARKETS));
    // one packet that names its accounts by a lookup table, the default heap
    let outcome = world.send_tabled(&[ix], &[], 400_000).ok();
    println!("{} CU, {} bytes", outcome.compute_units, outcome.bytes);
    assert!(outcome.compute_units < 100_000, "{}", outcome.compute_units);
    assert_eq!(
        parts(&world, &outcome, &debtors[0]),
        [1_000 * USDC, 4_000 * USDC, 5_000 * USDC, 0]
    );
    assert_conserved(&world);
}

#[test]
fn inv_18_a_bankrupt_account_may_repay_and_live() {
    let Scene {
        mut world, debtors, ..
    } = Defaults::default().build();
    let (debtor, usdc) = (debtors[0], world.usdc);
    prove(&mut world, &debtor).ok();
    world.fund(&debtor.user, &usdc, OWED + 5);
    world.deposit(&debtor, &usdc, OWED + 5).ok();
    let resolve = world.resolve_bankruptcy_ix(&debtor.account);
    assert_refused(&mut world, &resolve, &[], MarginError::NotBankrupt);
    // the proof stands until it is taken back, and then nothing is paused
    assert_eq!(house(&world).proven_insolvency, OWED);
    prove(&mut world, &debtor).ok();
    assert_eq!(house(&world).proven_insolvency, 0);
    world.stop_liquidation(&debtor.user, &debtor.account).ok();
    world.withdraw(&debtor, &usdc, 5).ok();
    assert_conserved(&world);
}
