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

use client_core::plan::{plan_bid, plan_insolvent_bid, Bidder, Limits, PlanError, SlicePlan};
use client_core::{price_address, Evaluator, Inputs, NativeReport, Unlisted};
use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::margin_account::{MAX_CAPACITY, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::Pubkey;
use risk_core::liquidation::{LiquidationTerms, FRACTION_ONE};
use risk_core::RiskError;
use solana_instruction::Instruction;

use crate::config::Settings;
use crate::limits::OverLimit;
use crate::outcome::Outcome;
use crate::packed::{Desk, Named};
use crate::part::{least_profit, new_places, widest, with_room, without_room, PRICE_SLACK};
use crate::profit::{Offer, Profit};

/// By how much less a bidder may be paid than was planned, percent.
const PAYOUT_SLACK: i64 = 2;
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
    /// The least profit that is wanted, 1e-6 USD.
    pub least: i64,
    /// By how much the keeper's initial requirement may grow, 1e-6 USD: of the largest part that is asked for, with its room.
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
        least: 0,
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
            least: step.least,
            wait,
        }
    }

    /// What a bid has to bring at the least: the more places it takes in the keeper's account, the more.
    fn least(&self) -> i64 {
        let (situation, wanted) = (self.situation, &self.situation.settings.profit);
        let own = &situation.desk.own.data.positions;
        let places = new_places(&situation.of.data.positions, own);
        least_profit(wanted.least, wanted.least_per_position, places)
    }

    /// A bid with what it brings, and the seconds until that is enough.
    fn bid(&self) -> Result<(Step, i64), Outcome> {
        let situation = self.situation;
        let limits = self.limits()?;
        let (bidder, of) = (self.bidder(), situation.of);
        let plan = plan_bid(&bidder, &of.data, situation.inputs, limits);
        let plan = plan.map_err(|error| self.unplanned(error))?;
        let after = &plan.liquidatee.after;
        let is_restored = self.terms().is_restored(after).map_err(engine)?;
        // what restores the buffer may be a little more by the time of the block; what the keeper can carry is no more
        let (fraction, capital) = match is_restored {
            true => widest(&bidder, &of.data, situation.inputs, &plan, limits),
            false => (plan.fraction, plan.capital),
        };
        let args = args(&plan, fraction);
        let bid = situation.desk.bid(of, &args).map_err(unlisted)?;
        let mut variants = vec![vec![bid.clone()]];
        // without some room for prices to fall, a stop behind it would undo the bid
        let has_room = fraction == FRACTION_ONE || fraction / 100 * 98 >= plan.fraction;
        if is_restored && has_room {
            variants.insert(0, vec![bid, self.stop_after(plan.fraction)?]);
        }
        let step = Step {
            action: "bid",
            variants,
            profit: Some(self.profit(&plan)),
            least: self.least(),
            capital: with_room(capital),
            offer: Some(Offer {
                for_sale: self.for_sale(),
                fraction: plan.fraction,
                is_maintained: self.health() >= 0,
                elapsed: self.elapsed(),
            }),
        };
        let wait = self.wait_for(&step)?;
        Ok((step, wait))
    }

    fn bidder(&self) -> Bidder<'_> {
        Bidder {
            account: &self.situation.desk.own.data,
            // an account with less room is told so by the program: it can be grown
            capacity: MAX_CAPACITY,
        }
    }

    fn profit(&self, plan: &SlicePlan) -> Profit {
        Profit {
            reward: plan.reward.saturating_add(plan.fund_fee),
            fund_share: plan.fund_fee,
            fees: self.situation.fees,
        }
    }

    /// Equity that a slice is a part of: less what earlier bids paid, as the program reserves it.
    fn for_sale(&self) -> i64 {
        let margin = &self.report.margin;
        let reserved = self.header().reserved_cash.min(self.equity() / 2);
        let reserved = reserved.min(margin.cash.raw()).max(0);
        self.equity().saturating_sub(reserved)
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
        let (profit, least) = (step.profit.unwrap_or_default(), step.least);
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
        let (bidder, limits) = (self.bidder(), self.limits()?);
        let plan = plan_insolvent_bid(&bidder, &of.data, situation.inputs, limits);
        let plan = plan.map_err(|error| self.unplanned(error))?;
        let args = args(&plan, plan.fraction);
        let step = Step {
            action: "bid_insolvent",
            variants: vec![vec![desk.bid_insolvent(of, &args).map_err(unlisted)?]],
            profit: Some(self.profit(&plan)),
            least: self.least(),
            capital: with_room(plan.capital),
            offer: None,
        };
        match step.profit.unwrap_or_default().net() >= step.least {
            true => allowed(acting.insolvency, step),
            false => Err(self.not_profitable(&step, self.payout_wait())),
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

    /// What the keeper puts up at the most for one bid.
    fn limits(&self) -> Result<Limits, Outcome> {
        let situation = self.situation;
        let limits = &situation.settings.limits;
        if let Some(stored) = self.stored().filter(|_| !limits.bid_in_outages) {
            return Err(Outcome::Unpriced(format!(
                "the price of {stored} was stored before its feed died (limits.bid_in_outages)"
            )));
        }
        let share = FRACTION_ONE / 100 * limits.largest_share;
        let used = own_requirement(situation)?.saturating_add(situation.bound);
        Ok(Limits {
            capital: without_room(limits.most_capital.saturating_sub(used)),
            share: share.min(situation.most_fraction),
        })
    }

    /// A bank or market of the book whose feed is dead: what it stored stands in.
    fn stored(&self) -> Option<Pubkey> {
        let (scope, directory) = (
            self.situation.of.data.scope(),
            self.situation.desk.directory,
        );
        let banks = scope.banks.iter().filter_map(|at| directory.banks.get(at));
        let mut banks = banks.filter(|bank| !bank.is_quote);
        let mut markets = scope
            .markets
            .iter()
            .filter_map(|at| directory.markets.get(at));
        let bank = banks.find(|bank| bank.price != price_address(bank.oracle_kind, &bank.feed_id));
        let market = markets
            .find(|market| market.price != price_address(market.oracle_kind, &market.feed_id));
        bank.map(|bank| bank.key)
            .or(market.map(|market| market.key))
    }

    /// Why there is no plan, as an outcome.
    fn unplanned(&self, error: PlanError) -> Outcome {
        match (&error, error.code()) {
            (PlanError::OverLimit { needed, limit }, _) => {
                let most = self.situation.settings.limits.most_capital;
                Outcome::OverLimit(OverLimit::Capital {
                    capital: most.saturating_add(with_room(needed.saturating_sub(*limit))),
                    most,
                })
            }
            (_, Some(code)) => Outcome::of_code(code),
            (_, None) => Outcome::Failed(error.to_string()),
        }
    }
}

/// Smallest part that is tried where the program says that the keeper cannot carry more, of 1e9: twice the program's least.
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

/// A bid for what was planned, of at most a fraction.
fn args(plan: &SlicePlan, fraction: u64) -> BidArgs {
    BidArgs {
        witness: plan.witness.clone(),
        fraction,
        minimum: plan.fraction / 100 * LEAST_SHARE,
        price_limit: with_slack(plan.price),
    }
}

/// A most price with room for what moves; negative where the bidder is paid.
fn with_slack(price: i64) -> i64 {
    let percent = match price < 0 {
        true => PAYOUT_SLACK,
        false => PRICE_SLACK.into(),
    };
    let slack = price.saturating_abs() / 100 * percent;
    price.saturating_add(slack).saturating_add(1)
}

#[cfg(test)]
mod tests;
