//! What accounts are measured with, put together from the bytes of accounts.

use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};
use portfolio_margin_interface::{AccountLayout, Pubkey, ID};

use crate::account::read;
use crate::directory::{Directory, Unlisted};
use crate::oracle::{Priced, RawAccount, ShownPrice};
use crate::scope::Scope;

/// Why accounts make no inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputsError {
    /// A bank or market that the directory does not know.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
    /// The clearing house, a bank or a market that the source does not have.
    #[error("account {0} is missing")]
    Missing(Pubkey),
    /// An account that is none of this program's, or another one than the directory says.
    #[error("account {0} is not what the directory says it is")]
    Foreign(Pubkey),
}

/// What accounts are measured with.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The clearing house.
    pub house: Clearinghouse,
    /// Banks of which accounts may hold collateral, by index.
    pub banks: Vec<(CollateralBank, ShownPrice)>,
    /// Markets in which accounts may hold positions, by index.
    pub markets: Vec<(Market, ShownPrice)>,
    /// Unix time.
    pub now: i64,
}

impl Inputs {
    /// No banks and markets yet.
    pub fn new(house: Clearinghouse, now: i64) -> Self {
        Self {
            house,
            banks: vec![],
            markets: vec![],
            now,
        }
    }

    /// Everything in them.
    pub fn scope(&self) -> Scope {
        Scope {
            banks: self.banks.iter().map(|(bank, _)| bank.index).collect(),
            markets: self
                .markets
                .iter()
                .map(|(market, _)| market.index)
                .collect(),
        }
    }

    /// Reads the clearing house, and the banks and markets of a scope with their prices, from wherever `find` has accounts.
    ///
    /// A price account that is missing or refused is no error here: [`ShownPrice::refusal`] says what the program would.
    pub fn gather<'a>(
        directory: &Directory,
        scope: &Scope,
        now: i64,
        find: impl Fn(&Pubkey) -> Option<RawAccount<'a>>,
    ) -> Result<Self, InputsError> {
        let house = directory.house;
        let mut inputs = Self::new(layout(&house, &find)?, now);
        let shown = |key: &Pubkey, priced: Priced<'_>| {
            let account = find(key).unwrap_or(RawAccount::EMPTY);
            ShownPrice::read(key, &account, &house, now, priced)
        };
        for index in &scope.banks {
            let listed = directory.bank(*index)?;
            let bank: CollateralBank = layout(&listed.key, &find)?;
            if bank.index != *index || bank.clearinghouse != house {
                return Err(InputsError::Foreign(listed.key));
            }
            let price = shown(&listed.price, Priced::Bank(&bank));
            inputs.banks.push((bank, price));
        }
        for index in &scope.markets {
            let listed = directory.market(*index)?;
            let market: Market = layout(&listed.key, &find)?;
            if market.index != *index || market.clearinghouse != house {
                return Err(InputsError::Foreign(listed.key));
            }
            let price = shown(&listed.price, Priced::Market(&market));
            inputs.markets.push((market, price));
        }
        Ok(inputs)
    }
}

/// An account of the program at an address.
fn layout<'a, T: AccountLayout>(
    key: &Pubkey,
    find: &impl Fn(&Pubkey) -> Option<RawAccount<'a>>,
) -> Result<T, InputsError> {
    let account = find(key).ok_or(InputsError::Missing(*key))?;
    match account.owner == ID {
        true => read(account.data).ok_or(InputsError::Foreign(*key)),
        false => Err(InputsError::Foreign(*key)),
    }
}
