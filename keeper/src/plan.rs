//! What to do about one account at this moment: judged by the engine, off chain, before anything is sent.
//!
//! | the account | what is done |
//! |---|---|
//! | holds nothing with a price, lacks cash | `resolve_bankruptcy` |
//! | active, below maintenance, with equity | start and bid and stop in one transaction; or start alone, where the discount is to grow first |
//! | active, below maintenance, without equity | start and prove its insolvency |
//! | in liquidation, its buffer back | stop |
//! | in liquidation, above maintenance | bid, if that pays; restart an auction whose fast phase is over |
//! | in liquidation, below maintenance, with equity | bid, or wait for the discount |
//! | in liquidation, without equity or with its auction over | prove, then bid for the payout |
//!
//! Several lists of instructions may be offered for one step, the most wanted first: the first that a simulation passes is sent.

use client_core::{Evaluator, Inputs, NativeReport, Unlisted};
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use risk_core::liquidation::{
    plan_insolvent_slice, plan_slice, InsolventOffer, LiquidationTerms, SliceError, Wanted,
    FRACTION_ONE,
};
use risk_core::{Quote, RiskError};
use solana_instruction::Instruction;

use crate::config::Settings;
use crate::limits::OverLimit;
use crate::outcome::Outcome;
use crate::packed::{Desk, Named};
use crate::profit::{Offer, Profit};

/// What a bidder pays at most beyond what was planned, percent: prices move between plan and block, and what is bought moves with them.
const PRICE_SLACK: i64 = 2;
/// Least part of what was planned that is still wanted, percent: less is what another bidder left.
const LEAST_SHARE: u64 = 50;

/// What one step would do.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in metrics and logs.
    pub action: &'static str,
    /// Instructions to try, the most wanted first.
    pub variants: Vec<Vec<Instruction>>,
    /// What it brings before fees; none where nobody is paid for it.
    pub profit: Option<Profit>,
    /// By how much the keeper's initial requirement may grow, 1e-6 USD.
    pub capital: i64,
    /// The auction, where waiting makes the profit larger.
    pub offer: Option<Offer>,
}

/// A step, or why there is none.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Nothing is to be sent.
    Leave(Outcome),
    /// This is.
    Take(Step),
}

/// Everything that a decision is made from.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// What instructions name.
    pub desk: Desk<'a>,
    /// The account.
    pub of: &'a Named,
    /// House, banks, markets and prices of both accounts.
    pub inputs: &'a Inputs,
    /// What the keeper is told.
    pub settings: &'a Settings,
    /// The largest part of the book to bid for, of 1e9.
    pub most_fraction: u64,
    /// What all transactions of a repair cost at the least, 1e-6 USD.
    pub fees: i64,
    /// What other bids in flight may bind already, 1e-6 USD.
    pub bound: i64,
}

/// Decides.
pub fn decide(situation: &Situation<'_>) -> Decision {
    match decided(situation) {
        Ok(decision) => decision,
        Err(outcome) => Decision::Leave(outcome),
    }
}

fn decided(situation: &Situation<'_>) -> Result<Decision, Outcome> {
    let Named { data, .. } = situation.of;
    let settings = situation.settings;
    if is_bankrupt(&data.header, &data.positions) {
        let loss = lacks(situation);
        if loss >= 0 {
            return Err(Outcome::AlreadyHealthy);
        }
        let step = free("resolve", vec![vec![situation.desk.resolve(situation.of)]]);
        return allowed(settings.acting.bankruptcies, step);
    }
    let evaluator = Evaluator::new(situation.inputs);
    let checked = evaluator.checked(&data.header, &data.positions, &data.scope());
    let report = checked.map_err(|error| Outcome::Unpriced(error.to_string()))?;
    let report = report.report; // a repair accepts every doubt
    let book = Book {
        situation,
        report: &report,
    };
    match data.header.status == STATUS_LIQUIDATING {
        true => book.liquidating(),
        false => book.active(),
    }
}

/// Whether nothing is left that has a price: what it lacks can only be covered by others.
fn is_bankrupt(header: &MarginAccount, positions: &[PositionRecord]) -> bool {
    let is_empty =
        header.used_collateral().next().is_none() && positions.iter().all(|p| p.quantity == 0);
    is_empty && (header.cash < 0 || positions.iter().any(|held| held.cost > 0))
}

