//! The acting half of the keeper, the binary itself, against a network that crashes: what it repairs, what it leaves alone, how it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use client_core::AccountData;
use localnet::{Settings, Town};
use portfolio_margin_client::{Client, ClientConfig};
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::Pubkey;
use sandbox::User;
use serde_json::Value;

use crate::chain::Network;
use crate::proxy::{Fault, Proxy, Rule};

const ACCOUNTS: usize = 40;
const FAILING: usize = 8;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// `margin-keeper`, built once: another package's binary, which cargo does not build for these tests.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "margin-keeper"])
            .status();
        assert!(build.expect("cargo").success(), "it does not build");
        let here = std::env::current_exe().expect("this test's path");
        let folder = here.parent().and_then(Path::parent);
        folder.expect("a target folder").join("margin-keeper")
    })
}

fn settings(folder: Option<PathBuf>) -> Settings {
    Settings {
        port: 0,
        accounts: ACCOUNTS,
        failing: FAILING,
        keys: folder,
        ..Settings::default()
    }
}

fn town() -> &'static Town {
    static TOWN: OnceLock<Town> = OnceLock::new();
    TOWN.get_or_init(|| Town::build(&settings(None)).expect("a town"))
}

/// A network at the bottom of the crash, a line to it that can fail, and a folder of keys.
struct Scene {
    network: Network,
    proxy: Proxy,
    folder: PathBuf,
}

