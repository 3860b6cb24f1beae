//! The keeper: proves a breach with one scenario per market, takes slices until the buffer is back, and stops.

use portfolio_margin_interface::args::BidArgs;
use portfolio_margin_interface::state::{Clearinghouse, Market as MarketRecord};
use risk_core::liquidation::{plan_slice, LiquidationTerms, SlicePlan, Wanted};
use risk_core::Quote;
use sandbox::NativeReport;

use super::cast::{CAST, KEEPER, TRADERS};
use super::stage::symbol;
use super::{done, ensure, refused, Broken, Story};
use crate::path::Moment;
use crate::render::format::{grouped, usd};
use crate::render::heat::in_words;
use crate::render::wrap;
use crate::render::WIDTH;
use crate::report::{Bid, Liquidation, Proof};

/// Largest part of a book that the keeper takes at once, 1e-9: its capital is small.
const SLICE: u64 = 50_000_000;
/// More slices than any repair here needs: a keeper that gets nowhere fails the story.
const MOST_SLICES: usize = 64;

impl Story {
    /// Repairs a failing account.
    pub fn liquidate(&mut self, actor: usize, moment: &Moment) -> Result<(), Broken> {
        let report = self.evaluate(actor)?;
        let mut liquidation = self.start(actor, moment, &report)?;
        let mut report = report;
        let terms = self.terms();
        while !terms.is_restored(&report.margin)? {
            ensure(liquidation.bids.len() < MOST_SLICES, || {
                format!("{MOST_SLICES} slices did not repair {}", CAST[actor].name)
            })?;
            let bid = self.bid(actor, &report)?;
            self.show_bid(&bid);
            liquidation.bids.push(bid);
            report = self.evaluate(actor)?;
        }
        self.stop(actor, &report, &mut liquidation)?;
        self.report.liquidations.push(liquidation);
        Ok(())
    }

    /// `start_liquidation` with the worst scenario of each market as the keeper found it.
    fn start(
        &mut self,
        actor: usize,
        moment: &Moment,
        report: &NativeReport,
    ) -> Result<Liquidation, Broken> {
        let (account, keeper) = (self.traders[actor].account, self.traders[KEEPER]);
        let proof = self.proof(actor, report)?;
        let witness = report.witness();
        let outcome = self
            .world
            .start_liquidation(&keeper.user, &account, &witness);
        let outcome = done(outcome, "start_liquidation")?;
        let name = CAST[actor].name;
        let scenarios: Vec<&str> = proof.iter().map(|p| p.scenario.as_str()).collect();
        let text = format!(
            "{name} fails by {}. Proof, one scenario per market: {}. The chain agrees \
             (start_liquidation, {} compute units); slices are for sale:",
            usd(-report.margin.maintenance_health.raw()),
            scenarios.join("; "),
            grouped(
                outcome
                    .compute_units_of("start_liquidation")
                    .unwrap_or_default()
            ),
        );
        self.screen.lines(indented(&text));
        self.screen.line(format!(
            "  {:>10}{:>10}{:>16}{:>10}{:>16}{:>15}",
            "slice", "paid", "health before", "after", "keeper's free", "compute units"
        ));
        Ok(Liquidation {
            account: name,
            started: moment.clock(),
            proof,
            maintenance_health: report.margin.maintenance_health.raw(),
            equity: report.margin.equity.raw(),
            bids: Vec::new(),
            health_after: 0,
        })
    }

    fn proof(&self, actor: usize, report: &NativeReport) -> Result<Vec<Proof>, Broken> {
        let house = self.traders[actor].house;
        let mut proof = Vec::new();
        for market in &report.markets {
            let listed = self.world.market(&house, market.market);
            let listed = listed.ok_or_else(|| Broken("a market that is not listed".to_owned()))?;
            let record: MarketRecord = self.world.read(&listed.key);
            let name = symbol(market.market);
            let index = market.risk.worst_scenario;
            proof.push(Proof {
                market: name,
                index,
                scenario: in_words(name, &record.scenarios.set()?, index),
            });
        }
        Ok(proof)
    }

