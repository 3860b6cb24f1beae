//! Listing the whole model: bounds of every term, groups of one shape, skew nodes at listed tenors, collateral that offsets.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, ClearinghouseArgs, GroupArgs, HouseRulesArgs, LiquidationArgs,
    MarketArgs, StandardParamsArgs,
};
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, ExpirySlot, MarginAccount, Market as MarketRecord,
};
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, VolShock, MAJOR_GRID, MAJOR_SCENARIOS};
use risk_core::tier::StandardParams;
use sandbox::oracle::{SOL_FEED, USDC_FEED};
use sandbox::{crypto_smile, instructions, World, WorldBuilder, DAY, SOL, START};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, foreign_house, record, write_book};

fn whole() -> World {
    WorldBuilder::whole(0).build()
}

fn house_ix(world: &World, change: impl FnOnce(&mut AccountTermsArgs)) -> Instruction {
    let mut args = ClearinghouseArgs {
        id: 9,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: WorldBuilder::whole(1).terms,
        rules: HouseRulesArgs::PLAIN,
    };
    change(&mut args.terms);
    instructions::initialize_clearinghouse(&world.governor.key, &world.usdc_mint(), args)
}

#[test]
fn a_house_stores_its_terms() {
    let world = whole();
    let house: Clearinghouse = world.read(&world.house);
    let terms = house.account_terms();
    assert_eq!(house.quote_feed_id, USDC_FEED);
    let peg = [terms.peg_threshold, terms.peg_factor].map(|ratio| ratio.raw());
    assert_eq!(peg, [990_000, 4_000_000]);
    let confidence = [terms.confidence.threshold, terms.confidence.factor];
    assert_eq!(confidence.map(|ratio| ratio.raw()), [550_000, 1_000_000]);
    let group = house.groups[0].params();
    assert_eq!(
        [group.kappa, group.offset_cap].map(|r| r.raw()),
        [500_000, 300_000]
    );
    // the markets' sets are in the house as their group's shape
    let market: MarketRecord = world.read(&world.btc.key);
    assert_eq!(
        (market.group, house.groups[0].shape),
        (1, market.scenarios.shape())
    );
    assert_eq!(market.standard_params(), StandardParams::MAJOR);
    assert_eq!(market.params(), MarketParams::BTC);
    assert!(!house.is_plain() && house.has_quote_feed());
}

/// A change that a house refuses or takes.
type Change = fn(&mut AccountTermsArgs);

#[test]
fn a_house_refuses_terms_out_of_bounds() {
    let mut world = World::new();
    let governor = world.governor;
    let beyond: [(Change, &str); 13] = [
        (|t| t.quote_max_age = 0, "Left: 0"),
        (|t| t.quote_max_age = 3_601, "Right: 3601"),
        (|t| t.quote_max_confidence = 0, "Left: 0"),
        (|t| t.quote_max_confidence = 50_001, "Right: 50001"),
        (|t| t.quote_feed_id = [0; 32], "Right: 600"),
        (
            |t| t.peg_threshold = 2_000_001,
            "PegThreshold, value: 2000001",
        ),
        (
            |t| t.peg_factor = 100_000_001,
            "PegFactor, value: 100000001",
        ),
        (
            |t| t.collateral_confidence_threshold = 1_000_001,
            "ConfidenceThreshold",
        ),
        (
            |t| t.collateral_confidence_factor = 2_000_001,
            "ConfidenceFactor",
        ),
        (
            |t| t.portfolio_minimum_equity = -1,
            "MinimumEquity, value: -1",
        ),
        (
            |t| t.portfolio_minimum_equity = 1_000_000_000_000_001,
            "MinimumEquity",
        ),
        (
            |t| t.groups[3].kappa = 1_000_001,
            "GroupKappa, value: 1000001",
        ),
        (
            |t| t.groups[0].offset_cap = 1_000_001,
            "GroupOffsetCap, value: 1000001",
        ),
    ];
    for (change, logged) in beyond {
        let ix = house_ix(&world, change);
        let error = MarginError::ParameterOutOfRange;
        let outcome = assert_refused(&mut world, &ix, &[governor], error);
        assert_logged(&outcome, &[logged]);
    }
    let at_bounds = house_ix(&world, |terms| {
        *terms = AccountTermsArgs {
            quote_feed_id: USDC_FEED,
            quote_max_age: 3_600,
            quote_max_confidence: 50_000,
            peg_threshold: 2_000_000,
            peg_factor: 100_000_000,
            collateral_confidence_threshold: 1_000_000,
            collateral_confidence_factor: 2_000_000,
            portfolio_minimum_equity: 1_000_000_000_000_000,
            groups: [0, 1, 2, 3].map(|_| GroupArgs {
                kappa: 1_000_000,
                offset_cap: 1_000_000,
            }),
        };
    });
    world.send(&[at_bounds], &[governor]).ok();
}

