//! Reconciliation: what the vaults hold against what every account claims, to the native unit.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market, PositionRecord,
};
use portfolio_margin_interface::{AccountLayout, ID};

use crate::world::World;

/// A bank's two sides, native units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankBalance {
    /// The bank.
    pub bank: Pubkey,
    /// What its vault holds.
    pub vault: i128,
    /// What all margin accounts claim together; of the quote bank also the house and its markets: [`Ledger::claims`].
    pub claims: i128,
    /// What the bank says it owes.
    pub total_deposits: i128,
}

/// Whose the quote tokens are, 1e-6 USD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Sum of cash over all accounts, debts negative.
    pub cash: i128,
    /// Sum of what cash is below zero.
    pub debts: i128,
    /// Interest due to accounts and not in their cash yet; no part of the claims.
    pub interest_due: i128,
    /// The insurance fund.
    pub insurance: i128,
    /// Fees collected.
    pub fees: i128,
    /// Fees that markets still hold.
    pub market_fees: i128,
    /// What losers of perpetuals paid and winners have not received.
    pub perp_pools: i128,
    /// The same of expiries.
    pub settlement_pools: i128,
    /// Interest charged and not credited.
    pub interest_pool: i128,
    /// Sum of positive cash as it is recorded, losses not charged yet included.
    pub balances: i128,
    /// What accounts were proved to lack.
    pub proven: i128,
    /// By how much the house's sums differ from the accounts: debts, balances, tokens behind balances, proofs.
    pub house_error: i128,
}

impl Ledger {
    /// Everything that the quote bank owes.
    pub fn claims(&self) -> i128 {
        self.cash
            + self.insurance
            + self.fees
            + self.market_fees
            + self.perp_pools
            + self.settlement_pools
            + self.interest_pool
    }
}

/// Sums over all margin accounts of a clearing house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Each bank in order.
    pub banks: Vec<BankBalance>,
    /// The quote bank's claims.
    pub ledger: Ledger,
    /// Sum of the costs of perpetuals and of futures that are not settled, the perpetuals' pool, and the losses that its profits
    /// still have to forgive, per market: zero each.
    pub costs: BTreeMap<u16, i128>,
    /// Sum of quantities per series (market, expiry, strike, instrument) that is not settled: zero each.
    pub quantities: BTreeMap<(u16, i64, u64, u8), i128>,
}

impl Reconciliation {
    /// Sum of what vaults and claims differ by, native units: zero, but for tokens sent to a vault unasked.
    pub fn vault_error(&self) -> i128 {
        self.banks
            .iter()
            .map(|bank| {
                (bank.vault - bank.claims).abs() + (bank.total_deposits - bank.claims).abs()
            })
            .sum()
    }

    /// What vaults hold beyond what banks owe: tokens that were sent to them unasked.
    pub fn donations(&self) -> i128 {
        let beyond = |bank: &BankBalance| bank.vault - bank.total_deposits;
        self.banks.iter().map(beyond).sum()
    }

    /// Whether every claim is what the banks and the house say, whatever was donated.
    pub fn is_exact_but_for_donations(&self) -> bool {
        self.banks
            .iter()
            .all(|bank| bank.total_deposits == bank.claims && bank.vault >= bank.total_deposits)
            && self.ledger.house_error == 0
            && self.costs.values().all(|sum| *sum == 0)
            && self.quantities.values().all(|sum| *sum == 0)
    }

    /// INV-01 and INV-02, and that perpetual PnL sums to zero.
    pub fn is_exact(&self) -> bool {
        self.vault_error() == 0 && self.is_exact_but_for_donations()
    }
}

impl World {
    /// All margin accounts of a clearing house.
    pub fn margin_accounts(&self, house: &Pubkey) -> Vec<Pubkey> {
        let mut keys: Vec<Pubkey> = self
            .svm
            .get_program_accounts(&ID)
            .into_iter()
            .filter(|(_, account)| {
                account
                    .data
                    .starts_with(&MarginAccount::ACCOUNT_DISCRIMINATOR)
            })
            .map(|(key, _)| key)
            .filter(|key| self.read::<MarginAccount>(key).clearinghouse == *house)
            .collect();
        keys.sort();
        keys
    }

