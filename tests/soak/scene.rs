//! The scene of the soak: three markets, eight accounts, and how time and prices move between the steps.

use portfolio_margin_interface::args::MarketRulesArgs;
use risk_core::tier::Tier;
use sandbox::{
    dollars, Bank, Market, Model, PriceFields, Trader, World, WorldBuilder, ETH_START, SOL, USDC,
};

use super::{Snapshot, Soak};
use support::Random;

/// Traders; behind them in the cast come the keepers.
pub const TRADERS: usize = 6;
/// All accounts.
pub const CAST: usize = 8;
/// Between one expiry and the next, seconds.
const EXPIRY_STEP: i64 = 24 * 3_600;
/// Expiries ahead that are kept listed.
const EXPIRIES_AHEAD: i64 = 3;

/// One underlying and where its price started, 1e-8 USD.
#[derive(Clone, Copy)]
pub struct Underlying {
    pub market: Market,
    pub start: u64,
    /// A size worth some hundred thousand dollars, 1e-6 base units.
    pub size: i64,
    /// At-the-money volatility, 1e-6.
    pub volatility: u32,
}

/// The rules of every market.
fn market_rules() -> MarketRulesArgs {
    MarketRulesArgs::plain(sandbox::User::named("surface authority").key)
}

impl Soak {
    /// The world of a model, with everybody in it.
    pub fn new(seed: u64, model: Model) -> Self {
        let builder = match model {
            Model::Neutral => WorldBuilder::default(),
            Model::Whole => WorldBuilder::whole(20_000_000_000),
        };
        let mut world = WorldBuilder {
            market_rules: market_rules(),
            ..builder
        }
        .build();
        let eth = world.list_eth(market_rules());
        let settings = world.settings().clone();
        let underlying = |market, start: u64, volatility| Underlying {
            market,
            start,
            size: (350_000_000_000_000_000_u128 / u128::from(start) * 100) as i64,
            volatility,
        };
        let markets = vec![
            underlying(world.btc, settings.btc_price, settings.btc_volatility),
            underlying(world.sol, settings.sol_price, settings.sol_volatility),
            underlying(eth, ETH_START, 600_000),
        ];
        let (cast, outsider) = cast(&mut world, model);
        let mut soak = Self {
            random: Random::new(seed),
            cast,
            outsider,
            banks: vec![world.usdc, world.sol_bank],
            markets,
            supply: 0,
            last: Snapshot::take(&world),
            coverage: Default::default(),
            sequences: Default::default(),
            world,
        };
        soak.list_expiries();
        soak.publish();
        soak.last = Snapshot::take(&soak.world);
        let seeded = soak.last.tokens[&soak.world.usdc.vault].amount;
        soak.supply = soak.quote_in_wallets(&soak.last) + i128::from(seeded);
        soak
    }

    /// Lists the next expiries of every market: one each six hours.
    pub fn list_expiries(&mut self) {
        let first = self.world.now() / EXPIRY_STEP + 1;
        for underlying in self.markets.clone() {
            let listed = self.world.expiries(&underlying.market);
            for number in first..first + EXPIRIES_AHEAD {
                let time = number * EXPIRY_STEP;
                if !listed.contains(&time) && listed.len() < 9 {
                    self.world.add_expiry(&underlying.market, time);
                }
            }
        }
    }

    /// Time passes, prices move by up to 4 %, now and then by a quarter; some feeds and posters are silent or unsure.
    pub fn turn(&mut self) {
        let seconds = match self.random.range(0, 10) {
            0 => self.random.range(1_000, 5_000),
            1..=3 => self.random.range(200, 900),
            _ => self.random.range(1, 200),
        };
        self.world.advance(seconds);
        self.list_expiries();
        self.move_prices();
        self.publish();
        self.last = Snapshot::take(&self.world);
    }

