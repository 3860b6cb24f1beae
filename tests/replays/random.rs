//! Random paths, many and short, with smaller books: case 78 as a property.

use risk_core::tier::Tier;
use support::Random;

use super::books::{Cast, Means, Scene};
use super::keepers::Policy;
use super::paths::{covers, is_inside, reach, Point, ONE};
use super::run::{Ending, Replay};
use super::variants::{Variant, REACTION};

/// Seconds from one point to the next.
const STEP: i64 = 1_800;
/// Points of a path.
const POINTS: usize = 8;
/// Books that paths begin with.
const SCENES: u64 = 4;
/// Paths that begin with each.
const PATHS: usize = 12;
/// Accounts of a scene.
const ACCOUNTS: usize = 30;

/// Draws the point that follows another.
type Draw = fn(&mut Random, &Point) -> Point;

/// Anywhere inside the range; a third of the moves of an asset are as wide as it gets.
fn inside(random: &mut Random, from: &Point) -> Point {
    loop {
        let to = moved(random, from, 1);
        if covers(Tier::Portfolio, from, &to) {
            return to;
        }
    }
}

/// Up to three times as wide, both assets on their own.
fn beyond(random: &mut Random, from: &Point) -> Point {
    let times = random.range(1, 4);
    moved(random, from, times)
}

fn moved(random: &mut Random, from: &Point, times: i64) -> Point {
    let mut to = *from;
    for asset in 0..2 {
        let most = reach(Tier::Portfolio, asset);
        let spot = match random.range(0, 6) {
            0 => most,
            1 => -most,
            _ => random.range(-most, most),
        };
        let volatility = random.range(-240_000, 400_000);
        let then = |value: i64, by: i64| value + value * by / 1_000_000;
        let spot = then(from.spot[asset], spot * times);
        if (ONE / 5..ONE * 4).contains(&spot) {
            to.spot[asset] = spot;
        }
        let volatility = then(from.volatility[asset], volatility);
        if (ONE / 2..ONE * 3).contains(&volatility) {
            to.volatility[asset] = volatility;
        }
    }
    to
}

fn path(random: &mut Random, draw: Draw) -> Vec<Point> {
    let mut points = vec![Point::START];
    for _ in 0..POINTS {
        points.push(draw(random, &points[points.len() - 1]));
    }
    points
}

/// Walks every path of every scene.
fn walk(draw: Draw, policy: &Policy, means: &Means, check: impl Fn(&[Point], &Ending)) -> Ending {
    let mut sum = Ending::default();
    for seed in 0..SCENES {
        let cast = Cast {
            seed: 100 + seed,
            accounts: ACCOUNTS,
            tiers: &[Tier::Portfolio],
        };
        let scene = Scene::new(&cast, means);
        let mut random = Random::new(200 + seed);
        for _ in 0..PATHS {
            let points = path(&mut random, draw);
            let mut replay = Replay::new(scene.clone(), policy.clone());
            replay.walk(&points, STEP);
            replay.settle_down(&points[POINTS]);
            replay.settle_all();
            let ending = replay.ending();
            check(&points, &ending);
            sum.liquidated += ending.liquidated;
            sum.insurance_used += ending.insurance_used;
            sum.tally.deficit += ending.tally.deficit;
            sum.tally.balances += ending.tally.balances;
            sum.tally.bankruptcies += ending.tally.bankruptcies;
        }
    }
    sum
}

#[test]
fn case_78_random_paths_inside_the_range_leave_the_fund_unused() {
    let variant = Variant::Inside;
    let sum = walk(
        inside,
        &variant.policy(),
        &variant.means(),
        |points, ending| {
            assert!(is_inside(points, STEP, Tier::Portfolio, REACTION));
            assert_eq!(ending.insurance_used, 0, "{points:?} {ending:?}");
            assert!(ending.tally.insolvent.is_empty(), "{points:?} {ending:?}");
            assert!(ending.tally.slowest <= REACTION, "{points:?} {ending:?}");
        },
    );
    println!("{} accounts liquidated, the fund unused", sum.liquidated);
    assert!(sum.liquidated > 100, "{sum:?}");
}

#[test]
fn inv_16_random_paths_beyond_the_range_charge_what_is_lost() {
    let variant = Variant::AsItWas;
    let means = Means {
        insurance: 50_000,
        cap: 30_000,
        ..variant.means()
    };
    let sum = walk(beyond, &variant.policy(), &means, |_, ending| {
        let tally = &ending.tally;
        let charged = tally.fund_for_debts + tally.profits + tally.balances;
        assert_eq!(charged, tally.debt, "{ending:?}");
        assert_eq!(
            ending.insurance_used,
            tally.fund_for_bids + tally.fund_for_debts,
            "{ending:?}"
        );
        assert_eq!((ending.failing, ending.left_deficit), (0, 0), "{ending:?}");
    });
    println!("{sum:?}");
    assert!(sum.tally.deficit > 0 && sum.insurance_used > 0 && sum.tally.balances > 0);
}
