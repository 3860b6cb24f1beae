//! Sending: what a transaction asks for and costs, and what becomes of it when something goes wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_core::Scope;
use portfolio_margin_client::{
    associated_token_account, tables, AnySigner, Client, ClientError, Landed, PriorityFee, Pubkey,
    RpcFailure, Transactor, TransactorConfig,
};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::seeds;
use risk_core::position::Instrument;
use risk_core::tier::Tier;
use sandbox::User;
use serde_json::json;
use solana_instruction::{AccountMeta, Instruction};

use super::{account, shared, spied, transactor, Own};

/// The limit of compute units is what the simulation used and a margin; what ran in the block is within it and not far below.
pub async fn within_budget(client: &Client, landed: &Landed) {
    let used = landed.quoted.simulation.units;
    let limit = u64::from(landed.quoted.limit);
    assert!(
        used > 0 && used <= limit && limit * 100 <= used * 120,
        "{used} of {limit}"
    );
    let (_, ran) = client
        .rpc()
        .log(&landed.signature)
        .await
        .unwrap()
        .expect("a log");
    assert!(
        ran <= limit && limit * 100 <= ran * 120,
        "{ran} ran of {limit}"
    );
}

pub fn perpetual(market: u16, quantity: i64, price: u64) -> TradeLeg {
    TradeLeg {
        market,
        instrument: Instrument::Perpetual as u8,
        expiry: 0,
        strike: 0,
        quantity,
        price,
    }
}

