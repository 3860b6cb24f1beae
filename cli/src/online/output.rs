//! Results on standard output: a table for people, or one JSON document for programs; progress on stderr where that is a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use comfy_table::{presets, CellAlignment, ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;

/// A result that can be shown both ways. Its JSON: amounts are decimal strings, times Unix seconds, addresses base 58.
pub trait Shown: Serialize {
    /// For people.
    fn table(&self) -> String;
}

/// Writes a result as asked.
pub fn write(result: &impl Shown, json: bool) -> Result<(), Failure> {
    let text = match json {
        true => serde_json::to_string_pretty(result)
            .map_err(|error| Failure::usage(format!("cannot write the result: {error}")))?,
        false => result.table(),
    };
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        // A reader who closed the pipe has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("cannot write the result: {error}")))
        }
        _ => Ok(()),
    }
}

/// How a column's cells stand.
#[derive(Clone, Copy)]
pub enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// A table with a header; `rows` have a cell per column.
pub fn table(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| match column {
        Column::Left(name) | Column::Right(name) => *name,
    }));
    table.add_rows(rows);
    for (index, column) in columns.iter().enumerate() {
        if let (Column::Right(_), Some(column)) = (column, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let drawn = table.to_string();
    let mut lines: Vec<String> = drawn
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    lines.insert(lines.len().min(1), "─".repeat(width));
    lines.join("\n")
}

/// Names and values, one per line, values below each other.
pub fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:<width$}  {value}");
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A spinner with words on a terminal's stderr; nothing elsewhere. It is gone when dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins.
    pub fn new(words: impl Into<String>) -> Self {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        };
        let style = ProgressStyle::with_template("{spinner} {msg} {pos_of}")
            .or_else(|_| ProgressStyle::with_template("{spinner} {msg}"));
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(words.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says what happens now.
    pub fn say(&self, words: impl Into<String>) {
        self.0.set_message(words.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_numbers_and_leave_no_trailing_blanks() {
        let rows = vec![
            vec!["BTC-PERP".to_owned(), "1.5".to_owned()],
            vec!["E".to_owned(), "-1,000.25".to_owned()],
        ];
        let text = table(&[Column::Left("series"), Column::Right("size")], rows);
        let has = |line: &str| text.lines().any(|drawn| drawn == line);
        assert!(has(" BTC-PERP        1.5"), "{text}");
        assert!(has(" E         -1,000.25"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn pairs_stand_below_each_other() {
        let text = pairs(&[("a", "1".to_owned()), ("long name", "2".to_owned())]);
        assert_eq!(text, "a          1\nlong name  2");
    }
}
