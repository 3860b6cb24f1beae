//! What a clearing house lists, with the addresses of all of it; and the remaining accounts of instructions in canonical order.
//!
//! The order: the account's banks by index, each followed by its price; then its markets by index, each followed by its price. An
//! instruction takes one price account per feed, so a price account is a matter of the feed and not of the bank or market.

use std::collections::{BTreeMap, BTreeSet};

use portfolio_margin_interface::args::{LegTake, TradeLeg};
use portfolio_margin_interface::state::oracle::PYTH_LEGACY;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};
use portfolio_margin_interface::{seeds, Pubkey};
use solana_instruction::AccountMeta;

use crate::scope::Scope;

/// Pyth's push oracle, whose accounts the network keeps up to date.
pub const PUSH_ORACLE: Pubkey =
    Pubkey::from_str_const("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
/// The sysvar that shows a transaction's instructions: where signatures of quotes are looked for.
pub const INSTRUCTIONS: Pubkey =
    Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");
/// The shard of the push oracle whose accounts are used.
const SHARD: u16 = 0;

/// Where the price of a feed stands by default: the legacy kind names its account, the pull oracle's is the push oracle's account.
pub fn price_address(kind: u8, feed_id: &[u8; 32]) -> Pubkey {
    match kind {
        PYTH_LEGACY => Pubkey::new_from_array(*feed_id),
        _ => Pubkey::find_program_address(&[&SHARD.to_le_bytes(), feed_id], &PUSH_ORACLE).0,
    }
}

/// A collateral bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedBank {
    /// Address of the bank.
    pub key: Pubkey,
    /// Its place in the canonical order.
    pub index: u16,
    /// The mint.
    pub mint: Pubkey,
    /// Decimals of the mint.
    pub decimals: u8,
    /// The mint's token program.
    pub token_program: Pubkey,
    /// The bank's token account.
    pub vault: Pubkey,
    /// Whether its deposits are cash: then it has no price.
    pub is_quote: bool,
    /// Kind of its price account.
    pub oracle_kind: u8,
    /// Feed of its price.
    pub feed_id: [u8; 32],
    /// Account to show for that feed.
    pub price: Pubkey,
    /// The market whose risk the asset offsets.
    pub offset_market: Option<u16>,
}

/// A market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedMarket {
    /// Address of the market.
    pub key: Pubkey,
    /// Its place in the canonical order.
    pub index: u16,
    /// Name, padded with zeros.
    pub symbol: [u8; 16],
    /// Kind of its price account.
    pub oracle_kind: u8,
    /// Feed of its price.
    pub feed_id: [u8; 32],
    /// Account to show for that feed.
    pub price: Pubkey,
    /// Correlation group, counted from 1; zero: none.
    pub group: u8,
}

impl ListedMarket {
    /// The name without its padding; what is no UTF-8 is shown as such.
    pub fn name(&self) -> String {
        let padding = |byte: &u8| *byte == 0;
        let end = self.symbol.iter().position(padding);
        let name = self.symbol.get(..end.unwrap_or(self.symbol.len()));
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}

/// What an account holds that the directory does not know: it was listed since, so the directory is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlisted {
    /// A bank.
    #[error("bank {0} is not in the directory: read the directory again")]
    Bank(u16),
    /// A market.
    #[error("market {0} is not in the directory: read the directory again")]
    Market(u16),
}

/// Everything that a clearing house lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The clearing house.
    pub house: Pubkey,
    /// Mint of the quote asset.
    pub quote_mint: Pubkey,
    /// Price account of the quote asset; `None`: it counts as a dollar.
    pub quote_price: Option<Pubkey>,
    /// Banks by index.
    pub banks: BTreeMap<u16, ListedBank>,
    /// Markets by index.
    pub markets: BTreeMap<u16, ListedMarket>,
    /// Price accounts other than [`price_address`], by feed; see [`Directory::set_price`].
    prices: BTreeMap<[u8; 32], Pubkey>,
}

impl Directory {
    /// A clearing house of which no listing is known yet.
    pub fn new(house: Pubkey, state: &Clearinghouse) -> Self {
        let feed = state.quote_feed_id;
        let quote_price = price_address(state.quote_oracle_kind, &feed);
        Self {
            house,
            quote_mint: state.quote_mint,
            quote_price: state.has_quote_feed().then_some(quote_price),
            ..Self::default()
        }
    }

