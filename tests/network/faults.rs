//! A keeper over a bad line: whatever goes wrong, every failing account is repaired, once, and nobody else is touched.

use std::sync::OnceLock;
use std::time::Duration;

use localnet::Settings;
use tokio::time::sleep;

use crate::keeper::Keeper;
use crate::proxy::{Fault, Rule};
use crate::repairs::{assert_no_waste, assert_untouched};
use crate::town::Town;
use crate::watching::{deeds, repaired, whole};

/// A smaller population than that of the crash: what is measured here is not its size.
const ACCOUNTS: usize = 100;
const FAILING: usize = 12;
/// Longer than a blockhash lives, and a silence is endured.
const LIMIT: Duration = Duration::from_secs(90);

fn town(slot_ms: u64) -> Town {
    static BUILT: OnceLock<localnet::Town> = OnceLock::new();
    let settings = Settings {
        accounts: ACCOUNTS,
        failing: FAILING,
        slot_ms,
        ..Settings::default()
    };
    let built = BUILT.get_or_init(|| localnet::Town::build(&settings).expect("a town"));
    Town::start_from(built, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_in_four_fails_in_every_way_and_all_is_repaired() {
    let town = town(400);
    let before = town.accounts().await;
    for (fault, each) in [
        (Fault::Status(429), 9),
        (Fault::Status(503), 11),
        (Fault::Error(-32_005), 13),
        (Fault::Garbage, 17),
        (Fault::Nonsense, 19),
        (Fault::Cut, 23),
    ] {
        town.proxy.inject(Rule::share(fault, each));
    }
    town.proxy
        .inject(Rule::next("sendTransaction", Fault::Swallow, 5));
    town.network.crash_now().expect("a crash");
    let keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!(
        "one call in four failed, {} of them: {:.1} s",
        town.proxy.faults(),
        took.as_secs_f64()
    );
    assert!(town.proxy.faults() > 20, "{}", town.proxy.faults());
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32 + 2,
        0,
    );
}

/// Bids that bring the keeper a market change what its other bids have to name: none may leave while it is open whether one has landed.
#[tokio::test(flavor = "multi_thread")]
async fn sendings_that_are_swallowed_for_long_hold_bids_up_and_none_is_paid_for_in_vain() {
    let town = town(400);
    let before = town.accounts().await;
    town.proxy
        .inject(Rule::all("sendTransaction", Fault::Swallow));
    town.network.crash_now().expect("a crash");
    let keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    while town.proxy.calls("sendTransaction") == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(8)).await;
    town.proxy.clear();
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!(
        "swallowed for eight seconds: {:.1} s after",
        took.as_secs_f64()
    );
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32,
        0,
    );
}

/// The crash comes while the keeper hears nothing: it has to notice by itself that its sockets are dead.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_fall_silent_or_break_hide_no_crash() {
    let town = town(400);
    let before = town.accounts().await;
    let mut keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    keeper.ready(LIMIT).await;
    town.proxy.hold_sockets(true);
    town.network.crash_now().expect("a crash");
    let keepers = [&keeper];
    let half = repaired(&town, &keepers, FAILING / 4, LIMIT);
    let breaking = async {
        // still nothing is heard over the old ones; new ones break now and then
        sleep(Duration::from_secs(7)).await;
        town.proxy.refuse_sockets(true);
        town.proxy.drop_sockets();
        town.proxy.hold_sockets(false);
        sleep(Duration::from_secs(2)).await;
        town.proxy.refuse_sockets(false);
        town.proxy.lose_notifications(3);
        for _ in 0..4 {
            sleep(Duration::from_millis(700)).await;
            town.proxy.drop_sockets();
        }
        town.proxy.garble_notifications(5);
    };
    tokio::join!(half, breaking);
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!(
        "silent and broken sockets, {} of them: {:.1} s after the last broke",
        town.proxy.sockets(),
        took.as_secs_f64()
    );
    assert!(town.proxy.sockets() >= 3, "{}", town.proxy.sockets());
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32 + 2,
        0,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_blocks_and_blockhashes_that_expire_delay_and_do_no_harm() {
    let town = town(1_500);
    let before = town.accounts().await;
    town.proxy
        .inject(Rule::next("sendTransaction", Fault::Swallow, 6));
    town.proxy
        .inject(Rule::next("getLatestBlockhash", Fault::DeadBlockhash, 2));
    town.network.crash_now().expect("a crash");
    let keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    while town.proxy.calls("sendTransaction") < 4 {
        sleep(Duration::from_millis(20)).await;
    }
    town.network.expire_blockhashes().expect("blocks");
    sleep(Duration::from_secs(1)).await;
    town.network.expire_blockhashes().expect("blocks");
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!(
        "slow blocks and dead blockhashes: {:.1} s",
        took.as_secs_f64()
    );
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32 + 2,
        0,
    );
}

