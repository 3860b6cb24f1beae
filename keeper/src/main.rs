//! `margin-keeper`: the command line of the keeper.
//!
//! Exit codes: 0 done, or stopped by SIGTERM or SIGINT; 1 something failed, or a single run met errors; 2 the configuration or the
//! command line is wrong.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use margin_keeper::config::Settings;
use margin_keeper::run::Keeper;
use margin_keeper::{health, log};
use solana_keypair::Keypair;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::watch;

/// Watches every margin account of a clearing house, repairs those that fail, turns the cranks.
#[derive(Parser)]
#[command(name = "margin-keeper", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM or SIGINT, then finishes what is in flight.
    Run(Options),
    /// Waits for a whole book, works on everything once, prints what it did as JSON, and ends.
    RunOnce(Options),
    /// Asks a running keeper of this configuration whether it lives: exit code 0 if it does.
    CheckHealth {
        /// TOML file; without it only the environment counts.
        #[arg(long, env = "MARGIN_KEEPER_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Checks the configuration and prints every key with the value in force.
    CheckConfig {
        /// TOML file; without it only the environment counts.
        #[arg(long, env = "MARGIN_KEEPER_CONFIG")]
        config: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Options {
    /// TOML file; without it only the environment counts.
    #[arg(long, env = "MARGIN_KEEPER_CONFIG")]
    config: Option<PathBuf>,
    /// Simulates and logs what would be sent, and sends nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What went wrong, and with which exit code.
struct Failure(u8, String);

impl Failure {
    fn configuration(text: impl ToString) -> Self {
        Self(2, text.to_string())
    }

    fn running(text: impl ToString) -> Self {
        Self(1, text.to_string())
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::CheckConfig { config } => check(config.as_deref()),
        Command::CheckHealth { config } => check_health(config.as_deref()),
        Command::Run(options) => started(&options, true),
        Command::RunOnce(options) => started(&options, false),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, text)) => {
            eprintln!("margin-keeper: {text}");
            ExitCode::from(code)
        }
    }
}

fn check(path: Option<&Path>) -> Result<(), Failure> {
    let settings = Settings::load(path).map_err(Failure::configuration)?;
    let lines = settings.effective.iter();
    let lines: String = lines
        .map(|(key, value)| format!("{key} = {}\n", without_secrets(key, value)))
        .collect();
    print(&lines)
}

/// Asks `/healthz` of the address in the configuration; one that listens everywhere is asked here.
fn check_health(path: Option<&Path>) -> Result<(), Failure> {
    let settings = Settings::load(path).map_err(Failure::configuration)?;
    let Some(mut address) = settings.metrics.listen else {
        let text = "metrics.listen: is none, so nothing answers";
        return Err(Failure::configuration(text));
    };
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let answer =
        asked(&address).map_err(|error| Failure::running(format!("{address}: {error}")))?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => Err(Failure::running(format!("{address} answered {answer}"))),
    }
}

/// The first bytes of an answer.
fn asked(address: &SocketAddr) -> std::io::Result<String> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let request = "GET /healthz HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 64];
    let count = stream.read(&mut answer)?;
    let answer = answer.get(..count).unwrap_or_default();
    Ok(String::from_utf8_lossy(answer).into_owned())
}

/// A value as it may be shown: of a URL scheme, host and port, since the rest often is an API key.
fn without_secrets(key: &str, value: &str) -> String {
    let url = value.split_once("://").filter(|_| key.ends_with("url"));
    let Some((scheme, rest)) = url else {
        return value.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_whole = host == authority && matches!(path, "" | "/");
    match is_whole {
        true => value.to_owned(),
        false => format!("{scheme}://{host}/..."),
    }
}

/// A pipe that was closed is no failure of this program's.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::running(error))
        }
        _ => Ok(()),
    }
}

fn started(options: &Options, is_continuous: bool) -> Result<(), Failure> {
    let settings = Settings::load(options.config.as_deref()).map_err(Failure::configuration)?;
    let keypair = read_keypair(&settings.house.keypair)?;
    log::start(&settings.logs);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::running)?;
    runtime.block_on(async {
        let stop = stop_on_signals().map_err(Failure::running)?;
        let listen = settings.metrics.listen.filter(|_| is_continuous);
        let keeper = Keeper::new(settings, keypair, options.dry_run, stop.subscribe())
            .map_err(Failure::configuration)?;
        if !is_continuous {
            return run_once(keeper).await;
        }
        let mut served = None;
        if let Some(address) = listen {
            let bound = health::bind(address).await;
            let (listener, bound) = bound
                .map_err(|error| Failure::running(format!("metrics.listen: {address}: {error}")))?;
            print(&format!("{{\"listening\":\"{bound}\"}}\n"))?;
            let (metrics, readiness) = (keeper.metrics(), keeper.readiness());
            let (end, ended) = watch::channel(false);
            let server = health::serve(listener, metrics, readiness, wait(ended));
            served = Some((tokio::spawn(server), end));
        }
        let outcome = keeper.run().await.map_err(Failure::running);
        if let Some((server, end)) = served {
            end.send_replace(true);
            server.abort(); // whoever keeps a connection open does not keep the process
        }
        outcome
    })
}

async fn run_once(keeper: Keeper) -> Result<(), Failure> {
    let summary = keeper.run_once().await.map_err(Failure::running)?;
    let line = serde_json::to_string(&summary).map_err(Failure::running)?;
    print(&format!("{line}\n"))?;
    match summary.errors {
        0 => Ok(()),
        errors => Err(Failure::running(format!(
            "{errors} attempts ended in errors: see the log"
        ))),
    }
}

/// Becomes true at the first SIGTERM or SIGINT; a second one ends the process at once.
fn stop_on_signals() -> std::io::Result<watch::Sender<bool>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let sender = watch::Sender::new(false);
    let told = sender.clone();
    tokio::spawn(async move {
        for is_second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_second {
                std::process::exit(1);
            }
            told.send_replace(true);
        }
    });
    Ok(sender)
}

async fn wait(mut ended: watch::Receiver<bool>) {
    // an error is a sender that is gone
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Reads a keypair file: a JSON array of 64 numbers.
fn read_keypair(path: &Path) -> Result<Keypair, Failure> {
    let refused = |why: String| {
        let path = path.display();
        Failure::configuration(format!("house.keypair: {path}: {why}"))
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let bytes: Vec<u8> = serde_json::from_str(&text)
        .map_err(|_| refused("is no JSON array of 64 numbers from 0 to 255".to_owned()))?;
    Keypair::try_from(bytes.as_slice()).map_err(|_| {
        refused("is no keypair: its second half is not the first one's key".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_url_is_shown_without_its_key_and_anything_else_as_it_is() {
        for (key, value, shown) in [
            (
                "network.url",
                "http://127.0.0.1:8899",
                "http://127.0.0.1:8899",
            ),
            ("network.url", "https://a.b/SECRET", "https://a.b/..."),
            ("network.ws_url", "wss://a.b?k=SECRET", "wss://a.b/..."),
            (
                "network.url",
                "https://u:SECRET@a.b:1/",
                "https://a.b:1/...",
            ),
            ("house.keypair", "a://b/c", "a://b/c"),
        ] {
            assert_eq!(without_secrets(key, value), shown);
        }
    }
}
