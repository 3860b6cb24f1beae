//! A dead feed: what the program accepts in its place, a client shows in its place, without being told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use portfolio_margin_client::{Answer, Client, ClientError, Pubkey, Result, Rpc, Transport};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::view::MarginView;
use sandbox::{instructions, perpetual, Trader, World, BASE, BTC_START, SOL, SOL_START, USDC};
use serde_json::{json, Value};
use solana_commitment_config::CommitmentLevel;

use super::lies::with_bytes;

/// The embedded world as a server: its accounts, at slot 1.
struct Server(Mutex<World>);

impl Server {
    fn account(world: &World, key: &Pubkey) -> Value {
        let account = world.svm.get_account(key);
        account.map_or(Value::Null, |account| {
            with_bytes(&account.data, &account.owner.to_string())
        })
    }

    fn answer(&self, method: &'static str, params: &Value) -> Result<Value> {
        let world = self.0.lock().unwrap();
        let value = match method {
            "getMultipleAccounts" => {
                let keys = params[0].as_array().expect("keys").iter();
                let keys = keys.map(|key| key.as_str().expect("a key").parse().unwrap());
                keys.map(|key: Pubkey| Self::account(&world, &key))
                    .collect()
            }
            // the directory asks for the banks
            "getProgramAccounts" => {
                let keys = [world.usdc.key, world.sol_bank.key].into_iter();
                keys.map(|key| json!({"pubkey": key.to_string(), "account": Self::account(&world, &key)}))
                    .collect()
            }
            other => panic!("nobody asks for {other}"),
        };
        let value: Vec<Value> = value;
        Ok(json!({"context": {"slot": 1}, "value": value}))
    }
}

impl Transport for Server {
    fn call<'a>(&'a self, method: &'static str, params: Value) -> Answer<'a> {
        Box::pin(async move { self.answer(method, &params) })
    }

    fn server(&self) -> &str {
        "the embedded world"
    }
}

/// An account with SOL as collateral and in a perpetual.
fn holder(world: &mut World) -> Trader {
    let alice = world.trader("alice", 40_000 * USDC);
    let bob = world.trader("bob", 400_000 * USDC);
    let (btc, sol, bank) = (world.btc, world.sol, world.sol_bank);
    world.fund(&alice.user, &bank, 10 * SOL);
    world.deposit(&alice, &bank, 10 * SOL).ok();
    let legs = [
        perpetual(&btc, BASE, BTC_START),
        perpetual(&sol, 10 * BASE, SOL_START),
    ];
    world.trade(&alice, &bob, &legs).ok();
    world.update_market(&sol).ok();
    alice
}

#[tokio::test]
async fn a_stored_price_stands_in_for_a_dead_feed_when_the_program_takes_it_and_not_before() {
    let mut world = World::new();
    let alice = holder(&mut world);
    let (btc, sol, house) = (world.btc, world.sol, world.house);
    let server = Arc::new(Server(Mutex::new(world)));
    let rpc = Rpc::over(server.clone(), CommitmentLevel::Confirmed, 0);
    let client = Client::over(rpc, house, BTreeMap::new()).await.unwrap();
    let later = |seconds: i64| {
        let mut world = server.0.lock().unwrap();
        world.advance(seconds);
        world.set_price(&btc, BTC_START);
    };
    let price_shown = |loaded: &portfolio_margin_client::Loaded| {
        let directory = &loaded.moment.directory;
        (
            directory.markets[&sol.index].price,
            directory.banks[&1].price,
        )
    };
    let loaded = client.load(&alice.account).await.unwrap();
    assert_eq!(price_shown(&loaded), (sol.price, sol.price));
    assert_eq!(loaded.report().unwrap().doubt, None);

    // silent, reported, and not yet in force: nobody can value the account
    later(600);
    let report = instructions::report_outage(&sol);
    server.0.lock().unwrap().send(&[report], &[]).ok();
    later(3_599);
    let loaded = client.load(&alice.account).await.unwrap();
    let error = loaded.report().unwrap_err();
    assert!(
        matches!(error, ClientError::Evaluation { why, .. } if why.code() == ErrorCode::OracleStale),
        "{error}"
    );

    // in force: the market stands in, for its bank too, and the view is the program's
    later(1);
    let loaded = client.load(&alice.account).await.unwrap();
    assert_eq!(price_shown(&loaded), (sol.key, sol.key));
    assert!(loaded.report().unwrap().doubt.is_some());
    let ix = loaded.builder().view_margin(&loaded.side(), &[]).unwrap();
    let shown: MarginView = server.0.lock().unwrap().send(&[ix], &[]).ok().view();
    assert_eq!(loaded.view().unwrap(), shown);
    assert_eq!(shown.doubt, ErrorCode::OracleStale.code());

    // the feed lives again: its account is shown again
    server.0.lock().unwrap().set_price(&sol, SOL_START);
    server.0.lock().unwrap().update_market(&sol).ok();
    let loaded = client.load(&alice.account).await.unwrap();
    assert_eq!(price_shown(&loaded), (sol.price, sol.price));
    assert_eq!(loaded.report().unwrap().doubt, None);
}
