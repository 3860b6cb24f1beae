//! Alice in liquidation with one leg that nothing covers, beside hedges that should stay.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{LegTake, LiquidateLegsArgs, LiquidationArgs, TradeLeg};
use portfolio_margin_interface::state::PositionRecord;
use risk_core::liquidation::{buffer_health, FRACTION_ONE};
use sandbox::{
    call, dollars, perpetual, put, share_of_legs, take_of, Trader, World, WorldBuilder, BASE,
    BTC_START, USDC,
};
use solana_instruction::Instruction;

use super::{assert_logged, assert_refused, start};

/// What alice holds, each with a leg that nothing covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Two call spreads 115/125 and a short put 114.
    Spread,
    /// Two iron condors 100/110/125/135 and a short call 120.
    Condor,
    /// A perpetual under a short call 125, and a short put 115.
    Covered,
}

pub const BOOKS: [Book; 3] = [Book::Spread, Book::Condor, Book::Covered];

/// Alice in liquidation with a naked leg, and who is there.
pub struct Naked {
    pub world: World,
    pub alice: Trader,
    pub bob: Trader,
    pub keeper: Trader,
    /// The leg that nothing covers.
    pub naked: PositionRecord,
    /// A leg that covers another.
    pub hedge: PositionRecord,
}

/// The legs that she opens.
pub fn legs(book: Book, world: &World) -> Vec<TradeLeg> {
    let (btc, month) = (world.btc, world.month);
    let calls =
        |strike, size: i64, price| call(&btc, month, dollars(strike), size * BASE, dollars(price));
    let puts =
        |strike, size: i64, price| put(&btc, month, dollars(strike), size * BASE, dollars(price));
    match book {
        Book::Spread => vec![
            calls(115_000, 2, 7_000),
            calls(125_000, -2, 3_000),
            puts(114_000, -1, 4_500),
        ],
        Book::Condor => vec![
            puts(100_000, 2, 1_000),
            puts(110_000, -2, 3_000),
            calls(120_000, -1, 4_500),
            calls(125_000, -2, 3_000),
            calls(135_000, 2, 1_000),
        ],
        Book::Covered => vec![
            perpetual(&btc, BASE, BTC_START),
            calls(125_000, -1, 3_000),
            puts(115_000, -1, 4_500),
        ],
    }
}

impl Naked {
    /// In a world where nothing goes to the fund.
    pub fn steady(book: Book, move_of: i64) -> Self {
        let terms = LiquidationArgs::steady(50_000, 100_000);
        Self::build(book, move_of, terms)
    }

    /// Alice holds no more than what opening asks of her when BTC moves against her by `move_of` thousandths in a jump.
    pub fn build(book: Book, move_of: i64, liquidation: LiquidationArgs) -> Self {
        let mut world = WorldBuilder {
            liquidation,
            ..WorldBuilder::default()
        }
        .build();
        let alice = world.trader("alice", 300_000 * USDC);
        let [bob, keeper] = ["bob", "keeper"].map(|name| world.trader(name, 3_000_000 * USDC));
        let (btc, bank) = (world.btc, world.usdc);
        let legs = legs(book, &world);
        world.trade(&alice, &bob, &legs).ok();
        let free = world.report(&alice.account).margin.initial_health.raw();
        world.withdraw(&alice, &bank, free as u64).ok();
        let (naked, hedge, sign) = match book {
            Book::Spread => (114_000, 115_000, -1),
            Book::Condor => (120_000, 135_000, 1),
            Book::Covered => (115_000, 125_000, -1),
        };
        let price = BTC_START as i64 * (1_000 + sign * move_of) / 1_000;
        world.set_price(&btc, price as u64);
        start(&mut world, &keeper, &alice);
        let (_, held) = world.account(&alice.account);
        let of_strike = |strike| *held.iter().find(|p| p.strike == dollars(strike)).unwrap();
        Self {
            naked: of_strike(naked),
            hedge: of_strike(hedge),
            world,
            alice,
            bob,
            keeper,
        }
    }

    /// All of the naked leg.
    pub fn whole(&self) -> LegTake {
        take_of(&self.naked, self.naked.quantity)
    }

    /// A share of it, 1e-9.
    pub fn part(&self, share: u64) -> Vec<LegTake> {
        share_of_legs(&[self.whole()], share)
    }

    pub fn args(&self, legs: &[LegTake], fee: u64) -> LiquidateLegsArgs {
        LiquidateLegsArgs {
            witness: self.world.report(&self.alice.account).witness(),
            legs: legs.to_vec(),
            fee,
            minimum: 0,
            price_limit: i64::MAX,
        }
    }

    pub fn ix(&self, legs: &[LegTake], fee: u64) -> Instruction {
        let args = self.args(legs, fee);
        self.world.legs_ix(&self.keeper, &self.alice.account, args)
    }

    /// Buffer health, 1e-6 USD.
    pub fn buffer_health(&self) -> i64 {
        let header = self.world.account(&self.alice.account).0;
        let terms = self.world.terms_now(&header, false);
        let report = self.world.report(&self.alice.account).margin;
        buffer_health(&report, terms.buffer).unwrap().raw()
    }

    pub fn deposit(&mut self, amount: u64) {
        let (bank, alice) = (self.world.usdc, self.alice);
        self.world.fund(&alice.user, &bank, amount);
        self.world.deposit(&alice, &bank, amount).ok();
    }

    #[track_caller]
    pub fn refuse(&mut self, ix: &Instruction, error: MarginError, logged: &[String]) {
        let outcome = assert_refused(&mut self.world, ix, &[self.keeper.user], error);
        let texts: Vec<&str> = logged.iter().map(String::as_str).collect();
        assert_logged(&outcome, &texts);
    }

    #[track_caller]
    pub fn accept(&mut self, ix: &Instruction) {
        let outcome = self
            .world
            .simulate(std::slice::from_ref(ix), &[self.keeper.user]);
        assert!(outcome.error.is_none(), "{}", outcome.logs.join("\n"));
    }

    pub fn with(&self, change: impl FnOnce(&mut LiquidateLegsArgs)) -> Instruction {
        let mut args = self.args(&self.part(FRACTION_ONE / 10), 0);
        change(&mut args);
        self.world.legs_ix(&self.keeper, &self.alice.account, args)
    }
}

/// What a trader holds of a record's series.
pub fn held(world: &World, trader: &Trader, series: &PositionRecord) -> i64 {
    let (_, positions) = world.account(&trader.account);
    let found = positions.iter().find(|p| p.key() == series.key());
    found.map_or(0, |record| record.quantity)
}

/// All equity in the house.
pub fn total_equity(world: &World, traders: &[&Trader]) -> i64 {
    let equity = |trader: &&Trader| world.report(&trader.account).margin.equity.raw();
    traders.iter().map(equity).sum()
}
