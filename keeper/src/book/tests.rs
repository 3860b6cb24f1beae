//! A book against every order of updates, gaps, closes, stale slots and data that is none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use client_core::clock::CLOCK;
use client_core::{Evaluator, Scope};
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::{AccountLayout, Pubkey, ID};
use rand::seq::SliceRandom;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sandbox::{perpetual, BASE, BTC_START, SOL, USDC};

use super::Book;
use crate::model::{Applied, Origin, Update};
use crate::snapshot::Listed;
use crate::testing::{nowhere, Town, SLOT};

/// What decides: every byte that evaluations read.
fn picture(book: &Book) -> Vec<(Pubkey, u64, Vec<u8>)> {
    let accounts = book.accounts().map(|account| {
        let mut bytes = bytemuck::bytes_of(&account.header).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&account.positions));
        (account.key, account.slot, bytes)
    });
    let markets = book.markets().map(|market| {
        let key = book.directory().market(market.index).unwrap().key;
        (key, 0, bytemuck::bytes_of(market).to_vec())
    });
    let prices = book.price_keys().filter_map(|key| {
        let bytes = book.price_bytes(key)?;
        Some((*key, 0, bytes.data.clone()))
    });
    accounts.chain(markets).chain(prices).collect()
}

#[test]
fn a_book_that_was_told_everything_evaluates_as_the_world_does() {
    let town = Town::new();
    let book = town.book();
    assert_eq!(book.now(), town.world.now());
    assert_eq!((book.account_count(), book.slot()), (3, SLOT));
    let (mut inputs, unpriced) = book.priced().unwrap();
    assert_eq!(unpriced, 0);
    inputs.now = town.world.now();
    let evaluator = Evaluator::new(&inputs);
    for account in town.known(&book) {
        let report = evaluator.report(&account.header, &account.positions);
        assert_eq!(report.unwrap(), town.world.report(&account.key));
        let scope = Scope::of(&account.header, &account.positions);
        assert_eq!(book.inputs(&scope).unwrap().scope(), scope);
    }
}

#[test]
fn every_order_of_updates_ends_in_the_same_book() {
    let mut town = Town::new();
    let (btc, sol) = (town.world.btc, town.world.sol);
    let first = town.book();
    let mut updates = vec![];
    let traders = town.traders.clone();
    for step in 1..=6 {
        match step % 3 {
            0 => town.world.set_price(&btc, BTC_START + step * 1_000_000),
            1 => {
                let leg = [perpetual(&btc, BASE / 10, BTC_START)];
                town.world.trade(&traders[0], &traders[1], &leg).ok();
            }
            _ => {
                town.world.update_market(&sol).ok();
                town.world.set_price(&sol, 20_000_000_000 + step);
            }
        }
        for key in town.keys().into_iter().filter(|key| *key != CLOCK) {
            let origin = match step % 2 {
                0 => Origin::Snapshot,
                _ => Origin::Subscription,
            };
            updates.push(town.update(key, SLOT + step, origin));
        }
    }
    let mut in_order = town.book();
    for update in &updates {
        in_order.apply(update);
    }
    let want = picture(&in_order);
    assert_ne!(want, picture(&first));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for round in 0..100 {
        // some are told twice
        let mut told = updates.clone();
        told.extend_from_slice(&updates[round % 5..round % 5 + round % 50]);
        told.shuffle(&mut random);
        let mut book = town.book();
        for update in &told {
            book.apply(update);
        }
        assert_eq!(picture(&book), want, "round {round}");
    }
}

