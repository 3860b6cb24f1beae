//! What the program's views return, byte for byte, computed from the same accounts: `view_margin` here, `view_greeks` and
//! `view_risk_matrix` below.

mod greeks;
mod risk_matrix;

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, PositionRecord};
use portfolio_margin_interface::view::MarginView;
use risk_core::margin::MarginReport;
use risk_core::tier::Tier;

use crate::evaluator::Evaluator;
use crate::inputs::Inputs;
use crate::report::ReportError;
use crate::scope::Scope;

pub use greeks::{expiry_greeks, greeks, leg_greeks};
pub use risk_matrix::risk_matrix;

/// Why there is no page of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The account holds nothing in the market.
    #[error("the account holds nothing in market {0}")]
    MarketNotHeld(u16),
    /// The page begins behind the last row.
    #[error("a page from row {first} on, of {total} rows")]
    BehindLast {
        /// Row with which the page begins.
        first: u8,
        /// Rows on all pages.
        total: u8,
    },
    /// What the program refuses to show of any page.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl PageError {
    /// The error with which the program refuses the same.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::MarketNotHeld(_) | Self::BehindLast { .. } => ErrorCode::ViewOutOfRange,
            Self::Report(error) => error.code(),
        }
    }
}

/// Refuses a market of which the account holds nothing, and whose risk no collateral of it offsets.
fn require_market(
    header: &MarginAccount,
    positions: &[PositionRecord],
    market: u16,
) -> Result<(), PageError> {
    let is_held = Scope::of(header, positions).markets.contains(&market);
    is_held
        .then_some(())
        .ok_or(PageError::MarketNotHeld(market))
}

/// The view of an account as it is, without legs. The inputs may cover more than it holds.
///
/// Errors: what the program refuses to show, with its code ([`ReportError::code`]): a price that no action accepts, an account that
/// the engine refuses; and what the inputs lack.
pub fn view(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
) -> Result<MarginView, ReportError> {
    let scope = Scope::of(header, positions);
    let checked = Evaluator::new(inputs).checked(header, positions, &scope)?;
    let report = &checked.report;
    let mut view = MarginView {
        status: header.status,
        tier: header.tier,
        doubt: checked.doubt.map_or(0, |doubt| doubt.reason.code()),
        ..MarginView::default()
    };
    view.set_totals(inputs.now, &report.margin);
    for market in &report.markets {
        view.push_market(market.market, &market.risk);
    }
    let refusal = match checked.doubt {
        Some(doubt) => Some(doubt.reason),
        None if header.status != STATUS_ACTIVE => Some(ErrorCode::RiskNotReduced),
        None => opening_refusal(&inputs.house, report.tier, &report.margin),
    };
    view.refusal = refusal.map_or(0, ErrorCode::code);
    view.would_open = u8::from(refusal.is_none());
    Ok(view)
}

/// Why an account of a tier may not be opened as a report says it is, at prices without a doubt; `None` where it may.
pub fn opening_refusal(
    house: &Clearinghouse,
    tier: Tier,
    report: &MarginReport,
) -> Option<ErrorCode> {
    let is_admitted = tier == Tier::Standard || house.portfolio_terms().admits(report);
    if report.initial_health.raw() < 0 {
        return Some(ErrorCode::InitialMarginBreached);
    }
    if !is_admitted {
        return Some(ErrorCode::PortfolioMinimum);
    }
    (!report.is_openable()).then_some(ErrorCode::GrossNotionalExceeded)
}
