//! A house with three markets and three banks, its weather, and what random accounts hold in it.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use client_core::oracle::pyth::LEGACY;
use client_core::{price_address, Directory};
use portfolio_margin_interface::args::{BankRulesArgs, HouseRulesArgs, MarketRulesArgs};
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::{
    self, Clearinghouse, CollateralBalance, CollateralBank, MarginAccount, PositionRecord,
};
use risk_core::tier::Tier;
use sandbox::{
    crypto_smile, dollars, Bank, Market, Model, PriceFields, Trader, User, VerificationLevel,
    World, WorldBuilder, BASE, BTC_START, DAY, ETH_FEED, ETH_START, SOL, SOL_START, START, USDC,
};
use support::client::directory;
use support::{record, rewrite, Random};

/// A price that moves, and what shows it.
#[derive(Clone, Copy)]
pub struct Feed {
    id: [u8; 32],
    kind: u8,
    price: u64,
    market: Option<Market>,
    bank: Option<Bank>,
    /// Shown in place of the price account: a market or bank in an outage.
    shown: Option<Pubkey>,
}

/// The house.
pub struct Scene {
    pub world: World,
    pub random: Random,
    /// Whose header the accounts are made of.
    pub trader: Trader,
    feeds: Vec<Feed>,
    banks: Vec<Bank>,
    times: Vec<i64>,
}

/// Interest on debts, so that both indices move.
fn house_rules() -> HouseRulesArgs {
    HouseRulesArgs {
        debt_account_limit: 1_000_000 * USDC,
        debt_limit: 10_000_000 * USDC,
        rate_base: 20_000,
        rate_kink: 100_000,
        rate_full: 900_000,
        kink: 800_000,
        house_share: 100_000,
        ..HouseRulesArgs::PLAIN
    }
}

/// Funding.
fn market_rules() -> MarketRulesArgs {
    MarketRulesArgs {
        funding_cap: 10_000_000,
        funding_depth: 1_000_000_000,
        ..MarketRulesArgs::plain(User::named("surface authority").key)
    }
}

impl Scene {
    /// A house of a model; two of three begin when the first expiry is over, and every other one has legacy prices.
    pub fn new(seed: u64, model: Model) -> Self {
        let mut random = Random::new(seed);
        let builder = match model {
            Model::Neutral => WorldBuilder::default(),
            Model::Whole => WorldBuilder::whole(random.range(0, 40_000) * 1_000_000),
        };
        let mut world = WorldBuilder {
            rules: house_rules(),
            market_rules: market_rules(),
            oracle_kind: u8::from(seed % 2 == 1),
            ..builder
        }
        .build();
        let eth = world.list_eth(market_rules());
        world.set_wrapped_eth(ETH_START);
        let ramping = BankRulesArgs {
            ramp_seconds: 86_400,
            ..BankRulesArgs::PLAIN
        };
        let wrapped = world.list_wrapped_eth(ramping);
        let (btc, sol, bank) = (world.btc, world.sol, world.sol_bank);
        let hour = START + 3_600;
        for (market, times) in [
            (eth, vec![hour, world.week, world.month]),
            (btc, vec![hour]),
            (sol, vec![hour]),
        ] {
            for time in times {
                world.add_expiry(&market, time);
                world.post_surface(&market, crypto_smile(time, START, 700_000));
            }
        }
        let trader = world.trader("everybody", 1_000 * USDC);
        if !random.one_in(3) {
            let late = [1_900, 3_500, 3_700, 2 * DAY];
            world.advance(random.pick(&late));
        }
        let feed = |market: Option<Market>, bank: Option<Bank>, kind: u8, price: u64| Feed {
            id: market.map_or(ETH_FEED, |market| market.feed_id),
            kind,
            price,
            market,
            bank,
            shown: None,
        };
        let kind = world.settings().oracle_kind;
        let feeds = vec![
            feed(Some(btc), None, kind, BTC_START),
            feed(Some(sol), Some(bank), kind, SOL_START),
            feed(Some(eth), None, PYTH_LEGACY, ETH_START),
            feed(None, Some(wrapped), PYTH_PULL, ETH_START),
        ];
        let times = vec![hour, world.week, world.month];
        Self {
            banks: vec![world.usdc, bank, wrapped],
            world,
            random,
            trader,
            feeds,
            times,
        }
    }

