//! `pm` on line: what reads or changes a clearing house through a server.

mod accounts;
mod act;
mod amount;
mod calendar;
mod commands;
mod config;
mod cranks;
mod desk;
mod failure;
mod holdings;
mod key;
mod liquidations;
mod margin;
mod markets;
mod money;
mod output;
mod quotes;
mod refusal;
mod series;
mod signed;
mod trade;

use std::future::Future;

use clap::ArgMatches;
use risk_document::Picture;

pub use commands::{all as commands, of_account};
pub use failure::{Failure, EXIT_CODES};

use desk::{is_set, Desk};

/// A word of the command line; empty where the command has none of that name.
fn word<'a>(arguments: &'a ArgMatches, name: &str) -> &'a str {
    let value = arguments.try_get_one::<String>(name).ok().flatten();
    value.map_or("", String::as_str)
}

/// Runs to the end on a runtime of its own.
fn block<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::network(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}

/// Runs a command that is on line alone.
pub fn run(name: &str, arguments: &ArgMatches) -> Result<(), Failure> {
    block(async {
        let nested = arguments.subcommand();
        match (name, nested) {
            ("account", Some((name, arguments))) => accounts::run(name, arguments).await,
            ("quote", Some((name, arguments))) => quotes::run(name, arguments).await,
            ("crank", Some((name, arguments))) => cranks::run(name, arguments).await,
            ("deposit", _) => money::deposit(arguments).await,
            ("withdraw", _) => money::withdraw(arguments).await,
            ("trade", _) => trade::run(arguments).await,
            ("positions", _) => positions(arguments).await,
            ("markets", _) => markets::markets(&Desk::open(arguments).await?).await,
            ("banks", _) => markets::banks(&Desk::open(arguments).await?).await,
            ("liquidations", _) => {
                let limit = arguments.get_one::<u32>("limit").copied().unwrap_or(50);
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                liquidations::run(
                    &Desk::open(arguments).await?,
                    is_set(arguments, "all"),
                    limit,
                )
                .await
            }
            _ => Err(Failure::usage("no such command")),
        }
    })
}

async fn positions(arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    let loaded = desk.load(&desk.account(arguments, "ACCOUNT")?).await?;
    let held = holdings::Holdings::new(&loaded, &desk.names)?;
    output::write(&held, desk.is_json)
}

/// `pm margin --account`.
pub fn margin(arguments: &ArgMatches) -> Result<(), Failure> {
    block(async {
        let desk = Desk::open(arguments).await?;
        let loaded = desk.load(&desk.account(arguments, "account")?).await?;
        let view = loaded.view().map_err(refusal::of_client)?;
        let moves = |market: u16, scenario: u8| holdings::spot_of(&loaded, market, scenario);
        let key = loaded.key.to_string();
        let margin = margin::Margin::new(key, loaded.moment.slot, &view, &desk.names, &moves);
        output::write(&margin, desk.is_json)
    })
}

/// The pictures of `pm matrix --account`.
pub fn pictures(arguments: &ArgMatches) -> Result<Vec<Picture>, Failure> {
    block(async {
        let desk = Desk::open(arguments).await?;
        let loaded = desk.load(&desk.account(arguments, "account")?).await?;
        holdings::pictures(&loaded, &desk.names)
    })
}
