//! Accounts of the program, read from raw bytes of any alignment.

use portfolio_margin_interface::state::margin_account::MAX_CAPACITY;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::{AccountLayout, DISCRIMINATOR_LEN};

use crate::scope::Scope;

/// The fixed part of an account of the program; `None` for another account or one cut short.
pub fn read<T: AccountLayout>(data: &[u8]) -> Option<T> {
    let (discriminator, rest) = data.split_at_checked(DISCRIMINATOR_LEN)?;
    if discriminator != T::ACCOUNT_DISCRIMINATOR {
        return None;
    }
    let fixed = rest.get(..size_of::<T>())?;
    Some(bytemuck::pod_read_unaligned(fixed))
}

/// A margin account: header and the records in use.
#[derive(Clone, Debug)]
pub struct AccountData {
    /// The fixed part.
    pub header: MarginAccount,
    /// What is held, sorted by market, expiry, strike and instrument.
    pub positions: Vec<PositionRecord>,
}

impl AccountData {
    /// Reads an account's bytes; `None` for another account, or one that does not hold the records that its header counts.
    pub fn read(data: &[u8]) -> Option<Self> {
        let header: MarginAccount = read(data)?;
        let count = usize::from(header.position_count);
        if count > MAX_CAPACITY {
            return None;
        }
        let length = count.checked_mul(size_of::<PositionRecord>())?;
        let records = data.get(MarginAccount::ACCOUNT_LEN..)?.get(..length)?;
        let records = records.chunks_exact(size_of::<PositionRecord>());
        Some(Self {
            header,
            positions: records.map(bytemuck::pod_read_unaligned).collect(),
        })
    }

    /// Positions that an account of these bytes has room for.
    pub fn capacity_of(data: &[u8]) -> usize {
        let records = data.len().saturating_sub(MarginAccount::ACCOUNT_LEN);
        records / size_of::<PositionRecord>()
    }

    /// What a check of it covers.
    pub fn scope(&self) -> Scope {
        Scope::of(&self.header, &self.positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u16, records: usize) -> Vec<u8> {
        let header = MarginAccount {
            position_count: count,
            ..bytemuck::Zeroable::zeroed()
        };
        let mut data = MarginAccount::ACCOUNT_DISCRIMINATOR.to_vec();
        data.extend_from_slice(bytemuck::bytes_of(&header));
        for number in 0..records {
            let record = PositionRecord {
                quantity: number as i64,
                ..bytemuck::Zeroable::zeroed()
            };
            data.extend_from_slice(bytemuck::bytes_of(&record));
        }
        data
    }

    #[test]
    fn an_account_is_read_at_any_alignment_with_the_records_in_use_alone() {
        let mut shifted = vec![7];
        shifted.extend(bytes(2, 16));
        let account = AccountData::read(&shifted[1..]).unwrap();
        let held: Vec<_> = account.positions.iter().map(|p| p.quantity).collect();
        assert_eq!(held, [0, 1]);
    }

    #[test]
    fn another_account_a_cut_one_and_one_that_counts_more_than_it_holds_are_none() {
        assert!(AccountData::read(&bytes(3, 3)).is_some());
        assert!(AccountData::read(&bytes(4, 3)).is_none());
        assert!(AccountData::read(&bytes(u16::MAX, 200)).is_none());
        let whole = bytes(3, 3);
        for end in 0..whole.len() {
            assert!(AccountData::read(&whole[..end]).is_none(), "{end}");
        }
        for byte in 0..DISCRIMINATOR_LEN {
            let mut other = whole.clone();
            other[byte] ^= 1;
            assert!(AccountData::read(&other).is_none(), "{byte}");
        }
    }
}
