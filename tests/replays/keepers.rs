//! What the keepers do: they look at accounts with the engine, off chain, act after a delay, bid what they can carry, carry it on
//! over the next move, and then sell it to the market makers.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::{LiquidationBid, LiquidationStarted, LiquidationStopped};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{NativeReport, Outcome, Trader, World};

use super::books::{is_option, mark, undoing};
use super::run::Replay;

/// How keepers behave.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Seconds from when an account fails until the first keeper acts; each further keeper takes as long again.
    pub delay: i64,
    /// Discount that the first keeper waits for, 1e-6; each further keeper wants five points more.
    pub discount: i64,
    /// What a keeper gives up of the mark when it sells on: of a perpetual or a future, 1e-6. Of an option it is 2 % of the mark.
    pub spread: u64,
    /// Share of the maintenance requirement that the first keeper wants beyond the worth of an insolvent book, 1e-6; each further
    /// keeper wants as much again.
    pub premium: i64,
}

/// Whose turn it is.
#[derive(Clone, Debug)]
pub struct Turn {
    pub keeper: Trader,
    /// How many came before: each later one waits longer and wants more.
    pub order: i64,
    /// Whether the keeper looks for a leg to take before it bids for a slice.
    pub with_legs: bool,
}

/// Smallest slice that a keeper bids for.
pub const LEAST_BID: u64 = FRACTION_ONE / 500;
/// Most legs that go into one trade.
const MOST_LEGS: usize = 12;

impl Replay {
    /// Every keeper looks at every account that fails, and acts where its time has come. Whose turn it is goes round.
    pub fn act(&mut self) {
        let keepers = self.scene.keepers.len();
        for (place, (key, seen)) in self.failing.clone().into_iter().enumerate() {
            for order in 0..keepers {
                let waited = self.scene.world.now() - seen;
                if self.is_mended(&key) || waited < self.policy.delay * (order as i64 + 1) {
                    break;
                }
                let turn = Turn {
                    keeper: self.scene.keepers[(place + order) % keepers],
                    order: order as i64,
                    with_legs: (place + order) % 2 == 1,
                };
                self.act_on(&key, &turn);
            }
            if self.is_mended(&key) {
                self.mended(&key, seen);
            }
        }
    }

    /// Whether an account trades freely with its maintenance margin.
    fn is_mended(&self, key: &Pubkey) -> bool {
        let header: MarginAccount = self.scene.world.read(key);
        header.status == STATUS_ACTIVE && self.health(key) >= 0
    }

    fn act_on(&mut self, key: &Pubkey, turn: &Turn) {
        let keeper = &turn.keeper;
        let header: MarginAccount = self.scene.world.read(key);
        if header.owner == keeper.user.key {
            return;
        }
        if header.status == STATUS_ACTIVE {
            self.start(keeper, key);
        }
        if self.stop(keeper, key) {
            return;
        }
        let report = self.scene.world.report(key);
        if report.margin.equity.raw() <= 0 {
            return self.act_on_insolvent(turn, key);
        }
        let header: MarginAccount = self.scene.world.read(key);
        let wanted = self.policy.discount + 50_000 * turn.order;
        if self.discount(&header, &report) < wanted {
            return;
        }
        if self.too_much.contains(&[keeper.account, *key]) {
            return;
        }
        if turn.with_legs && self.take_legs(keeper, key) && self.stop(keeper, key) {
            return;
        }
        let report = self.scene.world.report(key);
        if self.bid(keeper, key, &report) {
            self.stop(keeper, key);
        }
    }

    /// INV-12: nothing is started that the whole scan does not show to fail.
    fn start(&mut self, keeper: &Trader, key: &Pubkey) {
        let world = &mut self.scene.world;
        let report = world.report(key);
        let health = report.margin.maintenance_health.raw();
        assert!(health < 0, "inv_12: {health}");
        let outcome = world.start_liquidation(&keeper.user, key, &report.witness());
        let started = outcome.ok().events::<LiquidationStarted>();
        assert_eq!(started.len(), 1);
        self.tally.started += 1;
        self.liquidated.insert(*key);
    }

    /// Ends a liquidation whose buffer is back.
    fn stop(&mut self, keeper: &Trader, key: &Pubkey) -> bool {
        let world = &mut self.scene.world;
        let header: MarginAccount = world.read(key);
        if header.status == STATUS_ACTIVE {
            return true;
        }
        let terms = world
            .read::<Clearinghouse>(&world.house)
            .liquidation_terms();
        let report = world.report(key).margin;
        if !terms.is_restored(&report).expect("a report in range") {
            return false;
        }
        let outcome = world.stop_liquidation(&keeper.user, key).ok();
        assert_eq!(outcome.events::<LiquidationStopped>().len(), 1);
        true
    }

