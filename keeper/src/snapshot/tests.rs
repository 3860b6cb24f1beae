//! Snapshots from servers that lie, and connections to servers that lie behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::Router;
use base64::prelude::{Engine, BASE64_STANDARD};
use client_core::clock::CLOCK;
use portfolio_margin_interface::{seeds, Pubkey, ID};
use serde_json::{json, Value};
use solana_commitment_config::CommitmentConfig;

use super::{SnapshotError, Source};
use crate::testing::nowhere;

/// What the server answers, and what it was asked.
type Answers = Arc<Mutex<(Box<dyn FnMut(&Value) -> Value + Send>, Vec<Value>)>>;

async fn reply(State(answers): State<Answers>, body: String) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&body).unwrap();
    let mut answers = answers.lock().unwrap();
    let mut answer = (answers.0)(&asked);
    answers.1.push(asked.clone());
    answer["jsonrpc"] = "2.0".into();
    answer["id"] = asked["id"].clone();
    ([(CONTENT_TYPE, "application/json")], answer.to_string())
}

/// A server that answers so, and a source that asks it.
async fn source(answer: impl FnMut(&Value) -> Value + Send + 'static) -> (Source, Answers) {
    let answers: Answers = Arc::new(Mutex::new((Box::new(answer), vec![])));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new()
        .fallback(reply)
        .with_state(Arc::clone(&answers));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let house = seeds::clearinghouse(0);
    let timeout = Duration::from_millis(700);
    let source = Source::new(&url, house, CommitmentConfig::confirmed(), timeout).unwrap();
    (source, answers)
}

fn account(data: &[u8]) -> Value {
    json!({
        "lamports": 1, "owner": ID.to_string(), "executable": false, "rentEpoch": 0,
        "data": [BASE64_STANDARD.encode(data), "base64"],
    })
}

fn answer(slot: u64, value: Value) -> Value {
    json!({ "result": { "context": { "slot": slot }, "value": value } })
}

