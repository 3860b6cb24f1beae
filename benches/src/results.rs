//! The figures: kept in order by path, printed as a table or as JSON, compared with the ones checked in.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

/// Growth that the check refuses, as a share.
const MOST_GROWTH: f64 = 0.02;
/// What ends the name of a figure that depends on the machine: reported, never checked.
const THROUGHPUT: [&str; 2] = ["_per_second", "_seconds"];

/// Figures by path, as `peer.solmath_price_cu`. Compute units; or a rate or seconds, where the name says so.
#[derive(Clone, Debug, Default)]
pub struct Results {
    figures: Vec<(String, f64)>,
}

impl Results {
    /// Records a figure, to a tenth; once under one path.
    pub fn set(&mut self, path: &str, value: f64) {
        let value = (value * 10.0).round() / 10.0;
        self.figures.push((path.to_owned(), value));
    }

    /// A figure by its path.
    pub fn get(&self, path: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(known, _)| known == path)?;
        Some(found.1)
    }

    /// All figures whose path begins with `prefix`, without it.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let strip =
            move |(path, value): &'a (String, f64)| Some((path.strip_prefix(prefix)?, *value));
        self.figures.iter().filter_map(strip)
    }

    /// One JSON object; a path's parts are nested objects, `detail` comes last.
    pub fn to_json(&self) -> String {
        let mut root = Map::new();
        let (detail, head): (Vec<_>, Vec<_>) = self
            .figures
            .iter()
            .partition(|(path, _)| path.starts_with("detail."));
        for (path, value) in head.into_iter().chain(detail) {
            insert(&mut root, path, *value);
        }
        format!("{:#}\n", Value::Object(root))
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
        let mut results = Self::default();
        results.flatten("", &object);
        Ok(results)
    }

    fn flatten(&mut self, prefix: &str, object: &Map<String, Value>) {
        for (name, value) in object {
            let path = format!("{prefix}{name}");
            match value {
                Value::Object(inner) => self.flatten(&format!("{path}."), inner),
                value => self
                    .figures
                    .extend(value.as_f64().map(|value| (path, value))),
            }
        }
    }

    /// A table of all figures beside those of `before`.
    pub fn table(&self, before: &Self) -> String {
        let mut table = String::new();
        let width = self.figures.iter().map(|(path, _)| path.len()).max();
        let width = width.unwrap_or(0);
        for (path, value) in &self.figures {
            let change = match before.get(path) {
                Some(old) if old > 0.0 => format!("{:+8.2} %", (value / old - 1.0) * 100.0),
                _ => "     new".to_owned(),
            };
            let _ = writeln!(table, "{path:width$} {value:>14.1} {change}");
        }
        table
    }

    /// What grew by more than the check allows, or was measured before and is not any more.
    pub fn regressions(&self, before: &Self) -> Vec<String> {
        let judge = |(path, old): &(String, f64)| match self.get(path) {
            _ if THROUGHPUT.iter().any(|end| path.ends_with(end)) => None,
            None => Some(format!("{path}: was {old}, is not measured any more")),
            Some(new) if new > old * (1.0 + MOST_GROWTH) => {
                Some(format!("{path}: {old} -> {new} CU"))
            }
            Some(_) => None,
        };
        before.figures.iter().filter_map(judge).collect()
    }
}

/// Puts a figure where its path says, making the objects on the way.
fn insert(object: &mut Map<String, Value>, path: &str, value: f64) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), Value::from(value));
        }
        Some((name, rest)) => {
            let inner = object
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(figures: &[(&str, f64)]) -> Results {
        let mut results = Results::default();
        for (path, value) in figures {
            results.set(path, *value);
        }
        results
    }

    #[test]
    fn json_nests_by_path_and_is_read_back() {
        let results = results(&[
            ("detail.cdf_cu", 29.0),
            ("margin_check_cu.1", 9_000.0),
            ("margin_check_cu.16", 60_000.0),
        ]);
        let file = std::env::temp_dir().join("bench-results-test.json");
        std::fs::write(&file, results.to_json()).unwrap();
        let object: Value = serde_json::from_str(&results.to_json()).unwrap();
        assert_eq!(object["margin_check_cu"]["16"], 60_000.0);
        assert_eq!(
            object.as_object().unwrap().keys().next_back().unwrap(),
            "detail"
        );
        let read = Results::read(&file).unwrap();
        for (path, value) in &results.figures {
            assert_eq!(read.get(path), Some(*value), "{path}");
        }
    }

    #[test]
    fn growth_and_disappearance_fail_throughput_does_not() {
        let before = results(&[
            ("a_cu", 100.0),
            ("b.c_cu", 100.0),
            ("x_per_second", 100.0),
            ("sweep_seconds", 3.0),
        ]);
        // GIVEN 2 % more, and a slower machine
        let after = results(&[
            ("a_cu", 102.0),
            ("b.c_cu", 90.0),
            ("x_per_second", 10.0),
            ("sweep_seconds", 30.0),
        ]);
        assert!(after.regressions(&before).is_empty());
        // GIVEN more than 2 %, and a figure gone
        let after = results(&[("a_cu", 102.1)]);
        assert_eq!(after.regressions(&before).len(), 2);
    }
}
