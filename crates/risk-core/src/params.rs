//! Parameter sets of a market and of an account: what each number means, its hard bounds, and the shipped presets.
//!
//! Every set has a neutral value, `NONE` or `PLAIN`, under which its term vanishes to the bit. `validate` refuses anything
//! outside the bounds and names field, value, least and most; bounds are what the ranges of the arithmetic are proved for.

use crate::error::{check_range, Field, RiskError};
use crate::fixed::sqrt::sqrt_tenor;
use crate::scenario::VolShock;
use crate::units::{Price, Quote, Ratio, PRICE_ONE, RATIO_ONE};

/// Least tenor for which a volatility shock still grows.
const VOL_FLOOR_LEAST: i64 = 3_600;
/// 30 days: where the short power of the volatility shock meets the long one.
pub const VOL_PIVOT_SECONDS: i64 = 30 * 86_400;

/// `raw` millionths.
const fn ratio(raw: i64) -> Ratio {
    Ratio::from_raw(raw)
}

/// How implied volatility is shocked: `sigma (1 + range_up m)` and `sigma max(0, 1 - range_down m)`, where
/// `m = (30 d / max(seconds to expiry, floor))^p`, `p` being the short power up to 30 days and the long power after. Volatility
/// may rise to at most eight times: `1 + range_up m <= 8` at the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolShockParams {
    /// Relative rise at 30 days, 1e-6; 0 to 5.0.
    pub range_up: Ratio,
    /// Relative fall at 30 days, 1e-6; 0 to 1.0.
    pub range_down: Ratio,
    /// Exponent below 30 days, 1e-6; 0 to 1.0.
    pub short_power: Ratio,
    /// Exponent from 30 days on, 1e-6; 0 to 1.0.
    pub long_power: Ratio,
    /// Seconds below which the shock grows no more; one hour to 30 days.
    pub floor_seconds: i64,
    /// Least volatility after an upward shock, 1e-6; 0 to 5.0.
    pub min_vol_up: Ratio,
}

/// How the skew nodes turn the smile: `sigma max(0, 1 + clamp(x cap / k*, -cap, cap))` with `x = ln(K/F)` (linear) or its
/// magnitude (abs), `cap = base + slope sqrt(tau)` and `k* = max(min_k, sqrt(tau) width (fixed + sqrt(tau) scale))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkewParams {
    /// Cap of the linear node at `tau = 0`, 1e-6; 0 to 1.0, positive where the node is used.
    pub linear_base: Ratio,
    /// Its slope per root of a year, 1e-6; within +-1.0.
    pub linear_slope: Ratio,
    /// Cap of the abs node at `tau = 0`, 1e-6; 0 to 1.0, positive where the node is used.
    pub abs_base: Ratio,
    /// Its slope per root of a year, 1e-6; within +-1.0.
    pub abs_slope: Ratio,
    /// Least log-moneyness of the cap, 1e-6; 0.002 to 4.0.
    pub min_k: Ratio,
    /// Factor of the width, 1e-6; 0 to 16.0. `k*` saturates at 16.
    pub width: Ratio,
    /// Constant part of the width, 1e-6; 0 to 4.0.
    pub fixed: Ratio,
    /// Part of the width that grows with the root of the tenor, 1e-6; 0 to 4.0.
    pub scale: Ratio,
}

impl SkewParams {
    /// For sets without skew nodes: no cap, which every set that has such nodes refuses.
    pub const NONE: Self = Self {
        linear_base: Ratio::ZERO,
        linear_slope: Ratio::ZERO,
        abs_base: Ratio::ZERO,
        abs_slope: Ratio::ZERO,
        ..Self::MAJOR
    };

    /// The defaults for BTC and ETH.
    pub const MAJOR: Self = Self {
        linear_base: ratio(250_000),
        linear_slope: ratio(-100_000),
        abs_base: ratio(250_000),
        abs_slope: ratio(-100_000),
        min_k: ratio(10_000),
        width: ratio(4_000_000),
        fixed: ratio(600_000),
        scale: Ratio::ZERO,
    };

