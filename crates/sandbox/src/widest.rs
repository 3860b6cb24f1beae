//! The largest accounts that the program lets grow, in the states that make them dearest to liquidate.
//!
//! Eight markets, each with twelve expiries, and eight collateral assets of which each offsets the risk of a market; accounts with
//! any part of that are planted, and liquidated by transactions that a cluster would take.

use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, BidArgs, GroupArgs, LiquidationArgs,
};
use portfolio_margin_interface::state::margin_account::MarginAccount;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::size::{
    BANK_UNITS, EXPIRY_UNITS, LINEAR_UNITS, MARKET_UNITS, MOST_BID_UNITS, MOST_SIZE, OPTION_UNITS,
};
use portfolio_margin_interface::state::{
    Clearinghouse, FundingRecord, PositionRecord, RegimeRecord,
};
use risk_core::liquidation::FRACTION_ONE;
use risk_core::margin::MOST_OPEN_NOTIONAL;
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, VolShock, BASIS_WITNESS, MAJOR_SCENARIOS};
use risk_core::tier::Tier;

use crate::accounts::Trader;
use crate::instructions;
use crate::listing::{crypto_smile, Bank, Market};
use crate::oracle::PriceFields;
use crate::plant::{record, rewrite, write_book};
use crate::transaction::Outcome;
use crate::units::{dollars, BASE, DAY, USDC};
use crate::world::{World, WorldBuilder};

/// Markets, and as many collateral assets.
const WIDTH: usize = 8;
/// Expiries of a market.
const EXPIRIES: usize = 12;
/// Enough for any bidder, quote units.
const RICH: i64 = 1 << 56;
/// Native units of every collateral asset.
const COINS: u64 = 1_000_000;

/// What the markets are like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// For messages.
    pub name: &'static str,
    /// Whether markets have the most scenarios, 40, in place of the 33 of the presets, funding that has run, and a regime that
    /// tightens; and banks a weight that still grows.
    pub is_rough: bool,
    /// Kind of the price accounts of markets and banks.
    pub oracle_kind: u8,
    /// At-the-money volatility, 1e-6.
    pub volatility: u32,
    /// Seconds to the first expiry when accounts are liquidated, below zero if it is over; and between two.
    pub seconds: [i64; 2],
    /// Price of every asset, 1e-8 USD.
    pub price: u64,
    /// Size of every position, 1e-6 base units.
    pub size: i64,
    /// Whether prices are so uncertain, and surfaces so old, that only a repair accepts them.
    pub is_doubtful: bool,
    /// What to name as the witness of every market; none: its worst.
    pub witness: Option<u8>,
}

/// The presets, and ordinary sizes.
pub const CALM: Weather = Weather {
    name: "calm",
    is_rough: false,
    oracle_kind: PYTH_PULL,
    volatility: 600_000,
    seconds: [14 * DAY, 14 * DAY],
    price: dollars(100),
    size: 10 * BASE,
    is_doubtful: false,
    witness: None,
};
/// Deviations beyond the table of N in every scenario; a coin so cheap that its sizes are huge; the dearest witness.
pub const WILD: Weather = Weather {
    name: "wild",
    is_rough: true,
    volatility: 3_000_000,
    seconds: [30 * DAY, 30 * DAY],
    price: 1_000_000,
    size: 1 << 48,
    witness: Some(BASIS_WITNESS),
    ..CALM
};
/// The same in a crash, with sizes and prices whose products take 128 bits, and price accounts of the older kind.
pub const CRASH: Weather = Weather {
    name: "crash",
    price: dollars(690),
    size: 68_800 * BASE,
    is_doubtful: true,
    oracle_kind: PYTH_LEGACY,
    ..WILD
};
/// Every expiry is inside its settlement window, half of its samples taken, at the highest volatility.
pub const WINDOW: Weather = Weather {
    name: "window",
    volatility: 9_000_000,
    seconds: [300, 60],
    is_doubtful: false,
    ..CRASH
};
/// Every expiry is over, and nothing of it is settled.
pub const EXPIRED: Weather = Weather {
    name: "expired",
    seconds: [-900, 60],
    ..WINDOW
};
/// All of them.
pub const WEATHERS: [Weather; 5] = [CALM, WILD, CRASH, WINDOW, EXPIRED];

