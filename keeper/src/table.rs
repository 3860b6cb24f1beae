//! The keeper's own lookup table: found, made once, extended when the house lists more.
//!
//! A start and a bid on a wide account name more accounts than a packet has room for. The table names what all of them have in common;
//! without it a keeper starts and bids in two transactions, and cannot bid on the widest accounts at all.

use std::sync::Arc;
use std::time::Duration;

use portfolio_margin_client::{tables, ClientError};
use portfolio_margin_interface::{Pubkey, ID};
use tokio::time::sleep;

use crate::act::Actor;
use crate::packed::table_addresses;
use crate::watch::read;

/// Time between two looks at whether the house lists more.
const LOOK: Duration = Duration::from_secs(60);
/// Time after a failure: each further one waits as long again, up to a minute.
const AGAIN: Duration = Duration::from_secs(1);

/// Keeps the actor's table complete, until it is aborted.
pub async fn keep(actor: Arc<Actor>) {
    let mut served: Vec<Pubkey> = vec![];
    let (mut failures, mut told) = (0u32, String::new());
    loop {
        let wanted = match actor.status.borrow().ready {
            true => table_addresses(read(&actor.book).directory()),
            false => vec![],
        };
        let is_complete = wanted.iter().all(|key| served.contains(key));
        let pause = match wanted.is_empty() || is_complete {
            true if wanted.is_empty() => Duration::from_millis(200),
            true => LOOK,
            false => match serve(&actor, &wanted).await {
                Ok(count) => {
                    tracing::info!(count, "the lookup table serves");
                    (served, failures, told) = (wanted, 0, String::new());
                    LOOK
                }
                Err(error) => {
                    match is_news(&mut told, &error) {
                        true => {
                            tracing::warn!(%error, "no lookup table: wide accounts are out of reach")
                        }
                        false => tracing::debug!(%error, failures, "still no lookup table"),
                    }
                    failures = failures.saturating_add(1);
                    AGAIN.saturating_mul(failures).min(LOOK)
                }
            },
        };
        sleep(pause).await;
    }
}

/// Whether a failure is another one than the last that was told.
fn is_news(told: &mut String, error: &ClientError) -> bool {
    let text = error.to_string();
    let is_new = *told != text;
    *told = text;
    is_new
}

/// Finds the owner's table that names most, makes or extends one where that is allowed, and sends with it from then on.
async fn serve(actor: &Actor, wanted: &[Pubkey]) -> Result<usize, ClientError> {
    let transactor = actor.transactor();
    let owner = transactor.payer();
    let found = match tables::find(transactor.rpc(), &owner).await {
        Err(error) if error.is_transient() => tables::find(transactor.rpc(), &owner).await?,
        found => found?,
    };
    let named = |table: &[Pubkey]| wanted.iter().filter(|key| table.contains(key)).count();
    let best = found
        .into_iter()
        .filter(|table| table.addresses.first() == Some(&ID))
        .max_by_key(|table| named(&table.addresses));
    let may_make = actor.settings.fees.lookup_table && !actor.is_dry;
    let table = match best {
        Some(table) if !may_make || named(&table.addresses) == wanted.len() => Some(table),
        Some(table) => Some(tables::extend(&transactor, actor.payer(), &table, wanted).await?),
        None if !may_make => None,
        None => {
            let all: Vec<Pubkey> = [ID].into_iter().chain(wanted.iter().copied()).collect();
            Some(tables::create(&transactor, actor.payer(), &all).await?)
        }
    };
    let Some(table) = table else {
        return Ok(0);
    };
    let count = table.addresses.len();
    actor.replace_transactor(transactor.with_tables(vec![table], wanted));
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_until_it_is_another() {
        let (mut told, key) = (String::new(), Pubkey::from([7; 32]));
        let (missing, compute) = (
            ClientError::Missing(key),
            ClientError::Compute { used: 2, limit: 1 },
        );
        assert!(is_news(&mut told, &missing));
        assert!(!is_news(&mut told, &missing) && !is_news(&mut told, &missing));
        assert!(is_news(&mut told, &compute) && !is_news(&mut told, &compute));
        assert!(is_news(&mut told, &missing));
        told.clear(); // it served in between
        assert!(is_news(&mut told, &missing));
    }
}