    /// What instructions of the clearing house name, but for the accounts of its users: the house, the quote asset's price, markets with
    /// prices, banks with vaults, mints, token programs and prices, and the sysvar that shows instructions. Each once, in this order:
    /// what a lookup table of the house names.
    pub fn shared_accounts(&self) -> Vec<Pubkey> {
        let mut all = vec![self.house];
        all.extend(self.quote_price);
        for market in self.markets.values() {
            all.extend([market.key, market.price]);
        }
        for bank in self.banks.values() {
            all.extend([bank.key, bank.vault, bank.mint, bank.token_program]);
            // the quote bank has no price
            all.extend((!bank.is_quote).then_some(bank.price));
        }
        all.push(INSTRUCTIONS);
        let mut seen = BTreeSet::new();
        all.retain(|key| seen.insert(*key));
        all
    }

    /// Adds a bank, or what has changed of it.
    pub fn list_bank(&mut self, bank: &CollateralBank, token_program: Pubkey) {
        let (oracle_kind, feed_id) = (bank.oracle_kind, bank.feed_id);
        let listed = ListedBank {
            key: seeds::bank(&self.house, &bank.mint),
            index: bank.index,
            mint: bank.mint,
            decimals: bank.decimals,
            token_program,
            vault: bank.vault,
            is_quote: bank.is_quote == 1,
            oracle_kind,
            feed_id,
            price: self.price(oracle_kind, &feed_id),
            offset_market: bank.offset_market.checked_sub(1),
        };
        self.banks.insert(bank.index, listed);
    }

    /// Adds a market, or what has changed of it.
    pub fn list_market(&mut self, market: &Market) {
        let (oracle_kind, feed_id) = (market.oracle_kind, market.feed_id);
        let listed = ListedMarket {
            key: seeds::market(&self.house, market.index),
            index: market.index,
            symbol: market.symbol,
            oracle_kind,
            feed_id,
            price: self.price(oracle_kind, &feed_id),
            group: market.group,
        };
        self.markets.insert(market.index, listed);
    }

    /// Shows another account for a feed, in every bank and market of it: an update that somebody posted at an address of its own, or in
    /// an outage the market or bank whose stored price stands in.
    pub fn set_price(&mut self, feed_id: [u8; 32], account: Pubkey) {
        self.prices.insert(feed_id, account);
        let banks = self.banks.values_mut();
        for bank in banks.filter(|bank| bank.feed_id == feed_id) {
            bank.price = account;
        }
        let markets = self.markets.values_mut();
        for market in markets.filter(|market| market.feed_id == feed_id) {
            market.price = account;
        }
    }

    /// The account that is shown for a feed.
    pub fn price(&self, kind: u8, feed_id: &[u8; 32]) -> Pubkey {
        match self.prices.get(feed_id) {
            Some(account) => *account,
            None => price_address(kind, feed_id),
        }
    }

    /// The bank of that index.
    pub fn bank(&self, index: u16) -> Result<&ListedBank, Unlisted> {
        self.banks.get(&index).ok_or(Unlisted::Bank(index))
    }

    /// The market of that index.
    pub fn market(&self, index: u16) -> Result<&ListedMarket, Unlisted> {
        self.markets.get(&index).ok_or(Unlisted::Market(index))
    }

    /// The bank of a mint.
    pub fn bank_of_mint(&self, mint: &Pubkey) -> Option<&ListedBank> {
        self.banks.values().find(|bank| bank.mint == *mint)
    }

    /// Addresses of a check in canonical order.
    pub fn keys(&self, scope: &Scope) -> Result<Vec<Pubkey>, Unlisted> {
        let count = scope.banks.len().saturating_add(scope.markets.len());
        let mut keys = Vec::with_capacity(count.saturating_mul(2));
        for index in &scope.banks {
            let bank = self.bank(*index)?;
            keys.extend([bank.key, bank.price]);
        }
        for index in &scope.markets {
            let market = self.market(*index)?;
            keys.extend([market.key, market.price]);
        }
        Ok(keys)
    }