    /// What an account's quote balance is worth with its interest up to now, 1e-6 USD.
    pub fn cash_value(&self, account: &Pubkey) -> i128 {
        let header: MarginAccount = self.read(account);
        let house: Clearinghouse = self.read(&header.clearinghouse);
        house.interest.at(self.now()).value_floor(&header).into()
    }

    /// Adds up every account of the world's clearing house.
    pub fn reconcile(&self) -> Reconciliation {
        let mut sums = Reconciliation::default();
        let mut claims: BTreeMap<u16, i128> = BTreeMap::new();
        let markets = self.add_markets(&mut sums);
        for key in self.margin_accounts(&self.house) {
            let (header, positions) = self.account(&key);
            let cash = i128::from(header.cash);
            sums.ledger.cash += cash;
            sums.ledger.debts -= cash.min(0);
            sums.ledger.balances += cash.max(0);
            sums.ledger.proven += i128::from(header.proven_deficit);
            sums.ledger.interest_due += i128::from(header.interest_due);
            for held in header.used_collateral() {
                *claims.entry(held.bank).or_default() += i128::from(held.amount);
            }
            for record in positions
                .iter()
                .filter(|record| !is_settled(&markets, record))
            {
                *sums.costs.entry(record.market).or_default() += i128::from(record.cost);
                *sums.quantities.entry(record.key()).or_default() += i128::from(record.quantity);
            }
        }
        self.add_banks(&mut sums, &claims);
        sums
    }

    fn add_markets(&self, sums: &mut Reconciliation) -> BTreeMap<u16, Market> {
        let mut markets = BTreeMap::new();
        for listed in self.markets.iter().filter(|m| m.house == self.house) {
            let market: Market = self.read(&listed.key);
            sums.ledger.market_fees += i128::from(market.fees);
            sums.ledger.perp_pools += i128::from(market.perp_pool);
            let pools = market.expiries.iter().map(|slot| slot.settlement.pool);
            sums.ledger.settlement_pools += pools.map(i128::from).sum::<i128>();
            *sums.costs.entry(market.index).or_default() +=
                i128::from(market.perp_pool) + i128::from(market.perp_loss);
            markets.insert(market.index, market);
        }
        markets
    }

    fn add_banks(&self, sums: &mut Reconciliation, claims: &BTreeMap<u16, i128>) {
        let house: Clearinghouse = self.read(&self.house);
        sums.ledger.insurance = house.insurance.into();
        sums.ledger.fees = house.fees.into();
        sums.ledger.interest_pool = house.interest.pool.into();
        let ledger = &mut sums.ledger;
        ledger.house_error = (i128::from(house.interest.debts) - ledger.debts).abs();
        ledger.house_error += (i128::from(house.proven_insolvency) - ledger.proven).abs();
        let of_markets = ledger.market_fees + ledger.perp_pools + ledger.settlement_pools;
        let balances = house.interest.balances_with(of_markets as u64);
        let balances = balances.map_or(i128::MAX, i128::from);
        ledger.house_error += (balances - ledger.balances).abs();
        for bank in self.banks.iter().filter(|bank| bank.house == self.house) {
            let state: CollateralBank = self.read(&bank.key);
            let total_deposits = i128::from(state.total_deposits);
            let claimed = claims.get(&bank.index).copied().unwrap_or(0);
            let ledger = &mut sums.ledger;
            if bank.is_quote {
                let funds = total_deposits - ledger.insurance - ledger.fees;
                ledger.house_error += (i128::from(house.interest.funds) - funds).abs();
            }
            sums.banks.push(BankBalance {
                bank: bank.key,
                vault: self.token_balance(&bank.vault).into(),
                claims: if bank.is_quote {
                    ledger.claims()
                } else {
                    claimed
                },
                total_deposits,
            });
        }
    }
}

/// Whether a record's expiry has its final price: then its two sides are settled one by one.
fn is_settled(markets: &BTreeMap<u16, Market>, record: &PositionRecord) -> bool {
    let market = markets.get(&record.market);
    market.is_some_and(|market| {
        let mut slots = market.expiries.iter();
        record.expiry != 0
            && slots.any(|slot| slot.time == record.expiry && slot.settlement.price != 0)
    })
}
