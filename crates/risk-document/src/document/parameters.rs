//! Parameters and scenario set of a market: a preset by name, a preset with changes, or every number.

use risk_core::isolated::IsolatedParams;
use risk_core::market::MarketParams;
use risk_core::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams,
};
use risk_core::scenario::{
    Scenario, ScenarioTable, VolShock, MAJOR_SCENARIOS, MAX_SCENARIOS, WIDE_SCENARIOS,
};
use risk_core::tier::StandardParams;
use risk_core::{Quote, Ratio, RiskError};

use crate::failure::Failure;
use crate::reader::{At, Fields, Unit};
use crate::refusal::refused;

/// A shipped set: parameters and scenarios.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub parameters: &'static MarketParams,
    pub scenarios: &'static [Scenario],
}

const PRESETS: [(&str, Preset); 3] = [
    (
        "BTC",
        Preset {
            parameters: &MarketParams::BTC,
            scenarios: &MAJOR_SCENARIOS,
        },
    ),
    (
        "ETH",
        Preset {
            parameters: &MarketParams::ETH,
            scenarios: &MAJOR_SCENARIOS,
        },
    ),
    (
        "SOL",
        Preset {
            parameters: &MarketParams::SOL,
            scenarios: &WIDE_SCENARIOS,
        },
    ),
];

/// Names of volatility shocks.
pub const SHOCKS: [(&str, VolShock); 5] = [
    ("up", VolShock::Up),
    ("none", VolShock::None),
    ("down", VolShock::Down),
    ("skew_linear", VolShock::SkewLinear),
    ("skew_abs", VolShock::SkewAbs),
];

/// One group of parameters being read: over a preset members may be missing, without one none may.
struct Group<'a, 'w> {
    fields: Fields<'a>,
    complete: bool,
    /// Paths and values of what was read: an engine's refusal names a value, this finds its place.
    written: &'w mut Vec<(String, i64)>,
}

impl Group<'_, '_> {
    fn raw(&mut self, name: &'static str, unit: Unit, target: &mut i64) -> Result<(), Failure> {
        let at = match self.fields.optional(name) {
            Some(at) => at,
            None if self.complete => return Ok(()),
            None => return Err(self.fields.missing(name, "")),
        };
        *target = at.units(unit)?;
        self.written.push((at.path().to_owned(), *target));
        Ok(())
    }

    fn ratio(&mut self, name: &'static str, target: &mut Ratio) -> Result<(), Failure> {
        let mut raw = target.raw();
        self.raw(name, Unit::RATIO, &mut raw)?;
        *target = Ratio::from_raw(raw);
        Ok(())
    }

    fn quote(&mut self, name: &'static str, target: &mut Quote) -> Result<(), Failure> {
        let mut raw = target.raw();
        self.raw(name, Unit::AMOUNT, &mut raw)?;
        *target = Quote::from_raw(raw);
        Ok(())
    }

