//! The end: what the liquidation did to its account, vaults against claims, compute units, time.

use std::time::Instant;

use portfolio_margin_interface::state::{Clearinghouse, MarginAccount, PositionRecord};
use risk_core::margin::MarginReport;

use super::cast::{CAST, KEEPER, NAKED};
use super::{ensure, Broken, Story};
use crate::render::format::{exact, grouped, percent, size, usd};
use crate::render::table::{Align, Table};
use crate::report::Units;

/// An account at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    header: MarginAccount,
    positions: Vec<PositionRecord>,
    margin: MarginReport,
}

impl Story {
    /// What an account holds now.
    pub fn snapshot(&mut self, actor: usize) -> Result<Snapshot, Broken> {
        let margin = self.evaluate(actor)?.margin;
        let (header, positions) = self.world.account(&self.traders[actor].account);
        Ok(Snapshot {
            header,
            positions,
            margin,
        })
    }

    /// Part four of the story.
    pub fn audit(&mut self, begun: Instant, opening: &[Snapshot; 2]) -> Result<(), Broken> {
        self.screen.heading("4. Every cent accounted for");
        self.show_liquidated(opening)?;
        self.reconcile()?;
        self.show_compute_units();
        self.show_times(begun);
        Ok(())
    }

    fn show_liquidated(&mut self, opening: &[Snapshot; 2]) -> Result<(), Broken> {
        let before = &opening[0];
        let after = self.snapshot(NAKED)?;
        let sol = |account: &Snapshot| -> u64 {
            account
                .header
                .used_collateral()
                .map(|held| held.amount)
                .sum()
        };
        let mut table = Table::new(&[
            ("the liquidated account", Align::Left),
            ("20:00", Align::Right),
            ("24:00", Align::Right),
        ]);
        let cells = |name: &str, value: &dyn Fn(&Snapshot) -> String| {
            [name.to_owned(), value(before), value(&after)]
        };
        table.row(cells("cash", &|a| usd(a.header.cash)));
        table.row(cells("SOL", &|a| format!("{:.3}", sol(a) as f64 / 1e9)));
        table.row(cells("BTC puts", &|a| held(a, super::cast::BTC)));
        table.row(cells("SOL puts", &|a| held(a, super::cast::SOL)));
        table.row(cells("equity", &|a| usd(a.margin.equity.raw())));
        table.row(cells("initial margin", &|a| {
            usd(a.margin.initial_margin().raw())
        }));
        table.row(cells("maintenance health", &|a| {
            usd(a.margin.maintenance_health.raw())
        }));
        self.screen.lines(table.lines());
        let sold = 1.0 - quantity(&after, super::cast::BTC) / quantity(before, super::cast::BTC);
        let bids = self.report.liquidations.iter().flat_map(|l| &l.bids);
        let (count, paid) = bids.fold((0, 0), |sum, bid| (sum.0 + 1, sum.1 + bid.price));
        let keeper = self.evaluate(KEEPER)?.margin.equity.raw();
        let terms: Clearinghouse = self.world.read(&self.world.house);
        let discount = f64::from(terms.liquidation.discount_start) / 1e6;
        self.screen.line("");
        self.screen.paragraph(&format!(
            "{count} slices took {} of the book, collateral included. The keeper paid {} for them, \
             {} below their marks ({}); its equity went from {} to {}, the rest being the \
             recovery of prices.",
            percent(sold),
            usd(paid),
            usd((paid as f64 * discount / (1.0 - discount)) as i64),
            percent(discount),
            usd(opening[1].margin.equity.raw()),
            usd(keeper),
        ));
        Ok(())
    }

    fn reconcile(&mut self) -> Result<(), Broken> {
        let sums = self.world.reconcile();
        let mut table = Table::new(&[
            ("claims, to the native unit", Align::Left),
            ("USDC", Align::Right),
            ("SOL", Align::Right),
        ]);
        for (actor, role) in CAST.iter().enumerate() {
            let header = self.header(actor);
            let sol: u64 = header.used_collateral().map(|held| held.amount).sum();
            table.row([
                role.name.to_owned(),
                exact(header.cash.into(), 6),
                exact(sol.into(), 9),
            ]);
        }
        let [usdc, sol] = sums.banks.as_slice() else {
            return Err(Broken(format!(
                "{} banks in place of two",
                sums.banks.len()
            )));
        };
        let mut total = |name: &str, amount: &dyn Fn(&sandbox::reconcile::BankBalance) -> i128| {
            table.row([
                name.to_owned(),
                exact(amount(usdc), 6),
                exact(amount(sol), 9),
            ]);
        };
        total("sum of claims", &|bank| bank.claims);
        total("vault (SPL token account)", &|bank| bank.vault);
        total("difference", &|bank| bank.vault - bank.claims);
        self.screen.line("");
        self.screen.lines(table.lines());
        self.screen.line("");
        self.report.vault_error = sums.vault_error();
        self.report.bad_debt = self.bad_debt()?;
        let costs: i128 = sums.costs.values().map(|sum| sum.abs()).sum();
        let open = sums.quantities.values().filter(|sum| **sum != 0).count();
        self.screen.paragraph(&format!(
            "Perpetual costs over all accounts sum to {costs}. Quantities sum to zero in {} of {} \
             series. Bad debt: {}.",
            sums.quantities.len() - open,
            sums.quantities.len(),
            usd(self.report.bad_debt),
        ));
        ensure(sums.is_exact(), || {
            format!("the books do not balance: {sums:?}")
        })?;
        ensure(self.report.bad_debt == 0, || {
            format!("bad debt {}", self.report.bad_debt)
        })
    }

    /// What accounts owe beyond what they have, 1e-6 USD.
    fn bad_debt(&mut self) -> Result<i64, Broken> {
        let mut sum = 0;
        for actor in 0..CAST.len() {
            sum += self
                .evaluate(actor)?
                .margin
                .equity
                .raw()
                .min(0)
                .saturating_neg();
        }
        Ok(sum)
    }

    fn show_compute_units(&mut self) {
        let mut table = Table::new(&[
            ("compute units", Align::Left),
            ("runs", Align::Right),
            ("least", Align::Right),
            ("median", Align::Right),
            ("most", Align::Right),
        ]);
        for (name, runs) in self.world.compute_units() {
            let Some(units) = Units::of(runs) else {
                continue;
            };
            let figures = [units.runs as u64, units.min, units.median, units.max];
            table.row([name.clone()].into_iter().chain(figures.map(grouped)));
            self.report.compute_units.insert(name.clone(), units);
        }
        self.screen.line("");
        self.screen.lines(table.lines());
    }

    fn show_times(&mut self, begun: Instant) {
        let (count, time) = self.evaluations;
        self.report.seconds = begun.elapsed().as_secs_f64();
        self.screen.line("");
        self.screen.paragraph(&format!(
            "{count} native evaluations took {:.2} ms each; {} times the program computed the same \
             account on chain, with the same result to the last bit. {:.1} s in all.",
            time.as_secs_f64() * 1e3 / f64::from(count.max(1)),
            self.compared,
            self.report.seconds,
        ));
    }
}

fn quantity(account: &Snapshot, market: u16) -> f64 {
    let held = account
        .positions
        .iter()
        .filter(|position| position.market == market);
    held.map(|position| position.quantity).sum::<i64>() as f64
}

fn held(account: &Snapshot, market: u16) -> String {
    size(quantity(account, market) as i64)
}
