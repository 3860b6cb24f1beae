//! An expiry from its last half hour to the last account: keepers record its samples, write its price and settle everybody.

mod ledger;
mod scene;

use std::collections::BTreeMap;
use std::time::Duration;

use localnet::scenario::START_PRICES;
use portfolio_margin_interface::events::Event;
use portfolio_margin_interface::Pubkey;
use tokio::time::sleep;

use crate::keeper::Keeper;
use crate::proxy::Proxy;
use crate::town::Town;
use crate::watching::told;
use ledger::{assert_settled, Ledger};
use scene::{mean_of, price_of, Scene, BTC, DELAY, ENOUGH, LATE, LOOKS, PATIENCE};

/// What keepers did for an expiry, by the chain's own word.
#[derive(Debug, Default)]
struct Settlement {
    /// Samples taken, by market's address and publish time.
    samples: BTreeMap<(Pubkey, i64), u32>,
    /// Final prices written, by market's address.
    finals: BTreeMap<Pubkey, Vec<u64>>,
    /// Settlements, by account and market.
    settled: BTreeMap<(Pubkey, Pubkey), u32>,
    outages: u32,
    failed: Vec<String>,
    landed: usize,
}

/// Everything that was sent over these lines.
async fn settlement(town: &Town, lines: &[&Proxy]) -> Settlement {
    let told = told(town, lines).await;
    let mut all = Settlement {
        failed: told.failed,
        landed: told.landed,
        ..Settlement::default()
    };
    for event in told.events {
        note(event, &mut all);
    }
    all
}

fn note(event: Event, all: &mut Settlement) {
    match event {
        Event::SettlementRecorded(told) => {
            *all.samples
                .entry((told.market, told.publish_time))
                .or_default() += 1;
        }
        Event::SettlementFinalized(told) => {
            all.finals.entry(told.market).or_default().push(told.price);
        }
        Event::ExpirySettled(told) => {
            let key = (told.margin_account, told.market);
            *all.settled.entry(key).or_default() += 1;
        }
        Event::OutageReported(_) => all.outages += 1,
        _ => {}
    }
}

impl Settlement {
    /// Insists that each thing was done once: samples of as many minutes, one final price each, one settlement of each.
    fn assert_once(&self, samples: usize, markets: usize) {
        assert_eq!(self.samples.len(), samples, "{self:?}");
        assert!(self.samples.values().all(|times| *times == 1), "{self:?}");
        assert_eq!(self.finals.len(), markets, "{self:?}");
        assert!(self.finals.values().all(|prices| prices.len() == 1));
        assert!(!self.settled.is_empty());
        let twice: Vec<_> = self.settled.iter().filter(|told| *told.1 > 1).collect();
        assert!(twice.is_empty(), "settled more than once: {twice:?}");
    }
}

/// Records of an expiry by market.
fn held(ledger: &Ledger, expiry: i64) -> [usize; 3] {
    let mut counts = [0; 3];
    let accounts = ledger.accounts.values();
    for held in accounts.flat_map(|account| &account.positions) {
        counts[usize::from(held.market)] += usize::from(held.expiry == expiry);
    }
    counts
}

