//! A keeper as a whole: the knowing half, the acting half, cranks, metrics and health, started together and stopped in order.
//!
//! On a stop nothing new begins; what is in flight is waited for until it is confirmed or its blockhash is over; then all ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portfolio_margin_client::{
    ClientError, ComputePolicy, PriorityFee, Rpc, Transactor, TransactorConfig,
};
use portfolio_margin_interface::state::margin_account::MAX_CAPACITY;
use portfolio_margin_interface::Pubkey;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio::sync::{mpsc, watch, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::act::{Actor, Means};
use crate::config::{Priority, Settings};
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::model::Signal;
use crate::monte_carlo::Terms;
use crate::order::{courtesy, is_in_shard, sort, Urgency};
use crate::outcome::Outcome;
use crate::rank::Thresholds;
use crate::watch::{read, Watch, WatchConfig};
use crate::{table, turn};

/// Signals that may wait.
const SIGNALS: usize = 64;
/// Longest that an account is left to other keepers first: about what a transaction takes to land and to be told of.
const COURTESY: Duration = Duration::from_millis(400);
/// How long a single run waits for a whole book.
const LOADING: Duration = Duration::from_secs(180);
/// How long a stop waits for what is in flight: a blockhash lives for about a minute and a half.
const LAST_WORDS: Duration = Duration::from_secs(120);
/// Percent of compute units beyond the simulation's: bids that land in between make the keeper's own account dearer to check.
const COMPUTE_MARGIN: u32 = 75;
/// Blocks for which a transaction of the keeper's can land, about ten seconds: one that does not land holds others up for no longer,
/// and the next attempt has the price of its own moment.
pub const LIFE: u64 = 24;
/// Time between two sendings of a transaction: a block. It is the same signature, which lands and is paid for once.
const RESEND: Duration = Duration::from_millis(400);
/// Longest wait for the outcome of a transaction, where a server tells neither its status nor the height of blocks: longer than any
/// blockhash lives.
const PATIENCE: Duration = Duration::from_secs(75);
/// Slots that no book can be behind: half a day.
const MOST_LAG: u64 = 108_000;
/// Slots by which an answer may lie behind an earlier one before it is refused.
const SLOTS_BEHIND: u64 = 32;

/// Why a keeper did not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The RPC endpoint or the transactor.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The book was not whole in time.
    #[error("the book was not whole after {} s: check network.url, network.ws_url and house.clearinghouse", .0.as_secs())]
    NotLoaded(Duration),
}

/// A keeper that is about to run.
pub struct Keeper {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    actor: Arc<Actor>,
    watch: Watch,
    readiness: watch::Sender<Readiness>,
    stop: watch::Receiver<bool>,
}

/// What a single run did, for people and scripts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Snapshots that the book is made of.
    pub generation: u64,
    /// Margin accounts known.
    pub accounts: usize,
    /// Accounts that failed or were in liquidation.
    pub failing: usize,
    /// Accounts of the keeper's own wallet that failed or were in liquidation: only others can repair them. Not among the failing.
    pub own_failing: usize,
    /// How attempts at them ended.
    pub repairs: BTreeMap<&'static str, usize>,
    /// How cranks ended.
    pub cranks: BTreeMap<&'static str, usize>,
    /// Outcomes that an operator should look at.
    pub errors: usize,
}

impl Summary {
    fn count(of: &mut BTreeMap<&'static str, usize>, outcome: &Outcome) {
        *of.entry(outcome.name()).or_default() += 1;
    }
}

