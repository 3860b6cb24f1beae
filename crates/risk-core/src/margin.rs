//! Health: what is left of an account after its requirement.
//!
//! ```text
//! maintenance_health = equity + scan * scan_maintenance - C_mm
//! initial_health     = equity + scan * (scan_initial + peg_add) - C_mm - C_im
//! ```
//! `equity` is marks plus cash plus collateral at its full value; `scan <= 0` is the loss of each market's worst
//! scenario, summed over markets (every correlation against the account at once); `C_mm` and `C_im` are the
//! contingencies of [`crate::contingency`]. Markets of a correlation group share one scan, [`crate::group`].
//!
//! Who asks: a trade or withdrawal needs `initial_health >= 0` after it; a liquidator must show
//! `maintenance_health < 0`. For every portfolio `initial_health <= maintenance_health` (INV-07), because each term
//! that differs only subtracts. Equity rounds down and requirements up.

use crate::contingency::Contingencies;
use crate::error::RiskError;
use crate::group::{Group, GroupParams, GroupRisk};
use crate::market::{ExpirySource, Market, MarketParams};
use crate::params::{AccountTerms, ConfidenceParams};
use crate::position::PositionSource;
use crate::scan::{scan_market, MarketRisk, ScenarioPnl};
use crate::tier::{standard_market, StandardParams, StandardRisk};
use crate::units::{Quote, Ratio, RATIO_ONE};

/// An asset held as collateral, valued at its checked price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collateral {
    /// Market value, floored.
    pub value: Quote,
    /// Share of the value that counts in neither health, 1e-6.
    pub haircut_maintenance: Ratio,
    /// Further share that does not count in initial health, 1e-6.
    pub haircut_initial: Ratio,
    /// Confidence in the price, 1e-6; 0 to 1.0: the least of its own and its spot's.
    pub confidence: Ratio,
}

impl Collateral {
    /// Nothing, without a haircut and at a certain price: what a literal fills its other fields from.
    pub const PLAIN: Self = Self {
        value: Quote::ZERO,
        haircut_maintenance: Ratio::ZERO,
        haircut_initial: Ratio::ZERO,
        confidence: Ratio::from_raw(RATIO_ONE),
    };
}

/// The outcome of a margin check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarginReport {
    /// Signed headroom over the initial requirement.
    pub initial_health: Quote,
    /// Signed headroom over the maintenance requirement.
    pub maintenance_health: Quote,
    /// Marks plus cash plus collateral value.
    pub equity: Quote,
    /// Value of all positions.
    pub mark: Quote,
    /// Quote balance.
    pub cash: Quote,
    /// Value of all collateral before haircuts.
    pub collateral: Quote,
    /// Sum of the markets' worst scenario losses, at most zero.
    pub scan: Quote,
    /// Contingencies in both requirements.
    pub contingency_maintenance: Quote,
    /// Further contingencies in the initial requirement.
    pub contingency_initial: Quote,
    /// Sum of the markets' gross notionals: sizes without netting.
    pub gross_notional: Quote,
    /// The contingencies, each apart. Requirements of the Standard tier are in the two sums alone.
    pub contingencies: Contingencies,
    /// What the quote asset's price adds to the initial scan factors, 1e-6.
    pub peg_add: Ratio,
}

/// Largest gross notional that an account may open, 2.25e9 USD: 64 times less than what can be evaluated.
///
/// Without the distance, a book at the very edge of the evaluable range would leave it when prices rise, and an
/// account that cannot be evaluated cannot be liquidated.
pub const MOST_OPEN_NOTIONAL: Quote = Quote::from_raw(1 << 51);

impl MarginReport {
    /// What the account must hold to trade: `equity - initial_health`, at least zero.
    pub fn initial_margin(&self) -> Quote {
        self.requirement(self.initial_health)
    }

    /// What the account must hold not to be liquidated: `equity - maintenance_health`, at least zero.
    pub fn maintenance_margin(&self) -> Quote {
        self.requirement(self.maintenance_health)
    }

    /// Whether the account may be opened like this: initial health, and sizes that stay evaluable when prices rise.
    pub fn is_openable(&self) -> bool {
        self.initial_health.raw() >= 0 && self.gross_notional <= MOST_OPEN_NOTIONAL
    }

