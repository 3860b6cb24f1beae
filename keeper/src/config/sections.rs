//! What each section holds, with its units, defaults and bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use portfolio_margin_interface::{seeds, Pubkey};
use solana_commitment_config::CommitmentConfig;

use super::reader::Reader;
use super::shown::{Commitment, Listen, MarketIndex};

/// A million dollars a million times, 1e-6 USD: more than any limit needs.
const MOST_DOLLARS: i64 = 1_000_000_000_000_000_000;
/// A dollar, 1e-6 USD.
const DOLLAR: i64 = 1_000_000;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// Everything that a keeper is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the cluster is.
    pub network: Network,
    /// For which clearing house, as whom.
    pub house: House,
    /// What counts as profit.
    pub profit: Profit,
    /// What is never exceeded.
    pub limits: Limits,
    /// What transactions pay.
    pub fees: Fees,
    /// Which repairs are done.
    pub acting: Acting,
    /// Which cranks are turned.
    pub cranks: Cranks,
    /// How accounts are watched and ranked.
    pub watching: Watching,
    /// Metrics and health.
    pub metrics: Metrics,
    /// Logs.
    pub logs: Logs,
    /// Every key with the value in force, for `check-config`.
    pub effective: Vec<(String, String)>,
}

/// `[network]`
#[derive(Clone, Debug)]
pub struct Network {
    /// RPC endpoint.
    pub url: String,
    /// WebSocket endpoint.
    pub ws_url: String,
    /// What reads and confirmations ask for.
    pub commitment: CommitmentConfig,
    /// Longest wait for one RPC answer.
    pub timeout: Duration,
}

/// `[house]`
#[derive(Clone, Debug)]
pub struct House {
    /// The clearing house.
    pub clearinghouse: Pubkey,
    /// File with the keypair that owns the keeper's margin account and pays fees.
    pub keypair: PathBuf,
    /// The keeper's margin account of that owner.
    pub sub_account: u16,
    /// Which accounts this keeper works on.
    pub shard: Shard,
}

/// A part of all accounts: those whose address falls into it. `0/1` is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0.
    pub index: u64,
    /// Of how many, at least 1.
    pub count: u64,
}

/// `[profit]`
#[derive(Clone, Debug)]
pub struct Profit {
    /// Least profit of a bid after everything that it costs, 1e-6 USD.
    pub least: i64,
    /// What it has to bring beyond that for each place that it takes in the keeper's account, 1e-6 USD.
    pub least_per_position: i64,
    /// What a SOL costs, 1e-6 USD; none: the spot of `sol_market`.
    pub sol_price: Option<i64>,
    /// Index of the market whose spot is the price of SOL.
    pub sol_market: Option<u16>,
}

/// `[limits]`
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most initial margin that all positions of the keeper may require, 1e-6 USD.
    pub most_capital: i64,
    /// Largest part of a book that one bid takes, percent.
    pub largest_share: u64,
    /// Whether to bid on what is priced by a number that was stored before its feed died.
    pub bid_in_outages: bool,
    /// Most lamports of fees within an hour.
    pub fees_per_hour: u64,
    /// Most lamports of fees of one transaction.
    pub fees_per_transaction: u64,
    /// Most accounts worked on at a time.
    pub concurrent: usize,
    /// Oldest data that anything is decided on, slots behind the newest.
    pub oldest_slots: u64,
}

/// How the price of a compute unit is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Always this one, micro-lamports per compute unit.
    Fixed(u64),
    /// This percentile of what was paid lately for the accounts that are written.
    Percentile(u8),
}

/// `[fees]`
#[derive(Clone, Debug)]
pub struct Fees {
    /// How the price is chosen.
    pub priority: Priority,
    /// Most micro-lamports per compute unit.
    pub most_price: u64,
    /// Whether the keeper makes and extends a lookup table of its own, which costs rent.
    pub lookup_table: bool,
}

