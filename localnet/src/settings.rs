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
/// Between two prices of a feed, where the clock runs as fast as the wall's.
const PRICE_INTERVAL: Duration = Duration::from_secs(1);
/// Least time between two prices: more often than that nobody needs to hear of them.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// Fastest clock: ten seconds pass between two prices, which serve for thirty.
const FASTEST: f64 = 100.0;
/// Latest first expiry, minutes: the second one is 27 days after the start.
const LATEST_EXPIRY: u32 = 20 * 1_440;

/// Between two prices of a feed at a speed of the clock: a second of the network's, where that is long enough.
pub(crate) fn price_interval(clock_speed: f64) -> Duration {
    PRICE_INTERVAL
        .div_f64(clock_speed.max(1.0))
        .max(LEAST_INTERVAL)
}

/// Refuses a speed at which prices grow too old between two of them.
pub(crate) fn check_clock_speed(speed: f64) -> Result<(), Error> {
    match (1.0..=FASTEST).contains(&speed) {
        true => Ok(()),
        false => Err(Error::Setting(
            "clock speed",
            format!("from 1 to {FASTEST}"),
        )),
    }
}

/// Settings of a network; start from the default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port of the RPC server, 127.0.0.1; the WebSocket server has the next one. 0: two free ones.
    pub port: u16,
    /// How prices move.
    pub scenario: Scenario,
    /// Seconds of the scenario in a second of the network's clock; above zero.
    pub speed: f64,
    /// Seconds of the network's clock in one of the wall's, 1 to 100.
    pub clock_speed: f64,
    /// Minutes from the start to the first expiry, 1 to 28,800; none: six to seven days, at 08:00 UTC.
    pub expire_in: Option<u32>,
    /// Margin accounts beside those of the named users.
    pub accounts: usize,
    /// How many of them fall below maintenance at the bottom of the crash.
    pub failing: usize,
    /// Where the named users' keypairs are written; none: nowhere.
    pub keys: Option<PathBuf>,
    /// Milliseconds between two blocks.
    pub slot_ms: u64,
    /// Between two surfaces of an expiry, of the network's clock.
    pub surfaces_every: Duration,
    /// Between two stored prices of the quote asset, of the network's clock.
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
            clock_speed: 1.0,
            expire_in: None,
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
        check_clock_speed(self.clock_speed)?;
        if self
            .expire_in
            .is_some_and(|minutes| !(1..=LATEST_EXPIRY).contains(&minutes))
        {
            return wrong("first expiry", "from 1 to 28800 minutes");
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
