//! Whole snapshots: every account of a clearing house in three questions, everything beside it in one.
//!
//! An answer's slot is the least slot that it can be of: state is read no earlier than the slot is. So what a snapshot says of an
//! account is believed where the account is known from an earlier slot. An account that the list lacks may be gone, or the server may
//! have left it out: it is asked for by its address before it is believed to be gone.

use std::collections::BTreeSet;
use std::time::Duration;

use client_core::clock::CLOCK;
use portfolio_margin_client::{ClientError, Rpc};
use portfolio_margin_interface::{Pubkey, ID};
use serde::Deserialize;
use serde_json::{json, Value};
use solana_account_decoder_client_types::UiAccount;
use solana_commitment_config::CommitmentConfig;
use tokio::time::{sleep, Instant};

use crate::model::{Origin, Update};
use crate::wire::{self, Kind};

/// Keys that one `getMultipleAccounts` takes.
const KEYS_PER_CALL: usize = 100;

/// Most bytes that the accounts of one answer may unpack to: packed, an answer of 100 MB could hold 20 GB.
const MOST_DATA: usize = 2 << 30;

/// Pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Why there is no snapshot. No error holds more of the URL than scheme, host and port: the rest often is an API key.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The server did not answer, or with an error.
    #[error("the RPC server did not answer {method}: {error}")]
    Rpc {
        /// What was asked.
        method: &'static str,
        /// What came back.
        error: Box<ClientError>,
    },
    /// An answer that is none.
    #[error("the answer to {0} is not what the method returns; ask another server")]
    Unreadable(&'static str),
    /// An answer that is more than is kept.
    #[error("the answer to {method} unpacks to more than {most} bytes; ask another server")]
    TooLarge {
        /// What was asked.
        method: &'static str,
        /// The limit.
        most: usize,
    },
    /// An answer of another shape.
    #[error(
        "the answer to {method} is malformed: {found} accounts for {asked} keys; ask another server"
    )]
    Malformed {
        /// What was asked.
        method: &'static str,
        /// Keys that were asked for.
        asked: usize,
        /// Accounts in the answer.
        found: usize,
    },
}

/// What margin accounts there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Slot of the answer.
    pub slot: u64,
    /// Their addresses.
    pub keys: BTreeSet<Pubkey>,
}

/// Accounts, with the slots of their answers.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Every account that could be read.
    pub updates: Vec<Update>,
    /// What could not.
    pub garbage: u64,
    /// The list of margin accounts, with those that could not be read.
    pub listed: Option<Listed>,
    /// Newest slot of any answer.
    pub slot: u64,
}

impl Snapshot {
    /// Both together.
    pub fn join(&mut self, other: Self) {
        self.updates.extend(other.updates);
        self.garbage = self.garbage.saturating_add(other.garbage);
        self.listed = self.listed.take().or(other.listed);
        self.slot = self.slot.max(other.slot);
    }

    fn push(&mut self, update: Option<Update>, slot: u64) {
        self.slot = self.slot.max(slot);
        match update {
            Some(update) => self.updates.push(update),
            None => self.garbage = self.garbage.saturating_add(1),
        }
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    context: Context,
    value: Vec<T>,
}

#[derive(Deserialize)]
struct Context {
    slot: u64,
}

#[derive(Deserialize)]
struct Keyed {
    pubkey: String,
    account: UiAccount,
}

/// Where snapshots come from.
pub struct Source {
    rpc: Rpc,
    house: Pubkey,
    commitment: CommitmentConfig,
    timeout: Duration,
    most_data: usize,
}

impl Source {
    /// Asks `url`, waiting for each answer up to `timeout`; what fails for a moment is asked again within that time.
    ///
    /// Errors: [`SnapshotError::Rpc`] where the URL is none of HTTP.
    pub fn new(
        url: &str,
        house: Pubkey,
        commitment: CommitmentConfig,
        timeout: Duration,
    ) -> Result<Self, SnapshotError> {
        // slots are the book's business
        let rpc = Rpc::new(url, commitment.commitment, timeout, u64::MAX);
        Ok(Self {
            rpc: rpc.map_err(|error| refused("no question", error))?,
            house,
            commitment,
            timeout,
            most_data: MOST_DATA,
        })
    }

