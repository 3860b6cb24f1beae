//! Clients and keepers against the local network.

mod act;
mod cli;
mod client;
mod decide;
mod line;
mod local_network;
mod proxy;
mod watch;
