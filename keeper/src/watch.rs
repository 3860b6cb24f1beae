//! The knowing half of the keeper as a whole: its settings, what it shows, and how it begins anew when a connection is lost.
//!
//! What makes a connection doubtful ends it ([`crate::follow`]). The next begins after a pause that doubles, up to a limit, and is drawn at
//! random within it, so that many keepers do not come back at once.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use portfolio_margin_interface::Pubkey;
use rand::Rng;
use solana_commitment_config::CommitmentConfig;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, Instant};

use crate::book::{Book, SharedBook};
use crate::follow::Follower;
use crate::judge::{Judge, WorkList};
use crate::model::{Counts, Ranked, Signal};
use crate::monte_carlo::Terms;
use crate::rank::Thresholds;
use crate::snapshot::SnapshotError;
use crate::subscribe::SubscribeError;

/// What the knowing half needs to be told.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// HTTP address of the RPC server.
    pub rpc_url: String,
    /// Its WebSocket address.
    pub ws_url: String,
    /// The clearing house.
    pub house: Pubkey,
    /// What counts as having happened.
    pub commitment: CommitmentConfig,
    /// Longest wait for an answer, a notification, or a new slot.
    pub silence: Duration,
    /// Time between whole snapshots.
    pub snapshot_every: Duration,
    /// How long after a snapshot its notifications may still arrive.
    pub grace: Duration,
    /// Shortest and longest pause before a new connection.
    pub pause: (Duration, Duration),
    /// Slots by which a server may lie behind what is known.
    pub most_behind: u64,
    /// How long every answer may be behind before what is known counts as the lie.
    pub forget_after: Duration,
    /// Time between sweeps over all accounts at the most.
    pub sweep_every: Duration,
    /// Relative move of any price that brings a sweep over all accounts at once.
    pub sweep_move: f64,
    /// Time between estimates of probabilities.
    pub estimate_every: Duration,
    /// Threads of a sweep.
    pub threads: usize,
    /// Which accounts are risky.
    pub thresholds: Thresholds,
    /// How probabilities are estimated.
    pub estimates: Terms,
}

impl WatchConfig {
    /// The defaults for a server and a house.
    pub fn new(rpc_url: String, ws_url: String, house: Pubkey) -> Self {
        Self {
            rpc_url,
            ws_url,
            house,
            commitment: CommitmentConfig::confirmed(),
            silence: Duration::from_secs(15),
            snapshot_every: Duration::from_secs(60),
            grace: Duration::from_secs(2),
            pause: (Duration::from_millis(250), Duration::from_secs(30)),
            most_behind: 150,
            forget_after: Duration::from_secs(120),
            sweep_every: Duration::from_secs(10),
            sweep_move: 0.002,
            estimate_every: Duration::from_secs(15),
            threads: 1,
            thresholds: Thresholds::default(),
            estimates: Terms::default(),
        }
    }
}

/// How the knowing half is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The book follows the chain, and all accounts have been evaluated.
    pub ready: bool,
    /// Connections that came to follow the chain so far.
    pub generation: u64,
    /// Newest slot.
    pub slot: u64,
    /// Unix time of the cluster.
    pub now: i64,
    /// Margin accounts known.
    pub accounts: usize,
    /// Of those the risky.
    pub risky: usize,
    /// And those that fail.
    pub failing: usize,
    /// Banks and markets without a price that a repair accepts.
    pub unpriced: usize,
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The subscription.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// No slot passed.
    #[error("slot {slot} is the last for {silence:?}: the server or the cluster stands still")]
    Stuck {
        /// Newest slot.
        slot: u64,
        /// How long.
        silence: Duration,
    },
    /// The server is older than what is known.
    #[error("the server is at slot {slot}, {behind} behind what is known: ask another")]
    Behind {
        /// Its slot.
        slot: u64,
        /// Slots that it lacks.
        behind: u64,
    },
    /// There is no such clearing house.
    #[error("{0} is no clearing house of the program: check the address and the cluster")]
    NoHouse(Pubkey),
    /// A task ended by itself.
    #[error("the snapshot was interrupted")]
    Interrupted,
}

/// The knowing half.
pub struct Watch {
    pub(crate) config: Arc<WatchConfig>,
    pub(crate) book: SharedBook,
    pub(crate) counts: Arc<Counts>,
    pub(crate) work: Arc<WorkList>,
    pub(crate) status: watch::Sender<Status>,
    ranks: watch::Sender<Arc<Vec<Ranked>>>,
}

