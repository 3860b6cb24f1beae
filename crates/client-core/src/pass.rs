//! One pass over an account: the program's own steps, in its order.

use std::borrow::Cow;

use clearing_core::regime::ONE;
use portfolio_margin_interface::state::clearinghouse::MAX_GROUPS;
use portfolio_margin_interface::state::{
    CollateralBalance, ExpirySlot, MarginAccount, Market, PositionRecord,
};
use risk_core::error::Field;
use risk_core::group::{Group, GroupWorst};
use risk_core::margin::{MarginCheck, MarginReport};
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::tier::Tier;
use risk_core::{Price, Quantity, Quote, RiskError};

use crate::evaluator::Evaluator;
use crate::oracle::policy::{doubt_quote_price, doubt_spot, doubt_surfaces};
use crate::oracle::{Doubt, ShownPrice};
use crate::report::ReportError;
use crate::scope::Scope;

/// Which prices a pass takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prices {
    /// Those that some action accepts.
    Accepted,
    /// All that are numbers.
    AsShown,
}

/// A market that a pass has evaluated.
pub(crate) struct Seen<'a> {
    pub record: &'a Market,
    pub risk: &'a MarketRisk,
    /// The Standard tier has none.
    pub pnl: Option<&'a ScenarioPnl>,
}

/// A market as the engine reads it.
pub(crate) type EngineMarket<'a> = risk_core::market::Market<'a, ExpirySlot>;

/// Looks on while a pass goes over the markets, as the program's own observer does.
pub(crate) trait Onlooker {
    /// A market with the account's positions in it. Returns whether its margin is wanted.
    fn market(
        &mut self,
        _index: u16,
        _market: &EngineMarket<'_>,
        _positions: &[PositionRecord],
    ) -> Result<bool, RiskError> {
        Ok(true)
    }

    /// What the market contributes to the margin.
    fn risk(&mut self, _seen: Seen<'_>) {}
}

/// Nobody looks.
impl Onlooker for () {}

/// What a pass over an account has found.
pub(crate) struct Passed {
    pub report: MarginReport,
    /// The worst reason why not every action accepts the prices.
    pub doubt: Option<Doubt>,
    /// The group of each market, in order, counted from 1; zero: none.
    pub groups: Vec<usize>,
    /// The scenario that sets each group's scan, where one does and not the cap on the offset: then no market's own worst proves it.
    pub worst: [Option<u8>; MAX_GROUPS],
}

impl Passed {
    /// The code of the doubt; zero for none.
    pub fn doubt_code(&self) -> u32 {
        self.doubt.map_or(0, |doubt| doubt.reason.code())
    }
}

/// What a pass over an account has found so far.
pub(crate) struct Pass<'p, 'a> {
    evaluator: &'p Evaluator<'a>,
    prices: Prices,
    tier: Tier,
    check: MarginCheck,
    doubt: Option<Doubt>,
    /// Collateral that offsets risk: market and amount.
    offsets: Vec<(u16, Quantity)>,
    /// Correlation groups that have a market, with the least share of its offset that one of them has left, 1e-6.
    groups: [Option<(Box<Group>, u32)>; MAX_GROUPS],
    /// What profits would forgive, which backs no opening.
    forgiven: Quote,
}

impl<'p, 'a> Pass<'p, 'a> {
    /// An account's cash, with its interest up to now.
    pub fn new(
        evaluator: &'p Evaluator<'a>,
        header: &MarginAccount,
        prices: Prices,
    ) -> Result<Self, ReportError> {
        let inputs = evaluator.inputs;
        evaluator.house?;
        let cash = Quote::from_raw(evaluator.interest.value_floor(header));
        Ok(Self {
            evaluator,
            prices,
            tier: header.tier(),
            check: MarginCheck::with_terms(cash, &evaluator.terms)?,
            doubt: doubt_quote_price(&inputs.house, inputs.now),
            offsets: vec![],
            groups: [const { None }; MAX_GROUPS],
            forgiven: Quote::ZERO,
        })
    }

    /// Adds everything that a scope covers, which is no less than what the account holds ([`require_covered`]).
    pub fn over(
        mut self,
        header: &MarginAccount,
        positions: &[PositionRecord],
        scope: &Scope,
        see: &mut dyn Onlooker,
    ) -> Result<Passed, ReportError> {
        for index in &scope.banks {
            self.add_bank(header, *index)?;
        }
        let positions = by_market(positions);
        let mut groups = Vec::with_capacity(scope.markets.len());
        for index in &scope.markets {
            let (from, to) = (
                positions.partition_point(|record| record.market < *index),
                positions.partition_point(|record| record.market <= *index),
            );
            let here = positions.get(from..to).unwrap_or_default();
            groups.push(self.add_market(*index, here, see)?);
        }
        let worst = self.add_groups()?;
        let mut report = self.check.finish();
        report.initial_health = report.initial_health.checked_sub(self.forgiven)?;
        Ok(Passed {
            report,
            doubt: self.doubt,
            groups,
            worst,
        })
    }

    /// Keeps the worst doubt.
    fn note(&mut self, doubt: Option<Doubt>) {
        self.doubt = Doubt::worse(self.doubt, doubt);
    }

    /// The price, where this pass takes it.
    fn price(&self, shown: &ShownPrice) -> Result<Price, ReportError> {
        match shown.refusal {
            Some(refusal) if self.prices == Prices::Accepted || shown.price == Price::ZERO => {
                Err(refusal.into())
            }
            _ => Ok(shown.price),
        }
    }

