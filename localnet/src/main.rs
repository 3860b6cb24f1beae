//! The binary of the local network.
fn main() {}