/// Prices grow too old for any repair: nothing is sent in vain, and all is repaired when they come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_dies_in_the_crash_is_waited_for() {
    let town = town(400);
    let before = town.accounts().await;
    town.network.crash_now().expect("a crash");
    town.network.stop_feeder().expect("no prices");
    sleep(Duration::from_secs(35)).await; // prices serve for thirty
    let mut keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    keeper.ready(LIMIT).await;
    sleep(Duration::from_secs(4)).await;
    let early = deeds(&town, &[&town.proxy]).await;
    assert!(
        early.started.is_empty() && early.failed.is_empty(),
        "{early:?}"
    );
    town.network.start_feeder().expect("prices");
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!(
        "a dead feed: {:.1} s after it came back",
        took.as_secs_f64()
    );
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32,
        0,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_is_not_ready_while_it_loads_and_stops_in_order() {
    let town = town(400);
    town.proxy
        .inject(Rule::next("getProgramAccounts", Fault::Status(503), 4));
    town.proxy
        .inject(Rule::next("getProgramAccounts", Fault::Hang, 1));
    let mut keeper = Keeper::start(
        &town,
        &town.proxy,
        "keeper",
        &[("NETWORK__TIMEOUT_SECONDS", "3")],
    );
    for _ in 0..10 {
        assert_eq!(keeper.page("/healthz").0, 200);
        assert_eq!(keeper.page("/readyz").0, 503);
        sleep(Duration::from_millis(200)).await;
    }
    keeper.ready(LIMIT).await;
    let known = keeper.metrics()["accounts"] as usize;
    assert!(known > ACCOUNTS, "{known}");
    let client = town.client().await;
    assert_eq!(
        whole(&client, &town.failing()).await,
        FAILING,
        "before the crash"
    );
    // told to stop while accounts fail: what is in flight lands or does not, and nothing is left half done
    town.network.crash_now().expect("a crash");
    repaired(&town, &[&keeper], 1, LIMIT).await;
    let ended = keeper.stop(LIMIT).await;
    assert!(ended.success(), "{ended}");
    let deeds = deeds(&town, &[&town.proxy]).await;
    assert_eq!(deeds.failed, [""; 0]);
    let calls = town.proxy.calls("sendTransaction");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(town.proxy.calls("sendTransaction"), calls, "it is gone");
}

/// Nothing is wrong with the line: what is measured is how soon a keeper that knows everything acts.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_ready_repairs_within_seconds_of_the_crash() {
    let town = town(400);
    let before = town.accounts().await;
    let mut keeper = Keeper::start(&town, &town.proxy, "keeper", &[]);
    keeper.ready(LIMIT).await;
    sleep(Duration::from_secs(2)).await;
    town.network.crash_now().expect("a crash");
    let took = repaired(&town, &[&keeper], FAILING, LIMIT).await;
    eprintln!("a ready keeper: {:.1} s", took.as_secs_f64());
    assert_untouched(&town, &before, &["keeper"]).await;
    assert_no_waste(
        &town,
        &deeds(&town, &[&town.proxy]).await,
        FAILING as u32,
        0,
    );
}

/// Keepers of one owner's that share the work by configuration never meet.
#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_with_a_shard_each_pay_for_nothing_in_vain() {
    let town = town(400);
    let before = town.accounts().await;
    let lines = [town.line(), town.line()];
    let mut one = Keeper::start(&town, &lines[0], "keeper", &[("HOUSE__SHARD", "0/2")]);
    let mut two = Keeper::start(&town, &lines[1], "keeper2", &[("HOUSE__SHARD", "1/2")]);
    one.ready(LIMIT).await;
    two.ready(LIMIT).await;
    town.network.crash_now().expect("a crash");
    repaired(&town, &[&one, &two], FAILING, LIMIT).await;
    let deeds = deeds(&town, &[&lines[0], &lines[1]]).await;
    assert_eq!(deeds.bidders.len(), 2, "{deeds:?}");
    assert_untouched(&town, &before, &["keeper", "keeper2"]).await;
    assert_no_waste(&town, &deeds, FAILING as u32, 0);
}
