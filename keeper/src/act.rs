//! Acting on one account: look, decide, simulate, send, look again, until nothing is left to do or something stands against it.
//!
//! Everything is simulated before it is sent, so that whoever loses a race pays nothing for it, and so that fees are known before they
//! are compared with the profit. A step that landed is followed by another look once the book shows it, never before.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use client_core::{AccountData, Directory, Inputs};
use portfolio_margin_client::{ClientError, Landed, Quoted, Transactor};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::{seeds, Pubkey};
use risk_core::liquidation::FRACTION_ONE;
use solana_keypair::Keypair;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::book::{Book, SharedBook};
use crate::config::Settings;
use crate::gate::{Bound, Gate};
use crate::limits::{self, FeeBudget, InFlight, OverLimit, Waiting};
use crate::metrics::Metrics;
use crate::model::KnownAccount;
use crate::outcome::{is_of_the_last, is_paid, is_too_much, may_be_smaller, Outcome};
use crate::own::OwnFailing;
use crate::packed::{Desk, Named};
use crate::plan::{decide, Decision, Situation, Step, LEAST_BID};
use crate::profit::{value_of_lamports_ceil, Profit, BASE_FEE};
use crate::watch::{read, Status};

/// Most steps of one repair: a start, a proof and a handful of bids of growing parts.
const MOST_STEPS: usize = 16;
/// How long the book may take to show what landed.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Time between two looks at whether it does.
const LOOK: Duration = Duration::from_millis(20);

/// What acts.
pub struct Actor {
    /// What it was told.
    pub settings: Arc<Settings>,
    /// What is known.
    pub book: SharedBook,
    /// How the knowing half is doing.
    pub status: watch::Receiver<Status>,
    /// True once it is to stop.
    pub stop: watch::Receiver<bool>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// The keeper's margin account.
    pub own: Pubkey,
    /// Whether nothing is sent.
    pub is_dry: bool,
    /// Accounts worked on.
    pub flights: InFlight,
    /// Accounts of its own wallet that fail.
    pub own_failing: OwnFailing,
    payer: Arc<Keypair>,
    transactor: RwLock<Transactor>,
    waiting: Mutex<Waiting>,
    budget: Mutex<FeeBudget>,
    /// What bids in flight bind, 1e-6 USD.
    bound: AtomicI64,
    /// Held by every step in flight.
    gate: tokio::sync::RwLock<()>,
}

/// Whether what is bought brings a market or a bank that the keeper does not hold.
fn is_widening(look: &Look) -> bool {
    !look.own.data.scope().covers(&look.of.data.scope())
}

/// Whom an actor acts as, and through what.
pub struct Means {
    /// Owns the keeper's margin account, signs and pays.
    pub payer: Arc<Keypair>,
    /// Sends, with the same payer.
    pub transactor: Transactor,
    /// What is known.
    pub book: SharedBook,
    /// How the knowing half is doing.
    pub status: watch::Receiver<Status>,
    /// True once it is to stop.
    pub stop: watch::Receiver<bool>,
}

/// One look at an account and everything that its step needs, at one moment.
struct Look {
    of: Named,
    own: Named,
    directory: Directory,
    inputs: Inputs,
    slot: u64,
}

impl Actor {
    /// An actor that has done nothing yet.
    pub fn new(settings: Arc<Settings>, means: Means, metrics: Arc<Metrics>, is_dry: bool) -> Self {
        let limits = &settings.limits;
        let budget = FeeBudget::new(limits.fees_per_transaction, limits.fees_per_hour);
        let house = &settings.house;
        let owner = means.transactor.payer();
        Self {
            own: seeds::margin_account(&house.clearinghouse, &owner, house.sub_account),
            payer: means.payer,
            transactor: RwLock::new(means.transactor),
            book: means.book,
            status: means.status,
            stop: means.stop,
            budget: Mutex::new(budget),
            waiting: Mutex::default(),
            bound: AtomicI64::new(0),
            gate: tokio::sync::RwLock::new(()),
            flights: InFlight::default(),
            own_failing: OwnFailing::default(),
            settings,
            metrics,
            is_dry,
        }
    }

