//! Everything that a house owes and owns, read over RPC: what a settlement must neither make nor lose.

use std::collections::BTreeMap;

use client_core::AccountData;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market, PositionRecord};
use portfolio_margin_interface::{AccountLayout, Pubkey, DISCRIMINATOR_LEN};

use crate::town::{key, Town};

/// Place of the amount in a token account: after mint and owner.
const AMOUNT_AT: usize = 64;

/// A house at one moment.
pub struct Ledger {
    pub house: Clearinghouse,
    /// By index.
    pub markets: Vec<Market>,
    pub accounts: BTreeMap<Pubkey, AccountData>,
    /// What the quote bank says it owes, and what its vault holds, 1e-6 USD.
    pub deposits: u64,
    pub vault: u64,
}

impl Ledger {
    pub async fn read(town: &Town) -> Self {
        let info = &town.network.info;
        let bank = info.banks.iter().find(|bank| bank.is_quote);
        let bank = bank.expect("a quote bank");
        let mut keys = vec![key(&info.house), key(&bank.key), key(&bank.vault)];
        keys.extend(info.markets.iter().map(|market| key(&market.key)));
        let found = town.rpc.accounts(&keys).await.expect("an answer");
        let data: Vec<Vec<u8>> = found
            .accounts
            .into_iter()
            .map(|raw| raw.expect("it is there").data)
            .collect();
        let amount = data[2][AMOUNT_AT..AMOUNT_AT + 8].try_into();
        let accounts = town.accounts().await.into_iter();
        Self {
            house: state(&data[0]),
            deposits: state::<CollateralBank>(&data[1]).total_deposits,
            vault: u64::from_le_bytes(amount.expect("eight bytes")),
            markets: data[3..].iter().map(|data| state(data)).collect(),
            accounts: accounts
                .map(|(at, data)| (at, AccountData::read(&data).expect("a margin account")))
                .collect(),
        }
    }

    /// Everything that the quote bank owes to anybody, 1e-6 USD.
    pub fn claims(&self) -> i128 {
        let cash = self.accounts.values().map(|a| i128::from(a.header.cash));
        let of_markets = self.markets.iter().map(|market| {
            let pools = market.expiries.iter().map(|slot| slot.settlement.pool);
            let pools: i128 = pools.map(i128::from).sum();
            i128::from(market.fees) + i128::from(market.perp_pool) + pools
        });
        let house = &self.house;
        let of_house =
            i128::from(house.insurance) + i128::from(house.fees) + i128::from(house.interest.pool);
        cash.sum::<i128>() + of_markets.sum::<i128>() + of_house
    }

    /// Insists that the vault holds what is owed, to the native unit.
    pub fn assert_whole(&self) {
        assert_eq!(self.claims(), i128::from(self.vault), "claims and vault");
        assert_eq!(self.deposits, self.vault, "deposits and vault");
        let in_debt = self.accounts.values().filter(|a| a.header.cash < 0);
        assert_eq!(in_debt.count(), 0, "interest would blur what was paid");
    }
}

/// What a record is worth at a final price (1e-8 USD), 1e-6 USD, rounded down: written out here, in 128 bits, apart from the program.
pub fn payoff(held: &PositionRecord, price: u64) -> i128 {
    let (price, strike) = (i128::from(price), i128::from(held.strike));
    let unit = match held.instrument {
        1 => price,
        2 => (price - strike).max(0),
        3 => (strike - price).max(0),
        other => panic!("instrument {other} does not expire"),
    };
    let product = i128::from(held.quantity) * unit; // 1e-14 USD
    product.div_euclid(100_000_000) - i128::from(held.cost)
}

/// Insists that between two ledgers each account was paid what its records of the expiry were worth at the prices (1e-8 USD, by index
/// of market), lost these records, and nothing else changed; and that the house kept only what rounding left.
pub fn assert_settled(before: &Ledger, after: &Ledger, expiry: i64, prices: &[u64]) {
    let mut paid = vec![0i128; prices.len()];
    assert!(before.accounts.keys().eq(after.accounts.keys()));
    for (at, old) in &before.accounts {
        let new = &after.accounts[at];
        let is_of = |held: &&PositionRecord| held.expiry == expiry;
        let mut due = 0;
        for held in old.positions.iter().filter(is_of) {
            let worth = payoff(held, prices[usize::from(held.market)]);
            due += worth;
            paid[usize::from(held.market)] += worth;
        }
        let change = i128::from(new.header.cash) - i128::from(old.header.cash);
        assert_eq!(change, due, "{at} was paid {change} and not {due}");
        let kept: Vec<_> = old
            .positions
            .iter()
            .filter(|held| held.expiry != expiry)
            .copied()
            .collect();
        assert_eq!(
            new.positions, kept,
            "{at} holds what it held of other expiries"
        );
    }
    for (index, (old, new)) in before.markets.iter().zip(&after.markets).enumerate() {
        let slot = new.expiries.iter().find(|slot| slot.time == expiry);
        let record = slot.expect("a listed expiry").settlement;
        assert_eq!((record.records, record.open, record.pool), (0, 0, 0));
        let dust = i128::from(new.fees) - i128::from(old.fees);
        assert_eq!(dust, -paid[index], "what rounding left of market {index}");
        assert!((0..1_000).contains(&dust), "{dust} is no rounding");
    }
    after.assert_whole();
    assert_eq!(before.vault, after.vault, "nobody deposited or withdrew");
}

pub fn state<T: AccountLayout>(data: &[u8]) -> T {
    assert_eq!(data[..DISCRIMINATOR_LEN], T::ACCOUNT_DISCRIMINATOR);
    bytemuck::pod_read_unaligned(&data[DISCRIMINATOR_LEN..T::ACCOUNT_LEN])
}