impl Keeper {
    /// Puts the parts together; nothing is asked of any server yet. It ends once `stop` is true.
    ///
    /// Errors: [`ClientError::Invalid`] for an address that is none.
    pub fn new(
        settings: Settings,
        keypair: Keypair,
        is_dry: bool,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, RunError> {
        let network = &settings.network;
        let level = network.commitment.commitment;
        let rpc = Rpc::new(&network.url, level, network.timeout, SLOTS_BEHIND)?;
        let payer = Arc::new(keypair);
        let transactor = Transactor::new(rpc, payer.clone(), transactor_config(&settings));
        let watch = Watch::new(watch_config(&settings));
        let means = Means {
            payer,
            transactor,
            book: watch.book(),
            status: watch.status(),
            stop: stop.clone(),
        };
        let (settings, metrics) = (Arc::new(settings), Arc::new(Metrics::default()));
        let actor = Actor::new(settings.clone(), means, metrics.clone(), is_dry);
        Ok(Self {
            actor: Arc::new(actor),
            readiness: watch::Sender::new(Readiness::Loading),
            settings,
            metrics,
            watch,
            stop,
        })
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Whether it is ready, now and whenever that changes.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Runs until it is told to stop, then finishes what is in flight.
    pub async fn run(self) -> Result<(), RunError> {
        let (signals, heard) = mpsc::channel(SIGNALS);
        let (watched, stop_watching) = watch::channel(false);
        let actor = self.actor.clone();
        let counts = self.watch.counts();
        let watching = tokio::spawn(self.watch.run(signals, stop_watching));
        let gauges = tokio::spawn(show(actor.clone(), counts, self.readiness.clone()));
        let cranks = tokio::spawn(turn::run(actor.clone()));
        let tables = tokio::spawn(table::keep(actor.clone()));
        work(actor.clone(), heard, self.stop.clone()).await;
        self.readiness.send_replace(Readiness::Stopping);
        if timeout(LAST_WORDS, cranks).await.is_err() {
            tracing::warn!("a crank was still unconfirmed at the end");
        }
        tables.abort();
        gauges.abort();
        watched.send_replace(true);
        drop(timeout(Duration::from_secs(5), watching).await);
        Ok(())
    }

    /// Waits for a whole book, works on everything once, and ends.
    ///
    /// Errors: [`RunError::NotLoaded`].
    pub async fn run_once(self) -> Result<Summary, RunError> {
        let (signals, _unheard) = mpsc::channel(SIGNALS);
        let (watched, stop_watching) = watch::channel(false);
        let (actor, mut status) = (self.actor.clone(), self.watch.status());
        let ranks = self.watch.ranks(); // published before it is ready
        let watching = tokio::spawn(self.watch.run(signals, stop_watching));
        let loaded = timeout(LOADING, status.wait_for(|status| status.ready)).await;
        let Ok(Ok(known)) = loaded.map(|known| known.map(|known| *known)) else {
            return Err(RunError::NotLoaded(LOADING));
        };
        let ranked = ranks.borrow().clone();
        let failing = ranked.iter().filter(|ranked| ranked.failing);
        let failing = failing.map(|ranked| ranked.account).collect();
        let mut summary = Summary {
            generation: known.generation,
            accounts: known.accounts,
            ..Summary::default()
        };
        let accounts = due(&actor, &failing);
        summary.failing = accounts.len();
        summary.own_failing = usize::try_from(self.metrics.own_failing.get()).unwrap_or(0);
        let permits = Arc::new(Semaphore::new(self.settings.limits.concurrent));
        let mut tasks = JoinSet::new();
        for account in accounts {
            let (actor, permits) = (actor.clone(), permits.clone());
            tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                actor.repair(account).await
            });
        }
        let mut errors = 0;
        while let Some(outcome) = tasks.join_next().await {
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
            errors += usize::from(outcome.is_error());
            Summary::count(&mut summary.repairs, &outcome);
        }
        for outcome in turn::once(&actor).await {
            errors += usize::from(outcome.is_error());
            Summary::count(&mut summary.cranks, &outcome);
        }
        summary.errors = errors;
        watched.send_replace(true);
        drop(timeout(Duration::from_secs(5), watching).await);
        Ok(summary)
    }
}

