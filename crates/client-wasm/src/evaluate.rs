//! From a bundle to what the program would say of its account.

use client_core::account::read;
use client_core::view::{expiry_greeks, greeks, leg_greeks, risk_matrix, view};
use client_core::{
    AccountData, Inputs, PageError, Priced, Pubkey, RawAccount, ReportError, ShownPrice,
};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};
use portfolio_margin_interface::view::{GreeksView, LegGreeksView, MarginView, RiskMatrixView};
use portfolio_margin_interface::{AccountLayout, ID};

use crate::bundle::Bundle;

/// Why there is no view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no bundle of this version.
    #[error("the bytes are no bundle of accounts of this version")]
    Framing,
    /// Accounts are missing behind those that are there.
    #[error("the bundle ends where {0} should be")]
    Missing(&'static str),
    /// Accounts are left over.
    #[error("account {0} is more than the check takes")]
    Extra(Pubkey),
    /// An account is none of this program's, of another type, or cut.
    #[error("account {key} is no {what} of the program")]
    Foreign {
        /// Its address.
        key: Pubkey,
        /// What it should be.
        what: &'static str,
    },
    /// A bank or market is another than the one whose turn it is.
    #[error("account {key} is not {what} {index}, whose turn it is")]
    Order {
        /// Its address.
        key: Pubkey,
        /// What it should be.
        what: &'static str,
        /// The index whose turn it is.
        index: u16,
    },
    /// An account belongs to another clearing house than the first of the bundle.
    #[error("account {0} belongs to another clearing house")]
    Clearinghouse(Pubkey),
    /// Two price accounts of one feed.
    #[error("account {0} is a second price of its feed: one account per feed")]
    Inconsistent(Pubkey),
    /// The engine refuses, or a price does.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no such page.
    #[error(transparent)]
    Page(#[from] PageError),
}

impl Refusal {
    /// The program's error code for the same; zero where the bundle itself is wrong in a way that no transaction can be.
    pub fn code(&self) -> u32 {
        let code = match self {
            Self::Framing | Self::Foreign { .. } => return 0,
            Self::Missing(_) => ErrorCode::RemainingAccountMissing,
            Self::Extra(_) => ErrorCode::UnexpectedAccount,
            Self::Order { what: "bank", .. } => ErrorCode::BankMismatch,
            Self::Order { .. } => ErrorCode::MarketMismatch,
            Self::Clearinghouse(_) => ErrorCode::ClearinghouseMismatch,
            Self::Inconsistent(_) => ErrorCode::OracleInconsistent,
            Self::Report(error) => error.code(),
            Self::Page(error) => error.code(),
        };
        code.code()
    }
}

/// Accounts of a bundle, from the front, as the program takes those of a transaction.
struct Cursor<'a> {
    rest: std::vec::IntoIter<(Pubkey, RawAccount<'a>)>,
    /// Price accounts seen, by feed.
    prices: Vec<([u8; 32], Pubkey)>,
    house: Pubkey,
    now: i64,
}

impl<'a> Cursor<'a> {
    fn account(&mut self, what: &'static str) -> Result<(Pubkey, RawAccount<'a>), Refusal> {
        self.rest.next().ok_or(Refusal::Missing(what))
    }

    /// The next account as a layout of the program.
    fn layout<T: AccountLayout>(&mut self, what: &'static str) -> Result<(Pubkey, T), Refusal> {
        let (key, account) = self.account(what)?;
        let found = Some(account.data).filter(|_| account.owner == ID);
        let layout = found.and_then(read::<T>);
        Ok((key, layout.ok_or(Refusal::Foreign { key, what })?))
    }

    /// Refuses an account of another clearing house.
    fn require_own(&self, key: Pubkey, house: &Pubkey) -> Result<(), Refusal> {
        match *house == self.house {
            true => Ok(()),
            false => Err(Refusal::Clearinghouse(key)),
        }
    }

    /// The next account as the price of a feed: one account per feed.
    fn price(&mut self, feed: &[u8; 32], priced: Priced<'_>) -> Result<ShownPrice, Refusal> {
        let (key, account) = self.account("price")?;
        match self.prices.iter().find(|(known, _)| known == feed) {
            None => self.prices.push((*feed, key)),
            Some((_, first)) if *first == key => {}
            Some(_) => return Err(Refusal::Inconsistent(key)),
        }
        let shown = ShownPrice::read(&key, &account, &self.house, self.now, priced);
        // here, as the program does, and not once everything is read
        match shown.refusal {
            Some(refusal) => Err(ReportError::Price(refusal).into()),
            None => Ok(shown),
        }
    }

    fn bank(&mut self, index: u16) -> Result<(CollateralBank, ShownPrice), Refusal> {
        let what = "bank";
        let (key, bank) = self.layout::<CollateralBank>(what)?;
        self.require_own(key, &bank.clearinghouse)?;
        if bank.index != index {
            return Err(Refusal::Order { key, what, index });
        }
        let shown = self.price(&bank.feed_id, Priced::Bank(&bank))?;
        Ok((bank, shown))
    }

    fn market(&mut self, index: u16) -> Result<(Market, ShownPrice), Refusal> {
        let what = "market";
        let (key, market) = self.layout::<Market>(what)?;
        self.require_own(key, &market.clearinghouse)?;
        if market.index != index {
            return Err(Refusal::Order { key, what, index });
        }
        let shown = self.price(&market.feed_id, Priced::Market(&market))?;
        Ok((market, shown))
    }
}

/// An account of a bundle, with what it is measured with.
struct Subject {
    account: AccountData,
    inputs: Inputs,
}

/// Reads a bundle as the program reads the accounts of a view without legs.
fn subject(bundle: &[u8]) -> Result<Subject, Refusal> {
    let bundle = Bundle::read(bundle).ok_or(Refusal::Framing)?;
    let mut cursor = Cursor {
        rest: bundle.accounts.into_iter(),
        prices: vec![],
        house: Pubkey::default(),
        now: bundle.now,
    };
    let (house, state) = cursor.layout::<Clearinghouse>("clearing house")?;
    cursor.house = house;
    let what = "margin account";
    let (key, account) = cursor.account(what)?;
    let data = Some(account.data).filter(|_| account.owner == ID);
    let account = data.and_then(AccountData::read);
    let account = account.ok_or(Refusal::Foreign { key, what })?;
    cursor.require_own(key, &account.header.clearinghouse)?;
    let scope = account.scope();
    let mut inputs = Inputs::new(state, bundle.now);
    for index in scope.banks {
        inputs.banks.push(cursor.bank(index)?);
    }
    for index in scope.markets {
        inputs.markets.push(cursor.market(index)?);
    }
    match cursor.rest.next() {
        Some((key, _)) => Err(Refusal::Extra(key)),
        None => Ok(Subject { account, inputs }),
    }
}

/// What `view_margin` without legs would return for the bundle's account.
///
/// Errors: [`Refusal`], with the program's code where it would refuse the same accounts in a transaction.
pub fn margin_of(bundle: &[u8]) -> Result<MarginView, Refusal> {
    let Subject { account, inputs } = subject(bundle)?;
    Ok(view(&account.header, &account.positions, &inputs)?)
}

/// The account's page of `view_greeks` without legs.
///
/// Errors: as [`margin_of`]; an account whose margin is refused may have Greeks.
pub fn greeks_of(bundle: &[u8]) -> Result<GreeksView, Refusal> {
    let Subject { account, inputs } = subject(bundle)?;
    Ok(greeks(&account.header, &account.positions, &inputs)?)
}

/// A market's page of `view_greeks` by expiry, from row `first` on.
///
/// Errors: as [`greeks_of`]; [`PageError`] for a market that is not held and a page behind the last row.
pub fn expiry_greeks_of(bundle: &[u8], page: (u16, u8)) -> Result<GreeksView, Refusal> {
    let Subject { account, inputs } = subject(bundle)?;
    let (header, positions) = (&account.header, &account.positions);
    Ok(expiry_greeks(header, positions, &inputs, page)?)
}

/// A market's page of `view_greeks` by leg, from row `first` on.
///
/// Errors: as [`expiry_greeks_of`].
pub fn leg_greeks_of(bundle: &[u8], page: (u16, u8)) -> Result<LegGreeksView, Refusal> {
    let Subject { account, inputs } = subject(bundle)?;
    let (header, positions) = (&account.header, &account.positions);
    Ok(leg_greeks(header, positions, &inputs, page)?)
}

/// What `view_risk_matrix` without legs would return of a market.
///
/// Errors: as [`expiry_greeks_of`].
pub fn matrix_of(bundle: &[u8], market: u16) -> Result<RiskMatrixView, Refusal> {
    let Subject { account, inputs } = subject(bundle)?;
    let (header, positions) = (&account.header, &account.positions);
    Ok(risk_matrix(header, positions, &inputs, market)?)
}