    /// Base and slope of a node's cap.
    fn terms(&self, kind: VolShock) -> (Ratio, Ratio) {
        match kind {
            VolShock::SkewAbs => (self.abs_base, self.abs_slope),
            _ => (self.linear_base, self.linear_slope),
        }
    }

    /// The cap of a node at a tenor whose root is given in Q36 of years; Q36, exact to 2^-35.
    ///
    /// Errors: [`RiskError::OutOfRange`] for [`Field::SkewCap`] where it is not positive.
    pub(crate) fn cap(&self, kind: VolShock, root: u64) -> Result<u64, RiskError> {
        let (base, slope) = self.terms(kind);
        // at most 2^20 << 36 and, with roots up to 2.0 for four years, 2^37 * 2^20
        let root = root.min(2 << 36) as i64;
        let numerator = (base.raw().clamp(0, RATIO_ONE) << 36)
            .wrapping_add(root.wrapping_mul(slope.raw().clamp(-RATIO_ONE, RATIO_ONE)));
        let cap = (numerator.max(0) as u64).div_euclid(RATIO_ONE as u64);
        if cap == 0 {
            return Err(RiskError::OutOfRange {
                field: Field::SkewCap,
                value: numerator >> 36,
                least: 1,
                most: 3 * RATIO_ONE,
            });
        }
        Ok(cap)
    }

    fn validate(&self) -> Result<(), RiskError> {
        let one = RATIO_ONE;
        let least = RATIO_ONE.wrapping_neg();
        check_all(&[
            (Field::SkewBase, self.linear_base.raw(), 0, one),
            (Field::SkewSlope, self.linear_slope.raw(), least, one),
            (Field::SkewBase, self.abs_base.raw(), 0, one),
            (Field::SkewSlope, self.abs_slope.raw(), least, one),
            (Field::SkewLeastMoneyness, self.min_k.raw(), 2_000, 4 * one),
            (Field::SkewWidth, self.width.raw(), 0, 16 * one),
            (Field::SkewFixed, self.fixed.raw(), 0, 4 * one),
            (Field::SkewScale, self.scale.raw(), 0, 4 * one),
        ])
    }
}

/// Static discounts: a positive value of an expiry counts `long_base exp(-tau (r+ long_multiplier + long_add))`, a negative one
/// `min(1/D, short_base / exp(-tau (r+ short_multiplier + short_add)))`. They apply in the no-move node too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticDiscountParams {
    /// Share of a positive value, 1e-6; 0 to 1.0.
    pub long_base: Ratio,
    /// Multiple of the rate, 1e-6; 0 to 10.0.
    pub long_multiplier: Ratio,
    /// Addition to the rate, 1e-6; 0 to 2.0.
    pub long_add: Ratio,
    /// Multiple of a negative value, 1e-6; 1.0 to 2.0.
    pub short_base: Ratio,
    /// Multiple of the rate, 1e-6; 0 to 10.0.
    pub short_multiplier: Ratio,
    /// Addition to the rate, 1e-6; 0 to 2.0.
    pub short_add: Ratio,
}

impl StaticDiscountParams {
    /// Values count as they are.
    pub const NONE: Self = Self {
        long_base: ratio(RATIO_ONE),
        long_multiplier: Ratio::ZERO,
        long_add: Ratio::ZERO,
        short_base: ratio(RATIO_ONE),
        short_multiplier: Ratio::ZERO,
        short_add: Ratio::ZERO,
    };

    /// The default for every market.
    pub const MAJOR: Self = Self {
        long_base: ratio(950_000),
        long_multiplier: ratio(1_000_000),
        long_add: ratio(160_000),
        short_base: ratio(1_050_000),
        short_multiplier: ratio(1_000_000),
        short_add: ratio(160_000),
    };

    fn validate(&self) -> Result<(), RiskError> {
        let one = RATIO_ONE;
        let multiplier = |value: Ratio| (Field::DiscountMultiplier, value.raw(), 0, 10 * one);
        let add = |value: Ratio| (Field::DiscountAdd, value.raw(), 0, 2 * one);
        check_all(&[
            (Field::DiscountLongBase, self.long_base.raw(), 0, one),
            multiplier(self.long_multiplier),
            add(self.long_add),
            (
                Field::DiscountShortBase,
                self.short_base.raw(),
                one,
                2 * one,
            ),
            multiplier(self.short_multiplier),
            add(self.short_add),
        ])
    }
}

