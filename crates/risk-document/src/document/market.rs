//! One market of a document: prices, parameters, scenarios, expiries.

use risk_core::market::{Expiry, Market, MarketParams, MAX_TENOR_SECONDS};
use risk_core::position::{QuotedPosition, MOST_VOLATILITY};
use risk_core::svi::Svi;
use risk_core::tier::StandardParams;
use risk_core::{Price, Quantity, Ratio, RiskError};

use super::parameters::{arranged, parameters, scenarios, standard, Scenarios};
use crate::failure::Failure;
use crate::reader::{At, Fields, Unit};
use crate::refusal::refused;

/// Explicit volatilities: 1e-9 per root of a year.
pub const VOLATILITY: Unit = Unit::new(9, 0, MOST_VOLATILITY.cast_signed());
/// Multiplier of the spot range.
const REGIME: Unit = Unit::new(6, 1_000_000, 4_000_000);
/// 1.0 in 1e-6.
const ONE: i64 = 1_000_000;

/// An expiry as a document states it.
#[derive(Clone, Copy, Debug)]
pub struct ListedExpiry {
    pub expiry: Expiry,
    /// Volatility of its options that state none of their own, where there is no smile.
    pub volatility: Option<u64>,
}

/// A market with the positions that are held in it.
#[derive(Clone, Debug)]
pub struct MarketInput {
    pub name: String,
    pub spot: Price,
    /// `None` where the document states none: then nothing may be held in it.
    pub perp_price: Option<Price>,
    pub stable_price: Option<Price>,
    pub spot_confidence: Ratio,
    pub perp_confidence: Ratio,
    pub parameters: MarketParams,
    pub standard: StandardParams,
    pub scenarios: Scenarios,
    pub expiries: Vec<ListedExpiry>,
    /// The same as the engine reads them.
    pub listed: Vec<Expiry>,
    /// Sorted as the engine needs them.
    pub positions: Vec<QuotedPosition>,
    /// For each, its index in the document.
    pub places: Vec<usize>,
    /// Collateral in the underlying that offsets risk.
    pub offset: Quantity,
}

/// A price of a document.
pub fn price(raw: i64) -> Price {
    Price::from_raw(raw.unsigned_abs()) // units of prices are positive
}

impl MarketInput {
    pub fn read(at: At<'_>, now: i64) -> Result<Self, Failure> {
        let mut fields = at.object()?;
        let name = fields.required("name")?.text()?.to_owned();
        let spot = price(fields.units("spot", Unit::PRICE)?);
        let perp_price = optional_price(&mut fields, "perpetual_price")?;
        let stable_price = optional_price(&mut fields, "stable_price")?;
        let spot_confidence = fields.units_or("spot_confidence", Unit::SHARE, ONE)?;
        let perp_confidence = fields.units_or("perpetual_confidence", Unit::SHARE, ONE)?;
        let (parameters, preset) = parameters(fields.required("parameters")?)?;
        let mut scenarios = match (fields.optional("scenarios"), preset) {
            (Some(at), _) => scenarios(&at)?,
            (None, Some(preset)) => {
                arranged(preset).map_err(|error| refused(error).at(fields.at().path()))?
            }
            (None, None) => {
                let reason = ": only parameters with a preset bring scenarios";
                return Err(fields.missing("scenarios", reason));
            }
        };
        if let Some(at) = fields.optional("regime") {
            let regime = Ratio::from_raw(at.units(REGIME)?);
            let scaled = scenarios.scaled(regime);
            scenarios = scaled.map_err(|error| refused(error).at(at.path()))?;
        }
        let standard = fields
            .optional("standard")
            .map_or(Ok(StandardParams::MAJOR), standard)?;
        let expiries = expiries(&fields.required("expiries")?, now)?;
        let market = Self {
            name,
            spot,
            perp_price,
            stable_price,
            spot_confidence: Ratio::from_raw(spot_confidence),
            perp_confidence: Ratio::from_raw(perp_confidence),
            parameters,
            standard,
            scenarios,
            listed: expiries.iter().map(|listed| listed.expiry).collect(),
            expiries,
            positions: Vec::new(),
            places: Vec::new(),
            offset: Quantity::ZERO,
        };
        market.check_listing(now, fields.at().path())?;
        fields.finish()?;
        Ok(market)
    }

    /// Whether every skew scenario has an effect at every expiry.
    fn check_listing(&self, now: i64, path: &str) -> Result<(), Failure> {
        let engine = self.engine(now).map_err(|error| refused(error).at(path))?;
        for (index, listed) in self.listed.iter().enumerate() {
            let seconds = listed.time.saturating_sub(now).max(0);
            let place = format!("{path}.expiries[{index}]");
            let checked = engine.check_listing(seconds);
            checked.map_err(|error| refused(error).at(&place))?;
        }
        Ok(())
    }