    /// Whether the change from `before` to this reduced the account's risk: maintenance health did not fall, initial
    /// health rose, equity did not fall faster than the maintenance requirement (nor at all where there is none), and
    /// sizes beyond the limit did not grow.
    ///
    /// Without the rule on equity an owner in liquidation could close one part at a bad price to a friend, and leave the
    /// house the rest with nothing behind it.
    pub fn reduces_risk_of(&self, before: &Self) -> bool {
        self.maintenance_health >= before.maintenance_health
            && self.initial_health > before.initial_health
            && self.gross_notional <= before.gross_notional.max(MOST_OPEN_NOTIONAL)
            && self.keeps_equity_of(before)
    }

    /// `equity / requirement` did not fall, cross-multiplied; equity did not fall where it was not positive.
    fn keeps_equity_of(&self, before: &Self) -> bool {
        if before.equity <= Quote::ZERO {
            return self.equity >= before.equity;
        }
        let product = |equity: Quote, requirement: Quote| {
            i128::from(equity.raw()).wrapping_mul(i128::from(requirement.raw()))
        };
        product(self.equity, before.maintenance_margin())
            >= product(before.equity, self.maintenance_margin())
    }

    fn requirement(&self, health: Quote) -> Quote {
        Quote::from_raw(self.equity.raw().saturating_sub(health.raw()).max(0))
    }
}

/// Adds up an account market by market, so that no portfolio ever stands in memory as a whole.
#[derive(Clone, Debug)]
pub struct MarginCheck {
    report: MarginReport,
    confidence: ConfidenceParams,
}

impl MarginCheck {
    /// An account with this quote balance and nothing else.
    pub fn new(cash: Quote) -> Self {
        Self {
            report: MarginReport {
                initial_health: cash,
                maintenance_health: cash,
                equity: cash,
                cash,
                ..MarginReport::default()
            },
            confidence: ConfidenceParams::NONE,
        }
    }

    /// The same under terms of its own: a quote asset that may be off its peg, collateral at prices that may be uncertain.
    pub fn with_terms(cash: Quote, terms: &AccountTerms) -> Result<Self, RiskError> {
        let mut check = Self::new(cash);
        check.report.peg_add = terms.peg_add()?;
        check.confidence = terms.confidence;
        Ok(check)
    }

    /// Adds an asset: its value to equity, its haircut to the contingencies.
    ///
    /// The charge on an uncertain price takes what the haircuts leave at the most: an asset is never worse than none.
    pub fn add_collateral(&mut self, collateral: &Collateral) -> Result<(), RiskError> {
        let value = collateral.value;
        let haircut_maintenance = value.mul_ratio_ceil(collateral.haircut_maintenance)?;
        let haircut_initial = value.mul_ratio_ceil(collateral.haircut_initial)?;
        let left = value
            .checked_sub(haircut_maintenance)?
            .checked_sub(haircut_initial)?
            .max(Quote::ZERO);
        let charge = self.confidence.charge(collateral.confidence, value)?;
        let charges = Contingencies {
            haircut_maintenance,
            haircut_initial,
            confidence: charge.min(left),
            ..Contingencies::default()
        };
        let report = &mut self.report;
        report.collateral = report.collateral.checked_add(value)?;
        report.contingencies = report.contingencies.checked_add(&charges)?;
        self.apply(value, charges.maintenance()?, charges.initial()?)
    }

    /// Evaluates one market and adds it; `pnl` receives the PnL per scenario.
    pub fn add_market<P: PositionSource, E: ExpirySource>(
        &mut self,
        market: &Market<'_, E>,
        positions: &[P],
        pnl: &mut ScenarioPnl,
    ) -> Result<MarketRisk, RiskError> {
        let risk = scan_market(market, positions, pnl)?;
        self.add_risk(market.params, &risk)?;
        Ok(risk)
    }

    /// Adds a market that was evaluated elsewhere.
    pub fn add_risk(&mut self, params: &MarketParams, risk: &MarketRisk) -> Result<(), RiskError> {
        self.add_grouped_risk(risk)?;
        let factors = [params.scan_maintenance, params.scan_initial];
        self.add_scan(risk.scan, risk.contingencies.cushion, factors)
    }

