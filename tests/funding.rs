//! Funding: what fills away from the spot make a perpetual pay in the next hour. `update_funding` changes nothing of it.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::FundingUpdated;
use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketState};
use risk_core::scenario::MAJOR_GRID;
use sandbox::{
    dollars, instructions, perpetual, settlement, Market, Trader, User, World, WorldBuilder, BASE,
    START, USDC,
};
use support::{assert_conserved, assert_refused, other_program_copy, Bend, Random};

const HOUR: i64 = 3_600;
/// 1 % a day.
const CAP: u32 = 10_000_000;

fn rules(cap: u32, depth: u64) -> MarketRulesArgs {
    MarketRulesArgs {
        funding_cap: cap,
        funding_depth: depth,
        ..MarketRulesArgs::plain(User::named("surface authority").key)
    }
}

/// BTC at 100,000 on a whole hour; funding of 1 % a day at most, in full from one coin on.
fn world() -> (World, Trader, Trader) {
    assert_eq!(START % HOUR, 0);
    let mut world = WorldBuilder {
        btc_price: dollars(100_000),
        market_rules: rules(CAP, BASE as u64),
        ..WorldBuilder::default()
    }
    .build();
    let traders = ["alice", "bob"].map(|name| world.trader(name, 1_000_000 * USDC));
    let [alice, bob] = traders;
    (world, alice, bob)
}

/// Equity at the spot, 1e-6 USD.
fn equity(world: &World, trader: &Trader) -> i64 {
    world.report(&trader.account).margin.equity.raw()
}

fn wait(world: &mut World, seconds: i64) {
    world.advance(seconds);
    world.refresh();
}

/// The rate of the hour after a fill of one coin at this price.
fn rate_after(price: u64) -> i32 {
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, price)])
        .ok();
    wait(&mut world, HOUR);
    world.update_funding(&btc).ok();
    world.funding(&btc).rate
}

#[test]
fn longs_pay_shorts_in_the_hour_after_fills_above_spot() {
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    // 0.24 % above spot: 240 dollars a day on a coin, ten an hour
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_240))])
        .ok();
    let start = [equity(&world, &alice), equity(&world, &bob)];
    assert_eq!(start, [999_760_000_000, 1_000_240_000_000]);
    for (seconds, paid) in [
        (HOUR, 0),
        (HOUR / 2, 5),
        (HOUR / 2, 10),
        (HOUR, 10),
        (90 * HOUR, 10),
    ] {
        wait(&mut world, seconds);
        let paid = paid * USDC as i64;
        assert_eq!(equity(&world, &alice), start[0] - paid);
        assert_eq!(equity(&world, &bob), start[1] + paid);
        let (view, _) = world.view_margin(&alice.account);
        assert_eq!(view.report(), world.report(&alice.account).margin);
    }
    // the fill away from spot cost its taker 240 dollars at once; closed at spot, what is left is what was paid
    world
        .trade(&bob, &alice, &[perpetual(&btc, BASE, dollars(100_000))])
        .ok();
    let costs = [&alice, &bob].map(|trader| world.account(&trader.account).1[0].cost);
    assert_eq!(costs, [250_000_000, -250_000_000]);
    assert_conserved(&world);
}

#[test]
fn below_spot_shorts_pay() {
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(99_760))])
        .ok();
    let start = equity(&world, &alice);
    wait(&mut world, 2 * HOUR);
    assert_eq!(equity(&world, &alice), start + 10 * USDC as i64);
    assert_eq!(world.funding(&btc).index_at(world.now()), -1_000_000_000);
}

#[test]
fn case_65_catch_up_is_the_small_steps_and_the_rate_is_capped() {
    // just below the cap, at it, just above, far above; the same below spot
    assert_eq!(rate_after(dollars(100_999)), 9_990_000);
    assert_eq!(rate_after(dollars(101_000)), 10_000_000);
    assert_eq!(rate_after(dollars(101_001)), 10_000_000);
    assert_eq!(rate_after(dollars(130_000)), 10_000_000);
    assert_eq!(rate_after(dollars(98_999)), -10_000_000);

    let run = |step: Option<i64>| {
        let (mut world, alice, bob) = world();
        let btc = world.btc;
        let mut random = Random::new(65);
        for _ in 0..12 {
            let size = random.range(1, 3 * BASE);
            let price = dollars(99_000) + random.bits() % dollars(2_000);
            let (buyer, seller) = if random.one_in(2) {
                (&alice, &bob)
            } else {
                (&bob, &alice)
            };
            world
                .trade(buyer, seller, &[perpetual(&btc, size, price)])
                .ok();
            let mut left = random.range(1, 3 * HOUR);
            while left > 0 {
                let seconds = step.map_or(left, |step| left.min(step));
                world.advance(seconds);
                if step.is_some() {
                    world.update_funding(&btc).ok();
                }
                left -= seconds;
            }
            world.refresh();
        }
        let equities = [equity(&world, &alice), equity(&world, &bob)];
        assert_conserved(&world);
        (equities, world.funding(&btc).index_at(world.now()))
    };
    let lazy = run(None);
    assert_ne!(lazy.1, 0);
    for step in [97, 1_000, HOUR, 2 * HOUR] {
        assert_eq!(run(Some(step)), lazy, "steps of {step} s");
    }
}

