//! The client over real RPC: what it asks, what it computes, what it sends, and what it makes of servers that lie.

mod building;
mod lies;
mod loading;
mod outage;
mod quoting;
mod sending;
mod thieves;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use localnet::Settings;
use portfolio_margin_client::{
    Answer, Client, Http, Pubkey, Result, Rpc, Transactor, TransactorConfig, Transport,
};
use portfolio_margin_interface::seeds;
use sandbox::User;
use serde_json::Value;
use solana_commitment_config::CommitmentLevel;

use crate::chain::Network;

/// Accounts beside those of the named users.
const POPULATION: usize = 400;

/// What is answered in the server's place; `None`: the server is asked.
type Before = Arc<dyn Fn(&'static str, &Value) -> Option<Result<Value>> + Send + Sync>;
/// What becomes of the server's answer.
type After = Arc<dyn Fn(&'static str, &Value, Value) -> Value + Send + Sync>;

/// A transport that counts what is asked, and answers otherwise than the server where it is told to.
pub struct Spy {
    http: Http,
    calls: Mutex<Vec<&'static str>>,
    before: Mutex<Option<Before>>,
    after: Mutex<Option<After>>,
}

impl Spy {
    fn new(url: &str) -> Arc<Self> {
        Arc::new(Self {
            http: Http::new(url, Duration::from_secs(20)).unwrap(),
            calls: Mutex::default(),
            before: Mutex::default(),
            after: Mutex::default(),
        })
    }

    /// What was asked since the last time.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Answers in the server's place from now on.
    fn before(
        &self,
        hook: impl Fn(&'static str, &Value) -> Option<Result<Value>> + Send + Sync + 'static,
    ) {
        *self.before.lock().unwrap() = Some(Arc::new(hook));
    }

    /// Changes answers from now on.
    fn after(&self, hook: impl Fn(&'static str, &Value, Value) -> Value + Send + Sync + 'static) {
        *self.after.lock().unwrap() = Some(Arc::new(hook));
    }

    /// Tells the truth again.
    fn honest(&self) {
        *self.before.lock().unwrap() = None;
        *self.after.lock().unwrap() = None;
    }
}

impl Transport for Spy {
    fn call<'a>(&'a self, method: &'static str, params: Value) -> Answer<'a> {
        self.calls.lock().unwrap().push(method);
        let (before, after) = (
            self.before.lock().unwrap().clone(),
            self.after.lock().unwrap().clone(),
        );
        Box::pin(async move {
            if let Some(answer) = before.and_then(|hook| hook(method, &params)) {
                return answer;
            }
            let answer = self.http.call(method, params.clone()).await?;
            Ok(after.map_or(answer.clone(), |hook| hook(method, &params, answer)))
        })
    }

    fn server(&self) -> &str {
        self.http.server()
    }
}

/// One network for all tests that leave its blocks and prices alone.
fn shared() -> &'static Network {
    static NETWORK: OnceLock<Network> = OnceLock::new();
    NETWORK.get_or_init(|| start(POPULATION))
}

fn start(accounts: usize) -> Network {
    let settings = Settings {
        port: 0,
        accounts,
        ..Settings::default()
    };
    Network::start(settings).expect("a network")
}

/// A network of one test. It has a runtime of its own, which must not end within another one.
struct Own(Option<Network>);

impl Own {
    fn start(accounts: usize) -> Self {
        Self(Some(start(accounts)))
    }
}

impl std::ops::Deref for Own {
    type Target = Network;

    fn deref(&self) -> &Network {
        self.0.as_ref().expect("it runs until it is dropped")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let network = self.0.take();
        drop(std::thread::spawn(|| drop(network)).join());
    }
}

fn house(network: &Network) -> Pubkey {
    network.info.house.parse().unwrap()
}

/// A client that is spied upon.
async fn spied(network: &Network) -> (Client, Arc<Spy>) {
    spied_within(network, 32).await
}

/// The same, with how many slots an answer may be behind.
async fn spied_within(network: &Network, slots: u64) -> (Client, Arc<Spy>) {
    let spy = Spy::new(network.rpc_url());
    let rpc = Rpc::over(spy.clone(), CommitmentLevel::Confirmed, slots);
    let client = Client::over(rpc, house(network), BTreeMap::new()).await;
    let client = client.expect("a client");
    spy.calls();
    (client, spy)
}

/// A named user's account number 0.
fn account(network: &Network, name: &str) -> Pubkey {
    seeds::margin_account(&house(network), &User::named(name).key, 0)
}

/// Sends what a named user pays for.
fn transactor(client: &Client, name: &str) -> Transactor {
    let config = TransactorConfig {
        poll_every: Duration::from_millis(100),
        ..TransactorConfig::default()
    };
    let payer = Arc::new(User::named(name).keypair());
    Transactor::new(client.rpc().clone(), payer, config)
}
