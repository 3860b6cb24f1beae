//! The keeper: knows every margin account of a clearing house, ranks them, repairs those that fail, turns the cranks.
//!
//! Two halves meet in [`model`]. The knowing half (snapshot, subscription, ranking) keeps a [`model::Book`] equal to the chain and
//! says which accounts fail; the acting half plans, sends, and learns from what the chain answers. The knowing half signs nothing
//! and the acting half reads no account by itself.

pub mod act;
pub mod book;
pub mod config;
pub mod cranks;
mod follow;
pub mod gate;
pub mod health;
mod judge;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod model;
pub mod monte_carlo;
pub mod order;
pub mod outcome;
pub mod own;
pub mod packed;
pub mod part;
pub mod plan;
pub mod pricing;
pub mod profit;
pub mod rank;
pub mod run;
pub mod snapshot;
pub mod subscribe;
pub mod table;
#[cfg(test)]
mod testing;
pub mod turn;
pub mod watch;
pub mod wire;
