//! Whether a clearing house or a market is one that the program could have written.
//!
//! The engine's ranges are proved for parameters that were validated when they were listed. A server may answer anything, so what comes
//! from one is validated again before it is computed with: a lie is an error, and never an overflow.

use portfolio_margin_interface::state::{Clearinghouse, ExpirySlot, Market, ScenarioRecord};
use risk_core::error::Field;
use risk_core::market::{Expiry, ExpirySource};
use risk_core::scenario::ONE_Q30;
use risk_core::tier::StandardParams;
use risk_core::RiskError;

/// Largest spot multiplier of a scenario, Q30.
const MOST_SPOT: i64 = 8 * ONE_Q30;
/// Largest magnitude of its logarithm, Q36.
const MOST_LN_SPOT: i64 = 22 << 36;

/// Largest magnitude of a smile's level and slope, 1e-12.
const MOST_SMILE: i64 = 1 << 50;
/// Largest magnitude of a smile's place and width, 1e-6.
const MOST_WIDTH: i64 = 64_000_000;

/// A value out of its bounds.
fn refused(field: Field, value: i64, least: i64, most: i64) -> RiskError {
    RiskError::OutOfRange {
        field,
        value,
        least,
        most,
    }
}

fn require(field: Field, value: i64, least: i64, most: i64) -> Result<(), RiskError> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(refused(field, value, least, most)),
    }
}

/// Refuses a clearing house whose interest, quote price, terms or groups are out of bounds.
pub(crate) fn house(house: &Clearinghouse) -> Result<(), RiskError> {
    if !house.interest.curve().is_valid() {
        let rate = i64::from(house.interest.rate_full);
        return Err(refused(Field::Rate, rate, 0, 1_000_000));
    }
    house.account_terms().validate()?;
    house.portfolio_terms().validate()?;
    house
        .groups
        .iter()
        .try_for_each(|group| group.params().validate())
}

/// The shares of the Standard tier, where they are within bounds.
pub(crate) fn standard(market: &Market) -> Result<StandardParams, RiskError> {
    let shares = market.standard_params();
    shares.validate().map(|()| shares)
}

/// Refuses a market whose parameters, scenarios, smiles or group are out of bounds.
pub(crate) fn market(market: &Market) -> Result<(), RiskError> {
    market.params.params(&market.terms).validate()?;
    scenarios(&market.scenarios)?;
    for slot in market.expiries.iter().filter(|slot| slot.time != 0) {
        smile(slot)?;
    }
    require(Field::GroupKappa, market.group.into(), 0, 4)
}

/// Refuses what the arithmetic of forwards and smiles is not made for; wider than what may be posted, since what is wild is still to be
/// valued.
fn smile(slot: &ExpirySlot) -> Result<(), RiskError> {
    let plain = Expiry {
        svi: None,
        ..slot.expiry()
    };
    plain.validate()?;
    if slot.posted_at == 0 {
        return Ok(());
    }
    let b = i64::try_from(slot.svi_b).unwrap_or(i64::MAX);
    let bounds = [
        (slot.svi_a, -MOST_SMILE, MOST_SMILE),
        (b, 0, MOST_SMILE),
        (slot.svi_rho.into(), -1_000_000, 1_000_000),
        (slot.svi_m.into(), -MOST_WIDTH, MOST_WIDTH),
        (slot.svi_s.into(), 1, MOST_WIDTH),
        (slot.reference_tenor.into(), 1, i64::MAX),
    ];
    for (value, least, most) in bounds {
        require(Field::Volatility, value, least, most)?;
    }
    Ok(())
}

fn scenarios(record: &ScenarioRecord) -> Result<(), RiskError> {
    let count = usize::from(record.count);
    let nodes = record.spot.iter().zip(&record.ln_spot).zip(&record.damping);
    for ((spot, ln_spot), damping) in nodes.take(count) {
        require(Field::ScenarioSpot, *spot, 1, MOST_SPOT)?;
        require(Field::ScenarioSpot, *ln_spot, -MOST_LN_SPOT, MOST_LN_SPOT)?;
        require(Field::ScenarioDamping, *damping, 0, ONE_Q30)?;
    }
    Ok(())
}
