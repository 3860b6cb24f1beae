//! The world that a network starts from: clearing house, markets, banks and the named users, made by real instructions in an
//! embedded VM at the time of the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use portfolio_margin_interface::args::LiquidationArgs;
use portfolio_margin_interface::state::margin_account::MIN_CAPACITY;
use risk_core::market::MarketParams;
use risk_core::scenario::MAJOR_SCENARIOS;
use risk_core::tier::Tier;
use sandbox::{
    call, crypto_smile, perpetual, put, Market, Trader, User, World, WorldBuilder, BASE, BTC_START,
    DAY, ETH_FEED, SOL, SOL_START, USDC,
};

use crate::scenario::START_PRICES;

/// Equity that the Portfolio tier asks for, 1e-6 USD.
pub(crate) const MINIMUM_EQUITY: i64 = 1_000_000_000;
/// Seconds for which a price serves: the feeder publishes every second.
const PRICE_AGE: u32 = 30;
/// Seconds for which a surface serves: it is posted every ten minutes.
const SURFACE_AGE: u32 = 3_600;
/// Native units of USDC that the house accepts.
const USDC_CAP: u64 = 100_000_000_000 * USDC;
/// At-the-money volatilities, 1e-6, in the order of the markets.
pub(crate) const VOLATILITIES: [u32; 3] = [450_000, 750_000, 600_000];
/// Time of day at which expiries are, as on most venues: 08:00 UTC.
const EXPIRY_HOUR: i64 = 8 * 3_600;
/// Positions of accounts that take over others' books.
pub(crate) const WIDE: u16 = 128;

/// A named user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub name: &'static str,
    pub user: User,
    pub account: Option<Trader>,
}

/// A world with its cast.
#[derive(Clone)]
pub(crate) struct Stage {
    pub world: World,
    pub eth: Market,
    pub people: Vec<Person>,
}

impl Stage {
    /// Builds it; seconds of a VM, nothing is sent anywhere. The first expiry is so many minutes ahead, or in a week.
    pub fn build(expire_in: Option<u32>) -> Self {
        let start = wall_seconds();
        let first = match expire_in {
            Some(minutes) => i64::from(minutes) * 60,
            None => to_morning(start, 6),
        };
        let mut world = WorldBuilder {
            start,
            tenors: [first, to_morning(start, 27)],
            btc_volatility: VOLATILITIES[0],
            sol_volatility: VOLATILITIES[1],
            liquidation: LiquidationArgs::STANDARD,
            oracle_max_age: PRICE_AGE,
            surface_max_age: SURFACE_AGE,
            usdc_cap: USDC_CAP,
            ..WorldBuilder::whole(MINIMUM_EQUITY)
        }
        .build();
        let eth = list_eth(&mut world);
        let mut stage = Self {
            world,
            eth,
            people: vec![],
        };
        stage.cast();
        stage.fund_insurance();
        stage.open_venue();
        stage.trade();
        stage
    }

    /// BTC, SOL, ETH.
    pub fn markets(&self) -> [Market; 3] {
        [self.world.btc, self.world.sol, self.eth]
    }

    /// Publishes prices, 1e-8 USD, at the time of the VM's clock.
    pub fn set_prices(&mut self, prices: [u64; 3]) {
        for (market, price) in self.markets().into_iter().zip(prices) {
            self.world.set_price(&market, price);
        }
    }

    /// The account of a named user.
    pub fn account(&self, name: &str) -> Trader {
        let person = self.people.iter().find(|person| person.name == name);
        person
            .and_then(|person| person.account)
            .expect("a named user with an account")
    }

    /// A named user with SOL for fees and tokens, and with a margin account where a deposit is named: whole USDC and SOL.
    fn enter(&mut self, name: &'static str, capacity: u16, deposit: Option<(u64, u64)>) {
        let user = self.world.user(name);
        self.enter_as(name, user, capacity, deposit);
    }

    fn enter_as(
        &mut self,
        name: &'static str,
        user: User,
        capacity: u16,
        deposit: Option<(u64, u64)>,
    ) {
        let banks = [self.world.usdc, self.world.sol_bank];
        let pocket = [1_000_000 * USDC, 10_000 * SOL];
        for (bank, amount) in banks.iter().zip(pocket) {
            self.world.fund(&user, bank, amount);
        }
        let account = deposit.map(|(usdc, sol)| {
            let trader = self.world.open_in_tier(&user, 0, capacity, Tier::Portfolio);
            for (bank, amount) in banks.iter().zip([usdc * USDC, sol * SOL]) {
                if amount > 0 {
                    self.world.fund(&user, bank, amount);
                    self.world.deposit(&trader, bank, amount).ok();
                }
            }
            trader
        });
        self.people.push(Person {
            name,
            user,
            account,
        });
    }

