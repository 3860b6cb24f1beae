//! Cases 1, 2, 4, 5, 6, 8, 9, 11, 12, 14, 15, 18 and 19 for every instruction at once: of a transaction that succeeds, each
//! account in turn is replaced by every other account there is, loses its signature or its right to be written, or changes
//! places with another. All of that is refused and changes nothing, but for what the lists below say and why.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use sandbox::{User, World, USDC};
use solana_account::Account;
use solana_instruction::Instruction;
use support::{account_names, foreign_house, instruction_names, known, Bend, Known};

/// What may stand in a place as well, by instruction and the account's name in the program's interface description; and why.
fn may_replace(instruction: &str, account: &str, what: &str) -> Option<&'static str> {
    let why = match (instruction, account, what) {
        ("initialize_clearinghouse", "governor", "signed by mallory") => {
            "whoever creates a clearing house governs it"
        }
        ("initialize_clearinghouse", "quote_mint", _) => "it may be any mint of six decimals",
        ("initialize_bank", "offset_market", "SOL") => "the asset may offset a market of its feed",
        ("add_expiry", "market", "SOL") => "the governor says which",
        ("withdraw_collateral" | "withdraw_fees", "destination", _) => {
            "the signer says who is paid"
        }
        ("deposit_collateral" | "deposit_insurance", "source", _) => "any that the signer spends",
        ("deposit_insurance", "payer", "signed by mallory") => "anybody may give what they spend",
        (
            "start_liquidation" | "stop_liquidation" | "restart_auction" | "auto_deleverage",
            "caller",
            "signed by mallory",
        ) => "anybody may",
        ("venue_fill", "taker", "swapped with 5") => "the venue says who takes and who makes",
        ("update_market", "market", "foreign BTC") => "it is of the same feed",
        ("update_bank" | "report_bank_outage", "bank", "foreign bank") => "anybody may, for any",
        ("update_market", "reference_price", _) => "a market without a regime reads none",
        ("update_interest", "clearinghouse", "foreign clearing house") => "anybody may, for any",
        ("collect_fees", "market", "SOL") => "anybody may, for any of the house",
        ("update_funding", "market", "SOL" | "foreign BTC") => "anybody may, for any",
        ("settle_perp_pnl", "signer", _) => "a loss is paid by anybody's hand",
        ("settle_expiry", "margin_account", "bob's margin account") => "he holds the expiry too",
        (_, "margin_account", "bob's margin account") if is_looking(instruction) => {
            "anybody may look at any, and he holds the same assets"
        }
        _ => return None,
    };
    Some(why)
}

/// Instructions that change nothing.
fn is_looking(instruction: &str) -> bool {
    instruction.starts_with("view_") || instruction.starts_with("assert_")
}

/// An instruction with one thing wrong.
struct Bent {
    /// What, for people.
    what: String,
    /// The place in the instruction.
    place: usize,
    instruction: Instruction,
    signers: Vec<User>,
}

/// Every kind of account, of this clearing house and of others, of this program and of others.
fn others(world: &mut World, mallory: &User) -> Vec<(String, Pubkey)> {
    let (foreign, foreign_bank, [foreign_btc, _]) = foreign_house(world);
    let hers = world.open(mallory, 16).account;
    let (usdc, sol_bank, btc, sol) = (world.usdc, world.sol_bank, world.btc, world.sol);
    world.fund(mallory, &usdc, USDC);
    let named = [
        ("clearing house", world.house),
        ("foreign clearing house", foreign),
        ("quote bank", usdc.key),
        ("SOL bank", sol_bank.key),
        ("foreign bank", foreign_bank.key),
        ("BTC", btc.key),
        ("SOL", sol.key),
        ("foreign BTC", foreign_btc.key),
        (
            "board of BTC",
            portfolio_margin_interface::seeds::board(&btc.key),
        ),
        (
            "board of SOL",
            portfolio_margin_interface::seeds::board(&sol.key),
        ),
        ("mallory's margin account", hers),
        ("mallory", mallory.key),
        ("mallory's USDC", world.wallet(mallory, &usdc)),
        ("mallory's SOL", world.wallet(mallory, &sol_bank)),
        ("quote vault", usdc.vault),
        ("SOL vault", sol_bank.vault),
        ("quote mint", usdc.mint),
        ("SOL mint", sol_bank.mint),
        ("price of BTC", btc.price),
        ("price of SOL", sol.price),
        ("system program", anchor_lang::system_program::ID),
        ("token program", anchor_spl::token::ID),
        ("Token-2022", anchor_spl::token_2022::ID),
        ("this program", portfolio_margin_interface::ID),
        ("nothing", User::named("an address of nothing").key),
    ];
    let mut all: Vec<_> = named.map(|(name, key)| (name.to_string(), key)).into();
    for trader in ["alice", "bob", "keeper"] {
        let owner = User::named(trader);
        let account =
            portfolio_margin_interface::seeds::margin_account(&world.house, &owner.key, 0);
        if world.svm.get_account(&account).is_some() {
            all.push((format!("{trader}'s margin account"), account));
            all.push((format!("{trader}'s USDC"), world.wallet(&owner, &usdc)));
        }
    }
    all
}

/// Copies of an account that other programs own.
fn copies(world: &mut World, place: usize, original: &Pubkey) -> Vec<(String, Pubkey)> {
    let Some(account) = world.svm.get_account(original).filter(|a| !a.executable) else {
        return vec![];
    };
    let strange = User::named("another program").key;
    let owners = [
        ("another program", strange),
        ("the system program", Pubkey::default()),
    ];
    let mut made = vec![];
    for (number, (owner, key)) in owners.into_iter().enumerate() {
        let copy = User::named(&format!("copy {number} of {place}")).key;
        let bytes = Account {
            owner: key,
            ..account.clone()
        };
        world
            .svm
            .set_account(copy, bytes)
            .expect("writing an account");
        made.push((format!("its copy of {owner}"), copy));
    }
    made
}