#[test]
fn an_older_slot_a_repetition_and_a_snapshot_of_the_same_slot_change_nothing() {
    let mut town = Town::new();
    let alice = town.traders[0];
    let old = town.update(alice.account, SLOT - 1, Origin::Subscription);
    let old_price = town.update(town.world.btc.price, SLOT - 1, Origin::Subscription);
    let old_clock = town.update(CLOCK, SLOT - 1, Origin::Subscription);
    town.world
        .fund(&alice.user, &town.world.sol_bank.clone(), SOL);
    town.world
        .deposit(&alice, &town.world.sol_bank.clone(), SOL)
        .ok();
    town.world.set_price(&town.world.btc.clone(), BTC_START + 5);
    town.world.advance(3);
    let mut book = town.book();
    let want = picture(&book);
    for update in [old, old_price, old_clock] {
        assert_eq!(book.apply(&update), Applied::Stale);
    }
    for key in town.keys() {
        let again = town.update(key, SLOT, Origin::Subscription);
        assert_eq!(book.apply(&again), Applied::Same, "{key}");
        let again = town.update(key, SLOT, Origin::Snapshot);
        assert_eq!(book.apply(&again), Applied::Stale, "{key}");
    }
    assert_eq!(picture(&book), want);
    assert_eq!(book.now(), town.world.now());

    // of the same slot, a notification tells what the slot ended with, and a snapshot may be older
    let deposit = |town: &mut Town| {
        let usdc = town.world.usdc;
        town.world.fund(&alice.user, &usdc, USDC);
        town.world.deposit(&alice, &usdc, USDC).ok();
    };
    deposit(&mut town);
    let later = town.update(alice.account, SLOT, Origin::Snapshot);
    assert_eq!(book.apply(&later), Applied::Stale);
    let later = town.update(alice.account, SLOT, Origin::Subscription);
    assert_eq!(book.apply(&later), Applied::Account);
    let before = town.update(alice.account, SLOT, Origin::Subscription);
    deposit(&mut town);
    let last = town.update(alice.account, SLOT, Origin::Subscription);
    assert_eq!(book.apply(&last), Applied::Account);
    // two notifications of one slot in the wrong order: the sequence decides
    assert_eq!(book.apply(&before), Applied::Stale);
}

fn gone(key: Pubkey, slot: u64) -> Update {
    Update {
        key,
        owner: Pubkey::default(),
        lamports: 0,
        data: vec![],
        slot,
        origin: Origin::Subscription,
    }
}

#[test]
fn a_closed_account_goes_and_late_notifications_do_not_bring_it_back() {
    let town = Town::new();
    let mut book = town.book();
    let key = town.traders[0].account;
    assert_eq!(book.apply(&gone(key, SLOT - 1)), Applied::Stale);
    assert_eq!(book.apply(&gone(key, SLOT + 5)), Applied::Closed);
    assert!(book.account(&key).is_none());
    // also in the very slot that it is known from
    assert_eq!(town.book().apply(&gone(key, SLOT)), Applied::Closed);
    assert_eq!(book.apply(&gone(key, SLOT + 6)), Applied::Stale);
    assert_eq!(book.apply(&gone(nowhere(), SLOT + 6)), Applied::Foreign);
    for slot in [SLOT, SLOT + 4, SLOT + 5] {
        let late = town.update(key, slot, Origin::Subscription);
        assert_eq!(book.apply(&late), Applied::Stale, "{slot}");
    }
    // opened again: later, or within the slot with a number of its own
    let later = town.update(key, SLOT + 6, Origin::Subscription);
    let mut other = town.book();
    other.apply(&gone(key, SLOT + 5));
    assert_eq!(other.apply(&later), Applied::Account);
    let mut again = town.update(key, SLOT + 5, Origin::Subscription);
    let mut header: MarginAccount = *MarginAccount::read(&aligned(&again.data)).unwrap();
    header.sequence += 1;
    again.data[8..MarginAccount::ACCOUNT_LEN].copy_from_slice(bytemuck::bytes_of(&header));
    assert_eq!(book.apply(&again), Applied::Account);
}

/// A copy whose layout is aligned whatever the source's is.
fn aligned(data: &[u8]) -> Vec<u8> {
    let mut words = vec![0u64; data.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..data.len()].copy_from_slice(data);
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    bytes[..data.len()].to_vec()
}

