//! The cluster's clock: where it is, and what time it tells.

use portfolio_margin_interface::Pubkey;

/// The sysvar that holds the cluster's time.
pub const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// Where the time stands in it, after slot, start of the epoch and two epochs.
const TIME_AT: usize = 32;

/// Unix time by the sysvar's bytes; `None` where they are cut short.
pub fn unix_time(data: &[u8]) -> Option<i64> {
    let bytes = data.get(TIME_AT..)?.first_chunk()?;
    Some(i64::from_le_bytes(*bytes))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_last_of_five_numbers_and_nothing_shorter_is_read() {
        let numbers = [7u64, 1, 2, 3, 1_800_000_000];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        assert_eq!(unix_time(&bytes), Some(1_800_000_000));
        for length in 0..bytes.len() {
            assert_eq!(unix_time(&bytes[..length]), None);
        }
    }
}
