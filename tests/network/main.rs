//! Clients and keepers against the local network.