/// `[acting]`
#[derive(Clone, Debug)]
pub struct Acting {
    /// Bids on accounts with equity.
    pub bids: bool,
    /// Proofs of insolvency and bids on insolvent accounts.
    pub insolvency: bool,
    /// Resolves bankruptcies.
    pub bankruptcies: bool,
    /// Ends and restarts auctions of accounts that recovered.
    pub recoveries: bool,
    /// How often an account is tried again after a transient failure before it waits for the next sweep.
    pub attempts: u64,
    /// Time between two looks at accounts that wait.
    pub sweep: Duration,
}

/// `[cranks]`
#[derive(Clone, Debug)]
pub struct Cranks {
    /// Stores markets' prices and samples their regimes.
    pub update_market: bool,
    /// Stores prices of banks.
    pub update_bank: bool,
    /// Stores the price of the quote asset.
    pub update_quote_price: bool,
    /// Moves funding into the running hour.
    pub update_funding: bool,
    /// Moves fees of markets to the house.
    pub collect_fees: bool,
    /// Records samples of expiries, writes final prices, settles accounts.
    pub settlement: bool,
    /// Settles profit and loss of perpetuals.
    pub perp_pnl: bool,
    /// Reports that a feed is dead.
    pub report_outage: bool,
    /// Time between two looks at what is due.
    pub interval: Duration,
    /// Longest random wait before a crank, so that keepers do not turn it together.
    pub jitter: Duration,
    /// A stored price may be this old before it is stored anew, seconds.
    pub price_age: i64,
    /// A stored price may be this far from the newest before it is stored anew, 1e-6.
    pub price_move: u64,
    /// Least fees that are worth collecting, 1e-6 USD.
    pub least_fees: i64,
    /// Least loss of a perpetual that is worth settling, 1e-6 USD.
    pub least_pnl: i64,
    /// Most settlements of accounts per look.
    pub most: usize,
}

/// `[watching]`
#[derive(Clone, Debug)]
pub struct Watching {
    /// Time between two whole snapshots while the subscription works.
    pub snapshot: Duration,
    /// Silence of the subscription after which it is opened anew.
    pub silence: Duration,
    /// Longest wait between two attempts to connect.
    pub backoff: Duration,
    /// Horizon of the probability of breach, seconds.
    pub horizon: u64,
    /// Paths of the Monte Carlo.
    pub paths: u64,
    /// Steps of each.
    pub steps: u64,
    /// Time between two looks at all accounts.
    pub sweep: Duration,
    /// Probability of breach from which an account is checked on every price change, 1e-6.
    pub risky: u64,
    /// Seed of the Monte Carlo.
    pub seed: u64,
}

/// `[metrics]`
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where metrics and health are served; none: nowhere.
    pub listen: Option<SocketAddr>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object per line.
    Json,
}

/// `[logs]`
#[derive(Clone, Debug)]
pub struct Logs {
    /// Format.
    pub format: LogFormat,
    /// Filter, as `tracing` reads it: `info`, `margin_keeper=debug`.
    pub filter: String,
}

impl Settings {
    /// Reads every section; `None` only after something was refused.
    pub(super) fn of(reader: &mut Reader) -> Option<Self> {
        let network = network(reader);
        let house = house(reader);
        let profit = profit(reader);
        let limits = limits(reader);
        let fees = fees(reader);
        let acting = acting(reader);
        let cranks = cranks(reader);
        let watching = watching(reader);
        let metrics = metrics(reader);
        let logs = logs(reader);
        Some(Self {
            network: network?,
            house: house?,
            profit: profit?,
            limits,
            fees: fees?,
            acting,
            cranks,
            watching,
            metrics: metrics?,
            logs: logs?,
            effective: Vec::new(),
        })
    }
}

fn network(reader: &mut Reader) -> Option<Network> {
    let address = |schemes: [&'static str; 2]| {
        move |text: &str| {
            let is_known = schemes.iter().any(|scheme| {
                text.strip_prefix(scheme)
                    .is_some_and(|rest| !rest.is_empty())
            });
            is_known.then(|| text.to_owned())
        }
    };
    let url = reader.parsed(
        "network.url",
        "http://127.0.0.1:8899",
        "an address that begins with http:// or https://",
        address(["http://", "https://"]),
    );
    let ws_url = reader.parsed(
        "network.ws_url",
        "ws://127.0.0.1:8900",
        "an address that begins with ws:// or wss://",
        address(["ws://", "wss://"]),
    );
    let commitment = reader.parsed(
        "network.commitment",
        "processed",
        "processed, confirmed or finalized",
        |text| CommitmentConfig::from_str(text).ok().map(Commitment),
    );
    let timeout = reader.number("network.timeout_seconds", 20, 1, 300);
    Some(Network {
        url: url?,
        ws_url: ws_url?,
        commitment: commitment?.0,
        timeout: Duration::from_secs(timeout),
    })
}

