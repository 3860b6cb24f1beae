//! Reads values of a document into the engine's units; every error names the JSON path.

use std::cell::RefCell;

use crate::decimal::Decimal;
use crate::failure::Failure;
use crate::json::{child, element, Json};

/// A value that has more digits than the engine's unit, and what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rounded {
    pub path: String,
    pub given: String,
    pub used: String,
}

/// What the reading of a document leaves besides its values.
#[derive(Debug, Default)]
pub struct Notes {
    rounded: RefCell<Vec<Rounded>>,
}

impl Notes {
    pub fn into_rounded(self) -> Vec<Rounded> {
        self.rounded.into_inner()
    }
}

/// A unit of the engine: how many decimals its integers carry, and the range that a field accepts, in those integers.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    pub decimals: u32,
    pub least: i64,
    pub most: i64,
}

impl Unit {
    /// Amounts of USD, sizes: 1e-6, any sign.
    pub const AMOUNT: Self = Self::new(6, i64::MIN / 2, i64::MAX / 2);
    /// Prices: 1e-8, positive.
    pub const PRICE: Self = Self::new(8, 1, i64::MAX);
    /// Ratios: 1e-6; the engine checks each against its own bounds.
    pub const RATIO: Self = Self::new(6, -1_000_000_000_000, 1_000_000_000_000);
    /// Shares from 0 to 1.
    pub const SHARE: Self = Self::new(6, 0, 1_000_000);
    /// Whole seconds.
    pub const SECONDS: Self = Self::new(0, 0, 1 << 40);

    pub const fn new(decimals: u32, least: i64, most: i64) -> Self {
        Self {
            decimals,
            least,
            most,
        }
    }

    fn show(self, raw: i64) -> Decimal {
        Decimal::new(raw.into(), self.decimals)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct At<'a> {
    path: String,
    json: &'a Json,
    notes: &'a Notes,
}

impl<'a> At<'a> {
    pub fn root(json: &'a Json, notes: &'a Notes) -> Self {
        Self {
            path: String::new(),
            json,
            notes,
        }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// A document error at this place.
    pub fn error(&self, text: impl Into<String>) -> Failure {
        let place = if self.path.is_empty() {
            "document"
        } else {
            &self.path
        };
        Failure::document(text.into()).at(place)
    }

    fn unlike(&self, wanted: &str) -> Failure {
        self.error(format!("must be {wanted}, not {}", self.json.kind()))
    }

    pub fn object(self) -> Result<Fields<'a>, Failure> {
        match self.json {
            Json::Object(entries) => Ok(Fields {
                entries,
                known: Vec::new(),
                at: self,
            }),
            _ => Err(self.unlike("an object")),
        }
    }

    pub fn list(&self) -> Result<impl Iterator<Item = Self> + use<'a>, Failure> {
        let Json::List(items) = self.json else {
            return Err(self.unlike("a list"));
        };
        let Self { path, notes, .. } = self.clone();
        let items = items.iter().enumerate();
        Ok(items.map(move |(index, json)| Self {
            path: element(&path, index),
            json,
            notes,
        }))
    }

    pub fn is_text(&self) -> bool {
        matches!(self.json, Json::Text(_))
    }

    pub fn is_object(&self) -> bool {
        matches!(self.json, Json::Object(_))
    }

    pub fn text(&self) -> Result<&'a str, Failure> {
        match self.json {
            Json::Text(text) => Ok(text),
            _ => Err(self.unlike("a string")),
        }
    }

    /// The one of `choices` that a string names.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Failure> {
        let text = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format!("{text:?} is not one of: {}", names.join(", ")))
        })
    }

    /// A JSON number or a string that holds one, exactly.
    pub fn decimal(&self) -> Result<Decimal, Failure> {
        let (Json::Number(text) | Json::Text(text)) = self.json else {
            return Err(self.unlike("a number or a decimal string"));
        };
        Decimal::parse(text).map_err(|error| self.error(error))
    }

    /// A decimal in a unit's integers: refused outside its range, rounded to nearest and noted where it is finer.
    pub fn units(&self, unit: Unit) -> Result<i64, Failure> {
        let given = self.decimal()?;
        let outside = || {
            let (least, most) = (unit.show(unit.least), unit.show(unit.most));
            self.error(format!(
                "{given} is out of range: least {least}, most {most}"
            ))
        };
        let (raw, exact) = given.in_units(unit.decimals).ok_or_else(outside)?;
        let raw = i64::try_from(raw).map_err(|_| outside())?;
        if raw < unit.least || raw > unit.most {
            return Err(outside());
        }
        if !exact {
            let (given, used) = (given.to_string(), unit.show(raw).to_string());
            let path = self.path.clone();
            let rounded = Rounded { path, given, used };
            self.notes.rounded.borrow_mut().push(rounded);
        }
        Ok(raw)
    }

    /// Whole seconds.
    pub fn seconds(&self) -> Result<i64, Failure> {
        let given = self.decimal()?;
        match given.in_units(0) {
            Some((_, false)) => {
                Err(self.error(format!("{given} is not a whole number of seconds")))
            }
            _ => self.units(Unit::SECONDS),
        }
    }
}

/// The members of an object: each is asked for by name, and what nobody asked for is an error.
#[derive(Debug)]
pub struct Fields<'a> {
    at: At<'a>,
    entries: &'a [(String, Json)],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Where the object stands.
    pub fn at(&self) -> &At<'a> {
        &self.at
    }

    pub fn optional(&mut self, name: &'static str) -> Option<At<'a>> {
        self.known.push(name);
        let found = self.entries.iter().find(|(known, _)| known == name);
        found.map(|(_, json)| At {
            path: child(&self.at.path, name),
            json,
            notes: self.at.notes,
        })
    }

    pub fn required(&mut self, name: &'static str) -> Result<At<'a>, Failure> {
        self.optional(name).ok_or_else(|| self.missing(name, ""))
    }

    /// The error for a member that must be there; `reason` says why where that depends on others.
    pub fn missing(&self, name: &str, reason: &str) -> Failure {
        Failure::document(format!("missing{reason}")).at(&child(&self.at.path, name))
    }

    /// A required decimal in a unit's integers.
    pub fn units(&mut self, name: &'static str, unit: Unit) -> Result<i64, Failure> {
        self.required(name)?.units(unit)
    }

    /// An optional one.
    pub fn units_or(
        &mut self,
        name: &'static str,
        unit: Unit,
        otherwise: i64,
    ) -> Result<i64, Failure> {
        self.optional(name)
            .map_or(Ok(otherwise), |value| value.units(unit))
    }

    /// Refuses members that were not asked for.
    pub fn finish(self) -> Result<(), Failure> {
        let unknown = self
            .entries
            .iter()
            .find(|(name, _)| !self.known.iter().any(|known| known == name));
        let Some((name, _)) = unknown else {
            return Ok(());
        };
        let known = self.known.join(", ");
        let path = child(&self.at.path, name);
        Err(Failure::document(format!("unknown field; known here: {known}")).at(&path))
    }
}
