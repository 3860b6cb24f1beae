//! Turns the cranks that are due, one transaction each, and leaves out what somebody else did in the meantime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::time::sleep;

use crate::act::Actor;
use crate::cranks::{due, instruction, is_due, Crank};
use crate::limits::Step;
use crate::outcome::Outcome;
use crate::watch::read;

/// How long a crank that was turned, or refused, is left alone: the book shows by then what it did.
const REST: Duration = Duration::from_secs(5);
const REST_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Looks every interval, and a random while later, until the actor is to stop.
pub async fn run(actor: Arc<Actor>) {
    let cranks = &actor.settings.cranks;
    let mut stop = actor.stop.clone();
    let mut resting: BTreeMap<Crank, Instant> = BTreeMap::new();
    loop {
        let most = u64::try_from(cranks.jitter.as_millis()).unwrap_or(0);
        let jitter = Duration::from_millis(rand::rng().random_range(0..=most));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(cranks.interval.saturating_add(jitter)) => {}
        }
        let now = Instant::now();
        resting.retain(|_, until| now < *until);
        for (crank, outcome) in round(&actor, &resting).await {
            resting.insert(crank, Instant::now() + rest_after(&outcome));
        }
    }
}

/// Turns everything that is due once.
pub async fn once(actor: &Actor) -> Vec<Outcome> {
    let turned = round(actor, &BTreeMap::new()).await;
    turned.into_iter().map(|(_, outcome)| outcome).collect()
}

/// A server that fails for a moment is asked again soon: stored prices must not grow old for it.
fn rest_after(outcome: &Outcome) -> Duration {
    match outcome {
        Outcome::Transient(_) => REST,
        outcome if outcome.is_error() => REST_AFTER_REFUSAL,
        _ => REST,
    }
}

async fn round(actor: &Actor, resting: &BTreeMap<Crank, Instant>) -> Vec<(Crank, Outcome)> {
    let mut turned = vec![];
    if !actor.status.borrow().ready {
        return turned;
    }
    let is_resting = |crank: &Crank| resting.contains_key(crank);
    let cranks = &actor.settings.cranks;
    let found = due(&read(&actor.book), cranks, &actor.own, is_resting);
    for crank in found {
        if actor.is_stopping() {
            break;
        }
        let outcome = turn(actor, &crank).await;
        actor.metrics.count(crank.name(), outcome.name());
        match outcome.is_error() {
            true => tracing::warn!(%crank, outcome = outcome.name(), "{outcome}"),
            false => tracing::debug!(%crank, outcome = outcome.name(), "{outcome}"),
        }
        turned.push((crank, outcome));
    }
    turned
}

/// Turns one, unless the chain has it by now.
async fn turn(actor: &Actor, crank: &Crank) -> Outcome {
    let instruction = {
        let book = read(&actor.book);
        match is_due(&book, &actor.settings.cranks, crank) {
            true => instruction(&book, crank),
            false => return Outcome::Outcompeted,
        }
    };
    let Some(instruction) = instruction else {
        return Outcome::Outcompeted;
    };
    let transactor = actor.transactor();
    let quoted = match transactor.quote(&[instruction]).await {
        Ok(quoted) => quoted,
        Err(error) => return Outcome::of(&error),
    };
    let lamports = quoted.lamports;
    if actor.is_dry {
        tracing::info!(%crank, lamports, "would send");
        return Outcome::Planned;
    }
    if let Err(limit) = actor.reserve(lamports, Step::Serves) {
        return Outcome::OverLimit(limit);
    }
    match transactor.send_quoted(quoted, &[]).await {
        Ok(landed) => {
            actor.metrics.fees.inc_by(lamports);
            let (signature, slot) = (landed.signature, landed.slot);
            tracing::info!(%crank, %signature, slot, lamports, "landed");
            Outcome::Sent
        }
        Err(error) => {
            actor.not_landed(&error, lamports, Step::Serves);
            Outcome::of(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portfolio_margin_interface::errors::ErrorCode;

    #[test]
    fn only_what_a_repetition_will_not_mend_rests_long() {
        let moment = Outcome::Transient("HTTP 429".to_owned());
        for outcome in [moment, Outcome::Sent, Outcome::Outcompeted] {
            assert_eq!(rest_after(&outcome), REST);
        }
        let failed = Outcome::Failed("no lamports".to_owned());
        for outcome in [failed, Outcome::Refused(ErrorCode::SelfLiquidation)] {
            assert_eq!(rest_after(&outcome), REST_AFTER_REFUSAL);
        }
    }
}
