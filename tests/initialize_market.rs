//! `initialize_market`: who may list an underlying, and which scenario sets and ratios are valid.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{MarketArgs, MarketParamsArgs, ScenarioArg};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, Market, MAX_MARKETS};
use risk_core::market::MarketParams;
use risk_core::scenario::{ScenarioTable, MAJOR_GRID};
use sandbox::{instructions, World};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, Bend};

fn good(world: &World) -> MarketArgs {
    world.market_args("ETH", [7; 32], &MAJOR_GRID)
}

fn list(world: &World, args: MarketArgs) -> Instruction {
    instructions::initialize_market(&world.governor.key, &world.house, 2, args)
}

fn with_scenarios(world: &World, change: impl Fn(&mut Vec<ScenarioArg>)) -> MarketArgs {
    let mut args = good(world);
    change(&mut args.scenarios);
    args
}

fn with_params(world: &World, change: impl Fn(&mut MarketParamsArgs)) -> MarketArgs {
    let mut args = good(world);
    change(&mut args.params);
    args
}

#[test]
fn stores_the_table_that_the_engine_computes() {
    let mut world = World::new();
    let (house, args) = (world.house, good(&world));
    let listed = world.list_market(house, args);
    let market: Market = world.read(&listed.key);
    let table = ScenarioTable::new(&MAJOR_GRID).expect("a valid set");
    assert_eq!((market.version, market.index), (1, 2));
    assert_eq!((market.clearinghouse, market.feed_id), (house, [7; 32]));
    assert_eq!(&market.symbol[..4], b"ETH\0");
    assert_eq!(market.params(), MarketParams::MAJOR);
    assert_eq!(market.scenarios.ln_spot, table.ln_spot);
    assert_eq!(market.scenarios.spot, table.spot);
    assert_eq!(market.scenarios.damping, table.damping);
    let bounds = (
        market.scenarios.none_start,
        market.scenarios.down_start,
        market.scenarios.base,
    );
    assert_eq!(bounds, (table.none_start, table.down_start, table.base));
    assert!(market.expiries.iter().all(|slot| slot.time == 0));
    assert_eq!(world.read::<Clearinghouse>(&house).market_count, 3);
}

#[test]
fn refuses_anybody_but_the_governor() {
    let mut world = World::new();
    let mallory = world.user("mallory");
    let ix = instructions::initialize_market(&mallory.key, &world.house, 2, good(&world));
    assert_refused(&mut world, &ix, &[mallory], MarginError::NotGovernor);
    let governor = world.governor;
    let ix = list(&world, good(&world)).unsigned(governor.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn refuses_scenario_sets_that_the_engine_cannot_use() {
    let mut world = World::new();
    let governor = world.governor;
    let base = |s: &ScenarioArg| s.vol == 1 && s.spot == 1_000_000;
    let invalid = MarginError::ScenarioSetInvalid;
    let range = MarginError::ParameterOutOfRange;
    let cases = [
        (
            with_scenarios(&world, |s| s.retain(|s| !base(s))),
            invalid,
            "NoBaseScenario",
        ),
        (
            with_scenarios(&world, |s| s.swap(3, 4)),
            invalid,
            "ScenarioOrder { index: 4 }",
        ),
        (
            with_scenarios(&world, |s| s.insert(9, s[9].clone())),
            invalid,
            "ScenarioOrder { index: 10 }",
        ),
        (
            with_scenarios(&world, |s| s[30].vol = 5),
            invalid,
            "Left: 5",
        ),
        (with_scenarios(&world, |s| s[30].vol = 3), range, "SkewCap"),
        (
            with_scenarios(&world, |s| s.clear()),
            range,
            "ScenarioCount",
        ),
        (
            with_scenarios(&world, |s| s[0].spot = 9_999),
            range,
            "value: 9999",
        ),
        (
            with_scenarios(&world, |s| s[30].spot = 8_000_001),
            range,
            "value: 8000001",
        ),
        (
            with_scenarios(&world, |s| s[0].damping = 0),
            range,
            "ScenarioDamping",
        ),
        (
            with_scenarios(&world, |s| s[0].damping = 1_000_001),
            range,
            "value: 1000001",
        ),
    ];
    for (args, error, logged) in cases {
        let ix = list(&world, args);
        let outcome = assert_refused(&mut world, &ix, &[governor], error);
        assert_logged(&outcome, &[logged]);
    }
}

#[test]
fn takes_40_scenarios_and_not_41() {
    let mut world = World::new();
    let extended = |count: u32| {
        with_scenarios(&world, |scenarios| {
            let more = count - scenarios.len() as u32;
            let at = |n| ScenarioArg {
                vol: 2,
                spot: 2_000_000 + n,
                damping: 1_000_000,
            };
            scenarios.extend((0..more).map(at));
        })
    };
    let (forty, too_many) = (extended(40), extended(41));
    let governor = world.governor;
    let ix = list(&world, too_many);
    let outcome = assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::ParameterOutOfRange,
    );
    assert_logged(&outcome, &["Left: 40", "Right: 41"]);
    let house = world.house;
    let listed = world.list_market(house, forty);
    assert_eq!(world.read::<Market>(&listed.key).scenarios.count, 40);
}

#[test]
fn refuses_ratios_beyond_their_bounds() {
    let mut world = World::new();
    let governor = world.governor;
    let cases = [
        with_params(&world, |p| p.vol_range_up = 5_000_001),
        with_params(&world, |p| p.vol_range_down = 1_000_001),
        with_params(&world, |p| p.vol_floor_seconds = 3_599),
        with_params(&world, |p| p.vol_floor_seconds = 2_592_001),
        with_params(&world, |p| p.vol_min_up = 5_000_001),
        with_params(&world, |p| p.perp_maintenance = 1_000_001),
        with_params(&world, |p| p.perp_initial = u32::MAX),
        with_params(&world, |p| p.option_maintenance = 1_000_001),
        with_params(&world, |p| p.scan_initial = 999_999),
        with_params(&world, |p| p.scan_initial = 3_000_001),
        with_params(&world, |p| p.scan_maintenance = 499_999),
        // inv_07: maintenance never asks for more than initial
        with_params(&world, |p| p.scan_maintenance = 1_000_001),
    ];
    for args in cases {
        let ix = list(&world, args);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[governor],
            MarginError::ParameterOutOfRange,
        );
        assert_logged(&outcome, &["OutOfRange", "value: ", "least: ", "most: "]);
    }
}

