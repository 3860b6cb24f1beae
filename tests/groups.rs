//! Correlation groups at their widest: eight markets in four groups, on both sides of a trade that is judged twice.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{AccountTermsArgs, GroupArgs};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::market::MarketParams;
use risk_core::scenario::MAJOR_SCENARIOS;
use sandbox::{
    call, dollars, perpetual, put, Market, Trader, World, WorldBuilder, BASE, BTC_START, USDC,
};
use support::{assert_refused, health, record, rewrite, start, write_book};

/// Price of every market that this file lists, 1e-8 USD.
const PRICE: u64 = 10_000_000_000;

/// A world with eight markets, two in each of four groups with different offsets.
fn wide() -> (World, Vec<Market>) {
    let builder = WorldBuilder {
        terms: AccountTermsArgs {
            groups: [1, 2, 3, 4].map(|n| GroupArgs {
                kappa: n * 200_000,
                offset_cap: n * 100_000,
            }),
            ..AccountTermsArgs::PLAIN
        },
        ..WorldBuilder::default()
    };
    let mut world = builder.build();
    let house = world.house;
    let markets = (0..8u8)
        .map(|n| {
            let (feed, params) = ([n + 1; 32], MarketParams::BTC);
            let mut args = world.whole_market_args("ANY", feed, &MAJOR_SCENARIOS, &params);
            args.group = n / 2 + 1;
            let market = world.list_market(house, args);
            world.set_price(&market, PRICE);
            market
        })
        .collect();
    (world, markets)
}

/// Long the first and short the second market of each group, or the other way round; cash short of initial health.
fn spread(world: &mut World, name: &str, markets: &[Market], sign: i64) -> Trader {
    let user = world.user(name);
    let trader = world.open(&user, 16);
    let records: Vec<_> = markets
        .iter()
        .enumerate()
        .map(|(n, market)| {
            let quantity = sign * 100 * BASE * if n % 2 == 0 { 2 } else { -1 };
            record(market, (0, 0, 0), quantity, quantity * 100)
        })
        .collect();
    let cash = |header: &mut MarginAccount| header.cash = 1_000_000;
    write_book(world, &trader, cash, &records);
    trader
}

#[test]
fn eight_markets_in_four_groups_are_judged_twice_on_both_sides() {
    let (mut world, markets) = wide();
    let alice = spread(&mut world, "alice", &markets, 1);
    let bob = spread(&mut world, "bob", &markets, -1);
    for trader in [&alice, &bob] {
        let native = world.report(&trader.account);
        let (view, _) = world.view_margin(&trader.account);
        assert_eq!(view.report(), native.margin);
        assert!(native.margin.initial_health.raw() < 0);
        // each group takes off what its own terms allow
        let scans: Vec<i64> = native.markets.iter().map(|m| m.risk.scan.raw()).collect();
        let terms = world.read::<Clearinghouse>(&world.house).groups;
        let mut least = 0;
        for (pair, group) in scans.chunks(2).zip(terms) {
            let plain: i64 = pair.iter().sum();
            least += (plain * i64::from(1_000_000 - group.offset_cap)).div_euclid(1_000_000);
        }
        let (scan, plain) = (native.margin.scan.raw(), scans.iter().sum::<i64>());
        assert!(plain < scan && scan <= least, "{plain} {scan} {least}");
    }
    // WHEN both reduce, which evaluates each side before and after, THEN heap and stack hold it
    let legs = [perpetual(&markets[0], -BASE, PRICE)];
    let outcome = world.trade(&alice, &bob, &legs).ok();
    println!(
        "a reducing trade over 8 markets in 4 groups: {} CU",
        outcome.compute_units
    );
    let (_, positions) = world.account(&alice.account);
    assert_eq!((positions.len(), positions[0].quantity), (8, 199 * BASE));
}

#[test]
fn a_keeper_names_the_scenario_that_is_worst_for_the_group() {
    // GIVEN a short straddle in one market and a long perpetual in the other, whose worst scenarios differ
    let mut world = WorldBuilder::whole(0).build();
    let [alice, bob] = ["alice", "bob"].map(|name| world.trader(name, 400_000 * USDC));
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let legs = [
        call(&btc, week, dollars(117_000), -2 * BASE, dollars(3_000)),
        put(&btc, week, dollars(117_000), -2 * BASE, dollars(3_000)),
        perpetual(&btc, -BASE / 2, BTC_START),
        perpetual(&sol, 600 * BASE, world.settings().sol_price),
    ];
    world.trade(&alice, &bob, &legs).ok();
    let above = health(&world, &alice);
    rewrite::<MarginAccount>(&mut world, &alice.account, |header| {
        header.cash -= above + 1
    });
    // WHEN each market's own worst is named, THEN nothing is proved; the group's worst in both proves it by one unit
    let report = world.report(&alice.account);
    let own: Vec<u8> = report
        .markets
        .iter()
        .map(|m| m.risk.worst_scenario)
        .collect();
    assert_ne!(own[0], own[1]);
    let ix = world.start_liquidation_ix(&bob.user, &alice.account, &own);
    assert_refused(&mut world, &ix, &[bob.user], MarginError::AccountHealthy);
    start(&mut world, &bob, &alice);
}