/// What an account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Options, over all expiries in turn.
    pub options: usize,
    /// Expiries, over all markets in turn.
    pub expiries: usize,
    /// Expiries, the first of them, with a future.
    pub futures: usize,
    /// Markets, the first of them, with a perpetual.
    pub perpetuals: usize,
    /// Markets that expiries and perpetuals are in.
    pub markets: usize,
    /// Collateral assets, each of which offsets the risk of the market of its number.
    pub banks: usize,
}

impl Shape {
    /// The size of an account of this shape, compute units; by the weights alone.
    pub fn size(&self) -> u32 {
        let units = [
            (self.options, OPTION_UNITS),
            (self.futures + self.perpetuals, LINEAR_UNITS),
            (self.expiries, EXPIRY_UNITS),
            (self.markets.max(self.banks), MARKET_UNITS),
            (self.banks, BANK_UNITS),
        ];
        let each = units.map(|(count, units)| count as u32 * units);
        each.into_iter().sum()
    }

    /// With as many options as it may have, none where it has no expiry; `None` where it is too large already.
    pub fn filled(self) -> Option<Self> {
        let left = MOST_SIZE.checked_sub(self.size())?;
        let more = match self.expiries {
            0 => 0,
            _ => left / OPTION_UNITS,
        };
        Some(Self {
            options: self.options + more as usize,
            ..self
        })
    }
}

/// What a start and a bid came to.
#[derive(Clone, Debug)]
pub struct Liquidation {
    /// Whose book was sold.
    pub account: Trader,
    /// Who bought.
    pub bidder: Trader,
    /// `start_liquidation`.
    pub start: Outcome,
    /// `bid_liquidation` or `bid_insolvent`.
    pub bid: Outcome,
}

/// Whether there is equity to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equity {
    /// A little.
    Positive,
    /// None, and insurance to pay bidders from.
    Negative,
}

/// The markets, the assets, the world that has them.
pub struct Wide {
    /// The world.
    pub world: World,
    /// Eight of them.
    pub markets: Vec<Market>,
    /// The asset of each market's feed.
    pub banks: Vec<Bank>,
    /// Expiries of every market.
    pub times: Vec<i64>,
    weather: Weather,
    accounts: usize,
}

/// The presets' scenarios and seven more.
fn most_scenarios() -> Vec<Scenario> {
    let mut set = MAJOR_SCENARIOS.to_vec();
    for spot in [820_000, 1_180_000, 1_220_000] {
        set.push(Scenario::new(VolShock::None, spot));
        set.push(Scenario::new(VolShock::Down, spot));
    }
    set.push(Scenario::new(VolShock::None, 780_000));
    set.sort_by_key(|node| (node.vol, node.spot));
    set
}

/// Funding of a market in whose last hour but one was trade, and none since.
fn funding(weather: &Weather, now: i64) -> FundingRecord {
    let price = i64::try_from(weather.price).expect("a price");
    FundingRecord {
        index: price / 100,
        period_start: now - 5_000,
        daily: price / 1_000,
        reference: weather.price,
        premium_sum: 7_000_000,
        premium_size: 5_000_000,
        depth: 9_000_000,
        rate: 1_000_000,
        cap: 50_000_000,
    }
}

/// A regime whose initial requirement is ahead of its scenarios.
fn regime() -> RegimeRecord {
    RegimeRecord {
        interval: 60,
        factor_initial: 1_900_000,
        factor_maintenance: 1_300_000,
        factor_applied: 1_100_000,
        offset_share: 700_000,
        ..RegimeRecord::default()
    }
}

