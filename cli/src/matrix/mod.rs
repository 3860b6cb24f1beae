//! `pm matrix`: how the pictures of a document are drawn.

pub mod svg;
pub mod terminal;

/// Below this amount, 1e-6 USD, cents are shown.
const SMALL: u64 = 1_000_000_000;