/// Everything that is tried with one known-good instruction.
fn bend_all(known: &mut Known, mallory: &User) -> Vec<Bent> {
    let pool = others(&mut known.world, mallory);
    let valid = known.instruction().clone();
    let signers = known.signers.clone();
    let mut all = vec![];
    for place in known.skip..valid.accounts.len() {
        let meta = valid.accounts[place].clone();
        let mut push = |what: &str, instruction: Instruction, signers: Vec<User>| {
            let what = what.to_string();
            all.push(Bent {
                what,
                place,
                instruction,
                signers,
            });
        };
        if meta.is_signer {
            let mut bent = valid.clone();
            bent.accounts[place].is_signer = false;
            push("without signature", bent, signers.clone());
            let by_mallory = valid.clone().replace_at(place, mallory.key);
            let mut signers = signers.clone();
            signers.push(*mallory);
            push("signed by mallory", by_mallory, signers);
        }
        if meta.is_writable {
            let mut bent = valid.clone();
            bent.accounts[place].is_writable = false;
            push("read-only", bent, signers.clone());
        }
        let mut tried = pool.clone();
        tried.extend(copies(&mut known.world, place, &meta.pubkey));
        for (name, key) in tried.iter().filter(|(_, key)| *key != meta.pubkey) {
            let mut bent = valid.clone().replace_at(place, *key);
            bent.accounts[place].is_signer = false;
            // a program cannot be written: the runtime would say so
            bent.accounts[place].is_writable &= !is_executable(&known.world, key);
            push(name, bent, signers.clone());
        }
        for other in place + 1..valid.accounts.len() {
            if valid.accounts[other].pubkey == meta.pubkey {
                continue;
            }
            let bent = valid.clone().swapped(place, other);
            push(&format!("swapped with {other}"), bent, signers.clone());
        }
    }
    all
}

fn is_executable(world: &World, key: &Pubkey) -> bool {
    world
        .svm
        .get_account(key)
        .is_some_and(|account| account.executable)
}

/// Only those who are still asked to sign do.
fn who_sign(batch: &[Instruction], signers: &[User]) -> Vec<User> {
    let asked = |user: &&User| {
        let metas = batch.iter().flat_map(|ix| &ix.accounts);
        metas
            .into_iter()
            .any(|meta| meta.is_signer && meta.pubkey == user.key)
    };
    signers.iter().filter(asked).copied().collect()
}

/// All accounts of the program and all that the instructions name, but for who pays the fee.
fn everything(world: &World, bent: &[Bent]) -> BTreeMap<Pubkey, Option<Account>> {
    let programs = world
        .svm
        .get_program_accounts(&portfolio_margin_interface::ID);
    let named = bent.iter().flat_map(|bent| &bent.instruction.accounts);
    let keys = named.map(|meta| meta.pubkey);
    let keys = keys.chain(programs.into_iter().map(|(key, _)| key));
    keys.filter(|key| *key != world.payer.key)
        .map(|key| (key, world.svm.get_account(&key)))
        .collect()
}

/// Tries everything with one instruction; returns what passed though no list allows it, and how many were refused.
fn try_all(name: &str) -> (Vec<String>, usize) {
    let mut known = known(name);
    let names = account_names(name);
    let outcome = known.world.simulate(&known.batch, &known.signers);
    assert!(outcome.error.is_none(), "{name}: {:#?}", outcome.logs);
    let mallory = known.world.user("mallory");
    let all = bend_all(&mut known, &mallory);
    let before = everything(&known.world, &all);
    let (mut passed, mut refused) = (vec![], 0);
    for bent in &all {
        let place = bent.place - known.skip;
        let account = names.get(place).cloned();
        let account = account.unwrap_or_else(|| format!("remaining {}", place - names.len()));
        let batch = known.with(bent.instruction.clone());
        let signers = who_sign(&batch, &bent.signers);
        let outcome = known.world.simulate(&batch, &signers);
        if outcome.error.is_some() {
            known.world.send(&batch, &signers);
            refused += 1;
        } else if !is_allowed(name, &account, &bent.what) {
            passed.push(format!("{name}: {account} {}", bent.what));
        }
    }
    let after = everything(&known.world, &all);
    assert_eq!(
        before, after,
        "{name}: something refused has changed an account"
    );
    (passed, refused)
}

fn is_allowed(name: &str, account: &str, what: &str) -> bool {
    match what {
        "read-only" => may_be_read_only(name, account).is_some(),
        _ => may_replace(name, account, what).is_some(),
    }
}

/// Where the right to write is given by the client for other cases than this one.
fn may_be_read_only(instruction: &str, account: &str) -> Option<&'static str> {
    match (instruction, account) {
        ("settle_expiry" | "settle_perp_pnl", "clearinghouse") => Some("no debt changes"),
        ("bid_insolvent", "loss_market" | "remaining 0") => {
            Some("the loss market is the one that is sold: one of the two is writable")
        }
        _ => None,
    }
}

#[test]
fn every_account_of_every_instruction_is_the_only_one_that_fits() {
    let mut passed = vec![];
    for name in instruction_names() {
        let (more, refused) = try_all(name);
        println!("{name}: {refused} refused, {} passed", more.len());
        assert!(refused > 0, "{name}: nothing was tried");
        passed.extend(more);
    }
    assert!(passed.is_empty(), "these passed:\n{}", passed.join("\n"));
}
