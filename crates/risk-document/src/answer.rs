//! What the page asks for: the report of `pm margin` with pictures beside it, or what is wrong with the document; both as JSON.
//!
//! ```text
//! { "report": what `pm margin` prints,
//!   "requirement": { "maintenance": USD, "initial": USD }       what the scan takes, factors included: margin less contingencies
//!   "pictures": [ { "market", "worst", "curve": { "spot", "now", "later", "expiry" } } ] }
//! { "failure": { "kind": "document" or "refused", "path", "text" } }
//! ```
//! `curve` has spot multipliers and the gain in USD at each: now and, at the first `expiry` that is held, `later` (both `null`
//! where nothing expires). Markets that hold nothing have no picture.

use risk_core::margin::MarginReport;
use risk_core::Quote;

use crate::curve::Curve;
use crate::document::Document;
use crate::evaluate::{evaluate, Outcome};
use crate::failure::{Failure, FailureKind};
use crate::picture::Picture;
use crate::report::{amount, number, object, report, text, Value};

/// Reads a document and says all that the page shows of it. Never fails: what is wrong is an answer, too.
pub fn answer(document: &str) -> String {
    let value = evaluated(document).unwrap_or_else(|failure| failed(&failure));
    // Writing strings to a string cannot fail; an empty answer would be noticed as no JSON.
    serde_json::to_string(&value).unwrap_or_default()
}

fn evaluated(text: &str) -> Result<Value, Failure> {
    let document = Document::parse(text)?;
    let outcome = evaluate(&document)?;
    let pictures = Picture::all(&document, &outcome)?;
    Ok(object([
        ("report", report(&document, &outcome)),
        ("requirement", scan_charges(&outcome)),
        (
            "pictures",
            Value::List(pictures.iter().map(picture).collect()),
        ),
    ]))
}

/// What the scan adds to each requirement of the Portfolio tier.
fn scan_charges(outcome: &Outcome) -> Value {
    let MarginReport {
        equity,
        contingency_maintenance,
        contingency_initial,
        maintenance_health,
        initial_health,
        ..
    } = outcome.portfolio;
    let rest = |health: Quote, charges: [Quote; 2]| {
        let charges: i128 = charges.iter().map(|charge| i128::from(charge.raw())).sum();
        number(
            i128::from(equity.raw()) - i128::from(health.raw()) - charges,
            6,
        )
    };
    let both = [contingency_maintenance, contingency_initial];
    object([
        (
            "maintenance",
            rest(maintenance_health, [contingency_maintenance, Quote::ZERO]),
        ),
        ("initial", rest(initial_health, both)),
    ])
}

fn picture(picture: &Picture) -> Value {
    object([
        ("market", text(&picture.name)),
        ("worst", text(&picture.headline)),
        ("curve", curve(&picture.curve)),
    ])
}

fn curve(curve: &Curve) -> Value {
    let gains = |gains: &Vec<i64>| {
        let gains = gains.iter().map(|gain| amount(Quote::from_raw(*gain)));
        Value::List(gains.collect())
    };
    let spots = curve.spots.iter().map(|spot| number((*spot).into(), 6));
    let expiry = curve.expiry.map(|expiry| number(expiry.into(), 0));
    object([
        ("spot", Value::List(spots.collect())),
        ("now", gains(&curve.now)),
        ("later", curve.later.as_ref().map_or(Value::Nothing, gains)),
        ("expiry", expiry.unwrap_or(Value::Nothing)),
    ])
}

fn failed(failure: &Failure) -> Value {
    let kind = match failure.kind() {
        FailureKind::Refused => "refused",
        FailureKind::Document => "document",
    };
    let entries = [
        ("kind", text(kind)),
        ("path", text(failure.place())),
        ("text", text(failure.text())),
    ];
    object([("failure", object(entries))])
}