fn market_args(world: &World, scenarios: &[Scenario]) -> MarketArgs {
    world.whole_market_args("ETH", [7; 32], scenarios, &MarketParams::ETH)
}

fn list(world: &World, args: MarketArgs) -> Instruction {
    instructions::initialize_market(&world.governor.key, &world.house, 2, args)
}

#[test]
fn a_market_refuses_terms_out_of_bounds() {
    let mut world = whole();
    let governor = world.governor;
    let range = MarginError::ParameterOutOfRange;
    let standard = |change: fn(&mut StandardParamsArgs)| {
        move |args: &mut MarketArgs| change(&mut args.standard)
    };
    type Cases<'a> = Vec<(Box<dyn Fn(&mut MarketArgs) + 'a>, MarginError, &'a str)>;
    let cases: Cases<'_> = vec![
        (
            Box::new(|a| a.stable_rate = 1_000_001),
            range,
            "Right: 1000001",
        ),
        (
            Box::new(|a| a.group = 5),
            MarginError::GroupUnknown,
            "Right: 4",
        ),
        (
            Box::new(standard(|s| s.initial_perp_share = 1_000_001)),
            range,
            "StandardShare",
        ),
        // maintenance above initial would turn the healths around (INV-07)
        (
            Box::new(standard(|s| s.maintenance_short_floor = 100_001)),
            range,
            "most: 100000",
        ),
        (Box::new(|a| a.terms.skew_linear_base = 0), range, "SkewCap"),
        (
            Box::new(|a| a.terms.discount_short_base = 999_999),
            range,
            "DiscountShortBase",
        ),
        (Box::new(|a| a.terms.basis_up = 999_999), range, "BasisUp"),
        (
            Box::new(|a| a.terms.min_delta_net = 1_000_001),
            range,
            "MinDeltaNet",
        ),
        (
            Box::new(|a| a.terms.confidence_factor = 2_000_001),
            range,
            "ConfidenceFactor",
        ),
        (
            Box::new(|a| a.terms.concentration_delta_cap = 1_000_001),
            range,
            "ConcentrationCap",
        ),
    ];
    for (change, error, logged) in cases {
        let mut args = market_args(&world, &MAJOR_SCENARIOS);
        change(&mut args);
        let ix = list(&world, args);
        let outcome = assert_refused(&mut world, &ix, &[governor], error);
        assert_logged(&outcome, &[logged]);
    }
    let house = world.house;
    let args = market_args(&world, &MAJOR_SCENARIOS);
    world.list_market(house, args);
}

#[test]
fn markets_of_a_group_have_sets_of_one_shape() {
    let mut world = whole();
    let (governor, house) = (world.governor, world.house);
    let mut args = market_args(&world, &MAJOR_GRID);
    let ix = list(&world, args.clone());
    let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::GroupMismatch);
    assert_logged(
        &outcome,
        &["[31, 17, 24, 31, 31, 20, 13, 7], not [33, 17, 24, 31, 32, 20, 13, 7]"],
    );
    // of another group it is the first, and alone it may be anything
    args.group = 4;
    world.list_market(house, args.clone());
    args.group = 0;
    world.list_market(house, args);
    let groups = world.read::<Clearinghouse>(&house).groups;
    assert_eq!(groups[3].shape, [31, 17, 24, 31, 31, 20, 13, 7]);
    assert_eq!(groups[1].shape, [0; 8]);
}

