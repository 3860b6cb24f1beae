//! Plans of bids for a part of the whole book: of an account with equity, and of one that was proved insolvent.

use portfolio_margin_interface::errors::ErrorCode;
use risk_core::liquidation::{
    plan_insolvent_slice, plan_slice, InsolventOffer, Wanted, LEAST_FRACTION,
};
use risk_core::Quote;

use super::{largest, Bidder, Change, Desk, Limits, PlanError};
use crate::account::AccountData;
use crate::book::{pay, transfer_slice, Book};
use crate::inputs::Inputs;
use crate::report::ReportError;

/// A part of a book that changes hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlicePlan {
    /// What to name as the witness: each market's worst scenario.
    pub witness: Vec<u8>,
    /// The part, of 1e9: what the program clamps the bid to.
    pub fraction: u64,
    /// What the bidder pays in all, the fund's share included, 1e-6 USD; what a price limit is compared with. Negative where it is paid.
    pub price: i64,
    /// What of it goes to the insurance fund.
    pub fund_fee: i64,
    /// What the insurance fund pays the bidder; of an insolvent account alone.
    pub insurance: i64,
    /// What the account pays the bidder into debt; of an insolvent account alone.
    pub debt: i64,
    /// What the bidder gains at the marks, 1e-6 USD: its equity after less that before.
    pub reward: i64,
    /// By how much the bidder's initial health falls, 1e-6 USD.
    pub capital: i64,
    /// The account that is sold.
    pub liquidatee: Change,
    /// The bidder's.
    pub liquidator: Change,
    /// Whether an opening would refuse the prices behind this; a repair accepts them.
    pub is_doubtful: bool,
}

/// What is paid for a part.
struct Terms {
    fraction: u64,
    reserved: i64,
    price: i64,
    fund_fee: i64,
    insurance: i64,
    debt: i64,
}

/// Both accounts after a part was sold on terms.
struct Sold {
    terms: Terms,
    from: Book,
    to: Book,
    capital: i64,
}

/// The largest bid within limits for an account below its buffer; one that is still active is taken as if its liquidation began now, in
/// the same transaction.
///
/// Inputs cover everything that both accounts hold. Errors: [`PlanError`]; of an account without equity `AccountInsolvent`.
pub fn plan_bid(
    bidder: &Bidder<'_>,
    liquidatee: &AccountData,
    inputs: &Inputs,
    limits: Limits,
) -> Result<SlicePlan, PlanError> {
    let desk = Desk::open(bidder, liquidatee, inputs, limits, false)?;
    let (terms, report) = (desk.terms(), desk.seller.report.margin);
    let reserved = Quote::from_raw(desk.from.header.reserved_cash);
    let most = limits.share;
    let sold = largest(LEAST_FRACTION.min(most), most, |fraction| {
        let wanted = Wanted::at_most(fraction);
        let plan = plan_slice(&report, &terms, reserved, wanted).map_err(PlanError::Slice)?;
        let paid = plan.price.checked_add(plan.fund_fee)?;
        let terms = Terms {
            fraction: plan.fraction,
            reserved: plan.reserved.raw(),
            price: paid.raw(),
            fund_fee: plan.fund_fee.raw(),
            insurance: 0,
            debt: 0,
        };
        desk.sell(terms, |_| true)
    })?;
    desk.planned(sold)
}

