//! What can be wrong with an input, with the numbers that say so.

/// Names the limit that a value crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Price of an underlying, strike or forward, 1e-8 USD.
    Price,
    /// Signed size of a position, 1e-6 base units.
    Quantity,
    /// Sum of |quantity| x price over an expiry, 1e-6 USD.
    GrossNotional,
    /// Quote amount, 1e-6 USD.
    Quote,
    /// Number of scenarios in a set.
    ScenarioCount,
    /// Spot multiplier of a scenario, 1e-6.
    ScenarioSpot,
    /// Share of the loss that a tail scenario counts, 1e-6.
    ScenarioDamping,
    /// A margin ratio, 1e-6.
    MarginRatio,
    /// A volatility-shock parameter, 1e-6.
    VolShock,
    /// Seconds to expiry.
    Tenor,
    /// Annual volatility, 1e-6.
    Volatility,
    /// Annual rate, 1e-6.
    Rate,
    /// Forward basis over spot, 1e-9.
    ForwardBasis,
    /// Liquidation discount or buffer, 1e-6.
    LiquidationTerms,
}

/// A refusal. Every variant is a fact about the input; nothing was computed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskError {
    /// `value` is outside `least..=most`.
    OutOfRange {
        /// Which quantity.
        field: Field,
        /// What was given.
        value: i64,
        /// Smallest accepted value.
        least: i64,
        /// Largest accepted value.
        most: i64,
    },
    /// A sum or product left the range of its type.
    Overflow(Field),
    /// Positions must be sorted by expiry, strike and instrument, without repeats; `index` is the first that is not.
    Unsorted {
        /// Index into the positions of the market.
        index: usize,
    },
    /// A position names an expiry that the market does not list.
    UnknownExpiry {
        /// Unix time of the missing expiry.
        expiry: i64,
    },
    /// The market has no volatility surface for an expiry that is held.
    SurfaceMissing {
        /// Unix time of the expiry.
        expiry: i64,
    },
    /// The scenario set lacks its centre: spot unchanged, volatility unchanged, no damping.
    NoBaseScenario,
    /// Scenarios must be sorted by volatility shock and spot, without repeats.
    ScenarioOrder {
        /// Index of the first scenario out of order.
        index: usize,
    },
    /// No scenario of that index.
    UnknownScenario {
        /// The index that was named.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A smile parameter is out of its bounds.
    Svi(crate::svi::SviError),
}

impl From<crate::svi::SviError> for RiskError {
    fn from(error: crate::svi::SviError) -> Self {
        RiskError::Svi(error)
    }
}

/// Refuses a value outside `least..=most`, naming all three numbers.
pub(crate) fn check_range(
    field: Field,
    value: i64,
    least: i64,
    most: i64,
) -> Result<(), RiskError> {
    if value < least || value > most {
        return Err(RiskError::OutOfRange {
            field,
            value,
            least,
            most,
        });
    }
    Ok(())
}
