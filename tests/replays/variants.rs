//! The three ways in which each path is walked.

use risk_core::tier::Tier;

use super::books::{Cast, Means, Scene};
use super::keepers::Policy;
use super::paths::{Path, PATHS};
use super::run::{Ending, Replay};

/// Seconds within which keepers repair an account inside the range: the fast phase of the auction.
pub const REACTION: i64 = 900;

/// Which prices, which books, which keepers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Books in the Portfolio tier; the path scaled into the range of its scenarios; keepers awake and solvent.
    Inside,
    /// Books in the Standard tier; the path scaled into that tier's range.
    InsideStandard,
    /// Both tiers, three quarters Portfolio; the path as it was; keepers late and poor, the fund small and capped.
    AsItWas,
    /// The same with keepers who can carry next to nothing: whom nobody repairs is deleveraged.
    Deserted,
}

impl Variant {
    /// Those in the report.
    pub const ALL: [Self; 3] = [Self::Inside, Self::InsideStandard, Self::AsItWas];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside, Portfolio",
            Self::InsideStandard => "inside, Standard",
            Self::AsItWas => "as it was",
            Self::Deserted => "deserted",
        }
    }

    /// Its heading in the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Inside => "Inside the scenario range: Portfolio tier",
            Self::InsideStandard => "Inside the range of the Standard tier",
            Self::AsItWas => "As it was: both tiers, keepers late and poor",
            Self::Deserted => "As it was, and next to no keepers",
        }
    }

    pub fn tiers(self) -> &'static [Tier] {
        match self {
            Self::Inside => &[Tier::Portfolio],
            Self::InsideStandard => &[Tier::Standard],
            Self::AsItWas | Self::Deserted => &[
                Tier::Portfolio,
                Tier::Portfolio,
                Tier::Portfolio,
                Tier::Standard,
            ],
        }
    }

    pub fn is_inside(self) -> bool {
        matches!(self, Self::Inside | Self::InsideStandard)
    }

    pub fn means(self) -> Means {
        let late = Means {
            keepers: &[3_000_000, 2_000_000, 1_000_000],
            insurance: 250_000,
            cap: 150_000,
        };
        match self {
            Self::Inside | Self::InsideStandard => Means {
                keepers: &[12_000_000, 8_000_000, 5_000_000, 3_000_000],
                insurance: 1_000_000,
                cap: 1_000_000,
            },
            Self::AsItWas => late,
            Self::Deserted => Means {
                keepers: &[40_000, 20_000, 10_000],
                ..late
            },
        }
    }

    pub fn policy(self) -> Policy {
        match self.is_inside() {
            true => Policy {
                delay: 120,
                discount: 50_000,
                spread: 500,
                premium: 20_000,
            },
            false => Policy {
                delay: 1_200,
                discount: 100_000,
                spread: 2_000,
                premium: 50_000,
            },
        }
    }

    /// How much of a path's moves is walked, percent.
    pub fn percent(self, path: &Path) -> i64 {
        match self {
            Self::Inside => path.inside(Tier::Portfolio, REACTION),
            Self::InsideStandard => path.inside(Tier::Standard, REACTION),
            Self::AsItWas | Self::Deserted => 100,
        }
    }
}

/// One path walked in one way.
#[derive(Clone, Debug)]
pub struct Row {
    pub path: &'static str,
    pub variant: Variant,
    pub percent: i64,
    pub ending: Ending,
}

/// Walks every path in every way. Paths have books of their own: seeds 1 to 4.
pub fn walk_all(accounts: usize) -> Vec<Row> {
    let numbered = PATHS.iter().zip(1..);
    let pairs = numbered.flat_map(|path| Variant::ALL.map(|variant| (path, variant)));
    let rows = pairs.map(|((path, seed), variant)| walk(path, variant, seed, accounts));
    rows.collect()
}

/// Walks one path in one way.
pub fn walk(path: &Path, variant: Variant, seed: u64, accounts: usize) -> Row {
    let cast = Cast {
        seed,
        accounts,
        tiers: variant.tiers(),
    };
    let scene = Scene::new(&cast, &variant.means());
    let mut replay = Replay::new(scene, variant.policy());
    let percent = variant.percent(path);
    let points = path.scaled(percent);
    replay.walk(&points, path.step);
    replay.settle_down(&points[points.len() - 1]);
    replay.settle_all();
    Row {
        path: path.name,
        variant,
        percent,
        ending: replay.ending(),
    }
}
