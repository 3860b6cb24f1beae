//! What the tests see of a repair: which accounts are whole again, and everything that the keepers' transactions did on chain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client_core::Scope;
use portfolio_margin_client::Client;
use portfolio_margin_interface::events::Event;
use portfolio_margin_interface::logs::events_of;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::Pubkey;
use serde_json::json;
use tokio::time::sleep;

use crate::keeper::Keeper;
use crate::proxy::Proxy;
use crate::town::Town;

/// How a chain ends a log that is longer than it keeps: events may be missing.
const CUT: &str = "Log truncated";
/// From processed to confirmed, at the most.
const CONFIRMATION: Duration = Duration::from_secs(30);

/// How many of the accounts are active and at or above maintenance.
pub async fn whole(client: &Client, accounts: &[Pubkey]) -> usize {
    let loaded = client.load_all(accounts, &Scope::default()).await;
    let loaded = loaded.expect("they are there");
    let is_whole = |loaded: &portfolio_margin_client::Loaded| {
        let report = loaded.report().expect("a report").report;
        let is_active = loaded.account.header.status == STATUS_ACTIVE;
        is_active && report.margin.maintenance_health.raw() >= 0
    };
    loaded.iter().filter(|loaded| is_whole(loaded)).count()
}

/// Waits until `enough` of the failing accounts are whole; returns how long it took.
pub async fn repaired(
    town: &Town,
    keepers: &[&Keeper],
    enough: usize,
    within: Duration,
) -> Duration {
    let (client, failing) = (town.client().await, town.failing());
    let start = Instant::now();
    loop {
        let now = whole(&client, &failing).await;
        if now >= enough {
            return start.elapsed();
        }
        if start.elapsed() > within {
            keepers[0].complain(&format!("{now} of {enough} whole within {within:?}"));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// What happened to the accounts.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Liquidations started, by account.
    pub started: BTreeMap<Pubkey, u32>,
    /// Bids that landed, by account.
    pub bids: BTreeMap<Pubkey, u32>,
    /// Bids that landed, by bidder.
    pub bidders: BTreeMap<Pubkey, u32>,
    /// Transactions that landed, and those of them that failed.
    pub landed: usize,
    pub failed: Vec<String>,
}

/// Everything that was sent over some lines, as the chain tells it.
#[derive(Debug, Default)]
pub struct Told {
    /// Transactions that landed, and those of them that failed.
    pub landed: usize,
    pub failed: Vec<String>,
    /// What the others did.
    pub events: Vec<Event>,
}

/// Asks the chain for everything that was sent over these lines.
pub async fn told(town: &Town, lines: &[&Proxy]) -> Told {
    let mut told = Told::default();
    let mut sent: Vec<_> = lines.iter().flat_map(|line| line.sent()).collect();
    sent.sort_unstable();
    sent.dedup();
    // what was sent last is not in a block yet
    sleep(Duration::from_millis(town.slot_ms * 2)).await;
    confirmed(town).await;
    for signature in sent {
        let how =
            json!([signature, { "commitment": "confirmed", "maxSupportedTransactionVersion": 0 }]);
        let found = town.rpc.call("getTransaction", how).await;
        let found = found.expect("an answer");
        if found.is_null() {
            continue; // it never landed
        }
        told.landed += 1;
        let meta = &found["meta"];
        if !meta["err"].is_null() {
            // what it logged did not happen
            told.failed.push(format!("{signature}: {}", meta["err"]));
            continue;
        }
        let lines = meta["logMessages"].as_array().expect("a log");
        let lines = lines.iter().filter_map(|line| line.as_str());
        assert!(lines.clone().all(|line| line != CUT), "{signature}: {meta}");
        told.events.extend(events_of(lines));
    }
    told
}

/// What keepers did to accounts over these lines.
pub async fn deeds(town: &Town, lines: &[&Proxy]) -> Deeds {
    let told = told(town, lines).await;
    let mut deeds = Deeds {
        landed: told.landed,
        failed: told.failed,
        ..Deeds::default()
    };
    note(told.events, &mut deeds);
    deeds
}

/// Waits until what is processed now is confirmed: only then does the chain tell of transactions.
async fn confirmed(town: &Town) {
    let slot = async |level: &str| {
        let found = town.rpc.call("getSlot", json!([{ "commitment": level }]));
        found.await.expect("an answer").as_u64().expect("a slot")
    };
    let processed = slot("processed").await;
    let start = Instant::now();
    while slot("confirmed").await < processed {
        assert!(
            start.elapsed() < CONFIRMATION,
            "{processed} is not confirmed"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

fn note(events: Vec<Event>, deeds: &mut Deeds) {
    for event in events {
        match event {
            Event::LiquidationStarted(told) => {
                *deeds.started.entry(told.margin_account).or_default() += 1;
            }
            Event::LiquidationBid(told) => {
                *deeds.bids.entry(told.liquidatee).or_default() += 1;
                *deeds.bidders.entry(told.liquidator).or_default() += 1;
            }
            _ => (),
        }
    }
}
