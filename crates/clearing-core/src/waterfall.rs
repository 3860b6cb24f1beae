//! Who bears a loss that an account leaves behind, in which order, and what winners of a perpetual forgive of it.
//!
//! INV-16: the account's own equity is gone by then; next the insurance fund, up to what it may still pay for the market of the
//! loss; next what losers of that market's perpetual have paid and winners have not received; at last all quote balances. What is
//! charged is the loss, to the unit; what nobody can bear stays a debt, and is named.

/// What there is to cover a loss, quote units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The insurance fund.
    pub insurance: u64,
    /// What it may still pay for the market of the loss; `u64::MAX` for a loss of no market.
    pub cap_left: u64,
    /// What losers of the market's perpetual have paid and winners have not received.
    pub pool: u64,
    /// What quote balances can bear: [`crate::loss::Losses::most_floor`]; zero where they are not asked.
    pub balances: u64,
}

/// Who covers how much of a loss, quote units; with `uncovered` they sum to the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// The insurance fund.
    pub insurance: u64,
    /// Profits of the market's perpetual.
    pub profits: u64,
    /// Quote balances.
    pub balances: u64,
    /// Nobody.
    pub uncovered: u64,
}

impl Cover {
    /// What is covered; saturates, which a cover of a loss never reaches.
    pub fn sum(&self) -> u64 {
        self.insurance
            .saturating_add(self.profits)
            .saturating_add(self.balances)
    }
}

/// Covers a loss: each source pays what it has before the next is asked.
pub fn cover(loss: u64, sources: &Sources) -> Cover {
    let mut left = loss;
    let mut take = |available: u64| {
        let part = left.min(available);
        left = left.saturating_sub(part); // no more than it
        part
    };
    let insurance = take(sources.insurance.min(sources.cap_left));
    let profits = take(sources.pool);
    let balances = take(sources.balances);
    Cover {
        insurance,
        profits,
        balances,
        uncovered: left,
    }
}

/// What becomes of a winner's profit, quote units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Paid out of the pool.
    pub paid: u64,
    /// Forgiven: taken off the market's losses, and never paid.
    pub forgiven: u64,
}

impl Share {
    /// What of the profit is settled either way; saturates, which the parts of a profit never reach.
    pub fn sum(&self) -> u64 {
        self.paid.saturating_add(self.forgiven)
    }
}

/// Shares a profit between what the pool pays and what it forgives.
///
/// All profits of a market's perpetual come to the pool and its losses, `pool + losses`, so each winner who settles forgives
/// the same share of what is settled: `losses / (pool + losses)`, rounded up, and no more than the losses. What neither
/// can settle stays a profit that nobody has paid. Without losses all of it is paid, as far as the pool goes.
pub fn share_profit(profit: u64, pool: u64, losses: u64) -> Share {
    let whole = u128::from(pool).saturating_add(losses.into());
    let settled = u128::from(profit).min(whole);
    let forgiven = settled.saturating_mul(losses.into()).div_ceil(whole.max(1)); // no more than `settled`, nor than `losses`
    let part = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    Share {
        paid: part(settled.saturating_sub(forgiven)),
        forgiven: part(forgiven),
    }
}

#[cfg(test)]
mod tests;
