//! Clients and keepers against the local network.

mod client;
mod line;
mod proxy;
mod watch;
