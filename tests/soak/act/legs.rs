//! What keepers do who take legs instead of slices, and what they would like to.

use portfolio_margin_interface::args::{LegTake, LiquidateLegsArgs};
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{share_of_legs, take_of, Trader};

use super::super::{Plan, Soak};

impl Soak {
    /// Some legs of an account for some fee; `None` where none can be priced.
    pub fn legs_taken(
        &mut self,
        keeper: &Trader,
        account: &Trader,
        witness: Vec<u8>,
    ) -> Option<Plan> {
        let key = &account.account;
        self.last.reports.get(key)?;
        let now = self.world.now();
        let mut held = self.last.books[key].positions.clone();
        held.retain(|p| p.quantity != 0 && (p.expiry == 0 || p.expiry > now));
        let count = self.random.range(1, 4).min(held.len() as i64);
        let mut takes: Vec<LegTake> = vec![];
        for _ in 0..count {
            let at = self.random.range(0, held.len() as i64) as usize;
            let record = held.remove(at);
            takes.push(take_of(&record, record.quantity));
        }
        let share = [FRACTION_ONE, FRACTION_ONE / 2, FRACTION_ONE / 20, 1_000_000];
        let takes = share_of_legs(&takes, self.random.pick(&share));
        if takes.is_empty() {
            return None;
        }
        let most = self.world.outlook(key, &takes).most_fee();
        let fee = match self.random.range(0, 8) {
            0 => most + 1,
            1 => most * 2 + 1_000_000,
            2 | 3 => 0,
            4 => most / 2,
            _ => most,
        };
        let args = LiquidateLegsArgs {
            witness,
            legs: takes,
            fee,
            minimum: self.random.pick(&[0, FRACTION_ONE]),
            price_limit: self.random.pick(&[i64::MAX, i64::MAX, i64::MAX, 0]),
        };
        Some(Plan::new("legs", self.world.legs_ix(keeper, key, args)))
    }
}