    /// What a client lists, with what is shown for dead feeds.
    pub fn shown_directory(&self) -> Directory {
        let house = self.world.house;
        let mut directory = directory(&self.world, &house, &self.banks);
        for feed in &self.feeds {
            if let Some(shown) = feed.shown {
                directory.set_price(feed.id, shown);
            }
        }
        directory
    }

    /// Time passes; prices, surfaces and what the house stores change.
    pub fn weather(&mut self) {
        let seconds = match self.random.one_in(25) {
            true => self.random.range(100, 1_500),
            false => self.random.range(0, 20),
        };
        self.world.advance(seconds);
        for at in 0..self.feeds.len() {
            self.feeds[at].price = self.moved(self.feeds[at].price);
            self.store(at);
            self.publish(at);
        }
        self.change_house();
    }

    /// A price after a move of up to 3 %.
    fn moved(&mut self, price: u64) -> u64 {
        let share = self.random.range(970_000, 1_030_500);
        (u128::from(price) * share as u128 / 1_000_000) as u64 + self.random.bits() % 3
    }

    /// What the market and the bank of a feed have stored, and what of it is in force.
    fn store(&mut self, at: usize) {
        let now = self.world.now();
        let feed = self.feeds[at];
        let random = &mut self.random;
        let stored = feed.price * random.range(990, 1_011) as u64 / 1_000;
        let published = now - random.pick(&[0, 3, 20, 59]) + random.pick(&[0, 0, 0, 0, 0, 0, 30]);
        let outage_at = match random.one_in(9) {
            true => now - random.pick(&[1, 3_599, 3_600, 3_601, 9_000]),
            false => 0,
        };
        self.feeds[at].shown = None;
        if let Some(market) = feed.market {
            if outage_at != 0 && random.one_in(2) {
                self.feeds[at].shown = Some(market.key);
            }
            let state: state::Market = self.world.read(&market.key);
            let bent = bend(state, random, feed.price, now);
            let (spot, time) = (stored, published);
            rewrite::<state::Market>(&mut self.world, &market.key, |state| {
                *state = bent;
                (state.spot, state.spot_publish_time, state.outage_at) = (spot, time, outage_at);
            });
        }
        if let Some(bank) = feed.bank {
            if outage_at != 0 && feed.market.is_none() && self.random.one_in(2) {
                self.feeds[at].shown = Some(bank.key);
            }
            let spot = self.random.pick(&[0, stored, stored]);
            rewrite::<CollateralBank>(&mut self.world, &bank.key, |state| {
                (state.spot, state.spot_publish_time, state.outage_at) =
                    (spot, published, outage_at);
            });
        }
        if self.random.one_in(60) {
            self.feeds[at].shown = Some(self.anything());
        }
    }

    /// An account that is no price of most feeds: of the program, or another feed's.
    fn anything(&mut self) -> Pubkey {
        let mut all = vec![self.world.house, self.trader.account];
        all.extend(self.banks.iter().map(|bank| bank.key));
        let of_feeds = self.feeds.iter();
        all.extend(of_feeds.flat_map(|feed| {
            let price = price_address(feed.kind, &feed.id);
            [Some(price), feed.market.map(|market| market.key)]
                .into_iter()
                .flatten()
        }));
        self.random.pick(&all)
    }

