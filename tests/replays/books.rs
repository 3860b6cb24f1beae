//! The cast of a replay: market makers, keepers, and accounts with random books near their initial margin, all built by trades on
//! the program.

use portfolio_margin_interface::args::{LiquidationArgs, MarketRulesArgs, TradeLeg};
use portfolio_margin_interface::state::Market as MarketState;
use risk_core::position::{Instrument, PositionSource};
use risk_core::tier::Tier;
use risk_core::unit_mark::UnitMarks;
use sandbox::{
    call, dollars, future, perpetual, put, Market, Trader, User, World, WorldBuilder, SOL, USDC,
};
use support::Random;

/// Market makers.
pub const MAKERS: usize = 3;
/// What a market maker begins with, USDC.
const MAKER_CASH: u64 = 400_000_000;
/// Least equity of the Portfolio tier, USDC.
const MINIMUM: i64 = 2_000;

/// Which books there are.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// Seed of the random numbers.
    pub seed: u64,
    /// How many accounts.
    pub accounts: usize,
    /// Each account is in one of these tiers.
    pub tiers: &'static [Tier],
}

/// Who is there for the accounts when they fail.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// What each keeper begins with, USDC.
    pub keepers: &'static [u64],
    /// The insurance fund, USDC.
    pub insurance: u64,
    /// Most that it may pay for losses in one market, USDC.
    pub cap: u64,
}

/// A world with its cast.
#[derive(Clone)]
pub struct Scene {
    pub world: World,
    pub makers: Vec<Trader>,
    pub keepers: Vec<Trader>,
    /// The accounts with random books.
    pub cast: Vec<Trader>,
}

/// The mark of a leg's series, 1e-8 USD.
pub fn mark(world: &World, leg: &TradeLeg) -> u64 {
    let market = market_of(world, leg.market);
    let record = support::record(&market, (leg.instrument, leg.expiry, leg.strike), 1, 0);
    let state: MarketState = world.read(&market.key);
    let (params, scenarios) = (state.params(), state.scenarios.set().expect("a set"));
    let engine = state.input(world.now(), world.spot(&market.price), scenarios, &params);
    let mark = UnitMarks::new(&engine).of(&record.position());
    mark.expect("a listed series with a surface").raw()
}

/// The market of that index.
pub fn market_of(world: &World, index: u16) -> Market {
    let market = world.market(&world.house, index);
    market.expect("a listed market")
}

impl Scene {
    /// The books of a cast, with keepers and an insurance fund.
    pub fn new(cast: &Cast, means: &Means) -> Self {
        let mut world = WorldBuilder {
            liquidation: LiquidationArgs::STANDARD,
            usdc_cap: 100_000_000_000 * USDC,
            market_rules: MarketRulesArgs {
                insurance_cap: means.cap * USDC,
                ..MarketRulesArgs::plain(User::named("surface authority").key)
            },
            ..WorldBuilder::whole(MINIMUM * USDC as i64)
        }
        .build();
        for market in [world.btc, world.sol] {
            world.update_market(&market).ok();
        }
        let giver = world.user("giver");
        let usdc = world.usdc;
        world.fund(&giver, &usdc, means.insurance * USDC);
        world.give_insurance(&giver, means.insurance * USDC).ok();
        let rich = |world: &mut World, name: String, cash: u64| {
            let user = world.user(&name);
            let trader = world.open(&user, 128);
            world.fund(&user, &usdc, cash * USDC);
            world.deposit(&trader, &usdc, cash * USDC).ok();
            trader
        };
        let makers = (0..MAKERS).map(|n| rich(&mut world, format!("maker {n}"), MAKER_CASH));
        let makers = makers.collect();
        let keepers = means.keepers.iter().enumerate();
        let keepers = keepers.map(|(n, cash)| rich(&mut world, format!("keeper {n}"), *cash));
        let keepers = keepers.collect();
        let mut scene = Self {
            world,
            makers,
            keepers,
            cast: vec![],
        };
        let mut random = Random::new(cast.seed);
        for number in 0..cast.accounts {
            let tier = cast.tiers[random.range(0, cast.tiers.len() as i64) as usize];
            scene.add_account(&mut random, number, tier);
        }
        assert!(scene.world.reconcile().is_exact());
        scene
    }

    /// Opens an account, pays in plenty, trades its book with a market maker, and takes out what is not wanted as margin.
    fn add_account(&mut self, random: &mut Random, number: usize, tier: Tier) {
        let world = &mut self.world;
        let user = world.user(&format!("account {number}"));
        let trader = world.open_in_tier(&user, 0, 16, tier);
        let (usdc, sol_bank) = (world.usdc, world.sol_bank);
        // from 20,000 to 1,280,000 USD a leg, by octaves
        let size = random.range(20, 40) << random.range(0, 6);
        let cash = 8_000 * size as u64 * USDC;
        world.fund(&user, &usdc, cash);
        world.deposit(&trader, &usdc, cash).ok();
        if random.one_in(3) {
            let spot = world.spot(&world.sol.price).raw() / dollars(1);
            let amount = random.range(20, 200) as u64 * size as u64 * SOL / spot;
            world.fund(&user, &sol_bank, amount);
            world.deposit(&trader, &sol_bank, amount).ok();
        }
        let legs = Draw {
            world,
            random,
            size,
        }
        .book();
        let maker = self.makers[number % MAKERS];
        self.world.trade(&trader, &maker, &legs).ok();
        let margin = match random.range(0, 10) {
            0..=4 => random.range(1_005, 1_200),
            5..=7 => random.range(1_200, 2_000),
            _ => random.range(2_000, 5_000),
        };
        self.take_out(&trader, margin);
        self.cast.push(trader);
    }

