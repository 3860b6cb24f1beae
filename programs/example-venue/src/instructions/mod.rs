//! One file per instruction.

// Each file has a `handler`; they are called by module, never through these re-exports.
#![allow(ambiguous_glob_reexports)]

pub mod cancel_order;
pub mod place_order;
pub mod take_order;

pub use cancel_order::*;
pub use place_order::*;
pub use take_order::*;
