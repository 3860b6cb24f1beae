//! The crashes: where prices went, step by step, as typed-in figures, and what "inside the scenario range" means for them.
//!
//! Each figure is a price over the one at which the path begins, 1e-4, BTC first. Source of all: hourly and one-minute bars
//! (open, high, low, close) of Binance, which the exchange publishes for download; rounded. Per bar two figures, its low and its
//! close, as if the low came in the middle. Real minutes may have been worse: a low that came in seconds is reached in one step
//! here, so the largest steps are those of half hours.
//!
//! Volatility surfaces of those hours are not public: the rise of volatility is an assumption, in proportion to how far an asset
//! has fallen since the start of its path.

use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, MAJOR_SCENARIOS, WIDE_SCENARIOS};
use risk_core::tier::{StandardParams, Tier};

/// 1.0 of a point.
pub const ONE: i64 = 10_000;

/// One crash.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Its name in the report.
    pub name: &'static str,
    /// Seconds from one point to the next.
    pub step: i64,
    /// BTC and SOL over where they began, 1e-4.
    pub points: &'static [(u32, u32)],
    /// At-the-money volatility where an asset has fallen furthest, over where it began, less one, 1e-4.
    pub volatility_rise: i64,
}

/// The replays.
pub const PATHS: [Path; 4] = [
    Path {
        name: "2020-03-12",
        step: 1_800,
        points: &POINTS_2020,
        volatility_rise: 15_000,
    },
    Path {
        name: "2021-05-19",
        step: 1_800,
        points: &POINTS_2021,
        volatility_rise: 10_000,
    },
    Path {
        name: "2022-11-08",
        step: 1_800,
        points: &POINTS_2022,
        volatility_rise: 8_000,
    },
    Path {
        name: "2025-10-10",
        step: 30,
        points: &POINTS_2025,
        volatility_rise: 4_000,
    },
];

/// Prices and volatilities at one point, over where they began, 1e-4; BTC first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Prices.
    pub spot: [i64; 2],
    /// At-the-money volatilities.
    pub volatility: [i64; 2],
}

impl Point {
    /// Where every path begins.
    pub const START: Self = Self {
        spot: [ONE; 2],
        volatility: [ONE; 2],
    };
}

impl Path {
    /// The points, start included, with every distance from the start at `percent` of what it was.
    pub fn scaled(&self, percent: i64) -> Vec<Point> {
        let raw = self.points.iter().map(|point| [point.0, point.1]);
        let deepest = |asset: usize| {
            let falls = raw.clone().map(|point| ONE - i64::from(point[asset]));
            falls.max().unwrap_or(0).max(1)
        };
        let deepest = [deepest(0), deepest(1)];
        let mut points = vec![Point::START];
        for point in raw {
            let mut scaled = Point::START;
            for asset in 0..2 {
                let fall = ONE - i64::from(point[asset]);
                scaled.spot[asset] = ONE - fall * percent / 100;
                let rise = self.volatility_rise * fall.max(0) / deepest[asset];
                scaled.volatility[asset] = ONE + rise * percent / 100;
            }
            points.push(scaled);
        }
        points
    }

    /// The largest scale, in whole percent up to 100, at which the path stays [`is_inside`].
    pub fn inside(&self, tier: Tier, reaction: i64) -> i64 {
        let fits = |percent: &i64| is_inside(&self.scaled(*percent), self.step, tier, reaction);
        let fitting = (1..=100).rev().find(fits);
        fitting.expect("a path that barely moves is inside")
    }
}

/// Whether no account that had its maintenance margin at a point can meet a move that the maintenance requirement does not cover
/// before keepers repaired it: they do within `reaction` seconds of the first point at which it failed, which is one `step` after
/// the last at which it did not. Over each such window, every move from the point at its start is one that [`covers`] knows.
pub fn is_inside(points: &[Point], step: i64, tier: Tier, reaction: i64) -> bool {
    let length = (1 + reaction / step) as usize;
    points.iter().enumerate().all(|(at, from)| {
        let mut window = points[at + 1..].iter().take(length);
        window.all(|to| covers(tier, from, to))
    })
}

