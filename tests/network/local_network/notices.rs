//! What subscribers hear of the local network.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use localnet::Settings;
use portfolio_margin_interface::instructions::DepositCollateral;
use portfolio_margin_interface::ID;
use sandbox::instructions;
use serde_json::{json, Value};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{connect_async, MaybeTlsStream, WebSocketStream};

use super::{key, rpc, start, transactor, CLOCK};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn subscribe(socket: &mut Socket, id: u64, method: &str, params: Value) {
    let ask = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let sent = socket.send(Message::text(ask.to_string())).await;
    sent.expect("sending");
}

/// The next message, within ten seconds.
async fn next(socket: &mut Socket) -> Value {
    let message = timeout(Duration::from_secs(10), socket.next()).await;
    let message = message.expect("in time").expect("open").expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

/// Notifications until one of each of these subscriptions has come twice: slots by subscription.
async fn listen(socket: &mut Socket, names: &[&str]) -> Vec<Vec<u64>> {
    let mut ids = vec![None; names.len()];
    let mut slots = vec![vec![]; names.len()];
    while slots.iter().any(|slots: &Vec<u64>| slots.len() < 2) {
        let message = next(socket).await;
        if let Some(id) = message["id"].as_u64() {
            ids[id as usize] = Some(message["result"].as_u64().expect("a number"));
            continue;
        }
        let params = &message["params"];
        let subscription = params["subscription"].as_u64();
        let at = ids.iter().position(|id| *id == subscription);
        let slot = params["result"]["context"]["slot"].as_u64();
        slots[at.expect("a subscription of ours")].push(slot.expect("a slot"));
    }
    slots
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_hear_of_prices_clock_and_accounts_with_the_slot_of_the_change() {
    let network = start(Settings::default());
    let (rpc, info) = (rpc(&network), &network.info);
    let (mut socket, _) = connect_async(network.ws_url()).await.expect("a socket");
    let btc = &info.market("BTC").expect("a market").price_account;
    let config = json!({ "encoding": "base64+zstd", "commitment": "processed" });
    subscribe(&mut socket, 0, "accountSubscribe", json!([btc, config])).await;
    let clock = CLOCK.to_string();
    subscribe(&mut socket, 1, "accountSubscribe", json!([clock, config])).await;
    let program = ID.to_string();
    subscribe(&mut socket, 2, "programSubscribe", json!([program, config])).await;
    let began = rpc.slot_and_height().await.expect("a slot").0;
    let trading = async {
        let alice = info.wallet("alice").expect("alice");
        let (bank, owner) = (&info.banks[0], key(&alice.address));
        let accounts = DepositCollateral {
            owner,
            clearinghouse: key(&info.house),
            margin_account: key(alice.margin_account.as_ref().expect("an account")),
            bank: key(&bank.key),
            vault: key(&bank.vault),
            source: key(&alice.tokens["USDC"]),
            mint: key(&bank.mint),
            token_program: key(&info.mints[0].token_program),
        };
        let sender = transactor(&network, "alice");
        for amount in [1_000_000, 2_000_000] {
            let deposit = accounts.instruction(amount, &[]);
            let deposit = [instructions::writable(deposit, &key(&info.house))];
            sender.send(&deposit, &[]).await.expect("a deposit");
        }
    };
    let names = ["price", "clock", "program"];
    let (slots, ()) = tokio::join!(listen(&mut socket, &names), trading);
    let ended = rpc.slot_and_height().await.expect("a slot").0;
    for (slots, name) in slots.iter().zip(names) {
        assert!(slots.is_sorted(), "{name}: {slots:?}");
        let range = began - 1..=ended;
        assert!(
            slots.iter().all(|slot| range.contains(slot)),
            "{name}: {slots:?}"
        );
    }
    // two prices are a second apart, which is more than a slot
    assert!(slots[0][1] > slots[0][0], "{slots:?}");

    subscribe(&mut socket, 9, "accountUnsubscribe", json!([0])).await;
    let stopped = async { while next(&mut socket).await["id"] != json!(9) {} };
    stopped.await;
    network.stop().expect("it ends");
    let last = timeout(Duration::from_secs(5), async {
        while let Some(Ok(_)) = socket.next().await {}
    });
    last.await.expect("the socket closes with the network");
}
