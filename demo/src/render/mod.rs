//! Terminal output: plain text that fits 80 columns; colour is an addition where the terminal takes it.

pub mod format;
pub mod heat;
pub mod table;

use std::io::{IsTerminal, Write};

/// Columns that every line fits.
pub const WIDTH: usize = 80;

/// How many colours the reader's terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// None: not a terminal, a dumb one, or `NO_COLOR` is set.
    Plain,
    /// The 256 of xterm.
    Palette,
    /// 24 bits.
    True,
}

impl Colour {
    /// What the environment asks for on a stream that is a terminal or is not.
    pub fn detect(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).is_some_and(|value| !value.is_empty());
        if !terminal || set("NO_COLOR") || variable("TERM").is_some_and(|term| term == "dumb") {
            return Colour::Plain;
        }
        match variable("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Colour::True,
            _ => Colour::Palette,
        }
    }
}

/// Where the story is told.
pub struct Screen {
    out: Box<dyn Write>,
    colour: Colour,
}

impl Screen {
    /// Standard output, or standard error where standard output carries JSON.
    pub fn new(to_stderr: bool) -> Self {
        let environment = |name: &str| std::env::var(name).ok();
        if to_stderr {
            let colour = Colour::detect(std::io::stderr().is_terminal(), environment);
            Self {
                out: Box::new(std::io::stderr()),
                colour,
            }
        } else {
            let colour = Colour::detect(std::io::stdout().is_terminal(), environment);
            Self {
                out: Box::new(std::io::stdout()),
                colour,
            }
        }
    }

    /// What colours may be used.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// One line. A reader who closed the pipe has seen enough: that is no failure of the story.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", text.as_ref());
    }

    /// Several lines.
    pub fn lines<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) {
        for line in lines {
            self.line(line);
        }
    }

    /// A numbered part of the story.
    pub fn heading(&mut self, text: &str) {
        self.line("");
        self.line(self.emphasised(text));
        self.line("-".repeat(text.chars().count()));
    }

    /// Prose, broken at word boundaries.
    pub fn paragraph(&mut self, text: &str) {
        self.lines(wrap(text, "", WIDTH));
    }

    /// Bold where there is colour.
    pub fn emphasised(&self, text: &str) -> String {
        match self.colour {
            Colour::Plain => text.to_owned(),
            _ => format!("\x1b[1m{text}\x1b[0m"),
        }
    }
}

/// Breaks prose into lines of at most `width` columns; `indent` starts all lines but the first.
pub fn wrap(text: &str, indent: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let grown = line.chars().count() + 1 + word.chars().count();
        if !line.trim().is_empty() && grown > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.trim().is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(terminal: bool, variables: &[(&str, &str)]) -> Colour {
        Colour::detect(terminal, |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_needs_a_terminal_and_consent() {
        assert_eq!(detect(true, &[("TERM", "xterm-256color")]), Colour::Palette);
        assert_eq!(detect(true, &[("COLORTERM", "truecolor")]), Colour::True);
        assert_eq!(detect(false, &[("COLORTERM", "truecolor")]), Colour::Plain);
        assert_eq!(detect(true, &[("NO_COLOR", "1")]), Colour::Plain);
        assert_eq!(detect(true, &[("TERM", "dumb")]), Colour::Plain);
        // An empty NO_COLOR counts as unset.
        assert_eq!(detect(true, &[("NO_COLOR", "")]), Colour::Palette);
    }

    #[test]
    fn prose_wraps_at_words() {
        let lines = wrap("one two three four", "  ", 9);
        assert_eq!(lines, ["one two", "  three", "  four"]);
        assert_eq!(wrap("", "  ", 9), Vec::<String>::new());
        assert!(wrap(&"word ".repeat(60), "", WIDTH)
            .iter()
            .all(|line| line.len() <= WIDTH));
    }
}
