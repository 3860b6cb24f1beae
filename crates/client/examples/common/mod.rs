//! What every example needs first: where the network is, who signs. Read from the command line, else from the environment.
//!
//! | option | environment | meaning |
//! |---|---|---|
//! | `--url` | `RPC_URL` | RPC server |
//! | `--house` | `HOUSE` | address of the clearing house |
//! | `--keypair` | `KEYPAIR` | file of 64 numbers, as the Solana CLI writes it |
//! | `--other` | `OTHER_KEYPAIR` | the same of a second wallet, where an example has two sides |
//! | `--account` | `ACCOUNT` | a margin account |
//!
//! With `LOCALNET_JSON` (the file that `scripts/localnet --json-file` writes) nothing else is needed: alice is the wallet, bob the other.
#![allow(dead_code)] // each example uses some of it
#![allow(clippy::indexing_slicing)] // of JSON, which answers null

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use portfolio_margin_client::{Client, ClientConfig, Pubkey, Transactor, TransactorConfig};
use portfolio_margin_interface::seeds;
use serde_json::Value;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What a part of an example returns.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Ends an example: exit code 1 and its text for whatever went wrong.
pub fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Options, and what the local network says of itself.
pub struct Setup {
    localnet: Value,
}

impl Setup {
    /// Reads the file that `LOCALNET_JSON` names, where it is set.
    pub fn new() -> Outcome<Self> {
        let localnet = match std::env::var("LOCALNET_JSON") {
            Ok(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
            Err(_) => Value::Null,
        };
        Ok(Self { localnet })
    }

    /// An option, an environment variable, or what the local network says.
    fn find(&self, option: &str, variable: &str, known: &Value) -> Outcome<String> {
        let mut args = std::env::args().skip_while(|arg| arg != option).skip(1);
        if let Some(value) = args.next() {
            return Ok(value);
        }
        if let Ok(value) = std::env::var(variable) {
            return Ok(value);
        }
        let known = known.as_str().map(str::to_owned);
        known.ok_or_else(|| format!("say {option}, or set {variable} or LOCALNET_JSON").into())
    }

    fn wallet(&self, name: &str) -> &Value {
        let wallets = self.localnet["wallets"].as_array();
        let mut wallets = wallets.into_iter().flatten();
        wallets
            .find(|wallet| wallet["name"] == name)
            .unwrap_or(&Value::Null)
    }

    /// Connects to the clearing house: reads what it lists, once.
    pub async fn client(&self) -> Outcome<Client> {
        let url = self.find("--url", "RPC_URL", &self.localnet["rpc_url"])?;
        let house = self.find("--house", "HOUSE", &self.localnet["house"])?;
        Ok(Client::connect(ClientConfig::new(url, house.parse()?)).await?)
    }

    /// Where notifications come from.
    pub fn ws_url(&self) -> Outcome<String> {
        self.find("--ws-url", "WS_URL", &self.localnet["ws_url"])
    }

    /// The wallet of the example.
    pub fn keypair(&self) -> Outcome<Arc<Keypair>> {
        let known = &self.wallet("alice")["keypair"];
        read_keypair(&self.find("--keypair", "KEYPAIR", known)?)
    }

    /// The wallet of the other side.
    pub fn other_keypair(&self) -> Outcome<Arc<Keypair>> {
        let known = &self.wallet("bob")["keypair"];
        read_keypair(&self.find("--other", "OTHER_KEYPAIR", known)?)
    }

    /// The margin account that was named; else the first one of the wallet.
    pub fn account(&self, client: &Client, owner: &Pubkey) -> Outcome<Pubkey> {
        match self.find("--account", "ACCOUNT", &Value::Null) {
            Ok(named) => Ok(named.parse()?),
            Err(_) => Ok(seeds::margin_account(&client.house(), owner, 0)),
        }
    }
}

fn read_keypair(path: &str) -> Outcome<Arc<Keypair>> {
    let numbers: Vec<u8> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    Ok(Arc::new(Keypair::try_from(numbers.as_slice())?))
}

/// Sends what this wallet pays for.
pub fn transactor(client: &Client, payer: &Arc<Keypair>) -> Transactor {
    Transactor::new(
        client.rpc().clone(),
        payer.clone(),
        TransactorConfig::default(),
    )
}

/// 1e-6 USD as dollars.
pub fn dollars(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let micro = micro.unsigned_abs();
    format!("{sign}{}.{:06} USD", micro / 1_000_000, micro % 1_000_000)
}

/// Prints who signs.
pub fn announce(keypair: &Keypair) {
    println!("wallet    {}", keypair.pubkey());
}
