//! What an account's margin is, and why there may be no answer.

use portfolio_margin_interface::errors::ErrorCode;
use risk_core::margin::MarginReport;
use risk_core::scan::MarketRisk;
use risk_core::tier::Tier;
use risk_core::RiskError;

use crate::oracle::{Doubt, PriceRefusal};

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

/// A report that the program would make: at prices that it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedReport {
    /// Health, requirements, markets.
    pub report: NativeReport,
    /// The worst reason why an opening does not accept the prices behind it; repairs do, unless it says otherwise.
    pub doubt: Option<Doubt>,
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
    /// A price is there that no action accepts; or one that is no number, which nothing can be valued at.
    #[error(transparent)]
    Price(#[from] PriceRefusal),
    /// The engine refused.
    #[error("the risk engine refused the account: {0:?}")]
    Risk(RiskError),
}

impl From<RiskError> for ReportError {
    fn from(error: RiskError) -> Self {
        Self::Risk(error)
    }
}

impl ReportError {
    /// The error with which the program refuses the same.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BankMissing(_) | Self::MarketMissing(_) => ErrorCode::RemainingAccountMissing,
            Self::Price(refusal) => refusal.reason,
            Self::Risk(error) => risk_code(error),
        }
    }
}

/// The program's error for a refusal of the engine.
pub fn risk_code(error: &RiskError) -> ErrorCode {
    match error {
        RiskError::OutOfRange { .. } | RiskError::Svi(_) => ErrorCode::ParameterOutOfRange,
        RiskError::Overflow(_) => ErrorCode::AmountOverflow,
        RiskError::UnknownExpiry { .. } => ErrorCode::ExpiryNotListed,
        RiskError::SurfaceMissing { .. } => ErrorCode::SurfaceMissing,
        RiskError::GroupMismatch => ErrorCode::GroupMismatch,
        RiskError::NoBaseScenario
        | RiskError::ScenarioOrder { .. }
        | RiskError::UnknownScenario { .. } => ErrorCode::ScenarioSetInvalid,
        RiskError::Unsorted { .. } => ErrorCode::RiskEngine,
    }
}
