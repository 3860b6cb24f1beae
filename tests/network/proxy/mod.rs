//! A bad line to a good network: passes RPC and WebSocket on, and fails in the ways that it is told to.

mod http;
mod websocket;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An HTTP status without an answer, such as 429 or 503.
    Status(u16),
    /// No answer as long as the caller waits.
    Hang,
    /// Half an answer, then the line is cut.
    Cut,
    /// An answer that is no JSON.
    Garbage,
    /// An answer that is JSON of the wrong shape.
    Nonsense,
    /// An error in JSON-RPC, such as -32005: the node is behind.
    Error(i64),
    /// The answer of `sendTransaction` for a transaction that goes nowhere.
    Swallow,
    /// The answer of `getLatestBlockhash` with one that the network does not know, as one is that has expired.
    DeadBlockhash,
    /// The answer of `getMultipleAccounts` with another Unix time in the cluster's clock.
    Clock(i64),
    /// The answer of `getSignatureStatuses` for a transaction that nobody has seen.
    Unseen,
    /// The answer of `getEpochInfo` with a height at which every blockhash is over.
    Height,
}

/// Which calls a fault happens to.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The method; none: any.
    pub method: Option<&'static str>,
    /// What goes wrong.
    pub fault: Fault,
    /// Every which of these calls fails: 1 all, 3 each third.
    pub every: u32,
    /// How many more fail; none: until the rules are cleared.
    pub left: Option<u32>,
}

impl Rule {
    /// All calls of a method, until cleared.
    pub fn all(method: &'static str, fault: Fault) -> Self {
        Self {
            method: Some(method),
            fault,
            every: 1,
            left: None,
        }
    }

    /// The next `count` calls of a method.
    pub fn next(method: &'static str, fault: Fault, count: u32) -> Self {
        Self {
            left: Some(count),
            ..Self::all(method, fault)
        }
    }

    /// A share of all calls whatever they are.
    pub fn share(fault: Fault, every: u32) -> Self {
        Self {
            method: None,
            fault,
            every,
            left: None,
        }
    }
}

/// What is wrong with the WebSockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Socket {
    /// Raised to drop all that are open.
    dropped: u32,
    /// Open, but nothing comes from the network.
    is_held: bool,
    /// New ones are refused.
    is_refused: bool,
    /// Each which notification is lost; zero: none.
    lost: u32,
    /// Each which notification arrives as rubbish; zero: none.
    garbled: u32,
}

/// What the line knows and does.
struct State {
    rules: Vec<(Rule, u32)>,
    delay: Duration,
    calls: BTreeMap<String, u64>,
    faults: u64,
    sockets: u64,
    lost: u64,
    sent: Vec<String>,
}

/// State, switches, and where the network is.
struct Line {
    state: Mutex<State>,
    socket: watch::Sender<Socket>,
    rpc: SocketAddr,
    ws: SocketAddr,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    /// The fault that this call meets, where it meets one.
    fn fault(&self, method: &str) -> Option<Fault> {
        let mut state = self.state();
        *state.calls.entry(method.to_string()).or_default() += 1;
        let meets = |(rule, seen): &mut (Rule, u32)| {
            if rule.left == Some(0) || rule.method.is_some_and(|only| only != method) {
                return None;
            }
            *seen += 1;
            if !seen.is_multiple_of(rule.every) {
                return None;
            }
            rule.left = rule.left.map(|left| left - 1);
            Some(rule.fault)
        };
        let fault = state.rules.iter_mut().find_map(meets);
        state.faults += u64::from(fault.is_some());
        fault
    }
}

/// The line; it is cut for good when this is dropped.
pub struct Proxy {
    line: Arc<Line>,
    rpc: SocketAddr,
    ws: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    /// Listens on two free ports of its own in front of a network.
    pub fn start(rpc_url: &str, ws_url: &str) -> Self {
        let state = State {
            rules: vec![],
            delay: Duration::ZERO,
            calls: BTreeMap::new(),
            faults: 0,
            sockets: 0,
            lost: 0,
            sent: vec![],
        };
        let line = Arc::new(Line {
            state: Mutex::new(state),
            socket: watch::Sender::new(Socket::default()),
            rpc: address(rpc_url),
            ws: address(ws_url),
        });
        let (ready, started) = std::sync::mpsc::channel();
        let stop = watch::Sender::new(false);
        let (shared, mut stopped) = (line.clone(), stop.subscribe());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let listen = || TcpListener::bind(("127.0.0.1", 0));
                let rpc = listen().await.expect("a port");
                let ws = listen().await.expect("a port");
                let ports = [&rpc, &ws].map(|socket| socket.local_addr().expect("an address"));
                ready.send(ports).expect("somebody waits");
                tokio::select! {
                    () = http::serve(rpc, shared.clone()) => (),
                    () = websocket::serve(ws, shared) => (),
                    _ = stopped.changed() => (),
                }
            });
        });
        let [rpc, ws] = started.recv().expect("the proxy listens");
        Self {
            line,
            rpc,
            ws,
            stop,
            thread: Some(thread),
        }
    }

    /// Where callers call.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// Where they subscribe.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.ws)
    }

    /// From now on this goes wrong too; of several rules for a call the first counts.
    pub fn inject(&self, rule: Rule) {
        self.line.state().rules.push((rule, 0));
    }

    /// Calls go through again; sockets and the delay stay as they are.
    pub fn clear(&self) {
        self.line.state().rules.clear();
    }

    /// Every answer comes that much later.
    pub fn delay(&self, by: Duration) {
        self.line.state().delay = by;
    }

    /// Cuts every open WebSocket.
    pub fn drop_sockets(&self) {
        self.socket(|socket| socket.dropped += 1);
    }

    /// Leaves every WebSocket open and lets nothing through to the client, or lets go what came meanwhile.
    pub fn hold_sockets(&self, is_held: bool) {
        self.socket(|socket| socket.is_held = is_held);
    }

    /// Cuts new WebSockets at once, or no more.
    pub fn refuse_sockets(&self, is_refused: bool) {
        self.socket(|socket| socket.is_refused = is_refused);
    }

    /// Loses every `each`th notification; zero: none.
    pub fn lose_notifications(&self, each: u32) {
        self.socket(|socket| socket.lost = each);
    }

    /// Makes rubbish of every `each`th notification; zero: of none.
    pub fn garble_notifications(&self, each: u32) {
        self.socket(|socket| socket.garbled = each);
    }

    fn socket(&self, change: impl FnOnce(&mut Socket)) {
        self.line.socket.send_modify(change);
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> u64 {
        self.line
            .state()
            .calls
            .get(method)
            .copied()
            .unwrap_or_default()
    }

    /// How many calls failed by a rule.
    pub fn faults(&self) -> u64 {
        self.line.state().faults
    }

    /// How many WebSockets were opened.
    pub fn sockets(&self) -> u64 {
        self.line.state().sockets
    }

    /// How many notifications were lost or garbled.
    pub fn lost(&self) -> u64 {
        self.line.state().lost
    }

    /// Signatures of the transactions that the network took, in order; one sent again is there again.
    pub fn sent(&self) -> Vec<String> {
        self.line.state().sent.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // a panic of the proxy has been shown already
            drop(thread.join());
        }
    }
}

/// Host and port of a URL on this machine.
fn address(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("://").expect("a URL");
    let rest = rest.trim_end_matches('/').replace("localhost", "127.0.0.1");
    rest.parse().expect("an address and a port")
}
