//! Several posters, honest and not: what comes into force.

use super::*;

/// Honest posts: one market seen with small differences, at various times.
fn honest(random: &mut Random, count: usize) -> Vec<Surface> {
    let place = (random.next() % 11) as usize;
    let (tenor, a, b, rho, m, s) = MARKET[place];
    (0..count)
        .map(|_| {
            let by = |random: &mut Random| random.between(0.95, 1.05);
            let smile = [
                a,
                b * by(random),
                rho * by(random),
                m * by(random),
                s * by(random),
            ];
            Surface {
                svi: svi(tenor, smile),
                forward_basis: random.between(-1e6, 3e6) as i32,
                rate: random.between(2e4, 6e4) as i32,
                confidence: random.between(8e5, 1e6) as u32,
                posted_at: random.between(1e3, 4e3) as i64,
            }
        })
        .collect()
}

/// Whatever else passes on its own.
fn hostile(random: &mut Random, near: &Surface) -> Surface {
    let tenor = near.svi.reference_tenor;
    loop {
        let mut svi = match random.next() % 3 {
            // the middle at the money, with wings of his own
            0 => {
                let mut svi = near.svi;
                svi.rho = (random.between(-0.999, 0.999) * 1e6) as i32;
                svi.b = (svi.b as f64 * random.scale(0.2, 5.0)) as u64;
                svi
            }
            1 => near.svi,
            _ => any_smile(random),
        };
        svi.reference_tenor = tenor;
        if svi.validate().is_ok() && check_butterfly(&svi, tenor.into()).is_ok() {
            return Surface {
                svi,
                forward_basis: random.between(-5e8, 5e8) as i32,
                rate: random.between(-1e6, 1e6) as i32,
                confidence: random.between(0.0, 1e6) as u32,
                posted_at: random.between(0.0, 5e3) as i64,
            };
        }
    }
}

/// Standard deviations at -4, -2, -1, 0, 1, 2 and 4 deviations.
fn profile(surface: &Surface, unit: i64) -> [i64; 7] {
    let smile = SviSlice::new(&surface.svi, surface.svi.reference_tenor.into());
    [-4, -2, -1, 0, 1, 2, 4].map(|times| smile.std_dev(times * unit) as i64)
}

fn range<T: Ord>(values: impl Iterator<Item = T> + Clone) -> std::ops::RangeInclusive<T> {
    values.clone().min().expect("an answer")..=values.max().expect("an answer")
}

#[test]
fn a_minority_moves_nothing_out_of_the_honest_range() {
    let mut random = Random(17);
    let mut widest = 0.0f64;
    for round in 0..30_000u32 {
        // one liar of three, four, five; two of five
        let (count, liars) = [(3, 1), (4, 1), (5, 1), (5, 2)][round as usize % 4];
        let truth = honest(&mut random, count - liars);
        let mut posts = truth.clone();
        for _ in 0..liars {
            let liar = hostile(&mut random, &truth[0]);
            let place = (random.next() % (posts.len() as u64 + 1)) as usize;
            posts.insert(place, liar);
        }
        let tenor = i64::from(truth[0].svi.reference_tenor);
        let found = in_force(&posts, quorum(count), tenor).expect("an answer");
        assert!(range(truth.iter().map(|p| p.forward_basis)).contains(&found.forward_basis));
        assert!(range(truth.iter().map(|p| p.rate)).contains(&found.rate));
        assert!(range(truth.iter().map(|p| p.confidence)).contains(&found.confidence));
        // not fresher than the freshest honest post, nor staler than the stalest
        assert!(range(truth.iter().map(|p| p.posted_at)).contains(&found.posted_at));
        // the smile: no further from the median of each node than the nearest honest one, and that median is in the range
        let mut middle: Vec<i64> = posts.iter().map(|p| profile(p, 0)[3]).collect();
        middle.sort_unstable();
        let unit = middle[(count - 1) / 2];
        let honest: Vec<_> = truth.iter().map(|p| profile(p, unit)).collect();
        let medians: [i64; 7] = std::array::from_fn(|node| {
            let mut values: Vec<i64> = posts.iter().map(|p| profile(p, unit)[node]).collect();
            values.sort_unstable();
            values[(count - 1) / 2]
        });
        let distance = |profile: &[i64; 7]| {
            let each = profile.iter().zip(&medians);
            each.map(|(v, m)| (v - m).abs() as f64 / *m as f64)
                .fold(0.0, f64::max)
        };
        for (node, median) in medians.iter().enumerate() {
            assert!(range(honest.iter().map(|p| p[node])).contains(median));
        }
        let nearest = honest.iter().map(distance).fold(f64::INFINITY, f64::min);
        let chosen = distance(&profile(&found, unit));
        assert!(chosen <= nearest + 2e-6, "{chosen} {nearest}: {posts:?}");
        widest = widest.max(chosen);
    }
    std::println!("in force at most {widest:.4} from the median of its node");
    // honest volatilities are within 10 % of one another
    assert!(widest < 0.1);
}

#[test]
fn posters_who_agree_leave_a_liar_nothing() {
    let mut random = Random(19);
    for _ in 0..2_000 {
        let truth = honest(&mut random, 1)[0];
        let liar = hostile(&mut random, &truth);
        for posts in [
            [liar, truth, truth],
            [truth, liar, truth],
            [truth, truth, liar],
        ] {
            let found = in_force(&posts, 2, truth.svi.reference_tenor.into()).expect("an answer");
            let unit = profile(&truth, 0)[3];
            let pairs = profile(&found, unit).into_iter().zip(profile(&truth, unit));
            for (found, truth) in pairs {
                assert!((found - truth).abs() <= truth / 500_000 + 1);
            }
            assert_eq!(
                (found.forward_basis, found.rate),
                (truth.forward_basis, truth.rate)
            );
        }
    }
}

#[test]
fn below_a_majority_nothing_comes_into_force() {
    assert_eq!([1, 2, 3, 4, 5].map(quorum), [1, 2, 2, 3, 3]);
    let post = surface(market(4));
    for board in 1..=5usize {
        for fresh in 0..=board {
            let posts: Vec<_> = (0..fresh).map(|_| post).collect();
            let found = in_force(&posts, quorum(board), MARKET[4].0);
            assert_eq!(found.is_some(), fresh > board / 2, "{fresh} of {board}");
        }
    }
    assert_eq!(in_force(&[post; 6], 3, DAY), None);
    assert_eq!(in_force(&[post; 2], 0, DAY), None);
}

#[test]
fn a_surface_dates_from_the_eldest_of_a_majority() {
    let at = |posted_at| Surface {
        posted_at,
        ..surface(market(4))
    };
    let since = |times: &[i64], board| {
        let posts: Vec<_> = times.iter().map(|time| at(*time)).collect();
        in_force(&posts, quorum(board), DAY).map(|found| found.posted_at)
    };
    assert_eq!(since(&[50, 10, 40, 20, 30], 5), Some(30));
    // the others' second post changes nothing before a third poster speaks
    assert_eq!(since(&[99, 10, 98, 20, 15], 5), Some(20));
    assert_eq!(since(&[99, 97, 98], 5), Some(97));
    assert_eq!(
        (since(&[7], 1), since(&[7, 9], 2), since(&[7, 9], 3)),
        (Some(7), Some(7), Some(7))
    );
}
