//! Native throughput with criterion: `cargo bench -p native-bench`. Elements are option-scenarios.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use native_bench::Workload;

fn throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("option_scenarios");
    for workload in [Workload::grid(), Workload::scan()] {
        group.throughput(Throughput::Elements(workload.option_scenarios as u64));
        group.bench_function(workload.name, |bencher| bencher.iter(|| workload.run()));
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
