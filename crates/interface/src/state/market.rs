//! Layout of a market: one underlying's oracle, scenario set, margin ratios and expiries.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

use clearing_core::settlement::perp_pnl_floor;
use clearing_core::waterfall::share_profit;
use risk_core::market::{
    Expiry, ExpirySource, MarketParams, VolShockParams, SETTLEMENT_WINDOW_SECONDS,
};
use risk_core::position::{Instrument, PositionSource};
use risk_core::scenario::{ScenarioSet, ScenarioTable, MAX_SCENARIOS, ONE_Q30};
use risk_core::svi::Svi;
use risk_core::tier::StandardParams;
use risk_core::{Price, Quote, Ratio, RiskError};

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

use crate::state::price::faded_confidence;
use crate::state::{
    FundingRecord, MarketTermsRecord, PositionRecord, RegimeRecord, RulesRecord, SettlementRecord,
    StandardParamsRecord,
};

/// Expiries that a market can list at once.
pub const MAX_EXPIRIES: usize = 12;

/// The scenario set with its logarithms, as [`ScenarioTable`] computes it.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct ScenarioRecord {
    /// Scenarios in use.
    pub count: u8,
    /// First scenario without a volatility shock.
    pub none_start: u8,
    /// First scenario with volatility down.
    pub down_start: u8,
    /// The no-move scenario.
    pub base: u8,
    /// Largest spot multiplier times damping, rounded up to a whole number.
    pub reach: u8,
    /// The linear skew node, or what follows.
    pub linear_start: u8,
    /// The abs skew node, or the count.
    pub abs_start: u8,
    /// Zero.
    pub padding: u8,
    /// ln of the spot multiplier, Q36.
    pub ln_spot: [i64; MAX_SCENARIOS],
    /// Spot multiplier, Q30.
    pub spot: [i64; MAX_SCENARIOS],
    /// Damping, Q30.
    pub damping: [i64; MAX_SCENARIOS],
}

impl ScenarioRecord {
    /// Stores a validated table.
    pub fn write(&mut self, table: &ScenarioTable) {
        self.count = table.count;
        self.none_start = table.none_start;
        self.down_start = table.down_start;
        self.base = table.base;
        self.reach = table.reach;
        self.linear_start = table.linear_start;
        self.abs_start = table.abs_start;
        self.ln_spot = table.ln_spot;
        self.spot = table.spot;
        self.damping = table.damping;
    }

    /// What must agree between the sets of a correlation group: the count, where each kind of shock starts, and how far the spot
    /// falls within each, so that the scenarios of one index move all markets one way.
    pub fn shape(&self) -> [u8; 8] {
        // sorted by spot: twice the number of falls, and one more where the spot stands still
        let falls = |from: u8, to: u8| {
            let level = self.spot.get(from.into()..to.into()).unwrap_or_default();
            let below = level.iter().filter(|spot| **spot < ONE_Q30);
            let not_above = level.iter().filter(|spot| **spot <= ONE_Q30);
            // each at most MAX_SCENARIOS
            u8::try_from(below.count().saturating_add(not_above.count())).unwrap_or(u8::MAX)
        };
        [
            self.count,
            self.none_start,
            self.down_start,
            self.linear_start,
            self.abs_start,
            self.base,
            falls(0, self.none_start),
            falls(self.down_start, self.linear_start),
        ]
    }

    /// The set as a table of its own, to be widened.
    pub fn table(&self) -> ScenarioTable {
        ScenarioTable {
            ln_spot: self.ln_spot,
            spot: self.spot,
            damping: self.damping,
            count: self.count,
            none_start: self.none_start,
            down_start: self.down_start,
            linear_start: self.linear_start,
            abs_start: self.abs_start,
            base: self.base,
            reach: self.reach,
        }
    }

    /// The set as the engine reads it, in place.
    pub fn set(&self) -> core::result::Result<ScenarioSet<'_>, RiskError> {
        let count = usize::from(self.count);
        let [none, down, base] = [self.none_start, self.down_start, self.base];
        let (linear, abs) = (self.linear_start, self.abs_start);
        ScenarioSet::from_parts(
            self.ln_spot.get(..count),
            self.spot.get(..count),
            self.damping.get(..count),
            [none, down, base, self.reach, linear, abs],
        )
    }
}

