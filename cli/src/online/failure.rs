//! Why a command did not do what it was asked, and the exit code that says so.

use std::fmt;

/// What a script must tell apart; the number is the exit code. `pm --help` and docs/trader.md print this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The program or the engine refused; nothing happened.
    Refused = 1,
    /// The command line, the configuration, a file or a symbol cannot be read; nothing was sent.
    Usage = 2,
    /// The server cannot be reached or answers what it should not; nothing is known to have happened.
    Network = 3,
    /// What was named does not exist there: an account, a market, a bank, a house; nothing was sent.
    NotFound = 4,
    /// A transaction was sent and nobody saw it land: it may have. Look before repeating.
    Unknown = 5,
    /// A signature was withheld: mainnet without `--yes`, or a key that may not sign for what was named; nothing was sent.
    Withheld = 6,
}

/// The table of exit codes, for help texts.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused by the program or the engine; nothing happened
  2  the command line, the configuration, a file or a symbol cannot be read
  3  the server cannot be reached or answers what it should not
  4  what was named does not exist there
  5  sent, and nobody saw it land: it may have; look before repeating
  6  not signed: mainnet without --yes, or not this account's key";

/// A failure with its text; numbers are in the text, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    text: String,
}

impl Failure {
    /// Of a kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        let text = printable(&text.into());
        Self { kind, text }
    }

    /// The program or the engine refused.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// What was typed cannot be read.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// The server.
    pub fn network(text: impl Into<String>) -> Self {
        Self::new(Kind::Network, text)
    }

    /// Nothing of that name.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, text)
    }

    /// Not signed.
    pub fn withheld(text: impl Into<String>) -> Self {
        Self::new(Kind::Withheld, text)
    }

    /// What the shell sees.
    pub fn code(&self) -> u8 {
        self.kind as u8
    }
}

/// Servers' words may hold terminal escapes; what reaches a terminal does not.
fn printable(text: &str) -> String {
    let safe = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(safe).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl From<risk_document::Failure> for Failure {
    fn from(failure: risk_document::Failure) -> Self {
        let kind = match failure.kind() {
            risk_document::FailureKind::Refused => Kind::Refused,
            risk_document::FailureKind::Document => Kind::Usage,
        };
        Self::new(kind, failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_line_in_the_help() {
        let kinds = [
            Kind::Refused,
            Kind::Usage,
            Kind::Network,
            Kind::NotFound,
            Kind::Unknown,
            Kind::Withheld,
        ];
        for (index, kind) in kinds.into_iter().enumerate() {
            let code = Failure::new(kind, "").code();
            assert_eq!(usize::from(code), index + 1);
            assert!(EXIT_CODES.contains(&format!("\n  {code}  ")), "{code}");
        }
        assert_eq!(EXIT_CODES.lines().count(), kinds.len() + 2);
    }

    #[test]
    fn a_servers_words_cannot_drive_the_terminal() {
        let failure = Failure::network("bad \u{1b}[2J gateway\u{7}\nnext");
        assert_eq!(failure.to_string(), "bad \u{fffd}[2J gateway\u{fffd}\nnext");
    }

    #[test]
    fn the_offline_kinds_keep_their_codes() {
        let refused: Failure = risk_document::Failure::refused("no").into();
        let document: Failure = risk_document::Failure::document("no").into();
        assert_eq!((refused.code(), document.code()), (1, 2));
    }
}
