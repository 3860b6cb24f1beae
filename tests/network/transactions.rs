//! Transactions over a bad line: each deposit of a test happens exactly once, however often it was sent.

use std::time::Duration;

use localnet::Settings;
use portfolio_margin_client::{ClientError, TransactorConfig};
use solana_commitment_config::CommitmentLevel;
use tokio::time::{sleep, timeout};

use crate::proxy::{Fault, Rule};
use crate::town::Town;

/// Blocks so quick that a blockhash lives for a few seconds.
const QUICK: u64 = 40;
/// Longer than any of it takes.
const LONG: Duration = Duration::from_secs(40);

fn town(slot_ms: u64) -> Town {
    Town::start(Settings {
        slot_ms,
        ..Settings::default()
    })
}

async fn cash(town: &Town) -> i64 {
    town.account(&town.account_of("carol")).await.header.cash
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_a_server_swallows_is_sent_until_it_lands() {
    let town = town(400);
    let before = cash(&town).await;
    town.proxy
        .inject(Rule::next("sendTransaction", Fault::Swallow, 2));
    let carol = town.transactor("carol");
    let landed = carol
        .send(&[town.deposit("carol", 7)], &[])
        .await
        .expect("it lands");
    assert_eq!(landed.attempts, 1);
    assert_eq!(cash(&town).await, before + 7);
    assert!(town.proxy.calls("sendTransaction") >= 3);
    assert_eq!(town.proxy.sent()[0], landed.signature.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_answer_is_lost_happens_once() {
    let town = town(400);
    let before = cash(&town).await;
    let carol = town.transactor("carol");
    for fault in [Fault::Cut, Fault::Hang, Fault::Status(502), Fault::Garbage] {
        town.proxy.clear();
        town.proxy.inject(Rule::next("sendTransaction", fault, 1));
        town.proxy
            .inject(Rule::next("getSignatureStatuses", fault, 2));
        let sent = carol.send(&[town.deposit("carol", 7)], &[]).await;
        assert!(sent.is_ok(), "{fault:?}: {sent:?}");
    }
    assert_eq!(cash(&town).await, before + 4 * 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blockhash_that_is_dead_on_arrival_is_replaced() {
    let town = town(QUICK);
    let before = cash(&town).await;
    town.proxy
        .inject(Rule::next("getLatestBlockhash", Fault::DeadBlockhash, 1));
    let carol = town.transactor("carol");
    let sent = timeout(LONG, carol.send(&[town.deposit("carol", 7)], &[])).await;
    let landed = sent.expect("in time").expect("it lands");
    assert_eq!(landed.attempts, 2);
    assert_eq!(cash(&town).await, before + 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blockhash_that_expires_on_the_way_is_replaced_and_the_first_never_lands() {
    let town = town(400);
    let before = cash(&town).await;
    town.proxy
        .inject(Rule::all("sendTransaction", Fault::Swallow));
    let carol = town.transactor("carol");
    let deposit = town.deposit("carol", 7);
    let sending = tokio::spawn(async move { carol.send(&[deposit], &[]).await });
    while town.proxy.calls("sendTransaction") == 0 && !sending.is_finished() {
        sleep(Duration::from_millis(10)).await;
    }
    town.network.expire_blockhashes().expect("blocks");
    town.proxy.clear();
    let sent = timeout(LONG, sending)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(sent.expect("it lands").attempts, 2);
    assert_eq!(cash(&town).await, before + 7);
}

/// Under an older blockhash a transaction lands as under the newest, and what does not land is known to be over soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_life_ends_after_its_blocks_and_not_before() {
    const LIFE: u64 = 40;
    let town = town(QUICK);
    let before = cash(&town).await;
    town.network.expire_blockhashes().expect("blocks"); // a list of recent ones that is full
    let carol = town.transactor("carol");
    let carol = carol.clone().with_config(TransactorConfig {
        life: Some(LIFE),
        ..carol.config().clone()
    });
    let deposit = [town.deposit("carol", 7)];
    let landed = carol.send(&deposit, &[]).await.expect("it lands");
    assert_eq!((landed.attempts, cash(&town).await), (1, before + 7));

    // never passed on
    let quoted = carol.quote(&deposit).await.expect("a quote");
    let (_, start) = town.rpc.slot_and_height().await.expect("a height");
    town.proxy
        .inject(Rule::all("sendTransaction", Fault::Swallow));
    let end = timeout(LONG, carol.send_quoted(quoted, &[])).await;
    let end = end.expect("in time");
    let (_, over) = town.rpc.slot_and_height().await.expect("a height");
    assert!(matches!(end, Err(ClientError::Expired { .. })), "{end:?}");
    assert!(over - start >= LIFE, "{start} to {over}");
    assert!(
        over - start < 150,
        "{start} to {over}: not before any other"
    );
    assert_eq!(cash(&town).await, before + 7);

    // a server that does not tell the older ones: the newest serves
    town.proxy.clear();
    town.proxy
        .inject(Rule::all("getMultipleAccounts", Fault::Status(503)));
    assert_eq!(
        carol.send(&deposit, &[]).await.expect("it lands").attempts,
        1
    );
    assert_eq!(cash(&town).await, before + 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_blocks_is_waited_for() {
    let town = town(QUICK);
    let before = cash(&town).await;
    town.network.pause_blocks().expect("no blocks");
    let carol = town.transactor("carol");
    // here a transaction is confirmed as it runs, but only blocks make it final
    let carol = carol.clone().with_config(TransactorConfig {
        commitment: CommitmentLevel::Finalized,
        ..carol.config().clone()
    });
    let deposit = town.deposit("carol", 7);
    let mut sending = tokio::spawn(async move { carol.send(&[deposit], &[]).await });
    let early = timeout(Duration::from_secs(3), &mut sending).await;
    assert!(early.is_err(), "final without a block: {early:?}");
    town.network.resume_blocks().expect("blocks");
    let sent = timeout(LONG, sending)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(sent.expect("it lands").attempts, 1);
    assert_eq!(cash(&town).await, before + 7);
}

/// Whoever repeats what is transient, and nothing else, deposits exactly as often as it is told that it did.
#[tokio::test(flavor = "multi_thread")]
async fn of_calls_that_fail_at_random_none_is_counted_twice() {
    let town = town(400);
    let before = cash(&town).await;
    for (fault, each) in [
        (Fault::Status(429), 5),
        (Fault::Error(-32_005), 6),
        (Fault::Nonsense, 7),
        (Fault::Cut, 9),
    ] {
        town.proxy.inject(Rule::share(fault, each));
    }
    town.proxy.delay(Duration::from_millis(20));
    let carol = town.transactor("carol");
    let (mut landed, mut tried) = (0, 0);
    while landed < 10 {
        tried += 1;
        assert!(tried < 100, "{landed} landed in {tried} tries");
        match carol.send(&[town.deposit("carol", 7)], &[]).await {
            Ok(_) => landed += 1,
            Err(error @ (ClientError::Rpc(_) | ClientError::Nonsense { .. })) => drop(error),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(town.proxy.faults() > 10);
    assert_eq!(cash(&town).await, before + 10 * 7);
}
