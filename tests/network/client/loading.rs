//! Loading: one round trip, and the report that the program would give.

use client_core::Scope;
use portfolio_margin_client::{Client, Loaded, Transactor};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::view::{MarginView, View};
use risk_core::tier::Tier;
use sandbox::User;

use super::{account, shared, spied, transactor, Own, POPULATION};

const ONE_REQUEST: [&str; 1] = ["getMultipleAccounts"];

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_loaded_with_all_it_needs_in_one_request() {
    let network = shared();
    let (client, spy) = spied(network).await;
    for _ in 0..2 {
        let loaded = client.load(&account(network, "alice")).await.unwrap();
        assert_eq!(spy.calls(), ONE_REQUEST);
        loaded.report().unwrap();
        loaded.view().unwrap();
        assert!(spy.calls().is_empty(), "a report asks nobody");
    }
    let both = [account(network, "alice"), account(network, "bob")];
    let loaded = client.load_all(&both, &Scope::default()).await.unwrap();
    assert_eq!(spy.calls(), ONE_REQUEST);
    assert_eq!(loaded[0].moment.slot, loaded[1].moment.slot);
    let everything = client.moment().await.unwrap();
    assert_eq!(spy.calls(), ONE_REQUEST);
    assert_eq!(everything.inputs.markets.len(), network.info.markets.len());
    assert_eq!(everything.inputs.banks.len(), network.info.banks.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_came_into_a_bank_costs_a_second_request_once() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let owner = User::named("carol").key;
    let fresh = seeds::margin_account(&client.house(), &owner, 7);
    let moment = client.moment().await.unwrap();
    let sender = transactor(&client, "carol");
    let open = moment.builder().open_account(&owner, 7, 16, Tier::Standard);
    sender.send(&[open], &[]).await.unwrap();
    let empty = client.load(&fresh).await.unwrap();
    assert!(empty.account.scope() == Scope::default());
    let sol = network.info.banks.iter().find(|bank| !bank.is_quote);
    let sol = sol.expect("a bank of another asset").index;
    let deposit = moment.builder().deposit(&owner, &fresh, sol, 1_000_000_000);
    sender.send(&deposit.unwrap(), &[]).await.unwrap();
    for requests in [2, 1, 1] {
        spy.calls();
        let loaded = client.load(&fresh).await.unwrap();
        assert_eq!(spy.calls().len(), requests);
        assert!(loaded.account.scope().banks.contains(&sol));
        assert!(loaded.report().unwrap().report.margin.equity.raw() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_request_holds_is_still_of_one_slot() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let (_, accounts) = client.margin_accounts(None).await.unwrap();
    let keys: Vec<_> = accounts.iter().map(|(key, _)| *key).take(250).collect();
    // first what they hold becomes known, then everything fits together
    client.load_all(&keys, &Scope::default()).await.unwrap();
    spy.calls();
    let loaded = client.load_all(&keys, &Scope::default()).await.unwrap();
    let asked = spy.calls();
    assert!(asked.len() >= 3 && asked.len() % 3 == 0, "{asked:?}"); // again where a block came between
    let slot = loaded[0].moment.slot;
    assert!(loaded.iter().all(|loaded| loaded.moment.slot == slot));
    for (key, loaded) in keys.iter().zip(&loaded) {
        assert_eq!(loaded.key, *key);
        loaded.report().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_owner_and_all_of_a_house() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let (_, all) = client.margin_accounts(None).await.unwrap();
    assert!(all.len() >= POPULATION + 6, "{}", all.len());
    let alice = User::named("alice").key;
    let (_, hers) = client.margin_accounts(Some(&alice)).await.unwrap();
    assert_eq!(spy.calls(), ["getProgramAccounts"; 2]);
    assert!(!hers.is_empty());
    assert!(hers
        .iter()
        .all(|(_, account)| account.header.owner == alice));
    let of_all = all
        .iter()
        .filter(|(_, account)| account.header.owner == alice);
    assert!(of_all.count() <= hers.len());
}

/// What the program's view returns for an account as it was loaded.
async fn view_on_chain(sender: &Transactor, loaded: &Loaded) -> MarginView {
    let ix = loaded.builder().view_margin(&loaded.side(), &[]).unwrap();
    let shown = sender.simulate(&[ix], &[]).await.unwrap();
    assert_eq!(shown.failure, None);
    let (program, bytes) = shown.return_data.expect("a view");
    assert_eq!(program, portfolio_margin_client::ID);
    MarginView::read(&bytes).expect("a view of a margin")
}

/// Compares until nothing moved in between: the same account before and after the program was asked.
async fn compare(client: &Client, sender: &Transactor, key: &portfolio_margin_client::Pubkey) {
    for _ in 0..40 {
        let before = client.load(key).await.unwrap().view().unwrap();
        let loaded = client.load(key).await.unwrap();
        let theirs = view_on_chain(sender, &loaded).await;
        let after = client.load(key).await.unwrap().view().unwrap();
        if before == after {
            assert_eq!(loaded.view().unwrap(), theirs, "{key}");
            return;
        }
    }
    panic!("{key} never stood still");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_the_programs_view_to_the_bit() {
    // prices and clock of its own, and nobody else who trades
    let network = Own::start(POPULATION);
    let (client, _) = spied(&network).await;
    let sender = transactor(&client, "alice");
    let (_, accounts) = client.margin_accounts(None).await.unwrap();
    let mut with_positions = 0;
    for (key, account) in &accounts {
        compare(&client, &sender, key).await;
        with_positions += usize::from(!account.positions.is_empty());
    }
    assert!(accounts.len() >= POPULATION, "{}", accounts.len());
    assert!(with_positions >= POPULATION * 9 / 10, "{with_positions}");
    network.crash_now().unwrap();
    for (key, _) in accounts.iter().take(100) {
        compare(&client, &sender, key).await;
    }
}
