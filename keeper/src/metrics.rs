//! What Prometheus is told. Names begin with `margin_keeper_`; counters end with `_total`; money is in dollars, for pictures only.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What a count is about.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Of {
    /// What was tried.
    pub action: String,
    /// How it ended.
    pub outcome: String,
}

/// All metrics of a keeper. Cheap to share behind an `Arc`; every method may be called from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Repairs and cranks by action and outcome.
    pub outcomes: Family<Of, Counter>,
    /// Accounts known.
    pub accounts: Gauge,
    /// Accounts below maintenance or in liquidation, as last told.
    pub failing: Gauge,
    /// Those of them that are the keeper's own wallet's, which it cannot repair.
    pub own_failing: Gauge,
    /// Positions that the keeper's account still has room for, of the most that an account can be grown to.
    pub free_positions: Gauge,
    /// Accounts likely to fail within the horizon.
    pub risky: Gauge,
    /// Accounts worked on at this moment.
    pub in_flight: Gauge,
    /// Accounts left alone until a discount suffices.
    pub waiting: Gauge,
    /// Newest slot seen.
    pub slot: Gauge,
    /// Slots between the newest slot and the newest data.
    pub lag: Gauge,
    /// 1 while the book is whole and young.
    pub ready: Gauge,
    /// Times that the subscription was opened anew.
    pub reconnects: Counter,
    /// Lamports paid as fees.
    pub fees: Counter,
    /// Profit after fees, 1e-6 USD; what was planned.
    pub profit: Counter,
    /// From a signal to the end of a repair.
    pub repair_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("margin_keeper"),
            outcomes: Family::default(),
            accounts: Gauge::default(),
            failing: Gauge::default(),
            own_failing: Gauge::default(),
            free_positions: Gauge::default(),
            risky: Gauge::default(),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            slot: Gauge::default(),
            lag: Gauge::default(),
            ready: Gauge::default(),
            reconnects: Counter::default(),
            fees: Counter::default(),
            profit: Counter::default(),
            repair_seconds: Histogram::new([0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0]),
        };
        metrics.register_gauges();
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register_gauges(&mut self) {
        let gauges = [
            ("accounts", "Margin accounts known", &self.accounts),
            (
                "failing_accounts",
                "Accounts below maintenance or in liquidation",
                &self.failing,
            ),
            (
                "own_failing_accounts",
                "Failing accounts of the keeper's own wallet, which only others can repair",
                &self.own_failing,
            ),
            (
                "free_positions",
                "Positions that the keeper's account still has room for, if grown to 128",
                &self.free_positions,
            ),
            (
                "risky_accounts",
                "Accounts likely to fail within the horizon",
                &self.risky,
            ),
            (
                "in_flight",
                "Accounts worked on at this moment",
                &self.in_flight,
            ),
            (
                "waiting",
                "Accounts left alone until their discount suffices",
                &self.waiting,
            ),
            ("slot", "Newest slot seen", &self.slot),
            (
                "lag_slots",
                "Slots between the newest slot and the newest data",
                &self.lag,
            ),
            ("ready", "1 while the book is whole and young", &self.ready),
        ];
        for (name, help, gauge) in gauges {
            self.registry.register(name, help, gauge.clone());
        }
    }

    fn register(&mut self) {
        let counters = [
            (
                "reconnects",
                "Times that the subscription was opened anew",
                &self.reconnects,
            ),
            ("fees_lamports", "Lamports paid as fees", &self.fees),
            (
                "profit_micro_usd",
                "Planned profit after fees, 1e-6 USD",
                &self.profit,
            ),
        ];
        for (name, help, counter) in counters {
            self.registry.register(name, help, counter.clone());
        }
        self.registry.register(
            "outcomes",
            "Repairs and cranks by action and outcome",
            self.outcomes.clone(),
        );
        self.registry.register_with_unit(
            "repair",
            "From a signal to the end of a repair",
            Unit::Seconds,
            self.repair_seconds.clone(),
        );
    }

    /// Counts how something ended.
    pub fn count(&self, action: &str, outcome: &str) {
        let of = Of {
            action: action.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.outcomes.get_or_create(&of).inc();
    }

    /// How often something ended so.
    pub fn counted(&self, action: &str, outcome: &str) -> u64 {
        let of = Of {
            action: action.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.outcomes.get(&of).map_or(0, |counter| counter.get())
    }

    /// Everything in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n# EOF\n"), // never: a String takes everything
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_metric_with_help_and_ends_as_it_should() {
        let metrics = Metrics::default();
        metrics.count("bid", "repaired");
        metrics.count("bid", "repaired");
        metrics.accounts.set(5_000);
        metrics.fees.inc_by(5_400);
        metrics.repair_seconds.observe(0.7);
        assert_eq!(metrics.counted("bid", "repaired"), 2);
        assert_eq!(metrics.counted("bid", "outcompeted"), 0);
        let text = metrics.text();
        for line in [
            "# TYPE margin_keeper_accounts gauge",
            "margin_keeper_accounts 5000",
            "margin_keeper_own_failing_accounts 0",
            "margin_keeper_free_positions 0",
            "margin_keeper_fees_lamports_total 5400",
            "margin_keeper_outcomes_total{action=\"bid\",outcome=\"repaired\"} 2",
            "margin_keeper_repair_seconds_bucket{le=\"1.0\"} 1",
            "margin_keeper_repair_seconds_bucket{le=\"0.5\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
