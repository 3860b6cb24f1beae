//! `update_market` and the regime: samples, factors, the scenarios that stand widened, the rules that a market opens with.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::MarketUpdated;
use portfolio_margin_interface::args::{MarketArgs, MarketRulesArgs, RegimeArgs};
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketRecord, ScenarioRecord};
use risk_core::market::MarketParams;
use risk_core::scenario::{ScenarioTable, MAJOR_SCENARIOS, WIDE_GRID, WIDE_SCENARIOS};
use risk_core::Ratio;
use sandbox::{
    dollars, instructions, perpetual, Market, Outcome, PriceFields, World, WorldBuilder, BASE,
    BTC_START, START, USDC,
};
use support::{assert_refused, rewrite};

const ONE: u32 = 1_000_000;

/// Samples every five minutes against 60 % of volatility.
pub const REGIME: RegimeArgs = RegimeArgs {
    interval: 300,
    move_cap: 9_000,
    fast_half_life: 21_600,
    slow_half_life: 604_800,
    reference_volatility: 600_000,
    factor_most: 2_500_000,
    factor_rise: 250_000,
    factor_fall: 50_000,
    correlation_least: 0,
    reference_market: 0,
};

pub fn rules(world: &World, regime: RegimeArgs) -> MarketRulesArgs {
    MarketRulesArgs {
        regime,
        ..MarketRulesArgs::plain(world.surface_authority.key)
    }
}

/// The whole model, both markets with a regime.
pub fn whole() -> (World, Market) {
    let mut builder = WorldBuilder::whole(0);
    builder.market_rules.regime = REGIME;
    let world = builder.build();
    let btc = world.btc;
    (world, btc)
}

pub fn record(world: &World, market: &Market) -> MarketRecord {
    world.read(&market.key)
}

pub fn event(outcome: &Outcome) -> MarketUpdated {
    outcome.events::<MarketUpdated>().remove(0)
}

/// Publishes a price some seconds later and shows it.
pub fn update(world: &mut World, market: &Market, seconds: i64, price: u64) -> MarketUpdated {
    world.advance(seconds);
    world.set_price(market, price);
    event(&world.update_market(market).ok())
}

/// Two hours of 1.5 % up and down every five minutes.
fn storm(world: &mut World, market: &Market) {
    update(world, market, 0, BTC_START);
    let mut price = BTC_START;
    for n in 0..24 {
        price = price / 1_000 * if n % 2 == 0 { 985 } else { 1_015 };
        assert!(update(world, market, 300, price).is_sampled);
    }
}

fn table(scenarios: &ScenarioRecord) -> ScenarioTable {
    scenarios.table()
}

fn scaled(scenarios: &ScenarioRecord, factor: u32) -> ScenarioTable {
    let factor = Ratio::from_raw(factor.into());
    table(scenarios).scaled(factor).expect("a factor in range")
}

#[test]
fn a_market_opens_with_its_reference_volatility_and_takes_one_sample_per_interval() {
    let (mut world, btc) = whole();
    let regime = record(&world, &btc).regime;
    assert_eq!(regime.variance_fast, 360_000_000_000);
    assert_eq!(
        (
            regime.factor_initial,
            regime.factor_maintenance,
            regime.factor_applied
        ),
        (ONE, ONE, ONE)
    );
    assert_eq!((regime.share(), regime.sampled_at), (ONE, 0));
    // the first price, a second too early, on time
    assert!(update(&mut world, &btc, 0, BTC_START).is_sampled);
    assert!(!update(&mut world, &btc, 299, BTC_START).is_sampled);
    let sampled = update(&mut world, &btc, 1, BTC_START + 1);
    assert!(sampled.is_sampled);
    let regime = record(&world, &btc).regime;
    assert_eq!(
        (regime.sample, regime.sampled_at),
        (BTC_START + 1, START + 300)
    );
    // time is the price's own: an update published before the interval is over is no sample
    world.advance(310);
    let fields = PriceFields {
        publish_time: world.now() - 11,
        ..world.price(&btc.price)
    };
    world.set_price_update(btc.price, fields);
    assert!(!event(&world.update_market(&btc).ok()).is_sampled);
}

