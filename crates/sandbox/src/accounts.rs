//! Reading accounts, and the remaining accounts of a margin check in canonical order.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::associated_token::get_associated_token_address_with_program_id;
use anchor_spl::token::spl_token;
use client_core::{AccountData, Directory, ListedBank, ListedMarket};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, PositionRecord};
use portfolio_margin_interface::AccountLayout;
use solana_instruction::AccountMeta;

use crate::keys::User;
use crate::listing::{Bank, Market};
use crate::world::World;

pub use client_core::directory::writable_markets;
pub use client_core::Scope;

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

impl World {
    /// The fixed part of an account of the program.
    #[track_caller]
    pub fn read<T: AccountLayout>(&self, key: &Pubkey) -> T {
        let data = self.data(key);
        client_core::account::read(&data).unwrap_or_else(|| panic!("{key} is another account"))
    }

    /// A margin account: header and records in use.
    #[track_caller]
    pub fn account(&self, key: &Pubkey) -> (MarginAccount, Vec<PositionRecord>) {
        let account = AccountData::read(&self.data(key));
        let account = account.unwrap_or_else(|| panic!("{key} is no margin account"));
        (account.header, account.positions)
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

    /// What a clearing house lists, with the price accounts that the world shows.
    pub fn directory(&self, house: &Pubkey) -> Directory {
        let mut directory = Directory::new(*house, &self.read(house));
        self.list_all(&mut directory);
        directory
    }

    /// Banks by index, each with its price, then markets by index, each with its price. Unlisted markets are left out.
    pub fn metas(&self, house: &Pubkey, scope: &Scope) -> Vec<AccountMeta> {
        let (directory, [scope]) = self.listed(house, [scope.clone()]);
        directory.metas(&scope).expect("banks that are listed")
    }

    /// What a house lists, and of scopes what is listed.
    pub(crate) fn listed<const N: usize>(
        &self,
        house: &Pubkey,
        mut scopes: [Scope; N],
    ) -> (Directory, [Scope; N]) {
        let mut directory = Directory::default(); // the quote asset's price is in no scope, and its address takes a while to find
        directory.house = *house;
        self.list_all(&mut directory);
        for scope in &mut scopes {
            let is_listed = |market: &u16| directory.markets.contains_key(market);
            scope.markets.retain(is_listed);
        }
        (directory, scopes)
    }

    /// Lists everything by the addresses that the world knows: no need to derive them for every transaction.
    fn list_all(&self, directory: &mut Directory) {
        let house = directory.house;
        for bank in self.banks.iter().filter(|bank| bank.house == house) {
            let state: CollateralBank = self.read(&bank.key);
            let listed = ListedBank {
                key: bank.key,
                index: bank.index,
                mint: bank.mint,
                decimals: state.decimals,
                token_program: bank.token_program,
                vault: bank.vault,
                is_quote: bank.is_quote,
                oracle_kind: state.oracle_kind,
                feed_id: bank.feed_id,
                price: bank.price,
                offset_market: state.offset_market.checked_sub(1),
            };
            directory.banks.insert(bank.index, listed);
        }
        for market in self.markets.iter().filter(|market| market.house == house) {
            let state: portfolio_margin_interface::state::Market = self.read(&market.key);
            let listed = ListedMarket {
                key: market.key,
                index: market.index,
                symbol: state.symbol,
                oracle_kind: state.oracle_kind,
                feed_id: market.feed_id,
                price: market.price,
                group: state.group,
            };
            directory.markets.insert(market.index, listed);
        }
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
    /// markets of the legs. Unlisted markets are left out.
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

    /// Remaining accounts of a view of an account after legs: the legs' markets, then those of a check with them. Unlisted markets
    /// are left out.
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
        let scopes = [self.scope(&liquidator.account), self.scope(liquidatee)];
        let (directory, [ours, theirs]) = self.listed(&liquidator.house, scopes);
        let metas = directory.bid_metas(&ours, &theirs);
        metas.expect("banks that are listed")
    }
}
