//! What a network made, as it is printed.

use std::collections::BTreeMap;

use portfolio_margin_interface::{seeds, ID};
use sandbox::oracle::{price_account, USDC_FEED};
use sandbox::{Bank, Market};
use serde::{Deserialize, Serialize};

use crate::scenario::SYMBOLS;
use crate::settings::Settings;
use crate::stage::{Person, Stage};
use crate::town::Town;

/// Everything that a client needs to begin; addresses in base 58, feeds in hex.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Info {
    /// HTTP.
    pub rpc_url: String,
    /// WebSocket.
    pub ws_url: String,
    /// The clearing house's program.
    pub program: String,
    /// The clearing house.
    pub house: String,
    /// Slot at which the network started.
    pub slot: u64,
    /// Unix time at which it did, by the network's clock.
    pub time: i64,
    /// How prices move.
    pub scenario: ScenarioInfo,
    /// The quote asset's price.
    pub quote: QuoteInfo,
    /// Mints.
    pub mints: Vec<MintInfo>,
    /// Collateral banks, by index.
    pub banks: Vec<BankInfo>,
    /// Markets, by index.
    pub markets: Vec<MarketInfo>,
    /// Expiries of every market.
    pub expiries: ExpiryInfo,
    /// Named users.
    pub wallets: Vec<WalletInfo>,
    /// The example venue.
    pub venue: VenueInfo,
    /// Accounts beside those of the named users.
    pub population: PopulationInfo,
}

/// How prices move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioInfo {
    /// calm, walk, crash or a file.
    pub name: String,
    /// Seconds of the scenario in one of the clock.
    pub speed: f64,
    /// Seconds of the clock in one of the wall's.
    pub clock_speed: f64,
}

/// The quote asset's price.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuoteInfo {
    /// Its name.
    pub symbol: String,
    /// Its mint.
    pub mint: String,
    /// Pyth feed.
    pub feed: String,
    /// Where its price stands.
    pub price_account: String,
}

/// A mint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MintInfo {
    /// Its name.
    pub symbol: String,
    /// The mint.
    pub key: String,
    /// Decimals of its native unit.
    pub decimals: u8,
    /// Program that owns it.
    pub token_program: String,
}

/// A collateral bank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BankInfo {
    /// Its place in the canonical order.
    pub index: u16,
    /// Name of its asset.
    pub symbol: String,
    /// The bank.
    pub key: String,
    /// Mint of its asset.
    pub mint: String,
    /// Its token account.
    pub vault: String,
    /// Whether its deposits are cash.
    pub is_quote: bool,
    /// Pyth feed; none for the quote bank.
    pub feed: Option<String>,
    /// Where its price stands; none for the quote bank.
    pub price_account: Option<String>,
}

/// A market.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarketInfo {
    /// Its place in the canonical order.
    pub index: u16,
    /// Name of its underlying.
    pub symbol: String,
    /// The market.
    pub key: String,
    /// Its board of surfaces.
    pub board: String,
    /// Pyth feed.
    pub feed: String,
    /// Where its price stands.
    pub price_account: String,
    /// Price at the start, 1e-8 USD.
    pub price: u64,
    /// Unix times.
    pub expiries: Vec<i64>,
}

/// Expiries of every market, Unix times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpiryInfo {
    /// The first: six to seven days after the start, at 08:00 UTC, unless the network was told another.
    pub week: i64,
    /// The second: 27 to 28 days after the start, at 08:00 UTC.
    pub month: i64,
}

/// A named user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WalletInfo {
    /// The name.
    pub name: String,
    /// The wallet.
    pub address: String,
    /// File of its keypair, where keypairs were written.
    pub keypair: Option<String>,
    /// Its margin account, where it has one.
    pub margin_account: Option<String>,
    /// Number of that account.
    pub sub_account: u16,
    /// Its token accounts by symbol.
    pub tokens: BTreeMap<String, String>,
}

/// The example venue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VenueInfo {
    /// Its program.
    pub program: String,
    /// Its listing.
    pub record: String,
    /// What signs for it.
    pub authority: String,
}

/// Accounts beside those of the named users.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PopulationInfo {
    /// How many.
    pub accounts: usize,
    /// Those that fall below maintenance at the bottom of the crash.
    pub failing: Vec<String>,
}

