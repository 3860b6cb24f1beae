//! What an auto-deleverage has to know of a book beyond its margin: PnL per scenario and requirement, market by market.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{ExpirySlot, MarginAccount, PositionRecord};
use risk_core::deleverage::{market_requirement_ceil, Comparison};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::market::Market;
use risk_core::scan::{scan_market, MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::tier::Tier;
use risk_core::units::RATIO_ONE;
use risk_core::{Quantity, Quote, Ratio};

use crate::bridge::{MarketKey, Observer};
use crate::error::risk_error;

/// Which part of an account is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Positions alone, of one market or of all: what a deleverage moves. Collateral that offsets their risk stays behind.
    Positions(Option<u16>),
    /// Everything.
    Whole,
}

/// The markets of an account as they pass in an evaluation.
pub(super) struct Profile {
    part: Part,
    tier: Tier,
    /// Of the market that passes.
    scan_maintenance: Ratio,
    /// Scenarios of the market that passes, without skew nodes: those count as a loss for either side.
    directional: usize,
    /// PnL of the market that passes, where it is not that of the margin.
    scanned: Option<Box<ScenarioPnl>>,
    markets: Vec<MarketKey>,
    pnl: Vec<ScenarioPnl>,
    /// What each market requires, and what its worst scenario loses, both at least zero.
    needs: Vec<[Quote; 2]>,
}

impl Profile {
    /// Of an account with room for `count` markets.
    pub fn new(header: &MarginAccount, part: Part, count: usize) -> Self {
        Self {
            part,
            tier: header.tier(),
            scan_maintenance: Ratio::ZERO,
            directional: 0,
            scanned: None,
            markets: Vec::with_capacity(count),
            pnl: Vec::with_capacity(count),
            needs: Vec::with_capacity(count),
        }
    }

    /// How opposite a book's risk is to this one, 1e-6, and the largest part of it to give, 1e-9: the least of every market that moves,
    /// so that legs of one market that hedge each other stay together, and of every correlation group that moves, whose markets are
    /// added up, so that no leg is taken that hedges another market of its group. Where a book has no risk nothing is compared.
    pub fn compared_with(&self, book: &Self) -> (Ratio, u64) {
        let mut least = (Ratio::from_raw(RATIO_ONE), FRACTION_ONE);
        let mut is_compared = false;
        for key in &book.markets {
            let index = key.index;
            let mut looks = vec![self.compared_in(book, |other| other.index == index)];
            if key.group != 0 {
                looks.push(self.compared_in(book, |other| other.group == key.group));
            }
            for (opposition, fraction) in looks.into_iter().flatten() {
                least = (least.0.min(opposition), least.1.min(fraction));
                is_compared = true;
            }
        }
        match is_compared {
            true => least,
            false => (Ratio::ZERO, 0),
        }
    }

    /// The same over the sum of some markets; none where the book has no risk there.
    fn compared_in(
        &self,
        book: &Self,
        is_meant: impl Fn(&MarketKey) -> bool,
    ) -> Option<(Ratio, u64)> {
        let theirs = book.sum(&is_meant);
        if theirs.iter().all(|value| *value == 0) {
            return None;
        }
        let comparison = Comparison::of(&[theirs], &[self.sum(is_meant)]);
        Some((comparison.opposition(), comparison.relieving_fraction()))
    }

    /// The PnL of some markets together.
    fn sum(&self, is_meant: impl Fn(&MarketKey) -> bool) -> ScenarioPnl {
        let mut sum = [0i64; MAX_SCENARIOS];
        for (_, pnl) in self
            .markets
            .iter()
            .zip(&self.pnl)
            .filter(|(key, _)| is_meant(key))
        {
            for (total, value) in sum.iter_mut().zip(pnl) {
                *total = total.saturating_add(*value); // at most 2^60 each, of eight markets
            }
        }
        sum
    }

    /// The first market that requires more than it did `before`, or could lose more, with the two figures. Both profiles are of one
    /// scope. A lower requirement alone could hide that a hedge went: shares of notional fall with size.
    pub fn risen_since(&self, before: &Self) -> Option<(u16, Quote, Quote)> {
        let needs = before.needs.iter().zip(&self.needs);
        for (market, (before, after)) in self.markets.iter().zip(needs) {
            let mut pairs = before.iter().zip(after);
            if let Some((before, after)) = pairs.find(|(before, after)| after > before) {
                return Some((market.index, *before, *after));
            }
        }
        None
    }

    fn covers(&self, market: u16) -> bool {
        match self.part {
            Part::Positions(Some(only)) => only == market,
            Part::Positions(None) | Part::Whole => true,
        }
    }
}

impl Observer for Profile {
    fn market(
        &mut self,
        index: u16,
        market: &Market<'_, ExpirySlot>,
        positions: &[PositionRecord],
    ) -> Result<bool> {
        if !self.covers(index) {
            return Ok(true);
        }
        self.scan_maintenance = market.params.scan_maintenance;
        self.directional = market.scenarios.directional();
        let has_more = self.part != Part::Whole && market.offset != Quantity::ZERO;
        if self.tier == Tier::Standard || has_more {
            let offset = match self.part {
                Part::Positions(_) => Quantity::ZERO,
                Part::Whole => market.offset,
            };
            let alone = Market { offset, ..*market };
            let mut pnl = Box::new([0; MAX_SCENARIOS]);
            scan_market(&alone, positions, &mut pnl).map_err(risk_error)?;
            self.scanned = Some(pnl);
        }
        Ok(true)
    }

    fn risk(&mut self, market: MarketKey, risk: &MarketRisk, pnl: Option<&ScenarioPnl>) {
        if !self.covers(market.index) {
            return;
        }
        let scanned = self.scanned.take();
        let mut pnl = scanned
            .as_deref()
            .or(pnl)
            .copied()
            .unwrap_or([0; MAX_SCENARIOS]);
        for skewed in pnl.iter_mut().skip(self.directional) {
            *skewed = 0;
        }
        self.markets.push(market);
        self.pnl.push(pnl);
        // a sum that leaves its range is refused by the margin, which has it too
        let required = market_requirement_ceil(self.scan_maintenance, risk);
        let required = required.unwrap_or(Quote::from_raw(i64::MAX));
        self.needs.push([required, risk.scan.saturating_abs()]);
    }
}
