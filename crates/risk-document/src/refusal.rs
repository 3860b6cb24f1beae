//! The engine's refusals in words, with their numbers in the units of documents.

use risk_core::error::Field;
use risk_core::svi::{SviError, SviField};
use risk_core::RiskError;

use crate::decimal::Decimal;
use crate::failure::Failure;

/// A refusal as a failure of the command.
pub fn refused(error: RiskError) -> Failure {
    Failure::refused(in_words(&error))
}

/// One sentence: what was refused, and the numbers that say why.
pub fn in_words(error: &RiskError) -> String {
    match *error {
        RiskError::OutOfRange {
            field,
            value,
            least,
            most,
        } => {
            let show = |raw: i64| Decimal::new(raw.into(), decimals(field));
            let name = words(&format!("{field:?}"));
            let (value, least, most) = (show(value), show(least), show(most));
            format!("{name} is {value}: least {least}, most {most}")
        }
        RiskError::Overflow(field) => {
            let name = words(&format!("{field:?}"));
            format!("{name}: a sum or product is beyond what the engine can hold")
        }
        RiskError::Unsorted { index } => {
            format!("position {index} of the market is out of order or stands twice")
        }
        RiskError::UnknownExpiry { expiry } => format!("the market lists no expiry {expiry}"),
        RiskError::SurfaceMissing { expiry } => {
            format!("expiry {expiry} has neither a smile nor a volatility")
        }
        RiskError::NoBaseScenario => {
            "the scenarios lack the centre: spot 1, volatility none, damping 1".to_owned()
        }
        RiskError::ScenarioOrder { index } => {
            format!("scenario {index} in the order of volatility and spot stands twice")
        }
        RiskError::UnknownScenario { index, count } => {
            format!("no scenario {index}: there are {count}")
        }
        RiskError::GroupMismatch => {
            "the markets of a group need scenario sets of one shape".to_owned()
        }
        RiskError::Svi(SviError::OutOfBounds {
            field,
            value,
            least,
            most,
        }) => {
            let decimals = match field {
                SviField::Rho | SviField::M | SviField::S => 6,
                SviField::ReferenceTenor => 0,
                _ => 12,
            };
            let show = |raw: i64| Decimal::new(raw.into(), decimals);
            let name = words(&format!("{field:?}"));
            let (value, least, most) = (show(value), show(least), show(most));
            format!("smile {name} is {value}: least {least}, most {most}")
        }
    }
}

/// Decimals of the integers that a field is stated in.
fn decimals(field: Field) -> u32 {
    match field {
        Field::Price | Field::QuotePrice | Field::FixedForward => 8,
        Field::ForwardBasis => 9,
        Field::ScenarioCount | Field::Tenor | Field::Length => 0,
        _ => 6,
    }
}

/// `MinDeltaNet` as `min delta net`.
fn words(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_units_of_documents() {
        let error = RiskError::OutOfRange {
            field: Field::BasisUp,
            value: 2_000_000,
            least: 1_000_000,
            most: 1_500_000,
        };
        assert_eq!(in_words(&error), "basis up is 2: least 1, most 1.5");
        let error = RiskError::Svi(SviError::OutOfBounds {
            field: SviField::A,
            value: -17_000_000_000_000,
            least: -16_000_000_000_000,
            most: 64_000_000_000_000,
        });
        assert_eq!(in_words(&error), "smile a is -17: least -16, most 64");
    }
}
