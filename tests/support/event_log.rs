//! Events as the program's interface description in `idl/` says they are written: name and the fields that carry a sequence.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market, QuoteNonces, Venue,
};
use portfolio_margin_interface::AccountLayout;
use sandbox::Outcome;
use serde_json::Value;

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its name.
    pub name: String,
    /// Every field whose name ends in `sequence`, in order.
    pub sequences: Vec<u64>,
}

/// The program's interface description.
pub fn idl() -> Value {
    serde_json::from_str(include_str!("../../idl/portfolio_margin.json")).expect("JSON")
}

/// Every event of the program in a log; panics for data that is none, or longer or shorter than it should be.
pub fn logged(idl: &Value, outcome: &Outcome) -> Vec<Logged> {
    let lines = outcome.logs.iter();
    lines
        .filter_map(|line| line.strip_prefix("Program data: "))
        .map(|text| decode(idl, &STANDARD.decode(text).expect("base64")))
        .collect()
}

fn decode(idl: &Value, data: &[u8]) -> Logged {
    let (discriminator, mut rest) = data.split_at(8);
    let is_it = |event: &&Value| event["discriminator"] == serde_json::json!(discriminator);
    let events = idl["events"].as_array().expect("events");
    let event = events.iter().find(is_it).expect("an event of idl/");
    let name = event["name"].as_str().expect("a name").to_string();
    let mut sequences = vec![];
    for field in type_of(idl, &name)["fields"].as_array().expect("fields") {
        let value = take(idl, &field["type"], &mut rest);
        let field = field["name"].as_str().expect("a name");
        if field.ends_with("sequence") {
            sequences.push(u64::from_le_bytes(value.try_into().expect("eight bytes")));
        }
    }
    assert!(rest.is_empty(), "{name} has {} bytes too many", rest.len());
    Logged { name, sequences }
}

/// The definition of a type.
pub fn type_of<'a>(idl: &'a Value, name: &str) -> &'a Value {
    let types = idl["types"].as_array().expect("types");
    let found = types.iter().find(|item| item["name"] == name);
    &found.unwrap_or_else(|| panic!("no type {name}"))["type"]
}

/// Takes one value off the front; returns its bytes.
fn take<'d>(idl: &Value, kind: &Value, data: &mut &'d [u8]) -> &'d [u8] {
    let whole = *data;
    match kind.as_str() {
        Some(name) => {
            let length = match name {
                "bool" | "u8" | "i8" => 1,
                "u16" | "i16" => 2,
                "u32" | "i32" => 4,
                "u64" | "i64" => 8,
                "pubkey" => 32,
                "bytes" => 4 + length(data),
                other => panic!("events have no {other}"),
            };
            *data = &data[length..];
        }
        None if !kind["vec"].is_null() => {
            let count = length(data);
            *data = &data[4..];
            for _ in 0..count {
                take(idl, &kind["vec"], data);
            }
        }
        None => {
            let name = kind["defined"]["name"].as_str().expect("a type");
            take_defined(idl, type_of(idl, name), data);
        }
    }
    &whole[..whole.len() - data.len()]
}

fn take_defined(idl: &Value, kind: &Value, data: &mut &[u8]) {
    let fields = match kind["kind"].as_str() {
        Some("enum") => {
            let variant = usize::from(data[0]);
            *data = &data[1..];
            &kind["variants"][variant]["fields"]
        }
        _ => &kind["fields"],
    };
    for field in fields.as_array().into_iter().flatten() {
        let inner = field.get("type").unwrap_or(field);
        take(idl, inner, data);
    }
}

/// The length in front of a list.
fn length(data: &[u8]) -> usize {
    u32::from_le_bytes(data[..4].try_into().expect("four bytes")) as usize
}

/// The sequence of any account of the program that has one.
pub fn sequence_of(data: &[u8]) -> Option<u64> {
    fn read<T: AccountLayout>(data: &[u8], sequence: fn(&T) -> u64) -> Option<u64> {
        let end = T::ACCOUNT_LEN;
        let is_it = data.len() >= end && data.starts_with(&T::ACCOUNT_DISCRIMINATOR);
        is_it.then(|| sequence(&bytemuck::pod_read_unaligned(&data[8..end])))
    }
    read::<MarginAccount>(data, |account| account.sequence)
        .or_else(|| read::<Market>(data, |market| market.sequence))
        .or_else(|| read::<CollateralBank>(data, |bank| bank.sequence))
        .or_else(|| read::<Clearinghouse>(data, |house| house.sequence))
        .or_else(|| read::<QuoteNonces>(data, |quotes| quotes.sequence))
        .or_else(|| read::<Venue>(data, |venue| venue.sequence))
}
