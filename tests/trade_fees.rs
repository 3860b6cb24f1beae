//! Fees of a trade: by role, capped by premium, rounded up leg by leg, counted before the margin test; and what a trade with oneself
//! costs.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::Traded;
use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state::Market as MarketState;
use sandbox::{
    call, dollars, instructions, perpetual, put, Trader, World, BASE, BTC_START, SOL_START, USDC,
};
use support::{assert_logged, assert_refused, pair_with};

/// 5 bp for the taker, 2 bp for the maker, at most an eighth of an option's premium.
fn usual(rules: &mut MarketRulesArgs) {
    (rules.fee_taker, rules.fee_maker, rules.fee_premium_cap) = (500, 200, 125_000);
}

fn with_fees(usdc: u64) -> (World, Trader, Trader) {
    pair_with(usdc, usual)
}

fn cash(world: &World, trader: &Trader) -> i64 {
    world.account(&trader.account).0.cash
}

fn fees(world: &World) -> u64 {
    [world.btc, world.sol]
        .iter()
        .map(|market| world.read::<MarketState>(&market.key).fees)
        .sum()
}

#[test]
fn each_role_pays_its_share_of_the_notional() {
    let (mut world, alice, bob) = with_fees(100_000);
    let btc = world.btc;
    let event = &world
        .trade(&alice, &bob, &[perpetual(&btc, -BASE, BTC_START)])
        .ok()
        .events::<Traded>()[0];
    // 5 and 2 bp of 116,661.50 USD
    assert_eq!((event.taker_fee, event.maker_fee), (58_330_750, 23_332_300));
    assert_eq!(cash(&world, &alice), 100_000_000_000 - 58_330_750);
    assert_eq!(cash(&world, &bob), 100_000_000_000 - 23_332_300);
    assert_eq!(fees(&world), 58_330_750 + 23_332_300);
    assert!(world.reconcile().is_exact());
}

#[test]
fn an_option_pays_on_spot_up_to_a_share_of_its_premium() {
    let (mut world, alice, bob) = with_fees(100_000);
    let (btc, week) = (world.btc, world.week);
    // 5 bp of spot are 58.33075 USD, an eighth of 466.646 USD; the maker's 2 bp are below it throughout
    for (premium, taker) in [
        (dollars(1_000), 58_330_750),
        (46_664_600_000, 58_330_750),
        (46_664_599_999, 58_330_750),
        (46_664_592_000, 58_330_740),
        (20_000_000_000, 25_000_000),
    ] {
        let leg = call(&btc, week, dollars(120_000), BASE, premium);
        let event = &world.trade(&alice, &bob, &[leg]).ok().events::<Traded>()[0];
        assert_eq!((event.taker_fee, event.maker_fee), (taker, 23_332_300));
        // the way back pays again
        let back = call(&btc, week, dollars(120_000), -BASE, premium);
        world.trade(&alice, &bob, &[back]).ok();
    }
    assert!(world.reconcile().is_exact());
}