/// The basis floor: what an expiry loses when its forward alone moves, times `add + multiplier tau`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasisParams {
    /// Forward multiplier upwards, 1e-6; 1.0 to 1.5.
    pub up: Ratio,
    /// Forward multiplier downwards, 1e-6; 0.5 to 1.0.
    pub down: Ratio,
    /// Constant share of the loss, 1e-6; 0 to 4.0.
    pub add: Ratio,
    /// Further share per year of tenor, 1e-6; 0 to 4.0.
    pub multiplier: Ratio,
}

impl BasisParams {
    /// No floor.
    pub const NONE: Self = Self {
        up: ratio(RATIO_ONE),
        down: ratio(RATIO_ONE),
        add: Ratio::ZERO,
        multiplier: Ratio::ZERO,
    };

    /// The default for every market.
    pub const MAJOR: Self = Self {
        up: ratio(1_045_000),
        down: ratio(955_000),
        add: ratio(500_000),
        multiplier: ratio(2_000_000),
    };

    /// Whether the floor can bind at all.
    pub(crate) fn is_active(&self) -> bool {
        self.add.raw() > 0 || self.multiplier.raw() > 0
    }

    fn validate(&self) -> Result<(), RiskError> {
        let one = RATIO_ONE;
        check_all(&[
            (Field::BasisUp, self.up.raw(), one, one * 3 / 2),
            (Field::BasisDown, self.down.raw(), one / 2, one),
            (Field::BasisAdd, self.add.raw(), 0, 4 * one),
            (Field::BasisMultiplier, self.multiplier.raw(), 0, 4 * one),
        ])
    }
}

/// The minimum-delta floor: shares of the cash delta that is left and of the cash delta that legs hedge among each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDeltaParams {
    /// Share of |net delta|, 1e-6; 0 to 1.0.
    pub net: Ratio,
    /// Share of the hedged delta, the smaller of the legs' positive and negative sums, 1e-6; 0 to 1.0.
    pub hedged: Ratio,
}

impl MinDeltaParams {
    /// No floor.
    pub const NONE: Self = Self {
        net: Ratio::ZERO,
        hedged: Ratio::ZERO,
    };

    fn validate(&self) -> Result<(), RiskError> {
        check_all(&[
            (Field::MinDeltaNet, self.net.raw(), 0, RATIO_ONE),
            (Field::MinDeltaHedged, self.hedged.raw(), 0, RATIO_ONE),
        ])
    }
}

/// The charge for inputs that are not certain: `(1 - confidence) factor` of notional where confidence is below the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfidenceParams {
    /// Confidence below which it is charged, 1e-6; 0 to 1.0.
    pub threshold: Ratio,
    /// Share of notional at no confidence, 1e-6; 0 to 2.0.
    pub factor: Ratio,
}

impl ConfidenceParams {
    /// No charge.
    pub const NONE: Self = Self {
        threshold: Ratio::ZERO,
        factor: Ratio::ZERO,
    };

    /// The default for every market and collateral.
    pub const MAJOR: Self = Self {
        threshold: ratio(550_000),
        factor: ratio(1_000_000),
    };

    pub(crate) fn validate(&self) -> Result<(), RiskError> {
        check_all(&[
            (
                Field::ConfidenceThreshold,
                self.threshold.raw(),
                0,
                RATIO_ONE,
            ),
            (Field::ConfidenceFactor, self.factor.raw(), 0, 2 * RATIO_ONE),
        ])
    }
}

/// The concentration charge: nothing up to a threshold, then a shock that grows linearly to a cap, times the exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcentrationParams {
    /// Exposure at which it begins, 1e-6 USD (for vega: per volatility point); at least 0.
    pub threshold: Quote,
    /// Exposure from which the shock is the cap, 1e-6 USD; above the threshold, or equal for no ramp.
    pub full: Quote,
    /// Largest shock, 1e-6: a share of spot for delta (0 to 1.0), volatility points for vega (0 to 100.0).
    pub cap: Ratio,
}

