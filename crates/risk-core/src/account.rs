//! A whole account off chain: any number of markets with collateral, groups and a tier, in borrowed slices.
//!
//! It adds up what the program adds up account by account, through the same [`MarginCheck`], so the bits are the same.

use crate::error::{Field, RiskError};
use crate::explain::{checked_len, distance, Axis, Freed, CLOSED};
use crate::greeks::{market_greeks, source_greeks, NetGreeks};
use crate::group::{Group, GroupParams};
use crate::margin::{Collateral, MarginCheck, MarginReport};
use crate::market::{ExpirySource, Market, Move};
use crate::params::AccountTerms;
use crate::position::{PositionSource, QuotedPosition};
use crate::scan::{scan_market, MarketRisk, ScenarioPnl};
use crate::scenario::MAX_SCENARIOS;
use crate::tier::StandardParams;
use crate::units::{Quote, Ratio, RATIO_ONE};

/// One market of an account.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a, P, E> {
    /// The market.
    pub market: Market<'a, E>,
    /// What is held in it, sorted by expiry, strike and instrument without repeats.
    pub positions: &'a [P],
    /// Shares of the Standard tier.
    pub standard: StandardParams,
    /// Index into [`Account::groups`]; `None`: it stands alone.
    pub group: Option<usize>,
}

/// An asset held as collateral.
#[derive(Clone, Copy, Debug)]
pub struct HeldCollateral {
    /// Its value and haircuts.
    pub collateral: Collateral,
    /// Index of the book whose spot its price follows when prices move; `None`: it stays.
    pub underlying: Option<usize>,
}

/// An account.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a, P, E> {
    /// Quote balance.
    pub cash: Quote,
    /// Price of the quote asset and terms of collateral.
    pub terms: AccountTerms,
    /// Collateral other than quote.
    pub collateral: &'a [HeldCollateral],
    /// Markets.
    pub books: &'a [Book<'a, P, E>],
    /// Correlation groups.
    pub groups: &'a [GroupParams],
}

/// A move of the whole account, or of one book alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Index of the book that moves; `None`: all move alike.
    pub only: Option<usize>,
}

impl Scope {
    /// All books move alike.
    pub const ALL: Self = Self { only: None };

    fn shift(&self, book: usize, shift: Move) -> Move {
        match self.only {
            Some(only) if only != book => Move::NONE,
            _ => shift,
        }
    }
}