    /// The market as the engine evaluates it.
    pub fn engine(&self, now: i64) -> Result<Market<'_, Expiry>, RiskError> {
        let set = self.scenarios.table.set()?;
        let market = Market::new(now, self.spot, set, &self.parameters, &self.listed);
        Ok(Market {
            perp_price: self.perp_price.unwrap_or(self.spot),
            stable_price: self.stable_price,
            spot_confidence: self.spot_confidence,
            perp_confidence: self.perp_confidence,
            offset: self.offset,
            ..market
        })
    }
}

fn optional_price(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Price>, Failure> {
    let at = fields.optional(name);
    at.map(|at| at.units(Unit::PRICE).map(price)).transpose()
}

fn expiries(at: &At<'_>, now: i64) -> Result<Vec<ListedExpiry>, Failure> {
    let mut expiries: Vec<ListedExpiry> = Vec::new();
    for item in at.list()? {
        let listed = expiry(item.clone(), now)?;
        let time = listed.expiry.time;
        if expiries.iter().any(|known| known.expiry.time == time) {
            return Err(item.error(format!("expiry {time} stands twice")));
        }
        expiries.push(listed);
    }
    Ok(expiries)
}

fn expiry(at: At<'_>, now: i64) -> Result<ListedExpiry, Failure> {
    let mut fields = at.object()?;
    let time_at = fields.required("expiry")?;
    let time = time_at.seconds()?;
    let seconds = time.saturating_sub(now).max(0);
    if seconds > MAX_TENOR_SECONDS {
        let text = format!("{seconds} seconds away: least 0, most {MAX_TENOR_SECONDS}");
        return Err(time_at.error(text));
    }
    let forward = price(fields.units("forward", Unit::PRICE)?);
    let rate = fields.units("rate", Unit::new(6, -ONE, ONE))?;
    let fixed = fields.units_or("fixed_forward", Unit::new(8, 0, i64::MAX), 0)?;
    let confidence = fields.optional("confidence").map_or(Ok(ONE), confidence)?;
    let volatility = fields.optional("volatility");
    let smile = fields.optional("smile");
    if let (Some(volatility), Some(_)) = (&volatility, &smile) {
        return Err(volatility.error("an expiry has a smile or a volatility, not both"));
    }
    let volatility = volatility.map(|at| at.units(VOLATILITY)).transpose()?;
    let svi = smile.map(|at| svi(at, seconds)).transpose()?;
    let expiry = Expiry {
        time,
        rate: i32::try_from(rate).unwrap_or(i32::MAX), // within +-1,000,000
        svi,
        forward_price: Some(forward),
        fixed_forward: price(fixed),
        confidence: Ratio::from_raw(confidence),
        ..Expiry::PLAIN
    };
    expiry
        .validate()
        .map_err(|error| refused(error).at(fields.at().path()))?;
    fields.finish()?;
    Ok(ListedExpiry {
        expiry,
        volatility: volatility.map(i64::unsigned_abs),
    })
}

/// A share, or an object with those of forward, rate and volatility: the least of them counts.
fn confidence(at: At<'_>) -> Result<i64, Failure> {
    if !at.is_object() {
        return at.units(Unit::SHARE);
    }
    let mut fields = at.object()?;
    let mut least = ONE;
    for name in ["forward", "rate", "volatility"] {
        least = least.min(fields.units(name, Unit::SHARE)?);
    }
    fields.finish()?;
    Ok(least)
}

/// Raw SVI in total variance, at `reference_tenor` seconds: the tenor itself where it is not stated.
fn svi(at: At<'_>, seconds: i64) -> Result<Svi, Failure> {
    let small = |most: i64| Unit::new(6, -most, most);
    let mut fields = at.object()?;
    let a = fields.units("a", Unit::new(12, -(1 << 46), 1 << 46))?;
    let b = fields.units("b", Unit::new(12, 0, 1 << 43))?;
    let rho = fields.units("rho", small(ONE))?;
    let m = fields.units("m", small(4 * ONE))?;
    let s = fields.units("s", Unit::new(6, 100, 4 * ONE))?;
    let tenor = match fields.optional("reference_tenor") {
        Some(at) => at.seconds()?,
        None => seconds.max(1),
    };
    let svi = Svi {
        a,
        b: b.unsigned_abs(),
        rho: i32::try_from(rho).unwrap_or(i32::MAX),
        m: i32::try_from(m).unwrap_or(i32::MAX),
        s: u32::try_from(s).unwrap_or(u32::MAX),
        reference_tenor: u32::try_from(tenor).unwrap_or(u32::MAX),
    };
    svi.validate()
        .map_err(|error| refused(error.into()).at(fields.at().path()))?;
    fields.finish()?;
    Ok(svi)
}
