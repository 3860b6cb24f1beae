//! What goes over the wire of both connections: filters, account bytes, and how they are read without trusting them.

use std::io::Read;

use base64::prelude::{Engine, BASE64_STANDARD};
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, Market};
use portfolio_margin_interface::{AccountLayout, Pubkey, DISCRIMINATOR_LEN};
use serde_json::{json, Value};
use solana_account_decoder_client_types::{UiAccount, UiAccountData, UiAccountEncoding};

use crate::model::{Origin, Update};

/// Longest account that is read, bytes: beyond the largest of the program (13 KiB) and of Pyth (3 KiB).
pub const MAX_ACCOUNT_BYTES: usize = 64 * 1024;
/// Largest window that a compressed account may ask memory for, as a power of two: nodes ask for 2 MiB whatever the account's size.
const MAX_WINDOW_LOG: u32 = 23;

/// Which accounts of the program are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Collateral banks.
    Banks,
    /// Markets.
    Markets,
    /// Margin accounts.
    Accounts,
}

impl Kind {
    /// All of them; what lists comes before what is listed.
    pub const ALL: [Self; 3] = [Self::Banks, Self::Markets, Self::Accounts];

    /// Its discriminator, and where the address of the clearing house stands in its data.
    fn layout(self) -> ([u8; DISCRIMINATOR_LEN], usize) {
        let (discriminator, offset) = match self {
            Self::Banks => (
                CollateralBank::ACCOUNT_DISCRIMINATOR,
                core::mem::offset_of!(CollateralBank, clearinghouse),
            ),
            Self::Markets => (
                Market::ACCOUNT_DISCRIMINATOR,
                core::mem::offset_of!(Market, clearinghouse),
            ),
            Self::Accounts => (
                MarginAccount::ACCOUNT_DISCRIMINATOR,
                core::mem::offset_of!(MarginAccount, clearinghouse),
            ),
        };
        (discriminator, offset.saturating_add(DISCRIMINATOR_LEN))
    }

    /// Filters that pass the accounts of this kind and house alone.
    pub fn filters(self, house: &Pubkey) -> Value {
        let (discriminator, offset) = self.layout();
        let equal = |offset: usize, bytes: &[u8]| {
            let bytes = BASE64_STANDARD.encode(bytes);
            json!({ "memcmp": { "offset": offset, "bytes": bytes, "encoding": "base64" } })
        };
        json!([equal(0, &discriminator), equal(offset, house.as_ref())])
    }
}

/// Reads an account; `None` for one that cannot be read: another encoding, broken, or too long.
pub fn update(key: Pubkey, account: &UiAccount, slot: u64, origin: Origin) -> Option<Update> {
    Some(Update {
        key,
        owner: account.owner.parse().ok()?,
        lamports: account.lamports,
        data: bytes(&account.data)?,
        slot,
        origin,
    })
}

/// An account that is not there.
pub fn missing(key: Pubkey, slot: u64) -> Update {
    Update {
        key,
        owner: Pubkey::default(),
        lamports: 0,
        data: vec![],
        slot,
        origin: Origin::Snapshot,
    }
}

