//! Who signs for a margin account: the one place that decides.
//!
//! Its owner signs for everything. A delegate signs for trades and signed quotes alone, while its scope says so and its time
//! has not come; what moves collateral out, changes who signs or ends the account is the owner's.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::{MarginAccount, SCOPE_TRADE};

use crate::error::MarginError;

/// Refuses everybody but the owner.
///
/// Errors: `NotOwner` with the owner and who signed.
pub fn require_owner(account: &MarginAccount, signer: &Pubkey) -> Result<()> {
    require_keys_eq!(account.owner, *signer, MarginError::NotOwner);
    Ok(())
}

/// Refuses whoever may not trade for the account: it takes its owner, or its delegate with [`SCOPE_TRADE`] before the time at
/// which the delegation ends.
///
/// Errors: `Unauthorized` with the owner and who signed.
pub fn may_trade(account: &MarginAccount, signer: &Pubkey, now: i64) -> Result<()> {
    if account.owner == *signer || is_delegate(account, signer, SCOPE_TRADE, now) {
        return Ok(());
    }
    Err(error!(MarginError::Unauthorized).with_pubkeys((account.owner, *signer)))
}

/// Whether the signer is the account's delegate for all of `scope` at this time. The zero key is nobody.
fn is_delegate(account: &MarginAccount, signer: &Pubkey, scope: u64, now: i64) -> bool {
    account.delegate != Pubkey::default()
        && account.delegate == *signer
        && account.delegate_scope & scope == scope
        && now < account.delegate_expires
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn account() -> MarginAccount {
        MarginAccount {
            owner: Pubkey::new_from_array([1; 32]),
            delegate: Pubkey::new_from_array([2; 32]),
            delegate_scope: SCOPE_TRADE,
            delegate_expires: 100,
            ..MarginAccount::zeroed()
        }
    }

    #[test]
    fn the_owner_trades_at_any_time_and_the_delegate_until_the_second_before_its_end() {
        let account = account();
        for now in [i64::MIN, 0, 99, 100, i64::MAX] {
            assert!(may_trade(&account, &account.owner, now).is_ok());
            assert_eq!(
                may_trade(&account, &account.delegate, now).is_ok(),
                now < 100
            );
            assert!(may_trade(&account, &Pubkey::new_from_array([3; 32]), now).is_err());
        }
    }

    #[test]
    fn a_delegate_needs_the_scope_and_a_key() {
        let mut scoped = account();
        scoped.delegate_scope = !SCOPE_TRADE;
        assert!(may_trade(&scoped, &scoped.delegate, 0).is_err());
        let mut nobody = account();
        nobody.delegate = Pubkey::default();
        assert!(may_trade(&nobody, &Pubkey::default(), 0).is_err());
    }

    #[test]
    fn a_delegate_is_no_owner() {
        let account = account();
        assert!(require_owner(&account, &account.owner).is_ok());
        assert!(require_owner(&account, &account.delegate).is_err());
    }
}
