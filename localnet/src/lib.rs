//! A local network.
