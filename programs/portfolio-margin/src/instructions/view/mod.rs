//! Reads through return data, for anybody. Nothing is written: legs are tried on a copy of the account in memory.

pub mod trial;
pub mod view_greeks;
pub mod view_margin;
pub mod view_risk_matrix;
pub mod viewed;

pub use viewed::*;
