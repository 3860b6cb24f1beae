//! The chain that the tests run against: Agave's validator, handled as the local network is.

use std::sync::mpsc::{channel, Sender};
use std::time::{Duration, Instant};

use localnet::scenario::{Script, SYMBOLS};
use localnet::{Error, Info, Settings, Town};
use portfolio_margin_interface::Pubkey;
use sandbox::SOL;
use solana_account::Account;
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client::rpc_client::RpcClient;

use crate::feeder::{writer, Feeder, Task};
use crate::node::Node;

/// For 150 blocks and what a busy machine takes longer.
const EXPIRY_PATIENCE: Duration = Duration::from_secs(240);

/// A running validator with living prices; it ends when dropped.
pub struct Network {
    pub info: Info,
    tasks: Option<Sender<Task>>,
    node: Option<Node>,
}

impl Network {
    /// Builds a world and starts a validator from it.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        Self::start_from(&Town::build(&settings)?, settings)
    }

    /// Starts a validator from a town that was built before. Blocks come at the validator's own pace, whatever the settings say.
    pub fn start_from(town: &Town, settings: Settings) -> Result<Self, Error> {
        let script = Script::new(&settings.scenario, settings.seed)?;
        if let Some(folder) = &settings.keys {
            town.write_keys(folder)?;
        }
        let mut accounts = town.accounts();
        accounts.push(purse());
        let node = Node::start(&accounts)?;
        let info = town.info(&settings, node.rpc_url.clone(), node.ws_url.clone());
        let tasks = Feeder::start(&info, script, settings.speed)?;
        Ok(Self {
            info,
            tasks: Some(tasks),
            node: Some(node),
        })
    }

    pub fn rpc_url(&self) -> &str {
        &self.info.rpc_url
    }

    pub fn ws_url(&self) -> &str {
        &self.info.ws_url
    }

    /// Holds a price, 1e-8 USD; returns once it is confirmed.
    pub fn set_price(&self, symbol: &str, price: u64) -> Result<(), Error> {
        let market = SYMBOLS.iter().position(|known| *known == symbol);
        let market = market.ok_or(Error::Stopped)?;
        self.ask(move |feeder| feeder.pin(market, price))?
    }

    /// Prices last published of BTC, SOL and ETH, 1e-8 USD.
    pub fn prices(&self) -> Result<[u64; 3], Error> {
        self.ask(|feeder| feeder.prices())
    }

    /// Publishes the bottom of the crash; returns once it is confirmed.
    pub fn crash_now(&self) -> Result<(), Error> {
        self.ask(Feeder::crash)?
    }

    /// Lets price accounts grow old.
    pub fn stop_feeder(&self) -> Result<(), Error> {
        self.ask(|feeder| feeder.feed(false))?
    }

    /// Publishes again.
    pub fn start_feeder(&self) -> Result<(), Error> {
        self.ask(|feeder| feeder.feed(true))?
    }

    /// Stops the whole validator: no blocks, no answers, no notifications.
    pub fn pause_blocks(&self) -> Result<(), Error> {
        self.node.as_ref().ok_or(Error::Stopped)?.signal("STOP")
    }

    /// Lets it go on.
    pub fn resume_blocks(&self) -> Result<(), Error> {
        self.node.as_ref().ok_or(Error::Stopped)?.signal("CONT")
    }

    /// Waits until the blockhashes of now are too old: about a minute, which nobody can shorten here.
    pub fn expire_blockhashes(&self) -> Result<(), Error> {
        let url = self.rpc_url().to_string();
        // in a thread: callers are inside a runtime, where this client may not wait
        let waiting = std::thread::spawn(move || outlive_blockhash(url));
        let waited = waiting.join();
        waited.unwrap_or_else(|_| Err(Error::Chain("a panic while waiting".into())))
    }

    fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Feeder) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = channel();
        let task: Task = Box::new(move |feeder| {
            // the asker waits below
            let _ = answer.send(task(feeder));
        });
        let tasks = self.tasks.as_ref().ok_or(Error::Stopped)?;
        tasks.send(task).map_err(|_| Error::Stopped)?;
        answered.recv().map_err(|_| Error::Stopped)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // the feeder first: it would complain of a validator that is gone
        self.tasks = None;
        self.node = None;
    }
}

/// What the feeder pays its fees with.
fn purse() -> (Pubkey, Account) {
    let account = Account {
        lamports: 1_000 * SOL,
        rent_epoch: u64::MAX,
        ..Account::default() // of the system program
    };
    (writer().key, account)
}

/// Waits until a blockhash of now, of the newest block, is too old for any block.
fn outlive_blockhash(url: String) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Chain(error.to_string());
    let client = RpcClient::new_with_commitment(url, CommitmentConfig::processed());
    let newest = client.get_latest_blockhash_with_commitment(CommitmentConfig::processed());
    let (_, last_height) = newest.map_err(|error| failed(&error))?;
    let started = Instant::now();
    while client.get_block_height().map_err(|error| failed(&error))? <= last_height {
        if started.elapsed() > EXPIRY_PATIENCE {
            return Err(Error::Chain("blockhashes do not expire".into()));
        }
        std::thread::sleep(Duration::from_millis(400));
    }
    Ok(())
}
