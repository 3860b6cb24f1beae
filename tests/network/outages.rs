//! A market's feed that dies and comes back: when keepers report it, when not, and that a report which somebody else made is no error.

use std::time::{Duration, Instant};

use client_core::{OraclePolicy, RawAccount, ShownPrice};
use localnet::Settings;
use portfolio_margin_interface::events::Event;
use portfolio_margin_interface::instructions::ReportOutage;
use portfolio_margin_interface::state::Market;
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};
use tokio::time::sleep;

use crate::keeper::Keeper;
use crate::proxy::Proxy;
use crate::town::{key, Town};
use crate::watching::told;

/// Seconds for which nothing may have been stored, or published, before a report: the program's.
const LEAST_AGE: i64 = 600;
const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for several looks.
const LOOKS: Duration = Duration::from_millis(3_500);
const SOL: usize = 1;

fn town() -> Town {
    Town::start(Settings {
        slot_ms: 100,
        ..Settings::default()
    })
}

/// A keeper that looks every second.
fn keeper(town: &Town, line: &Proxy, name: &str, settings: &[(&str, &str)]) -> Keeper {
    let own = [
        ("CRANKS__INTERVAL_SECONDS", "1"),
        ("CRANKS__JITTER_MS", "0"),
    ];
    let all: Vec<_> = own.iter().chain(settings).copied().collect();
    Keeper::start(town, line, name, &all)
}

/// Nothing but reports.
const REPORTS_ALONE: [(&str, &str); 4] = [
    ("CRANKS__UPDATE_MARKET", "false"),
    ("CRANKS__UPDATE_BANK", "false"),
    ("CRANKS__UPDATE_QUOTE_PRICE", "false"),
    ("FEES__LOOKUP_TABLE", "false"),
];

async fn market(town: &Town, index: usize) -> Market {
    let info = &town.network.info.markets[index];
    let found = town.rpc.accounts(&[key(&info.key)]).await;
    let found = found.expect("an answer").accounts.remove(0);
    let data = found.expect("a market").data;
    bytemuck::pod_read_unaligned(&data[DISCRIMINATOR_LEN..Market::ACCOUNT_LEN])
}

/// Stores SOL's price, as whoever trades does: what was never stored cannot stand in for anything, and is not reported.
async fn store(town: &Town) {
    let moment = town.client().await.moment().await.expect("a moment");
    let stored = moment.builder().update_market(SOL as u16);
    let sent = town
        .direct("carol")
        .send(&[stored.expect("a market")], &[])
        .await;
    sent.expect("it is stored");
}

/// When SOL's price was published last, Unix time.
async fn published(town: &Town) -> i64 {
    let at = key(&town.network.info.markets[SOL].price_account);
    let found = town.rpc.accounts(&[at]).await;
    let found = found.expect("an answer").accounts.remove(0);
    let found = found.expect("a price");
    let raw = RawAccount {
        owner: found.owner,
        data: &found.data,
    };
    let policy = OraclePolicy::of_market(&market(town, SOL).await);
    let shown = ShownPrice::checked(&at, &raw, &policy, 0);
    shown.publish_time.expect("a genuine account")
}

/// Goes to a time, whoever publishes.
fn pass_to(town: &Town, time: i64) {
    let passed = time - town.network.time().expect("a time");
    let passed = u64::try_from(passed).expect("a time to come");
    town.network
        .advance(Duration::from_secs(passed))
        .expect("a clock");
}