    fn move_prices(&mut self) {
        let whole = self.world.settings().model == Model::Whole;
        for Underlying { market, start, .. } in self.markets.clone() {
            if self.random.one_in(25) {
                continue; // silent: the last price grows old
            }
            let spot = self.world.spot(&market.price).raw() as i64;
            // the whole model asks for more, so that only harsher moves bring accounts below it
            let calm = if whole { 4 } else { 6 };
            let reach = if self.random.one_in(calm) { 2_000 } else { 300 };
            let moved = spot * (10_000 + self.random.range(-reach, reach + 1)) / 10_000;
            let start = start as i64;
            let price = moved.clamp(start / 2, start * 2) as u64;
            let mut fields = PriceFields::fresh(market.feed_id, price, self.world.now());
            if self.random.one_in(15) {
                // an opening accepts 1 %, a repair 10 %
                fields.confidence = price * self.random.range(1, 13) as u64 / 100;
            }
            self.world.set_price_update(market.price, fields);
        }
        if whole && !self.random.one_in(10) {
            let price = dollars(1) * self.random.range(985, 1_004) as u64 / 1_000;
            self.world.set_quote_price(price);
        }
    }

    /// Posters and cranks that are awake do their work.
    fn publish(&mut self) {
        if self.is_whole() && !self.random.one_in(12) {
            let house = self.world.house;
            self.world.update_quote_price(&house); // refused where its price is silent
        }
        for underlying in self.markets.clone() {
            if !self.random.one_in(12) {
                let volatility = underlying.volatility * self.random.range(90, 111) as u32 / 100;
                self.world
                    .post_listed_surfaces(&underlying.market, volatility);
            }
        }
    }

    /// One of the six traders.
    pub fn trader(&mut self) -> Trader {
        let index = self.random.range(0, TRADERS as i64) as usize;
        self.cast[index]
    }

    /// One of the two keepers.
    pub fn keeper(&mut self) -> Trader {
        let index = self.random.range(TRADERS as i64, CAST as i64) as usize;
        self.cast[index]
    }

    /// Two accounts; the second is now and then a keeper.
    pub fn two(&mut self) -> [Trader; 2] {
        let first = self.trader();
        loop {
            let second = match self.random.one_in(8) {
                true => self.keeper(),
                false => self.trader(),
            };
            if second != first {
                return [first, second];
            }
        }
    }

    pub fn underlying(&mut self) -> Underlying {
        let index = self.random.range(0, self.markets.len() as i64) as usize;
        self.markets[index]
    }

    /// A bank, half the time that of the quote asset.
    pub fn bank(&mut self) -> Bank {
        match self.random.one_in(2) {
            true => self.world.usdc,
            false => {
                let index = self.random.range(0, self.banks.len() as i64) as usize;
                self.banks[index]
            }
        }
    }

    pub fn is_whole(&self) -> bool {
        self.world.settings().model == Model::Whole
    }

    /// Quote tokens outside the vaults.
    pub fn quote_in_wallets(&self, state: &Snapshot) -> i128 {
        let mint = self.world.usdc_mint();
        let vault = self.world.usdc.vault;
        let wallets = state
            .tokens
            .iter()
            .filter(|(key, tokens)| **key != vault && tokens.mint == mint);
        wallets.map(|(_, tokens)| i128::from(tokens.amount)).sum()
    }
}

/// Six traders, of whom one owner has two accounts, two keepers, and a wallet without an account.
fn cast(world: &mut World, model: Model) -> (Vec<Trader>, Trader) {
    let (usdc, sol) = (world.usdc, world.sol_bank);
    let mut cast = Vec::new();
    for n in 0..CAST {
        let is_second = n == TRADERS - 1;
        let owner = if is_second { n - 1 } else { n };
        let user = world.user(&format!("trader {owner}"));
        let (capacity, cash) = match n {
            0 => (16, 150_000),
            _ if n < TRADERS => (48, 150_000),
            _ => (128, 5_000_000),
        };
        // under the whole model the first two begin in the Standard tier
        let tier = match model {
            Model::Whole if n < 2 => Tier::Standard,
            _ => Tier::Portfolio,
        };
        let trader = world.open_in_tier(&user, u16::from(is_second), capacity, tier);
        world.fund(&user, &usdc, 50_000_000 * USDC);
        world.fund(&user, &sol, 50_000 * SOL);
        world.deposit(&trader, &usdc, cash * USDC).ok();
        cast.push(trader);
    }
    let user = world.user("outsider");
    world.fund(&user, &usdc, 1_000 * USDC);
    let outsider = Trader { user, ..cast[0] };
    (cast, outsider)
}
