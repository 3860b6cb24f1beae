//! `settle_expiry`: losers pay into the expiry's pool, winners receive from it, in any order, to the unit.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::ExpirySettled;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState};
use risk_core::tier::Tier;
use sandbox::{
    call, dollars, future, perpetual, put, settlement, Trader, World, WorldBuilder, BASE, SOL, USDC,
};
use solana_instruction::Instruction;
use support::{
    assert_conserved, assert_logged, assert_refused, record, rewrite, write_book, Random, Refusal,
};

const MILLION: i64 = 1_000_000_000_000;

/// BTC at 100,000 dollars, and traders with a million each.
pub fn world<const N: usize>() -> (World, [Trader; N]) {
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        ..WorldBuilder::default()
    }
    .build();
    let traders = core::array::from_fn(|n| world.trader(&format!("trader {n}"), 1_000_000 * USDC));
    (world, traders)
}

#[track_caller]
pub fn trade(world: &mut World, taker: &Trader, maker: &Trader, legs: &[TradeLeg]) {
    world.trade(taker, maker, legs).ok();
}

fn cash(world: &World, trader: &Trader) -> i64 {
    world.account(&trader.account).0.cash
}

pub fn market(world: &World) -> MarketState {
    world.read(&world.btc.key)
}

pub fn settle_ix(world: &World, trader: &Trader) -> Instruction {
    settlement::settle_expiry(&trader.account, &world.btc, world.week)
}

#[track_caller]
fn settle(world: &mut World, trader: &Trader) -> ExpirySettled {
    let (btc, week) = (world.btc, world.week);
    let outcome = world.settle_expiry(trader, &btc, week).ok();
    assert_conserved(world);
    outcome.events().remove(0)
}

#[track_caller]
pub fn refuse(world: &mut World, ix: &Instruction, error: impl Into<Refusal>, logged: &[&str]) {
    let outcome = assert_refused(world, ix, &[], error);
    assert_logged(&outcome, logged);
}

/// One coin of each kind from bob (0) to alice (1) at no premium worth naming: future at 100,000, call and put at 100,000.
pub fn each_kind(world: &World) -> [TradeLeg; 3] {
    let (btc, week, at) = (world.btc, world.week, dollars(100_000));
    [
        future(&btc, week, BASE, at),
        call(&btc, week, at, BASE, dollars(1_000)),
        put(&btc, week, at, BASE, dollars(2_000)),
    ]
}

#[test]
fn losers_pay_the_pool_and_winners_receive_from_it() {
    for (price, value) in [(108_000, 16_000), (100_000, 0), (91_000, 0)] {
        let (mut world, [alice, bob]) = world::<2>();
        let (btc, week) = (world.btc, world.week);
        let legs = each_kind(&world);
        trade(&mut world, &alice, &bob, &legs);
        trade(
            &mut world,
            &alice,
            &bob,
            &[perpetual(&btc, BASE / 10, dollars(100_000))],
        );
        world.expire(&btc, week, dollars(price));
        let value = value * USDC as i64; // above: future and call; below: what the future loses the put gains
        let sequences = [&alice, &bob].map(|t| world.account(&t.account).0.sequence);
        let first = settle(&mut world, &bob);
        assert_eq!((first.value, first.paid), (-value, -value));
        assert_eq!(market(&world).expiries[0].settlement.pool, value as u64);
        let second = settle(&mut world, &alice);
        assert_eq!((second.value, second.paid), (value, value));
        assert_eq!([second.sequence, first.sequence], sequences.map(|s| s + 1));
        assert_eq!(second.market_sequence, market(&world).sequence);
        let premium = 3_000 * USDC as i64;
        assert_eq!(cash(&world, &alice), MILLION - premium + value);
        assert_eq!(cash(&world, &bob), MILLION + premium - value);
        // the perpetual stays, the expiry is gone
        for trader in [&alice, &bob] {
            let (_, positions) = world.account(&trader.account);
            assert_eq!(positions.len(), 1);
            assert_eq!((positions[0].expiry, positions[0].instrument), (0, 0));
            let ix = settle_ix(&world, trader);
            refuse(&mut world, &ix, MarginError::NothingToSettle, &[]);
        }
        let slot = market(&world).expiries[0];
        assert_eq!((slot.settlement.records, slot.settlement.open), (0, 0));
    }
}

