//! What a keeper decides, sent to the program's bytecode: every row of the table in `margin_keeper::plan`, at the edge where it begins.

use std::collections::HashMap;

use client_core::AccountData;
use margin_keeper::config::Settings;
use margin_keeper::outcome::Outcome;
use margin_keeper::packed::{Desk, Named};
use margin_keeper::plan::{decide, Decision, Situation, Step};
use portfolio_margin_interface::args::LiquidationArgs;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::Pubkey;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, USDC};

/// What the transactions of a repair are taken to cost, 1e-6 USD.
const FEES: i64 = 1_000;

/// Alice is long a coin on 30,000 dollars from 116,661.50, bob is short, the keeper has 200,000; all are active.
struct Scene {
    world: World,
    alice: Trader,
    keeper: Trader,
    settings: Settings,
}

impl Scene {
    fn at(price: u64, keys: &[(&str, &str)]) -> Self {
        let builder = WorldBuilder {
            liquidation: LiquidationArgs::STANDARD,
            ..WorldBuilder::default()
        };
        let mut world = builder.build();
        let alice = world.trader("alice", 30_000 * USDC);
        let bob = world.trader("bob", 200_000 * USDC);
        let keeper = world.trader("keeper", 200_000 * USDC);
        let btc = world.btc;
        world
            .trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)])
            .ok();
        world.set_price(&btc, dollars(price));
        let keys = keys.iter();
        let keys = keys.map(|(key, value)| (format!("MARGIN_KEEPER__{key}"), (*value).to_owned()));
        let text = "[house]\nkeypair = \"k\"\n[limits]\nmost_capital_usd = 1000000\n";
        let settings = Settings::from_text(text, &keys.collect::<HashMap<_, _>>());
        Self {
            world,
            alice,
            keeper,
            settings: settings.expect("settings"),
        }
    }

    fn named(&self, key: Pubkey) -> Named {
        let data = AccountData::read(&self.world.data(&key)).expect("an account");
        Named { key, data }
    }

    fn decide(&self) -> Decision {
        let (of, own) = (
            self.named(self.alice.account),
            self.named(self.keeper.account),
        );
        let mut scope = of.data.scope().union(&own.data.scope());
        scope
            .markets
            .extend(of.data.header.loss_market.checked_sub(1));
        let directory = self.world.directory(&self.world.house);
        let inputs = self.world.inputs(&self.world.house, &scope);
        decide(&Situation {
            desk: Desk {
                directory: &directory,
                own: &own,
            },
            of: &of,
            inputs: &inputs,
            settings: &self.settings,
            most_fraction: FRACTION_ONE,
            fees: FEES,
            bound: 0,
        })
    }

    #[track_caller]
    fn taken(&self, action: &str, instructions: usize) -> Step {
        match self.decide() {
            Decision::Take(step) => {
                assert_eq!(
                    (step.action, step.variants[0].len()),
                    (action, instructions)
                );
                step
            }
            Decision::Leave(outcome) => panic!("{outcome:?}"),
        }
    }

    #[track_caller]
    fn left(&self) -> Outcome {
        match self.decide() {
            Decision::Leave(outcome) => outcome,
            Decision::Take(step) => panic!("{}", step.action),
        }
    }

    /// Sends what was most wanted.
    #[track_caller]
    fn send(&mut self, step: &Step) {
        self.world
            .send_wide(&step.variants[0], &[self.keeper.user])
            .ok();
    }

    fn equity(&self, trader: &Trader) -> i64 {
        self.world.report(&trader.account).margin.equity.raw()
    }

    fn status(&self) -> u8 {
        self.world.account(&self.alice.account).0.status
    }

    fn pass(&mut self, seconds: i64) {
        self.world.advance(seconds);
        self.world.refresh();
    }

    /// Seconds that an outcome tells to wait.
    #[track_caller]
    fn wait(&self) -> i64 {
        match self.left() {
            Outcome::NotProfitable {
                wait: Some(wait), ..
            } => wait,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_failing_account_is_repaired_by_one_transaction_that_brings_what_was_planned() {
    assert_eq!(Scene::at(110_000, &[]).left(), Outcome::AlreadyHealthy);
    let mut scene = Scene::at(90_000, &[]);
    let step = scene.taken("bid", 3);
    let profit = step.profit.expect("a profit");
    assert!(
        profit.net() >= 1_000_000 && profit.fund_share > 0,
        "{profit:?}"
    );
    assert_eq!(profit.fees, FEES);
    let before = scene.equity(&scene.keeper);
    scene.send(&step);
    let gained = scene.equity(&scene.keeper) - before;
    assert_eq!(gained, profit.reward - profit.fund_share);
    assert_eq!(scene.status(), STATUS_ACTIVE);
    assert_eq!(scene.left(), Outcome::AlreadyHealthy);
}

#[test]
fn who_wants_more_starts_the_clock_and_bids_in_the_second_that_pays_it() {
    let plain = Scene::at(90_000, &[]).taken("bid", 3);
    let net = plain.profit.expect("a profit").net();
    // twice of what the start brings
    let least = margin_keeper::config::shown_dollars(2 * net);
    let mut scene = Scene::at(90_000, &[("PROFIT__LEAST_USD", &least)]);
    let start = scene.taken("start", 1);
    assert_eq!(start.profit, None);
    scene.send(&start);
    assert_eq!(scene.status(), STATUS_LIQUIDATING);
    let wait = scene.wait();
    assert!((60..900).contains(&wait), "{wait}");
    // a larger discount restores less per part: it takes a larger part, so that the second is no later than was said
    scene.pass(wait);
    let step = scene.taken("bid", 2);
    assert!(step.profit.expect("a profit").net() >= 2 * net);
    scene.send(&step);
    assert_eq!(scene.status(), STATUS_ACTIVE);

    let never = Scene::at(90_000, &[("PROFIT__LEAST_USD", "100000")]);
    let outcome = never.left();
    assert!(
        matches!(outcome, Outcome::NotProfitable { wait: None, .. }),
        "{outcome:?}"
    );
}

#[test]
fn what_recovers_is_ended_or_its_auction_is_begun_anew() {
    let keys = [("PROFIT__LEAST_USD", "50000"), ("ACTING__BIDS", "true")];
    let mut scene = Scene::at(90_000, &[]);
    let start = vec![scene.taken("bid", 3).variants[2][0].clone()];
    scene.world.send(&start, &[scene.keeper.user]).ok();
    assert_eq!(scene.status(), STATUS_LIQUIDATING);
    scene.settings = Scene::at(90_000, &keys).settings;

    // between maintenance and its buffer
    let btc = scene.world.btc;
    let prices = (90_000..105_000).step_by(10).map(dollars);
    let between = prices.into_iter().find(|price| {
        scene.world.set_price(&btc, *price);
        let margin = scene.world.report(&scene.alice.account).margin;
        margin.maintenance_health.raw() >= 0
    });
    assert!(between.is_some());
    assert!(matches!(scene.left(), Outcome::NotProfitable { .. }));
    scene.pass(899);
    assert!(matches!(scene.left(), Outcome::NotProfitable { .. }));
    scene.pass(1);
    let restart = scene.taken("restart", 1);
    scene.send(&restart);
    assert!(matches!(scene.left(), Outcome::NotProfitable { .. }));

    scene.world.set_price(&btc, dollars(112_000));
    let stop = scene.taken("stop", 1);
    scene.send(&stop);
    assert_eq!(scene.status(), STATUS_ACTIVE);
    assert_eq!(scene.left(), Outcome::AlreadyHealthy);
}

#[test]
fn an_account_without_equity_is_proved_and_bid_on_once_the_fund_pays_enough() {
    let mut scene = Scene::at(80_000, &[]);
    let (giver, usdc) = (scene.world.user("giver"), scene.world.usdc);
    scene.world.fund(&giver, &usdc, 50_000 * USDC);
    scene.world.give_insurance(&giver, 50_000 * USDC).ok();
    let prove = scene.taken("prove", 2);
    scene.send(&prove);
    assert_eq!(scene.status(), STATUS_LIQUIDATING);
    assert_eq!(scene.wait(), 36); // a hundredth of the phase
    scene.pass(3_600);
    let bid = scene.taken("bid_insolvent", 1);
    let profit = bid.profit.expect("a profit");
    assert!(profit.net() >= 1_000_000, "{profit:?}");
    let before = scene.equity(&scene.keeper);
    scene.send(&bid);
    let gained = scene.equity(&scene.keeper) - before;
    assert_eq!(gained, profit.reward);
    assert_eq!(scene.status(), STATUS_ACTIVE);
    assert_eq!(scene.left(), Outcome::AlreadyHealthy);
}

#[test]
fn without_a_fund_nobody_is_paid_and_what_is_left_is_a_bankruptcy_to_resolve() {
    let mut scene = Scene::at(80_000, &[]);
    let prove = scene.taken("prove", 2);
    scene.send(&prove);
    scene.pass(3_600);
    let outcome = scene.left();
    assert!(
        matches!(outcome, Outcome::NotProfitable { wait: None, .. }),
        "{outcome:?}"
    );
    // somebody takes it for nothing
    let (keeper, alice) = (scene.keeper, scene.alice.account);
    scene
        .world
        .bid_insolvent(&keeper, &alice, FRACTION_ONE)
        .ok();
    let (header, positions) = scene.world.account(&alice);
    assert!(positions.is_empty() && header.cash < 0);
    let resolve = scene.taken("resolve", 1);
    scene.send(&resolve);
    assert_eq!(scene.status(), STATUS_ACTIVE);
    assert_eq!(scene.left(), Outcome::AlreadyHealthy);
}

#[test]
fn a_bid_is_as_large_as_the_capital_allows_and_no_larger() {
    let whole = Scene::at(90_000, &[]).taken("bid", 3);
    let least = whole.capital / 2;
    let most = margin_keeper::config::shown_dollars(least);
    let mut scene = Scene::at(90_000, &[("LIMITS__MOST_CAPITAL_USD", &most)]);
    let step = scene.taken("bid", 2); // no stop: the buffer is not back
    assert!(
        step.capital <= least && step.capital > least / 10 * 9,
        "{step:?}"
    );
    scene.send(&step);
    assert_eq!(scene.status(), STATUS_LIQUIDATING);
    // what was kept free for prices that move is bid with, and what is kept free of that
    let mut bids = 1;
    let outcome = loop {
        assert!(scene.required() <= least, "{bids}");
        match scene.decide() {
            Decision::Leave(outcome) => break outcome,
            Decision::Take(step) => scene.send(&step),
        }
        bids += 1;
    };
    let is_over = matches!(
        outcome,
        Outcome::OverLimit(_) | Outcome::NotProfitable { .. }
    );
    assert!(is_over && bids <= 4, "{bids}: {outcome:?}");
    assert!(scene.required() > least / 100 * 98);

    let share = Scene::at(90_000, &[("LIMITS__LARGEST_SHARE_PERCENT", "10")]);
    let step = share.taken("bid", 2);
    assert_eq!(step.offer.expect("an offer").fraction, FRACTION_ONE / 10);
}

impl Scene {
    /// Initial margin that the keeper's account requires, 1e-6 USD.
    fn required(&self) -> i64 {
        let margin = self.world.report(&self.keeper.account).margin;
        margin.initial_margin().raw()
    }

    /// Decides at 90,000 and lands at another price; returns what the keeper's account then requires, nothing where no variant lands.
    fn landed_at(price: u64, most: &str) -> i64 {
        let mut scene = Self::at(90_000, &[("LIMITS__MOST_CAPITAL_USD", most)]);
        let Decision::Take(step) = scene.decide() else {
            panic!("{:?}", scene.decide());
        };
        let btc = scene.world.btc;
        scene.world.set_price(&btc, dollars(price));
        for variant in &step.variants {
            let sent = scene.world.send_wide(variant, &[scene.keeper.user]);
            if sent.error.is_none() {
                break;
            }
        }
        scene.required()
    }
}

/// The program sells what restores the buffer at the prices of its block: with a market that falls that is more than was planned.
#[test]
fn what_lands_in_a_market_that_falls_binds_no_more_than_the_limit() {
    const ALL: &str = "1000000";
    let planned = Scene::landed_at(90_000, ALL);
    assert!(planned > 0);
    // the buffer can be restored within it, with little to spare
    let limit = planned / 100 * 112;
    let most = margin_keeper::config::shown_dollars(limit);
    assert_eq!(Scene::landed_at(90_000, &most), planned);
    let mut is_exceeded_without = false;
    for price in [89_900, 89_500, 89_000, 88_000, 87_500] {
        let (required, free) = (Scene::landed_at(price, &most), Scene::landed_at(price, ALL));
        assert!(0 < required && required <= limit, "{price}: {required}");
        assert!(free <= planned / 100 * 165, "{price}: {free}");
        is_exceeded_without |= free > limit;
    }
    assert!(is_exceeded_without, "no larger part was wanted");
    // a limit that is less than the plan and its room: a smaller part, and that wherever it lands
    let limit = planned / 2;
    let most = margin_keeper::config::shown_dollars(limit);
    for price in [90_000, 88_000] {
        let required = Scene::landed_at(price, &most);
        assert!(0 < required && required <= limit, "{price}: {required}");
    }
}

/// Whoever spreads a book over many series pays for the places that it takes in the keeper's account.
#[test]
fn each_place_that_a_bid_takes_has_to_be_paid_for_and_those_taken_already_cost_nothing() {
    let shown = margin_keeper::config::shown_dollars;
    let all = Scene::at(90_000, &[("PROFIT__LEAST_PER_POSITION_USD", "0")]);
    let net = all.taken("bid", 3).profit.expect("a profit").net();
    let with = |place: i64| {
        let (least, place) = (shown(1_000_000), shown(place));
        let keys = [
            ("PROFIT__LEAST_USD", least.as_str()),
            ("PROFIT__LEAST_PER_POSITION_USD", place.as_str()),
        ];
        Scene::at(90_000, &keys)
    };
    let step = with(net - 1_000_000).taken("bid", 3);
    assert_eq!(step.least, net);
    let mut scene = with(net - 999_999);
    assert_eq!(scene.taken("start", 1).profit, None); // until the discount pays it
    let dear = with(1_000_000_000_000);
    let outcome = dear.left();
    assert!(
        matches!(outcome, Outcome::NotProfitable { wait: None, .. }),
        "{outcome:?}"
    );

    // the keeper holds the series: no new place
    let dave = scene.world.trader("dave", 200_000 * USDC);
    let (keeper, btc) = (scene.keeper, scene.world.btc);
    let price = dollars(90_000);
    scene
        .world
        .trade(&keeper, &dave, &[perpetual(&btc, BASE / 100, price)])
        .ok();
    scene.settings = dear.settings;
    assert_eq!(scene.taken("bid", 3).least, 1_000_000);
}

#[test]
fn a_keeper_whose_own_account_is_in_liquidation_bids_on_nothing() {
    let mut scene = Scene::at(90_000, &[]);
    let start = vec![scene.taken("bid", 3).variants[2][0].clone()];
    scene.world.send(&start, &[scene.keeper.user]).ok();
    let failing = scene.world.trader("carol", 30_000 * USDC);
    let bob = scene.world.trader("dave", 200_000 * USDC);
    let btc = scene.world.btc;
    scene.world.set_price(&btc, BTC_START);
    scene
        .world
        .trade(&failing, &bob, &[perpetual(&btc, BASE, BTC_START)])
        .ok();
    scene.world.set_price(&btc, dollars(90_000));
    // alice would bid on carol
    (scene.keeper, scene.alice) = (scene.alice, failing);
    let wanted = Outcome::CannotCarry(ErrorCode::AccountLiquidating);
    assert_eq!(scene.left(), wanted);
}
