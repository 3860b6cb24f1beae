//! The knowing half of the keeper against a network: equal to the chain from a cold start, after gaps, and on a crash.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use client_core::Evaluator;
use localnet::{Settings, Town};
use margin_keeper::book::SharedBook;
use margin_keeper::model::{Counts, Ranked, Signal};
use margin_keeper::watch::{Status, Watch, WatchConfig};
use portfolio_margin_client::{Client, ClientConfig, Transactor, TransactorConfig};
use portfolio_margin_interface::{seeds, Pubkey};
use risk_core::tier::Tier;
use sandbox::User;
use solana_commitment_config::CommitmentConfig;
use solana_instruction::Instruction;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::chain::Network;
use crate::proxy::Proxy;

/// Accounts beside those of the named users, and how many of them fail at the crash's bottom.
const ACCOUNTS: usize = 150;
const FAILING: usize = 8;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn settings() -> Settings {
    Settings {
        port: 0,
        accounts: ACCOUNTS,
        failing: FAILING,
        ..Settings::default()
    }
}

/// Built once: networks take copies of it.
fn town() -> &'static Town {
    static TOWN: OnceLock<Town> = OnceLock::new();
    TOWN.get_or_init(|| Town::build(&settings()).expect("a town"))
}

/// A network, somebody who changes accounts, and a watch that may be told of it by a proxy.
struct Scene {
    network: Network,
    proxy: Proxy,
    client: Client,
    alice: Transactor,
    watch: Watching,
}

/// A running watch.
struct Watching {
    book: SharedBook,
    counts: Arc<Counts>,
    status: watch::Receiver<Status>,
    ranks: watch::Receiver<Arc<Vec<Ranked>>>,
    signals: mpsc::Receiver<Signal>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Scene {
    async fn start(change: impl FnOnce(&mut WatchConfig)) -> Self {
        let network = Network::start_from(town(), settings()).expect("a network");
        let proxy = Proxy::start(network.rpc_url(), network.ws_url());
        let house: Pubkey = network.info.house.parse().expect("a key");
        let client = Client::connect(ClientConfig::new(network.rpc_url(), house)).await;
        let client = client.expect("a client");
        let payer = Arc::new(User::named("alice").keypair());
        let config = TransactorConfig::default();
        let alice = Transactor::new(client.rpc().clone(), payer, config);
        let mut config = WatchConfig::new(proxy.rpc_url(), proxy.ws_url(), house);
        config.commitment = CommitmentConfig::confirmed();
        config.pause = (Duration::from_millis(50), Duration::from_millis(500));
        change(&mut config);
        Self {
            network,
            proxy,
            client,
            alice,
            watch: Watching::start(config),
        }
    }

    /// Sends what alice signs.
    async fn send(&self, instructions: &[Instruction]) {
        self.alice.send(instructions, &[]).await.expect("it lands");
    }

    /// Alice's account pays in a dollar more.
    async fn deposit(&self) {
        let moment = self.client.moment().await.expect("a moment");
        let (owner, account) = (User::named("alice").key, self.account(0));
        let deposit = moment.builder().deposit(&owner, &account, 0, 1_000_000);
        self.send(&deposit.expect("a deposit")).await;
    }

    fn account(&self, sub_account: u16) -> Pubkey {
        let owner = User::named("alice").key;
        seeds::margin_account(&self.client.house(), &owner, sub_account)
    }

    async fn open(&self, sub_account: u16) {
        let moment = self.client.moment().await.expect("a moment");
        let owner = User::named("alice").key;
        let open = moment
            .builder()
            .open_account(&owner, sub_account, 16, Tier::Standard);
        self.send(&[open]).await;
    }

    async fn close(&self, sub_account: u16) {
        let moment = self.client.moment().await.expect("a moment");
        let (owner, account) = (User::named("alice").key, self.account(sub_account));
        self.send(&[moment.builder().close_account(&owner, &account)])
            .await;
    }

    /// The book's accounts and the chain's, to be compared.
    async fn both(&self) -> [Vec<(Pubkey, Vec<u8>)>; 2] {
        let (_, chain) = self.client.margin_accounts(None).await.expect("accounts");
        let bytes = |header: &[u8], positions: &[u8]| [header, positions].concat();
        let mut chain: Vec<_> = chain
            .iter()
            .map(|(key, account)| {
                let positions = bytemuck::cast_slice(&account.positions);
                (*key, bytes(bytemuck::bytes_of(&account.header), positions))
            })
            .collect();
        chain.sort_unstable();
        let book = self.watch.book.read().expect("a book");
        let known = book.accounts().map(|account| {
            let positions = bytemuck::cast_slice(&account.positions);
            (
                account.key,
                bytes(bytemuck::bytes_of(&account.header), positions),
            )
        });
        [known.collect(), chain]
    }

    /// Waits until the book has what the chain has.
    async fn require_equal(&self) {
        until("the book equals the chain", || async {
            let [book, chain] = self.both().await;
            book == chain
        })
        .await;
    }

    async fn require_ready(&mut self, generation: u64) {
        let ready = |status: &Status| status.ready && status.generation >= generation;
        let waited = tokio::time::timeout(PATIENCE, self.watch.status.wait_for(ready)).await;
        let status = *waited.expect("ready in time").expect("the watch lives");
        assert!(status.accounts <= ACCOUNTS + 20);
    }

    async fn stop(self) {
        self.watch.stop.send_replace(true);
        self.watch.task.await.expect("a graceful end");
    }
}

impl Watching {
    fn start(config: WatchConfig) -> Self {
        let watching = Watch::new(config);
        let (sender, signals) = mpsc::channel(1_024);
        let (stop, stopped) = watch::channel(false);
        Self {
            book: watching.book(),
            counts: watching.counts(),
            status: watching.status(),
            ranks: watching.ranks(),
            signals,
            stop,
            task: tokio::spawn(watching.run(sender, stopped)),
        }
    }

