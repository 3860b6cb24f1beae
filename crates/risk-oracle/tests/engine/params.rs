//! Parameters of a market: the presets, or anything that validates.

use crate::random::Random;
use risk_core::market::MarketParams;
use risk_core::params::{
    BasisParams, ConcentrationParams, ConfidenceParams, MinDeltaParams, SkewParams,
    StaticDiscountParams, VolShockParams,
};
use risk_core::scenario::{
    Scenario, ScenarioTable, VolShock, MAJOR_GRID, MAJOR_SCENARIOS, WIDE_SCENARIOS,
};
use risk_core::{Quote, Ratio};

/// A share as a ratio.
pub fn ratio(share: f64) -> Ratio {
    Ratio::from_raw((share * 1e6).round() as i64)
}

/// A preset, or one with terms drawn from their whole range; `gross` in USD sets where concentration begins.
pub fn params(random: &mut Random, gross: f64) -> MarketParams {
    let preset = [MarketParams::BTC, MarketParams::ETH, MarketParams::SOL][random.below(3)];
    if random.one_in(3) {
        return preset;
    }
    let mut params = preset;
    let mut drawn = any(random, gross);
    // each term drawn or not
    let mut keep = |drawn: &mut MarketParams, keep: fn(&mut MarketParams, &MarketParams)| {
        if random.one_in(2) {
            keep(drawn, &preset);
        }
    };
    keep(&mut drawn, |d, p| d.vol = p.vol);
    keep(&mut drawn, |d, p| d.skew = p.skew);
    keep(&mut drawn, |d, p| d.discount = p.discount);
    keep(&mut drawn, |d, p| d.basis = p.basis);
    keep(&mut drawn, |d, p| d.min_delta = p.min_delta);
    keep(&mut drawn, |d, p| d.confidence = p.confidence);
    keep(&mut drawn, |d, p| {
        d.scan_initial = d.scan_initial.max(p.scan_initial)
    });
    params.clone_from(&drawn);
    params.validate().unwrap();
    params
}

fn any(random: &mut Random, gross: f64) -> MarketParams {
    let scan_initial = random.with_ends(1.0, 3.0);
    MarketParams {
        vol: vol(random),
        perp_maintenance: ratio(random.with_ends(0.0, 1.0)),
        perp_initial: ratio(random.with_ends(0.0, 1.0)),
        option_maintenance: ratio(random.with_ends(0.0, 1.0)),
        option_initial: ratio(random.with_ends(0.0, 1.0)),
        scan_maintenance: ratio(random.with_ends(0.5, scan_initial)),
        scan_initial: ratio(scan_initial),
        skew: skew(random),
        discount: StaticDiscountParams {
            long_base: ratio(random.with_ends(0.0, 1.0)),
            long_multiplier: ratio(random.with_ends(0.0, 10.0)),
            long_add: ratio(random.with_ends(0.0, 2.0)),
            short_base: ratio(random.with_ends(1.0, 2.0)),
            short_multiplier: ratio(random.with_ends(0.0, 10.0)),
            short_add: ratio(random.with_ends(0.0, 2.0)),
        },
        basis: BasisParams {
            up: ratio(random.with_ends(1.0, 1.5)),
            down: ratio(random.with_ends(0.5, 1.0)),
            add: ratio(random.with_ends(0.0, 4.0)),
            multiplier: ratio(random.with_ends(0.0, 4.0)),
        },
        min_delta: MinDeltaParams {
            net: ratio(random.with_ends(0.0, 1.0)),
            hedged: ratio(random.with_ends(0.0, 1.0)),
        },
        confidence: ConfidenceParams {
            threshold: ratio(random.with_ends(0.0, 1.0)),
            factor: ratio(random.with_ends(0.0, 2.0)),
        },
        concentration_delta: concentration(random, gross, 1.0),
        concentration_vega: concentration(random, gross / 100.0, 100.0),
    }
}

/// Shocks whose factor stays below the engine's limit of eight times.
fn vol(random: &mut Random) -> VolShockParams {
    let floor = random.log_between(3_600.0, 2_592_000.0);
    let short = random.with_ends(0.0, 1.0);
    let most = (2_592_000.0 / floor).powf(short);
    VolShockParams {
        range_up: ratio(random.with_ends(0.0, 5.0f64.min(6.99 / most))),
        range_down: ratio(random.with_ends(0.0, 1.0)),
        short_power: ratio(short),
        long_power: ratio(random.with_ends(0.0, 1.0)),
        floor_seconds: floor as i64,
        min_vol_up: ratio(random.with_ends(0.0, 5.0)),
    }
}

/// Caps that are positive at four years; `k*` below the engine's limit of 16.
fn skew(random: &mut Random) -> SkewParams {
    let mut cap = || {
        let base = random.between(0.001, 1.0);
        (ratio(base), ratio(random.with_ends(-base / 2.1, 1.0)))
    };
    let ((linear_base, linear_slope), (abs_base, abs_slope)) = (cap(), cap());
    SkewParams {
        linear_base,
        linear_slope,
        abs_base,
        abs_slope,
        min_k: ratio(random.log_between(0.002, 4.0)),
        width: ratio(random.with_ends(0.0, 4.5)),
        fixed: ratio(random.with_ends(0.0, 1.0)),
        scale: ratio(random.with_ends(0.0, 1.0)),
    }
}

fn concentration(random: &mut Random, gross: f64, cap: f64) -> ConcentrationParams {
    let threshold = gross * 1e6 * random.log_between(1e-4, 2.0);
    ConcentrationParams {
        threshold: Quote::from_raw(threshold as i64),
        full: Quote::from_raw((threshold * random.log_between(1.001, 10.0)) as i64 + 1),
        cap: ratio(random.with_ends(0.0, cap)),
    }
}

/// The shipped sets, or any valid one; some widened by the regime.
pub fn scenarios(random: &mut Random) -> Vec<Scenario> {
    let set = match random.below(8) {
        0..=2 => MAJOR_SCENARIOS.to_vec(),
        3 | 4 => WIDE_SCENARIOS.to_vec(),
        5 => MAJOR_GRID.to_vec(),
        _ => any_scenarios(random),
    };
    if !random.one_in(5) {
        return set;
    }
    let regime = ratio(random.with_ends(1.0, 4.0));
    let table = ScenarioTable::new(&set).unwrap().scaled(regime).unwrap();
    (0..usize::from(table.count))
        .map(|index| table.scenario(index).unwrap())
        .collect()
}

fn any_scenarios(random: &mut Random) -> Vec<Scenario> {
    let damping = |random: &mut Random| match random.below(4) {
        0 => ((random.log_between(1e-6, 1.0) * 1e6) as u32).max(1),
        _ => 1_000_000,
    };
    let mut set = vec![Scenario::new(VolShock::None, 1_000_000)];
    for _ in 0..random.below(38) {
        let vol = [VolShock::Up, VolShock::None, VolShock::Down][random.below(3)];
        let spot = (random.log_between(0.01, 8.0) * 1e6) as u32;
        if set.iter().all(|node| (node.vol, node.spot) != (vol, spot)) {
            set.push(Scenario {
                vol,
                spot,
                damping: damping(random),
            });
        }
    }
    set.sort_by_key(|node| (node.vol, node.spot));
    for kind in [VolShock::SkewLinear, VolShock::SkewAbs] {
        if random.one_in(2) {
            set.push(Scenario {
                damping: damping(random),
                ..Scenario::new(kind, 1_000_000)
            });
        }
    }
    set
}
