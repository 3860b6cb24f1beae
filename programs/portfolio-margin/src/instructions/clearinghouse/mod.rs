//! The clearing house itself.

pub mod initialize_clearinghouse;

pub use initialize_clearinghouse::*;
