//! An account's margin computed off chain, from the same bytes by the engine's own sum: what a keeper does.
//!
//! [`Inputs`] are what accounts are measured with: the clearing house, banks and markets with their prices, and the time. They may
//! cover more than one account holds: an [`Evaluator`] prepares what all accounts share, and takes for each what it holds.
//! The steps and their order are those of the program, so numbers are equal to the bit and refusals are the same.

use std::borrow::Cow;

use clearing_core::regime::ONE;
use portfolio_margin_interface::state::clearinghouse::MAX_GROUPS;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBalance, CollateralBank, InterestRecord, MarginAccount, Market,
    PositionRecord,
};
use risk_core::error::Field;
use risk_core::group::{Group, GroupWorst};
use risk_core::margin::{MarginCheck, MarginReport};
use risk_core::market::MarketParams;
use risk_core::params::AccountTerms;
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::{ScenarioSet, MAX_SCENARIOS};
use risk_core::tier::{StandardParams, Tier};
use risk_core::{Quantity, Quote, RiskError};

use crate::price::ShownPrice;
use crate::scope::Scope;

/// One market of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketReport {
    /// Index of the market.
    pub market: u16,
    /// Mark, worst scenario, contingencies.
    pub risk: MarketRisk,
    /// PnL under each scenario, quote units.
    pub pnl: Vec<i64>,
    /// What to name as the market's witness: its own worst, or the scenario that sets the scan of its correlation group.
    pub witness: u8,
}

/// A whole account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeReport {
    /// How the account is margined.
    pub tier: Tier,
    /// Health and requirements.
    pub margin: MarginReport,
    /// Each market held, in order; under the Standard tier with its mark and requirements alone.
    pub markets: Vec<MarketReport>,
}

impl NativeReport {
    /// What proves a breach if anything does: the worst scenario of each market, or of its correlation group. The Standard tier
    /// needs no such proof.
    pub fn witness(&self) -> Vec<u8> {
        match self.tier {
            Tier::Standard => vec![],
            Tier::Portfolio => self.markets.iter().map(|market| market.witness).collect(),
        }
    }
}

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The account holds collateral of a bank that the inputs lack.
    #[error("the inputs lack bank {0}, of which the account holds collateral")]
    BankMissing(u16),
    /// The account holds something in a market that the inputs lack.
    #[error("the inputs lack market {0}, in which the account holds something")]
    MarketMissing(u16),
    /// The engine refused.
    #[error("the risk engine refused the account: {0:?}")]
    Risk(RiskError),
}

impl From<RiskError> for ReportError {
    fn from(error: RiskError) -> Self {
        Self::Risk(error)
    }
}

/// What accounts are measured with.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The clearing house.
    pub house: Clearinghouse,
    /// Banks of which accounts may hold collateral, by index.
    pub banks: Vec<(CollateralBank, ShownPrice)>,
    /// Markets in which accounts may hold positions, by index.
    pub markets: Vec<(Market, ShownPrice)>,
    /// Unix time.
    pub now: i64,
}

impl Inputs {
    /// No banks and markets yet.
    pub fn new(house: Clearinghouse, now: i64) -> Self {
        Self {
            house,
            banks: vec![],
            markets: vec![],
            now,
        }
    }

    /// Everything in them.
    pub fn scope(&self) -> Scope {
        Scope {
            banks: self.banks.iter().map(|(bank, _)| bank.index).collect(),
            markets: self
                .markets
                .iter()
                .map(|(market, _)| market.index)
                .collect(),
        }
    }
}

/// Evaluates an account that may or may not exist on chain, over everything in the inputs.
///
/// Errors: those of [`Evaluator::report`].
pub fn evaluate(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
) -> Result<NativeReport, ReportError> {
    let scope = inputs.scope();
    Evaluator::new(inputs).report_over(header, positions, &scope)
}

/// A market as every account reads it.
struct Prepared<'a> {
    record: &'a Market,
    shown: &'a ShownPrice,
    scenarios: Result<ScenarioSet<'a>, RiskError>,
    params: MarketParams,
    standard: StandardParams,
}

