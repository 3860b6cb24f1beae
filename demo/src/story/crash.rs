//! The crash: prices and surfaces step by step, and a keeper that looks at every account at every step.

use sandbox::{NativeReport, PriceFields};

use super::cast::{CAST, KEEPER, NAKED, TRADERS};
use super::stage::VOLATILITY;
use super::{done, ensure, Broken, Story};
use crate::path::{self, Moment};
use crate::render::format::usd;

impl Story {
    /// Part three of the story.
    pub fn crash(&mut self) -> Result<(), Broken> {
        let path = path::moments();
        self.announce_crash(&path);
        let mut least = vec![i64::MAX; CAST.len()];
        for moment in &path {
            self.publish(moment)?;
            let reports = self.look_at_everybody(moment, &mut least)?;
            let failing: Vec<usize> = (0..CAST.len())
                .filter(|actor| reports[*actor].margin.maintenance_health.raw() < 0)
                .collect();
            if moment.figure.is_some() || !failing.is_empty() {
                self.show_moment(moment, &reports);
            }
            for actor in failing {
                ensure(actor == NAKED, || {
                    format!("{} fails at {}", CAST[actor].name, moment.clock())
                })?;
                self.liquidate(actor, moment)?;
                self.try_the_healthy(actor)?;
            }
            if moment.figure.is_some() {
                for actor in 0..CAST.len() {
                    self.compare_with_chain(actor)?;
                }
            }
        }
        self.conclude_crash(&least)
    }

    fn announce_crash(&mut self, path: &[Moment]) {
        self.screen.heading("3. The crash of 2025-10-10");
        let widest = path
            .iter()
            .map(Moment::widest_confidence)
            .fold(0.0, f64::max);
        let highest = path.iter().map(|m| m.volatility).fold(0.0, f64::max);
        self.screen.paragraph(&format!(
            "Data: open, high, low and close of each hour, 20:00 to 24:00 UTC (Binance spot hourly \
             bars). Stylised: the way between them, one price every {} minutes at a constant rate \
             of return; Pyth confidence, {:.0} basis points in calm and {:.0} at the widest; \
             volatility, reposted by the surface authority at every step, up to x{highest:.2}.",
            path::STEP_SECONDS / 60,
            path[0].widest_confidence() * 1e4,
            widest * 1e4,
        ));
        self.screen.paragraph(
            "At every step the keeper evaluates all five accounts from their bytes with the engine \
             that runs on chain. Shown: maintenance health at each published figure and whenever \
             the keeper acts. Below zero, anybody may liquidate.",
        );
        self.screen.line("");
        let names: String = CAST
            .iter()
            .map(|role| format!("{:>9}", role.name))
            .collect();
        let header = format!("{:<11}{:>8}{:>8}{:>6}{names}", "time", "BTC", "SOL", "vol");
        self.screen.line(header);
    }

    /// Moves the clock and publishes prices with their confidence, surfaces, and what the chain keeps of prices: that of the
    /// quote asset, and the delayed ones, which anybody may bring up to date.
    fn publish(&mut self, moment: &Moment) -> Result<(), Broken> {
        self.world.set_time(moment.time);
        self.world.set_quote_price(sandbox::dollars(1));
        let markets = [self.world.btc, self.world.sol];
        for (market, oracle) in markets.iter().zip(&moment.prices) {
            let fields = PriceFields {
                confidence: oracle.confidence,
                ..PriceFields::fresh(market.feed_id, oracle.price, moment.time)
            };
            self.world.set_price_update(market.price, fields);
        }
        for (market, base) in markets.iter().zip(VOLATILITY) {
            let volatility = f64::from(base) * moment.volatility;
            self.world.post_surfaces(market, volatility.round() as u32);
        }
        let house = self.world.house;
        done(self.world.update_quote_price(&house), "a quote price")?;
        for market in &markets {
            done(self.world.update_market(market), "an update of a market")?;
        }
        Ok(())
    }

    fn look_at_everybody(
        &mut self,
        moment: &Moment,
        least: &mut [i64],
    ) -> Result<Vec<NativeReport>, Broken> {
        let mut reports = Vec::with_capacity(CAST.len());
        for actor in 0..CAST.len() {
            let report = self.evaluate(actor)?;
            let equity = report.margin.equity.raw();
            ensure(equity >= 0, || {
                let name = CAST[actor].name;
                format!("{name} owes {} at {}", usd(-equity), moment.clock())
            })?;
            least[actor] = least[actor].min(report.margin.maintenance_health.raw());
            reports.push(report);
        }
        Ok(reports)
    }

    fn show_moment(&mut self, moment: &Moment, reports: &[NativeReport]) {
        let healths: String = reports
            .iter()
            .map(|report| format!("{:>9}", usd(report.margin.maintenance_health.raw())))
            .collect();
        let dollars = |raw: u64| i64::try_from(raw / 100).unwrap_or(i64::MAX);
        let sol = format!("{:.2}", moment.prices[1].price as f64 / 1e8);
        let row = format!(
            "{:<11}{:>8}{sol:>8}{:>6}{healths}",
            format!("{} {}", moment.clock(), moment.figure.unwrap_or("")),
            usd(dollars(moment.prices[0].price)),
            format!("x{:.2}", moment.volatility),
        );
        let failing = reports
            .iter()
            .any(|report| report.margin.maintenance_health.raw() < 0);
        let row = if failing {
            self.screen.emphasised(&row)
        } else {
            row
        };
        self.screen.line(row);
    }

    fn conclude_crash(&mut self, least: &[i64]) -> Result<(), Broken> {
        ensure(!self.report.liquidations.is_empty(), || {
            "nobody was liquidated: there is no story".to_owned()
        })?;
        let survivors: Vec<String> = TRADERS
            .chain([KEEPER])
            .filter(|actor| *actor != NAKED)
            .map(|actor| format!("{} {}", CAST[actor].name, usd(least[actor])))
            .collect();
        self.screen.line("");
        self.screen.paragraph(&format!(
            "Nobody else was touched. Least maintenance health of the evening: {}.",
            survivors.join(", ")
        ));
        Ok(())
    }
}
