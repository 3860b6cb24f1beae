//! Margin accounts and all that their margin needs, of one moment.

use std::sync::Arc;

use client_core::{view, AccountData, CheckedReport, Directory, Evaluator, Inputs};
use portfolio_margin_interface::view::MarginView;
use portfolio_margin_interface::Pubkey;

use crate::build::{Builder, Side};
use crate::error::{ClientError, Result};

/// The clearing house, and banks and markets with their prices, of one slot.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The slot of everything in it.
    pub slot: u64,
    /// What the house lists.
    pub directory: Arc<Directory>,
    /// The house, banks, markets, prices and the cluster's time.
    pub inputs: Arc<Inputs>,
}

impl Moment {
    /// Builds instructions from it.
    pub fn builder(&self) -> Builder<'_> {
        Builder {
            directory: &self.directory,
            inputs: &self.inputs,
        }
    }
}

/// A margin account with all that its margin needs.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The margin account.
    pub key: Pubkey,
    /// What it holds.
    pub account: AccountData,
    /// What it is measured with.
    pub moment: Moment,
}

impl Loaded {
    /// Its margin at prices that the program accepts, with what the program would doubt.
    ///
    /// Errors: [`ClientError::Evaluation`]: what the program refuses as well.
    pub fn report(&self) -> Result<CheckedReport> {
        let (header, positions) = (&self.account.header, &self.account.positions);
        let evaluator = Evaluator::new(&self.moment.inputs);
        let report = evaluator.checked(header, positions, &self.account.scope());
        report.map_err(|why| self.refused(why))
    }

    /// The bytes that the program's `view_margin` would return at this moment.
    ///
    /// Errors: as [`Loaded::report`].
    pub fn view(&self) -> Result<MarginView> {
        let (header, positions) = (&self.account.header, &self.account.positions);
        view(header, positions, &self.moment.inputs).map_err(|why| self.refused(why))
    }

    /// The same account with other holdings, as after a simulated transaction; they must not reach beyond what was loaded.
    #[must_use]
    pub fn with(&self, account: AccountData) -> Self {
        Self {
            account,
            ..self.clone()
        }
    }

    /// As instructions take it.
    pub fn side(&self) -> Side<'_> {
        Side {
            key: self.key,
            account: &self.account,
        }
    }

    /// Builds instructions of this moment.
    pub fn builder(&self) -> Builder<'_> {
        self.moment.builder()
    }

    fn refused(&self, why: client_core::ReportError) -> ClientError {
        ClientError::Evaluation {
            account: self.key,
            why,
        }
    }
}
