//! What a leg may say, before any account is touched.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::{TradeLeg, MAX_LEGS};
use risk_core::position::Instrument;
use risk_core::Price;

use crate::error::{risk_error, MarginError};

/// Checks the number of legs and each leg by itself.
pub fn validate_legs(legs: &[TradeLeg], now: i64) -> Result<()> {
    if legs.is_empty() || legs.len() > MAX_LEGS {
        return Err(error!(MarginError::LegCount).with_values((legs.len(), MAX_LEGS)));
    }
    legs.iter().try_for_each(|leg| validate_leg(leg, now))
}

fn validate_leg(leg: &TradeLeg, now: i64) -> Result<()> {
    require_neq!(leg.quantity, 0, MarginError::ZeroAmount);
    require_neq!(leg.price, 0, MarginError::ZeroAmount);
    Price::checked(leg.price).map_err(risk_error)?;
    match Instrument::from_code(leg.instrument) {
        Some(Instrument::Perpetual) if leg.expiry == 0 && leg.strike == 0 => Ok(()),
        Some(Instrument::Future) if leg.expiry != 0 && leg.strike == 0 => {
            require_gt!(leg.expiry, now, MarginError::Expired);
            Ok(())
        }
        Some(Instrument::Call | Instrument::Put) if leg.strike > 0 => {
            Price::checked(leg.strike).map_err(risk_error)?;
            require_gt!(leg.expiry, now, MarginError::Expired);
            Ok(())
        }
        _ => {
            msg!(
                "instrument {} with strike {} and expiry {}",
                leg.instrument,
                leg.strike,
                leg.expiry
            );
            err!(MarginError::InstrumentUnknown)
        }
    }
}
