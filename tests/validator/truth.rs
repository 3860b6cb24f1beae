//! What only a validator shows: levels of commitment, slots of notifications, a clock of votes, and an oracle that nobody else writes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client_core::clock::{unix_time, CLOCK};
use futures_util::{SinkExt, StreamExt};
use localnet::Settings;
use portfolio_margin_client::{ClientError, Pubkey, Rpc, Transactor, TransactorConfig};
use sandbox::oracle::USDC_FEED;
use sandbox::{PriceFields, User};
use serde_json::{json, Value};
use solana_commitment_config::CommitmentLevel;
use solana_instruction::{AccountMeta, Instruction};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::town::{key, Town};

/// Longest wait for anything: a slot takes 400 ms, finality 32 of them.
const PATIENCE: Duration = Duration::from_secs(90);

/// A validator whose end does not block the runtime.
fn town() -> Town {
    Town::start(Settings::default())
}

/// Who reads and sends at a level of commitment.
fn sender(town: &Town, name: &str, level: CommitmentLevel) -> Transactor {
    let rpc = Rpc::new(town.network.rpc_url(), level, PATIENCE, 32).expect("a URL");
    let config = TransactorConfig {
        commitment: level,
        poll_every: Duration::from_millis(50),
        ..TransactorConfig::default()
    };
    let payer = std::sync::Arc::new(User::named(name).keypair());
    Transactor::new(rpc, payer, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_has_reached_the_commitment_that_was_asked_for() {
    let town = town();
    let mut took = vec![];
    for (level, amount) in [
        (CommitmentLevel::Processed, 1),
        (CommitmentLevel::Confirmed, 2),
        (CommitmentLevel::Finalized, 3),
    ] {
        let carol = sender(&town, "carol", level);
        let start = Instant::now();
        let landed = carol.send(&[town.deposit("carol", amount)], &[]).await;
        let landed = landed.expect("it lands");
        took.push(start.elapsed());
        let slot = town
            .rpc
            .call("getSlot", json!([{ "commitment": level.to_string() }]));
        let slot = slot.await.expect("an answer").as_u64().expect("a slot");
        assert!(slot >= landed.slot, "{level}: {slot} {}", landed.slot);
        let (_, status) = carol.rpc().status(&landed.signature, true).await.unwrap();
        let status = status.expect("it is known");
        assert_eq!((status.slot, &status.error), (landed.slot, &None));
    }
    eprintln!("processed, confirmed and finalized after {took:.1?}");
    assert!(took[0] < took[2], "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_bear_the_slots_of_their_changes_in_order() {
    let town = town();
    let price = &town.network.info.market("BTC").expect("BTC").price_account;
    let (mut socket, _) = tokio_tungstenite::connect_async(town.network.ws_url())
        .await
        .expect("a socket");
    let how = json!({ "encoding": "base64", "commitment": "processed" });
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "accountSubscribe", "params": [price, how] });
    let sent = socket.send(Message::text(call.to_string())).await;
    sent.expect("it is sent");
    let mut slots: Vec<u64> = vec![];
    while slots.len() < 5 {
        let message = timeout(PATIENCE, socket.next()).await.expect("in time");
        let Some(Ok(Message::Text(text))) = message else {
            continue;
        };
        let told: Value = serde_json::from_str(&text).expect("JSON");
        if told["method"] != "accountNotification" {
            continue;
        }
        let slot = &told["params"]["result"]["context"]["slot"];
        let slot = slot.as_u64().expect("a slot");
        assert!(
            slots.last().is_none_or(|last| *last < slot),
            "{slots:?} {slot}"
        );
        // whoever reads now reads that slot or a later one
        let read = town.rpc.accounts(&[key(price)]).await.expect("an answer");
        assert!(read.slot >= slot, "{} {slot}", read.slot);
        slots.push(slot);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_votes_goes_on_and_never_back() {
    let town = town();
    let (mut last, mut first, mut most) = (0, None, 0);
    for _ in 0..20 {
        let read = town.rpc.accounts(&[CLOCK]).await.expect("an answer");
        let clock = read.accounts[0].as_ref().expect("the clock");
        let time = unix_time(&clock.data).expect("a clock");
        assert!(time >= last, "{time} {last}");
        last = time;
        first.get_or_insert(time);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        most = most.max((wall.as_secs() as i64 - time).abs());
        sleep(Duration::from_secs(1)).await;
    }
    eprintln!("the chain's clock is at most {most} s from the wall's");
    assert!(first.is_some_and(|first| last > first));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_writer_obeys_its_own_key_alone() {
    let town = town();
    let carol = sender(&town, "carol", CommitmentLevel::Processed);
    let account: Pubkey = key(&town.network.info.quote.price_account);
    let fields = PriceFields::fresh(USDC_FEED, 1, 1);
    let before = town.rpc.accounts(&[account]).await.expect("an answer");
    let write = Instruction {
        program_id: fields.owner,
        accounts: vec![
            AccountMeta::new_readonly(carol.payer(), true),
            AccountMeta::new(account, false),
        ],
        data: fields.data(),
    };
    let refused = carol.send(&[write], &[]).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "{refused}");
    let owner = &before.accounts[0].as_ref().expect("it is there").owner;
    assert_eq!(*owner, fields.owner);
}