impl ConcentrationParams {
    /// No charge.
    pub const NONE: Self = Self {
        threshold: Quote::from_raw(i64::MAX),
        full: Quote::from_raw(i64::MAX),
        cap: Ratio::ZERO,
    };

    pub(crate) const fn usd(threshold: i64, full: i64, cap: i64) -> Self {
        Self {
            threshold: Quote::from_raw(threshold.saturating_mul(1_000_000)),
            full: Quote::from_raw(full.saturating_mul(1_000_000)),
            cap: ratio(cap),
        }
    }

    fn validate(&self, most_cap: i64) -> Result<(), RiskError> {
        let threshold = self.threshold.raw();
        check_all(&[
            (Field::ConcentrationThreshold, threshold, 0, i64::MAX),
            (
                Field::ConcentrationFull,
                self.full.raw(),
                threshold,
                i64::MAX,
            ),
            (Field::ConcentrationCap, self.cap.raw(), 0, most_cap),
        ])
    }
}

/// Everything that the margin model knows of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketParams {
    /// Volatility shocks.
    pub vol: VolShockParams,
    /// Share of a perpetual's notional charged in both requirements, 1e-6; 0 to 1.0.
    pub perp_maintenance: Ratio,
    /// Further share charged in the initial requirement, 1e-6; 0 to 1.0.
    pub perp_initial: Ratio,
    /// Share of spot charged per naked short option in both requirements, 1e-6; 0 to 1.0.
    pub option_maintenance: Ratio,
    /// Further share charged in the initial requirement, 1e-6; 0 to 1.0.
    pub option_initial: Ratio,
    /// Factor on the scan loss in the maintenance requirement, 1e-6; 0.5 to `scan_initial`.
    pub scan_maintenance: Ratio,
    /// Factor on the scan loss in the initial requirement, 1e-6; 1.0 to 3.0.
    pub scan_initial: Ratio,
    /// Skew nodes.
    pub skew: SkewParams,
    /// Static discounts.
    pub discount: StaticDiscountParams,
    /// Basis floor.
    pub basis: BasisParams,
    /// Minimum-delta floor.
    pub min_delta: MinDeltaParams,
    /// Charge for uncertain inputs.
    pub confidence: ConfidenceParams,
    /// Concentration charge on |net delta| x spot.
    pub concentration_delta: ConcentrationParams,
    /// Concentration charge on |net vega| per volatility point.
    pub concentration_vega: ConcentrationParams,
}

impl MarketParams {
    /// Refuses parameters outside the bounds stated on the fields, naming field, value, least and most.
    ///
    /// `scan_maintenance <= scan_initial` is what orders the two healths for every portfolio (INV-07).
    pub fn validate(&self) -> Result<(), RiskError> {
        let one = RATIO_ONE;
        let vol = &self.vol;
        let floor = (VOL_FLOOR_LEAST, VOL_PIVOT_SECONDS);
        check_all(&[
            (Field::VolShock, vol.range_up.raw(), 0, 5 * one),
            (Field::VolShock, vol.range_down.raw(), 0, one),
            (Field::VolShock, vol.short_power.raw(), 0, one),
            (Field::VolShock, vol.long_power.raw(), 0, one),
            (Field::VolShock, vol.floor_seconds, floor.0, floor.1),
            (Field::VolShock, vol.min_vol_up.raw(), 0, 5 * one),
            (Field::MarginRatio, self.perp_maintenance.raw(), 0, one),
            (Field::MarginRatio, self.perp_initial.raw(), 0, one),
            (Field::MarginRatio, self.option_maintenance.raw(), 0, one),
            (Field::MarginRatio, self.option_initial.raw(), 0, one),
            (Field::MarginRatio, self.scan_initial.raw(), one, 3 * one),
        ])?;
        vol.check_rise()?;
        let (scan, most) = (self.scan_maintenance.raw(), self.scan_initial.raw());
        check_range(Field::MarginRatio, scan, one / 2, most)?;
        self.skew.validate()?;
        self.discount.validate()?;
        self.basis.validate()?;
        self.min_delta.validate()?;
        self.confidence.validate()?;
        self.concentration_delta.validate(one)?;
        self.concentration_vega.validate(100 * one)
    }

