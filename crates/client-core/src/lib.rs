//! What a client of the clearing house computes without I/O: account bytes in; prices, margin reports and packed accounts out.
//!
//! Whoever has the bytes of accounts, from an RPC node, a subscription, a file or a browser, gets from them what the program would
//! say of them. Nothing here reads a clock, a file or a socket, so it compiles to wasm as well. Bytes are untrusted: whatever they
//! are, the answer is a value or an error, never a panic.

pub mod account;
mod book;
pub mod clock;
pub mod directory;
pub mod evaluator;
pub mod inputs;
pub mod oracle;
mod pass;
pub mod plan;
pub mod report;
pub mod scope;
mod sound;
pub mod view;

pub use account::AccountData;
pub use directory::{price_address, Directory, ListedBank, ListedMarket, Unlisted};
pub use evaluator::{evaluate, Evaluator};
pub use inputs::{Inputs, InputsError};
pub use oracle::{Doubt, Grade, OraclePolicy, PriceRefusal, Priced, RawAccount, ShownPrice};
pub use portfolio_margin_interface::Pubkey;
pub use report::{CheckedReport, MarketReport, NativeReport, ReportError};
pub use scope::Scope;
pub use view::{opening_refusal, view, PageError};
