//! What a client's plans foretell is what the program does: price, fee and fraction of a bid, and both accounts' margin after it, to the
//! unit, for random books with and without equity, for chosen legs, for rich bidders and poor ones, from the bytes of accounts alone.

use client_core::plan::{
    plan_bid, plan_insolvent_bid, plan_legs, Bidder, Change, Limits, PlanError,
};
use client_core::{AccountData, Inputs};
use portfolio_margin_interface::args::{
    BidArgs, HouseRulesArgs, LegTake, LiquidateLegsArgs, LiquidationArgs, TradeLeg,
};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::events::{Event, InsolventBid, LegsLiquidated, LiquidationBid};
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::margin::MarginReport;
use risk_core::tier::Tier;
use sandbox::{
    call, future, perpetual, put, take_of, Outcome, PriceFields, Trader, World, WorldBuilder, BASE,
    SOL, USDC,
};
use support::client::{account_data, directory, gather};
use support::insolvent::insure;
use support::{rewrite, Random};

const BOOKS: u64 = 70;

/// One account that fails, and a bidder.
struct Scene {
    world: World,
    alice: Trader,
    keeper: Trader,
    random: Random,
}

/// A house of the whole model with debts and interest, and a maker.
fn house() -> (World, Trader) {
    let mut world = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        rules: HouseRulesArgs {
            debt_account_limit: 20_000_000 * USDC,
            debt_limit: 90_000_000 * USDC,
            rate_base: 20_000,
            rate_kink: 100_000,
            rate_full: 900_000,
            kink: 800_000,
            house_share: 100_000,
            ..HouseRulesArgs::PLAIN
        },
        ..WorldBuilder::whole(0)
    }
    .build();
    let maker = world.trader("maker", 100_000_000 * USDC);
    (world, maker)
}

/// Legs in one market or both, of sizes that real accounts have.
fn random_legs(world: &World, random: &mut Random) -> Vec<TradeLeg> {
    let settings = world.settings();
    let markets = [
        (world.btc, settings.btc_price, BASE),
        (world.sol, settings.sol_price, 500 * BASE),
    ];
    let legs = (0..random.range(1, 5)).map(|_| {
        let (market, spot, unit) = random.pick(&markets);
        let size = random.pick(&[-1, 1]) * (unit * random.range(1, 300) / 100);
        let expiry = random.pick(&[world.week, world.month]);
        let strike = spot / 100 * random.range(80, 121) as u64;
        match random.range(0, 5) {
            0 => perpetual(&market, size, spot),
            1 => future(&market, expiry, size, spot),
            2 | 3 => call(&market, expiry, strike, size, spot / 40),
            _ => put(&market, expiry, strike, size, spot / 40),
        }
    });
    legs.collect()
}

impl Scene {
    /// An account short of maintenance by a share of its requirement (1e-3, range); the keeper has a book of its own now and then, and
    /// anything from a little to 50 million.
    fn new(base: &(World, Trader), seed: u64, short: (i64, i64)) -> Self {
        let (mut world, maker) = base.clone();
        let mut random = Random::new(seed);
        let cash = random.pick(&[20, 1_000, 20_000, 300_000, 2_000_000, 50_000_000]);
        let [alice, keeper] = ["alice", "keeper"].map(|name| {
            let user = world.user(name);
            world.open(&user, 32)
        });
        for (trader, amount) in [(&alice, 5_000_000), (&keeper, cash)] {
            let bank = world.usdc;
            world.fund(&trader.user, &bank, amount * USDC);
            world.deposit(trader, &bank, amount * USDC).ok();
        }
        if random.one_in(2) {
            let bank = world.sol_bank;
            world.fund(&alice.user, &bank, 1_000 * SOL);
            world.deposit(&alice, &bank, 1_000 * SOL).ok();
        }
        for _ in 0..random.range(1, 4) {
            let legs = random_legs(&world, &mut random);
            world.trade(&alice, &maker, &legs).ok();
        }
        if random.one_in(3) && cash >= 2_000_000 {
            let legs = random_legs(&world, &mut random);
            world.trade(&keeper, &maker, &legs).ok();
        }
        if random.one_in(4) {
            world.set_tier(&alice, Tier::Standard).ok();
        }
        let mut scene = Self {
            world,
            alice,
            keeper,
            random,
        };
        scene.fail(short);
        scene
    }