/// Whether a move is inside the range of what maintenance margin covers:
/// - each asset's price moves by no more than the tier's [`reach`];
/// - its volatility by no more than the maintenance share of the scan (0.8) of the shocks at 30 days (+50 %, -30 %), which are
///   smaller than those of the listed expiries;
/// - in the Portfolio tier, where BTC and SOL are in one correlation group, they move together as far as [`is_correlated`] asks.
pub fn covers(tier: Tier, from: &Point, to: &Point) -> bool {
    let params = [&MarketParams::BTC, &MarketParams::SOL];
    let moved = |now: i64, then: i64| (now - then) * 1_000_000 / then;
    let spot = [0, 1].map(|asset| moved(to.spot[asset], from.spot[asset]));
    let is_covered = params.iter().enumerate().all(|(asset, params)| {
        let share = params.scan_maintenance.raw();
        let volatility = moved(to.volatility[asset], from.volatility[asset]);
        let shocks = [params.vol.range_down, params.vol.range_up];
        let [down, up] = shocks.map(|shock| shock.raw() * share / 1_000_000);
        spot[asset].abs() <= reach(tier, asset) && (-down..=up).contains(&volatility)
    });
    is_covered && (tier == Tier::Standard || is_correlated(spot))
}

/// Whether moves of two markets of one group are covered, for books that gain in one what they lose in the other.
///
/// The group's scan is the larger loss of `1 - kappa b` and `(1 - cap)(1 + b)`, for a risk of 1 in one market and an opposite one of `b`
/// in the other. The loss for moves of `p` against the first and `q` against the second, in parts of their reach, is `p + b q`. The scan
/// is least, beside it, where its two parts meet, at `b = cap / (1 + kappa - cap)`: there `p + b q <= 1 - kappa b` is asked for, either way
/// round. With kappa 0.5 and a cap of 30 % (b = 0.25): `p + q / 4 <= 0.875`, so a full move of one is covered if the other goes at
/// least half as far the same way.
fn is_correlated(spot: [i64; 2]) -> bool {
    let (kappa, cap) = (500_000, 300_000);
    let beside = cap * 1_000_000 / (1_000_000 + kappa - cap);
    let most = 1_000_000 - kappa * beside / 1_000_000;
    let part = |asset: usize| spot[asset] * 1_000_000 / reach(Tier::Portfolio, asset);
    let [btc, sol] = [part(0), part(1)];
    let is_covered = |p: i64, q: i64| {
        let worse = |p: i64, q: i64| p + q * beside / 1_000_000;
        worse(p, q).max(worse(q, p)) <= most
    };
    is_covered(-btc, sol) && is_covered(btc, -sol)
}

/// How far an asset's price may move inside the range of what maintenance margin covers, 1e-6. Portfolio: the maintenance share of
/// the scan (0.8) of the widest undamped scenario, 14.4 % for BTC (of 18 %) and 21.6 % for SOL (of 27 %). Standard, which has no
/// scenarios: the maintenance share of a perpetual's notional, 3 %.
pub fn reach(tier: Tier, asset: usize) -> i64 {
    let sets: [(&MarketParams, &[Scenario]); 2] = [
        (&MarketParams::BTC, &MAJOR_SCENARIOS),
        (&MarketParams::SOL, &WIDE_SCENARIOS),
    ];
    let (params, scenarios) = sets[asset];
    match tier {
        Tier::Portfolio => widest(scenarios) * params.scan_maintenance.raw() / 1_000_000,
        Tier::Standard => StandardParams::MAJOR.maintenance.perp_share.raw(),
    }
}

/// The widest move of an undamped scenario, 1e-6.
fn widest(scenarios: &[Scenario]) -> i64 {
    let whole = scenarios
        .iter()
        .filter(|scenario| scenario.damping == 1_000_000);
    let moves = whole.map(|scenario| (i64::from(scenario.spot) - 1_000_000).abs());
    moves.max().expect("a set has undamped scenarios")
}

/// 12 March 2020, 10:00 UTC, 20 hours of the perpetual in USDT. SOL did not trade yet: the second figure is ETH's.
const POINTS_2020: [(u32, u32); 40] = [
    (7066, 7294),
    (8128, 7829),
    (7780, 7029),
    (8206, 8133),
    (7957, 7969),
    (8175, 8145),
    (7761, 7506),
    (8139, 8020),
    (8022, 7954),
    (8271, 8299),
    (8165, 8094),
    (8320, 8385),
    (8070, 7966),
    (8270, 8289),
    (8235, 8236),
    (8306, 8440),
    (8105, 8142),
    (8133, 8167),
    (8124, 8143),
    (8201, 8225),
    (7611, 7434),
    (7797, 7654),
    (7557, 7455),
    (7908, 7795),
    (7764, 7498),
    (7878, 7572),
    (5907, 5646),
    (6475, 6342),
    (6015, 6148),
    (6174, 6315),
    (5368, 5596),
    (5521, 5689),
    (4922, 5006),
    (6420, 6585),
    (6342, 6504),
    (7005, 7406),
    (6143, 6279),
    (6413, 6491),
    (6391, 6446),
    (6655, 6932),
];

