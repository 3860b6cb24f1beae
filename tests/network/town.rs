//! A network with a line in front of it, and how the tests look at it: past the line, straight at the network.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use client_core::AccountData;
use localnet::Settings;
use portfolio_margin_client::{Client, Filter, PriorityFee, Rpc, Transactor, TransactorConfig};
use portfolio_margin_interface::instructions::DepositCollateral;
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::{AccountLayout, Pubkey, ID};
use sandbox::User;
use solana_commitment_config::CommitmentLevel;
use solana_instruction::Instruction;

use crate::chain::Network;
use crate::proxy::Proxy;

/// Older answers than this are an error; here every answer is one network's.
const SLOTS_BEHIND: u64 = 1_000;

/// A network that may be dropped anywhere: its end waits for threads, which a runtime forbids.
pub struct Owned(Option<Network>);

impl Deref for Owned {
    type Target = Network;

    fn deref(&self) -> &Network {
        self.0.as_ref().expect("it is taken when dropped")
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let network = self.0.take();
        // a panic of it has been shown already
        drop(std::thread::spawn(|| drop(network)).join());
    }
}

/// The network, and one line to it.
pub struct Town {
    pub network: Owned,
    pub proxy: Proxy,
    /// Straight to the network.
    pub rpc: Rpc,
    /// Milliseconds between blocks.
    pub slot_ms: u64,
}

impl Town {
    /// Starts a network on free ports.
    pub fn start(settings: Settings) -> Self {
        let settings = Settings {
            port: 0,
            ..settings
        };
        let slot_ms = settings.slot_ms;
        Self::of(Network::start(settings).expect("a network"), slot_ms)
    }

    /// Starts a network from a town that was built before.
    pub fn start_from(town: &localnet::Town, settings: Settings) -> Self {
        let settings = Settings {
            port: 0,
            ..settings
        };
        let slot_ms = settings.slot_ms;
        Self::of(
            Network::start_from(town, settings).expect("a network"),
            slot_ms,
        )
    }

    fn of(network: Network, slot_ms: u64) -> Self {
        let network = Owned(Some(network));
        let proxy = Proxy::start(network.rpc_url(), network.ws_url());
        let rpc = rpc(network.rpc_url(), Duration::from_secs(30));
        Self {
            network,
            proxy,
            rpc,
            slot_ms,
        }
    }

    /// Another line to the same network.
    pub fn line(&self) -> Proxy {
        Proxy::start(self.network.rpc_url(), self.network.ws_url())
    }

    /// A named user's margin account.
    pub fn account_of(&self, name: &str) -> Pubkey {
        let wallet = self.network.info.wallet(name).expect("a named user");
        key(wallet.margin_account.as_ref().expect("it has an account"))
    }

    /// A margin account as it is.
    pub async fn account(&self, at: &Pubkey) -> AccountData {
        let found = self.rpc.accounts(&[*at]).await.expect("an answer");
        let raw = found.accounts[0].as_ref().expect("it is there");
        AccountData::read(&raw.data).expect("a margin account")
    }

    /// The bytes of every margin account.
    pub async fn accounts(&self) -> BTreeMap<Pubkey, Vec<u8>> {
        let first = MarginAccount::ACCOUNT_DISCRIMINATOR.to_vec();
        let filter = [Filter::Bytes(0, first)];
        let found = self.rpc.program_accounts(&ID, &filter).await;
        let found = found.expect("an answer").accounts.into_iter();
        found.map(|(key, raw)| (key, raw.data)).collect()
    }

    /// The accounts that fail at the bottom of the crash.
    pub fn failing(&self) -> Vec<Pubkey> {
        let keys = self.network.info.population.failing.iter();
        keys.map(|text| key(text)).collect()
    }

    /// Everything of accounts and prices at one moment, with the client's own reading.
    pub async fn client(&self) -> Client {
        let house = key(&self.network.info.house);
        let connected = Client::over(self.rpc.clone(), house, BTreeMap::new()).await;
        connected.expect("the house is there")
    }

    /// Deposits of a user in USDC, 1e-6 each: what shows how often a transaction happened.
    pub fn deposit(&self, name: &str, amount: u64) -> Instruction {
        let info = &self.network.info;
        let wallet = info.wallet(name).expect("a named user");
        let bank = info.banks.iter().find(|bank| bank.is_quote);
        let bank = bank.expect("a quote bank");
        let mint = info.mints.iter().find(|mint| mint.key == bank.mint);
        let accounts = DepositCollateral {
            owner: key(&wallet.address),
            clearinghouse: key(&info.house),
            margin_account: self.account_of(name),
            bank: key(&bank.key),
            vault: key(&bank.vault),
            source: key(&wallet.tokens[&bank.symbol]),
            mint: key(&bank.mint),
            token_program: key(&mint.expect("its mint").token_program),
        };
        let mut instruction = accounts.instruction(amount, &[]);
        // the first use of an account after a pause may change what the house counts as debts
        instruction.accounts[1].is_writable = true;
        instruction
    }

    /// What a user sends with, over the line.
    pub fn transactor(&self, name: &str) -> Transactor {
        let line = rpc(&self.proxy.rpc_url(), Duration::from_secs(1));
        Self::transactor_over(name, line)
    }

    /// The same past the line, straight to the network, however long that takes to answer.
    pub fn direct(&self, name: &str) -> Transactor {
        Self::transactor_over(name, self.rpc.clone())
    }

    fn transactor_over(name: &str, rpc: Rpc) -> Transactor {
        let config = TransactorConfig {
            fee: PriorityFee::None,
            resend_every: Duration::from_millis(300),
            poll_every: Duration::from_millis(50),
            patience: Duration::from_secs(30),
            ..TransactorConfig::default()
        };
        let payer = Arc::new(User::named(name).keypair());
        Transactor::new(rpc, payer, config)
    }
}

/// A client of a server, which waits so long for an answer.
fn rpc(url: &str, wait: Duration) -> Rpc {
    Rpc::new(url, CommitmentLevel::Processed, wait, SLOTS_BEHIND).expect("a URL")
}

/// An address as the network prints it.
pub fn key(text: &str) -> Pubkey {
    text.parse().expect("a key")
}
