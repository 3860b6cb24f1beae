//! A town whose first expiry comes, minute by minute, as fast as a keeper records it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use client_core::Scope;
use localnet::scenario::START_PRICES;
use localnet::Settings;
use portfolio_margin_client::AnySigner;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{Market, SettlementRecord};
use sandbox::User;
use tokio::time::sleep;

use super::ledger::state;
use crate::keeper::Keeper;
use crate::town::{key, Town};

/// Longest wait for anything that a keeper is to do: it looks every second.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for several looks at something that is not to be done.
pub const LOOKS: Duration = Duration::from_millis(3_500);
/// Seconds of the window, and after the expiry until its price is final, and until it is with too few samples.
pub const WINDOW: i64 = 1_800;
pub const DELAY: i64 = 600;
pub const LATE: i64 = 6 * 3_600;
/// Minutes from the start to the expiry: longer than the tests of one process take.
const EXPIRE_IN: u32 = 240;
/// BTC, the market in which named users trade here.
pub const BTC: u16 = 0;

/// Samples that the house asks for.
pub const ENOUGH: usize = 10;

/// A network before an expiry.
pub struct Scene {
    pub town: Town,
    pub expiry: i64,
}

impl Scene {
    /// Each test has a network of its own, from towns that are built once.
    pub fn start(accounts: usize) -> Self {
        static BUILT: [OnceLock<localnet::Town>; 2] = [OnceLock::new(), OnceLock::new()];
        let settings = Settings {
            accounts,
            expire_in: Some(EXPIRE_IN),
            slot_ms: 100,
            ..Settings::default()
        };
        let built = BUILT[usize::from(accounts > 0)]
            .get_or_init(|| localnet::Town::build(&settings).expect("a town"));
        let town = Town::start_from(built, settings);
        let expiry = town.network.info.expiries.week;
        Self { town, expiry }
    }

    /// A keeper that looks every second, and has settings of the test's.
    pub fn keeper(&self, name: &str, settings: &[(&str, &str)]) -> Keeper {
        self.keeper_over(&self.town.proxy, name, settings)
    }