    /// Takes cash until the account is short of maintenance.
    fn fail(&mut self, (least, most): (i64, i64)) {
        let margin = self.margin(&self.alice);
        let requirement = margin.maintenance_margin().raw();
        let short = requirement / 1_000 * self.random.range(least, most);
        let taken = margin.maintenance_health.raw() + short + 1;
        rewrite::<MarginAccount>(&mut self.world, &self.alice.account, |header| {
            header.cash -= taken;
        });
        let (header, _) = self.world.account(&self.alice.account);
        let house = self.world.house;
        rewrite::<Clearinghouse>(&mut self.world, &house, |house| {
            house.interest.debts += header.cash.min(0).unsigned_abs();
        });
    }

    fn margin(&self, trader: &Trader) -> MarginReport {
        self.world.report(&trader.account).margin
    }

    fn start(&mut self) {
        let witness = self.world.report(&self.alice.account).witness();
        let outcome =
            self.world
                .start_liquidation(&self.keeper.user, &self.alice.account, &witness);
        outcome.ok();
    }

    /// Time passes, prices stay what they are, some of them less certain than an opening accepts.
    fn wait(&mut self, seconds: i64) {
        self.world.advance(seconds);
        self.world.refresh();
        if self.random.one_in(4) {
            let (sol, now) = (self.world.sol, self.world.now());
            let price = self.world.settings().sol_price;
            let fields = PriceFields {
                confidence: price / 50,
                ..PriceFields::fresh(sol.feed_id, price, now)
            };
            self.world.set_price_update(sol.price, fields);
        }
    }

    /// Both accounts and all that they are measured with, as a client has them.
    fn seen(&self) -> (AccountData, usize, AccountData, Inputs) {
        let [ours, theirs] =
            [&self.keeper, &self.alice].map(|t| account_data(&self.world, &t.account));
        let banks = [self.world.usdc, self.world.sol_bank];
        let directory = directory(&self.world, &self.world.house, &banks);
        let inputs = gather(
            &self.world,
            &directory,
            &ours.scope().union(&theirs.scope()),
        );
        let data = self
            .world
            .svm
            .get_account(&self.keeper.account)
            .unwrap()
            .data;
        (ours, AccountData::capacity_of(&data), theirs, inputs)
    }

    /// Limits of a bidder: none, or a share and some capital.
    fn limits(&mut self) -> Limits {
        match self.random.range(0, 3) {
            0 => Limits::NONE,
            1 => Limits {
                share: FRACTION_ONE / 1_000 * self.random.range(2, 900) as u64,
                ..Limits::NONE
            },
            _ => Limits {
                capital: self.random.range(1_000, 200_000) * USDC as i64,
                ..Limits::NONE
            },
        }
    }

    /// Both accounts stand as foretold.
    #[track_caller]
    fn assert_foretold(&self, liquidatee: &Change, liquidator: &Change) {
        assert_eq!(self.margin(&self.alice), liquidatee.after);
        assert_eq!(self.margin(&self.keeper), liquidator.after);
        assert!(liquidatee.after.maintenance_health > liquidatee.before.maintenance_health);
    }
}

fn event_of(outcome: &Outcome) -> Event {
    let events = outcome
        .logs
        .iter()
        .filter_map(|line| Event::from_log_line(line));
    let is_bid = |event: &Event| {
        matches!(
            event,
            Event::LiquidationBid(_) | Event::InsolventBid(_) | Event::LegsLiquidated(_)
        )
    };
    events.rev().find(is_bid).expect("the event of a bid")
}

/// How the plans came out.
#[derive(Debug, Default)]
struct Tally {
    planned: usize,
    whole: usize,
    limited: usize,
    refused: usize,
}

