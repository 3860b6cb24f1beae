//! One underlying as the engine sees it: checked prices, a scenario set, parameters, expiries.

use crate::error::{check_range, Field, RiskError};
use crate::fixed::mul::mul_div_floor;
use crate::fixed::sqrt::sqrt_tenor;
use crate::scenario::ScenarioSet;
use crate::svi::{Svi, SviSlice};
use crate::units::{Price, Ratio, RATIO_ONE};
use crate::YEAR_SECONDS;

/// Longest tenor: four years. Keeps tenors in Q36 inside 2^39.
pub const MAX_TENOR_SECONDS: i64 = 4 * YEAR_SECONDS;
/// Least tenor for which a volatility shock still grows.
const VOL_FLOOR_LEAST: i64 = 3_600;
/// 30 days: where the short power of the volatility shock meets the long one.
pub const VOL_PIVOT_SECONDS: i64 = 30 * 86_400;

/// How implied volatility is shocked: `sigma (1 + range_up m)` and `sigma max(0, 1 - range_down m)`, where
/// `m = (30 d / max(seconds to expiry, floor))^p`, `p` being the short power up to 30 days and the long power after.
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

/// Margin ratios of a market, 1e-6 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketParams {
    /// Volatility shocks.
    pub vol: VolShockParams,
    /// Share of a perpetual's notional charged in both requirements; 0 to 1.0.
    pub perp_maintenance: Ratio,
    /// Further share charged in the initial requirement; 0 to 1.0.
    pub perp_initial: Ratio,
    /// Share of spot charged per naked short option in both requirements; 0 to 1.0.
    pub option_maintenance: Ratio,
    /// Further share charged in the initial requirement; 0 to 1.0.
    pub option_initial: Ratio,
    /// Factor on the scan loss in the maintenance requirement; 0.5 to `scan_initial`.
    pub scan_maintenance: Ratio,
    /// Factor on the scan loss in the initial requirement; 1.0 to 3.0.
    pub scan_initial: Ratio,
}

impl MarketParams {
    /// The defaults for BTC and ETH.
    pub const MAJOR: Self = Self {
        vol: VolShockParams {
            range_up: Ratio::from_raw(500_000),
            range_down: Ratio::from_raw(300_000),
            short_power: Ratio::from_raw(300_000),
            long_power: Ratio::from_raw(130_000),
            floor_seconds: 86_400,
            min_vol_up: Ratio::from_raw(400_000),
        },
        perp_maintenance: Ratio::from_raw(30_000),
        perp_initial: Ratio::from_raw(10_000),
        option_maintenance: Ratio::from_raw(3_000),
        option_initial: Ratio::from_raw(2_000),
        scan_maintenance: Ratio::from_raw(800_000),
        scan_initial: Ratio::from_raw(1_000_000),
    };

    /// Refuses parameters outside the bounds stated on the fields, naming field, value, least and most.
    ///
    /// `scan_maintenance <= scan_initial` is what orders the two healths for every portfolio (INV-07).
    pub fn validate(&self) -> Result<(), RiskError> {
        let one = RATIO_ONE;
        let vol = &self.vol;
        let bounds = [
            (Field::VolShock, vol.range_up.raw(), 0, 5 * one),
            (Field::VolShock, vol.range_down.raw(), 0, one),
            (Field::VolShock, vol.short_power.raw(), 0, one),
            (Field::VolShock, vol.long_power.raw(), 0, one),
            (
                Field::VolShock,
                vol.floor_seconds,
                VOL_FLOOR_LEAST,
                VOL_PIVOT_SECONDS,
            ),
            (Field::VolShock, vol.min_vol_up.raw(), 0, 5 * one),
            (Field::MarginRatio, self.perp_maintenance.raw(), 0, one),
            (Field::MarginRatio, self.perp_initial.raw(), 0, one),
            (Field::MarginRatio, self.option_maintenance.raw(), 0, one),
            (Field::MarginRatio, self.option_initial.raw(), 0, one),
            (Field::MarginRatio, self.scan_initial.raw(), one, 3 * one),
            (
                Field::MarginRatio,
                self.scan_maintenance.raw(),
                one / 2,
                self.scan_initial.raw(),
            ),
        ];
        for (field, value, least, most) in bounds {
            check_range(field, value, least, most)?;
        }
        Ok(())
    }
}

