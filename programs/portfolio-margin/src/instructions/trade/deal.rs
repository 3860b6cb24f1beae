//! What legs do to one account, and whether it may: the one path of both sides of a trade and of every view of
//! hypothetical legs.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use risk_core::margin::MarginReport;

use crate::bridge::{Check, Cursor, Evaluation, Observer, Scope};
use crate::error::{error_code, MarginError};
use crate::oracle::policy::Doubt;
use crate::oracle::Action;
use crate::state::{AccountBook, Change, HouseDelta, OpenInterest, Opened, PricedLeg, Side};

/// Priced legs from the view of one account; a view may have none.
pub struct Deal<'a> {
    /// The legs with what they cost.
    pub legs: &'a [PricedLeg],
    /// The side on which the account is.
    pub side: Side,
    /// The whole check.
    pub check: &'a Check<'a>,
    /// The worst doubt about what the legs were priced with.
    pub doubt: Option<Doubt>,
}

/// What legs do beyond the accounts, to be written when every account is done.
pub struct Effects {
    /// To the markets.
    pub open_interest: OpenInterest,
    /// To the clearing house.
    pub house: HouseDelta,
}

impl Effects {
    /// None yet, at the time of a check.
    pub fn none(check: &Check<'_>) -> Self {
        Self {
            open_interest: OpenInterest::default(),
            house: HouseDelta::new(&check.house.interest, check.now),
        }
    }
}

/// The outcome of the margin test.
pub enum Verdict {
    /// The account may be opened as it is after the legs, or they reduced its risk.
    Allowed,
    /// Neither is known: the prices are too doubtful to open on, and the legs did not reduce risk.
    Doubtful,
    /// Neither is the case.
    Refused(Error),
}

/// The account after the legs, and what the margin test says of it.
pub struct Judgement {
    /// The margin after the legs.
    pub after: Evaluation,
    /// The outcome.
    pub verdict: Verdict,
}

impl Judgement {
    /// Passes what is allowed; the error says what is not.
    pub fn require_allowed(self) -> Result<()> {
        match self.verdict {
            Verdict::Allowed => Ok(()),
            Verdict::Doubtful => self.after.certain().map(|_| ()),
            Verdict::Refused(error) => Err(error),
        }
    }

    /// The code of the error that [`Judgement::require_allowed`] would return; zero for none.
    pub fn refusal_code(&self) -> u32 {
        match &self.verdict {
            Verdict::Allowed => 0,
            Verdict::Doubtful => self.after.doubt_code(),
            Verdict::Refused(error) => error_code(error),
        }
    }
}

impl Deal<'_> {
    /// Applies the legs; returns what the check that follows has to cover: what the account held before and the legs'
    /// markets.
    ///
    /// Interest comes first, since cash changes; fees are paid here, before the margin test: both count in it. The account stays
    /// open for changes of cash.
    ///
    /// Errors: `AccountLiquidating`, `ScopeTooWide`, `PositionsFull`, `PositionLimit`, `AmountOverflow`, `CashNegative`,
    /// `DebtLimit`.
    pub fn apply(
        &self,
        book: &mut AccountBook<'_>,
        effects: &mut Effects,
    ) -> Result<(Scope, Opened)> {
        let opened = effects.house.open(book)?;
        let size = book.size();
        let mut scope = book.scope()?;
        for leg in self.legs {
            // In liquidation no new market: it would change the accounts that a pending bid names.
            let market = leg.series.market;
            let held = scope.markets.as_slice().contains(&market);
            if !held && book.header.status != STATUS_ACTIVE {
                msg!("market {} is not held", market);
                return err!(MarginError::AccountLiquidating);
            }
            scope.markets.insert(market)?;
        }
        book.apply_legs(self.legs, self.side, |leg, change| {
            check_position_limit(leg, change)?;
            effects.open_interest.add(&leg.series, change)
        })?;
        book.require_size(size)?;
        effects.house.require_limit(&opened, book)?;
        Ok((scope, opened))
    }

    /// Evaluates the account after [`Deal::apply`] and tests its margin: it must be openable, or the legs must have reduced
    /// its risk; an account in liquidation may only reduce. A reduction is judged with the prices that a repair accepts, so
    /// that a dying oracle keeps nobody in a position. Who is below maintenance opens no new market by a reduction: it would change the
    /// accounts that a pending start names, as often as the owner likes.
    ///
    /// The book ends as it came, the observer sees the account after the legs.
    pub fn judge<'info>(
        &self,
        book: &mut AccountBook<'_>,
        scope: &Scope,
        cursor: &mut Cursor<'info>,
        observer: &mut dyn Observer,
    ) -> Result<Judgement> {
        let check = self.check;
        let start = cursor.clone();
        let mut after = check.evaluate_for(book, scope, cursor, observer)?;
        after.doubt = Doubt::worse(after.doubt, self.doubt);
        let (active, tier) = (book.header.status == STATUS_ACTIVE, book.header.tier());
        let is_certain = Action::Open.accepts(after.doubt);
        if active && is_certain && check.is_openable(tier, &after.report) {
            let verdict = Verdict::Allowed;
            return Ok(Judgement { after, verdict });
        }
        if !self.legs.is_empty() {
            // Legs only add, so undoing them shows the account as it was, and applying them again as it is.
            book.undo_legs(self.legs, self.side)?;
            *cursor = start;
            let before = check.evaluate(book, scope, cursor)?.report;
            let is_evasive = before.maintenance_health.raw() < 0 && is_wider(scope, book)?;
            book.apply_legs(self.legs, self.side, |_, _| Ok(()))?;
            let is_usable = Action::Reduce.accepts(after.doubt);
            if is_usable && !is_evasive && after.report.reduces_risk_of(&before) {
                let verdict = Verdict::Allowed;
                return Ok(Judgement { after, verdict });
            }
            log_change(&before, &after.report);
        }
        let verdict = match after.doubt {
            Some(_) => Verdict::Doubtful,
            None if !active => Verdict::Refused(error!(MarginError::RiskNotReduced)),
            None => Verdict::Refused(check.opening_error(tier, &after.report)),
        };
        Ok(Judgement { after, verdict })
    }

    /// What the account pays in fees, 1e-6 USD.
    pub fn fees(&self) -> i64 {
        // applied to cash before, each of them checked
        let fees = self.legs.iter().map(|leg| leg.fee(self.side));
        fees.fold(0, i64::saturating_add)
    }
}

/// Refuses a position that grows beyond its limit. Legs count one by one, as they are written.
pub fn check_position_limit(leg: &PricedLeg, change: Change) -> Result<()> {
    let (size, limit) = (change.after.unsigned_abs(), leg.position_limit);
    if limit != 0 && size > limit && change.grows() {
        return Err(error!(MarginError::PositionLimit).with_values((size, limit)));
    }
    Ok(())
}

/// Whether a scope has markets that an account does not hold.
fn is_wider(scope: &Scope, book: &AccountBook<'_>) -> Result<bool> {
    Ok(scope.markets.as_slice().len() > book.scope()?.markets.as_slice().len())
}

fn log_change(before: &MarginReport, after: &MarginReport) {
    msg!(
        "initial health {} -> {}, maintenance health {} -> {}, equity {} -> {}",
        before.initial_health.raw(),
        after.initial_health.raw(),
        before.maintenance_health.raw(),
        after.maintenance_health.raw(),
        before.equity.raw(),
        after.equity.raw()
    );
}
