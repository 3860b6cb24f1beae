//! A session against servers that stall, lie, flood and close.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::future::Future;
use std::time::{Duration, Instant};

use base64::prelude::{Engine, BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use portfolio_margin_interface::Pubkey;
use serde_json::{json, Value};
use solana_commitment_config::CommitmentConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, WebSocketStream};

use super::{Event, Session, SessionConfig, SubscribeError, Topic};
use crate::wire::{Kind, MAX_ACCOUNT_BYTES};

const PATIENCE: Duration = Duration::from_millis(400);

type Socket = WebSocketStream<TcpStream>;

/// Serves one connection as `serve` says; returns where.
async fn server<F: Future<Output = ()> + Send>(
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> SessionConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(accept_async(stream).await.unwrap()).await;
    });
    SessionConfig {
        url,
        house: Pubkey::default(),
        commitment: CommitmentConfig::confirmed(),
        patience: PATIENCE,
    }
}

async fn request(socket: &mut Socket) -> Value {
    let message = socket.next().await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn say(socket: &mut Socket, value: Value) {
    // the other side may be gone by now
    let _ = socket.send(Message::text(value.to_string())).await;
}

async fn answer(socket: &mut Socket, subscription: u64) -> Value {
    let request = request(socket).await;
    say(
        socket,
        json!({ "jsonrpc": "2.0", "id": request["id"], "result": subscription }),
    )
    .await;
    request
}

fn slot(subscription: u64, slot: u64) -> Value {
    let result = json!({ "parent": 0, "root": 0, "slot": slot });
    json!({ "method": "slotNotification", "params": { "result": result, "subscription": subscription } })
}

fn account(subscription: u64, slot: u64, data: &[u8]) -> Value {
    let value = json!({
        "lamports": 5, "owner": portfolio_margin_interface::ID.to_string(), "executable": false,
        "rentEpoch": 0, "data": [BASE64_STANDARD.encode(data), "base64"],
    });
    let result = json!({ "context": { "slot": slot }, "value": value });
    json!({ "method": "accountNotification", "params": { "result": result, "subscription": subscription } })
}

/// Keeps a connection open and says nothing.
async fn stall(socket: Socket) {
    std::future::pending::<()>().await;
    drop(socket);
}

#[tokio::test]
async fn subscriptions_are_asked_for_as_a_server_expects_and_events_come_in_order() {
    let key = Pubkey::new_from_array([3; 32]);
    let config = server(move |mut socket| async move {
        let slots = answer(&mut socket, 70).await;
        assert_eq!(slots["method"], "slotSubscribe");
        let accounts = answer(&mut socket, 71).await;
        assert_eq!(accounts["method"], "accountSubscribe");
        assert_eq!(accounts["params"][0], key.to_string());
        assert_eq!(accounts["params"][1], json!({ "encoding": "base64", "commitment": "confirmed" }));
        let program = answer(&mut socket, 72).await;
        assert_eq!(program["method"], "programSubscribe");
        assert_eq!(program["params"][1]["filters"].as_array().unwrap().len(), 2);
        say(&mut socket, slot(70, 9)).await;
        say(&mut socket, account(71, 10, b"abc")).await;
        let keyed = json!({ "pubkey": key.to_string(), "account": account(0, 0, b"x")["params"]["result"]["value"] });
        let result = json!({ "context": { "slot": 11 }, "value": keyed });
        say(&mut socket, json!({ "params": { "result": result, "subscription": 72 } })).await;
        stall(socket).await;
    })
    .await;
    let topics = [
        Topic::Slot,
        Topic::Account(key),
        Topic::Program(Kind::Accounts),
    ];
    let mut session = Session::open(config, &topics).await.unwrap();
    assert_eq!(session.next().await.unwrap(), Event::Slot(9));
    for (slot, data) in [(10, &b"abc"[..]), (11, &b"x"[..])] {
        let Event::Update(update) = session.next().await.unwrap() else {
            panic!("an update")
        };
        assert_eq!(
            (update.key, update.slot, &update.data[..]),
            (key, slot, data)
        );
    }
}

#[tokio::test]
async fn what_is_told_before_its_subscription_is_answered_is_kept() {
    let config = server(|mut socket| async move {
        let one = request(&mut socket).await;
        let other = request(&mut socket).await;
        say(&mut socket, slot(8, 1)).await;
        say(&mut socket, json!({ "id": other["id"], "result": 8 })).await;
        say(&mut socket, account(7, 2, b"y")).await;
        say(&mut socket, json!({ "id": one["id"], "result": 7 })).await;
        stall(socket).await;
    })
    .await;
    let topics = [Topic::Account(Pubkey::default()), Topic::Slot];
    let mut session = Session::open(config, &topics).await.unwrap();
    assert_eq!(session.next().await.unwrap(), Event::Slot(1));
    assert!(matches!(session.next().await.unwrap(), Event::Update(update) if update.slot == 2));
}

#[tokio::test]
async fn nonsense_is_counted_and_passed_over() {
    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        for nonsense in [
            "",
            "{",
            "[]",
            "{}",
            "{\"id\":77,\"result\":1}",
            "null",
            "{\"params\":5}",
        ] {
            socket.send(Message::text(nonsense)).await.unwrap();
        }
        socket.send(Message::binary(vec![1, 2])).await.unwrap();
        socket.send(Message::Ping(vec![1].into())).await.unwrap();
        say(&mut socket, slot(99, 5)).await; // nobody's
        say(
            &mut socket,
            json!({ "params": { "result": { "slot": -4 }, "subscription": 1 } }),
        )
        .await;
        say(&mut socket, slot(1, 6)).await;
        stall(socket).await;
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    for _ in 0..10 {
        assert_eq!(session.next().await.unwrap(), Event::Garbage);
    }
    assert_eq!(session.next().await.unwrap(), Event::Slot(6));
}

#[tokio::test]
async fn an_account_that_is_too_long_is_garbage_and_a_message_that_is_ends_the_session() {
    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        say(&mut socket, account(1, 1, &vec![0; MAX_ACCOUNT_BYTES])).await;
        say(&mut socket, account(1, 1, &vec![0; MAX_ACCOUNT_BYTES + 1])).await;
        say(&mut socket, account(1, 1, &vec![0; 2 * MAX_ACCOUNT_BYTES])).await;
        stall(socket).await;
    })
    .await;
    let topics = [Topic::Account(Pubkey::default())];
    let mut session = Session::open(config, &topics).await.unwrap();
    assert!(matches!(session.next().await.unwrap(), Event::Update(_)));
    assert_eq!(session.next().await.unwrap(), Event::Garbage);
    assert!(matches!(
        session.next().await,
        Err(SubscribeError::Broken(_))
    ));
}