#[test]
fn settling_changes_nobodys_equity() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, week) = (world.btc, world.week);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    world.expire(&btc, week, dollars(108_000));
    // alice first: nothing is in the pool, and what she has is a claim
    for trader in [alice, bob, alice] {
        let before = world.report(&trader.account).margin;
        settle(&mut world, &trader);
        let after = world.report(&trader.account).margin;
        assert_eq!(after.equity, before.equity);
        let (view, _) = world.view_margin(&trader.account);
        assert_eq!(view.report(), after);
    }
}

#[test]
fn a_winner_who_comes_first_keeps_a_claim_that_later_losses_pay() {
    let (mut world, [alice, bob, carol]) = world::<3>();
    let (btc, week) = (world.btc, world.week);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    trade(&mut world, &alice, &carol, &legs[..1]);
    world.expire(&btc, week, dollars(110_000));
    let value = 30_000 * USDC as i64;
    let event = settle(&mut world, &alice);
    assert_eq!((event.value, event.paid), (value, 0));
    let (header, positions) = world.account(&alice.account);
    assert_eq!(positions, [record(&btc, (1, week, 0), 0, -value)]);
    assert_eq!(market(&world).expiries[0].settlement.records, 1 + 3 + 1);
    // a claim that nobody can pay anything of is left as it is
    let ix = settle_ix(&world, &alice);
    refuse(&mut world, &ix, MarginError::NothingToSettle, &["Right: 0"]);
    // it is margin, not cash
    let withdraw = world.withdraw_ix(&alice, &world.usdc, header.cash as u64 + 1);
    assert_refused(
        &mut world,
        &withdraw,
        &[alice.user],
        MarginError::BalanceInsufficient,
    );
    // ten of thirty thousand, then the rest
    settle(&mut world, &carol);
    let event = settle(&mut world, &alice);
    assert_eq!((event.value, event.paid), (value, value / 3));
    let (_, positions) = world.account(&alice.account);
    assert_eq!((positions.len(), positions[0].cost), (1, -value / 3 * 2));
    settle(&mut world, &bob);
    let event = settle(&mut world, &alice);
    assert_eq!((event.value, event.paid), (value / 3 * 2, value / 3 * 2));
    assert_eq!(world.account(&alice.account).1.len(), 0);
    assert_eq!(cash(&world, &alice), header.cash + value);
}

#[test]
fn inv_03_every_order_ends_with_the_same_cash() {
    let orders = [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
        [1, 3, 0, 2],
        [2, 0, 3, 1],
        [0, 2, 1, 3],
    ];
    let mut ends = vec![];
    for order in orders {
        let (mut world, traders) = world::<4>();
        let (btc, week) = (world.btc, world.week);
        let mut random = Random::new(3);
        for _ in 0..25 {
            let (taker, maker) = (random.pick(&traders), random.pick(&traders));
            if taker == maker {
                continue;
            }
            // sizes and prices that divide by nothing: every value is rounded
            let size = random.range(-BASE, BASE) | 1;
            let strike = dollars(95_000) + random.bits() % 5 * 1_234_567_891;
            let price = dollars(1_000) + random.bits() % dollars(100);
            let leg = match random.range(0, 3) {
                0 => future(&btc, week, size, dollars(99_000) + price),
                1 => call(&btc, week, strike, size, price),
                _ => put(&btc, week, strike, size, price),
            };
            trade(&mut world, &taker, &maker, &[leg]);
        }
        world.expire(&btc, week, 9_876_543_210_987);
        for place in order.into_iter().chain(order) {
            let ix = settle_ix(&world, &traders[place]);
            world.send(&[ix], &[]);
            assert_conserved(&world);
        }
        let state = market(&world);
        let settlement = state.expiries[0].settlement;
        assert_eq!(
            (settlement.records, settlement.open, settlement.pool),
            (0, 0, 0)
        );
        // what rounding left went to the fees of the market: more than nothing, at most a unit a record
        assert!(state.fees > 0 && state.fees <= 40, "{}", state.fees);
        ends.push((traders.map(|trader| cash(&world, &trader)), state.fees));
    }
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
}

