//! The feeder: publishes a genuine price account of every feed each second, by transactions, and keeps the stored price of the quote
//! asset fresh.

use std::collections::BTreeMap;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use client_core::clock::{unix_time, CLOCK};
use localnet::scenario::{Script, START_PRICES};
use localnet::{Error, Info};
use portfolio_margin_interface::Pubkey;
use sandbox::oracle::{BTC_FEED, SOL_FEED, USDC_FEED};
use sandbox::{dollars, instructions, PriceFields, User, ETH_FEED};
use solana_commitment_config::CommitmentConfig;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage};
use solana_rpc_client::api::config::RpcSendTransactionConfig;
use solana_rpc_client::rpc_client::RpcClient;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

/// Between two prices of a feed.
const PRICE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two stored prices of the quote asset, which serve for ten minutes.
const QUOTE_INTERVAL: Duration = Duration::from_secs(120);
/// For the first slot to become final, on a machine with other work.
const ROOT_PATIENCE: Duration = Duration::from_secs(180);
/// For a transaction to be confirmed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something to do between two prices.
pub type Task = Box<dyn FnOnce(&mut Feeder) + Send>;

/// The wallet whose key `programs/price-writer` obeys.
pub fn writer() -> User {
    User::named("price writer")
}

/// What publishes.
pub struct Feeder {
    client: RpcClient,
    house: Pubkey,
    /// Price accounts of BTC, SOL and ETH, and their feeds.
    markets: [(Pubkey, [u8; 32]); 3],
    quote: Pubkey,
    script: Script,
    speed: f64,
    began: Instant,
    /// Prices that were set by hand, by market.
    pinned: BTreeMap<usize, u64>,
    last: [u64; 3],
    is_feeding: bool,
}

impl Feeder {
    /// Starts it in a thread of its own; returns once its first prices are there.
    pub fn start(info: &Info, script: Script, speed: f64) -> Result<Sender<Task>, Error> {
        let (tasks, inbox) = channel();
        let (ready, is_ready) = channel();
        let key = |text: &str| -> Result<Pubkey, Error> {
            text.parse().map_err(|_| Error::Chain(text.into()))
        };
        let [btc, sol, eth] = &info.markets[..] else {
            return Err(Error::Chain("other markets than BTC, SOL and ETH".into()));
        };
        let markets = [
            (key(&btc.price_account)?, BTC_FEED),
            (key(&sol.price_account)?, SOL_FEED),
            (key(&eth.price_account)?, ETH_FEED),
        ];
        let (url, house) = (info.rpc_url.clone(), key(&info.house)?);
        let quote = key(&info.quote.price_account)?;
        std::thread::spawn(move || {
            let processed = CommitmentConfig::processed();
            let mut feeder = Self {
                client: RpcClient::new_with_commitment(url, processed),
                house,
                markets,
                quote,
                script,
                speed,
                began: Instant::now(),
                pinned: BTreeMap::new(),
                last: START_PRICES,
                is_feeding: true,
            };
            feeder.next();
            // whoever waits for it may have given up
            let _ = ready.send(feeder.await_root().and_then(|()| feeder.publish_for_sure()));
            feeder.run(&inbox);
        });
        is_ready.recv().map_err(|_| Error::Stopped)??;
        Ok(tasks)
    }

