//! The vector file as text: cases one by one, and the comparison of all of them.

use core::fmt;

use crate::{evaluate, Kernel, Outputs, MAX_INPUTS, MAX_OUTPUTS};

/// One line of the file, in the caller's buffers.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Line number, from 1.
    pub line: usize,
    /// What is evaluated.
    pub kernel: Kernel,
    text: &'a str,
}

impl<'a> Case<'a> {
    /// From a line; `None` where it has no `=` or its name is unknown.
    #[must_use]
    pub fn parse(line: usize, text: &'a str) -> Option<Self> {
        let (name, _) = text.split_once(' ')?;
        text.split_once(" = ")?;
        Some(Self {
            line,
            kernel: Kernel::from_name(name)?,
            text,
        })
    }

    /// The inputs, written to `words`; `None` where one is no `i64` or they do not fit.
    pub fn inputs<'b>(&self, words: &'b mut [i64]) -> Option<&'b [i64]> {
        let (inputs, _) = self.text.split_once(" = ")?;
        let (_, inputs) = inputs.split_once(' ')?;
        numbers(inputs, words)
    }

    /// The outputs that every target must give, likewise.
    pub fn outputs<'b>(&self, words: &'b mut [i64]) -> Option<&'b [i64]> {
        let (_, outputs) = self.text.split_once(" = ")?;
        numbers(outputs, words)
    }
}

fn numbers<'b>(text: &str, words: &'b mut [i64]) -> Option<&'b [i64]> {
    let mut numbers = Outputs::new(words);
    for number in text.split_ascii_whitespace() {
        numbers.push(number.parse().ok()?)?;
    }
    let count = numbers.len();
    words.get(..count)
}

/// Walks the cases of a file; a line that is no case comes as its number.
#[derive(Clone, Debug)]
pub struct Cases<'a> {
    lines: core::iter::Enumerate<core::str::Lines<'a>>,
}

impl<'a> Cases<'a> {
    /// The cases of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self {
            lines: text.lines().enumerate(),
        }
    }
}

impl<'a> Iterator for Cases<'a> {
    type Item = Result<Case<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, text) = self
            .lines
            .find(|(_, text)| !text.is_empty() && !text.starts_with('#'))?;
        let line = index.saturating_add(1);
        Some(Case::parse(line, text).ok_or(line))
    }
}

/// The first thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A line that is no case, or whose inputs do not fit its kernel.
    Malformed {
        /// Line number, from 1.
        line: usize,
    },
    /// A result that differs.
    Differs {
        /// Line number, from 1.
        line: usize,
        /// Which output, from 0; how many there are where the counts differ.
        index: usize,
        /// What the file has; 0 past its end.
        expected: i64,
        /// What this target computed; 0 past its end.
        computed: i64,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { line } => write!(f, "line {line} cannot be evaluated"),
            Self::Differs {
                line,
                index,
                expected,
                computed,
            } => write!(
                f,
                "line {line}, output {index}: {computed}, the file has {expected}"
            ),
        }
    }
}

impl Failure {
    /// Compares the outputs of a case with the file's, to the bit and to the count.
    pub fn compare(line: usize, expected: &[i64], computed: &[i64]) -> Result<(), Self> {
        for index in 0..expected.len().max(computed.len()) {
            let (expected, computed) = (expected.get(index), computed.get(index));
            if expected != computed {
                return Err(Self::Differs {
                    line,
                    index,
                    expected: expected.copied().unwrap_or(0),
                    computed: computed.copied().unwrap_or(0),
                });
            }
        }
        Ok(())
    }
}

/// Evaluates every case of `text` on this target and returns how many there were.
///
/// # Errors
///
/// The first [`Failure`].
pub fn check(text: &str) -> Result<usize, Failure> {
    let mut count: usize = 0;
    for case in Cases::new(text) {
        let case = case.map_err(|line| Failure::Malformed { line })?;
        check_case(&case)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

fn check_case(case: &Case<'_>) -> Result<(), Failure> {
    let malformed = Failure::Malformed { line: case.line };
    let (mut inputs, mut expected) = ([0; MAX_INPUTS], [0; MAX_OUTPUTS]);
    let inputs = case.inputs(&mut inputs).ok_or(malformed)?;
    let expected = case.outputs(&mut expected).ok_or(malformed)?;
    let mut computed = [0; MAX_OUTPUTS];
    let mut computed = Outputs::new(&mut computed);
    evaluate(case.kernel, inputs, &mut computed).ok_or(malformed)?;
    Failure::compare(case.line, expected, computed.written())
}