#[test]
fn case_66_settling_twice_does_nothing_and_before_it_margin_uses_the_settlement_price() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, week) = (world.btc, world.week);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    world.expire(&btc, week, dollars(110_000));
    // the spot runs away; the expiry does not
    world.set_price(&btc, dollars(300_000));
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(view.mark, 20_000 * USDC as i64);
    for leg in &legs {
        let ix = world.trade_ix(&alice, &bob, std::slice::from_ref(leg));
        assert_refused(
            &mut world,
            &ix,
            &[alice.user, bob.user],
            MarginError::Expired,
        );
    }
    settle(&mut world, &bob);
    let ix = settle_ix(&world, &bob);
    refuse(&mut world, &ix, MarginError::NothingToSettle, &[]);
    settle(&mut world, &alice);
    let ix = settle_ix(&world, &alice);
    refuse(&mut world, &ix, MarginError::NothingToSettle, &[]);
}

#[test]
fn a_loser_without_cash_owes_it_and_nobody_waits_for_that() {
    let (mut world, [alice]) = world::<1>();
    let (btc, week, bank) = (world.btc, world.week, world.sol_bank);
    let bob = world.trader("bob", 0);
    world.fund(&bob.user, &bank, 2_000 * SOL);
    world.deposit(&bob, &bank, 2_000 * SOL).ok();
    trade(
        &mut world,
        &alice,
        &bob,
        &[future(&btc, week, BASE, dollars(100_000))],
    );
    world.expire(&btc, week, dollars(110_000));
    world.refresh_prices();
    // no debts are allowed in this house; a loss is owed all the same, where the house is written
    let ix = settle_ix(&world, &bob);
    let mut read_only = ix.clone();
    read_only.accounts[0].is_writable = false;
    refuse(
        &mut world,
        &read_only,
        MarginError::ClearinghouseReadOnly,
        &[],
    );
    let before = world.report(&bob.account).margin;
    let event = settle(&mut world, &bob);
    assert_eq!(event.paid, -10_000 * USDC as i64);
    assert_eq!(cash(&world, &bob), -10_000 * USDC as i64);
    let house: Clearinghouse = world.read(&world.house);
    assert_eq!(house.interest.debts, 10_000 * USDC);
    assert_eq!(world.report(&bob.account).margin.equity, before.equity);
    // the winner has real dollars
    settle(&mut world, &alice);
    let usdc = world.usdc;
    world.withdraw(&alice, &usdc, 1_000_000 * USDC).ok();
    assert_eq!(cash(&world, &alice), 10_000 * USDC as i64);
    assert_conserved(&world);
    // without a debt on either side the house may be read-only
    let mut ix = settle_ix(&world, &alice);
    ix.accounts[0].is_writable = false;
    refuse(&mut world, &ix, MarginError::NothingToSettle, &[]);
}

#[test]
fn without_debts_the_house_is_read_only() {
    let (mut world, traders) = world::<2>();
    let (btc, week) = (world.btc, world.week);
    let legs = each_kind(&world);
    trade(&mut world, &traders[0], &traders[1], &legs);
    world.expire(&btc, week, dollars(120_000));
    for trader in &traders {
        let mut ix = settle_ix(&world, trader);
        ix.accounts[0].is_writable = false;
        world.send(&[ix], &[]).ok();
    }
    assert_conserved(&world);
}

