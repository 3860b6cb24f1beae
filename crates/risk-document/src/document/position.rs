//! The positions of a document, sorted into their markets.

use risk_core::position::{Instrument, Position, QuotedPosition};
use risk_core::{Price, Quantity, Quote};

use super::market::{price, ListedExpiry, MarketInput, VOLATILITY};
use super::market_index;
use crate::failure::Failure;
use crate::reader::{At, Fields, Unit};
use crate::refusal::refused;

const INSTRUMENTS: [(&str, Instrument); 4] = [
    ("call", Instrument::Call),
    ("put", Instrument::Put),
    ("perpetual", Instrument::Perpetual),
    ("future", Instrument::Future),
];

/// Reads the list and puts each position where the engine wants it: by expiry, strike and instrument.
pub fn read_all(at: &At<'_>, markets: &mut [MarketInput]) -> Result<(), Failure> {
    for (place, item) in at.list()?.enumerate() {
        let (index, quoted) = read(item.clone(), markets)?;
        let Some(market) = markets.get_mut(index) else {
            continue;
        };
        let series = |held: &QuotedPosition| {
            let Position {
                expiry,
                strike,
                instrument,
                ..
            } = held.position;
            (expiry, strike, instrument)
        };
        match market
            .positions
            .binary_search_by_key(&series(&quoted), series)
        {
            Ok(same) => {
                let first = market.places.get(same).copied().unwrap_or_default();
                let text = format!("the same series as positions[{first}]: state their sum");
                return Err(item.error(text));
            }
            Err(slot) => {
                market.positions.insert(slot, quoted);
                market.places.insert(slot, place);
            }
        }
    }
    Ok(())
}

/// One position and the index of its market.
fn read(at: At<'_>, markets: &[MarketInput]) -> Result<(usize, QuotedPosition), Failure> {
    let mut fields = at.object()?;
    let index = market_index(&fields.required("market")?, markets)?;
    let market = markets.get(index);
    let instrument = fields.required("instrument")?.choice(&INSTRUMENTS)?;
    let quantity = Quantity::from_raw(fields.units("quantity", Unit::AMOUNT)?);
    let listed = match (instrument, market) {
        (Instrument::Perpetual, Some(market)) => {
            if market.perp_price.is_none() {
                let path = format!("markets[{index}].perpetual_price");
                let text = format!("missing: {} holds the perpetual", fields.at().path());
                return Err(Failure::document(text).at(&path));
            }
            None
        }
        (_, Some(market)) => Some(listed(&mut fields, market)?),
        (_, None) => None,
    };
    let expiry = listed.map_or(0, |listed| listed.expiry.time);
    let mut volatility = None;
    let position = match instrument {
        Instrument::Perpetual => Position::perpetual(quantity, cost(&mut fields, quantity)?),
        Instrument::Future => Position::future(expiry, quantity, cost(&mut fields, quantity)?),
        Instrument::Call | Instrument::Put => {
            let strike: Price = price(fields.units("strike", Unit::PRICE)?);
            volatility = explicit_volatility(&mut fields, listed.as_ref())?;
            Position::option(instrument, expiry, strike, quantity)
        }
    };
    fields.finish()?;
    Ok((
        index,
        QuotedPosition {
            position,
            volatility,
        },
    ))
}

/// The expiry that a position names.
fn listed(fields: &mut Fields<'_>, market: &MarketInput) -> Result<ListedExpiry, Failure> {
    let at = fields.required("expiry")?;
    let time = at.seconds()?;
    let found = market
        .expiries
        .iter()
        .find(|listed| listed.expiry.time == time);
    found.copied().ok_or_else(|| {
        let name = &market.name;
        at.error(format!("market {name:?} lists no expiry {time}"))
    })
}

/// What was paid: `quantity x entry - funding`.
fn cost(fields: &mut Fields<'_>, quantity: Quantity) -> Result<Quote, Failure> {
    let entry = price(fields.units("entry", Unit::PRICE)?);
    let funding = Quote::from_raw(fields.units_or("funding", Unit::AMOUNT, 0)?);
    quantity
        .notional(entry)
        .and_then(|paid| paid.checked_sub(funding))
        .map_err(|error| refused(error).at(fields.at().path()))
}

/// An option's own volatility, or its expiry's; `None` where the smile says it.
fn explicit_volatility(
    fields: &mut Fields<'_>,
    listed: Option<&ListedExpiry>,
) -> Result<Option<u64>, Failure> {
    if let Some(at) = fields.optional("volatility") {
        return at.units(VOLATILITY).map(|raw| Some(raw.unsigned_abs()));
    }
    let Some(listed) = listed else {
        return Ok(None);
    };
    if listed.expiry.svi.is_none() && listed.volatility.is_none() {
        let reason = ": its expiry has neither a smile nor a volatility";
        return Err(fields.missing("volatility", reason));
    }
    Ok(listed.volatility)
}
