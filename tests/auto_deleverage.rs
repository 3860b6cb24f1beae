//! `auto_deleverage`: whose risk is opposite takes a part of an insolvent book, at its mark, and is better off. Who is never asked is in
//! `auto_deleverage_refusals.rs`, random books in `auto_deleverage_books.rs`.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::AccountDeleveraged;
use portfolio_margin_interface::args::DeleverageArgs;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState, PositionRecord};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::tier::Tier;
use sandbox::{
    call, dollars, future, perpetual, Market, Trader, World, WorldBuilder, BASE, BTC_START, USDC,
};
use support::bankrupt::give_insurance;
use support::deleverage::{assert_better_off, insolvent_long, wait, with_legs, EVERYTHING};
use support::{assert_conserved, assert_refused, record, rewrite, start, write_book};

fn perp_pool(world: &World, market: &Market) -> u64 {
    world.read::<MarketState>(&market.key).perp_pool
}

fn sizes(world: &World, trader: &Trader) -> Vec<i64> {
    let (_, records) = world.account(&trader.account);
    records.iter().map(|record| record.quantity).collect()
}

#[test]
fn inv_17_a_naked_short_takes_a_whole_long_and_keeps_its_equity() {
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let btc = world.btc;
    let before = [&alice, &bob].map(|trader| world.report(&trader.account));
    let [owed, _] = before.each_ref().map(|report| report.margin.equity.raw());
    let (seller, buyer) = (
        world.account(&alice.account).0,
        world.account(&bob.account).0,
    );
    let carol = world.user("carol");
    let outcome = world
        .auto_deleverage(&carol, &alice.account, &bob.account, FRACTION_ONE)
        .ok();
    println!(
        "auto_deleverage of one perpetual: {} CU",
        outcome.compute_units
    );
    // bob is flat, his profit is still to be paid; alice owes what she lost beyond her cash, into the pool that pays it
    let after = world.report(&bob.account);
    assert_better_off(&before[1], &after);
    // the charge for what rounding can be wrong by, of a record without size
    assert!(after.margin.maintenance_margin().raw() < 10);
    assert_eq!(sizes(&world, &bob), [0]);
    let (left, positions) = world.account(&alice.account);
    assert!(positions.is_empty());
    assert_eq!(left.cash, owed);
    let loss = 36_661_500_000;
    assert_eq!(perp_pool(&world, &btc), loss);
    assert_eq!(left.proven_deficit, owed.unsigned_abs());
    assert_conserved(&world);
    let event = &outcome.events::<AccountDeleveraged>()[0];
    let (header, _) = world.account(&bob.account);
    assert_eq!(
        (event.liquidatee, event.counterparty),
        (alice.account, bob.account)
    );
    assert_eq!(
        (event.market, event.fraction, event.paid),
        (0, FRACTION_ONE, 0)
    );
    assert_eq!((event.realized, event.opposition), (loss, 999_999));
    assert_eq!(event.liquidatee_sequence, seller.sequence + 1);
    assert_eq!(event.counterparty_sequence, buyer.sequence + 1);
    assert_eq!(
        (left.sequence, header.sequence),
        (event.liquidatee_sequence, event.counterparty_sequence)
    );
    // bob gets his profit from the pool like any winner
    world.settle_perp_pnl(&bob, &btc).ok();
    assert_eq!(world.account(&bob.account).0.cash, buyer.cash + loss as i64);
    assert_conserved(&world);
}

