//! Servers that lie: every answer that cannot be true is a typed error, none is a panic or a wrong report.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use portfolio_margin_client::{Client, ClientError, Pubkey};
use portfolio_margin_interface::errors::ErrorCode;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{json, Value};

use super::{account, shared, spied, spied_within, Spy};

/// Changes the account of one key in answers to `getMultipleAccounts`.
fn lie_about(spy: &Spy, key: Pubkey, lie: impl Fn(&mut Value) + Send + Sync + 'static) {
    let name = key.to_string();
    spy.after(move |method, params, mut answer| {
        let asked = params[0].as_array().cloned().unwrap_or_default();
        let at = asked.iter().position(|asked| *asked == name.as_str());
        if let (Some(at), "getMultipleAccounts") = (at, method) {
            lie(&mut answer["value"][at]);
        }
        answer
    });
}

/// An account as the server gives it.
async fn raw(client: &Client, key: &Pubkey) -> Value {
    let params = json!([[key.to_string()], {"encoding": "base64+zstd", "commitment": "confirmed"}]);
    let answer = client.rpc().call("getMultipleAccounts", params).await;
    answer.unwrap()["value"][0].clone()
}

/// An account of the given bytes.
pub fn with_bytes(bytes: &[u8], owner: &str) -> Value {
    let text = base64(bytes);
    json!({"owner": owner, "lamports": 1, "data": [text, "base64"], "executable": false, "rentEpoch": 0})
}

/// Base64, written out so that the test does not use the decoder's library to lie.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks(3).map(|group| {
        let part = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = part(0) << 16 | part(1) << 8 | part(2);
        let digit = |shift: u32| char::from(DIGITS[(bits >> shift & 63) as usize]);
        let text: String = [18, 12, 6, 0].into_iter().map(digit).collect();
        format!(
            "{}{}",
            &text[..group.len() + 1],
            "=".repeat(3 - group.len())
        )
    });
    groups.collect()
}

pub async fn bytes_of(client: &Client, key: &Pubkey) -> Vec<u8> {
    let snapshot = client.rpc().accounts(&[*key]).await.unwrap();
    snapshot.accounts[0].clone().expect("an account").data
}

