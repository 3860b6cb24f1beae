//! A server that steals: what it states of tables and transactions must not move anybody's money to another's account, or twice.

use client_core::Directory;
use portfolio_margin_client::{
    associated_token_account, tables, Client, ClientError, Pubkey, TransactorConfig,
};
use portfolio_margin_interface::seeds;
use sandbox::User;
use serde_json::json;

use super::lies::{bytes_of, with_bytes};
use super::{shared, spied, transactor};

/// The runtime's program of lookup tables.
const TABLES: &str = "AddressLookupTab1e1111111111111111111111111";

/// Where a user's tokens of the quote asset are.
fn wallet(directory: &Directory, name: &str) -> Pubkey {
    let bank = directory.banks.values().find(|bank| bank.is_quote).unwrap();
    associated_token_account(&User::named(name).key, &bank.mint, &bank.token_program)
}

/// Tokens of a wallet.
async fn tokens(client: &Client, wallet: &Pubkey) -> u64 {
    let data = bytes_of(client, wallet).await;
    u64::from_le_bytes(data[64..72].try_into().unwrap())
}

/// Bytes with one key in another's place, wherever it stands.
fn replaced(mut bytes: Vec<u8>, from: &Pubkey, to: &Pubkey) -> Vec<u8> {
    let at = bytes.windows(32).position(|part| part == from.as_ref());
    let at = at.expect("it is there");
    bytes[at..at + 32].copy_from_slice(to.as_ref());
    bytes
}

/// The thief owns a table that names its own wallet, and a server that states the victim's in that place: the victim signs a
/// withdrawal that names the place and not the wallet.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_what_the_server_states_turns_no_withdrawal() {
    let (client, spy) = spied(shared()).await;
    let directory = client.directory();
    let (thief, victim) = (User::named("bob"), User::named("carol"));
    let (ours, theirs) = (wallet(&directory, "carol"), wallet(&directory, "bob"));
    let known = tables::addresses(&directory);
    let named = [&known[..], &[theirs]].concat();
    let bob = transactor(&client, "bob");
    let made = tables::create(&bob, &thief.keypair(), &named).await;
    let made = made.unwrap();

    let lie = bytes_of(&client, &made.key).await;
    let lie = replaced(replaced(lie, &theirs, &ours), &thief.key, &victim.key);
    let (key, slot) = (made.key.to_string(), client.rpc().newest_slot());
    spy.before(move |method, params| {
        let is_asked = method == "getProgramAccounts" && params[0] == TABLES;
        let table = json!({"pubkey": key, "account": with_bytes(&lie, TABLES)});
        is_asked.then(|| Ok(json!({"context": {"slot": slot}, "value": [table]})))
    });
    let found = tables::find(client.rpc(), &victim.key).await.unwrap();
    assert_eq!(found[0].addresses.last(), Some(&ours), "it is believed");
    spy.honest();

    let account = seeds::margin_account(&client.house(), &victim.key, 0);
    let carol = transactor(&client, "carol").with_tables(found, &known);
    let loaded = client.load(&account).await.unwrap();
    let quote = directory.banks.values().find(|bank| bank.is_quote).unwrap();
    let withdrawal = loaded
        .builder()
        .withdraw(&loaded.side(), quote.index, 1_000_000);
    let before = [tokens(&client, &ours).await, tokens(&client, &theirs).await];
    let landed = carol.send(&withdrawal.unwrap()[1..], &[]).await.unwrap();
    let after = [tokens(&client, &ours).await, tokens(&client, &theirs).await];
    assert_eq!(after, [before[0] + 1_000_000, before[1]], "{landed:?}");
    // what the house lists is looked up as before
    assert!(landed.quoted.bytes < 600, "{}", landed.quoted.bytes);
}

/// That a blockhash is over is the server's word: it gets as many signatures as attempts, and one alone where that is what is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_about_expiry_lands_as_many_as_there_are_attempts() {
    let (client, spy) = spied(shared()).await;
    let account = seeds::margin_account(&client.house(), &User::named("carol").key, 0);
    let carol = transactor(&client, "carol");
    for attempts in [1, 3] {
        let before = client.load(&account).await.unwrap();
        let quote = before.moment.directory.banks.values();
        let quote = quote.clone().find(|bank| bank.is_quote).unwrap().index;
        let deposit = before
            .builder()
            .deposit(&carol.payer(), &account, quote, 1)
            .unwrap();
        spy.after(|method, _, mut answer| {
            match method {
                "getSignatureStatuses" => answer["value"] = json!([null]),
                "getEpochInfo" => answer["blockHeight"] = json!(u64::MAX),
                _ => {}
            }
            answer
        });
        let config = TransactorConfig {
            attempts,
            ..carol.config().clone()
        };
        let sender = carol.clone().with_config(config);
        let error = sender.send(&deposit[1..], &[]).await.unwrap_err();
        assert!(matches!(error, ClientError::Expired { attempts: made, .. } if made == attempts));
        spy.honest();
        let landed = before.account.header.sequence + u64::from(attempts);
        for look in 0.. {
            let now = client.load(&account).await.unwrap().account.header.sequence;
            assert!(now <= landed && look < 100, "{now} {landed}");
            if now == landed {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}
