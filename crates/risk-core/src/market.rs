//! One underlying as the engine sees it: checked prices, a scenario set, parameters, expiries.

use crate::error::{check_range, Field, RiskError};
use crate::fixed::mul::mul_div_floor;
use crate::fixed::sqrt::sqrt_tenor;
use crate::position::Position;
use crate::scenario::ScenarioSet;
use crate::svi::{Svi, SviSlice};
use crate::units::{Price, Quantity, Quote, Ratio, RATIO_ONE};
use crate::YEAR_SECONDS;

pub use crate::params::{MarketParams, VolShockParams, VOL_PIVOT_SECONDS};

/// Longest tenor: four years. Keeps tenors in Q36 inside 2^39.
pub const MAX_TENOR_SECONDS: i64 = 4 * YEAR_SECONDS;
/// The settlement average is taken over the last 30 minutes.
pub const SETTLEMENT_WINDOW_SECONDS: i64 = 30 * 60;

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
    /// The forward itself, which then overrides the basis: for quote sheets.
    pub forward_price: Option<Price>,
    /// The part of the forward that the settlement average has fixed; zero before the last 30 minutes, and where no average
    /// is taken. What is left of the forward follows the spot: without an explicit price, the live forward times the share
    /// of the window that is left.
    pub fixed_forward: Price,
    /// Seconds of the settlement window whose price is not fixed: the live forward counts with their share of it. `None`: those
    /// that are left to the expiry, and what is fixed is final.
    pub open_seconds: Option<u32>,
    /// Confidence, 1e-6; 0 to 1.0: the least of forward's, rate's and volatility's.
    pub confidence: Ratio,
}

/// A hypothetical move of a whole market: what distances to liquidation are measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Multiplier of spot, perpetual and what is not fixed of explicit forwards, 1e-6; 0.001 to 100.0.
    pub spot: Ratio,
    /// Multiplier of every volatility, 1e-6; 0 to 100.0.
    pub vol: Ratio,
}

impl Move {
    /// No move.
    pub const NONE: Self = Self {
        spot: Ratio::from_raw(RATIO_ONE),
        vol: Ratio::from_raw(RATIO_ONE),
    };

    /// Bounds of both multipliers.
    pub fn validate(&self) -> Result<(), RiskError> {
        check_range(Field::Move, self.spot.raw(), 1_000, 100 * RATIO_ONE)?;
        check_range(Field::Move, self.vol.raw(), 0, 100 * RATIO_ONE)
    }

    /// A price after the move of spot, floored and at least one unit.
    pub fn price(&self, price: Price) -> Result<Price, RiskError> {
        if self.spot.raw() == RATIO_ONE {
            return Ok(price);
        }
        let overflow = RiskError::Overflow(Field::Price);
        let raw = i64::try_from(price.raw()).map_err(|_| overflow)?;
        let moved = mul_div_floor(raw, self.spot.raw(), RATIO_ONE).ok_or(overflow)?;
        Price::checked(u64::try_from(moved.max(1)).map_err(|_| overflow)?)
    }
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
    /// No expiry: what a literal fills its other fields from.
    pub const PLAIN: Self = Self {
        time: 0,
        forward_basis: 0,
        rate: 0,
        svi: None,
        forward_price: None,
        fixed_forward: Price::ZERO,
        open_seconds: None,
        confidence: Ratio::from_raw(RATIO_ONE),
    };

    /// Bounds of forward, rate, confidence and smile, and of the volatility that the smile gives at the money.
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
        check_range(Field::Confidence, self.confidence.raw(), 0, RATIO_ONE)?;
        if let Some(price) = self.forward_price {
            Price::checked(price.raw())?;
        }
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

    /// The forward at a live spot without regard to settlement, floored to 1e-8 USD and at least one unit; the explicit
    /// one where there is one.
    pub fn forward(&self, spot: Price) -> Result<Price, RiskError> {
        const ONE: u64 = 1_000_000_000;
        if let Some(price) = self.forward_price {
            return Price::checked(price.raw());
        }
        let overflow = RiskError::Overflow(Field::Price);
        let spot = i64::try_from(spot.raw()).map_err(|_| overflow)?;
        let spot = spot.unsigned_abs();
        // below 2^32; 0 for a basis of -1.0 or less
        let factor = ONE.saturating_add_signed(self.forward_basis.into());
        let (whole, part) = (spot / ONE, spot % ONE); // below 2^34 and 2^30
        let forward = whole
            .checked_mul(factor)
            .and_then(|whole| whole.checked_add(part.wrapping_mul(factor) / ONE))
            .filter(|forward| *forward <= Price::MOST)
            .ok_or(overflow)?;
        Price::checked(forward.max(1))
    }
}

/// A forward in two parts, 1e-8 USD: what follows the spot, and what the settlement average has fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForwardParts {
    pub variable: u64,
    pub fixed: u64,
}

