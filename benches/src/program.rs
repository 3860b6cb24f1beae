//! Compute units of the program's instructions: whole transactions through LiteSVM, Anchor, oracles and tokens included.

use native_bench::book::{scenarios, EXPIRY_DAYS};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::PositionRecord;
use risk_core::market::MarketParams;
use risk_core::tier::Tier;
use sandbox::listing::{crypto_smile, params_args, terms_args};
use sandbox::oracle::BTC_FEED;
use sandbox::plant::{record, write_book};
use sandbox::widest::{Equity, Shape, Wide, WEATHERS};
use sandbox::{call, put, Market, Trader, World, BASE, BTC_START, DAY, START, USDC};

use crate::results::Results;

/// Legs per trade while a book is built: what fits a packet.
const LEGS: usize = 12;
/// Most options of a book that is traded; larger ones, which no account may grow to, are planted.
const MOST_TRADED: usize = 16;
/// Cash of each trader.
const CASH: u64 = 20_000_000 * USDC;

/// A world with one more market: BTC under the whole model, the 33 scenarios of the targets, with four expiries.
struct Bench {
    world: World,
    market: Market,
}

/// Measures the instructions that a trader or a keeper calls most.
pub fn measure(results: &mut Results) -> Result<(), String> {
    for (options, expiries) in [(1, 1), (16, 2), (64, 4), (128, 4)] {
        let mut bench = Bench::new();
        let [taker, maker] = bench.books(options, expiries)?;
        let (_, view) = bench.world.view_margin(&taker.account);
        results.set(
            &format!("margin_check_cu.{options}"),
            units_of(&view, "view_margin")?,
        );
        if options == 1 || options == 64 {
            let leg = bench.leg(0, 0, BASE / 100);
            let trade = bench.world.trade(&taker, &maker, &[leg]).ok();
            let name = if options == 1 {
                "detail.trade_cu"
            } else {
                "trade_64x64_cu"
            };
            results.set(name, units_of(&trade, "trade")?);
        }
        if options == 1 {
            bench.deposit(&taker, results)?;
        }
        if options == 128 {
            bench.start_liquidation(&taker, results)?;
        }
    }
    at_caps(results)
}

/// The dearest liquidations of the largest accounts: all options in one expiry, in a crash; one per expiry, while all of them settle.
fn at_caps(results: &mut Results) -> Result<(), String> {
    let (mut start, mut bid) = (0.0f64, 0.0f64);
    let one = Shape {
        markets: 1,
        ..Shape::default()
    };
    let shapes = [
        Shape { expiries: 1, ..one },
        Shape {
            expiries: 14,
            markets: 2,
            options: 14,
            ..one
        },
    ];
    for weather in WEATHERS {
        let mut wide = Wide::new(weather);
        for tier in [Tier::Portfolio, Tier::Standard] {
            for shape in shapes {
                let shape = shape.filled().ok_or("a shape above the limit")?;
                let records = wide.book(&shape);
                let done = wide.liquidate(tier, (&records, 0), Equity::Positive);
                start = start.max(units_of(&done.start, "start_liquidation")?);
                bid = bid.max(units_of(&done.bid, "bid_liquidation")?);
            }
        }
    }
    results.set("start_at_caps_cu", start);
    results.set("bid_at_caps_cu", bid);
    Ok(())
}

