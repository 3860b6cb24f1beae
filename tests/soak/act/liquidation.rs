//! What keepers do, and amateurs who would be keepers.

use portfolio_margin_interface::args::{BidArgs, DeleverageArgs};
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::Trader;

use super::super::{Plan, Soak};

impl Soak {
    /// Whether an account is in liquidation.
    pub fn is_liquidating(&self, trader: &Trader) -> bool {
        self.last.books[&trader.account].header.status == STATUS_LIQUIDATING
    }

    /// What a keeper looks for: an account that fails or is in liquidation.
    fn failing(&mut self) -> Option<Trader> {
        let wanted = |trader: &&Trader| {
            let report = &self.last.reports[&trader.account].margin;
            self.is_liquidating(trader) || report.maintenance_health.raw() < 0
        };
        let found: Vec<Trader> = self.cast.iter().filter(wanted).copied().collect();
        let broke = found.iter().find(|trader| self.is_broke(trader)).copied();
        if broke.is_some() && self.random.one_in(2) {
            return broke;
        }
        (!found.is_empty()).then(|| self.random.pick(&found))
    }

    pub fn liquidation(&mut self) -> Plan {
        // where nobody fails, one in four keepers tries the healthy
        let account = match self.failing() {
            Some(failing) => failing,
            None if self.random.one_in(4) => self.trader(),
            None => return self.trade(),
        };
        let keeper = match self.random.one_in(8) {
            true => self.trader(),
            false => self.keeper(),
        };
        let mut witness = self.last.reports[&account.account].witness();
        if self.random.one_in(8) {
            witness
                .iter_mut()
                .for_each(|scenario| *scenario = self.random.range(0, 34) as u8);
        }
        if self.is_liquidating(&account) && self.random.one_in(12) {
            let ix = self
                .world
                .restart_auction_ix(&keeper.user, &account.account);
            return Plan::new("restart", ix);
        }
        if self.is_broke(&account) || self.random.one_in(20) {
            return self.insolvency(&keeper, &account, witness);
        }
        let choice = match self.random.one_in(4) {
            true => self.random.range(0, 3),
            false if !self.is_liquidating(&account) => 0,
            false => self.random.pick(&[1, 2, 2, 2]),
        };
        if choice == 2 && self.random.one_in(2) {
            if let Some(plan) = self.legs_taken(&keeper, &account, witness.clone()) {
                return plan;
            }
        }
        let (world, target) = (&self.world, &account.account);
        match choice {
            0 => {
                let ix = world.start_liquidation_ix(&keeper.user, target, &witness);
                Plan::new("start", ix)
            }
            1 => Plan::new("stop", world.stop_liquidation_ix(&keeper.user, target)),
            _ => {
                let args = self.bid_args(witness);
                Plan::new("bid", self.world.bid_ix(&keeper, target, args))
            }
        }
    }

    /// A bid for all, a part, or too little; one in four wants to pay nothing.
    fn bid_args(&mut self, witness: Vec<u8>) -> BidArgs {
        let fraction = [FRACTION_ONE, FRACTION_ONE / 10, 3_333_333, 1];
        BidArgs {
            witness,
            fraction: self.random.pick(&fraction),
            minimum: 0,
            price_limit: self.random.pick(&[i64::MAX, i64::MAX, i64::MAX, 0]),
        }
    }

    /// Whether an account in liquidation has nothing left to sell at a discount.
    fn is_broke(&self, trader: &Trader) -> bool {
        let equity = self.last.reports[&trader.account].margin.equity.raw();
        self.is_liquidating(trader) && equity <= 0
    }

    /// A part of the positions of an account that nobody bid for, to anybody, whose risk may be opposite.
    fn deleverage(&mut self, keeper: &Trader, account: &Trader) -> Plan {
        let counterparty = self.trader().account;
        let args = DeleverageArgs {
            fraction: self
                .random
                .pick(&[FRACTION_ONE, FRACTION_ONE / 3, 1_000_000]),
            market: self.random.pick(&[None, Some(0), Some(1)]),
        };
        let sides = [&account.account, &counterparty];
        let ix = self
            .world
            .auto_deleverage_ix(&keeper.user, sides[0], sides[1], args);
        Plan::new("deleverage", ix)
    }

    /// What is done with an account without equity: a proof, then bids, and a resolution once nothing is left of it.
    fn insolvency(&mut self, keeper: &Trader, account: &Trader, witness: Vec<u8>) -> Plan {
        let book = &self.last.books[&account.account];
        let is_book = !book.positions.is_empty() || book.header.used_collateral().next().is_some();
        let is_proved = book.header.insolvent_at != 0;
        let waited = self.world.now() - book.header.insolvent_at;
        let is_last_resort = is_proved && is_book && waited >= 3_600;
        if is_last_resort && self.random.one_in(2) {
            return self.deleverage(keeper, account);
        }
        let target = &account.account;
        let choice = match (is_proved, is_book) {
            _ if self.random.one_in(8) => self.random.range(0, 3),
            (false, _) => 0,
            (true, true) => self.random.pick(&[0, 1, 1, 1]),
            (true, false) => 2,
        };
        match choice {
            0 => Plan::new("prove", self.world.prove_insolvency_ix(target, &witness)),
            1 => {
                let mut args = self.bid_args(witness);
                if self.random.one_in(2) {
                    (args.fraction, args.price_limit) = (FRACTION_ONE, i64::MAX);
                }
                let ix = self.world.bid_insolvent_ix(keeper, target, args);
                Plan::new("bid insolvent", ix)
            }
            _ => Plan::new("resolve", self.world.resolve_bankruptcy_ix(target)),
        }
    }
}
