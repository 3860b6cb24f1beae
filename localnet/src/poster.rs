//! The poster: keeps surfaces and the stored price of the quote asset fresh, by transactions of its own wallet.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use sandbox::oracle::{price_account, USDC_FEED};
use sandbox::{crypto_smile, instructions, Market, User};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_rpc_client::rpc_client::RpcClient;
use solana_transaction::versioned::VersionedTransaction;

use crate::clock::NetworkClock;
use crate::settings::Settings;
use crate::stage::{Stage, VOLATILITIES};

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_millis(250);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// Who posts, and what.
pub(crate) struct Poster {
    client: RpcClient,
    clock: NetworkClock,
    user: User,
    house: portfolio_margin_interface::Pubkey,
    markets: [Market; 3],
    expiries: [i64; 2],
    surfaces: Post,
    quote: Post,
}

/// Something that is posted again and again.
struct Post {
    /// Unix time of the last one.
    at: i64,
    every: Duration,
    /// After a failure: not before this moment.
    rests_until: Instant,
}

impl Post {
    /// Of a world that was posted when it was made.
    fn new(at: i64, every: Duration) -> Self {
        let rests_until = Instant::now();
        Self {
            at,
            every,
            rests_until,
        }
    }

    fn is_due(&self, now: i64) -> bool {
        let age = u64::try_from(now.saturating_sub(self.at)).unwrap_or(0);
        age >= self.every.as_secs() && Instant::now() >= self.rests_until
    }

    /// A failure is told and tried again soon, unless the network has ended meanwhile.
    fn done(&mut self, posted: Result<(), String>, now: i64, stop: &Receiver<()>) {
        match posted {
            Ok(()) => self.at = now,
            Err(_) if stop.try_recv() == Err(TryRecvError::Disconnected) => {}
            Err(error) => {
                eprintln!("localnet: the poster failed, and tries again: {error}");
                self.rests_until = Instant::now() + AGAIN;
            }
        }
    }
}

impl Poster {
    pub fn new(stage: &Stage, settings: &Settings, rpc_url: &str, clock: NetworkClock) -> Self {
        let posted_at = stage.world.now();
        Self {
            client: RpcClient::new_with_commitment(
                rpc_url.to_string(),
                CommitmentConfig::processed(),
            ),
            clock,
            user: stage.world.surface_authority,
            house: stage.world.house,
            markets: stage.markets(),
            expiries: [stage.world.week, stage.world.month],
            surfaces: Post::new(posted_at, settings.surfaces_every),
            quote: Post::new(posted_at, settings.quote_every),
        }
    }

    /// Posts when due by the network's clock until the other end of the channel is dropped.
    pub fn run(mut self, stop: &Receiver<()>) {
        while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let now = self.clock.seconds();
            if self.quote.is_due(now) {
                let posted = self.post_quote();
                self.quote.done(posted, now, stop);
            }
            if self.surfaces.is_due(now) {
                let posted = self.post_surfaces(now);
                self.surfaces.done(posted, now, stop);
            }
        }
    }

    fn post_quote(&self) -> Result<(), String> {
        let price = price_account(0, &USDC_FEED);
        self.send(instructions::update_quote_price(&self.house, &price))
    }

    fn post_surfaces(&self, now: i64) -> Result<(), String> {
        for (market, volatility) in self.markets.iter().zip(VOLATILITIES) {
            for expiry in self.expiries.into_iter().filter(|expiry| *expiry > now) {
                let smile = crypto_smile(expiry, now, volatility);
                self.send(instructions::post_vol_surface(
                    &self.user.key,
                    market,
                    smile,
                ))?;
            }
        }
        Ok(())
    }

    fn send(&self, ix: solana_message::Instruction) -> Result<(), String> {
        let blockhash = self.client.get_latest_blockhash();
        let blockhash = blockhash.map_err(|error| error.to_string())?;
        let message = Message::new_with_blockhash(&[ix], Some(&self.user.key), &blockhash);
        let message = solana_message::VersionedMessage::Legacy(message);
        let signers: [&Keypair; 1] = [&self.user.keypair()];
        let transaction = VersionedTransaction::try_new(message, &signers);
        let transaction = transaction.map_err(|error| error.to_string())?;
        let sent = self.client.send_and_confirm_transaction(&transaction);
        sent.map(drop).map_err(|error| error.to_string())
    }
}
