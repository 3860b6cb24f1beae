//! Guards: instructions that change nothing and fail unless something holds. Whoever composes a transaction appends them:
//! a wallet that bounds what a trade may do to its account, a program that fills only against the account it has seen.

pub mod assert_health;
pub mod assert_sequence;

pub use assert_health::*;
pub use assert_sequence::*;
