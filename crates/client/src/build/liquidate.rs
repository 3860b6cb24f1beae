//! Liquidations, proofs of insolvency, and what follows a default.

use portfolio_margin_interface::args::{
    BidArgs, DeleverageArgs, LiquidateLegsArgs, ProveInsolvencyArgs, StartLiquidationArgs,
};
use portfolio_margin_interface::instructions::{
    AutoDeleverage, BidInsolvent, BidLiquidation, LiquidateLegs, ProveInsolvency,
    ResolveBankruptcy, RestartAuction, StartLiquidation, StopLiquidation,
};
use portfolio_margin_interface::{seeds, Pubkey};
use solana_instruction::Instruction;

use super::{Builder, Side};
use crate::error::Result;

impl Builder<'_> {
    /// Puts an account below maintenance into liquidation. `witness`: one scenario per market of the account, none under the Standard
    /// tier; see `NativeReport::witness`. Anybody signs.
    pub fn start_liquidation(
        &self,
        caller: &Pubkey,
        side: &Side<'_>,
        witness: &[u8],
    ) -> Result<Instruction> {
        let accounts = StartLiquidation {
            caller: *caller,
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        let remaining = self.listed(self.directory.margin_metas(&side.account.scope()))?;
        let args = StartLiquidationArgs {
            witness: witness.to_vec(),
        };
        Ok(accounts.instruction(&args, &remaining))
    }

    /// Bids for a slice of an account in liquidation. The liquidator's owner signs.
    pub fn bid(
        &self,
        liquidator: &Side<'_>,
        liquidatee: &Side<'_>,
        args: &BidArgs,
    ) -> Result<Instruction> {
        let accounts = BidLiquidation {
            liquidator_owner: liquidator.owner(),
            clearinghouse: self.house(),
            liquidator: liquidator.key,
            liquidatee: liquidatee.key,
        };
        let (ours, theirs) = (liquidator.account.scope(), liquidatee.account.scope());
        let remaining = self.listed(self.directory.bid_metas(&ours, &theirs))?;
        let ix = accounts.instruction(args, &remaining);
        let has_share = self.inputs.house.liquidation.fund_share > 0;
        // the account itself may owe what the bidder takes over
        let moves_debt = self.moves_debt(&liquidator.account.header, args.price_limit.max(0))
            || self.moves_debt(&liquidatee.account.header, 0);
        Ok(self.with_house(ix, has_share || moves_debt || has_proof(liquidatee)))
    }

    /// Takes chosen legs of an account in liquidation for a fee. The liquidator's owner signs.
    pub fn liquidate_legs(
        &self,
        liquidator: &Side<'_>,
        liquidatee: &Side<'_>,
        args: &LiquidateLegsArgs,
    ) -> Result<Instruction> {
        let accounts = LiquidateLegs {
            liquidator_owner: liquidator.owner(),
            clearinghouse: self.house(),
            liquidator: liquidator.key,
            liquidatee: liquidatee.key,
        };
        let (ours, theirs) = (liquidator.account.scope(), liquidatee.account.scope());
        let metas = self.directory.legs_metas(&ours, &theirs, &args.legs);
        let ix = accounts.instruction(args, &self.listed(metas)?);
        // marks decide what is paid, and by whom: either may end in debt
        Ok(self.with_house(ix, true))
    }

    /// Begins the auction of an account anew that has maintenance health again but not the buffer.
    pub fn restart_auction(&self, caller: &Pubkey, side: &Side<'_>) -> Result<Instruction> {
        let accounts = RestartAuction {
            caller: *caller,
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        let remaining = self.listed(self.directory.margin_metas(&side.account.scope()))?;
        Ok(self.with_house(accounts.instruction(&remaining), has_proof(side)))
    }

    /// Ends the liquidation of an account that has its buffer again.
    pub fn stop_liquidation(&self, caller: &Pubkey, side: &Side<'_>) -> Result<Instruction> {
        let accounts = StopLiquidation {
            caller: *caller,
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        let remaining = self.listed(self.directory.margin_metas(&side.account.scope()))?;
        Ok(self.with_house(accounts.instruction(&remaining), has_proof(side)))
    }

    /// Proves that an account in liquidation lacks equity, or takes the proof back. Nobody signs.
    pub fn prove_insolvency(&self, side: &Side<'_>, witness: &[u8]) -> Result<Instruction> {
        let accounts = ProveInsolvency {
            clearinghouse: self.house(),
            margin_account: side.key,
        };
        let remaining = self.listed(self.directory.margin_metas(&side.account.scope()))?;
        let args = ProveInsolvencyArgs {
            witness: witness.to_vec(),
        };
        Ok(accounts.instruction(&args, &remaining))
    }

    /// Bids for an account that was proved insolvent, and is paid for it. The liquidator's owner signs.
    pub fn bid_insolvent(
        &self,
        liquidator: &Side<'_>,
        liquidatee: &Side<'_>,
        args: &BidArgs,
    ) -> Result<Instruction> {
        let accounts = BidInsolvent {
            liquidator_owner: liquidator.owner(),
            clearinghouse: self.house(),
            liquidator: liquidator.key,
            liquidatee: liquidatee.key,
            loss_market: self.loss_market(liquidatee),
        };
        let (ours, theirs) = (liquidator.account.scope(), liquidatee.account.scope());
        let remaining = self.listed(self.directory.bid_metas(&ours, &theirs))?;
        Ok(accounts.instruction(args, &remaining))
    }

    /// Gives a part of an insolvent account's positions to an account of opposite risk. Anybody signs.
    pub fn auto_deleverage(
        &self,
        caller: &Pubkey,
        liquidatee: &Side<'_>,
        counterparty: &Side<'_>,
        args: &DeleverageArgs,
    ) -> Result<Instruction> {
        let accounts = AutoDeleverage {
            caller: *caller,
            clearinghouse: self.house(),
            liquidatee: liquidatee.key,
            counterparty: counterparty.key,
        };
        let (theirs, other) = (liquidatee.account.scope(), counterparty.account.scope());
        let metas = self
            .directory
            .deleverage_metas(&theirs, &other, args.market);
        Ok(accounts.instruction(args, &self.listed(metas)?))
    }

    /// Covers what a bankrupt account owes. With `is_shared` every market of the house is passed, so that quote balances can bear what
    /// the fund and profits do not. Nobody signs.
    pub fn resolve_bankruptcy(&self, side: &Side<'_>, is_shared: bool) -> Instruction {
        let accounts = ResolveBankruptcy {
            clearinghouse: self.house(),
            margin_account: side.key,
            loss_market: self.loss_market(side),
        };
        let markets = match is_shared {
            true => self.directory.all_markets(),
            false => vec![],
        };
        accounts.instruction(&markets)
    }

    /// The market in which a loss of an account counts.
    fn loss_market(&self, side: &Side<'_>) -> Option<Pubkey> {
        let index = side.account.header.loss_market.checked_sub(1)?;
        Some(seeds::market(&self.house(), index))
    }
}

/// Whether a proof of insolvency may be taken back, which changes the house's sum of them.
fn has_proof(side: &Side<'_>) -> bool {
    side.account.header.proven_deficit > 0
}
