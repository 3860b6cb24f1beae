//! What happens to positions over time: funding, settlement of expiries, realising perpetual PnL. All of it is permissionless.

pub mod finalize_settlement;
pub mod record_settlement;
pub mod settle_expiry;
pub mod settle_perp_pnl;
pub mod update_funding;

pub use finalize_settlement::*;
pub use record_settlement::*;
pub use settle_expiry::*;
pub use settle_perp_pnl::*;
pub use update_funding::*;

use anchor_lang::prelude::*;
use clearing_core::settlement::SettlementTerms;
use portfolio_margin_interface::state::{Clearinghouse, ExpirySlot, Market};

use crate::error::{overflow, MarginError};

/// When prices of this house's expiries are final; validated when the clearing house was created.
fn terms_of(house: &Clearinghouse) -> SettlementTerms {
    SettlementTerms {
        delay: house.settlement_delay,
        samples: house.settlement_samples,
    }
}

/// The slot of a listed expiry.
///
/// Errors: `ExpiryNotListed`.
fn slot_of(market: &mut Market, expiry: i64) -> Result<&mut ExpirySlot> {
    let mut slots = market.expiries.iter_mut();
    // an unused slot has time zero, which is no expiry
    match slots.find(|slot| slot.time == expiry && expiry != 0) {
        Some(slot) => Ok(slot),
        None => {
            msg!("expiry {}", expiry);
            err!(MarginError::ExpiryNotListed)
        }
    }
}

/// Writes the final price of an expiry where it is due and not written yet; returns it, and whether it was written.
///
/// Errors: `NotExpired`, `SettlementPending` with the time at which it will be final (0: nothing is known yet) and now.
fn finalize(slot: &mut ExpirySlot, terms: &SettlementTerms, now: i64) -> Result<(u64, bool)> {
    require_gte!(now, slot.time, MarginError::NotExpired);
    let settlement = &mut slot.settlement;
    let Some(price) = settlement.final_price(terms, slot.time, now) else {
        let due = settlement.final_at(terms, slot.time).unwrap_or(0);
        return Err(error!(MarginError::SettlementPending).with_values((due, now)));
    };
    let is_new = settlement.price == 0;
    settlement.price = price.raw();
    Ok((price.raw(), is_new))
}

/// Marks a change of a market that an event tells.
fn bump_market(market: &mut Market) -> Result<u64> {
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    Ok(market.sequence)
}