fn units_of(outcome: &sandbox::Outcome, instruction: &str) -> Result<f64, String> {
    let units = outcome
        .compute_units_of(instruction)
        .ok_or(format!("no {instruction} in the log"))?;
    Ok(units as f64)
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new();
        let house = world.house;
        let mut args = world.market_args("BENCH", BTC_FEED, &scenarios(true));
        args.params = params_args(&MarketParams::BTC);
        args.terms = terms_args(&MarketParams::BTC);
        let market = world.list_market(house, args);
        for days in EXPIRY_DAYS {
            let expiry = START + days * DAY;
            world.add_expiry(&market, expiry);
            world.post_surface(&market, crypto_smile(expiry, START, 550_000));
        }
        Self { world, market }
    }

    /// Two accounts, each the other's counterparty in `options` options over `expiries` expiries.
    fn books(&mut self, options: usize, expiries: usize) -> Result<[Trader; 2], String> {
        let capacity = u16::try_from(options.max(16)).map_err(|error| error.to_string())?;
        let traders = ["taker", "maker"].map(|name| {
            let user = self.world.user(name);
            let trader = self.world.open(&user, capacity);
            let bank = self.world.usdc;
            self.world.fund(&user, &bank, CASH);
            self.world.deposit(&trader, &bank, CASH).ok();
            trader
        });
        let [taker, maker] = traders;
        let per_expiry = options.div_ceil(expiries);
        let legs: Vec<TradeLeg> = (0..options)
            .map(|index| {
                let place = index % per_expiry;
                // mostly short: what a keeper would want to liquidate when the price runs up
                let quantity = if place % 3 == 1 {
                    BASE / 10
                } else {
                    -BASE / 10
                };
                self.leg(index / per_expiry, place, quantity)
            })
            .collect();
        if options > MOST_TRADED {
            self.plant([&taker, &maker], &legs);
            return Ok(traders);
        }
        for legs in legs.chunks(LEGS) {
            self.world.trade(&taker, &maker, legs).ok();
        }
        Ok(traders)
    }

    /// Writes the books that the legs would have come to.
    fn plant(&mut self, [taker, maker]: [&Trader; 2], legs: &[TradeLeg]) {
        for (trader, sign) in [(taker, 1), (maker, -1)] {
            let of_leg = |leg: &TradeLeg| {
                let series = (leg.instrument, leg.expiry, leg.strike);
                record(&self.market, series, sign * leg.quantity, 0)
            };
            let mut records: Vec<_> = legs.iter().map(of_leg).collect();
            records.sort_by_key(PositionRecord::key);
            let paid = legs.iter().map(|leg| {
                let notional = i128::from(leg.quantity) * i128::from(leg.price) / 100_000_000;
                sign * i64::try_from(notional).expect("a premium")
            });
            let paid: i64 = paid.sum();
            write_book(
                &mut self.world,
                trader,
                |header| header.cash -= paid,
                &records,
            );
        }
    }

    /// Every strike has its own option; strikes surround the spot.
    fn leg(&self, expiry: usize, place: usize, quantity: i64) -> TradeLeg {
        let expiry = START + EXPIRY_DAYS[expiry] * DAY;
        let strike = (BTC_START / 100) * (80 + 2 * place as u64 % 64) + place as u64 * 100_000_000;
        let price = BTC_START / 50;
        if place.is_multiple_of(2) {
            call(&self.market, expiry, strike, quantity, price)
        } else {
            put(&self.market, expiry, strike, quantity, price)
        }
    }

    fn deposit(&mut self, trader: &Trader, results: &mut Results) -> Result<(), String> {
        let bank = self.world.usdc;
        self.world.fund(&trader.user, &bank, USDC);
        let deposit = self.world.deposit(trader, &bank, USDC).ok();
        results.set(
            "detail.deposit_cu",
            units_of(&deposit, "deposit_collateral")?,
        );
        Ok(())
    }

    /// The price runs up until the short calls breach; one scenario proves it.
    fn start_liquidation(&mut self, trader: &Trader, results: &mut Results) -> Result<(), String> {
        let keeper = self.world.user("keeper");
        let mut price = BTC_START;
        loop {
            price += BTC_START / 4;
            if price > 100 * BTC_START {
                return Err("the account never breaches".to_owned());
            }
            let market = self.market;
            self.world.set_price(&market, price);
            let report = self.world.report(&trader.account);
            if report.margin.maintenance_health.raw() < 0 {
                let account = trader.account;
                let witness = report.witness();
                let start = self.world.start_liquidation(&keeper, &account, &witness);
                let units = units_of(&start.ok(), "start_liquidation")?;
                results.set("start_liquidation_128_cu", units);
                return Ok(());
            }
        }
    }
}