#[test]
fn a_partly_hedged_counterparty_takes_what_it_is_short_and_no_more() {
    // GIVEN bob, short one BTC of perpetuals and long 0.6 of a future
    let (mut world, alice, bob) = insolvent_long(|world, _, bob| {
        let (btc, month) = (world.btc, world.month);
        let legs = [future(&btc, month, -BASE * 6 / 10, BTC_START)];
        with_legs(world, "dave", 200_000, bob, &legs);
    });
    let before = world.report(&bob.account);
    let found = world.candidate(7, [&alice.account, &bob.account], world.btc.index);
    assert!(found.is_eligible() && found.fraction < FRACTION_ONE / 2);
    // WHEN the whole is offered, THEN it takes what leaves its perpetual as large as its future
    let carol = world.user("carol");
    let outcome = world
        .auto_deleverage(&carol, &alice.account, &bob.account, u64::MAX)
        .ok();
    let event = &outcome.events::<AccountDeleveraged>()[0];
    assert_eq!(
        (event.fraction, event.opposition),
        (found.fraction, found.opposition.raw())
    );
    assert_better_off(&before, &world.report(&bob.account));
    let left = BASE - BASE * 6 / 10;
    let [perp, hedge] = sizes(&world, &bob)[..] else {
        panic!("two records")
    };
    assert_eq!(hedge, BASE * 6 / 10);
    // the forward lies above spot by its basis, so the future weighs a little more than its size
    assert!((perp + hedge).abs() < BASE / 100, "{perp} against {hedge}");
    let given = BASE - sizes(&world, &alice)[0];
    assert!((given - left).abs() < BASE / 100, "{given}");
    assert_conserved(&world);
    // AND a second time it has nothing opposite left to give relief from
    let again = world.candidate(7, [&alice.account, &bob.account], world.btc.index);
    assert!(again.fraction < FRACTION_ONE / 100, "{again:?}");
}

#[test]
fn inv_15_several_counterparties_in_one_slot_take_a_part_each() {
    let shorts = [("carol", 5), ("dave", 3), ("erin", 2)];
    let mut traders = vec![];
    let (mut world, alice, bob) = insolvent_long(|world, _, bob| {
        let btc = world.btc;
        for (name, tenths) in shorts {
            let legs = [perpetual(&btc, -BASE * tenths / 10, BTC_START)];
            traders.push(with_legs(world, name, 100_000, bob, &legs));
        }
    });
    // bob has passed everything on
    assert_eq!(sizes(&world, &bob), Vec::<i64>::new());
    let keeper = world.user("keeper");
    let mut left = BASE;
    for (trader, (_, tenths)) in traders.iter().zip(shorts) {
        let before = world.report(&trader.account);
        world
            .auto_deleverage(&keeper, &alice.account, &trader.account, FRACTION_ONE)
            .ok();
        assert_better_off(&before, &world.report(&trader.account));
        let rest = sizes(&world, &alice).first().copied().unwrap_or(0);
        // a part of what is left, rounded toward zero: at most a lot of 1e-6 stays with each
        assert!(
            (left - rest - BASE * tenths / 10).abs() <= 1,
            "{left} -> {rest}"
        );
        left = rest;
        assert_conserved(&world);
    }
    assert!(left <= 3, "{left}");
}

#[test]
fn winners_and_losers_are_asked_alike() {
    // GIVEN bob, who is short from 116,661.50, and frank, who went short at 80,000 and has lost since
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let btc = world.btc;
    let other = world.trader("other", 500_000 * USDC);
    let legs = [perpetual(&btc, -BASE, dollars(80_000))];
    let frank = with_legs(&mut world, "frank", 100_000, &other, &legs);
    world.set_price(&btc, dollars(82_000));
    let keeper = world.user("keeper");
    for trader in [&frank, &bob] {
        let before = world.report(&trader.account);
        let opposite = world.candidate(0, [&alice.account, &trader.account], world.btc.index);
        assert_eq!(opposite.opposition.raw(), 999_999);
        world
            .auto_deleverage(&keeper, &alice.account, &trader.account, FRACTION_ONE / 2)
            .ok();
        assert_better_off(&before, &world.report(&trader.account));
    }
    assert_eq!(sizes(&world, &frank), [-BASE / 2]);
    assert_eq!(sizes(&world, &bob), [-BASE * 3 / 4]);
    assert_conserved(&world);
}