#[test]
fn what_a_list_lacks_is_in_doubt_unless_it_is_newer_and_goes_once_it_is_missed_by_name() {
    let town = Town::new();
    let keys: Vec<_> = town.traders.iter().map(|trader| trader.account).collect();
    let mut book = town.book();
    book.apply(&town.update(keys[1], SLOT + 3, Origin::Subscription));
    let list = |keys: &[Pubkey], slot| Listed {
        slot,
        keys: keys.iter().copied().collect(),
    };
    assert_eq!(book.unlisted(&list(&keys, SLOT + 2)), []);
    assert_eq!(book.unlisted(&list(&[keys[2]], SLOT)), []);
    assert_eq!(book.unlisted(&list(&[keys[2]], SLOT + 3)), [keys[0]]);
    assert_eq!(book.account_count(), 3);
    let missing = crate::wire::missing(keys[0], SLOT + 3);
    assert_eq!(book.apply(&missing), Applied::Closed);
    assert_eq!(book.account_count(), 2);
    let late = town.update(keys[0], SLOT + 2, Origin::Subscription);
    assert_eq!(book.apply(&late), Applied::Stale);
}

#[test]
fn what_is_not_what_it_claims_changes_nothing() {
    let town = Town::new();
    let mut book = town.book();
    let want = picture(&book);
    let mut refuse = |update: &Update, what: &str| {
        let applied = book.apply(update);
        assert_eq!(applied, Applied::Foreign, "{what} of {}", update.key);
    };
    let of_program = [
        town.world.house,
        town.world.btc.key,
        town.world.sol_bank.key,
        town.traders[0].account,
    ];
    for key in of_program {
        let whole = town.update(key, SLOT + 9, Origin::Subscription);
        let is_account = key == town.traders[0].account;
        let used = match is_account {
            // room for further records may be missing
            true => MarginAccount::space(town.world.account(&key).1.len()),
            false => whole.data.len(),
        };
        for end in (0..used).step_by(37) {
            let mut cut = whole.clone();
            cut.data.truncate(end);
            refuse(&cut, &format!("{end} bytes"));
        }
        for at in [0, 7, 8] {
            let mut bent = whole.clone();
            bent.data[at] ^= 0x40; // the discriminator, the version
            refuse(&bent, &format!("byte {at}"));
        }
        if key != town.world.house {
            let mut elsewhere = whole.clone();
            elsewhere.key = nowhere();
            if !is_account {
                refuse(&elsewhere, "the place");
            }
            let mut foreign = whole.clone();
            for byte in &mut foreign.data[16..64] {
                *byte = 9; // the house, wherever the layout has it
            }
            refuse(&foreign, "the house");
        }
    }
    let mut cut = town.update(CLOCK, SLOT + 9, Origin::Subscription);
    cut.data.truncate(39);
    refuse(&cut, "39 bytes");
    let mut strange = town.update(town.world.btc.key, SLOT + 9, Origin::Subscription);
    (strange.key, strange.owner) = (nowhere(), nowhere());
    refuse(&strange, "another program's account");
    assert_eq!(picture(&book), want);
}

#[test]
fn an_account_of_another_program_at_a_known_address_is_a_closed_one() {
    let town = Town::new();
    let mut book = town.book();
    let mut taken = town.update(town.traders[0].account, SLOT + 1, Origin::Subscription);
    taken.owner = nowhere();
    assert_eq!(book.apply(&taken), Applied::Closed);
    // a market or a bank cannot go
    let mut market = town.update(town.world.btc.key, SLOT + 1, Origin::Subscription);
    market.owner = nowhere();
    assert_eq!(book.apply(&market), Applied::Foreign);
    assert!(book.market(town.world.btc.index).is_some());
    assert_ne!(ID, nowhere());
}