/// Margin ratios, 1e-6 each; see [`MarketParams`] for meaning and bounds.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MarketParamsRecord {
    /// Relative rise of volatility at 30 days.
    pub vol_range_up: u32,
    /// Relative fall of volatility at 30 days.
    pub vol_range_down: u32,
    /// Exponent below 30 days.
    pub vol_short_power: u32,
    /// Exponent from 30 days on.
    pub vol_long_power: u32,
    /// Seconds below which the shock grows no more.
    pub vol_floor_seconds: u32,
    /// Least volatility after an upward shock.
    pub vol_min_up: u32,
    /// Share of perpetual notional in both requirements.
    pub perp_maintenance: u32,
    /// Further share in the initial requirement.
    pub perp_initial: u32,
    /// Share of spot per naked short in both requirements.
    pub option_maintenance: u32,
    /// Further share in the initial requirement.
    pub option_initial: u32,
    /// Factor on the scan loss in the maintenance requirement.
    pub scan_maintenance: u32,
    /// Factor on the scan loss in the initial requirement.
    pub scan_initial: u32,
}

impl MarketParamsRecord {
    /// Ratios and terms as the engine reads them.
    #[inline(always)] // written where they are needed: they are 330 bytes
    pub fn params(&self, terms: &MarketTermsRecord) -> MarketParams {
        let ratio = |raw: u32| Ratio::from_raw(raw.into());
        MarketParams {
            vol: VolShockParams {
                range_up: ratio(self.vol_range_up),
                range_down: ratio(self.vol_range_down),
                short_power: ratio(self.vol_short_power),
                long_power: ratio(self.vol_long_power),
                floor_seconds: self.vol_floor_seconds.into(),
                min_vol_up: ratio(self.vol_min_up),
            },
            perp_maintenance: ratio(self.perp_maintenance),
            perp_initial: ratio(self.perp_initial),
            option_maintenance: ratio(self.option_maintenance),
            option_initial: ratio(self.option_initial),
            scan_maintenance: ratio(self.scan_maintenance),
            scan_initial: ratio(self.scan_initial),
            skew: terms.skew(),
            discount: terms.discount(),
            basis: terms.basis(),
            min_delta: terms.min_delta(),
            confidence: terms.confidence(),
            concentration_delta: terms.concentration_delta(),
            concentration_vega: terms.concentration_vega(),
        }
    }
}

/// One listed expiry; unused where `time` is zero.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ExpirySlot {
    /// Unix time.
    pub time: i64,
    /// Unix time of the last surface; zero before the first.
    pub posted_at: i64,
    /// SVI `a`, total variance at the reference tenor, 1e-12.
    pub svi_a: i64,
    /// SVI `b`, 1e-12.
    pub svi_b: u64,
    /// SVI `rho`, 1e-6.
    pub svi_rho: i32,
    /// SVI `m`, 1e-6.
    pub svi_m: i32,
    /// SVI `s`, 1e-6.
    pub svi_s: u32,
    /// Tenor for which the smile was fitted, seconds.
    pub reference_tenor: u32,
    /// Forward over spot less one, 1e-9.
    pub forward_basis: i32,
    /// Annual rate, 1e-6.
    pub rate: i32,
    /// Confidence in forward, rate and volatility as they were posted, 1e-6.
    pub confidence: u32,
    /// Age at which nothing is left of it, seconds: the market's limit when they were posted.
    pub max_age: u32,
    /// Samples of the settlement average, the price, and what is open.
    pub settlement: SettlementRecord,
    /// Zero.
    pub reserved: [u64; 4],
}

impl ExpirySource for ExpirySlot {
    #[inline]
    fn time(&self) -> i64 {
        self.time
    }

