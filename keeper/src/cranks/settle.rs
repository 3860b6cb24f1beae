//! What of settlement is due: samples of the last half hour, final prices, and who is to be settled, losers first.

use clearing_core::settlement::{perp_pnl_floor, place, value_floor, Place, SettlementTerms};
use client_core::oracle::ShownPrice;
use portfolio_margin_interface::state::settlement::Offered;
use portfolio_margin_interface::state::{Clearinghouse, Market};
use portfolio_margin_interface::Pubkey;
use risk_core::market::SETTLEMENT_WINDOW_SECONDS;
use risk_core::position::{Instrument, PositionSource};
use risk_core::Price;

use super::{market_price, Crank};
use crate::book::Book;
use crate::config::Cranks;
use crate::model::KnownAccount;
use crate::order;

fn terms_of(house: &Clearinghouse) -> SettlementTerms {
    SettlementTerms {
        delay: house.settlement_delay,
        samples: house.settlement_samples,
    }
}

/// What stands for the minute of a price that was published after its expiry.
const LATE: u8 = u8::MAX;

/// Samples that a market's expiries would take now, and final prices that are due. Expiries that nobody holds are left alone. What is
/// shown may be of any age: a sample belongs to the minute it was published in, so the last price before a feed fell silent counts.
pub fn samples(
    house: &Clearinghouse,
    market: &Market,
    shown: Option<&ShownPrice>,
    now: i64,
) -> Vec<Crank> {
    let terms = terms_of(house);
    let mut found = vec![];
    for slot in &market.expiries {
        let (expiry, record) = (slot.time, &slot.settlement);
        let is_near = expiry != 0 && now > expiry.saturating_sub(SETTLEMENT_WINDOW_SECONDS);
        if !is_near || record.price != 0 || record.records == 0 {
            continue;
        }
        if record.final_price(&terms, expiry, now).is_some() {
            found.push(Crank::Finalize(market.index, expiry));
            continue;
        }
        let Some((shown, published)) = shown.and_then(|s| s.publish_time.map(|at| (s, at))) else {
            continue;
        };
        let is_good = shown.refusal.is_none() && (shown.doubt.is_none() || published > expiry);
        let offered = (shown.price, published);
        let mut copy = *record;
        if is_good && copy.offer(&terms, expiry, offered, now) == Offered::Taken {
            let minute = minute_of(published, expiry);
            found.push(Crank::Sample(market.index, expiry, minute));
        }
    }
    found
}

/// Which minute of the window it was published in.
fn minute_of(published: i64, expiry: i64) -> u8 {
    match place(published, expiry) {
        Some(Place::Bucket { index, .. }) => u8::try_from(index).unwrap_or(LATE),
        _ => LATE,
    }
}

/// Accounts that hold something of an expiry whose price is written, with what that is worth, 1e-6 USD.
pub fn accounts(book: &Book) -> Vec<(i64, Crank)> {
    let mut found: Vec<(i64, Crank)> = vec![];
    for market in book.markets() {
        let settled = market.expiries.iter();
        let settled =
            settled.filter(|slot| slot.settlement.price != 0 && slot.settlement.records > 0);
        for slot in settled {
            let holders = book.accounts().filter_map(|account| {
                let value = value_of(account, market.index, slot.time, slot.settlement.price)?;
                let is_payable = value.is_open || slot.settlement.pool > 0;
                is_payable.then_some((
                    value.amount,
                    Crank::Settle(market.index, slot.time, account.key),
                ))
            });
            found.extend(holders);
        }
    }
    found
}

/// What an account's records of an expiry are worth.
struct Value {
    /// 1e-6 USD.
    amount: i64,
    /// Whether any of them is more than a claim on the pool.
    is_open: bool,
}

fn value_of(account: &KnownAccount, market: u16, expiry: i64, price: u64) -> Option<Value> {
    let held = account.positions.iter();
    let mut held = held
        .filter(|held| held.market == market && held.expiry == expiry)
        .peekable();
    held.peek()?;
    let mut value = Value {
        amount: 0,
        is_open: false,
    };
    for record in held {
        let position = record.position();
        let worth = value_floor(
            position.instrument,
            position.strike,
            position.quantity,
            position.cost,
            Price::from_raw(price),
        )?;
        value.amount = value.amount.saturating_add(worth.raw());
        value.is_open |= record.quantity != 0;
    }
    // a claim that somebody owes: no more than nothing to be settled
    value.is_open |= value.amount < 0;
    Some(value)
}

/// Accounts that lose on a perpetual and have cash to pay with, and what they lose, 1e-6 USD.
pub fn losers(book: &Book, settings: &Cranks) -> Vec<(i64, Crank)> {
    let now = book.now();
    let mut found: Vec<(i64, Crank)> = vec![];
    for market in book.markets() {
        let Some(shown) = market_price(book, market.index) else {
            continue;
        };
        if shown.refusal.is_some() || shown.doubt.is_some() {
            continue;
        }
        let index = market.funding.index_at(now);
        let losers = book.accounts().filter(|account| account.header.cash > 0);
        found.extend(losers.filter_map(|account| {
            let held = account.positions.iter().find(|held| {
                held.market == market.index && held.instrument == Instrument::Perpetual as u8
            })?;
            let position = held.position();
            let pnl = perp_pnl_floor(position.quantity, position.cost, shown.price, index)?;
            let is_worth =
                pnl.raw() < 0 && pnl.raw().unsigned_abs() >= settings.least_pnl.unsigned_abs();
            is_worth.then_some((pnl.raw(), Crank::PerpPnl(market.index, account.key)))
        }));
    }
    found
}

