//! The feeder: keeps the chain's clock at the network's, and publishes a genuine price account of every feed each second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use portfolio_margin_interface::Pubkey;
use sandbox::oracle::{price_account, USDC_FEED};
use sandbox::{dollars, PriceFields};
use solana_account::Account;
use solana_clock::Clock;
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use surfpool_core::surfnet::svm::SurfnetSvm;

use crate::clock::NetworkClock;
use crate::error::Error;
use crate::scenario::{Script, START_PRICES};
use crate::settings::{price_interval, Settings};
use crate::stage::Stage;

/// The sysvar of the clock.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");

/// Something to do between two prices.
pub(crate) type Task = Box<dyn FnOnce(&mut Feeder) + Send>;

/// A price account that is kept up to date.
#[derive(Clone, Copy)]
struct Feed {
    account: Pubkey,
    feed_id: [u8; 32],
    lamports: u64,
}

impl Feed {
    fn of(stage: &Stage, account: Pubkey, feed_id: [u8; 32]) -> Self {
        let length = stage.world.data(&account).len();
        Self {
            account,
            feed_id,
            lamports: stage.world.svm.minimum_balance_for_rent_exemption(length),
        }
    }

    /// The account with a price of the moment, 1e-8 USD.
    fn account(&self, price: u64, now: i64) -> Account {
        let fields = PriceFields::fresh(self.feed_id, price, now);
        Account {
            lamports: self.lamports,
            data: fields.data(),
            owner: fields.owner,
            executable: false,
            rent_epoch: u64::MAX,
        }
    }
}

/// What publishes.
pub(crate) struct Feeder {
    pub locker: SurfnetSvmLocker,
    clock: NetworkClock,
    interval: Duration,
    /// Of BTC, SOL and ETH.
    markets: [Feed; 3],
    quote: Feed,
    script: Script,
    speed: f64,
    /// Time of the network at which the scenario did, milliseconds.
    began: u64,
    /// Prices that were set by hand, by market.
    pinned: BTreeMap<usize, u64>,
    last: [u64; 3],
    is_feeding: bool,
    /// Markets whose own feed is dead.
    dead: BTreeSet<usize>,
}

impl Feeder {
    /// The scenario begins now.
    pub fn new(
        (locker, clock): (SurfnetSvmLocker, NetworkClock),
        stage: &Stage,
        script: Script,
        settings: &Settings,
    ) -> Self {
        let quote = price_account(0, &USDC_FEED);
        Self {
            locker,
            markets: stage
                .markets()
                .map(|market| Feed::of(stage, market.price, market.feed_id)),
            quote: Feed::of(stage, quote, USDC_FEED),
            script,
            speed: settings.speed,
            began: clock.millis(),
            interval: price_interval(settings.clock_speed),
            clock,
            pinned: BTreeMap::new(),
            last: START_PRICES,
            is_feeding: true,
            dead: BTreeSet::new(),
        }
    }

