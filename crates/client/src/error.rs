//! Everything that can go wrong between a caller and the chain, with the numbers.

use client_core::ReportError;
use portfolio_margin_interface::Pubkey;
use solana_signature::Signature;
use thiserror::Error;

use crate::failure::TransactionFailure;

/// Result of a call of this crate.
pub type Result<T, E = ClientError> = core::result::Result<T, E>;

/// A request that a server did not answer, or answered with an error. `server` is scheme, host and port: keys that providers put
/// into paths and queries are left out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{method} of {server} failed{}: {message}", http(.status))]
pub struct RpcFailure {
    /// The JSON-RPC method.
    pub method: &'static str,
    /// Scheme, host and port.
    pub server: String,
    /// HTTP status, where one came.
    pub status: Option<u16>,
    /// JSON-RPC error code, where one came.
    pub code: Option<i64>,
    /// What the server or the connection says; untrusted text.
    pub message: String,
    /// Simulation that came with a refusal of `sendTransaction`.
    pub refusal: Option<Box<TransactionFailure>>,
}

fn http(status: &Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" with HTTP {status}"))
}

/// What a listing was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A collateral bank.
    Bank,
    /// A market.
    Market,
}

/// Errors of the client. Amounts are in the units of the interface; see [`ClientError::is_transient`] for what to repeat.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// A request failed. Check the URL and the server's limits; repeat where [`ClientError::is_transient`].
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// The answer is not what the method returns. Use another server.
    #[error("{server} answered {method} with nonsense: {what}")]
    Nonsense {
        /// The JSON-RPC method.
        method: &'static str,
        /// Scheme, host and port.
        server: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no such account. Check the address and the cluster.
    #[error("there is no account {0}")]
    Missing(Pubkey),
    /// The account is not what it should be: owned by another program, of another kind, cut short, or of another clearing house.
    #[error("{key} is not {expected}: {found}")]
    NotAnAccount {
        /// The account.
        key: Pubkey,
        /// What was expected there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A bank or market of this index is not listed, also after the directory was read again.
    #[error("the clearing house lists no {kind:?} {index}: it has {count}")]
    Unlisted {
        /// Bank or market.
        kind: Listed,
        /// The index.
        index: u16,
        /// How many there are.
        count: u16,
    },
    /// The account's scope kept growing while it was loaded, or accounts did not fit together. Load again.
    #[error("{account} changed while it was loaded, {attempts} times")]
    ScopeChanged {
        /// The margin account.
        account: Pubkey,
        /// How often it was tried.
        attempts: u32,
    },
    /// Parts of one load came from different slots, repeatedly.
    #[error("accounts came from slots {oldest} and {newest}, {attempts} times in a row")]
    Torn {
        /// The older slot.
        oldest: u64,
        /// The newer slot.
        newest: u64,
        /// How often it was tried.
        attempts: u32,
    },
    /// The server is behind what this client has already seen.
    #[error("the answer is of slot {slot}, but {seen} was seen before and at most {tolerated} slots behind are tolerated")]
    Behind {
        /// Slot of the answer.
        slot: u64,
        /// Newest slot seen.
        seen: u64,
        /// What is tolerated.
        tolerated: u64,
    },
    /// A program or the runtime refused the transaction.
    #[error("{0}")]
    Refused(Box<TransactionFailure>),
    /// The transaction needs more compute units than one may have. Split it.
    #[error("the transaction needs more than {used} compute units, the limit is {limit}")]
    Compute {
        /// Units that the simulation used, or reached.
        used: u64,
        /// Most that may be asked for.
        limit: u32,
    },
    /// The transaction does not fit a packet. Use lookup tables, or split it.
    #[error("the transaction has {bytes} bytes, the limit is {limit}: {tables} lookup tables named {looked_up} of {accounts} accounts")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// [`crate::PACKET_SIZE`].
        limit: usize,
        /// Accounts it names.
        accounts: usize,
        /// Of them by lookup tables.
        looked_up: usize,
        /// Lookup tables used.
        tables: usize,
    },
    /// The instructions cannot be put into a message.
    #[error("the instructions cannot be compiled: {0}")]
    Compile(String),
    /// A needed signature is missing, or a signer failed.
    #[error("{key} did not sign: {why}")]
    Signature {
        /// Whose signature.
        key: Pubkey,
        /// Why there is none.
        why: String,
    },
    /// Every blockhash expired before the transaction landed: by the server's word it did not and will not happen. Raise the priority
    /// fee, or repeat.
    #[error("{signature} expired unconfirmed, the last of {attempts} attempts")]
    Expired {
        /// Signature of the last attempt.
        signature: Signature,
        /// Blockhashes tried.
        attempts: u32,
    },
    /// The time for confirmation is over and the outcome is unknown: it may still land. Ask for the signature before repeating.
    #[error("{signature} is neither confirmed nor expired after {seconds} s: {last}")]
    Unknown {
        /// The signature.
        signature: Signature,
        /// Seconds waited.
        seconds: u64,
        /// The last thing that went wrong while waiting.
        last: String,
    },
    /// The local computation of margin refused its inputs.
    #[error("{account} cannot be evaluated: {why}")]
    Evaluation {
        /// The margin account.
        account: Pubkey,
        /// The engine's or a price's refusal.
        why: ReportError,
    },
    /// What was asked for makes no sense: which and why.
    #[error("{0}")]
    Invalid(String),
}

impl ClientError {
    /// Whether the same call may succeed if repeated: connections, rate limits, nodes behind, expired blockhashes, races. Never for
    /// [`ClientError::Unknown`]: there the transaction may have happened.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rpc(failure) => failure.is_transient(),
            Self::ScopeChanged { .. }
            | Self::Torn { .. }
            | Self::Behind { .. }
            | Self::Expired { .. } => true,
            Self::Refused(failure) => failure.is_transient(),
            _ => false,
        }
    }

    /// The refusal, where a program or the runtime refused.
    pub fn failure(&self) -> Option<&TransactionFailure> {
        match self {
            Self::Refused(failure) => Some(failure),
            Self::Rpc(failure) => failure.refusal.as_deref(),
            _ => None,
        }
    }
}

impl RpcFailure {
    /// Whether a repetition may help: no connection, a timeout, HTTP 408, 429 or 5xx, or a node that says it is behind or unhealthy.
    pub fn is_transient(&self) -> bool {
        // node unhealthy, block not available, slot skipped, minimum context slot not reached; internal errors
        const OF_THE_NODE: [i64; 6] = [-32004, -32005, -32007, -32014, -32016, -32603];
        match (self.code, self.status) {
            (Some(code), _) => OF_THE_NODE.contains(&code),
            (None, Some(status)) => matches!(status, 408 | 429 | 500..=599),
            (None, None) => true,
        }
    }
}