    fn expiry_at(&self, now: i64) -> Expiry {
        let mut expiry = self.expiry();
        let (fixed, open) = self.settlement.fixed_forward();
        // a sample may be published before the cluster's clock has reached the window
        if fixed != Price::ZERO && self.time.saturating_sub(now) <= SETTLEMENT_WINDOW_SECONDS {
            expiry.fixed_forward = fixed;
            expiry.open_seconds = open;
        }
        // What has expired is intrinsic value, which needs no surface.
        if self.time > now {
            let age = now.saturating_sub(self.posted_at);
            expiry.confidence = faded_confidence(self.confidence, age, self.max_age);
        }
        expiry
    }

    fn expiry(&self) -> Expiry {
        let svi = Svi {
            a: self.svi_a,
            b: self.svi_b,
            rho: self.svi_rho,
            m: self.svi_m,
            s: self.svi_s,
            reference_tenor: self.reference_tenor,
        };
        Expiry {
            time: self.time,
            forward_basis: self.forward_basis,
            rate: self.rate,
            svi: (self.posted_at != 0).then_some(svi),
            ..Expiry::PLAIN
        }
    }

    /// What the average has fixed keeps its price wherever the spot goes.
    #[inline(always)]
    fn is_explicit(&self) -> bool {
        self.settlement.has_prices()
    }
}

/// One underlying; PDA `[market, clearinghouse, index]`.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct Market {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Position in the canonical order of an account's markets.
    pub index: u16,
    /// Largest age of a price, seconds.
    pub oracle_max_age: u32,
    /// Largest confidence over price, 1e-6.
    pub oracle_max_confidence: u32,
    /// Largest age of a volatility surface, seconds.
    pub surface_max_age: u32,
    /// The clearing house that listed it.
    pub clearinghouse: Pubkey,
    /// Pyth feed of the underlying in USD; of the legacy kind, the address of its price account.
    pub feed_id: [u8; 32],
    /// Name, padded with zeros.
    pub symbol: [u8; 16],
    /// Margin ratios.
    pub params: MarketParamsRecord,
    /// The shocks.
    pub scenarios: ScenarioRecord,
    /// Listed expiries, sorted by time; unused slots last.
    pub expiries: [ExpirySlot; MAX_EXPIRIES],
    /// Skew, discounts, floors and charges.
    pub terms: MarketTermsRecord,
    /// Delayed price, 1e-8 USD; zero: none.
    pub stable_price: u64,
    /// When it last moved or was found at spot, Unix time.
    pub stable_updated_at: i64,
    /// Publish time of the newest price that an update has used, Unix time.
    pub spot_publish_time: i64,
    /// Share by which the stable price may move per hour, 1e-6; zero: the market has none.
    pub stable_rate: u32,
    /// Correlation group by its place in the clearing house, counted from 1; zero: none.
    pub group: u8,
    /// Kind of the price account: [`crate::state::oracle::PYTH_PULL`] or [`crate::state::oracle::PYTH_LEGACY`].
    pub oracle_kind: u8,
    /// 1 once the rules of trading are set: before, nothing can be listed or traded.
    pub is_open: u8,
    /// Zero.
    pub padding: u8,
    /// Shares of the Standard tier.
    pub standard: StandardParamsRecord,
    /// Newest validated price, published at `spot_publish_time`, 1e-8 USD; zero before the first.
    pub spot: u64,
    /// Raised by every change that an event tells.
    pub sequence: u64,
    /// Fees of this market that wait to be collected, 1e-6 USD.
    pub fees: u64,
    /// Sum of the long perpetual positions, 1e-6 base units; the short ones sum to the same.
    pub perp_open: u64,
    /// What losers of the perpetual have paid and winners have not received yet, 1e-6 USD: with it, costs sum to zero.
    pub perp_pool: u64,
    /// Fees, bands, limits.
    pub rules: RulesRecord,
    /// Funding of the perpetual.
    pub funding: FundingRecord,
    /// Measured volatility.
    pub regime: RegimeRecord,
    /// The scenarios as they were listed; `scenarios` are these, widened by the regime.
    pub listed_scenarios: ScenarioRecord,
    /// When an outage of the feed was reported, Unix time; zero: none, or a price was shown since.
    pub outage_at: i64,
    /// Most that the insurance fund may ever pay for losses of this market, 1e-6 USD.
    pub insurance_cap: u64,
    /// What it has paid, 1e-6 USD.
    pub insurance_used: u64,
    /// Losses that profits of the perpetual still have to forgive, 1e-6 USD: with them and the pool, costs sum to zero.
    pub perp_loss: u64,
    /// Zero.
    pub reserved: [u64; 28],
}

