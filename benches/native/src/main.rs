//! Prints a figure a line, which `scripts/bench` reads: option-scenarios per second of one core, of the grid alone and of whole
//! markets; then how long two cores take to revalue a million accounts, and how many that is a second.

use std::time::Duration;

use native_bench::revaluation::{inputs, Population, ACCOUNTS};
use native_bench::Workload;

/// Time for each figure.
const TIME: Duration = Duration::from_millis(1_500);
/// Sweeps over all accounts.
const SWEEPS: usize = 3;

fn main() {
    for workload in [Workload::grid(), Workload::scan()] {
        println!("{} {:.0}", workload.name, workload.per_second(TIME));
    }
    let (population, inputs) = (Population::new(ACCOUNTS), inputs());
    // the best of some, so that what else runs on the machine counts as little as possible
    let sweeps = (0..SWEEPS).map(|_| population.revalue(&inputs));
    let best = sweeps.min_by_key(|(_, time)| *time);
    let (health, time) = best.expect("a sweep");
    let failing = health.iter().filter(|health| **health < 0).count();
    eprintln!("revalued {ACCOUNTS} accounts, {failing} below maintenance");
    let seconds = time.as_secs_f64();
    println!("revaluation_seconds {seconds:.2}");
    println!("revaluation_accounts {:.0}", ACCOUNTS as f64 / seconds);
}