    /// What sends, with the lookup tables of the moment.
    pub fn transactor(&self) -> Transactor {
        let transactor = self.transactor.read();
        transactor.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who signs and pays.
    pub fn payer(&self) -> &Keypair {
        &self.payer
    }

    /// Sends with other lookup tables from now on.
    pub fn replace_transactor(&self, transactor: Transactor) {
        *self
            .transactor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = transactor;
    }

    /// Accounts left alone until a moment.
    pub fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// What a SOL costs, 1e-6 USD; `None` while the market that says so has no price.
    pub fn sol_price(&self) -> Option<i64> {
        let profit = &self.settings.profit;
        if profit.sol_price.is_some() {
            return profit.sol_price;
        }
        let book = read(&self.book);
        let spot = book.market(profit.sol_market?)?.spot;
        let price = i64::try_from(spot / 100).ok()?; // 1e-8 to 1e-6 USD
        (price > 0).then_some(price)
    }

    /// Works on an account until nothing is left to do, and counts how that ended. Whoever calls has the claim on it.
    pub async fn repair(&self, account: Pubkey) -> Outcome {
        let started = Instant::now();
        let mut steps = 0;
        let mut failures = 0;
        let outcome = loop {
            let outcome = match self.step(&account).await {
                (Outcome::Sent, true) if steps < MOST_STEPS && !self.is_stopping() => {
                    steps += 1;
                    failures = 0;
                    continue;
                }
                (Outcome::Transient(text), _) if failures < self.settings.acting.attempts => {
                    failures += 1;
                    tracing::debug!(%account, %text, failures, "trying again");
                    sleep(Duration::from_millis(200 * failures)).await;
                    // who made it pay is looked at again later
                    if self.is_stopping() || !self.waiting().is_due(&account, Instant::now()) {
                        break Outcome::Transient(text);
                    }
                    continue;
                }
                (outcome, _) => outcome,
            };
            break match (steps, outcome) {
                (1.., Outcome::AlreadyHealthy) => Outcome::Repaired,
                (_, outcome) => outcome,
            };
        };
        self.metrics.count("repair", outcome.name());
        if outcome == Outcome::Repaired {
            let seconds = started.elapsed().as_secs_f64();
            self.metrics.repair_seconds.observe(seconds);
        }
        self.put_off(account, &outcome);
        outcome.log(&account);
        outcome
    }

    /// Leaves an account alone for a while, by how the attempt ended.
    fn put_off(&self, account: Pubkey, outcome: &Outcome) {
        let (now, seconds) = (Instant::now(), Duration::from_secs);
        let mut waiting = self.waiting();
        match outcome {
            // the list of failing accounts is a moment behind
            Outcome::Repaired | Outcome::AlreadyHealthy | Outcome::Sent => {
                waiting.put_off(account, seconds(1), now);
            }
            // prices move: never blind for longer than a minute
            Outcome::NotProfitable { wait, .. } => {
                let wait = wait.and_then(|wait| u64::try_from(wait).ok());
                waiting.put_off(account, seconds(wait.unwrap_or(30).clamp(1, 60)), now);
            }
            Outcome::Planned => waiting.put_off(account, seconds(30), now),
            Outcome::Outcompeted
            | Outcome::Unpriced(_)
            | Outcome::NotDue(_)
            | Outcome::Transient(_) => waiting.put_off_failed(account, seconds(1), now),
            Outcome::OverLimit(_) | Outcome::CannotCarry(_) => {
                waiting.put_off_failed(account, seconds(5), now);
            }
            Outcome::Refused(_) | Outcome::Failed(_) => {
                waiting.put_off_failed(account, seconds(15), now);
            }
        }
    }

    /// One step, and whether the book shows it already.
    ///
    /// A bid that brings the keeper a market or a bank that it did not hold changes which accounts its other bids have to name: those
    /// that are packed already would land and be refused. So it flies alone, from its plan until the book shows it; all others
    /// fly together.
    async fn step(&self, account: &Pubkey) -> (Outcome, bool) {
        let mut fraction = FRACTION_ONE;
        let mut is_alone = false;
        loop {
            let _gate = match is_alone {
                true => Gate::alone(&self.gate).await,
                false => Gate::together(&self.gate).await,
            };
            let (look, step, sol_price) = match self.planned(account, fraction) {
                Ok(planned) => planned,
                Err(outcome) => return (outcome, false),
            };
            let wants_alone = step.profit.is_some() && is_widening(&look);
            if wants_alone != is_alone {
                is_alone = wants_alone; // another look, since the wait for it takes time
                continue;
            }
            let bound = Bound::new(&self.bound, step.capital);
            let outcome = self.take(&step, &look, sol_price).await;
            self.metrics.count(step.action, outcome.name());
            match outcome {
                // half of it, then half of that
                Outcome::CannotCarry(code) if step.profit.is_some() && may_be_smaller(code) => {
                    let tried = step.offer.map_or(fraction, |offer| offer.fraction);
                    fraction = tried.min(fraction) / 2;
                    if fraction < LEAST_BID {
                        return (Outcome::CannotCarry(code), false);
                    }
                }
                Outcome::Sent => {
                    let is_shown = self.catch_up(&look, &step).await;
                    drop(bound); // from now on it is in what the own account requires
                    return (Outcome::Sent, is_shown);
                }
                outcome => return (outcome, false),
            }
        }
    }

    /// A look and the step that follows from it, with what a SOL costs.
    fn planned(&self, account: &Pubkey, fraction: u64) -> Result<(Look, Step, i64), Outcome> {
        let look = self.look(account)?;
        let sol_price = self.sol_price().ok_or_else(|| {
            Outcome::Unpriced("the price of SOL is not known: profit.sol_market".to_owned())
        })?;
        let decision = decide(&Situation {
            desk: Desk {
                directory: &look.directory,
                own: &look.own,
            },
            of: &look.of,
            inputs: &look.inputs,
            settings: &self.settings,
            most_fraction: fraction,
            fees: value_of_lamports_ceil(BASE_FEE, sol_price),
            bound: self.bound.load(Ordering::Relaxed),
        });
        match decision {
            Decision::Leave(outcome) => Err(outcome),
            Decision::Take(step) => Ok((look, step, sol_price)),
        }
    }

    /// Everything that a step on an account needs, copied out of the book.
    fn look(&self, account: &Pubkey) -> Result<Look, Outcome> {
        if !self.status.borrow().ready {
            return Err(Outcome::Transient("the book is not whole".to_owned()));
        }
        let book = read(&self.book);
        let of = book.account(account).ok_or(Outcome::Outcompeted)?;
        let own = book.account(&self.own).ok_or_else(|| {
            let own = self.own;
            Outcome::Failed(format!(
                "the keeper has no margin account {own}: open it, or set house.sub_account"
            ))
        })?;
        let (of, own) = (named(&of), named(&own));
        if of.data.header.owner == own.data.header.owner {
            return Err(Outcome::Refused(ErrorCode::SelfLiquidation));
        }
        let mut scope = of.data.scope().union(&own.data.scope());
        let loss_market = of.data.header.loss_market.checked_sub(1);
        scope.markets.extend(loss_market);
        let inputs = book.inputs(&scope);
        Ok(Look {
            inputs: inputs.map_err(|error| Outcome::Unpriced(error.to_string()))?,
            directory: book.directory().clone(),
            slot: book.slot(),
            of,
            own,
        })
    }

    /// Sends the first list of instructions that passes, within limits and if it pays.
    async fn take(&self, step: &Step, look: &Look, sol_price: i64) -> Outcome {
        let transactor = self.transactor();
        let mut outcome = Outcome::Failed("nothing to send".to_owned());
        for instructions in &step.variants {
            let quoted = match transactor.quote(instructions).await {
                Ok(quoted) => quoted,
                Err(error) => {
                    outcome = Outcome::of(&error);
                    let is_too_much = is_too_much(&error);
                    // a bid that the keeper cannot carry is to be smaller, not left out
                    let is_carried = !matches!(outcome, Outcome::CannotCarry(_));
                    let is_last = is_carried && is_of_the_last(&error, instructions);
                    match is_too_much || is_last {
                        true => continue,
                        false => return outcome,
                    }
                }
            };
            if let Err(outcome) = self.allows(&quoted, step, look, sol_price) {
                return outcome;
            }
            // the simulation took a moment in which somebody else may have landed
            let seen = (look.of.key, look.of.data.header.sequence);
            if has_changed(&read(&self.book), &BTreeSet::from([seen])) {
                return Outcome::Outcompeted;
            }
            if self.is_dry {
                let (action, account) = (step.action, look.of.key);
                let (lamports, units) = (quoted.lamports, quoted.simulation.units);
                tracing::info!(%account, action, lamports, units, "would send");
                return Outcome::Planned;
            }
            return self.send(&transactor, quoted, step, look.of.key).await;
        }
        outcome
    }

    /// Whether the data is young enough, and the profit large enough at what the transaction really costs.
    fn allows(
        &self,
        quoted: &Quoted,
        step: &Step,
        look: &Look,
        sol_price: i64,
    ) -> Result<(), Outcome> {
        let slots = quoted.simulation.slot.saturating_sub(look.slot);
        let most = self.settings.limits.oldest_slots;
        if slots > most {
            return Err(Outcome::OverLimit(OverLimit::Age { slots, most }));
        }
        let Some(profit) = step.profit else {
            return Ok(());
        };
        let fees = value_of_lamports_ceil(quoted.lamports, sol_price);
        let profit = Profit { fees, ..profit };
        let least = step.least;
        if profit.net() >= least {
            return Ok(());
        }
        let house = &look.inputs.house.liquidation;
        let reward = Profit::least_reward_ceil(least, fees, house.fund_share.into());
        let offer = step.offer;
        Err(Outcome::NotProfitable {
            profit: profit.net(),
            least,
            wait: offer.and_then(|offer| offer.wait_for(reward, &house.auction())),
        })
    }

    /// Pays for a transaction out of the budget, sends it and counts what it cost.
    async fn send(
        &self,
        transactor: &Transactor,
        quoted: Quoted,
        step: &Step,
        account: Pubkey,
    ) -> Outcome {
        let lamports = quoted.lamports;
        let kind = match step.profit {
            Some(_) => limits::Step::Earns,
            None => limits::Step::Serves,
        };
        if let Err(limit) = self.reserve(lamports, kind) {
            return Outcome::OverLimit(limit);
        }
        match transactor.send_quoted(quoted, &[]).await {
            Ok(landed) => {
                self.landed(&landed, step);
                Outcome::Sent
            }
            Err(error) => {
                self.not_landed(&error, lamports, kind);
                if is_paid(&error) {
                    self.waiting().put_off_paid(account, Instant::now());
                }
                Outcome::of(&error)
            }
        }
    }

    /// Sets a fee aside.
    pub fn reserve(&self, lamports: u64, step: limits::Step) -> Result<(), OverLimit> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.reserve(lamports, step, Instant::now())
    }