    /// Withdraws cash until equity is `margin` (1e-3) times the initial requirement, or the cash is gone.
    fn take_out(&mut self, trader: &Trader, margin: i64) {
        let report = self.world.report(&trader.account).margin;
        let wanted = report.initial_margin().raw() * (margin - 1_000) / 1_000;
        let least = (MINIMUM + 1) * USDC as i64;
        let free = (report.initial_health.raw() - wanted).min(report.equity.raw() - least);
        let amount = free.clamp(0, report.cash.raw()) as u64;
        if amount > 0 {
            let usdc = self.world.usdc;
            self.world.withdraw(trader, &usdc, amount).ok();
        }
    }
}

/// Draws books.
struct Draw<'a> {
    world: &'a World,
    random: &'a mut Random,
    /// Notional of a leg, thousand USD.
    size: i64,
}

/// A market with what books in it are made of.
struct Underlying {
    market: Market,
    expiry: i64,
    spot: u64,
    /// Base units of a leg, 1e-6.
    quantity: i64,
    /// Distance of strikes, 1e-8 USD.
    grid: u64,
}

impl Underlying {
    /// The strike nearest to so many percent of spot.
    fn strike(&self, percent: u64) -> u64 {
        let steps = (self.spot * percent / 100 + self.grid / 2) / self.grid;
        steps * self.grid
    }

    fn call(&self, percent: u64, quantity: i64) -> TradeLeg {
        call(&self.market, self.expiry, self.strike(percent), quantity, 0)
    }

    fn put(&self, percent: u64, quantity: i64) -> TradeLeg {
        put(&self.market, self.expiry, self.strike(percent), quantity, 0)
    }

    fn perpetual(&self, quantity: i64) -> TradeLeg {
        perpetual(&self.market, quantity, 0)
    }

    fn future(&self, quantity: i64) -> TradeLeg {
        future(&self.market, self.expiry, quantity, 0)
    }
}

impl Draw<'_> {
    /// The legs of one account, at their marks.
    fn book(&mut self) -> Vec<TradeLeg> {
        let mut legs = self.strategy();
        if self.random.one_in(4) {
            legs.extend(self.strategy());
        }
        let mut merged: Vec<TradeLeg> = vec![];
        for leg in legs {
            let is_same = |other: &&mut TradeLeg| {
                let series = |leg: &TradeLeg| (leg.market, leg.instrument, leg.expiry, leg.strike);
                series(other) == series(&leg)
            };
            match merged.iter_mut().find(is_same) {
                Some(held) => held.quantity += leg.quantity,
                None => merged.push(leg),
            }
        }
        merged.retain(|leg| leg.quantity != 0);
        if merged.is_empty() {
            return self.book(); // two strategies that undid each other
        }
        for leg in &mut merged {
            leg.price = mark(self.world, leg).max(1);
        }
        merged
    }

    fn underlying(&mut self) -> Underlying {
        let expiry = self.random.pick(&[self.world.week, self.world.month]);
        let (market, grid) = match self.random.one_in(2) {
            true => (self.world.btc, dollars(2_000)),
            false => (self.world.sol, dollars(5)),
        };
        let spot = self.world.spot(&market.price).raw();
        let quantity = (i128::from(self.size) * 100_000_000_000_000_000 / i128::from(spot)) as i64;
        Underlying {
            market,
            expiry,
            spot,
            quantity,
            grid,
        }
    }

    /// Two in three are long of the market, as before most crashes.
    fn side(&mut self) -> i64 {
        match self.random.one_in(3) {
            true => -1,
            false => 1,
        }
    }

    fn strategy(&mut self) -> Vec<TradeLeg> {
        let side = self.side();
        let one = self.underlying();
        let q = one.quantity;
        match self.random.range(0, 12) {
            0 | 1 => vec![one.perpetual(side * q)],
            2 => vec![one.future(side * q)],
            // a basis trade
            3 => vec![one.future(-side * q), one.perpetual(side * q)],
            // a naked strangle
            4 => vec![one.call(110, -q), one.put(90, -q)],
            // calls written against what is long
            5 => vec![one.perpetual(q), one.call(110, -q)],
            // options that are paid in full
            6 if side > 0 => vec![one.call(105, q)],
            6 => vec![one.put(95, q), one.call(110, q / 2)],
            // vertical spreads, for a credit
            7 if side > 0 => vec![one.put(95, -q), one.put(85, q)],
            7 => vec![one.call(105, -q), one.call(115, q)],
            // an iron condor
            8 => vec![
                one.put(95, -q),
                one.put(85, q),
                one.call(105, -q),
                one.call(115, q),
            ],
            // a short straddle with half of a hedge
            9 => vec![one.call(100, -q), one.put(100, -q), one.perpetual(-q / 10)],
            // naked puts
            10 => vec![one.put(90, -q)],
            // one asset against the other
            _ => {
                let other = self.underlying();
                vec![one.perpetual(q), other.future(-other.quantity / 2)]
            }
        }
    }
}

/// The side of a position that a leg undoes, and its whole size.
pub fn undoing(held: &portfolio_margin_interface::state::PositionRecord) -> TradeLeg {
    TradeLeg {
        market: held.market,
        instrument: held.instrument,
        expiry: held.expiry,
        strike: held.strike,
        quantity: -held.quantity,
        price: 0,
    }
}

/// Whether an instrument is an option.
pub fn is_option(leg: &TradeLeg) -> bool {
    leg.instrument != Instrument::Perpetual as u8 && leg.instrument != Instrument::Future as u8
}