/// Nothing of this was recorded that an operator should look at.
fn assert_no_errors(keeper: &Keeper) {
    let metrics = keeper.metrics();
    let is_error = |name: &str| name.contains("refused") || name.contains("\"failed\"");
    let errors: Vec<_> = metrics
        .iter()
        .filter(|(name, count)| {
            name.starts_with("outcomes_total") && is_error(name) && **count > 0.0
        })
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{}", keeper.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_records_an_expiry_writes_its_price_and_pays_everybody_to_the_unit() {
    let scene = Scene::start(0);
    scene.trade().await;
    let mut keeper = scene.keeper("keeper", &[]);
    keeper.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    before.assert_whole();
    // the last second before the window is of no minute
    scene.go_to(scene.minute(0) - 30, START_PRICES[0]);
    sleep(LOOKS).await;
    assert_eq!(scene.record(BTC).await.count, 0);
    scene.sample(&keeper, 0..30).await;

    // both sides of the delay in which anybody may put other samples beside these
    scene.go_to(scene.expiry + DELAY - 30, price_of(1));
    sleep(LOOKS).await;
    assert_eq!(scene.record(BTC).await.price, 0);
    scene.go_to(scene.expiry + DELAY, price_of(2));
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.price != 0 && record.records == 0
        })
        .await;
    assert_eq!(scene.record(BTC).await.price, mean_of(0..30));
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[mean_of(0..30), 0, 0]);
    assert_no_errors(&keeper);
    assert!(keeper.stop(PATIENCE).await.success());
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    told.assert_once(30, 1);
    assert_eq!(told.failed, [""; 0]);
    eprintln!("an expiry: {} transactions, none failed", told.landed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_killed_in_the_window_and_among_settlements_goes_on_when_it_is_started_again(
) {
    let scene = Scene::start(0);
    scene.trade().await;
    let one_each = [("CRANKS__MOST_SETTLEMENTS", "1")];
    let mut keeper = scene.keeper("keeper", &one_each);
    keeper.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    scene.sample(&keeper, 0..6).await;
    keeper.kill();
    // three minutes that nobody records: what was published in them is gone from the account
    for minute in 6..9 {
        scene.go_to_minute(minute, price_of(minute));
    }
    let mut keeper = scene.keeper("keeper", &one_each);
    scene.sample(&keeper, 9..20).await;
    scene.go_to(scene.expiry + DELAY + 1, price_of(3));
    // one of three accounts is settled, and it dies
    let full = scene.record(BTC).await.records;
    scene
        .until(&keeper, "the first settlement", |record| {
            record.records < full
        })
        .await;
    keeper.kill();
    let left = scene.record(BTC).await;
    assert!(left.records > 0, "it was killed too late");
    assert_eq!(left.price, mean_of((0..6).chain(9..20)));

    let keeper = scene.keeper("keeper", &[]);
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.records == 0
        })
        .await;
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[left.price, 0, 0]);
    assert_no_errors(&keeper);
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    told.assert_once(17, 1);
    assert_eq!(told.failed, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_settle_an_expiry_together_and_nobody_twice() {
    let scene = Scene::start(12);
    scene.trade().await;
    let lines = [scene.town.line(), scene.town.line()];
    let random = [("CRANKS__JITTER_MS", "1000")];
    let mut one = scene.keeper_over(&lines[0], "keeper", &random);
    let mut two = scene.keeper_over(&lines[1], "keeper2", &random);
    one.ready(PATIENCE).await;
    two.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    let counts = held(&before, scene.expiry);
    assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
    let others = [START_PRICES[1] + 1_234_567, START_PRICES[2] - 7_654_321];
    for (symbol, price) in ["SOL", "ETH"].into_iter().zip(others) {
        let network = &scene.town.network;
        network.set_price(symbol, price).expect("a price");
    }
    scene.sample(&one, 0..ENOUGH).await;
    scene.go_to(scene.expiry + DELAY + 1, price_of(3));
    scene.until_settled(&one).await;
    let after = Ledger::read(&scene.town).await;
    let prices = [mean_of(0..ENOUGH), others[0], others[1]];
    assert_settled(&before, &after, scene.expiry, &prices);
    for keeper in [&one, &two] {
        assert_no_errors(keeper);
    }
    let told = settlement(&scene.town, &[&lines[0], &lines[1]]).await;
    assert!(told.settled.values().all(|times| *times == 1), "{told:?}");
    let shares = [&lines[0], &lines[1]].map(|line| line.sent().len());
    eprintln!(
        "two keepers, {counts:?} records: {} transactions, {} of them in vain, by keeper {shares:?}",
        told.landed,
        told.failed.len()
    );
    assert!(shares.iter().all(|sent| *sent > 0), "one did all the work");
    // both may simulate the same in the same instant: the one that lands second pays its fee for nothing
    assert!(told.failed.len() <= told.landed / 5, "{told:?}");
}

/// Twelve minutes are recorded when the feed dies, and the thirteenth by whoever comes later: the price that was published last belongs
/// to its minute, however old it is. Ten are enough, so nothing else is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_dies_with_enough_samples_changes_nothing_and_its_last_price_counts() {
    let scene = Scene::start(0);
    scene.trade().await;
    let mut keeper = scene.keeper("keeper", &[]);
    keeper.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    scene.sample(&keeper, 0..12).await;
    keeper.kill();
    scene.go_to_minute(12, price_of(12));
    scene.town.network.stop_feed("BTC").expect("it feeds");
    scene.pass_to(scene.minute(20));
    let keeper = scene.keeper("keeper", &[]);
    let taken = scene
        .until(&keeper, "the last price", |record| record.count == 13)
        .await;
    assert_eq!(taken.samples[12], price_of(12));

    scene.pass_to(scene.expiry + DELAY - 30);
    sleep(LOOKS).await;
    assert_eq!(scene.record(BTC).await.price, 0);
    scene.pass_to(scene.expiry + DELAY);
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.price != 0 && record.records == 0
        })
        .await;
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[mean_of(0..13), 0, 0]);
    assert_no_errors(&keeper);
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    told.assert_once(13, 1);
    // it was silent for more than ten minutes: that is told as well
    assert_eq!((told.outages, told.failed), (1, vec![]));
}

