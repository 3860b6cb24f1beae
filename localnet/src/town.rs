//! A town: a world with its population, from which any number of networks may start.

use std::path::Path;

use portfolio_margin_interface::Pubkey;
use solana_account::{Account, ReadableAccount};

use crate::error::Error;
use crate::info::{Info, Place};
use crate::network::write_keys;
use crate::population::populate;
use crate::settings::Settings;
use crate::stage::Stage;

/// Owners of what every chain has of its own: sysvars, built-in programs, programs with their code.
const CHAIN_OWNERS: [Pubkey; 4] = [
    Pubkey::from_str_const("Sysvar1111111111111111111111111111111111111"),
    Pubkey::from_str_const("NativeLoader1111111111111111111111111111111"),
    Pubkey::from_str_const("BPFLoader2111111111111111111111111111111111"),
    Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111"),
];

/// A world with its population, in memory; networks take copies of it.
///
/// It is good for ten minutes: then the stored price of the quote asset is too old until the first post of the poster.
pub struct Town {
    pub(crate) stage: Stage,
    pub(crate) failing: Vec<Pubkey>,
    pub(crate) accounts: usize,
}

impl Town {
    /// Builds it by the settings `accounts`, `failing`, `seed` and `expire_in`.
    ///
    /// Refuses more failing accounts than accounts; fails where an account is not what it was planned to be.
    pub fn build(settings: &Settings) -> Result<Self, Error> {
        settings.check()?;
        settings.say("building the world");
        let mut stage = Stage::build(settings.expire_in);
        let failing = populate(&mut stage, settings)?;
        Ok(Self {
            stage,
            failing,
            accounts: settings.accounts,
        })
    }

    /// What another chain's genesis needs of it: every account but programs and what a chain has of its own.
    pub fn accounts(&self) -> Vec<(Pubkey, Account)> {
        let svm = &self.stage.world.svm;
        let own = svm.airdrop_pubkey();
        let accounts = svm.accounts_db().inner.iter();
        let wanted = accounts.filter(|(key, account)| {
            !account.executable() && !CHAIN_OWNERS.contains(account.owner()) && **key != own
        });
        let copied = wanted.map(|(key, account)| (*key, Account::from(account.clone())));
        copied.collect()
    }

    /// Writes the named users' keypairs into a folder, as the Solana tools read them.
    pub fn write_keys(&self, folder: &Path) -> Result<(), Error> {
        write_keys(&self.stage, folder)
    }

    /// What it is made of, for clients of another chain that started from its accounts.
    pub fn info(&self, settings: &Settings, rpc_url: String, ws_url: String) -> Info {
        let slot = self.stage.world.slot();
        let place = Place {
            rpc_url,
            ws_url,
            slot,
            time: self.stage.world.now(),
        };
        Info::of(self, settings, place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
    use risk_core::liquidation::FRACTION_ONE;

    use super::*;
    use crate::scenario::bottom;

    fn town(accounts: usize, failing: usize) -> Town {
        let settings = Settings {
            accounts,
            failing,
            ..Settings::default()
        };
        Town::build(&settings).unwrap()
    }

    #[test]
    fn one_keeper_has_room_and_money_for_fifty_failing_books() {
        let town = town(100, 50);
        let mut stage = town.stage.clone();
        stage.set_prices(bottom());
        let keeper = stage.account("keeper");
        let world = &mut stage.world;
        let (mut most_units, mut stopped) = (0, 0);
        for account in &town.failing {
            let report = world.report(account);
            assert!(report.margin.maintenance_health.raw() < 0);
            assert!(report.margin.equity.raw() > 0);
            let witness = report.witness();
            world
                .start_liquidation(&keeper.user, account, &witness)
                .ok();
            let bid = world.bid(&keeper, account, &witness, FRACTION_ONE).ok();
            most_units = most_units.max(bid.compute_units);
            let after = world.report(account).margin;
            assert!(after.maintenance_health.raw() >= 0, "{account}: {after:?}");
            if world.account(account).0.status != STATUS_ACTIVE {
                stopped += 1;
                world.stop_liquidation(&keeper.user, account).ok();
            }
            assert_eq!(world.account(account).0.status, STATUS_ACTIVE);
        }
        let (header, positions) = world.account(&keeper.account);
        let report = world.report(&keeper.account).margin;
        eprintln!(
            "{most_units} CU at most; {stopped} stopped; {} positions, size {}, {report:?}",
            positions.len(),
            header.size(&positions)
        );
        assert!(report.initial_health.raw() > report.equity.raw() / 2);
    }

    #[test]
    fn the_same_seed_makes_the_same_town_and_another_another() {
        let (one, same) = (town(30, 10), town(30, 10));
        assert_eq!(one.failing, same.failing);
        assert_eq!(one.failing.len(), 10);
        let books = |town: &Town| -> Vec<_> {
            let read = |account| town.stage.world.account(account).1;
            town.failing.iter().map(read).collect()
        };
        let sizes = |town: &Town| -> Vec<Vec<i64>> {
            let of = |book: Vec<portfolio_margin_interface::state::PositionRecord>| {
                book.iter().map(|position| position.quantity).collect()
            };
            books(town).into_iter().map(of).collect()
        };
        assert_eq!(sizes(&one), sizes(&same));
        let other = Settings {
            accounts: 30,
            failing: 10,
            seed: 2,
            ..Settings::default()
        };
        assert_ne!(sizes(&one), sizes(&Town::build(&other).unwrap()));
    }

    #[test]
    fn more_failures_than_accounts_are_refused() {
        let settings = Settings {
            accounts: 3,
            failing: 4,
            ..Settings::default()
        };
        let refused = Town::build(&settings).err().unwrap().to_string();
        assert_eq!(refused, "failing: no more than there are accounts");
    }
}