impl Market {
    /// The market as the engine reads it, in place, at a checked price that is certain, without offsetting collateral.
    ///
    /// The perpetual is marked at spot, never at a price of this venue; its premium moves the funding instead.
    pub fn input<'a>(
        &'a self,
        now: i64,
        spot: Price,
        scenarios: ScenarioSet<'a>,
        params: &'a MarketParams,
    ) -> risk_core::market::Market<'a, ExpirySlot> {
        risk_core::market::Market {
            funding: self.funding.index_at(now),
            stable_price: self.stable_price(),
            ..risk_core::market::Market::new(now, spot, scenarios, params, &self.expiries)
        }
    }

    /// What the market holds of the quote asset beside accounts, 1e-6 USD: fees, what losers of its perpetual have paid and winners
    /// have not received, and the same of its expiries. `None` beyond the type, which no supply reaches.
    pub fn quote_held(&self) -> Option<u64> {
        let held = self.fees.checked_add(self.perp_pool)?;
        let mut pools = self.expiries.iter().map(|slot| slot.settlement.pool);
        pools.try_fold(held, u64::checked_add)
    }

    /// What of the profit of a perpetual among these records its holder would forgive if it settled now, 1e-6 USD; records of this
    /// market. `None` for a profit beyond the type.
    ///
    /// A profit that will be forgiven may back nothing: who could open or borrow on it would leave the loss to others.
    pub fn forgiven_of(&self, records: &[PositionRecord], spot: Price, now: i64) -> Option<Quote> {
        let mut records = records.iter();
        let held = records.find(|held| held.instrument == Instrument::Perpetual as u8);
        let Some(held) = held.filter(|_| self.perp_loss > 0) else {
            return Some(Quote::ZERO);
        };
        let position = held.position();
        let index = self.funding.index_at(now);
        let pnl = perp_pnl_floor(position.quantity, position.cost, spot, index)?;
        let profit = u64::try_from(pnl.raw()).unwrap_or(0); // a loss is no profit
        let share = share_profit(profit, self.perp_pool, self.perp_loss);
        i64::try_from(share.forgiven).ok().map(Quote::from_raw)
    }

    /// What the insurance fund may still pay for losses of this market, 1e-6 USD.
    pub fn insurance_left(&self) -> u64 {
        self.insurance_cap.saturating_sub(self.insurance_used)
    }

    /// The delayed price; `None` before the first update and where the market has none.
    pub fn stable_price(&self) -> Option<Price> {
        (self.stable_price != 0).then_some(Price::from_raw(self.stable_price))
    }

    /// The shares of the Standard tier as the engine reads them.
    pub fn standard_params(&self) -> StandardParams {
        self.standard.params()
    }

    /// The parameters as the engine reads them.
    ///
    /// The initial scan factor carries what the regime asks of the initial requirement beyond the scenarios: the loss is scaled by
    /// the ratio of the factors, rounded up; within the bounds of the factor by `open_market`'s check of the largest.
    #[inline(always)]
    pub fn params(&self) -> MarketParams {
        let mut params = self.params.params(&self.terms);
        if let Some((factor, divisor)) = self.regime.initial_ratio() {
            // 3e6 x 4e6 at most
            let product = u64::from(self.params.scan_initial).wrapping_mul(factor.into());
            let scaled = product.div_ceil(u64::from(divisor).max(1));
            params.scan_initial = Ratio::from_raw(scaled as i64);
        }
        params
    }
}

impl crate::AccountLayout for Market {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [219, 190, 213, 55, 0, 227, 198, 154];
}

const _: () = assert!(core::mem::size_of::<ExpirySlot>() == 432);
const _: () = assert!(core::mem::size_of::<MarketParamsRecord>() == 48);
const _: () = assert!(core::mem::size_of::<ScenarioRecord>() == 968);
const _: () = assert!(core::mem::size_of::<Market>() == 7_984);