#[test]
fn inv_05_funding_pays_out_no_more_than_it_takes() {
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    let carol = world.trader("carol", 1_000_000 * USDC);
    let dave = world.trader("dave", 1_000_000 * USDC);
    let all = [alice, bob, carol, dave];
    let mut random = Random::new(5);
    for _ in 0..40 {
        let taker = random.pick(&all);
        let maker = random.pick(&all);
        if taker == maker {
            continue;
        }
        // sizes and prices that divide by nothing, at spot so that all of equity's change is funding
        let size = random.range(-BASE, BASE) | 1;
        let price = dollars(100_000) + random.bits() % dollars(100);
        world
            .trade(&taker, &maker, &[perpetual(&btc, size, price)])
            .ok();
        wait(&mut world, random.range(1, 2 * HOUR));
        let sum: i64 = all.iter().map(|trader| equity(&world, trader)).sum();
        let most = 4_000_000 * USDC as i64;
        // a unit for each account's size and funding
        assert!((most - 8..=most).contains(&sum), "inv_05: {}", sum - most);
        assert_conserved(&world);
    }
    assert!(world.funding(&btc).index_at(world.now()) > 0);
}

#[test]
fn update_funding_tells_the_hour_once() {
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(100_240))])
        .ok();
    let before: MarketState = world.read(&btc.key);
    // within the hour there is nothing to move
    world.advance(HOUR - 1);
    assert_eq!(
        world
            .update_funding(&btc)
            .ok()
            .events::<FundingUpdated>()
            .len(),
        0
    );
    assert_eq!(world.data(&btc.key)[8..], *bytemuck::bytes_of(&before));
    world.advance(1);
    let outcome = world.update_funding(&btc).ok();
    let event = &outcome.events::<FundingUpdated>()[0];
    assert_eq!(
        (event.market, event.index, event.rate),
        (btc.key, 0, 2_400_000)
    );
    assert_eq!(
        (event.period_start, event.sequence),
        (START + HOUR, before.sequence + 1)
    );
    assert_eq!(
        world
            .update_funding(&btc)
            .ok()
            .events::<FundingUpdated>()
            .len(),
        0
    );
    world.advance(HOUR);
    let outcome = world.update_funding(&btc).ok();
    let event = &outcome.events::<FundingUpdated>()[0];
    assert_eq!((event.index, event.rate), (1_000_000_000, 0));
    assert_eq!(event.sequence, before.sequence + 2);
}

#[test]
fn a_wash_trade_moves_the_rate_by_its_share_of_the_depth() {
    // 5 % of the depth at the cap: 5 % of the cap
    let (mut world, alice, bob) = world();
    let btc = world.btc;
    world
        .trade(
            &alice,
            &bob,
            &[perpetual(&btc, BASE / 20, dollars(101_000))],
        )
        .ok();
    wait(&mut world, HOUR);
    world.update_funding(&btc).ok();
    assert_eq!(world.funding(&btc).rate, CAP as i32 / 20);
    // and as much at spot as there is depth drowns it
    world
        .trade(
            &alice,
            &bob,
            &[perpetual(&btc, BASE / 20, dollars(101_000))],
        )
        .ok();
    world
        .trade(&alice, &bob, &[perpetual(&btc, 2 * BASE, dollars(100_000))])
        .ok();
    wait(&mut world, HOUR);
    world.update_funding(&btc).ok();
    assert_eq!(world.funding(&btc).rate, CAP as i32 / 41);
}

#[test]
fn a_market_without_a_cap_has_no_funding() {
    let mut world = World::new();
    let traders = ["alice", "bob"].map(|name| world.trader(name, 1_000_000 * USDC));
    let [alice, bob] = traders;
    let btc = world.btc;
    world
        .trade(&alice, &bob, &[perpetual(&btc, BASE, dollars(150_000))])
        .ok();
    wait(&mut world, 5 * HOUR);
    world.update_funding(&btc).ok();
    assert_eq!(world.funding(&btc), Default::default());
}

#[test]
fn case_05_update_funding_takes_markets_only() {
    let (mut world, alice, _) = world();
    let btc = world.btc;
    let ix = settlement::update_funding(&btc);
    let copy = other_program_copy(&mut world, &btc.key);
    for (key, error) in [
        (copy, ErrorCode::AccountOwnedByWrongProgram),
        (alice.account, ErrorCode::AccountDiscriminatorMismatch),
        (world.house, ErrorCode::AccountDiscriminatorMismatch),
    ] {
        let bent = ix.clone().replace(btc.key, key);
        assert_refused(&mut world, &bent, &[], error);
    }
}

#[test]
fn open_market_bounds_cap_and_depth() {
    let mut world = World::new();
    let governor = world.governor;
    for (cap, depth, is_good) in [
        (0, 0, true),
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (250_000_000, u64::MAX, true),
        (250_000_001, u64::MAX, false),
    ] {
        let args = world.market_args("BTC", world.btc.feed_id, &MAJOR_GRID);
        let index = world.read::<Clearinghouse>(&world.house).market_count;
        let market = Market {
            index,
            key: seeds::market(&world.house, index),
            ..world.btc
        };
        let ix = instructions::initialize_market(&governor.key, &world.house, index, args);
        world.send(&[ix], &[governor]).ok();
        let ix = instructions::open_market(&governor.key, &market, rules(cap, depth));
        if is_good {
            world.send(&[ix], &[governor]).ok();
            let funding = world.funding(&market);
            assert_eq!((funding.cap, funding.depth), (cap, depth));
        } else {
            assert_refused(
                &mut world,
                &ix,
                &[governor],
                MarginError::ParameterOutOfRange,
            );
        }
    }
}