/// Takes what a signal says of failing accounts.
fn note(signal: Signal, failing: &mut BTreeSet<Pubkey>) {
    match signal {
        Signal::Failing(list) => {
            let list = list.into_iter().filter(|ranked| ranked.failing);
            *failing = list.map(|ranked| ranked.account).collect();
        }
        Signal::Repaired(list) => {
            for account in list {
                failing.remove(&account);
            }
        }
        Signal::Reloaded { generation } => tracing::info!(generation, "the book is whole"),
        Signal::Lost => tracing::warn!("the connection is lost"),
        Signal::Tick { .. } => {}
    }
}

/// Accounts that want something: those that fail, and those in liquidation, in this keeper's order. Its own wallet's it cannot repair.
fn due(actor: &Actor, failing: &BTreeSet<Pubkey>) -> Vec<Pubkey> {
    let mut found: Vec<(Urgency, Pubkey)> = vec![];
    let (owner, mut own_failing) = (actor.payer().pubkey(), BTreeSet::new());
    {
        let book = read(&actor.book);
        for account in book.accounts() {
            let is_failing = failing.contains(&account.key);
            if account.header.owner == owner {
                if is_failing || account.is_liquidating() {
                    own_failing.insert(account.key);
                }
                continue;
            }
            let urgency = match (account.is_liquidating(), is_failing) {
                (true, _) if account.header.insolvent_at != 0 => Urgency::Insolvent,
                (true, true) => Urgency::Liquidating,
                (true, false) => Urgency::Recovered,
                (false, true) => Urgency::Failing,
                (false, false) => continue,
            };
            found.push((urgency, account.key));
        }
    }
    actor.own_failing.note(own_failing, &actor.metrics);
    let shard = actor.settings.house.shard;
    found.retain(|(_, key)| is_in_shard(key, shard));
    sort(&mut found, &actor.own);
    let now = Instant::now();
    let waiting = actor.waiting();
    let due = found.into_iter().map(|(_, key)| key);
    due.filter(|key| waiting.is_due(key, now)).collect()
}

/// Repairs what fails until it is told to stop, then waits for what is in flight.
async fn work(
    actor: Arc<Actor>,
    mut heard: mpsc::Receiver<Signal>,
    mut stop: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(actor.settings.limits.concurrent));
    let mut failing = BTreeSet::new();
    let mut tasks: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            // an error is a sender that is gone: nobody could stop it any more
            _ = stop.wait_for(|stop| *stop) => break,
            signal = heard.recv() => match signal {
                Some(signal) => note(signal, &mut failing),
                None => break,
            },
            () = sleep(actor.settings.acting.sweep) => {}
            Some(_) = tasks.join_next() => {}
        }
        while let Ok(signal) = heard.try_recv() {
            note(signal, &mut failing);
        }
        if !actor.status.borrow().ready {
            continue;
        }
        for account in due(&actor, &failing) {
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                break;
            };
            let Some(claim) = actor.flights.claim(account) else {
                continue;
            };
            let actor = actor.clone();
            tasks.spawn(async move {
                sleep(courtesy(&account, &actor.own, COURTESY)).await;
                actor.repair(account).await;
                drop((claim, permit));
            });
        }
    }
    tracing::info!(in_flight = actor.flights.len(), "stopping");
    let finished = timeout(LAST_WORDS, async {
        while tasks.join_next().await.is_some() {}
    })
    .await;
    if finished.is_err() {
        tracing::warn!("a repair was still unconfirmed at the end");
    }
}

/// Slots by which the book is behind a server's newest; half a day of them is no lag but a lie, which would end readiness for good: a
/// connection that is silent is given up after seconds.
fn lag(newest: u64, known: u64) -> u64 {
    let slots = newest.saturating_sub(known);
    match slots < MOST_LAG {
        true => slots,
        false => 0,
    }
}