impl Wide {
    /// Builds the world: all terms of the model, correlation groups, debts with interest, a share of rewards for the fund.
    pub fn new(weather: Weather) -> Self {
        let builder = WorldBuilder::whole(0);
        let group = GroupArgs {
            kappa: 500_000,
            offset_cap: 300_000,
        };
        let mut builder = WorldBuilder {
            terms: AccountTermsArgs {
                groups: [(); 4].map(|()| group.clone()),
                ..builder.terms.clone()
            },
            liquidation: LiquidationArgs::STANDARD,
            ..builder
        };
        let rules = &mut builder.rules;
        (rules.debt_account_limit, rules.debt_limit) = (100_000_000 * USDC, 1_000_000_000 * USDC);
        (rules.rate_base, rules.rate_kink, rules.rate_full) = (10_000, 80_000, 1_000_000);
        (rules.kink, rules.house_share, rules.insurance_share) = (800_000, 100_000, 200_000);
        let world = builder.build();
        let [first, spacing] = weather.seconds;
        // listed while they are to come
        let start = world.now() + 3_600 + first.max(0);
        let times = (0..EXPIRIES as i64).map(|n| start + n * spacing).collect();
        let mut wide = Self {
            world,
            markets: vec![],
            banks: vec![],
            times,
            weather,
            accounts: 0,
        };
        for n in 0..WIDTH {
            wide.list(n);
        }
        wide.pass_time(3_600 + first.max(0) - first);
        wide
    }

    fn list(&mut self, n: usize) {
        let (world, weather) = (&mut self.world, &self.weather);
        let (house, now) = (world.house, world.now());
        let number = u8::try_from(n).expect("eight markets");
        let (name, feed_id) = (format!("WIDE {n}"), [number + 1; 32]);
        let set = match weather.is_rough {
            true => most_scenarios(),
            false => MAJOR_SCENARIOS.to_vec(),
        };
        let mut args = world.whole_market_args(&name, feed_id, &set, &MarketParams::BTC);
        // sets of one group are alike, and the first has markets with 33 scenarios
        args.oracle_kind = weather.oracle_kind;
        args.group = match weather.is_rough {
            true => 2 + number % 3,
            false => 1 + number % 4,
        };
        let market = world.list_market(house, args);
        world.set_price(&market, weather.price);
        for time in &self.times {
            world.add_expiry(&market, *time);
            world.write_surface(&market, &crypto_smile(*time, now, weather.volatility));
        }
        let mint = world.create_mint(&format!("mint of wide {n}"), 6);
        let mut args = BankArgs {
            feed_id,
            ..world.sol_bank_args()
        };
        args.rules.oracle_kind = weather.oracle_kind;
        args.rules.ramp_seconds = match weather.is_rough {
            true => 300 * 86_400,
            false => 0,
        };
        let bank = world.list_offset_bank(house, mint, args, Some(&market));
        self.banks.push(bank);
        self.markets.push(market);
    }

    /// Lets time pass, with new prices and surfaces as the weather has them, and samples of the settlements.
    fn pass_time(&mut self, seconds: i64) {
        let weather = self.weather;
        self.world.advance(seconds);
        let now = self.world.now();
        for market in self.markets.clone() {
            self.world.set_price(&market, weather.price);
            let fields = self.world.price(&market.price);
            if weather.is_doubtful {
                let confidence = weather.price / 20;
                let fields = PriceFields {
                    confidence,
                    ..fields
                };
                self.world.set_price_update(market.price, fields);
            }
            self.world.change_market(&market, |record| {
                if weather.is_rough {
                    (record.funding, record.regime) = (funding(&weather, now), regime());
                }
                for slot in record.expiries.iter_mut() {
                    slot.posted_at = match weather.is_doubtful {
                        true => now - 4_000,
                        false => now,
                    };
                    if slot.time - now <= 1_800 {
                        let settlement = &mut slot.settlement;
                        settlement.samples[..15].fill(weather.price);
                        (settlement.count, settlement.sum) = (15, 15 * weather.price);
                    }
                }
            });
        }
        let house = self.world.house;
        self.world.set_quote_price(dollars(1));
        self.world.update_quote_price(&house).ok();
    }

    /// The positions of a shape, all short.
    pub fn book(&self, shape: &Shape) -> Vec<PositionRecord> {
        let size = -self.weather.size;
        let place = |e: usize| {
            // the last places of a market's list take longest to find
            let time = self.times[EXPIRIES - 1 - e / shape.markets];
            (&self.markets[e % shape.markets], time)
        };
        let options = (0..shape.options).map(|k| {
            let (market, time) = place(k % shape.expiries);
            let percent = 80_000 + 613 * (k / shape.expiries) as u64;
            let strike = self.weather.price / 100_000 * percent;
            record(market, (2 + (k % 2) as u8, time, strike), size, 0)
        });
        let futures = (0..shape.futures).map(|e| {
            let (market, time) = place(e);
            record(market, (1, time, 0), size, -1)
        });
        let markets = self.markets[..shape.perpetuals].iter();
        let perpetuals = markets.map(|market| record(market, (0, 0, 0), size, -1));
        let mut records: Vec<_> = options.chain(futures).chain(perpetuals).collect();
        records.sort_by_key(PositionRecord::key);
        records
    }

