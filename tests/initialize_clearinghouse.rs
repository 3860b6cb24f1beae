//! `initialize_clearinghouse`: who may create one, with which terms.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{
    AccountTermsArgs, ClearinghouseArgs, HouseRulesArgs, LiquidationArgs,
};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::Clearinghouse;
use sandbox::{instructions, User, World};
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, debts, Bend, Refusal};

fn args(id: u16) -> ClearinghouseArgs {
    ClearinghouseArgs {
        id,
        liquidation: LiquidationArgs::steady(50_000, 100_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    }
}

fn create(world: &World, args: ClearinghouseArgs) -> (Instruction, User) {
    let governor = world.governor;
    (
        instructions::initialize_clearinghouse(&governor.key, &world.usdc_mint(), args),
        governor,
    )
}

#[test]
fn creates_an_empty_clearing_house() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(7));
    world.send(&[ix], &[governor]).ok();
    let house: Clearinghouse = world.read(&seeds::clearinghouse(7));
    assert_eq!(
        (
            house.version,
            house.id,
            house.market_count,
            house.bank_count
        ),
        (1, 7, 0, 0)
    );
    assert_eq!(
        (house.governor, house.quote_mint),
        (governor.key, world.usdc_mint())
    );
    assert_eq!(
        (house.liquidation.discount_start, house.liquidation.buffer),
        (50_000, 100_000)
    );
}

#[test]
fn takes_terms_at_their_bounds_and_refuses_them_beyond() {
    let mut world = World::new();
    let at_bounds = ClearinghouseArgs {
        liquidation: LiquidationArgs::steady(500_000, 1_000_000),
        ..args(7)
    };
    let cases = [
        (500_001, 10_000),
        (0, 9_999),
        (0, 0),
        (0, 1_000_001),
        (u32::MAX, u32::MAX),
    ];
    for (discount, buffer) in cases {
        let beyond = ClearinghouseArgs {
            liquidation: LiquidationArgs::steady(discount, buffer),
            ..args(7)
        };
        let (ix, governor) = create(&world, beyond);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[governor],
            MarginError::ParameterOutOfRange,
        );
        let value = if discount > 500_000 { discount } else { buffer };
        assert_logged(&outcome, &["LiquidationTerms", &format!("value: {value}")]);
    }
    let (ix, governor) = create(&world, at_bounds);
    world.send(&[ix], &[governor]).ok();
}

/// Changes one term.
type Change = fn(&mut LiquidationArgs, u32);

#[test]
fn takes_every_term_of_liquidations_at_its_bounds_and_refuses_it_beyond() {
    let mut world = World::new();
    // each with the rest of the standard terms
    let terms: [(Change, u32, u32); 8] = [
        (|t, v| t.discount_start = v, 0, 300_000),
        (|t, v| t.discount_fast = v, 50_000, 900_000),
        (|t, v| t.fast_seconds = v, 60, 86_400),
        (|t, v| t.slow_seconds = v, 600, 604_800),
        (|t, v| t.insolvent_seconds = v, 60, 86_400),
        (|t, v| t.buffer = v, 10_000, 1_000_000),
        (|t, v| t.legs_fee = v, 0, 50_000),
        (|t, v| t.fund_share = v, 0, 500_000),
    ];
    let with = |change: Change, value| {
        let mut liquidation = LiquidationArgs::STANDARD;
        change(&mut liquidation, value);
        ClearinghouseArgs {
            liquidation,
            ..args(7)
        }
    };
    for (change, least, most) in terms {
        for value in [least.checked_sub(1), most.checked_add(1), Some(u32::MAX)] {
            let Some(value) = value else { continue };
            let (ix, governor) = create(&world, with(change, value));
            let error = MarginError::ParameterOutOfRange;
            let outcome = assert_refused(&mut world, &ix, &[governor], error);
            assert_logged(&outcome, &["LiquidationTerms"]);
        }
        for value in [least, most] {
            let (ix, governor) = create(&world, with(change, value));
            let outcome = world.simulate(&[ix], &[governor]);
            assert!(outcome.error.is_none(), "{value}: {:?}", outcome.logs);
        }
    }
}

#[test]
fn inv_13_refuses_a_fast_phase_whose_bids_would_not_improve_above_maintenance() {
    // 0.8 x (1 + 0.25) is 1.0
    let mut world = World::new();
    let with = |discount_fast, buffer| ClearinghouseArgs {
        liquidation: LiquidationArgs {
            discount_fast,
            buffer,
            ..LiquidationArgs::STANDARD
        },
        ..args(7)
    };
    for (discount_fast, buffer) in [(800_001, 250_000), (800_000, 250_001)] {
        let (ix, governor) = create(&world, with(discount_fast, buffer));
        let error = MarginError::ParameterOutOfRange;
        assert_refused(&mut world, &ix, &[governor], error);
    }
    let (ix, governor) = create(&world, with(800_000, 250_000));
    world.send(&[ix], &[governor]).ok();
}