#[test]
fn one_bad_print_cannot_set_the_regime() {
    for bad in [
        1,
        dollars(1),
        BTC_START / 2,
        BTC_START * 2,
        BTC_START * 1_000,
    ] {
        let (mut world, btc) = whole();
        update(&mut world, &btc, 0, BTC_START);
        let there = update(&mut world, &btc, 300, bad);
        assert!(there.is_sampled && there.factor_initial <= 1_130_000);
        let back = update(&mut world, &btc, 300, BTC_START);
        assert!(back.is_sampled && back.factor_initial <= 1_240_000);
        assert!(back.factor_maintenance <= 1_041_666 && back.offset_share == ONE);
    }
}

#[test]
fn a_storm_tightens_the_initial_requirement_at_once_and_maintenance_by_the_hour() {
    // GIVEN a long perpetual, before and after two hours of storm that end where they began
    let (mut world, btc) = whole();
    let alice = world.trader("alice", 300_000 * USDC);
    let bob = world.trader("bob", 300_000 * USDC);
    let leg = [perpetual(&btc, BASE, BTC_START)];
    world.trade(&alice, &bob, &leg).ok();
    let calm = world.report(&alice.account).margin;
    storm(&mut world, &btc);
    world.set_price(&btc, BTC_START);
    let house = world.house;
    world.set_quote_price(dollars(1));
    world.update_quote_price(&house).ok();
    // THEN the set on chain is the listed one, widened by the maintenance factor to 1 %
    let market = record(&world, &btc);
    let regime = market.regime;
    assert!(regime.factor_initial > 2_000_000, "{regime:?}");
    assert!((1_480_000..=1_500_000).contains(&regime.factor_maintenance));
    let (applied, wanted) = (regime.factor_applied, regime.factor_maintenance);
    assert!(applied.abs_diff(wanted) * 100 < applied, "{regime:?}");
    assert_eq!(
        table(&market.scenarios),
        scaled(&market.listed_scenarios, applied)
    );
    assert_eq!(market.scenarios.shape(), market.listed_scenarios.shape());
    // and the initial requirement counts the scan at the initial factor
    let scan_initial = market.params().scan_initial.raw();
    let listed = i64::from(market.params.scan_initial);
    let exact = i64::from(regime.factor_initial) * listed / i64::from(applied);
    assert!((exact..=exact + 1).contains(&scan_initial));
    // the loss of a perpetual is in proportion to the spot range: 18 % times the factor
    let tight = world.report(&alice.account).margin;
    let ratio = tight.scan.raw() as f64 / calm.scan.raw() as f64;
    assert!((ratio - f64::from(applied) / 1e6).abs() < 1e-3, "{ratio}");
    assert!(tight.maintenance_health < calm.maintenance_health);
    assert!(tight.initial_health.raw() <= tight.maintenance_health.raw()); // INV-07
                                                                           // the same on chain, to the bit
    assert_eq!(world.view_margin(&alice.account).0.report(), tight);
    // a withdrawal of what was free before is refused now
    let free = calm.initial_health.raw().unsigned_abs();
    let usdc = world.usdc;
    let ix = world.withdraw_ix(&alice, &usdc, free);
    assert_refused(
        &mut world,
        &ix,
        &[alice.user],
        MarginError::InitialMarginBreached,
    );
}

#[test]
fn calm_loosens_slowly_and_ends_at_the_listed_scenarios() {
    let (mut world, btc) = whole();
    storm(&mut world, &btc);
    let top = record(&world, &btc).regime.factor_initial;
    let mut last = top;
    for hour in 1..=400 {
        let event = update(&mut world, &btc, 3_600, BTC_START);
        assert!(event.factor_initial + 50_000 >= last, "hour {hour}");
        assert!(event.factor_maintenance <= event.factor_initial);
        last = event.factor_initial;
    }
    let market = record(&world, &btc);
    assert_eq!((last, market.regime.factor_applied), (ONE, ONE));
    let bytes = |scenarios: &ScenarioRecord| bytemuck::bytes_of(scenarios).to_vec();
    assert_eq!(bytes(&market.scenarios), bytes(&market.listed_scenarios));
}