/// Keeps gauges and readiness up to date.
async fn show(
    actor: Arc<Actor>,
    counts: Arc<crate::model::Counts>,
    readiness: watch::Sender<Readiness>,
) {
    let metrics = &actor.metrics;
    let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let mut lost = 0;
    loop {
        let status = *actor.status.borrow();
        let newest = actor.transactor().rpc().newest_slot();
        let slots = lag(newest, status.slot);
        let most = actor.settings.limits.oldest_slots;
        let state = match (actor.is_stopping(), status.ready, slots > most) {
            (true, ..) => Readiness::Stopping,
            (_, false, _) => Readiness::Loading,
            (_, _, true) => Readiness::Stale { slots, most },
            _ => Readiness::Ready,
        };
        metrics.ready.set(i64::from(state == Readiness::Ready));
        metrics.accounts.set(gauge(status.accounts));
        metrics.risky.set(gauge(status.risky));
        metrics.failing.set(gauge(status.failing));
        metrics.in_flight.set(gauge(actor.flights.len()));
        let own = read(&actor.book).account(&actor.own);
        let held = own.map_or(0, |own| own.positions.len());
        metrics
            .free_positions
            .set(gauge(MAX_CAPACITY.saturating_sub(held)));
        metrics
            .waiting
            .set(gauge(actor.waiting().count(Instant::now())));
        metrics
            .slot
            .set(i64::try_from(status.slot).unwrap_or(i64::MAX));
        metrics.lag.set(i64::try_from(slots).unwrap_or(i64::MAX));
        let disconnects = counts.disconnects.get();
        metrics.reconnects.inc_by(disconnects.saturating_sub(lost));
        lost = disconnects;
        readiness.send_if_modified(|known| {
            let is_new = *known != state;
            *known = state;
            is_new
        });
        sleep(Duration::from_millis(100)).await;
    }
}

fn transactor_config(settings: &Settings) -> TransactorConfig {
    let fees = &settings.fees;
    TransactorConfig {
        compute: ComputePolicy {
            margin_percent: COMPUTE_MARGIN,
        },
        fee: match fees.priority {
            Priority::Fixed(price) => PriorityFee::Fixed {
                price: price.min(fees.most_price),
            },
            Priority::Percentile(percentile) => PriorityFee::Percentile {
                percentile,
                least: 0,
                most: fees.most_price,
                most_lamports: settings.limits.fees_per_transaction,
            },
        },
        commitment: settings.network.commitment.commitment,
        resend_every: RESEND,
        poll_every: Duration::from_millis(200),
        attempts: u32::try_from(settings.acting.attempts).unwrap_or(1),
        patience: PATIENCE,
        life: Some(LIFE),
    }
}

fn watch_config(settings: &Settings) -> WatchConfig {
    let (network, watching) = (&settings.network, &settings.watching);
    let house = settings.house.clearinghouse;
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    WatchConfig {
        commitment: network.commitment,
        silence: watching.silence,
        snapshot_every: watching.snapshot,
        pause: (Duration::from_millis(250), watching.backoff),
        most_behind: settings.limits.oldest_slots,
        sweep_every: watching.sweep,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        thresholds: Thresholds {
            probability: watching.risky as f64 / 1e6,
            ..Thresholds::default()
        },
        estimates: Terms {
            horizon_seconds: watching.horizon as f64,
            paths: narrow(watching.paths),
            steps: narrow(watching.steps),
            seed: watching.seed,
            ..Terms::default()
        },
        ..WatchConfig::new(network.url.clone(), network.ws_url.clone(), house)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_the_far_future_is_no_lag() {
        assert_eq!(lag(1_000, 1_001), 0);
        assert_eq!(lag(1_151, 1_000), 151);
        assert_eq!(lag(1_000 + MOST_LAG - 1, 1_000), MOST_LAG - 1);
        assert_eq!(lag(1_000 + MOST_LAG, 1_000), 0);
        assert_eq!(lag(u64::MAX, 1_000), 0);
    }
}