    /// Writes a feed's price account: mostly good, now and then not.
    fn publish(&mut self, at: usize) {
        let (now, feed) = (self.world.now(), self.feeds[at]);
        let random = &mut self.random;
        let mut fields = match feed.kind {
            PYTH_LEGACY => PriceFields::fresh_legacy(feed.price, now),
            _ => PriceFields::fresh(feed.id, feed.price, now),
        };
        fields.publish_time -= random.pick(&[0, 0, 1, 7, 25, 60]);
        fields.confidence = feed.price / random.pick(&[2_000, 2_000, 1_000, 300]);
        let mut data = None;
        match random.range(0, 90) {
            0 => fields.publish_time = now - 61,
            1 => fields.publish_time = now + 15,
            2 => fields.publish_time = now + 16,
            3..=6 => fields.confidence = feed.price / 50,
            7 => fields.confidence = feed.price / 10 - 1,
            8 => fields.confidence = feed.price / 10 + 1,
            9 => fields.price = random.pick(&[0, -1, i64::MIN]),
            10 => fields.exponent = random.pick(&[-9, -10, -7]),
            11 => fields.exponent = random.pick(&[40, -40, i32::MIN, i32::MAX, 11]),
            12 if feed.kind == PYTH_PULL => fields.feed_id[9] ^= 1,
            13 => fields.owner = random.pick(&[LEGACY, User::named("thief").key]),
            14 => data = Some(fields.data()[..random.range(0, 130) as usize].to_vec()),
            15 if feed.kind == PYTH_PULL => {
                fields.verification = VerificationLevel::Partial { num_signatures: 5 };
            }
            15 => fields.legacy_status = Some(random.pick(&[0, 2, 9])),
            _ => {}
        }
        let account = price_address(feed.kind, &feed.id);
        let data = data.unwrap_or_else(|| fields.data());
        self.world.set_price_bytes(account, fields.owner, data);
    }

    /// Interest, socialised losses, the price of the quote asset.
    fn change_house(&mut self) {
        let now = self.world.now();
        let random = &mut self.random;
        let debts = random.pick(&[0, 40_000 * USDC, 900_000 * USDC]);
        let grown = 1_000_000_000_000 + random.bits() % 90_000_000_000;
        let due = random.pick(&[0, 0, 12_345]);
        let quote_price = random.range(985_000, 1_004_000) as u64 * 100;
        let age = random.pick(&[0, 20, 300, 599, 600, 600, 601, 4_000]);
        let is_missing = random.one_in(40);
        let house = self.world.house;
        rewrite::<Clearinghouse>(&mut self.world, &house, |state| {
            let interest = &mut state.interest;
            (interest.debts, interest.funds) = (debts, (debts + 70_000 * USDC) as i64);
            (interest.debt_index, interest.balance_index) = (grown, grown - 7_000_000_000);
            interest.updated_at = now - 5_000;
            (interest.loss_index, interest.loss_due) = (999_999_000_000 - due, due);
            if state.quote_max_age > 0 {
                state.quote_price = if is_missing { 0 } else { quote_price };
                state.quote_publish_time = now - age;
            }
        });
    }

    /// A header with random cash, collateral and status.
    pub fn fill(&mut self, header: &mut MarginAccount) {
        let random = &mut self.random;
        header.tier = random.pick(&[Tier::Standard, Tier::Portfolio, Tier::Portfolio]) as u8;
        header.status = u8::from(random.one_in(7));
        let most = random.pick(&[100, 20_000, 500_000, 5_000_000]) * USDC as i64;
        header.cash = random.range(-most / 4, most);
        header.interest_index = random.pick(&[0, 1_000_000_000_000, 999_000_000_000]);
        header.interest_due = random.pick(&[0, 0, 777]);
        header.loss_index = random.pick(&[0, 999_999_000_000, 999_999_900_000]);
        header.reserved_cash = random.pick(&[0, 5 * USDC as i64]);
        header.collateral = Default::default();
        let banks = self.banks.clone();
        let mut at = 0;
        for bank in &banks[1..] {
            if self.random.one_in(2) {
                continue;
            }
            let state: CollateralBank = self.world.read(&bank.key);
            let scale = self.random.pick(&[1, SOL, 40 * SOL, 3_000 * SOL]);
            let amount = 1 + self.random.bits() % scale;
            header.collateral[at] = CollateralBalance {
                bank: bank.index,
                offset_market: state.offset_market,
                padding: [0; 2],
                amount: if self.random.one_in(150) {
                    u64::MAX / 3
                } else {
                    amount
                },
            };
            at += 1;
        }
    }