#[tokio::test]
async fn a_refusal_a_close_and_silence_end_it() {
    let config = server(|mut socket| async move {
        let asked = request(&mut socket).await;
        let error = json!({ "code": -32601, "message": "Method not found" });
        say(&mut socket, json!({ "id": asked["id"], "error": error })).await;
        stall(socket).await;
    })
    .await;
    let refused = Session::open(config, &[Topic::Slot]).await.err().unwrap();
    assert!(
        refused.to_string().contains("Method not found"),
        "{refused}"
    );

    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        socket.close(None).await.unwrap();
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    assert!(matches!(session.next().await, Err(SubscribeError::Closed)));

    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        drop(socket);
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    let error = session.next().await.unwrap_err();
    assert!(matches!(
        error,
        SubscribeError::Broken(_) | SubscribeError::Closed
    ));

    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        stall(socket).await;
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    let began = Instant::now();
    assert!(matches!(
        session.next().await,
        Err(SubscribeError::Silent(_))
    ));
    assert!(began.elapsed() < PATIENCE * 3);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    // it does not even greet
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let config = SessionConfig {
        url,
        house: Pubkey::default(),
        commitment: CommitmentConfig::confirmed(),
        patience: PATIENCE,
    };
    let silent = Session::open(config.clone(), &[Topic::Slot]).await;
    assert!(matches!(silent, Err(SubscribeError::Silent(_))));
    drop(listener);
    let (scheme, address) = config.url.split_once("://").unwrap();
    let url = format!("{scheme}://SECRET:SECRET@{address}/v1/SECRET?api-key=SECRET");
    let config = SessionConfig { url, ..config };
    let nobody = Session::open(config, &[Topic::Slot]).await;
    let Err(error @ SubscribeError::Connect { .. }) = nobody else {
        panic!("nobody listens");
    };
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("ws://127.0.0.1:") && !text.contains("SECRET"),
        "{text}"
    );

    // it answers one and talks on, but not the other
    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        for number in 0.. {
            say(&mut socket, slot(1, number)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let topics = [Topic::Slot, Topic::Account(Pubkey::default())];
    let began = Instant::now();
    let half = Session::open(config, &topics).await;
    assert!(matches!(half, Err(SubscribeError::Silent(_))));
    assert!(began.elapsed() < PATIENCE * 3);
}

#[tokio::test]
async fn what_comes_while_something_else_is_awaited_is_kept_up_to_a_bound() {
    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        for number in 0..500 {
            say(&mut socket, slot(1, number)).await;
        }
        stall(socket).await;
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    let work = tokio::time::sleep(Duration::from_millis(150));
    session.meanwhile(work).await.unwrap();
    for number in 0..500 {
        assert_eq!(session.next().await.unwrap(), Event::Slot(number));
    }

    let config = server(|mut socket| async move {
        answer(&mut socket, 1).await;
        let text = slot(1, 1).to_string();
        loop {
            if socket.feed(Message::text(text.clone())).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut session = Session::open(config, &[Topic::Slot]).await.unwrap();
    let flooded = session.meanwhile(std::future::pending::<()>()).await;
    assert!(matches!(flooded, Err(SubscribeError::Flooded(_))));

    // what is told before any subscription is answered has the same bound
    let config = server(|mut socket| async move {
        let text = slot(1, 1).to_string();
        for _ in 0..super::MAX_BUFFERED + 10_000 {
            if socket.feed(Message::text(text.clone())).await.is_err() {
                return;
            }
        }
        stall(socket).await;
    })
    .await;
    let patience = Duration::from_secs(30);
    let config = SessionConfig { patience, ..config };
    let early = Session::open(config, &[Topic::Slot]).await;
    assert!(matches!(early, Err(SubscribeError::Flooded(_))));
}