    /// Evaluates one market of a correlation group: everything but its scan is added here, the scan with
    /// [`MarginCheck::add_group`] once the group is whole.
    pub fn add_market_to_group<P: PositionSource, E: ExpirySource>(
        &mut self,
        market: &Market<'_, E>,
        positions: &[P],
        pnl: &mut ScenarioPnl,
        group: &mut Group,
    ) -> Result<MarketRisk, RiskError> {
        let risk = scan_market(market, positions, pnl)?;
        group.add(market, &risk, pnl)?;
        self.add_grouped_risk(&risk)?;
        Ok(risk)
    }

    /// Adds the scan of a group whose markets are all in.
    pub fn add_group(
        &mut self,
        group: &Group,
        params: &GroupParams,
    ) -> Result<GroupRisk, RiskError> {
        let risk = group.risk(params)?;
        self.add_scan(risk.scan, group.cushion(), group.factors())?;
        Ok(risk)
    }

    /// Evaluates one market under the Standard tier and adds it.
    pub fn add_standard_market<P: PositionSource, E: ExpirySource>(
        &mut self,
        market: &Market<'_, E>,
        positions: &[P],
        params: &StandardParams,
    ) -> Result<StandardRisk, RiskError> {
        let risk = standard_market(market, positions, params)?;
        let report = &mut self.report;
        report.mark = report.mark.checked_add(risk.mark)?;
        report.gross_notional = report.gross_notional.checked_add(risk.gross_notional)?;
        let further = risk.initial.checked_sub(risk.maintenance)?;
        self.apply(risk.mark, risk.maintenance, further)?;
        Ok(risk)
    }

    /// Adds a market of a group that was evaluated elsewhere: everything but its scan.
    pub fn add_grouped_risk(&mut self, risk: &MarketRisk) -> Result<(), RiskError> {
        let report = &mut self.report;
        report.mark = report.mark.checked_add(risk.mark)?;
        report.gross_notional = report.gross_notional.checked_add(risk.gross_notional)?;
        report.contingencies = report.contingencies.checked_add(&risk.contingencies)?;
        let (maintenance, initial) = (risk.contingency_maintenance, risk.contingency_initial);
        self.apply(risk.mark, maintenance, initial)
    }

    /// Adds a loss with its factors, maintenance and initial; the peg raises the initial one.
    ///
    /// What the arithmetic can be wrong by grows with the factor: above 1.0 the cushion, which is charged once, counts again
    /// with what the factor has over it.
    fn add_scan(
        &mut self,
        scan: Quote,
        cushion: Quote,
        [maintenance, initial]: [Ratio; 2],
    ) -> Result<(), RiskError> {
        let report = &mut self.report;
        let initial = Ratio::from_raw(initial.raw().saturating_add(report.peg_add.raw()));
        let loss = |factor: Ratio| {
            let over = Ratio::from_raw(factor.raw().saturating_sub(RATIO_ONE).max(0));
            scan.mul_ratio_floor(factor)?
                .checked_sub(cushion.mul_ratio_ceil(over)?)
        };
        report.scan = report.scan.checked_add(scan)?;
        report.maintenance_health = report.maintenance_health.checked_add(loss(maintenance)?)?;
        report.initial_health = report.initial_health.checked_add(loss(initial)?)?;
        Ok(())
    }

    /// Adds a value, what both requirements take of it and what the initial one takes further.
    fn apply(&mut self, value: Quote, maintenance: Quote, initial: Quote) -> Result<(), RiskError> {
        let report = &mut self.report;
        report.equity = report.equity.checked_add(value)?;
        report.contingency_maintenance = report.contingency_maintenance.checked_add(maintenance)?;
        report.contingency_initial = report.contingency_initial.checked_add(initial)?;
        let net = value.checked_sub(maintenance)?;
        report.maintenance_health = report.maintenance_health.checked_add(net)?;
        report.initial_health = report
            .initial_health
            .checked_add(net)?
            .checked_sub(initial)?;
        Ok(())
    }

    /// The report.
    pub fn finish(self) -> MarginReport {
        self.report
    }
}
