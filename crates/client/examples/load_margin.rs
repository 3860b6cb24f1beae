//! Loads a margin account, computes its margin here, and asks the program for the same: both must agree to the bit.
//!
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example load_margin`

mod common;

use common::{announce, dollars, finish, transactor, Outcome, Setup};
use portfolio_margin_client::{Loaded, Transactor};
use portfolio_margin_interface::view::{MarginView, View};
use solana_signer::Signer;
use std::process::ExitCode;

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

    // One request: the account, the clearing house, the clock, and every bank, market and price that its margin needs.
    let loaded = client.load(&account).await?;
    println!("account   {account} as of slot {}", loaded.moment.slot);
    let report = loaded.report()?.report;
    println!("tier      {:?}", report.tier);
    println!("equity    {}", dollars(report.margin.equity.raw()));
    println!(
        "initial health     {}",
        dollars(report.margin.initial_health.raw())
    );
    println!(
        "maintenance health {}",
        dollars(report.margin.maintenance_health.raw())
    );
    for market in &report.markets {
        let name = loaded.moment.directory.market(market.market)?.name();
        println!(
            "{name:9} worst scenario {}, loss {}",
            market.risk.worst_scenario,
            dollars(market.risk.scan.raw())
        );
    }

    // The program's own view of it, by simulation: nothing is signed or paid. Prices move and the clock ticks, so the account is loaded
    // again until the moment of the one is the moment of the other.
    let transactor = transactor(&client, &wallet);
    for _ in 0..50 {
        let loaded = client.load(&account).await?;
        let ours = loaded.view()?;
        let theirs = view_of_the_program(&transactor, &loaded).await?;
        if ours == theirs {
            println!("the program's view_margin says the same, to the bit");
            return Ok(());
        }
    }
    Err("the program's view_margin differs".into())
}

async fn view_of_the_program(transactor: &Transactor, loaded: &Loaded) -> Outcome<MarginView> {
    let ix = loaded.builder().view_margin(&loaded.side(), &[])?;
    let simulation = transactor.simulate(&[ix], &[]).await?;
    if let Some(failure) = simulation.failure {
        return Err(failure.to_string().into());
    }
    let (_, bytes) = simulation
        .return_data
        .ok_or("view_margin returned nothing")?;
    MarginView::read(&bytes).ok_or_else(|| "what view_margin returned is no view".into())
}
