//! Losses that quote balances bear together: one index that says what they have left of a balance, so that a loss costs the same
//! however many balances there are, and each is charged when it is next touched.
//!
//! An account's *recorded* balance is what it was when it was last touched, at the index of that time. Its *value* is less by what
//! the index fell since. A loss `S` on the value `V` of all balances multiplies the index by `(V - S) / V`, rounded down.
//!
//! The laws that the tests hold this to, for every order of losses and touches:
//!
//! - **what balances are charged in the end is never less than the losses**: the index and each value are rounded down;
//! - **[`Losses::due`] is never less than what they will still be charged, but for the rounding of each**: so the value that the next
//!   loss is spread over is never overstated, and the first law holds for it too.
//!
//! With recorded balances `P` and their exact values `W` (no rounding of an account's own) the second law reads `P - due <= W`:
//!
//! ```text
//! a loss:   W' = W m'/m >= V m'/m >= floor(V m'/m) = P - due'        where V = P - due <= W
//! a touch:  P' = P - x, due' = due - (x - 1), W' > W - 1             for x > 0; so P' - due' = P - due - 1 < W'
//! ```

use crate::interest::INDEX_ONE;

/// Where the index begins: nothing is lost.
pub const LOSS_INDEX_START: u64 = INDEX_ONE;
/// Lowest index: a millionth of what a balance began with, and six digits to say it in. A loss that would go below stays uncovered.
pub const LOSS_INDEX_LEAST: u64 = 1_000_000;

/// Where the losses of a clearing house stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// What losses have left of a balance of 1.0, 1e-12.
    pub index: u64,
    /// What recorded balances were not charged yet, quote units: no less than what they will be.
    pub due: u64,
}

impl Losses {
    /// What recorded balances of that sum are worth together, quote units: never overstated.
    pub fn value_floor(&self, recorded: u64) -> u64 {
        recorded.saturating_sub(self.due)
    }

    /// Largest loss that recorded balances of that sum can bear: it leaves the index at [`LOSS_INDEX_LEAST`] or above.
    pub fn most_floor(&self, recorded: u64) -> u64 {
        let value = self.value_floor(recorded);
        // ceil: what must be left of the value; the product of two of 64 bits fits
        let left = u128::from(value)
            .saturating_mul(LOSS_INDEX_LEAST.into())
            .div_ceil(self.index.max(1).into());
        value.saturating_sub(u64::try_from(left).unwrap_or(u64::MAX))
    }

    /// Spreads a loss over recorded balances of that sum. `None` above [`Losses::most_floor`].
    pub fn spread(&self, recorded: u64, loss: u64) -> Option<Self> {
        if loss == 0 {
            return Some(*self);
        }
        if loss > self.most_floor(recorded) {
            return None;
        }
        let value = self.value_floor(recorded); // no less than the loss, so above zero
        let index = scale_floor(self.index, value.checked_sub(loss)?, value)?;
        // What is left is counted by the index, which fell by a little more than the loss asks for.
        let left = scale_floor(value, index, self.index)?;
        let due = self.due.checked_add(value.checked_sub(left)?)?;
        Some(Self { index, due })
    }

    /// What a balance last touched at the index `from` is charged now, quote units, rounded up. An index of zero is that of a
    /// balance which never bore a loss: nothing.
    pub fn charge_ceil(&self, balance: u64, from: u64) -> u64 {
        if from <= self.index {
            return 0;
        }
        // the index is below `from`, so what is left is no more than the balance
        let left = scale_floor(balance, self.index, from).unwrap_or(0);
        balance.saturating_sub(left)
    }

    /// The same after a balance was charged that much. Its own charge was rounded up by less than a unit, which was not due.
    #[must_use]
    pub fn charged(&self, charge: u64) -> Self {
        Self {
            due: self.due.saturating_sub(charge.saturating_sub(1)),
            ..*self
        }
    }
}

/// `value * part / whole`, rounded down. `None` for no whole, or a result beyond 64 bits.
fn scale_floor(value: u64, part: u64, whole: u64) -> Option<u64> {
    let product = u128::from(value).checked_mul(part.into())?;
    u64::try_from(product.checked_div(whole.into())?).ok()
}

#[cfg(test)]
mod tests;
