//! Address lookup tables: found, read, made and filled.
//!
//! Which accounts a table names is what the server says. So a transactor looks up those that a house lists, and no others: see
//! [`crate::Transactor::with_tables`].

use std::time::{Duration, Instant};

use client_core::Directory;
use portfolio_margin_interface::Pubkey;
use solana_address_lookup_table_interface::instruction as build;
use solana_address_lookup_table_interface::program::ID as TABLES;
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_message::AddressLookupTableAccount;
use tokio::time::sleep;

use crate::decode::Fetched;
use crate::error::{ClientError, Result};
use crate::message::AnySigner;
use crate::rpc::{Filter, Rpc};
use crate::transactor::Transactor;

/// Most addresses of one table.
pub const MOST_ADDRESSES: usize = 256;
/// Addresses that one transaction adds: 20 more would not fit beside two signatures.
const PER_TRANSACTION: usize = 20;
/// Where a table's authority stands: after kind, two slots, a count and the mark that there is one.
const AUTHORITY_AT: usize = 22;
/// Stands in the place of an address that is not to be looked up; no instruction names it.
const NOBODY: Pubkey = Pubkey::new_from_array([0xff; 32]);
/// How long a table may take to serve after its last addition.
const WARM_UP: Duration = Duration::from_secs(30);

/// What a table of a clearing house names: [`Directory::shared_accounts`], the first [`MOST_ADDRESSES`], of which a house with 48 markets
/// has about 120.
pub fn addresses(directory: &Directory) -> Vec<Pubkey> {
    let mut all = directory.shared_accounts();
    all.truncate(MOST_ADDRESSES);
    all
}

/// Reads a table: the addresses that serve as of `slot`.
///
/// Errors: [`ClientError::NotAnAccount`] for another account, a broken table or one that is being closed.
pub fn read(key: &Pubkey, account: &Fetched, slot: u64) -> Result<AddressLookupTableAccount> {
    let refused = |found: String| ClientError::NotAnAccount {
        key: *key,
        expected: "an address lookup table in use",
        found,
    };
    if account.owner != TABLES {
        return Err(refused(format!("it belongs to {}", account.owner)));
    }
    let table = AddressLookupTable::deserialize(&account.data);
    let table = table.map_err(|why| refused(format!("{why:?}")))?;
    if table.meta.deactivation_slot != u64::MAX {
        let at = table.meta.deactivation_slot;
        return Err(refused(format!("it was deactivated in slot {at}")));
    }
    // what was added in this very slot serves from the next one on
    let count = match slot > table.meta.last_extended_slot {
        true => table.addresses.len(),
        false => table.meta.last_extended_slot_start_index.into(),
    };
    let addresses = table.addresses.iter().take(count).copied().collect();
    Ok(AddressLookupTableAccount {
        key: *key,
        addresses,
    })
}

/// The table with its known addresses in their places, and nothing that an instruction names in the others.
pub(crate) fn only(
    mut table: AddressLookupTableAccount,
    known: &[Pubkey],
) -> AddressLookupTableAccount {
    let unknown = |key: &&mut Pubkey| !known.contains(key);
    let others = table.addresses.iter_mut().filter(unknown);
    others.for_each(|key| *key = NOBODY);
    table
}

/// Fetches tables by key.
pub async fn fetch(rpc: &Rpc, keys: &[Pubkey]) -> Result<Vec<AddressLookupTableAccount>> {
    let snapshot = rpc.accounts(keys).await?;
    let tables = keys.iter().zip(&snapshot.accounts);
    let tables = tables.map(|(key, account)| {
        let account = account.as_ref().ok_or(ClientError::Missing(*key))?;
        read(key, account, snapshot.slot)
    });
    tables.collect()
}

/// All tables in use whose authority is `authority`. Some servers refuse this search: keep the keys of your tables.
pub async fn find(rpc: &Rpc, authority: &Pubkey) -> Result<Vec<AddressLookupTableAccount>> {
    let filter = Filter::Bytes(AUTHORITY_AT, authority.to_bytes().to_vec());
    let found = rpc.program_accounts(&TABLES, &[filter]).await?;
    let tables = found.accounts.iter();
    // one that is being closed is none in use
    let tables = tables.filter_map(|(key, account)| read(key, account, found.slot).ok());
    Ok(tables.collect())
}

