//! Raw accounts in one piece of memory, as a host hands them over.
//!
//! | bytes | what |
//! |---:|---|
//! | 4 | [`FRAMING`], u32 |
//! | 8 | Unix time of the evaluation, i64 |
//! | 4 | number of accounts, u32 |
//! | 32 + 32 + 4 + n each | address, owner, length of the data n as u32, the data |
//!
//! Numbers are little-endian. The accounts are those that `view_margin` without legs is given, in its order: the clearing house, the
//! margin account, then each bank of a check by index followed by its price account, then each market followed by its price account.

use client_core::{Pubkey, RawAccount};

/// Version of the framing.
pub const FRAMING: u32 = 1;

/// A bundle, read; its accounts point into it.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    /// Unix time of the evaluation.
    pub now: i64,
    /// Accounts with their addresses, in order.
    pub accounts: Vec<(Pubkey, RawAccount<'a>)>,
}

/// Takes parts from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn key(&mut self) -> Option<Pubkey> {
        self.array().map(Pubkey::new_from_array)
    }

    fn account(&mut self) -> Option<(Pubkey, RawAccount<'a>)> {
        let (key, owner) = (self.key()?, self.key()?);
        let length = usize::try_from(self.u32()?).ok()?;
        let data = self.take(length)?;
        Some((key, RawAccount { owner, data }))
    }
}

impl<'a> Bundle<'a> {
    /// Reads a bundle; `None` where the bytes are not exactly one of this version.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.u32()? != FRAMING {
            return None;
        }
        let now = i64::from_le_bytes(reader.array()?);
        let count = reader.u32()?;
        // grows as accounts are found: the count alone is nobody's promise
        let mut accounts = Vec::new();
        for _ in 0..count {
            accounts.push(reader.account()?);
        }
        reader.0.is_empty().then_some(Self { now, accounts })
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = FRAMING.to_le_bytes().to_vec();
        bytes.extend_from_slice(&(-5i64).to_le_bytes());
        bytes.extend_from_slice(&2u32.to_le_bytes());
        for (number, data) in [(1, &b"abc"[..]), (3, &[])] {
            bytes.extend_from_slice(&[number; 32]);
            bytes.extend_from_slice(&[number + 1; 32]);
            bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    #[test]
    fn accounts_are_read_in_order_with_their_owners() {
        let bytes = bytes();
        let bundle = Bundle::read(&bytes).unwrap();
        assert_eq!(bundle.now, -5);
        let read: Vec<_> = bundle
            .accounts
            .iter()
            .map(|(key, account)| {
                (
                    key.to_bytes()[0],
                    account.owner.to_bytes()[31],
                    account.data,
                )
            })
            .collect();
        assert_eq!(read, [(1, 2, &b"abc"[..]), (3, 4, &[])]);
    }

    #[test]
    fn cut_and_longer_bytes_another_version_and_promises_are_none() {
        let bytes = bytes();
        for end in 0..bytes.len() {
            assert!(Bundle::read(&bytes[..end]).is_none(), "{end}");
        }
        assert!(Bundle::read(&[&bytes[..], &[0]].concat()).is_none());
        for (at, value) in [(0, 2), (12, 3), (15, 0xff), (16 + 64 + 3, 0xff)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert!(Bundle::read(&changed).is_none(), "{at}");
        }
    }
}
