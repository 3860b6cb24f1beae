//! The scene of the soak: three markets, eight accounts, and how time and prices move between the steps.

use portfolio_margin_interface::args::{BankRulesArgs, HouseRulesArgs, MarketRulesArgs};
use risk_core::tier::Tier;
use sandbox::{
    crypto_smile, dollars, instructions, Bank, Market, Model, Trader, User, World, WorldBuilder,
    ETH_START, SOL, USDC,
};

use super::{Snapshot, Soak};
use support::Random;

/// Traders; behind them in the cast come the keepers.
pub const TRADERS: usize = 6;
/// All accounts.
pub const CAST: usize = 8;
/// Between one expiry and the next, seconds.
const EXPIRY_STEP: i64 = 8 * 3_600;
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

/// The rules of a market in which a position of some hundred thousand dollars has `size` base units: fees, bands, limits,
/// funding of up to 1 % a day.
fn market_rules(size: i64) -> MarketRulesArgs {
    let size = size.unsigned_abs();
    MarketRulesArgs {
        fee_taker: 500,
        fee_maker: 200,
        fee_premium_cap: 125_000,
        band_linear: 30_000,
        band_option: 20_000,
        position_limit: 6 * size,
        perp_limit: 10 * size,
        expiry_limit: 20 * size,
        funding_cap: 10_000_000,
        insurance_cap: 100 * USDC, // so that losses reach profits and balances
        funding_depth: size,
        posters: posters().iter().map(|poster| poster.key).collect(),
        ..MarketRulesArgs::plain(User::named("surface authority").key)
    }
}

/// Who posts surfaces: the world's own, and two more.
fn posters() -> Vec<User> {
    let mut posters = vec![User::named("surface authority")];
    posters.extend(sandbox::posters(2));
    posters
}

/// A bank whose weight grows over two days, with limits on accounts and on what may leave in an hour.
fn ramping_bank() -> BankRulesArgs {
    BankRulesArgs {
        account_cap: 40 * SOL, // nine decimals as well
        ramp_seconds: 2 * 86_400,
        withdrawal_limit: 15 * SOL,
        withdrawal_window: 3_600,
        ..BankRulesArgs::PLAIN
    }
}

/// Base units (1e-6) worth some hundred thousand dollars at a price.
fn size_at(price: u64) -> i64 {
    (350_000_000_000_000_000_u128 / u128::from(price) * 100) as i64
}

/// Interest, settlement and insurance of the house.
fn house_rules() -> HouseRulesArgs {
    HouseRulesArgs {
        insurance_share: 250_000,
        debt_account_limit: 30_000 * USDC,
        debt_limit: 100_000 * USDC,
        rate_base: 20_000,
        rate_kink: 100_000,
        rate_full: 900_000,
        kink: 800_000,
        house_share: 100_000,
        ..HouseRulesArgs::PLAIN
    }
}

impl Soak {
    /// The world of a model, with everybody in it.
    pub fn new(seed: u64, model: Model) -> Self {
        let builder = match model {
            Model::Neutral => WorldBuilder::default(),
            Model::Whole => WorldBuilder::whole(20_000_000_000),
        };
        let mut world = WorldBuilder {
            rules: house_rules(),
            // both markets of the builder have one set of rules: the limits of the one with the smaller price
            market_rules: market_rules(size_at(builder.sol_price)),
            ..builder
        }
        .build();
        let eth = world.list_eth(market_rules(size_at(ETH_START)));
        world.set_wrapped_eth(ETH_START);
        let wrapped = world.list_wrapped_eth(ramping_bank());
        let settings = world.settings().clone();
        let underlying = |market, start: u64, volatility| Underlying {
            market,
            start,
            size: size_at(start),
            volatility,
        };
        let markets = vec![
            underlying(world.btc, settings.btc_price, settings.btc_volatility),
            underlying(world.sol, settings.sol_price, settings.sol_volatility),
            underlying(eth, ETH_START, 600_000),
        ];
        let banks = vec![world.usdc, world.sol_bank, wrapped];
        let (cast, outsider) = cast(&mut world, model, &wrapped);
        let mut soak = Self {
            random: Random::new(seed),
            cast,
            outsider,
            banks,
            posters: posters(),
            donations: Default::default(),
            settled: 0,
            nonce: 1,
            signed: vec![],
            resting: vec![],
            markets,
            supply: 0,
            last: Snapshot::take(&world),
            coverage: Default::default(),
            sequences: Default::default(),
            world,
        };
        soak.world.advance(1);
        soak.list_expiries();
        for poster in soak.posters.clone() {
            soak.post_as(&poster);
        }
        soak.last = Snapshot::take(&soak.world);
        let seeded = soak.last.tokens[&soak.world.usdc.vault].amount;
        soak.supply = soak.quote_in_wallets(&soak.last) + i128::from(seeded);
        soak
    }