    /// Gives a fee back that was not paid, or counts one that was paid for nothing.
    pub fn not_landed(&self, error: &ClientError, lamports: u64, step: limits::Step) {
        match is_paid(error) || matches!(error, ClientError::Unknown { .. }) {
            true => {
                self.metrics.fees.inc_by(lamports);
            }
            false => {
                let budget = self.budget.lock();
                budget
                    .unwrap_or_else(PoisonError::into_inner)
                    .give_back(lamports, step);
            }
        }
    }

    fn landed(&self, landed: &Landed, step: &Step) {
        self.metrics.fees.inc_by(landed.quoted.lamports);
        if let Some(profit) = step.profit {
            let net = u64::try_from(profit.net()).unwrap_or(0);
            self.metrics.profit.inc_by(net);
        }
        let (signature, slot) = (landed.signature, landed.slot);
        let (units, lamports) = (landed.quoted.simulation.units, landed.quoted.lamports);
        tracing::info!(action = step.action, %signature, slot, units, lamports, "landed");
    }

    /// Waits until the book shows that a step has changed the account, and the keeper's own where it bid.
    async fn catch_up(&self, look: &Look, step: &Step) -> bool {
        let started = Instant::now();
        let mut awaited = BTreeSet::from([(look.of.key, look.of.data.header.sequence)]);
        if step.profit.is_some() {
            awaited.insert((look.own.key, look.own.data.header.sequence));
        }
        while started.elapsed() < CATCH_UP {
            if has_changed(&read(&self.book), &awaited) {
                return true;
            }
            sleep(LOOK).await;
        }
        false
    }
}

/// Whether all accounts have a later sequence number, or are gone.
fn has_changed(book: &Book, awaited: &BTreeSet<(Pubkey, u64)>) -> bool {
    let mut awaited = awaited
        .iter()
        .map(|(key, before)| (book.account(key), before));
    awaited.all(|(known, before)| known.is_none_or(|known| known.header.sequence > *before))
}

fn named(known: &KnownAccount) -> Named {
    Named {
        key: known.key,
        data: AccountData {
            header: known.header,
            positions: known.positions.clone(),
        },
    }
}
