//! What `--json` prints: one object. Amounts in 1e-6 USD, tokens in native units.

use std::collections::BTreeMap;

use serde_json::{json, Map, Value};

/// Initial margin of a book, 1e-6 USD.
#[derive(Clone, Copy, Debug)]
pub struct Margin {
    /// Sum over the legs.
    pub isolated: i64,
    /// Under the engine.
    pub portfolio: i64,
}

impl Margin {
    /// Share of the isolated margin that is not needed; negative where more is.
    pub fn saving(&self) -> f64 {
        if self.isolated == 0 {
            return 0.0;
        }
        1.0 - self.portfolio as f64 / self.isolated as f64
    }
}

/// One scenario of a witness.
#[derive(Clone, Debug)]
pub struct Proof {
    pub market: &'static str,
    pub index: u8,
    pub scenario: String,
}

/// One slice.
#[derive(Clone, Debug)]
pub struct Bid {
    /// Of the book, 1e-9.
    pub fraction: u64,
    pub price: i64,
    pub health_before: i64,
    pub health_after: i64,
    pub liquidator_initial_health: i64,
    pub compute_units: u64,
}

/// From start to stop.
#[derive(Clone, Debug)]
pub struct Liquidation {
    pub account: &'static str,
    pub started: String,
    pub proof: Vec<Proof>,
    pub maintenance_health: i64,
    pub equity: i64,
    pub bids: Vec<Bid>,
    pub health_after: i64,
}

/// Compute units of an instruction over its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    pub runs: usize,
    pub min: u64,
    pub median: u64,
    pub max: u64,
}

impl Units {
    /// `None` where there are no runs. The median of an even count is the upper one.
    pub fn of(runs: &[u64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_unstable();
        Some(Self {
            runs: sorted.len(),
            min: *sorted.first()?,
            median: *sorted.get(sorted.len() / 2)?,
            max: *sorted.last()?,
        })
    }
}

/// The whole run.
#[derive(Clone, Debug)]
pub struct Report {
    pub prices_source: &'static str,
    pub margin: Vec<(&'static str, Margin)>,
    pub liquidations: Vec<Liquidation>,
    pub vault_error: i128,
    pub bad_debt: i64,
    pub compute_units: BTreeMap<String, Units>,
    pub seconds: f64,
}

impl Report {
    /// Empty but for its source.
    pub fn new(prices_source: &'static str) -> Self {
        Self {
            prices_source,
            margin: Vec::new(),
            liquidations: Vec::new(),
            vault_error: 0,
            bad_debt: 0,
            compute_units: BTreeMap::new(),
            seconds: 0.0,
        }
    }

    /// The object.
    pub fn json(&self) -> Value {
        let margin = self.margin.iter().map(|(name, margin)| {
            let fields = json!({
                "isolated": margin.isolated,
                "portfolio": margin.portfolio,
                "saving": (margin.saving() * 1e6).round() / 1e6,
            });
            ((*name).to_owned(), fields)
        });
        let units = |value: &dyn Fn(&Units) -> Value| -> Map<String, Value> {
            let entries = self.compute_units.iter();
            entries
                .map(|(name, units)| (name.clone(), value(units)))
                .collect()
        };
        json!({
            "liquidations": self.liquidations.len(),
            "liquidation_log": self.liquidations.iter().map(Liquidation::json).collect::<Vec<_>>(),
            "vault_error": i64::try_from(self.vault_error).unwrap_or(i64::MAX),
            "bad_debt": self.bad_debt,
            "compute_units": units(&|units| json!(units.max)),
            "compute_units_by_run": units(&|units| json!({
                "runs": units.runs, "min": units.min, "median": units.median, "max": units.max,
            })),
            "margin": margin.collect::<Map<String, Value>>(),
            "prices_source": self.prices_source,
            "seconds": (self.seconds * 1e3).round() / 1e3,
            "units": {
                "amounts": "1e-6 USD",
                "vault_error": "native units of the mints",
                "fraction": "1e-9 of the book",
                "saving": "share of isolated",
                "compute_units": "most over all runs",
            },
        })
    }
}

impl Liquidation {
    fn json(&self) -> Value {
        let proof = self.proof.iter().map(|proof| {
            json!({
                "market": proof.market, "scenario": proof.index, "in_words": proof.scenario,
            })
        });
        let bids = self.bids.iter().map(|bid| {
            json!({
                "fraction": bid.fraction,
                "price": bid.price,
                "maintenance_health_before": bid.health_before,
                "maintenance_health_after": bid.health_after,
                "liquidator_initial_health": bid.liquidator_initial_health,
                "compute_units": bid.compute_units,
            })
        });
        json!({
            "account": self.account,
            "time": self.started,
            "witness": proof.collect::<Vec<_>>(),
            "maintenance_health_before": self.maintenance_health,
            "maintenance_health_after": self.health_after,
            "equity": self.equity,
            "bids": bids.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_ordered() {
        let units = Units::of(&[30, 10, 20, 40]);
        assert_eq!(
            units,
            Some(Units {
                runs: 4,
                min: 10,
                median: 30,
                max: 40
            })
        );
        assert_eq!(Units::of(&[]), None);
    }

    #[test]
    fn saving_may_be_negative() {
        let saving = |isolated, portfolio| {
            Margin {
                isolated,
                portfolio,
            }
            .saving()
        };
        assert_eq!(saving(100, 25), 0.75);
        assert_eq!(saving(100, 150), -0.5);
        assert_eq!(saving(0, 5), 0.0);
    }

    #[test]
    fn the_object_has_every_promised_key() {
        let mut report = Report::new("a source");
        report.margin.push((
            "hedged",
            Margin {
                isolated: 100,
                portfolio: 25,
            },
        ));
        report
            .compute_units
            .insert("trade".to_owned(), Units::of(&[7]).unwrap());
        let json = report.json();
        let promised = [
            "liquidations",
            "vault_error",
            "bad_debt",
            "compute_units",
            "margin",
            "prices_source",
        ];
        for key in promised {
            assert!(!json[key].is_null(), "{key}");
        }
        assert_eq!(json["margin"]["hedged"]["saving"], 0.75);
        assert_eq!(json["compute_units"]["trade"], 7);
    }
}
