//! Cranks: what anybody may do and nobody is paid for, done where it is due and the chain has not got it yet.
//!
//! What is due is decided from the book with the program's own records: a sample of an expiry is offered to a copy of the record, funding
//! is rolled in a copy. So two keepers that see the same chain find the same, and the one that waited longer finds nothing left.

mod due;
mod settle;

use std::fmt;

use client_core::oracle::{OraclePolicy, RawAccount, ShownPrice};
use client_core::{price_address, ListedMarket};
use portfolio_margin_interface::instructions as ix;
use portfolio_margin_interface::Pubkey;
use solana_instruction::Instruction;

use crate::book::Book;
use crate::config::Cranks;
use crate::packed::writable;

/// One crank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crank {
    /// Store the price of the quote asset.
    QuotePrice,
    /// Store the price of a bank.
    Bank(u16),
    /// Store the price of a market.
    Market(u16),
    /// Record a sample of a market's expiry: of which minute, so that a refusal of one minute does not cost the next.
    Sample(u16, i64, u8),
    /// Write the final price of a market's expiry.
    Finalize(u16, i64),
    /// Settle an account's records of a market's expiry.
    Settle(u16, i64, Pubkey),
    /// Settle an account's loss on a market's perpetual.
    PerpPnl(u16, Pubkey),
    /// Move funding of a market into the running hour.
    Funding(u16),
    /// Move fees of a market to the house.
    Fees(u16),
    /// Report that a market's feed is dead.
    Outage(u16),
    /// Report that a bank's own feed is dead.
    BankOutage(u16),
}

impl Crank {
    /// Its name in metrics and logs: the instruction's.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::QuotePrice => "update_quote_price",
            Self::Bank(_) => "update_bank",
            Self::Market(_) => "update_market",
            Self::Sample(..) => "record_settlement",
            Self::Finalize(..) => "finalize_settlement",
            Self::Settle(..) => "settle_expiry",
            Self::PerpPnl(..) => "settle_perp_pnl",
            Self::Funding(_) => "update_funding",
            Self::Fees(_) => "collect_fees",
            Self::Outage(_) => "report_outage",
            Self::BankOutage(_) => "report_bank_outage",
        }
    }
}

impl fmt::Display for Crank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::QuotePrice => Ok(()),
            Self::Bank(index)
            | Self::Market(index)
            | Self::Funding(index)
            | Self::Fees(index)
            | Self::Outage(index)
            | Self::BankOutage(index) => write!(f, " {index}"),
            Self::Sample(index, expiry, minute) => write!(f, " {index} {expiry} {minute}"),
            Self::Finalize(index, expiry) => write!(f, " {index} {expiry}"),
            Self::Settle(index, expiry, account) => write!(f, " {index} {expiry} {account}"),
            Self::PerpPnl(index, account) => write!(f, " {index} {account}"),
        }
    }
}

/// What is due at this moment and does not rest, prices first: everything else is judged by them. `own` decides the order among accounts.
pub fn due(
    book: &Book,
    settings: &Cranks,
    own: &Pubkey,
    is_resting: impl Fn(&Crank) -> bool,
) -> Vec<Crank> {
    let mut found = of_house(book, settings);
    found.retain(|crank| !is_resting(crank));
    for mut accounts in of_accounts(book, settings) {
        // before the first of them are taken: those that rest would keep the others out
        accounts.retain(|(_, crank)| !is_resting(crank));
        found.extend(settle::first(accounts, settings.most, own));
    }
    found
}

/// Whether one is still due, whatever rests.
pub fn is_due(book: &Book, settings: &Cranks, crank: &Crank) -> bool {
    match crank {
        Crank::Settle(..) | Crank::PerpPnl(..) => {
            let accounts = of_accounts(book, settings);
            accounts.iter().flatten().any(|(_, found)| found == crank)
        }
        _ => of_house(book, settings).contains(crank),
    }
}

