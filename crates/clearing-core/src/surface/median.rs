//! Which of the fresh posts is in force, and since when.
//!
//! Forward, rate and confidence are each the lower median: with `n` posts at least one honest post lies at or below it and one at
//! or above it as long as less than half of them lie (of an even number the lower of the two middle ones: it is a value that
//! somebody posted, and from four posts on one liar cannot place it outside the honest ones; of two posts it is the smaller, and
//! protects nobody).
//!
//! **A median of smiles.** The median taken strike by strike is within the honest range everywhere, but it is not a smile, and
//! taken parameter by parameter it is one that nobody posted. The smile of the post in the middle at the money is a smile, but a
//! liar who posts the middle may bend its wings as he likes. So the whole smile of that post comes into force which is *nearest
//! to the strike-by-strike median*: the largest relative distance over seven nodes, to four standard deviations on each side, is
//! the least. It is free of butterflies because its poster had to show it. And what comes into force is never further from
//! that median, which no minority moves out of the honest range, than the nearest honest smile is: where honest posters agree
//! to a hundredth, so does what is in force, whoever posted it.
//!
//! **Since when.** A quorum is more than half of the board, fresh or not. The surface in force dates from the quorum's eldest member:
//! since that time a majority has spoken. Without a quorum nothing comes into force: one poster alive of five does not look like
//! five. A poster who dies drops out when his post is no longer fresh, and the others go on as long as they are a majority.

// Ranges are stated at each product.
#![allow(clippy::arithmetic_side_effects)]

use risk_core::svi::SviSlice;

use super::Surface;

/// Most posts of one board.
pub const MOST_POSTS: usize = 5;

/// The nodes: standard deviations from the forward.
const DEVIATIONS: [i64; 7] = [-4, -2, -1, 0, 1, 2, 4];

/// How many fresh posts a board of `posters` needs: more than half of it.
pub fn quorum(posters: usize) -> usize {
    posters / 2 + 1
}

/// What is in force by these posts with `tenor` seconds left: `None` below the quorum, and beyond [`MOST_POSTS`].
pub fn in_force(posts: &[Surface], quorum: usize, tenor: i64) -> Option<Surface> {
    let count = posts.len();
    let since = count.checked_sub(quorum)?;
    if quorum == 0 || count > MOST_POSTS {
        return None;
    }
    let middle = (count - 1) / 2;
    let lower = |value: fn(&Surface) -> i64| ranked(posts.iter().map(value), count, middle);
    // each came from its own type
    let narrow = |value: i64| i32::try_from(value).unwrap_or(0);
    Some(Surface {
        svi: posts.get(middle_smile(posts, tenor))?.svi,
        forward_basis: narrow(lower(|post| post.forward_basis.into())),
        rate: narrow(lower(|post| post.rate.into())),
        confidence: u32::try_from(lower(|post| post.confidence.into())).unwrap_or(0),
        // the eldest of the quorum: the posts before it are too many to be needed
        posted_at: ranked(posts.iter().map(|post| post.posted_at), count, since),
    })
}

/// The value of that rank, counted from 0 at the least; `count` values.
fn ranked(values: impl Iterator<Item = i64>, count: usize, rank: usize) -> i64 {
    let mut sorted = [i64::MAX; MOST_POSTS];
    for (slot, value) in sorted.iter_mut().zip(values.take(count)) {
        *slot = value;
    }
    // what is unused is largest and stays behind
    sorted.sort_unstable();
    sorted.get(rank).copied().unwrap_or(i64::MAX)
}

/// Place of the smile that is nearest to the median taken node by node; the first of equals.
fn middle_smile(posts: &[Surface], tenor: i64) -> usize {
    let count = posts.len();
    if count <= 1 {
        return 0;
    }
    let mut smiles = [const { None }; MOST_POSTS];
    for (smile, post) in smiles.iter_mut().zip(posts) {
        *smile = Some(SviSlice::new(&post.svi, tenor));
    }
    let unit = median_at(&smiles, count, 0).0;
    let mut worst = [0u64; MOST_POSTS];
    for times in DEVIATIONS {
        let (median, values) = median_at(&smiles, count, times * unit); // |k| below 2^46
        let scale = median.max(1).unsigned_abs();
        for (worst, value) in worst.iter_mut().zip(&values) {
            // below 2^44 << 20; unsigned, since sBPF divides nothing else
            let distance = (value.abs_diff(median) << 20) / scale;
            *worst = distance.max(*worst);
        }
    }
    let distances = worst.iter().take(count).enumerate();
    distances
        .min_by_key(|(_, distance)| **distance)
        .map_or(0, |(place, _)| place)
}

/// The lower median of the standard deviations at a node, Q40, and all of them; 0 where there is no post.
fn median_at(
    smiles: &[Option<SviSlice>; MOST_POSTS],
    count: usize,
    k: i64,
) -> (i64, [i64; MOST_POSTS]) {
    let values = smiles.each_ref().map(|smile| {
        let deviation = smile.as_ref().map_or(0, |smile| smile.std_dev(k));
        i64::try_from(deviation).unwrap_or(i64::MAX >> 20)
    });
    let median = ranked(values.iter().copied(), count, (count.max(1) - 1) / 2);
    (median, values)
}
