//! Pyth's two kinds of price accounts, decoded from bytes.
//!
//! Of the pull oracle a `PriceUpdateV2` of the receiver program, by feed id, wherever it stands; of the legacy oracle a price account,
//! by address.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::Pubkey;

use super::policy::PriceRefusal;
use super::shown::RawAccount;

/// Pyth's receiver, which verifies updates and owns their accounts.
pub const RECEIVER: Pubkey = Pubkey::from_str_const("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
/// Pyth's legacy program, which owns its price accounts.
pub const LEGACY: Pubkey = Pubkey::from_str_const("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");

/// First bytes of a `PriceUpdateV2`: of sha256("account:PriceUpdateV2").
const UPDATE: [u8; 8] = [34, 241, 35, 99, 157, 126, 244, 205];
/// Length of an update's account, as it is documented; what is left of it is not read.
const UPDATE_LEN: usize = 134;
/// What follows the verification level: the message, and the slot.
const UPDATE_REST: usize = 84 + 8;
/// Length of a legacy price account.
const LEGACY_LEN: usize = 3_312;
/// What a legacy price account begins with: magic number, version, account type.
const LEGACY_HEADER: [u32; 3] = [0xa1b2_c3d4, 2, 3];
/// Status of a legacy price account that trades.
const TRADING: u8 = 1;

/// What a price account of either kind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPrice {
    /// In units of ten to the `exponent` USD.
    pub price: i64,
    /// Half-width of the confidence interval, same unit.
    pub confidence: u64,
    /// Decimal exponent.
    pub exponent: i32,
    /// Unix time.
    pub publish_time: i64,
}

/// A price with what is wrong with its account in spite of it.
pub(super) type Read = (RawPrice, Option<PriceRefusal>);

/// Reads a price account of a kind, as the program does: owner, layout, feed, verified or trading, in this order.
///
/// Errors: `OracleKind`, `OracleOwner`, `OracleMalformed`, `OracleFeedMismatch`, `OracleUnverified`. A legacy account that does not
/// trade still has its last price, and `OracleNotTrading` with it.
pub(super) fn read(
    kind: u8,
    feed_id: &[u8; 32],
    key: &Pubkey,
    account: &RawAccount<'_>,
) -> Result<Read, PriceRefusal> {
    let refused = |reason: ErrorCode, found: i128, limit: i128| PriceRefusal {
        account: *key,
        reason,
        found,
        limit,
    };
    let (owner, length) = match kind {
        PYTH_PULL => (RECEIVER, UPDATE_LEN),
        PYTH_LEGACY => (LEGACY, LEGACY_LEN),
        _ => {
            return Err(refused(
                ErrorCode::OracleKind,
                kind.into(),
                PYTH_LEGACY.into(),
            ))
        }
    };
    if account.owner != owner {
        return Err(refused(ErrorCode::OracleOwner, 0, 0));
    }
    let malformed = || {
        let number = |length: usize| i128::try_from(length).unwrap_or(i128::MAX);
        let (found, limit) = (number(account.data.len()), number(length));
        refused(ErrorCode::OracleMalformed, found, limit)
    };
    let mismatch = || refused(ErrorCode::OracleFeedMismatch, 0, 0);
    if kind == PYTH_PULL {
        let update = Update::parse(account.data).ok_or_else(malformed)?;
        if update.feed_id != *feed_id {
            return Err(mismatch());
        }
        return match update.signatures {
            None => Ok((update.price, None)),
            Some(count) => Err(refused(ErrorCode::OracleUnverified, count.into(), 0)),
        };
    }
    let (status, price) = legacy(account.data).ok_or_else(malformed)?;
    if key.to_bytes() != *feed_id {
        return Err(mismatch());
    }
    let halted = || refused(ErrorCode::OracleNotTrading, status.into(), TRADING.into());
    Ok((price, (status != TRADING).then(halted)))
}

/// An update of the pull oracle.
struct Update {
    feed_id: [u8; 32],
    price: RawPrice,
    /// How many guardians signed, where not enough of them did.
    signatures: Option<u8>,
}

impl Update {
    /// `None` for anything that the receiver does not write.
    fn parse(data: &[u8]) -> Option<Self> {
        let (discriminator, rest) = data.split_at_checked(8)?;
        let (_write_authority, rest) = rest.split_at_checked(32)?;
        let (signatures, rest) = match rest.split_first()? {
            (0, rest) => rest
                .split_first()
                .map(|(count, rest)| (Some(*count), rest))?,
            (1, rest) => (None, rest),
            _ => return None,
        };
        if discriminator != UPDATE || rest.len() < UPDATE_REST {
            return None;
        }
        Some(Self {
            feed_id: at(rest, 0)?,
            price: RawPrice {
                price: i64::from_le_bytes(at(rest, 32)?),
                confidence: u64::from_le_bytes(at(rest, 40)?),
                exponent: i32::from_le_bytes(at(rest, 48)?),
                publish_time: i64::from_le_bytes(at(rest, 52)?),
            },
            signatures,
        })
    }
}

/// The status of a legacy account's aggregate and what it says; `None` for anything that is no whole price account.
fn legacy(data: &[u8]) -> Option<(u8, RawPrice)> {
    let word = |offset| at(data, offset).map(u32::from_le_bytes);
    let header = [word(0)?, word(4)?, word(8)?];
    let [kind] = at(data, 16)?;
    if header != LEGACY_HEADER || kind != 1 || data.len() < LEGACY_LEN {
        return None;
    }
    let [status] = at(data, 224)?;
    let price = RawPrice {
        price: i64::from_le_bytes(at(data, 208)?),
        confidence: u64::from_le_bytes(at(data, 216)?),
        exponent: i32::from_le_bytes(at(data, 20)?),
        publish_time: i64::from_le_bytes(at(data, 96)?),
    };
    Some((status, price))
}

/// `N` bytes at an offset.
fn at<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..)?.first_chunk().copied()
}
