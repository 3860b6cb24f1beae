//! Why a command ends without a result, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// A command's failure. The text names what was wrong and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input was read, and the engine refuses it: exit code 1.
    Refused(String),
    /// The input cannot be read as what it should be, or a file cannot be opened: exit code 2.
    Document(String),
}

impl Failure {
    /// What the shell sees.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(1),
            Self::Document(_) => ExitCode::from(2),
        }
    }

    /// The same failure with the place in front: a JSON path, or a line and column.
    pub fn at(self, place: &str) -> Self {
        let with = |text| format!("{place}: {text}");
        match self {
            Self::Refused(text) => Self::Refused(with(text)),
            Self::Document(text) => Self::Document(with(text)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::Document(text) => formatter.write_str(text),
        }
    }
}
