//! The crash: fifty failing accounts among five thousand, and keepers that find and repair them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use localnet::Settings;
use portfolio_margin_interface::Pubkey;
use tokio::sync::Mutex;

use crate::keeper::Keeper;
use crate::town::Town;
use crate::watching::{deeds, repaired, Deeds};

/// The population, and how many of it fail.
const ACCOUNTS: usize = 5_000;
const FAILING: usize = 50;
/// From the price update to the last repair.
const LIMIT: Duration = Duration::from_secs(60);

/// One crash at a time: the seconds that are measured are not those of two.
static CRASH: Mutex<()> = Mutex::const_new(());

/// The town is built once; each test has a network of its own that starts from it.
fn town() -> Town {
    static BUILT: OnceLock<localnet::Town> = OnceLock::new();
    let settings = Settings {
        accounts: ACCOUNTS,
        failing: FAILING,
        ..Settings::default()
    };
    let built = BUILT.get_or_init(|| localnet::Town::build(&settings).expect("a town"));
    let town = Town::start_from(built, settings);
    assert_eq!(town.failing().len(), FAILING);
    town
}

/// Insists that nobody's account changed but those that failed and the keepers' own.
pub async fn assert_untouched(town: &Town, before: &BTreeMap<Pubkey, Vec<u8>>, keepers: &[&str]) {
    let mut may: BTreeSet<Pubkey> = town.failing().into_iter().collect();
    may.extend(keepers.iter().map(|name| town.account_of(name)));
    let after = town.accounts().await;
    assert!(after.len() > town.network.info.population.accounts);
    assert!(after.keys().eq(before.keys()), "accounts came or went");
    for (key, bytes) in &after {
        assert!(
            may.contains(key) || before[key] == *bytes,
            "{key} was touched"
        );
    }
    for key in town.failing() {
        assert_ne!(after[&key], before[&key], "{key} was not repaired");
    }
}

/// Insists that each failing account was started once and nobody else was, and that hardly a transaction was paid for in vain.
pub fn assert_no_waste(town: &Town, deeds: &Deeds, most_bids: u32, most_failed: usize) {
    let failing: BTreeSet<Pubkey> = town.failing().into_iter().collect();
    let once: BTreeMap<Pubkey, u32> = failing.iter().map(|key| (*key, 1)).collect();
    let wrong: Vec<_> = deeds
        .started
        .iter()
        .filter(|told| once.get(told.0) != Some(told.1))
        .collect();
    assert!(wrong.is_empty(), "started, and how often: {wrong:?}");
    assert_eq!(deeds.started.len(), failing.len(), "not all were started");
    let others: Vec<_> = deeds
        .bids
        .keys()
        .filter(|key| !failing.contains(key))
        .collect();
    assert!(others.is_empty(), "bids on others: {others:?}");
    let bids: u32 = deeds.bids.values().sum();
    let twice: Vec<_> = deeds.bids.iter().filter(|told| *told.1 > 1).collect();
    assert!(bids <= most_bids, "{bids} bids: {twice:?}");
    assert!(
        deeds.failed.len() <= most_failed,
        "failed on chain: {:?}",
        deeds.failed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_starts_cold_repairs_fifty_of_five_thousand_and_touches_nobody_else() {
    let _one = CRASH.lock().await;
    let town = town();
    let before = town.accounts().await;
    town.network.crash_now().expect("a crash");
    let crash = Instant::now();
    let mut keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    assert!(!keeper.is_ready(), "before its first snapshot");
    keeper.ready(LIMIT).await;
    let ready = crash.elapsed();
    repaired(&town, &[&keeper], FAILING, LIMIT).await;
    let took = crash.elapsed();
    let metrics = keeper.metrics();
    assert!(keeper.stop(LIMIT).await.success());

    let deeds = deeds(&town, &[&town.proxy]).await;
    eprintln!(
        "cold start: ready {:.1} s and all repaired {:.1} s after the price update; {} bids, {} transactions",
        ready.as_secs_f64(),
        took.as_secs_f64(),
        deeds.bids.values().sum::<u32>(),
        deeds.landed
    );
    assert!(took < LIMIT, "{took:?}");
    assert!(metrics["accounts"] >= ACCOUNTS as f64, "{metrics:?}");
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(&town, &deeds, FAILING as u32, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_killed_midway_finishes_when_it_is_started_again() {
    let _one = CRASH.lock().await;
    let town = town();
    let before = town.accounts().await;
    // slow enough to be killed among its repairs
    town.proxy.delay(Duration::from_millis(30));
    town.network.crash_now().expect("a crash");
    let crash = Instant::now();
    let mut keeper = Keeper::start(&town, &town.proxy, "keeper", &[("LIMITS__CONCURRENT", "2")]);
    repaired(&town, &[&keeper], FAILING / 5, LIMIT).await;
    keeper.kill();
    let client = town.client().await;
    let done = crate::watching::whole(&client, &town.failing()).await;
    assert!(done < FAILING, "it was killed too late: {done}");

    town.proxy.delay(Duration::ZERO);
    let again = Keeper::start(&town, &town.proxy, "keeper", &[]);
    repaired(&town, &[&again], FAILING, LIMIT).await;
    let took = crash.elapsed();
    let deeds = deeds(&town, &[&town.proxy]).await;
    eprintln!(
        "killed with {done} of {FAILING} repaired, all repaired {:.1} s after the price update; {} bids",
        took.as_secs_f64(),
        deeds.bids.values().sum::<u32>()
    );
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(&town, &deeds, FAILING as u32 + 2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_together_do_not_do_the_work_twice() {
    let _one = CRASH.lock().await;
    let town = town();
    let before = town.accounts().await;
    let (first, second) = (town.line(), town.line());
    town.network.crash_now().expect("a crash");
    let crash = Instant::now();
    let one = Keeper::start(&town, &first, "keeper", &[]);
    let two = Keeper::start(&town, &second, "keeper2", &[]);
    repaired(&town, &[&one, &two], FAILING, LIMIT).await;
    let took = crash.elapsed();
    let deeds = deeds(&town, &[&first, &second]).await;
    let bids: u32 = deeds.bids.values().sum();
    eprintln!(
        "two keepers: all repaired {:.1} s after the price update; {bids} bids, by keeper {:?}, {} failed on chain",
        took.as_secs_f64(),
        deeds.bidders.values().collect::<Vec<_>>(),
        deeds.failed.len()
    );
    assert!(took < LIMIT, "{took:?}");
    assert_eq!(deeds.bidders.len(), 2, "one did all the work: {deeds:?}");
    assert_untouched(&town, &before, &["keeper", "keeper2"]).await;
    // both may simulate a start in the same instant: the one that lands second fails, and pays its fee; shards avoid that
    assert_no_waste(&town, &deeds, FAILING as u32 + 3, FAILING / 5);
}
