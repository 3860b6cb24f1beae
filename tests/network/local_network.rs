//! The local network itself: what clients rely on when they are tested against it.

mod notices;

use std::time::{Duration, Instant};

use client_core::{Priced, RawAccount as Raw, ShownPrice};
use localnet::scenario::{bottom, START_PRICES, SYMBOLS};
use localnet::{Network, Scenario, Settings};
use portfolio_margin_client::{
    Client, ClientConfig, Filter, PriorityFee, Rpc, Transactor, TransactorConfig,
};
use portfolio_margin_interface::state::{Clearinghouse, Market, VolBoard};
use portfolio_margin_interface::view::{MarginView, View};
use portfolio_margin_interface::{AccountLayout, Pubkey, DISCRIMINATOR_LEN, ID};
use sandbox::{instructions, User};
use serde_json::json;
use solana_commitment_config::CommitmentLevel;
use solana_instruction::{AccountMeta, Instruction};

const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");

fn start(settings: Settings) -> Network {
    let settings = Settings {
        port: 0,
        ..settings
    };
    Network::start(settings).expect("a network")
}

fn rpc(network: &Network) -> Rpc {
    let wait = Duration::from_secs(10);
    Rpc::new(network.rpc_url(), CommitmentLevel::Processed, wait, 1_000).expect("a URL")
}

fn transactor(network: &Network, name: &str) -> Transactor {
    let config = TransactorConfig {
        fee: PriorityFee::None,
        poll_every: Duration::from_millis(50),
        ..TransactorConfig::default()
    };
    let payer = std::sync::Arc::new(User::named(name).keypair());
    Transactor::new(rpc(network), payer, config)
}

fn key(text: &str) -> Pubkey {
    text.parse().expect("a key")
}

/// Bytes and owner of an account.
async fn fetch(rpc: &Rpc, at: &Pubkey) -> (Pubkey, Vec<u8>) {
    let found = rpc.accounts(&[*at]).await.expect("an answer");
    let account = found.accounts.into_iter().next().flatten();
    let account = account.expect("it is there");
    (account.owner, account.data)
}

async fn read<T: AccountLayout>(rpc: &Rpc, at: &Pubkey) -> T {
    let (owner, data) = fetch(rpc, at).await;
    assert_eq!(owner, ID);
    assert_eq!(data[..DISCRIMINATOR_LEN], T::ACCOUNT_DISCRIMINATOR);
    bytemuck::pod_read_unaligned(&data[DISCRIMINATOR_LEN..T::ACCOUNT_LEN])
}

async fn clock(rpc: &Rpc) -> i64 {
    let (_, data) = fetch(rpc, &CLOCK).await;
    let at = data.len() - 8;
    i64::from_le_bytes(data[at..].try_into().expect("eight bytes"))
}

/// A market's price, read with all of the program's checks.
async fn price(network: &Network, rpc: &Rpc, symbol: &str) -> ShownPrice {
    let info = network.info.market(symbol).expect("a market");
    let market: Market = read(rpc, &key(&info.key)).await;
    let at = key(&info.price_account);
    let (owner, data) = fetch(rpc, &at).await;
    let raw = Raw { owner, data: &data };
    let house = key(&network.info.house);
    let now = clock(rpc).await;
    ShownPrice::read(&at, &raw, &house, now, Priced::Market(&market))
}

/// What `view_margin` asks of alice's account: her SOL, and her markets BTC and SOL.
fn view_margin_of_alice(network: &Network) -> Instruction {
    let info = &network.info;
    let alice = info.wallet("alice").expect("alice");
    let bank = &info.banks[1];
    let mut keys = vec![
        key(&bank.key),
        key(bank.price_account.as_ref().expect("its price")),
    ];
    for market in &info.markets[..2] {
        keys.extend([key(&market.key), key(&market.price_account)]);
    }
    let metas = keys
        .into_iter()
        .map(|key| AccountMeta::new_readonly(key, false));
    let account = key(alice.margin_account.as_ref().expect("her account"));
    instructions::view_margin(&key(&info.house), &account, metas.collect())
}