#[test]
fn an_update_that_writes_the_scenarios_fits_its_budget() {
    let (mut world, btc) = whole();
    update(&mut world, &btc, 0, BTC_START);
    let mut most = 0;
    let mut price = BTC_START;
    for n in 0..12 {
        price = price / 1_000 * if n % 2 == 0 { 985 } else { 1_015 };
        world.advance(300);
        world.set_price(&btc, price);
        most = most.max(world.update_market(&btc).ok().compute_units);
    }
    println!("an update that samples and writes 33 scenarios: {most} CU");
    assert!(most < 120_000, "{most}");
    world.set_price(&btc, price);
    let again = world.update_market(&btc).ok().compute_units;
    println!("one that does neither: {again} CU");
    assert!(again < 20_000, "{again}");
}

/// Lists a third market of the first group in a world of its own; returns the open instruction's market.
pub fn listed(world: &mut World, change: impl FnOnce(&mut MarketArgs)) -> Market {
    let house = world.house;
    let mut args = world.whole_market_args("ANY", [7; 32], &MAJOR_SCENARIOS, &MarketParams::BTC);
    change(&mut args);
    let index = world.read::<Clearinghouse>(&house).market_count;
    let governor = world.governor;
    let market = Market {
        house,
        key: portfolio_margin_interface::seeds::market(&house, index),
        index,
        price: sandbox::oracle::price_address(&args.feed_id),
        feed_id: args.feed_id,
    };
    let ix = instructions::initialize_market(&governor.key, &house, index, args);
    world.send(&[ix], &[governor]).ok();
    market
}

#[test]
fn open_market_refuses_rules_beyond_their_bounds() {
    let range = MarginError::ParameterOutOfRange;
    type Change = fn(&mut MarketRulesArgs);
    let cases: [(Change, MarginError); 13] = [
        (|r| r.regime.interval = 9, range),
        (|r| r.regime.move_cap = 9_500, range),
        (|r| r.regime.fast_half_life = 599, range),
        (|r| r.regime.slow_half_life = 21_599, range),
        (|r| r.regime.reference_volatility = 49_999, range),
        (|r| r.regime.factor_most = 3_000_001, range), // times a scan factor of 1.0: the engine's 3.0
        (|r| r.regime.factor_rise = 49_999, range),
        (|r| r.regime.factor_fall = 999, range),
        (|r| r.regime.correlation_least = 1, range),
        (|r| r.regime.reference_market = 1, range), // without a correlation
        (
            |r| (r.regime.reference_market, r.regime.correlation_least) = (3, 1),
            MarginError::MarketMismatch,
        ),
        (
            |r| (r.regime.reference_market, r.regime.correlation_least) = (4, 1),
            MarginError::MarketMismatch,
        ),
        (|r| r.stable_band = 1_000_001, range),
    ];
    let mut world = WorldBuilder::whole(0).build();
    let governor = world.governor;
    let market = listed(&mut world, |_| {});
    for (place, (change, error)) in cases.into_iter().enumerate() {
        println!("case {place}");
        let mut rules = rules(&world, REGIME);
        change(&mut rules);
        let ix = instructions::open_market(&governor.key, &market, rules);
        assert_refused(&mut world, &ix, &[governor], error);
    }
    // at their bounds they open it
    let mut rules = rules(&world, REGIME);
    (rules.regime.factor_most, rules.regime.move_cap) = (3_000_000, 9_400);
    (rules.regime.factor_rise, rules.regime.factor_fall) = (50_000, 50_000);
    (
        rules.regime.reference_market,
        rules.regime.correlation_least,
    ) = (2, 1);
    rules.stable_band = ONE;
    let ix = instructions::open_market(&governor.key, &market, rules);
    world.send(&[ix], &[governor]).ok();
}