    pub fn keeper_over(
        &self,
        line: &crate::proxy::Proxy,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Keeper {
        let own = [
            ("CRANKS__INTERVAL_SECONDS", "1"),
            ("CRANKS__JITTER_MS", "0"),
        ];
        let all: Vec<_> = own.iter().chain(settings).copied().collect();
        Keeper::start(&self.town, line, name, &all)
    }

    /// Futures, calls and puts of the expiry between alice, bob and carol: some end in the money, whatever happens.
    pub async fn trade(&self) {
        let strike = START_PRICES[0] / 100_000_000_000 * 100_000_000_000;
        let leg = |instrument, strike, quantity, price| TradeLeg {
            market: BTC,
            instrument,
            expiry: self.expiry,
            strike,
            quantity,
            price,
        };
        // odd quantities, so that something is rounded
        let small = strike / 100;
        let first = [
            leg(1, 0, 333_333, START_PRICES[0]),
            leg(2, strike / 100 * 95, 217_391, small * 5),
            leg(3, strike / 100 * 90, -123_457, small / 50),
        ];
        let second = [
            leg(1, 0, -142_857, START_PRICES[0] + 77),
            leg(3, strike / 100 * 105, 111_111, small * 5),
        ];
        self.exchange(["alice", "bob"], &first).await;
        self.exchange(["carol", "bob"], &second).await;
    }

    async fn exchange(&self, names: [&str; 2], legs: &[TradeLeg]) {
        let keys = names.map(|name| self.town.account_of(name));
        let client = self.town.client().await;
        let sides = client.load_all(&keys, &Scope::of_markets([BTC])).await;
        let sides = sides.expect("accounts");
        let [taker, maker] = names.map(User::named);
        let builder = sides[0].builder();
        let signers = [&taker.key, &maker.key];
        let trade = builder.trade(&sides[0].side(), &sides[1].side(), signers, legs);
        let instructions = [
            builder.update_quote_price().expect("a feed"),
            builder.update_market(BTC).expect("a market"),
            trade.expect("a trade"),
        ];
        let maker = maker.keypair();
        let sent = self.town.direct(names[0]);
        let sent = sent.send(&instructions, &[&maker as &AnySigner]).await;
        sent.expect("a trade");
    }

    /// Goes to a time, with a price of BTC from then on, 1e-8 USD.
    pub fn go_to(&self, time: i64, price: u64) {
        let network = &self.town.network;
        let moved = network.advance_with(self.until_time(time), "BTC", price);
        moved.expect("a clock");
    }

    /// Goes to a time, whoever publishes.
    pub fn pass_to(&self, time: i64) {
        let passed = self.town.network.advance(self.until_time(time));
        passed.expect("a clock");
    }

    fn until_time(&self, time: i64) -> Duration {
        let passed = time - self.town.network.time().expect("a time");
        Duration::from_secs(u64::try_from(passed).expect("a time to come"))
    }

    /// Goes to a minute of the window: a few seconds into it.
    pub fn go_to_minute(&self, minute: usize, price: u64) {
        self.go_to(self.minute(minute) + 5, price);
    }

    /// First second of a minute of the window.
    pub fn minute(&self, minute: usize) -> i64 {
        self.expiry - WINDOW + 1 + 60 * minute as i64
    }

    pub async fn market(&self, index: u16) -> Market {
        let info = &self.town.network.info.markets[usize::from(index)];
        let found = self.town.rpc.accounts(&[key(&info.key)]).await;
        let found = found.expect("an answer").accounts.remove(0);
        state(&found.expect("a market").data)
    }

    /// What is known of the expiry's price in a market.
    pub async fn record(&self, index: u16) -> SettlementRecord {
        let market = self.market(index).await;
        let slot = market.expiries.iter().find(|slot| slot.time == self.expiry);
        slot.expect("a listed expiry").settlement
    }

    /// Waits until something is so of BTC's expiry.
    pub async fn until(
        &self,
        keeper: &Keeper,
        what: &str,
        is_so: impl Fn(&SettlementRecord) -> bool,
    ) -> SettlementRecord {
        self.until_of(BTC, keeper, what, is_so).await
    }

    /// The same of any market's.
    pub async fn until_of(
        &self,
        index: u16,
        keeper: &Keeper,
        what: &str,
        is_so: impl Fn(&SettlementRecord) -> bool,
    ) -> SettlementRecord {
        let start = Instant::now();
        loop {
            let record = self.record(index).await;
            if is_so(&record) {
                return record;
            }
            if start.elapsed() > PATIENCE {
                keeper.complain(&format!("never: {what}, of market {index}: {record:?}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nobody holds anything of the expiry.
    pub async fn until_settled(&self, keeper: &Keeper) {
        for index in 0..3 {
            let is_over = |record: &SettlementRecord| record.records == 0;
            self.until_of(index, keeper, "everybody is settled", is_over)
                .await;
        }
    }

    /// Lets the keeper record minutes at their prices, one after the other, in every market in which somebody holds the expiry.
    pub async fn sample(&self, keeper: &Keeper, minutes: std::ops::Range<usize>) {
        for minute in minutes {
            self.go_to_minute(minute, price_of(minute));
            let what = format!("a sample of minute {minute}");
            let taken =
                |record: &SettlementRecord| record.samples[minute] != 0 || record.records == 0;
            for index in 0..3 {
                let record = self.until_of(index, keeper, &what, taken).await;
                if index == BTC {
                    assert_eq!(record.samples[minute], price_of(minute), "minute {minute}");
                }
            }
        }
    }
}

/// What BTC costs in a minute, 1e-8 USD: up and down by less than a per cent, and no round numbers.
pub fn price_of(minute: usize) -> u64 {
    let wave = [0, 31, 17, 53, 7, 41, 23][minute % 7];
    START_PRICES[0] + START_PRICES[0] / 10_000 * wave + 13 * minute as u64
}

/// The mean of the minutes' prices, floored.
pub fn mean_of(minutes: impl IntoIterator<Item = usize>) -> u64 {
    let prices: Vec<u128> = minutes
        .into_iter()
        .map(|minute| price_of(minute).into())
        .collect();
    let mean = prices.iter().sum::<u128>() / prices.len() as u128;
    u64::try_from(mean).expect("a price")
}
