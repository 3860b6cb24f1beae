//! Reads keys out of merged sources one by one: every value has its bounds, every problem its key, and no key goes unread.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use config::{Config, Value, ValueKind};

use super::ConfigError;

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, `section.name`.
    pub key: String,
    /// What was found, what is allowed, what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Merged sources, of which keys are read.
pub struct Reader {
    values: BTreeMap<String, Value>,
    read: BTreeSet<String>,
    effective: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Of merged sources.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        flatten("", config.cache, &mut values);
        Ok(Self {
            values,
            read: BTreeSet::new(),
            effective: Vec::new(),
            problems: Vec::new(),
        })
    }

    /// The effective values, in the order in which they were read, if nothing was wrong.
    ///
    /// Errors: [`ConfigError::Invalid`] with every problem, unknown keys among them.
    pub fn finish(mut self) -> Result<Vec<(String, String)>, ConfigError> {
        let unknown: Vec<_> = self
            .values
            .iter()
            .filter(|(key, _)| !self.read.contains(*key))
            .map(|(key, value)| Problem {
                key: key.clone(),
                text: unknown_text(key, value, &self.read),
            })
            .collect();
        self.problems.extend(unknown);
        match self.problems.is_empty() {
            true => Ok(self.effective),
            false => Err(ConfigError::Invalid(self.problems)),
        }
    }

    /// Every key that was asked for so far.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.read.iter()
    }

    /// Notes a problem that only several keys together make.
    pub fn refuse(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem {
            key: key.to_owned(),
            text: text.into(),
        });
    }

    /// A whole number within bounds.
    pub fn number(&mut self, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(value) = self.take(key) else {
            return self.keep(key, default);
        };
        match whole(&value) {
            Some(number) if (least..=most).contains(&number) => self.keep(key, number),
            _ => {
                let found = shown(&value);
                self.refuse(
                    key,
                    format!("{found} is not a whole number from {least} to {most}"),
                );
                default
            }
        }
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(value) = self.take(key) else {
            return self.keep(key, default);
        };
        match shown(&value).as_str() {
            "true" => self.keep(key, true),
            "false" => self.keep(key, false),
            found => {
                self.refuse(key, format!("{found} is neither true nor false"));
                default
            }
        }
    }

    /// Any text; the default where there is none.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        match self.take(key) {
            None => self.keep(key, default.to_owned()),
            Some(value) => {
                let text = shown(&value);
                self.keep(key, text)
            }
        }
    }

    /// A text that something is read from; `wanted` says what.
    pub fn parsed<T: fmt::Display>(
        &mut self,
        key: &str,
        default: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.take(key).map(|value| shown(&value));
        let text = given.unwrap_or_else(|| default.to_owned());
        match read(&text) {
            Some(value) => {
                self.effective.push((key.to_owned(), value.to_string()));
                Some(value)
            }
            None if text.is_empty() => {
                self.refuse(key, format!("is missing; wanted: {wanted}"));
                None
            }
            // what is meant as a URL often holds an API key
            None if key.ends_with("url") => {
                self.refuse(key, format!("what is given is not {wanted}"));
                None
            }
            None => {
                self.refuse(key, format!("\"{text}\" is not {wanted}"));
                None
            }
        }
    }

    /// Dollars within bounds, as 1e-6 USD; bounds in the same unit.
    pub fn dollars(&mut self, key: &str, default: i64, least: i64, most: i64) -> i64 {
        let Some(value) = self.take(key) else {
            self.effective
                .push((key.to_owned(), shown_dollars(default)));
            return default;
        };
        let amount = match &value.kind {
            ValueKind::Float(_) => None,
            _ => dollars(&shown(&value)),
        };
        match amount {
            Some(amount) if (least..=most).contains(&amount) => {
                self.effective.push((key.to_owned(), shown_dollars(amount)));
                amount
            }
            _ => {
                let (found, low, high) = (shown(&value), shown_dollars(least), shown_dollars(most));
                self.refuse(
                    key,
                    format!(
                        "{found} is no amount from {low} to {high} USD; write a whole number, or a text like \"0.50\" with up to six decimals"
                    ),
                );
                default
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.read.insert(key.to_owned());
        self.values.get(key).cloned()
    }

    fn keep<T: fmt::Display>(&mut self, key: &str, value: T) -> T {
        self.effective.push((key.to_owned(), value.to_string()));
        value
    }
}

/// Every leaf by its path. A table in a list is a leaf: no key takes one.
fn flatten(path: &str, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                let path = match path {
                    "" => name,
                    _ => format!("{path}.{name}"),
                };
                flatten(&path, value, leaves);
            }
        }
        _ => {
            leaves.insert(path.to_owned(), value);
        }
    }
}

/// As a person wrote it, nearly.
fn shown(value: &Value) -> String {
    value.to_string()
}

/// A whole number at least zero; a fraction is none, whatever it rounds to.
fn whole(value: &Value) -> Option<u64> {
    match &value.kind {
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        ValueKind::U64(number) => Some(*number),
        ValueKind::String(text) => text.replace('_', "").parse().ok(),
        _ => None,
    }
}

fn unknown_text(key: &str, value: &Value, known: &BTreeSet<String>) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let near = known
        .iter()
        .map(|other| (distance(key, other), other))
        .filter(|(distance, other)| *distance <= 3 || other.rsplit('.').next() == Some(name))
        .min();
    let from = value.origin().unwrap_or("the file");
    match near {
        Some((_, other)) => format!("is no key (in {from}); did you mean {other}?"),
        None => format!("is no key (in {from})"),
    }
}

/// Edits from one word to another.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, left) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        let mut next = vec![previous];
        for (above, right) in row.iter().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *above;
            previous = replaced.min(*above + 1).min(previous + 1);
            next.push(previous);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Reads an amount with up to six decimals as 1e-6 USD, exactly; `None` for anything else.
pub fn dollars(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 6 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(part)
}

/// An amount of 1e-6 USD as dollars.
pub fn shown_dollars(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, part) = (
        amount.unsigned_abs() / 1_000_000,
        amount.unsigned_abs() % 1_000_000,
    );
    format!("{sign}{whole}.{part:06}")
}
