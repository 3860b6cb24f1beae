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

use crate::settings::Settings;
use crate::stage::{wall_seconds, Stage, VOLATILITIES};

/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// Who posts, and what.
pub(crate) struct Poster {
    client: RpcClient,
    user: User,
    house: portfolio_margin_interface::Pubkey,
    markets: [Market; 3],
    expiries: [i64; 2],
    /// Unix time of the last posts.
    posted_at: i64,
    surfaces_every: Duration,
    quote_every: Duration,
}

impl Poster {
    pub fn new(stage: &Stage, settings: &Settings, rpc_url: &str) -> Self {
        Self {
            client: RpcClient::new_with_commitment(
                rpc_url.to_string(),
                CommitmentConfig::processed(),
            ),
            user: stage.world.surface_authority,
            house: stage.world.house,
            markets: stage.markets(),
            expiries: [stage.world.week, stage.world.month],
            posted_at: stage.world.now(),
            surfaces_every: settings.surfaces_every,
            quote_every: settings.quote_every,
        }
    }

    /// Posts when due until the other end of the channel is dropped.
    pub fn run(&self, stop: &Receiver<()>) {
        // the world was posted when it was made
        let age = u64::try_from(wall_seconds() - self.posted_at).unwrap_or(0);
        let age = Duration::from_secs(age);
        let first = |every: Duration| Instant::now() + every.saturating_sub(age);
        let (mut surfaces, mut quote) = (first(self.surfaces_every), first(self.quote_every));
        loop {
            match stop.recv_deadline(surfaces.min(quote)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            let now = Instant::now();
            if now >= quote {
                quote = now + due(self.post_quote(), self.quote_every, stop);
            }
            if now >= surfaces {
                surfaces = now + due(self.post_surfaces(), self.surfaces_every, stop);
            }
        }
    }

    fn post_quote(&self) -> Result<(), String> {
        let price = price_account(0, &USDC_FEED);
        self.send(instructions::update_quote_price(&self.house, &price))
    }

    fn post_surfaces(&self) -> Result<(), String> {
        let now = wall_seconds();
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

/// When to post next; a failure is told and tried again soon, unless the network has ended meanwhile.
fn due(posted: Result<(), String>, every: Duration, stop: &Receiver<()>) -> Duration {
    match posted {
        Ok(()) => every,
        Err(_) if stop.try_recv() == Err(TryRecvError::Disconnected) => Duration::ZERO,
        Err(error) => {
            eprintln!("localnet: the poster failed, and tries again: {error}");
            AGAIN
        }
    }
}
