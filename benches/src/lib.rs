//! Counts compute units on the SBF builds and keeps `benches/results.json`; `scripts/bench` builds and calls it.

pub mod accuracy;
pub mod kernels;
pub mod peer;
pub mod program;
pub mod report;
pub mod results;
pub mod vm;