impl Tally {
    fn count(&mut self, capital: i64, fraction: u64, most: u64, limits: &Limits) {
        assert!(capital <= limits.capital && fraction <= limits.share.max(most));
        self.planned += 1;
        self.whole += usize::from(fraction == most);
        self.limited += usize::from(*limits != Limits::NONE);
    }

    /// What cannot be carried is refused by the program too, at the smallest part.
    fn refuse(&mut self, error: &PlanError, outcome: &Outcome) {
        self.refused += 1;
        if let Some(code) = error.code() {
            assert_eq!(
                outcome.error_code(),
                Some(code.code()),
                "{error}\n{:#?}",
                outcome.logs
            );
        }
    }
}

fn bid_args(witness: &[u8], fraction: u64, price_limit: i64) -> BidArgs {
    BidArgs {
        witness: witness.to_vec(),
        fraction,
        minimum: 0,
        price_limit,
    }
}

#[test]
fn bids_cost_and_do_what_was_planned() {
    let (base, mut tally) = (house(), Tally::default());
    for seed in 0..BOOKS {
        let mut scene = Scene::new(&base, seed, (1, 900));
        let limits = scene.limits();
        let is_started = scene.random.one_in(2);
        if is_started {
            scene.start();
            let waited = scene.random.pick(&[0, 60, 500, 3_000, 16_000]);
            scene.wait(waited);
        }
        let (ours, capacity, theirs, inputs) = scene.seen();
        let bidder = Bidder {
            account: &ours,
            capacity,
        };
        let witness = scene.world.report(&scene.alice.account).witness();
        let mut ixs = vec![];
        if !is_started {
            let caller = scene.keeper.user;
            ixs.push(
                scene
                    .world
                    .start_liquidation_ix(&caller, &scene.alice.account, &witness),
            );
        }
        let user = scene.keeper.user;
        let plan = match plan_bid(&bidder, &theirs, &inputs, limits) {
            Ok(plan) => plan,
            Err(error) => {
                let args = bid_args(&witness, FRACTION_ONE / 1_000, i64::MAX);
                ixs.push(
                    scene
                        .world
                        .bid_ix(&scene.keeper, &scene.alice.account, args),
                );
                let outcome = scene.world.send_wide(&ixs, &[user]);
                tally.refuse(&error, &outcome);
                continue;
            }
        };
        // not a unit dearer, and for less than all the same fraction that was named
        let args = BidArgs {
            minimum: plan.fraction,
            ..bid_args(&plan.witness, plan.fraction, plan.price)
        };
        let too_low = bid_args(&plan.witness, plan.fraction, plan.price - 1);
        let refused = scene
            .world
            .bid_ix(&scene.keeper, &scene.alice.account, too_low);
        let refused = [ixs.clone(), vec![refused]].concat();
        let outcome = scene.world.send_wide(&refused, &[user]);
        assert_eq!(
            outcome.error_code(),
            Some(ErrorCode::PriceAboveLimit.code())
        );
        ixs.push(
            scene
                .world
                .bid_ix(&scene.keeper, &scene.alice.account, args),
        );
        let outcome = scene.world.send_wide(&ixs, &[user]).ok();
        let Event::LiquidationBid(LiquidationBid {
            fraction,
            price,
            fund_fee,
            ..
        }) = event_of(&outcome)
        else {
            panic!("a bid");
        };
        assert_eq!(
            (fraction, price + fund_fee, fund_fee),
            (plan.fraction, plan.price, plan.fund_fee)
        );
        scene.assert_foretold(&plan.liquidatee, &plan.liquidator);
        tally.count(plan.capital, plan.fraction, FRACTION_ONE, &limits);
    }
    assert!(
        tally.planned >= 50 && tally.limited >= 20 && tally.refused >= 1,
        "{tally:?}"
    );
}