/// Inputs made ready for many accounts.
pub struct Evaluator<'a> {
    inputs: &'a Inputs,
    terms: AccountTerms,
    interest: InterestRecord,
    markets: Vec<Prepared<'a>>,
}

impl<'a> Evaluator<'a> {
    /// Does once what all accounts share.
    pub fn new(inputs: &'a Inputs) -> Self {
        let markets = inputs.markets.iter().map(|(record, shown)| Prepared {
            record,
            shown,
            scenarios: record.scenarios.set(),
            params: record.params(),
            standard: record.standard_params(),
        });
        Self {
            inputs,
            terms: inputs.house.account_terms_at(inputs.now),
            interest: inputs.house.interest.at(inputs.now),
            markets: markets.collect(),
        }
    }

    /// Evaluates an account over what it holds.
    ///
    /// Errors: [`ReportError::BankMissing`], [`ReportError::MarketMissing`]: what is not known is never zero risk;
    /// [`ReportError::Risk`] with what the engine refuses.
    pub fn report(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
    ) -> Result<NativeReport, ReportError> {
        self.report_over(header, positions, &Scope::of(header, positions))
    }

    /// The same over a scope, which may be wider than what the account holds and is not narrower.
    pub fn report_over(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
        scope: &Scope,
    ) -> Result<NativeReport, ReportError> {
        let mut markets = Vec::with_capacity(scope.markets.len());
        let mut see = |seen: Seen<'_>| {
            let count = match seen.pnl {
                Some(_) => usize::from(seen.record.scenarios.count),
                None => 0,
            };
            let pnl = seen.pnl.and_then(|pnl| pnl.get(..count));
            markets.push(MarketReport {
                market: seen.record.index,
                risk: *seen.risk,
                pnl: pnl.unwrap_or_default().to_vec(),
                witness: seen.risk.worst_scenario,
            });
        };
        let pass = Pass::over(self, header, positions, scope, &mut see)?;
        let (tier, worst) = (pass.tier, pass.worst);
        let margin = pass.report;
        for (report, group) in markets.iter_mut().zip(&pass.groups) {
            let group = group.checked_sub(1).and_then(|group| worst.get(group));
            if let (Tier::Portfolio, Some(Some(worst))) = (tier, group) {
                report.witness = *worst;
            }
        }
        Ok(NativeReport {
            tier,
            margin,
            markets,
        })
    }

    /// An account's margin alone, over what it holds: what a keeper computes for every account.
    ///
    /// Errors: those of [`Evaluator::report`].
    pub fn margin(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
    ) -> Result<MarginReport, ReportError> {
        let scope = Scope::of(header, positions);
        let pass = Pass::over(self, header, positions, &scope, &mut |_| ())?;
        Ok(pass.report)
    }

    fn bank(&self, index: u16) -> Result<&'a (CollateralBank, ShownPrice), ReportError> {
        let mut banks = self.inputs.banks.iter();
        let bank = banks.find(|(bank, _)| bank.index == index);
        bank.ok_or(ReportError::BankMissing(index))
    }

    fn market(&self, index: u16) -> Result<&Prepared<'a>, ReportError> {
        let mut markets = self.markets.iter();
        let market = markets.find(|market| market.record.index == index);
        market.ok_or(ReportError::MarketMissing(index))
    }
}

/// A market that a pass has evaluated.
struct Seen<'a> {
    record: &'a Market,
    risk: &'a MarketRisk,
    /// The Standard tier has none.
    pnl: Option<&'a ScenarioPnl>,
}

/// What a pass over an account has found.
struct Passed {
    tier: Tier,
    report: MarginReport,
    /// The group of each market, in order.
    groups: Vec<usize>,
    /// The scenario that sets each group's scan, where one does and not the cap on the offset: then no market's own worst proves it.
    worst: [Option<u8>; MAX_GROUPS],
}

