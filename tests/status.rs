//! Case 68: every instruction that takes a margin account, in every status, exhaustively. The table is checked against the
//! program's own list of instructions: one that is missing here fails.

use std::collections::BTreeSet;

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{
    BidArgs, GreeksPage, HealthKind, LiquidateLegsArgs, MarginAccountArgs,
};
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::seeds::VENUE;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::Clearinghouse;
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::Pubkey;
use risk_core::tier::Tier;
use sandbox::quotes::ed25519;
use sandbox::venue::through;
use sandbox::{
    dollars, instructions, lifecycle, perpetual, settlement, take_of, Trader, User, World, BASE,
    SOL, USDC,
};
use solana_instruction::Instruction;
use support::deleverage::EVERYTHING;
use support::insolvent::insolvent_long;
use support::{
    account_names, assert_batch_refused, assert_refused, failing_long, instruction_names,
    liquidating_long, record, rewrite, write_book,
};

/// What may happen to an account that is below maintenance health.
#[derive(Clone, Copy)]
enum Verdict {
    Allowed,
    Refused(MarginError),
}

use MarginError as E;
use Verdict::{Allowed, Refused};

/// Instruction, what it would do to alice, verdict while she is active, verdict while she is in liquidation.
type Row = (&'static str, &'static str, Verdict, Verdict);

const BREACHED: Verdict = Refused(E::InitialMarginBreached);
const NOT_REDUCED: Verdict = Refused(E::RiskNotReduced);
const LIQUIDATING: Verdict = Refused(E::AccountLiquidating);
const IDLE: Verdict = Refused(E::NotLiquidating);

const TABLE: &[Row] = &[
    ("open_margin_account", "a second one", Allowed, Allowed),
    // the Standard tier takes 4 % of a perpetual, and alice still has that
    ("set_tier", "to Standard", Allowed, LIQUIDATING),
    ("set_tier", "to Portfolio", BREACHED, LIQUIDATING),
    ("set_delegate", "name", Allowed, Allowed),
    ("set_delegate", "take back", Allowed, Allowed),
    ("grow_margin_account", "to 32", Allowed, Allowed),
    (
        "close_margin_account",
        "",
        Refused(E::AccountNotEmpty),
        LIQUIDATING,
    ),
    ("deposit_collateral", "quote", Allowed, Allowed),
    (
        "deposit_collateral",
        "an asset not held",
        Allowed,
        LIQUIDATING,
    ),
    ("withdraw_collateral", "", BREACHED, LIQUIDATING),
    ("trade", "adds risk", BREACHED, NOT_REDUCED),
    ("trade", "reduces risk", Allowed, Allowed),
    ("trade", "adds risk as maker", BREACHED, NOT_REDUCED),
    ("trade", "reduces risk as maker", Allowed, Allowed),
    ("trade", "opens another market", BREACHED, LIQUIDATING),
    // case 69: there is no transfer between accounts of an owner, only a trade
    (
        "trade",
        "takes over from her other account",
        BREACHED,
        NOT_REDUCED,
    ),
    ("open_quotes", "", Allowed, Allowed),
    ("cancel_quotes", "all", Allowed, Allowed),
    ("fill_quote", "adds risk", BREACHED, NOT_REDUCED),
    ("fill_quote", "reduces risk", Allowed, Allowed),
    ("fill_quote", "adds risk as maker", BREACHED, NOT_REDUCED),
    ("fill_quote", "reduces risk as maker", Allowed, Allowed),
    ("approve_venue", "", Allowed, Allowed),
    ("revoke_venue", "", Allowed, Allowed),
    ("venue_fill", "adds risk", BREACHED, NOT_REDUCED),
    ("venue_fill", "reduces risk", Allowed, Allowed),
    ("view_margin", "", Allowed, Allowed),
    ("view_greeks", "", Allowed, Allowed),
    ("view_risk_matrix", "", Allowed, Allowed),
    ("assert_health", "equity", Allowed, Allowed),
    (
        "assert_health",
        "initial",
        Refused(E::HealthBelow),
        Refused(E::HealthBelow),
    ),
    ("assert_sequence", "", Allowed, Allowed),
    ("start_liquidation", "", Allowed, LIQUIDATING),
    ("bid_liquidation", "", IDLE, Allowed),
    ("restart_auction", "", IDLE, Refused(E::HealthBelow)),
    ("prove_insolvency", "", IDLE, Refused(E::AccountSolvent)),
    ("bid_insolvent", "", IDLE, Refused(E::InsolvencyUnproven)),
    ("liquidate_legs", "", IDLE, Allowed),
    ("auto_deleverage", "", IDLE, Refused(E::InsolvencyUnproven)),
    // opposite risk makes her better off, whatever her margin
    ("auto_deleverage", "of bob to her", Allowed, LIQUIDATING),
    ("stop_liquidation", "", IDLE, Refused(E::BufferMissing)),
    (
        "resolve_bankruptcy",
        "with positions",
        Refused(E::NotBankrupt),
        Refused(E::NotBankrupt),
    ),
    ("resolve_bankruptcy", "with a debt alone", Allowed, Allowed),
    ("settle_expiry", "", Allowed, Allowed),
    ("settle_perp_pnl", "", Allowed, Allowed),
];

