//! A keeper's instructions, with their accounts packed from the directory.

use client_core::{AccountData, Directory, Unlisted};
use portfolio_margin_interface::args::{BidArgs, ProveInsolvencyArgs, StartLiquidationArgs};
use portfolio_margin_interface::instructions as ix;
use portfolio_margin_interface::{seeds, Pubkey};
use solana_instruction::Instruction;

/// A margin account with its address.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its address.
    pub key: Pubkey,
    /// What it holds.
    pub data: AccountData,
}

/// What every instruction of a keeper names: the directory, who signs, and the account that bids.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// What the house lists.
    pub directory: &'a Directory,
    /// The keeper's margin account.
    pub own: &'a Named,
}

impl Desk<'_> {
    fn signer(&self) -> Pubkey {
        self.own.data.header.owner
    }

    /// `start_liquidation` with one scenario per market.
    pub fn start(&self, of: &Named, witness: &[u8]) -> Result<Instruction, Unlisted> {
        let args = StartLiquidationArgs {
            witness: witness.to_vec(),
        };
        let remaining = self.directory.margin_metas(&of.data.scope())?;
        let accounts = ix::StartLiquidation {
            caller: self.signer(),
            clearinghouse: self.directory.house,
            margin_account: of.key,
        };
        Ok(accounts.instruction(&args, &remaining))
    }

    /// `stop_liquidation`.
    pub fn stop(&self, of: &Named) -> Result<Instruction, Unlisted> {
        let accounts = ix::StopLiquidation {
            caller: self.signer(),
            clearinghouse: self.directory.house,
            margin_account: of.key,
        };
        let remaining = self.directory.margin_metas(&of.data.scope())?;
        Ok(self.with_house(accounts.instruction(&remaining), of))
    }

    /// `restart_auction`.
    pub fn restart(&self, of: &Named) -> Result<Instruction, Unlisted> {
        let accounts = ix::RestartAuction {
            caller: self.signer(),
            clearinghouse: self.directory.house,
            margin_account: of.key,
        };
        let remaining = self.directory.margin_metas(&of.data.scope())?;
        Ok(self.with_house(accounts.instruction(&remaining), of))
    }

    /// `bid_liquidation`. The house is writable: the insurance fund has its share, and a debt may change.
    pub fn bid(&self, of: &Named, args: &BidArgs) -> Result<Instruction, Unlisted> {
        let accounts = ix::BidLiquidation {
            liquidator_owner: self.signer(),
            clearinghouse: self.directory.house,
            liquidator: self.own.key,
            liquidatee: of.key,
        };
        let remaining = self.bid_metas(of)?;
        let bid = accounts.instruction(args, &remaining);
        Ok(writable(bid, &self.directory.house))
    }

    /// `prove_insolvency`.
    pub fn prove(&self, of: &Named, witness: &[u8]) -> Result<Instruction, Unlisted> {
        let args = ProveInsolvencyArgs {
            witness: witness.to_vec(),
        };
        let accounts = ix::ProveInsolvency {
            clearinghouse: self.directory.house,
            margin_account: of.key,
        };
        let remaining = self.directory.margin_metas(&of.data.scope())?;
        Ok(accounts.instruction(&args, &remaining))
    }

    /// `bid_insolvent`.
    pub fn bid_insolvent(&self, of: &Named, args: &BidArgs) -> Result<Instruction, Unlisted> {
        let accounts = ix::BidInsolvent {
            liquidator_owner: self.signer(),
            clearinghouse: self.directory.house,
            liquidator: self.own.key,
            liquidatee: of.key,
            loss_market: self.loss_market(of),
        };
        Ok(accounts.instruction(args, &self.bid_metas(of)?))
    }

    /// `resolve_bankruptcy` with every market of the house, so that all three sources are asked.
    pub fn resolve(&self, of: &Named) -> Instruction {
        let accounts = ix::ResolveBankruptcy {
            clearinghouse: self.directory.house,
            margin_account: of.key,
            loss_market: self.loss_market(of),
        };
        accounts.instruction(&self.directory.all_markets())
    }

    fn bid_metas(&self, of: &Named) -> Result<Vec<solana_instruction::AccountMeta>, Unlisted> {
        self.directory
            .bid_metas(&self.own.data.scope(), &of.data.scope())
    }

    fn loss_market(&self, of: &Named) -> Option<Pubkey> {
        let index = of.data.header.loss_market.checked_sub(1)?;
        Some(seeds::market(&self.directory.house, index))
    }

    /// With the house writable where a proof would be given back.
    fn with_house(&self, instruction: Instruction, of: &Named) -> Instruction {
        match of.data.header.proven_deficit {
            0 => instruction,
            _ => writable(instruction, &self.directory.house),
        }
    }
}

/// The instruction with an account writable.
pub fn writable(mut instruction: Instruction, key: &Pubkey) -> Instruction {
    for meta in &mut instruction.accounts {
        meta.is_writable |= meta.pubkey == *key;
    }
    instruction
}

/// Everything that a keeper's lookup table names: the program, the house, banks, markets and prices. Margin accounts are left out:
/// they are many, and each is named twice at the most.
pub fn table_addresses(directory: &Directory) -> Vec<Pubkey> {
    let banks = directory.banks.values();
    let banks = banks.flat_map(|bank| [Some(bank.key), (!bank.is_quote).then_some(bank.price)]);
    let markets = directory.markets.values();
    let markets = markets.flat_map(|market| [Some(market.key), Some(market.price)]);
    let mut keys = vec![directory.house];
    for key in banks
        .chain(markets)
        .chain([directory.quote_price])
        .flatten()
    {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
