//! Binary fixed-point mathematics on 64-bit integers: the kernels under every price.
//!
//! `Qn` means that the integer `x` stands for `x / 2^n`. No float, no 128-bit product in hot code, no
//! panic for any input: a function either is total (and says where it saturates) or returns an `Option`.
//!
//! # Why wrapping arithmetic
//!
//! The workspace is built with overflow checks, and a checked 64-bit multiply costs about 58 compute
//! units in the Solana VM instead of 1. These modules therefore multiply with `wrapping_mul` on values
//! whose ranges each doc comment states, and every entry point clamps into those ranges first. The
//! tests run with overflow checks on and feed every entry point the full range of its type.

pub(crate) mod bits;
pub mod exp;
pub mod log;
pub mod mul;
pub mod normal;
mod normal_table;
pub mod sqrt;
mod tables;

/// 1.0 in Q36.
pub const ONE_Q36: i64 = 1 << 36;
/// 1.0 in Q38.
pub const ONE_Q38: i64 = 1 << 38;
/// 1.0 in Q40.
pub const ONE_Q40: i64 = 1 << 40;
