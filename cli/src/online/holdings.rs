//! `pm positions`: what an account holds, each at its mark and with its Greeks; collateral; and the markets as the engine reads them.

use client_core::{AccountData, Inputs};
use portfolio_margin_client::Loaded;
use portfolio_margin_interface::state::{Market, PositionRecord};
use risk_core::greeks::{market_greeks, Greeks};
use risk_core::market::{Expiry, ExpirySource, MarketParams};
use risk_core::position::{PositionSource, QuotedPosition};
use risk_core::{Price, Quantity, RiskError};
use risk_document::{Picture, Subject};
use serde::Serialize;

use super::amount::{grouped, money, shown, PRICE, QUOTE, SIZE};
use super::failure::Failure;
use super::output::{table, Column, Shown};
use super::refusal;
use super::series::{Names, Series};

/// What an account holds; amounts as decimal strings.
#[derive(Clone, Debug, Serialize)]
pub struct Holdings {
    /// Address of the margin account.
    pub account: String,
    /// Slot of what it was read from.
    pub slot: u64,
    /// Quote balance, USD.
    pub cash: String,
    /// Collateral other than quote.
    pub collateral: Vec<Balance>,
    /// In the account's order.
    pub positions: Vec<Position>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
}

/// Collateral.
#[derive(Clone, Debug, Serialize)]
pub struct Balance {
    /// Index of the bank.
    pub bank: u16,
    /// Address of the mint.
    pub mint: String,
    /// Whole tokens.
    pub amount: String,
    /// Price, USD.
    pub price: String,
}

/// A position; Greeks in USD but for delta.
#[derive(Clone, Debug, Serialize)]
pub struct Position {
    /// Symbol.
    pub series: String,
    /// Base units, negative for short.
    pub size: String,
    /// Value.
    pub mark: String,
    /// Base units of the underlying.
    pub delta: String,
    /// Change of delta times spot per percent.
    pub gamma: String,
    /// Per volatility point.
    pub vega: String,
    /// Per day.
    pub theta: String,
}

fn refused(market: &str, error: RiskError) -> Failure {
    Failure::refused(format!("{market}: the engine refuses it: {error:?}"))
}

/// Records of one market, in order.
fn in_market(positions: &[PositionRecord], market: u16) -> Vec<PositionRecord> {
    let held = positions.iter().filter(|held| held.market == market);
    held.copied().collect()
}

impl Holdings {
    /// Of an account with everything that its check reads.
    pub fn new(loaded: &Loaded, names: &Names) -> Result<Self, Failure> {
        let (data, inputs) = (&loaded.account, &loaded.moment.inputs);
        let (mut positions, mut rows) = (Vec::new(), Vec::new());
        for (market, price) in &inputs.markets {
            let records = in_market(&data.positions, market.index);
            let name = names.of(market.index);
            let greeks = leg_greeks(market, price.price, inputs.now, &records)
                .map_err(|error| refused(&name, error))?;
            for (record, greeks) in records.iter().zip(greeks) {
                let series = names.show(&Series::of_record(record));
                rows.push(row(&series, record, &greeks));
                positions.push(position(series, record, &greeks));
            }
        }
        let banks = inputs.banks.iter().filter_map(|(bank, price)| {
            let amount = data.header.collateral_of(bank.index);
            (amount > 0).then(|| Balance {
                bank: bank.index,
                mint: bank.mint.to_string(),
                amount: shown(amount, bank.decimals.into()),
                price: shown(price.price.raw(), PRICE),
            })
        });
        Ok(Self {
            account: loaded.key.to_string(),
            slot: loaded.moment.slot,
            cash: shown(data.header.cash, QUOTE),
            collateral: banks.collect(),
            positions,
            rows,
        })
    }
}

fn position(series: String, record: &PositionRecord, greeks: &Greeks) -> Position {
    Position {
        series,
        size: shown(record.quantity, SIZE),
        mark: shown(greeks.mark.raw(), QUOTE),
        delta: shown(greeks.delta.raw(), SIZE),
        gamma: shown(greeks.gamma.raw(), QUOTE),
        vega: shown(greeks.vega.raw(), QUOTE),
        theta: shown(greeks.theta.raw(), QUOTE),
    }
}

fn row(series: &str, record: &PositionRecord, greeks: &Greeks) -> Vec<String> {
    let usd =
        [greeks.mark, greeks.gamma, greeks.vega, greeks.theta].map(|value| money(value.raw()));
    let [mark, gamma, vega, theta] = usd;
    let size = grouped(record.quantity, SIZE, 0);
    let delta = grouped(greeks.delta.raw(), SIZE, 0);
    vec![series.to_owned(), size, mark, delta, gamma, vega, theta]
}

