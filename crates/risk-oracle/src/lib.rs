//! The margin model a second time, in `f64` and straight from its formulas: what the fixed-point engine is judged by.
//!
//! Nothing is shared with the engine, not even a type: inputs are plain numbers, tables and kernels are absent, each scenario
//! prices each option on its own. Every result is within 1e-13 of gross notional of the model's exact value: a normal
//! distribution by `libm`'s complementary error function (below one unit in the last place), logarithms of near prices from
//! their exact difference, and no cancellation in a smile. Tests hold it to 28-digit vectors.
//!
//! # Units
//!
//! Prices are whole 1e-8 USD, sizes 1e-6 base units, amounts 1e-6 USD: the integers that describe a portfolio, exact in an
//! `f64` up to 2^53. Shares are plain numbers.
//!
//! Where the description of a market rounds, so does this: a forward is a price, so `S (1 + basis)` and the part of it that a
//! settlement average has left are whole 1e-8 USD, floored.

#![forbid(unsafe_code)]
// A judge in tests: an overflow of its few integers must panic there.
#![allow(clippy::arithmetic_side_effects)]
#![deny(missing_docs)]

pub mod account;
pub mod black76;
pub mod charges;
pub mod expiry;
pub mod input;
pub mod market;
pub mod standard;
pub mod vol;

/// Days of the day count.
pub const YEAR_SECONDS: f64 = 365.0 * 86_400.0;
