//! What keepers do, and amateurs who would be keepers.

use portfolio_margin_interface::args::BidArgs;
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
                let fraction = [FRACTION_ONE, FRACTION_ONE / 10, 3_333_333, 1];
                let args = BidArgs {
                    witness,
                    fraction: self.random.pick(&fraction),
                    minimum: 0,
                    price_limit: self.random.pick(&[i64::MAX, i64::MAX, i64::MAX, 0]),
                };
                Plan::new("bid", self.world.bid_ix(&keeper, target, args))
            }
        }
    }
}