/// The largest bid within limits for an account that was proved insolvent.
///
/// Inputs cover everything that both accounts hold, and the market that the account's loss counts in. Errors: [`PlanError`]; before a
/// proof `InsolvencyUnproven`, of an account with equity whose auction still runs `AccountSolvent`.
pub fn plan_insolvent_bid(
    bidder: &Bidder<'_>,
    liquidatee: &AccountData,
    inputs: &Inputs,
    limits: Limits,
) -> Result<SlicePlan, PlanError> {
    if liquidatee.header.insolvent_at == 0 {
        return Err(ErrorCode::InsolvencyUnproven.into());
    }
    let desk = Desk::open(bidder, liquidatee, inputs, limits, true)?;
    let (header, report) = (&desk.from.header, desk.seller.report.margin);
    let auction = inputs.house.liquidation.auction();
    let elapsed = inputs.now.saturating_sub(header.liquidation_started_at);
    if report.equity > Quote::ZERO && !auction.is_exhausted(elapsed) {
        return Err(ErrorCode::AccountSolvent.into());
    }
    let deficit = Quote::ZERO.checked_sub(report.maintenance_health)?;
    let elapsed = inputs.now.saturating_sub(header.insolvent_at);
    let offer = InsolventOffer {
        payout: auction.payout_floor(deficit, elapsed),
        insurance: insurance(inputs, header.loss_market)?,
    };
    let most = limits.share;
    let sold = largest(LEAST_FRACTION.min(most), most, |fraction| {
        let wanted = Wanted::at_most(fraction);
        let slice = plan_insolvent_slice(&report, &offer, wanted).map_err(PlanError::Slice)?;
        let received = slice.insurance.checked_add(slice.debt)?.raw();
        let terms = Terms {
            fraction: slice.fraction,
            reserved: 0,
            price: received.saturating_neg(),
            fund_fee: 0,
            insurance: slice.insurance.raw(),
            debt: slice.debt.raw(),
        };
        let had_book = desk.from.is_filled();
        desk.sell(terms, |from| !had_book || from.is_filled())
    })?;
    desk.planned(sold)
}

/// What the insurance fund may pay for a loss that counts in a market (its index plus 1; zero: none).
fn insurance(inputs: &Inputs, loss_market: u16) -> Result<Quote, PlanError> {
    let left = match loss_market.checked_sub(1) {
        None => u64::MAX,
        Some(index) => {
            let mut markets = inputs.markets.iter();
            let found = markets.find(|(market, _)| market.index == index);
            let missing = PlanError::Report {
                side: "liquidatee",
                error: ReportError::MarketMissing(index),
            };
            found.ok_or(missing)?.0.insurance_left()
        }
    };
    let most = left.min(inputs.house.insurance);
    Ok(Quote::from_raw(i64::try_from(most).unwrap_or(i64::MAX)))
}

impl Desk<'_> {
    /// Sells a part on terms, and judges both accounts; the seller's health must rise where `is_judged` of what is left of it.
    fn sell(&self, terms: Terms, is_judged: impl Fn(&Book) -> bool) -> Result<Sold, PlanError> {
        let (mut from, mut to) = (self.from.clone(), self.to.clone());
        let mut house = self.house.clone();
        let size = to.size();
        transfer_slice(&mut from, &mut to, terms.fraction, terms.reserved)?;
        let to_account = terms.price.saturating_sub(terms.fund_fee);
        pay(
            &mut from,
            &mut to,
            to_account.saturating_add(terms.insurance),
        )?;
        to.add_cash(terms.insurance.saturating_sub(terms.fund_fee))?;
        from.header.reserved_cash = match terms.debt == 0 && terms.insurance == 0 {
            true => terms.reserved.saturating_add(to_account),
            false => 0,
        };
        to.require_size(size)?;
        house.require_limit(self.debts[1], &to)?;
        if is_judged(&from) {
            self.require_improved(&from)?;
        }
        let capital = self.require_bidder(&to, &self.sold)?;
        house.close([&from, &to])?;
        Ok(Sold {
            terms,
            from,
            to,
            capital,
        })
    }

    fn planned(&self, sold: Sold) -> Result<SlicePlan, PlanError> {
        let [liquidatee, liquidator] = self.changes(&sold.from, &sold.to)?;
        let reward = liquidator
            .after
            .equity
            .checked_sub(liquidator.before.equity)?;
        let terms = sold.terms;
        Ok(SlicePlan {
            witness: self.seller.report.witness(),
            fraction: terms.fraction,
            price: terms.price,
            fund_fee: terms.fund_fee,
            insurance: terms.insurance,
            debt: terms.debt,
            reward: reward.raw(),
            capital: sold.capital,
            liquidatee,
            liquidator,
            is_doubtful: self.seller.doubt.is_some(),
        })
    }
}
