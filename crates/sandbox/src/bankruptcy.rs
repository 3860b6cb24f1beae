//! Losses that an account leaves behind, one call each: who covers them, and what winners forgive.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::Trader;
use crate::instructions::{instruction, writable};
use crate::keys::User;
use crate::listing::Market;
use crate::settlement;
use crate::transaction::Outcome;
use crate::world::World;

/// `resolve_bankruptcy`; without markets balances are not asked.
pub fn resolve_bankruptcy(
    house: &Pubkey,
    account: &Pubkey,
    loss_market: Option<Pubkey>,
    markets: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::ResolveBankruptcy {
        clearinghouse: *house,
        margin_account: *account,
        loss_market,
    };
    instruction(accounts, instruction::ResolveBankruptcy {}, markets)
}

/// `settle_perp_pnl` signed by somebody; `remaining` are the account's margin accounts, for what it still carries.
pub fn settle_perp_pnl_by(
    signer: &Pubkey,
    account: &Pubkey,
    market: &Market,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::SettlePerpPnl {
        clearinghouse: market.house,
        market: market.key,
        margin_account: *account,
        price: market.price,
        signer: Some(*signer),
    };
    let ix = instruction(accounts, instruction::SettlePerpPnl {}, remaining);
    writable(ix, &market.house)
}

impl World {
    /// Every market of a clearing house by index, to be read.
    pub fn all_markets(&self, house: &Pubkey) -> Vec<AccountMeta> {
        let count = self.read::<Clearinghouse>(house).market_count;
        let keys = (0..count).map(|index| seeds::market(house, index));
        keys.map(|key| AccountMeta::new_readonly(key, false))
            .collect()
    }

    /// Whether quote balances were charged a loss that some have not paid yet: then whoever touches one passes the clearing house to
    /// be written.
    pub fn is_loss_due(&self, house: &Pubkey) -> bool {
        self.read::<Clearinghouse>(house).interest.loss_due > 0
    }

    /// The instruction, with the clearing house writable where a loss is due.
    pub(crate) fn with_loss(&self, ix: Instruction, house: &Pubkey) -> Instruction {
        match self.is_loss_due(house) {
            true => writable(ix, house),
            false => ix,
        }
    }

    /// The instruction of [`World::resolve_bankruptcy`].
    pub fn resolve_bankruptcy_ix(&self, account: &Pubkey) -> Instruction {
        let header: MarginAccount = self.read(account);
        let house = header.clearinghouse;
        let index = header.loss_market.checked_sub(1);
        let loss_market = index.map(|index| seeds::market(&house, index));
        resolve_bankruptcy(&house, account, loss_market, self.all_markets(&house))
    }

    /// Covers what a bankrupt account owes, with every market of its clearing house.
    #[track_caller]
    pub fn resolve_bankruptcy(&mut self, account: &Pubkey) -> Outcome {
        let ix = self.resolve_bankruptcy_ix(account);
        self.send(&[ix], &[])
    }

    /// Realises the PnL of an account's perpetual; its owner signs.
    #[track_caller]
    pub fn settle_own_perp_pnl(&mut self, trader: &Trader, market: &Market) -> Outcome {
        self.settle_perp_pnl_as(&trader.user, trader, market)
    }

    /// The same, signed by anybody.
    #[track_caller]
    pub fn settle_perp_pnl_as(&mut self, by: &User, of: &Trader, market: &Market) -> Outcome {
        let remaining = self.margin_metas(&of.account);
        let ix = settle_perp_pnl_by(&by.key, &of.account, market, remaining);
        self.send(&[ix], &[*by])
    }

    /// Realises the PnL of an account's perpetual, its owner signing where it shares losses.
    pub fn settle_perp_pnl_ix(&self, trader: &Trader, market: &Market) -> Instruction {
        let state: portfolio_margin_interface::state::Market = self.read(&market.key);
        match state.perp_loss {
            0 => settlement::settle_perp_pnl(&trader.account, market),
            _ => {
                let remaining = self.margin_metas(&trader.account);
                settle_perp_pnl_by(&trader.user.key, &trader.account, market, remaining)
            }
        }
    }
}