    /// Publishes and does tasks until nobody can send one any more.
    pub fn run(mut self, tasks: &Receiver<Task>) {
        let mut next = Instant::now() + self.interval;
        loop {
            match tasks.recv_deadline(next) {
                Ok(task) => task(&mut self),
                Err(RecvTimeoutError::Timeout) => {
                    self.tick();
                    next = (next + self.interval).max(Instant::now());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Moves the clock and publishes what the scenario says of this moment.
    pub fn tick(&mut self) {
        let passed = self.clock.millis().saturating_sub(self.began);
        let seconds = Duration::from_millis(passed).as_secs_f64() * self.speed;
        let mut prices = self.script.prices(seconds);
        for (price, at) in prices.iter_mut().zip(0..) {
            if let Some(pinned) = self.pinned.get(&at) {
                *price = *pinned;
            }
        }
        self.publish(prices);
    }

    fn publish(&mut self, prices: [u64; 3]) {
        let feeds = match self.is_feeding {
            true => {
                self.last = prices;
                let quote = (self.quote, dollars(1));
                let markets = self.markets.into_iter().zip(prices).enumerate();
                let living = markets.filter(|(at, _)| !self.dead.contains(at));
                living.map(|(_, market)| market).chain([quote]).collect()
            }
            false => vec![],
        };
        let time = self.clock.millis();
        self.locker.with_svm_writer(move |svm: &mut SurfnetSvm| {
            let now = follow(svm, time);
            for (feed, price) in feeds {
                // fails for accounts that are programs or sysvars; this one is neither
                let _ = svm.set_account(&feed.account, feed.account(price, now));
            }
        });
    }

    /// Holds a market's price from now on, 1e-8 USD, and publishes it at once.
    pub fn pin(&mut self, market: usize, price: u64) {
        self.pinned.insert(market, price);
        let mut prices = self.last;
        if let Some(last) = prices.get_mut(market) {
            *last = price;
        }
        self.publish(prices);
    }

    /// Publishes the bottom of the crash at once, and stays there, whatever was set.
    pub fn crash(&mut self) {
        self.script = Script::crashed();
        self.pinned.clear();
        self.began = self.clock.millis();
        self.tick();
    }

    /// Switches publishing on or off; the clock goes on.
    pub fn feed(&mut self, is_feeding: bool) {
        self.is_feeding = is_feeding;
        self.tick();
    }

    /// Switches one market's feed on or off; the others go on.
    pub fn feed_market(&mut self, market: usize, is_feeding: bool) {
        match is_feeding {
            true => self.dead.remove(&market),
            false => self.dead.insert(market),
        };
        self.tick();
    }

    /// Unix time of the network.
    pub fn time(&self) -> i64 {
        self.clock.seconds()
    }

    /// Moves the clock ahead at once; the next price comes with it.
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.tick();
    }

    /// The same with a price of one market, 1e-8 USD, from that moment on: no transaction sees the one without the other.
    pub fn advance_with(&mut self, by: Duration, (market, price): (usize, u64)) {
        self.pinned.insert(market, price);
        self.advance(by);
    }

    /// Lets the clock run at another speed, and publishes as often as that needs.
    pub fn set_clock_speed(&mut self, speed: f64) {
        self.clock.set_speed(speed);
        self.interval = price_interval(speed);
        self.tick();
    }

    /// Prices last published, 1e-8 USD.
    pub fn prices(&self) -> [u64; 3] {
        self.last
    }

    /// Makes so many blocks at once, without time passing.
    pub fn skip_blocks(&self, count: usize) -> Result<(), Error> {
        self.locker.with_svm_writer(move |svm: &mut SurfnetSvm| {
            let time = svm.updated_at;
            for _ in 0..count {
                let made = svm.confirm_current_block();
                made.map_err(|error| Error::Chain(error.to_string()))?;
            }
            svm.updated_at = time;
            let mut clock: Clock = svm.inner.get_sysvar();
            clock.unix_timestamp = seconds(time);
            svm.inner.set_sysvar(&clock);
            Ok(())
        })
    }
}

fn seconds(millis: u64) -> i64 {
    i64::try_from(millis / 1_000).unwrap_or(i64::MAX)
}

/// Sets the chain's clock to the network's, which its count of blocks falls behind, never back; tells who subscribed to it. Returns
/// Unix time.
fn follow(svm: &mut SurfnetSvm, millis: u64) -> i64 {
    svm.updated_at = svm.updated_at.max(millis);
    let mut clock: Clock = svm.inner.get_sysvar();
    clock.unix_timestamp = seconds(svm.updated_at);
    svm.inner.set_sysvar(&clock);
    // a sysvar that changes notifies nobody by itself
    if let Ok(Some(account)) = svm.get_account(&CLOCK) {
        svm.notify_account_subscribers(&CLOCK, &account);
    }
    clock.unix_timestamp
}

/// Does something in the feeder's thread, and waits for what it returns.
pub(crate) fn ask<T: Send + 'static>(
    tasks: &Sender<Task>,
    task: impl FnOnce(&mut Feeder) -> T + Send + 'static,
) -> Result<T, Error> {
    let (answer, answered) = bounded(1);
    let task: Task = Box::new(move |feeder| {
        // the asker waits below
        let _ = answer.send(task(feeder));
    });
    tasks.send(task).map_err(|_| Error::Stopped)?;
    answered.recv().map_err(|_| Error::Stopped)
}
