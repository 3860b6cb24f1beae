//! The chain that these tests run against: the local network. `tests/validator` compiles the same tests with a validator in its place.

pub use localnet::Network;