    /// Publishes and does tasks until nobody can send one any more.
    fn run(mut self, tasks: &Receiver<Task>) {
        let mut next = Instant::now() + PRICE_INTERVAL;
        let mut quote = Instant::now() + QUOTE_INTERVAL;
        loop {
            match tasks.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(task) => task(&mut self),
                Err(RecvTimeoutError::Timeout) => {
                    self.next();
                    let is_due = Instant::now() >= quote;
                    if is_due {
                        quote = Instant::now() + QUOTE_INTERVAL;
                    }
                    if self.is_feeding {
                        // one that is lost is followed by another within a second
                        let _ = self.publish(is_due);
                    }
                    next = (next + PRICE_INTERVAL).max(Instant::now());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What the scenario says of this moment.
    fn next(&mut self) {
        let seconds = self.began.elapsed().as_secs_f64() * self.speed;
        self.last = self.script.prices(seconds);
        for (market, price) in &self.pinned {
            self.last[*market] = *price;
        }
    }

    /// Holds a market's price, 1e-8 USD, and publishes it.
    pub fn pin(&mut self, market: usize, price: u64) -> Result<(), Error> {
        self.pinned.insert(market, price);
        self.last[market] = price;
        self.publish_for_sure()
    }

    /// Publishes the bottom of the crash, and stays there.
    pub fn crash(&mut self) -> Result<(), Error> {
        self.script = Script::crashed();
        self.pinned.clear();
        self.began = Instant::now();
        self.next();
        self.publish_for_sure()
    }

    /// Switches publishing on or off.
    pub fn feed(&mut self, is_feeding: bool) -> Result<(), Error> {
        self.is_feeding = is_feeding;
        self.next();
        match is_feeding {
            true => self.publish_for_sure(),
            false => Ok(()),
        }
    }

    /// Prices last published, 1e-8 USD.
    pub fn prices(&self) -> [u64; 3] {
        self.last
    }

    /// Waits for the first root, slot 32 and 13 seconds at the best: before it the leader takes no transaction of version 0, which
    /// no network that lives has ever to wait for.
    fn await_root(&self) -> Result<(), Error> {
        let started = Instant::now();
        let finalized = CommitmentConfig::finalized();
        while self
            .client
            .get_slot_with_commitment(finalized)
            .map_err(chain)?
            == 0
        {
            if started.elapsed() > ROOT_PATIENCE {
                return Err(Error::Chain("no slot becomes final".into()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Publishes, again and again until it is confirmed: who reads at that level is to see it too.
    fn publish_for_sure(&self) -> Result<(), Error> {
        let started = Instant::now();
        let mut last = String::from("it was never confirmed");
        while started.elapsed() < PATIENCE {
            match self.publish(true) {
                Ok(signature) if self.is_confirmed(&signature)? => return Ok(()),
                Ok(_) => {}
                Err(error) => last = error.to_string(),
            }
        }
        Err(Error::Chain(format!("prices: {last}")))
    }

    /// Whether a transaction was confirmed within five seconds. It must not fail.
    fn is_confirmed(&self, signature: &Signature) -> Result<bool, Error> {
        let sent = Instant::now();
        while sent.elapsed() < Duration::from_secs(5) {
            let confirmed = CommitmentConfig::confirmed();
            let status = self
                .client
                .get_signature_status_with_commitment(signature, confirmed);
            match status.map_err(chain)? {
                Some(outcome) => return outcome.map(|()| true).map_err(chain),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Ok(false)
    }

    /// The chain's clock: where a machine is slow it falls behind the wall's by more than a price may be ahead of it.
    fn now(&self) -> Result<i64, Error> {
        let clock = self.client.get_account_data(&CLOCK).map_err(chain)?;
        unix_time(&clock).ok_or_else(|| Error::Chain("no clock".into()))
    }

    /// Sends the prices of now in one transaction, and the quote asset's to the house where told to.
    fn publish(&self, is_quote_stored: bool) -> Result<Signature, Error> {
        let now = self.now()?;
        let prices = self.markets.iter().zip(self.last);
        let mut all: Vec<_> = prices
            .map(|((account, feed), price)| write(account, *feed, price, now))
            .collect();
        all.push(write(&self.quote, USDC_FEED, dollars(1), now));
        if is_quote_stored {
            all.push(instructions::update_quote_price(&self.house, &self.quote));
        }
        let blockhash = self.client.get_latest_blockhash().map_err(chain)?;
        let message = Message::new_with_blockhash(&all, Some(&writer().key), &blockhash);
        let message = VersionedMessage::Legacy(message);
        let signed = VersionedTransaction::try_new(message, &[&writer().keypair()]);
        let how = RpcSendTransactionConfig {
            skip_preflight: true,
            ..Default::default()
        };
        let sent = self
            .client
            .send_transaction_with_config(&signed.map_err(chain)?, how);
        sent.map_err(chain)
    }
}

/// Writes a price of a Unix time, 1e-8 USD.
fn write(account: &Pubkey, feed: [u8; 32], price: u64, now: i64) -> Instruction {
    let fields = PriceFields::fresh(feed, price, now);
    Instruction {
        program_id: fields.owner,
        accounts: vec![
            AccountMeta::new_readonly(writer().key, true),
            AccountMeta::new(*account, false),
        ],
        data: fields.data(),
    }
}

fn chain(error: impl std::fmt::Display) -> Error {
    Error::Chain(error.to_string())
}
