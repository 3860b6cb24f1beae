//! A quote as its maker signs it off chain, and what the instructions about quotes take.
//!
//! The signed message is the Borsh encoding of [`QuoteMessage`]: fields in order, numbers little-endian, nothing between
//! them, so that any language writes it with a byte buffer:
//!
//! | offset | bytes | field |
//! |---:|---:|---|
//! | 0 | 16 | [`QUOTE_TAG`] |
//! | 16 | 32 | program |
//! | 48 | 32 | clearing house |
//! | 80 | 32 | maker's margin account |
//! | 112 | 32 | taker's margin account; zeros: anyone's |
//! | 144 | 8 | session, u64 |
//! | 152 | 8 | nonce, u64 |
//! | 160 | 8 | expires, i64, Unix seconds |
//! | 168 | 8 | most lots, u64 |
//! | 176 | 8 | least lots, u64 |
//! | 184 | 4 | number of legs, u32: 1 to 16 |
//! | 188 | 35 each | legs: market u16, instrument u8, expiry i64, strike u64, quantity i64, price u64 |
//!
//! The tag begins with 0xff, which no Solana transaction can begin with: a signed quote is never a signed transaction, and
//! wallets that refuse to sign what may be one accept it. It is not the envelope that hardware wallets ask for; whoever keeps
//! the owner's key in one names a delegate with [`crate::state::margin_account::SCOPE_TRADE`], whose key signs quotes.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

use crate::args::TradeLeg;

/// What a quote begins with: domain and version.
pub const QUOTE_TAG: [u8; 16] = *b"\xffmargin quote v1";
/// Bytes of a quote before its legs.
pub const QUOTE_HEADER_LEN: usize = 188;
/// Bytes of each leg.
pub const QUOTE_LEG_LEN: usize = 35;

/// What a maker offers, once: the message that its key signs.
#[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteMessage {
    /// [`QUOTE_TAG`].
    pub tag: [u8; 16],
    /// [`crate::ID`].
    pub program: Pubkey,
    /// The clearing house of both accounts.
    pub clearinghouse: Pubkey,
    /// The maker's margin account.
    pub maker: Pubkey,
    /// The only margin account that may take; zero: any.
    pub taker: Pubkey,
    /// [`crate::state::QuoteNonces::session`] of the maker: what makes a quote of one cluster void on another.
    pub session: u64,
    /// Number of the quote; quotes of one number share one count of filled lots.
    pub nonce: u64,
    /// Unix time from which the quote is void.
    pub expires: i64,
    /// Most lots, over all fills.
    pub most_lots: u64,
    /// Least lots of a fill, unless it takes all that are left.
    pub least_lots: u64,
    /// One lot, as its taker sees it: what the taker buys, negative where it sells.
    pub legs: Vec<TradeLeg>,
}

impl QuoteMessage {
    /// The bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        let legs = self.legs.len().saturating_mul(QUOTE_LEG_LEN);
        let mut bytes = Vec::with_capacity(QUOTE_HEADER_LEN.saturating_add(legs));
        #[cfg(feature = "anchor")]
        let written = AnchorSerialize::serialize(self, &mut bytes);
        #[cfg(not(feature = "anchor"))]
        let written = borsh::BorshSerialize::serialize(self, &mut bytes);
        // writing to a vector cannot fail
        written.map_or_else(|_| Vec::new(), |()| bytes)
    }

    /// Reads a message; `None` where it is not exactly one quote of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.strip_prefix(&QUOTE_TAG)?;
        #[cfg(feature = "anchor")]
        return AnchorDeserialize::try_from_slice(bytes).ok();
        #[cfg(not(feature = "anchor"))]
        return borsh::BorshDeserialize::try_from_slice(bytes).ok();
    }
}

/// `fill_quote`.
#[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillQuoteArgs {
    /// Which of the quotes that the transaction carries.
    pub nonce: u64,
    /// Most lots to take; fewer where fewer are left.
    pub lots: u64,
    /// Least lots to take: below it the instruction fails.
    pub least_lots: u64,
}

/// What `cancel_quotes` cancels.
#[cfg_attr(feature = "anchor", derive(AnchorSerialize, AnchorDeserialize))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteCancel {
    /// One nonce.
    Nonce(u64),
    /// Every nonce below this one.
    Below(u64),
    /// Every quote signed so far, whatever its nonce, by a new session in which all nonces are free. The owner's alone.
    All,
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    fn quote() -> QuoteMessage {
        let leg = TradeLeg {
            market: 0x0102,
            instrument: 2,
            expiry: 0x0304,
            strike: 0x0506,
            quantity: -2,
            price: 0x0708,
        };
        QuoteMessage {
            tag: QUOTE_TAG,
            program: Pubkey::new_from_array([1; 32]),
            clearinghouse: Pubkey::new_from_array([2; 32]),
            maker: Pubkey::new_from_array([3; 32]),
            taker: Pubkey::new_from_array([4; 32]),
            session: 5,
            nonce: 6,
            expires: 7,
            most_lots: 8,
            least_lots: 9,
            legs: vec![leg; 2],
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_table() {
        let bytes = quote().encode();
        assert_eq!(bytes.len(), QUOTE_HEADER_LEN + 2 * QUOTE_LEG_LEN);
        assert_eq!(bytes[..16], *b"\xffmargin quote v1");
        for (n, at) in [16, 48, 80, 112].into_iter().enumerate() {
            assert_eq!(bytes[at..at + 32], [n as u8 + 1; 32]);
        }
        for (n, at) in [144, 152, 160, 168, 176].into_iter().enumerate() {
            assert_eq!(bytes[at..at + 8], (n as u64 + 5).to_le_bytes());
        }
        assert_eq!(bytes[184..188], 2u32.to_le_bytes());
        let leg = &bytes[188..223];
        assert_eq!(leg[..3], [2, 1, 2]);
        assert_eq!(leg[3..11], 0x0304u64.to_le_bytes());
        assert_eq!(leg[11..19], 0x0506u64.to_le_bytes());
        assert_eq!(leg[19..27], (-2i64).to_le_bytes());
        assert_eq!(leg[27..], 0x0708u64.to_le_bytes());
    }

    #[test]
    fn reads_back_what_it_wrote_and_nothing_cut_or_longer() {
        let bytes = quote().encode();
        assert_eq!(QuoteMessage::decode(&bytes), Some(quote()));
        for end in 0..bytes.len() {
            assert_eq!(QuoteMessage::decode(&bytes[..end]), None, "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(QuoteMessage::decode(&longer), None);
        let mut many = bytes.clone();
        many[184..188].fill(0xff);
        assert_eq!(QuoteMessage::decode(&many), None);
        let mut version = bytes;
        version[15] = b'2';
        assert_eq!(QuoteMessage::decode(&version), None);
    }
}
