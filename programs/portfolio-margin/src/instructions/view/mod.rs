//! Reads through return data.

pub mod view_margin;

pub use view_margin::*;
