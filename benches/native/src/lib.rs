//! The kernels' workloads on this machine: the requests that `scripts/bench` counts compute units of, run natively.

pub mod book;
pub mod revaluation;

use std::hint::black_box;
use std::time::{Duration, Instant};

use kernel_bench::{run, Accounts, Kernel, Request};

/// 1.0 in the Q36 of moneyness and standard deviations.
const Q36: i64 = 1 << 36;
/// Options of a workload.
const OPTIONS: usize = 64;
/// A round is timed as a whole: long against the clock, short against what else the machine does.
const ROUND: Duration = Duration::from_millis(4);

/// Something to run over and over.
pub struct Workload {
    /// What it is.
    pub name: &'static str,
    /// Option-scenarios in one run.
    pub option_scenarios: usize,
    market: Vec<u8>,
    positions: Vec<u8>,
    request: Request,
}

impl Workload {
    /// The grid alone: 64 options, none of whose nodes saturates, so that each is two lookups of N.
    pub fn grid() -> Self {
        let x = [-Q36 * 3 / 8, Q36 / 96, Q36 * 3 / 4, 1 << 40];
        Self::new("grid", Kernel::GridAdd, x, 1)
    }

    /// A whole market: 64 options over four expiries with smiles, forwards, volatility shocks, contingencies.
    pub fn scan() -> Self {
        let x = [book::SPOT, 0, book::NOW, 0];
        Self::new("scan", Kernel::ScanMarket, x, 4)
    }

    fn new(name: &'static str, kernel: Kernel, x: [i64; 4], expiries: usize) -> Self {
        let scenarios = book::scenarios(false);
        Self {
            name,
            option_scenarios: OPTIONS * scenarios.len(),
            market: book::market(&scenarios),
            positions: book::positions(OPTIONS, expiries),
            request: Request {
                kernel,
                count: OPTIONS,
                x,
            },
        }
    }

    /// One run; the checksum keeps the compiler from leaving anything out.
    pub fn run(&self) -> u64 {
        let accounts = Accounts::read(&self.market, &self.positions).expect("the book is valid");
        run(black_box(&self.request), &accounts).expect("the book is in range")
    }

    /// Option-scenarios per second on one core: the best of many short rounds within `time`, so that what else runs on
    /// the machine counts as little as possible.
    pub fn per_second(&self, time: Duration) -> f64 {
        let end = Instant::now() + time;
        let mut best = f64::INFINITY;
        while Instant::now() < end {
            let start = Instant::now();
            let mut runs = 0_u32;
            while start.elapsed() < ROUND {
                black_box(self.run());
                runs += 1;
            }
            best = best.min(start.elapsed().as_secs_f64() / f64::from(runs));
        }
        self.option_scenarios as f64 / best
    }
}
