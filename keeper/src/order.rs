//! In which order a keeper works, so that several rarely begin with the same account and none needs to know of the others.

use std::time::Duration;

use portfolio_margin_interface::Pubkey;

use crate::config::Shard;

/// How long an account can wait; less is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Without equity: each moment is somebody's loss.
    Insolvent,
    /// Below maintenance and not in liquidation yet: its clock has not even begun.
    Failing,
    /// In liquidation.
    Liquidating,
    /// Back above maintenance: to be ended or restarted.
    Recovered,
}

/// Sorts accounts by urgency, then by a permutation that is this keeper's own.
pub fn sort(accounts: &mut [(Urgency, Pubkey)], keeper: &Pubkey) {
    accounts.sort_by_key(|(urgency, account)| (*urgency, place(account, keeper), *account));
}

/// Whether an account is in the keeper's part. Every keeper of one count agrees on whose it is.
pub fn is_in_shard(account: &Pubkey, shard: Shard) -> bool {
    place(account, &Pubkey::default()).checked_rem(shard.count) == Some(shard.index)
}

/// How long a keeper leaves an account to others: a part of `most` that is its own for each account, small for those with which it
/// begins. Two keepers that reach an account together then send apart, and the later one sees what the earlier has done.
pub fn courtesy(account: &Pubkey, keeper: &Pubkey, most: Duration) -> Duration {
    let micros = u128::from(place(account, keeper)).saturating_mul(most.as_micros()) >> 64;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Where an account stands in a keeper's permutation: the keys' words, mixed.
pub(crate) fn place(account: &Pubkey, keeper: &Pubkey) -> u64 {
    let words = |key: &Pubkey| {
        let bytes = key.to_bytes();
        let (words, _) = bytes.as_chunks::<8>();
        words.iter().fold(0, |sum, word| {
            mixed(sum ^ u64::from_le_bytes(*word)) // each word counts, in its place
        })
    };
    mixed(words(account) ^ words(keeper).rotate_left(17))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves half of the output's.
fn mixed(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u8) -> Vec<Pubkey> {
        (0..count).map(|n| Pubkey::from([n; 32])).collect()
    }

    #[test]
    fn urgency_comes_first_and_ties_are_a_keepers_own() {
        let [one, other] = [Pubkey::from([7; 32]), Pubkey::from([8; 32])];
        let mut mine: Vec<_> = keys(50)
            .into_iter()
            .map(|k| (Urgency::Failing, k))
            .collect();
        mine.push((Urgency::Recovered, Pubkey::from([200; 32])));
        mine.push((Urgency::Insolvent, Pubkey::from([201; 32])));
        let mut others = mine.clone();
        sort(&mut mine, &one);
        sort(&mut others, &other);
        for sorted in [&mine, &others] {
            assert_eq!(sorted[0].0, Urgency::Insolvent);
            assert_eq!(sorted[51].0, Urgency::Recovered);
        }
        let same = mine.iter().zip(&others).filter(|(a, b)| a == b).count();
        assert!(same < 10, "{same} of 52 places are the same");
        let mut again = others.clone();
        sort(&mut again, &one);
        assert_eq!(again, mine);
    }

    #[test]
    fn courtesy_rises_along_a_keepers_order_and_differs_between_keepers() {
        let (most, half) = (Duration::from_millis(400), Duration::from_millis(200));
        let [one, other] = [Pubkey::from([7; 32]), Pubkey::from([8; 32])];
        let mut accounts: Vec<_> = keys(200)
            .into_iter()
            .map(|k| (Urgency::Failing, k))
            .collect();
        sort(&mut accounts, &one);
        let waits = accounts.iter().map(|(_, key)| courtesy(key, &one, most));
        let waits: Vec<_> = waits.collect();
        assert!(waits.is_sorted() && waits[199] < most && waits[0] < half / 10);
        let late = waits.iter().filter(|wait| **wait > half).count();
        assert!((70..=130).contains(&late), "{late}");
        let apart = accounts
            .iter()
            .zip(&waits)
            .filter(|((_, key), wait)| courtesy(key, &other, most).abs_diff(**wait) > most / 10);
        assert!(apart.count() > 140);
        assert_eq!(courtesy(&one, &other, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn shards_cover_every_account_once_and_about_evenly() {
        for count in [1, 2, 3, 7] {
            let mut sizes = vec![0; count as usize];
            for key in keys(210) {
                let in_it: Vec<u64> = (0..count)
                    .filter(|index| {
                        is_in_shard(
                            &key,
                            Shard {
                                index: *index,
                                count,
                            },
                        )
                    })
                    .collect();
                assert_eq!(in_it.len(), 1);
                sizes[in_it[0] as usize] += 1;
            }
            let fair = 210 / sizes.len();
            assert!(
                sizes
                    .iter()
                    .all(|size| (fair / 2..=fair * 2).contains(size)),
                "{sizes:?}"
            );
        }
        assert!(!is_in_shard(&keys(1)[0], Shard { index: 0, count: 0 }));
    }
}
