//! The one table of what a margin check must refuse in its remaining accounts.

use anchor_lang::error::ErrorCode;
use portfolio_margin::error::MarginError;
use sandbox::{perpetual, Trader, User, World, BASE, SOL, USDC};
use solana_instruction::Instruction;

use super::scene::{foreign_house, other_program_copy};
use super::{assert_logged, assert_refused, Bend, Refusal};

/// Accounts that a check of [`mixed_book`] takes: SOL bank, its price, BTC, its price, SOL, its price.
pub const MIXED_ACCOUNTS: usize = 6;

/// A world in which alice holds USDC, SOL collateral and a perpetual in both markets against bob, who holds the same.
pub fn mixed_book() -> (World, Trader, Trader) {
    let mut world = World::new();
    let traders = ["alice", "bob"].map(|name| world.trader(name, 100_000 * USDC));
    let (bank, btc, sol) = (world.sol_bank, world.btc, world.sol);
    for trader in &traders {
        world.fund(&trader.user, &bank, 200 * SOL);
        world.deposit(trader, &bank, 100 * SOL).ok();
    }
    let [alice, bob] = traders;
    let settings = world.settings().clone();
    let legs = [
        perpetual(&btc, BASE, settings.btc_price),
        perpetual(&sol, -100 * BASE, settings.sol_price),
    ];
    world.trade(&alice, &bob, &legs).ok();
    (world, alice, bob)
}

/// Bends the last [`MIXED_ACCOUNTS`] accounts of a valid instruction in every way; each is refused by name.
///
/// Cases 4, 5, 6, 16, 17 and 18.
#[track_caller]
pub fn assert_remaining_accounts_are_checked(
    world: &mut World,
    valid: &Instruction,
    signers: &[User],
) {
    let outcome = world.simulate(std::slice::from_ref(valid), signers);
    assert!(
        outcome.error.is_none(),
        "the instruction is not valid: {:?}",
        outcome.logs
    );
    let start = valid.accounts.len() - MIXED_ACCOUNTS;
    let given: Vec<_> = valid.accounts[start..]
        .iter()
        .map(|meta| meta.pubkey)
        .collect();
    let (bank, btc, sol) = (world.sol_bank, world.btc, world.sol);
    let names = [bank.key, bank.price, btc.key, btc.price, sol.key, sol.price];
    assert_eq!(
        given, names,
        "the instruction ends with a check of another book"
    );

    let cases = [
        wrong_numbers(world, valid, start),
        wrong_kinds(world, valid, start),
    ];
    for (name, bent, error) in cases.into_iter().flatten() {
        println!("{name}: {error:?}");
        let outcome = assert_refused(world, &bent, signers, error);
        match name {
            "markets reordered" | "middle market missing" => {
                assert_logged(&outcome, &["Left: 1", "Right: 0"]);
            }
            "last pair twice" => assert_logged(&outcome, &["2 accounts too many"]),
            "quote bank for SOL bank" => assert_logged(&outcome, &["Left: 0", "Right: 1"]),
            _ => {}
        }
    }
}

/// What is wrong, the instruction, and how it must be refused.
type Case = (&'static str, Instruction, Refusal);

/// Too few, too many, twice, or in another order.
fn wrong_numbers(world: &World, valid: &Instruction, start: usize) -> Vec<Case> {
    let end = valid.accounts.len();
    let (bank, btc, sol) = (world.sol_bank, world.btc, world.sol);
    let missing = MarginError::RemainingAccountMissing;
    let (extra, other) = (MarginError::UnexpectedAccount, MarginError::MarketMismatch);
    let kind = ErrorCode::AccountDiscriminatorMismatch;
    let owner = ErrorCode::AccountOwnedByWrongProgram;
    let v = || valid.clone();
    let reordered = v()
        .swapped(start + 2, start + 4)
        .swapped(start + 3, start + 5);
    vec![
        ("nothing", v().without(start..end), missing.into()),
        (
            "last price missing",
            v().without(end - 1..end),
            missing.into(),
        ),
        (
            "last market missing",
            v().without(end - 2..end),
            missing.into(),
        ),
        (
            "middle market missing",
            v().without(start + 2..start + 4),
            other.into(),
        ),
        ("bank missing", v().without(start..start + 2), kind.into()),
        ("one extra", v().append(btc.key), extra.into()),
        (
            "last pair twice",
            v().append(sol.key).append(sol.price),
            extra.into(),
        ),
        (
            "bank twice",
            v().replace_at(start + 2, bank.key),
            kind.into(),
        ),
        (
            "market twice",
            v().replace_at(start + 4, btc.key),
            other.into(),
        ),
        ("markets reordered", reordered, other.into()),
        (
            "market and price swapped",
            v().swapped(start + 2, start + 3),
            owner.into(),
        ),
    ]
}

/// Another price, another house, another program, another type.
fn wrong_kinds(world: &mut World, valid: &Instruction, start: usize) -> Vec<Case> {
    let (bank, btc, sol) = (world.sol_bank, world.btc, world.sol);
    let (_, foreign_bank, [foreign_btc, _]) = foreign_house(world);
    let copy = other_program_copy(world, &btc.key);
    let bystander = world.trader("bystander", 0).account;
    // where an earlier check of the instruction has shown the feed's account, another one is inconsistent
    let shown = valid.accounts[..start]
        .iter()
        .any(|meta| meta.pubkey == btc.price);
    let [feed, no_outage] = match shown {
        true => [MarginError::OracleInconsistent; 2],
        false => [MarginError::OracleFeedMismatch, MarginError::OutageMissing],
    };
    let (house, other) = (
        MarginError::ClearinghouseMismatch,
        MarginError::BankMismatch,
    );
    let kind = ErrorCode::AccountDiscriminatorMismatch;
    let owner = ErrorCode::AccountOwnedByWrongProgram;
    let with = |place, key| valid.clone().replace_at(start + place, key);
    vec![
        ("price of another market", with(3, sol.price), feed.into()),
        ("price of another bank", with(1, btc.price), feed.into()),
        (
            "market of another house",
            with(2, foreign_btc.key),
            house.into(),
        ),
        (
            "bank of another house",
            with(0, foreign_bank.key),
            house.into(),
        ),
        (
            "quote bank for SOL bank",
            with(0, world.usdc.key),
            other.into(),
        ),
        ("copy owned by another program", with(2, copy), owner.into()),
        ("margin account as market", with(2, bystander), kind.into()),
        ("clearing house as bank", with(0, world.house), kind.into()),
        ("market as price", with(3, btc.key), no_outage.into()),
        ("bank as its own price", with(1, bank.key), no_outage.into()),
    ]
}