/// Mark and Greeks of each record of a market.
fn leg_greeks(
    market: &Market,
    spot: Price,
    now: i64,
    records: &[PositionRecord],
) -> Result<Vec<Greeks>, RiskError> {
    let params = market.params();
    let input = market.input(now, spot, market.scenarios.set()?, &params);
    let mut legs = vec![Greeks::default(); records.len()];
    market_greeks(&input, records, &mut legs, &mut [])?;
    Ok(legs)
}

impl Shown for Holdings {
    fn table(&self) -> String {
        let mut text = format!(
            "{}  cash {} USD",
            self.account,
            super::amount::regrouped(&self.cash)
        );
        for held in &self.collateral {
            let amount = super::amount::regrouped(&held.amount);
            text.push_str(&format!(
                "\n{amount} of {} (bank @{}) at {} USD",
                held.mint, held.bank, held.price
            ));
        }
        if self.rows.is_empty() {
            return format!("{text}\nno positions");
        }
        let columns = [
            Column::Left("series"),
            Column::Right("size"),
            Column::Right("mark"),
            Column::Right("delta"),
            Column::Right("gamma per 1 %"),
            Column::Right("vega per point"),
            Column::Right("theta per day"),
        ];
        format!("{text}\n\n{}", table(&columns, self.rows.clone()))
    }
}

/// The pictures of an account's markets, as `pm matrix` draws those of a document.
pub fn pictures(loaded: &Loaded, names: &Names) -> Result<Vec<Picture>, Failure> {
    let (data, inputs) = (&loaded.account, &*loaded.moment.inputs);
    let report = loaded
        .with(as_portfolio(data))
        .report()
        .map_err(refusal::of_client)?;
    let mut pictures = Vec::new();
    for report in &report.report.markets {
        let found = inputs
            .markets
            .iter()
            .find(|(market, _)| market.index == report.market);
        let Some((market, price)) = found else {
            continue;
        };
        let name = names.of(market.index);
        let wrong = |error| refused(&name, error);
        let records = in_market(&data.positions, market.index);
        let offset = offset(data, inputs, market.index).map_err(wrong)?;
        if records.is_empty() && offset == Quantity::ZERO {
            continue;
        }
        let params = market.params();
        let expiries: Vec<Expiry> = market
            .expiries
            .iter()
            .map(|slot| slot.expiry_at(inputs.now))
            .collect();
        let engine = engine(market, price.price, inputs.now, &params, &expiries).map_err(wrong)?;
        let quoted = |record: &PositionRecord| QuotedPosition {
            position: record.position(),
            volatility: None,
        };
        let positions: Vec<QuotedPosition> = records.iter().map(quoted).collect();
        let subject = Subject {
            name: &name,
            market: risk_core::market::Market { offset, ..engine },
            positions: &positions,
        };
        let mut pnl = [0; risk_core::scenario::MAX_SCENARIOS];
        for (place, value) in pnl.iter_mut().zip(&report.pnl) {
            *place = *value;
        }
        pictures.push(Picture::of(&subject, &report.risk, &pnl)?);
    }
    Ok(pictures)
}

/// The same account under the portfolio model, whose matrix is shown in any tier, as by `view_risk_matrix`.
fn as_portfolio(data: &AccountData) -> AccountData {
    let mut data = data.clone();
    data.header.tier = risk_core::tier::Tier::Portfolio as u8;
    data
}

/// The market with its expiries as the engine reads them one by one.
fn engine<'a>(
    market: &'a Market,
    spot: Price,
    now: i64,
    params: &'a MarketParams,
    expiries: &'a [Expiry],
) -> Result<risk_core::market::Market<'a, Expiry>, RiskError> {
    let set = market.scenarios.set()?;
    Ok(risk_core::market::Market {
        funding: market.funding.index_at(now),
        stable_price: market.stable_price(),
        ..risk_core::market::Market::new(now, spot, set, params, expiries)
    })
}

/// Collateral of the account that offsets a market's risk.
fn offset(data: &AccountData, inputs: &Inputs, market: u16) -> Result<Quantity, RiskError> {
    let terms = inputs.house.account_terms_at(inputs.now);
    let mut sum = Quantity::ZERO;
    for (bank, _) in &inputs.banks {
        let held = data
            .header
            .used_collateral()
            .find(|held| held.bank == bank.index);
        if let Some(held) = held.filter(|held| held.offset_market() == Some(market)) {
            let weight = bank.weight_floor(inputs.now);
            sum = sum.checked_add(bank.offset_at(held.amount, weight, &terms)?)?;
        }
    }
    Ok(sum)
}

/// The spot multiplier of a market's scenario, 1e-6.
pub fn spot_of(loaded: &Loaded, market: u16, scenario: u8) -> Option<i64> {
    let mut markets = loaded.moment.inputs.markets.iter();
    let (market, _) = markets.find(|(listed, _)| listed.index == market)?;
    let spot = market.scenarios.spot.get(usize::from(scenario))?;
    let millionths = (i128::from(*spot) * 1_000_000 + (1 << 29)) >> 30;
    i64::try_from(millionths).ok()
}
