//! The views: what the program returns for an account as it is, or as it would be after legs as taker.

use anchor_lang::prelude::Pubkey;
use anchor_lang::{InstructionData, ToAccountMetas};
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::{GreeksPage, TradeLeg};
use portfolio_margin_interface::state::MarginAccount;
use portfolio_margin_interface::view::{
    GreeksView, LegGreeksView, MarginView, RiskMatrixView, View,
};
use portfolio_margin_interface::ID;
use risk_core::greeks::{market_greeks, ExpiryGreeks, Greeks, NetGreeks};
use risk_core::{Price, RiskError};
use solana_instruction::Instruction;

use crate::accounts::Scope;
use crate::transaction::Outcome;
use crate::world::World;

/// The Greeks of one market, computed off chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketGreeks {
    /// Index of the market.
    pub market: u16,
    /// Its price.
    pub spot: Price,
    /// All legs.
    pub sum: NetGreeks,
    /// By expiry, in order.
    pub expiries: Vec<ExpiryGreeks>,
    /// By leg, in order.
    pub legs: Vec<Greeks>,
}

impl Outcome {
    /// The view in the return data.
    #[track_caller]
    pub fn view<V: View>(&self) -> V {
        V::read(&self.return_data).expect("a view of that type")
    }
}

impl World {
    /// The instruction of [`World::view_margin_after`].
    pub fn view_margin_after_ix(&self, account: &Pubkey, legs: &[TradeLeg]) -> Instruction {
        let named = accounts::View {
            clearinghouse: self.house_of(account),
            margin_account: *account,
        };
        let data = instruction::ViewMargin {
            legs: legs.to_vec(),
        };
        self.view_ix(account, legs, named, data)
    }

    /// The margin that the program computes for an account after legs.
    #[track_caller]
    pub fn view_margin_after(
        &mut self,
        account: &Pubkey,
        legs: &[TradeLeg],
    ) -> (MarginView, Outcome) {
        let ix = self.view_margin_after_ix(account, legs);
        self.viewed(&ix)
    }

    /// An instruction that returns a page of Greeks.
    pub fn view_greeks_ix(
        &self,
        account: &Pubkey,
        page: GreeksPage,
        legs: &[TradeLeg],
    ) -> Instruction {
        let named = accounts::View {
            clearinghouse: self.house_of(account),
            margin_account: *account,
        };
        let data = instruction::ViewGreeks {
            page,
            legs: legs.to_vec(),
        };
        self.view_ix(account, legs, named, data)
    }

    /// The Greeks that the program computes, by market.
    #[track_caller]
    pub fn view_greeks(&mut self, account: &Pubkey, legs: &[TradeLeg]) -> (GreeksView, Outcome) {
        let ix = self.view_greeks_ix(account, GreeksPage::Account, legs);
        self.viewed(&ix)
    }

    /// The Greeks of one market, by expiry from row `first` on.
    #[track_caller]
    pub fn view_market_greeks(
        &mut self,
        account: &Pubkey,
        (market, first): (u16, u8),
        legs: &[TradeLeg],
    ) -> (GreeksView, Outcome) {
        let page = GreeksPage::Market { market, first };
        let ix = self.view_greeks_ix(account, page, legs);
        self.viewed(&ix)
    }

    /// The Greeks of one market, by leg from row `first` on.
    #[track_caller]
    pub fn view_leg_greeks(
        &mut self,
        account: &Pubkey,
        (market, first): (u16, u8),
        legs: &[TradeLeg],
    ) -> (LegGreeksView, Outcome) {
        let page = GreeksPage::Legs { market, first };
        let ix = self.view_greeks_ix(account, page, legs);
        self.viewed(&ix)
    }

    /// The instruction of [`World::view_risk_matrix`].
    pub fn view_risk_matrix_ix(
        &self,
        account: &Pubkey,
        market: u16,
        legs: &[TradeLeg],
    ) -> Instruction {
        let named = accounts::View {
            clearinghouse: self.house_of(account),
            margin_account: *account,
        };
        let data = instruction::ViewRiskMatrix {
            market,
            legs: legs.to_vec(),
        };
        self.view_ix(account, legs, named, data)
    }

    /// One market's PnL under each scenario.
    #[track_caller]
    pub fn view_risk_matrix(
        &mut self,
        account: &Pubkey,
        market: u16,
        legs: &[TradeLeg],
    ) -> (RiskMatrixView, Outcome) {
        let ix = self.view_risk_matrix_ix(account, market, legs);
        self.viewed(&ix)
    }

    fn house_of(&self, account: &Pubkey) -> Pubkey {
        self.read::<MarginAccount>(account).clearinghouse
    }

    fn view_ix(
        &self,
        account: &Pubkey,
        legs: &[TradeLeg],
        named: impl ToAccountMetas,
        data: impl InstructionData,
    ) -> Instruction {
        let mut metas = named.to_account_metas(None);
        metas.extend(self.view_metas(account, legs));
        Instruction {
            program_id: ID,
            accounts: metas,
            data: data.data(),
        }
    }

    #[track_caller]
    fn viewed<V: View>(&mut self, ix: &Instruction) -> (V, Outcome) {
        let outcome = self.send(std::slice::from_ref(ix), &[]).ok();
        (outcome.view(), outcome)
    }

    /// What the engine says of an account's Greeks now, market by market.
    pub fn native_greeks(&self, account: &Pubkey) -> Result<Vec<MarketGreeks>, RiskError> {
        let (header, positions) = self.account(account);
        let inputs = self.inputs(&header.clearinghouse, &Scope::of(&header, &positions));
        let markets = inputs.markets.iter().map(|(market, shown)| {
            let held: Vec<_> = positions
                .iter()
                .filter(|record| record.market == market.index)
                .copied()
                .collect();
            let params = market.params();
            let engine = market.input(inputs.now, shown.price, market.scenarios.set()?, &params);
            let mut legs = vec![Greeks::default(); held.len()];
            let mut expiries = vec![ExpiryGreeks::default(); held.len()];
            let (sum, count) = market_greeks(&engine, &held, &mut legs, &mut expiries)?;
            expiries.truncate(count);
            Ok(MarketGreeks {
                market: market.index,
                spot: shown.price,
                sum,
                expiries,
                legs,
            })
        });
        markets.collect()
    }
}
