//! Clients and keepers against the local network.

mod client;
mod cli;
mod line;
mod local_network;
mod proxy;
mod watch;
