//! Clients and keepers against the local network.

mod line;
mod proxy;
