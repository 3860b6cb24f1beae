//! Prints option-scenarios per second of one core, a line each: the grid alone, then whole markets. `scripts/bench` reads it.

use std::time::Duration;

use native_bench::Workload;

/// Time for each figure.
const TIME: Duration = Duration::from_millis(1_500);

fn main() {
    for workload in [Workload::grid(), Workload::scan()] {
        println!("{} {:.0}", workload.name, workload.per_second(TIME));
    }
}
