//! What steps in flight hold: the right to fly with others or alone, and the capital that they may bind.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

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

/// The right to fly, with others or alone; until its drop. It is held until what it was taken for has landed or never will: whoever went
/// before that would name accounts that are wrong in one of the two cases, and pay for it. What ends the wait is the short life of the
/// keeper's transactions, see [`LIFE`](crate::run::LIFE).
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

    /// Waits until nobody flies.
    pub async fn alone(gate: &'a RwLock<()>) -> Self {
        let _held = gate.write().await;
        Self::Alone { _held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn who_flies_alone_waits_for_all_and_all_wait_for_it() {
        let gate = RwLock::new(());
        let (first, second) = tokio::join!(Gate::together(&gate), Gate::together(&gate));
        drop(first);
        assert!(timeout(SHORT, Gate::alone(&gate)).await.is_err());
        drop(second);
        let alone = Gate::alone(&gate).await;
        assert!(matches!(alone, Gate::Alone { .. }));
        assert!(timeout(SHORT, Gate::together(&gate)).await.is_err());
        assert!(timeout(SHORT, Gate::alone(&gate)).await.is_err());
        drop(alone);
        drop(Gate::together(&gate).await);
    }

    #[tokio::test]
    async fn who_waits_to_fly_alone_is_not_overtaken() {
        let gate = RwLock::new(());
        let first = Gate::together(&gate).await;
        let mut alone = std::pin::pin!(Gate::alone(&gate));
        assert!(timeout(SHORT, alone.as_mut()).await.is_err());
        assert!(timeout(SHORT, Gate::together(&gate)).await.is_err());
        drop(first);
        drop(alone.await);
        drop(Gate::together(&gate).await);
    }
}
