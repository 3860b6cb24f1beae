//! Reconciliation: what the vaults hold against what every account claims, to the native unit.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount};
use portfolio_margin_interface::{AccountLayout, ID};

use crate::world::World;

/// A bank's two sides, native units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankBalance {
    /// The bank.
    pub bank: Pubkey,
    /// What its vault holds.
    pub vault: i128,
    /// What all margin accounts claim together.
    pub claims: i128,
    /// What the bank says it owes.
    pub total_deposits: i128,
}

/// Sums over all margin accounts of a clearing house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Each bank in order.
    pub banks: Vec<BankBalance>,
    /// Sum of the costs of perpetuals and futures per market: zero each.
    pub costs: BTreeMap<u16, i128>,
    /// Sum of quantities per series (market, expiry, strike, instrument): zero each.
    pub quantities: BTreeMap<(u16, i64, u64, u8), i128>,
}

impl Reconciliation {
    /// Sum of what vaults and claims differ by, native units: zero.
    pub fn vault_error(&self) -> i128 {
        self.banks
            .iter()
            .map(|bank| {
                (bank.vault - bank.claims).abs() + (bank.total_deposits - bank.claims).abs()
            })
            .sum()
    }

    /// INV-01 and INV-02, and that perpetual PnL sums to zero.
    pub fn is_exact(&self) -> bool {
        self.vault_error() == 0
            && self.costs.values().all(|sum| *sum == 0)
            && self.quantities.values().all(|sum| *sum == 0)
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

    /// Adds up every account of the world's clearing house.
    pub fn reconcile(&self) -> Reconciliation {
        let mut sums = Reconciliation::default();
        let mut claims: BTreeMap<u16, i128> = BTreeMap::new();
        let mut cash = 0i128;
        for key in self.margin_accounts(&self.house) {
            let (header, positions) = self.account(&key);
            cash += i128::from(header.cash);
            for held in header.used_collateral() {
                *claims.entry(held.bank).or_default() += i128::from(held.amount);
            }
            for record in &positions {
                *sums.costs.entry(record.market).or_default() += i128::from(record.cost);
                *sums.quantities.entry(record.key()).or_default() += i128::from(record.quantity);
            }
        }
        for bank in self.banks.iter().filter(|bank| bank.house == self.house) {
            let state: CollateralBank = self.read(&bank.key);
            let claimed = claims.get(&bank.index).copied().unwrap_or(0);
            sums.banks.push(BankBalance {
                bank: bank.key,
                vault: self.token_balance(&bank.vault).into(),
                claims: if state.is_quote == 1 { cash } else { claimed },
                total_deposits: state.total_deposits.into(),
            });
        }
        sums
    }
}
