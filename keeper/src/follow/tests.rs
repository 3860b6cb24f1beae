//! Connections to servers that lie behind, leave accounts out, serve another house, or list something new.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::Router;
use base64::prelude::{Engine, BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use portfolio_margin_interface::{Pubkey, ID};
use serde_json::{json, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::model::Origin;
use crate::testing::{nowhere, Town};
use crate::watch::{Watch, WatchConfig};

/// The program subscription of markets: the fifth thing that a session asks for.
const MARKETS: u64 = 5;

/// A server of a town, with what it is to do wrong.
struct Server {
    town: Town,
    slot: u64,
    /// Left out of lists.
    hidden: BTreeSet<Pubkey>,
    /// Not there at all.
    absent: BTreeSet<Pubkey>,
    /// Raised to close every WebSocket.
    kicks: u64,
    /// To be told on every WebSocket.
    told: Vec<Value>,
    /// Slots by which answers over HTTP lie behind.
    lag: u64,
}

type Shared = Arc<Mutex<Server>>;

impl Server {
    fn account(&self, key: &Pubkey) -> Value {
        let update = self.town.update(*key, 0, Origin::Snapshot);
        if update.lamports == 0 || self.absent.contains(key) {
            return Value::Null;
        }
        json!({
            "lamports": update.lamports, "owner": update.owner.to_string(), "executable": false,
            "rentEpoch": 0, "data": [BASE64_STANDARD.encode(update.data), "base64"],
        })
    }

    fn answer(&self, asked: &Value) -> Value {
        let value: Value = match asked["method"].as_str().unwrap() {
            "getMultipleAccounts" => {
                let keys = asked["params"][0].as_array().unwrap().iter();
                keys.map(|key| self.account(&key.as_str().unwrap().parse().unwrap()))
                    .collect()
            }
            "getProgramAccounts" => {
                let filters = asked["params"][1]["filters"].as_array().unwrap();
                let keys = self.town.keys().into_iter();
                let keys =
                    keys.filter(|key| !self.hidden.contains(key) && self.passes(key, filters));
                keys.map(|key| json!({ "pubkey": key.to_string(), "account": self.account(&key) }))
                    .collect()
            }
            other => panic!("{other}"),
        };
        json!({
            "jsonrpc": "2.0", "id": asked["id"],
            "result": { "context": { "slot": self.slot - self.lag }, "value": value },
        })
    }

    fn passes(&self, key: &Pubkey, filters: &[Value]) -> bool {
        let update = self.town.update(*key, 0, Origin::Snapshot);
        update.owner == ID
            && !self.absent.contains(key)
            && filters.iter().all(|filter| {
                let compare = &filter["memcmp"];
                let at = usize::try_from(compare["offset"].as_u64().unwrap()).unwrap();
                let bytes = BASE64_STANDARD
                    .decode(compare["bytes"].as_str().unwrap())
                    .unwrap();
                update.data[at..].starts_with(&bytes)
            })
    }
}

async fn reply(State(server): State<Shared>, body: String) -> impl IntoResponse {
    let answer = server
        .lock()
        .unwrap()
        .answer(&serde_json::from_str(&body).unwrap());
    ([(CONTENT_TYPE, "application/json")], answer.to_string())
}

/// Answers subscriptions with the number of the request, and tells slots and what is to be told.
async fn tell(server: Shared, stream: TcpStream) {
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    let kicks = server.lock().unwrap().kicks;
    let mut told = 0;
    loop {
        let say: Vec<Value> = tokio::select! {
            message = socket.next() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                let asked: Value = serde_json::from_str(&text).unwrap();
                vec![json!({ "jsonrpc": "2.0", "id": asked["id"], "result": asked["id"] })]
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                let mut server = server.lock().unwrap();
                if server.kicks > kicks {
                    return;
                }
                server.slot += 1;
                let result = json!({ "slot": server.slot, "parent": 0, "root": 0 });
                let mut say = vec![json!({ "params": { "result": result, "subscription": 1 } })];
                say.extend_from_slice(&server.told[told..]);
                told = server.told.len();
                say
            }
        };
        for say in say {
            if socket.send(Message::text(say.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// A server, and a watch of it that may be changed before it starts.
async fn scene(change: impl FnOnce(&mut Server, &mut WatchConfig)) -> (Shared, Run) {
    let mut server = Server {
        town: Town::new(),
        slot: 1_000,
        hidden: BTreeSet::new(),
        absent: BTreeSet::new(),
        kicks: 0,
        told: vec![],
        lag: 0,
    };
    let [http, sockets] = [
        TcpListener::bind("127.0.0.1:0"),
        TcpListener::bind("127.0.0.1:0"),
    ];
    let (http, sockets) = (http.await.unwrap(), sockets.await.unwrap());
    let at = |listener: &TcpListener| listener.local_addr().unwrap();
    let (rpc, ws) = (
        format!("http://{}", at(&http)),
        format!("ws://{}", at(&sockets)),
    );
    let mut config = WatchConfig::new(rpc, ws, server.town.world.house);
    config.pause = (Duration::from_millis(20), Duration::from_millis(100));
    config.snapshot_every = Duration::from_millis(200);
    config.grace = Duration::from_millis(50);
    change(&mut server, &mut config);
    let server = Arc::new(Mutex::new(server));
    let routes = Router::new()
        .fallback(reply)
        .with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(http, routes).await.unwrap() });
    let telling = Arc::clone(&server);
    tokio::spawn(async move {
        loop {
            let (stream, _) = sockets.accept().await.unwrap();
            tokio::spawn(tell(Arc::clone(&telling), stream));
        }
    });
    (server, Run::start(config))
}

struct Run {
    watch: Arc<Parts>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

struct Parts {
    book: crate::book::SharedBook,
    counts: Arc<crate::model::Counts>,
    status: watch::Receiver<crate::watch::Status>,
}

impl Run {
    fn start(config: WatchConfig) -> Self {
        let watching = Watch::new(config);
        let parts = Parts {
            book: watching.book(),
            counts: watching.counts(),
            status: watching.status(),
        };
        // nobody listens: signals find the queue full and hold nothing up
        let (signals, unheard) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            watching.run(signals, stopped).await;
            drop(unheard);
        });
        Self {
            watch: Arc::new(parts),
            stop,
            task,
        }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Parts) -> bool) {
        let began = Instant::now();
        while !is_so(&self.watch) {
            assert!(began.elapsed() < Duration::from_secs(10), "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(self) {
        let began = Instant::now();
        self.stop.send_replace(true);
        self.task.await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "it ends at once");
    }
}

fn is_ready(parts: &Parts) -> bool {
    parts.status.borrow().ready
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_far_behind_is_left_until_it_has_caught_up() {
    let (server, run) = scene(|_, config| config.snapshot_every = Duration::from_secs(60)).await;
    run.until("ready", is_ready).await;
    let known = crate::watch::read(&run.watch.book).slot();
    {
        let mut server = server.lock().unwrap();
        server.slot = 1; // it has lost its ledger
        server.kicks += 1;
    }
    let before = run.watch.counts.disconnects.get();
    run.until("given up again and again", |parts| {
        parts.counts.disconnects.get() > before + 2
    })
    .await;
    assert!(!is_ready(&run.watch));
    {
        let book = crate::watch::read(&run.watch.book);
        assert_eq!(
            (book.account_count(), book.slot() >= known),
            (3, true),
            "nothing is forgotten"
        );
    }
    server.lock().unwrap().slot = known;
    run.until("ready again", is_ready).await;
    assert_eq!(run.watch.status.borrow().generation, 2);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_lies_behind_what_is_told_ends_the_connection() {
    let (server, run) = scene(|_, config| config.most_behind = 150).await;
    run.until("ready", is_ready).await;
    server.lock().unwrap().lag = 100;
    let seen = run.watch.counts.snapshots.get();
    run.until("compared", |parts| parts.counts.snapshots.get() > seen + 2)
        .await;
    assert_eq!(run.watch.counts.disconnects.get(), 0, "within the limit");
    server.lock().unwrap().lag = 900;
    run.until("given up", |parts| !is_ready(parts)).await;
    server.lock().unwrap().lag = 0;
    run.until("ready again", is_ready).await;
    run.stop().await;
}

/// Servers that are behind now and then are no reason to forget what is known: each time counts from its own beginning.
#[tokio::test(flavor = "multi_thread")]
async fn being_behind_twice_is_not_being_behind_for_long() {
    const LONG: Duration = Duration::from_secs(3);
    let (server, run) = scene(|_, config| {
        config.snapshot_every = Duration::from_secs(60);
        config.forget_after = LONG;
    })
    .await;
    run.until("ready", is_ready).await;
    for _ in 0..2 {
        let before = run.watch.counts.disconnects.get();
        let known = {
            let mut server = server.lock().unwrap();
            let known = server.slot;
            server.slot = 1;
            server.kicks += 1;
            known
        };
        // the close, and the first server that is behind
        run.until("behind", |parts| {
            parts.counts.disconnects.get() > before + 1
        })
        .await;
        let slot = crate::watch::read(&run.watch.book).slot();
        assert!(slot >= 1_000, "it was forgotten: {slot}");
        server.lock().unwrap().slot = known + 1;
        run.until("ready again", is_ready).await;
        tokio::time::sleep(LONG).await;
    }
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_leaves_an_account_out_blinds_nobody_and_a_close_is_found() {
    let (server, run) = scene(|_, _| ()).await;
    run.until("ready", is_ready).await;
    let alice = server.lock().unwrap().town.traders[0].account;
    server.lock().unwrap().hidden.insert(alice);
    let seen = run.watch.counts.snapshots.get();
    run.until("snapshots", |parts| parts.counts.snapshots.get() > seen + 3)
        .await;
    assert!(crate::watch::read(&run.watch.book)
        .account(&alice)
        .is_some());
    assert_eq!(run.watch.counts.closed.get(), 0);
    server.lock().unwrap().absent.insert(alice);
    run.until("gone", |parts| {
        crate::watch::read(&parts.book).account(&alice).is_none()
    })
    .await;
    assert_eq!(run.watch.counts.closed.get(), 1);
    run.until("known", |parts| parts.status.borrow().accounts == 2)
        .await;
    assert_eq!(run.watch.status.borrow().generation, 1);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_is_none_is_never_ready_and_an_end_does_not_wait_for_it() {
    let (_, run) = scene(|_, config| config.house = nowhere()).await;
    run.until("tried", |parts| parts.counts.disconnects.get() > 2)
        .await;
    assert!(!is_ready(&run.watch));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_is_listed_later_is_followed_with_its_price() {
    let (server, run) = scene(|server, config| {
        config.snapshot_every = Duration::from_secs(60);
        server.absent.insert(server.town.world.sol.key);
    })
    .await;
    run.until("ready", is_ready).await;
    let sol = server.lock().unwrap().town.world.sol;
    assert!(crate::watch::read(&run.watch.book)
        .market(sol.index)
        .is_none());
    // whoever holds something there cannot be judged, the others can
    run.until("judged", |parts| parts.counts.refused.get() >= 2)
        .await;
    {
        let mut server = server.lock().unwrap();
        server.absent.clear();
        let keyed = json!({ "pubkey": sol.key.to_string(), "account": server.account(&sol.key) });
        let result = json!({ "context": { "slot": server.slot }, "value": keyed });
        server
            .told
            .push(json!({ "params": { "result": result, "subscription": MARKETS } }));
    }
    run.until("listed and priced", |parts| {
        let priced = crate::watch::read(&parts.book).priced();
        priced.is_some_and(|(inputs, unpriced)| (inputs.markets.len(), unpriced) == (2, 0))
    })
    .await;
    let is_followed = {
        let book = crate::watch::read(&run.watch.book);
        book.price_bytes(&sol.price).is_some()
    };
    assert!(is_followed);
    assert_eq!(run.watch.status.borrow().generation, 1, "no new connection");
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_of_the_far_future_does_not_end_a_keeper_for_good() {
    let (server, run) = scene(|_, config| {
        config.forget_after = Duration::from_millis(500);
        config.silence = Duration::from_secs(2);
    })
    .await;
    run.until("ready", is_ready).await;
    let lie = json!({ "slot": u64::MAX, "parent": 0, "root": 0 });
    let lie = json!({ "params": { "result": lie, "subscription": 1 } });
    server.lock().unwrap().told.push(lie);
    run.until("given up", |parts| !is_ready(parts)).await;
    server.lock().unwrap().told.clear();
    run.until("ready again", is_ready).await;
    let (slot, accounts) = {
        let book = crate::watch::read(&run.watch.book);
        (book.slot(), book.account_count())
    };
    assert_eq!((slot < 1_000_000, accounts), (true, 3));
    assert_eq!(run.watch.status.borrow().generation, 2);
    run.stop().await;
}
