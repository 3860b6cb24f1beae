//! `initialize_bank`: who may list collateral, with which bounds, and whose the vault is.

use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::spl_token::state::Account as TokenAccount;
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, BankRulesArgs, ClearinghouseArgs, HouseRulesArgs, LiquidationArgs,
};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};
use sandbox::{instructions, World};
use support::{assert_logged, assert_refused, Bend, Refusal};

#[test]
fn case_13_lists_a_mint_with_a_vault_that_only_the_bank_moves() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let (house, args) = (world.house, world.sol_bank_args());
    let listed = world.list_bank(house, mint, args);
    let bank: CollateralBank = world.read(&listed.key);
    assert_eq!(
        (bank.version, bank.index, bank.decimals, bank.is_quote),
        (1, 2, 9, 0)
    );
    assert_eq!(
        (bank.clearinghouse, bank.mint, bank.vault),
        (house, mint, listed.vault)
    );
    assert_eq!(
        (bank.haircut_maintenance, bank.haircut_initial),
        (150_000, 50_000)
    );
    assert_eq!(bank.total_deposits, 0);
    assert_eq!(world.read::<Clearinghouse>(&house).bank_count, 3);
    let vault = TokenAccount::unpack(&world.data(&listed.vault)).expect("a token account");
    assert_eq!(
        (vault.owner, vault.mint, vault.amount),
        (listed.key, mint, 0)
    );
    // case 13: nobody else can empty or close the vault
    assert!(vault.delegate.is_none() && vault.close_authority.is_none());
}

#[test]
fn knows_the_quote_bank() {
    let world = World::new();
    let bank: CollateralBank = world.read(&world.usdc.key);
    assert_eq!((bank.is_quote, bank.index, bank.decimals), (1, 0, 6));
}

#[test]
fn refuses_anybody_but_the_governor() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let mallory = world.user("mallory");
    let (house, args) = (world.house, world.sol_bank_args());
    let ix = instructions::initialize_bank(&mallory.key, &house, &mint, args.clone());
    let outcome = assert_refused(&mut world, &ix, &[mallory], MarginError::NotGovernor);
    assert_logged(
        &outcome,
        &[&mallory.key.to_string(), &world.governor.key.to_string()],
    );

    let governor = world.governor;
    let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
    let ix = ix.unsigned(governor.key);
    assert_refused(&mut world, &ix, &[], ErrorCode::AccountNotSigner);
}

#[test]
fn refuses_the_governor_of_another_house() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let mallory = world.user("mallory");
    let args = ClearinghouseArgs {
        id: 9,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    };
    let ix = instructions::initialize_clearinghouse(&mallory.key, &world.usdc_mint(), args);
    world.send(&[ix], &[mallory]).ok();
    let governor = world.governor;
    let args = world.sol_bank_args();
    let ix = instructions::initialize_bank(&governor.key, &seeds::clearinghouse(9), &mint, args);
    assert_refused(&mut world, &ix, &[governor], MarginError::NotGovernor);
}

#[test]
fn refuses_parameters_beyond_their_bounds() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let good = world.sol_bank_args();
    let bad = [
        BankArgs {
            haircut_maintenance: 1_000_001,
            haircut_initial: 0,
            ..good.clone()
        },
        BankArgs {
            haircut_maintenance: 600_000,
            haircut_initial: 400_001,
            ..good.clone()
        },
        BankArgs {
            haircut_maintenance: u32::MAX,
            haircut_initial: u32::MAX,
            ..good.clone()
        },
        BankArgs {
            oracle_max_age: 0,
            ..good.clone()
        },
        BankArgs {
            oracle_max_age: 61,
            ..good.clone()
        },
        BankArgs {
            oracle_max_confidence: 0,
            ..good.clone()
        },
        BankArgs {
            oracle_max_confidence: 50_001,
            ..good.clone()
        },
    ];
    let (house, governor) = (world.house, world.governor);
    for args in bad {
        let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
        let outcome = assert_refused(
            &mut world,
            &ix,
            &[governor],
            MarginError::ParameterOutOfRange,
        );
        assert_logged(&outcome, &["Left: ", "Right: "]);
    }
    let at_bounds = BankArgs {
        haircut_maintenance: 600_000,
        haircut_initial: 400_000,
        oracle_max_age: 60,
        oracle_max_confidence: 50_000,
        deposit_cap: u64::MAX,
        rules: BankRulesArgs::PLAIN,
        ..good
    };
    world.list_bank(house, mint, at_bounds);
}

#[test]
fn refuses_a_haircut_on_the_quote_asset() {
    let mut world = World::new();
    let governor = world.governor;
    let args = ClearinghouseArgs {
        id: 2,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    };
    let house = world.create_clearinghouse(args);
    let args = BankArgs {
        haircut_initial: 1,
        ..world.usdc_bank_args()
    };
    let ix = instructions::initialize_bank(&governor.key, &house, &world.usdc_mint(), args);
    assert_refused(
        &mut world,
        &ix,
        &[governor],
        MarginError::ParameterOutOfRange,
    );
}

