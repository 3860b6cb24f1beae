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

    /// Waits until nobody flies.
    pub async fn alone(gate: &'a RwLock<()>) -> Self {
        let _held = gate.write().await;
        Self::Alone { _held }
    }
}
