//! Returns one market's PnL under each scenario through return data, as it is or as it would be after legs.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::PositionRecord;
use portfolio_margin_interface::view::{RiskMatrixView, VIEW_VERSION};
use risk_core::scan::{scan_market, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;

use super::trial::{EngineMarket, Trial};
use super::viewed::View;
use crate::bridge::{Check, Observer};
use crate::error::risk_error;

/// The matrix, filled when its market passes.
struct Matrix {
    view: RiskMatrixView,
    /// Whether legs are tried: then the other markets are margined as well, and refuse what they refuse in a trade.
    strict: bool,
}

impl Observer for Matrix {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool> {
        if index != self.view.market {
            return Ok(self.strict);
        }
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        let risk = scan_market(market, positions, &mut pnl).map_err(risk_error)?;
        let set = &market.scenarios;
        // at most MAX_SCENARIOS
        [self.view.count, self.view.base] =
            [set.count(), set.base()].map(|index| u8::try_from(index).unwrap_or(u8::MAX));
        self.view.spot = market.spot.raw();
        self.view.set_risk(&risk, &pnl);
        Ok(false)
    }
}

pub fn handler<'info>(
    ctx: Context<'info, View<'info>>,
    market: u16,
    legs: Vec<TradeLeg>,
) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check::whole(ctx.accounts.clearinghouse.key(), &house, now);
    let mut trial = Trial::of(&ctx.accounts.margin_account)?;
    let account = trial.apply(&legs, &check, ctx.remaining_accounts)?;
    account.require_market(market)?;
    let mut matrix = Matrix {
        view: RiskMatrixView {
            version: VIEW_VERSION,
            market,
            now,
            status: account.book.header.status,
            tier: account.book.header.tier,
            ..bytemuck::Zeroable::zeroed()
        },
        strict: account.is_hypothetical(),
    };
    matrix.view.doubt = account.observe(&mut matrix)?;
    set_return_data(bytemuck::bytes_of(&matrix.view));
    Ok(())
}
