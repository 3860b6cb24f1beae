//! Proves that an account in liquidation is insolvent, or takes the proof back. Anybody may, as often as prices move.
//!
//! Insolvent is an account without equity, and one whose auction is over: the whole equity was on offer, and still it lacks
//! maintenance health. The proof starts the clock of the insolvent phase and adds what the account lacks to the clearing house's
//! sum, by the difference to the proof before.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::ProveInsolvencyArgs;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::margin::MarginReport;
use risk_core::scan::{MarketRisk, ScenarioPnl};

use crate::bridge::{Check, Cursor, MarketKey, Observer};
use crate::error::MarginError;
use crate::event::InsolvencyProven;
use crate::oracle::Action;
use crate::state::{insolvency, AccountBook};

#[derive(Accounts)]
pub struct ProveInsolvency<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl ProveInsolvency<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader; the account's (the check compares)
        // margin_account: owner and discriminator checked by its loader; in liquidation
        require_eq!(
            self.margin_account.load()?.status,
            STATUS_LIQUIDATING,
            MarginError::NotLiquidating
        );
        Ok(())
    }
}

/// The market with the lowest mark.
#[derive(Default)]
struct LowestMark {
    market: u16,
    /// 1e-6 USD; at most zero.
    mark: i64,
}

impl Observer for LowestMark {
    fn risk(&mut self, market: MarketKey, risk: &MarketRisk, _pnl: Option<&ScenarioPnl>) {
        if risk.mark.raw() < self.mark {
            (self.market, self.mark) = (market.index, risk.mark.raw());
        }
    }
}

pub fn handler<'info>(
    ctx: Context<'info, ProveInsolvency<'info>>,
    args: ProveInsolvencyArgs,
) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let info = ctx.accounts.margin_account.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let mut book = AccountBook::open(&mut data)?;
    let mut lowest = LowestMark::default();
    let house = ctx.accounts.clearinghouse.load()?;
    let check = Check {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        house: &house,
        now,
        witness: Some(&args.witness),
    };
    let mut cursor = Cursor::new(ctx.remaining_accounts);
    let scope = book.scope()?;
    let evaluation = check.evaluate_for(&book, &scope, &mut cursor, &mut lowest)?;
    let report = evaluation.accepted_by(Action::Repair)?;
    cursor.finish()?;

    let elapsed = now.saturating_sub(book.header.liquidation_started_at);
    let is_exhausted = house.liquidation.auction().is_exhausted(elapsed);
    let deficit = report.equity.raw().min(0).unsigned_abs();
    let change = match verdict(book.header, &report, is_exhausted)? {
        Verdict::Insolvent => {
            insolvency::note_mark(book.header, lowest.market, lowest.mark);
            insolvency::prove(book.header, deficit, now)
        }
        Verdict::Recovered => insolvency::take_back(book.header),
    };
    drop(house);
    let proven_insolvency = change.apply(&ctx.accounts.clearinghouse)?;
    emit!(InsolvencyProven {
        margin_account: ctx.accounts.margin_account.key(),
        equity: report.equity.raw(),
        deficit: book.header.proven_deficit,
        proven_insolvency,
        loss_market: book.header.loss_market,
        sequence: book.bump_sequence()?,
    });
    Ok(())
}

/// What the prices say of an account in liquidation.
enum Verdict {
    /// It has no equity, or nobody wanted what it had.
    Insolvent,
    /// It was proved insolvent and has equity again.
    Recovered,
}

/// Errors: `AccountSolvent` with the equity.
///
/// An auction that is over stays over until `restart_auction`: a witness that breaches nothing takes no proof back, since anybody could
/// stop the insolvent phase with one. Where the proof says that something lacks, equity that came back still is to be told.
fn verdict(account: &MarginAccount, report: &MarginReport, is_exhausted: bool) -> Result<Verdict> {
    let equity = report.equity.raw();
    let is_breached = report.maintenance_health.raw() < 0;
    if equity <= 0 || is_exhausted && (is_breached || account.proven_deficit > 0) {
        return Ok(Verdict::Insolvent);
    }
    if is_exhausted || account.insolvent_at == 0 {
        return Err(error!(MarginError::AccountSolvent).with_values((equity, 0)));
    }
    Ok(Verdict::Recovered)
}
