//! `settle_perp_pnl`: a perpetual's profit becomes cash when, and as far as, losers have paid.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::PerpPnlSettled;
use portfolio_margin_interface::args::{HouseRulesArgs, MarketRulesArgs};
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState};
use risk_core::tier::Tier;
use sandbox::{
    dollars, future, instructions, perpetual, settlement, Trader, User, World, WorldBuilder, BASE,
    SOL, USDC,
};
use solana_instruction::Instruction;
use support::{assert_conserved, assert_logged, assert_refused, Random, Refusal};

const MILLION: i64 = 1_000_000_000_000;

/// BTC at 100,000 dollars, debts up to these limits of an account and in sum, traders with a million each.
pub fn world<const N: usize>(limits: (u64, u64)) -> (World, [Trader; N]) {
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        rules: HouseRulesArgs {
            debt_account_limit: limits.0,
            debt_limit: limits.1,
            rate_base: 10_000,
            rate_kink: 50_000,
            rate_full: 500_000,
            kink: 800_000,
            ..HouseRulesArgs::PLAIN
        },
        market_rules: MarketRulesArgs {
            funding_cap: 10_000_000,
            funding_depth: BASE as u64,
            ..MarketRulesArgs::plain(User::named("surface authority").key)
        },
        ..WorldBuilder::default()
    }
    .build();
    let traders = core::array::from_fn(|n| world.trader(&format!("trader {n}"), 1_000_000 * USDC));
    (world, traders)
}

/// Alice long a coin from bob at 100,000.
pub fn pair(limits: (u64, u64)) -> (World, Trader, Trader) {
    let (mut world, [alice, bob]) = world::<2>(limits);
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_000))])
        .ok();
    (world, alice, bob)
}

fn cash(world: &World, trader: &Trader) -> i64 {
    world.account(&trader.account).0.cash
}

fn pool(world: &World) -> u64 {
    world.read::<MarketState>(&world.btc.key).perp_pool
}

pub fn ix(world: &World, trader: &Trader) -> Instruction {
    settlement::settle_perp_pnl(&trader.account, &world.btc)
}

/// Settles; insists that no equity or requirement moved by a unit (but for the cushion for the engine's own rounding, which is
/// measured on gross amounts and so on the cost: 2^-30 of it), and that every unit is somewhere.
#[track_caller]
pub fn settle(world: &mut World, trader: &Trader) -> PerpPnlSettled {
    let btc = world.btc;
    let before = world.report(&trader.account).margin;
    let outcome = world.settle_perp_pnl(trader, &btc).ok();
    let event: PerpPnlSettled = outcome.events().remove(0);
    let after = world.report(&trader.account).margin;
    let (view, _) = world.view_margin(&trader.account);
    assert_eq!(view.report(), after);
    assert_eq!((after.equity, after.scan), (before.equity, before.scan));
    let cushion = 1 + (event.paid.abs() >> 30);
    for (before, after) in [
        (before.initial_health, after.initial_health),
        (before.maintenance_health, after.maintenance_health),
    ] {
        let moved = after.raw() - before.raw();
        assert!(moved.abs() <= cushion, "health moved by {moved}");
    }
    assert_conserved(world);
    event
}

#[track_caller]
pub fn refuse(world: &mut World, ix: &Instruction, error: impl Into<Refusal>, logged: &[&str]) {
    let outcome = assert_refused(world, ix, &[], error);
    assert_logged(&outcome, logged);
}

