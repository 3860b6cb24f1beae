//! What steps in flight hold: the right to fly with others or alone, and the capital that they may bind.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

/// Longest wait for the right to fly alone, and longest time that it is kept: a transaction that does not confirm takes a hundred seconds,
/// and must not hold up every other repair. Beyond it all fly together: at worst some land and are refused.
pub const ALONE: Duration = Duration::from_secs(5);

/// Capital that a bid in flight may bind, 1e-6 USD; until its drop.
pub struct Bound<'a>(&'a AtomicI64, i64);

impl<'a> Bound<'a> {
    /// Adds it.
    pub fn new(sum: &'a AtomicI64, capital: i64) -> Self {
        sum.fetch_add(capital, Ordering::Relaxed);
        Self(sum, capital)
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// The right to fly, with others or alone; until its drop.
pub enum Gate<'a> {
    /// With others.
    Together { _held: RwLockReadGuard<'a, ()> },
    /// Alone.
    Alone { _held: RwLockWriteGuard<'a, ()> },
}

impl<'a> Gate<'a> {
    /// Waits until nobody flies alone or waits for it.
    pub async fn together(gate: &'a RwLock<()>) -> Self {
        let _held = gate.read().await;
        Self::Together { _held }
    }

    /// Waits until nobody flies, or flies with others where that takes longer than `most`.
    pub async fn alone(gate: &'a RwLock<()>, most: Duration) -> Self {
        match timeout(most, gate.write()).await {
            Ok(_held) => Self::Alone { _held },
            Err(_) => Self::together(gate).await,
        }
    }

    /// Does something with the right held; where that takes longer than `most` alone, others fly too from then on.
    pub async fn holding<T>(self, most: Duration, work: impl Future<Output = T>) -> (Self, T) {
        let mut work = pin!(work);
        match (self, timeout(most, work.as_mut()).await) {
            (gate, Ok(done)) => (gate, done),
            (Self::Alone { _held }, Err(_)) => {
                let _held = _held.downgrade();
                let done = work.await;
                (Self::Together { _held }, done)
            }
            (gate, Err(_)) => {
                let done = work.await;
                (gate, done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, Instant};

    const MOST: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_millis(600);

    #[tokio::test]
    async fn who_flies_alone_waits_for_all_and_all_wait_for_it() {
        let gate = RwLock::new(());
        let first = Gate::together(&gate).await;
        assert!(timeout(MOST / 2, Gate::alone(&gate, MOST)).await.is_err());
        drop(first);
        let alone = Gate::alone(&gate, MOST).await;
        assert!(matches!(alone, Gate::Alone { .. }));
        assert!(timeout(MOST / 2, Gate::together(&gate)).await.is_err());
        drop(alone);
        drop(Gate::together(&gate).await);
    }

    #[tokio::test]
    async fn one_transaction_that_never_confirms_does_not_hold_up_the_others() {
        let gate = RwLock::new(());
        let began = Instant::now();
        // it flies with others: whoever wants to fly alone gives up waiting
        let slow = Gate::together(&gate).await.holding(MOST, sleep(LONG));
        let (_, other) = tokio::join!(slow, async {
            let alone = Gate::alone(&gate, MOST).await;
            (matches!(alone, Gate::Together { .. }), began.elapsed())
        });
        assert!(other.0 && other.1 >= MOST && other.1 < LONG, "{other:?}");
        // it flies alone: after a while the others may, too
        let began = Instant::now();
        let slow = Gate::alone(&gate, MOST).await.holding(MOST, sleep(LONG));
        let (held, waited) = tokio::join!(slow, async {
            sleep(MOST / 10).await;
            let _other = Gate::together(&gate).await;
            began.elapsed()
        });
        assert!(waited >= MOST && waited < LONG, "{waited:?}");
        assert!(began.elapsed() >= LONG, "it is waited for all the same");
        assert!(matches!(held.0, Gate::Together { .. }));
    }
}
