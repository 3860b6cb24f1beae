//! Reading accounts, and the remaining accounts of a margin check in canonical order.

use std::collections::BTreeSet;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::associated_token::get_associated_token_address_with_program_id;
use anchor_spl::token::spl_token;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{CollateralBalance, MarginAccount, PositionRecord};
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};
use solana_instruction::AccountMeta;

use crate::keys::User;
use crate::listing::{Bank, Market};
use crate::world::World;

/// A margin account and the wallet that signs for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trader {
    /// The owner.
    pub user: User,
    /// The clearing house.
    pub house: Pubkey,
    /// The margin account.
    pub account: Pubkey,
    /// Number that tells the owner's accounts apart.
    pub sub_account: u16,
}

/// What a margin check covers: banks and markets by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Banks.
    pub banks: BTreeSet<u16>,
    /// Markets.
    pub markets: BTreeSet<u16>,
}

impl Scope {
    /// Everything that an account holds, and the markets whose risk its collateral offsets.
    pub fn of(header: &MarginAccount, positions: &[PositionRecord]) -> Self {
        Self {
            banks: header.used_collateral().map(|held| held.bank).collect(),
            markets: positions
                .iter()
                .map(|record| record.market)
                .chain(
                    header
                        .used_collateral()
                        .filter_map(CollateralBalance::offset_market),
                )
                .collect(),
        }
    }

    /// Everything in either.
    pub fn union(mut self, other: &Self) -> Self {
        self.banks.extend(&other.banks);
        self.markets.extend(&other.markets);
        self
    }

    /// The banks alone, and the markets alone.
    pub fn split(self) -> (Self, Self) {
        let banks = Self {
            banks: self.banks,
            ..Self::default()
        };
        let markets = Self {
            markets: self.markets,
            ..Self::default()
        };
        (banks, markets)
    }

    /// With the markets of a trade's legs.
    pub fn with_legs(mut self, legs: &[TradeLeg]) -> Self {
        self.markets.extend(legs.iter().map(|leg| leg.market));
        self
    }
}

impl World {
    /// The fixed part of an account of the program.
    #[track_caller]
    pub fn read<T: AccountLayout>(&self, key: &Pubkey) -> T {
        let data = self.data(key);
        let end = T::ACCOUNT_LEN;
        assert!(
            data.len() >= end && data[..DISCRIMINATOR_LEN] == T::ACCOUNT_DISCRIMINATOR,
            "{key} is another account"
        );
        bytemuck::pod_read_unaligned(&data[DISCRIMINATOR_LEN..end])
    }

    /// A margin account: header and records in use.
    #[track_caller]
    pub fn account(&self, key: &Pubkey) -> (MarginAccount, Vec<PositionRecord>) {
        let header: MarginAccount = self.read(key);
        let data = self.data(key);
        let positions = data[MarginAccount::ACCOUNT_LEN..]
            .chunks_exact(size_of::<PositionRecord>())
            .take(header.position_count.into())
            .map(bytemuck::pod_read_unaligned)
            .collect();
        (header, positions)
    }

    /// An account's bytes.
    #[track_caller]
    pub fn data(&self, key: &Pubkey) -> Vec<u8> {
        match self.svm.get_account(key) {
            Some(account) => account.data,
            None => panic!("there is no account {key}"),
        }
    }

    /// A user's token account of a bank's mint.
    pub fn wallet(&self, user: &User, bank: &Bank) -> Pubkey {
        get_associated_token_address_with_program_id(&user.key, &bank.mint, &bank.token_program)
    }

    /// What a token account holds, native units; zero where it does not exist.
    pub fn token_balance(&self, token_account: &Pubkey) -> u64 {
        self.svm.get_account(token_account).map_or(0, |account| {
            let fixed = &account.data[..spl_token::state::Account::LEN];
            spl_token::state::Account::unpack(fixed)
                .expect("a token account")
                .amount
        })
    }

