//! The client's own view of an account is the program's `view_margin` to the bit: over 1,000 random accounts, in calm and in every
//! weather that makes prices doubtful or useless, from the bytes of accounts alone.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use anchor_lang::prelude::Pubkey;
use client_core::plan::{plan_bid, plan_insolvent_bid, Bidder, Limits};
use client_core::{AccountData, Directory, Evaluator, Inputs, ReportError, Scope};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::instructions::ViewMargin;
use portfolio_margin_interface::state::margin_account::MAX_CAPACITY;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, Market};
use portfolio_margin_interface::view::{MarginView, View};
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN, ID};
use risk_core::Price;
use sandbox::Model;
use solana_account::Account;
use support::client::{account_data, gather, Fetched};
use support::Random;

mod pages;
mod scene;
use pages::{Pages, Subject};
use scene::Scene;

/// Scenes, and accounts in each.
const SCENES: u64 = 30;
const ACCOUNTS: usize = 100;
/// Accounts whose pages are compared, of ten scenes each; 22 pages each.
const PAGED: usize = 15;

/// What was seen of each kind.
#[derive(Debug, Default)]
struct Tally {
    /// Accounts that the program described, by tier.
    described: [usize; 2],
    /// Accounts that it refused, by error.
    refused: BTreeMap<ErrorCode, usize>,
    /// Doubts and refusals to open, by error.
    doubts: BTreeMap<ErrorCode, usize>,
    refusals: BTreeMap<ErrorCode, usize>,
    /// Instruments of the positions in accounts that were described.
    instruments: BTreeSet<u8>,
    /// Accounts described with debts, with offsetting collateral, with expiries that are over, of two markets or more.
    kinds: [usize; 4],
    /// Accounts that could be opened as they are.
    openable: usize,
}

#[test]
fn the_clients_report_is_the_programs_view_to_the_bit_for_1_000_random_accounts() {
    let mut tally = Tally::default();
    for seed in 0..SCENES {
        let model = match seed % 3 {
            0 => Model::Neutral,
            _ => Model::Whole,
        };
        let mut scene = Scene::new(seed, model);
        for number in 0..ACCOUNTS {
            scene.weather();
            let key = plant(&mut scene, number);
            compare(&mut scene, &key, &mut tally);
        }
    }
    let described: usize = tally.described.iter().sum();
    let refused: usize = tally.refused.values().sum();
    assert_eq!(described + refused, SCENES as usize * ACCOUNTS);
    assert!(
        described + refused >= 1_000 && described >= 1_500,
        "{described} {refused}"
    );
    assert!(
        tally.described.iter().all(|count| *count >= 500),
        "{:?}",
        tally.described
    );
    assert!(tally.openable >= 150, "{}", tally.openable);
    assert!(
        tally.kinds.iter().all(|count| *count >= 300),
        "{:?}",
        tally.kinds
    );
    assert_eq!(tally.instruments, BTreeSet::from([0, 1, 2, 3]));
    use ErrorCode::*;
    let of = |errors: &[ErrorCode], found: &BTreeMap<ErrorCode, usize>, what: &str| {
        for error in errors {
            assert!(found.contains_key(error), "no {what} {error:?}: {found:?}");
        }
    };
    let doubts = [
        OracleConfidenceTooWide,
        OracleOutdated,
        OracleStale,
        OracleVolatile,
        QuotePriceStale,
        SurfaceStale,
    ];
    of(&doubts, &tally.doubts, "doubt");
    let refusals = [InitialMarginBreached, PortfolioMinimum, RiskNotReduced];
    of(&refusals, &tally.refusals, "refusal");
    let refused = [
        AmountOverflow,
        OracleConfidenceTooWide,
        OracleExponent,
        OracleFeedMismatch,
        OracleFuture,
        OracleMalformed,
        OracleNonPositive,
        OracleNotTrading,
        OracleOwner,
        OracleStale,
        OracleUnverified,
        OutageMissing,
        SurfaceMissing,
    ];
    of(&refused, &tally.refused, "error");
}