#[test]
fn refuses_a_quote_mint_without_six_decimals() {
    let mut world = World::new();
    let mint = world.create_mint("nine decimals", 9);
    let governor = world.governor;
    let ix = instructions::initialize_clearinghouse(&governor.key, &mint, args(7));
    let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::QuoteDecimals);
    assert_logged(&outcome, &["Left: 9", "Right: 6"]);
}

#[test]
fn refuses_a_mint_of_another_program() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(7));
    let mint = world.usdc_mint();
    let copy = support::other_program_copy(&mut world, &mint);
    let ix = ix.replace(mint, copy);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        ErrorCode::AccountOwnedByWrongProgram,
    );
}

#[test]
fn refuses_without_signature() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(7));
    let ix = ix.unsigned(governor.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn refuses_another_system_program() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(7));
    let ix = ix.replace(anchor_lang::system_program::ID, anchor_spl::token::ID);
    assert_refused(&mut world, &ix, &[governor], ErrorCode::InvalidProgramId);
}

#[test]
fn case_07_refuses_to_initialise_twice() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(1));
    assert_refused(&mut world, &ix, &[governor], Refusal::Code(0));
}

#[test]
fn case_08_refuses_another_address() {
    let mut world = World::new();
    let (ix, governor) = create(&world, args(7));
    let ix = ix.replace(seeds::clearinghouse(7), seeds::clearinghouse(8));
    assert_refused(&mut world, &ix, &[governor], ErrorCode::ConstraintSeeds);
}

#[test]
fn case_20_lamports_at_the_address_do_not_block_it() {
    let mut world = World::new();
    world
        .svm
        .airdrop(&seeds::clearinghouse(7), 1_000_000)
        .expect("an airdrop");
    let (ix, governor) = create(&world, args(7));
    world.send(&[ix], &[governor]).ok();
}

/// Rules with debts, each value inside its bounds.
fn rules() -> HouseRulesArgs {
    HouseRulesArgs {
        insurance_share: 1_000_000,
        settlement_delay: 86_400,
        settlement_samples: 30,
        debt_limit: 1_000_000_000_000_000,
        debt_account_limit: 1_000_000_000_000_000,
        rate_full: 1_000_000,
        kink: 999_999,
        house_share: 1_000_000,
        ..debts()
    }
}

#[test]
fn takes_rules_at_their_bounds_and_stores_them() {
    let mut world = World::new();
    let (ix, governor) = create(
        &world,
        ClearinghouseArgs {
            rules: rules(),
            ..args(7)
        },
    );
    world.send(&[ix], &[governor]).ok();
    let house: Clearinghouse = world.read(&seeds::clearinghouse(7));
    assert_eq!(house.insurance_share, 1_000_000);
    assert_eq!(
        (house.settlement_delay, house.settlement_samples),
        (86_400, 30)
    );
    let interest = house.interest;
    assert_eq!(
        (interest.account_limit, interest.limit),
        (1_000_000_000_000_000, 1_000_000_000_000_000)
    );
    assert_eq!(
        (interest.rate_base, interest.rate_kink, interest.rate_full),
        (10_000, 80_000, 1_000_000)
    );
    assert_eq!((interest.kink, interest.house_share), (999_999, 1_000_000));
    assert_eq!(
        (interest.debt_index, interest.balance_index),
        (1_000_000_000_000, 1_000_000_000_000)
    );
    assert_eq!(interest.updated_at, world.now());
    // the shortest and the least
    let least = HouseRulesArgs {
        settlement_delay: 60,
        settlement_samples: 1,
        ..HouseRulesArgs::PLAIN
    };
    let (ix, governor) = create(
        &world,
        ClearinghouseArgs {
            rules: least,
            ..args(8)
        },
    );
    world.send(&[ix], &[governor]).ok();
}

#[test]
fn refuses_rules_beyond_their_bounds() {
    let mut world = World::new();
    let bad: [fn(&mut HouseRulesArgs); 14] = [
        |rules| rules.insurance_share = 1_000_001,
        |rules| rules.house_share = 1_000_001,
        |rules| rules.settlement_delay = 59,
        |rules| rules.settlement_delay = 86_401,
        |rules| rules.settlement_samples = 0,
        |rules| rules.settlement_samples = 31,
        |rules| rules.debt_limit = 1_000_000_000_000_001,
        |rules| rules.debt_account_limit = 1_000_000_000_000_001,
        |rules| rules.rate_full = 1_000_001,
        |rules| rules.rate_base = rules.rate_kink + 1,
        |rules| rules.rate_kink = rules.rate_full + 1,
        |rules| rules.kink = 1_000_000,
        |rules| rules.kink = 0,
        // debts without interest
        |rules| {
            (rules.rate_base, rules.rate_kink, rules.rate_full) = (0, 0, 0);
            rules.kink = 0;
        },
    ];
    for (place, bend) in bad.into_iter().enumerate() {
        let mut rules = rules();
        bend(&mut rules);
        let beyond = ClearinghouseArgs { rules, ..args(7) };
        let (ix, governor) = create(&world, beyond);
        println!("rule {place}");
        let error = MarginError::ParameterOutOfRange;
        assert_refused(&mut world, &ix, &[governor], error);
    }
}