#[test]
fn new_markets_and_banks_extend_the_directory_and_the_prices_followed() {
    let town = Town::new();
    let world = &town.world;
    let mut book = Book::new(world.house);
    let tell = |book: &mut Book, key| book.apply(&town.update(key, SLOT, Origin::Snapshot));
    assert_eq!(tell(&mut book, world.btc.price), Applied::Foreign);
    // listings may come before the house
    assert_eq!(tell(&mut book, world.btc.key), Applied::Market(0, true));
    assert_eq!(tell(&mut book, world.btc.price), Applied::Price);
    assert_eq!(tell(&mut book, world.house), Applied::House);
    assert_eq!(book.price_keys().collect::<Vec<_>>(), [&world.btc.price]);
    assert_eq!(tell(&mut book, world.sol.key), Applied::Market(1, true));
    assert!(book.price_keys().any(|key| *key == world.sol.price));
    let index = world.sol_bank.index;
    assert_eq!(
        tell(&mut book, world.sol_bank.key),
        Applied::Bank(index, true)
    );
    assert_eq!(book.unknown_mints(), [world.sol_bank.mint]);
    book.set_token_program(world.sol_bank.mint, world.sol_bank.token_program);
    assert_eq!(book.unknown_mints(), []);
    let listed = book.directory().bank(index).unwrap();
    assert_eq!(
        (listed.key, listed.price, listed.token_program),
        (
            world.sol_bank.key,
            world.sol_bank.price,
            world.sol_bank.token_program
        )
    );
}

#[test]
fn a_dead_feed_leaves_its_holders_unjudged_until_the_stored_price_stands_in() {
    let mut town = Town::new();
    let (btc, sol) = (town.world.btc, town.world.sol);
    let bank = town.world.sol_bank;
    let tell = |town: &Town, book: &mut Book, slot| {
        for key in town.keys() {
            book.apply(&town.update(key, slot, Origin::Subscription));
        }
        book.review_outages();
        book.priced().unwrap()
    };
    let mut book = town.book();
    assert_eq!(tell(&town, &mut book, SLOT).1, 0);
    town.world.update_market(&sol).ok();
    town.world.advance(600);
    town.world.set_price(&btc, BTC_START);
    let (inputs, unpriced) = tell(&town, &mut book, SLOT + 1);
    assert_eq!((unpriced, inputs.markets.len()), (2, 1)); // the market and the bank
    let report = sandbox::instructions::report_outage(&sol);
    town.world.send(&[report], &[]).ok();
    town.world.advance(3_590);
    town.world.set_price(&btc, BTC_START);
    assert_eq!(tell(&town, &mut book, SLOT + 2).1, 2);
    town.world.advance(10);
    let (inputs, unpriced) = tell(&town, &mut book, SLOT + 3);
    assert_eq!((unpriced, inputs.markets.len()), (0, 2));
    assert_eq!(book.directory().market(sol.index).unwrap().price, sol.key);
    assert_eq!(book.directory().bank(bank.index).unwrap().price, sol.key);
    let stored = book.market(sol.index).unwrap().spot;
    assert_eq!(inputs.markets[1].1.price.raw(), stored);
    // the price account is followed all the while, and is shown again once it lives
    town.world.set_price(&sol, 3 * stored);
    let (inputs, unpriced) = tell(&town, &mut book, SLOT + 4);
    assert_eq!((unpriced, inputs.markets[1].1.price.raw()), (0, 3 * stored));
    assert_eq!(book.directory().market(sol.index).unwrap().price, sol.price);
}

#[test]
fn before_anything_is_known_a_book_says_so() {
    let town = Town::new();
    let book = Book::new(town.world.house);
    assert!(book.priced().is_none());
    assert_eq!((book.now(), book.slot()), (0, 0));
    let error = book.inputs(&Scope::default()).unwrap_err();
    assert_eq!(error, crate::pricing::BookError::NotLoaded);
}
