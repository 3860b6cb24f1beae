//! What a network is told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::scenario::Scenario;

/// The RPC port of a validator by default; the WebSocket's is the next.
pub const DEFAULT_PORT: u16 = 8_899;
/// Milliseconds between two blocks of the main network.
pub const DEFAULT_SLOT_MS: u64 = 400;
/// Between two surfaces of an expiry by default; they serve for an hour.
pub const SURFACES_EVERY: Duration = Duration::from_secs(600);
/// Between two stored prices of the quote asset by default; they serve for ten minutes.
pub const QUOTE_EVERY: Duration = Duration::from_secs(120);
/// Between two prices of a feed.
pub(crate) const PRICE_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of a network; start from the default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port of the RPC server, 127.0.0.1; the WebSocket server has the next one. 0: two free ones.
    pub port: u16,
    /// How prices move.
    pub scenario: Scenario,
    /// Seconds of the scenario in a second of the clock; above zero.
    pub speed: f64,
    /// Margin accounts beside those of the named users.
    pub accounts: usize,
    /// How many of them fall below maintenance at the bottom of the crash.
    pub failing: usize,
    /// Where the named users' keypairs are written; none: nowhere.
    pub keys: Option<PathBuf>,
    /// Milliseconds between two blocks.
    pub slot_ms: u64,
    /// Between two surfaces of an expiry.
    pub surfaces_every: Duration,
    /// Between two stored prices of the quote asset.
    pub quote_every: Duration,
    /// Decides where the random walk goes and what the accounts hold.
    pub seed: u64,
    /// Whether progress is told on stderr.
    pub is_loud: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            scenario: Scenario::Calm,
            speed: 1.0,
            accounts: 0,
            failing: 0,
            keys: None,
            slot_ms: DEFAULT_SLOT_MS,
            surfaces_every: SURFACES_EVERY,
            quote_every: QUOTE_EVERY,
            seed: 1,
            is_loud: false,
        }
    }
}

impl Settings {
    /// Refuses what is out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |name, reason: &str| Err(Error::Setting(name, reason.into()));
        if !(self.speed > 0.0 && self.speed <= 1e6) {
            return wrong("speed", "above 0 and at most 1000000");
        }
        if self.slot_ms == 0 || self.slot_ms > 60_000 {
            return wrong("slot time", "from 1 to 60000 ms");
        }
        if self.failing > self.accounts {
            return wrong("failing", "no more than there are accounts");
        }
        Ok(())
    }

    /// Tells progress, where wanted.
    pub(crate) fn say(&self, text: &str) {
        if self.is_loud {
            eprintln!("localnet: {text}");
        }
    }
}