#[test]
fn the_clients_greeks_and_matrices_are_the_programs_to_the_bit_for_random_accounts() {
    let mut pages = Pages::default();
    for seed in 200..210 {
        let mut scene = Scene::new(seed, [Model::Neutral, Model::Whole][seed as usize % 2]);
        for number in 0..PAGED {
            scene.weather();
            let key = plant(&mut scene, number);
            let directory = scene.shown_directory();
            let account = account_data(&scene.world, &key);
            let inputs = gather(&scene.world, &directory, &account.scope());
            let subject = Subject {
                key,
                account: &account,
                inputs: &inputs,
                directory: &directory,
            };
            subject.compare(&mut scene.world, &mut pages);
        }
    }
    let least = 10 * PAGED;
    let enough = [
        pages.shown >= 4 * least,
        pages.refused - pages.out_of_range >= least,
        pages.out_of_range >= least,
        pages.rows >= least,
        pages.scans >= least / 2,
    ];
    assert!(enough.iter().all(|is_so| *is_so), "{pages:?}");
}

/// A server that answers wrong bytes here and there gets an error or a wrong number out of a client, never a panic.
#[test]
fn bent_bytes_of_genuine_accounts_are_judged_without_a_panic() {
    let (mut shown, mut refused) = (0, 0);
    for seed in 100..104 {
        let mut scene = Scene::new(seed, [Model::Neutral, Model::Whole][seed as usize % 2]);
        for number in 0..150 {
            scene.weather();
            let key = plant(&mut scene, number);
            let directory = scene.shown_directory();
            let scope = account_data(&scene.world, &key).scope();
            let mut keys = directory.keys(&scope).unwrap();
            keys.extend([directory.house, key]);
            for _ in 0..12 {
                let mut fetched = Fetched::of(&scene.world, &keys);
                bend(&mut fetched, &mut scene.random);
                store_anything(&mut fetched, &mut scene.random);
                match judged(&fetched, &directory, &key, scene.world.now()) {
                    Some(Ok(_)) => shown += 1,
                    _ => refused += 1,
                }
            }
        }
    }
    assert!(shown > 1_000 && refused > 1_000, "{shown} {refused}");
}

/// Stores prices of the ends of every range, and of none, where markets and banks store theirs: what stands in for a dead feed.
fn store_anything(fetched: &mut Fetched, random: &mut Random) {
    const MARKET: usize = DISCRIMINATOR_LEN + offset_of!(Market, spot);
    const BANK: usize = DISCRIMINATOR_LEN + offset_of!(CollateralBank, spot);
    for data in fetched.bytes() {
        let at = match data.first_chunk() {
            Some(&Market::ACCOUNT_DISCRIMINATOR) => MARKET,
            Some(&CollateralBank::ACCOUNT_DISCRIMINATOR) => BANK,
            _ => continue,
        };
        let spots = [0, 1, Price::MOST, Price::MOST + 1, u64::MAX];
        let bytes = random.pick(&spots).to_le_bytes();
        if let Some(spot) = data.get_mut(at..at + 8).filter(|_| random.one_in(2)) {
            spot.copy_from_slice(&bytes);
        }
    }
}

/// Changes up to four bytes of one of the accounts; of most of them in the part that is in use.
fn bend(fetched: &mut Fetched, random: &mut Random) {
    let mut accounts: Vec<_> = fetched.bytes().collect();
    let chosen = random.range(0, accounts.len() as i64) as usize;
    let data = &mut accounts[chosen];
    let used = data.len().min(random.pick(&[700, 8_000])) as i64;
    for _ in 0..random.range(1, 5) {
        if let Some(byte) = data.get_mut(random.range(8, used.max(9)) as usize) {
            *byte = random.pick(&[0, 1, 0x7f, 0x80, 0xff, random.clone().bits() as u8]);
        }
    }
}

/// What a client makes of what it fetched: a view, a report and a plan; nothing where that is no account and no inputs.
fn judged(
    fetched: &Fetched,
    directory: &Directory,
    key: &Pubkey,
    now: i64,
) -> Option<Result<MarginView, ReportError>> {
    let account = AccountData::read(fetched.find(key)?.data)?;
    let scope = Scope {
        banks: directory.banks.keys().copied().skip(1).collect(),
        markets: directory.markets.keys().copied().collect(),
    };
    let held = account.scope();
    let known = Scope {
        banks: &scope.banks & &held.banks,
        markets: &scope.markets & &held.markets,
    };
    let inputs = Inputs::gather(directory, &known, now, |key| fetched.find(key)).ok()?;
    let mut other = account.clone();
    (other.header.owner, other.header.status) = (Pubkey::default(), 0);
    let bidder = Bidder {
        account: &other,
        capacity: 128,
    };
    let _ = plan_bid(&bidder, &account, &inputs, Limits::NONE);
    let _ = plan_insolvent_bid(&bidder, &account, &inputs, Limits::NONE);
    let _ = client_core::evaluate(&account.header, &account.positions, &inputs);
    Some(client_core::view(
        &account.header,
        &account.positions,
        &inputs,
    ))
}

