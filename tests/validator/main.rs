//! Clients, keeper and command line against Agave's own validator.
//!
//! Most of the files are those of `tests/network`, compiled here with a validator in the local network's place: what was only ever
//! shown there is shown again where blocks, forks of commitment, fees, clocks and notifications are real.

#[allow(dead_code, reason = "it can do what the local network can")]
mod chain;
mod feeder;
mod node;

#[path = "../network/act.rs"]
mod act;
#[path = "../network/cli/mod.rs"]
mod cli;
#[path = "../network/client/mod.rs"]
mod client;
#[path = "../network/keeper.rs"]
mod keeper;
#[path = "../network/proxy/mod.rs"]
#[allow(dead_code, reason = "not every fault is made here")]
mod proxy;
#[path = "../network/repairs.rs"]
mod repairs;
#[path = "../network/town.rs"]
#[allow(dead_code, reason = "what other tests of the local network use")]
mod town;
mod truth;
#[path = "../network/watch.rs"]
mod watch;
#[path = "../network/watching.rs"]
mod watching;
