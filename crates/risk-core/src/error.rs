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
    /// Base of a skew node's cap on the relative change of volatility, 1e-6.
    SkewBase,
    /// Slope of that cap in the square root of years, 1e-6.
    SkewSlope,
    /// The cap itself at a tenor, 1e-6, rounded down: it must be positive.
    SkewCap,
    /// Least log-moneyness at which a skew node reaches its cap, 1e-6.
    SkewLeastMoneyness,
    /// Width of a skew node per root of a year, 1e-6.
    SkewWidth,
    /// Constant part of a skew node's width, 1e-6.
    SkewFixed,
    /// Part of a skew node's width that grows with the root of the tenor, 1e-6.
    SkewScale,
    /// Base of the static discount of a positive value, 1e-6.
    DiscountLongBase,
    /// Base of the static discount of a negative value, 1e-6.
    DiscountShortBase,
    /// Multiple of the rate in a static discount, 1e-6.
    DiscountMultiplier,
    /// Addition to the rate in a static discount, 1e-6.
    DiscountAdd,
    /// Forward multiplier of the basis floor, upwards, 1e-6.
    BasisUp,
    /// Forward multiplier of the basis floor, downwards, 1e-6.
    BasisDown,
    /// Constant share of the basis loss, 1e-6.
    BasisAdd,
    /// Share of the basis loss per year, 1e-6.
    BasisMultiplier,
    /// Share of the net delta that an account needs at the least, 1e-6.
    MinDeltaNet,
    /// Share of the hedged delta that an account needs at the least, 1e-6.
    MinDeltaHedged,
    /// Confidence in an input, 1e-6.
    Confidence,
    /// Confidence below which a charge begins, 1e-6.
    ConfidenceThreshold,
    /// Share of notional charged where there is no confidence, 1e-6.
    ConfidenceFactor,
    /// Exposure at which the concentration charge begins, 1e-6 USD.
    ConcentrationThreshold,
    /// Exposure from which the concentration charge is at its cap, 1e-6 USD.
    ConcentrationFull,
    /// Largest shock of the concentration charge, 1e-6.
    ConcentrationCap,
    /// Price of the quote asset, 1e-8 USD.
    QuotePrice,
    /// Price of the quote asset below which the scan factor rises, 1e-6.
    PegThreshold,
    /// Rise of the scan factor per unit below that threshold, 1e-6.
    PegFactor,
    /// Share of gains that offsets the losses of a correlation group, 1e-6.
    GroupKappa,
    /// Largest part of the plain sum of scans that a group may take off, 1e-6.
    GroupOffsetCap,
    /// Multiplier of the spot range, 1e-6.
    Regime,
    /// A share of the Standard tier, 1e-6.
    StandardShare,
    /// Least equity of the Portfolio tier, 1e-6 USD.
    MinimumEquity,
    /// Amount of the underlying held as collateral that offsets risk, 1e-6 base units.
    OffsetAmount,
    /// Part of a forward that the settlement average has fixed, 1e-8 USD.
    FixedForward,
    /// A hypothetical move of spot or volatility, 1e-6.
    Move,
    /// Length of a slice that the caller provides.
    Length,
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
    /// The markets of a correlation group must have sets of one shape, scenario by scenario.
    GroupMismatch,
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
