//! The engine against the oracle over random accounts: no requirement below the exact one, and how far above.
//!
//! `cargo test -p risk-oracle --test engine -- --nocapture` prints the distribution of the signed error.

// Test code: an overflow or a bad index must fail the test, and that is what panics do.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod climb;
mod compare;
mod convert;
mod directed;
mod draw;
mod edges;
mod group_witness;
mod laws;
mod mutations;
mod params;
mod random;
mod requirement;
mod standard;
mod witness;
