//! The faults themselves, before anything is said about those who survive them.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use localnet::Settings;
use serde_json::{json, Value};
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::proxy::{Fault, Rule};
use crate::town::Town;

fn town() -> Town {
    Town::start(Settings::default())
}

fn client(url: String) -> RpcClient {
    RpcClient::new_with_timeout_and_commitment(
        url,
        Duration::from_secs(2),
        CommitmentConfig::processed(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_what_it_says_and_ends_when_it_is_cleared() {
    let town = town();
    let (network, proxy) = (&town.network, &town.proxy);
    let (there, here) = (client(proxy.rpc_url()), client(network.rpc_url().into()));
    let house = network.info.house.parse().expect("a key");
    let account = here.get_account(&house).await.expect("the house");
    assert_eq!(there.get_account(&house).await.expect("the same"), account);

    let faults = [
        Fault::Status(503),
        Fault::Hang,
        Fault::Cut,
        Fault::Garbage,
        Fault::Nonsense,
        Fault::Error(-32_005),
    ];
    for fault in faults {
        proxy.inject(Rule::next("getAccountInfo", fault, 1));
        let start = Instant::now();
        let answer = there.get_account(&house).await;
        assert!(answer.is_err(), "{fault:?}: {answer:?}");
        let waited = start.elapsed() >= Duration::from_secs(2);
        assert_eq!(waited, fault == Fault::Hang, "{fault:?}");
        assert_eq!(there.get_account(&house).await.expect("again"), account);
    }
    assert_eq!(proxy.faults(), faults.len() as u64);

    proxy.inject(Rule::share(Fault::Error(-32_005), 3));
    let mut failed = 0;
    for _ in 0..9 {
        failed += u32::from(there.get_slot().await.is_err());
    }
    assert_eq!(failed, 3);
    proxy.clear();
    proxy.delay(Duration::from_millis(300));
    let start = Instant::now();
    there.get_slot().await.expect("a slot");
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(proxy.calls("getSlot"), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_blockhash_is_refused_by_the_network() {
    let town = town();
    let proxy = &town.proxy;
    let there = client(proxy.rpc_url());
    let commitment = CommitmentConfig::processed();
    let (good, _) = there
        .get_latest_blockhash_with_commitment(commitment)
        .await
        .expect("one");
    assert!(there
        .is_blockhash_valid(&good, commitment)
        .await
        .expect("an answer"));
    proxy.inject(Rule::all("getLatestBlockhash", Fault::DeadBlockhash));
    let (dead, _) = there
        .get_latest_blockhash_with_commitment(commitment)
        .await
        .expect("one");
    assert!(!there
        .is_blockhash_valid(&dead, commitment)
        .await
        .expect("an answer"));
}

/// Subscribes to the price account of BTC by hand: what arrives is counted by what the switches do.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_dropped_held_and_lose_what_they_are_told_to() {
    let town = town();
    let (network, proxy) = (&town.network, &town.proxy);
    let price = network
        .info
        .market("BTC")
        .expect("BTC")
        .price_account
        .clone();
    let mut socket = subscribe(&proxy.ws_url(), &price).await;
    for _ in 0..2 {
        socket.notification().await.expect("a price each second");
    }
    proxy.hold_sockets(true);
    let held = timeout(Duration::from_secs(3), socket.notification()).await;
    assert!(held.is_err(), "{held:?}");
    proxy.hold_sockets(false);
    socket.notification().await.expect("what came meanwhile");

    proxy.garble_notifications(1);
    while socket.notification().await.is_some() {}
    proxy.garble_notifications(0);
    assert!(proxy.lost() > 0);

    let mut socket = subscribe(&proxy.ws_url(), &price).await;
    proxy.lose_notifications(1);
    let lost = timeout(Duration::from_secs(3), socket.notification()).await;
    assert!(lost.is_err(), "{lost:?}");
    proxy.lose_notifications(0);
    socket.notification().await.expect("a price");

    proxy.drop_sockets();
    let end = timeout(Duration::from_secs(1), socket.notification()).await;
    assert_eq!(end, Ok(None), "the line is cut");
    assert_eq!(proxy.sockets(), 2);
}

/// One subscription.
struct Listener(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Listener {
    /// The next notification; `None` where the line ends or rubbish comes.
    async fn notification(&mut self) -> Option<Value> {
        loop {
            let message = self.0.next().await?.ok()?;
            if let Message::Text(text) = message {
                let value: Value = serde_json::from_str(&text).ok()?;
                if value["method"] == "accountNotification" {
                    return Some(value);
                }
            }
        }
    }
}

async fn subscribe(url: &str, account: &str) -> Listener {
    let (mut socket, _) = tokio_tungstenite::connect_async(url)
        .await
        .expect("a socket");
    let how = json!({ "encoding": "base64", "commitment": "processed" });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "accountSubscribe", "params": [account, how] });
    socket
        .send(Message::text(call.to_string()))
        .await
        .expect("it is sent");
    Listener(socket)
}