impl Watch {
    /// Knows nothing yet.
    pub fn new(config: WatchConfig) -> Self {
        Self {
            book: Arc::new(RwLock::new(Book::new(config.house))),
            config: Arc::new(config),
            counts: Arc::default(),
            work: Arc::default(),
            status: watch::Sender::new(Status::default()),
            ranks: watch::Sender::new(Arc::default()),
        }
    }

    /// What is known.
    pub fn book(&self) -> SharedBook {
        Arc::clone(&self.book)
    }

    /// Counts for metrics.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// How it is doing, now and whenever that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Every account by rank, worst first, as of the last sweep.
    pub fn ranks(&self) -> watch::Receiver<Arc<Vec<Ranked>>> {
        self.ranks.subscribe()
    }

    /// Watches until `stop` becomes true or its sender is gone. Signals that find the queue full are dropped and counted; each
    /// list is whole, so the next tells the same.
    pub async fn run(self, signals: mpsc::Sender<Signal>, stop: watch::Receiver<bool>) {
        let tell = Teller {
            signals,
            counts: Arc::clone(&self.counts),
        };
        let judge = Judge {
            config: Arc::clone(&self.config),
            book: Arc::clone(&self.book),
            counts: Arc::clone(&self.counts),
            work: Arc::clone(&self.work),
            status: self.status.clone(),
            ranks: self.ranks.clone(),
            tell: tell.clone(),
        };
        let judging = judge.run(stop.clone());
        tokio::join!(self.follow_for_ever(tell, stop), judging);
    }

    async fn follow_for_ever(&self, tell: Teller, mut stop: watch::Receiver<bool>) {
        let mut failures = 0u32;
        let mut behind: Option<(u64, Instant)> = None;
        loop {
            let began = Instant::now();
            let error = tokio::select! {
                () = stopped(&mut stop) => return,
                error = self.follow_once(&tell) => error,
            };
            behind = self.reviewed(&error, behind);
            self.counts.disconnects.one();
            self.work.is_following.store(false, Ordering::SeqCst);
            self.status.send_modify(|status| status.ready = false);
            tell.tell(Signal::Lost);
            let (shortest, longest) = self.config.pause;
            failures = match began.elapsed() > longest {
                true => 0,
                false => failures.saturating_add(1).min(16),
            };
            let most = shortest.saturating_mul(1 << failures).min(longest);
            let pause = most.mul_f64(rand::rng().random_range(0.5..1.0));
            tracing::warn!(%error, ?pause, "the connection is lost");
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(pause) => {}
            }
        }
    }

    async fn follow_once(&self, tell: &Teller) -> WatchError {
        match Follower::new(self, tell.clone()) {
            Ok(mut follower) => follower.follow().await,
            Err(error) => error,
        }
    }

    /// Since when, and in which generation, every server has been behind what is known. Where that lasts, what is known was the lie: a
    /// single slot of the far future would end the keeper for good. The book then begins anew.
    fn reviewed(
        &self,
        error: &WatchError,
        behind: Option<(u64, Instant)>,
    ) -> Option<(u64, Instant)> {
        let generation = self.status.borrow().generation;
        let behind = behind.filter(|(since, _)| *since == generation);
        if !matches!(error, WatchError::Behind { .. }) {
            return behind;
        }
        let (generation, began) = behind.unwrap_or((generation, Instant::now()));
        if began.elapsed() < self.config.forget_after {
            return Some((generation, began));
        }
        tracing::warn!("every answer is behind what is known: the book begins anew");
        *write(&self.book) = Book::new(self.config.house);
        None
    }
}

/// Returns once `stop` is true or nobody can set it any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // an error is a sender that is gone
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Sends signals without waiting.
#[derive(Clone)]
pub(crate) struct Teller {
    signals: mpsc::Sender<Signal>,
    counts: Arc<Counts>,
}

impl Teller {
    pub(crate) fn tell(&self, signal: Signal) {
        if self.signals.try_send(signal).is_err() {
            self.counts.unheard.one();
        }
    }
}

/// Reads a book; one that a panic left behind is as good as any, since it is changed by whole assignments.
pub(crate) fn read(book: &SharedBook) -> RwLockReadGuard<'_, Book> {
    book.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write(book: &SharedBook) -> RwLockWriteGuard<'_, Book> {
    book.write().unwrap_or_else(PoisonError::into_inner)
}
