//! What a liquidator can do about an account at this moment: how much it may take, what that costs, what both accounts are worth after.
//!
//! A plan is a rehearsal: both accounts are changed in memory by the program's own steps and rounding, and judged by the same engine, so
//! what is foretold is what the program then does, to the unit, at the same prices and the same time. A plan that is refused names the
//! program's error. Limits are the bidder's own: a plan takes the largest part that keeps within them.

mod legs;
mod slice;

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use risk_core::liquidation::{LiquidationTerms, SliceError, FRACTION_ONE};
use risk_core::margin::MarginReport;
use risk_core::takeover::LegsError;
use risk_core::{Quote, RiskError};

use crate::account::AccountData;
use crate::book::{Book, House};
use crate::evaluator::Evaluator;
use crate::inputs::Inputs;
use crate::report::{risk_code, CheckedReport, ReportError};
use crate::scope::Scope;
use crate::view::opening_refusal;

pub use legs::{plan_legs, LegsPlan};
pub use slice::{plan_bid, plan_insolvent_bid, SlicePlan};

/// Steps of halving in the search for the largest part within limits: to 1 in 65,536 of the book.
const HALVINGS: usize = 16;

/// An account that bids, and the positions that it has room for.
#[derive(Clone, Copy, Debug)]
pub struct Bidder<'a> {
    /// The account.
    pub account: &'a AccountData,
    /// Positions that fit: what is behind the header, by the size of a record ([`AccountData::capacity_of`]).
    pub capacity: usize,
}

/// What a bidder puts up at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// By how much its initial health may fall, 1e-6 USD.
    pub capital: i64,
    /// The largest part of the account's book, or of the legs, of 1e9.
    pub share: u64,
}

impl Limits {
    /// All that the program lets it take.
    pub const NONE: Self = Self {
        capital: i64::MAX,
        share: FRACTION_ONE,
    };
}

/// An account before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// As it is.
    pub before: MarginReport,
    /// As it will be.
    pub after: MarginReport,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// One of the accounts cannot be valued.
    #[error("no margin of the {side}: {error}")]
    Report {
        /// Whose.
        side: &'static str,
        /// Why.
        error: ReportError,
    },
    /// There is no such slice.
    #[error("no slice to plan: {0:?}")]
    Slice(SliceError),
    /// The account may not part with these legs.
    #[error("no legs to plan: {0:?}")]
    Legs(LegsError),
    /// The program would refuse.
    #[error("the program would refuse: {0}")]
    Refused(ErrorCode),
    /// Even the smallest part takes more than the bidder puts up.
    #[error("the smallest part lowers the bidder's initial health by {needed}, more than its limit of {limit} (1e-6 USD)")]
    OverLimit {
        /// What it takes, 1e-6 USD.
        needed: i64,
        /// What the bidder puts up, 1e-6 USD.
        limit: i64,
    },
}

impl From<ErrorCode> for PlanError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

impl From<RiskError> for PlanError {
    fn from(error: RiskError) -> Self {
        Self::Refused(risk_code(&error))
    }
}

impl PlanError {
    /// The error with which the program would refuse; `None` for a limit of the bidder's own.
    pub fn code(&self) -> Option<ErrorCode> {
        let code = match self {
            Self::Report { error, .. } => error.code(),
            Self::Refused(code) => *code,
            Self::Slice(error) => match error {
                SliceError::Healthy { .. } => ErrorCode::AccountHealthy,
                SliceError::Insolvent { .. } => ErrorCode::AccountInsolvent,
                SliceError::TooSmall { .. } => ErrorCode::SliceTooSmall,
                SliceError::BelowMinimum { .. } => ErrorCode::SliceBelowMinimum,
                SliceError::Risk(error) => risk_code(error),
            },
            Self::Legs(error) => match error {
                LegsError::Healthy { .. } => ErrorCode::AccountHealthy,
                LegsError::FeeTooHigh { .. } => ErrorCode::LegsFeeTooHigh,
                LegsError::NotImproved { .. } => ErrorCode::HealthNotImproved,
                LegsError::TooDear { .. } => ErrorCode::LegsTooDear,
                LegsError::PastBuffer { .. } => ErrorCode::PastBuffer,
                LegsError::Risk(error) => risk_code(error),
            },
            Self::OverLimit { .. } => return None,
        };
        Some(code)
    }

    /// Whether a smaller part may pass: the bidder could not carry this one.
    fn is_too_much(&self) -> bool {
        use ErrorCode::*;
        match self {
            Self::OverLimit { .. } => true,
            Self::Refused(code) => matches!(
                code,
                InitialMarginBreached
                    | GrossNotionalExceeded
                    | PortfolioMinimum
                    | CashNegative
                    | DebtLimit
                    | AmountOverflow
                    | PositionLimit
            ),
            _ => false,
        }
    }
}

/// Both accounts as a bid finds them: interest booked, judged once.
struct Desk<'a> {
    evaluator: Evaluator<'a>,
    house: House,
    from: Book,
    to: Book,
    /// Debts of both when they were opened.
    debts: [u64; 2],
    /// What a check of the seller covers.
    sold: Scope,
    seller: CheckedReport,
    bidder: MarginReport,
    limits: Limits,
}