async fn until(keeper: &Keeper, town: &Town, what: &str, is_so: impl Fn(&Market) -> bool) {
    let start = Instant::now();
    while !is_so(&market(town, SOL).await) {
        if start.elapsed() > PATIENCE {
            keeper.complain(&format!("never: {what}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A keeper's counts of reports, by outcome.
fn reports(keeper: &Keeper, outcome: &str) -> u32 {
    let name = format!("outcomes_total{{action=\"report_outage\",outcome=\"{outcome}\"}}");
    keeper.metrics().get(&name).copied().unwrap_or(0.0) as u32
}

/// Reports that landed over a line, and transactions that failed.
async fn reports_over(town: &Town, line: &Proxy) -> (usize, Vec<String>) {
    let told = told(town, &[line]).await;
    let is_report = |event: &&Event| matches!(event, Event::OutageReported(_));
    (told.events.iter().filter(is_report).count(), told.failed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_feed_is_reported_after_ten_minutes_and_not_before_and_its_return_takes_it_back() {
    let town = town();
    let mut keeper = keeper(&town, &town.proxy, "keeper", &[]);
    keeper.ready(PATIENCE).await;
    // ten quiet minutes of a feed that lives are no outage, though nobody stored a price meanwhile
    town.network
        .advance(Duration::from_secs(700))
        .expect("a clock");
    let then = town.network.time().expect("a time") - 10;
    until(&keeper, &town, "a young price", |market| {
        market.spot_publish_time >= then
    })
    .await;
    sleep(LOOKS).await;
    assert_eq!(market(&town, SOL).await.outage_at, 0);
    town.network.stop_feed("SOL").expect("it feeds");
    let last = published(&town).await;
    pass_to(&town, last + LEAST_AGE - 30);
    sleep(LOOKS).await;
    let before = market(&town, SOL).await;
    assert_eq!(before.outage_at, 0, "{}", keeper.log());
    assert!(town.network.time().expect("a time") < last + LEAST_AGE);

    pass_to(&town, last + LEAST_AGE);
    until(&keeper, &town, "a report", |market| market.outage_at != 0).await;
    let reported = market(&town, SOL).await;
    assert!(reported.outage_at >= last + LEAST_AGE);
    // once, however often it looks; and the others live
    sleep(LOOKS).await;
    let now = market(&town, SOL).await.outage_at;
    assert_eq!(now, reported.outage_at);
    for other in [0, 2] {
        assert_eq!(market(&town, other).await.outage_at, 0);
    }

    // the first price that it publishes again is stored, and there is no outage any more
    town.network.start_feed("SOL").expect("it feeds");
    until(&keeper, &town, "its end", |market| market.outage_at == 0).await;
    assert!(market(&town, SOL).await.spot_publish_time > last);
    assert_eq!(reports_over(&town, &town.proxy).await, (1, vec![]));
    for outcome in ["refused", "failed"] {
        assert_eq!(reports(&keeper, outcome), 0);
    }
}

/// Carol reports while the keeper's own transaction is being simulated: the keeper finds that out, and neither pays nor complains.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_somebody_else_made_first_is_no_error() {
    let town = town();
    let mut keeper = keeper(&town, &town.proxy, "keeper", &REPORTS_ALONE);
    keeper.ready(PATIENCE).await;
    store(&town).await;
    town.network.stop_feed("SOL").expect("it feeds");
    let last = published(&town).await;
    let asked = town.proxy.calls("simulateTransaction");
    town.proxy.delay(Duration::from_secs(3));
    pass_to(&town, last + LEAST_AGE);
    let start = Instant::now();
    while town.proxy.calls("simulateTransaction") == asked {
        assert!(
            start.elapsed() < PATIENCE,
            "it does not try\n{}",
            keeper.log()
        );
        sleep(Duration::from_millis(10)).await;
    }
    let sol = key(&town.network.info.markets[SOL].key);
    let report = ReportOutage { market: sol }.instruction(&[]);
    // past the slow line
    let carol = town.direct("carol");
    carol.send(&[report], &[]).await.expect("the first report");
    while reports(&keeper, "outcompeted") == 0 {
        if start.elapsed() > PATIENCE {
            keeper.complain("it was not outcompeted");
        }
        sleep(Duration::from_millis(50)).await;
    }
    town.proxy.delay(Duration::ZERO);
    assert_eq!(reports_over(&town, &town.proxy).await, (0, vec![]));
    for outcome in ["refused", "failed", "sent"] {
        assert_eq!(reports(&keeper, outcome), 0, "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_switches_reports_off_or_lets_them_cost_no_more_than_a_limit() {
    let town = town();
    let lines = [town.line(), town.line()];
    let off = [("CRANKS__REPORT_OUTAGE", "false")];
    let off = [&REPORTS_ALONE[..], &off].concat();
    let poor = [
        ("FEES__PRIORITY", "fixed"),
        ("FEES__FIXED_PRICE", "1000000"),
        ("LIMITS__FEES_PER_TRANSACTION_LAMPORTS", "5000"),
    ];
    let poor = [&REPORTS_ALONE[..], &poor].concat();
    let mut silent = keeper(&town, &lines[0], "keeper", &off);
    let mut poor = keeper(&town, &lines[1], "keeper2", &poor);
    silent.ready(PATIENCE).await;
    poor.ready(PATIENCE).await;
    store(&town).await;
    town.network.stop_feed("SOL").expect("it feeds");
    pass_to(&town, published(&town).await + LEAST_AGE);
    let start = Instant::now();
    while reports(&poor, "over_limit") == 0 {
        if start.elapsed() > PATIENCE {
            poor.complain("no limit stopped it");
        }
        sleep(Duration::from_millis(50)).await;
    }
    sleep(LOOKS).await;
    assert_eq!(market(&town, SOL).await.outage_at, 0);
    for line in &lines {
        assert_eq!(line.calls("sendTransaction"), 0);
    }
    let tried = silent.metrics();
    assert!(
        !tried.keys().any(|name| name.contains("report_outage")),
        "{tried:?}"
    );
}