    /// Up to some forty random positions in up to three markets, in order.
    pub fn positions(&mut self) -> Vec<PositionRecord> {
        let mut held: BTreeMap<_, PositionRecord> = BTreeMap::new();
        let markets: Vec<_> = self
            .feeds
            .iter()
            .filter_map(|feed| Some((feed.market?, feed.price)))
            .collect();
        for (market, price) in markets {
            if self.random.one_in(3) {
                continue;
            }
            let worth = self.random.pick(&[200, 3_000, 60_000, 900_000]);
            for _ in 0..self.random.range(0, 13) {
                let made = self.position(&market, price, worth);
                held.insert(made.key(), made);
            }
        }
        held.into_values().collect()
    }

    /// A position in a market, of a notional up to `worth` USD.
    fn position(&mut self, market: &Market, price: u64, worth: i64) -> PositionRecord {
        let times = self.times.clone();
        let random = &mut self.random;
        let most = (i128::from(worth) * 100_000_000 * i128::from(BASE) / i128::from(price)) as i64;
        let mut quantity = random.range(-most.max(1), most.max(1) + 1);
        if random.one_in(400) {
            quantity = 1 << random.range(45, 62);
        }
        let strike = dollars((price / 100_000_000).max(1)) / 20 * random.range(14, 29) as u64;
        let expiry = match random.one_in(300) {
            true => START + 12_345, // not listed
            false => random.pick(&times),
        };
        let series = match random.range(0, 8) {
            0 => (0, 0, 0),
            1 => (1, expiry, 0),
            2..=4 => (2, expiry, strike),
            _ => (3, expiry, strike),
        };
        let paid = i128::from(quantity) * i128::from(price) / 100_000_000;
        let share = random.range(90, 111);
        let cost = (paid * i128::from(share) / 100).clamp(-(1 << 60), 1 << 60) as i64;
        let cost = if series.2 == 0 { cost } else { 0 };
        record(market, series, quantity, cost)
    }
}

/// A market's state with other funding, losses, stable price, surfaces, samples and regime.
fn bend(mut state: state::Market, random: &mut Random, price: u64, now: i64) -> state::Market {
    state.perp_loss = random.pick(&[0, 0, 500 * USDC, 1_000_000 * USDC]);
    state.perp_pool = random.pick(&[0, 300 * USDC, 2_000_000 * USDC]);
    let signed = price as i64;
    state.funding.index = random.range(-signed / 50, signed / 50 + 1);
    state.funding.period_start = (now - random.range(0, 9_000)) / 3_600 * 3_600;
    state.funding.daily = random.range(-signed / 1_000, signed / 1_000 + 1);
    state.funding.reference = price;
    state.funding.premium_sum = random.range(-9_000_000, 9_000_000);
    state.funding.premium_size = 5_000_000;
    let band = random.pick(&[0, 0, 10, 10, 30, 30, 56, 57, 300]);
    state.rules.stable_band = 60_000;
    state.stable_price = match random.range(0, 4) {
        0 => 0,
        1 => price - price / 1_000 * band,
        _ => price + price / 1_000 * (band / 2),
    };
    if random.one_in(3) {
        state.regime.interval = 300;
        state.regime.factor_applied = 1_000_000;
        state.regime.factor_initial = random.range(1_000_000, 1_800_000) as u32;
        state.regime.offset_share = random.range(0, 1_000_001) as u32;
    }
    let (age, is_missing) = (
        random.pick(&[0, 100, 900, 2_000, 3_599, 3_601, 9_000]),
        random.one_in(60),
    );
    let is_averaging = random.one_in(3);
    for slot in state.expiries.iter_mut().filter(|slot| slot.time > 0) {
        slot.posted_at = if is_missing {
            0
        } else {
            now - age - random.range(0, 2)
        };
        slot.confidence = random.range(300_000, 1_000_001) as u32;
        slot.settlement = Default::default();
        if is_averaging && slot.time - now < 1_700 {
            slot.settlement.count = random.range(1, 30) as u32;
            slot.settlement.sum = price * u64::from(slot.settlement.count);
        }
        if is_averaging && slot.time < now && random.one_in(2) {
            slot.settlement.price = price;
        }
    }
    state
}