#[test]
fn one_market_of_two_goes_to_who_is_opposite_there() {
    // GIVEN alice, long BTC and SOL; bob is short both, carol BTC alone
    let mut carol = None;
    let (mut world, alice, bob) = insolvent_long(|world, alice, bob| {
        let (sol, price) = (world.sol, world.settings().sol_price);
        world
            .trade(alice, bob, &[perpetual(&sol, 40 * BASE, price)])
            .ok();
        let legs = [perpetual(&world.btc, -BASE / 2, BTC_START)];
        carol = Some(with_legs(world, "carol", 100_000, bob, &legs));
    });
    let (btc, sol, keeper) = (world.btc, world.sol, world.user("keeper"));
    let carol = carol.expect("carol");
    let before = world.report(&carol.account);
    let of = |market: &Market| DeleverageArgs {
        fraction: FRACTION_ONE,
        market: Some(market.index),
    };
    let ix = world.auto_deleverage_ix(&keeper, &alice.account, &carol.account, of(&btc));
    let outcome = world.send(&[ix], &[keeper]).ok();
    assert_eq!(
        outcome.events::<AccountDeleveraged>()[0].market,
        btc.index + 1
    );
    assert_better_off(&before, &world.report(&carol.account));
    assert_eq!(sizes(&world, &alice), [BASE / 2, 40 * BASE]);
    // the rest of both goes to bob
    let before = world.report(&bob.account);
    world
        .auto_deleverage(&keeper, &alice.account, &bob.account, FRACTION_ONE)
        .ok();
    assert_better_off(&before, &world.report(&bob.account));
    let ix = world.auto_deleverage_ix(&keeper, &alice.account, &bob.account, of(&sol));
    let left = sizes(&world, &alice);
    if !left.is_empty() {
        world.send(&[ix], &[keeper]);
    }
    assert!(sizes(&world, &alice).iter().all(|size| *size <= BASE / 100));
    assert_conserved(&world);
}

/// Alice is short two calls that ran away from her; bob is long them, in `tier`.
fn insolvent_calls(tier: Tier) -> (World, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 60_000 * USDC);
    let user = world.user("bob");
    let bob = world.open_in_tier(&user, 0, 16, tier);
    let bank = world.usdc;
    world.fund(&user, &bank, 100_000 * USDC);
    world.deposit(&bob, &bank, 100_000 * USDC).ok();
    let (btc, month) = (world.btc, world.month);
    let legs = [call(
        &btc,
        month,
        dollars(120_000),
        -2 * BASE,
        dollars(4_000),
    )];
    world.trade(&alice, &bob, &legs).ok();
    world.set_price(&btc, dollars(170_000));
    start(&mut world, &bob, &alice);
    wait(&mut world, &alice);
    (world, alice, bob)
}

#[test]
fn options_go_at_their_mark_for_cash_in_either_tier() {
    for tier in [Tier::Portfolio, Tier::Standard] {
        let (mut world, alice, bob) = insolvent_calls(tier);
        let keeper = world.user("keeper");
        let (seller, buyer) = (world.report(&alice.account), world.report(&bob.account));
        let outcome = world.auto_deleverage(&keeper, &alice.account, &bob.account, FRACTION_ONE);
        let event = &outcome.ok().events::<AccountDeleveraged>()[0];
        let value = buyer.margin.mark.raw();
        assert_eq!(event.paid, value);
        assert_better_off(&buyer, &world.report(&bob.account));
        assert_eq!(sizes(&world, &bob), Vec::<i64>::new());
        let (left, positions) = world.account(&alice.account);
        assert!(positions.is_empty());
        assert_eq!(left.cash, seller.margin.cash.raw() - value);
        // marks are floored per market: a unit at most between the two
        assert!((left.cash - seller.margin.equity.raw()).abs() <= 1);
        assert_conserved(&world);
    }
}