    /// The auction's discount of the moment, 1e-6.
    pub fn discount(&self, header: &MarginAccount, report: &NativeReport) -> i64 {
        let world = &self.scene.world;
        let auction = world
            .read::<Clearinghouse>(&world.house)
            .liquidation
            .auction();
        let elapsed = world.now() - header.liquidation_started_at;
        let is_maintained = report.margin.maintenance_health.raw() >= 0;
        auction.discount_floor(elapsed, is_maintained).raw()
    }

    /// Bids for all, then for half of that, until the keeper can carry it.
    fn bid(&mut self, keeper: &Trader, key: &Pubkey, report: &NativeReport) -> bool {
        let witness = report.witness();
        let mut fraction = FRACTION_ONE;
        while fraction >= LEAST_BID {
            let outcome = self.scene.world.bid(keeper, key, &witness, fraction);
            if outcome.error.is_none() {
                self.count_bid(key, &outcome, report);
                return true;
            }
            if !is_too_much(&outcome) {
                self.refused("bid", &outcome);
                return false;
            }
            fraction /= 2;
        }
        self.too_much.insert([keeper.account, *key]);
        false
    }

    /// INV-13: a bid improves maintenance health in the whole scan, or closes the account.
    fn count_bid(&mut self, key: &Pubkey, outcome: &Outcome, before: &NativeReport) {
        let bids = outcome.events::<LiquidationBid>();
        let [bid] = &bids[..] else {
            panic!("one event of one bid");
        };
        self.tally.bids += 1;
        self.tally.to_fund += i128::from(bid.fund_fee);
        let (_, positions) = self.scene.world.account(key);
        let now = self.health(key);
        let then = before.margin.maintenance_health.raw();
        assert!(
            now > then || positions.is_empty(),
            "inv_13: {then} to {now}"
        );
    }

    /// A refusal that the keeper did not expect: counted by its code, so that the report shows it.
    pub fn refused(&mut self, what: &'static str, outcome: &Outcome) {
        let code = outcome.error_code().unwrap_or(0);
        *self.refusals.entry((what, code)).or_default() += 1;
    }

    /// Every keeper sells what it holds to the market makers, at marks less the spread.
    pub fn unwind(&mut self) {
        for (number, keeper) in self.scene.keepers.clone().into_iter().enumerate() {
            let maker = self.scene.makers[number % self.scene.makers.len()];
            let (_, held) = self.scene.world.account(&keeper.account);
            let legs: Vec<TradeLeg> = held.iter().map(undoing).collect();
            let legs: Vec<TradeLeg> = legs.into_iter().filter(|leg| leg.quantity != 0).collect();
            for part in legs.chunks(MOST_LEGS) {
                let legs: Vec<_> = part.iter().map(|leg| self.quoted(leg)).collect();
                let ix = self.scene.world.trade_ix(&keeper, &maker, &legs);
                let outcome = self
                    .scene
                    .world
                    .send_wide(&[ix], &[keeper.user, maker.user]);
                if outcome.error.is_some() {
                    self.refused("unwind", &outcome);
                }
            }
        }
    }

    /// A leg at the market makers' price.
    fn quoted(&self, leg: &TradeLeg) -> TradeLeg {
        let mark = mark(&self.scene.world, leg);
        let cost = match is_option(leg) {
            true => mark / 50 + 1,
            false => mark * self.policy.spread / 1_000_000,
        };
        let price = match leg.quantity > 0 {
            true => mark + cost,
            false => mark.saturating_sub(cost).max(1),
        };
        TradeLeg { price, ..*leg }
    }
}

/// Whether a bid was refused because the bidder cannot carry it.
pub fn is_too_much(outcome: &Outcome) -> bool {
    let codes = [
        MarginError::InitialMarginBreached,
        MarginError::PortfolioMinimum,
        MarginError::DebtLimit,
    ];
    let code = outcome.error_code();
    codes.into_iter().any(|error| code == Some(error.into()))
}

/// What an account is worth now, quote units.
pub fn equity(world: &World, trader: &Trader) -> i64 {
    world.report(&trader.account).margin.equity.raw()
}
