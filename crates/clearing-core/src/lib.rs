//! The arithmetic of a clearing house outside the risk engine: what happens to money and prices over time.
//!
//! | module | holds |
//! |---|---|
//! | [`interest`] | debts pay by a curve of their utilisation, balances receive it |
//! | [`funding`] | what a perpetual pays so that its price stays near the spot |
//! | [`limiter`] | how much may leave a vault in a window; how a new bank's weight grows |
//! | [`loss`] | what quote balances bear of losses that nobody else covers |
//! | [`settlement`] | the average that an expiry settles at |
//! | [`surface`] | which posted volatility surfaces are free of arbitrage, and which of them is in force |
//! | [`trading`] | fees and price bands |
//! | [`waterfall`] | who covers how much of a loss, and what winners forgive |
//! | [`regime`] | measured volatility and correlation, and what they make of the scenarios |
//!
//! Like the engine it has no floats, no allocation, no clock and no accounts, never panics, and gives the same bits everywhere.
#![no_std]
#![forbid(unsafe_code)]

pub mod funding;
pub mod interest;
pub mod limiter;
pub mod loss;
pub mod regime;
pub mod settlement;
pub mod surface;
pub mod trading;
pub mod waterfall;