#[test]
fn bids_for_what_lacks_equity_bring_and_do_what_was_planned() {
    let (base, mut tally) = (house(), Tally::default());
    for seed in 0..BOOKS {
        let mut scene = Scene::new(&base, 1_000 + seed, (1_001, 2_500));
        let limits = scene.limits();
        let fund = scene.random.pick(&[0, 1_000, 10_000_000]) * USDC;
        insure(&mut scene.world, fund);
        scene.start();
        scene.world.prove_insolvency(&scene.alice.account).ok();
        let waited = scene.random.pick(&[0, 100, 1_800, 3_600, 9_000]);
        scene.wait(waited);
        let (ours, capacity, theirs, inputs) = scene.seen();
        let bidder = Bidder {
            account: &ours,
            capacity,
        };
        let (user, key) = (scene.keeper.user, scene.alice.account);
        let plan = match plan_insolvent_bid(&bidder, &theirs, &inputs, limits) {
            Ok(plan) => plan,
            Err(error) => {
                let witness = scene.world.report(&key).witness();
                let args = bid_args(&witness, FRACTION_ONE / 1_000, i64::MAX);
                let ix = scene.world.bid_insolvent_ix(&scene.keeper, &key, args);
                let outcome = scene.world.send_wide(&[ix], &[user]);
                tally.refuse(&error, &outcome);
                continue;
            }
        };
        let args = bid_args(&plan.witness, plan.fraction, plan.price);
        let ix = scene.world.bid_insolvent_ix(&scene.keeper, &key, args);
        let outcome = scene.world.send_wide(&[ix], &[user]).ok();
        let Event::InsolventBid(InsolventBid {
            fraction,
            insurance,
            debt,
            ..
        }) = event_of(&outcome)
        else {
            panic!("a bid");
        };
        let foretold = [plan.insurance, plan.debt].map(i64::unsigned_abs);
        assert_eq!((fraction, [insurance, debt]), (plan.fraction, foretold));
        scene.assert_foretold(&plan.liquidatee, &plan.liquidator);
        tally.count(plan.capital, plan.fraction, FRACTION_ONE, &limits);
    }
    assert!(
        tally.planned >= 40 && tally.whole >= 5 && tally.limited >= 15,
        "{tally:?}"
    );
}

#[test]
fn legs_cost_and_do_what_was_planned() {
    let (base, mut tally) = (house(), Tally::default());
    for seed in 0..BOOKS {
        let mut scene = Scene::new(&base, 2_000 + seed, (1, 900));
        let limits = scene.limits();
        scene.start();
        scene.world.advance(300);
        scene.world.refresh();
        let (ours, capacity, theirs, inputs) = scene.seen();
        let bidder = Bidder {
            account: &ours,
            capacity,
        };
        let held = theirs.positions.iter().filter(|held| held.quantity != 0);
        let named: Vec<LegTake> = held.map(|held| take_of(held, held.quantity)).collect();
        for take in named {
            let takes = std::slice::from_ref(&take);
            let plan = match plan_legs(&bidder, &theirs, takes, &inputs, limits) {
                Ok(plan) => plan,
                Err(_) => {
                    tally.refused += 1; // what a leg cannot repair, or nobody can carry
                    continue;
                }
            };
            let args = LiquidateLegsArgs {
                witness: plan.witness.clone(),
                legs: plan.legs.clone(),
                fee: plan.fee,
                minimum: FRACTION_ONE,
                price_limit: plan.price,
            };
            let (user, key) = (scene.keeper.user, scene.alice.account);
            let ix = scene.world.legs_ix(&scene.keeper, &key, args);
            let outcome = scene.world.send_wide(&[ix], &[user]).ok();
            let Event::LegsLiquidated(LegsLiquidated {
                legs,
                fund_fee,
                health_after,
                ..
            }) = event_of(&outcome)
            else {
                panic!("legs");
            };
            let prices: Vec<u64> = legs.iter().map(|leg| leg.price).collect();
            assert_eq!((prices, fund_fee), (plan.prices, plan.fund_fee));
            let health = plan.liquidatee.after.maintenance_health.raw();
            assert_eq!(health_after, health);
            scene.assert_foretold(&plan.liquidatee, &plan.liquidator);
            tally.count(plan.capital, 0, 1, &limits);
            break;
        }
    }
    assert!(tally.planned >= 40 && tally.refused >= 10, "{tally:?}");
}
