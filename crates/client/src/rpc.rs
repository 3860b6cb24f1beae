//! The RPC methods that the client uses, each with what it returns; answers are checked before anybody sees them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use portfolio_margin_interface::Pubkey;
use serde_json::{json, Value};
use solana_commitment_config::CommitmentLevel;
use solana_hash::Hash;
use solana_signature::Signature;
use tokio::task::JoinSet;

use crate::decode::{counted, key_of, Fetched, MOST_IN_ALL};
use crate::error::{ClientError, Result};
use crate::failure::TransactionFailure;
use crate::http::{log_lines, simulated_failure, Http, Transport};

/// Most accounts that one `getMultipleAccounts` returns.
pub const MOST_ACCOUNTS: usize = 100;
/// Refusals in a row of reads that are behind, after which what was seen before counts as the lie: one answer with a slot of the far
/// future must not end a client.
const MOST_BEHIND: u64 = 20;
/// How often parts of one snapshot are asked for again when they come from different slots.
const SNAPSHOT_ATTEMPTS: u32 = 4;

/// Accounts of one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The slot of all of them.
    pub slot: u64,
    /// In the order of the keys that were asked for; `None`: there is no such account.
    pub accounts: Vec<Option<Fetched>>,
}

/// All accounts of a program that pass a filter.
#[derive(Clone, Debug, Default)]
pub struct ProgramAccounts {
    /// The slot of all of them.
    pub slot: u64,
    /// With their keys.
    pub accounts: Vec<(Pubkey, Fetched)>,
}

/// What `getProgramAccounts` filters by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Bytes at an offset; at most 128.
    Bytes(usize, Vec<u8>),
    /// The length of the data.
    Length(u64),
}

/// A blockhash and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blockhash {
    /// The hash.
    pub hash: Hash,
    /// The last block height in which a transaction with it can land.
    pub last_valid_height: u64,
}

/// What a simulation showed.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The slot it ran on.
    pub slot: u64,
    /// Compute units.
    pub units: u64,
    /// The log.
    pub logs: Vec<String>,
    /// Return data of the last program that set any, and which.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
    /// Why it failed, where it did.
    pub failure: Option<TransactionFailure>,
    /// Accounts as they would be afterwards, those that were asked for.
    pub accounts: Vec<Option<Fetched>>,
}

/// What a server knows of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The slot in which it landed.
    pub slot: u64,
    /// How final that slot is.
    pub level: CommitmentLevel,
    /// The runtime's error, where it failed.
    pub error: Option<Value>,
}

/// A server, shared by everything that asks it. Cheap to clone.
#[derive(Clone)]
pub struct Rpc {
    transport: Arc<dyn Transport>,
    commitment: CommitmentLevel,
    /// Newest slot of any read.
    seen: Arc<AtomicU64>,
    /// The slot of the last transaction that landed: reads from before it are refused.
    landed: Arc<AtomicU64>,
    /// Reads in a row that were refused for being behind.
    refused: Arc<AtomicU64>,
    slots_behind: u64,
    /// Most bytes of all accounts of one answer.
    most_data: usize,
}

impl Rpc {
    /// A server by URL. Reads at `commitment`; an answer that is more than `slots_behind` slots older than a previous one is an error.
    pub fn new(
        url: &str,
        commitment: CommitmentLevel,
        timeout: Duration,
        slots_behind: u64,
    ) -> Result<Self> {
        let transport = Arc::new(Http::new(url, timeout)?);
        Ok(Self::over(transport, commitment, slots_behind))
    }

    /// The same over another transport.
    pub fn over(
        transport: Arc<dyn Transport>,
        commitment: CommitmentLevel,
        slots_behind: u64,
    ) -> Self {
        Self {
            transport,
            commitment,
            seen: Arc::default(),
            landed: Arc::default(),
            refused: Arc::default(),
            slots_behind,
            most_data: MOST_IN_ALL,
        }
    }

    /// The commitment of reads.
    pub fn commitment(&self) -> CommitmentLevel {
        self.commitment
    }

    /// From now on reads must be of this slot at the least: something of it was seen.
    pub fn expect_slot(&self, slot: u64) {
        self.landed.fetch_max(slot, Ordering::Relaxed);
    }