#[test]
fn a_losing_future_takes_its_cost_along_and_its_loss_in_cash() {
    let mut world = World::new();
    let alice = world.trader("alice", 30_000 * USDC);
    let bob = world.trader("bob", 200_000 * USDC);
    let (btc, month) = (world.btc, world.month);
    let legs = [future(&btc, month, BASE, BTC_START)];
    world.trade(&alice, &bob, &legs).ok();
    world.set_price(&btc, dollars(80_000));
    start(&mut world, &bob, &alice);
    wait(&mut world, &alice);
    let keeper = world.user("keeper");
    let (seller, buyer) = (world.report(&alice.account), world.report(&bob.account));
    let outcome = world
        .auto_deleverage(&keeper, &alice.account, &bob.account, FRACTION_ONE)
        .ok();
    let event = &outcome.events::<AccountDeleveraged>()[0];
    assert!(event.paid > 30_000_000_000 && event.realized == 0);
    assert_better_off(&buyer, &world.report(&bob.account));
    // nothing waits for the expiry: neither has a record left
    for trader in [&alice, &bob] {
        assert!(world.account(&trader.account).1.is_empty());
    }
    let (left, _) = world.account(&alice.account);
    assert_eq!(left.cash, seller.margin.cash.raw() - event.paid);
    assert!((left.cash - seller.margin.equity.raw()).abs() <= 1);
    assert_conserved(&world);
}

#[test]
fn a_profit_in_another_market_stays_a_claim_on_who_lost_there() {
    // GIVEN alice, insolvent by BTC, with a profit in SOL that nobody has paid
    let (mut world, alice, bob) = insolvent_long(|world, alice, bob| {
        let (sol, price) = (world.sol, world.settings().sol_price);
        world
            .trade(alice, bob, &[perpetual(&sol, -10 * BASE, price)])
            .ok();
        world.set_price(&sol, price * 9 / 10);
    });
    let (sol, keeper) = (world.sol, world.user("keeper"));
    let args = DeleverageArgs {
        fraction: FRACTION_ONE,
        market: Some(sol.index),
    };
    let before = world.report(&bob.account);
    let cash = world.account(&alice.account).0.cash;
    let ix = world.auto_deleverage_ix(&keeper, &alice.account, &bob.account, args);
    let event = &world
        .send(&[ix], &[keeper])
        .ok()
        .events::<AccountDeleveraged>()[0];
    assert_eq!((event.paid, event.realized), (0, 0));
    assert_better_off(&before, &world.report(&bob.account));
    let (header, records) = world.account(&alice.account);
    assert_eq!((header.cash, records[1].quantity), (cash, 0));
    assert!(records[1].cost < 0 && perp_pool(&world, &sol) == 0);
    // bob pays his loss, alice is paid out of it
    world.settle_perp_pnl(&bob, &sol).ok();
    world.settle_perp_pnl(&alice, &sol).ok();
    assert_eq!(world.account(&alice.account).1.len(), 1);
    assert_conserved(&world);
}

#[test]
fn case_75_inv_16_what_is_left_is_resolved_and_winners_share_it_first() {
    // GIVEN a fund that covers a part of what alice lacks
    let (mut world, alice, bob) = insolvent_long(|_, _, _| ());
    let (btc, house, keeper) = (world.btc, world.house, world.user("keeper"));
    let lacks = 6_661_500_000;
    give_insurance(&mut world, 1_000 * USDC);
    let ix = world.withdraw_ix(&bob, &world.usdc, 1);
    assert_refused(&mut world, &ix, &[bob.user], MarginError::WithdrawalsPaused);
    // WHEN bob takes all of it and the rest is resolved, in one transaction
    let part = world.auto_deleverage_ix(&keeper, &alice.account, &bob.account, EVERYTHING);
    let positions = world.account(&alice.account).1;
    world.send(&[part], &[keeper]).ok();
    assert_eq!(
        (positions.len(), world.account(&alice.account).1.len()),
        (1, 0)
    );
    world.resolve_bankruptcy(&alice.account).ok();
    // THEN the fund paid first, then the pool of the market, whose winner is bob
    let (header, _) = world.account(&alice.account);
    let state: Clearinghouse = world.read(&house);
    assert_eq!(
        (header.status, header.cash, header.insolvent_at),
        (STATUS_ACTIVE, 0, 0)
    );
    assert_eq!(
        (
            header.proven_deficit,
            state.proven_insolvency,
            state.insurance
        ),
        (0, 0, 0)
    );
    let market: MarketState = world.read(&btc.key);
    let rest = lacks - 1_000 * USDC;
    assert_eq!(
        (market.perp_loss, market.perp_pool),
        (rest, 36_661_500_000 - rest)
    );
    assert_conserved(&world);
    // bob's profit is what was paid for it, and his equity was never touched by the deleverage
    let before = world.account(&bob.account).0.cash;
    world.settle_own_perp_pnl(&bob, &btc).ok();
    let paid = world.account(&bob.account).0.cash - before;
    assert_eq!(paid as u64, 36_661_500_000 - rest);
    let usdc = world.usdc;
    world.withdraw(&bob, &usdc, 1).ok();
    assert_conserved(&world);
}