#[test]
fn a_loser_pays_the_pool_and_a_winner_receives_from_it() {
    let (mut world, alice, bob) = pair((0, 0));
    let btc = world.btc;
    world.set_price(&btc, dollars(107_000));
    let gain = 7_000 * USDC as i64;
    let sequence = world.account(&bob.account).0.sequence;
    let event = settle(&mut world, &bob);
    assert_eq!(
        (event.pnl, event.paid, event.price),
        (-gain, -gain, dollars(107_000))
    );
    assert_eq!((event.margin_account, event.market), (bob.account, btc.key));
    let market: MarketState = world.read(&btc.key);
    assert_eq!(
        (event.sequence, event.market_sequence),
        (sequence + 1, market.sequence)
    );
    assert_eq!(
        (cash(&world, &bob), pool(&world)),
        (MILLION - gain, gain as u64)
    );
    let event = settle(&mut world, &alice);
    assert_eq!((event.pnl, event.paid), (gain, gain));
    assert_eq!((cash(&world, &alice), pool(&world)), (MILLION + gain, 0));
    // the positions stand, entered at today's price
    let (_, positions) = world.account(&alice.account);
    assert_eq!(
        (positions[0].quantity, positions[0].cost),
        (BASE, 107_000_000_000)
    );
    for trader in [&alice, &bob] {
        let again = ix(&world, trader);
        refuse(&mut world, &again, MarginError::NothingToSettle, &[]);
    }
}

#[test]
fn case_64_profit_that_nobody_paid_is_not_withdrawn() {
    let (mut world, alice, bob) = pair((0, 0));
    let (btc, usdc) = (world.btc, world.usdc);
    world.set_price(&btc, dollars(110_000));
    let gain = 10_000 * USDC;
    // closed with a profit: all of it is claim, none of it cash, and there is nothing to take it from
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE, dollars(110_000))])
        .ok();
    let claim = ix(&world, &alice);
    refuse(
        &mut world,
        &claim,
        MarginError::NothingToSettle,
        &["Right: 0"],
    );
    let withdraw = world.withdraw_ix(&alice, &usdc, 1_000_000 * USDC + 1);
    assert_refused(
        &mut world,
        &withdraw,
        &[alice.user],
        MarginError::BalanceInsufficient,
    );
    // what was paid in can be taken out, to the unit
    settle(&mut world, &bob);
    assert_eq!(world.account(&bob.account).1.len(), 0);
    settle(&mut world, &alice);
    assert_eq!(world.account(&alice.account).1.len(), 0);
    let withdraw = world.withdraw_ix(&alice, &usdc, 1_000_000 * USDC + gain + 1);
    assert_refused(
        &mut world,
        &withdraw,
        &[alice.user],
        MarginError::BalanceInsufficient,
    );
    world.withdraw(&alice, &usdc, 1_000_000 * USDC + gain).ok();
    assert_conserved(&world);
}

#[test]
fn case_64_what_may_be_borrowed_against_unpaid_profit_is_the_limit_of_debts() {
    let most = 5_000 * USDC;
    let (mut world, alice, bob) = pair((most, 2 * most));
    let (btc, usdc) = (world.btc, world.usdc);
    world.set_price(&btc, dollars(190_000));
    // ninety thousand dollars of profit that bob has not paid: closed, so that margin is no matter
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE, dollars(190_000))])
        .ok();
    let writable = |ix| instructions::writable(ix, &world.house);
    let withdraw = writable(world.withdraw_ix(&alice, &usdc, 1_000_000 * USDC + most + 1));
    assert_refused(&mut world, &withdraw, &[alice.user], MarginError::DebtLimit);
    let house = world.house;
    let withdraw = world.withdraw_ix(&alice, &usdc, 1_000_000 * USDC + most);
    world
        .send(&[instructions::writable(withdraw, &house)], &[alice.user])
        .ok();
    assert_eq!(cash(&world, &alice), -(most as i64));
    // what bob pays repays it first
    settle(&mut world, &bob);
    settle(&mut world, &alice);
    assert_eq!(cash(&world, &alice), (90_000 * USDC - most) as i64);
    let state: Clearinghouse = world.read(&house);
    assert_eq!(state.interest.debts, 0);
}

