//! Mints of Token-2022, made by the real program with every extension it has: which are listed, and that a listed one works.

use anchor_lang::prelude::Pubkey;
use anchor_spl::token_2022::spl_token_2022::extension::{self, ExtensionType};
use anchor_spl::token_2022::spl_token_2022::state::{AccountState, Mint};
use anchor_spl::token_2022::spl_token_2022::{instruction, ID as TOKEN_2022};
use portfolio_margin::error::MarginError;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};
use sandbox::{instructions, Bank, Trader, User, World, BASE, SOL, USDC};
use solana_account::Account;
use solana_instruction::Instruction;
use support::{assert_logged, assert_refused, rewrite, Bend, Refusal};

/// The program's code for a frozen account.
const ACCOUNT_FROZEN: Refusal = Refusal::Code(17);

/// What brings a mint an extension before it is a mint.
fn initialize(kind: ExtensionType, mint: &Pubkey, who: &Pubkey) -> Option<Instruction> {
    let (id, some) = (&TOKEN_2022, Some(*who));
    let made = match kind {
        ExtensionType::TransferFeeConfig => {
            extension::transfer_fee::instruction::initialize_transfer_fee_config(
                id,
                mint,
                Some(who),
                Some(who),
                0,
                0,
            )
        }
        ExtensionType::MintCloseAuthority => {
            instruction::initialize_mint_close_authority(id, mint, Some(who))
        }
        ExtensionType::ConfidentialTransferMint => {
            extension::confidential_transfer::instruction::initialize_mint(
                id, mint, some, true, None,
            )
        }
        ExtensionType::DefaultAccountState => {
            extension::default_account_state::instruction::initialize_default_account_state(
                id,
                mint,
                &AccountState::Initialized,
            )
        }
        ExtensionType::NonTransferable => {
            instruction::initialize_non_transferable_mint(id, mint)
        }
        ExtensionType::InterestBearingConfig => {
            extension::interest_bearing_mint::instruction::initialize(id, mint, some, 100)
        }
        ExtensionType::PermanentDelegate => {
            instruction::initialize_permanent_delegate(id, mint, who)
        }
        ExtensionType::TransferHook => {
            extension::transfer_hook::instruction::initialize(id, mint, some, some)
        }
        ExtensionType::ConfidentialTransferFeeConfig => {
            extension::confidential_transfer_fee::instruction::initialize_confidential_transfer_fee_config(
                id,
                mint,
                some,
                &Default::default(),
            )
        }
        ExtensionType::MetadataPointer => {
            extension::metadata_pointer::instruction::initialize(id, mint, some, Some(*mint))
        }
        ExtensionType::GroupPointer => {
            extension::group_pointer::instruction::initialize(id, mint, some, Some(*mint))
        }
        ExtensionType::GroupMemberPointer => {
            extension::group_member_pointer::instruction::initialize(id, mint, some, Some(*mint))
        }
        ExtensionType::ConfidentialMintBurn => {
            extension::confidential_mint_burn::instruction::initialize_mint(
                id,
                mint,
                &Default::default(),
                &Default::default(),
            )
        }
        ExtensionType::ScaledUiAmount => {
            extension::scaled_ui_amount::instruction::initialize(id, mint, some, 2.0)
        }
        ExtensionType::Pausable => extension::pausable::instruction::initialize(id, mint, who),
        _ => return None,
    };
    Some(made.expect("an instruction"))
}

/// A mint of nine decimals with extensions; the governor mints and freezes.
fn mint_with(world: &mut World, name: &str, kinds: &[ExtensionType]) -> Pubkey {
    let (mint, governor) = (User::named(name).key, world.governor);
    let space = ExtensionType::try_calculate_account_len::<Mint>(kinds).expect("a length");
    let account = Account {
        lamports: world.svm.minimum_balance_for_rent_exemption(space + 1_000),
        data: vec![0; space],
        owner: TOKEN_2022,
        executable: false,
        rent_epoch: u64::MAX,
    };
    world.svm.set_account(mint, account).expect("an account");
    let mut all: Vec<_> = kinds
        .iter()
        .map(|kind| initialize(*kind, &mint, &governor.key).expect("an extension of mints"))
        .collect();
    let who = governor.key;
    all.push(instruction::initialize_mint2(&TOKEN_2022, &mint, &who, Some(&who), 9).expect("one"));
    for ix in all {
        world.send(&[ix], &[governor]).ok();
    }
    mint
}

