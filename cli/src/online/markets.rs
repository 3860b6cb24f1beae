//! `pm markets` and `pm banks`: what the house lists, with the prices of now.

use client_core::{Inputs, ShownPrice};
use portfolio_margin_interface::state::{CollateralBank, Market};
use risk_core::units::RATIO_ONE;
use serde::Serialize;

use super::amount::{regrouped, shown, PRICE, SIZE};
use super::calendar;
use super::desk::Desk;
use super::failure::Failure;
use super::output::{table, write, Column, Shown};

/// Decimals of a ratio.
const RATIO: u32 = 6;

/// The markets of a house.
#[derive(Clone, Debug, Serialize)]
pub struct Markets {
    /// Slot of what it was read from.
    pub slot: u64,
    /// Unix time of the cluster.
    pub time: i64,
    /// The quote asset's stored price, USD; `null`: it counts as a dollar.
    pub quote_price: Option<String>,
    /// By index.
    pub markets: Vec<MarketLine>,
}

/// One market; prices in USD.
#[derive(Clone, Debug, Serialize)]
pub struct MarketLine {
    /// Index.
    pub index: u16,
    /// Symbol.
    pub market: String,
    /// Address.
    pub key: String,
    /// Address of the price account.
    pub price_account: String,
    /// The price shown there.
    pub price: String,
    /// Its age, seconds; `null`: unknown.
    pub price_age: Option<i64>,
    /// Why nothing may be opened on it.
    pub price_doubt: Option<String>,
    /// The delayed price; `null`: none.
    pub stable_price: Option<String>,
    /// Funding of the running hour per day, as a share of the price.
    pub funding_daily: String,
    /// Long perpetuals, base units; the short ones sum to the same.
    pub perpetual_open: String,
    /// What the regime widens the scenarios by.
    pub regime: String,
    /// Fees of taker and maker, shares of notional.
    pub fees: [String; 2],
    /// Listed expiries.
    pub expiries: Vec<ExpiryLine>,
}

/// One expiry.
#[derive(Clone, Debug, Serialize)]
pub struct ExpiryLine {
    /// As a series writes it.
    pub date: String,
    /// Unix time.
    pub time: i64,
    /// Age of the surface, seconds; `null`: none was posted.
    pub surface_age: Option<i64>,
    /// Forward over spot less one.
    pub basis: String,
    /// The settlement price, once it is final.
    pub settlement_price: Option<String>,
}

/// The banks of a house.
#[derive(Clone, Debug, Serialize)]
pub struct Banks {
    /// Slot of what it was read from.
    pub slot: u64,
    /// By index.
    pub banks: Vec<BankLine>,
}

/// One bank; amounts in whole tokens.
#[derive(Clone, Debug, Serialize)]
pub struct BankLine {
    /// Index.
    pub index: u16,
    /// Address.
    pub key: String,
    /// Address of the mint.
    pub mint: String,
    /// Whether its deposits are cash.
    pub quote: bool,
    /// USD; `null` for the quote asset.
    pub price: Option<String>,
    /// Share that counts in neither health.
    pub haircut_maintenance: String,
    /// Further share that does not count in initial health.
    pub haircut_initial: String,
    /// What accounts hold.
    pub deposits: String,
    /// Most that the bank takes.
    pub cap: String,
    /// The market whose risk it offsets.
    pub offsets: Option<String>,
}

/// `pm markets`.
pub async fn markets(desk: &Desk) -> Result<(), Failure> {
    let moment = desk.moment().await?;
    let inputs = &moment.inputs;
    let line =
        |(market, price): &(Market, ShownPrice)| MarketLine::new(market, price, inputs, desk);
    let house = &inputs.house;
    let markets = Markets {
        slot: moment.slot,
        time: inputs.now,
        quote_price: house
            .has_quote_feed()
            .then(|| shown(house.quote_price, PRICE)),
        markets: inputs.markets.iter().map(line).collect(),
    };
    write(&markets, desk.is_json)
}

/// `pm banks`.
pub async fn banks(desk: &Desk) -> Result<(), Failure> {
    let moment = desk.moment().await?;
    let banks = Banks {
        slot: moment.slot,
        banks: moment
            .inputs
            .banks
            .iter()
            .map(|(bank, price)| BankLine::new(bank, price, desk))
            .collect(),
    };
    write(&banks, desk.is_json)
}