impl Scene {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("keeper-{}-{name}", std::process::id()));
        let network = Network::start_from(town(), settings(Some(folder.clone())));
        let network = network.expect("a network");
        let proxy = Proxy::start(network.rpc_url(), network.ws_url());
        network.crash_now().expect("a crash");
        Self {
            network,
            proxy,
            folder,
        }
    }

    /// The keeper with everything by environment, and some keys of this test's.
    fn keeper(&self, words: &[&str], keys: &[(&str, &str)]) -> Command {
        let mut command = keeper(words);
        let keypair = self.folder.join("keeper.json");
        command
            .env("MARGIN_KEEPER__NETWORK__URL", self.proxy.rpc_url())
            .env("MARGIN_KEEPER__NETWORK__WS_URL", self.proxy.ws_url())
            .env(
                "MARGIN_KEEPER__HOUSE__CLEARINGHOUSE",
                &self.network.info.house,
            )
            .env("MARGIN_KEEPER__HOUSE__KEYPAIR", keypair)
            .env("MARGIN_KEEPER__METRICS__LISTEN", "127.0.0.1:0")
            .env("MARGIN_KEEPER__LIMITS__MOST_CAPITAL_USD", "10000000");
        for (key, value) in keys {
            command.env(format!("MARGIN_KEEPER__{key}"), value);
        }
        command
    }

    /// A single run: its exit code and what it printed.
    fn once(&self, words: &[&str], keys: &[(&str, &str)]) -> (i32, Value) {
        let words = [&["run-once"], words].concat();
        let output = self.keeper(&words, keys).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let told = String::from_utf8_lossy(&output.stderr);
        let summary = serde_json::from_str(&text);
        let summary = summary.unwrap_or_else(|error| panic!("{error}: {text}\n{told}"));
        println!("{summary}");
        (output.status.code().expect("an exit code"), summary)
    }

    async fn accounts(&self) -> BTreeMap<Pubkey, AccountData> {
        let all = self.client().await.margin_accounts(None).await;
        all.expect("accounts").1.into_iter().collect()
    }

    async fn client(&self) -> Client {
        let house = self.network.info.house.parse().expect("a key");
        let client = Client::connect(ClientConfig::new(self.network.rpc_url(), house)).await;
        client.expect("a client")
    }

    fn failing(&self) -> Vec<Pubkey> {
        let keys = self.network.info.population.failing.iter();
        keys.map(|key| key.parse().expect("a key")).collect()
    }

    fn own(&self) -> Pubkey {
        let wallet = self.network.info.wallet("keeper").expect("a wallet");
        let account = wallet.margin_account.as_ref().expect("an account");
        account.parse().expect("a key")
    }

    /// Every planted account is active with its maintenance margin, and nobody else was touched but the keeper.
    async fn is_repaired(&self, before: &BTreeMap<Pubkey, AccountData>) {
        let (client, failing) = (self.client().await, self.failing());
        for key in &failing {
            let loaded = client.load(key).await.expect("an account");
            assert_eq!(loaded.account.header.status, STATUS_ACTIVE, "{key}");
            let margin = loaded.report().expect("a report").report.margin;
            assert!(margin.maintenance_health.raw() >= 0, "{key}: {margin:?}");
        }
        for (key, now) in self.accounts().await {
            let is_meant = failing.contains(&key) || key == self.own();
            let is_touched =
                before.get(&key).map(|data| data.header.sequence) != Some(now.header.sequence);
            assert_eq!(is_touched, is_meant, "{key}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // what is left behind is in a temporary folder
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The keeper without anything of this process's environment.
fn keeper(words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(words).env_clear();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A keeper that runs, and where it listens.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().expect("it runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let address = told["listening"].as_str().expect("an address").to_owned();
        Self { child, address }
    }

    /// Status line and body of a page.
    fn page(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.lines().next().unwrap_or_default();
        (status.to_owned(), body.to_owned())
    }

    fn wait_for(&self, path: &str, is_met: impl Fn(&str, &str) -> bool) {
        let start = Instant::now();
        loop {
            let (status, body) = self.page(path);
            if is_met(&status, &body) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{path}: {status}\n{body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it with SIGTERM; its exit code and how long that took.
    fn terminate(mut self) -> (i32, Duration) {
        let start = Instant::now();
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill").success());
        let status = self.child.wait().expect("it ends");
        (status.code().unwrap_or(-1), start.elapsed())
    }
}

/// The value of a metric, summed over its labels.
fn metric(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        let value: f64 = value.parse().expect("a number");
        let is_it = key == name || key.starts_with(&format!("{name}{{"));
        is_it.then_some(value)
    });
    values.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_sends_nothing_and_a_single_run_repairs_every_planted_account() {
    let scene = Scene::start("once");
    let before = scene.accounts().await;
    let (code, dry) = scene.once(&["--dry-run"], &[]);
    assert_eq!((code, &dry["failing"]), (0, &FAILING.into()));
    assert_eq!(dry["repairs"]["planned"], FAILING);
    assert_eq!(scene.proxy.calls("sendTransaction"), 0);

    let (code, done) = scene.once(&[], &[("LIMITS__CONCURRENT", "4")]);
    assert_eq!((code, &done["errors"]), (0, &0.into()));
    assert_eq!(done["repairs"]["repaired"], FAILING);
    scene.is_repaired(&before).await;

    let (code, again) = scene.once(&[], &[]);
    assert_eq!((code, &again["failing"]), (0, &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pay_or_is_over_a_limit_is_not_even_started() {
    let scene = Scene::start("limits");
    let before = scene.accounts().await;
    let cranks_off = [
        ("CRANKS__UPDATE_MARKET", "false"),
        ("CRANKS__UPDATE_BANK", "false"),
        ("CRANKS__UPDATE_QUOTE_PRICE", "false"),
    ];
    let cases = [
        (("PROFIT__LEAST_USD", "1000000000"), "not_profitable"),
        (("LIMITS__MOST_CAPITAL_USD", "1"), "over_limit"),
        // the floor of the key, below what a transaction with a priority fee costs
        (
            ("LIMITS__FEES_PER_TRANSACTION_LAMPORTS", "5000"),
            "over_limit",
        ),
    ];
    for (key, outcome) in cases {
        let priority = [("FEES__PRIORITY", "fixed"), ("FEES__FIXED_PRICE", "100000")];
        let keys = [&[key][..], &cranks_off, &priority].concat();
        let (code, summary) = scene.once(&[], &keys);
        assert_eq!((code, &summary["repairs"][outcome]), (0, &FAILING.into()));
    }
    let whole = |all: &BTreeMap<Pubkey, AccountData>| -> Vec<(Pubkey, u64)> {
        let each = all.iter().map(|(key, data)| (*key, data.header.sequence));
        each.collect()
    };
    assert_eq!(whole(&scene.accounts().await), whole(&before));
    assert_eq!(scene.proxy.calls("sendTransaction"), 0);
}

/// The program lets nobody bid on what is his own: that is told, and is no error for ever.
#[tokio::test(flavor = "multi_thread")]
async fn failing_accounts_of_its_own_wallet_are_shown_and_left_to_others() {
    let scene = Scene::start("own");
    let all = scene.accounts().await;
    let owner = all[&scene.failing()[0]].header.owner;
    let is_own = |key: &Pubkey| all[key].header.owner == owner;
    let failing: BTreeSet<Pubkey> = scene.failing().into_iter().collect();
    let own = failing.iter().filter(|key| is_own(key)).count();
    let bidder = all
        .iter()
        .find(|(key, _)| is_own(key) && !failing.contains(key));
    let bidder = bidder.expect("one that is well").1.header.sub_account;

    let mut crowd = (0..ACCOUNTS).map(|number| User::named(&format!("crowd {number}")));
    let user = crowd.find(|user| user.key == owner).expect("its owner");
    let path = scene.folder.join("own.json");
    std::fs::write(&path, format!("{:?}", user.keypair().to_bytes())).expect("a file");
    let (path, bidder) = (path.display().to_string(), bidder.to_string());
    let keys = [
        ("HOUSE__KEYPAIR", path.as_str()),
        ("HOUSE__SUB_ACCOUNT", bidder.as_str()),
    ];
    let (code, summary) = scene.once(&["--dry-run"], &keys);
    assert_eq!((code, &summary["errors"]), (0, &0.into()));
    assert_eq!(summary["own_failing"], own);
    assert_eq!(summary["failing"], FAILING - own);
    assert!(summary["repairs"]["refused"].is_null());

    // anybody else's keeper is told of none, and repairs them
    let (code, done) = scene.once(&[], &[]);
    assert_eq!((code, &done["own_failing"]), (0, &0.into()));
    assert_eq!(done["repairs"]["repaired"], FAILING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_is_ready_once_it_knows_everything_repairs_and_ends_with_zero_when_told() {
    let scene = Scene::start("run");
    let before = scene.accounts().await;
    scene
        .proxy
        .inject(Rule::all("getProgramAccounts", Fault::Status(503)));
    let keys = [
        ("ACTING__SWEEP_MS", "100"),
        ("WATCHING__SWEEP_SECONDS", "1"),
    ];
    let running = Running::start(scene.keeper(&["run"], &keys));
    let (health, _) = running.page("/healthz");
    assert!(health.contains("200"), "{health}");
    assert_eq!(asked(&scene, &running.address), Some(0));
    std::thread::sleep(Duration::from_secs(2));
    let (ready, why) = running.page("/readyz");
    assert!(
        ready.contains("503") && why.contains("loading"),
        "{ready} {why}"
    );
    assert_eq!(
        metric(&running.page("/metrics").1, "margin_keeper_ready"),
        0.0
    );

    scene.proxy.clear();
    running.wait_for("/readyz", |status, _| status.contains("200"));
    let name = "margin_keeper_outcomes_total{action=\"repair\",outcome=\"repaired\"}";
    running.wait_for("/metrics", |_, text| metric(text, name) >= FAILING as f64);
    let (_, text) = running.page("/metrics");
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(metric(&text, "margin_keeper_ready"), 1.0);
    assert_eq!(
        metric(&text, "margin_keeper_accounts") as usize,
        before.len()
    );
    assert!(metric(&text, "margin_keeper_fees_lamports_total") >= 5_000.0 * FAILING as f64);
    assert!(metric(&text, "margin_keeper_repair_seconds_count") >= FAILING as f64);

    let address = running.address.clone();
    let (code, took) = running.terminate();
    assert_eq!(code, 0);
    assert!(took < PATIENCE, "{took:?}");
    assert_eq!(asked(&scene, &address), Some(1));
    scene.is_repaired(&before).await;
}

/// The exit code of `check-health` at an address.
fn asked(scene: &Scene, address: &str) -> Option<i32> {
    let mut command = scene.keeper(&["check-health"], &[("METRICS__LISTEN", address)]);
    command.output().expect("it runs").status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_leaves_no_account_half_done_and_the_next_keeper_finishes() {
    let scene = Scene::start("middle");
    let before = scene.accounts().await;
    let keys = [("LIMITS__CONCURRENT", "1"), ("ACTING__SWEEP_MS", "100")];
    let running = Running::start(scene.keeper(&["run"], &keys));
    let name = "margin_keeper_outcomes_total{action=\"repair\",outcome=\"repaired\"}";
    running.wait_for("/metrics", |_, text| metric(text, name) >= 1.0);
    let (code, _) = running.terminate();
    assert_eq!(code, 0);
    let mut left = 0;
    for key in scene.failing() {
        let now = scene.accounts().await;
        assert_eq!(now[&key].header.status, STATUS_ACTIVE, "{key}");
        left += usize::from(now[&key].header.sequence == before[&key].header.sequence);
    }
    let (code, summary) = scene.once(&[], &[]);
    assert_eq!((code, &summary["failing"]), (0, &left.into()));
    scene.is_repaired(&before).await;
}

/// A keeper that ends by itself: its exit code and what it says.
fn refused(words: &[&str], keys: &[(&str, &str)]) -> (i32, String) {
    let mut command = keeper(words);
    for (key, value) in keys {
        command.env(format!("MARGIN_KEEPER__{key}"), value);
    }
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("an exit code"), text)
}

#[test]
fn a_wrong_configuration_ends_with_two_and_names_the_key() {
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "house.keypair"),
        (
            &[("HOUSE__KEYPAIR", "k"), ("LIMITS__CONCURENT", "4")],
            "limits.concurrent",
        ),
        (
            &[("HOUSE__KEYPAIR", "k"), ("LIMITS__CONCURRENT", "0")],
            "limits.concurrent",
        ),
        (
            &[("HOUSE__KEYPAIR", "no-such-file.json")],
            "no-such-file.json",
        ),
        (
            &[("HOUSE__KEYPAIR", "k"), ("NETWORK__URL", "localhost")],
            "network.url",
        ),
    ];
    for (keys, word) in cases {
        let (code, text) = refused(&["run-once"], keys);
        assert!(code == 2 && text.contains(word), "{code}: {text}");
    }
    let (code, text) = refused(&["check-config", "--config", "no-such.toml"], &[]);
    assert!(code == 2 && text.contains("no-such.toml"), "{code}: {text}");
    let right = keeper(&["check-config"])
        .env("MARGIN_KEEPER__HOUSE__KEYPAIR", "k")
        .output()
        .expect("it runs");
    let shown = String::from_utf8_lossy(&right.stdout);
    assert_eq!(right.status.code(), Some(0));
    assert!(shown.contains("limits.concurrent = 8\n"), "{shown}");
}