async fn view(network: &Network) -> MarginView {
    let ix = view_margin_of_alice(network);
    let simulation = transactor(network, "carol").simulate(&[ix], &[]).await;
    let simulation = simulation.expect("an answer");
    assert!(simulation.failure.is_none(), "{simulation:?}");
    let (program, data) = simulation.return_data.expect("return data");
    assert_eq!(program, ID);
    MarginView::read(&data).expect("a view")
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !check().await {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_move_stay_genuine_and_the_program_takes_them() {
    let network = start(Settings::default());
    let rpc = rpc(&network);
    for symbol in SYMBOLS {
        let shown = price(&network, &rpc, symbol).await;
        assert_eq!((shown.doubt, shown.refusal), (None, None), "{symbol}");
    }
    let before = view(&network).await;
    assert_eq!(before.doubt, 0);
    network
        .set_price("BTC", START_PRICES[0] / 2)
        .expect("a price");
    let shown = price(&network, &rpc, "BTC").await;
    assert_eq!(shown.price.raw(), START_PRICES[0] / 2);
    let after = view(&network).await;
    assert!(
        after.equity < before.equity - 5_000_000_000,
        "{before:?} {after:?}"
    );
    assert_eq!(after.doubt, 0);

    network.crash_now().expect("a crash");
    for (symbol, wanted) in SYMBOLS.into_iter().zip(bottom()) {
        assert_eq!(price(&network, &rpc, symbol).await.price.raw(), wanted);
    }
    assert_eq!(network.prices().expect("prices"), bottom());
    network.stop().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn price_accounts_age_only_while_the_feeder_stands_still() {
    let network = start(Settings::default());
    let rpc = rpc(&network);
    let published = async || {
        let shown = price(&network, &rpc, "SOL").await;
        (shown.publish_time.expect("a time"), clock(&rpc).await)
    };
    let (first, now) = published().await;
    assert!((0..=5).contains(&(now - first)));
    let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time");
    assert!(
        wall.as_secs().abs_diff(now as u64) <= 3,
        "the clock is the wall's"
    );
    eventually("a next price", async || published().await.0 > first).await;
    network.stop_feeder().expect("it stops");
    let (stopped, _) = published().await;
    eventually("the clock goes on", async || {
        published().await.1 >= stopped + 3
    })
    .await;
    assert_eq!(published().await.0, stopped);
    network.start_feeder().expect("it starts");
    let (resumed, now) = published().await;
    assert!(resumed >= stopped + 3 && now - resumed <= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_methods_that_clients_call_are_answered() {
    let network = start(Settings {
        accounts: 30,
        failing: 3,
        ..Settings::default()
    });
    let (rpc, info) = (rpc(&network), &network.info);
    let house: Clearinghouse = read(&rpc, &key(&info.house)).await;
    assert_eq!((house.market_count, house.bank_count), (3, 2));
    for market in &info.markets {
        let board: VolBoard = read(&rpc, &key(&market.board)).await;
        assert_eq!(board.market, key(&market.key));
    }
    // in one answer of one slot, in the order that was asked, with none for what is not there
    let nothing = Pubkey::new_from_array([7; 32]);
    let many = [key(&info.house), nothing, CLOCK];
    let found = rpc.accounts(&many).await.expect("an answer");
    let there: Vec<bool> = found.accounts.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, true]);

    let first = portfolio_margin_interface::state::MarginAccount::ACCOUNT_DISCRIMINATOR;
    let filter = [Filter::Bytes(0, first.to_vec())];
    let margin = rpc.program_accounts(&ID, &filter).await.expect("an answer");
    assert_eq!(
        margin.accounts.len(),
        30 + 6 + 1,
        "the crowd, the named and one maker"
    );
    let keys: Vec<Pubkey> = margin.accounts.iter().map(|(key, _)| *key).collect();
    assert_eq!(info.population.failing.len(), 3);
    for account in &info.population.failing {
        assert!(keys.contains(&key(account)));
    }

    let fresh = User::named("a stranger").key.to_string();
    let airdrop = json!([fresh, 5_000_000_000u64]);
    rpc.call("requestAirdrop", airdrop)
        .await
        .expect("a signature");
    eventually("the airdrop", async || {
        rpc.balance(&key(&fresh)).await.expect("a balance") == 5_000_000_000
    })
    .await;
    let blockhash = rpc.latest_blockhash().await.expect("a blockhash");
    let asked = json!([blockhash.hash.to_string(), { "commitment": "processed" }]);
    let valid = rpc.call("isBlockhashValid", asked.clone()).await;
    assert_eq!(valid.expect("an answer")["value"], json!(true));
    network.expire_blockhashes().expect("blocks");
    let valid = rpc.call("isBlockhashValid", asked).await;
    assert_eq!(valid.expect("an answer")["value"], json!(false));
    let before = clock(&rpc).await;
    let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time");
    assert!(
        wall.as_secs().abs_diff(before as u64) <= 3,
        "no time has passed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_can_be_slow_stand_still_and_go_on() {
    let network = start(Settings::default());
    let rpc = rpc(&network);
    let slot = async || rpc.slot_and_height().await.expect("a slot").0;
    let wait = |millis| tokio::time::sleep(Duration::from_millis(millis));
    let passed = async |millis| {
        let before = slot().await;
        wait(millis).await;
        slot().await - before
    };
    let usual = passed(4_000).await;
    assert!((5..=11).contains(&usual), "{usual} slots in 4 s");
    network.pause_blocks().expect("a pause");
    wait(1_000).await;
    assert_eq!(passed(1_500).await, 0);
    network.resume_blocks().expect("an end of it");
    eventually("a block", async || passed(500).await > 0).await;
    network.set_slot_time(50).expect("a time");
    eventually("fast blocks", async || passed(1_000).await > 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_poster_keeps_surfaces_and_the_quote_price_fresh_by_transactions() {
    let network = start(Settings {
        surfaces_every: Duration::from_secs(2),
        quote_every: Duration::from_secs(2),
        ..Settings::default()
    });
    let (rpc, info) = (rpc(&network), &network.info);
    let market = key(&info.market("ETH").expect("a market").key);
    let posted = async || {
        let market: Market = read(&rpc, &market).await;
        let slots = market.expiries.iter().filter(|slot| slot.time != 0);
        let times: Vec<i64> = slots.map(|slot| slot.posted_at).collect();
        assert_eq!(times.len(), 2);
        times
    };
    let stored = async || {
        let house: Clearinghouse = read(&rpc, &key(&info.house)).await;
        house.quote_publish_time
    };
    let (surfaces, quote) = (posted().await, stored().await);
    eventually("new surfaces", async || {
        posted()
            .await
            .iter()
            .zip(&surfaces)
            .all(|(new, old)| new > old)
    })
    .await;
    eventually("a new quote price", async || stored().await > quote).await;
    let poster = &info.wallet("poster").expect("the poster").address;
    let sent = rpc.call("getSignaturesForAddress", json!([poster])).await;
    let sent = sent.expect("an answer");
    let sent = sent.as_array().expect("a list");
    assert!(sent.len() >= 7, "{} transactions", sent.len());
    assert!(sent.iter().all(|transaction| transaction["err"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_played_at_its_speed() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("played.csv");
    let rows =
        "seconds,BTC,SOL,ETH\n0,100000,200,4000\n40,90000.5,150,3500\n80,95000,160.25,3600\n";
    std::fs::write(&path, rows).expect("writing");
    let network = start(Settings {
        scenario: Scenario::File(path),
        speed: 10.0,
        ..Settings::default()
    });
    let rpc = rpc(&network);
    let mut seen = vec![];
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(11) {
        let shown = price(&network, &rpc, "BTC").await.price.raw();
        if seen.last().is_none_or(|(last, _)| *last != shown) {
            seen.push((shown, begin.elapsed().as_secs_f64()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let prices: Vec<u64> = seen.iter().map(|(price, _)| *price).collect();
    let wanted = [10_000_000_000_000, 9_000_050_000_000, 9_500_000_000_000];
    assert_eq!(prices, wanted);
    for ((_, at), due) in seen.iter().zip([0.0, 4.0, 8.0]) {
        assert!((due - 1.0..due + 2.0).contains(at), "{at} s for {due} s");
    }
    assert_eq!(
        price(&network, &rpc, "SOL").await.price.raw(),
        16_025_000_000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crash_comes_by_itself_and_the_planted_fail() {
    let network = start(Settings {
        scenario: Scenario::Crash,
        speed: 10.0,
        accounts: 20,
        failing: 5,
        ..Settings::default()
    });
    assert_eq!(network.info.scenario.name, "crash");
    let rpc = rpc(&network);
    eventually("the bottom", async || {
        price(&network, &rpc, "ETH").await.price.raw() == bottom()[2]
    })
    .await;
    let info = &network.info;
    let config = ClientConfig {
        commitment: CommitmentLevel::Processed,
        ..ClientConfig::new(network.rpc_url(), key(&info.house))
    };
    let client = Client::connect(config).await.expect("a client");
    let (_, all) = client.margin_accounts(None).await.expect("accounts");
    let keys: Vec<Pubkey> = all.iter().map(|(key, _)| *key).collect();
    let everywhere = client_core::Scope::default();
    let loaded = client.load_all(&keys, &everywhere).await.expect("all");
    assert_eq!(loaded.len(), 20 + 6 + 1);
    let mut failed = vec![];
    for account in &loaded {
        let margin = account.report().expect("a report").report.margin;
        let (equity, health) = (margin.equity.raw(), margin.maintenance_health.raw());
        assert!(equity > 0, "{}", account.key);
        if health < 0 {
            failed.push(account.key.to_string());
        } else {
            assert!(health > (equity - health) / 6, "{} is close", account.key);
        }
    }
    failed.sort();
    let mut planted = info.population.failing.clone();
    planted.sort();
    assert_eq!(failed, planted);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_networks_of_one_town_go_their_own_ways() {
    let settings = Settings {
        accounts: 10,
        failing: 2,
        port: 0,
        ..Settings::default()
    };
    let town = localnet::Town::build(&settings).expect("a town");
    let [one, two] = [(); 2].map(|()| Network::start_from(&town, settings.clone()));
    let (one, two) = (one.expect("a network"), two.expect("a network"));
    assert_ne!(one.rpc_url(), two.rpc_url());
    assert_eq!(one.info.population.failing, two.info.population.failing);
    one.set_price("BTC", START_PRICES[0] * 2).expect("a price");
    let unknown = one.set_price("DOGE", 1).expect_err("no such market");
    assert!(unknown.to_string().contains("DOGE"), "{unknown}");
    let doubled = price(&one, &rpc(&one), "BTC").await.price.raw();
    let other = price(&two, &rpc(&two), "BTC").await.price.raw();
    assert_eq!(doubled, START_PRICES[0] * 2);
    assert!(other.abs_diff(START_PRICES[0]) < START_PRICES[0] / 10_000);
    one.stop().expect("it ends");
    assert!(
        rpc(&two).slot_and_height().await.is_ok(),
        "the other one goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_networks_that_start_at_once_find_ports_of_their_own() {
    let settings = Settings {
        port: 0,
        ..Settings::default()
    };
    let town = localnet::Town::build(&settings).expect("a town");
    let start = || Network::start_from(&town, settings.clone()).expect("a network");
    let networks: Vec<Network> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        let joined = started.into_iter().map(|thread| thread.join());
        joined.map(|network| network.expect("no panic")).collect()
    });
    let urls: std::collections::BTreeSet<_> = networks
        .iter()
        .flat_map(|network| [network.rpc_url(), network.ws_url()])
        .collect();
    assert_eq!(urls.len(), 16);
    for network in &networks {
        assert!(rpc(network).slot_and_height().await.is_ok());
    }
}
