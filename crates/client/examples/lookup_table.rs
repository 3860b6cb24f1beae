//! Makes an address lookup table of what a clearing house lists, and sends a transaction that is smaller by it.
//!
//! Every account costs 32 bytes of the 1,232 that a transaction may have; one that a table names costs one. Wide liquidations need a
//! table; make one per house, keep its key, extend it when a market is listed.
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example lookup_table`

mod common;

use common::{announce, finish, transactor, Outcome, Setup};
use portfolio_margin_client::tables;
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
    let plain = transactor(&client, &wallet);

    // Everything that a margin check may name.
    let addresses = tables::addresses(&client.directory());
    let made = tables::find(client.rpc(), &wallet.pubkey()).await?;
    let table = match made.into_iter().next() {
        Some(table) => tables::extend(&plain, wallet.as_ref(), &table, &addresses).await?,
        None => tables::create(&plain, wallet.as_ref(), &addresses).await?,
    };
    println!(
        "table     {} names {} accounts",
        table.key,
        table.addresses.len()
    );

    // The same instruction without and with it.
    let moment = client.moment().await?;
    let builder = moment.builder();
    let cranks: Vec<_> = moment
        .directory
        .markets
        .keys()
        .map(|index| builder.update_market(*index))
        .collect();
    let cranks = cranks.into_iter().collect::<Result<Vec<_>, _>>()?;
    // Only what the house lists is looked up: what else a table names is the server's word.
    let small = plain.clone().with_tables(vec![table], &addresses);
    let (without, with) = (
        plain.quote(&cranks).await?.bytes,
        small.quote(&cranks).await?.bytes,
    );
    println!("bytes     {without} without the table, {with} with it");
    if with >= without {
        return Err("the table saved nothing".into());
    }
    let landed = small.send(&cranks, &[]).await?;
    println!("sent      {}", landed.signature);
    Ok(())
}
