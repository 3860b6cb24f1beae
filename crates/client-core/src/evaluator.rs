//! Margins of accounts computed off chain, from the same bytes by the engine's own sum: what a keeper does.
//!
//! [`Inputs`] may cover more than one account holds: an [`Evaluator`] prepares what all accounts share, and takes for each what it
//! holds. The steps and their order are those of the program, so numbers are equal to the bit and refusals are the same.

use portfolio_margin_interface::state::{
    CollateralBank, InterestRecord, MarginAccount, Market, PositionRecord,
};
use risk_core::margin::MarginReport;
use risk_core::market::MarketParams;
use risk_core::params::AccountTerms;
use risk_core::scenario::ScenarioSet;
use risk_core::tier::{StandardParams, Tier};
use risk_core::RiskError;

use crate::inputs::Inputs;
use crate::oracle::ShownPrice;
use crate::pass::{require_covered, Onlooker, Pass, Passed, Prices, Seen};
use crate::report::{CheckedReport, MarketReport, NativeReport, ReportError};
use crate::scope::Scope;
use crate::sound;

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
pub(crate) struct Prepared<'a> {
    pub record: &'a Market,
    pub shown: &'a ShownPrice,
    /// Refused where the market is none that the program could have written.
    pub scenarios: Result<ScenarioSet<'a>, RiskError>,
    pub params: MarketParams,
    /// The same of the Standard tier's shares.
    pub standard: Result<StandardParams, RiskError>,
}

/// What each market contributes, in order.
struct Markets(Vec<MarketReport>);

impl Onlooker for Markets {
    fn risk(&mut self, seen: Seen<'_>) {
        let count = usize::from(seen.record.scenarios.count);
        let pnl = seen.pnl.and_then(|pnl| pnl.get(..count));
        self.0.push(MarketReport {
            market: seen.record.index,
            risk: *seen.risk,
            pnl: pnl.unwrap_or_default().to_vec(),
            witness: seen.risk.worst_scenario,
        });
    }
}

/// Inputs made ready for many accounts.
pub struct Evaluator<'a> {
    pub(crate) inputs: &'a Inputs,
    /// Refused where the clearing house is none that the program could have written.
    pub(crate) house: Result<(), RiskError>,
    pub(crate) terms: AccountTerms,
    pub(crate) interest: InterestRecord,
    markets: Vec<Prepared<'a>>,
}

impl<'a> Evaluator<'a> {
    /// Does once what all accounts share.
    pub fn new(inputs: &'a Inputs) -> Self {
        let markets = inputs.markets.iter().map(|(record, shown)| Prepared {
            record,
            shown,
            scenarios: sound::market(record).and_then(|()| record.scenarios.set()),
            params: record.params(),
            standard: sound::standard(record),
        });
        let house = sound::house(&inputs.house);
        let interest = match house {
            Ok(()) => inputs.house.interest.at(inputs.now),
            Err(_) => inputs.house.interest,
        };
        Self {
            inputs,
            house,
            terms: inputs.house.account_terms_at(inputs.now),
            interest,
            markets: markets.collect(),
        }
    }

    /// Evaluates an account over what it holds, at the prices as they are shown, whatever is to be said against them.
    ///
    /// Errors: [`ReportError::BankMissing`], [`ReportError::MarketMissing`]: what is not known is never zero risk;
    /// [`ReportError::Price`] where a price is no number; [`ReportError::Risk`] with what the engine refuses.
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
        Ok(self
            .described(header, positions, scope, Prices::AsShown)?
            .report)
    }

    /// The same at prices that the program accepts, with the doubt that it would carry.
    ///
    /// Errors: those of [`Evaluator::report`], and [`ReportError::Price`] for every price that no action accepts.
    pub fn checked(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
        scope: &Scope,
    ) -> Result<CheckedReport, ReportError> {
        self.described(header, positions, scope, Prices::Accepted)
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
        let pass = Pass::new(self, header, Prices::AsShown)?;
        let passed = pass.over(header, positions, &scope, &mut ())?;
        Ok(passed.report)
    }

    /// Shows an onlooker the account over what it holds, at prices that the program accepts.
    ///
    /// Errors: those of [`Evaluator::checked`], but for those of margins that the onlooker does not want.
    pub(crate) fn observe(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
        onlooker: &mut dyn Onlooker,
    ) -> Result<Passed, ReportError> {
        let scope = Scope::of(header, positions);
        let pass = Pass::new(self, header, Prices::Accepted)?;
        pass.over(header, positions, &scope, onlooker)
    }

    fn described(
        &self,
        header: &MarginAccount,
        positions: &[PositionRecord],
        scope: &Scope,
        prices: Prices,
    ) -> Result<CheckedReport, ReportError> {
        require_covered(header, positions, scope)?;
        let mut markets = Markets(Vec::with_capacity(scope.markets.len()));
        let tier = header.tier();
        let pass = Pass::new(self, header, prices)?;
        let passed = pass.over(header, positions, scope, &mut markets)?;
        let Markets(mut markets) = markets;
        for (report, group) in markets.iter_mut().zip(&passed.groups) {
            let worst = group
                .checked_sub(1)
                .and_then(|group| passed.worst.get(group));
            if let (Tier::Portfolio, Some(Some(worst))) = (tier, worst) {
                report.witness = *worst;
            }
        }
        let margin = passed.report;
        Ok(CheckedReport {
            report: NativeReport {
                tier,
                margin,
                markets,
            },
            doubt: passed.doubt,
        })
    }

    pub(crate) fn bank(&self, index: u16) -> Result<&'a (CollateralBank, ShownPrice), ReportError> {
        let mut banks = self.inputs.banks.iter();
        let bank = banks.find(|(bank, _)| bank.index == index);
        bank.ok_or(ReportError::BankMissing(index))
    }

    pub(crate) fn market(&self, index: u16) -> Result<&Prepared<'a>, ReportError> {
        let mut markets = self.markets.iter();
        let market = markets.find(|market| market.record.index == index);
        market.ok_or(ReportError::MarketMissing(index))
    }
}
