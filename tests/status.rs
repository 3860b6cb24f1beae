//! Case 68: every instruction that takes a margin account, in every status, exhaustively.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{BidArgs, GreeksPage};
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use risk_core::tier::Tier;
use sandbox::{dollars, perpetual, Trader, User, World, BASE};
use solana_instruction::Instruction;
use support::{assert_refused, failing_long, liquidating_long};

/// What may happen to an account that fails, by instruction and status.
enum Verdict {
    Allowed,
    Refused(MarginError),
}

use Verdict::{Allowed, Refused};

/// The world, the failing account, its counterparty, a keeper.
type Scene = (World, Trader, Trader, Trader);
/// An instruction on the failing account, ready to send.
type Case = (&'static str, Instruction, Vec<User>);

fn cases(scene: &mut Scene) -> Vec<Case> {
    let (world, alice, bob, keeper) = scene;
    let (btc, bank, now) = (world.btc, world.usdc, dollars(102_000));
    world.fund(&alice.user, &bank, 10);
    let witness = world.report(&alice.account).witness();
    let both = vec![alice.user, bob.user];
    let bid = BidArgs {
        witness: witness.clone(),
        fraction: 10_000_000,
        price_limit: i64::MAX,
    };
    let trade =
        |world: &World, quantity| world.trade_ix(alice, bob, &[perpetual(&btc, quantity, now)]);
    vec![
        (
            "deposit",
            world.deposit_ix(alice, &bank, 1),
            vec![alice.user],
        ),
        (
            "withdraw",
            world.withdraw_ix(alice, &bank, 1),
            vec![alice.user],
        ),
        (
            "trade that adds risk",
            trade(world, BASE / 10),
            both.clone(),
        ),
        ("trade that reduces risk", trade(world, -BASE / 10), both),
        ("view", world.view_margin_ix(&alice.account), vec![]),
        (
            "view of Greeks",
            world.view_greeks_ix(&alice.account, GreeksPage::Account, &[]),
            vec![],
        ),
        (
            "view of a matrix",
            world.view_risk_matrix_ix(&alice.account, btc.index, &[]),
            vec![],
        ),
        (
            "tier that asks for less",
            world.set_tier_ix(alice, Tier::Standard),
            vec![alice.user],
        ),
        (
            "tier that asks for as much",
            world.set_tier_ix(alice, Tier::Portfolio),
            vec![alice.user],
        ),
        (
            "start",
            world.start_liquidation_ix(&keeper.user, &alice.account, &witness),
            vec![keeper.user],
        ),
        (
            "bid",
            world.bid_ix(keeper, &alice.account, bid),
            vec![keeper.user],
        ),
        (
            "stop",
            world.stop_liquidation_ix(&keeper.user, &alice.account),
            vec![keeper.user],
        ),
    ]
}

/// The whole table: what an account below maintenance health lets happen.
fn verdict(name: &str, status: u8) -> Verdict {
    use MarginError as E;
    match (name, status) {
        ("deposit" | "trade that reduces risk", _) => Allowed,
        ("view" | "view of Greeks" | "view of a matrix", _) => Allowed,
        // the Standard tier takes 4 % of a perpetual, and alice still has that
        ("tier that asks for less", STATUS_ACTIVE) => Allowed,
        ("tier that asks for as much", STATUS_ACTIVE) => Refused(E::InitialMarginBreached),
        ("tier that asks for less" | "tier that asks for as much", STATUS_LIQUIDATING) => {
            Refused(E::AccountLiquidating)
        }
        ("withdraw", STATUS_ACTIVE) => Refused(E::InitialMarginBreached),
        ("withdraw", STATUS_LIQUIDATING) => Refused(E::AccountLiquidating),
        ("trade that adds risk", STATUS_ACTIVE) => Refused(E::InitialMarginBreached),
        ("trade that adds risk", STATUS_LIQUIDATING) => Refused(E::RiskNotReduced),
        ("start", STATUS_ACTIVE) => Allowed,
        ("start", STATUS_LIQUIDATING) => Refused(E::AccountLiquidating),
        ("bid", STATUS_ACTIVE) => Refused(E::NotLiquidating),
        ("bid", STATUS_LIQUIDATING) => Allowed,
        ("stop", STATUS_ACTIVE) => Refused(E::NotLiquidating),
        ("stop", STATUS_LIQUIDATING) => Refused(E::BufferMissing),
        (name, status) => panic!("{name} in status {status} is not in the table"),
    }
}

#[test]
fn case_68_every_instruction_in_every_status() {
    for status in [STATUS_ACTIVE, STATUS_LIQUIDATING] {
        let count = cases(&mut failing_long()).len();
        for index in 0..count {
            let mut scene = match status {
                STATUS_LIQUIDATING => liquidating_long(),
                _ => failing_long(),
            };
            let (name, ix, signers) = cases(&mut scene).swap_remove(index);
            println!("{name} in status {status}");
            match verdict(name, status) {
                Allowed => drop(scene.0.send(&[ix], &signers).ok()),
                Refused(error) => drop(assert_refused(&mut scene.0, &ix, &signers, error)),
            }
        }
    }
}

#[test]
fn an_unknown_instruction_is_refused() {
    let (mut world, alice, _, _) = failing_long();
    let mut ix = world.view_margin_ix(&alice.account);
    for data in [vec![], vec![0; 7], vec![0; 8], vec![255; 64]] {
        ix.data = data;
        let fallback = anchor_lang::error::ErrorCode::InstructionFallbackNotFound;
        assert_refused(&mut world, &ix, &[], fallback);
    }
    // cut-off and over-long arguments
    let mut ix = world.deposit_ix(&alice, &world.usdc, 1);
    ix.data.truncate(12);
    let cut = anchor_lang::error::ErrorCode::InstructionDidNotDeserialize;
    assert_refused(&mut world, &ix, &[alice.user], cut);
}