#[test]
fn a_group_moves_its_markets_one_way() {
    // GIVEN a group whose first set has two falls and a rise with volatility up
    let mut world = whole();
    let (governor, house) = (world.governor, world.house);
    let set = |spots: [u32; 3]| {
        let up = spots.map(|spot| Scenario::new(VolShock::Up, spot));
        [up.as_slice(), &[Scenario::new(VolShock::None, 1_000_000)]].concat()
    };
    let args = |world: &World, spots| MarketArgs {
        group: 4,
        ..market_args(world, &set(spots))
    };
    let first = args(&world, [800_000, 900_000, 1_200_000]);
    world.list_market(house, first);
    // WHEN a set joins in which the same indexes rise, or stand still, THEN it is refused: gains would offset what goes the
    // other way
    for spots in [
        [900_000, 1_100_000, 1_200_000],
        [800_000, 1_000_000, 1_200_000],
    ] {
        let args = args(&world, spots);
        let ix = instructions::initialize_market(&governor.key, &house, 3, args);
        assert_refused(&mut world, &ix, &[governor], MarginError::GroupMismatch);
    }
    let farther = args(&world, [700_000, 850_000, 1_500_000]);
    world.list_market(house, farther);
}

#[test]
fn a_skew_node_needs_a_cap_at_every_listed_tenor() {
    // GIVEN a market whose linear cap is gone after a year: 0.25 - 0.25 sqrt(tau)
    let mut world = whole();
    let (governor, house) = (world.governor, world.house);
    let mut args = market_args(&world, &MAJOR_SCENARIOS);
    args.terms.skew_linear_slope = -250_000;
    let market = world.list_market(house, args);
    // WHEN a longer expiry is listed, THEN it is refused, and a shorter one is not
    for (days, refused) in [(365, true), (1_000, true), (364, false)] {
        let ix = instructions::add_expiry(&governor.key, &market, START + days * DAY);
        if refused {
            let error = MarginError::ParameterOutOfRange;
            let outcome = assert_refused(&mut world, &ix, &[governor], error);
            assert_logged(&outcome, &["SkewCap"]);
        } else {
            world.send(&[ix], &[governor]).ok();
        }
    }
}

#[test]
fn a_surface_says_how_far_it_is_to_be_trusted() {
    let mut world = whole();
    let (btc, week, authority) = (world.btc, world.week, world.surface_authority);
    let mut smile = crypto_smile(week, START, 500_000);
    smile.confidence = 1_000_001;
    let ix = instructions::post_vol_surface(&authority.key, &btc, smile.clone());
    let error = MarginError::ParameterOutOfRange;
    let outcome = assert_refused(&mut world, &ix, &[authority], error);
    assert_logged(&outcome, &["Confidence, value: 1000001"]);
    smile.confidence = 700_000;
    world.post_surface(&btc, smile);
    let record: MarketRecord = world.read(&btc.key);
    let slot: &ExpirySlot = &record.expiries[0];
    assert_eq!((slot.confidence, slot.max_age), (700_000, 3_600));
}

fn offset_ix(world: &World, name: &str, args: BankArgs, market: &sandbox::Market) -> Instruction {
    let mint = sandbox::User::named(name).key;
    let governor = world.governor.key;
    instructions::initialize_offset_bank(&governor, &world.house, &mint, args, Some(market.key))
}

