//! Money of the house, one call each: interest, fees, the insurance fund.

use crate::instructions;
use crate::keys::User;
use crate::listing::Market;
use crate::transaction::Outcome;
use crate::world::World;

impl World {
    /// Writes the indices of interest and takes the house's share; anybody may.
    #[track_caller]
    pub fn update_interest(&mut self) -> Outcome {
        let ix = instructions::update_interest(&self.house);
        self.send(&[ix], &[])
    }

    /// Moves a market's fees to the house; anybody may.
    #[track_caller]
    pub fn collect_fees(&mut self, market: &Market) -> Outcome {
        self.send(&[instructions::collect_fees(market)], &[])
    }

    /// Gives quote tokens from a user's token account to the insurance fund.
    #[track_caller]
    pub fn give_insurance(&mut self, user: &User, amount: u64) -> Outcome {
        let bank = self.usdc;
        let source = self.wallet(user, &bank);
        let ix = instructions::deposit_insurance(&user.key, &bank, &source, amount);
        self.send(&[ix], &[*user])
    }

    /// Pays fees out to a user's token account; the governor signs.
    #[track_caller]
    pub fn withdraw_fees(&mut self, to: &User, amount: u64) -> Outcome {
        let (bank, governor) = (self.usdc, self.governor);
        let destination = self.wallet(to, &bank);
        let ix = instructions::withdraw_fees(&governor.key, &bank, &destination, amount);
        self.send(&[ix], &[governor])
    }
}