    /// All banks, markets and margin accounts of the house. What is asked first is the older; nothing is lost by it, since the
    /// subscription is older than all.
    pub async fn listing(&self) -> Result<Snapshot, SnapshotError> {
        let mut all = Snapshot::default();
        for kind in Kind::ALL {
            let params = json!([ID.to_string(), {
                "encoding": "base64+zstd",
                "commitment": self.commitment.commitment,
                "filters": kind.filters(&self.house),
                "withContext": true,
            }]);
            const METHOD: &str = "getProgramAccounts";
            let answer: Answer<Keyed> = self.ask(METHOD, params).await?;
            let slot = answer.context.slot;
            let mut keys = BTreeSet::new();
            let mut total = 0usize;
            for keyed in &answer.value {
                let key: Option<Pubkey> = keyed.pubkey.parse().ok();
                let read = |key| wire::update(key, &keyed.account, slot, Origin::Snapshot);
                let update = key.and_then(read);
                let length = update.as_ref().map_or(0, |update| update.data.len());
                total = total.saturating_add(length);
                if total > self.most_data {
                    let (method, most) = (METHOD, self.most_data);
                    return Err(SnapshotError::TooLarge { method, most });
                }
                all.push(update, slot);
                keys.extend(key);
            }
            if kind == Kind::Accounts {
                all.listed = Some(Listed { slot, keys });
            }
        }
        Ok(all)
    }

    /// These accounts, and the cluster's clock; one that does not exist is an update without lamports.
    pub async fn accounts(&self, keys: &[Pubkey]) -> Result<Snapshot, SnapshotError> {
        let whole = json!({ "encoding": "base64", "commitment": self.commitment.commitment });
        let mut all = Snapshot::default();
        let keys: Vec<Pubkey> = keys.iter().copied().chain([CLOCK]).collect();
        for keys in keys.chunks(KEYS_PER_CALL) {
            all.join(self.multiple(keys, &whole).await?);
        }
        Ok(all)
    }

    /// The owners of these accounts, without their data.
    pub async fn owners(&self, keys: &[Pubkey]) -> Result<Vec<(Pubkey, Pubkey)>, SnapshotError> {
        let bare = json!({
            "encoding": "base64",
            "commitment": self.commitment.commitment,
            "dataSlice": { "offset": 0, "length": 0 },
        });
        let mut owners = vec![];
        for keys in keys.chunks(KEYS_PER_CALL) {
            let read = self.multiple(keys, &bare).await?;
            let there = read
                .updates
                .into_iter()
                .filter(|update| update.lamports > 0);
            owners.extend(there.map(|update| (update.key, update.owner)));
        }
        Ok(owners)
    }

    async fn multiple(&self, keys: &[Pubkey], config: &Value) -> Result<Snapshot, SnapshotError> {
        const METHOD: &str = "getMultipleAccounts";
        let names: Vec<String> = keys.iter().map(Pubkey::to_string).collect();
        let params = json!([names, config]);
        let answer: Answer<Option<UiAccount>> = self.ask(METHOD, params).await?;
        if answer.value.len() != keys.len() {
            return Err(SnapshotError::Malformed {
                method: METHOD,
                asked: keys.len(),
                found: answer.value.len(),
            });
        }
        let slot = answer.context.slot;
        let mut read = Snapshot::default();
        for (key, account) in keys.iter().zip(&answer.value) {
            let update = match account {
                Some(account) => wire::update(*key, account, slot, Origin::Snapshot),
                None => Some(wire::missing(*key, slot)),
            };
            read.push(update, slot);
        }
        Ok(read)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, SnapshotError> {
        let began = Instant::now();
        loop {
            let error = match self.rpc.call(method, params.clone()).await {
                // what serde says repeats what the server wrote
                Ok(answer) => {
                    let read = serde_json::from_value(answer);
                    return read.map_err(|_| SnapshotError::Unreadable(method));
                }
                Err(error) => error,
            };
            if !error.is_transient() || began.elapsed().saturating_add(PAUSE) >= self.timeout {
                return Err(refused(method, error));
            }
            sleep(PAUSE).await;
        }
    }
}

fn refused(method: &'static str, error: ClientError) -> SnapshotError {
    SnapshotError::Rpc {
        method,
        error: Box::new(error),
    }
}

#[cfg(test)]
mod tests;
