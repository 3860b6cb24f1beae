//! `report_outage`: when a market's stored price stands in for its dead feed, for what, and how anybody answers.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{OutageEnded, OutageReported};
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::Market as MarketRecord;
use sandbox::{dollars, instructions, perpetual, Market, PriceFields, Trader, World};
use sandbox::{BASE, BTC_START, SOL, SOL_START, START, USDC};
use support::{assert_logged, assert_refused, foreign_house, mixed_book, other_program_copy, Bend};

fn record(world: &World, market: &Market) -> MarketRecord {
    world.read(&market.key)
}

/// A market whose stored price is as old as a report needs.
fn silent() -> (World, Market) {
    let mut world = World::new();
    let sol = world.sol;
    world.update_market(&sol).ok();
    world.advance(600);
    (world, sol)
}

/// Alice is long BTC and SOL with SOL collateral, bob the other way round; SOL's feed dies and stays dead, the outage is in force.
pub fn dead_sol() -> (World, Trader, Trader, Trader) {
    let mut world = World::new();
    let alice = world.trader("alice", 40_000 * USDC);
    let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 400_000 * USDC));
    let (btc, sol, bank) = (world.btc, world.sol, world.sol_bank);
    world.fund(&alice.user, &bank, 10 * SOL);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        perpetual(&sol, 10 * BASE, SOL_START),
    ];
    world.trade(&alice, &bob, &legs).ok();
    world.update_market(&sol).ok();
    world.advance(600);
    world.send(&[instructions::report_outage(&sol)], &[]).ok();
    world.advance(3_600);
    world.set_price(&btc, BTC_START);
    (world, alice, bob, keeper)
}

#[test]
fn is_refused_a_second_too_early_twice_and_without_a_stored_price() {
    let mut world = World::new();
    let (btc, sol) = (world.btc, world.sol);
    world.update_market(&sol).ok();
    world.advance(599);
    let ix = instructions::report_outage(&sol);
    let refused = MarginError::OutageRefused;
    let outcome = assert_refused(&mut world, &ix, &[], refused);
    assert_logged(&outcome, &["Left: 599", "Right: 600"]);
    world.advance(1);
    let before = record(&world, &sol);
    let outcome = world.send(std::slice::from_ref(&ix), &[]).ok();
    let after = record(&world, &sol);
    assert_eq!(
        (after.outage_at, after.sequence),
        (START + 600, before.sequence + 1)
    );
    let event = &outcome.events::<OutageReported>()[0];
    assert_eq!(
        (event.market, event.spot, event.publish_time),
        (sol.key, SOL_START, START)
    );
    assert_eq!(
        (event.outage_at, event.sequence),
        (START + 600, after.sequence)
    );
    // a second report would begin the wait anew
    world.advance(10);
    assert_refused(&mut world, &ix, &[], refused);
    // nothing was ever stored
    let ix = instructions::report_outage(&btc);
    assert_refused(&mut world, &ix, &[], refused);
}

#[test]
fn refuses_accounts_that_are_no_market() {
    let (mut world, sol) = silent();
    let ix = instructions::report_outage(&sol);
    let copy = other_program_copy(&mut world, &sol.key);
    let copied = ix.clone().replace(sol.key, copy);
    let error = ErrorCode::AccountOwnedByWrongProgram;
    assert_refused(&mut world, &copied, &[], error);
    let cosplay = ix.replace(sol.key, world.house);
    let error = ErrorCode::AccountDiscriminatorMismatch;
    assert_refused(&mut world, &cosplay, &[], error);
}

#[test]
fn stands_in_after_an_hour_and_not_a_second_before() {
    let (mut world, alice, bob, _) = dead_sol();
    let sol = world.sol;
    // both reduce
    let legs = [perpetual(&sol, -BASE, SOL_START)];
    world.advance(-1);
    let ix = world
        .trade_ix(&alice, &bob, &legs)
        .replace(sol.price, sol.key);
    let error = MarginError::OutageMissing;
    let outcome = assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
    assert_logged(&outcome, &["Left: 3599", "Right: 3600"]);
    world.advance(1);
    world.send(&[ix], &[alice.user, bob.user]).ok();
}

