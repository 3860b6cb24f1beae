//! The JSON document of `pm margin` and `pm matrix`, read into the engine's types; its description is `SCHEMA.md`.

pub mod market;
pub mod parameters;
mod position;

use risk_core::account::HeldCollateral;
use risk_core::group::GroupParams;
use risk_core::margin::Collateral;
use risk_core::params::{AccountTerms, ConfidenceParams};
use risk_core::tier::Tier;
use risk_core::{Price, Quantity, Quote, Ratio};

use crate::failure::Failure;
use crate::json::Json;
use crate::reader::{At, Fields, Notes, Rounded, Unit};
use crate::refusal::refused;
use market::{price, MarketInput};

const TIERS: [(&str, Tier); 2] = [("portfolio", Tier::Portfolio), ("standard", Tier::Standard)];
/// 1.0 in 1e-6.
const ONE: i64 = 1_000_000;

/// A correlation group: which markets, by index.
#[derive(Clone, Debug)]
pub struct GroupInput {
    pub markets: Vec<usize>,
    pub params: GroupParams,
}

/// A portfolio and all that its margin depends on.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) now: i64,
    pub(crate) tier: Tier,
    pub(crate) cash: Quote,
    pub(crate) terms: AccountTerms,
    pub(crate) markets: Vec<MarketInput>,
    pub(crate) collateral: Vec<HeldCollateral>,
    pub(crate) groups: Vec<GroupInput>,
    /// Values that the engine's units could not hold exactly.
    pub(crate) rounded: Vec<Rounded>,
}

impl Document {
    /// Reads and validates a document; an error names the JSON path, or line and column where it is no JSON.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let json = Json::parse(text)?;
        let notes = Notes::default();
        let mut document = Self::read(At::root(&json, &notes))?;
        document.rounded = notes.into_rounded();
        Ok(document)
    }

    fn read(at: At<'_>) -> Result<Self, Failure> {
        let mut fields = at.object()?;
        let now = fields.required("now")?.seconds()?;
        let tier = fields
            .optional("tier")
            .map_or(Ok(Tier::Portfolio), |at| at.choice(&TIERS))?;
        let cash = Quote::from_raw(fields.units("cash", Unit::AMOUNT)?);
        let terms = account(&mut fields)?;
        let mut markets: Vec<MarketInput> = Vec::new();
        for item in fields.required("markets")?.list()? {
            let market = MarketInput::read(item.clone(), now)?;
            if markets.iter().any(|known| known.name == market.name) {
                return Err(item.error(format!("market {:?} stands twice", market.name)));
            }
            markets.push(market);
        }
        position::read_all(&fields.required("positions")?, &mut markets)?;
        let mut collateral = Vec::new();
        for item in fields.required("collateral")?.list()? {
            collateral.push(read_collateral(item, &terms, &mut markets)?);
        }
        let groups = match fields.optional("groups") {
            Some(at) => read_groups(&at, &markets)?,
            None => Vec::new(),
        };
        fields.finish()?;
        Ok(Self {
            now,
            tier,
            cash,
            terms,
            markets,
            collateral,
            groups,
            rounded: Vec::new(),
        })
    }
}

/// The market of that name.
fn market_index(at: &At<'_>, markets: &[MarketInput]) -> Result<usize, Failure> {
    let name = at.text()?;
    let found = markets.iter().position(|market| market.name == name);
    found.ok_or_else(|| at.error(format!("{name:?} is not the name of a market here")))
}

/// What holds for the account: the quote asset's price, its peg, the charge for uncertain collateral.
fn account(fields: &mut Fields<'_>) -> Result<AccountTerms, Failure> {
    let mut terms = AccountTerms::MAJOR;
    let Some(at) = fields.optional("account") else {
        return Ok(terms);
    };
    let mut fields = at.object()?;
    let quote_price = Price::from_raw(100_000_000);
    terms.quote_price = fields
        .optional("quote_price")
        .map_or(Ok(quote_price), |at| at.units(Unit::PRICE).map(price))?;
    if let Some(at) = fields.optional("peg") {
        let mut fields = at.object()?;
        terms.peg_threshold = Ratio::from_raw(fields.units("threshold", Unit::RATIO)?);
        terms.peg_factor = Ratio::from_raw(fields.units("factor", Unit::RATIO)?);
        fields.finish()?;
    }
    if let Some(at) = fields.optional("confidence") {
        let mut fields = at.object()?;
        terms.confidence = ConfidenceParams {
            threshold: Ratio::from_raw(fields.units("threshold", Unit::RATIO)?),
            factor: Ratio::from_raw(fields.units("factor", Unit::RATIO)?),
        };
        fields.finish()?;
    }
    terms
        .validate()
        .map_err(|error| refused(error).at(fields.at().path()))?;
    fields.finish()?;
    Ok(terms)
}

fn read_collateral(
    at: At<'_>,
    terms: &AccountTerms,
    markets: &mut [MarketInput],
) -> Result<HeldCollateral, Failure> {
    let mut fields = at.object()?;
    fields.required("asset")?.text()?;
    let amount = fields.units("amount", Unit::new(6, 0, i64::MAX / 2))?;
    let amount = Quantity::from_raw(amount);
    let price = price(fields.units("price", Unit::PRICE)?);
    let maintenance = fields.units("haircut_maintenance", Unit::SHARE)?;
    let initial = fields.units("haircut_initial", Unit::new(6, 0, ONE - maintenance))?;
    let mut confidence = fields.units_or("confidence", Unit::SHARE, ONE)?;
    let mut underlying = None;
    if let Some(at) = fields.optional("market") {
        let index = market_index(&at, markets)?;
        underlying = Some(index);
        if let Some(market) = markets.get_mut(index) {
            let sum = market.offset.checked_add(amount);
            market.offset = sum.map_err(|error| refused(error).at(fields.at().path()))?;
            confidence = confidence.min(market.spot_confidence.raw());
        }
    }
    let value = amount
        .notional(price)
        .and_then(|value| terms.in_quote(value))
        .map_err(|error| refused(error).at(fields.at().path()))?;
    fields.finish()?;
    Ok(HeldCollateral {
        underlying,
        collateral: Collateral {
            value,
            haircut_maintenance: Ratio::from_raw(maintenance),
            haircut_initial: Ratio::from_raw(initial),
            confidence: Ratio::from_raw(confidence),
        },
    })
}

fn read_groups(at: &At<'_>, markets: &[MarketInput]) -> Result<Vec<GroupInput>, Failure> {
    let mut groups: Vec<GroupInput> = Vec::new();
    for item in at.list()? {
        let mut fields = item.object()?;
        let mut members = Vec::new();
        for at in fields.required("markets")?.list()? {
            let index = market_index(&at, markets)?;
            let grouped = groups.iter().any(|group| group.markets.contains(&index));
            if grouped || members.contains(&index) {
                return Err(at.error("a market is in one group, once"));
            }
            members.push(index);
        }
        let params = GroupParams {
            kappa: Ratio::from_raw(fields.units("kappa", Unit::SHARE)?),
            offset_cap: Ratio::from_raw(fields.units("offset_cap", Unit::SHARE)?),
        };
        fields.finish()?;
        groups.push(GroupInput {
            markets: members,
            params,
        });
    }
    Ok(groups)
}
