//! Compute units of the kernels: the difference between two counts, so that the cost of the call drops out.

use std::path::Path;

use kernel_bench::{Kernel, Request};
use native_bench::book;

use crate::results::Results;
use crate::vm::KernelVm;

/// 1.0 in the formats of the kernels' arguments.
const Q36: i64 = 1 << 36;
const Q38: i64 = 1 << 38;
const Q40: i64 = 1 << 40;
const Q56: i64 = 1 << 56;
/// Runs of a scalar kernel: the smaller and the larger count.
pub const RUNS: [usize; 2] = [8, 72];

/// Scalar kernels by name: first argument, its step over 64 runs, further arguments.
const SCALAR: [(&str, Kernel, [i64; 4]); 12] = [
    ("detail.cdf_cu", Kernel::Cdf, [-4 * Q36, Q36 / 8, 0, 0]),
    ("detail.pdf_cu", Kernel::Pdf, [-4 * Q36, Q36 / 8, 0, 0]),
    (
        "detail.mills_ratio_cu",
        Kernel::MillsRatio,
        [0, Q36 / 16, 0, 0],
    ),
    (
        "detail.ln_cu",
        Kernel::Ln,
        [book::SPOT / 10, book::SPOT / 31, 0, 0],
    ),
    ("detail.exp_neg_cu", Kernel::ExpNeg, [0, Q38 / 64, 0, 0]),
    ("detail.sqrt_cu", Kernel::Sqrt, [Q56 / 100, Q56 / 17, 0, 0]),
    (
        "detail.svi_std_dev_cu",
        Kernel::SmileStdDev,
        [-Q40 / 2, Q40 / 64, 0, 0],
    ),
    (
        "detail.svi_new_cu",
        Kernel::SmileNew,
        [86_400, 86_400, 0, 0],
    ),
    ("detail.price_cu", Kernel::Price, OPTION),
    ("price_greeks_cu", Kernel::PriceAndGreeks, OPTION),
    ("detail.raw_price_cu", Kernel::RawPrice, RAW),
    ("detail.raw_price_greeks_cu", Kernel::RawPriceAndGreeks, RAW),
];
/// Forwards from half to double the strike, standard deviation 0.3.
const OPTION: [i64; 4] = [book::SPOT / 2, book::SPOT / 48, book::SPOT, Q40 / 10 * 3];

/// Spots from half to double the strike, volatility 60 %, 90 days: the options that the peer is measured on.
const RAW: [i64; 4] = [book::SPOT / 2, book::SPOT / 48, book::SPOT, 600_000];

/// Grids by name: moneyness, its step, standard deviation, weight; moneyness runs from -0.375 up by 1/96 per option.
///
/// In the first none of the scenarios saturates, so that every node costs its two lookups: the figure that the target
/// of 90 is held against. In the second, two weeks at 50 % volatility, tails saturate as in most books. The third is
/// wide: v above 2.0 takes the saturating lookup.
const GRIDS: [(&str, [i64; 4]); 3] = [
    (
        "option_scenario_cu",
        [-Q36 * 3 / 8, Q36 / 96, Q36 * 3 / 4, 1 << 40],
    ),
    (
        "detail.option_scenario_near_cu",
        [-Q36 * 3 / 8, Q36 / 96, Q36 / 10, 1 << 40],
    ),
    (
        "detail.option_scenario_wide_cu",
        [-Q36 * 3 / 8, Q36 / 96, 3 * Q36, 1 << 40],
    ),
];

/// Measures everything that the kernel program can run.
pub fn measure(deploy: &Path, results: &mut Results) -> Result<(), String> {
    scalar(deploy, results)?;
    grids(deploy, results)?;
    scans(deploy, results)
}

/// Compute units per unit of `count`, from two counts.
fn slope(
    vm: &mut KernelVm,
    kernel: Kernel,
    x: [i64; 4],
    counts: [usize; 2],
) -> Result<f64, String> {
    let [few, many] = counts;
    let mut units = |count| vm.units(Request { kernel, count, x });
    let difference = units(many)? - units(few)?;
    Ok(difference as f64 / (many - few) as f64)
}

fn scalar(deploy: &Path, results: &mut Results) -> Result<(), String> {
    let market = book::market(&book::scenarios(false));
    let mut vm = KernelVm::new(deploy, market, book::positions(1, 1))?;
    let empty = slope(&mut vm, Kernel::Loop, [1, 3, 0, 0], RUNS)?;
    for (name, kernel, x) in SCALAR {
        results.set(name, slope(&mut vm, kernel, x, RUNS)? - empty);
    }
    Ok(())
}

fn grids(deploy: &Path, results: &mut Results) -> Result<(), String> {
    let scenarios = book::scenarios(false);
    let mut vm = KernelVm::new(deploy, book::market(&scenarios), book::positions(1, 1))?;
    for (name, x) in GRIDS {
        let option = slope(&mut vm, Kernel::GridAdd, x, RUNS)?;
        results.set(name, option / scenarios.len() as f64);
    }
    Ok(())
}

/// Whole markets: per option and scenario with everything that an option costs, and the books of the targets.
fn scans(deploy: &Path, results: &mut Results) -> Result<(), String> {
    let x = [book::SPOT, 0, book::NOW, 0];
    let scenarios = book::scenarios(false);
    let mut vm = KernelVm::new(deploy, book::market(&scenarios), book::positions(128, 1))?;
    let option = slope(&mut vm, Kernel::ScanMarket, x, [16, 80])?;
    results.set("detail.scan_option_cu", option);
    results.set(
        "detail.scan_option_scenario_cu",
        option / scenarios.len() as f64,
    );
    let read = slope(&mut vm, Kernel::ReadPositions, x, [16, 80])?;
    results.set("detail.read_position_cu", read);

    let market = book::market(&book::scenarios(true));
    for (name, count, expiries) in [
        ("detail.scan_1_cu", 1, 1),
        ("detail.scan_16_cu", 16, 2),
        ("detail.scan_64_cu", 64, 4),
        ("detail.scan_128_cu", 128, 4),
    ] {
        let mut vm = KernelVm::new(deploy, market.clone(), book::positions(count, expiries))?;
        let mut units = |kernel, count| vm.units(Request { kernel, count, x });
        let call = units(Kernel::ReadPositions, 0)?;
        results.set(name, (units(Kernel::ScanMarket, count)? - call) as f64);
    }
    Ok(())
}
