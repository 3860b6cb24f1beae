//! Who takes from whom: what must hold of the two accounts of every liquidator's instruction before anything else.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::margin_account::{STATUS_ACTIVE, STATUS_LIQUIDATING};
use portfolio_margin_interface::state::MarginAccount;

use crate::error::MarginError;

/// Refuses all but two accounts of this clearing house and of two owners, the first of them active and its owner's who signs, the
/// second in liquidation. Owner and discriminator of both were checked by their loaders.
///
/// Errors: `SelfLiquidation`, `ClearinghouseMismatch`, `NotOwner`, `AccountLiquidating`, `NotLiquidating`.
pub(super) fn require_parties(
    clearinghouse: &Pubkey,
    liquidator_owner: &Pubkey,
    liquidator: &AccountLoader<'_, MarginAccount>,
    liquidatee: &AccountLoader<'_, MarginAccount>,
) -> Result<()> {
    require_keys_neq!(
        liquidator.key(),
        liquidatee.key(),
        MarginError::SelfLiquidation
    );
    let (liquidator, liquidatee) = (liquidator.load()?, liquidatee.load()?);
    for account in [&liquidator, &liquidatee] {
        require_keys_eq!(
            account.clearinghouse,
            *clearinghouse,
            MarginError::ClearinghouseMismatch
        );
    }
    require_keys_eq!(liquidator.owner, *liquidator_owner, MarginError::NotOwner);
    require_keys_neq!(
        liquidatee.owner,
        liquidator.owner,
        MarginError::SelfLiquidation
    );
    require_eq!(
        liquidator.status,
        STATUS_ACTIVE,
        MarginError::AccountLiquidating
    );
    require_eq!(
        liquidatee.status,
        STATUS_LIQUIDATING,
        MarginError::NotLiquidating
    );
    Ok(())
}
