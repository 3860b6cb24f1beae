//! Returns an account's Greeks through return data, by market, by expiry or by leg, as they are or as they would be after
//! legs.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use portfolio_margin_interface::args::{GreeksPage, TradeLeg};
use portfolio_margin_interface::state::market::MAX_EXPIRIES;
use portfolio_margin_interface::state::PositionRecord;
use portfolio_margin_interface::view::{GreeksView, LegGreeksView};
use risk_core::greeks::{market_greeks, ExpiryGreeks, Greeks};
use risk_core::position::PositionSource;

use super::trial::{Applied, EngineMarket, Trial};
use super::viewed::View;
use crate::bridge::{Check, Observer};
use crate::error::{risk_error, MarginError};

pub fn handler<'info>(
    ctx: Context<'info, View<'info>>,
    page: GreeksPage,
    legs: Vec<TradeLeg>,
) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check::whole(ctx.accounts.clearinghouse.key(), &house, now);
    let mut trial = Trial::of(&ctx.accounts.margin_account)?;
    let account = trial.apply(&legs, &check, ctx.remaining_accounts)?;
    match page {
        GreeksPage::Account => by_market(&account),
        GreeksPage::Market { market, first } => {
            account.require_market(market)?;
            by_expiry(&account, (market, first))
        }
        GreeksPage::Legs { market, first } => {
            account.require_market(market)?;
            by_leg(&account, (market, first))
        }
    }
}

/// Refuses a page behind the last row; a page of nothing is no error.
fn require_row(first: u8, total: u8) -> Result<()> {
    if first > 0 && first >= total {
        return Err(error!(MarginError::ViewOutOfRange).with_values((first, total)));
    }
    Ok(())
}

/// One row per market.
struct ByMarket {
    view: GreeksView,
    /// Whether legs are tried: then the margin is computed as well, and refuses what it refuses in a trade.
    strict: bool,
}

#[inline(never)]
fn by_market(account: &Applied<'_, '_>) -> Result<()> {
    let mut rows = ByMarket {
        view: GreeksView::new(u16::MAX, 0, account.check.now),
        strict: account.is_hypothetical(),
    };
    rows.view.doubt = account.observe(&mut rows)?;
    set_return_data(bytemuck::bytes_of(&rows.view));
    Ok(())
}

impl Observer for ByMarket {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool> {
        let (greeks, _) = market_greeks(market, positions, &mut [], &mut []).map_err(risk_error)?;
        self.view.push(index.into(), market.spot, &greeks);
        self.view.add(&greeks, market.spot).map_err(risk_error)?;
        Ok(self.strict)
    }
}

/// One row per expiry of a market.
struct ByExpiry {
    view: GreeksView,
    strict: bool,
}

#[inline(never)]
fn by_expiry(account: &Applied<'_, '_>, (market, first): (u16, u8)) -> Result<()> {
    let mut rows = ByExpiry {
        view: GreeksView::new(market, first, account.check.now),
        strict: account.is_hypothetical(),
    };
    rows.view.doubt = account.observe(&mut rows)?;
    require_row(first, rows.view.total)?;
    set_return_data(bytemuck::bytes_of(&rows.view));
    Ok(())
}

impl Observer for ByExpiry {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool> {
        if index != self.view.market {
            return Ok(self.strict);
        }
        // every listed expiry and the perpetual
        let mut expiries = [ExpiryGreeks::default(); MAX_EXPIRIES + 1];
        let (greeks, count) =
            market_greeks(market, positions, &mut [], &mut expiries).map_err(risk_error)?;
        for row in expiries.iter().take(count) {
            self.view.push(row.expiry, market.spot, &row.greeks);
        }
        self.view.add(&greeks, market.spot).map_err(risk_error)?;
        Ok(self.strict)
    }
}

/// One row per leg of a market.
struct ByLeg {
    view: LegGreeksView,
    strict: bool,
}

#[inline(never)]
fn by_leg(account: &Applied<'_, '_>, (market, first): (u16, u8)) -> Result<()> {
    let mut rows = ByLeg {
        view: LegGreeksView::new(market, first, account.check.now),
        strict: account.is_hypothetical(),
    };
    rows.view.doubt = account.observe(&mut rows)?;
    require_row(first, rows.view.total)?;
    set_return_data(bytemuck::bytes_of(&rows.view));
    Ok(())
}

impl Observer for ByLeg {
    fn market(
        &mut self,
        index: u16,
        market: &EngineMarket<'_>,
        positions: &[PositionRecord],
    ) -> Result<bool> {
        if index != self.view.market {
            return Ok(self.strict);
        }
        // 48 bytes a leg, at most 6 KiB of the heap
        let mut legs = vec![Greeks::default(); positions.len()];
        market_greeks(market, positions, &mut legs, &mut []).map_err(risk_error)?;
        self.view.spot = market.spot.raw();
        // at most 128 positions
        self.view.total = u8::try_from(positions.len()).unwrap_or(u8::MAX);
        let first = usize::from(self.view.first);
        for (record, greeks) in positions.iter().zip(&legs).skip(first) {
            self.view.push(&record.position(), greeks);
        }
        Ok(self.strict)
    }
}
