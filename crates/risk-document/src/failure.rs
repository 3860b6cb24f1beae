//! Why a document has no report: what is wrong, and where.

use std::fmt;

/// Whose objection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The input was read, and the engine refuses it.
    Refused,
    /// The input cannot be read as what it should be, or not at all.
    Document,
}

/// A failure with its place. The text names what was wrong and, where a range was left, its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    place: String,
    text: String,
}

impl Failure {
    /// The engine's refusal.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, text.into())
    }

    /// Something that cannot be read.
    pub fn document(text: impl Into<String>) -> Self {
        Self::new(FailureKind::Document, text.into())
    }

    fn new(kind: FailureKind, text: String) -> Self {
        let place = String::new();
        Self { kind, place, text }
    }

    /// The same failure with the place in front: a JSON path, a file, or a line and column.
    pub fn at(self, place: &str) -> Self {
        let place = if self.place.is_empty() {
            place.to_owned()
        } else {
            format!("{place}: {}", self.place)
        };
        Self { place, ..self }
    }

    /// Whose objection it is.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Where; empty where it concerns the whole.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, without the place.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(formatter, "{}: ", self.place)?;
        }
        formatter.write_str(&self.text)
    }
}
