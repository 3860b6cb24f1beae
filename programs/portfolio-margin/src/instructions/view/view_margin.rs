//! Returns an account's margin through return data, as it is or as it would be after legs.

use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::view::MarginView;
use risk_core::scan::{MarketRisk, ScenarioPnl};

use super::trial::Trial;
use super::viewed::View;
use crate::bridge::{Check, MarketKey, Observer};

impl Observer for MarginView {
    fn risk(&mut self, market: MarketKey, risk: &MarketRisk, _pnl: Option<&ScenarioPnl>) {
        self.push_market(market.index, risk);
    }
}

pub fn handler<'info>(ctx: Context<'info, View<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check::whole(ctx.accounts.clearinghouse.key(), &house, now);
    let mut trial = Trial::of(&ctx.accounts.margin_account)?;
    let account = trial.apply(&legs, &check, ctx.remaining_accounts)?;
    let mut view = MarginView::default();
    (view.status, view.tier) = (account.book.header.status, account.book.header.tier);
    let judgement = account.judge(&mut view)?;
    view.set_totals(now, &judgement.after.report);
    view.doubt = judgement.after.doubt_code();
    view.refusal = judgement.refusal_code();
    view.would_open = u8::from(view.refusal == 0);
    set_return_data(bytemuck::bytes_of(&view));
    Ok(())
}