/// Gives a mint metadata of its own.
fn add_metadata(world: &mut World, mint: &Pubkey) {
    let governor = world.governor;
    let text = |text: &str| text.to_string();
    let ix = spl_token_metadata_interface::instruction::initialize(
        &TOKEN_2022,
        mint,
        &governor.key,
        mint,
        &governor.key,
        text("a token"),
        text("TOKEN"),
        text("somewhere"),
    );
    world.send(&[ix], &[governor]).ok();
}

fn listing(world: &World, mint: &Pubkey) -> Instruction {
    let governor = world.governor.key;
    let args = world.sol_bank_args();
    let ix = instructions::initialize_bank(&governor, &world.house, mint, args);
    instructions::with_token_program(ix, &TOKEN_2022)
}

/// A listed Token-2022 bank at the price of SOL, and alice with 100 coins in her wallet.
fn listed(kinds: &[ExtensionType]) -> (World, Bank, Trader) {
    let mut world = World::new();
    let mint = mint_with(&mut world, "a token", kinds);
    let bank = world.list_bank(world.house, mint, world.sol_bank_args());
    let alice = world.trader("alice", 50_000 * USDC);
    let wallet = world.wallet(&alice.user, &bank);
    world.create_token_account(wallet, mint, alice.user.key);
    world.fund(&alice.user, &bank, 100 * SOL);
    (world, bank, alice)
}

#[test]
fn case_53_54_refuses_every_extension_that_touches_what_a_vault_holds() {
    let mut world = World::new();
    let governor = world.governor;
    use ExtensionType as Kind;
    let bad: [(&[Kind], u16); 13] = [
        (&[Kind::TransferFeeConfig], 1), // also with a fee of zero: it may be raised
        (&[Kind::MintCloseAuthority], 3),
        (&[Kind::ConfidentialTransferMint], 4),
        (&[Kind::DefaultAccountState], 6),
        (&[Kind::NonTransferable], 9),
        (&[Kind::InterestBearingConfig], 10),
        (&[Kind::PermanentDelegate], 12),
        (&[Kind::TransferHook], 14),
        (
            &[
                Kind::TransferFeeConfig,
                Kind::ConfidentialTransferMint,
                Kind::ConfidentialTransferFeeConfig,
            ],
            1,
        ),
        (
            &[Kind::ConfidentialTransferMint, Kind::ConfidentialMintBurn],
            4,
        ),
        (&[Kind::ScaledUiAmount], 25),
        (&[Kind::Pausable], 26),
        // behind one that is allowed
        (&[Kind::MetadataPointer, Kind::PermanentDelegate], 12),
    ];
    for (place, (kinds, number)) in bad.into_iter().enumerate() {
        let mint = mint_with(&mut world, &format!("bad token {place}"), kinds);
        let ix = listing(&world, &mint);
        let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::MintExtension);
        assert_logged(&outcome, &[&format!("Left: {number}"), "Right: 0"]);
    }
}

#[test]
fn case_54_refuses_extensions_that_nobody_knows() {
    let mut world = World::new();
    let governor = world.governor;
    for number in [16u16, 24, 28, 29, 999, u16::MAX] {
        let mint = mint_with(&mut world, "a token", &[ExtensionType::MetadataPointer]);
        let mut account = world.svm.get_account(&mint).expect("the mint");
        let entry = [number.to_le_bytes(), 4u16.to_le_bytes(), [0; 2], [0; 2]].concat();
        account.data.extend(entry);
        world.svm.set_account(mint, account).expect("writing it");
        let ix = listing(&world, &mint);
        let outcome = assert_refused(&mut world, &ix, &[governor], MarginError::MintExtension);
        assert_logged(&outcome, &[&format!("Left: {number}")]);
    }
}