#[test]
fn case_36_case_61_an_account_with_a_dead_feed_reduces_and_is_liquidated_at_the_last_stored_price()
{
    let (mut world, alice, bob, keeper) = dead_sol();
    let (btc, sol, usdc) = (world.btc, world.sol, world.usdc);
    let stale = MarginError::OracleStale;
    let with = |ix: solana_instruction::Instruction| ix.replace(sol.price, sol.key);
    // openings, withdrawals and views of what could be opened know it as stale
    let ix = with(world.withdraw_ix(&alice, &usdc, 1));
    let outcome = assert_refused(&mut world, &ix, &[alice.user], stale);
    assert_logged(&outcome, &["Left: 60", "Right: 4200"]);
    let ix = with(world.trade_ix(&alice, &bob, &[perpetual(&sol, BASE, SOL_START)]));
    assert_refused(&mut world, &ix, &[alice.user, bob.user], stale);
    let view = with(world.view_margin_ix(&alice.account));
    world.send(&[view], &[]).ok();
    // closing works
    let ix = with(world.trade_ix(&alice, &bob, &[perpetual(&sol, -BASE, SOL_START)]));
    world.send(&[ix], &[alice.user, bob.user]).ok();
    // and so does liquidation when the other leg falls, collateral and position at one price
    world.set_price(&btc, dollars(85_000));
    let witness = world.report(&alice.account).witness();
    let dead = world.start_liquidation_ix(&keeper.user, &alice.account, &witness);
    assert_refused(&mut world, &dead, &[keeper.user], stale);
    world.send(&[with(dead)], &[keeper.user]).ok();
    let args = BidArgs {
        witness,
        fraction: 1_000_000_000,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = with(world.bid_ix(&keeper, &alice.account, args));
    world.send_wide(&[ix], &[keeper.user]).ok();
    let (_, held) = world.account(&keeper.account);
    assert!(held
        .iter()
        .any(|position| position.market == sol.index && position.quantity > 0));
}

#[test]
fn any_usable_price_ends_it_and_an_uncertain_one_is_not_stored() {
    let (mut world, sol) = silent();
    let report = instructions::report_outage(&sol);
    let fields = |world: &World, share: u64| PriceFields {
        confidence: 2 * SOL_START / share,
        ..PriceFields::fresh(sol.feed_id, 2 * SOL_START, world.now())
    };
    // 10 %: too wide to store, and the sign of a feed that lives
    world.send(std::slice::from_ref(&report), &[]).ok();
    let wide = fields(&world, 10);
    world.set_price_update(sol.price, wide);
    let before = record(&world, &sol);
    let outcome = world.update_market(&sol).ok();
    let after = record(&world, &sol);
    assert_eq!((after.outage_at, after.spot), (0, SOL_START));
    assert_eq!(after.spot_publish_time, before.spot_publish_time);
    let event = &outcome.events::<OutageEnded>()[0];
    assert_eq!(
        (event.market, event.sequence),
        (sol.key, before.sequence + 1)
    );
    // without an outage it is refused as before
    let ix = instructions::update_market(&sol);
    let error = MarginError::OracleConfidenceTooWide;
    assert_refused(&mut world, &ix, &[], error);
    // wider than any use accepts, and too old: neither ends it
    world.send(&[report], &[]).ok();
    let wider = PriceFields {
        confidence: wide.confidence + 1,
        ..wide
    };
    world.set_price_update(sol.price, wider);
    assert_refused(&mut world, &ix, &[], error);
    world.set_price_update(sol.price, wide);
    world.advance(61);
    assert_refused(&mut world, &ix, &[], MarginError::OracleStale);
    // a certain price is stored
    let good = fields(&world, 1_000);
    world.set_price_update(sol.price, good);
    world.update_market(&sol).ok();
    let after = record(&world, &sol);
    assert_eq!((after.outage_at, after.spot), (0, 2 * SOL_START));
}

#[test]
fn a_recovered_feed_takes_the_choice_away_at_once() {
    let (mut world, alice, bob, _) = dead_sol();
    let sol = world.sol;
    let legs = [perpetual(&sol, -BASE, SOL_START)];
    let ix = world
        .trade_ix(&alice, &bob, &legs)
        .replace(sol.price, sol.key);
    world.set_price(&sol, SOL_START);
    world.update_market(&sol).ok();
    let error = MarginError::OutageMissing;
    let outcome = assert_refused(&mut world, &ix, &[alice.user, bob.user], error);
    assert_logged(&outcome, &["Left: 0", "Right: 3600"]);
    world.trade(&alice, &bob, &legs).ok();
}

#[test]
fn stands_in_for_its_own_feed_kind_and_house_alone() {
    let (mut world, alice, _) = mixed_book();
    let (_, _, [_, foreign]) = foreign_house(&mut world);
    let (btc, sol) = (world.btc, world.sol);
    for market in [sol, foreign] {
        world.update_market(&market).ok();
    }
    world.advance(600);
    for market in [sol, foreign] {
        world
            .send(&[instructions::report_outage(&market)], &[])
            .ok();
    }
    world.advance(3_600);
    world.set_price(&btc, BTC_START);
    let view = |world: &World| world.view_margin_ix(&alice.account);
    let good = view(&world).replace(sol.price, sol.key);
    world.send(&[good], &[]).ok();
    for (price, stand_in, error) in [
        (sol.price, foreign.key, MarginError::ClearinghouseMismatch),
        (btc.price, sol.key, MarginError::OracleFeedMismatch),
        (sol.price, world.house, MarginError::OracleOwner),
        (sol.price, alice.account, MarginError::OracleOwner),
    ] {
        let mut ix = view(&world).replace(price, stand_in);
        if price != sol.price {
            ix = ix.replace(sol.price, sol.key);
        }
        assert_refused(&mut world, &ix, &[], error);
    }
    // nor does anything that stores a price read it
    let ix = instructions::update_market(&sol).replace(sol.price, sol.key);
    assert!(world.send(&[ix], &[]).error.is_some());
}
