//! JSON with its numbers as written: a tree in which no value has passed through a float.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// Deepest nesting that is read: twice what any document here needs.
const MOST_DEPTH: usize = 16;

/// A value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The digits as they stand in the text.
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// In the order of the text; a name stands once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document; an error names line and column, or the path of a name that stands twice.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let raw: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        read(raw, "", MOST_DEPTH)
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

fn not_json(error: serde_json::Error) -> Failure {
    Failure::document(format!("not a JSON document: {error}"))
}

/// The names and raw values of an object, in order, repeats included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Collect).map(Self)
    }
}

/// `raw` is valid JSON; its first letter says what it is.
fn read(raw: &RawValue, path: &str, depth: usize) -> Result<Json, Failure> {
    let text = raw.get();
    let Some(depth) = depth.checked_sub(1) else {
        let text = format!("nested more than {MOST_DEPTH} levels deep");
        return Err(Failure::document(text).at(path));
    };
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(text).map_err(not_json)?;
            let mut object: Vec<(String, Json)> = Vec::with_capacity(entries.len());
            for (name, value) in entries {
                let path = child(path, &name);
                if object.iter().any(|(known, _)| *known == name) {
                    return Err(Failure::document("stands twice".to_owned()).at(&path));
                }
                object.push((name, read(value, &path, depth)?));
            }
            Json::Object(object)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
            let items = items.into_iter().enumerate();
            let read = |(index, item)| read(item, &element(path, index), depth);
            Json::List(items.map(read).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Json::Text(serde_json::from_str(text).map_err(not_json)?),
        Some(b'n') => Json::Null,
        Some(b't' | b'f') => Json::Bool(text == "true"),
        _ => Json::Number(text.to_owned()),
    })
}

/// The path of a member.
pub fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{path}.{name}")
}

/// The path of an element.
pub fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_objects_their_order() {
        let json =
            Json::parse(r#"{"b": 0.1000000000000000000000001, "a": [1e400, "x\n", null, true]}"#);
        let number = |text: &str| Json::Number(text.to_owned());
        assert_eq!(
            json.unwrap(),
            Json::Object(vec![
                ("b".to_owned(), number("0.1000000000000000000000001")),
                (
                    "a".to_owned(),
                    Json::List(vec![
                        number("1e400"),
                        Json::Text("x\n".to_owned()),
                        Json::Null,
                        Json::Bool(true)
                    ])
                ),
            ])
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |text: &str| Json::parse(text).unwrap_err().to_string();
        assert!(error("{\"a\": }").contains("line 1 column"));
        assert!(error("").contains("not a JSON document"));
        assert_eq!(
            error(r#"{"a": [{"b": 1, "b": 2}]}"#),
            "a[0].b: stands twice"
        );
        assert!(error(&"[".repeat(100_000)).contains("not a JSON document"));
        let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
        assert!(error(&deep).contains("nested more than 16 levels deep"));
    }
}