/// Account data, at most [`MAX_ACCOUNT_BYTES`] of it, whatever a compressed answer would grow to.
fn bytes(data: &UiAccountData) -> Option<Vec<u8>> {
    let UiAccountData::Binary(text, encoding) = data else {
        return None;
    };
    // four characters for three bytes, before anything is allocated
    let most = MAX_ACCOUNT_BYTES.saturating_mul(2);
    if text.len() > most {
        return None;
    }
    let raw = BASE64_STANDARD.decode(text).ok()?;
    let read = match encoding {
        UiAccountEncoding::Base64 => raw,
        UiAccountEncoding::Base64Zstd => unpack(&raw)?,
        _ => return None,
    };
    (read.len() <= MAX_ACCOUNT_BYTES).then_some(read)
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::new(packed).ok()?;
    decoder.window_log_max(MAX_WINDOW_LOG).ok()?;
    let mut data = vec![];
    let most = u64::try_from(MAX_ACCOUNT_BYTES).ok()?.saturating_add(1);
    decoder.take(most).read_to_end(&mut data).ok()?;
    Some(data)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn account(data: UiAccountData) -> UiAccount {
        UiAccount {
            lamports: 1,
            data,
            owner: portfolio_margin_interface::ID.to_string(),
            executable: false,
            rent_epoch: 0,
            space: None,
        }
    }

    fn packed(bytes: &[u8]) -> UiAccountData {
        let packed = zstd::encode_all(bytes, 0).unwrap();
        UiAccountData::Binary(
            BASE64_STANDARD.encode(packed),
            UiAccountEncoding::Base64Zstd,
        )
    }

    fn plain(bytes: &[u8]) -> UiAccountData {
        UiAccountData::Binary(BASE64_STANDARD.encode(bytes), UiAccountEncoding::Base64)
    }

    fn read(data: UiAccountData) -> Option<Vec<u8>> {
        let read = update(Pubkey::default(), &account(data), 7, Origin::Snapshot)?;
        Some(read.data)
    }

    #[test]
    fn both_encodings_are_read_up_to_the_longest_account_and_no_further() {
        let longest = vec![3; MAX_ACCOUNT_BYTES];
        let longer = vec![3; MAX_ACCOUNT_BYTES + 1];
        for bytes in [vec![], vec![1, 2, 3], longest] {
            assert_eq!(read(plain(&bytes)), Some(bytes.clone()));
            assert_eq!(read(packed(&bytes)), Some(bytes));
        }
        assert_eq!((read(plain(&longer)), read(packed(&longer))), (None, None));
    }

    #[test]
    fn a_bomb_is_refused_without_being_unpacked() {
        let bomb = zstd::encode_all(std::io::repeat(0).take(1 << 27), 0).unwrap();
        let text = BASE64_STANDARD.encode(bomb);
        assert!(text.len() <= 2 * MAX_ACCOUNT_BYTES);
        let data = UiAccountData::Binary(text, UiAccountEncoding::Base64Zstd);
        assert_eq!(read(data), None);
    }

    /// The memory that a frame may ask for is not bounded by what it unpacks to.
    #[test]
    fn a_frame_that_asks_for_more_memory_than_nodes_do_is_refused() {
        let packed = |window_log: u32| {
            let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
            encoder.window_log(window_log).unwrap();
            encoder.include_contentsize(false).unwrap();
            std::io::Write::write_all(&mut encoder, &[3; 5_000]).unwrap();
            let packed = encoder.finish().unwrap();
            let text = BASE64_STANDARD.encode(packed);
            UiAccountData::Binary(text, UiAccountEncoding::Base64Zstd)
        };
        assert_eq!(read(packed(MAX_WINDOW_LOG)), Some(vec![3; 5_000]));
        assert_eq!(read(packed(MAX_WINDOW_LOG + 1)), None);
    }

    #[test]
    fn what_is_no_account_is_none() {
        let text = |text: &str, encoding| UiAccountData::Binary(text.into(), encoding);
        assert_eq!(read(text("***", UiAccountEncoding::Base64)), None);
        assert_eq!(read(text("AAAA", UiAccountEncoding::Base64Zstd)), None);
        assert_eq!(read(text("1111", UiAccountEncoding::Base58)), None);
        assert_eq!(read(UiAccountData::LegacyBinary("1111".into())), None);
        let mut nobody = account(plain(&[]));
        nobody.owner = "nobody".into();
        assert!(update(Pubkey::default(), &nobody, 0, Origin::Snapshot).is_none());
    }

    #[test]
    fn filters_name_the_house_where_each_layout_has_it() {
        let house = Pubkey::new_from_array([9; 32]);
        for (kind, offset) in [(Kind::Banks, 16), (Kind::Markets, 24), (Kind::Accounts, 16)] {
            let filters = kind.filters(&house);
            assert_eq!(filters[1]["memcmp"]["offset"], offset);
            assert_eq!(filters[0]["memcmp"]["offset"], 0);
            let text = filters[1]["memcmp"]["bytes"].as_str().unwrap();
            assert_eq!(BASE64_STANDARD.decode(text).unwrap(), [9; 32]);
        }
    }
}
