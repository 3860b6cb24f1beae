//! The margin model against hostile books: exact references, laws, closed forms, refusals and garbage.
//!
//! Tests read GIVEN (a [`fixture::PortfolioBuilder`]), WHEN, THEN and cite the invariants of SECURITY.md by number. Floats
//! are fine here: the reference model is written in `f64`, whose rounding is a millionth of what is tolerated. Tests that
//! measure print the worst error they saw (`cargo test -p risk-core --test model -- --nocapture`).

// Test code: an overflow or a bad index must fail the test, and that is what panics do.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::too_many_lines, // a table of cases is one function
    clippy::unwrap_used
)]

mod accounts;
mod auction;
mod bounds;
mod closed_forms;
mod contingencies;
mod deleverage;
mod exact;
mod exact_whole;
mod explained;
mod fixture;
mod golden;
mod greeks;
mod grid_exact;
mod grid_rows;
mod isolated;
mod laws;
mod linear;
mod liquidation;
mod neutral;
mod refusals;
mod repairs;
mod savings;
mod scenarios;
// The kernel tests' generator, vector reader and worst-error bookkeeping; not all of it is needed here.
#[allow(dead_code)]
#[path = "../kernels/support.rs"]
mod support;
mod takeover;
mod terms;
mod tiers;
mod total;
mod whole_exact;
mod whole_laws;
mod witnesses;
