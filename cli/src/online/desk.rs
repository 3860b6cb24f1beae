//! What every command on line works with: the settings, the server, the key, the house and its names; and the one place that signs.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ArgMatches;
use client_core::{AccountData, Directory, ListedBank, Scope};
use portfolio_margin_client::{
    Client, ClientConfig, ClientError, Loaded, Moment, PriorityFee, Rpc, Transactor,
    TransactorConfig,
};
use portfolio_margin_interface::{seeds, AccountLayout, Pubkey};
use solana_commitment_config::CommitmentLevel;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::calendar;
use super::config::{self, Commitment, Layer, Settings};
use super::failure::Failure;
use super::key;
use super::output::Progress;
use super::refusal;
use super::series::Names;

/// Mainnet, by the hash of its first block.
const MAINNET: &str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";
/// Seconds by which a cluster's clock may be ahead of this machine's.
const MOST_AHEAD: i64 = 300;

/// A house at a server.
pub struct Desk {
    /// Where.
    pub settings: Settings,
    /// The server as the client talks to it.
    pub client: Client,
    /// Names of markets.
    pub names: Names,
    /// `--json`.
    pub is_json: bool,
    /// `--dry-run`.
    pub is_dry: bool,
    key: OnceCell<Arc<Keypair>>,
}

fn text(arguments: &ArgMatches, name: &str) -> Option<String> {
    let value = arguments.try_get_one::<String>(name).ok().flatten();
    value.cloned()
}

/// A switch, `false` where the command has none.
pub fn is_set(arguments: &ArgMatches, name: &str) -> bool {
    let value = arguments.try_get_one::<bool>(name).ok().flatten();
    value.copied().unwrap_or(false)
}

/// The settings of a command line.
pub fn settings(arguments: &ArgMatches) -> Result<Settings, Failure> {
    let flags = Layer {
        url: text(arguments, "url"),
        keypair: text(arguments, "keypair"),
        house: text(arguments, "house"),
        commitment: text(arguments, "commitment"),
        priority_fee: text(arguments, "priority-fee"),
    };
    let environment = |name: &str| std::env::var(name).ok();
    Settings::resolve(flags, text(arguments, "config").as_deref(), &environment)
}

impl Desk {
    /// Connects and reads what the house lists. For a command that signs, `--yes` or the server comes first: nothing is signed for
    /// mainnet without.
    pub async fn open(arguments: &ArgMatches) -> Result<Self, Failure> {
        let settings = settings(arguments)?;
        let progress = Progress::new("reading the house");
        let commitment = match settings.commitment {
            Commitment::Processed => CommitmentLevel::Processed,
            Commitment::Confirmed => CommitmentLevel::Confirmed,
            Commitment::Finalized => CommitmentLevel::Finalized,
        };
        let config = ClientConfig {
            commitment,
            ..ClientConfig::new(&settings.url, settings.house)
        };
        let is_signing = arguments.try_contains_id("yes").is_ok();
        if is_signing && !is_set(arguments, "yes") && !is_set(arguments, "dry-run") {
            may_sign(&config).await?;
        }
        let connected = Client::connect(config).await;
        let client = connected.map_err(|error| of_house(error, &settings))?;
        drop(progress);
        let directory = client.directory();
        let symbols = directory
            .markets
            .values()
            .map(|market| (market.index, &market.symbol));
        Ok(Self {
            names: Names::new(symbols),
            client,
            settings,
            is_json: is_set(arguments, "json"),
            is_dry: is_set(arguments, "dry-run"),
            key: OnceCell::new(),
        })
    }

    /// What the house lists.
    pub fn directory(&self) -> Arc<Directory> {
        self.client.directory()
    }

    /// The server.
    pub fn rpc(&self) -> &Rpc {
        self.client.rpc()
    }

    /// The key, read when it is first needed.
    pub fn key(&self) -> Result<Arc<Keypair>, Failure> {
        if self.key.get().is_none() {
            let read = key::read(&self.settings.keypair)?;
            let _ = self.key.set(Arc::new(read));
        }
        let key = self.key.get().cloned();
        key.ok_or_else(|| Failure::usage("no key"))
    }

    /// The key's address.
    pub fn owner(&self) -> Result<Pubkey, Failure> {
        Ok(self.key()?.pubkey())
    }

    /// The key's own account of a number.
    pub fn own_account(&self, arguments: &ArgMatches) -> Result<Pubkey, Failure> {
        let sub = arguments.try_get_one::<u16>("sub").ok().flatten();
        let sub = sub.copied().unwrap_or(0);
        Ok(seeds::margin_account(
            &self.settings.house,
            &self.owner()?,
            sub,
        ))
    }

    /// The account that an argument names: an address, or `mine`; the key's own without it.
    pub fn account(&self, arguments: &ArgMatches, name: &str) -> Result<Pubkey, Failure> {
        match text(arguments, name).as_deref() {
            None | Some("mine") => self.own_account(arguments),
            Some(address) => config::address("account", address),
        }
    }

    /// The market of a word.
    pub fn market(&self, arguments: &ArgMatches, name: &str) -> Result<u16, Failure> {
        self.names
            .market(&text(arguments, name).unwrap_or_default())
    }