    /// One `bid_liquidation`, planned natively: the chain must charge what the keeper computed.
    fn bid(&mut self, actor: usize, report: &NativeReport) -> Result<Bid, Broken> {
        let (account, keeper) = (self.traders[actor].account, self.traders[KEEPER]);
        let reserved = self.header(actor).reserved_cash;
        let plan = self.plan(report, reserved)?;
        let args = BidArgs {
            witness: report.witness(),
            fraction: SLICE,
            minimum: 0,
            price_limit: plan.price.raw(),
        };
        let ix = self.world.bid_ix(&keeper, &account, args);
        let outcome = done(self.world.send(&[ix], &[keeper.user]), "bid_liquidation")?;
        let paid = self.header(actor).reserved_cash - reserved;
        ensure(paid == plan.price.raw(), || {
            format!("paid {paid}, planned {}", plan.price.raw())
        })?;
        let before = report.margin.maintenance_health.raw();
        let after = self.evaluate(actor)?.margin.maintenance_health.raw();
        ensure(after > before, || {
            format!("a slice moved health from {before} to {after}")
        })?;
        let liquidator = self.evaluate(KEEPER)?.margin;
        ensure(liquidator.initial_health.raw() >= 0, || {
            format!(
                "the keeper overreached: {}",
                liquidator.initial_health.raw()
            )
        })?;
        Ok(Bid {
            fraction: plan.fraction,
            price: paid,
            health_before: before,
            health_after: after,
            liquidator_initial_health: liquidator.initial_health.raw(),
            compute_units: outcome
                .compute_units_of("bid_liquidation")
                .unwrap_or_default(),
        })
    }

    fn terms(&self) -> LiquidationTerms {
        let house: Clearinghouse = self.world.read(&self.world.house);
        house.liquidation_terms()
    }

    fn plan(&self, report: &NativeReport, reserved: i64) -> Result<SlicePlan, Broken> {
        plan_slice(
            &report.margin,
            &self.terms(),
            Quote::from_raw(reserved),
            Wanted::at_most(SLICE),
        )
        .map_err(|error| Broken(format!("there is no slice to take: {error:?}")))
    }

    fn show_bid(&mut self, bid: &Bid) {
        self.screen.line(format!(
            "  {:>8.2} %{:>10}{:>16}{:>10}{:>16}{:>15}",
            bid.fraction as f64 / 1e7,
            usd(bid.price),
            usd(bid.health_before),
            usd(bid.health_after),
            usd(bid.liquidator_initial_health),
            grouped(bid.compute_units),
        ));
    }

    /// The keeper tries everybody else as well, each with its worst scenarios: refused (INV-12).
    pub fn try_the_healthy(&mut self, failing: usize) -> Result<(), Broken> {
        let keeper = self.traders[KEEPER];
        let mut names = Vec::new();
        for actor in TRADERS.filter(|actor| *actor != failing) {
            let witness = self.evaluate(actor)?.witness();
            let account = self.traders[actor].account;
            let outcome = self
                .world
                .start_liquidation(&keeper.user, &account, &witness);
            refused(&outcome, "AccountHealthy")?;
            names.push(CAST[actor].name);
        }
        let text = format!(
            "The keeper tries {} too: AccountHealthy.",
            names.join(" and ")
        );
        self.screen.lines(indented(&text));
        self.screen.line("");
        Ok(())
    }

    fn stop(
        &mut self,
        actor: usize,
        report: &NativeReport,
        liquidation: &mut Liquidation,
    ) -> Result<(), Broken> {
        let (account, keeper) = (self.traders[actor].account, self.traders[KEEPER]);
        let outcome = self.world.stop_liquidation(&keeper.user, &account);
        let outcome = done(outcome, "stop_liquidation")?;
        liquidation.health_after = report.margin.maintenance_health.raw();
        let text = format!(
            "Healthy again by {} (stop_liquidation, {} compute units).",
            usd(liquidation.health_after),
            grouped(
                outcome
                    .compute_units_of("stop_liquidation")
                    .unwrap_or_default()
            ),
        );
        self.screen.lines(indented(&text));
        Ok(())
    }
}

/// Prose set off from the table of moments.
fn indented(text: &str) -> impl Iterator<Item = String> {
    let lines = wrap(text, "", WIDTH - 4);
    lines.into_iter().map(|line| format!("    {line}"))
}