    /// What a margin account holds of a bank, native units.
    pub fn balance(&self, trader: &Trader, bank: &Bank) -> i64 {
        let (header, _) = self.account(&trader.account);
        if bank.mint == self.usdc.mint {
            return header.cash;
        }
        let held = header
            .collateral
            .iter()
            .find(|held| held.amount > 0 && held.bank == bank.index);
        let amount = held.map_or(0, |held| held.amount);
        i64::try_from(amount).expect("a balance that the ledger can hold")
    }

    /// The bank of that index.
    #[track_caller]
    pub fn bank(&self, house: &Pubkey, index: u16) -> Bank {
        *self
            .banks
            .iter()
            .find(|bank| bank.house == *house && bank.index == index)
            .expect("a listed bank")
    }

    /// The market of that index; `None` where it is not listed.
    pub fn market(&self, house: &Pubkey, index: u16) -> Option<Market> {
        self.markets
            .iter()
            .find(|market| market.house == *house && market.index == index)
            .copied()
    }

    /// What a margin check of this account covers.
    pub fn scope(&self, account: &Pubkey) -> Scope {
        let (header, positions) = self.account(account);
        Scope::of(&header, &positions)
    }

    /// Banks by index, each with its price, then markets by index, each with its price. Unlisted markets are left out.
    pub fn metas(&self, house: &Pubkey, scope: &Scope) -> Vec<AccountMeta> {
        let banks = scope.banks.iter().map(|index| self.bank(house, *index));
        let banks = banks.map(|bank| [bank.key, bank.price]);
        let markets = scope
            .markets
            .iter()
            .filter_map(|index| self.market(house, *index))
            .map(|market| [market.key, market.price]);
        banks
            .chain(markets)
            .flatten()
            .map(|key| AccountMeta::new_readonly(key, false))
            .collect()
    }

    /// Remaining accounts of a check of this account as it is.
    pub fn margin_metas(&self, account: &Pubkey) -> Vec<AccountMeta> {
        let (header, positions) = self.account(account);
        self.metas(&header.clearinghouse, &Scope::of(&header, &positions))
    }

    /// What comes first in a trade or a view of legs: the legs' markets by index, each with its price. Unlisted markets are left
    /// out.
    pub fn leg_metas(&self, house: &Pubkey, legs: &[TradeLeg]) -> Vec<AccountMeta> {
        self.metas(house, &Scope::default().with_legs(legs))
    }

    /// Remaining accounts of a trade: the legs' markets to be written, then the taker's check, then the maker's, each with the
    /// markets of the legs.
    pub fn trade_metas(
        &self,
        taker: &Trader,
        maker: &Trader,
        legs: &[TradeLeg],
    ) -> Vec<AccountMeta> {
        let mut metas = writable_markets(self.leg_metas(&taker.house, legs));
        for side in [taker, maker] {
            let scope = self.scope(&side.account).with_legs(legs);
            metas.extend(self.metas(&side.house, &scope));
        }
        metas
    }

    /// Remaining accounts of a view of an account after legs: the legs' markets, then those of a check with them.
    pub fn view_metas(&self, account: &Pubkey, legs: &[TradeLeg]) -> Vec<AccountMeta> {
        let (header, _) = self.account(account);
        let mut metas = self.leg_metas(&header.clearinghouse, legs);
        let scope = self.scope(account).with_legs(legs);
        metas.extend(self.metas(&header.clearinghouse, &scope));
        metas
    }

    /// Remaining accounts of a bid: the liquidatee's with its markets to be written, then the liquidator's with everything of the
    /// liquidatee.
    pub fn bid_metas(&self, liquidator: &Trader, liquidatee: &Pubkey) -> Vec<AccountMeta> {
        let theirs = self.scope(liquidatee);
        let ours = self.scope(&liquidator.account).union(&theirs);
        let (banks, markets) = theirs.split();
        let mut metas = self.metas(&liquidator.house, &banks);
        metas.extend(writable_markets(self.metas(&liquidator.house, &markets)));
        metas.extend(self.metas(&liquidator.house, &ours));
        metas
    }
}

/// Pairs of market and price, of which the markets are to be written.
pub fn writable_markets(mut pairs: Vec<AccountMeta>) -> Vec<AccountMeta> {
    for market in pairs.iter_mut().step_by(2) {
        market.is_writable = true;
    }
    pairs
}