/// 19 May 2021, 04:00 UTC, 14 hours of the perpetuals in USDT.
const POINTS_2021: [(u32, u32); 28] = [
    (9510, 8563),
    (9681, 9162),
    (9612, 9148),
    (9663, 9564),
    (9624, 9468),
    (9701, 9605),
    (9474, 9176),
    (9935, 9768),
    (9813, 9367),
    (9964, 9478),
    (9858, 9001),
    (9931, 9246),
    (9576, 8808),
    (9711, 9027),
    (8883, 7486),
    (9525, 8441),
    (7841, 4843),
    (8627, 6048),
    (7059, 5951),
    (8773, 7894),
    (8027, 6464),
    (9212, 8402),
    (8958, 7689),
    (9180, 8968),
    (8879, 8459),
    (9754, 8987),
    (9564, 8224),
    (9689, 8410),
];

/// 8 November 2022, 17:00 UTC, 30 hours of the perpetuals in USDT.
const POINTS_2022: [(u32, u32); 60] = [
    (9483, 8454),
    (9491, 8677),
    (9003, 7626),
    (9126, 7966),
    (8265, 6321),
    (8956, 7808),
    (8741, 7420),
    (8906, 7905),
    (8896, 7767),
    (9179, 8049),
    (9019, 7874),
    (9060, 7911),
    (9014, 7808),
    (9102, 8183),
    (8994, 7746),
    (8998, 7760),
    (8973, 7513),
    (8992, 7540),
    (8889, 7276),
    (8897, 7286),
    (8828, 6953),
    (8988, 7290),
    (8927, 7083),
    (8960, 7162),
    (8919, 6403),
    (9029, 6623),
    (8975, 6372),
    (8981, 6524),
    (8932, 6201),
    (8950, 6259),
    (8853, 5026),
    (8908, 5287),
    (8647, 4586),
    (8719, 5177),
    (8461, 4655),
    (8681, 5318),
    (8611, 5259),
    (8741, 5991),
    (8542, 5706),
    (8645, 5835),
    (8485, 5352),
    (8628, 5617),
    (8520, 5242),
    (8660, 5588),
    (8291, 4243),
    (8397, 4431),
    (8256, 4200),
    (8382, 4569),
    (8214, 3954),
    (8320, 3956),
    (8055, 3322),
    (8146, 3789),
    (8139, 3779),
    (8233, 4034),
    (7890, 3374),
    (7964, 3521),
    (7644, 3237),
    (7711, 3432),
    (7593, 3432),
    (7783, 3912),
];

/// 10 October 2025, 21:11 UTC, 24 minutes of the BTC perpetual in USDT. Of SOL there are hours only: its moves are BTC's to the power
/// of 1.354, which takes that hour's fall of BTC on the spot market (to 89.3 %) to that of SOL (to 85.7 %).
const POINTS_2025: [(u32, u32); 48] = [
    (9937, 9915),
    (9938, 9916),
    (9878, 9835),
    (9878, 9835),
    (9544, 9387),
    (9792, 9719),
    (9609, 9474),
    (9812, 9747),
    (9711, 9611),
    (9713, 9613),
    (9501, 9331),
    (9529, 9368),
    (9246, 8993),
    (9422, 9226),
    (9342, 9119),
    (9528, 9366),
    (8942, 8595),
    (9051, 8738),
    (8883, 8518),
    (9127, 8837),
    (9119, 8826),
    (9312, 9080),
    (9308, 9075),
    (9387, 9179),
    (9380, 9171),
    (9428, 9234),
    (9396, 9191),
    (9492, 9318),
    (9361, 9145),
    (9372, 9160),
    (9188, 8916),
    (9334, 9109),
    (9324, 9096),
    (9529, 9368),
    (9488, 9313),
    (9534, 9374),
    (9527, 9366),
    (9554, 9401),
    (9509, 9341),
    (9560, 9409),
    (9554, 9402),
    (9611, 9477),
    (9610, 9475),
    (9643, 9520),
    (9630, 9503),
    (9710, 9610),
    (9708, 9606),
    (9743, 9653),
];
