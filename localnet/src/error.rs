//! Why a network does not start or does not answer.

use std::path::PathBuf;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens on the port.
    #[error("port {0} is in use: another local network may be running; stop it, or choose other ports with --port")]
    PortInUse(u16),
    /// Two ports are needed: the highest one has no next.
    #[error("port {0} has no next one for the WebSocket: choose a lower --port")]
    NoNextPort(u16),
    /// A port could not be bound for another reason.
    #[error("cannot listen on port {0}: {1}")]
    Bind(u16, std::io::Error),
    /// A file could not be read or written.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    /// A scenario is not what it should be: its name, and why.
    #[error("scenario {0}: {1}")]
    Scenario(String, String),
    /// A setting out of range: its name, and what it may be.
    #[error("{0}: {1}")]
    Setting(&'static str, String),
    /// The chain stopped, or did not start.
    #[error("the chain does not run: {0}")]
    Chain(String),
    /// The population is not as it was to be.
    #[error("the population is not as wanted: {0}")]
    Population(String),
    /// The network is stopped.
    #[error("the network is stopped")]
    Stopped,
}