impl Expiry {
    /// The forward with `seconds` left, after a move.
    ///
    /// What has expired is worth its intrinsic value at spot, or at what the average fixed and, for what is open of it, at spot:
    /// nothing is left to carry.
    /// Errors: [`Field::FixedForward`] before the window, or above an explicit forward.
    pub(crate) fn parts(
        &self,
        spot: Price,
        shift: &Move,
        seconds: i64,
    ) -> Result<ForwardParts, RiskError> {
        let fixed = self.fixed_forward.raw();
        let refuse = |most| RiskError::OutOfRange {
            field: Field::FixedForward,
            value: i64::try_from(fixed).unwrap_or(i64::MAX),
            least: 0,
            most,
        };
        if fixed != 0 && seconds > SETTLEMENT_WINDOW_SECONDS {
            return Err(refuse(0));
        }
        let variable = match self.forward_price {
            Some(total) => {
                let most = i64::try_from(total.raw()).unwrap_or(i64::MAX);
                let rest = total.raw().checked_sub(fixed).ok_or(refuse(most))?;
                match rest {
                    0 => 0,
                    rest => shift.price(Price::from_raw(rest))?.raw(),
                }
            }
            None if fixed != 0 => {
                let live = match seconds {
                    0 => Price::checked(spot.raw())?,
                    _ => self.forward(spot)?,
                };
                let live = live.raw() as i64; // checked: below 2^63
                let open = self.open_seconds.map_or(seconds, i64::from);
                let open = open.min(SETTLEMENT_WINDOW_SECONDS);
                let left = mul_div_floor(live, open, SETTLEMENT_WINDOW_SECONDS);
                left.map_or(0, i64::unsigned_abs)
            }
            None if seconds == 0 => spot.raw(),
            None => self.forward(spot)?.raw(),
        };
        Ok(ForwardParts { variable, fixed })
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
    /// The same at the time of an evaluation, for a source whose confidence fades with age.
    #[inline(always)]
    fn expiry_at(&self, _now: i64) -> Expiry {
        self.expiry()
    }
    /// Whether its forward may be more than 1.5 times the spot, as only an explicit one can be.
    #[inline(always)]
    fn is_explicit(&self) -> bool {
        false
    }
}

impl ExpirySource for Expiry {
    fn time(&self) -> i64 {
        self.time
    }
    fn expiry(&self) -> Expiry {
        *self
    }
    fn is_explicit(&self) -> bool {
        self.forward_price.is_some() || self.fixed_forward.raw() > 0
    }
}

/// The slot of an expiry. Not inlined: a loop around it would prepare all slots, found or not.
#[inline(never)]
fn find<E: ExpirySource>(slots: &[E], time: i64) -> Option<&E> {
    slots.iter().find(|slot| slot.time() == time)
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
    /// Funding that a base unit of the perpetual has paid since the market began, 1e-8 USD; signed. A position's cost is
    /// measured against it: see [`Market::perp_cost`].
    pub funding: i64,
    /// The shocks.
    pub scenarios: ScenarioSet<'a>,
    /// Margin parameters, validated when the market was listed.
    pub params: &'a MarketParams,
    /// Listed expiries.
    pub expiries: &'a [E],
    /// Delayed price of the underlying; the difference to spot is charged on the net delta.
    pub stable_price: Option<Price>,
    /// Confidence in the spot price, 1e-6; 0 to 1.0.
    pub spot_confidence: Ratio,
    /// Confidence in the perpetual's price, 1e-6; 0 to 1.0.
    pub perp_confidence: Ratio,
    /// Amount of the underlying held as collateral that offsets risk: it enters the PnL of every scenario. At least zero.
    pub offset: Quantity,
    /// The move that prices have already made; explicit forwards and volatilities make it when they are read.
    pub shift: Move,
}

impl<E> Market<'_, E> {
    /// What a perpetual's value is reduced by: `cost + quantity funding`, the funding rounded up, against whoever holds it.
    ///
    /// A perpetual bought at price `p` and funding `I` enters its cost at `p - I` per unit, so this is what was paid for it
    /// and the funding since. Errors: [`RiskError::Overflow`] where the sum leaves [`Quote`].
    #[inline]
    pub fn perp_cost(&self, position: &Position) -> Result<Quote, RiskError> {
        if self.funding == 0 {
            return Ok(position.cost);
        }
        let due = position.quantity.funding_ceil(self.funding)?;
        position.cost.checked_add(due)
    }
}

impl<'a, E: ExpirySource> Market<'a, E> {
    /// A market whose perpetual is marked at spot, with certain prices, no collateral in the underlying and no move.
    pub const fn new(
        now: i64,
        spot: Price,
        scenarios: ScenarioSet<'a>,
        params: &'a MarketParams,
        expiries: &'a [E],
    ) -> Self {
        Self {
            now,
            spot,
            perp_price: spot,
            funding: 0,
            scenarios,
            params,
            expiries,
            stable_price: None,
            spot_confidence: Ratio::from_raw(RATIO_ONE),
            perp_confidence: Ratio::from_raw(RATIO_ONE),
            offset: Quantity::ZERO,
            shift: Move::NONE,
        }
    }

    /// The market after a move. The stable price stays: it is what the move has not reached yet.
    pub fn moved(&self, shift: Move) -> Result<Self, RiskError> {
        shift.validate()?;
        Ok(Self {
            spot: shift.price(self.spot)?,
            perp_price: shift.price(self.perp_price)?,
            shift,
            scenarios: self.scenarios,
            params: self.params,
            expiries: self.expiries,
            ..*self
        })
    }

    /// The listed expiry at `time`.
    pub fn expiry(&self, time: i64) -> Result<Expiry, RiskError> {
        find(self.expiries, time)
            .map(|slot| slot.expiry_at(self.now))
            .ok_or(RiskError::UnknownExpiry { expiry: time })
    }

    /// Whether the caps of the skew nodes in the set are positive at a tenor that is to be listed.
    pub fn check_listing(&self, seconds: i64) -> Result<(), RiskError> {
        let set = &self.scenarios;
        (set.linear_start..set.count())
            .try_for_each(|index| self.params.check_skew(set.vol_shock(index), seconds))
    }
}
