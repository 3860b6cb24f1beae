//! The last resort of a default: giving positions of an insolvent account to one of opposite risk.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::DeleverageArgs;
use risk_core::deleverage::Candidate;
use risk_core::scan::ScenarioPnl;
use risk_core::scenario::MAX_SCENARIOS;
use solana_instruction::{AccountMeta, Instruction};

use crate::instructions::instruction;
use crate::keys::User;
use crate::transaction::Outcome;
use crate::world::World;

/// `auto_deleverage`.
pub fn auto_deleverage(
    house: &Pubkey,
    caller: &Pubkey,
    [liquidatee, counterparty]: [&Pubkey; 2],
    args: DeleverageArgs,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::AutoDeleverage {
        caller: *caller,
        clearinghouse: *house,
        liquidatee: *liquidatee,
        counterparty: *counterparty,
    };
    instruction(accounts, instruction::AutoDeleverage { args }, remaining)
}

impl World {
    /// Remaining accounts of a deleverage: the liquidatee's with its markets to be written, then the counterparty's with the markets
    /// that move.
    pub fn deleverage_metas(
        &self,
        liquidatee: &Pubkey,
        counterparty: &Pubkey,
        market: Option<u16>,
    ) -> Vec<AccountMeta> {
        let (header, _) = self.account(liquidatee);
        let scopes = [self.scope(liquidatee), self.scope(counterparty)];
        let (directory, [from, to]) = self.listed(&header.clearinghouse, scopes);
        let metas = directory.deleverage_metas(&from, &to, market);
        metas.expect("banks that are listed")
    }

    /// The instruction of [`World::auto_deleverage`].
    pub fn auto_deleverage_ix(
        &self,
        caller: &User,
        liquidatee: &Pubkey,
        counterparty: &Pubkey,
        args: DeleverageArgs,
    ) -> Instruction {
        let (header, _) = self.account(liquidatee);
        let remaining = self.deleverage_metas(liquidatee, counterparty, args.market);
        let sides = [liquidatee, counterparty];
        auto_deleverage(&header.clearinghouse, &caller.key, sides, args, remaining)
    }

    /// Gives up to `fraction` (1e-9) of all positions of an insolvent account to a counterparty.
    #[track_caller]
    pub fn auto_deleverage(
        &mut self,
        caller: &User,
        liquidatee: &Pubkey,
        counterparty: &Pubkey,
        fraction: u64,
    ) -> Outcome {
        let args = DeleverageArgs {
            fraction,
            market: None,
        };
        let ix = self.auto_deleverage_ix(caller, liquidatee, counterparty, args);
        self.send(&[ix], &[*caller])
    }

    /// What a keeper finds when it compares an account's book in one market with a candidate's. Of accounts of the Portfolio tier,
    /// in a market without a correlation group, where no collateral offsets the book's risk.
    pub fn candidate(&self, id: u32, [book, candidate]: [&Pubkey; 2], market: u16) -> Candidate {
        let [book, other] = [book, candidate].map(|key| {
            let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
            let report = self.report(key);
            if let Some(found) = report.markets.iter().find(|m| m.market == market) {
                let count = self.directional(&self.account(key).0.clearinghouse, market);
                pnl[..count].copy_from_slice(&found.pnl[..count]);
            }
            [pnl]
        });
        Candidate::new(id, &book, &other)
    }

    /// How many scenarios of a market come before its skew nodes.
    fn directional(&self, house: &Pubkey, index: u16) -> usize {
        let market = self.market(house, index).expect("a listed market");
        let state: portfolio_margin_interface::state::Market = self.read(&market.key);
        state.scenarios.set().expect("a valid set").directional()
    }
}
