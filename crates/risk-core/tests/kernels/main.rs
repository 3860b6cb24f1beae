//! The fixed-point kernels against 28-digit reference vectors, their laws, and every input that a type can hold.
//!
//! Floats are fine here: reference values are compared at 1e-9 to 1e-13, far above the rounding of an `f64`. Each
//! test prints the worst error that it saw (`cargo test --test kernels -- --nocapture`).

// Test code: an overflow or a bad index must fail the test, and that is what panics do.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod black76_golden;
mod black76_laws;
mod log_exp_sqrt;
mod multiply;
mod normal;
mod support;
mod svi_slice;
mod total;
