//! Compute units of solmath 0.2.0, on the options that the engine's raw kernels are measured on and in the same VM.

use std::path::Path;

use native_bench::book;
use peer_bench::{Call, Request};

use crate::kernels::RUNS;
use crate::results::Results;
use crate::vm::PeerVm;

/// From the 1e-8 of prices to the peer's 1e-12.
const PRICE: u64 = 10_000;
/// From the 1e-6 of rates and volatilities.
const RATIO: u64 = 1_000_000;

/// What is called, by the name of its figure.
const CALLS: [(&str, Call); 4] = [
    ("peer.solmath_price_cu", Call::Price),
    ("peer.solmath_price_greeks_cu", Call::PriceAndGreeks),
    ("detail.solmath_hp_price_cu", Call::PricePrecise),
    (
        "detail.solmath_hp_price_greeks_cu",
        Call::PriceAndGreeksPrecise,
    ),
];

/// Options of one step: the peer is too dear for all of [`RUNS`] in one transaction.
const STEP: usize = 8;

/// Measures the peer on the options between the two counts of [`RUNS`], a step at a time.
pub fn measure(deploy: &Path, results: &mut Results) -> Result<(), String> {
    let mut vm = PeerVm::new(deploy)?;
    let mut per_option = |call| {
        let [few, many] = RUNS;
        let mut sum = 0;
        for start in (few..many).step_by(STEP) {
            let mut units = |count| vm.units(request(call, start - few, count));
            sum += units(2 * STEP)? - units(STEP)?;
        }
        Ok::<_, String>(sum as f64 / (many - few) as f64)
    };
    let empty = per_option(Call::Loop)?;
    for (name, call) in CALLS {
        results.set(name, per_option(call)? - empty);
    }
    Ok(())
}

/// `count` options from option `start` on.
fn request(call: Call, start: usize, count: usize) -> Request {
    let price = |raw: i64| raw.unsigned_abs() * PRICE;
    let (start, step) = (start as u64, price(book::SPOT / 48));
    Request {
        call,
        count: count as u64,
        spot: [price(book::SPOT / 2) + start * step, step],
        strike: price(book::SPOT),
        rate: 40_000 * RATIO,
        volatility: 600_000 * RATIO,
        seconds: book::EXPIRY_DAYS[2].unsigned_abs() * 86_400 + start,
    }
}