#[test]
fn case_68_any_status_and_any_tier_settles() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, week) = (world.btc, world.week);
    let user = world.user("standard");
    let carol = world.open_in_tier(&user, 0, 16, Tier::Standard);
    let usdc = world.usdc;
    world.fund(&user, &usdc, 1_000_000 * USDC);
    world.deposit(&carol, &usdc, 1_000_000 * USDC).ok();
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    trade(&mut world, &carol, &bob, &legs[1..]);
    world.expire(&btc, week, dollars(110_000));
    for trader in [&alice, &bob] {
        rewrite(
            &mut world,
            &trader.account,
            |header: &mut portfolio_margin_interface::state::MarginAccount| {
                header.status = STATUS_LIQUIDATING;
                header.liquidation_started_at = 1;
                header.reserved_cash = 500_000 * USDC as i64;
            },
        );
    }
    for trader in [carol, bob, alice, carol] {
        settle(&mut world, &trader);
    }
    assert_eq!(world.account(&alice.account).0.status, STATUS_LIQUIDATING);
}

#[test]
fn only_the_named_expiry_of_the_named_market_is_settled() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, sol, week, month) = (world.btc, world.sol, world.week, world.month);
    let one = |market, expiry, price| future(market, expiry, BASE, dollars(price));
    let legs = [
        one(&btc, week, 100_000),
        one(&btc, month, 100_000),
        one(&sol, week, 200),
        call(&btc, month, dollars(100_000), BASE, dollars(5_000)),
    ];
    trade(&mut world, &alice, &bob, &legs);
    world.expire(&btc, week, dollars(110_000));
    settle(&mut world, &bob);
    settle(&mut world, &alice);
    let keys = |world: &World| -> Vec<_> {
        let (_, positions) = world.account(&alice.account);
        positions.iter().map(|held| held.key()).collect()
    };
    let rest = [
        (btc.index, month, 0, 1),
        (btc.index, month, dollars(100_000), 2),
        (sol.index, week, 0, 1),
    ];
    assert_eq!(keys(&world), rest);
    // the bytes behind the last record are zero
    let data = world.data(&alice.account);
    let end = portfolio_margin_interface::state::MarginAccount::space(3);
    assert!(data[end..].iter().all(|byte| *byte == 0));
    world.expire(&sol, week, dollars(1));
    world.settle_expiry(&bob, &sol, week).ok();
    world.settle_expiry(&alice, &sol, week).ok();
    assert_eq!(keys(&world), rest[..2]);
    assert_conserved(&world);
}

#[test]
fn case_56_a_donation_changes_no_settlement() {
    let (mut world, [alice, bob]) = world::<2>();
    let (btc, week, usdc) = (world.btc, world.week, world.usdc);
    let legs = each_kind(&world);
    trade(&mut world, &alice, &bob, &legs);
    world.expire(&btc, week, dollars(110_000));
    world.mint_to(&usdc.mint, &usdc.vault, 1_000_000 * USDC);
    let event = settle(&mut world, &alice);
    assert_eq!(event.paid, 0);
    settle(&mut world, &bob);
    settle(&mut world, &alice);
}

#[test]
fn a_full_account_settles_in_one_transaction() {
    let mut world = World::new();
    let (btc, week) = (world.btc, world.week);
    let user = world.user("full");
    let alice = world.open(&user, 128);
    // 127 strikes, calls and puts, before the records of a later expiry
    let strikes = (0..64u64).flat_map(|n| [(2, n), (3, n)]).take(127);
    let mut records: Vec<_> = strikes
        .map(|(kind, n)| {
            record(
                &btc,
                (kind, week, dollars(80_000 + 500 * n)),
                7 - n as i64,
                0,
            )
        })
        .collect();
    records.push(record(&btc, (1, world.month, 0), BASE, 5));
    write_book(&mut world, &alice, |_| (), &records);
    rewrite(&mut world, &btc.key, |market: &mut MarketState| {
        market.expiries[0].settlement.records = 127;
        let longs = records[..127]
            .iter()
            .map(|held| held.quantity.max(0) as u64);
        market.expiries[0].settlement.open = longs.sum();
    });
    world.expire(&btc, week, dollars(100_000));
    let outcome = world.settle_expiry(&alice, &btc, week).ok();
    let units = outcome.compute_units_of("settle_expiry").unwrap();
    println!("127 records: {units} CU");
    assert!(units < 400_000, "{units}");
    let (_, positions) = world.account(&alice.account);
    assert_eq!(positions, records[127..]);
}
