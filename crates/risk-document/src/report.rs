//! The report of `pm margin`: JSON whose numbers are decimal strings with every digit that the engine has.

use risk_core::contingency::Contingencies;
use risk_core::greeks::{Greeks, NetGreeks};
use risk_core::margin::MarginReport;
use risk_core::position::Instrument;
use risk_core::scan::Worst;
use risk_core::tier::Tier;
use risk_core::{Quote, Ratio, RiskError};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::decimal::Decimal;
use crate::document::market::MarketInput;
use crate::document::parameters::SHOCKS;
use crate::document::Document;
use crate::evaluate::{LegOutcome, MarketOutcome, Outcome};
use crate::reader::Rounded;
use crate::refusal::in_words;

/// Members in the order in which they are written, names chosen at run time.
#[derive(Clone, Debug)]
pub struct Members(Vec<(String, Value)>);

/// What a report holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`.
    Nothing,
    /// A JSON number: a place in a list.
    Index(usize),
    /// Words, or a decimal.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object.
    Object(Members),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Index(index) => index.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Object(Members(entries)) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (name, value) in entries {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

pub(crate) fn object<N: Into<String>>(entries: impl IntoIterator<Item = (N, Value)>) -> Value {
    let entries = entries
        .into_iter()
        .map(|(name, value)| (name.into(), value));
    Value::Object(Members(entries.collect()))
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A count of units of 10^-decimals.
pub(crate) fn number(raw: i128, decimals: u32) -> Value {
    Value::Text(Decimal::new(raw, decimals).to_string())
}

pub(crate) fn amount(value: Quote) -> Value {
    number(value.raw().into(), 6)
}

/// Q30 to millionths, which is what was given.
pub(crate) fn millionths(q30: i64) -> i64 {
    ((i128::from(q30) * 1_000_000 + (1 << 29)) >> 30)
        .try_into()
        .unwrap_or(i64::MAX)
}

/// The whole report.
pub fn report(document: &Document, outcome: &Outcome) -> Value {
    let margin = match document.tier {
        Tier::Portfolio => &outcome.portfolio,
        Tier::Standard => &outcome.standard,
    };
    let tier = match document.tier {
        Tier::Portfolio => "portfolio",
        Tier::Standard => "standard",
    };
    let markets = || document.markets.iter().zip(&outcome.markets);
    let by_market = |of: &dyn Fn(&MarketInput, &MarketOutcome) -> Value| {
        object(markets().map(|(market, outcome)| (market.name.clone(), of(market, outcome))))
    };
    let mut entries = vec![("tier", text(tier))];
    entries.extend(healths(margin));
    entries.extend([
        ("equity", amount(margin.equity)),
        ("mark", amount(margin.mark)),
        ("cash", amount(margin.cash)),
        ("collateral", amount(margin.collateral)),
        ("scan", amount(outcome.portfolio.scan)),
        ("worst_scenario", by_market(&worst)),
        ("scenario_pnl", by_market(&scenario_pnl)),
        ("contingencies", contingencies(&outcome.portfolio)),
        ("greeks", greeks(document, outcome)),
        ("gross_notional", amount(outcome.portfolio.gross_notional)),
        ("standard", object(healths(&outcome.standard))),
        ("portfolio", object(healths(&outcome.portfolio))),
        ("distance_to_liquidation", distances(outcome)),
        ("markets", by_market(&detail)),
        ("rounded", rounded(&document.rounded)),
    ]);
    object(entries)
}

fn healths(margin: &MarginReport) -> [(&'static str, Value); 4] {
    [
        ("initial_health", amount(margin.initial_health)),
        ("maintenance_health", amount(margin.maintenance_health)),
        ("initial_margin", amount(margin.initial_margin())),
        ("maintenance_margin", amount(margin.maintenance_margin())),
    ]
}

/// Spot multiplier, shock and damping of a scenario.
fn node(market: &MarketInput, index: usize) -> Vec<(&'static str, Value)> {
    let table = &market.scenarios.table;
    let Ok(set) = table.set() else {
        return Vec::new();
    };
    let share = |q30: Option<i64>| number(millionths(q30.unwrap_or_default()).into(), 6);
    let kind = set.vol_shock(index);
    let shock = SHOCKS.iter().find(|(_, known)| *known == kind);
    vec![
        ("spot", share(set.spot(index))),
        ("volatility", text(shock.map_or("", |(name, _)| name))),
        ("damping", share(set.damping(index))),
    ]
}

fn pnl_at(outcome: &MarketOutcome, index: usize) -> Quote {
    Quote::from_raw(outcome.pnl.get(index).copied().unwrap_or_default())
}

/// What sets a market's scan.
fn worst(market: &MarketInput, outcome: &MarketOutcome) -> Value {
    let scan = ("pnl", amount(outcome.risk.scan));
    let floor = |name| object([("kind", text(name)), scan.clone()]);
    let index = match outcome.risk.worst() {
        Worst::Nothing => return floor("none"),
        Worst::Basis => return floor("basis"),
        Worst::MinDelta => return floor("min_delta"),
        Worst::Scenario(index) => usize::from(index),
    };
    let place = market
        .scenarios
        .order
        .iter()
        .position(|known| *known == index);
    let mut entries = vec![
        ("kind", text("scenario")),
        ("index", Value::Index(place.unwrap_or(index))),
    ];
    entries.extend(node(market, index));
    entries.push(scan);
    object(entries)
}

/// In the order of the document's list.
fn scenario_pnl(market: &MarketInput, outcome: &MarketOutcome) -> Value {
    let one = |index: &usize| {
        let mut entries = node(market, *index);
        entries.push(("pnl", amount(pnl_at(outcome, *index))));
        object(entries)
    };
    Value::List(market.scenarios.order.iter().map(one).collect())
}

fn contingencies(margin: &MarginReport) -> Value {
    let mut entries = charges(&margin.contingencies).to_vec();
    entries.push(("maintenance", amount(margin.contingency_maintenance)));
    entries.push(("initial", amount(margin.contingency_initial)));
    entries.push(("peg_add", number(margin.peg_add.raw().into(), 6)));
    object(entries)
}

fn charges(charges: &Contingencies) -> [(&'static str, Value); 11] {
    [
        ("perp_maintenance", amount(charges.perp_maintenance)),
        ("perp_initial", amount(charges.perp_initial)),
        ("option_maintenance", amount(charges.option_maintenance)),
        ("option_initial", amount(charges.option_initial)),
        ("haircut_maintenance", amount(charges.haircut_maintenance)),
        ("haircut_initial", amount(charges.haircut_initial)),
        ("confidence", amount(charges.confidence)),
        ("stable_price", amount(charges.stable_price)),
        ("concentration_delta", amount(charges.concentration_delta)),
        ("concentration_vega", amount(charges.concentration_vega)),
        ("cushion", amount(charges.cushion)),
    ]
}

/// Of the account in USD; of each market with delta in units of its underlying.
fn greeks(document: &Document, outcome: &Outcome) -> Value {
    let cash: i128 = outcome
        .markets
        .iter()
        .map(|m| i128::from(m.risk.net_delta.raw()))
        .sum();
    let mut account = vec![("delta_cash", number(cash, 6))];
    account.extend(sensitivities(&outcome.greeks.net));
    let markets = document
        .markets
        .iter()
        .zip(&outcome.markets)
        .map(|(market, outcome)| {
            let expiries = outcome.expiries.iter().map(|expiry| {
                let mut entries = vec![("expiry", number(expiry.expiry.into(), 0))];
                entries.extend(net(&expiry.greeks));
                object(entries)
            });
            let mut entries = vec![("delta_cash", amount(outcome.risk.net_delta))];
            entries.extend(net(&outcome.greeks));
            entries.push(("expiries", Value::List(expiries.collect())));
            (market.name.clone(), object(entries))
        });
    object([("account", object(account)), ("markets", object(markets))])
}

/// Net values, and the sums of magnitudes under `gross`.
fn net(greeks: &NetGreeks) -> Vec<(&'static str, Value)> {
    let mut entries = with_delta(&greeks.net);
    entries.push(("gross", object(with_delta(&greeks.gross))));
    entries
}

fn with_delta(greeks: &Greeks) -> Vec<(&'static str, Value)> {
    let mut entries = vec![("delta", number(greeks.delta.raw().into(), 6))];
    entries.extend(sensitivities(greeks));
    entries
}

fn sensitivities(greeks: &Greeks) -> [(&'static str, Value); 4] {
    [
        ("gamma", amount(greeks.gamma)),
        ("vega", amount(greeks.vega)),
        ("theta", amount(greeks.theta)),
        ("rho", amount(greeks.rho)),
    ]
}

fn distances(outcome: &Outcome) -> Value {
    let value = |found: &Result<Option<Ratio>, RiskError>| match found {
        Ok(Some(multiplier)) => number(multiplier.raw().into(), 6),
        Ok(None) => Value::Nothing,
        Err(error) => object([("refused", Value::Text(in_words(error)))]),
    };
    let entries = outcome.distances.iter();
    object(entries.map(|(name, found)| (*name, value(found))))
}

/// What a market adds to the account, and its legs.
fn detail(market: &MarketInput, outcome: &MarketOutcome) -> Value {
    let risk = &outcome.risk;
    let positions = market
        .positions
        .iter()
        .zip(&market.places)
        .zip(&outcome.legs);
    let mut legs: Vec<(usize, Value)> = positions
        .map(|((held, place), leg)| (*place, detail_of_leg(held.position.instrument, *place, leg)))
        .collect();
    legs.sort_by_key(|(place, _)| *place);
    object([
        ("mark", amount(risk.mark)),
        ("scan", amount(risk.scan)),
        ("basis_floor", amount(risk.basis_floor)),
        ("min_delta_floor", amount(risk.min_delta_floor)),
        (
            "contingency_maintenance",
            amount(risk.contingency_maintenance),
        ),
        ("contingency_initial", amount(risk.contingency_initial)),
        ("contingencies", object(charges(&risk.contingencies))),
        ("gross_notional", amount(risk.gross_notional)),
        (
            "legs",
            Value::List(legs.into_iter().map(|(_, leg)| leg).collect()),
        ),
    ])
}

fn detail_of_leg(instrument: Instrument, place: usize, leg: &LegOutcome) -> Value {
    let name = match instrument {
        Instrument::Call => "call",
        Instrument::Put => "put",
        Instrument::Perpetual => "perpetual",
        Instrument::Future => "future",
    };
    let mut entries = vec![
        ("position", Value::Index(place)),
        ("instrument", text(name)),
        ("mark", amount(leg.greeks.mark)),
    ];
    entries.extend(with_delta(&leg.greeks));
    entries.extend([
        ("contribution", amount(leg.contribution)),
        ("closing_frees_initial", amount(leg.freed.initial_health)),
        (
            "closing_frees_maintenance",
            amount(leg.freed.maintenance_health),
        ),
    ]);
    object(entries)
}

fn rounded(rounded: &[Rounded]) -> Value {
    let one = |rounded: &Rounded| {
        object([
            ("path", text(&rounded.path)),
            ("given", text(&rounded.given)),
            ("used", text(&rounded.used)),
        ])
    };
    Value::List(rounded.iter().map(one).collect())
}
