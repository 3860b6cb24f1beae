//! The figures: kept in order, printed as a table or as JSON, compared with the ones checked in.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

/// Growth that the check refuses, as a share.
const MOST_GROWTH: f64 = 0.02;

/// Compute units by name, in the order they were measured.
#[derive(Clone, Debug, Default)]
pub struct Results {
    units: Vec<(String, f64)>,
}

impl Results {
    /// Records a figure, to a tenth of a compute unit.
    pub fn set(&mut self, name: &str, units: f64) {
        self.units
            .push((name.to_owned(), (units * 10.0).round() / 10.0));
    }

    /// One JSON object, figure by figure.
    pub fn to_json(&self) -> String {
        let object: Map<String, Value> = self
            .units
            .iter()
            .map(|(name, units)| (name.clone(), Value::from(*units)))
            .collect();
        format!("{:#}\n", Value::Object(object))
    }

    /// What [`Results::to_json`] wrote; empty where there is no file yet.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default())
            }
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let object: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let units = object
            .into_iter()
            .filter_map(|(name, value)| value.as_f64().map(|units| (name, units)))
            .collect();
        Ok(Self { units })
    }

    fn get(&self, name: &str) -> Option<f64> {
        let found = self.units.iter().find(|(known, _)| known == name)?;
        Some(found.1)
    }

    /// A table of all figures beside those of `before`.
    pub fn table(&self, before: &Self) -> String {
        let mut table = String::new();
        let width = self
            .units
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        for (name, units) in &self.units {
            let change = match before.get(name) {
                Some(old) if old > 0.0 => format!("{:+8.2} %", (units / old - 1.0) * 100.0),
                _ => "     new".to_owned(),
            };
            let _ = writeln!(table, "{name:width$} {units:>12.1} {change}");
        }
        table
    }

    /// What grew by more than the check allows, or was measured before and is not any more.
    pub fn regressions(&self, before: &Self) -> Vec<String> {
        let judge = |(name, old): &(String, f64)| match self.get(name) {
            None => Some(format!("{name}: was {old}, is not measured any more")),
            Some(new) if new > old * (1.0 + MOST_GROWTH) => {
                Some(format!("{name}: {old} -> {new} CU"))
            }
            Some(_) => None,
        };
        before.units.iter().filter_map(judge).collect()
    }
}