fn house(reader: &mut Reader) -> Option<House> {
    let keypair = reader.parsed(
        "house.keypair",
        "",
        "the path of a keypair file: the owner of the keeper's margin account",
        |text| (!text.is_empty()).then(|| text.to_owned()),
    );
    let default = seeds::clearinghouse(0).to_string();
    let clearinghouse = reader.parsed(
        "house.clearinghouse",
        &default,
        "the address of a clearing house",
        |text| Pubkey::from_str(text).ok(),
    );
    let sub_account = reader.number("house.sub_account", 0, 0, u16::MAX.into());
    let shard = reader.parsed(
        "house.shard",
        "0/1",
        "a part like \"0/1\" or \"2/3\": which, from 0, of how many, at most 1000",
        |text| text.parse().ok(),
    );
    Some(House {
        clearinghouse: clearinghouse?,
        keypair: PathBuf::from(keypair?),
        sub_account: u16::try_from(sub_account).unwrap_or(u16::MAX),
        shard: shard?,
    })
}

fn profit(reader: &mut Reader) -> Option<Profit> {
    let least = reader.dollars("profit.least_usd", DOLLAR, 0, MOST_DOLLARS);
    let least_per_position =
        reader.dollars("profit.least_per_position_usd", DOLLAR, 0, MOST_DOLLARS);
    let price = reader.dollars("profit.sol_price_usd", 200 * DOLLAR, 0, 1_000_000 * DOLLAR);
    let market = reader.parsed(
        "profit.sol_market",
        "none",
        "\"none\", or the index of the market whose spot is the price of SOL",
        |text| match text {
            "none" => Some(MarketIndex(None)),
            _ => text.parse().ok().map(|index| MarketIndex(Some(index))),
        },
    );
    let market = market?.0;
    if price == 0 && market.is_none() {
        reader.refuse(
            "profit.sol_price_usd",
            "is 0, which takes the price from a market, but profit.sol_market names none: fees would be free",
        );
    }
    Some(Profit {
        least,
        least_per_position,
        sol_price: (price > 0).then_some(price),
        sol_market: market,
    })
}

fn limits(reader: &mut Reader) -> Limits {
    let concurrent = reader.number("limits.concurrent", 8, 1, 256);
    Limits {
        most_capital: reader.dollars(
            "limits.most_capital_usd",
            100_000 * DOLLAR,
            DOLLAR,
            MOST_DOLLARS,
        ),
        largest_share: reader.number("limits.largest_share_percent", 100, 1, 100),
        bid_in_outages: reader.flag("limits.bid_in_outages", false),
        fees_per_hour: reader.number(
            "limits.fees_per_hour_lamports",
            1_000_000_000,
            5_000,
            u64::MAX / 2,
        ),
        fees_per_transaction: reader.number(
            "limits.fees_per_transaction_lamports",
            10_000_000,
            5_000,
            u64::MAX / 2,
        ),
        concurrent: usize::try_from(concurrent).unwrap_or(1),
        oldest_slots: reader.number("limits.oldest_slots", 150, 1, 10_000),
    }
}

fn fees(reader: &mut Reader) -> Option<Fees> {
    let kind = reader.parsed("fees.priority", "percentile", "fixed or percentile", |t| {
        ["fixed", "percentile"].contains(&t).then(|| t.to_owned())
    });
    let price = reader.number("fees.fixed_price", 1_000, 0, 1_000_000_000);
    let percentile = reader.number("fees.percentile", 75, 1, 100);
    let most_price = reader.number("fees.most_price", 1_000_000, 0, 1_000_000_000);
    let lookup_table = reader.flag("fees.lookup_table", true);
    let priority = match kind?.as_str() {
        "fixed" => Priority::Fixed(price),
        _ => Priority::Percentile(u8::try_from(percentile).unwrap_or(100)),
    };
    Some(Fees {
        priority,
        most_price,
        lookup_table,
    })
}