    /// Lists the next expiries of every market: one each eight hours.
    pub fn list_expiries(&mut self) {
        let first = self.world.now() / EXPIRY_STEP + 1;
        for underlying in self.markets.clone() {
            let listed = self.world.expiries(&underlying.market);
            for number in first..first + EXPIRIES_AHEAD {
                let time = number * EXPIRY_STEP;
                if !listed.contains(&time) {
                    let governor = self.world.governor;
                    let ix = instructions::add_expiry(&governor.key, &underlying.market, time);
                    self.world.send(&[ix], &[governor]); // refused while all places are taken
                }
            }
        }
    }

    /// Time passes, prices move by up to 4 %, now and then by a quarter or a third; some feeds and posters are silent or unsure.
    pub fn turn(&mut self) {
        let seconds = match self.random.range(0, 10) {
            _ if self.is_averaging() && !self.random.one_in(8) => self.random.range(20, 80),
            0 => self.random.range(1_000, 5_000),
            1..=3 => self.random.range(200, 900),
            _ => self.random.range(1, 200),
        };
        self.world.advance(seconds);
        self.list_expiries();
        self.move_prices();
        self.publish();
        if !self.random.one_in(3) {
            self.sample();
        }
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
            let (calm, crash) = if whole { (3, 3_500) } else { (5, 2_200) };
            let reach = if self.random.one_in(calm) { crash } else { 300 };
            let moved = spot * (10_000 + self.random.range(-reach, reach + 1)) / 10_000;
            let start = start as i64;
            let price = moved.clamp(start / 2, start * 2) as u64;
            self.world.set_price(&market, price);
            let mut fields = self.world.price(&market.price);
            if self.random.one_in(15) {
                // an opening accepts 1 %, a repair 10 %
                fields.confidence = price * self.random.range(1, 13) as u64 / 100;
            }
            if fields.legacy_status.is_some() && self.random.one_in(40) {
                fields.legacy_status = Some(0); // not trading
            }
            self.world.set_price_update(market.price, fields);
            if start as u64 == ETH_START {
                self.world.set_wrapped_eth(price);
            }
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
        for poster in self.posters.clone() {
            if !self.random.one_in(3) {
                self.post_as(&poster);
            }
        }
    }

    /// A poster's view of what nobody has posted for long, and of a little more; what does not fit is refused.
    fn post_as(&mut self, poster: &User) {
        let now = self.world.now();
        for underlying in self.markets.clone() {
            let market: portfolio_margin_interface::state::Market =
                self.world.read(&underlying.market.key);
            let volatility = underlying.volatility * self.random.range(95, 106) as u32 / 100;
            for slot in market.expiries.iter().filter(|slot| slot.time > now) {
                let age = now - slot.posted_at;
                if age < 1_200 && !self.random.one_in(6) {
                    continue;
                }
                let smile = crypto_smile(slot.time, now, volatility);
                let ix = instructions::post_vol_surface(&poster.key, &underlying.market, smile);
                self.world.send(&[ix], &[*poster]);
            }
        }
    }

    /// One of the six traders.
    pub fn trader(&mut self) -> Trader {
        let index = self.random.range(0, TRADERS as i64) as usize;
        // the last is a visitor, who comes more rarely and leaves again
        match index + 1 == TRADERS && !self.random.one_in(3) {
            true => self.cast[0],
            false => self.cast[index],
        }
    }

    /// Whether an account is the visitor's.
    pub fn is_visitor(&self, trader: &Trader) -> bool {
        *trader == self.cast[TRADERS - 1]
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
fn cast(world: &mut World, model: Model, wrapped: &Bank) -> (Vec<Trader>, Trader) {
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
        if !is_second {
            let wallet = world.wallet(&user, wrapped);
            world.create_token_account(wallet, wrapped.mint, user.key);
            world.fund(&user, wrapped, 50_000 * SOL);
        }
        world.open_quotes(&trader).ok();
        cast.push(trader);
    }
    let trusting: Vec<&Trader> = cast.iter().take(TRADERS).collect();
    world.add_example_venue(&trusting);
    let user = world.user("outsider");
    world.fund(&user, &usdc, 1_000 * USDC);
    let outsider = Trader { user, ..cast[0] };
    (cast, outsider)
}
