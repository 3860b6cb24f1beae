//! Accounts with contents that no sequence of instructions needs to reach first.

pub use sandbox::plant::{record, rewrite, write_book};
