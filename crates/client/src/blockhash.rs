//! Which blockhash a transaction is signed under: the newest, or an older one under which it cannot stay on its way for long.
//!
//! A transaction can land for as long as its blockhash is among the last 150. Whoever must know soon whether one still can signs it
//! under an older hash: what has not landed when that is over never will, and nobody has paid for it.

use portfolio_margin_interface::Pubkey;
use solana_hash::Hash;

use crate::rpc::Blockhash;

/// The sysvar that lists the last blockhashes, newest first.
pub const RECENT_BLOCKHASHES: Pubkey =
    Pubkey::from_str_const("SysvarRecentB1ockHashes11111111111111111111");
/// Blocks for which a blockhash serves.
pub const BLOCKHASH_LIFE: u64 = 150;
/// A hash, and what a signature cost when it was new.
const ENTRY: usize = 40;

/// The youngest hash of a list under which a transaction lives for no more than `life` blocks, as of the newest; the oldest where all
/// live longer; `None` where there is no list.
///
/// The newest may be younger than the list, which a server wrote a block ago: it then counts as the list's first, so that a life is
/// never taken to be over too early.
pub fn of_life(newest: Blockhash, list: &[u8], life: u64) -> Option<Blockhash> {
    let hashes = read(list)?;
    let newest_at = hashes.iter().position(|hash| *hash == newest.hash);
    let newest_at = newest_at.unwrap_or(0);
    let age = usize::try_from(BLOCKHASH_LIFE.saturating_sub(life)).ok()?;
    let at = newest_at
        .saturating_add(age)
        .min(hashes.len().saturating_sub(1));
    let age = u64::try_from(at.saturating_sub(newest_at)).ok()?;
    Some(Blockhash {
        hash: *hashes.get(at)?,
        last_valid_height: newest.last_valid_height.saturating_sub(age),
    })
}

/// The hashes of the sysvar's bytes: a count (u64), then the entries.
fn read(list: &[u8]) -> Option<Vec<Hash>> {
    let (count, rest) = list.split_first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let most = usize::try_from(BLOCKHASH_LIFE).ok()?;
    let entries = rest.chunks_exact(ENTRY).take(count.min(most));
    let hashes = entries.filter_map(|entry| entry.first_chunk::<32>());
    Some(hashes.map(|bytes| Hash::new_from_array(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> Hash {
        Hash::new_from_array([n; 32])
    }

    /// A list of `count` hashes, the first of them 1.
    fn list(count: u8) -> Vec<u8> {
        let mut bytes = u64::from(count).to_le_bytes().to_vec();
        for n in 1..=count {
            bytes.extend(hash(n).to_bytes());
            bytes.extend(5_000u64.to_le_bytes());
        }
        bytes
    }

    fn newest(n: u8) -> Blockhash {
        Blockhash {
            hash: hash(n),
            last_valid_height: 1_150,
        }
    }

    #[test]
    fn a_short_life_is_that_of_an_older_hash_to_the_block() {
        let list = list(150);
        for (life, wanted) in [(24, 126), (25, 125), (149, 1), (150, 0), (151, 0)] {
            let found = of_life(newest(1), &list, life).unwrap();
            assert_eq!(found.hash, hash(1 + wanted), "{life}");
            assert_eq!(found.last_valid_height, 1_150 - u64::from(wanted));
        }
        // none is older than the list's last
        let found = of_life(newest(1), &list, 0).unwrap();
        assert_eq!((found.hash, found.last_valid_height), (hash(150), 1_001));
        // a chain that has just begun
        let found = of_life(newest(1), &self::list(3), 24).unwrap();
        assert_eq!((found.hash, found.last_valid_height), (hash(3), 1_148));
    }

    #[test]
    fn a_list_of_another_block_never_ends_a_life_too_early() {
        let list = list(150);
        // the list is four blocks younger than what was called the newest
        let found = of_life(newest(5), &list, 50).unwrap();
        assert_eq!((found.hash, found.last_valid_height), (hash(105), 1_050));
        // the list is older, by how much is not known: 101 is dead by height 1,050 at the latest
        let found = of_life(newest(200), &list, 50).unwrap();
        assert_eq!((found.hash, found.last_valid_height), (hash(101), 1_050));
    }

    #[test]
    fn what_a_server_makes_up_is_no_list() {
        for bytes in [&[][..], &[1; 7], &[0; 8], &u64::MAX.to_le_bytes()] {
            assert_eq!(of_life(newest(1), bytes, 24), None, "{bytes:?}");
        }
        let mut long = list(200);
        long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let found = of_life(newest(1), &long, 0).unwrap();
        assert_eq!(found.hash, hash(150), "no more than can be valid");
        let cut = &list(2)[..8 + 40 + 39];
        assert_eq!(of_life(newest(1), cut, 0).unwrap().hash, hash(1));
    }
}
