//! A portfolio as a JSON document, without I/O: one reader, one evaluation and one report for every face of the risk engine.
//!
//! ```text
//! text -> Document::parse -> evaluate -> report       the JSON of `pm margin`
//!                                     -> Picture      risk matrix, worst case in words, payoff curves
//! ```
//! The command line and the page in the browser both go through here, so the same document gives the same decimal strings in
//! either. The document and the report are described in `cli/SCHEMA.md`.
//!
//! Numbers are read exactly and every error names the JSON path of what is wrong ([`Failure`]). Nothing here panics on any text.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod answer;
mod curve;
mod decimal;
mod document;
mod evaluate;
mod failure;
mod json;
mod picture;
mod reader;
mod refusal;
mod report;
mod words;

pub use answer::answer;
pub use curve::{Curve, POINTS};
pub use decimal::Decimal;
pub use document::Document;
pub use evaluate::{evaluate, Outcome};
pub use failure::{Failure, FailureKind};
pub use picture::{Node, Picture, Row, Subject};
pub use report::{report, Value};
pub use words::{dollars, move_label};