/// One listed expiry. Its forward moves with the live spot: `forward = spot (1 + forward_basis)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Unix time.
    pub time: i64,
    /// Forward over spot less one, 1e-9; within +-0.5.
    pub forward_basis: i32,
    /// Annual rate, 1e-6; within +-1.0. Negative rates discount as zero.
    pub rate: i32,
    /// The smile; `None` until a surface was posted.
    pub svi: Option<Svi>,
}

/// Least at-the-money volatility of a surface, 1e-6: 1 %.
pub const VOLATILITY_LEAST: i64 = 10_000;
/// Largest at-the-money volatility of a surface, 1e-6: 1,000 %.
pub const VOLATILITY_MOST: i64 = 10_000_000;
/// Largest forward basis, 1e-9.
pub const FORWARD_BASIS_MOST: i32 = 500_000_000;
/// Largest annual rate, 1e-6.
pub const RATE_MOST: i32 = 1_000_000;

impl Expiry {
    /// Bounds of forward basis, rate and smile, and of the volatility that the smile gives at the money.
    pub fn validate(&self) -> Result<(), RiskError> {
        const BASIS: i64 = FORWARD_BASIS_MOST as i64;
        const RATE: i64 = RATE_MOST as i64;
        check_range(
            Field::ForwardBasis,
            self.forward_basis.into(),
            -BASIS,
            BASIS,
        )?;
        check_range(Field::Rate, self.rate.into(), -RATE, RATE)?;
        if let Some(svi) = &self.svi {
            svi.validate()?;
            let tenor = i64::from(svi.reference_tenor);
            check_range(Field::Tenor, tenor, 1, MAX_TENOR_SECONDS)?;
            let volatility = at_the_money_volatility(svi, tenor);
            check_range(
                Field::Volatility,
                volatility,
                VOLATILITY_LEAST,
                VOLATILITY_MOST,
            )?;
        }
        Ok(())
    }

    /// The forward at a live spot, floored to 1e-8 USD and at least one unit.
    pub fn forward(&self, spot: Price) -> Result<Price, RiskError> {
        const ONE: i64 = 1_000_000_000;
        let spot = i64::try_from(spot.raw()).map_err(|_| RiskError::Overflow(Field::Price))?;
        let factor = ONE.saturating_add(self.forward_basis.into());
        let forward = mul_div_floor(spot, factor, ONE).ok_or(RiskError::Overflow(Field::Price))?;
        let forward =
            u64::try_from(forward.max(1)).map_err(|_| RiskError::Overflow(Field::Price))?;
        Price::checked(forward)
    }
}

/// `sigma` at `K = F`, 1e-6, floored; `reference_tenor` from 1 to [`MAX_TENOR_SECONDS`].
fn at_the_money_volatility(svi: &Svi, reference_tenor: i64) -> i64 {
    let std_dev = SviSlice::new(svi, reference_tenor).std_dev(0); // Q40, at most 12.0
    let root = sqrt_tenor(reference_tenor) << 2; // Q40, positive from one second on
    let millionths = std_dev.wrapping_mul(1_000_000).checked_div(root);
    millionths.map_or(0, |value| i64::try_from(value).unwrap_or(i64::MAX))
}

/// Anything that stores an expiry: lets the engine read a market's slots in place.
pub trait ExpirySource {
    /// Unix time of the expiry; zero or less for an unused slot.
    fn time(&self) -> i64;
    /// Reads the expiry.
    fn expiry(&self) -> Expiry;
}

impl ExpirySource for Expiry {
    fn time(&self) -> i64 {
        self.time
    }
    fn expiry(&self) -> Expiry {
        *self
    }
}

/// One underlying, ready to be evaluated at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a, E> {
    /// Unix time of the evaluation.
    pub now: i64,
    /// Checked spot price.
    pub spot: Price,
    /// Mark price of the perpetual.
    pub perp_price: Price,
    /// The shocks.
    pub scenarios: ScenarioSet<'a>,
    /// Margin ratios, validated when the market was listed.
    pub params: &'a MarketParams,
    /// Listed expiries.
    pub expiries: &'a [E],
}

impl<E: ExpirySource> Market<'_, E> {
    /// The listed expiry at `time`.
    pub fn expiry(&self, time: i64) -> Result<Expiry, RiskError> {
        self.expiries
            .iter()
            .find(|slot| slot.time() == time)
            .map(ExpirySource::expiry)
            .ok_or(RiskError::UnknownExpiry { expiry: time })
    }
}