/// Opens a funded account of a user and returns its address.
async fn opened(client: &Client, sender: &Transactor, number: u16) -> Pubkey {
    let owner = sender.payer();
    let key = seeds::margin_account(&client.house(), &owner, number);
    let moment = client.moment().await.unwrap();
    let builder = moment.builder();
    let quote = moment
        .directory
        .banks
        .values()
        .find(|bank| bank.is_quote)
        .unwrap()
        .index;
    let mut ixs = vec![builder.open_account(&owner, number, 16, Tier::Standard)];
    ixs.extend(builder.deposit(&owner, &key, quote, 5_000_000_000).unwrap());
    let landed = sender.send(&ixs, &[]).await.unwrap();
    within_budget(client, &landed).await;
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_come_from_simulation_and_the_price_is_what_is_paid() {
    let network = shared();
    let (client, _) = spied(network).await;
    let alice = transactor(&client, "alice");
    let fixed = TransactorConfig {
        fee: PriorityFee::Fixed { price: 250_000 },
        ..alice.config().clone()
    };
    let alice = alice.with_config(fixed);
    let key = opened(&client, &alice, 21).await;
    let other = account(network, "bob");
    let bob = User::named("bob").keypair();
    let sides = client
        .load_all(&[key, other], &Scope::of_markets([1]))
        .await
        .unwrap();
    let market = sides[0]
        .moment
        .inputs
        .markets
        .iter()
        .find(|(m, _)| m.index == 1)
        .unwrap();
    let leg = perpetual(1, 1_000_000, market.1.price.raw());
    let builder = sides[0].builder();
    let (owner, bobs) = (alice.payer(), User::named("bob").key);
    let trade = builder.trade(&sides[0].side(), &sides[1].side(), [&owner, &bobs], &[leg]);
    let ixs = [
        builder.update_quote_price().unwrap(),
        builder.update_market(1).unwrap(),
        trade.unwrap(),
    ];
    let before = client.rpc().balance(&owner).await.unwrap();
    let landed = alice.send(&ixs, &[&bob as &AnySigner]).await.unwrap();
    within_budget(&client, &landed).await;
    let after = client.rpc().balance(&owner).await.unwrap();
    let quoted = &landed.quoted;
    assert_eq!(before - after, quoted.lamports);
    let priority = (u64::from(quoted.limit) * 250_000).div_ceil(1_000_000);
    assert_eq!(quoted.lamports, 2 * 5_000 + priority);
    // what it did is there for whoever loads now
    let loaded = client.load(&key).await.unwrap();
    assert_eq!(loaded.account.positions.len(), 1);
    let tier = loaded.builder().set_tier(&loaded.side(), Tier::Standard);
    assert!(tier.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_a_code_and_numbers_and_costs_nothing() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let carol = transactor(&client, "carol");
    let loaded = client.load(&account(network, "carol")).await.unwrap();
    let quote = loaded
        .moment
        .directory
        .banks
        .values()
        .find(|b| b.is_quote)
        .unwrap()
        .index;
    let cash = loaded.account.header.cash;
    let ixs = loaded
        .builder()
        .withdraw(&loaded.side(), quote, cash as u64 + 7_000_000_000);
    let before = client.rpc().balance(&carol.payer()).await.unwrap();
    spy.calls();
    let error = carol.send(&ixs.unwrap(), &[]).await.unwrap_err();
    assert!(!spy.calls().contains(&"sendTransaction"));
    let failure = error.failure().expect("a refusal");
    assert!(failure.code().is_some(), "{failure}");
    assert!(failure.values.is_some(), "{failure}");
    assert!(failure.landed.is_none() && !error.is_transient());
    assert!(!failure.logs.is_empty() && failure.units > 0);
    let after = client.rpc().balance(&carol.payer()).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_a_block_is_told_from_one_in_a_simulation() {
    let network = shared();
    let (client, _) = spied(network).await;
    let carol = transactor(&client, "carol");
    let moment = client.moment().await.unwrap();
    let open = moment
        .builder()
        .open_account(&carol.payer(), 31, 16, Tier::Standard);
    // both pass alone, and the second no more after the first
    let [first, second] = [
        carol.quote(std::slice::from_ref(&open)).await,
        carol.quote(&[open]).await,
    ];
    carol.send_quoted(first.unwrap(), &[]).await.unwrap();
    let mut second = second.unwrap();
    // another transaction, not the same once more
    second.instructions.push(filler());
    let error = carol.send_quoted(second, &[]).await.unwrap_err();
    let failure = error.failure().expect("a refusal");
    let (signature, slot) = failure.landed.expect("it is in a block");
    assert!(slot > 0 && !failure.logs.is_empty(), "{failure:?}");
    assert!(failure.to_string().contains(&signature.to_string()));
}

/// An instruction that changes nothing but the transaction's signature.
fn filler() -> Instruction {
    let owner = User::named("carol").key;
    transfer(&owner, &owner, 0)
}

/// A transfer of lamports.
fn transfer(from: &Pubkey, to: &Pubkey, lamports: u64) -> Instruction {
    Instruction {
        program_id: Pubkey::default(), // the system program
        accounts: vec![AccountMeta::new(*from, true), AccountMeta::new(*to, false)],
        data: [&2u32.to_le_bytes()[..], &lamports.to_le_bytes()].concat(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_blockhash_is_followed_by_a_fresh_one_and_nothing_happens_twice() {
    let network = Own::start(0);
    let (client, spy) = spied(&network).await;
    let alice = transactor(&client, "alice");
    let moment = client.moment().await.unwrap();
    let quote = moment
        .directory
        .banks
        .values()
        .find(|bank| bank.is_quote)
        .unwrap()
        .index;
    let key = account(&network, "alice");
    let ixs = moment
        .builder()
        .deposit(&alice.payer(), &key, quote, 1_000_000)
        .unwrap();
    let cash = client.load(&key).await.unwrap().account.header.cash;
    // the first blockhash's transactions get lost on their way
    let hashes = Arc::new(AtomicUsize::new(0));
    let lost = hashes.clone();
    spy.before(move |method, params| match method {
        "getLatestBlockhash" => {
            lost.fetch_add(1, Ordering::SeqCst);
            None
        }
        "sendTransaction" if lost.load(Ordering::SeqCst) < 2 => {
            assert!(params[0].is_string());
            Some(Ok(json!("lost")))
        }
        _ => None,
    });
    let sending = tokio::spawn({
        let alice = alice.clone();
        async move { alice.send(&ixs, &[]).await }
    });
    while hashes.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    network.expire_blockhashes().unwrap();
    let landed = sending.await.unwrap().unwrap();
    assert_eq!((landed.attempts, hashes.load(Ordering::SeqCst)), (2, 2));
    let after = client.load(&key).await.unwrap().account.header.cash;
    assert_eq!(after - cash, 1_000_000); // once
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_for_good_is_said_to_have_and_did_not_happen() {
    let network = Own::start(0);
    let (client, spy) = spied(&network).await;
    let one = TransactorConfig {
        attempts: 1,
        poll_every: Duration::from_millis(50),
        ..TransactorConfig::default()
    };
    let alice = transactor(&client, "alice").with_config(one);
    let moment = client.moment().await.unwrap();
    let ixs = [moment.builder().update_market(0).unwrap()];
    spy.before(|method, _| (method == "sendTransaction").then(|| Ok(json!("lost"))));
    let sending = tokio::spawn({
        let alice = alice.clone();
        async move { alice.send(&ixs, &[]).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    network.expire_blockhashes().unwrap();
    let error = sending.await.unwrap().unwrap_err();
    let ClientError::Expired {
        signature,
        attempts: 1,
    } = error
    else {
        panic!("{error}");
    };
    assert!(error.is_transient());
    assert_eq!(client.rpc().status(&signature, true).await.unwrap().1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_never_repeated() {
    let network = Own::start(0);
    let (client, spy) = spied(&network).await;
    let short = TransactorConfig {
        patience: Duration::from_secs(2),
        poll_every: Duration::from_millis(50),
        ..TransactorConfig::default()
    };
    let alice = transactor(&client, "alice").with_config(short);
    let moment = client.moment().await.unwrap();
    let key = account(&network, "alice");
    let quote = moment
        .directory
        .banks
        .values()
        .find(|bank| bank.is_quote)
        .unwrap()
        .index;
    let ixs = moment
        .builder()
        .deposit(&alice.payer(), &key, quote, 1_000_000)
        .unwrap();
    let cash = client.load(&key).await.unwrap().account.header.cash;
    // the server takes it and never tells what became of it
    spy.before(|method, _| {
        let status = json!({"context": {"slot": 1}, "value": [null]});
        (method == "getSignatureStatuses").then_some(Ok(status))
    });
    let error = alice.send(&ixs, &[]).await.unwrap_err();
    let ClientError::Unknown { signature, .. } = error else {
        panic!("{error}");
    };
    assert!(!error.is_transient());
    let asked = spy.calls();
    let hashes = asked
        .iter()
        .filter(|method| **method == "getLatestBlockhash");
    assert_eq!(hashes.count(), 1);
    // it had happened, and is found by its signature
    spy.honest();
    let mut status = None;
    for _ in 0..100 {
        status = client.rpc().status(&signature, true).await.unwrap().1;
        if status.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status.expect("it landed").error, None);
    let after = client.load(&key).await.unwrap().account.header.cash;
    assert_eq!(after - cash, 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_now_and_then_is_asked_again() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let patient = TransactorConfig {
        resend_every: Duration::from_millis(100),
        poll_every: Duration::from_millis(50),
        ..TransactorConfig::default()
    };
    let maker = transactor(&client, "maker").with_config(patient);
    let moment = client.moment().await.unwrap();
    let down = |code: Option<i64>, status: Option<u16>| {
        ClientError::Rpc(RpcFailure {
            method: "sendTransaction",
            server: "test".into(),
            status,
            code,
            message: "busy".into(),
            refusal: None,
        })
    };
    let errors = [
        down(None, None),
        down(None, Some(503)),
        down(Some(-32005), None),
    ];
    let left = Mutex::new(errors.to_vec());
    spy.before(move |method, _| match method {
        "sendTransaction" | "getSignatureStatuses" => left.lock().unwrap().pop().map(Err),
        _ => None,
    });
    let ixs = [moment.builder().update_market(0).unwrap()];
    let landed = maker.send(&ixs, &[]).await.unwrap();
    assert_eq!(landed.attempts, 1);
    // what it says no to at once is not sent for ever
    spy.before(move |method, _| match method {
        "sendTransaction" => Some(Err(down(Some(-32602), None))),
        _ => None,
    });
    let error = maker.send(&ixs, &[]).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Rpc(_)) && !error.is_transient(),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_twice_happens_twice_even_under_one_blockhash() {
    let network = shared();
    let (client, _) = spied(network).await;
    let keeper = transactor(&client, "keeper");
    let key = account(network, "keeper");
    let moment = client.moment().await.unwrap();
    let quote = moment.directory.banks.values().find(|bank| bank.is_quote);
    let quote = quote.unwrap().index;
    let deposit = moment
        .builder()
        .deposit(&keeper.payer(), &key, quote, 1_000_000);
    let deposit = deposit.unwrap();
    let before = client.load(&key).await.unwrap().account.header.cash;
    let (a, b, c) = tokio::join!(
        keeper.send(&deposit, &[]),
        keeper.send(&deposit, &[]),
        keeper.send(&deposit, &[])
    );
    let signatures = [a, b, c].map(|landed| landed.unwrap().signature);
    assert!(signatures[0] != signatures[1] && signatures[1] != signatures[2]);
    let after = client.load(&key).await.unwrap().account.header.cash;
    assert_eq!(after - before, 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_token_account_is_created_and_one_that_is_there_is_left_alone() {
    let network = shared();
    let (client, _) = spied(network).await;
    let bob = transactor(&client, "bob");
    let newcomer = User::named("a newcomer").keypair();
    let key = User::named("a newcomer").key;
    let moment = client.moment().await.unwrap();
    let bank = moment
        .directory
        .banks
        .values()
        .find(|bank| bank.is_quote)
        .unwrap();
    let wallet = associated_token_account(&key, &bank.mint, &bank.token_program);
    let account = seeds::margin_account(&client.house(), &key, 0);
    let deposit = moment
        .builder()
        .deposit(&key, &account, bank.index, 1)
        .unwrap();
    bob.send(&[transfer(&bob.payer(), &key, 1_000_000_000)], &[])
        .await
        .unwrap();
    assert_eq!(client.rpc().balance(&wallet).await.unwrap(), 0);
    let mut rent = None;
    for _ in 0..2 {
        bob.send(&deposit[..1], &[&newcomer as &AnySigner])
            .await
            .unwrap();
        let lamports = client.rpc().balance(&wallet).await.unwrap();
        assert!(lamports > 0 && rent.is_none_or(|rent| rent == lamports));
        rent = Some(lamports);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_extended_found_and_used() {
    let network = shared();
    let (client, _) = spied(network).await;
    let keeper = transactor(&client, "keeper2");
    let authority = User::named("keeper2").keypair();
    let addresses = tables::addresses(&client.directory());
    let (some, all) = (&addresses[..5], &addresses[..]);
    let table = tables::create(&keeper, &authority, some).await.unwrap();
    assert_eq!(table.addresses, some);
    let table = tables::extend(&keeper, &authority, &table, all)
        .await
        .unwrap();
    assert_eq!(table.addresses, all);
    let found = tables::find(client.rpc(), &keeper.payer()).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&table));
    let loaded = client.load(&account(network, "alice")).await.unwrap();
    let view = [loaded.builder().view_margin(&loaded.side(), &[]).unwrap()];
    let plain = keeper.quote(&view).await.unwrap();
    let small = keeper
        .clone()
        .with_tables(vec![table], all)
        .quote(&view)
        .await
        .unwrap();
    assert!(
        small.bytes + 100 < plain.bytes,
        "{} {}",
        small.bytes,
        plain.bytes
    );
    assert_eq!(small.simulation.units, plain.simulation.units);
}