/// What differs from liquidation once the account is proved insolvent.
const INSOLVENT: &[(&str, &str, Verdict)] = &[
    ("assert_health", "equity", Refused(E::HealthBelow)),
    ("bid_liquidation", "", Refused(E::AccountInsolvent)),
    ("prove_insolvency", "", Allowed),
    ("bid_insolvent", "", Allowed),
    ("auto_deleverage", "", Refused(E::PayoutRunning)),
];

/// The world, the failing account, its counterparty, a keeper.
type Scene = (World, Trader, Trader, Trader);
/// A transaction about the failing account, and who signs.
type Case = (Vec<Instruction>, Vec<User>);

fn case(scene: &mut Scene, name: &str, what: &str) -> Case {
    let made = account_case(scene, name, what)
        .or_else(|| trading_case(scene, name, what))
        .or_else(|| quote_case(scene, name, what))
        .or_else(|| venue_case(scene, name, what))
        .or_else(|| looking_case(scene, name, what).map(|ix| (vec![ix], vec![])))
        .or_else(|| deleverage_case(scene, name, what))
        .or_else(|| liquidation_case(scene, name))
        .or_else(|| time_case(scene, name, what).map(|ix| (vec![ix], vec![])));
    made.unwrap_or_else(|| panic!("{name} {what} cannot be made"))
}

fn account_case(scene: &mut Scene, name: &str, what: &str) -> Option<Case> {
    let (world, alice, bob, _) = scene;
    let (bank, sol_bank) = (world.usdc, world.sol_bank);
    let ix = match (name, what) {
        ("open_margin_account", _) => {
            let args = MarginAccountArgs {
                sub_account: 1,
                capacity: 16,
                tier: 1,
            };
            instructions::open_margin_account(&alice.user.key, &world.house, args)
        }
        ("set_tier", "to Standard") => world.set_tier_ix(alice, Tier::Standard),
        ("set_tier", _) => world.set_tier_ix(alice, Tier::Portfolio),
        ("set_delegate", "name") => {
            lifecycle::set_delegate(alice, bob.user.key, 1, world.now() + 1)
        }
        ("set_delegate", _) => lifecycle::set_delegate(alice, Pubkey::default(), 0, 0),
        ("grow_margin_account", _) => lifecycle::grow_margin_account(alice, 32),
        ("close_margin_account", _) => lifecycle::close_margin_account(alice),
        ("deposit_collateral", "quote") => {
            world.fund(&alice.user, &bank, 1);
            world.deposit_ix(alice, &bank, 1)
        }
        ("deposit_collateral", _) => {
            world.fund(&alice.user, &sol_bank, SOL);
            world.deposit_ix(alice, &sol_bank, SOL)
        }
        ("withdraw_collateral", _) => world.withdraw_ix(alice, &bank, 1),
        _ => return None,
    };
    Some((vec![ix], vec![alice.user]))
}

/// What alice buys, 1e-6 base units.
fn size(what: &str) -> i64 {
    match what.starts_with("reduces") {
        true => -BASE / 10,
        false => BASE / 10,
    }
}

