//! What a margin check covers.

use std::collections::BTreeSet;

use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{CollateralBalance, MarginAccount, PositionRecord};

/// Banks and markets by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Banks.
    pub banks: BTreeSet<u16>,
    /// Markets.
    pub markets: BTreeSet<u16>,
}

impl Scope {
    /// Everything that an account holds, and the markets whose risk its collateral offsets.
    pub fn of(header: &MarginAccount, positions: &[PositionRecord]) -> Self {
        let offset = header
            .used_collateral()
            .filter_map(CollateralBalance::offset_market);
        Self {
            banks: header.used_collateral().map(|held| held.bank).collect(),
            markets: positions
                .iter()
                .map(|held| held.market)
                .chain(offset)
                .collect(),
        }
    }

    /// These markets, and no bank.
    pub fn of_markets(markets: impl IntoIterator<Item = u16>) -> Self {
        Self {
            banks: BTreeSet::new(),
            markets: markets.into_iter().collect(),
        }
    }

    /// Everything in either.
    pub fn union(mut self, other: &Self) -> Self {
        self.banks.extend(&other.banks);
        self.markets.extend(&other.markets);
        self
    }

    /// The banks alone, and the markets alone.
    pub fn split(self) -> (Self, Self) {
        let banks = Self {
            banks: self.banks,
            ..Self::default()
        };
        let markets = Self {
            markets: self.markets,
            ..Self::default()
        };
        (banks, markets)
    }

    /// With the markets of a trade's legs.
    pub fn with_legs(mut self, legs: &[TradeLeg]) -> Self {
        self.markets.extend(legs.iter().map(|leg| leg.market));
        self
    }

    /// Whether it covers everything of another.
    pub fn covers(&self, other: &Self) -> bool {
        other.banks.is_subset(&self.banks) && other.markets.is_subset(&self.markets)
    }
}
