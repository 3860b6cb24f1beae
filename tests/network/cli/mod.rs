//! The command line, the binary itself, against the local network: every command as table and as JSON, and every way to be refused.

#[cfg(not(feature = "validator"))]
mod cranks;
mod refusals;
mod work;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use localnet::Settings;
use serde_json::Value;

use crate::chain::Network;

/// `pm`, built once: another package's binary, which cargo does not build for these tests.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "pm"])
            .status();
        assert!(build.expect("cargo").success(), "pm does not build");
        let here = std::env::current_exe().expect("this test's path");
        let folder = here.parent().and_then(Path::parent);
        folder.expect("a target folder").join("pm")
    })
}

/// What a run left behind.
struct Outcome {
    command: String,
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{}: {}", self.command, self.stderr);
        self.stdout
    }

    /// Ended with that code, saying that.
    #[track_caller]
    fn ends(self, code: i32, word: &str) {
        let (command, stderr) = (&self.command, &self.stderr);
        assert_eq!(self.code, code, "{command}: {stderr}{}", self.stdout);
        assert!(stderr.contains(word), "{command}: {stderr}");
    }
}

/// A network, a folder of keys, and whoever sits at the prompt.
struct Desk {
    network: Network,
    folder: PathBuf,
}

impl Desk {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pm-{}-{name}", std::process::id()));
        let settings = Settings {
            port: 0,
            keys: Some(folder.clone()),
            ..Settings::default()
        };
        let network = Network::start(settings).expect("a network");
        Self { network, folder }
    }

    fn key(&self, name: &str) -> String {
        let path = self.folder.join(format!("{name}.json"));
        path.to_str().expect("a path").to_owned()
    }

    fn wallet(&self, name: &str) -> &localnet::info::WalletInfo {
        self.network.info.wallet(name).expect("a named user")
    }

    fn account(&self, name: &str) -> String {
        self.wallet(name)
            .margin_account
            .clone()
            .expect("it has an account")
    }

    /// Runs a line of words as a user, at a server.
    fn at(&self, url: &str, user: &str, line: &str) -> Outcome {
        let output = Command::new(binary())
            .args(line.split_whitespace())
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("PM_URL", url)
            .env("PM_HOUSE", &self.network.info.house)
            .env("PM_KEYPAIR", self.key(user))
            .output()
            .expect("pm runs");
        Outcome {
            command: format!("pm {line}"),
            code: output.status.code().expect("an exit code"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    fn run(&self, user: &str, line: &str) -> Outcome {
        self.at(self.network.rpc_url(), user, line)
    }

    #[track_caller]
    fn json(&self, user: &str, line: &str) -> Value {
        let text = self.run(user, &format!("{line} --json")).done();
        serde_json::from_str(&text).expect("one JSON document")
    }

    /// Runs what reads, both ways; the table contains the words.
    #[track_caller]
    fn shows(&self, user: &str, line: &str, words: &[&str]) -> Value {
        let table = self.run(user, line).done();
        for word in words {
            assert!(table.contains(word), "{line}: {word}:\n{table}");
        }
        self.json(user, line)
    }

    /// Its table fits a terminal of 100 columns.
    #[track_caller]
    fn fits(&self, user: &str, line: &str) {
        let table = self.run(user, line).done();
        let widest = table.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{line}: {widest:?} columns\n{table}");
    }

    /// The date of the last listed expiry of BTC as series write it.
    fn date(&self) -> String {
        let markets = self.json("alice", "markets");
        let expiries = markets["markets"][0]["expiries"]
            .as_array()
            .expect("expiries");
        let last = expiries.last().expect("an expiry");
        last["date"].as_str().expect("a date").to_owned()
    }

    /// BTC's price in whole dollars.
    fn price(&self) -> String {
        let markets = self.json("alice", "markets");
        let price = markets["markets"][0]["price"].as_str().expect("a price");
        price.split('.').next().expect("dollars").to_owned()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A decimal string of a document in millionths; the tests' own reading, to compare what `pm` says.
fn millionths(value: &Value) -> i128 {
    let text = value.as_str().expect("a decimal string");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<6}");
    digits.parse().expect("a decimal with at most six places")
}
