//! Pages of `view_greeks`: an account by market, a market by expiry or by leg.

use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::view::{GreeksView, LegGreeksView};
use risk_core::greeks::{market_greeks, ExpiryGreeks, Greeks};
use risk_core::position::PositionSource;
use risk_core::RiskError;

use super::{require_market, PageError};
use crate::evaluator::Evaluator;
use crate::inputs::Inputs;
use crate::pass::{EngineMarket, Onlooker};
use crate::report::ReportError;

/// The account's page: a row per market, and the sum of all.
///
/// Errors: [`ReportError`] as in [`super::view`]; an account that has no margin may have Greeks.
pub fn greeks(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
) -> Result<GreeksView, ReportError> {
    let mut rows = ByMarket(GreeksView::new(u16::MAX, 0, inputs.now));
    let passed = Evaluator::new(inputs).observe(header, positions, &mut rows)?;
    rows.0.doubt = passed.doubt_code();
    Ok(rows.0)
}

/// A market's page: a row per expiry from row `first` on, and the sum of all.
///
/// Errors: [`PageError`].
pub fn expiry_greeks(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
    (market, first): (u16, u8),
) -> Result<GreeksView, PageError> {
    require_market(header, positions, market)?;
    let mut rows = ByExpiry(GreeksView::new(market, first, inputs.now));
    let passed = Evaluator::new(inputs).observe(header, positions, &mut rows)?;
    rows.0.doubt = passed.doubt_code();
    require_row(first, rows.0.total)?;
    Ok(rows.0)
}

/// A market's page: a row per leg from row `first` on.
///
/// Errors: [`PageError`].
pub fn leg_greeks(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
    (market, first): (u16, u8),
) -> Result<LegGreeksView, PageError> {
    require_market(header, positions, market)?;
    let mut rows = ByLeg(LegGreeksView::new(market, first, inputs.now));
    let passed = Evaluator::new(inputs).observe(header, positions, &mut rows)?;
    rows.0.doubt = passed.doubt_code();
    require_row(first, rows.0.total)?;
    Ok(rows.0)
}

/// Refuses a page behind the last row; a page of nothing is no error.
fn require_row(first: u8, total: u8) -> Result<(), PageError> {
    match first > 0 && first >= total {
        true => Err(PageError::BehindLast { first, total }),
        false => Ok(()),
    }
}

struct ByMarket(GreeksView);

impl Onlooker for ByMarket {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool, RiskError> {
        let (greeks, _) = market_greeks(market, positions, &mut [], &mut [])?;
        self.0.push(index.into(), market.spot, &greeks);
        self.0.add(&greeks, market.spot)?;
        Ok(false)
    }
}

struct ByExpiry(GreeksView);

impl Onlooker for ByExpiry {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool, RiskError> {
        if index == self.0.market {
            // no more expiries than positions
            let mut expiries = vec![ExpiryGreeks::default(); positions.len()];
            let (greeks, count) = market_greeks(market, positions, &mut [], &mut expiries)?;
            for row in expiries.iter().take(count) {
                self.0.push(row.expiry, market.spot, &row.greeks);
            }
            self.0.add(&greeks, market.spot)?;
        }
        Ok(false)
    }
}

struct ByLeg(LegGreeksView);

impl Onlooker for ByLeg {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool, RiskError> {
        if index == self.0.market {
            let mut legs = vec![Greeks::default(); positions.len()];
            market_greeks(market, positions, &mut legs, &mut [])?;
            self.0.spot = market.spot.raw();
            // at most 128 positions
            self.0.total = u8::try_from(positions.len()).unwrap_or(u8::MAX);
            let first = usize::from(self.0.first);
            for (record, greeks) in positions.iter().zip(&legs).skip(first) {
                self.0.push(&record.position(), greeks);
            }
        }
        Ok(false)
    }
}
