//! The shipped parameter sets and scenario sets.
//!
//! Shapes and most numbers are those of the published portfolio-margin managers of Derive (PMRM 2); the
//! minimum-delta shares and the concentration thresholds are this project's.

use crate::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MarketParams, MinDeltaParams, SkewParams,
    StaticDiscountParams, VolShockParams,
};
use crate::scenario::{Scenario, VolShock};
use crate::units::Ratio;

/// 1.0 in the millionths of [`Scenario`].
const ONE_E6: u32 = 1_000_000;

/// `raw` millionths.
const fn ratio(raw: i64) -> Ratio {
    Ratio::from_raw(raw)
}

impl MarketParams {
    /// Volatility shocks, shares of notional and scan factors for BTC and ETH; every other term neutral.
    pub const MAJOR: Self = Self {
        vol: VolShockParams {
            range_up: ratio(500_000),
            range_down: ratio(300_000),
            short_power: ratio(300_000),
            long_power: ratio(130_000),
            floor_seconds: 86_400,
            min_vol_up: ratio(400_000),
        },
        perp_maintenance: ratio(30_000),
        perp_initial: ratio(10_000),
        option_maintenance: ratio(3_000),
        option_initial: ratio(2_000),
        scan_maintenance: ratio(800_000),
        scan_initial: ratio(1_000_000),
        skew: SkewParams::NONE,
        discount: StaticDiscountParams::NONE,
        basis: BasisParams::NONE,
        min_delta: MinDeltaParams::NONE,
        confidence: ConfidenceParams::NONE,
        concentration_delta: ConcentrationParams::NONE,
        concentration_vega: ConcentrationParams::NONE,
    };

    /// The whole model for BTC, with [`MAJOR_SCENARIOS`].
    pub const BTC: Self = Self {
        skew: SkewParams::MAJOR,
        discount: StaticDiscountParams::MAJOR,
        basis: BasisParams::MAJOR,
        min_delta: MinDeltaParams {
            net: ratio(20_000),
            hedged: ratio(5_000),
        },
        confidence: ConfidenceParams::MAJOR,
        concentration_delta: ConcentrationParams::usd(20_000_000, 220_000_000, 200_000),
        concentration_vega: ConcentrationParams::usd(100_000, 1_100_000, 20_000_000),
        ..Self::MAJOR
    };

    /// The whole model for ETH, with [`MAJOR_SCENARIOS`]: as BTC with half the depth.
    pub const ETH: Self = Self {
        concentration_delta: ConcentrationParams::usd(10_000_000, 110_000_000, 200_000),
        concentration_vega: ConcentrationParams::usd(50_000, 550_000, 20_000_000),
        ..Self::BTC
    };

    /// The whole model for SOL, with [`WIDE_SCENARIOS`].
    pub const SOL: Self = Self {
        perp_maintenance: ratio(50_000),
        perp_initial: ratio(20_000),
        option_maintenance: ratio(5_000),
        option_initial: ratio(3_000),
        min_delta: MinDeltaParams {
            net: ratio(30_000),
            hedged: ratio(8_000),
        },
        concentration_delta: ConcentrationParams::usd(3_000_000, 33_000_000, 300_000),
        concentration_vega: ConcentrationParams::usd(15_000, 165_000, 30_000_000),
        ..Self::BTC
    };
}

/// The grid for BTC and ETH: +-18 % up; +-13.5, 9, 4.5, 0 % under all three volatility shocks; eight damped tails from a
/// third of spot to six times; the two skew nodes.
pub const MAJOR_SCENARIOS: [Scenario; 33] = {
    use VolShock::{Down, None, SkewAbs, SkewLinear, Up};
    [
        Scenario::tail(340_000, 210_000),
        Scenario::tail(670_000, 420_000),
        Scenario::new(Up, 820_000),
        Scenario::new(Up, 865_000),
        Scenario::new(Up, 910_000),
        Scenario::new(Up, 955_000),
        Scenario::new(Up, 1_000_000),
        Scenario::new(Up, 1_045_000),
        Scenario::new(Up, 1_090_000),
        Scenario::new(Up, 1_135_000),
        Scenario::new(Up, 1_180_000),
        Scenario::tail(1_500_000, 277_200),
        Scenario::tail(2_000_000, 138_600),
        Scenario::tail(3_000_000, 69_300),
        Scenario::tail(4_000_000, 46_200),
        Scenario::tail(5_000_000, 34_650),
        Scenario::tail(6_000_000, 27_720),
        Scenario::new(None, 865_000),
        Scenario::new(None, 910_000),
        Scenario::new(None, 955_000),
        Scenario::new(None, 1_000_000),
        Scenario::new(None, 1_045_000),
        Scenario::new(None, 1_090_000),
        Scenario::new(None, 1_135_000),
        Scenario::new(Down, 865_000),
        Scenario::new(Down, 910_000),
        Scenario::new(Down, 955_000),
        Scenario::new(Down, 1_000_000),
        Scenario::new(Down, 1_045_000),
        Scenario::new(Down, 1_090_000),
        Scenario::new(Down, 1_135_000),
        Scenario::new(SkewLinear, 1_000_000),
        Scenario::new(SkewAbs, 1_000_000),
    ]
};

/// The same shape for thinner assets: spot range 27 % in place of 18 %.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated at compile time
pub const WIDE_SCENARIOS: [Scenario; 33] = {
    let mut set = MAJOR_SCENARIOS;
    let mut index = 0;
    while index < set.len() {
        if set[index].damping == ONE_E6 {
            // 1.5 x the distance from 1.0
            set[index].spot = (set[index].spot * 3 - ONE_E6) / 2;
        }
        index += 1;
    }
    set
};

/// [`MAJOR_SCENARIOS`] without the skew nodes.
pub const MAJOR_GRID: [Scenario; 31] = without_skew(&MAJOR_SCENARIOS);
/// [`WIDE_SCENARIOS`] without the skew nodes.
pub const WIDE_GRID: [Scenario; 31] = without_skew(&WIDE_SCENARIOS);

/// The nodes before the skew nodes, which stand last.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated at compile time
const fn without_skew(set: &[Scenario; 33]) -> [Scenario; 31] {
    let mut grid = [set[0]; 31];
    let mut index = 0;
    while index < grid.len() {
        grid[index] = set[index];
        index += 1;
    }
    grid
}