    fn add_bank(&mut self, header: &MarginAccount, index: u16) -> Result<(), ReportError> {
        let (bank, shown) = self.evaluator.bank(index)?;
        let terms = &self.evaluator.terms;
        let price = self.price(shown)?;
        self.note(shown.doubt);
        let held = header.used_collateral().find(|held| held.bank == index);
        let amount = held.map_or(0, |held| held.amount);
        let weight = bank.weight_floor(self.evaluator.inputs.now);
        let mut collateral = bank.collateral(amount, price, weight, terms)?;
        collateral.confidence = shown.confidence(bank.oracle_max_confidence);
        if let Some(market) = held.and_then(CollateralBalance::offset_market) {
            let amount = bank.offset_at(amount, weight, terms)?;
            self.offsets.push((market, amount));
        }
        Ok(self.check.add_collateral(&collateral)?)
    }

    /// Collateral that offsets the risk of a market.
    fn offset_of(&self, market: u16) -> Result<Quantity, RiskError> {
        let here = self.offsets.iter().filter(|(index, _)| *index == market);
        let mut amounts = here.map(|(_, amount)| *amount);
        amounts.try_fold(Quantity::ZERO, Quantity::checked_add)
    }

    /// Adds a market; returns its group, counted from 1, and none where its margin is not wanted.
    fn add_market(
        &mut self,
        index: u16,
        positions: &[PositionRecord],
        see: &mut dyn Onlooker,
    ) -> Result<usize, ReportError> {
        let market = self.evaluator.market(index)?;
        let (record, now) = (market.record, self.evaluator.inputs.now);
        let scenarios = market.scenarios?;
        let spot = self.price(market.shown)?;
        let of_market = doubt_spot(record, spot, market.shown.publish_time);
        self.note(Doubt::worse(market.shown.doubt, of_market));
        self.note(doubt_surfaces(record, positions, now));
        let forgiven = record.forgiven_of(positions, spot, now);
        let forgiven = forgiven.ok_or(RiskError::Overflow(Field::Quote))?;
        self.forgiven = self.forgiven.checked_add(forgiven)?;
        let mut input = record.input(now, spot, scenarios, &market.params);
        input.offset = self.offset_of(index)?;
        input.spot_confidence = market.shown.confidence(record.oracle_max_confidence);
        input.perp_confidence = input.spot_confidence;
        if !see.market(index, &input, positions)? {
            return Ok(0);
        }

        if self.tier == Tier::Standard {
            let shares = &market.standard?;
            let risk = self.check.add_standard_market(&input, positions, shares)?;
            let shown = MarketRisk {
                mark: risk.mark,
                contingency_maintenance: risk.maintenance,
                contingency_initial: risk.initial.checked_sub(risk.maintenance)?,
                gross_notional: risk.gross_notional,
                ..MarketRisk::default()
            };
            see.risk(Seen {
                record,
                risk: &shown,
                pnl: None,
            });
            return Ok(0);
        }
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        let group = usize::from(record.group);
        let place = group.checked_sub(1);
        let risk = match place.and_then(|place| self.groups.get_mut(place)) {
            None => self.check.add_market(&input, positions, &mut pnl)?,
            Some(slot) => {
                let (group, share) = slot.get_or_insert_with(|| (Box::new(Group::EMPTY), ONE));
                *share = record.regime.share().min(*share);
                self.check
                    .add_market_to_group(&input, positions, &mut pnl, group)?
            }
        };
        see.risk(Seen {
            record,
            risk: &risk,
            pnl: Some(&pnl),
        });
        Ok(group)
    }

    /// Adds the scans of the groups, whose markets are all in; returns the scenario that sets each.
    fn add_groups(&mut self) -> Result<[Option<u8>; MAX_GROUPS], RiskError> {
        let mut worst = [None; MAX_GROUPS];
        let records = &self.evaluator.inputs.house.groups;
        let groups = self.groups.iter().zip(records).zip(&mut worst);
        for ((group, record), worst) in groups {
            if let Some((group, share)) = group {
                let risk = self.check.add_group(group, &record.params_at(*share))?;
                *worst = match risk.worst {
                    GroupWorst::Scenario(index) => Some(index),
                    GroupWorst::OffsetCap => None,
                };
            }
        }
        Ok(worst)
    }
}

/// What is not covered is never zero risk.
pub(crate) fn require_covered(
    header: &MarginAccount,
    positions: &[PositionRecord],
    scope: &Scope,
) -> Result<(), ReportError> {
    let held = Scope::of(header, positions);
    if let Some(index) = held.banks.difference(&scope.banks).next() {
        return Err(ReportError::BankMissing(*index));
    }
    match held.markets.difference(&scope.markets).next() {
        Some(index) => Err(ReportError::MarketMissing(*index)),
        None => Ok(()),
    }
}

/// The records market by market: as they are on chain, in the given order within each.
fn by_market(positions: &[PositionRecord]) -> Cow<'_, [PositionRecord]> {
    match positions.is_sorted_by_key(|record| record.market) {
        true => Cow::Borrowed(positions),
        false => {
            let mut sorted = positions.to_vec();
            sorted.sort_by_key(|record| record.market);
            Cow::Owned(sorted)
        }
    }
}
