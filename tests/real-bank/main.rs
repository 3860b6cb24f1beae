//! The program's SBF build under the runtime's own bank: a whole life, and what an embedded VM cannot show of
//! transactions (rollback, signatures, replay, lookup tables, compute limits). In a crate of its own because its
//! dependency takes minutes to compile.

mod bank;
mod house;
mod legacy_pyth;
mod life;
mod lookup_table;
mod transactions;