#[test]
fn a_thin_pool_pays_winners_in_part_and_who_comes_first() {
    let (mut world, [alice, bob, carol, dave]) = world::<4>((0, 0));
    let btc = world.btc;
    let at = |quantity, price| [perpetual(&btc, quantity, dollars(price))];
    world.trade(&alice, &bob, &at(BASE, 100_000)).ok();
    world.trade(&carol, &dave, &at(BASE, 100_000)).ok();
    world.set_price(&btc, dollars(104_000));
    settle(&mut world, &bob);
    let gain = 4_000 * USDC as i64;
    let event = settle(&mut world, &alice);
    assert_eq!((event.pnl, event.paid), (gain, gain));
    let late = ix(&world, &carol);
    refuse(
        &mut world,
        &late,
        MarginError::NothingToSettle,
        &["Left: 4000000000", "Right: 0"],
    );
    // at half the gain dave pays two thousand, and carol has them
    world.set_price(&btc, dollars(102_000));
    settle(&mut world, &dave);
    let event = settle(&mut world, &carol);
    assert_eq!((event.pnl, event.paid), (gain / 2, gain / 2));
    // who took four thousand at the top pays two of them back
    let event = settle(&mut world, &alice);
    assert_eq!(event.paid, -gain / 2);
    settle(&mut world, &bob);
    assert_eq!(pool(&world), 0);
    let sum: i64 = [alice, bob, carol, dave]
        .iter()
        .map(|trader| cash(&world, trader))
        .sum();
    assert_eq!(sum, 4 * MILLION);
}

#[test]
fn inv_03_what_is_realised_and_what_is_not_sum_to_no_more_than_was_paid_in() {
    let (mut world, traders) = world::<4>((100_000 * USDC, 1_000_000 * USDC));
    let btc = world.btc;
    let mut random = Random::new(64);
    for _ in 0..60 {
        let (taker, maker) = (random.pick(&traders), random.pick(&traders));
        if taker != maker {
            let leg = perpetual(
                &btc,
                random.range(-BASE, BASE) | 1,
                world.spot(&btc.price).raw(),
            );
            world.trade(&taker, &maker, &[leg]).ok();
        }
        world.advance(random.range(1, 5_000));
        let price = dollars(95_000) + random.bits() % dollars(10_000);
        world.refresh();
        world.set_price(&btc, price);
        let settlement = ix(&world, &random.pick(&traders));
        world.send(&[settlement], &[]);
        assert_conserved(&world);
        let equity = |trader: &Trader| world.report(&trader.account).margin.equity.raw();
        let sum: i64 = traders.iter().map(equity).sum();
        assert!(
            (4 * MILLION - 16..=4 * MILLION + 4).contains(&sum),
            "inv_03: {}",
            sum - 4 * MILLION
        );
    }
    // all closed and settled twice round: claims are paid to the last unit
    for trader in &traders[1..] {
        let (_, positions) = world.account(&trader.account);
        let leg = perpetual(&btc, -positions[0].quantity, world.spot(&btc.price).raw());
        if leg.quantity != 0 {
            world.trade(trader, &traders[0], &[leg]).ok();
        }
    }
    for trader in traders.iter().chain(&traders) {
        let settlement = ix(&world, trader);
        world.send(&[settlement], &[]);
        assert_conserved(&world);
    }
    let left: usize = traders
        .iter()
        .map(|t| world.account(&t.account).1.len())
        .sum();
    let market: MarketState = world.read(&btc.key);
    assert_eq!((left, market.perp_open, market.perp_pool), (0, 0, 0));
    let sum: i64 = traders.iter().map(|trader| cash(&world, trader)).sum();
    assert_eq!(sum, 4 * MILLION);
}

