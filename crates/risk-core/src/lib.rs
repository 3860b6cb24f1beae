//! Portfolio margin in fixed point: one engine for the chain, the keeper and the browser.
//!
//! An account's requirement is the loss of its worst scenario. This crate nets the account's options and
//! perpetuals per market, reprices them over a grid of spot and volatility shocks, adds the contingencies
//! that a grid cannot see, and sets *health*: what is left after the requirement. Negative initial health
//! refuses a trade; negative maintenance health lets anybody liquidate.
//!
//! ```
//! use risk_core::{Quantity, Price, Quote};
//! let notional = Quantity::from_raw(2_500_000).notional(Price::from_raw(4_000_000_000_000))?;
//! assert_eq!(notional, Quote::from_raw(100_000_000_000)); // 2.5 x 40,000 USD
//! # Ok::<(), risk_core::RiskError>(())
//! ```
//!
//! # How it is laid out
//!
//! | module | holds |
//! |---|---|
//! | [`units`] | newtypes: wrong-unit arithmetic does not compile |
//! | [`fixed`] | 64-bit kernels: N, pdf, ln, exp, sqrt |
//! | [`black76`], [`svi`] | price and Greeks of one option; the volatility smile |
//! | [`params`], [`presets`] | parameter sets with their bounds; what is shipped |
//! | [`scenario`], [`witness`] | the validated set of shocks of a market; one of them as a proof |
//! | [`market`], [`position`] | what is priced: plain inputs, no account type |
//! | [`grid`] | the hot loop: one expiry over all scenarios |
//! | [`scan`] | one market: marks, PnL per scenario, worst scenario or floor |
//! | [`contingency`], [`floors`] | charges and losses that no scenario shows |
//! | [`group`] | markets that may offset each other |
//! | [`margin`] | all markets: health and the report |
//! | [`tier`], [`isolated`] | the Standard tier: the same legs margined one by one |
//! | [`greeks`] | net and gross Greeks, in one pass with the mark |
//! | [`account`], [`explain`] | a whole account off chain; why its margin is what it is |
//! | [`liquidation`] | how large a slice restores the buffer |
//! | [`takeover`] | which legs may go for which fee |
//! | [`deleverage`] | whose risk is opposite, and how much of a book relieves it |
//!
//! # What this crate does not do
//!
//! No floats, no allocation, no clock, no accounts, no oracle policy: prices arrive checked. It never
//! panics: an input out of range is a [`RiskError`] that carries the numbers. Results are the same bits on
//! every target.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod account;
pub mod auction;
pub mod black76;
pub mod contingency;
pub mod deleverage;
pub mod error;
mod expiry;
pub mod explain;
pub mod fixed;
pub mod floors;
pub mod greeks;
pub mod grid;
pub mod group;
pub mod isolated;
mod legs;
mod level;
pub mod liquidation;
pub mod margin;
pub mod market;
pub mod params;
pub mod position;
pub mod presets;
pub mod scan;
pub mod scenario;
pub mod svi;
pub mod takeover;
pub mod tier;
pub mod unit_mark;
pub mod units;
mod vol;
pub mod witness;

pub use error::RiskError;
pub use units::{Price, Quantity, Quote, Ratio, Seconds};

/// Seconds in a year of 365 days, the day count of every tenor here.
pub const YEAR_SECONDS: i64 = 31_536_000;
