//! Follows a margin account's transactions and prints the clearing house's events, decoded from their logs.
//!
//! By polling, so that nothing is lost when a connection drops: `getSignaturesForAddress` since the last one seen, then each log.
//! Makes one transaction itself, so that there is something to see; `--seconds` bounds the watch (default 20).
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example watch_events`

mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{announce, finish, transactor, Outcome, Setup};
use portfolio_margin_client::Client;
use portfolio_margin_interface::logs::events_of;
use serde_json::json;
use solana_signer::Signer;

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Outcome {
    let setup = Setup::new()?;
    let client = setup.client().await?;
    let wallet = setup.keypair()?;
    announce(&wallet);
    let account = setup.account(&client, &wallet.pubkey())?;
    let seconds = std::env::args().skip_while(|arg| arg != "--seconds").nth(1);
    let seconds = seconds.map_or(Ok(20), |text| text.parse())?;

    // Something to see: a deposit of one USDC.
    let moment = client.moment().await?;
    let quote = moment.directory.banks.values().find(|bank| bank.is_quote);
    let quote = quote.ok_or("the house lists no quote bank")?.index;
    let ixs = moment
        .builder()
        .deposit(&wallet.pubkey(), &account, quote, 1_000_000)?;
    let mine = transactor(&client, &wallet)
        .send(&ixs, &[])
        .await?
        .signature
        .to_string();

    let started = Instant::now();
    let mut last: Option<String> = None;
    while started.elapsed() < Duration::from_secs(seconds) {
        for signature in newer(&client, &account.to_string(), last.as_deref()).await? {
            let (logs, _) = client
                .rpc()
                .log(&signature.parse()?)
                .await?
                .unwrap_or_default();
            for event in events_of(logs.iter().map(String::as_str)) {
                println!("{signature:.8} {event:?}");
            }
            let is_mine = signature == mine;
            last = Some(signature);
            if is_mine {
                return Ok(()); // seen what was to be seen
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("the deposit's event was not seen".into())
}

/// Successful transactions of an address after the last one seen, oldest first.
async fn newer(client: &Client, address: &str, last: Option<&str>) -> Outcome<Vec<String>> {
    let config = json!({"commitment": "confirmed", "limit": 100, "until": last});
    let answer = client
        .rpc()
        .call("getSignaturesForAddress", json!([address, config]))
        .await?;
    let list = answer.as_array().ok_or("no list of signatures")?;
    let found = list.iter().rev().filter(|entry| entry["err"].is_null());
    let signatures = found.filter_map(|entry| entry["signature"].as_str());
    Ok(signatures.map(str::to_owned).collect())
}
