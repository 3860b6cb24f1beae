//! A validator as a process of its own: its genesis as files, its ports, its end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use localnet::Error;
use portfolio_margin_interface::{Pubkey, ID};
use sandbox::oracle::USDC_FEED;
use sandbox::venue::EXAMPLE_VENUE;
use sandbox::PriceFields;
use serde_json::{json, Value};
use solana_account::Account;

/// Ports of one validator, and where those of the first begin: below the ports that a system hands out by itself.
const PORTS: u16 = 200;
const FIRST_PORT: u16 = 10_000;
const LAST_PORT: u16 = 30_000;

/// Tells the folders and ports of one process's validators apart.
static NUMBER: AtomicU16 = AtomicU16::new(0);

/// A running validator; it ends when dropped, and also when this process does.
pub struct Node {
    child: Child,
    folder: PathBuf,
    pub rpc_url: String,
    pub ws_url: String,
}

impl Node {
    /// Starts one from a genesis of these accounts and the project's programs.
    pub fn start(accounts: &[(Pubkey, Account)]) -> Result<Self, Error> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("validator-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let genesis = folder.join("genesis");
        write_genesis(&genesis, accounts).map_err(|error| Error::File(genesis.clone(), error))?;
        let failed = |error: std::io::Error| Error::Chain(format!("no validator: {error}"));
        let mut child = Command::new(binary()?)
            .arg(folder.join("ledger"))
            .arg(&genesis)
            .arg(free_ports()?.to_string())
            .args(programs()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("log")).map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let out = child.stdout.take().ok_or(Error::Stopped)?;
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let told = lines.find(|line| line.starts_with('{'));
        let told: Value = serde_json::from_str(&told.unwrap_or_default()).unwrap_or_default();
        let mut node = Self {
            child,
            folder,
            rpc_url: String::new(),
            ws_url: String::new(),
        };
        let (Some(rpc_url), Some(ws_url)) = (told["rpc_url"].as_str(), told["ws_url"].as_str())
        else {
            return Err(Error::Chain(node.log()));
        };
        node.rpc_url = rpc_url.into();
        node.ws_url = ws_url.trim_end_matches('/').into();
        Ok(node)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) -> Result<(), Error> {
        let id = self.child.id().to_string();
        let told = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        match told.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err(Error::Stopped),
        }
    }

    /// What it said before it ended.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // it may have ended already
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// One file for each account, as `solana account --output json` writes it.
fn write_genesis(folder: &Path, accounts: &[(Pubkey, Account)]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (key, account) in accounts {
        let text = json!({
            "pubkey": key.to_string(),
            "account": {
                "lamports": account.lamports,
                "data": [STANDARD.encode(&account.data), "base64"],
                "owner": account.owner.to_string(),
                "executable": false,
                "rentEpoch": account.rent_epoch,
                "space": account.data.len(),
            },
        });
        fs::write(folder.join(format!("{key}.json")), text.to_string())?;
    }
    Ok(())
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The clearing house, the venue, and in the oracle's place the program that writes prices.
fn programs() -> Result<Vec<String>, Error> {
    let oracle = PriceFields::fresh(USDC_FEED, 0, 0).owner;
    let programs = [
        (ID, "portfolio_margin"),
        (EXAMPLE_VENUE, "example_venue"),
        (oracle, "price_writer"),
    ];
    let found = programs.map(|(key, name)| {
        let path = workspace().join(format!("target/deploy/{name}.so"));
        match path.exists() {
            true => Ok(format!("{key}={}", path.display())),
            false => Err(missing(&path, "scripts/build")),
        }
    });
    found.into_iter().collect()
}

/// The validator, which `scripts/test validator` builds; `VALIDATOR_NODE` names it where it is elsewhere.
fn binary() -> Result<PathBuf, Error> {
    let path = match std::env::var_os("VALIDATOR_NODE") {
        Some(path) => path.into(),
        None => workspace().join("tests/validator/node/target/debug/validator-node"),
    };
    match path.exists() {
        true => Ok(path),
        false => Err(missing(&path, "cargo build in tests/validator/node")),
    }
}

fn missing(path: &Path, how: &str) -> Error {
    Error::Chain(format!("no {}: make it with {how}", path.display()))
}

/// The first of as many free ports as a validator needs; another process may take one in between, and the validator says so.
fn free_ports() -> Result<u16, Error> {
    // processes that run at once begin at different places
    let ranges = (LAST_PORT - FIRST_PORT) / PORTS;
    let start = u16::try_from(std::process::id() % u32::from(ranges)).unwrap_or(0);
    for _ in 0..ranges {
        let turn = start.wrapping_add(TURN.fetch_add(1, Ordering::Relaxed)) % ranges;
        let first = FIRST_PORT + turn * PORTS;
        if (first..first + PORTS).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    Err(Error::Chain("no free ports for a validator".into()))
}

/// Ranges of ports that were tried.
static TURN: AtomicU16 = AtomicU16::new(0);
