//! Debts in the quote asset: who may run into one, what it costs, who receives that, and what stands behind it.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::InterestUpdated;
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use sandbox::{instructions, perpetual, Trader, World, WorldBuilder, BASE, DAY, SOL, USDC};
use support::{assert_logged, assert_refused, debts, rewrite};

/// Alice holds 1,000 SOL (205,310 USD) and nothing else, bob a million USDC.
fn borrower(rules: HouseRulesArgs) -> (World, Trader, Trader) {
    let mut world = WorldBuilder {
        rules,
        ..WorldBuilder::default()
    }
    .build();
    let alice = world.trader("alice", 0);
    let bob = world.trader("bob", 1_000_000 * USDC);
    let sol = world.sol_bank;
    world.fund(&alice.user, &sol, 1_000 * SOL);
    world.deposit(&alice, &sol, 1_000 * SOL).ok();
    (world, alice, bob)
}

/// Publishes everything again, so that checks accept it after time has passed.
fn pass(world: &mut World, seconds: i64) {
    world.advance(seconds);
    world.refresh_prices();
}

fn record(world: &World) -> portfolio_margin_interface::state::InterestRecord {
    world.read::<Clearinghouse>(&world.house).interest
}

#[test]
fn case_58_borrows_against_collateral_to_the_last_unit_of_initial_health() {
    let (mut world, alice, _) = borrower(debts());
    let bank = world.usdc;
    let free = world.report(&alice.account).margin.initial_health.raw() as u64;
    assert_eq!(free, 164_248 * USDC, "80 % of 205,310");
    let ix = world.withdraw_ix(&alice, &bank, free + 1);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::InitialMarginBreached,
    );
    assert_logged(&outcome, &["Left: -1", "Right: 0"]);
    world.withdraw(&alice, &bank, free).ok();
    assert_eq!(world.balance(&alice, &bank), -(free as i64));
    assert_eq!(record(&world).debts, free);
    assert_eq!(world.report(&alice.account).margin.initial_health.raw(), 0);
    assert!(world.reconcile().is_exact());
}