/// A pass over an account: the program's own steps, in its order.
struct Pass<'p, 'a> {
    evaluator: &'p Evaluator<'a>,
    tier: Tier,
    check: MarginCheck,
    /// Collateral that offsets risk: market and amount.
    offsets: Vec<(u16, Quantity)>,
    /// Correlation groups that have a market, with the least share of its offset that one of them has left, 1e-6.
    groups: [Option<(Box<Group>, u32)>; MAX_GROUPS],
    /// What profits would forgive, which backs no opening.
    forgiven: Quote,
}

impl Pass<'_, '_> {
    fn over(
        evaluator: &Evaluator<'_>,
        header: &MarginAccount,
        positions: &[PositionRecord],
        scope: &Scope,
        see: &mut dyn FnMut(Seen<'_>),
    ) -> Result<Passed, ReportError> {
        let held = Scope::of(header, positions);
        if let Some(index) = held.banks.difference(&scope.banks).next() {
            return Err(ReportError::BankMissing(*index));
        }
        if let Some(index) = held.markets.difference(&scope.markets).next() {
            return Err(ReportError::MarketMissing(*index));
        }
        let cash = Quote::from_raw(evaluator.interest.value_floor(header));
        let mut pass = Pass {
            evaluator,
            tier: header.tier(),
            check: MarginCheck::with_terms(cash, &evaluator.terms)?,
            offsets: vec![],
            groups: [const { None }; MAX_GROUPS],
            forgiven: Quote::ZERO,
        };
        for index in &scope.banks {
            pass.add_bank(header, *index)?;
        }
        let positions = by_market(positions);
        let mut groups = Vec::with_capacity(scope.markets.len());
        for index in &scope.markets {
            let (from, to) = (
                positions.partition_point(|record| record.market < *index),
                positions.partition_point(|record| record.market <= *index),
            );
            let here = positions.get(from..to).unwrap_or_default();
            groups.push(pass.add_market(*index, here, see)?);
        }
        let worst = pass.add_groups()?;
        let mut report = pass.check.finish();
        report.initial_health = report.initial_health.checked_sub(pass.forgiven)?;
        Ok(Passed {
            tier: pass.tier,
            report,
            groups,
            worst,
        })
    }

    fn add_bank(&mut self, header: &MarginAccount, index: u16) -> Result<(), ReportError> {
        let (bank, shown) = self.evaluator.bank(index)?;
        let terms = &self.evaluator.terms;
        let held = header.used_collateral().find(|held| held.bank == index);
        let amount = held.map_or(0, |held| held.amount);
        let weight = bank.weight_floor(self.evaluator.inputs.now);
        let mut collateral = bank.collateral(amount, shown.price, weight, terms)?;
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

    /// Adds a market; returns its group, counted from 1.
    fn add_market(
        &mut self,
        index: u16,
        positions: &[PositionRecord],
        see: &mut dyn FnMut(Seen<'_>),
    ) -> Result<usize, ReportError> {
        let market = self.evaluator.market(index)?;
        let (record, now) = (market.record, self.evaluator.inputs.now);
        let spot = market.shown.price;
        let forgiven = record.forgiven_of(positions, spot, now);
        let forgiven = forgiven.ok_or(RiskError::Overflow(Field::Quote))?;
        self.forgiven = self.forgiven.checked_add(forgiven)?;
        let mut input = record.input(now, spot, market.scenarios?, &market.params);
        input.offset = self.offset_of(index)?;
        input.spot_confidence = market.shown.confidence(record.oracle_max_confidence);
        input.perp_confidence = input.spot_confidence;

        if self.tier == Tier::Standard {
            let shares = &market.standard;
            let risk = self.check.add_standard_market(&input, positions, shares)?;
            let shown = MarketRisk {
                mark: risk.mark,
                contingency_maintenance: risk.maintenance,
                contingency_initial: risk.initial.checked_sub(risk.maintenance)?,
                gross_notional: risk.gross_notional,
                ..MarketRisk::default()
            };
            see(Seen {
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
        see(Seen {
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