/// Settlements of accounts, with what each is about.
fn of_accounts(book: &Book, settings: &Cranks) -> [Vec<(i64, Crank)>; 2] {
    let mut found = [vec![], vec![]];
    let [expiries, perpetuals] = &mut found;
    if settings.settlement {
        *expiries = settle::accounts(book);
    }
    if settings.perp_pnl {
        *perpetuals = settle::losers(book, settings);
    }
    found
}

/// What is due of the house, its banks and its markets.
fn of_house(book: &Book, settings: &Cranks) -> Vec<Crank> {
    let mut found = vec![];
    if settings.update_quote_price && is_quote_due(book, settings) {
        found.push(Crank::QuotePrice);
    }
    let now = book.now();
    for bank in book.banks().filter(|_| settings.update_bank) {
        let shown = bank_price(book, bank.index);
        if shown.is_some_and(|shown| due::bank(bank, &shown, settings)) {
            found.push(Crank::Bank(bank.index));
        }
    }
    if settings.report_outage {
        found.extend(outages(book, now));
    }
    for market in book.markets().filter(|market| market.is_open == 1) {
        let index = market.index;
        let shown = market_price(book, index);
        if let Some(shown) = &shown {
            if settings.update_market && due::market(market, shown, settings) {
                found.push(Crank::Market(index));
            }
        }
        if settings.settlement {
            if let Some(house) = book.house() {
                let shown = published_price(book, index);
                found.extend(settle::samples(house, market, shown.as_ref(), now));
            }
        }
        if settings.update_funding && due::funding(market, now) {
            found.push(Crank::Funding(index));
        }
        if settings.collect_fees && due::fees(market, settings) {
            found.push(Crank::Fees(index));
        }
    }
    found
}

/// Feeds that are to be reported dead.
fn outages(book: &Book, now: i64) -> Vec<Crank> {
    let banks = book.banks().filter(|bank| {
        let shown = bank_price(book, bank.index);
        shown.is_some_and(|shown| due::bank_outage(bank, &shown, now))
    });
    let markets = book.markets().filter(|market| {
        let shown = market_price(book, market.index);
        shown.is_some_and(|shown| due::market_outage(market, &shown, now))
    });
    let banks = banks.map(|bank| Crank::BankOutage(bank.index));
    let markets = markets.map(|market| Crank::Outage(market.index));
    banks.chain(markets).collect()
}

fn is_quote_due(book: &Book, settings: &Cranks) -> bool {
    let (Some(house), Some(key)) = (book.house(), book.directory().quote_price) else {
        return false;
    };
    let policy = OraclePolicy::of_quote(house);
    let shown = raw(book, &key).map(|raw| ShownPrice::checked(&key, &raw, &policy, book.now()));
    shown.is_some_and(|shown| due::quote(house, &shown, settings))
}

fn raw<'a>(book: &'a Book, key: &Pubkey) -> Option<RawAccount<'a>> {
    let bytes = book.price_bytes(key)?;
    Some(RawAccount {
        owner: bytes.owner,
        data: &bytes.data,
    })
}

/// Where a market's feed is published, also while something stands in for it.
fn feed_of(market: &ListedMarket) -> Pubkey {
    price_address(market.oracle_kind, &market.feed_id)
}

/// What a market's own price account says; `None` while it is not known.
fn market_price(book: &Book, index: u16) -> Option<ShownPrice> {
    price_under(book, index, OraclePolicy::of_market(book.market(index)?))
}

/// The same for what asks only when it was published: of any age, as the program takes it for a sample.
fn published_price(book: &Book, index: u16) -> Option<ShownPrice> {
    let policy = OraclePolicy {
        max_age: u32::MAX,
        ..OraclePolicy::of_market(book.market(index)?)
    };
    price_under(book, index, policy)
}

fn price_under(book: &Book, index: u16, policy: OraclePolicy) -> Option<ShownPrice> {
    let key = feed_of(book.directory().market(index).ok()?);
    let raw = raw(book, &key)?;
    Some(ShownPrice::checked(&key, &raw, &policy, book.now()))
}