/// Cash with interest, less what records without size are still to pay, 1e-6 USD.
fn lacks(situation: &Situation<'_>) -> i64 {
    let Named { data, .. } = situation.of;
    let inputs = situation.inputs;
    let cash = inputs
        .house
        .interest
        .at(inputs.now)
        .value_floor(&data.header);
    let costs = data.positions.iter().map(|held| held.cost);
    costs.fold(cash, i64::saturating_sub)
}

fn free(action: &'static str, variants: Vec<Vec<Instruction>>) -> Step {
    Step {
        action,
        variants,
        profit: None,
        capital: 0,
        offer: None,
    }
}

fn allowed(is_on: bool, step: Step) -> Result<Decision, Outcome> {
    match is_on {
        true => Ok(Decision::Take(step)),
        false => Err(Outcome::Failed(format!("{} is switched off", step.action))),
    }
}

/// What the directory does not know yet: it is listed with the next snapshot.
fn unlisted(error: Unlisted) -> Outcome {
    Outcome::Transient(error.to_string())
}

fn engine(error: RiskError) -> Outcome {
    Outcome::Unpriced(format!("the engine refused: {error:?}"))
}

/// An account that is judged.
struct Book<'a> {
    situation: &'a Situation<'a>,
    report: &'a NativeReport,
}