#[test]
fn refuses_debts_beyond_the_limit_of_an_account_and_of_all() {
    let rules = HouseRulesArgs {
        debt_account_limit: 10_000 * USDC,
        debt_limit: 15_000 * USDC,
        ..debts()
    };
    let (mut world, alice, bob) = borrower(rules);
    let (bank, sol) = (world.usdc, world.sol_bank);
    let ix = world.withdraw_ix(&alice, &bank, 10_000 * USDC + 1);
    let outcome = assert_refused(&mut world, &ix, &[alice.user], MarginError::DebtLimit);
    assert_logged(&outcome, &["Left: 10000000000", "Right: 10000000001"]);
    world.withdraw(&alice, &bank, 10_000 * USDC).ok();

    let carol = world.trader("carol", 20_000 * USDC);
    world.fund(&bob.user, &sol, 1_000 * SOL);
    world.deposit(&bob, &sol, 1_000 * SOL).ok();
    let ix = world.withdraw_ix(&bob, &bank, 1_005_000 * USDC + 1);
    let outcome = assert_refused(&mut world, &ix, &[bob.user], MarginError::DebtLimit);
    assert_logged(&outcome, &["Left: 15000000000", "Right: 15000000001"]);
    world.withdraw(&bob, &bank, 1_005_000 * USDC).ok();
    // carol lent what is not there until somebody repays, to the last unit
    assert_eq!(world.token_balance(&bank.vault), 5_000 * USDC);
    let ix = world.withdraw_ix(&carol, &bank, 5_000 * USDC + 1);
    let error = MarginError::BalanceInsufficient;
    let outcome = assert_refused(&mut world, &ix, &[carol.user], error);
    assert_logged(&outcome, &["Left: 5000000000", "Right: 5000000001"]);
    world.withdraw(&carol, &bank, 5_000 * USDC).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn without_a_limit_there_are_no_debts() {
    let (mut world, alice, _) = borrower(HouseRulesArgs::PLAIN);
    let ix = world.withdraw_ix(&alice, &world.usdc, 1);
    let error = MarginError::BalanceInsufficient;
    assert_refused(&mut world, &ix, &[alice.user], error);
}

#[test]
fn a_loan_leaves_the_insurance_fund_and_fees_in_the_vault() {
    let (mut world, alice, bob) = borrower(debts());
    let bank = world.usdc;
    world.withdraw(&bob, &bank, 999_000 * USDC).ok();
    world.fund(&bob.user, &bank, 500 * USDC);
    world.give_insurance(&bob.user, 500 * USDC).ok();
    // 1,500 in the vault, of which 500 are the fund's
    let ix = world.withdraw_ix(&alice, &bank, 1_000 * USDC + 1);
    let outcome = assert_refused(&mut world, &ix, &[alice.user], MarginError::DebtLimit);
    assert_logged(&outcome, &["Left: -1", "Right: 0"]);
    world.withdraw(&alice, &bank, 1_000 * USDC).ok();
    // who lent may have them: the fund's claim stays, its tokens come back with the debt
    world.withdraw(&bob, &bank, 500 * USDC).ok();
    let books = world.reconcile();
    assert!(books.is_exact(), "{books:?}");
    assert_eq!(books.ledger.insurance, 500_000_000);
}

#[test]
fn a_year_of_debt_pays_balances_and_the_house_and_nobody_else() {
    // GIVEN 100,000 of bob's million lent, a tenth of the interest for the house
    let (mut world, alice, bob) = borrower(debts());
    let bank = world.usdc;
    world.withdraw(&alice, &bank, 100_000 * USDC).ok();
    let rate = record(&world).state().utilisation_ceil();
    assert_eq!(rate, 100_000, "a tenth is lent");
    // WHEN a year passes THEN the debt has grown by 1.875 % continuously, and nobody had to do anything
    let before = world.cash_value(&bob.account);
    pass(&mut world, 365 * DAY);
    let owed = -world.cash_value(&alice.account);
    let earned = world.cash_value(&bob.account) - before;
    let exact = (100_000e6 * 0.018_75f64.exp()) as i128;
    assert!((owed - exact).abs() <= 1, "{owed} {exact}");
    // nine tenths of a year of 1.875 %, rounded down
    let short = 1_687_500_000 - earned;
    assert!((0..=5).contains(&short), "{short}");
    // and a check sees it
    let report = world.report(&alice.account).margin;
    assert_eq!(i128::from(report.cash.raw()), -owed);
    assert_eq!(world.view_margin(&alice.account).0.report(), report);

    // WHEN the debt is repaid, and bob takes all he has
    world.fund(&alice.user, &bank, owed as u64);
    world.deposit(&alice, &bank, owed as u64).ok();
    assert_eq!(world.balance(&alice, &bank), 0);
    assert_eq!(record(&world).debts, 0);
    let all = world.cash_value(&bob.account);
    world.withdraw(&bob, &bank, all as u64).ok();
    // THEN the rest is the house's
    let outcome = world.update_interest().ok();
    let [event]: [InterestUpdated; 1] = outcome.events().try_into().ok().expect("one event");
    let taken = event.insurance + event.fees;
    assert!((i128::from(taken) - 187_500_000).abs() < 20, "{taken}");
    let books = world.reconcile();
    assert!(books.is_exact(), "{books:?}");
    assert_eq!(books.ledger.cash, 0);
    assert!(
        (0..20_000_000).contains(&books.ledger.interest_pool),
        "{books:?}"
    );
    assert!(books.ledger.fees + books.ledger.insurance == taken.into());
}

#[test]
fn inv_04_touching_an_account_gains_nothing() {
    // GIVEN two equal lenders and a borrower WHEN one of them is touched every hour, and the other never
    let (mut world, alice, bob) = borrower(debts());
    let carol = world.trader("carol", 1_000_000 * USDC);
    let bank = world.usdc;
    world.withdraw(&alice, &bank, 160_000 * USDC).ok();
    world.fund(&bob.user, &bank, 10_000);
    for _ in 0..24 * 7 {
        pass(&mut world, 3_600);
        world.deposit(&bob, &bank, 1).ok();
    }
    // THEN what is booked earns on, which is all that he gains, and rounding costs him two units each time
    let [often, never] = [bob, carol].map(|trader| world.cash_value(&trader.account));
    let (ahead, earned) = (often - 168 - never, never - 1_000_000_000_000);
    assert!(earned > 20_000_000, "{earned}");
    assert!(
        ahead >= -336 && ahead <= earned * earned / 2_000_000_000_000,
        "{ahead}"
    );
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_65_no_crank_is_needed() {
    let run = |steps: i64| {
        let (mut world, alice, bob) = borrower(debts());
        let bank = world.usdc;
        world.withdraw(&alice, &bank, 160_000 * USDC).ok();
        for _ in 0..steps {
            pass(&mut world, 30 * DAY / steps);
            world.update_interest().ok();
        }
        let values = [alice, bob].map(|trader| world.cash_value(&trader.account));
        (values, record(&world).house_due)
    };
    let ([owed, earned], kept) = run(1);
    let ([owed_small, earned_small], kept_small) = run(100);
    // debts: up by less than 1e-12 of the debt a step, so 160,000 x 1e6 x 100 x 1e-12 = 16
    assert!(
        (0..=20).contains(&(owed - owed_small)),
        "{owed} {owed_small}"
    );
    assert_eq!(earned, earned_small);
    assert!((0..=100).contains(&(kept - kept_small)));
}

#[test]
fn the_quote_asset_moves_only_with_the_house_writable() {
    let (mut world, alice, bob) = borrower(debts());
    let (bank, house) = (world.usdc, world.house);
    world.fund(&bob.user, &bank, 5);
    let read_only = |mut ix: solana_instruction::Instruction| {
        let metas = ix.accounts.iter_mut().filter(|meta| meta.pubkey == house);
        metas.for_each(|meta| meta.is_writable = false);
        ix
    };
    let error = MarginError::ClearinghouseReadOnly;
    let ix = read_only(world.deposit_ix(&bob, &bank, 5));
    assert_refused(&mut world, &ix, &[bob.user], error);
    for (trader, amount) in [(bob, 5), (alice, 100 * USDC)] {
        let ix = read_only(world.withdraw_ix(&trader, &bank, amount));
        assert_refused(&mut world, &ix, &[trader.user], error);
    }
    // other collateral never needs it
    let sol = world.sol_bank;
    world.withdraw(&alice, &sol, 1).ok();
}

#[test]
fn inv_18_repays_in_any_state_of_prices_and_limits() {
    let (mut world, alice, _) = borrower(debts());
    let (bank, sol) = (world.usdc, world.sol_bank);
    world.withdraw(&alice, &bank, 150_000 * USDC).ok();
    // GIVEN no debts are allowed any more, and no price is left
    let house = world.house;
    rewrite::<Clearinghouse>(&mut world, &house, |house| {
        house.interest.account_limit = 0;
        house.interest.limit = 0;
    });
    world.advance(1_000_000);
    world.set_price_bytes(sol.price, alice.user.key, vec![]);
    // THEN repaying works, in parts
    for part in [1, 70_000 * USDC] {
        world.fund(&alice.user, &bank, part);
        world.deposit(&alice, &bank, part).ok();
    }
    assert!(world.balance(&alice, &bank) < -80_000_000_000);
    // who owes cannot leave without a price
    let ix = world.withdraw_ix(&alice, &sol, 1);
    assert_refused(&mut world, &ix, &[alice.user], MarginError::OracleOwner);
    // and who has repaid can
    let owed = -world.cash_value(&alice.account) as u64;
    world.fund(&alice.user, &bank, owed);
    world.deposit(&alice, &bank, owed).ok();
    world.withdraw(&alice, &sol, 1_000 * SOL).ok();
    assert!(world.reconcile().is_exact());
}

#[test]
fn a_debt_that_its_collateral_no_longer_covers_is_liquidated_with_it() {
    // GIVEN alice without positions, who owes 160,000 on 1,000 SOL
    let (mut world, alice, _) = borrower(debts());
    let (usdc, sol) = (world.usdc, world.sol_bank);
    world.withdraw(&alice, &usdc, 160_000 * USDC).ok();
    let keeper = world.trader("keeper", 500_000 * USDC);
    // WHEN SOL falls by 10 %: 85 % of 184,779 are 157,062
    let market = world.sol;
    world.set_price(&market, sandbox::SOL_START / 10 * 9);
    let witness = world.report(&alice.account).witness();
    world
        .start_liquidation(&keeper.user, &alice.account, &witness)
        .ok();
    // THEN a keeper buys a slice: a part of the coins, and the same part of the debt
    let half = 500_000_000;
    let bid = world.bid_ix(
        &keeper,
        &alice.account,
        portfolio_margin_interface::args::BidArgs {
            witness: witness.clone(),
            fraction: half,
            minimum: 0,
            price_limit: i64::MAX,
        },
    );
    let error = MarginError::ClearinghouseReadOnly;
    let mut read_only = bid.clone();
    let house = world.house;
    let metas = read_only.accounts.iter_mut().filter(|m| m.pubkey == house);
    metas.for_each(|meta| meta.is_writable = false);
    assert_refused(&mut world, &read_only, &[keeper.user], error);
    let before = world.account(&alice.account).0;
    world
        .send(&[instructions::writable(bid, &house)], &[keeper.user])
        .ok();
    let after = world.account(&alice.account).0;
    assert!(after.cash > before.cash, "owes less");
    assert!(after.collateral_of(sol.index) < before.collateral_of(sol.index));
    assert_eq!(
        u128::from(record(&world).debts),
        after.cash.unsigned_abs().into()
    );
    let books = world.reconcile();
    assert!(books.is_exact(), "{books:?}");
    assert!(world.report(&alice.account).margin.maintenance_health.raw() > -1_000_000_000);
}

#[test]
fn interest_alone_can_breach_maintenance() {
    // GIVEN the most that may be borrowed at a rate of 100 %
    let rules = HouseRulesArgs {
        rate_base: 1_000_000,
        rate_kink: 1_000_000,
        rate_full: 1_000_000,
        ..debts()
    };
    let (mut world, alice, bob) = borrower(rules);
    let usdc = world.usdc;
    let free = world.report(&alice.account).margin.initial_health.raw() as u64;
    world.withdraw(&alice, &usdc, free).ok();
    // WHEN it has grown from 80 % to 85 % of the coins: after ln(85/80) years
    let years = (85f64 / 80.0).ln();
    let seconds = (years * 365.0 * DAY as f64) as i64;
    pass(&mut world, seconds - 10);
    assert!(world.report(&alice.account).margin.maintenance_health.raw() >= 0);
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &[]);
    assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
    pass(&mut world, 20);
    assert!(world.report(&alice.account).margin.maintenance_health.raw() < 0);
    world.start_liquidation(&bob.user, &alice.account, &[]).ok();
}

#[test]
fn a_trade_needs_the_house_only_where_a_debt_changes() {
    // GIVEN a lender with interest pending
    let (mut world, alice, bob) = borrower(debts());
    let carol = world.trader("carol", 200_000 * USDC);
    let (usdc, btc) = (world.usdc, world.btc);
    world.withdraw(&alice, &usdc, 10_000 * USDC).ok();
    pass(&mut world, 3_600);
    // WHEN two balances trade THEN the house stays as it is
    let house = world.data(&world.house);
    let price = world.settings().btc_price;
    world
        .trade(&bob, &carol, &[perpetual(&btc, BASE, price)])
        .ok();
    assert_eq!(house, world.data(&world.house));
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_47_a_lender_of_one_unit_and_a_debt_of_one_unit() {
    let (mut world, alice, bob) = borrower(debts());
    let bank = world.usdc;
    world.withdraw(&bob, &bank, 1_000_000 * USDC - 1).ok();
    world.withdraw(&alice, &bank, 1).ok();
    pass(&mut world, 365 * DAY);
    assert_eq!(
        world.cash_value(&alice.account),
        -3,
        "e at full utilisation, up"
    );
    assert_eq!(world.cash_value(&bob.account), 1, "down");
    let header: MarginAccount = world.read(&alice.account);
    assert_eq!(header.cash, -1);
    world.fund(&alice.user, &bank, 3);
    world.deposit(&alice, &bank, 3).ok();
    world.withdraw(&bob, &bank, 1).ok();
    let books = world.reconcile();
    assert!(books.is_exact(), "{books:?}");
    assert_eq!(books.ledger.interest_pool, 2);
}
