//! A client of the clearing house over RPC.
//!
//! Four layers, each usable without the next:
//!
//! - [`Rpc`]: a few JSON-RPC methods with typed answers; everything a server says is checked, nothing it says panics.
//! - [`Transactor`]: instructions in, a landed transaction out: v0 messages with lookup tables, compute budget from simulation,
//!   priority fee by policy, resent until it lands or its blockhash expires.
//! - [`Client`]: the clearing house. Loads an account with all that its margin needs in one round trip and computes the report
//!   with the program's own engine.
//! - builders of instructions with their accounts packed, on [`Loaded`] and [`Client`].
//!
//! What this crate does not do: watch accounts (the keeper does), hold keys, or decide what to trade.

mod blockhash;
pub mod build;
mod client;
mod decode;
mod error;
mod failure;
mod fees;
mod http;
mod loaded;
mod message;
pub mod quotes;
mod rpc;
pub mod tables;
mod transactor;

pub use build::{associated_token_account, Builder, Side};
pub use client::{Client, ClientConfig};
pub use decode::Fetched;
pub use error::{ClientError, Listed, Result, RpcFailure};
pub use failure::TransactionFailure;
pub use fees::{ComputePolicy, PriorityFee};
pub use http::{Answer, Http, Transport};
pub use loaded::{Loaded, Moment};
pub use message::{wire_bytes, AnySigner, Prepared, COMPUTE_LIMIT, PACKET_SIZE};
pub use quotes::{Offer, SignedQuote};
pub use rpc::{
    Blockhash, Filter, ProgramAccounts, Rpc, Simulation, Snapshot, Status, MOST_ACCOUNTS,
};
pub use transactor::{Landed, Quoted, Transactor, TransactorConfig};

pub use portfolio_margin_interface::{Pubkey, ID};