/// What `Info::of` is told beside the world.
pub(crate) struct Place {
    pub rpc_url: String,
    pub ws_url: String,
    pub slot: u64,
    /// Unix time.
    pub time: i64,
}

impl Info {
    pub(crate) fn of(town: &Town, settings: &Settings, place: Place) -> Self {
        let stage = &town.stage;
        let world = &stage.world;
        let venue = sandbox::venue::EXAMPLE_VENUE;
        Self {
            rpc_url: place.rpc_url,
            ws_url: place.ws_url,
            program: ID.to_string(),
            house: world.house.to_string(),
            slot: place.slot,
            time: place.time,
            scenario: ScenarioInfo {
                name: settings.scenario.to_string(),
                speed: settings.speed,
                clock_speed: settings.clock_speed,
            },
            quote: QuoteInfo {
                symbol: "USDC".into(),
                mint: world.usdc.mint.to_string(),
                feed: hex(&USDC_FEED),
                price_account: price_account(0, &USDC_FEED).to_string(),
            },
            mints: vec![
                mint(stage, "USDC", &world.usdc, 6),
                mint(stage, "SOL", &world.sol_bank, 9),
            ],
            banks: vec![bank("USDC", &world.usdc), bank("SOL", &world.sol_bank)],
            markets: SYMBOLS
                .into_iter()
                .zip(stage.markets())
                .map(|(symbol, record)| market(stage, symbol, &record))
                .collect(),
            expiries: ExpiryInfo {
                week: world.week,
                month: world.month,
            },
            wallets: stage
                .people
                .iter()
                .map(|person| wallet(stage, settings, person))
                .collect(),
            venue: VenueInfo {
                program: venue.to_string(),
                record: seeds::venue(&world.house, &venue).to_string(),
                authority: seeds::venue_authority(&world.house, &venue).to_string(),
            },
            population: PopulationInfo {
                accounts: town.accounts,
                failing: town.failing.iter().map(ToString::to_string).collect(),
            },
        }
    }

    /// The market of a symbol.
    pub fn market(&self, symbol: &str) -> Option<&MarketInfo> {
        self.markets.iter().find(|market| market.symbol == symbol)
    }

    /// The wallet of a name.
    pub fn wallet(&self, name: &str) -> Option<&WalletInfo> {
        self.wallets.iter().find(|wallet| wallet.name == name)
    }
}

fn mint(stage: &Stage, symbol: &str, bank: &Bank, decimals: u8) -> MintInfo {
    MintInfo {
        symbol: symbol.into(),
        key: bank.mint.to_string(),
        decimals,
        token_program: stage.world.token_program(&bank.mint).to_string(),
    }
}

fn bank(symbol: &str, bank: &Bank) -> BankInfo {
    let priced = (!bank.is_quote).then_some(bank);
    BankInfo {
        index: bank.index,
        symbol: symbol.into(),
        key: bank.key.to_string(),
        mint: bank.mint.to_string(),
        vault: bank.vault.to_string(),
        is_quote: bank.is_quote,
        feed: priced.map(|bank| hex(&bank.feed_id)),
        price_account: priced.map(|bank| bank.price.to_string()),
    }
}

fn market(stage: &Stage, symbol: &str, market: &Market) -> MarketInfo {
    MarketInfo {
        index: market.index,
        symbol: symbol.into(),
        key: market.key.to_string(),
        board: seeds::board(&market.key).to_string(),
        feed: hex(&market.feed_id),
        price_account: market.price.to_string(),
        price: stage.world.spot(&market.price).raw(),
        expiries: stage.world.expiries(market),
    }
}

fn wallet(stage: &Stage, settings: &Settings, person: &Person) -> WalletInfo {
    let world = &stage.world;
    let named = [("USDC", world.usdc), ("SOL", world.sol_bank)];
    let tokens = named.map(|(symbol, bank)| {
        let key = world.wallet(&person.user, &bank);
        (symbol.to_string(), key.to_string())
    });
    let file = settings.keys.as_ref();
    let file = file.map(|folder| folder.join(format!("{}.json", person.name)));
    WalletInfo {
        name: person.name.into(),
        address: person.user.key.to_string(),
        keypair: file.map(|file| file.display().to_string()),
        margin_account: person.account.map(|trader| trader.account.to_string()),
        sub_account: person.account.map_or(0, |trader| trader.sub_account),
        tokens: tokens.into_iter().collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
