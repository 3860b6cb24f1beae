//! A small sorted set of market or bank indexes: the accounts that a margin check expects.

use anchor_lang::prelude::*;

use crate::error::MarginError;

/// Most markets, and most banks, that one check spans.
pub const MAX_INDEXES: usize = 8;

/// Sorted, without repeats.
#[derive(Clone, Copy, Debug, Default)]
pub struct IndexSet {
    items: [u16; MAX_INDEXES],
    count: usize,
}

impl IndexSet {
    /// Adds an index; does nothing where it is in the set.
    ///
    /// Errors: `ScopeTooWide`.
    pub fn insert(&mut self, index: u16) -> Result<()> {
        let at = match self.as_slice().binary_search(&index) {
            Ok(_) => return Ok(()),
            Err(at) => at,
        };
        let grown = self.count.saturating_add(1);
        let Some(tail) = self.items.get_mut(at..grown) else {
            return Err(error!(MarginError::ScopeTooWide).with_values((grown, MAX_INDEXES)));
        };
        tail.rotate_right(1);
        if let Some(slot) = tail.first_mut() {
            *slot = index;
        }
        self.count = grown;
        Ok(())
    }

    /// The indexes in order.
    pub fn as_slice(&self) -> &[u16] {
        self.items.get(..self.count).unwrap_or_default()
    }
}
