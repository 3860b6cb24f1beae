//! What a leg may say, before any account is touched.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::{TradeLeg, MAX_LEGS};
use risk_core::position::Instrument;
use risk_core::Price;

use crate::error::{risk_error, MarginError};

/// Checks the number of legs and each leg by itself.
pub fn validate_legs(legs: &[TradeLeg], now: i64) -> Result<()> {
    validate_count(legs.len())?;
    legs.iter().try_for_each(|leg| {
        require_neq!(leg.price, 0, MarginError::ZeroAmount);
        Price::checked(leg.price).map_err(risk_error)?;
        validate_series(leg, now)
    })
}

/// Refuses no legs and more than fit.
pub fn validate_count(legs: usize) -> Result<()> {
    match legs {
        1..=MAX_LEGS => Ok(()),
        _ => Err(error!(MarginError::LegCount).with_values((legs, MAX_LEGS))),
    }
}

/// Checks the series and the quantity of a leg, whatever its price.
pub fn validate_series(leg: &TradeLeg, now: i64) -> Result<()> {
    require_neq!(leg.quantity, 0, MarginError::ZeroAmount);
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
