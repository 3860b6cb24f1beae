//! Clients and keepers against the local network.

mod act;
mod cli;
mod client;
mod decide;
mod faults;
mod keeper;
mod line;
mod local_network;
mod proxy;
mod repairs;
mod town;
mod transactions;
mod watch;
mod watching;
