//! What the knowing half of the keeper tells the acting half: accounts as they are known, their rank, and signals.

use std::sync::atomic::{AtomicU64, Ordering};

use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::Pubkey;

/// How an account's bytes became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A notification: what the account was at the end of its slot, or within it.
    Subscription,
    /// An answer to a question, whose slot is that of the answer.
    Snapshot,
}

/// An account's bytes at a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its address.
    pub key: Pubkey,
    /// The program that owns it.
    pub owner: Pubkey,
    /// Zero: the account is closed.
    pub lamports: u64,
    /// What it holds.
    pub data: Vec<u8>,
    /// Slot at which it held that.
    pub slot: u64,
    /// How it became known.
    pub origin: Origin,
}

/// What an update changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: something newer is known.
    Stale,
    /// Nothing but the slot: the bytes were known.
    Same,
    /// A margin account.
    Account,
    /// A margin account is gone.
    Closed,
    /// The clearing house.
    House,
    /// A market; the second is true where it was not known.
    Market(u16, bool),
    /// A bank; the second is true where it was not known.
    Bank(u16, bool),
    /// A price account.
    Price,
    /// The cluster's clock.
    Clock,
    /// Nothing: not what its address or its owner promises, or of another clearing house.
    Foreign,
}

/// What the last evaluation of an account said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Value of the account, 1e-6 USD.
    pub equity: i64,
    /// Headroom over the maintenance requirement, 1e-6 USD; below zero the account fails.
    pub maintenance_health: i64,
    /// Headroom over the initial requirement, 1e-6 USD.
    pub initial_health: i64,
    /// Maintenance health over the maintenance requirement: 0 at the threshold; infinite where nothing is required.
    pub ratio: f64,
    /// Unix time for which it was computed.
    pub at: i64,
}

/// One margin account as it is known.
#[derive(Clone, Debug)]
pub struct KnownAccount {
    /// Its address.
    pub key: Pubkey,
    /// Its fixed part.
    pub header: MarginAccount,
    /// Its records in use.
    pub positions: Vec<PositionRecord>,
    /// Slot at which it was so.
    pub slot: u64,
}

impl KnownAccount {
    /// Whether a breach was proved and its liquidation is not over.
    pub fn is_liquidating(&self) -> bool {
        self.header.status == STATUS_LIQUIDATING
    }
}

/// An account's place among the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its address.
    pub account: Pubkey,
    /// Headroom over the maintenance requirement, 1e-6 USD.
    pub maintenance_health: i64,
    /// [`Summary::ratio`].
    pub ratio: f64,
    /// Estimated probability that it fails within the horizon; 1 where it fails now.
    pub breach_probability: f64,
    /// Maintenance health is below zero at prices that a repair accepts.
    pub failing: bool,
    /// [`KnownAccount::is_liquidating`].
    pub liquidating: bool,
}

/// What the acting half is told. Lists are whole, not changes: whoever misses one is told the same by the next.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A snapshot was taken and merged; from now on the book follows the chain. Counts how often.
    Reloaded {
        /// Snapshots since the start.
        generation: u64,
    },
    /// The connection is lost: the book ages until the next [`Signal::Reloaded`].
    Lost,
    /// Every account that fails, worst first.
    Failing(Vec<Ranked>),
    /// Accounts that failed when last told of and do not any more.
    Repaired(Vec<Pubkey>),
    /// A slot has passed.
    Tick {
        /// Newest slot seen.
        slot: u64,
        /// Unix time of the cluster's clock.
        now: i64,
    },
}

/// Counts of the knowing half, for metrics. Each only rises.
#[derive(Debug, Default)]
pub struct Counts {
    /// Updates that changed the book.
    pub applied: Count,
    /// Updates that told nothing new.
    pub stale: Count,
    /// Updates and messages that could not be read.
    pub garbage: Count,
    /// Connections that were lost or given up.
    pub disconnects: Count,
    /// Full snapshots.
    pub snapshots: Count,
    /// What a later snapshot showed that no notification had told.
    pub missed: Count,
    /// Margin accounts that a snapshot lacked: no notification tells of a close.
    pub closed: Count,
    /// Accounts evaluated at the current prices.
    pub evaluations: Count,
    /// Accounts that the engine refused to evaluate.
    pub refused: Count,
    /// Sweeps over all accounts.
    pub sweeps: Count,
    /// Microseconds that sweeps took in sum.
    pub sweep_micros: Count,
    /// Paths of the breach probability that were evaluated.
    pub paths: Count,
    /// Signals that the acting half was too busy to take.
    pub unheard: Count,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// Several more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
