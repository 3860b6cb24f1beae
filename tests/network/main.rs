//! Clients and keepers against the local network.

mod act;
mod chain;
mod cli;
mod client;
mod decide;
mod faults;
mod keeper;
mod line;
mod local_network;
mod outages;
mod proxy;
mod repairs;
mod settling;
mod town;
mod transactions;
mod watch;
mod watching;
