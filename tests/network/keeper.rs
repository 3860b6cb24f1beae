//! The real keeper as a process of its own: its configuration, its logs, its metrics, and its end by either signal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sandbox::User;
use tokio::time::sleep;

use crate::proxy::Proxy;
use crate::town::Town;

/// Tells the folders of keepers of one process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A running keeper; killed when dropped.
pub struct Keeper {
    child: Child,
    listening: String,
    folder: PathBuf,
}

impl Keeper {
    /// Starts `margin-keeper run` as a named user over a line. `settings` are variables of the environment, such as
    /// `("LIMITS__CONCURRENT", "1")`, over those that suit a town.
    pub fn start(town: &Town, line: &Proxy, name: &str, settings: &[(&str, &str)]) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("margin-keeper-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let keypair = folder.join("keypair.json");
        let bytes = User::named(name).keypair().to_bytes();
        fs::write(&keypair, format!("{bytes:?}")).expect("a file");
        let log = fs::File::create(folder.join("log")).expect("a file");
        let house = &town.network.info.house;
        let (url, ws_url) = (line.rpc_url(), line.ws_url());
        let own = [
            ("NETWORK__URL", &url[..]),
            ("NETWORK__WS_URL", &ws_url),
            ("NETWORK__TIMEOUT_SECONDS", "10"),
            ("HOUSE__CLEARINGHOUSE", house),
            ("HOUSE__KEYPAIR", keypair.to_str().expect("text")),
            ("LIMITS__MOST_CAPITAL_USD", "40000000"),
            ("WATCHING__SWEEP_SECONDS", "1"),
            ("WATCHING__SILENCE_SECONDS", "5"),
            ("WATCHING__BACKOFF_SECONDS", "1"),
            ("METRICS__LISTEN", "127.0.0.1:0"),
            ("LOGS__FILTER", "info,margin_keeper=debug"),
        ];
        let mut command = Command::new(binary());
        command
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        for (key, value) in own.iter().chain(settings) {
            command.env(format!("MARGIN_KEEPER__{key}"), value);
        }
        let mut child = command.spawn().expect("the keeper starts");
        let mut first = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out)
            .read_line(&mut first)
            .expect("its first line");
        let line: serde_json::Value = serde_json::from_str(&first).unwrap_or_default();
        let mut keeper = Self {
            child,
            listening: String::new(),
            folder,
        };
        let Some(listening) = line["listening"].as_str() else {
            keeper.complain(&format!("it does not listen: {first:?}"));
        };
        keeper.listening = listening.into();
        keeper
    }

    /// Status and body of one of its pages.
    pub fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.listening).expect("it listens");
        let wait = Some(Duration::from_secs(5));
        stream.set_read_timeout(wait).expect("a socket");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        (status.expect("a status"), body.into())
    }

    /// Whether it says that its book is whole and young.
    pub fn is_ready(&self) -> bool {
        self.page("/readyz").0 == 200
    }

    /// Its metrics by name with labels, without the prefix `margin_keeper_`.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, text) = self.page("/metrics");
        assert_eq!(status, 200, "{text}");
        let lines = text.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("margin_keeper_")?.rsplit_once(' ')?;
            Some((name.to_string(), value.parse().ok()?))
        });
        lines.collect()
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self, within: Duration) {
        let start = Instant::now();
        while !self.is_ready() {
            if start.elapsed() > within {
                self.complain(&format!("not ready within {within:?}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// SIGKILL: no last words.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(&mut self, within: Duration) -> ExitStatus {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill").success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            if start.elapsed() > within {
                self.complain(&format!("it did not stop within {within:?}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Panics with the end of its log.
    pub fn complain(&self, what: &str) -> ! {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(60)..];
        panic!("keeper: {what}\n{}", last.join("\n"));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // it may have ended already
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// Next to this test's own folder, where cargo puts binaries of the same profile.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own
        .parent()
        .and_then(|folder| folder.parent())
        .expect("target/PROFILE");
    let binary = folder.join("margin-keeper");
    assert!(
        binary.exists(),
        "no {}: build it with `cargo build -p network-tests -p margin-keeper --tests --bins`",
        binary.display()
    );
    binary
}