/// Makes a table of these addresses, which `authority` may extend and close, and waits until it serves. The transactor's payer pays
/// the rent.
///
/// Errors: [`ClientError::Invalid`] beyond [`MOST_ADDRESSES`]; those of sending.
pub async fn create(
    transactor: &Transactor,
    authority: &AnySigner,
    addresses: &[Pubkey],
) -> Result<AddressLookupTableAccount> {
    let (recent, _) = transactor.rpc().slot_and_height().await?;
    // one back: the newest slot's hash is known to the slots after it alone
    let slot = recent.saturating_sub(1);
    let payer = transactor.payer();
    let (open, key) = build::create_lookup_table(authority.pubkey(), payer, slot);
    transactor.send(&[open], &[authority]).await?;
    let empty = AddressLookupTableAccount {
        key,
        addresses: vec![],
    };
    extend(transactor, authority, &empty, addresses).await
}

/// Adds those addresses that a table lacks, and waits until they serve.
pub async fn extend(
    transactor: &Transactor,
    authority: &AnySigner,
    table: &AddressLookupTableAccount,
    addresses: &[Pubkey],
) -> Result<AddressLookupTableAccount> {
    let mut missing: Vec<Pubkey> = vec![];
    for key in addresses {
        if !table.addresses.contains(key) && !missing.contains(key) {
            missing.push(*key);
        }
    }
    let count = table.addresses.len().saturating_add(missing.len());
    if count > MOST_ADDRESSES {
        let what =
            format!("a lookup table names {MOST_ADDRESSES} accounts at the most, not {count}");
        return Err(ClientError::Invalid(what));
    }
    for part in missing.chunks(PER_TRANSACTION) {
        let (payer, part) = (Some(transactor.payer()), part.to_vec());
        let ix = build::extend_lookup_table(table.key, authority.pubkey(), payer, part);
        transactor.send(&[ix], &[authority]).await?;
    }
    let started = Instant::now();
    loop {
        let fetched = fetch(transactor.rpc(), &[table.key]).await?;
        match fetched.into_iter().next() {
            Some(table) if table.addresses.len() >= count => return Ok(table),
            _ if started.elapsed() > WARM_UP => {
                let what = format!(
                    "lookup table {} does not serve {count} accounts yet",
                    table.key
                );
                return Err(ClientError::Invalid(what));
            }
            _ => sleep(transactor.config().poll_every).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_address_lookup_table_interface::state::LookupTableMeta;

    fn account(meta: LookupTableMeta, addresses: &[Pubkey]) -> Fetched {
        let table = AddressLookupTable {
            meta,
            addresses: addresses.into(),
        };
        Fetched {
            owner: TABLES,
            lamports: 1,
            data: table.serialize_for_tests().unwrap(),
        }
    }

    fn meta() -> LookupTableMeta {
        LookupTableMeta {
            last_extended_slot: 50,
            last_extended_slot_start_index: 1,
            ..LookupTableMeta::new(Pubkey::new_from_array([9; 32]))
        }
    }

    #[test]
    fn new_addresses_serve_from_the_next_slot_on() {
        let (key, addresses) = (Pubkey::new_from_array([1; 32]), [TABLES, Pubkey::default()]);
        let account = account(meta(), &addresses);
        assert_eq!(account.data[AUTHORITY_AT..AUTHORITY_AT + 32], [9; 32]);
        assert_eq!(read(&key, &account, 50).unwrap().addresses, addresses[..1]);
        assert_eq!(read(&key, &account, 51).unwrap().addresses, addresses);
    }

    #[test]
    fn unknown_addresses_are_never_looked_up_and_places_stay() {
        let [house, wallet, market] = [1, 2, 3].map(|n| Pubkey::new_from_array([n; 32]));
        let table = AddressLookupTableAccount {
            key: Pubkey::new_from_array([9; 32]),
            addresses: vec![house, wallet, market],
        };
        let kept = only(table.clone(), &[market, house]);
        assert_eq!(kept.addresses, [house, NOBODY, market]);
        assert_eq!(only(table, &[]).addresses, [NOBODY; 3]);
    }

    #[test]
    fn what_is_no_table_in_use_is_refused() {
        let key = Pubkey::new_from_array([1; 32]);
        let good = account(meta(), &[TABLES]);
        let foreign = Fetched {
            owner: key,
            ..good.clone()
        };
        let closing = LookupTableMeta {
            deactivation_slot: 60,
            ..meta()
        };
        for bad in [foreign, account(closing, &[TABLES])] {
            assert!(matches!(
                read(&key, &bad, 99),
                Err(ClientError::NotAnAccount { .. })
            ));
        }
        for length in 0..good.data.len() {
            let cut = Fetched {
                data: good.data[..length].to_vec(),
                ..good.clone()
            };
            // cut at its header it is an empty table
            let is_header = length == 56;
            assert_eq!(read(&key, &cut, 99).is_ok(), is_header, "{length}");
        }
    }
}
