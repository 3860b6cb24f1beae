//! A local network in one process: real RPC and WebSocket servers, the clearing house deployed, funded wallets, living prices.
//!
//! A world is made in an embedded VM at the time of the wall clock, by real instructions; every account is then copied into surfpool's
//! VM, which answers clients as a validator does. Nothing leaves this machine.
//!
//! ```no_run
//! let network = localnet::Network::start(localnet::Settings { port: 0, ..Default::default() })?;
//! println!("{}", network.rpc_url());
//! network.crash_now()?;
//! network.stop()?;
//! # Ok::<(), localnet::Error>(())
//! ```

mod chain;
mod clock;
mod error;
mod feeder;
mod gateway;
pub mod info;
mod network;
mod population;
mod poster;
pub mod scenario;
mod series;
mod settings;
mod stage;
mod town;

pub use error::Error;
pub use info::Info;
pub use network::Network;
pub use scenario::Scenario;
pub use settings::{Settings, DEFAULT_PORT, DEFAULT_SLOT_MS};
pub use town::Town;