/// So many of them: those who pay most. Those who pay come before those who are paid out of it, and among their like in an order of
/// this keeper's own, so that two keepers rarely settle the same account at a time.
pub fn first(mut found: Vec<(i64, Crank)>, most: usize, own: &Pubkey) -> Vec<Crank> {
    found.sort_unstable();
    found.truncate(most);
    found.sort_by_key(|(amount, crank)| (*amount >= 0, turn_of(crank, own)));
    found.into_iter().map(|(_, crank)| crank).collect()
}

fn turn_of(crank: &Crank, own: &Pubkey) -> u64 {
    match crank {
        Crank::Settle(_, _, account) | Crank::PerpPnl(_, account) => order::place(account, own),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
    use std::collections::BTreeSet;

    const T: i64 = 1_800_000_000;

    fn house() -> Clearinghouse {
        Clearinghouse {
            settlement_delay: 600,
            settlement_samples: 2,
            ..Clearinghouse::zeroed()
        }
    }

    fn market(records: u32) -> Market {
        let mut market = Market::zeroed();
        market.index = 3;
        market.expiries[0].time = T;
        market.expiries[0].settlement.records = records;
        market
    }

    fn shown(published: i64) -> ShownPrice {
        ShownPrice {
            publish_time: Some(published),
            ..ShownPrice::supposed(Price::from_raw(500))
        }
    }

    #[test]
    fn each_minute_of_the_window_is_sampled_once() {
        let due = |market: &Market, published: i64| {
            samples(&house(), market, Some(&shown(published)), published)
        };
        let mut market = market(1);
        assert_eq!(due(&market, T - 1_800), []);
        assert_eq!(due(&market, T - 1_799), [Crank::Sample(3, T, 0)]);
        let terms = terms_of(&house());
        let price = (Price::from_raw(500), T - 1_799);
        market.expiries[0]
            .settlement
            .offer(&terms, T, price, T - 1_799);
        assert_eq!(due(&market, T - 1_799), []);
        assert_eq!(due(&market, T - 1_741), []);
        assert_eq!(due(&market, T - 1_739), [Crank::Sample(3, T, 1)]);
        assert_eq!(samples(&house(), &market, None, T - 1_739), []);
    }

    #[test]
    fn a_final_price_is_written_once_and_only_where_somebody_holds() {
        let mut market = market(1);
        let terms = terms_of(&house());
        for minute in [1_799, 1_739] {
            let price = (Price::from_raw(500), T - minute);
            market.expiries[0]
                .settlement
                .offer(&terms, T, price, T - minute);
        }
        let due = |market: &Market, now| samples(&house(), market, None, now);
        assert_eq!(due(&market, T + 599), []);
        assert_eq!(due(&market, T + 600), [Crank::Finalize(3, T)]);
        market.expiries[0].settlement.records = 0;
        assert_eq!(due(&market, T + 600), []);
        market.expiries[0].settlement.records = 1;
        market.expiries[0].settlement.price = 500;
        assert_eq!(due(&market, T + 600), []);
    }

    #[test]
    fn records_are_valued_and_a_claim_is_not_open() {
        let record = |instrument, quantity, cost| PositionRecord {
            market: 3,
            instrument,
            expiry: T,
            quantity,
            cost,
            ..PositionRecord::zeroed()
        };
        let account = |positions| KnownAccount {
            key: Pubkey::default(),
            header: MarginAccount::zeroed(),
            positions,
            slot: 0,
        };
        // a future of two units at 5 USD that cost 12
        let future = account(vec![record(1, 2_000_000, 12_000_000)]);
        let value = value_of(&future, 3, T, 500_000_000).unwrap();
        assert_eq!((value.amount, value.is_open), (-2_000_000, true));
        let claim = account(vec![record(1, 0, -7)]);
        let value = value_of(&claim, 3, T, 500_000_000).unwrap();
        assert_eq!((value.amount, value.is_open), (7, false));
        assert!(value_of(&claim, 3, T + 1, 1).is_none());
        assert!(value_of(&claim, 2, T, 1).is_none());
    }

    #[test]
    fn the_first_are_those_who_pay_most() {
        let crank = |n: u8| Crank::PerpPnl(0, Pubkey::from([n; 32]));
        let found = vec![(5, crank(1)), (-9, crank(2)), (-3, crank(3))];
        let keeper = Pubkey::from([7; 32]);
        let chosen: BTreeSet<_> = first(found.clone(), 2, &keeper).into_iter().collect();
        assert_eq!(chosen, BTreeSet::from([crank(2), crank(3)]));
        // and whoever is paid comes after all who pay, whatever the order among them is
        for key in 0..20 {
            let all = first(found.clone(), 9, &Pubkey::from([key; 32]));
            assert_eq!((all.len(), all[2]), (3, crank(1)));
        }
    }

    #[test]
    fn two_keepers_begin_at_different_accounts() {
        let found: Vec<_> = (0..40)
            .map(|n| (-1, Crank::PerpPnl(0, Pubkey::from([n; 32]))))
            .collect();
        let [one, other] = [1, 2].map(|n| first(found.clone(), 40, &Pubkey::from([n; 32])));
        let met = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!(met < 10, "{met}");
        let sorted = |list: &[Crank]| list.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&one), sorted(&other));
    }
}
