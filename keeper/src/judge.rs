//! Evaluates accounts as prices and books change, and tells which fail.
//!
//! What changed is collected while a sweep runs, so that ten prices in a moment bring one sweep and not ten. Sweeps and estimates run on
//! threads of their own: notifications are read on whatever the sums cost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client_core::{Inputs, Scope};
use portfolio_margin_interface::Pubkey;
use tokio::sync::{watch, Notify};
use tokio::task::{spawn_blocking, JoinHandle};
use tokio::time::{sleep, sleep_until, Instant};

use crate::book::SharedBook;
use crate::model::{Counts, KnownAccount, Ranked, Signal};
use crate::monte_carlo::{self, Estimate};
use crate::rank::{self, Table};
use crate::watch::{read, stopped, Status, Teller, WatchConfig};

/// What comes within this time is evaluated together.
const GATHER: Duration = Duration::from_millis(20);

/// What changed since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Accounts that changed themselves.
    pub changed: BTreeSet<Pubkey>,
    /// Accounts that are gone.
    pub gone: Vec<Pubkey>,
    /// Banks and markets of which the price or the terms changed.
    pub touched: Scope,
    /// The clearing house changed, which touches everybody.
    pub is_house_changed: bool,
    /// A snapshot was taken.
    pub is_reloaded: bool,
}

impl Work {
    pub(crate) fn touch(&mut self, scope: &Scope) {
        self.touched.banks.extend(&scope.banks);
        self.touched.markets.extend(&scope.markets);
    }
}

/// Work, and a bell.
#[derive(Debug, Default)]
pub(crate) struct WorkList {
    work: Mutex<Work>,
    wake: Notify,
    /// Whether there is a connection. Cleared before readiness is taken back, so that a sweep that ends meanwhile does not give it
    /// again.
    pub is_following: AtomicBool,
}

impl WorkList {
    /// Notes something and wakes whoever evaluates.
    pub(crate) fn add(&self, change: impl FnOnce(&mut Work)) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut work);
        drop(work);
        self.wake.notify_one();
    }

    fn take(&self) -> Work {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut work)
    }
}

/// Evaluates until it is stopped.
pub(crate) struct Judge {
    pub config: Arc<WatchConfig>,
    pub book: SharedBook,
    pub counts: Arc<Counts>,
    pub work: Arc<WorkList>,
    pub status: watch::Sender<Status>,
    pub ranks: watch::Sender<Arc<Vec<Ranked>>>,
    pub tell: Teller,
}

/// What outlives one round.
struct Rounds {
    table: Table,
    /// When all accounts were last swept, and the prices then, by market and by bank.
    swept_at: Option<Instant>,
    prices: BTreeMap<(bool, u16), u64>,
    estimate_at: Instant,
    estimating: Option<JoinHandle<Vec<Estimate>>>,
}