#[test]
fn collateral_offsets_a_market_of_its_own_feed_alone() {
    let mut world = whole();
    let governor = world.governor;
    world.create_mint("another SOL", 6);
    let (btc, sol, args) = (world.btc, world.sol, world.sol_bank_args());
    let ix = offset_ix(&world, "another SOL", args.clone(), &btc);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::OffsetFeedMismatch,
    );
    let (_, _, [_, foreign_sol]) = foreign_house(&mut world);
    assert_eq!(foreign_sol.feed_id, SOL_FEED);
    let ix = offset_ix(&world, "another SOL", args.clone(), &foreign_sol);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::ClearinghouseMismatch,
    );
    // collateral and market are read by the same limits, or one would be unreadable before the other
    for (limits, found, wanted) in [
        ((10_001, 60), 10_001, 10_000),
        ((9_999, 60), 9_999, 10_000),
        ((10_000, 59), 59, 60),
    ] {
        let other = BankArgs {
            oracle_max_confidence: limits.0,
            oracle_max_age: limits.1,
            ..args.clone()
        };
        let ix = offset_ix(&world, "another SOL", other, &sol);
        let error = MarginError::ParameterOutOfRange;
        let outcome = assert_refused(&mut world, &ix, &[governor], error);
        let [found, wanted] = [format!("Left: {found}"), format!("Right: {wanted}")];
        assert_logged(&outcome, &[&found, &wanted]);
    }
    let ix = offset_ix(&world, "another SOL", args, &sol);
    world.send(&[ix], &[governor]).ok();
    // nor can the quote asset offset anything: it has no feed
    let other = world.create_clearinghouse(ClearinghouseArgs {
        id: 3,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    });
    let args = world.market_args("SOL", SOL_FEED, &MAJOR_GRID);
    let theirs = world.list_market(other, args);
    let (usdc, quote) = (world.usdc_mint(), world.usdc_bank_args());
    let ix =
        instructions::initialize_offset_bank(&governor.key, &other, &usdc, quote, Some(theirs.key));
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::OffsetFeedMismatch,
    );
}

#[test]
fn the_offset_is_the_amount_in_base_units_floored() {
    let mut bank: CollateralBank = bytemuck::Zeroable::zeroed();
    let offset = |bank: &CollateralBank, amount| bank.offset(amount).map(|q| q.raw());
    for (decimals, amount, base) in [
        (9, 1_999, 1),
        (9, 999, 0),
        (9, u64::MAX, 18_446_744_073_709_551),
        (6, 77, 77),
        (0, 5, 5_000_000),
        (18, 1_000_000_000_000, 1),
    ] {
        bank.decimals = decimals;
        assert_eq!(offset(&bank, amount), Ok(base), "{decimals} {amount}");
    }
    // beyond what a quantity can hold
    for (decimals, amount) in [(6, u64::MAX), (0, u64::MAX / 1_000_000)] {
        bank.decimals = decimals;
        assert!(offset(&bank, amount).is_err(), "{decimals} {amount}");
    }
}

#[test]
fn a_deposit_may_not_widen_an_account_beyond_what_a_check_spans() {
    // GIVEN positions in eight markets that are not SOL's
    let mut world = whole();
    let user = world.user("alice");
    let alice = world.open(&user, 16);
    let records: Vec<_> = (2..10)
        .map(|index| {
            let market = sandbox::Market { index, ..world.btc };
            record(&market, (0, 0, 0), 1, 0)
        })
        .collect();
    write_book(&mut world, &alice, |_: &mut MarginAccount| {}, &records);
    // WHEN collateral would bring SOL's market in as well
    let bank = world.sol_bank;
    world.fund(&user, &bank, SOL);
    let ix = world.deposit_ix(&alice, &bank, SOL);
    let outcome = assert_refused(&mut world, &ix, &[user], MarginError::ScopeTooWide);
    assert_logged(&outcome, &["Left: 9", "Right: 8"]);
    // THEN it is taken where there is room
    write_book(
        &mut world,
        &alice,
        |_: &mut MarginAccount| {},
        &records[1..],
    );
    world.send(&[ix], &[user]).ok();
}