    /// The next signal of a kind.
    async fn hear<T>(&mut self, mut wanted: impl FnMut(Signal) -> Option<T>) -> T {
        let heard = async {
            loop {
                let signal = self.signals.recv().await.expect("the watch lives");
                if let Some(found) = wanted(signal) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard)
            .await
            .expect("in time")
    }
}

async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let began = Instant::now();
    while !is_so().await {
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_knows_every_account_and_evaluates_it_as_the_client_does() {
    let mut scene = Scene::start(|_| ()).await;
    scene.require_ready(1).await;
    let [book, chain] = scene.both().await;
    assert!(chain.len() > ACCOUNTS, "{}", chain.len());
    assert_eq!(book, chain);
    // banks, markets and accounts in one call each; the house, prices and mints in three
    assert_eq!(scene.proxy.calls("getProgramAccounts"), 3);
    assert_eq!(scene.proxy.calls("getMultipleAccounts"), 3);
    scene.deposit().await;
    scene.require_equal().await;

    // on prices that stand still
    scene.network.stop_feeder().expect("a network");
    sleep(Duration::from_millis(300)).await;
    let moment = scene.client.moment().await.expect("a moment");
    let (mut inputs, unpriced) = {
        let book = scene.watch.book.read().expect("a book");
        book.priced().expect("a house")
    };
    assert_eq!(unpriced, 0);
    inputs.now = moment.inputs.now;
    let (ours, theirs) = (Evaluator::new(&inputs), Evaluator::new(&moment.inputs));
    let (_, accounts) = scene.client.margin_accounts(None).await.expect("accounts");
    for (key, account) in &accounts {
        let margin =
            |evaluator: &Evaluator<'_>| evaluator.margin(&account.header, &account.positions);
        assert_eq!(margin(&ours), margin(&theirs), "{key}");
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_connection_the_book_is_the_chain_again_without_a_restart() {
    let mut scene = Scene::start(|_| ()).await;
    scene.require_ready(1).await;
    scene.open(5).await;
    scene.require_equal().await;

    scene.proxy.refuse_sockets(true);
    scene.proxy.drop_sockets();
    scene
        .watch
        .hear(|signal| (signal == Signal::Lost).then_some(()))
        .await;
    assert!(!scene.watch.status.borrow().ready);
    scene.deposit().await;
    scene.open(6).await;
    scene.close(5).await;
    let price = scene.network.prices().expect("prices")[0] / 100 * 99;
    scene.network.set_price("BTC", price).expect("a network");
    let [book, chain] = scene.both().await;
    assert_ne!(book, chain, "nothing tells of it");

    scene.proxy.refuse_sockets(false);
    scene.require_ready(2).await;
    scene.require_equal().await;
    let is_priced = || async {
        let book = scene.watch.book.read().expect("a book");
        let (inputs, _) = book.priced().expect("a house");
        inputs.markets[0].1.price.raw() == price
    };
    until("the price is known", is_priced).await;
    assert!(scene.watch.counts.disconnects.get() >= 1);
    scene.deposit().await;
    scene.require_equal().await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_left_and_found_again() {
    let mut scene = Scene::start(|config| config.silence = Duration::from_secs(2)).await;
    scene.require_ready(1).await;
    scene.proxy.hold_sockets(true);
    scene
        .watch
        .hear(|signal| (signal == Signal::Lost).then_some(()))
        .await;
    scene.deposit().await;
    scene.proxy.hold_sockets(false);
    scene.require_ready(2).await;
    scene.require_equal().await;

    // one whose slots stand still is no better, however much else it tells
    scene.network.pause_blocks().expect("a network");
    scene
        .watch
        .hear(|signal| (signal == Signal::Lost).then_some(()))
        .await;
    scene.network.resume_blocks().expect("a network");
    let generation = scene.watch.status.borrow().generation;
    scene.require_ready(generation + 1).await;
    scene.deposit().await;
    scene.require_equal().await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_and_garbled_notifications_are_found_by_the_next_snapshot_and_counted() {
    let mut scene = Scene::start(|config| {
        config.silence = PATIENCE * 2;
        config.snapshot_every = Duration::from_millis(700);
        config.grace = Duration::from_millis(400);
    })
    .await;
    scene.require_ready(1).await;
    scene.open(7).await;
    scene.require_equal().await;
    let counts = Arc::clone(&scene.watch.counts);
    let missed = counts.missed.get();

    scene.proxy.lose_notifications(1);
    scene.deposit().await;
    scene.close(7).await;
    scene.require_equal().await;
    assert!(counts.missed.get() > missed, "the deposit");
    assert!(counts.closed.get() >= 1, "the close");
    scene.proxy.lose_notifications(0);

    scene.proxy.garble_notifications(2);
    let garbage = counts.garbage.get();
    for _ in 0..3 {
        scene.deposit().await;
    }
    scene.require_equal().await;
    until("some are garbled", || async {
        counts.garbage.get() > garbage
    })
    .await;
    scene.proxy.garble_notifications(0);
    assert_eq!(
        scene.watch.status.borrow().generation,
        1,
        "no new connection"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_shows_exactly_the_failing_accounts_within_seconds_and_their_recovery() {
    let mut scene = Scene::start(|config| {
        config.estimate_every = Duration::from_secs(1);
        config.estimates.horizon_seconds = 86_400.0;
    })
    .await;
    scene.require_ready(1).await;
    let failing: BTreeSet<Pubkey> = {
        let planted = scene.network.info.population.failing.iter();
        planted.map(|key| key.parse().expect("a key")).collect()
    };
    assert_eq!(failing.len(), FAILING);
    assert_eq!(scene.watch.status.borrow().failing, 0);
    // a day ahead, those that a crash breaks are among the likeliest
    let likely =
        |ranks: &Arc<Vec<Ranked>>| ranks.iter().any(|ranked| ranked.breach_probability > 0.0);
    let waited = tokio::time::timeout(PATIENCE, scene.watch.ranks.wait_for(likely)).await;
    assert!(waited.expect("estimates in time").is_ok());

    let calm = scene.network.prices().expect("prices");
    let began = Instant::now();
    scene.network.crash_now().expect("a network");
    let told = scene.watch.hear(|signal| match signal {
        Signal::Failing(ranked) if ranked.len() == FAILING => Some(ranked),
        _ => None,
    });
    let told = told.await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let found: BTreeSet<_> = told.iter().map(|ranked| ranked.account).collect();
    assert_eq!(found, failing);
    assert!(
        told.windows(2).all(|pair| pair[0].ratio <= pair[1].ratio),
        "worst first"
    );
    assert!(told
        .iter()
        .all(|ranked| ranked.failing && ranked.maintenance_health < 0));

    for (symbol, price) in ["BTC", "SOL", "ETH"].into_iter().zip(calm) {
        scene.network.set_price(symbol, price).expect("a network");
    }
    let mut repaired = BTreeSet::new();
    while repaired.len() < FAILING {
        let more = scene.watch.hear(|signal| match signal {
            Signal::Repaired(keys) => Some(keys),
            _ => None,
        });
        repaired.extend(more.await);
    }
    assert_eq!(repaired, failing);
    scene.stop().await;
}