/// Compares an account's view with the client's, byte by byte; where the program refuses, by its error.
fn compare(scene: &mut Scene, key: &Pubkey, tally: &mut Tally) {
    let directory = scene.shown_directory();
    let account = account_data(&scene.world, key);
    let inputs = gather(&scene.world, &directory, &account.scope());
    let ours = client_core::view(&account.header, &account.positions, &inputs);

    let metas = directory.margin_metas(&account.scope());
    let named = ViewMargin {
        clearinghouse: directory.house,
        margin_account: *key,
    };
    let ix = named.instruction(&[], &metas.expect("listed accounts"));
    let outcome = scene.world.simulate(&[ix], &[]);
    let theirs = match &outcome.error {
        None => MarginView::read(&outcome.return_data),
        Some(_) => {
            let code = outcome.error_code().and_then(ErrorCode::from_code);
            let code = code.unwrap_or_else(|| panic!("{:?}", outcome.logs));
            let error = ours.expect_err("what the program refuses");
            assert_eq!(error.code(), code, "{error}\n{}", outcome.logs.join("\n"));
            *tally.refused.entry(code).or_default() += 1;
            return;
        }
    };
    let (ours, theirs) = (
        ours.expect("what the program shows"),
        theirs.expect("a view"),
    );
    assert_eq!(ours, theirs, "{key}");
    assert_eq!(bytemuck::bytes_of(&ours), bytemuck::bytes_of(&theirs));
    // the same from a keeper's inputs, which cover every bank and market of the house
    let everything = Scope {
        banks: directory.banks.keys().copied().skip(1).collect(),
        markets: directory.markets.keys().copied().collect(),
    };
    let inputs = gather(&scene.world, &directory, &everything);
    let (header, positions) = (&account.header, &account.positions);
    assert_eq!(client_core::view(header, positions, &inputs), Ok(theirs));
    let margin = Evaluator::new(&inputs).margin(header, positions);
    assert_eq!(margin, Ok(theirs.report()));
    tally.count(&account, &theirs, scene.world.now());
}

impl Tally {
    fn count(&mut self, account: &AccountData, view: &MarginView, now: i64) {
        self.described[usize::from(view.tier)] += 1;
        self.openable += usize::from(view.would_open);
        let codes = [
            (view.doubt, &mut self.doubts),
            (view.refusal, &mut self.refusals),
        ];
        for (code, counts) in codes {
            if let Some(code) = ErrorCode::from_code(code) {
                *counts.entry(code).or_default() += 1;
            }
        }
        let held = &account.positions;
        self.instruments.extend(held.iter().map(|p| p.instrument));
        let kinds = [
            account.header.cash < 0,
            account
                .header
                .used_collateral()
                .any(|held| held.offset_market > 0),
            held.iter().any(|p| p.expiry > 0 && p.expiry <= now),
            view.market_count > 1,
        ];
        for (count, is_so) in self.kinds.iter_mut().zip(kinds) {
            *count += usize::from(is_so);
        }
    }
}

/// Writes a random margin account at an address of its own.
fn plant(scene: &mut Scene, number: usize) -> Pubkey {
    let positions = scene.positions();
    let mut header: MarginAccount = scene.world.read(&scene.trader.account);
    scene.fill(&mut header);
    header.position_count = u16::try_from(positions.len()).unwrap();
    let mut data = MarginAccount::ACCOUNT_DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(&header));
    data.extend_from_slice(bytemuck::cast_slice(&positions));
    data.resize(MarginAccount::space(MAX_CAPACITY), 0);
    let key = sandbox::User::named(&format!("account {number}")).key;
    let account = Account {
        lamports: scene
            .world
            .svm
            .minimum_balance_for_rent_exemption(data.len()),
        data,
        owner: ID,
        executable: false,
        rent_epoch: u64::MAX,
    };
    scene.world.svm.set_account(key, account).unwrap();
    key
}