#[test]
fn case_60_takes_0_to_18_decimals() {
    let mut world = World::new();
    let (house, governor, args) = (world.house, world.governor, world.sol_bank_args());
    for decimals in [0, 18] {
        let mint = world.create_mint(&format!("{decimals} decimals"), decimals);
        world.list_bank(house, mint, args.clone());
    }
    let mint = world.create_mint("19 decimals", 19);
    let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
    let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::DecimalsTooMany);
    assert_logged(&outcome, &["Left: 18", "Right: 19"]);
}

#[test]
fn case_07_refuses_to_list_a_mint_twice() {
    let mut world = World::new();
    let (house, governor, args) = (world.house, world.governor, world.sol_bank_args());
    let ix = instructions::initialize_bank(&governor.key, &house, &world.sol_bank.mint, args);
    assert_refused(&mut world, &ix, &[governor], Refusal::Code(0));
}

#[test]
fn case_08_refuses_a_vault_at_another_address() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let (house, governor, args) = (world.house, world.governor, world.sol_bank_args());
    let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
    let vault = seeds::vault(&seeds::bank(&house, &mint));
    let ix = ix.replace(vault, world.sol_bank.vault);
    assert_refused(&mut world, &ix, &[governor], ErrorCode::ConstraintSeeds);
}

#[test]
fn case_15_refuses_the_other_token_program() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let (house, governor, args) = (world.house, world.governor, world.sol_bank_args());
    let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
    for (program, error) in [
        (
            anchor_spl::token_2022::ID,
            Refusal::from(MarginError::TokenProgramMismatch),
        ),
        (
            portfolio_margin_interface::ID,
            ErrorCode::InvalidProgramId.into(),
        ),
    ] {
        let ix = ix.clone().replace(anchor_spl::token::ID, program);
        assert_refused(&mut world, &ix, &[governor], error);
    }
}

#[test]
fn refuses_rules_beyond_their_bounds() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let (house, governor) = (world.house, world.governor);
    let plain = BankRulesArgs::PLAIN;
    let limited = BankRulesArgs {
        withdrawal_limit: u64::MAX >> 1,
        withdrawal_window: 60,
        ..plain
    };
    let bad = [
        BankRulesArgs {
            ramp_seconds: 31_536_001,
            ..plain
        },
        BankRulesArgs {
            withdrawal_window: 1, // without a limit
            ..plain
        },
        BankRulesArgs {
            withdrawal_window: 59,
            ..limited
        },
        BankRulesArgs {
            withdrawal_window: 604_801,
            ..limited
        },
        BankRulesArgs {
            withdrawal_limit: 1 << 63,
            ..limited
        },
    ];
    let with = |world: &World, rules| BankArgs {
        rules,
        ..world.sol_bank_args()
    };
    for rules in bad {
        let args = with(&world, rules);
        let ix = instructions::initialize_bank(&governor.key, &house, &mint, args);
        let error = MarginError::ParameterOutOfRange;
        assert_refused(&mut world, &ix, &[governor], error);
    }
    let at_bounds = BankRulesArgs {
        ramp_seconds: 31_536_000,
        withdrawal_window: 604_800,
        account_cap: 1,
        ..limited
    };
    let args = with(&world, at_bounds);
    let bank: CollateralBank = {
        let listed = world.list_bank(house, mint, args);
        world.read(&listed.key)
    };
    assert_eq!(
        (bank.listed_at, bank.ramp_seconds),
        (world.now(), 31_536_000)
    );
    assert_eq!(bank.account_cap, 1);
    assert_eq!(
        (bank.withdrawal_limit, bank.withdrawal_window),
        (u64::MAX >> 1, 604_800)
    );
    assert_eq!((bank.net_outflow, bank.outflow_at), (0, world.now()));
}

#[test]
fn the_quote_bank_has_neither_ramp_nor_price() {
    let mut world = World::new();
    let governor = world.governor;
    let house = world.create_clearinghouse(ClearinghouseArgs {
        id: 2,
        liquidation: LiquidationArgs::steady(0, 10_000),
        terms: AccountTermsArgs::PLAIN,
        rules: HouseRulesArgs::PLAIN,
    });
    let plain = BankRulesArgs::PLAIN;
    for rules in [
        BankRulesArgs {
            ramp_seconds: 1,
            ..plain
        },
        BankRulesArgs {
            oracle_kind: 1,
            ..plain
        },
    ] {
        let args = BankArgs {
            rules,
            ..world.usdc_bank_args()
        };
        let ix = instructions::initialize_bank(&governor.key, &house, &world.usdc_mint(), args);
        let error = MarginError::ParameterOutOfRange;
        assert_refused(&mut world, &ix, &[governor], error);
    }
}

#[test]
fn case_20_lamports_at_the_addresses_do_not_block_it() {
    let mut world = World::new();
    let mint = world.create_mint("a mint", 9);
    let bank = seeds::bank(&world.house, &mint);
    for key in [bank, seeds::vault(&bank)] {
        world.svm.airdrop(&key, 1_000_000).expect("an airdrop");
    }
    world.list_bank(world.house, mint, world.sol_bank_args());
}