impl MarketLine {
    fn new(market: &Market, price: &ShownPrice, inputs: &Inputs, desk: &Desk) -> Self {
        let directory = desk.directory();
        let listed = directory.markets.get(&market.index);
        let address = |key: Option<portfolio_margin_interface::Pubkey>| {
            key.map_or_else(String::new, |key| key.to_string())
        };
        let name = desk.names.of(market.index);
        let expiries = market.expiries.iter().filter(|slot| slot.time > 0);
        Self {
            index: market.index,
            key: address(listed.map(|listed| listed.key)),
            price_account: address(listed.map(|listed| listed.price)),
            price: shown(price.price.raw(), PRICE),
            price_age: price
                .publish_time
                .map(|time| inputs.now.saturating_sub(time)),
            price_doubt: doubt(price),
            stable_price: market.stable_price().map(|price| shown(price.raw(), PRICE)),
            funding_daily: shown(market.funding.rate, 9),
            perpetual_open: shown(market.perp_open, SIZE),
            regime: shown(market.regime.factor_applied.max(RATIO_ONE as u32), RATIO),
            fees: [market.rules.fee_taker, market.rules.fee_maker].map(|fee| shown(fee, RATIO)),
            expiries: expiries
                .map(|slot| ExpiryLine {
                    date: calendar::shown(slot.time).unwrap_or_else(|| slot.time.to_string()),
                    time: slot.time,
                    surface_age: (slot.posted_at != 0)
                        .then(|| inputs.now.saturating_sub(slot.posted_at)),
                    basis: shown(slot.forward_basis, 9),
                    settlement_price: (slot.settlement.price != 0)
                        .then(|| shown(slot.settlement.price, PRICE)),
                })
                .collect(),
            market: name,
        }
    }
}

/// Why an opening does not accept a price.
fn doubt(price: &ShownPrice) -> Option<String> {
    let refusal = price.refusal.as_ref().map(|refusal| refusal.to_string());
    refusal.or_else(|| price.doubt.as_ref().map(|doubt| doubt.reason.to_string()))
}

impl BankLine {
    /// As `pm deposit` takes it.
    fn name(&self) -> String {
        match self.quote {
            true => "quote".to_owned(),
            false => format!("@{}", self.index),
        }
    }

    fn new(bank: &CollateralBank, price: &ShownPrice, desk: &Desk) -> Self {
        let directory = desk.directory();
        let listed = directory.banks.get(&bank.index);
        let decimals = u32::from(bank.decimals);
        let is_quote = bank.is_quote == 1;
        Self {
            index: bank.index,
            key: listed.map_or_else(String::new, |listed| listed.key.to_string()),
            mint: bank.mint.to_string(),
            quote: is_quote,
            price: (!is_quote).then(|| shown(price.price.raw(), PRICE)),
            haircut_maintenance: shown(bank.haircut_maintenance, RATIO),
            haircut_initial: shown(bank.haircut_initial, RATIO),
            deposits: shown(bank.total_deposits, decimals),
            cap: shown(bank.deposit_cap, decimals),
            offsets: bank
                .offset_market
                .checked_sub(1)
                .map(|market| desk.names.of(market)),
        }
    }
}

fn dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

impl Shown for Markets {
    fn table(&self) -> String {
        let columns = [
            Column::Left("market"),
            Column::Right("price"),
            Column::Right("age"),
            Column::Right("stable price"),
            Column::Right("funding per day"),
            Column::Right("perpetual open"),
            Column::Right("regime"),
        ];
        let row = |line: &MarketLine| {
            vec![
                line.market.clone(),
                regrouped(&line.price),
                line.price_age
                    .map_or_else(|| "-".to_owned(), |age| format!("{age} s")),
                line.stable_price
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), regrouped),
                line.funding_daily.clone(),
                line.perpetual_open.clone(),
                line.regime.clone(),
            ]
        };
        let dates = |line: &MarketLine| {
            let dates = line.expiries.iter().map(|expiry| expiry.date.as_str());
            vec![line.market.clone(), dates.collect::<Vec<_>>().join(" ")]
        };
        // below, not beside: a market may list sixteen
        let expiries = [Column::Left("market"), Column::Left("expiries")];
        let mut text = format!(
            "{}\n\n{}",
            table(&columns, self.markets.iter().map(row).collect()),
            table(&expiries, self.markets.iter().map(dates).collect())
        );
        for line in &self.markets {
            if let Some(doubt) = &line.price_doubt {
                text.push_str(&format!(
                    "\n{}: nothing can be opened: {doubt}",
                    line.market
                ));
            }
        }
        text
    }
}

impl Shown for Banks {
    fn table(&self) -> String {
        let columns = [
            Column::Left("bank"),
            Column::Right("price"),
            Column::Right("haircut"),
            Column::Right("further initial"),
            Column::Right("deposits"),
            Column::Right("cap"),
            Column::Left("offsets"),
        ];
        let row = |line: &BankLine| {
            vec![
                line.name(),
                dash(line.price.as_ref()),
                line.haircut_maintenance.clone(),
                line.haircut_initial.clone(),
                regrouped(&line.deposits),
                regrouped(&line.cap),
                dash(line.offsets.as_ref()),
            ]
        };
        let mints = [Column::Left("bank"), Column::Left("mint")];
        let mint = |line: &BankLine| vec![line.name(), line.mint.clone()];
        format!(
            "{}\n\n{}",
            table(&columns, self.banks.iter().map(row).collect()),
            table(&mints, self.banks.iter().map(mint).collect())
        )
    }
}