    /// A group within: `"none"` for its neutral value, or an object.
    fn term<T: Copy>(
        &mut self,
        name: &'static str,
        target: &mut T,
        none: Option<T>,
        read: impl FnOnce(&mut Group<'_, '_>, &mut T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let at = match self.fields.optional(name) {
            Some(at) => at,
            None if self.complete => return Ok(()),
            None => return Err(self.fields.missing(name, "")),
        };
        if let (true, Some(none)) = (at.is_text(), none) {
            *target = at.choice(&[("none", none)])?;
            return Ok(());
        }
        let mut group = Group {
            fields: at.object()?,
            complete: self.complete,
            written: &mut *self.written,
        };
        read(&mut group, target)?;
        group.fields.finish()
    }
}

/// Shares of the Standard tier, initial and maintenance.
pub fn standard(at: At<'_>) -> Result<StandardParams, Failure> {
    let path = at.path().to_owned();
    let mut written = Vec::new();
    let mut params = StandardParams::MAJOR;
    let mut group = Group {
        fields: at.object()?,
        complete: false,
        written: &mut written,
    };
    group.term("initial", &mut params.initial, None, isolated)?;
    group.term("maintenance", &mut params.maintenance, None, isolated)?;
    group.fields.finish()?;
    params
        .validate()
        .map_err(|error| refused(error).at(place(&error, &written, &path)))?;
    Ok(params)
}

fn isolated(group: &mut Group<'_, '_>, target: &mut IsolatedParams) -> Result<(), Failure> {
    group.ratio("short_share", &mut target.short_share)?;
    group.ratio("short_floor", &mut target.short_floor)?;
    group.ratio("perp_share", &mut target.perp_share)
}

/// A market's parameters, and its preset's scenarios where it names one.
///
/// The value is the name of a preset, or an object: with `preset` for changes to it, without for every number.
pub fn parameters(at: At<'_>) -> Result<(MarketParams, Option<&'static [Scenario]>), Failure> {
    let names = PRESETS;
    if at.is_text() {
        let preset = at.choice(&names)?;
        return Ok((*preset.parameters, Some(preset.scenarios)));
    }
    let path = at.path().to_owned();
    let mut fields = at.object()?;
    let preset = fields
        .optional("preset")
        .map(|at| at.choice(&names))
        .transpose()?;
    let mut written = Vec::new();
    let mut parameters = preset.map_or(MarketParams::MAJOR, |preset| *preset.parameters);
    let mut group = Group {
        fields,
        complete: preset.is_some(),
        written: &mut written,
    };
    shares(&mut group, &mut parameters)?;
    terms(&mut group, &mut parameters)?;
    group.fields.finish()?;
    parameters
        .validate()
        .map_err(|error| refused(error).at(place(&error, &written, &path)))?;
    Ok((parameters, preset.map(|preset| preset.scenarios)))
}

/// Where the refused value was written; the whole set's path where that is not certain.
fn place<'a>(error: &RiskError, written: &'a [(String, i64)], path: &'a str) -> &'a str {
    let RiskError::OutOfRange { value, .. } = error else {
        return path;
    };
    let mut found = written.iter().filter(|(_, raw)| raw == value);
    match (found.next(), found.next()) {
        (Some((place, _)), None) => place,
        _ => path,
    }
}

/// Volatility shocks and the shares of notional.
fn shares(group: &mut Group<'_, '_>, parameters: &mut MarketParams) -> Result<(), Failure> {
    group.term("volatility", &mut parameters.vol, None, |group, vol| {
        group.ratio("range_up", &mut vol.range_up)?;
        group.ratio("range_down", &mut vol.range_down)?;
        group.ratio("short_power", &mut vol.short_power)?;
        group.ratio("long_power", &mut vol.long_power)?;
        group.raw("floor_seconds", Unit::SECONDS, &mut vol.floor_seconds)?;
        group.ratio("min_vol_up", &mut vol.min_vol_up)
    })?;
    group.ratio("perp_maintenance", &mut parameters.perp_maintenance)?;
    group.ratio("perp_initial", &mut parameters.perp_initial)?;
    group.ratio("option_maintenance", &mut parameters.option_maintenance)?;
    group.ratio("option_initial", &mut parameters.option_initial)?;
    group.ratio("scan_maintenance", &mut parameters.scan_maintenance)?;
    group.ratio("scan_initial", &mut parameters.scan_initial)
}

/// The terms that can be `"none"`.
fn terms(group: &mut Group<'_, '_>, parameters: &mut MarketParams) -> Result<(), Failure> {
    let none = Some(SkewParams::NONE);
    group.term("skew", &mut parameters.skew, none, |group, skew| {
        group.ratio("linear_base", &mut skew.linear_base)?;
        group.ratio("linear_slope", &mut skew.linear_slope)?;
        group.ratio("abs_base", &mut skew.abs_base)?;
        group.ratio("abs_slope", &mut skew.abs_slope)?;
        group.ratio("min_k", &mut skew.min_k)?;
        group.ratio("width", &mut skew.width)?;
        group.ratio("static", &mut skew.fixed)?;
        group.ratio("scale", &mut skew.scale)
    })?;
    let (name, none) = ("static_discount", Some(StaticDiscountParams::NONE));
    group.term(name, &mut parameters.discount, none, |group, discount| {
        group.ratio("long_base", &mut discount.long_base)?;
        group.ratio("long_multiplier", &mut discount.long_multiplier)?;
        group.ratio("long_add", &mut discount.long_add)?;
        group.ratio("short_base", &mut discount.short_base)?;
        group.ratio("short_multiplier", &mut discount.short_multiplier)?;
        group.ratio("short_add", &mut discount.short_add)
    })?;
    let none = Some(BasisParams::NONE);
    group.term("basis", &mut parameters.basis, none, |group, basis| {
        group.ratio("up", &mut basis.up)?;
        group.ratio("down", &mut basis.down)?;
        group.ratio("add", &mut basis.add)?;
        group.ratio("multiplier", &mut basis.multiplier)
    })?;
    let none = Some(MinDeltaParams::NONE);
    group.term(
        "min_delta",
        &mut parameters.min_delta,
        none,
        |group, delta| {
            group.ratio("net", &mut delta.net)?;
            group.ratio("hedged", &mut delta.hedged)
        },
    )?;
    let none = Some(ConfidenceParams::NONE);
    group.term("confidence", &mut parameters.confidence, none, confidence)?;
    let none = Some(ConcentrationParams::NONE);
    let (delta, vega) = (
        &mut parameters.concentration_delta,
        &mut parameters.concentration_vega,
    );
    group.term("concentration_delta", delta, none, concentration)?;
    group.term("concentration_vega", vega, none, concentration)
}

fn confidence(group: &mut Group<'_, '_>, target: &mut ConfidenceParams) -> Result<(), Failure> {
    group.ratio("threshold", &mut target.threshold)?;
    group.ratio("factor", &mut target.factor)
}

fn concentration(
    group: &mut Group<'_, '_>,
    target: &mut ConcentrationParams,
) -> Result<(), Failure> {
    group.quote("threshold", &mut target.threshold)?;
    group.quote("full", &mut target.full)?;
    group.ratio("cap", &mut target.cap)
}

/// A market's scenarios as the engine reads them, and the place of each in the document.
#[derive(Clone, Debug)]
pub struct Scenarios {
    pub table: ScenarioTable,
    /// For each scenario in the document's order, its index in the table.
    pub order: Vec<usize>,
}

impl Scenarios {
    /// The same with the spot range of the undamped nodes multiplied; the order is then the table's.
    pub fn scaled(&self, regime: Ratio) -> Result<Self, RiskError> {
        let table = self.table.scaled(regime)?;
        let order = (0..usize::from(table.count)).collect();
        Ok(Self { table, order })
    }
}

/// The name of a preset's set, or a list of scenarios in any order.
pub fn scenarios(at: &At<'_>) -> Result<Scenarios, Failure> {
    if at.is_text() {
        return arranged(at.choice(&PRESETS)?.scenarios)
            .map_err(|error| refused(error).at(at.path()));
    }
    let mut given = Vec::new();
    for item in at.list()? {
        let mut fields = item.object()?;
        let spot = fields.units("spot", Unit::new(6, 10_000, 8_000_000))?;
        let vol = fields.required("volatility")?.choice(&SHOCKS)?;
        let damping = fields.units_or("damping", Unit::new(6, 1, 1_000_000), 1_000_000)?;
        let narrow = |raw: i64| u32::try_from(raw).unwrap_or(u32::MAX); // both are at most 8,000,000
        given.push(Scenario {
            vol,
            spot: narrow(spot),
            damping: narrow(damping),
        });
        fields.finish()?;
    }
    if given.is_empty() || given.len() > MAX_SCENARIOS {
        let count = given.len();
        return Err(at.error(format!("{count} scenarios: least 1, most {MAX_SCENARIOS}")));
    }
    arranged(&given).map_err(|error| refused(error).at(at.path()))
}

/// Sorts a list as the engine reads it.
pub fn arranged(given: &[Scenario]) -> Result<Scenarios, RiskError> {
    let mut sorted: Vec<(usize, Scenario)> = given.iter().copied().enumerate().collect();
    sorted.sort_by_key(|(_, scenario)| (scenario.vol, scenario.spot));
    let mut order = vec![0; given.len()];
    for (index, (place, _)) in sorted.iter().enumerate() {
        if let Some(entry) = order.get_mut(*place) {
            *entry = index;
        }
    }
    let list: Vec<Scenario> = sorted.into_iter().map(|(_, scenario)| scenario).collect();
    let table = ScenarioTable::new(&list)?;
    Ok(Scenarios { table, order })
}
