//! Realising perpetual PnL: keepers as they go, everybody at the end.

use portfolio_margin::event::PerpPnlSettled;
use portfolio_margin_interface::state::Market as MarketState;
use sandbox::{Market, Outcome, Trader};

use super::run::Replay;

impl Replay {
    /// Keepers realise what selling on left them with, which frees room in their accounts: losses go to the market's pool. Market
    /// makers then take their profits out of it, unless they would have to forgive any.
    pub fn settle_running(&mut self) {
        for keeper in self.scene.keepers.clone() {
            self.settle(&keeper, |pnl| pnl < 0);
        }
        let world = &self.scene.world;
        let markets = [world.btc, world.sol];
        if markets.iter().all(|market| self.perp_loss(market) == 0) {
            for maker in self.scene.makers.clone() {
                self.settle(&maker, |pnl| pnl > 0);
            }
        }
    }

    /// At the end losers pay, then winners receive what is there and forgive their share of the losses.
    pub fn settle_all(&mut self) {
        let scene = &self.scene;
        let all = [&scene.cast, &scene.keepers, &scene.makers];
        let all: Vec<Trader> = all.into_iter().flatten().copied().collect();
        for trader in &all {
            self.settle(trader, |pnl| pnl < 0);
        }
        for trader in &all {
            // who settles a profit forgives part of it: no owner does who could not spare all of it
            let spare = self.health(&trader.account);
            self.settle(trader, |pnl| 0 < pnl && pnl <= spare);
        }
        self.check_conserved();
        let world = &self.scene.world;
        let left = [world.btc, world.sol].map(|market| self.perp_loss(&market));
        let left: i128 = left.into_iter().sum();
        assert_eq!(
            self.tally.forgiven + left,
            self.tally.profits,
            "inv_16: profits forgive what was charged to them"
        );
    }

    fn perp_loss(&self, market: &Market) -> i128 {
        let state: MarketState = self.scene.world.read(&market.key);
        state.perp_loss.into()
    }

    /// Realises the PnL of an account's perpetuals where it is wanted.
    fn settle(&mut self, trader: &Trader, is_wanted: impl Fn(i64) -> bool) {
        for market in [self.scene.world.btc, self.scene.world.sol] {
            if !is_wanted(self.perp_pnl(trader, &market)) {
                continue;
            }
            let outcome = self.scene.world.settle_own_perp_pnl(trader, &market);
            self.count_settled(&outcome);
        }
    }

    /// Refused where there is nothing to receive.
    pub fn count_settled(&mut self, outcome: &Outcome) {
        if outcome.error.is_some() {
            return;
        }
        let settled = outcome.events::<PerpPnlSettled>();
        assert_eq!(settled.len(), 1);
        self.tally.forgiven += i128::from(settled[0].forgiven);
    }

    fn perp_pnl(&self, trader: &Trader, market: &Market) -> i64 {
        let (_, held) = self.scene.world.account(&trader.account);
        let mut held = held.iter().filter(|held| held.market == market.index);
        let held = held.find(|held| held.expiry == 0);
        let spot = i128::from(self.scene.world.spot(&market.price).raw());
        held.map_or(0, |held| {
            let worth = i128::from(held.quantity) * spot / 100_000_000;
            (worth - i128::from(held.cost)) as i64
        })
    }
}