impl<'a> Desk<'a> {
    /// Opens both accounts and judges them as they are. A seller that is still active is taken as if its liquidation began now; with
    /// `books_due` its interest is booked first.
    fn open(
        bidder: &Bidder<'_>,
        seller: &AccountData,
        inputs: &'a Inputs,
        limits: Limits,
        books_due: bool,
    ) -> Result<Self, PlanError> {
        let evaluator = Evaluator::new(inputs);
        let mut house = House::new(evaluator.interest);
        let mut from = Book {
            header: seller.header,
            positions: seller.positions.clone(),
            capacity: usize::MAX, // a seller's book only shrinks
        };
        let mut to = Book {
            header: bidder.account.header,
            positions: bidder.account.positions.clone(),
            capacity: bidder.capacity,
        };
        require_parties(&from, &to)?;
        let is_active = from.header.status == STATUS_ACTIVE;
        if is_active {
            from.header.status = STATUS_LIQUIDATING;
            from.header.liquidation_started_at = inputs.now;
            from.header.reserved_cash = 0;
        }
        let debts = [house.open(&mut from)?, house.open(&mut to)?];
        if books_due {
            house.book_due(&mut from)?;
        }
        let sold = from.scope();
        let seller = checked(&evaluator, &from, &sold, "liquidatee")?;
        let health = seller.report.margin.maintenance_health;
        if is_active && health >= Quote::ZERO {
            return Err(ErrorCode::AccountHealthy.into());
        }
        let bidder = checked(&evaluator, &to, &to.scope(), "liquidator")?;
        Ok(Self {
            evaluator,
            house,
            from,
            to,
            debts,
            sold,
            seller,
            bidder: bidder.report.margin,
            limits,
        })
    }

    fn inputs(&self) -> &'a Inputs {
        self.evaluator.inputs
    }

    /// The terms at this time of the auction.
    fn terms(&self) -> LiquidationTerms {
        let record = &self.inputs().house.liquidation;
        let started_at = self.from.header.liquidation_started_at;
        let elapsed = self.inputs().now.saturating_sub(started_at);
        let is_maintained = self.seller.report.margin.maintenance_health >= Quote::ZERO;
        record.terms(record.auction().discount_floor(elapsed, is_maintained))
    }

    /// Refuses a seller whose maintenance health did not rise.
    fn require_improved(&self, from: &Book) -> Result<(), PlanError> {
        let after = checked(&self.evaluator, from, &self.sold, "liquidatee")?;
        let health = |report: &CheckedReport| report.report.margin.maintenance_health;
        match health(&after) > health(&self.seller) {
            true => Ok(()),
            false => Err(ErrorCode::HealthNotImproved.into()),
        }
    }

    /// Refuses a bidder that could not be opened as it would be, by the program's own leniency where the seller's prices are doubtful;
    /// or that would put up more than its limit. Returns what it puts up. `bought`: what is new to it.
    fn require_bidder(&self, to: &Book, bought: &Scope) -> Result<i64, PlanError> {
        let scope = self.to.scope().union(bought);
        let after = checked(&self.evaluator, to, &scope, "liquidator")?;
        let mut judged = after.report.margin;
        match (self.seller.doubt, after.doubt) {
            (Some(_), _) => {
                let charge = judged.contingencies.confidence;
                judged.initial_health = judged.initial_health.checked_add(charge)?;
            }
            (None, Some(doubt)) => return Err(doubt.reason.into()),
            (None, None) => {}
        }
        let house = &self.inputs().house;
        if let Some(code) = opening_refusal(house, to.header.tier(), &judged) {
            return Err(code.into());
        }
        let before = self.bidder.initial_health;
        let needed = before
            .checked_sub(after.report.margin.initial_health)?
            .raw();
        match needed > self.limits.capital {
            true => Err(PlanError::OverLimit {
                needed,
                limit: self.limits.capital,
            }),
            false => Ok(needed),
        }
    }

    /// Both accounts as they will stand afterwards, each over what it holds then.
    fn changes(&self, from: &Book, to: &Book) -> Result<[Change; 2], PlanError> {
        let after = |book: &Book, side| checked(&self.evaluator, book, &book.scope(), side);
        Ok([
            Change {
                before: self.seller.report.margin,
                after: after(from, "liquidatee")?.report.margin,
            },
            Change {
                before: self.bidder,
                after: after(to, "liquidator")?.report.margin,
            },
        ])
    }
}

/// A report at prices that a repair accepts: all that have no refusal.
fn checked(
    evaluator: &Evaluator<'_>,
    book: &Book,
    scope: &Scope,
    side: &'static str,
) -> Result<CheckedReport, PlanError> {
    let report = evaluator.checked(&book.header, &book.positions, scope);
    report.map_err(|error| PlanError::Report { side, error })
}

fn require_parties(from: &Book, to: &Book) -> Result<(), ErrorCode> {
    if from.header.clearinghouse != to.header.clearinghouse {
        return Err(ErrorCode::ClearinghouseMismatch);
    }
    if from.header.owner == to.header.owner {
        return Err(ErrorCode::SelfLiquidation);
    }
    match to.header.status == STATUS_ACTIVE {
        true => Ok(()),
        false => Err(ErrorCode::AccountLiquidating),
    }
}

/// The largest part, of 1e9, that can be carried, from `most` down to `least`; what it would be, or why there is none.
fn largest<T>(
    least: u64,
    most: u64,
    mut attempt: impl FnMut(u64) -> Result<T, PlanError>,
) -> Result<T, PlanError> {
    match attempt(most) {
        Err(error) if error.is_too_much() && least < most => {}
        done => return done,
    }
    let mut found = attempt(least)?;
    let (mut low, mut high) = (least, most);
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        match attempt(middle) {
            Ok(plan) => (found, low) = (plan, middle),
            Err(error) if error.is_too_much() => high = middle,
            Err(_) => break,
        }
    }
    Ok(found)
}
