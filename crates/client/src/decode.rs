//! Accounts as JSON-RPC states them: decoded within bounds, never trusted.

use std::io::Read;
use std::str::FromStr;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use portfolio_margin_interface::Pubkey;
use serde_json::Value;

/// Most bytes that an account of this chain can have.
const MOST_DATA: u64 = 10 << 20;
/// Most bytes that all accounts of one answer may unpack to: packed, an answer of 100 MB could hold a terabyte.
pub(crate) const MOST_IN_ALL: usize = 2 << 30;

/// An account as a server states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The program that owns it.
    pub owner: Pubkey,
    /// Its lamports.
    pub lamports: u64,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl Fetched {
    /// As the computations of `client_core` take it.
    pub fn borrowed(&self) -> client_core::RawAccount<'_> {
        client_core::RawAccount {
            owner: self.owner,
            data: &self.data,
        }
    }

    /// Reads an account object of JSON-RPC in base64, compressed or not. `Err` says what is wrong with it.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let owner = value.get("owner").and_then(Value::as_str);
        let owner = owner.ok_or("an account without an owner")?;
        let lamports = value.get("lamports").and_then(Value::as_u64);
        let data = value.get("data").and_then(Value::as_array);
        let Some([Value::String(text), Value::String(encoding)]) = data.map(Vec::as_slice) else {
            return Err("an account without data in base64".into());
        };
        let is_packed = match encoding.as_str() {
            "base64" => false,
            "base64+zstd" => true,
            other => return Err(format!("an account in {other}")),
        };
        Ok(Self {
            owner: key_of(owner)?,
            lamports: lamports.ok_or("an account without lamports")?,
            data: bytes_of(text, is_packed)?,
        })
    }
}

/// Counts an account's bytes into those of its answer; `Err` beyond `most` of them.
pub(crate) fn counted(account: Fetched, total: &mut usize, most: usize) -> Result<Fetched, String> {
    *total = total.saturating_add(account.data.len());
    match *total > most {
        true => Err(format!("accounts of more than {most} bytes in all")),
        false => Ok(account),
    }
}

/// Reads a key in base58.
pub(crate) fn key_of(text: &str) -> Result<Pubkey, String> {
    let shown: String = text.chars().take(64).collect();
    Pubkey::from_str(text).map_err(|_| format!("{shown:?} is no key"))
}

/// Bytes of base64, decompressed where they are packed, up to the most that an account can have.
fn bytes_of(text: &str, is_packed: bool) -> Result<Vec<u8>, String> {
    let bytes = STANDARD.decode(text);
    let bytes = bytes.map_err(|why| format!("broken base64: {why}"))?;
    let plain = match is_packed {
        false => bytes,
        true => unpacked(&bytes).map_err(|why| format!("broken zstd: {why}"))?,
    };
    match plain.len() as u64 > MOST_DATA {
        true => Err(format!("an account of more than {MOST_DATA} bytes")),
        false => Ok(plain),
    }
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let decoder = zstd::stream::read::Decoder::new(bytes)?;
    let mut plain = Vec::new();
    // one byte more than allowed, so that too much is seen as such
    decoder
        .take(MOST_DATA.saturating_add(1))
        .read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OWNER: &str = "11111111111111111111111111111111";

    fn packed(plain: &[u8]) -> String {
        STANDARD.encode(zstd::stream::encode_all(plain, 0).unwrap())
    }

    fn account(text: &str, encoding: &str) -> Value {
        json!({"owner": OWNER, "lamports": 7, "data": [text, encoding]})
    }

    #[test]
    fn reads_both_encodings_and_the_bytes_are_the_same() {
        let plain: Vec<u8> = (0..=255).collect();
        let a = Fetched::from_json(&account(&STANDARD.encode(&plain), "base64")).unwrap();
        let b = Fetched::from_json(&account(&packed(&plain), "base64+zstd")).unwrap();
        assert_eq!(a, b);
        assert_eq!((a.data, a.lamports), (plain, 7));
    }

    #[test]
    fn broken_accounts_are_errors() {
        let good = STANDARD.encode([1, 2, 3]);
        for broken in [
            json!(null),
            json!({}),
            json!([1]),
            json!({"owner": "x", "lamports": 1, "data": [good, "base64"]}),
            json!({"owner": OWNER, "lamports": -1, "data": [good, "base64"]}),
            json!({"owner": OWNER, "lamports": 1, "data": good}),
            json!({"owner": OWNER, "lamports": 1, "data": [good]}),
            account(&good, "base58"),
            account("!!!", "base64"),
            account(&good, "base64+zstd"),
        ] {
            assert!(Fetched::from_json(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_memory() {
        // 1 GiB of zeros in a few kilobytes, written in pieces so that the test does not hold it either
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        let piece = vec![0; 1 << 20];
        for _ in 0..1_024 {
            std::io::Write::write_all(&mut encoder, &piece).unwrap();
        }
        let bomb = STANDARD.encode(encoder.finish().unwrap());
        let error = Fetched::from_json(&account(&bomb, "base64+zstd")).unwrap_err();
        assert!(error.contains("more than"), "{error}");
    }
}
