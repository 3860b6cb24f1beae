//! A town: a world with its population, from which any number of networks may start.

use portfolio_margin_interface::Pubkey;

use crate::error::Error;
use crate::population::populate;
use crate::settings::Settings;
use crate::stage::Stage;

/// A world with its population, in memory; networks take copies of it.
///
/// It is good for ten minutes: then the stored price of the quote asset is too old until the first post of the poster.
pub struct Town {
    pub(crate) stage: Stage,
    pub(crate) failing: Vec<Pubkey>,
    pub(crate) accounts: usize,
}

impl Town {
    /// Builds it by the settings `accounts`, `failing` and `seed`.
    ///
    /// Refuses more failing accounts than accounts; fails where an account is not what it was planned to be.
    pub fn build(settings: &Settings) -> Result<Self, Error> {
        settings.check()?;
        settings.say("building the world");
        let mut stage = Stage::build();
        let failing = populate(&mut stage, settings)?;
        Ok(Self {
            stage,
            failing,
            accounts: settings.accounts,
        })
    }
}