#[test]
fn refuses_ages_beyond_their_bounds() {
    let mut world = World::new();
    let governor = world.governor;
    let cases = [
        MarketArgs {
            oracle_max_age: 0,
            ..good(&world)
        },
        MarketArgs {
            oracle_max_age: 61,
            ..good(&world)
        },
        MarketArgs {
            oracle_max_confidence: 0,
            ..good(&world)
        },
        MarketArgs {
            oracle_max_confidence: 50_001,
            ..good(&world)
        },
        MarketArgs {
            surface_max_age: 0,
            ..good(&world)
        },
        MarketArgs {
            surface_max_age: 86_401,
            ..good(&world)
        },
    ];
    for args in cases {
        let ix = list(&world, args);
        assert_refused(
            &mut world,
            &ix,
            &[governor],
            MarginError::ParameterOutOfRange,
        );
    }
    let house = world.house;
    let at_bounds = MarketArgs {
        oracle_max_age: 60,
        oracle_max_confidence: 50_000,
        surface_max_age: 86_400,
        ..good(&world)
    };
    world.list_market(house, at_bounds);
}

#[test]
fn lists_48_markets_and_not_49() {
    let mut world = World::new();
    let (house, governor) = (world.house, world.governor);
    for _ in 2..MAX_MARKETS {
        let args = good(&world);
        world.list_market(house, args);
    }
    let ix = list(&world, good(&world));
    let one_more = ix.replace(seeds::market(&house, 2), seeds::market(&house, MAX_MARKETS));
    let error = MarginError::MarketsFull;
    let outcome = assert_refused(&mut world, &one_more, &[governor], error);
    assert_logged(&outcome, &["Left: 48", "Right: 48"]);
    let state: Clearinghouse = world.read(&house);
    assert_eq!(state.market_count, MAX_MARKETS);
}

#[test]
fn case_08_refuses_an_address_that_is_not_the_next() {
    let mut world = World::new();
    let governor = world.governor;
    let house = world.house;
    for index in [0, 1, 3] {
        let ix = list(&world, good(&world));
        let ix = ix.replace(seeds::market(&house, 2), seeds::market(&house, index));
        assert_refused(&mut world, &ix, &[governor], ErrorCode::ConstraintSeeds);
    }
}

#[test]
fn case_05_refuses_a_bank_in_place_of_the_clearing_house() {
    let mut world = World::new();
    let governor = world.governor;
    let ix = list(&world, good(&world)).replace(world.house, world.usdc.key);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        ErrorCode::AccountDiscriminatorMismatch,
    );
}