fn acting(reader: &mut Reader) -> Acting {
    Acting {
        bids: reader.flag("acting.bids", true),
        insolvency: reader.flag("acting.insolvency", true),
        bankruptcies: reader.flag("acting.bankruptcies", true),
        recoveries: reader.flag("acting.recoveries", true),
        attempts: reader.number("acting.attempts", 4, 1, 100),
        sweep: Duration::from_millis(reader.number("acting.sweep_ms", 1_000, 100, 600_000)),
    }
}

fn cranks(reader: &mut Reader) -> Cranks {
    let seconds = |value| Duration::from_secs(value);
    let most = reader.number("cranks.most_settlements", 16, 1, 1_000);
    let age = reader.number("cranks.price_age_seconds", 60, 1, DAY);
    Cranks {
        update_market: reader.flag("cranks.update_market", true),
        update_bank: reader.flag("cranks.update_bank", true),
        update_quote_price: reader.flag("cranks.update_quote_price", true),
        update_funding: reader.flag("cranks.update_funding", false),
        collect_fees: reader.flag("cranks.collect_fees", false),
        settlement: reader.flag("cranks.settlement", true),
        perp_pnl: reader.flag("cranks.perp_pnl", false),
        report_outage: reader.flag("cranks.report_outage", true),
        interval: seconds(reader.number("cranks.interval_seconds", 5, 1, 3_600)),
        jitter: Duration::from_millis(reader.number("cranks.jitter_ms", 2_000, 0, 60_000)),
        price_age: i64::try_from(age).unwrap_or(i64::MAX),
        price_move: reader.number("cranks.price_move_ppm", 5_000, 1, 1_000_000),
        least_fees: reader.dollars("cranks.least_fees_usd", 100 * DOLLAR, 0, MOST_DOLLARS),
        least_pnl: reader.dollars("cranks.least_pnl_usd", 10 * DOLLAR, 0, MOST_DOLLARS),
        most: usize::try_from(most).unwrap_or(1),
    }
}

fn watching(reader: &mut Reader) -> Watching {
    let seconds = Duration::from_secs;
    Watching {
        snapshot: seconds(reader.number("watching.snapshot_seconds", 60, 5, DAY)),
        silence: seconds(reader.number("watching.silence_seconds", 15, 2, 3_600)),
        backoff: seconds(reader.number("watching.backoff_seconds", 30, 1, 600)),
        horizon: reader.number("watching.horizon_seconds", 600, 60, 7 * DAY),
        paths: reader.number("watching.paths", 256, 1, 100_000),
        steps: reader.number("watching.steps", 4, 1, 1_000),
        sweep: seconds(reader.number("watching.sweep_seconds", 10, 1, 3_600)),
        risky: reader.number("watching.risky_ppm", 1_000, 1, 1_000_000),
        seed: reader.number("watching.seed", 1, 0, u64::MAX),
    }
}

fn metrics(reader: &mut Reader) -> Option<Metrics> {
    let listen = reader.parsed(
        "metrics.listen",
        "127.0.0.1:9464",
        "\"none\", or an address like 127.0.0.1:9464",
        |text| match text {
            "none" => Some(Listen(None)),
            _ => text.parse().ok().map(|address| Listen(Some(address))),
        },
    );
    Some(Metrics { listen: listen?.0 })
}

fn logs(reader: &mut Reader) -> Option<Logs> {
    let format = reader.parsed("logs.format", "text", "text or json", |text| {
        ["text", "json"].contains(&text).then(|| text.to_owned())
    });
    let filter = reader.parsed(
        "logs.filter",
        "info",
        "a filter like info or margin_keeper=debug",
        |text| {
            let is_filter = tracing_subscriber::EnvFilter::try_new(text).is_ok();
            (is_filter && !text.is_empty()).then(|| text.to_owned())
        },
    );
    Some(Logs {
        format: match format?.as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
        filter: filter?,
    })
}