#[test]
fn rounds_up_leg_by_leg() {
    let (mut world, alice, bob) = with_fees(100_000);
    let (btc, sol) = (world.btc, world.sol);
    // a raw unit of SOL at 205.31 USD is 205.31 quote units: 5 and 2 bp are a tenth and less of one
    let dust = vec![perpetual(&sol, 1, SOL_START); 16];
    let event = &world.trade(&alice, &bob, &dust).ok().events::<Traded>()[0];
    assert_eq!((event.taker_fee, event.maker_fee), (16, 16));
    // 0.116661 USD, rounded up to 116,662 units: 58.331 and 23.3324 of them
    let small = [perpetual(&btc, 1, BTC_START)];
    let event = &world.trade(&alice, &bob, &small).ok().events::<Traded>()[0];
    assert_eq!((event.taker_fee, event.maker_fee), (59, 24));
    assert_eq!(fees(&world), 32 + 83);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_58_fees_count_before_the_margin_test() {
    let legs = |world: &World| [perpetual(&world.btc, BASE, BTC_START)];
    let (mut world, alice, bob) = with_fees(100_000);
    let (view, _) = world.view_margin_after(&alice.account, &legs(&world));
    assert_eq!(view.would_open, 1);
    let free = u64::try_from(view.initial_health).expect("a health to spare");
    let usdc = world.usdc;
    world.withdraw(&alice, &usdc, free + 1).ok();
    let legs = legs(&world);
    let ix = world.trade_ix(&alice, &bob, &legs);
    let signers = [alice.user, bob.user];
    let breach = MarginError::InitialMarginBreached;
    let outcome = assert_refused(&mut world, &ix, &signers, breach);
    assert_logged(&outcome, &["Left: -1"]);
    world.deposit(&alice, &usdc, 1).ok();
    world.trade(&alice, &bob, &legs).ok();
    let (view, _) = world.view_margin(&alice.account);
    assert_eq!(view.initial_health, 0);
}

#[test]
fn inv_04_no_round_trip_at_one_price_profits() {
    let (mut world, alice, bob) = with_fees(200_000);
    let (btc, week) = (world.btc, world.week);
    let legs = |sign: i64| {
        [
            perpetual(&btc, sign * (BASE + 1), BTC_START + 1),
            call(
                &btc,
                week,
                dollars(117_001),
                sign * 777_777,
                123_456_789_123,
            ),
            put(
                &btc,
                week,
                dollars(110_000),
                -sign * 333_333,
                98_765_432_101,
            ),
        ]
    };
    for (taker, maker) in [(&alice, &bob), (&bob, &alice)] {
        let before = [cash(&world, &alice), cash(&world, &bob)];
        let collected = fees(&world);
        world.trade(taker, maker, &legs(1)).ok();
        world.trade(taker, maker, &legs(-1)).ok();
        let after = [cash(&world, &alice), cash(&world, &bob)];
        assert!(after[0] < before[0] && after[1] < before[1]);
        let lost = before[0] + before[1] - after[0] - after[1];
        assert_eq!(u64::try_from(lost), Ok(fees(&world) - collected));
    }
    assert!(world.account(&alice.account).1.is_empty());
    assert!(world.reconcile().is_exact());
}

#[test]
fn inv_04_a_trade_with_oneself_costs_both_fees() {
    let (mut world, alice, _) = with_fees(100_000);
    let second = world.open_sub_account(&alice.user, 1, 16);
    let usdc = world.usdc;
    world.fund(&alice.user, &usdc, 100_000 * USDC);
    world.deposit(&second, &usdc, 100_000 * USDC).ok();
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    let ix = world.trade_ix(&alice, &second, &legs);
    world.send(&[ix], &[alice.user]).ok();
    let rest = cash(&world, &alice) + cash(&world, &second);
    assert_eq!(rest, 200_000_000_000 - 58_330_750 - 23_332_300);
}

#[test]
fn who_holds_no_cash_deposits_the_fee_first() {
    let (mut world, alice, bob) = with_fees(100_000);
    let (usdc, bank) = (world.usdc, world.sol_bank);
    world.fund(&alice.user, &bank, 1_000 * sandbox::SOL);
    world.deposit(&alice, &bank, 1_000 * sandbox::SOL).ok();
    world.withdraw(&alice, &usdc, 100_000 * USDC).ok();
    let legs = [perpetual(&world.btc, BASE, BTC_START)];
    let ix = world.trade_ix(&alice, &bob, &legs);
    let signers = [alice.user, bob.user];
    assert_refused(&mut world, &ix, &signers, MarginError::CashNegative);
    world.deposit(&alice, &usdc, 58_330_749).ok();
    assert_refused(&mut world, &ix, &signers, MarginError::CashNegative);
    world.fund(&alice.user, &usdc, 1);
    world.deposit(&alice, &usdc, 1).ok();
    world.send(&[ix], &signers).ok();
    assert_eq!(cash(&world, &alice), 0);
}

#[test]
fn inv_20_fees_and_bands_have_hard_bounds() {
    type Change = fn(&mut MarketRulesArgs, u32);
    let fields: [(Change, u32); 5] = [
        (|rules, value| rules.fee_taker = value, 10_000),
        (|rules, value| rules.fee_maker = value, 10_000),
        (|rules, value| rules.fee_premium_cap = value, 500_000),
        (|rules, value| rules.band_linear = value, 1_000_000),
        (|rules, value| rules.band_option = value, 1_000_000),
    ];
    let (mut world, ..) = with_fees(1);
    let governor = world.governor;
    for (change, most) in fields {
        // a market that is listed and not open yet
        let index = world
            .read::<portfolio_margin_interface::state::Clearinghouse>(&world.house)
            .market_count;
        let args = world.market_args("BTC", world.btc.feed_id, &risk_core::scenario::MAJOR_GRID);
        let list = instructions::initialize_market(&governor.key, &world.house, index, args);
        world.send(&[list], &[governor]).ok();
        let market = sandbox::Market {
            key: portfolio_margin_interface::seeds::market(&world.house, index),
            index,
            ..world.btc
        };
        let open = |value| {
            let mut rules = world.settings().market_rules.clone();
            change(&mut rules, value);
            instructions::open_market(&governor.key, &market, rules)
        };
        let (beyond, at) = (open(most + 1), open(most));
        let error = MarginError::ParameterOutOfRange;
        let outcome = assert_refused(&mut world, &beyond, &[governor], error);
        let values = [format!("Left: {}", most + 1), format!("Right: {most}")];
        assert_logged(&outcome, &[&values[0], &values[1]]);
        world.send(&[at], &[governor]).ok();
    }
}