    /// The bank of a word: `quote`, a mint's address, or `@N`.
    pub fn bank(&self, word: &str) -> Result<ListedBank, Failure> {
        let directory = self.directory();
        let mut banks = directory.banks.values();
        let index = word
            .strip_prefix('@')
            .and_then(|number| number.parse::<u16>().ok());
        let found = match (word, index) {
            ("quote", _) => banks.find(|bank| bank.is_quote),
            (_, Some(index)) => banks.find(|bank| bank.index == index),
            _ => {
                let mint = config::address("asset", word).map_err(|_| {
                    Failure::usage(format!(
                        "asset: {word:?} is no address; an asset is quote, a mint's address, or @N as `pm banks` lists it"
                    ))
                })?;
                banks.find(|bank| bank.mint == mint)
            }
        };
        let missing = || Failure::not_found(format!("no bank {word}; `pm banks` lists them"));
        found.copied().ok_or_else(missing)
    }

    /// An account with all that its check reads.
    pub async fn load(&self, key: &Pubkey) -> Result<Loaded, Failure> {
        let loaded = self.client.load(key).await;
        loaded.map_err(|error| of_account(error, key))
    }

    /// Two accounts of one moment, and what a scope adds.
    pub async fn load_pair(
        &self,
        keys: [Pubkey; 2],
        beside: &Scope,
    ) -> Result<[Loaded; 2], Failure> {
        let loaded = self
            .client
            .load_all(&keys, beside)
            .await
            .map_err(refusal::of_client)?;
        let pair: Result<[Loaded; 2], _> = loaded.try_into();
        pair.map_err(|_| Failure::network("the client loaded another number of accounts"))
    }

    /// Everything that the house lists, of now.
    pub async fn moment(&self) -> Result<Moment, Failure> {
        self.client.moment().await.map_err(refusal::of_client)
    }

    /// The margin accounts of the house, or of an owner, with their slot.
    pub async fn accounts(
        &self,
        owner: Option<&Pubkey>,
    ) -> Result<(u64, Vec<(Pubkey, AccountData)>), Failure> {
        self.client
            .margin_accounts(owner)
            .await
            .map_err(refusal::of_client)
    }

    /// An account of a layout; `None` where there is none.
    pub async fn fetch<T: AccountLayout>(&self, key: &Pubkey) -> Result<Option<T>, Failure> {
        let read = self.client.fetch::<T>(key).await;
        read.map_err(refusal::of_client)
    }

    /// Sends for the key.
    pub fn transactor(&self) -> Result<Transactor, Failure> {
        let fee = match self.settings.priority_fee {
            config::PriorityFee::Auto => PriorityFee::default(),
            config::PriorityFee::Fixed(price) => PriorityFee::Fixed { price },
        };
        let commitment = self.rpc().commitment();
        let config = TransactorConfig {
            fee,
            commitment,
            ..TransactorConfig::default()
        };
        Ok(Transactor::new(self.rpc().clone(), self.key()?, config))
    }
}

/// This machine's clock, Unix time.
pub fn here() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

/// The cluster's time, from which what is signed counts how long it is good.
///
/// Errors: refused where it is more than [`MOST_AHEAD`] seconds ahead of this machine's clock. The time is the server's word: with a
/// later one, a quote for a minute or a delegate for a day would be good for years.
pub fn sound_time(cluster: i64, here: i64) -> Result<i64, Failure> {
    let ahead = cluster.saturating_sub(here);
    match ahead > MOST_AHEAD {
        true => Err(Failure::refused(format!(
            "the server says it is {}, {ahead} seconds ahead of this machine's clock: what is signed now would be good for longer than you say; check the clock, ask another server, or say --until when",
            calendar::readable(cluster)
        ))),
        false => Ok(cluster),
    }
}

/// Why there is no house to work with: a server or a house of another place is the usual reason.
fn of_house(error: ClientError, settings: &Settings) -> Failure {
    match error {
        ClientError::Missing(key) if key == settings.house => Failure::not_found(format!(
            "there is no clearing house {key} at this server; --house or PM_HOUSE names another, --url or PM_URL the server"
        )),
        error => refusal::of_client(error),
    }
}

/// Why an account cannot be read.
fn of_account(error: ClientError, account: &Pubkey) -> Failure {
    match error {
        ClientError::Missing(key) if key == *account => Failure::not_found(format!(
            "there is no account {key}; `pm account list` shows the key's, `pm account open --sub N` opens one"
        )),
        error => refusal::of_client(error),
    }
}

/// Withholds every signature on mainnet.
async fn may_sign(config: &ClientConfig) -> Result<(), Failure> {
    let (timeout, behind) = (config.timeout, config.slots_behind);
    let rpc =
        Rpc::new(&config.url, config.commitment, timeout, behind).map_err(refusal::of_client)?;
    let genesis = rpc.genesis_hash().await.map_err(refusal::of_client)?;
    match genesis == MAINNET {
        true => Err(Failure::withheld(format!(
            "{} is mainnet; say --yes to sign there",
            rpc.server()
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_ahead_is_refused_and_one_behind_is_not() {
        let here = 1_800_000_000;
        for cluster in [here + 300, here, here - 86_400, i64::MIN] {
            assert_eq!(sound_time(cluster, here), Ok(cluster));
        }
        for cluster in [here + 301, i64::MAX] {
            assert_eq!(sound_time(cluster, here).unwrap_err().code(), 1);
        }
    }
}