    /// Whether the cap of a skew node is positive at a tenor; any other kind is fine at any tenor.
    ///
    /// The cap is linear in the root of the tenor and its base is positive where this holds at zero, so that a cap which is
    /// positive at listing stays positive until expiry. Errors: [`Field::SkewCap`], in 1e-6.
    pub fn check_skew(&self, kind: VolShock, seconds: i64) -> Result<(), RiskError> {
        if !kind.is_skew() {
            return Ok(());
        }
        self.skew.cap(kind, 0)?;
        self.skew.cap(kind, sqrt_tenor(seconds) >> 2).map(|_| ())
    }
}

/// What holds for an account as a whole, whatever it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountTerms {
    /// Price of the quote asset, 1e-8 USD; 0.01 to 100 USD.
    pub quote_price: Price,
    /// Price below which the initial scan factor rises, 1e-6; 0 to 2.0.
    pub peg_threshold: Ratio,
    /// Its rise per unit of price, 1e-6; 0 to 100.0.
    pub peg_factor: Ratio,
    /// Charge for uncertain prices of collateral.
    pub confidence: ConfidenceParams,
}

impl AccountTerms {
    /// The quote asset is a dollar, and every price is certain.
    pub const PLAIN: Self = Self {
        quote_price: Price::from_raw(PRICE_ONE),
        peg_threshold: Ratio::ZERO,
        peg_factor: Ratio::ZERO,
        confidence: ConfidenceParams::NONE,
    };

    /// The defaults: four times what the quote asset lacks to 0.99.
    pub const MAJOR: Self = Self {
        quote_price: Price::from_raw(PRICE_ONE),
        peg_threshold: ratio(990_000),
        peg_factor: ratio(4_000_000),
        confidence: ConfidenceParams::MAJOR,
    };

    /// Bounds of every field.
    pub fn validate(&self) -> Result<(), RiskError> {
        let price = i64::try_from(self.quote_price.raw()).unwrap_or(i64::MAX);
        let one = RATIO_ONE;
        check_all(&[
            (Field::QuotePrice, price, 1_000_000, 10_000_000_000),
            (Field::PegThreshold, self.peg_threshold.raw(), 0, 2 * one),
            (Field::PegFactor, self.peg_factor.raw(), 0, 100 * one),
        ])?;
        self.confidence.validate()
    }

    /// What the peg adds to the initial scan factor, 1e-6: `max(0, threshold - price) factor`, rounded up.
    pub fn peg_add(&self) -> Result<Ratio, RiskError> {
        // price in units of the threshold, floored: the shortfall is never understated
        let price = i64::try_from(self.quote_price.raw() / 100).unwrap_or(i64::MAX);
        let short = self.peg_threshold.raw().saturating_sub(price).max(0);
        let add = Quote::from_raw(short).mul_ratio_ceil(self.peg_factor)?;
        Ok(ratio(add.raw().max(0)))
    }

    /// A value in dollars in units of the quote asset, floored.
    pub fn in_quote(&self, value: Quote) -> Result<Quote, RiskError> {
        if self.quote_price.raw() == PRICE_ONE {
            return Ok(value);
        }
        let price = i64::try_from(self.quote_price.raw()).unwrap_or(i64::MAX);
        crate::fixed::mul::mul_div_floor(value.raw(), PRICE_ONE as i64, price)
            .map(Quote::from_raw)
            .ok_or(RiskError::Overflow(Field::Quote))
    }
}

/// Checks fields in order: each with value, least and most.
pub(crate) fn check_all(bounds: &[(Field, i64, i64, i64)]) -> Result<(), RiskError> {
    for (field, value, least, most) in bounds {
        check_range(*field, *value, *least, *most)?;
    }
    Ok(())
}