#[test]
fn lists_mints_without_extensions_and_with_what_only_describes_them() {
    let mut world = World::new();
    use ExtensionType as Kind;
    let plain = mint_with(&mut world, "plain", &[]);
    let pointer = mint_with(&mut world, "pointer", &[Kind::MetadataPointer]);
    let described = mint_with(&mut world, "described", &[Kind::MetadataPointer]);
    add_metadata(&mut world, &described);
    let (governor, group) = (world.governor, Kind::GroupPointer);
    let group = mint_with(&mut world, "group", &[group]);
    let ix = spl_token_group_interface::instruction::initialize_group(
        &TOKEN_2022,
        &group,
        &group,
        &governor.key,
        Some(governor.key),
        10,
    );
    world.send(&[ix], &[governor]).ok();
    let member = mint_with(&mut world, "member", &[Kind::GroupMemberPointer]);
    let ix = spl_token_group_interface::instruction::initialize_member(
        &TOKEN_2022,
        &member,
        &member,
        &governor.key,
        &group,
        &governor.key,
    );
    world.send(&[ix], &[governor]).ok();
    for mint in [plain, pointer, described, group, member] {
        let bank = world.list_bank(world.house, mint, world.sol_bank_args());
        // case 13: only the bank moves or closes the vault
        let data = world.data(&bank.vault);
        assert_eq!(data.len(), 165);
        assert_eq!(
            world.svm.get_account(&bank.vault).expect("it").owner,
            TOKEN_2022
        );
        let word = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(data[32..64], bank.key.to_bytes(), "owner");
        assert_eq!(
            (word(72), word(129)),
            (0, 0),
            "no delegate, no close authority"
        );
    }
}

#[test]
fn a_listed_mint_is_collateral_like_any_other() {
    let (mut world, bank, alice) = listed(&[ExtensionType::MetadataPointer]);
    let mint = bank.mint;
    add_metadata(&mut world, &mint);
    let bob = world.trader("bob", 50_000 * USDC);
    let (btc, price) = (world.btc, world.settings().btc_price);
    let deposit = world.deposit(&alice, &bank, 100 * SOL).ok();
    assert!(
        deposit
            .compute_units_of("deposit_collateral")
            .expect("it ran")
            < 40_000
    );
    assert_eq!(world.token_balance(&bank.vault), 100 * SOL);
    assert_eq!(world.balance(&alice, &bank), 100 * SOL as i64);
    let leg = sandbox::perpetual(&btc, BASE, price);
    world.trade(&alice, &bob, &[leg]).ok();
    let report = world.report(&alice.account).margin;
    assert_eq!(report.collateral.raw(), world.settings().sol_price as i64);
    assert_eq!(world.view_margin(&alice.account).0.report(), report);
    world.withdraw(&alice, &bank, 40 * SOL).ok();
    assert_eq!(world.token_balance(&bank.vault), 60 * SOL);
    assert!(world.reconcile().is_exact());
}

#[test]
fn case_15_refuses_the_legacy_program_for_it() {
    let (mut world, bank, alice) = listed(&[]);
    world.deposit(&alice, &bank, 10).ok();
    let legacy = anchor_spl::token::ID;
    let error = MarginError::TokenProgramMismatch;
    for ix in [
        world.deposit_ix(&alice, &bank, 1),
        world.withdraw_ix(&alice, &bank, 1),
    ] {
        let ix = ix.replace(TOKEN_2022, legacy);
        assert_refused(&mut world, &ix, &[alice.user], error);
    }
    let mint = mint_with(&mut world, "another", &[]);
    let ix = listing(&world, &mint).replace(TOKEN_2022, legacy);
    let governor = world.governor;
    assert_refused(&mut world, &ix, &[governor], error);
}

#[test]
fn case_55_a_frozen_vault_or_wallet_changes_nothing() {
    let (mut world, bank, alice) = listed(&[]);
    world.deposit(&alice, &bank, 10).ok();
    let governor = world.governor;
    let wallet = world.wallet(&alice.user, &bank);
    let both = |world: &World| {
        [
            world.deposit_ix(&alice, &bank, 1),
            world.withdraw_ix(&alice, &bank, 1),
        ]
    };
    for account in [bank.vault, wallet] {
        let freeze =
            instruction::freeze_account(&TOKEN_2022, &account, &bank.mint, &governor.key, &[]);
        world.send(&[freeze.expect("one")], &[governor]).ok();
        for ix in both(&world) {
            assert_refused(&mut world, &ix, &[alice.user], ACCOUNT_FROZEN);
        }
        let thaw = instruction::thaw_account(&TOKEN_2022, &account, &bank.mint, &governor.key, &[]);
        world.send(&[thaw.expect("one")], &[governor]).ok();
    }
    for ix in both(&world) {
        world.send(&[ix], &[alice.user]).ok();
    }
}

