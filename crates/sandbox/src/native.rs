//! An account's margin computed off chain, from the same bytes: by the clients' own code.

use anchor_lang::prelude::Pubkey;
use risk_core::{Price, RiskError};

use crate::accounts::Scope;
use crate::oracle::decode;
use crate::world::World;

pub use client_core::{evaluate, Inputs, MarketReport, NativeReport, ReportError, ShownPrice};

impl World {
    /// What the engine says of an account now. Prices are taken as they stand, whatever their age or confidence.
    #[track_caller]
    pub fn report(&self, account: &Pubkey) -> NativeReport {
        self.try_report(account)
            .unwrap_or_else(|error| panic!("the engine refused {account}: {error:?}"))
    }

    /// The same, for accounts that the engine may refuse.
    #[track_caller]
    pub fn try_report(&self, account: &Pubkey) -> Result<NativeReport, RiskError> {
        let (header, positions) = self.account(account);
        let inputs = self.inputs(&header.clearinghouse, &Scope::of(&header, &positions));
        evaluate(&header, &positions, &inputs).map_err(|error| match error {
            ReportError::Risk(error) => error,
            missing => panic!("the inputs of {account}: {missing}"),
        })
    }

    /// Reads banks, markets and prices of a scope.
    #[track_caller]
    pub fn inputs(&self, house: &Pubkey, scope: &Scope) -> Inputs {
        let banks = scope.banks.iter().map(|index| {
            let bank = self.bank(house, *index);
            (self.read(&bank.key), self.shown_price(&bank.price))
        });
        let markets = scope.markets.iter().map(|index| {
            let market = self.market(house, *index).expect("a listed market");
            (self.read(&market.key), self.shown_price(&market.price))
        });
        Inputs {
            house: self.read(house),
            banks: banks.collect(),
            markets: markets.collect(),
            now: self.now(),
        }
    }

    /// The price in a Pyth account, in 1e-8 USD, floored; unchecked.
    #[track_caller]
    pub fn spot(&self, price_account: &Pubkey) -> Price {
        self.shown_price(price_account).price
    }

    /// The price in a Pyth account with its confidence interval; unchecked.
    #[track_caller]
    pub fn shown_price(&self, price_account: &Pubkey) -> ShownPrice {
        let data = self.data(price_account);
        let (price, confidence, exponent) = decode(&data).expect("a price account");
        ShownPrice::published(price, confidence, exponent).expect("a price in range")
    }
}
