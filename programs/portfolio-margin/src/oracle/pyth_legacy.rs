//! Pyth's legacy oracle: a price account of its program, by address.
//!
//! Where each field stands is taken from `pyth-sdk-solana`; the bytes are read here. Its own reader casts the account to a struct
//! with enums in it, which is undefined for a status that it does not know, and asks for the alignment of eight bytes.

use core::mem::{offset_of, size_of};

use anchor_lang::prelude::*;
use pyth_sdk_solana::state::{
    AccountType, PriceStatus, PriceType, SolanaPriceAccount, MAGIC, VERSION_2,
};

use super::price::RawPrice;
use crate::error::MarginError;

/// The program that owns the price accounts on mainnet.
pub const LEGACY_PROGRAM: Pubkey = pubkey!("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");

/// What a price account of the version that is read begins with: magic number, version, account type.
const HEADER: [u32; 3] = [MAGIC, VERSION_2, AccountType::Price as u32];

/// `N` bytes at an offset.
fn bytes<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// The status of the aggregate and what it says; `None` for anything that is no whole price account.
fn aggregate(data: &[u8]) -> Option<(u8, RawPrice)> {
    let word = |at| bytes(data, at).map(u32::from_le_bytes);
    let header = [
        word(offset_of!(SolanaPriceAccount, magic))?,
        word(offset_of!(SolanaPriceAccount, ver))?,
        word(offset_of!(SolanaPriceAccount, atype))?,
    ];
    let [kind] = bytes(data, offset_of!(SolanaPriceAccount, ptype))?;
    let is_whole = data.len() >= size_of::<SolanaPriceAccount>();
    if header != HEADER || kind != PriceType::Price as u8 || !is_whole {
        return None;
    }
    let [status] = bytes(data, offset_of!(SolanaPriceAccount, agg.status))?;
    let exponent = bytes(data, offset_of!(SolanaPriceAccount, expo))?;
    let price = bytes(data, offset_of!(SolanaPriceAccount, agg.price))?;
    let confidence = bytes(data, offset_of!(SolanaPriceAccount, agg.conf))?;
    let time = bytes(data, offset_of!(SolanaPriceAccount, timestamp))?;
    let raw = RawPrice {
        price: i64::from_le_bytes(price),
        confidence: u64::from_le_bytes(confidence),
        exponent: i32::from_le_bytes(exponent),
        publish_time: i64::from_le_bytes(time),
    };
    Some((status, raw))
}

/// Reads the aggregate of the price account at an address, while it trades.
///
/// Errors: `OracleOwner`, `OracleMalformed`, `OracleFeedMismatch`, `OracleNotTrading`.
pub fn read(account: &AccountInfo<'_>, address: &[u8; 32]) -> Result<RawPrice> {
    if account.owner != &LEGACY_PROGRAM {
        return Err(error!(MarginError::OracleOwner).with_pubkeys((*account.owner, LEGACY_PROGRAM)));
    }
    let data = account.try_borrow_data()?;
    let (status, raw) = aggregate(&data).ok_or_else(|| {
        error!(MarginError::OracleMalformed)
            .with_values((data.len(), size_of::<SolanaPriceAccount>()))
    })?;
    if account.key.to_bytes() != *address {
        return Err(error!(MarginError::OracleFeedMismatch)
            .with_pubkeys((*account.key, Pubkey::new_from_array(*address))));
    }
    let trading = PriceStatus::Trading as u8;
    require_eq!(status, trading, MarginError::OracleNotTrading);
    Ok(raw)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A whole account with a number of its own in every field that is read.
    fn account() -> Box<SolanaPriceAccount> {
        let mut account = Box::new(SolanaPriceAccount {
            magic: MAGIC,
            ver: VERSION_2,
            atype: AccountType::Price as u32,
            ptype: PriceType::Price,
            expo: -10,
            timestamp: 1_702_120_657,
            ..SolanaPriceAccount::default()
        });
        account.agg.price = 145_975;
        account.agg.conf = 219;
        account.agg.status = PriceStatus::Trading;
        account
    }

    #[test]
    fn reads_what_the_sdks_own_reader_reads() {
        let account = account();
        let data: &[u8] = bytemuck::bytes_of(account.as_ref());
        let feed = account.to_price_feed(&[0; 32].into()).get_price_unchecked();
        let (status, raw) = aggregate(data).unwrap();
        assert_eq!(status, PriceStatus::Trading as u8);
        assert_eq!(
            (raw.price, raw.confidence, raw.exponent, raw.publish_time),
            (feed.price, feed.conf, feed.expo, feed.publish_time)
        );
    }

    #[test]
    fn reads_the_offsets_of_the_layout_and_no_misaligned_or_cut_account_otherwise() {
        // the layout as the legacy program documents it, in numbers
        let account = account();
        let data = bytemuck::bytes_of(account.as_ref());
        assert_eq!(data.len(), 3_312);
        assert_eq!(data[..4], 0xa1b2_c3d4u32.to_le_bytes());
        assert_eq!((data[4], data[8], data[16], data[224]), (2, 3, 1, 1));
        assert_eq!(data[20..24], (-10i32).to_le_bytes());
        assert_eq!(data[96..104], 1_702_120_657i64.to_le_bytes());
        assert_eq!(data[208..216], 145_975i64.to_le_bytes());
        assert_eq!(data[216..224], 219u64.to_le_bytes());
        // at an odd address
        let mut odd = vec![0];
        odd.extend_from_slice(data);
        assert_eq!(aggregate(&odd[1..]), aggregate(data));
        for cut in [0, 3, 16, 20, 239, 3_311] {
            assert_eq!(aggregate(&data[..cut]), None);
        }
    }

    #[test]
    fn every_byte_that_says_what_the_account_is_must_be_right() {
        let account = account();
        let data = bytemuck::bytes_of(account.as_ref());
        for at in (0..12).chain([16]) {
            for bit in 0..8 {
                let mut bent = data.to_vec();
                bent[at] ^= 1 << bit;
                assert_eq!(aggregate(&bent), None, "byte {at} bit {bit}");
            }
        }
    }
}