/// Bob, short a coin, with SOL as his only collateral, while BTC rises by 10,000; alice is long.
fn poor_loser(limits: (u64, u64)) -> (World, Trader, Trader) {
    let (mut world, [alice]) = world::<1>(limits);
    let (btc, bank) = (world.btc, world.sol_bank);
    let bob = world.trader("bob", 0);
    world.fund(&bob.user, &bank, 2_000 * SOL);
    world.deposit(&bob, &bank, 2_000 * SOL).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_000))])
        .ok();
    world.set_price(&btc, dollars(110_000));
    (world, alice, bob)
}

#[test]
fn a_loser_pays_with_what_it_may_borrow_and_no_more() {
    let all = 10_000 * USDC;
    for (limits, paid) in [
        ((all, all), all),
        ((all, all - 1), all - 1),
        ((all - 1, all), all - 1),
        ((1, all), 1),
        ((all + 1, all + 1), all),
    ] {
        let limits = (limits.0.min(limits.1), limits.1);
        let (mut world, alice, bob) = poor_loser(limits);
        let mut read_only = ix(&world, &bob);
        read_only.accounts[0].is_writable = false;
        refuse(
            &mut world,
            &read_only,
            MarginError::ClearinghouseReadOnly,
            &[],
        );
        let event = settle(&mut world, &bob);
        assert_eq!((event.pnl, event.paid), (-(all as i64), -(paid as i64)));
        assert_eq!(cash(&world, &bob), -(paid as i64));
        let house: Clearinghouse = world.read(&world.house);
        assert_eq!(house.interest.debts, paid);
        let event = settle(&mut world, &alice);
        assert_eq!(event.paid, paid as i64);
        if paid < all {
            let again = ix(&world, &bob);
            refuse(&mut world, &again, MarginError::NothingToSettle, &[]);
        }
    }
    // without debts it pays what it has: nothing
    let (mut world, _, bob) = poor_loser((0, 0));
    let none = ix(&world, &bob);
    refuse(&mut world, &none, MarginError::NothingToSettle, &[]);
    let usdc = world.usdc;
    world.fund(&bob.user, &usdc, 77);
    world.deposit(&bob, &usdc, 77).ok();
    assert_eq!(settle(&mut world, &bob).paid, -77);
    assert_eq!(cash(&world, &bob), 0);
}

#[test]
fn funding_is_part_of_it() {
    let (mut world, [alice, bob]) = world::<2>((0, 0));
    let btc = world.btc;
    // 240 dollars a day on the coin, ten an hour; entered 240 above spot
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_240))])
        .ok();
    world.advance(7_200);
    world.refresh();
    let event = settle(&mut world, &alice);
    assert_eq!(event.paid, -250 * USDC as i64);
    let event = settle(&mut world, &bob);
    assert_eq!(event.paid, 250 * USDC as i64);
    assert_eq!(cash(&world, &bob), MILLION + 250 * USDC as i64);
}

#[test]
fn a_winner_in_the_standard_tier_receives_too() {
    let (mut world, [bob]) = world::<1>((0, 0));
    let (btc, usdc) = (world.btc, world.usdc);
    let user = world.user("standard");
    let alice = world.open_in_tier(&user, 0, 16, Tier::Standard);
    world.fund(&user, &usdc, 1_000_000 * USDC);
    world.deposit(&alice, &usdc, 1_000_000 * USDC).ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_000))])
        .ok();
    world.set_price(&btc, dollars(103_000));
    settle(&mut world, &bob);
    assert_eq!(settle(&mut world, &alice).paid, 3_000 * USDC as i64);
}

#[test]
fn dated_futures_stay_unrealised_until_they_settle() {
    let (mut world, [alice, bob]) = world::<2>((0, 0));
    let (btc, week) = (world.btc, world.week);
    world
        .trade(&alice, &bob, &[future(&btc, week, BASE, dollars(100_000))])
        .ok();
    world.set_price(&btc, dollars(120_000));
    for trader in [&alice, &bob] {
        let none = ix(&world, trader);
        refuse(
            &mut world,
            &none,
            MarginError::NothingToSettle,
            &["no perpetual of market 0"],
        );
    }
}