impl Judge {
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let mut rounds = Rounds {
            table: Table::new(self.config.thresholds),
            swept_at: None,
            prices: BTreeMap::new(),
            estimate_at: Instant::now(),
            estimating: None,
        };
        loop {
            let due = rounds
                .swept_at
                .map_or_else(Instant::now, |at| at + self.config.sweep_every);
            tokio::select! {
                () = stopped(&mut stop) => break,
                () = self.work.wake.notified() => sleep(GATHER).await,
                // before the first snapshot there is nothing to sweep
                () = sleep_until(due), if rounds.swept_at.is_some() => {}
                estimates = finished(&mut rounds.estimating) => {
                    rounds.estimating = None;
                    rounds.table.take_estimates(&estimates);
                    self.publish(&rounds.table);
                    continue;
                }
            }
            self.round(&mut rounds).await;
            self.begin_estimate(&mut rounds, &is_stopped);
        }
        is_stopped.store(true, Ordering::Relaxed);
    }

    /// Evaluates what has changed, or all.
    async fn round(&self, rounds: &mut Rounds) {
        let work = self.work.take();
        let Some((inputs, unpriced)) = read(&self.book).priced() else {
            return; // before the first snapshot
        };
        let inputs = Arc::new(inputs);
        let prices = prices_of(&inputs);
        let is_long_ago = rounds
            .swept_at
            .is_none_or(|at| at.elapsed() >= self.config.sweep_every);
        let is_whole = work.is_reloaded
            || is_long_ago
            || has_moved(&rounds.prices, &prices, self.config.sweep_move);
        let mut repaired = rounds.table.forget(&work.gone).repaired;
        let accounts = match is_whole {
            true => read(&self.book).accounts().cloned().collect(),
            false => self.chosen(&rounds.table, &work),
        };
        let swept = self.sweep(accounts, &inputs).await;
        // what was closed meanwhile is not entered again
        let swept = {
            let book = read(&self.book);
            let is_there = |(account, _): &rank::Swept| book.account(&account.key).is_some();
            swept.into_iter().filter(is_there).collect()
        };
        let changes = rounds.table.take(swept);
        repaired.extend(changes.repaired);
        if is_whole {
            (rounds.swept_at, rounds.prices) = (Some(Instant::now()), prices);
        }
        if !repaired.is_empty() {
            self.tell.tell(Signal::Repaired(repaired));
        }
        let failing = self.publish(&rounds.table);
        self.status.send_modify(|status| {
            status.unpriced = unpriced;
            // the first sweep of a connection is whole
            let is_following = self.work.is_following.load(Ordering::SeqCst);
            status.ready |= work.is_reloaded && is_following;
        });
        if !failing.is_empty() {
            self.tell.tell(Signal::Failing(failing));
        }
    }

    /// Accounts that changed, and the risky of those that are touched.
    fn chosen(&self, table: &Table, work: &Work) -> Vec<Arc<KnownAccount>> {
        let book = read(&self.book);
        let touched = match work.is_house_changed {
            true => book.accounts().map(|account| account.key).collect(),
            false => table.touched(&work.touched),
        };
        let mut keys: BTreeSet<_> = table.risky_of(&touched).into_iter().collect();
        keys.extend(&work.changed);
        keys.iter().filter_map(|key| book.account(key)).collect()
    }

    async fn sweep(
        &self,
        accounts: Vec<Arc<KnownAccount>>,
        inputs: &Arc<Inputs>,
    ) -> Vec<rank::Swept> {
        let (inputs, counts) = (Arc::clone(inputs), Arc::clone(&self.counts));
        let threads = self.config.threads;
        let sweep = move || rank::sweep(&accounts, &inputs, threads, &counts);
        // a sweep that panics finds nothing: the accounts stay as they were and are swept again
        spawn_blocking(sweep).await.unwrap_or_default()
    }

    /// Shows the ranking; returns the accounts that fail.
    fn publish(&self, table: &Table) -> Vec<Ranked> {
        let ranking = table.ranking();
        let failing: Vec<_> = ranking
            .iter()
            .filter(|ranked| ranked.failing)
            .copied()
            .collect();
        self.status.send_modify(|status| {
            (status.failing, status.risky) = (failing.len(), table.risky_count());
        });
        self.ranks.send_replace(Arc::new(ranking));
        failing
    }

    /// Starts an estimate where one is due and none runs.
    fn begin_estimate(&self, rounds: &mut Rounds, is_stopped: &Arc<AtomicBool>) {
        let is_due = rounds.estimate_at <= Instant::now() && rounds.swept_at.is_some();
        if rounds.estimating.is_some() || !is_due {
            return;
        }
        let (accounts, priced): (Vec<_>, _) = {
            let book = read(&self.book);
            (book.accounts().cloned().collect(), book.priced())
        };
        let Some((inputs, _)) = priced else {
            return;
        };
        let (counts, stop) = (Arc::clone(&self.counts), Arc::clone(is_stopped));
        let terms = self.config.estimates.clone();
        rounds.estimate_at = Instant::now() + self.config.estimate_every;
        rounds.estimating = Some(spawn_blocking(move || {
            monte_carlo::estimate(&inputs, &accounts, &terms, &counts, &stop)
        }));
    }
}

/// What an estimate has found, once it has; waits for ever where none runs.
async fn finished(estimating: &mut Option<JoinHandle<Vec<Estimate>>>) -> Vec<Estimate> {
    match estimating {
        Some(running) => running.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn prices_of(inputs: &Inputs) -> BTreeMap<(bool, u16), u64> {
    let markets = inputs.markets.iter();
    let markets = markets.map(|(market, shown)| ((true, market.index), shown.price.raw()));
    let banks = inputs.banks.iter();
    let banks = banks.map(|(bank, shown)| ((false, bank.index), shown.price.raw()));
    markets.chain(banks).collect()
}

/// Whether a price has moved by more than a share, or has come or gone.
fn has_moved(
    before: &BTreeMap<(bool, u16), u64>,
    now: &BTreeMap<(bool, u16), u64>,
    share: f64,
) -> bool {
    before.len() != now.len()
        || now.iter().any(|(key, price)| {
            let Some(before) = before.get(key) else {
                return true;
            };
            price.abs_diff(*before) as f64 > *before as f64 * share
        })
}