#[tokio::test]
async fn a_listing_is_three_questions_with_filters_and_slots() {
    let key = nowhere();
    let mut slot = 50;
    let (source, answers) = source(move |_| {
        slot += 1;
        answer(
            slot,
            json!([{ "pubkey": key.to_string(), "account": account(b"abc") }]),
        )
    })
    .await;
    let listing = source.listing().await.unwrap();
    assert_eq!((listing.updates.len(), listing.garbage), (3, 0));
    let listed = listing.listed.unwrap();
    assert_eq!((listing.slot, listed.slot), (53, 53));
    assert_eq!(listed.keys, BTreeSet::from([key]));
    let slots: Vec<_> = listing.updates.iter().map(|update| update.slot).collect();
    assert_eq!(slots, [51, 52, 53]);
    let asked = &answers.lock().unwrap().1;
    assert_eq!(asked.len(), 3);
    for asked in asked {
        assert_eq!(asked["method"], "getProgramAccounts");
        assert_eq!(asked["params"][0], ID.to_string());
        let config = &asked["params"][1];
        assert_eq!(config["encoding"], "base64+zstd");
        assert_eq!(
            (&config["withContext"], &config["commitment"]),
            (&json!(true), &json!("confirmed"))
        );
        assert_eq!(config["filters"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn accounts_that_cannot_be_read_are_counted_and_the_others_taken() {
    let mut broken = account(b"abc");
    broken["data"][0] = "!!!".into();
    let mut owner = account(b"abc");
    owner["owner"] = "nobody".into();
    let (source, _) = source(move |_| {
        let of = |pubkey: &str, account: &Value| json!({ "pubkey": pubkey, "account": account });
        let name = nowhere().to_string();
        answer(
            9,
            json!([
                of("?", &account(b"x")),
                of(&name, &broken),
                of(&name, &owner),
                of(&name, &account(b"y"))
            ]),
        )
    })
    .await;
    let listing = source.listing().await.unwrap();
    assert_eq!((listing.updates.len(), listing.garbage), (3, 9));
    // what cannot be read is there all the same
    assert_eq!(listing.listed.unwrap().keys, BTreeSet::from([nowhere()]));
}

#[tokio::test]
async fn the_clock_comes_with_every_account_and_what_is_missing_has_no_lamports() {
    let (source, answers) = source(|asked| {
        let count = asked["params"][0].as_array().unwrap().len();
        let some = (0..count).map(|at| {
            if at % 2 == 0 {
                Value::Null
            } else {
                account(b"z")
            }
        });
        answer(7, some.collect())
    })
    .await;
    let keys: Vec<_> = (0..150).map(seeds::clearinghouse).collect();
    let read = source.accounts(&keys).await.unwrap();
    assert_eq!((read.updates.len(), read.listed, read.slot), (151, None, 7));
    assert_eq!(read.updates[150].key, CLOCK);
    assert_eq!(
        read.updates
            .iter()
            .filter(|update| update.lamports == 0)
            .count(),
        76
    );
    assert_eq!(
        answers.lock().unwrap().1.len(),
        2,
        "a hundred keys at a time"
    );
    let owners = source.owners(&keys[..4]).await.unwrap();
    assert_eq!(owners, [(keys[1], ID), (keys[3], ID)]);
}

#[tokio::test]
async fn answers_of_another_shape_and_errors_are_errors() {
    let cases = [
        answer(1, json!([null])), // fewer than asked for
        answer(1, json!([null, null, null, null])),
        answer(1, json!("no list")),
        json!({ "result": { "value": [] } }),
        json!({ "result": { "context": { "slot": -1 }, "value": [] } }),
        json!({ "result": null }),
        json!({ "error": { "code": -32005, "message": "Node is behind by 42 slots" } }),
        json!({}),
    ];
    for case in cases {
        let said = case.clone();
        let (source, _) = source(move |_| said.clone()).await;
        let keys = [nowhere(), Pubkey::default()];
        let error = source.accounts(&keys).await.unwrap_err();
        let is_malformed = matches!(error, SnapshotError::Malformed { asked: 3, .. });
        let is_list = case["result"]["value"].is_array() && case["result"]["context"]["slot"] == 1;
        assert_eq!(is_malformed, is_list, "{case}: {error}");
        if !is_list {
            assert!(source.listing().await.is_err(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_millis(300);
    let source = Source::new(&url, nowhere(), CommitmentConfig::confirmed(), timeout).unwrap();
    let began = std::time::Instant::now();
    let error = source.listing().await.unwrap_err();
    assert!(matches!(
        error,
        SnapshotError::Rpc {
            method: "getProgramAccounts",
            ..
        }
    ));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_answer_that_fails_for_a_moment_is_asked_for_again() {
    let mut calls = 0;
    let (source, answers) = source(move |_| {
        calls += 1;
        match calls % 3 {
            0 => answer(9, json!([null, null])),
            _ => json!({ "error": { "code": -32005, "message": "Node is behind" } }),
        }
    })
    .await;
    let read = source.accounts(&[nowhere()]).await.unwrap();
    assert_eq!((read.updates.len(), read.slot), (2, 9));
    assert_eq!(answers.lock().unwrap().1.len(), 3);
}

#[tokio::test]
async fn no_error_shows_the_key_in_a_url() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = format!("http://{address}/v1/SECRET?api-key=SECRET");
    let level = CommitmentConfig::confirmed();
    let source = Source::new(&url, nowhere(), level, Duration::from_millis(300)).unwrap();
    let error = source.listing().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("127.0.0.1") && !text.contains("SECRET"),
        "{text}"
    );
    let Err(error) = Source::new("wss://SECRET", nowhere(), level, Duration::from_secs(1)) else {
        panic!("a WebSocket is no HTTP");
    };
    assert!(!format!("{error} {error:?}").contains("SECRET"));
}

/// A list of small packed accounts that unpack to large ones.
#[tokio::test]
async fn a_list_that_unpacks_to_more_than_is_kept_is_refused() {
    let packed = zstd::encode_all(std::io::repeat(0).take(50_000), 0).unwrap();
    let bomb = json!({
        "lamports": 1, "owner": ID.to_string(), "executable": false, "rentEpoch": 0,
        "data": [BASE64_STANDARD.encode(packed), "base64+zstd"],
    });
    let list: Vec<_> = (1..=4)
        .map(|n| json!({ "pubkey": Pubkey::from([n; 32]).to_string(), "account": bomb }))
        .collect();
    for (most_data, is_good) in [(200_000, true), (199_999, false)] {
        let value = json!(list);
        let (source, _) = source(move |_| answer(7, value.clone())).await;
        let source = Source {
            most_data,
            ..source
        };
        match source.listing().await {
            Ok(read) => assert!(is_good && read.updates.len() == 12),
            Err(error) => {
                let is_too_large = matches!(error, SnapshotError::TooLarge { most: 199_999, .. });
                assert!(is_too_large && !is_good, "{error}");
            }
        }
    }
}