#[test]
fn an_owner_who_hedged_a_bankrupt_account_with_another_is_asked_like_anybody() {
    let mut other = None;
    let (mut world, alice, _) = insolvent_long(|world, alice, bob| {
        let second = world.open_sub_account(&alice.user, 1, 16);
        let bank = world.usdc;
        world.fund(&alice.user, &bank, 50_000 * USDC);
        world.deposit(&second, &bank, 50_000 * USDC).ok();
        let legs = [perpetual(&world.btc, -BASE, BTC_START)];
        world.trade(&second, bob, &legs).ok();
        other = Some(second);
    });
    let other = other.expect("her other account");
    let before = world.report(&other.account);
    world
        .auto_deleverage(&alice.user, &alice.account, &other.account, FRACTION_ONE)
        .ok();
    assert_better_off(&before, &world.report(&other.account));
    assert_conserved(&world);
}

#[test]
fn the_widest_accounts_fit_one_transaction_and_the_default_heap() {
    // GIVEN two accounts as large as may be, of options in two markets and four expiries, each the other's mirror
    let mut world = WorldBuilder::whole(0).build();
    let [alice, bob] = ["alice", "bob"].map(|name| {
        let user = world.user(name);
        world.open(&user, 128)
    });
    let mut records = vec![];
    for (market, spot, step, size) in [
        (world.btc, 116_000, 1_000, BASE / 10),
        (world.sol, 200, 2, 40 * BASE),
    ] {
        records.push(record(&market, (0, 0, 0), size, size / 100 * 25));
        for expiry in [world.week, world.month] {
            records.push(record(&market, (1, expiry, 0), size, size / 100 * 25));
            for n in 0..9u64 {
                let strike = dollars(spot + n * step);
                records.push(record(&market, (2, expiry, strike), size / 10, 0));
            }
        }
    }
    records.sort_by_key(PositionRecord::key);
    let mirrored: Vec<PositionRecord> = records
        .iter()
        .map(|held| PositionRecord {
            quantity: -held.quantity,
            cost: -held.cost,
            ..*held
        })
        .collect();
    let house = world.house;
    rewrite::<Clearinghouse>(&mut world, &house, |house| house.interest.debts = 1 << 50);
    let now = world.now();
    write_book(
        &mut world,
        &alice,
        |header| {
            (header.status, header.insolvent_at) = (STATUS_LIQUIDATING, now - 3_600);
            header.cash = -1_000_000_000_000;
        },
        &mirrored,
    );
    write_book(&mut world, &bob, |header| header.cash = 1 << 50, &records);
    let keeper = world.user("keeper");
    for fraction in [FRACTION_ONE / 3, FRACTION_ONE] {
        let before = world.report(&bob.account);
        let outcome = world
            .auto_deleverage(&keeper, &alice.account, &bob.account, fraction)
            .ok();
        let units = outcome.compute_units;
        println!("{} records, part {fraction}: {units} CU", records.len());
        assert!(units < 1_400_000);
        assert_better_off(&before, &world.report(&bob.account));
    }
}