impl Book<'_> {
    fn header(&self) -> &MarginAccount {
        &self.situation.of.data.header
    }

    fn health(&self) -> i64 {
        self.report.margin.maintenance_health.raw()
    }

    fn equity(&self) -> i64 {
        self.report.margin.equity.raw()
    }

    /// Seconds since the auction began; zero before it did.
    fn elapsed(&self) -> i64 {
        match self.header().liquidation_started_at {
            0 => 0,
            at => self.situation.inputs.now.saturating_sub(at).max(0),
        }
    }

    fn terms(&self) -> LiquidationTerms {
        let record = &self.situation.inputs.house.liquidation;
        let is_maintained = self.health() >= 0;
        let discount = record
            .auction()
            .discount_floor(self.elapsed(), is_maintained);
        record.terms(discount)
    }

    fn active(&self) -> Result<Decision, Outcome> {
        if self.health() >= 0 {
            return Err(Outcome::AlreadyHealthy);
        }
        let (desk, of) = (&self.situation.desk, self.situation.of);
        let acting = &self.situation.settings.acting;
        let witness = self.report.witness();
        let start = desk.start(of, &witness).map_err(unlisted)?;
        if self.equity() <= 0 {
            let prove = desk.prove(of, &witness).map_err(unlisted)?;
            let step = free("prove", vec![vec![start.clone(), prove], vec![start]]);
            return allowed(acting.insolvency, step);
        }
        let (mut step, wait) = self.bid()?;
        if wait > 0 {
            // the clock has to begin for the discount to grow
            return allowed(acting.bids, free("start", vec![vec![start]]));
        }
        for variant in &mut step.variants {
            variant.insert(0, start.clone());
        }
        step.variants.push(vec![start]);
        allowed(acting.bids, step)
    }

    fn liquidating(&self) -> Result<Decision, Outcome> {
        let (desk, of) = (&self.situation.desk, self.situation.of);
        let (settings, terms) = (self.situation.settings, self.terms());
        let acting = &settings.acting;
        if terms.is_restored(&self.report.margin).map_err(engine)? {
            let stop = desk.stop(of).map_err(unlisted)?;
            return allowed(acting.recoveries, free("stop", vec![vec![stop]]));
        }
        let auction = self.situation.inputs.house.liquidation.auction();
        let is_exhausted = auction.is_exhausted(self.elapsed());
        if self.health() < 0 && (self.equity() <= 0 || is_exhausted) {
            return self.insolvent();
        }
        match (self.bid(), self.health() >= 0) {
            (Ok((step, 0)), _) if acting.bids => Ok(Decision::Take(step)),
            // a late discount would cost it more at the next dip
            (_, true) if self.elapsed() >= auction.fast_seconds => {
                let restart = desk.restart(of).map_err(unlisted)?;
                allowed(acting.recoveries, free("restart", vec![vec![restart]]))
            }
            (Ok((step, 0)), _) => allowed(acting.bids, step),
            (Ok((step, wait)), _) => Err(self.not_profitable(&step, Some(wait))),
            (Err(outcome), _) => Err(outcome),
        }
    }

    fn not_profitable(&self, step: &Step, wait: Option<i64>) -> Outcome {
        Outcome::NotProfitable {
            profit: step.profit.unwrap_or_default().net(),
            least: self.situation.settings.profit.least,
            wait,
        }
    }

    /// A bid with what it brings, and the seconds until that is enough.
    fn bid(&self) -> Result<(Step, i64), Outcome> {
        let (situation, terms) = (self.situation, self.terms());
        let fraction = self.affordable()?;
        let reserved = Quote::from_raw(self.header().reserved_cash);
        let wanted = Wanted::at_most(fraction);
        let plan = plan_slice(&self.report.margin, &terms, reserved, wanted).map_err(slice)?;
        let for_sale = self.equity().saturating_sub(plan.reserved.raw());
        let profit = Profit {
            reward: part_floor(for_sale, plan.fraction).saturating_sub(plan.price.raw()),
            fund_share: plan.fund_fee.raw(),
            fees: situation.fees,
        };
        let offer = Offer {
            for_sale,
            fraction: plan.fraction,
            is_maintained: self.health() >= 0,
            elapsed: self.elapsed(),
        };
        let paid = plan.price.raw().saturating_add(plan.fund_fee.raw());
        let args = BidArgs {
            witness: self.report.witness(),
            fraction,
            minimum: plan.fraction.saturating_mul(LEAST_SHARE) / 100,
            price_limit: with_slack(paid),
        };
        let bid = situation.desk.bid(situation.of, &args).map_err(unlisted)?;
        let mut variants = vec![vec![bid.clone()]];
        // clamped, or the whole book: nothing but the buffer is left to say
        if plan.fraction < fraction || plan.fraction == FRACTION_ONE {
            let stop = self.stop_after(plan.fraction)?;
            variants.insert(0, vec![bid, stop]);
        }
        let step = Step {
            action: "bid",
            variants,
            profit: Some(profit),
            capital: self.capital(plan.fraction),
            offer: Some(offer),
        };
        let wait = self.wait_for(&step)?;
        Ok((step, wait))
    }

    /// The stop that follows a bid; one for the whole book leaves nothing that a check would read.
    fn stop_after(&self, fraction: u64) -> Result<Instruction, Outcome> {
        let mut after = self.situation.of.clone();
        if fraction == FRACTION_ONE {
            after.data.positions.clear();
            after.data.header.collateral = Default::default();
        }
        self.situation.desk.stop(&after).map_err(unlisted)
    }

    /// Seconds until a bid's profit is enough.
    fn wait_for(&self, step: &Step) -> Result<i64, Outcome> {
        let (profit, least) = (
            step.profit.unwrap_or_default(),
            self.situation.settings.profit.least,
        );
        if profit.net() >= least {
            return Ok(0);
        }
        let house = &self.situation.inputs.house.liquidation;
        let reward = Profit::least_reward_ceil(least, profit.fees, house.fund_share.into());
        let wait = step
            .offer
            .and_then(|offer| offer.wait_for(reward, &house.auction()));
        match wait {
            // what rounding leaves open is looked at again in a second
            Some(wait) => Ok(wait.max(1)),
            None => Err(self.not_profitable(step, None)),
        }
    }

    fn insolvent(&self) -> Result<Decision, Outcome> {
        let (situation, acting) = (self.situation, &self.situation.settings.acting);
        let (desk, of) = (&situation.desk, situation.of);
        let witness = self.report.witness();
        if self.header().insolvent_at == 0 {
            let prove = desk.prove(of, &witness).map_err(unlisted)?;
            return allowed(acting.insolvency, free("prove", vec![vec![prove]]));
        }
        let fraction = self.affordable()?;
        let slice = plan_insolvent_slice(
            &self.report.margin,
            &self.offer(),
            Wanted::at_most(fraction),
        );
        let plan = slice.map_err(self::slice)?;
        let received = plan.insurance.raw().saturating_add(plan.debt.raw());
        let args = BidArgs {
            witness,
            fraction,
            minimum: plan.fraction.saturating_mul(LEAST_SHARE) / 100,
            // it is paid: as much as planned, but for the slack
            price_limit: with_slack(received.saturating_neg()),
        };
        // the book comes with what it is worth, which is less than nothing
        let worth = part_floor(self.equity(), plan.fraction);
        let step = Step {
            action: "bid_insolvent",
            variants: vec![vec![desk.bid_insolvent(of, &args).map_err(unlisted)?]],
            profit: Some(Profit {
                reward: received.saturating_add(worth),
                fund_share: 0,
                fees: situation.fees,
            }),
            capital: self.capital(plan.fraction),
            offer: None,
        };
        match step.profit.unwrap_or_default().net() >= situation.settings.profit.least {
            true => allowed(acting.insolvency, step),
            false => Err(self.not_profitable(&step, self.payout_wait())),
        }
    }

    /// What the fund and the account pay for the whole book now, as the program computes it.
    fn offer(&self) -> InsolventOffer {
        let inputs = self.situation.inputs;
        let auction = inputs.house.liquidation.auction();
        let deficit = Quote::from_raw(self.health().saturating_neg());
        let elapsed = inputs.now.saturating_sub(self.header().insolvent_at);
        let named = self.header().loss_market.checked_sub(1);
        let markets = inputs.markets.iter();
        let left = match named {
            None => u64::MAX,
            // in no market of the check: its records are closed, and nothing is known of its cap
            Some(index) => markets
                .map(|(market, _)| market)
                .find(|market| market.index == index)
                .map_or(0, |market| market.insurance_left()),
        };
        let most = left.min(inputs.house.insurance);
        InsolventOffer {
            payout: auction.payout_floor(deficit, elapsed),
            insurance: Quote::from_raw(i64::try_from(most).unwrap_or(i64::MAX)),
        }
    }

    /// Seconds after which it is worth to look again while a payout grows: none when it is whole.
    fn payout_wait(&self) -> Option<i64> {
        let inputs = self.situation.inputs;
        let auction = inputs.house.liquidation.auction();
        let elapsed = inputs.now.saturating_sub(self.header().insolvent_at);
        // a hundredth of the phase
        (!auction.is_payout_whole(elapsed)).then_some((auction.insolvent_seconds / 100).max(1))
    }

    /// The initial requirement that a part of the book adds at most: requirements of two books together are no more than their sum.
    fn capital(&self, fraction: u64) -> i64 {
        part_floor(self.report.margin.initial_margin().raw(), fraction).saturating_add(1)
    }

    /// The largest part of the book that the limits on shares and capital leave, of 1e9.
    fn affordable(&self) -> Result<u64, Outcome> {
        let situation = self.situation;
        let limits = &situation.settings.limits;
        let share = FRACTION_ONE / 100 * limits.largest_share;
        let own = own_requirement(situation)?;
        let used = own.saturating_add(situation.bound);
        let left = limits.most_capital.saturating_sub(used);
        let needed = self.report.margin.initial_margin().raw().max(1);
        let by_capital = i128::from(left.max(0)) * i128::from(FRACTION_ONE) / i128::from(needed);
        let by_capital = u64::try_from(by_capital).unwrap_or(u64::MAX);
        let fraction = share.min(by_capital).min(situation.most_fraction);
        match fraction >= LEAST_BID {
            true => Ok(fraction),
            false => Err(Outcome::OverLimit(OverLimit::Capital {
                capital: used.saturating_add(part_floor(needed, LEAST_BID)),
                most: limits.most_capital,
            })),
        }
    }
}