fn trading_case(scene: &mut Scene, name: &str, what: &str) -> Option<Case> {
    if name != "trade" {
        return None;
    }
    let (world, alice, bob, _) = scene;
    let (btc, price) = (world.btc, dollars(102_000));
    let both = vec![alice.user, bob.user];
    let legs = match what {
        "opens another market" => vec![perpetual(&world.sol, BASE, world.settings().sol_price)],
        _ => vec![perpetual(&btc, size(what), price)],
    };
    if what.ends_with("as maker") {
        let legs = [perpetual(&btc, -size(what), price)];
        return Some((vec![world.trade_ix(bob, alice, &legs)], both));
    }
    if what == "takes over from her other account" {
        let (other, bank) = (world.open_sub_account(&alice.user, 1, 16), world.usdc);
        world.fund(&alice.user, &bank, 200_000 * USDC);
        world.deposit(&other, &bank, 200_000 * USDC).ok();
        return Some((vec![world.trade_ix(alice, &other, &legs)], vec![alice.user]));
    }
    Some((vec![world.trade_ix(alice, bob, &legs)], both))
}

fn quote_case(scene: &mut Scene, name: &str, what: &str) -> Option<Case> {
    let (world, alice, bob, _) = scene;
    let (btc, price) = (world.btc, dollars(102_000));
    let (taker, maker) = match what.ends_with("as maker") {
        true => (&*bob, &*alice),
        false => (&*alice, &*bob),
    };
    match name {
        "open_quotes" => Some((vec![world.open_quotes_ix(alice)], vec![alice.user])),
        "cancel_quotes" => {
            world.open_quotes(alice).ok();
            let ix = world.cancel_quotes_ix(&alice.user, alice, QuoteCancel::All);
            Some((vec![ix], vec![alice.user]))
        }
        "fill_quote" => {
            let buys = match what.ends_with("as maker") {
                true => -size(what),
                false => size(what),
            };
            world.open_quotes(maker).ok();
            let quote = world.quote(maker, 1, &[perpetual(&btc, buys, price)]);
            let fill = world.fill_quote_ix(taker, maker, &quote, 1);
            let signed = ed25519(&maker.user, &quote.encode());
            Some((vec![signed, fill], vec![taker.user]))
        }
        _ => None,
    }
}

fn venue_case(scene: &mut Scene, name: &str, what: &str) -> Option<Case> {
    let (world, alice, bob, _) = scene;
    if !matches!(name, "approve_venue" | "revoke_venue" | "venue_fill") {
        return None;
    }
    let (btc, price) = (world.btc, dollars(102_000));
    let venue = world.add_hostile_venue("venue");
    world.list_venue(&venue).ok();
    let approve = world.approve_venue_ix(alice, &venue);
    if name == "approve_venue" {
        return Some((vec![approve], vec![alice.user]));
    }
    for trader in [&*alice, &*bob] {
        world.approve_venue(trader, &venue).ok();
    }
    if name == "revoke_venue" {
        return Some((vec![world.revoke_venue_ix(alice, &venue)], vec![alice.user]));
    }
    let inner = world.venue_fill_ix(&venue, alice, bob, &[perpetual(&btc, size(what), price)]);
    Some((
        vec![through(&venue, (VENUE, &world.house), &inner, 1)],
        vec![],
    ))
}

fn looking_case(scene: &mut Scene, name: &str, what: &str) -> Option<Instruction> {
    let (world, alice, ..) = scene;
    let at = world.account(&alice.account).0.sequence;
    Some(match (name, what) {
        ("view_margin", _) => world.view_margin_ix(&alice.account),
        ("view_greeks", _) => world.view_greeks_ix(&alice.account, GreeksPage::Account, &[]),
        ("view_risk_matrix", _) => world.view_risk_matrix_ix(&alice.account, world.btc.index, &[]),
        ("assert_health", "equity") => {
            world.assert_health_ix(&alice.account, HealthKind::Equity, 0)
        }
        ("assert_health", _) => world.assert_health_ix(&alice.account, HealthKind::Initial, 0),
        ("assert_sequence", _) => lifecycle::assert_sequence(&alice.account, at, at),
        _ => return None,
    })
}

fn deleverage_case(scene: &mut Scene, name: &str, what: &str) -> Option<Case> {
    let (world, alice, bob, keeper) = scene;
    if name != "auto_deleverage" {
        return None;
    }
    let sides = match what {
        "of bob to her" => {
            rewrite::<MarginAccount>(world, &bob.account, |header| {
                (header.status, header.insolvent_at) = (STATUS_LIQUIDATING, 1);
                header.cash = -300_000 * USDC as i64;
            });
            [bob.account, alice.account]
        }
        _ => [alice.account, bob.account],
    };
    let ix = world.auto_deleverage_ix(&keeper.user, &sides[0], &sides[1], EVERYTHING);
    Some((vec![ix], vec![keeper.user]))
}