    /// Newest slot of any read so far.
    pub fn newest_slot(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Scheme, host and port of the server.
    pub fn server(&self) -> &str {
        self.transport.server()
    }

    /// Any method; the answer as it came.
    pub async fn call(&self, method: &'static str, params: Value) -> Result<Value> {
        self.transport.call(method, params).await
    }

    fn level(&self) -> String {
        self.commitment.to_string()
    }

    fn nonsense(&self, method: &'static str, what: impl Into<String>) -> ClientError {
        ClientError::Nonsense {
            method,
            server: self.server().to_owned(),
            what: what.into(),
        }
    }

    fn number(&self, method: &'static str, value: Option<&Value>) -> Result<u64> {
        let number = value.and_then(Value::as_u64);
        number.ok_or_else(|| self.nonsense(method, "a number is missing"))
    }

    /// The same of a read of accounts, with the slot checked against what was seen.
    fn read_with_slot(&self, method: &'static str, answer: &mut Value) -> Result<(u64, Value)> {
        let (slot, value) = self.with_slot(method, answer)?;
        let seen = self.seen.fetch_max(slot, Ordering::Relaxed);
        let landed = self.landed.load(Ordering::Relaxed);
        let (seen, tolerated) = match slot < landed {
            true => (landed, 0),
            false => (seen, self.slots_behind),
        };
        if slot >= seen.saturating_sub(tolerated) {
            self.refused.store(0, Ordering::Relaxed);
            return Ok((slot, value));
        }
        if self.refused.fetch_add(1, Ordering::Relaxed) >= MOST_BEHIND {
            self.seen.store(slot, Ordering::Relaxed);
            self.landed.store(slot, Ordering::Relaxed);
        }
        Err(ClientError::Behind {
            slot,
            seen,
            tolerated,
        })
    }

    /// Splits `{context, value}`.
    fn with_slot(&self, method: &'static str, answer: &mut Value) -> Result<(u64, Value)> {
        let slot = answer
            .get("context")
            .and_then(|context| context.get("slot"));
        let slot = self.number(method, slot)?;
        let value = answer.get_mut("value").map(Value::take);
        let value = value.ok_or_else(|| self.nonsense(method, "no value"))?;
        Ok((slot, value))
    }

    /// Accounts of one slot. Up to [`MOST_ACCOUNTS`] in one request; more in several at once, again until all have the same slot.
    ///
    /// Errors: [`ClientError::Torn`] where they never had.
    pub async fn accounts(&self, keys: &[Pubkey]) -> Result<Snapshot> {
        if keys.len() <= MOST_ACCOUNTS {
            return self.accounts_at_once(keys.to_vec()).await;
        }
        let mut slots = (0, 0);
        for _ in 0..SNAPSHOT_ATTEMPTS {
            let mut parts = JoinSet::new();
            for (at, chunk) in keys.chunks(MOST_ACCOUNTS).enumerate() {
                let (rpc, chunk) = (self.clone(), chunk.to_vec());
                parts.spawn(async move { (at, rpc.accounts_at_once(chunk).await) });
            }
            let mut parts = parts.join_all().await;
            parts.sort_by_key(|(at, _)| *at);
            let parts = parts.into_iter().map(|(_, part)| part);
            let parts: Vec<Snapshot> = parts.collect::<Result<_>>()?;
            let (oldest, newest) = (
                parts.iter().map(|part| part.slot).min().unwrap_or(0),
                parts.iter().map(|part| part.slot).max().unwrap_or(0),
            );
            if oldest == newest {
                let accounts = parts.into_iter().flat_map(|part| part.accounts);
                return Ok(Snapshot {
                    slot: newest,
                    accounts: accounts.collect(),
                });
            }
            slots = (oldest, newest);
        }
        Err(ClientError::Torn {
            oldest: slots.0,
            newest: slots.1,
            attempts: SNAPSHOT_ATTEMPTS,
        })
    }

    async fn accounts_at_once(&self, keys: Vec<Pubkey>) -> Result<Snapshot> {
        const METHOD: &str = "getMultipleAccounts";
        let names: Vec<String> = keys.iter().map(Pubkey::to_string).collect();
        let config = json!({"encoding": "base64+zstd", "commitment": self.level()});
        let mut answer = self.call(METHOD, json!([names, config])).await?;
        let (slot, value) = self.read_with_slot(METHOD, &mut answer)?;
        let accounts = self.optional_accounts(METHOD, &value)?;
        if accounts.len() != keys.len() {
            let what = format!("{} accounts for {} keys", accounts.len(), keys.len());
            return Err(self.nonsense(METHOD, what));
        }
        Ok(Snapshot { slot, accounts })
    }

    fn optional_accounts(
        &self,
        method: &'static str,
        value: &Value,
    ) -> Result<Vec<Option<Fetched>>> {
        let list = value.as_array();
        let list = list.ok_or_else(|| self.nonsense(method, "no list of accounts"))?;
        let mut total = 0;
        let read = list.iter().map(|account| match account {
            Value::Null => Ok(None),
            account => {
                let account = Fetched::from_json(account)?;
                counted(account, &mut total, self.most_data).map(Some)
            }
        });
        let read: std::result::Result<_, String> = read.collect();
        read.map_err(|what| self.nonsense(method, what))
    }

    /// All accounts of a program that pass every filter, of one slot.
    pub async fn program_accounts(
        &self,
        program: &Pubkey,
        filters: &[Filter],
    ) -> Result<ProgramAccounts> {
        const METHOD: &str = "getProgramAccounts";
        let filters: Vec<Value> = filters.iter().map(Filter::json).collect();
        let config = json!({
            "encoding": "base64+zstd", "commitment": self.level(), "filters": filters, "withContext": true,
        });
        let params = json!([program.to_string(), config]);
        let mut answer = self.call(METHOD, params).await?;
        let (slot, value) = self.read_with_slot(METHOD, &mut answer)?;
        let list = value.as_array();
        let list = list.ok_or_else(|| self.nonsense(METHOD, "no list of accounts"))?;
        let mut total = 0;
        let read = list.iter().map(|keyed| {
            let key = keyed.get("pubkey").and_then(Value::as_str);
            let key = key_of(key.ok_or("an account without a key")?)?;
            let account = keyed.get("account").unwrap_or(&Value::Null);
            let account = counted(Fetched::from_json(account)?, &mut total, self.most_data)?;
            match account.owner == *program {
                true => Ok((key, account)),
                false => Err(format!("{key} belongs to {}", account.owner)),
            }
        });
        let accounts: std::result::Result<_, String> = read.collect();
        let accounts = accounts.map_err(|what| self.nonsense(METHOD, what))?;
        Ok(ProgramAccounts { slot, accounts })
    }

    /// The newest blockhash at the commitment of reads.
    pub async fn latest_blockhash(&self) -> Result<Blockhash> {
        const METHOD: &str = "getLatestBlockhash";
        let params = json!([{"commitment": self.level()}]);
        let mut answer = self.call(METHOD, params).await?;
        let (_, value) = self.with_slot(METHOD, &mut answer)?;
        let hash = value.get("blockhash").and_then(Value::as_str);
        let hash = hash.and_then(|text| text.parse().ok());
        Ok(Blockhash {
            hash: hash.ok_or_else(|| self.nonsense(METHOD, "no blockhash"))?,
            last_valid_height: self.number(METHOD, value.get("lastValidBlockHeight"))?,
        })
    }

    /// Slot and block height, both of the newest block of the commitment of reads.
    pub async fn slot_and_height(&self) -> Result<(u64, u64)> {
        const METHOD: &str = "getEpochInfo";
        let params = json!([{"commitment": self.level()}]);
        let answer = self.call(METHOD, params).await?;
        let slot = self.number(METHOD, answer.get("absoluteSlot"))?;
        Ok((slot, self.number(METHOD, answer.get("blockHeight"))?))
    }

    /// Runs a transaction without sending it, its signatures unchecked and its blockhash replaced; `accounts` are returned as they
    /// would be afterwards.
    pub async fn simulate(&self, transaction: &[u8], accounts: &[Pubkey]) -> Result<Simulation> {
        const METHOD: &str = "simulateTransaction";
        let mut config = json!({
            "encoding": "base64", "commitment": self.level(), "sigVerify": false, "replaceRecentBlockhash": true,
        });
        let names: Vec<String> = accounts.iter().map(Pubkey::to_string).collect();
        if let Some(fields) = config.as_object_mut().filter(|_| !names.is_empty()) {
            let wanted = json!({"encoding": "base64", "addresses": names});
            fields.insert("accounts".into(), wanted);
        }
        let params = json!([STANDARD.encode(transaction), config]);
        let mut answer = self.call(METHOD, params).await?;
        let (slot, value) = self.with_slot(METHOD, &mut answer)?;
        let error = value.get("err").filter(|error| !error.is_null());
        let failure = error.map(|_| simulated_failure(&value));
        let units = match failure {
            Some(_) => value
                .get("unitsConsumed")
                .and_then(Value::as_u64)
                .unwrap_or(0),
            None => self.number(METHOD, value.get("unitsConsumed"))?,
        };
        let accounts = match value.get("accounts") {
            Some(list) if !list.is_null() => self.optional_accounts(METHOD, list)?,
            _ => vec![],
        };
        Ok(Simulation {
            slot,
            units,
            logs: log_lines(&value),
            return_data: return_data(&value),
            failure,
            accounts,
        })
    }

    /// Hands a signed transaction to the server, which neither simulates nor repeats it.
    pub async fn send(&self, transaction: &[u8]) -> Result<()> {
        let config = json!({"encoding": "base64", "skipPreflight": true, "maxRetries": 0});
        let params = json!([STANDARD.encode(transaction), config]);
        self.call("sendTransaction", params).await.map(|_| ())
    }

    /// What the server knows of a transaction, and the slot as of which it knows it.
    pub async fn status(
        &self,
        signature: &Signature,
        is_history_searched: bool,
    ) -> Result<(u64, Option<Status>)> {
        const METHOD: &str = "getSignatureStatuses";
        let config = json!({"searchTransactionHistory": is_history_searched});
        let params = json!([[signature.to_string()], config]);
        let mut answer = self.call(METHOD, params).await?;
        let (slot, value) = self.with_slot(METHOD, &mut answer)?;
        let status = value.as_array().map(Vec::as_slice);
        let Some([status]) = status else {
            return Err(self.nonsense(METHOD, "not one status for one signature"));
        };
        if status.is_null() {
            return Ok((slot, None));
        }
        let level = status.get("confirmationStatus").and_then(Value::as_str);
        let error = status.get("err").filter(|error| !error.is_null());
        let status = Status {
            slot: self.number(METHOD, status.get("slot"))?,
            level: level
                .and_then(|level| level.parse().ok())
                .unwrap_or(CommitmentLevel::Processed),
            error: error.cloned(),
        };
        Ok((slot, Some(status)))
    }

    /// The log and compute units of a transaction in a block, where the server keeps them.
    pub async fn log(&self, signature: &Signature) -> Result<Option<(Vec<String>, u64)>> {
        let config = json!({
            "encoding": "base64", "commitment": "confirmed", "maxSupportedTransactionVersion": 0,
        });
        let params = json!([signature.to_string(), config]);
        let answer = self.call("getTransaction", params).await?;
        let Some(meta) = answer.get("meta").filter(|meta| !meta.is_null()) else {
            return Ok(None);
        };
        let units = meta.get("computeUnitsConsumed").and_then(Value::as_u64);
        Ok(Some((log_lines(meta), units.unwrap_or(0))))
    }

    /// What transactions that wrote these accounts paid at the least in recent slots, 1e-6 lamports per compute unit.
    pub async fn prioritization_fees(&self, written: &[Pubkey]) -> Result<Vec<u64>> {
        const METHOD: &str = "getRecentPrioritizationFees";
        let names: Vec<String> = written.iter().map(Pubkey::to_string).collect();
        let answer = self.call(METHOD, json!([names])).await?;
        let list = answer.as_array();
        let list = list.ok_or_else(|| self.nonsense(METHOD, "no list"))?;
        let fees = list
            .iter()
            .map(|slot| self.number(METHOD, slot.get("prioritizationFee")));
        fees.collect()
    }

    /// The hash that tells clusters apart.
    pub async fn genesis_hash(&self) -> Result<String> {
        const METHOD: &str = "getGenesisHash";
        let answer = self.call(METHOD, json!([])).await?;
        let hash = answer.as_str().map(str::to_owned);
        hash.ok_or_else(|| self.nonsense(METHOD, "no hash"))
    }

    /// Lamports that keep an account of that length.
    pub async fn rent(&self, length: usize) -> Result<u64> {
        const METHOD: &str = "getMinimumBalanceForRentExemption";
        let answer = self.call(METHOD, json!([length])).await?;
        self.number(METHOD, Some(&answer))
    }

    /// Lamports of an account; zero where there is none.
    pub async fn balance(&self, key: &Pubkey) -> Result<u64> {
        const METHOD: &str = "getBalance";
        let params = json!([key.to_string(), {"commitment": self.level()}]);
        let mut answer = self.call(METHOD, params).await?;
        let (_, value) = self.with_slot(METHOD, &mut answer)?;
        self.number(METHOD, Some(&value))
    }
}

impl Filter {
    fn json(&self) -> Value {
        match self {
            Self::Bytes(offset, bytes) => {
                let text = STANDARD.encode(bytes);
                json!({"memcmp": {"offset": offset, "bytes": text, "encoding": "base64"}})
            }
            Self::Length(length) => json!({"dataSize": length}),
        }
    }
}

fn return_data(value: &Value) -> Option<(Pubkey, Vec<u8>)> {
    let returned = value.get("returnData")?;
    let program = returned.get("programId").and_then(Value::as_str)?;
    let text = returned.get("data")?.get(0).and_then(Value::as_str)?;
    Some((key_of(program).ok()?, STANDARD.decode(text).ok()?))
}

#[cfg(test)]
mod tests;
