//! `view_risk_matrix`: one market's PnL under each scenario, under the portfolio model whatever the account's tier.

use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::view::{RiskMatrixView, VIEW_VERSION};
use risk_core::scan::{scan_market, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::RiskError;

use super::{require_market, PageError};
use crate::evaluator::Evaluator;
use crate::inputs::Inputs;
use crate::pass::{EngineMarket, Onlooker};

/// The matrix of one market of the account.
///
/// Errors: [`PageError`].
pub fn risk_matrix(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
    market: u16,
) -> Result<RiskMatrixView, PageError> {
    require_market(header, positions, market)?;
    let mut matrix = Matrix(RiskMatrixView {
        version: VIEW_VERSION,
        market,
        now: inputs.now,
        status: header.status,
        tier: header.tier,
        ..bytemuck::Zeroable::zeroed()
    });
    let passed = Evaluator::new(inputs).observe(header, positions, &mut matrix)?;
    matrix.0.doubt = passed.doubt_code();
    Ok(matrix.0)
}

/// The matrix, filled when its market passes.
struct Matrix(RiskMatrixView);

impl Onlooker for Matrix {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool, RiskError> {
        if index == self.0.market {
            let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
            let risk = scan_market(market, positions, &mut pnl)?;
            let set = &market.scenarios;
            // at most MAX_SCENARIOS
            [self.0.count, self.0.base] =
                [set.count(), set.base()].map(|index| u8::try_from(index).unwrap_or(u8::MAX));
            self.0.spot = market.spot.raw();
            self.0.set_risk(&risk, &pnl);
        }
        Ok(false)
    }
}