fn not_an_account(error: &ClientError, of: &Pubkey) -> bool {
    matches!(error, ClientError::NotAnAccount { key, .. } if key == of)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_another_owner_kind_or_length_is_none() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let alice = account(network, "alice");
    let directory = client.directory();
    let market = directory.markets[&0].key;
    let house = client.house();
    client.load(&alice).await.unwrap();
    for key in [alice, market, house] {
        lie_about(&spy, key, |account| {
            account["owner"] = json!("11111111111111111111111111111111");
        });
        let error = client.load(&alice).await.unwrap_err();
        assert!(not_an_account(&error, &key), "{error}");
        assert!(!error.is_transient());
        spy.honest();
        let bytes = bytes_of(&client, &key).await;
        let owner = portfolio_margin_client::ID.to_string();
        for cut in [0, 7, 8, 100, bytes.len() / 2, 559] {
            let short = with_bytes(&bytes[..cut.min(bytes.len() - 1)], &owner);
            lie_about(&spy, key, move |account| *account = short.clone());
            let error = client.load(&alice).await.unwrap_err();
            assert!(not_an_account(&error, &key), "{cut}: {error}");
        }
        lie_about(&spy, key, |account| *account = Value::Null);
        let error = client.load(&alice).await.unwrap_err();
        assert_eq!(error, ClientError::Missing(key));
        spy.honest();
    }
    client.load(&alice).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_ones_bytes_are_told_apart() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let (alice, bob) = (account(network, "alice"), account(network, "bob"));
    let directory = client.directory();
    let (first, second) = (directory.markets[&0], directory.markets[&1]);
    client.load(&alice).await.unwrap();
    for (key, other) in [
        (alice, bob),
        (alice, first.key),
        (first.key, second.key),
        (second.key, first.key),
        (first.key, alice),
        (client.house(), first.key),
    ] {
        let bytes = raw(&client, &other).await;
        lie_about(&spy, key, move |account| *account = bytes.clone());
        let error = client.load(&alice).await.unwrap_err();
        assert!(not_an_account(&error, &key), "{key} as {other}: {error}");
        spy.honest();
    }
    // a price of another feed is refused by the check that the program has
    let price = raw(&client, &second.price).await;
    lie_about(&spy, first.price, move |account| *account = price.clone());
    let loaded = client.load(&alice).await.unwrap();
    for error in [loaded.report().unwrap_err(), loaded.view().unwrap_err()] {
        let ClientError::Evaluation { why, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(why.code(), ErrorCode::OracleFeedMismatch);
    }
    lie_about(&spy, first.price, |account| {
        account["owner"] = json!("11111111111111111111111111111111");
    });
    let error = client.load(&alice).await.unwrap().report().unwrap_err();
    let ClientError::Evaluation { why, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(why.code(), ErrorCode::OracleOwner);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_of_no_token_program_is_none() {
    let (client, spy) = spied(shared()).await;
    let known = client.directory();
    let mint = known.banks[&0].mint;
    lie_about(&spy, mint, |account| {
        account["owner"] = json!(portfolio_margin_client::ID.to_string());
    });
    let error = client.refresh().await.unwrap_err();
    assert!(not_an_account(&error, &mint), "{error}");
    assert_eq!(client.directory(), known, "what was known stays");
    spy.honest();
    client.refresh().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_slot_than_was_seen_is_refused_and_worth_another_try() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let alice = account(network, "alice");
    let now = client.load(&alice).await.unwrap().moment.slot;
    for (behind, is_good) in [(32, true), (33, false)] {
        spy.after(move |_, _, mut answer| {
            answer["context"]["slot"] = json!(now - behind);
            answer
        });
        match client.load(&alice).await {
            Ok(loaded) => assert!(is_good && loaded.moment.slot == now - behind),
            Err(error) => {
                let is_behind =
                    matches!(error, ClientError::Behind { slot, .. } if slot == now - behind);
                assert!(is_behind && !is_good && error.is_transient(), "{error}");
            }
        }
    }
    // what a landed transaction showed is never unseen
    spy.honest();
    client.rpc().expect_slot(now);
    spy.after(move |_, _, mut answer| {
        answer["context"]["slot"] = json!(now - 1);
        answer
    });
    let error = client.load(&alice).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Behind { tolerated: 0, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_claims_what_is_not_listed_is_refused_without_end() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let alice = account(network, "alice");
    let mut bytes = bytes_of(&client, &alice).await;
    // the first position's market
    let at = <portfolio_margin_interface::state::MarginAccount as portfolio_margin_interface::AccountLayout>::ACCOUNT_LEN;
    bytes[at..at + 2].copy_from_slice(&4_321u16.to_le_bytes());
    let bent = with_bytes(&bytes, &portfolio_margin_client::ID.to_string());
    lie_about(&spy, alice, move |account| *account = bent.clone());
    for _ in 0..2 {
        let error = client.load(&alice).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Unlisted { index: 4_321, .. }),
            "{error}"
        );
    }
    assert!(spy.calls().len() < 20);
    spy.honest();
    client.load(&alice).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_or_too_few_accounts_are_nonsense() {
    let network = shared();
    let (client, spy) = spied(network).await;
    let alice = account(network, "alice");
    client.load(&alice).await.unwrap();
    for change in [-1, 1] {
        spy.after(move |_, _, mut answer| {
            if let Some(list) = answer["value"].as_array_mut() {
                match change {
                    -1 => drop(list.pop()),
                    _ => list.push(Value::Null),
                }
            }
            answer
        });
        let error = client.load(&alice).await.unwrap_err();
        assert!(matches!(error, ClientError::Nonsense { .. }), "{error}");
    }
}

/// Replaces one random value within a JSON value.
fn bend(value: &mut Value, random: &mut ChaCha8Rng) {
    let is_leaf = match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => true,
    };
    if is_leaf || random.random_ratio(1, 6) {
        let junk = [
            json!(null),
            json!(-1),
            json!(u64::MAX),
            json!(1.5e300),
            json!(""),
            json!("\u{0}\u{ffff}"),
            json!([]),
            json!({}),
            json!([[[[]]]]),
            json!(true),
            json!({"InstructionError": [99, {"Custom": 6000}]}),
        ];
        *value = junk[random.random_range(0..junk.len())].clone();
        return;
    }
    match value {
        Value::Array(list) => {
            let at = random.random_range(0..list.len());
            bend(&mut list[at], random);
        }
        Value::Object(fields) => {
            let at = random.random_range(0..fields.len());
            if let Some(inner) = fields.values_mut().nth(at) {
                bend(inner, random);
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_makes_the_client_panic() {
    let network = shared();
    // without waiting for a server that is behind: what is tried is many answers
    let (client, spy) = spied_within(network, u64::MAX).await;
    let alice = account(network, "alice");
    let truth = client.load(&alice).await.unwrap().account.header.sequence;
    let sender = super::transactor(&client, "alice");
    let refused = Arc::new(AtomicUsize::new(0));
    for seed in 0..400 {
        spy.after(move |method, _, mut answer| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            if method != "sendTransaction" {
                bend(&mut answer, &mut random);
            }
            answer
        });
        match client.load(&alice).await {
            Ok(loaded) => {
                assert_eq!(loaded.account.header.sequence, truth, "{seed}");
                let _ = (loaded.report(), loaded.view());
            }
            Err(_) => drop(refused.fetch_add(1, Ordering::Relaxed)),
        }
        let _ = client.refresh().await;
        let _ = client.margin_accounts(Some(&sender.payer())).await;
        let crank = client.directory().house;
        let ix = portfolio_margin_interface::instructions::UpdateInterest {
            clearinghouse: crank,
        };
        let _ = sender.quote(&[ix.instruction(&[])]).await;
    }
    assert!(refused.load(Ordering::Relaxed) > 100, "{refused:?}");
}
