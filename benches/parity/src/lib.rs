//! Bit parity: one file of integer cases, one evaluator, the same bits on every target.
//!
//! [`VECTORS`] is plain text, written by `cargo run -p parity --bin generate`. A line is a case:
//!
//! ```text
//! name input input ... = output output ...
//! ```
//!
//! All numbers are decimal `i64`; what the engine takes as `u64` is its two's complement. Lines that begin with `#` are
//! comments. The names and the meaning of their numbers are those of [`Kernel`]. Whoever has a new target
//! compiles this crate for it (it is `no_std`, without allocation) and calls [`check`] with [`VECTORS`]; a target that
//! cannot hold the text, as a Solana program, runs [`evaluate_batch`] on words that the host has parsed.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod kernels;
mod params;
mod scan;
mod text;

pub use kernels::{evaluate, Kernel};
pub use params::{params, params_words, PARAMS};
pub use text::{check, Case, Cases, Failure};

/// The vector file.
pub const VECTORS: &str = include_str!("../vectors.txt");
/// Most numbers that a case takes: a scan of 128 positions.
pub const MAX_INPUTS: usize = 1_024;
/// Most numbers that a case gives.
pub const MAX_OUTPUTS: usize = 80;

/// Evaluates cases in binary: `input` holds for each its code, how many inputs follow, and those; `output` receives for
/// each how many outputs follow, and those. `None` where a case is malformed or `output` is too short.
#[must_use]
pub fn evaluate_batch(mut input: &[i64], output: &mut [i64]) -> Option<()> {
    let mut output = Outputs::new(output);
    while let Some((&[code, count], rest)) = input.split_first_chunk() {
        let (inputs, rest) = rest.split_at_checked(usize::try_from(count).ok()?)?;
        let head = output.len();
        output.push(0)?;
        evaluate(Kernel::from_code(code)?, inputs, &mut output)?;
        let written = output.len().checked_sub(head)?.checked_sub(1)?;
        output.set(head, i64::try_from(written).ok()?)?;
        input = rest;
    }
    input.is_empty().then_some(())
}

/// Where results go: a buffer that is filled from its start.
#[derive(Debug)]
pub struct Outputs<'a> {
    words: &'a mut [i64],
    len: usize,
}

impl<'a> Outputs<'a> {
    /// An empty buffer over `words`.
    pub fn new(words: &'a mut [i64]) -> Self {
        Self { words, len: 0 }
    }

    /// How many words were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was written.
    #[must_use]
    pub fn written(&self) -> &[i64] {
        self.words.get(..self.len).unwrap_or_default()
    }

    /// Adds a word; `None` where the buffer is full.
    pub(crate) fn push(&mut self, word: i64) -> Option<()> {
        *self.words.get_mut(self.len)? = word;
        self.len = self.len.checked_add(1)?;
        Some(())
    }

    /// Adds the two's complement of a word.
    pub(crate) fn push_unsigned(&mut self, word: u64) -> Option<()> {
        self.push(word as i64)
    }

    /// Adds several words.
    pub(crate) fn push_all(&mut self, words: &[i64]) -> Option<()> {
        words.iter().try_for_each(|word| self.push(*word))
    }

    /// Adds 1 and the word, or 0 and 0 where there is none.
    pub(crate) fn push_option(&mut self, word: Option<i64>) -> Option<()> {
        self.push_all(&[i64::from(word.is_some()), word.unwrap_or(0)])
    }

    fn set(&mut self, index: usize, word: i64) -> Option<()> {
        *self.words.get_mut(index)? = word;
        Some(())
    }
}
