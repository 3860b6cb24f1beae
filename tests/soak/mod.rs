//! Thousands of random actions, good and bad: after every one the books balance and the invariants hold.

mod invariants;

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use risk_core::liquidation::FRACTION_ONE;
use risk_core::margin::MarginReport;
use risk_core::tier::Tier;
use sandbox::{
    call, future, perpetual, put, Bank, Market, Model, Outcome, Trader, World, WorldBuilder, BASE,
    SOL, USDC,
};
use support::{health, Bend, Random};

/// What a step did, and to whom.
struct Step {
    name: &'static str,
    outcome: Outcome,
    /// Accounts that it may change.
    parties: Vec<Trader>,
    /// Quote units that came in from outside.
    inflow: i64,
}

/// What is remembered from before a step.
struct Before {
    data: BTreeMap<Pubkey, Vec<u8>>,
    reports: BTreeMap<Pubkey, MarginReport>,
}

struct Soak {
    world: World,
    random: Random,
    traders: Vec<Trader>,
    /// By name: how many succeeded, how many were refused.
    counts: BTreeMap<&'static str, [u32; 2]>,
    /// Refusals by instruction and error code.
    refusals: BTreeMap<(&'static str, u32), u32>,
}

impl Soak {
    fn new(seed: u64, model: Model) -> Self {
        let mut world = match model {
            Model::Neutral => World::new(),
            Model::Whole => WorldBuilder::whole(20_000_000_000).build(),
        };
        let (usdc, sol) = (world.usdc, world.sol_bank);
        let mut traders = Vec::new();
        for n in 0..6 {
            let user = world.user(&format!("trader {n}"));
            // the last two are keepers: they buy what fails, and do nothing else on their own account
            let (capacity, cash) = if n < 4 {
                (48, 150_000)
            } else {
                (128, 2_000_000)
            };
            // under the whole model the first two begin in the Standard tier
            let tier = match model {
                Model::Whole if n < 2 => Tier::Standard,
                _ => Tier::Portfolio,
            };
            let trader = world.open_in_tier(&user, 0, capacity, tier);
            world.fund(&user, &usdc, 5_000_000 * USDC);
            world.fund(&user, &sol, 10_000 * SOL);
            world.deposit(&trader, &usdc, cash * USDC).ok();
            traders.push(trader);
        }
        Self {
            world,
            random: Random::new(seed),
            traders,
            counts: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    fn is_whole(&self) -> bool {
        self.world.settings().model == Model::Whole
    }

    fn trader(&mut self) -> Trader {
        let index = self.random.range(0, 4) as usize;
        self.traders[index]
    }

    fn keeper(&mut self) -> Trader {
        self.random.pick(&[self.traders[4], self.traders[5]])
    }

    fn two(&mut self) -> [Trader; 2] {
        let first = self.trader();
        loop {
            let second = self.trader();
            if second != first {
                return [first, second];
            }
        }
    }

    fn market(&mut self) -> Market {
        self.random.pick(&[self.world.btc, self.world.sol])
    }

    fn bank(&mut self) -> Bank {
        self.random
            .pick(&[self.world.usdc, self.world.usdc, self.world.sol_bank])
    }

    /// A leg near the market: sizes of some thousand to some ten thousand dollars.
    fn leg(&mut self) -> TradeLeg {
        let market = self.market();
        let spot = self.world.spot(&market.price).raw();
        let size = if market == self.world.btc {
            3 * BASE
        } else {
            1_500 * BASE
        };
        let quantity = size * self.random.range(-100, 101) / 100 + self.random.range(-9, 10);
        if self.random.one_in(3) {
            let price = spot as i64 * self.random.range(9_990, 10_011) / 10_000;
            return perpetual(&market, quantity, price as u64);
        }
        if self.is_whole() && self.random.one_in(6) {
            let expiry = self.random.pick(&[self.world.week, self.world.month]);
            return future(&market, expiry, quantity, spot);
        }
        let settings = self.world.settings();
        let start = if market == self.world.btc {
            settings.btc_price
        } else {
            settings.sol_price
        };
        let strike = start / 10 * self.random.range(6, 15) as u64;
        let expiry = self.random.pick(&[self.world.week, self.world.month]);
        let premium = spot as i64 * self.random.range(1, 60) / 1_000;
        let option = if self.random.one_in(2) { call } else { put };
        option(&market, expiry, strike, quantity / 2, premium as u64)
    }

    fn trade(&mut self) -> Step {
        let [taker, maker] = self.two();
        // a third of the time one side undoes what it holds
        let held = self.world.account(&taker.account).1;
        let legs: Vec<TradeLeg> = if !held.is_empty() && self.random.one_in(3) {
            let record = self.random.pick(&held);
            let price = self.leg().price;
            let spot = self
                .world
                .market(&taker.house, record.market)
                .expect("a market")
                .price;
            let spot = self.world.spot(&spot).raw();
            let price = if record.strike == 0 {
                spot
            } else {
                price.min(spot / 20)
            };
            vec![TradeLeg {
                market: record.market,
                instrument: record.instrument,
                expiry: record.expiry,
                strike: record.strike,
                quantity: -record.quantity,
                price,
            }]
        } else {
            (0..self.random.range(1, 4)).map(|_| self.leg()).collect()
        };
        let outcome = self.world.trade(&taker, &maker, &legs);
        Step {
            name: "trade",
            outcome,
            parties: vec![taker, maker],
            inflow: 0,
        }
    }

    fn transfer(&mut self) -> Step {
        let (trader, bank) = (self.trader(), self.bank());
        let is_usdc = bank == self.world.usdc;
        let unit = if is_usdc { USDC } else { SOL / 100 };
        let free = self
            .world
            .report(&trader.account)
            .margin
            .initial_health
            .raw();
        let edge = free.min(self.world.balance(&trader, &bank)).max(1) as u64;
        let amount = match self.random.range(0, 8) {
            0 => self.random.pick(&[0, 1, u64::MAX]),
            // to the edge of initial health, where the next move of the market decides
            1..=3 if is_usdc => edge + self.random.range(0, 2) as u64,
            _ => self.random.range(1, 40_000) as u64 * unit + 1,
        };
        let value = if is_usdc {
            amount as i64
        } else {
            (u128::from(amount) * u128::from(self.world.spot(&bank.price).raw()) / 100_000_000_000)
                as i64
        };
        let (name, outcome, inflow) = if self.random.one_in(3) {
            ("deposit", self.world.deposit(&trader, &bank, amount), value)
        } else {
            (
                "withdraw",
                self.world.withdraw(&trader, &bank, amount),
                -value,
            )
        };
        Step {
            name,
            outcome,
            parties: vec![trader],
            inflow,
        }
    }

    fn tier(&mut self) -> Step {
        let trader = self.trader();
        let tier = self.random.pick(&[Tier::Standard, Tier::Portfolio]);
        Step {
            name: "tier",
            outcome: self.world.set_tier(&trader, tier),
            parties: vec![trader],
            inflow: 0,
        }
    }

    /// What a keeper looks for: an account that fails or is in liquidation; anyone where there is none.
    fn failing(&mut self) -> Trader {
        let wanted = |trader: &&Trader| {
            let (header, _) = self.world.account(&trader.account);
            header.status == STATUS_LIQUIDATING || health(&self.world, trader) < 0
        };
        match self.traders.iter().find(wanted) {
            Some(failing) => *failing,
            None => self.trader(),
        }
    }

    fn liquidation(&mut self) -> Step {
        let account = self.failing();
        let amateur = self.random.one_in(10);
        let keeper = if amateur {
            self.trader()
        } else {
            self.keeper()
        };
        let report = self.world.report(&account.account);
        let mut witness = report.witness();
        if self.random.one_in(8) {
            witness
                .iter_mut()
                .for_each(|scenario| *scenario = self.random.range(0, 32) as u8);
        }
        let liquidating = self.world.account(&account.account).0.status == STATUS_LIQUIDATING;
        let choice = match self.random.one_in(4) {
            true => self.random.range(0, 3),
            false if !liquidating => 0,
            false => self.random.pick(&[1, 2, 2, 2]),
        };
        let world = &mut self.world;
        let (name, outcome, parties) = match choice {
            0 => {
                let outcome = world.start_liquidation(&keeper.user, &account.account, &witness);
                ("start", outcome, vec![account])
            }
            1 => (
                "stop",
                world.stop_liquidation(&keeper.user, &account.account),
                vec![account],
            ),
            _ => {
                let fraction = self
                    .random
                    .pick(&[FRACTION_ONE, FRACTION_ONE / 10, 3_333_333, 1]);
                let outcome = world.bid(&keeper, &account.account, &witness, fraction);
                ("bid", outcome, vec![account, keeper])
            }
        };
        Step {
            name,
            outcome,
            parties,
            inflow: 0,
        }
    }

    /// Instructions that must never succeed.
    fn attack(&mut self) -> Step {
        let [victim, mallory] = self.two();
        let (bank, btc) = (self.bank(), self.world.btc);
        let world = &mut self.world;
        let amount = world.balance(&victim, &bank).max(1) as u64;
        let steal = world.withdraw_ix(&victim, &bank, amount);
        let spot = world.spot(&btc.price).raw();
        let gift = world.trade_ix(&mallory, &victim, &[perpetual(&btc, BASE, spot / 2)]);
        let ix = match self.random.range(0, 4) {
            0 => steal.replace(victim.user.key, mallory.user.key),
            1 => gift.replace(victim.user.key, mallory.user.key),
            2 => gift.append(btc.key),
            _ => {
                let end = gift.accounts.len();
                gift.without(end - 2..end)
            }
        };
        let outcome = world.send(&[ix], &[mallory.user, victim.user]);
        assert!(
            outcome.error.is_some(),
            "an attack succeeded: {:?}",
            outcome.logs
        );
        Step {
            name: "attack",
            outcome,
            parties: vec![],
            inflow: 0,
        }
    }

    /// Time passes, and prices move by up to 4 %, now and then by a quarter.
    fn turn(&mut self) {
        self.world.advance(self.random.range(1, 400));
        for (market, start) in [
            (self.world.btc, self.world.settings().btc_price),
            (self.world.sol, self.world.settings().sol_price),
        ] {
            let spot = self.world.spot(&market.price).raw() as i64;
            // the whole model asks for more, so that only harsher moves bring accounts below it
            let calm = if self.is_whole() { 3 } else { 5 };
            let reach = if self.random.one_in(calm) { 2_500 } else { 400 };
            let moved = spot * (10_000 + self.random.range(-reach, reach + 1)) / 10_000;
            let start = start as i64;
            self.world
                .set_price(&market, moved.clamp(start / 2, start * 2) as u64);
        }
        self.world.refresh();
        if self.is_whole() {
            for market in [self.world.btc, self.world.sol] {
                self.world.update_market(&market).ok();
            }
        }
    }

    fn before(&self) -> Before {
        let accounts = self.traders.iter().map(|trader| trader.account);
        Before {
            data: accounts
                .clone()
                .map(|key| (key, self.world.data(&key)))
                .collect(),
            reports: accounts
                .map(|key| (key, self.world.report(&key).margin))
                .collect(),
        }
    }

    fn step(&mut self) {
        let before = self.before();
        let step = match self.random.range(0, 20) {
            0..=9 => self.trade(),
            10 if self.is_whole() => self.tier(),
            10..=12 => self.transfer(),
            13..=18 => self.liquidation(),
            _ => self.attack(),
        };
        let succeeded = step.outcome.error.is_none();
        self.counts.entry(step.name).or_default()[usize::from(!succeeded)] += 1;
        if !succeeded {
            let Some(code) = step.outcome.error_code() else {
                let log = step.outcome.logs.join("\n");
                panic!("{}: {:?}\n{log}", step.name, step.outcome.error);
            };
            *self.refusals.entry((step.name, code)).or_default() += 1;
        }
        let after = self.before();
        self.check_accounts(&step, &before, &after, succeeded);
        if succeeded {
            self.check_risk(&step, &before, &after);
        }
        let books = self.world.reconcile();
        assert!(
            books.is_exact(),
            "inv_01, inv_02 after {}: {books:?}",
            step.name
        );
    }
}

fn run(seed: u64, steps: u32, model: Model) -> BTreeMap<&'static str, [u32; 2]> {
    let mut soak = Soak::new(seed, model);
    for step in 0..steps {
        if step % 12 == 0 {
            soak.turn();
        }
        soak.step();
    }
    println!(
        "seed {seed}, succeeded and refused: {:?}\n{:?}",
        soak.counts, soak.refusals
    );
    soak.counts
}

/// Runs seeds of a model; the run must have reached what it is about.
fn soak(seeds: std::ops::RangeInclusive<u64>, model: Model, least: &[(&str, u32)]) {
    let mut sums: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    for seed in seeds {
        for (name, [succeeded, refused]) in run(seed, 1_000, model) {
            let sum = sums.entry(name).or_default();
            sum[0] += succeeded;
            sum[1] += refused;
        }
    }
    for (name, least) in least {
        assert!(sums[name][0] >= *least, "only {:?} of {name}", sums[name]);
        assert!(sums[name][1] > 0, "no {name} was refused");
    }
    assert_eq!(sums["attack"][0], 0);
}

#[test]
fn books_balance_and_invariants_hold_after_every_random_action() {
    let least = [
        ("trade", 500),
        ("deposit", 50),
        ("withdraw", 20),
        ("start", 10),
        ("bid", 10),
        ("stop", 5),
    ];
    soak(1..=4, Model::Neutral, &least);
}

#[test]
fn they_hold_under_the_whole_model_in_both_tiers() {
    let least = [
        ("trade", 250),
        ("deposit", 25),
        ("withdraw", 10),
        ("start", 5),
        ("bid", 5),
        ("stop", 2),
        ("tier", 10),
    ];
    soak(11..=13, Model::Whole, &least);
}
