//! Accounts without equity: proofs and bids, as instructions from addresses and as actions.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::{BidArgs, ProveInsolvencyArgs};
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::Trader;
use crate::instructions::instruction;
use crate::transaction::Outcome;
use crate::world::World;

/// `prove_insolvency`.
pub fn prove_insolvency(
    house: &Pubkey,
    account: &Pubkey,
    witness: Vec<u8>,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::ProveInsolvency {
        clearinghouse: *house,
        margin_account: *account,
    };
    let args = ProveInsolvencyArgs { witness };
    instruction(accounts, instruction::ProveInsolvency { args }, remaining)
}

/// `bid_insolvent`; `loss_market` is the one that the account names.
pub fn bid_insolvent(
    liquidator: &Trader,
    liquidatee: &Pubkey,
    loss_market: Option<Pubkey>,
    args: BidArgs,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::BidInsolvent {
        liquidator_owner: liquidator.user.key,
        clearinghouse: liquidator.house,
        liquidator: liquidator.account,
        liquidatee: *liquidatee,
        loss_market,
    };
    instruction(accounts, instruction::BidInsolvent { args }, remaining)
}

impl World {
    /// The instruction of [`World::prove_insolvency`].
    pub fn prove_insolvency_ix(&self, account: &Pubkey, witness: &[u8]) -> Instruction {
        let (header, _) = self.account(account);
        let remaining = self.margin_metas(account);
        prove_insolvency(&header.clearinghouse, account, witness.to_vec(), remaining)
    }

    /// Proves an account insolvent by its worst scenarios, or takes the proof back. Anybody may.
    #[track_caller]
    pub fn prove_insolvency(&mut self, account: &Pubkey) -> Outcome {
        let witness = self.report(account).witness();
        let ix = self.prove_insolvency_ix(account, &witness);
        self.send(&[ix], &[])
    }

    /// The market in which a loss of an account counts.
    pub fn loss_market(&self, account: &Pubkey) -> Option<Pubkey> {
        let (header, _) = self.account(account);
        let index = header.loss_market.checked_sub(1)?;
        self.market(&header.clearinghouse, index)
            .map(|market| market.key)
    }

    /// The instruction of [`World::bid_insolvent`].
    pub fn bid_insolvent_ix(
        &self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        args: BidArgs,
    ) -> Instruction {
        let loss_market = self.loss_market(liquidatee);
        let remaining = self.bid_metas(liquidator, liquidatee);
        bid_insolvent(liquidator, liquidatee, loss_market, args, remaining)
    }

    /// Bids for `fraction` (1e-9) of an account that was proved insolvent, by its worst scenarios, whatever it brings.
    #[track_caller]
    pub fn bid_insolvent(
        &mut self,
        liquidator: &Trader,
        liquidatee: &Pubkey,
        fraction: u64,
    ) -> Outcome {
        let args = BidArgs {
            witness: self.report(liquidatee).witness(),
            fraction,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = self.bid_insolvent_ix(liquidator, liquidatee, args);
        self.send(&[ix], &[liquidator.user])
    }
}