#[test]
fn case_53_a_fee_that_nobody_could_list_is_caught_at_the_vault() {
    // GIVEN a bank whose mint has grown a fee of 1 %, which the program cannot do: what if it could
    let (mut world, bank, alice) = listed(&[]);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    let twin = mint_with(&mut world, "twin", &[ExtensionType::TransferFeeConfig]);
    let governor = world.governor;
    let raise = extension::transfer_fee::instruction::set_transfer_fee(
        &TOKEN_2022,
        &twin,
        &governor.key,
        &[],
        100,
        u64::MAX,
    );
    world.send(&[raise.expect("one")], &[governor]).ok();
    let mut with_fee = world.svm.get_account(&twin).expect("the mint");
    // both fees of the extension at once: the older is in force for two epochs
    let at = 166 + 4 + 32 + 32 + 8;
    let (older, newer) = (at, at + 18);
    let fee = with_fee.data[newer + 8..newer + 18].to_vec();
    with_fee.data[older + 8..older + 18].copy_from_slice(&fee);
    world.svm.set_account(bank.mint, with_fee).expect("writing");
    for key in [bank.vault, world.wallet(&alice.user, &bank)] {
        let mut account = world.svm.get_account(&key).expect("a token account");
        // the account's share of the extension: no fee withheld yet
        account.data.push(2);
        account
            .data
            .extend([2u16.to_le_bytes(), 8u16.to_le_bytes()].concat());
        account.data.extend([0; 8]);
        world.svm.set_account(key, account).expect("writing");
    }
    // THEN a deposit that would bring 99 of 100 is refused, and 100 that leave are still 100 for the vault
    let ix = world.deposit_ix(&alice, &bank, 100);
    let error = MarginError::VaultDeltaMismatch;
    let outcome = assert_refused(&mut world, &ix, &[alice.user], error);
    assert_logged(&outcome, &["Left: 99", "Right: 100"]);
    world.withdraw(&alice, &bank, 100).ok();
    assert_eq!(world.token_balance(&bank.vault), 10 * SOL - 100);
}

#[test]
fn case_56_a_donation_changes_no_claim() {
    let (mut world, bank, alice) = listed(&[]);
    world.deposit(&alice, &bank, 10).ok();
    world.mint_to(&bank.mint, &bank.vault, 1_000);
    let books = world.reconcile();
    assert!(books.is_exact_but_for_donations());
    assert_eq!(books.donations(), 1_000);
    assert_eq!(world.read::<CollateralBank>(&bank.key).total_deposits, 10);
    let ix = world.withdraw_ix(&alice, &bank, 11);
    let error = MarginError::BalanceInsufficient;
    assert_refused(&mut world, &ix, &[alice.user], error);
}

#[test]
fn case_20_lamports_at_the_vault_do_not_block_it() {
    let mut world = World::new();
    let mint = mint_with(&mut world, "a token", &[]);
    let vault = seeds::vault(&seeds::bank(&world.house, &mint));
    // less than its rent, and more
    world.svm.airdrop(&vault, 1_000_000).expect("an airdrop");
    world.list_bank(world.house, mint, world.sol_bank_args());
    let mint = mint_with(&mut world, "another", &[]);
    let vault = seeds::vault(&seeds::bank(&world.house, &mint));
    world.svm.airdrop(&vault, 10_000_000_000).expect("one");
    world.list_bank(world.house, mint, world.sol_bank_args());
}

#[test]
fn deposits_cost_less_than_40_k_compute_units() {
    let (mut world, token, alice) = listed(&[ExtensionType::MetadataPointer]);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    // the dearest: a mint with metadata behind it, a limiter, and a debt that pays interest
    add_metadata(&mut world, &token.mint);
    for bank in [usdc, sol, token] {
        world.fund(&alice.user, &bank, 100 * SOL);
        rewrite::<CollateralBank>(&mut world, &bank.key, |bank| {
            bank.withdrawal_limit = 1_000;
            bank.withdrawal_window = 600;
        });
        world.deposit(&alice, &bank, 2).ok();
    }
    let house = world.house;
    rewrite::<Clearinghouse>(&mut world, &house, |house| {
        house.interest.debts = 1_000_000_000;
        (house.interest.rate_base, house.interest.kink) = (1, 1);
    });
    for (name, bank) in [("cash", usdc), ("SOL", sol), ("Token-2022", token)] {
        world.advance(100);
        for (what, outcome) in [
            ("deposit", world.deposit(&alice, &bank, 1).ok()),
            ("withdraw", world.withdraw(&alice, &bank, 1).ok()),
        ] {
            let units = outcome.instructions[0].1;
            println!("{what} {name}: {units} CU");
            assert!(units < 40_000, "{what} {name}: {units}");
        }
    }
}