impl<P: PositionSource, E: ExpirySource> Account<'_, P, E> {
    /// Margin under the Portfolio tier; `risks` and `pnl` receive each book's part as far as they reach, and may be empty.
    pub fn portfolio(
        &self,
        risks: &mut [MarketRisk],
        pnl: &mut [ScenarioPnl],
    ) -> Result<MarginReport, RiskError> {
        self.portfolio_after(Move::NONE, Scope::ALL, risks, pnl)
    }

    /// The same after a move.
    pub fn portfolio_after(
        &self,
        shift: Move,
        scope: Scope,
        risks: &mut [MarketRisk],
        pnl: &mut [ScenarioPnl],
    ) -> Result<MarginReport, RiskError> {
        let mut check = self.start(shift, scope)?;
        let mut scratch = [0; MAX_SCENARIOS];
        for (index, book) in self
            .books
            .iter()
            .enumerate()
            .filter(|(_, book)| book.group.is_none())
        {
            let market = book.market.moved(scope.shift(index, shift))?;
            let pnl = pnl.get_mut(index).unwrap_or(&mut scratch);
            let risk = check.add_market(&market, book.positions, pnl)?;
            set(risks, index, risk);
        }
        for (number, params) in self.groups.iter().enumerate() {
            let mut group = Group::EMPTY;
            let members = self.books.iter().enumerate();
            for (index, book) in members.filter(|(_, book)| book.group == Some(number)) {
                let market = book.market.moved(scope.shift(index, shift))?;
                let pnl = pnl.get_mut(index).unwrap_or(&mut scratch);
                let risk = check.add_market_to_group(&market, book.positions, pnl, &mut group)?;
                set(risks, index, risk);
            }
            check.add_group(&group, params)?;
        }
        Ok(check.finish())
    }

    /// Margin under the Standard tier.
    pub fn standard(&self) -> Result<MarginReport, RiskError> {
        let mut check = self.start(Move::NONE, Scope::ALL)?;
        for book in self.books {
            check.add_standard_market(&book.market, book.positions, &book.standard)?;
        }
        Ok(check.finish())
    }

    /// Cash and collateral.
    fn start(&self, shift: Move, scope: Scope) -> Result<MarginCheck, RiskError> {
        self.check_groups()?;
        let mut check = MarginCheck::with_terms(self.cash, &self.terms)?;
        for held in self.collateral {
            let mut collateral = held.collateral;
            if let Some(book) = held.underlying {
                let multiplier = scope.shift(book, shift).spot;
                if multiplier.raw() != RATIO_ONE {
                    collateral.value = collateral.value.mul_ratio_floor(multiplier)?;
                }
            }
            check.add_collateral(&collateral)?;
        }
        Ok(check)
    }

    /// A book in a group that does not exist would be margined nowhere.
    fn check_groups(&self) -> Result<(), RiskError> {
        match self.books.iter().filter_map(|book| book.group).max() {
            Some(group) if group >= self.groups.len() => Err(RiskError::GroupMismatch),
            _ => Ok(()),
        }
    }

    /// Greeks of all books.
    pub fn greeks(&self) -> Result<NetGreeks, RiskError> {
        self.books
            .iter()
            .try_fold(NetGreeks::default(), |sum, book| {
                let (greeks, _) = market_greeks(&book.market, book.positions, &mut [], &mut [])?;
                sum.checked_add(&greeks)
            })
    }

    /// The nearest multiplier at which maintenance health under the Portfolio tier is negative; see [`distance`].
    pub fn distance(&self, axis: Axis, scope: Scope) -> Result<Option<Ratio>, RiskError> {
        distance(axis, |shift| {
            let report = self.portfolio_after(shift, scope, &mut [], &mut [])?;
            Ok(report.maintenance_health)
        })
    }

    /// What closing each leg of a book at its mark would free under the Portfolio tier, into `out`; `scratch` and `out` take
    /// one entry per leg. The other books are evaluated once.
    ///
    /// Errors: [`Field::Length`] for a slice that is too short, [`RiskError::UnknownScenario`] for no such book.
    pub fn closing_frees(
        &self,
        book: usize,
        scratch: &mut [QuotedPosition],
        out: &mut [Freed],
    ) -> Result<(), RiskError> {
        let chosen = self.books.get(book).ok_or(RiskError::UnknownScenario {
            index: book,
            count: self.books.len(),
        })?;
        let legs = chosen.positions;
        let scratch = checked_len(scratch, legs.len())?;
        let out = checked_len(out, legs.len())?;
        for (slot, leg) in scratch.iter_mut().zip(legs) {
            *slot = QuotedPosition {
                position: leg.position(),
                volatility: leg.volatility(),
            };
        }
        let mut without = self.all_but(book)?;
        let before = without.evaluate(self, chosen, scratch)?;
        for (index, out) in out.iter_mut().enumerate() {
            let Some(leg) = scratch.get(index).copied() else {
                continue;
            };
            let mark = source_greeks(&chosen.market, &leg)?.mark;
            if let Some(slot) = scratch.get_mut(index) {
                // what was paid stays with a perpetual or a future, so that closing at the mark adds the price alone
                slot.position.quantity = CLOSED;
                slot.position.cost = Quote::ZERO.checked_sub(mark)?;
                if leg.position.instrument.is_option() {
                    slot.position.cost = Quote::ZERO;
                }
            }
            without.closed = match leg.position.instrument.is_option() {
                true => mark,
                false => Quote::ZERO,
            };
            let after = without.evaluate(self, chosen, scratch)?;
            *out = Freed {
                initial_health: after.initial_health.checked_sub(before.initial_health)?,
                maintenance_health: after
                    .maintenance_health
                    .checked_sub(before.maintenance_health)?,
            };
            if let Some(slot) = scratch.get_mut(index) {
                *slot = leg;
            }
        }
        Ok(())
    }

    /// The account without one book.
    fn all_but(&self, book: usize) -> Result<Without, RiskError> {
        let mut check = self.start(Move::NONE, Scope::ALL)?;
        let group = self.books.get(book).and_then(|book| book.group);
        let mut partial = Group::EMPTY;
        let mut pnl = [0; MAX_SCENARIOS];
        for (index, other) in self.books.iter().enumerate() {
            if index == book {
                continue;
            }
            if other.group.is_none() {
                check.add_market(&other.market, other.positions, &mut pnl)?;
            } else if other.group == group {
                check.add_market_to_group(
                    &other.market,
                    other.positions,
                    &mut pnl,
                    &mut partial,
                )?;
            }
        }
        for (number, params) in self.groups.iter().enumerate() {
            if Some(number) == group {
                continue;
            }
            let mut whole = Group::EMPTY;
            for other in self
                .books
                .iter()
                .filter(|other| other.group == Some(number))
            {
                check.add_market_to_group(&other.market, other.positions, &mut pnl, &mut whole)?;
            }
            check.add_group(&whole, params)?;
        }
        Ok(Without {
            check,
            group: partial,
            closed: Quote::ZERO,
        })
    }
}

/// An account without one book, and what a closed leg of that book brought.
struct Without {
    check: MarginCheck,
    group: Group,
    closed: Quote,
}

impl Without {
    /// The account with other positions in the book.
    fn evaluate<P, Q: PositionSource, E: ExpirySource>(
        &self,
        account: &Account<'_, P, E>,
        book: &Book<'_, P, E>,
        positions: &[Q],
    ) -> Result<MarginReport, RiskError> {
        let mut check = self.check.clone();
        let mut pnl = [0; MAX_SCENARIOS];
        let risk = scan_market(&book.market, positions, &mut pnl)?;
        match book.group.and_then(|group| account.groups.get(group)) {
            None => check.add_risk(book.market.params, &risk)?,
            Some(params) => {
                let mut group = self.group.clone();
                group.add(&book.market, &risk, &pnl)?;
                check.add_grouped_risk(&risk)?;
                check.add_group(&group, params)?;
            }
        }
        let mut report = check.finish();
        for health in [&mut report.initial_health, &mut report.maintenance_health] {
            *health = health
                .checked_add(self.closed)
                .map_err(|_| RiskError::Overflow(Field::Quote))?;
        }
        Ok(report)
    }
}

fn set(risks: &mut [MarketRisk], index: usize, risk: MarketRisk) {
    if let Some(slot) = risks.get_mut(index) {
        *slot = risk;
    }
}
