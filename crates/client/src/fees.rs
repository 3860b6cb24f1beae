//! What a transaction offers: compute units by what its simulation used, a price by policy.

use crate::message::COMPUTE_LIMIT;

/// The limit of compute units over what the simulation used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePolicy {
    /// Percent added to what was used, rounded up: room for prices and positions that move between simulation and block.
    pub margin_percent: u32,
}

impl Default for ComputePolicy {
    fn default() -> Self {
        Self { margin_percent: 15 }
    }
}

impl ComputePolicy {
    /// The limit to ask for after a simulation that used `units`.
    pub fn limit(&self, units: u64) -> u32 {
        let percent = 100u64.saturating_add(self.margin_percent.into());
        let wanted = units.saturating_mul(percent).div_ceil(100);
        u32::try_from(wanted).map_or(COMPUTE_LIMIT, |wanted| wanted.min(COMPUTE_LIMIT))
    }
}

/// The price per compute unit that a transaction offers, in 1e-6 lamports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityFee {
    /// Nothing beyond the base fee.
    None,
    /// Always this price.
    Fixed {
        /// 1e-6 lamports per unit.
        price: u64,
    },
    /// What others lately paid to write the same accounts.
    Percentile {
        /// Of recent slots' least fees, 0 to 100.
        percentile: u8,
        /// Least price, 1e-6 lamports per unit.
        least: u64,
        /// Most price, 1e-6 lamports per unit.
        most: u64,
        /// Most lamports for the whole transaction; the price is lowered to it.
        most_lamports: u64,
    },
}

impl Default for PriorityFee {
    /// The median, at most 0.0001 SOL for a transaction.
    fn default() -> Self {
        Self::Percentile {
            percentile: 50,
            least: 0,
            most: 1_000_000,
            most_lamports: 100_000,
        }
    }
}

impl PriorityFee {
    /// Whether recent fees have to be known.
    pub fn needs_recent(&self) -> bool {
        matches!(self, Self::Percentile { .. })
    }

    /// The price to offer for `limit` units after recent slots' fees, 1e-6 lamports per unit.
    pub fn price(&self, mut recent: Vec<u64>, limit: u32) -> u64 {
        match *self {
            Self::None => 0,
            Self::Fixed { price } => price,
            Self::Percentile {
                percentile,
                least,
                most,
                most_lamports,
            } => {
                recent.sort_unstable();
                let last = recent.len().saturating_sub(1);
                let at = last
                    .saturating_mul(percentile.min(100).into())
                    .div_ceil(100);
                let usual = recent.get(at).copied().unwrap_or(0);
                let wanted = usual.max(least).min(most);
                // the price whose fee, rounded up to a lamport as the runtime does, is within the most
                let affordable = u128::from(most_lamports)
                    .saturating_mul(1_000_000)
                    .checked_div(limit.into())
                    .and_then(|price| u64::try_from(price).ok());
                wanted.min(affordable.unwrap_or(u64::MAX))
            }
        }
    }
}

/// Lamports of a price over a limit of units, rounded up as the runtime does.
pub(crate) fn priority_lamports(price: u64, limit: u32) -> u64 {
    let product = u128::from(price).saturating_mul(limit.into());
    u64::try_from(product.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_was_used_and_a_margin_within_the_runtimes() {
        let policy = ComputePolicy { margin_percent: 15 };
        assert_eq!(policy.limit(0), 0);
        assert_eq!(policy.limit(1), 2); // rounded up
        assert_eq!(policy.limit(100_000), 115_000);
        assert_eq!(policy.limit(1_217_391), COMPUTE_LIMIT);
        assert_eq!(policy.limit(u64::MAX), COMPUTE_LIMIT);
    }

    fn percentile(percentile: u8, least: u64, most: u64, most_lamports: u64) -> PriorityFee {
        PriorityFee::Percentile {
            percentile,
            least,
            most,
            most_lamports,
        }
    }

    #[test]
    fn the_price_is_the_percentile_between_its_bounds() {
        let recent = vec![40, 10, 30, 20, 0];
        for (wanted, price) in [
            (0, 0),
            (1, 10),
            (50, 20),
            (75, 30),
            (76, 40),
            (100, 40),
            (255, 40),
        ] {
            let policy = percentile(wanted, 0, u64::MAX, u64::MAX);
            assert_eq!(policy.price(recent.clone(), 1), price, "{wanted}");
        }
        assert_eq!(percentile(50, 25, 90, 9).price(recent.clone(), 1), 25);
        assert_eq!(percentile(50, 0, 15, 9).price(recent, 1), 15);
        assert_eq!(percentile(50, 7, 90, 9).price(vec![], 1), 7);
        assert_eq!(percentile(50, 7, 90, 9).price(vec![], 0), 7);
    }

    #[test]
    fn a_server_that_invents_fees_costs_no_more_than_the_most() {
        for limit in [1, 2, 3, 450, 399_999, COMPUTE_LIMIT] {
            for most in [0, 1, 5_000, 100_000] {
                let policy = percentile(100, u64::MAX, u64::MAX, most);
                let price = policy.price(vec![u64::MAX; 150], limit);
                assert!(priority_lamports(price, limit) <= most);
                assert!(priority_lamports(price.saturating_add(1), limit) > most);
            }
        }
    }
}
