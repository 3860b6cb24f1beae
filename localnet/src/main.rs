//! The binary of the local network: starts one, prints it as JSON, and ends it on ctrl-C or SIGTERM.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use localnet::{Error, Info, Network, Scenario, Settings, DEFAULT_PORT, DEFAULT_SLOT_MS};

/// A local network: real RPC and WebSocket servers, the clearing house deployed, funded wallets, living prices.
///
/// Prints one JSON object on stdout when ready; progress goes to stderr. Ends on ctrl-C or SIGTERM.
#[derive(Parser)]
#[command(name = "localnet")]
struct Options {
    /// Port of the RPC server; the WebSocket server has the next one. 0: two free ones
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// How prices move: calm, walk, crash, or a file of seconds,BTC,SOL,ETH that ends with .csv
    #[arg(long, default_value = "calm")]
    scenario: Scenario,
    /// Seconds of the scenario in one second of the network's clock
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Seconds of the network's clock in one second, 1 to 100
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    clock_speed: f64,
    /// Minutes from the start to the first expiry; without it, six to seven days
    #[arg(long, value_name = "MINUTES")]
    expire_in: Option<u32>,
    /// Margin accounts beside those of the named users
    #[arg(long, default_value_t = 0)]
    accounts: usize,
    /// How many of them fall below maintenance at the bottom of the crash
    #[arg(long, default_value_t = 0)]
    failing: usize,
    /// Decides where the random walk goes and what the accounts hold
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds between two blocks
    #[arg(long, default_value_t = DEFAULT_SLOT_MS)]
    slot_ms: u64,
    /// Writes the JSON to this file too
    #[arg(long, value_name = "FILE")]
    json_file: Option<PathBuf>,
    /// Writes the named users' keypairs into this folder, as the Solana tools read them
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
}

impl Options {
    fn settings(&self) -> Settings {
        Settings {
            port: self.port,
            scenario: self.scenario.clone(),
            speed: self.speed,
            clock_speed: self.clock_speed,
            expire_in: self.expire_in,
            accounts: self.accounts,
            failing: self.failing,
            keys: self.keys.clone(),
            slot_ms: self.slot_ms,
            seed: self.seed,
            is_loud: true,
            ..Settings::default()
        }
    }
}

/// Exit status: wrong usage, as clap's own.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localnet: {error}");
            match error {
                Error::Setting(..) | Error::Scenario(..) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Starts, prints, waits for a signal, stops.
fn run(options: &Options) -> Result<(), Error> {
    let broken = |error: std::io::Error| Error::Chain(error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(broken)?;
    let mut signals = runtime.block_on(async { Signals::new() }).map_err(broken)?;
    let (tell, told) = tokio::sync::oneshot::channel();
    let settings = options.settings();
    // the main thread ends the process on a signal, also while this one is building
    std::thread::spawn(move || {
        let _ = tell.send(Network::start(settings));
    });
    let started = runtime.block_on(async {
        tokio::select! {
            started = told => Some(started),
            () = signals.wait() => None,
        }
    });
    let network = match started {
        Some(Ok(started)) => started?,
        Some(Err(_)) => return Err(Error::Chain("a panic while starting".into())),
        None => {
            eprintln!("localnet: stopped before it was ready");
            return Ok(());
        }
    };
    print(&network.info, options)?;
    eprintln!(
        "localnet: ready: {} and {}; ctrl-C ends it",
        network.rpc_url(),
        network.ws_url()
    );
    runtime.block_on(signals.wait());
    eprintln!("localnet: stopping");
    network.stop()
}

/// Prints what was made, on stdout and into the file that was named.
fn print(info: &Info, options: &Options) -> Result<(), Error> {
    let json = serde_json::to_string(info).map_err(|error| Error::Chain(error.to_string()))?;
    if let Some(path) = &options.json_file {
        let written = std::fs::write(path, format!("{json}\n"));
        written.map_err(|error| Error::File(path.clone(), error))?;
    }
    let mut out = std::io::stdout();
    let written = writeln!(out, "{json}").and_then(|()| out.flush());
    written.map_err(|error| Error::File("stdout".into(), error))
}

/// What ends a process politely.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{signal, SignalKind};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