    /// Opens an account with room for everything.
    pub fn open(&mut self, tier: Tier) -> Trader {
        self.accounts += 1;
        let user = self.world.user(&format!("user {}", self.accounts));
        let capacity = portfolio_margin_interface::state::margin_account::MAX_CAPACITY;
        let capacity = u16::try_from(capacity).expect("a capacity");
        self.world.open_in_tier(&user, 0, capacity, tier)
    }

    /// Writes an account's positions, cash, and collateral in that many assets.
    pub fn plant(&mut self, trader: &Trader, records: &[PositionRecord], cash: i64, banks: usize) {
        let assets: Vec<_> = self.banks.iter().zip(&self.markets).take(banks).collect();
        let change = |header: &mut MarginAccount| {
            header.cash = cash;
            for (slot, (bank, market)) in header.collateral.iter_mut().zip(assets) {
                slot.bank = bank.index;
                slot.offset_market = market.index + 1;
                slot.amount = COINS;
            }
        };
        write_book(&mut self.world, trader, change, records);
    }

    /// Plants an account that fails in any scenario.
    pub fn plant_failing(
        &mut self,
        trader: &Trader,
        records: &[PositionRecord],
        banks: usize,
        equity: Equity,
    ) {
        self.plant(trader, records, RICH, banks);
        let margin = self.world.report(&trader.account).margin;
        let charge = margin.contingency_maintenance.raw();
        let wanted = match equity {
            Equity::Positive => (charge / 2).max(1),
            Equity::Negative => -charge,
        };
        let cash = RICH - margin.equity.raw() + wanted;
        self.plant(trader, records, cash, banks);
        let house = self.world.house;
        rewrite(&mut self.world, &house, |house: &mut Clearinghouse| {
            house.interest.debts = cash.min(0).unsigned_abs();
            house.insurance = 1_000_000 * USDC;
        });
    }

    /// Starts a liquidation of a planted account and bids on as much of it as a bidder may hold: each in one packet with a lookup table,
    /// within [`MOST_BID_UNITS`].
    #[track_caller]
    pub fn liquidate(
        &mut self,
        tier: Tier,
        (records, banks): (&[PositionRecord], usize),
        equity: Equity,
    ) -> Liquidation {
        let [account, bidder] = [self.open(tier), self.open(tier)];
        self.plant_failing(&account, records, banks, equity);
        self.plant(&bidder, &[], RICH, 0);
        let report = self.world.report(&account.account);
        let witness: Vec<u8> = report
            .witness()
            .into_iter()
            .map(|worst| self.weather.witness.unwrap_or(worst))
            .collect();
        let signers = [bidder.user];
        let ix = self
            .world
            .start_liquidation_ix(&bidder.user, &account.account, &witness);
        let start = self.world.send_tabled(&[ix], &signers, MOST_BID_UNITS).ok();
        if equity == Equity::Negative {
            let ix = self.world.prove_insolvency_ix(&account.account, &witness);
            self.world.send_tabled(&[ix], &[], MOST_BID_UNITS).ok();
        }
        self.pass_time(60);
        let gross = i128::from(report.margin.gross_notional.raw().max(1));
        let most = i128::from(MOST_OPEN_NOTIONAL.raw()) * i128::from(FRACTION_ONE) / gross * 9 / 10;
        // so much that all records move, and so little that all stay
        let part = u64::try_from(most).expect("a part");
        let args = BidArgs {
            witness,
            fraction: part.min(FRACTION_ONE / 10 * 9),
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = match equity {
            Equity::Positive => self.world.bid_ix(&bidder, &account.account, args),
            Equity::Negative => self.world.bid_insolvent_ix(&bidder, &account.account, args),
        };
        let ix = instructions::writable(ix, &self.world.house);
        let bid = self.world.send_tabled(&[ix], &signers, MOST_BID_UNITS).ok();
        Liquidation {
            account,
            bidder,
            start,
            bid,
        }
    }
}