    /// Remaining accounts of a check: banks by index, each with its price, then markets by index, each with its price.
    pub fn metas(&self, scope: &Scope) -> Result<Vec<AccountMeta>, Unlisted> {
        let keys = self.keys(scope)?.into_iter();
        Ok(keys
            .map(|key| AccountMeta::new_readonly(key, false))
            .collect())
    }

    /// The same without banks, and with the markets to be written.
    pub fn written_metas(
        &self,
        markets: impl IntoIterator<Item = u16>,
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        Ok(writable_markets(self.metas(&Scope::of_markets(markets))?))
    }

    /// Remaining accounts of a check of an account as it is.
    pub fn margin_metas(&self, account: &Scope) -> Result<Vec<AccountMeta>, Unlisted> {
        self.metas(account)
    }

    /// Remaining accounts of a trade: the legs' markets to be written, then the taker's check, then the maker's, each with the markets
    /// of the legs.
    pub fn trade_metas(
        &self,
        taker: &Scope,
        maker: &Scope,
        legs: &[TradeLeg],
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        let mut metas = self.written_metas(legs.iter().map(|leg| leg.market))?;
        for side in [taker, maker] {
            metas.extend(self.metas(&side.clone().with_legs(legs))?);
        }
        Ok(metas)
    }

    /// Remaining accounts of a view of an account after legs: the legs' markets, then those of a check with them.
    pub fn view_metas(
        &self,
        account: &Scope,
        legs: &[TradeLeg],
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        let mut metas = self.metas(&Scope::default().with_legs(legs))?;
        metas.extend(self.metas(&account.clone().with_legs(legs))?);
        Ok(metas)
    }

    /// Remaining accounts of a bid: the liquidatee's with its markets to be written, then the liquidator's with everything of the
    /// liquidatee.
    pub fn bid_metas(
        &self,
        liquidator: &Scope,
        liquidatee: &Scope,
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        let (banks, markets) = liquidatee.clone().split();
        let mut metas = self.metas(&banks)?;
        metas.extend(self.written_metas(markets.markets)?);
        metas.extend(self.metas(&liquidator.clone().union(liquidatee))?);
        Ok(metas)
    }

    /// Remaining accounts of `liquidate_legs`: the legs' markets to be written, the liquidatee's check, the liquidator's with the legs'
    /// markets.
    pub fn legs_metas(
        &self,
        liquidator: &Scope,
        liquidatee: &Scope,
        takes: &[LegTake],
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        let legs = Scope::of_markets(takes.iter().map(|take| take.market));
        let mut metas = writable_markets(self.metas(&legs)?);
        metas.extend(self.metas(liquidatee)?);
        metas.extend(self.metas(&liquidator.clone().union(&legs))?);
        Ok(metas)
    }

    /// Remaining accounts of a deleverage of one market or of all: the liquidatee's with its markets to be written, then the
    /// counterparty's with the markets that move.
    pub fn deleverage_metas(
        &self,
        liquidatee: &Scope,
        counterparty: &Scope,
        market: Option<u16>,
    ) -> Result<Vec<AccountMeta>, Unlisted> {
        let (banks, markets) = liquidatee.clone().split();
        let mut metas = self.metas(&banks)?;
        metas.extend(self.written_metas(markets.markets.iter().copied())?);
        let mut theirs = counterparty.clone();
        let moved = markets.markets.into_iter();
        theirs
            .markets
            .extend(moved.filter(|index| market.is_none_or(|only| only == *index)));
        metas.extend(self.metas(&theirs)?);
        Ok(metas)
    }

    /// Remaining accounts of `resolve_bankruptcy`: every market by index, to be read.
    pub fn all_markets(&self) -> Vec<AccountMeta> {
        let markets = self.markets.values();
        markets
            .map(|market| AccountMeta::new_readonly(market.key, false))
            .collect()
    }
}

/// Pairs of market and price, of which the markets are to be written.
pub fn writable_markets(mut pairs: Vec<AccountMeta>) -> Vec<AccountMeta> {
    for market in pairs.iter_mut().step_by(2) {
        market.is_writable = true;
    }
    pairs
}