    fn cast(&mut self) {
        let small = MIN_CAPACITY as u16;
        self.enter("alice", small, Some((250_000, 500)));
        self.enter("bob", small, Some((500_000, 0)));
        self.enter("carol", small, Some((100_000, 200)));
        self.enter("keeper", WIDE, Some((50_000_000, 0)));
        self.enter("keeper2", WIDE, Some((50_000_000, 0)));
        self.enter("maker", WIDE, Some((1_000_000_000, 0)));
        let (governor, poster) = (self.world.governor, self.world.surface_authority);
        for (name, user) in [("governor", governor), ("poster", poster)] {
            for bank in [self.world.usdc, self.world.sol_bank] {
                let key = self.world.wallet(&user, &bank);
                self.world.create_token_account(key, bank.mint, user.key);
            }
            self.enter_as(name, user, small, None);
        }
    }

    fn fund_insurance(&mut self) {
        let governor = self.world.governor;
        let bank = self.world.usdc;
        let amount = 5_000_000 * USDC;
        self.world.fund(&governor, &bank, amount);
        self.world.give_insurance(&governor, amount).ok();
    }

    /// The example venue, listed, and approved by those who trade by hand.
    fn open_venue(&mut self) {
        let traders = ["alice", "bob", "carol", "maker"].map(|name| self.account(name));
        let all: Vec<&Trader> = traders.iter().collect();
        self.world.add_example_venue(&all);
    }

    /// A small book of alice and bob.
    fn trade(&mut self) {
        let (alice, bob) = (self.account("alice"), self.account("bob"));
        let (btc, sol, month) = (self.world.btc, self.world.sol, self.world.month);
        let strike = BTC_START / 100_000_000_000 * 100_000_000_000; // whole thousands of dollars
        let legs = [
            perpetual(&btc, BASE, BTC_START),
            put(&btc, month, strike / 10 * 9, BASE, 1_800 * 100_000_000),
            call(&btc, month, strike / 10 * 11, -BASE, 2_400 * 100_000_000),
            perpetual(&sol, -100 * BASE, SOL_START),
        ];
        self.world.trade(&alice, &bob, &legs).ok();
    }
}

/// ETH by the pull oracle, with the expiries of the others and surfaces.
fn list_eth(world: &mut World) -> Market {
    let (house, rules) = (world.house, world.settings().market_rules.clone());
    let args = world.whole_market_args("ETH", ETH_FEED, &MAJOR_SCENARIOS, &MarketParams::BTC);
    let eth = world.list_market_with(house, args, rules);
    world.set_price(&eth, START_PRICES[2]);
    let now = world.now();
    for expiry in [world.week, world.month] {
        world.add_expiry(&eth, expiry);
        world.post_surface(&eth, crypto_smile(expiry, now, VOLATILITIES[2]));
    }
    eth
}

/// Seconds from a time to the first 08:00 UTC that is at least so many days later.
fn to_morning(now: i64, days: i64) -> i64 {
    let least = now + days * DAY;
    let past = (least - EXPIRY_HOUR).rem_euclid(DAY);
    days * DAY + (DAY - past) % DAY
}

/// Unix time.
pub(crate) fn wall_seconds() -> i64 {
    i64::try_from(wall_millis() / 1_000).expect("a year below 292 billion")
}

/// Unix time, milliseconds.
pub(crate) fn wall_millis() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = passed.expect("a clock after 1970").as_millis();
    u64::try_from(millis).expect("a year below 584 million")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_at_eight_in_the_morning() {
        let midnight = 20_000 * DAY;
        for (now, wanted) in [
            (midnight, 8 * 3_600),
            (midnight + EXPIRY_HOUR - 1, 1),
            (midnight + EXPIRY_HOUR, 0),
            (midnight + EXPIRY_HOUR + 1, DAY - 1),
        ] {
            assert_eq!(to_morning(now, 6), 6 * DAY + wanted);
            assert_eq!((now + to_morning(now, 27)) % DAY, EXPIRY_HOUR);
        }
    }
}