fn bank_price(book: &Book, index: u16) -> Option<ShownPrice> {
    let listed = book.directory().bank(index).ok()?;
    let key = price_address(listed.oracle_kind, &listed.feed_id);
    let policy = OraclePolicy::of_bank(book.bank(index)?);
    let raw = raw(book, &key)?;
    Some(ShownPrice::checked(&key, &raw, &policy, book.now()))
}

/// The instruction of a crank; `None` where something of it is not listed any more.
pub fn instruction(book: &Book, crank: &Crank) -> Option<Instruction> {
    let directory = book.directory();
    let house = directory.house;
    let market = |index: u16| directory.market(index).ok();
    Some(match crank {
        Crank::QuotePrice => {
            let price = directory.quote_price?;
            ix::UpdateQuotePrice {
                clearinghouse: house,
                price,
            }
            .instruction(&[])
        }
        Crank::Bank(index) => {
            let bank = directory.bank(*index).ok()?;
            let price = price_address(bank.oracle_kind, &bank.feed_id);
            let bank = bank.key;
            ix::UpdateBank { bank, price }.instruction(&[])
        }
        Crank::Market(index) => update_market(book, *index)?,
        Crank::Sample(index, expiry, _) => {
            let market = market(*index)?;
            ix::RecordSettlement {
                clearinghouse: house,
                market: market.key,
                price: feed_of(market),
            }
            .instruction(*expiry, &[])
        }
        Crank::Finalize(index, expiry) => ix::FinalizeSettlement {
            clearinghouse: house,
            market: market(*index)?.key,
        }
        .instruction(*expiry, &[]),
        Crank::Settle(index, _, account) | Crank::PerpPnl(index, account) => {
            settlement(house, market(*index)?, crank, account)
        }
        Crank::Funding(index) => ix::UpdateFunding {
            market: market(*index)?.key,
        }
        .instruction(&[]),
        Crank::Fees(index) => ix::CollectFees {
            clearinghouse: house,
            market: market(*index)?.key,
        }
        .instruction(&[]),
        Crank::Outage(index) => ix::ReportOutage {
            market: market(*index)?.key,
        }
        .instruction(&[]),
        Crank::BankOutage(index) => ix::ReportBankOutage {
            bank: directory.bank(*index).ok()?.key,
        }
        .instruction(&[]),
    })
}

/// A settlement of an account. The house is writable: a loss may pass into debt.
fn settlement(
    house: Pubkey,
    market: &ListedMarket,
    crank: &Crank,
    account: &Pubkey,
) -> Instruction {
    let settle = match crank {
        Crank::Settle(_, expiry, _) => ix::SettleExpiry {
            clearinghouse: house,
            market: market.key,
            margin_account: *account,
        }
        .instruction(*expiry, &[]),
        _ => ix::SettlePerpPnl {
            clearinghouse: house,
            market: market.key,
            margin_account: *account,
            price: feed_of(market),
            signer: None,
        }
        .instruction(&[]),
    };
    writable(settle, &house)
}

/// With the reference market where its price is of the same moment: the program refuses one of another.
fn update_market(book: &Book, index: u16) -> Option<Instruction> {
    let (directory, market) = (book.directory(), book.market(index)?);
    let listed = directory.market(index).ok()?;
    let own = market_price(book, index)?;
    let reference = market.regime.reference_market.checked_sub(1);
    let reference = reference.and_then(|index| {
        let listed = directory.market(index).ok()?;
        let is_paired = due::is_paired(&own, &market_price(book, index)?, book.market(index)?);
        is_paired.then_some((listed.key, feed_of(listed)))
    });
    let accounts = ix::UpdateMarket {
        market: listed.key,
        price: feed_of(listed),
        reference: reference.map(|(key, _)| key),
        reference_price: reference.map(|(_, price)| price),
    };
    Some(accounts.instruction(&[]))
}
