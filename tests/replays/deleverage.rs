//! The last resort, where no keeper can carry an insolvent book: it goes to accounts of opposite risk, which did not ask for it.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::event::AccountDeleveraged;
use portfolio_margin_interface::args::DeleverageArgs;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::Trader;

use super::run::Replay;

/// Most accounts that are asked for one book in one round.
const MOST_ASKED: usize = 24;

impl Replay {
    /// One round: every insolvent account for which the fund has offered all it may, and nobody came.
    pub fn deleverage(&mut self) {
        for key in self.failing.keys().copied().collect::<Vec<_>>() {
            if self.is_forsaken(&key) {
                self.give_away(&key);
                self.settle_closed(&key);
                if self.is_bare(&key) {
                    self.resolve(&key);
                }
            }
        }
    }

    fn is_forsaken(&self, key: &Pubkey) -> bool {
        let world = &self.scene.world;
        let header: MarginAccount = world.read(key);
        let house: Clearinghouse = world.read(&world.house);
        let elapsed = world.now() - header.insolvent_at;
        header.insolvent_at != 0
            && house.liquidation.auction().is_payout_whole(elapsed)
            && world.report(key).margin.equity.raw() <= 0
    }

    /// Asks market makers first, who hold the other sides, then others, until nothing is left.
    fn give_away(&mut self, key: &Pubkey) {
        let scene = &self.scene;
        let asked = scene.makers.iter().chain(&scene.cast);
        let asked: Vec<Trader> = asked
            .filter(|trader| trader.account != *key && !self.failing.contains_key(&trader.account))
            .copied()
            .collect();
        for counterparty in asked.iter().take(MOST_ASKED) {
            let (_, held) = self.scene.world.account(key);
            if held.iter().all(|held| held.quantity == 0) {
                return;
            }
            self.ask(key, counterparty);
        }
    }

    /// All positions at once, else those of one market. Nobody whose risk is not opposite can be asked: a refusal is an answer.
    fn ask(&mut self, key: &Pubkey, counterparty: &Trader) {
        let world = &mut self.scene.world;
        let caller = self.scene.keepers[0].user;
        let other = &counterparty.account;
        let before = world.report(other).margin;
        let markets = [None, Some(world.btc.index), Some(world.sol.index)];
        let tried = markets.map(|market| DeleverageArgs {
            fraction: FRACTION_ONE,
            market,
        });
        let mut outcomes = tried.into_iter().map(|args| {
            let ix = world.auto_deleverage_ix(&caller, key, other, args);
            world.send(&[ix], &[caller])
        });
        let Some(outcome) = outcomes.find(|outcome| outcome.error.is_none()) else {
            return;
        };
        let after = self.scene.world.report(other).margin;
        assert!(after.equity >= before.equity, "inv_17: equity was taken");
        assert!(
            after.initial_health >= before.initial_health
                && after.maintenance_margin() < before.maintenance_margin(),
            "adl: a counterparty comes out with less risk"
        );
        assert_eq!(outcome.events::<AccountDeleveraged>().len(), 1);
        self.tally.deleveraged += 1;
        self.asked.insert(*other);
    }

    /// What a closed perpetual left in the record of an insolvent account anybody may settle.
    fn settle_closed(&mut self, key: &Pubkey) {
        let trader = self.scene.cast.iter().find(|t| t.account == *key).copied();
        let Some(trader) = trader else { return };
        for market in [self.scene.world.btc, self.scene.world.sol] {
            let (_, held) = self.scene.world.account(key);
            let mut closed = held.iter().filter(|held| held.market == market.index);
            if closed.any(|held| held.expiry == 0 && held.quantity == 0) {
                let outcome = self.scene.world.settle_perp_pnl(&trader, &market);
                self.count_settled(&outcome);
            }
        }
    }
}
