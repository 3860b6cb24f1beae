//! An account's margin computed off chain, from the same bytes with the same engine: what a keeper does.

use anchor_lang::prelude::Pubkey;
use anchor_lang::AccountDeserialize;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, Market, PositionRecord};
use pyth_solana_receiver_sdk::price_update::PriceUpdateV2;
use risk_core::margin::{MarginCheck, MarginReport};
use risk_core::scan::{MarketRisk, ScenarioPnl};
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::{Price, Quote, RiskError};

use crate::accounts::Scope;
use crate::world::World;

/// One market of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketReport {
    /// Index of the market.
    pub market: u16,
    /// Mark, worst scenario, contingencies.
    pub risk: MarketRisk,
    /// PnL under each scenario, quote units.
    pub pnl: Vec<i64>,
}

/// A whole account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeReport {
    /// Health and requirements.
    pub margin: MarginReport,
    /// Each market held, in order.
    pub markets: Vec<MarketReport>,
}

impl NativeReport {
    /// The worst scenario of each market: what proves a breach if anything does.
    pub fn witness(&self) -> Vec<u8> {
        self.markets
            .iter()
            .map(|market| market.risk.worst_scenario)
            .collect()
    }
}

/// Accounts that a check reads, with their prices.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Banks of which the account may hold collateral.
    pub banks: Vec<(CollateralBank, Price)>,
    /// Markets in which the account may hold positions, by index.
    pub markets: Vec<(Market, Price)>,
    /// Unix time.
    pub now: i64,
}

/// Evaluates an account that may or may not exist on chain.
pub fn evaluate(
    header: &MarginAccount,
    positions: &[PositionRecord],
    inputs: &Inputs,
) -> Result<NativeReport, RiskError> {
    let mut check = MarginCheck::new(Quote::from_raw(header.cash));
    for (bank, price) in &inputs.banks {
        let amount = header.collateral_of(bank.index);
        check.add_collateral(&bank.collateral(amount, *price)?)?;
    }
    let mut markets = Vec::with_capacity(inputs.markets.len());
    for (market, spot) in &inputs.markets {
        let held: Vec<PositionRecord> = positions
            .iter()
            .filter(|record| record.market == market.index)
            .copied()
            .collect();
        let params = market.params();
        let scenarios = market.scenarios.set()?;
        let engine = market.input(inputs.now, *spot, scenarios, &params);
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        let risk = check.add_market(&engine, &held, &mut pnl)?;
        markets.push(MarketReport {
            market: market.index,
            risk,
            pnl: pnl[..scenarios.count()].to_vec(),
        });
    }
    Ok(NativeReport {
        margin: check.finish(),
        markets,
    })
}

impl World {
    /// What the engine says of an account now. Prices are taken as they stand, whatever their age or confidence.
    #[track_caller]
    pub fn report(&self, account: &Pubkey) -> NativeReport {
        self.try_report(account)
            .unwrap_or_else(|error| panic!("the engine refused {account}: {error:?}"))
    }

    /// The same, for accounts that the engine may refuse.
    pub fn try_report(&self, account: &Pubkey) -> Result<NativeReport, RiskError> {
        let (header, positions) = self.account(account);
        let inputs = self.inputs(&header.clearinghouse, &Scope::of(&header, &positions));
        evaluate(&header, &positions, &inputs)
    }

    /// Reads banks, markets and prices of a scope.
    #[track_caller]
    pub fn inputs(&self, house: &Pubkey, scope: &Scope) -> Inputs {
        let banks = scope.banks.iter().map(|index| {
            let bank = self.bank(house, *index);
            (self.read(&bank.key), self.spot(&bank.price))
        });
        let markets = scope.markets.iter().map(|index| {
            let market = self.market(house, *index).expect("a listed market");
            (self.read(&market.key), self.spot(&market.price))
        });
        Inputs {
            banks: banks.collect(),
            markets: markets.collect(),
            now: self.now(),
        }
    }

    /// The price in a Pyth account, in 1e-8 USD, floored; unchecked.
    #[track_caller]
    pub fn spot(&self, price_account: &Pubkey) -> Price {
        let data = self.data(price_account);
        let message = PriceUpdateV2::try_deserialize(&mut &data[..])
            .expect("a price update")
            .price_message;
        let price = u128::from(message.price.unsigned_abs());
        let power = 10u128.pow((message.exponent + 8).unsigned_abs());
        let scaled = if message.exponent < -8 {
            price / power
        } else {
            price * power
        };
        Price::from_raw(u64::try_from(scaled).expect("a price in range"))
    }
}
