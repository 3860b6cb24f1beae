//! Proofs of insolvency: what an account was proved to lack, and the sum of it over all accounts.
//!
//! `Clearinghouse::proven_insolvency` is the sum of `MarginAccount::proven_deficit`, exactly and after every instruction: a proof is changed
//! here and nowhere else, and each change is booked by its difference, so that a proof that is repeated counts once.
//!
//! ```text
//! let change = insolvency::prove(&mut book.header, deficit, now);   // or `take_back`, or `end_liquidation`
//! change.apply(&accounts.clearinghouse)?;                           // when no borrow of the clearing house lives any more
//! ```
//! An account that is not in liquidation has no proof: only [`end_liquidation`] makes it active.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};

use crate::error::{overflow, MarginError};

/// A change of one account's proof that the clearing house's sum does not have yet.
#[must_use = "the clearing house has to know of it"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofChange {
    /// What the account was proved to lack, 1e-6 USD.
    before: u64,
    /// What it is.
    after: u64,
}

impl ProofChange {
    /// Writes the change to the sum; nothing where there is none. Returns the sum.
    ///
    /// Errors: `ClearinghouseReadOnly`, `AmountOverflow`.
    pub fn apply(self, clearinghouse: &AccountLoader<'_, Clearinghouse>) -> Result<u64> {
        if self.before == self.after {
            return Ok(clearinghouse.load()?.proven_insolvency);
        }
        require!(
            clearinghouse.to_account_info().is_writable,
            MarginError::ClearinghouseReadOnly
        );
        self.apply_to(&mut *clearinghouse.load_mut()?)
    }

    /// The same for a house that is open already.
    pub fn apply_to(self, house: &mut Clearinghouse) -> Result<u64> {
        let others = house.proven_insolvency.checked_sub(self.before);
        let sum = others.and_then(|others| others.checked_add(self.after));
        house.proven_insolvency = sum.ok_or_else(overflow)?;
        Ok(house.proven_insolvency)
    }
}

/// States what the account lacks, 1e-6 USD. The first proof starts the clock of the insolvent phase, later ones let it go on.
pub fn prove(account: &mut MarginAccount, deficit: u64, now: i64) -> ProofChange {
    if account.insolvent_at == 0 {
        account.insolvent_at = now;
    }
    set_deficit(account, deficit)
}

/// Takes a proof back: the account has equity again.
pub fn take_back(account: &mut MarginAccount) -> ProofChange {
    account.insolvent_at = 0;
    set_deficit(account, 0)
}

/// Ends a liquidation: the account is active, and no mark of the liquidation stays. A loss in debt keeps the market that it counts in.
pub fn end_liquidation(account: &mut MarginAccount) -> ProofChange {
    account.status = STATUS_ACTIVE;
    account.liquidation_started_at = 0;
    account.reserved_cash = 0;
    if account.cash >= 0 {
        account.loss_market = 0;
    }
    take_back(account)
}

fn set_deficit(account: &mut MarginAccount, deficit: u64) -> ProofChange {
    let before = core::mem::replace(&mut account.proven_deficit, deficit);
    ProofChange {
        before,
        after: deficit,
    }
}

/// Notes the market in which a payment (`paid` below zero) has left the account in debt: a loss of the account counts there. Where another
/// market has left a debt, only a payment that is no smaller than it: who settles a few cents last would else choose whose part of the
/// insurance fund, and whose profits, pay.
pub fn note_loss(account: &mut MarginAccount, market: u16, paid: i64) {
    let debt = account.cash.saturating_sub(paid); // what was there before
    if paid < 0 && account.cash < 0 && (account.loss_market == 0 || paid <= debt) {
        account.loss_market = market.saturating_add(1); // indexes are below the most markets of a house
    }
}

/// Notes the market with the lowest mark, where that loss is no smaller than the debt that another market has left: else whoever holds
/// a tiny loss in a market could choose whose part of the insurance fund pays.
pub fn note_mark(account: &mut MarginAccount, market: u16, mark: i64) {
    if mark < 0 && (account.loss_market == 0 || mark <= account.cash) {
        account.loss_market = market.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn account(cash: i64, loss_market: u16) -> MarginAccount {
        MarginAccount {
            cash,
            loss_market,
            ..MarginAccount::zeroed()
        }
    }

    #[test]
    fn inv_16_a_proof_counts_once_however_often_it_is_given() {
        let mut house = Clearinghouse::zeroed();
        let mut accounts = [account(0, 0), account(0, 0)];
        let steps = [(0, 7), (1, 5), (0, 7), (0, 9), (1, 0), (0, 2), (1, 3)];
        for (who, deficit) in steps {
            let change = prove(&mut accounts[who], deficit, 100);
            let sum = change.apply_to(&mut house).unwrap();
            let expected = accounts[0].proven_deficit + accounts[1].proven_deficit;
            assert_eq!((sum, house.proven_insolvency), (expected, expected));
        }
        take_back(&mut accounts[0]).apply_to(&mut house).unwrap();
        assert_eq!((house.proven_insolvency, accounts[0].insolvent_at), (3, 0));
        end_liquidation(&mut accounts[1])
            .apply_to(&mut house)
            .unwrap();
        assert_eq!(house.proven_insolvency, 0);
    }

    #[test]
    fn the_clock_starts_with_the_first_proof_also_of_nothing() {
        let mut account = account(0, 0);
        let _ = prove(&mut account, 0, 100);
        for (deficit, now) in [(5, 200), (0, 300)] {
            let _ = prove(&mut account, deficit, now);
            assert_eq!(account.insolvent_at, 100);
        }
        let _ = take_back(&mut account);
        let _ = prove(&mut account, 1, 400);
        assert_eq!(account.insolvent_at, 400);
    }

    #[test]
    fn a_sum_that_would_pass_its_range_is_refused() {
        let mut house = Clearinghouse::zeroed();
        let mut other = account(0, 0);
        let first = prove(&mut other, u64::MAX, 1);
        first.apply_to(&mut house).unwrap();
        assert!(prove(&mut account(0, 0), 1, 1)
            .apply_to(&mut house)
            .is_err());
        // what was never counted cannot be taken off
        let mut empty = Clearinghouse::zeroed();
        assert!(take_back(&mut other).apply_to(&mut empty).is_err());
    }

    #[test]
    fn a_loss_counts_where_it_was_made() {
        // cash after the payment, payment, market before, market after
        let cases = [
            (-1, -1, 9, 4),
            (-1, 1, 9, 9),
            (0, -1, 9, 9),
            (-1, 0, 9, 9),
            (-2_000, -1_000, 9, 4),
            (-1_999, -999, 9, 9),
            (-1_999, -999, 0, 4),
            (i64::MIN, -1, 9, 9),
        ];
        for (cash, paid, before, after) in cases {
            let mut account = account(cash, before);
            note_loss(&mut account, 3, paid);
            assert_eq!(account.loss_market, after, "{cash} {paid} {before}");
        }
        // mark of market 3, cash, market before, market after
        let cases = [
            (-1, 0, 0, 4),
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (-1, -1_000, 0, 4),
            (-999, -1_000, 9, 9),
            (-1_000, -1_000, 9, 4),
            (-1, 5, 9, 4),
            (-1, 0, 9, 4),
            (0, 0, 9, 9),
        ];
        for (mark, cash, before, after) in cases {
            let mut account = account(cash, before);
            note_mark(&mut account, 3, mark);
            assert_eq!(account.loss_market, after, "{mark} {cash} {before}");
        }
    }
}