/// Three minutes are too few: the program waits six hours for others to be shown. A feed that returns meanwhile is too late for the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_dies_with_too_few_samples_makes_the_price_late_and_what_it_says_later_does_not_count(
) {
    let scene = Scene::start(0);
    scene.trade().await;
    let mut keeper = scene.keeper("keeper", &[]);
    keeper.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    scene.sample(&keeper, 0..3).await;
    scene.town.network.stop_feed("BTC").expect("it feeds");
    scene.pass_to(scene.expiry + DELAY + 60);
    sleep(LOOKS).await;
    scene
        .town
        .network
        .set_price("BTC", price_of(9) * 2)
        .expect("a price");
    scene.town.network.start_feed("BTC").expect("it feeds");
    sleep(LOOKS).await;
    scene.pass_to(scene.expiry + LATE - 30);
    sleep(LOOKS).await;
    let waiting = scene.record(BTC).await;
    assert_eq!(
        (waiting.price, waiting.count, waiting.late_price),
        (0, 3, 0)
    );
    scene.pass_to(scene.expiry + LATE);
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.price != 0 && record.records == 0
        })
        .await;
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[mean_of(0..3), 0, 0]);
    assert_no_errors(&keeper);
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    told.assert_once(3, 1);
    assert_eq!(told.failed, [""; 0]);
}

/// Nothing was published in the window: the first price after it is what the expiry settles at, and no later one.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_silent_in_the_whole_window_settles_at_its_first_price_after_it() {
    let scene = Scene::start(0);
    scene.trade().await;
    let mut keeper = scene.keeper("keeper", &[]);
    keeper.ready(PATIENCE).await;
    let before = Ledger::read(&scene.town).await;
    scene.go_to(scene.minute(0) - 60, price_of(0));
    sleep(LOOKS).await;
    scene.town.network.stop_feed("BTC").expect("it feeds");
    scene.pass_to(scene.expiry + 100);
    sleep(LOOKS).await;
    let empty = scene.record(BTC).await;
    assert_eq!((empty.count, empty.late_price), (0, 0));
    scene
        .town
        .network
        .set_price("BTC", price_of(5))
        .expect("a price");
    scene.town.network.start_feed("BTC").expect("it feeds");
    let late = scene
        .until(&keeper, "the late price", |record| record.late_price != 0)
        .await;
    assert_eq!(late.late_price, price_of(5));
    scene.go_to(scene.expiry + LATE - 30, price_of(6));
    sleep(LOOKS).await;
    assert_eq!(scene.record(BTC).await.price, 0);
    scene.pass_to(scene.expiry + LATE);
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.price != 0 && record.records == 0
        })
        .await;
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[price_of(5), 0, 0]);
    assert_no_errors(&keeper);
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    told.assert_once(1, 1);
    assert_eq!((told.outages, told.failed), (1, vec![]));
}

/// Nobody waits for the keeper here: the clock runs forty times as fast as the wall's, prices walk, and what is recorded is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_runs_fast_is_followed_to_the_end_of_an_expiry() {
    let scene = Scene::start(0);
    scene.trade().await;
    let keeper = scene.keeper("keeper", &[]);
    let before = Ledger::read(&scene.town).await;
    scene.go_to(scene.minute(0) - 40, price_of(0));
    let network = &scene.town.network;
    network.set_clock_speed(40.0).expect("a speed");
    let mut step = 0;
    // two minutes longer: what was sent in the last one has landed by then
    while network.time().expect("a time") <= scene.expiry + 120 {
        step += 1;
        network.set_price("BTC", price_of(step)).expect("a price");
        sleep(Duration::from_millis(300)).await;
    }
    let known = scene.record(BTC).await;
    let taken: Vec<u64> = known
        .samples
        .into_iter()
        .filter(|price| *price != 0)
        .collect();
    assert!(!taken.is_empty(), "{known:?}\n{}", keeper.log());
    let mean = taken.iter().sum::<u64>() / taken.len() as u64;
    if taken.len() < ENOUGH {
        // on a machine that is busy with other things: the program then waits for others to show more
        scene.pass_to(scene.expiry + LATE);
    }
    scene
        .until(&keeper, "everybody is settled", |record| {
            record.price != 0 && record.records == 0
        })
        .await;
    let after = Ledger::read(&scene.town).await;
    assert_settled(&before, &after, scene.expiry, &[mean, 0, 0]);
    assert_no_errors(&keeper);
    let told = settlement(&scene.town, &[&scene.town.proxy]).await;
    // a sample that was simulated in the last second of the window may land after it
    assert!(told.failed.len() <= 1, "{told:?}");
    eprintln!(
        "at forty times the speed {} of 30 minutes were recorded",
        taken.len()
    );
}