#[test]
fn open_market_refuses_what_the_market_cannot_carry() {
    let mut world = WorldBuilder::whole(0).build();
    let governor = world.governor;
    // a reference without a group
    let alone = listed(&mut world, |args| args.group = 0);
    let mut paired = rules(&world, REGIME);
    (
        paired.regime.reference_market,
        paired.regime.correlation_least,
    ) = (1, 1);
    let ix = instructions::open_market(&governor.key, &alone, paired);
    assert_refused(&mut world, &ix, &[governor], MarginError::GroupMismatch);
    // a node that meets a tail at the largest factor: 1 - 2.5 x 18 % = 55 %
    let met = |args: &mut MarketArgs| {
        let tail = args
            .scenarios
            .iter_mut()
            .find(|s| s.damping != ONE && s.spot > 500_000);
        tail.expect("the nearer tail").spot = 550_000;
    };
    let grouped = listed(&mut world, met);
    let ix = instructions::open_market(&governor.key, &grouped, rules(&world, REGIME));
    assert_refused(&mut world, &ix, &[governor], MarginError::GroupMismatch);
    // where no group binds it, two nodes may become one
    let free = listed(&mut world, |args| {
        met(args);
        args.group = 0;
    });
    let ix = instructions::open_market(&governor.key, &free, rules(&world, REGIME));
    world.send(&[ix], &[governor]).ok();
    // a band needs a stable price
    let unstable = listed(&mut world, |args| args.stable_rate = 0);
    let mut banded = rules(&world, RegimeArgs::NONE);
    banded.stable_band = 1;
    let ix = instructions::open_market(&governor.key, &unstable, banded);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::ParameterOutOfRange,
    );
}

#[test]
fn a_groups_shape_survives_every_factor() {
    let mut met = MAJOR_SCENARIOS.to_vec();
    let tail = met
        .iter_mut()
        .find(|s| s.damping != ONE && s.spot > 500_000);
    tail.expect("the nearer tail").spot = 640_000;
    let shape = |table: &ScenarioTable| {
        let mut record: ScenarioRecord = bytemuck::Zeroable::zeroed();
        record.write(table);
        record.shape()
    };
    for set in [
        &MAJOR_SCENARIOS[..],
        &WIDE_SCENARIOS[..],
        &WIDE_GRID[..],
        &met[..],
    ] {
        let listed = ScenarioTable::new(set).expect("a valid set");
        let mut kept = 0;
        for factor in (1_000_000..=3_000_000).step_by(1_000) {
            let wide = listed
                .scaled(Ratio::from_raw(factor))
                .expect("a factor in range");
            if wide.count == listed.count {
                assert_eq!(shape(&wide), shape(&listed), "{factor}");
                kept += 1;
            }
        }
        assert!(kept >= 1_999, "{kept}");
    }
}

#[test]
fn where_nodes_would_meet_the_next_larger_factor_is_taken() {
    let mut world = WorldBuilder::whole(0).build();
    let governor = world.governor;
    // 1 - 2 x 18 % = 64 %
    let market = listed(&mut world, |args| {
        let tail = args
            .scenarios
            .iter_mut()
            .find(|s| s.damping != ONE && s.spot > 500_000);
        tail.expect("the nearer tail").spot = 640_000;
    });
    let ix = instructions::open_market(&governor.key, &market, rules(&world, REGIME));
    world.send(&[ix], &[governor]).ok();
    world.set_price(&market, BTC_START);
    world.update_market(&market).ok();
    rewrite::<MarketRecord>(&mut world, &market.key, |record| {
        record.regime.variance_fast = 1_440_000_000_000; // (2 x 60 %)^2
        (
            record.regime.factor_initial,
            record.regime.factor_maintenance,
        ) = (2_000_000, 2_000_000);
    });
    world.update_market(&market).ok();
    let after = record(&world, &market);
    assert_eq!(after.regime.factor_maintenance, 2_000_000);
    assert_eq!(after.regime.factor_applied, 2_001_000);
    assert_eq!(after.scenarios.shape(), after.listed_scenarios.shape());
    assert_eq!(
        scaled(&after.listed_scenarios, 2_000_000).count + 1,
        after.scenarios.count
    );
}