/// Smallest slice that is bid for, of 1e9: twice the program's least.
pub const LEAST_BID: u64 = FRACTION_ONE / 500;

/// What the keeper's own account requires initially, 1e-6 USD.
pub fn own_requirement(situation: &Situation<'_>) -> Result<i64, Outcome> {
    let own = &situation.desk.own.data;
    if own.header.status == STATUS_LIQUIDATING {
        return Err(Outcome::CannotCarry(ErrorCode::AccountLiquidating));
    }
    let report = Evaluator::new(situation.inputs).report(&own.header, &own.positions);
    let report = report.map_err(|error| Outcome::Unpriced(format!("own account: {error}")))?;
    Ok(report.margin.initial_margin().raw())
}

fn slice(error: SliceError) -> Outcome {
    match error {
        SliceError::Healthy { .. } => Outcome::AlreadyHealthy,
        SliceError::Insolvent { .. } => Outcome::AlreadyHealthy,
        SliceError::TooSmall { .. } => Outcome::NotDue(ErrorCode::SliceTooSmall),
        SliceError::BelowMinimum { .. } => Outcome::NotDue(ErrorCode::SliceBelowMinimum),
        SliceError::Risk(error) => engine(error),
    }
}

/// `amount x fraction`, toward negative infinity.
fn part_floor(amount: i64, fraction: u64) -> i64 {
    let part = i128::from(amount) * i128::from(fraction);
    let part = part.div_euclid(i128::from(FRACTION_ONE));
    i64::try_from(part).unwrap_or(i64::MAX)
}

/// A most price with room for what moves.
fn with_slack(price: i64) -> i64 {
    let slack = price.saturating_abs() / 100 * PRICE_SLACK;
    price.saturating_add(slack).saturating_add(1)
}