fn liquidation_case(scene: &mut Scene, name: &str) -> Option<Case> {
    let (world, alice, _, keeper) = scene;
    let witness = world.report(&alice.account).witness();
    let bid = BidArgs {
        witness: witness.clone(),
        fraction: 10_000_000,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let ix = match name {
        "start_liquidation" => world.start_liquidation_ix(&keeper.user, &alice.account, &witness),
        "bid_liquidation" => world.bid_ix(keeper, &alice.account, bid),
        "restart_auction" => world.restart_auction_ix(&keeper.user, &alice.account),
        "prove_insolvency" => {
            let ix = world.prove_insolvency_ix(&alice.account, &witness);
            return Some((vec![ix], vec![]));
        }
        "bid_insolvent" => world.bid_insolvent_ix(keeper, &alice.account, bid),
        "liquidate_legs" => {
            let perpetual = world.account(&alice.account).1[0];
            let args = LiquidateLegsArgs {
                witness,
                legs: vec![take_of(&perpetual, perpetual.quantity / 20)],
                fee: 0,
                minimum: 0,
                price_limit: i64::MAX,
            };
            world.legs_ix(keeper, &alice.account, args)
        }
        "stop_liquidation" => world.stop_liquidation_ix(&keeper.user, &alice.account),
        _ => return None,
    };
    Some((vec![ix], vec![keeper.user]))
}

fn time_case(scene: &mut Scene, name: &str, what: &str) -> Option<Instruction> {
    let (world, alice, ..) = scene;
    let (btc, week, price) = (world.btc, world.week, dollars(102_000));
    match name {
        "settle_perp_pnl" => Some(settlement::settle_perp_pnl(&alice.account, &btc)),
        "resolve_bankruptcy" => {
            if what == "with a debt alone" {
                write_book(world, alice, |header| header.cash = -5, &[]);
                let house = world.house;
                rewrite(world, &house, |house: &mut Clearinghouse| {
                    house.interest.debts = 5;
                });
            }
            Some(world.resolve_bankruptcy_ix(&alice.account))
        }
        "settle_expiry" => {
            let (_, mut held) = world.account(&alice.account);
            held.push(record(&btc, (2, week, dollars(200_000)), BASE / 10, 0));
            write_book(world, alice, |_| (), &held);
            world.expire(&btc, week, price);
            Some(settlement::settle_expiry(&alice.account, &btc, week))
        }
        _ => None,
    }
}

#[test]
fn case_68_every_instruction_in_every_status() {
    for (name, what, active, liquidating) in TABLE {
        let mut differs = INSOLVENT
            .iter()
            .filter(|row| (row.0, row.1) == (*name, *what));
        let insolvent = differs.next().map_or(liquidating, |row| &row.2);
        for (begin, verdict) in [
            (failing_long as fn() -> Scene, active),
            (liquidating_long, liquidating),
            (|| insolvent_long(0), insolvent),
        ] {
            let mut scene = begin();
            let status = scene.0.account(&scene.1.account).0.status;
            println!("{name} {what} in status {status}");
            let (batch, signers) = case(&mut scene, name, what);
            match *verdict {
                Allowed => drop(scene.0.send(&batch, &signers).ok()),
                Refused(error) => {
                    drop(assert_batch_refused(&mut scene.0, &batch, &signers, error));
                }
            }
        }
    }
}

#[test]
fn case_68_the_table_has_every_instruction_that_takes_a_margin_account() {
    let in_table: BTreeSet<_> = TABLE.iter().map(|(name, ..)| *name).collect();
    let takes = |name: &&str| {
        let accounts = account_names(name);
        let kinds = [
            "margin_account",
            "taker",
            "maker",
            "liquidator",
            "liquidatee",
        ];
        accounts.iter().any(|account| kinds.contains(&&**account))
    };
    let taking: BTreeSet<_> = instruction_names().into_iter().filter(takes).collect();
    assert_eq!(in_table, taking);
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
